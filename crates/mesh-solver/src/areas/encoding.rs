//! The canonical bytes of messages: little-endian numbers, and whole numbers in groups of seven bits.

use super::factor::entries_of;
use super::message::{Finding, Message, Profile, Relation};
use super::numbers::Numbers;

/// What is wrong with bytes that should be a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// They end within a message.
    #[error("a message of {length} bytes ends too early")]
    Short {
        /// How many there are.
        length: usize,
    },
    /// They go on after the message.
    #[error("a message ends after {used} of {length} bytes")]
    Trailing {
        /// How many belong to the message.
        used: usize,
        /// How many there are.
        length: usize,
    },
    /// They are more than any message has.
    #[error("a message of {length} bytes is longer than {BYTES_MAX}")]
    Long {
        /// How many there are.
        length: usize,
    },
    /// A whole number is larger than its place allows, or not in its shortest form.
    #[error("the number before byte {at} does not fit its place")]
    Number {
        /// Where the number ends.
        at: usize,
    },
}

impl Message {
    /// The canonical bytes. Lists of other lengths than [`Agent::handle`](super::Agent::handle) accepts are not told apart.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_whole(&mut out, 2 * self.findings.len() as u64 + u64::from(self.lacking.is_some()));
        self.findings.iter().for_each(|finding| put_finding(&mut out, finding));
        if let Some((evaluation, members)) = &self.lacking {
            put_whole(&mut out, u64::from(*evaluation));
            put_whole(&mut out, members.len() as u64);
            members.iter().for_each(|member| put_whole(&mut out, u64::from(*member)));
        }
        out
    }

    /// The message that these bytes are.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > BYTES_MAX {
            return Err(DecodeError::Long { length: bytes.len() });
        }
        let mut reader = Reader { bytes, at: 0 };
        let head = reader.whole(u64::from(u32::MAX))?;
        let mut findings = Vec::new();
        for _ in 0..head / 2 {
            findings.push(reader.finding()?);
        }
        let lacking = if head % 2 == 1 {
            let evaluation = reader.evaluation()?;
            let count = reader.whole(u64::from(u16::MAX))?;
            let mut members = Vec::new();
            for _ in 0..count {
                members.push(reader.short()?);
            }
            Some((evaluation, members))
        } else {
            None
        };
        match reader.at {
            used if used == bytes.len() => Ok(Self { findings, lacking }),
            used => Err(DecodeError::Trailing { used, length: bytes.len() }),
        }
    }

    /// Bytes of the canonical encoding.
    pub fn payload_bytes(&self) -> usize {
        self.encode().len()
    }
}

/// Most bytes of a message; what it is decoded to takes up to 30 times as many.
pub const BYTES_MAX: usize = 64 << 20;

fn put_finding(out: &mut Vec<u8>, finding: &Finding) {
    put_whole(out, u64::from(finding.origin));
    put_whole(out, u64::from(finding.evaluation));
    let forms = form(&finding.shares) | form(&finding.drift) << 2 | form(&finding.block) << 4;
    let options =
        [finding.profile.is_some(), finding.lower.is_some(), finding.upper[0].is_some(), finding.upper[1].is_some()];
    let options = options.iter().rev().fold(0, |bits, is| 2 * bits + u64::from(*is));
    put_whole(out, forms | options << 6);
    put_whole(out, finding.shares.len() as u64);
    put_numbers(out, &finding.shares);
    put_numbers(out, &finding.drift);
    put_numbers(out, &finding.block);
    out.extend(finding.cost.to_le_bytes());
    if let Some(profile) = &finding.profile {
        profile.basic.iter().for_each(|place| put_whole(out, u64::from(*place)));
        put_whole(out, profile.relations.len() as u64);
        for Relation { factors, value, within } in &profile.relations {
            factors.iter().chain([value]).for_each(|number| out.extend(number.to_le_bytes()));
            out.extend(within.to_le_bytes());
        }
        put_whole(out, u64::from(profile.sides));
        out.extend(profile.cost_size.to_le_bytes());
    }
    let bounds = [finding.lower, finding.upper[0], finding.upper[1]];
    bounds.iter().flatten().for_each(|bound| out.extend(bound.to_le_bytes()));
}

