//! The bytes of a message: little-endian, in a fixed order, a count before each list.
//!
//! What is read was written by others: every count has a limit, nothing is set aside for entries that are not there, and
//! bytes that are taken are exactly those that [`Message::bytes`] would write. Whether the numbers can be believed is for
//! the member to say that gets them.
//!
//! The widths are limits: 65,535 members, epochs and changes of weights, 2^32 rounds and versions. What is beyond stands
//! at the limit.

use super::agent::RELAYED_PER_LINK;
use super::error::DecodeError;
use super::ledger::SUMS_SENT;
use super::message::{Claim, Epoch, Frame, Message, Offer, Pace, Report, Sums, Verdict, Words};
use crate::problem::VARIABLES_MAX;

impl Message {
    /// What the bytes of a neighbour say, before any envelope; the inverse of [`Message::bytes`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader { bytes, at: 0 };
        let frame = reader.frame()?;
        let count = reader.count(RELAYED_MAX)?;
        let relayed = (0..count).map(|_| reader.frame()).collect::<Result<_, _>>()?;
        match bytes.len() - reader.at {
            0 => Ok(Self { frame, relayed }),
            bytes => Err(DecodeError::Trailing { bytes }),
        }
    }

    /// The bytes before any envelope.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.frame.write(&mut bytes);
        write_short(self.relayed.len() as u64, &mut bytes);
        self.relayed.iter().for_each(|frame| frame.write(&mut bytes));
        bytes
    }
}

impl Frame {
    fn write(&self, bytes: &mut Vec<u8>) {
        write_short(self.author as u64, bytes);
        write_short(self.reader as u64, bytes);
        write_long(self.sequence, bytes);
        write_long(self.heard, bytes);
        self.epoch.write(bytes);
        write_short(u64::from(self.weights), bytes);
        self.offer.write(bytes);
        self.reflected.write(self.sequence, bytes);
        bytes.push(u8::from(self.claim.is_some()));
        if let Some(claim) = &self.claim {
            claim.epoch.write(bytes);
            write_long(claim.version, bytes);
            write_numbers(&claim.flow, bytes);
            write_numbers(&claim.price, bytes);
        }
        write_short(self.sums.len() as u64, bytes);
        for sums in &self.sums {
            sums.epoch.write(bytes);
            write_long(sums.version, bytes);
            let numbers = [sums.lower, sums.upper, sums.mismatch_squared, sums.residual_squared, sums.scale_squared];
            numbers.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
        }
        bytes.push(u8::from(self.verdict.is_some()));
        if let Some(verdict) = &self.verdict {
            write_long(verdict.version, bytes);
            write_long(verdict.plan, bytes);
            for number in [verdict.lower, verdict.upper, verdict.mismatch, verdict.residual] {
                bytes.extend(number.to_le_bytes());
            }
            bytes.push(u8::from(verdict.converged));
        }
        bytes.push(u8::from(self.report.is_some()));
        if let Some(report) = &self.report {
            write_long(report.round, bytes);
            bytes.push(report.height);
            bytes.extend(report.residual_squared.to_le_bytes());
        }
        bytes.push(u8::from(self.pace.is_some()));
        if let Some(pace) = &self.pace {
            write_long(pace.point.into(), bytes);
            write_long(pace.complete, bytes);
            write_long(pace.at, bytes);
        }
    }
}

impl Epoch {
    fn write(self, bytes: &mut Vec<u8>) {
        write_short(u64::from(self.number), bytes);
        write_short(self.opener as u64, bytes);
    }
}

impl Offer {
    /// No guess is written as zero, which is not a weight.
    fn write(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Keep => bytes.push(KEEP),
            Self::Guess(guesses) => {
                bytes.push(GUESS);
                write_numbers(&guesses.iter().map(|guess| guess.unwrap_or(0.0)).collect::<Vec<f64>>(), bytes);
            }
            Self::Scale(powers) => {
                bytes.push(SCALE);
                write_short(powers.len() as u64, bytes);
                bytes.extend(powers.iter().flat_map(|power| power.to_le_bytes()));
            }
        }
    }
}