fn form(numbers: &Numbers) -> u64 {
    match numbers {
        Numbers::Bytes { .. } => 0,
        Numbers::Words { .. } => 1,
        Numbers::Single(_) => 2,
        Numbers::Double(_) => 3,
    }
}

fn put_numbers(out: &mut Vec<u8>, numbers: &Numbers) {
    match numbers {
        Numbers::Bytes { exponent, steps } => {
            out.extend(exponent.to_le_bytes());
            steps.iter().for_each(|step| out.extend(step.to_le_bytes()));
        }
        Numbers::Words { exponent, steps } => {
            out.extend(exponent.to_le_bytes());
            steps.iter().for_each(|step| out.extend(step.to_le_bytes()));
        }
        Numbers::Single(values) => values.iter().for_each(|value| out.extend(value.to_le_bytes())),
        Numbers::Double(values) => values.iter().for_each(|value| out.extend(value.to_le_bytes())),
    }
}

fn put_whole(out: &mut Vec<u8>, mut number: u64) {
    while number >= 128 {
        out.push((number % 128) as u8 | 128);
        number /= 128;
    }
    out.push(number as u8);
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let short = DecodeError::Short { length: self.bytes.len() };
        let found = self.bytes.get(self.at..self.at + N).ok_or(short)?;
        self.at += N;
        found.try_into().map_err(|_| short)
    }

    fn list<T, const N: usize>(&mut self, count: usize, of: fn([u8; N]) -> T) -> Result<Vec<T>, DecodeError> {
        if count > (self.bytes.len() - self.at) / N {
            return Err(DecodeError::Short { length: self.bytes.len() });
        }
        (0..count).map(|_| self.take().map(of)).collect()
    }

    fn whole(&mut self, most: u64) -> Result<u64, DecodeError> {
        let mut number = 0;
        for place in 0..5 {
            let [byte] = self.take()?;
            number |= u64::from(byte & 127) << (7 * place);
            if byte < 128 {
                let shortest = byte > 0 || place == 0;
                return if shortest && number <= most { Ok(number) } else { Err(DecodeError::Number { at: self.at }) };
            }
        }
        Err(DecodeError::Number { at: self.at })
    }

    fn short(&mut self) -> Result<u16, DecodeError> {
        self.whole(u64::from(u16::MAX)).map(|number| number as u16)
    }

    fn evaluation(&mut self) -> Result<u32, DecodeError> {
        self.whole(u64::from(u32::MAX)).map(|number| number as u32)
    }

    fn numbers(&mut self, form: u64, count: usize) -> Result<Numbers, DecodeError> {
        Ok(match form % 4 {
            0 => {
                let exponent = i8::from_le_bytes(self.take()?);
                Numbers::Bytes { exponent, steps: self.list(count, i8::from_le_bytes)? }
            }
            1 => {
                let exponent = i8::from_le_bytes(self.take()?);
                Numbers::Words { exponent, steps: self.list(count, i16::from_le_bytes)? }
            }
            2 => Numbers::Single(self.list(count, f32::from_le_bytes)?),
            _ => Numbers::Double(self.list(count, f64::from_le_bytes)?),
        })
    }

    fn finding(&mut self) -> Result<Finding, DecodeError> {
        let (origin, evaluation) = (self.short()?, self.evaluation()?);
        let bits = self.whole((1 << 10) - 1)?;
        let count = usize::from(self.short()?);
        let shares = self.numbers(bits, count)?;
        let drift = self.numbers(bits >> 2, count)?;
        let block = self.numbers(bits >> 4, entries_of(count))?;
        let cost = f32::from_le_bytes(self.take()?);
        let profile = if bits >> 6 & 1 == 1 { Some(self.profile(count)?) } else { None };
        let mut bound = |bit: u64| {
            if bits >> bit & 1 == 1 { self.take().map(|bytes| Some(f64::from_le_bytes(bytes))) } else { Ok(None) }
        };
        let (lower, upper) = (bound(7)?, [bound(8)?, bound(9)?]);
        Ok(Finding { origin, evaluation, profile, shares, drift, block, cost, lower, upper })
    }

    fn profile(&mut self, count: usize) -> Result<Profile, DecodeError> {
        let mut basic = Vec::new();
        for _ in 0..count {
            basic.push(self.short()?);
        }
        let mut relations = Vec::new();
        for _ in 0..self.short()? {
            let factors = self.list(count, f64::from_le_bytes)?;
            let (value, within) = (f64::from_le_bytes(self.take()?), f32::from_le_bytes(self.take()?));
            relations.push(Relation { factors, value, within });
        }
        let sides = self.evaluation()?;
        Ok(Profile { basic, relations, sides, cost_size: f32::from_le_bytes(self.take()?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec as list;
    use proptest::prelude::*;

    fn numbers(count: usize) -> impl Strategy<Value = Numbers> {
        prop_oneof![
            (any::<i8>(), list(any::<i8>(), count)).prop_map(|(exponent, steps)| Numbers::Bytes { exponent, steps }),
            (any::<i8>(), list(any::<i16>(), count)).prop_map(|(exponent, steps)| Numbers::Words { exponent, steps }),
            list(-1e30f32..1e30, count).prop_map(Numbers::Single),
            list(-1e300..1e300, count).prop_map(Numbers::Double),
        ]
    }

    fn profile(count: usize) -> impl Strategy<Value = Profile> {
        let relation = (list(-1e9..1e9, count), -1e9..1e9, 0.0f32..1.0).prop_map(|(factors, value, within)| Relation {
            factors,
            value,
            within,
        });
        (list(any::<u16>(), count), list(relation, 0..3), any::<u32>(), 0.0f32..1e30)
            .prop_map(|(basic, relations, sides, cost_size)| Profile { basic, relations, sides, cost_size })
    }

    fn finding() -> impl Strategy<Value = Finding> {
        let bound = || proptest::option::of(-1e12..1e12);
        (0usize..5).prop_flat_map(move |count| {
            let lists = (numbers(count), numbers(count), numbers(entries_of(count)));
            let rest = (-1e30f32..1e30, bound(), bound(), bound());
            (any::<u16>(), any::<u32>(), proptest::option::of(profile(count)), lists, rest).prop_map(
                |(origin, evaluation, profile, (shares, drift, block), (cost, lower, first, second))| Finding {
                    origin,
                    evaluation,
                    profile,
                    shares,
                    drift,
                    block,
                    cost,
                    lower,
                    upper: [first, second],
                },
            )
        })
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(
            findings in list(finding(), 0..4),
            lacking in proptest::option::of((any::<u32>(), list(any::<u16>(), 0..5))),
            cut in any::<prop::sample::Index>(),
        ) {
            let message = Message { findings, lacking };
            let bytes = message.encode();
            prop_assert_eq!(Message::decode(&bytes), Ok(message));
            let cut = cut.index(bytes.len());
            prop_assert!(Message::decode(&bytes[..cut]).is_err());
            let longer: Vec<u8> = bytes.iter().copied().chain([0]).collect();
            let used = bytes.len();
            prop_assert_eq!(Message::decode(&longer), Err(DecodeError::Trailing { used, length: used + 1 }));
        }

        #[test]
        fn counts_that_promise_more_than_follows_allocate_nothing(head in any::<u32>(), count in any::<u16>()) {
            let mut bytes = Vec::new();
            put_whole(&mut bytes, u64::from(head | 2));
            [0, 0, 0b1111_1111].iter().for_each(|number| put_whole(&mut bytes, *number));
            put_whole(&mut bytes, u64::from(count) | 0x100);
            prop_assert_eq!(Message::decode(&bytes), Err(DecodeError::Short { length: bytes.len() }));
        }

        #[test]
        fn what_can_be_decoded_has_no_other_bytes(bytes in list(any::<u8>(), 0..200)) {
            if let Ok(message) = Message::decode(&bytes) {
                prop_assert_eq!(message.encode(), bytes);
            }
        }
    }
}