impl Words {
    /// A base is written as how far back it is; no author builds on what is further than a byte can say.
    fn write(&self, sequence: u64, bytes: &mut Vec<u8>) {
        match self {
            Self::Nothing => bytes.push(NOTHING),
            Self::Whole(numbers) => {
                bytes.push(WHOLE);
                write_numbers(numbers, bytes);
            }
            Self::Steps { base, scale, steps } => {
                bytes.push(STEPS);
                bytes.push(u8::try_from(sequence.saturating_sub(*base)).unwrap_or(u8::MAX));
                bytes.extend(scale.to_le_bytes());
                write_short(steps.len() as u64, bytes);
                bytes.extend(steps.iter().flat_map(|step| step.to_le_bytes()));
            }
        }
    }
}

/// Bytes that were not believed yet, and how far they were read.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn frame(&mut self) -> Result<Frame, DecodeError> {
        let (author, reader) = (usize::from(self.short()?), usize::from(self.short()?));
        let sequence = self.long()?;
        Ok(Frame {
            author,
            reader,
            sequence,
            heard: self.long()?,
            epoch: self.epoch()?,
            weights: u32::from(self.short()?),
            offer: self.offer()?,
            reflected: self.words(sequence)?,
            claim: if self.flag()? { Some(self.claim()?) } else { None },
            sums: {
                let count = self.count(SUMS_SENT)?;
                (0..count).map(|_| self.sums()).collect::<Result<_, _>>()?
            },
            verdict: if self.flag()? { Some(self.verdict()?) } else { None },
            report: if self.flag()? { Some(self.report()?) } else { None },
            pace: if self.flag()? { Some(self.pace()?) } else { None },
        })
    }

    fn epoch(&mut self) -> Result<Epoch, DecodeError> {
        Ok(Epoch { number: u32::from(self.short()?), opener: usize::from(self.short()?) })
    }

    fn offer(&mut self) -> Result<Offer, DecodeError> {
        let at = self.at;
        match self.array::<1>()?[0] {
            KEEP => Ok(Offer::Keep),
            GUESS => {
                // Minus zero is no way to say that there is none, so that there is one way only.
                let guess = |number: f64| (number.to_bits() != 0).then_some(number);
                Ok(Offer::Guess(self.numbers()?.into_iter().map(guess).collect()))
            }
            SCALE => {
                let count = self.count(VARIABLES_MAX)?;
                Ok(Offer::Scale(self.take(count)?.iter().map(|byte| byte.cast_signed()).collect()))
            }
            found => Err(DecodeError::Tag { at, found }),
        }
    }

    fn words(&mut self, sequence: u64) -> Result<Words, DecodeError> {
        let at = self.at;
        match self.array::<1>()?[0] {
            NOTHING => Ok(Words::Nothing),
            WHOLE => Ok(Words::Whole(self.numbers()?)),
            STEPS => {
                let [back] = self.array::<1>()?;
                let base = sequence.checked_sub(u64::from(back));
                let base = base.ok_or(DecodeError::Tag { at: at + 1, found: back })?;
                let scale = self.number()?;
                let count = self.count(VARIABLES_MAX)?;
                let steps = (0..count).map(|_| Ok(i16::from_le_bytes(self.array()?)));
                Ok(Words::Steps { base, scale, steps: steps.collect::<Result<_, DecodeError>>()? })
            }
            found => Err(DecodeError::Tag { at, found }),
        }
    }

    fn claim(&mut self) -> Result<Claim, DecodeError> {
        Ok(Claim { epoch: self.epoch()?, version: self.long()?, flow: self.numbers()?, price: self.numbers()? })
    }

    fn sums(&mut self) -> Result<Sums, DecodeError> {
        Ok(Sums {
            epoch: self.epoch()?,
            version: self.long()?,
            lower: self.number()?,
            upper: self.number()?,
            mismatch_squared: self.number()?,
            residual_squared: self.number()?,
            scale_squared: self.number()?,
        })
    }

    fn verdict(&mut self) -> Result<Verdict, DecodeError> {
        Ok(Verdict {
            version: self.long()?,
            plan: self.long()?,
            lower: self.number()?,
            upper: self.number()?,
            mismatch: self.number()?,
            residual: self.number()?,
            converged: self.flag()?,
        })
    }

    fn report(&mut self) -> Result<Report, DecodeError> {
        Ok(Report { round: self.long()?, height: self.array::<1>()?[0], residual_squared: self.number()? })
    }

    fn pace(&mut self) -> Result<Pace, DecodeError> {
        Ok(Pace { point: u32::from_le_bytes(self.array()?), complete: self.long()?, at: self.long()? })
    }

    fn numbers(&mut self) -> Result<Vec<f64>, DecodeError> {
        let count = self.count(VARIABLES_MAX)?;
        (0..count).map(|_| self.number()).collect()
    }

    fn count(&mut self, limit: usize) -> Result<usize, DecodeError> {
        let at = self.at;
        let count = usize::from(self.short()?);
        if count > limit { Err(DecodeError::TooMany { at, count, limit }) } else { Ok(count) }
    }

    fn flag(&mut self) -> Result<bool, DecodeError> {
        let at = self.at;
        match self.array::<1>()?[0] {
            0 => Ok(false),
            1 => Ok(true),
            found => Err(DecodeError::Tag { at, found }),
        }
    }

    fn short(&mut self) -> Result<u16, DecodeError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    fn long(&mut self) -> Result<u64, DecodeError> {
        Ok(u64::from(u32::from_le_bytes(self.array()?)))
    }

    fn number(&mut self) -> Result<f64, DecodeError> {
        Ok(f64::from_le_bytes(self.array()?))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn take(&mut self, wanted: usize) -> Result<&[u8], DecodeError> {
        let (at, left) = (self.at, self.bytes.len() - self.at);
        if wanted > left {
            return Err(DecodeError::Short { at, wanted, left });
        }
        self.at += wanted;
        Ok(&self.bytes[at..self.at])
    }
}

fn write_short(value: u64, bytes: &mut Vec<u8>) {
    bytes.extend(u16::try_from(value).unwrap_or(u16::MAX).to_le_bytes());
}

fn write_long(value: u64, bytes: &mut Vec<u8>) {
    bytes.extend(u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes());
}

fn write_numbers(numbers: &[f64], bytes: &mut Vec<u8>) {
    write_short(numbers.len() as u64, bytes);
    numbers.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
}

const KEEP: u8 = 0;
const GUESS: u8 = 1;
const SCALE: u8 = 2;
const NOTHING: u8 = 0;
const WHOLE: u8 = 1;
const STEPS: u8 = 2;
/// Most frames that a message passes on: its reader has no more neighbours than variables.
const RELAYED_MAX: usize = RELAYED_PER_LINK * VARIABLES_MAX;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn number() -> impl Strategy<Value = f64> {
        prop_oneof![-1e300..1e300, -1.0..1.0, Just(0.0), Just(f64::INFINITY), Just(f64::MIN_POSITIVE / 4.0)]
    }

    fn epoch() -> impl Strategy<Value = Epoch> {
        (any::<u16>(), any::<u16>())
            .prop_map(|(number, opener)| Epoch { number: u32::from(number), opener: usize::from(opener) })
    }

    fn version() -> impl Strategy<Value = u64> {
        any::<u32>().prop_map(u64::from)
    }

    fn offer() -> impl Strategy<Value = Offer> {
        prop_oneof![
            Just(Offer::Keep),
            vec(proptest::option::of(1e-12..1e12), 0..9).prop_map(Offer::Guess),
            vec(any::<i8>(), 0..=VARIABLES_MAX).prop_map(Offer::Scale),
        ]
    }

    fn claim() -> impl Strategy<Value = Claim> {
        (epoch(), version(), vec(number(), 0..9), vec(number(), 0..9)).prop_map(|(epoch, version, flow, price)| Claim {
            epoch,
            version,
            flow,
            price,
        })
    }

    fn sums() -> impl Strategy<Value = Sums> {
        (epoch(), version(), [number(), number(), number(), number(), number()]).prop_map(|(epoch, version, of)| {
            let [lower, upper, mismatch_squared, residual_squared, scale_squared] = of;
            Sums { epoch, version, lower, upper, mismatch_squared, residual_squared, scale_squared }
        })
    }

    fn verdict() -> impl Strategy<Value = Verdict> {
        (version(), version(), [number(), number(), number(), number()], any::<bool>()).prop_map(
            |(version, plan, [lower, upper, mismatch, residual], converged)| Verdict {
                version,
                plan,
                lower,
                upper,
                mismatch,
                residual,
                converged,
            },
        )
    }

    /// Words of a frame whose sequence is at least that base's.
    fn words(sequence: u64) -> impl Strategy<Value = Words> {
        let steps = (0..=255_u64, number(), vec(any::<i16>(), 0..9));
        prop_oneof![
            Just(Words::Nothing),
            vec(number(), 0..9).prop_map(Words::Whole),
            steps.prop_map(move |(back, scale, steps)| Words::Steps {
                base: sequence.saturating_sub(back),
                scale,
                steps
            }),
        ]
    }

    fn report() -> impl Strategy<Value = Report> {
        (version(), any::<u8>(), number()).prop_map(|(round, height, residual_squared)| Report {
            round,
            height,
            residual_squared,
        })
    }

    fn pace() -> impl Strategy<Value = Pace> {
        (any::<u32>(), version(), version()).prop_map(|(point, complete, at)| Pace { point, complete, at })
    }

    fn frame() -> impl Strategy<Value = Frame> {
        let head = version().prop_flat_map(|sequence| {
            (any::<[u16; 3]>(), (Just(sequence), words(sequence)), version(), epoch(), offer())
        });
        let body = (proptest::option::of(claim()), vec(sums(), 0..=SUMS_SENT));
        let tail = (proptest::option::of(verdict()), proptest::option::of(report()), proptest::option::of(pace()));
        (head, body, tail).prop_map(|(head, (claim, sums), (verdict, report, pace))| {
            let ([author, reader, weights], (sequence, reflected), heard, epoch, offer) = head;
            let (author, reader, weights) = (usize::from(author), usize::from(reader), u32::from(weights));
            Frame {
                author,
                reader,
                sequence,
                heard,
                epoch,
                weights,
                offer,
                reflected,
                claim,
                sums,
                verdict,
                report,
                pace,
            }
        })
    }

    fn message() -> impl Strategy<Value = Message> {
        (frame(), vec(frame(), 0..3)).prop_map(|(frame, relayed)| Message { frame, relayed })
    }

    /// Whatever is taken is what would have been written.
    fn check_exact(bytes: &[u8]) -> Result<(), TestCaseError> {
        if let Ok(message) = Message::decode(bytes) {
            prop_assert_eq!(message.bytes(), bytes);
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_written_is_read(message in message()) {
            prop_assert_eq!(Message::decode(&message.bytes()), Ok(message));
        }

        #[test]
        fn any_bytes_are_exactly_a_message_or_none(bytes in vec(any::<u8>(), 0..300)) {
            check_exact(&bytes)?;
        }

        #[test]
        fn spoiled_bytes_are_exactly_a_message_or_none(message in message(), place: prop::sample::Index, byte: u8) {
            let honest = message.bytes();
            let place = place.index(honest.len());
            let mut changed = honest.clone();
            changed[place] = byte;
            check_exact(&changed)?;
            let mut longer = honest.clone();
            longer.insert(place, byte);
            check_exact(&longer)?;
            let cut = Message::decode(&honest[..place]);
            prop_assert!(matches!(cut, Err(DecodeError::Short { .. })), "{:?}", cut);
        }
    }

    /// The bytes of a frame without anything in its lists.
    fn bare() -> Vec<u8> {
        let frame = Frame {
            author: 1,
            reader: 2,
            sequence: 3,
            heard: 4,
            epoch: Epoch { number: 5, opener: 6 },
            weights: 7,
            offer: Offer::Keep,
            reflected: Words::Nothing,
            claim: None,
            sums: Vec::new(),
            verdict: None,
            report: None,
            pace: None,
        };
        Message { frame, relayed: Vec::new() }.bytes()
    }

    #[test]
    fn says_what_is_wrong_with_bytes() {
        let check = |place: usize, with: &[u8], expect: DecodeError| {
            let mut bytes = bare();
            bytes.splice(place..place + with.len(), with.iter().copied());
            assert_eq!(Message::decode(&bytes), Err(expect));
        };
        assert_eq!(bare(), [1, 0, 2, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5, 0, 6, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        check(18, &[3], DecodeError::Tag { at: 18, found: 3 });
        check(19, &[3], DecodeError::Tag { at: 19, found: 3 });
        check(19, &[1, 0xff, 0xff], DecodeError::TooMany { at: 20, count: 65_535, limit: VARIABLES_MAX });
        check(19, &[1, 1, 0], DecodeError::Short { at: 22, wanted: 8, left: 6 });
        check(19, &[2, 4], DecodeError::Tag { at: 20, found: 4 });
        check(20, &[2], DecodeError::Tag { at: 20, found: 2 });
        check(21, &[4, 0], DecodeError::TooMany { at: 21, count: 4, limit: SUMS_SENT });
        check(26, &[0xff, 0xff], DecodeError::TooMany { at: 26, count: 65_535, limit: RELAYED_MAX });
        let longer = [&bare()[..], &[0]].concat();
        assert_eq!(Message::decode(&longer), Err(DecodeError::Trailing { bytes: 1 }));
    }
}
