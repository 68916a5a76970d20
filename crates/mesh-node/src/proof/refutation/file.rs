//! The proof that there is no plan, as text: JSON with every number in the digits that are read as the same again.

use super::{Meeting, Refutation, Seal, Witness};
use crate::durable;
use crate::error::NodeError;
use crate::proof::hexadecimal::{bytes, hex};
use mesh_identity::PublicKey;
use mesh_model::diagram::Label;
use mesh_model::{AssetId, Hash};
use mesh_solver::network::Junction;
use serde::{Deserialize, Serialize};
use std::path::Path;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    kind: String,
    diagram: Hash,
    meetings: Vec<MeetingEntry>,
    boxes: Vec<BoxEntry>,
    excess: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MeetingEntry {
    junction: String,
    number: u32,
    rule: Rule,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    total: Option<f64>,
}

#[derive(Serialize, Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Rule {
    Consensus,
    Exchange,
    Budget,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BoxEntry {
    name: String,
    asset: AssetId,
    problem: Hash,
    at: Vec<u32>,
    prices: Vec<f64>,
    least: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signed: Option<SealEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealEntry {
    key: PublicKey,
    signature: String,
}

impl Refutation {
    /// Puts it into the file at `path`.
    pub fn write(&self, path: &Path) -> Result<(), NodeError> {
        durable::replace_file(path, self.to_text().as_bytes())
    }

    /// The text of the file.
    pub fn to_text(&self) -> String {
        let file = File {
            version: VERSION,
            kind: KIND.to_owned(),
            diagram: self.diagram,
            meetings: self.meetings.iter().map(MeetingEntry::of).collect(),
            boxes: self.witnesses.iter().map(BoxEntry::of).collect(),
            excess: self.excess,
        };
        let mut text = serde_json::to_string_pretty(&file).expect("text and finite numbers are what JSON can hold");
        text.push('\n');
        text
    }

    /// What the text says, or what is wrong with it.
    pub(in crate::proof) fn parse(text: &str) -> Result<Self, String> {
        let file: File = serde_json::from_str(text).map_err(|why| why.to_string())?;
        if file.boxes.len() > BOXES_MAX {
            return Err(format!("{} boxes, where at most {BOXES_MAX} are dealt with", file.boxes.len()));
        }
        if file.meetings.len() > MEETINGS_MAX {
            return Err(format!("{} meetings, where at most {MEETINGS_MAX} are dealt with", file.meetings.len()));
        }
        Ok(Self {
            diagram: file.diagram,
            meetings: file.meetings.into_iter().map(MeetingEntry::into_meeting).collect::<Result<_, _>>()?,
            witnesses: file.boxes.into_iter().map(BoxEntry::into_witness).collect::<Result<_, _>>()?,
            excess: file.excess,
        })
    }
}

impl MeetingEntry {
    fn of(meeting: &Meeting) -> Self {
        let (rule, total) = match meeting.rule {
            Junction::Consensus => (Rule::Consensus, None),
            Junction::Exchange(total) => (Rule::Exchange, Some(total)),
            Junction::Budget(total) => (Rule::Budget, Some(total)),
        };
        let number = u32::try_from(meeting.number).unwrap_or(u32::MAX);
        Self { junction: meeting.junction.to_string(), number, rule, total }
    }

    fn into_meeting(self) -> Result<Meeting, String> {
        let rule = match (self.rule, self.total) {
            (Rule::Consensus, None) => Junction::Consensus,
            (Rule::Exchange, Some(total)) => Junction::Exchange(total),
            (Rule::Budget, Some(total)) => Junction::Budget(total),
            (Rule::Consensus, Some(_)) => return Err(format!("{}: a consensus has no total", self.junction)),
            (_, None) => return Err(format!("{}: the total is missing", self.junction)),
        };
        Ok(Meeting { junction: label(&self.junction)?, number: self.number as usize, rule })
    }
}

impl BoxEntry {
    fn of(witness: &Witness) -> Self {
        let signed = witness.seal.as_ref().map(|seal| SealEntry { key: seal.key, signature: hex(&seal.signature) });
        Self {
            name: witness.name.to_string(),
            asset: witness.asset.clone(),
            problem: witness.problem,
            at: witness.at.iter().map(|at| u32::try_from(*at).unwrap_or(u32::MAX)).collect(),
            prices: witness.prices.clone(),
            least: witness.least,
            signed,
        }
    }

    fn into_witness(self) -> Result<Witness, String> {
        let seal = self.signed.map(|SealEntry { key, signature }| {
            let signature = <[u8; 64]>::try_from(bytes("signature", &signature)?);
            Ok::<_, String>(Seal { key, signature: signature.map_err(|_| "signature: not 64 bytes".to_owned())? })
        });
        Ok(Witness {
            name: label(&self.name)?,
            asset: self.asset,
            problem: self.problem,
            at: self.at.into_iter().map(|at| at as usize).collect(),
            prices: self.prices,
            least: self.least,
            seal: seal.transpose()?,
        })
    }
}

fn label(text: &str) -> Result<Label, String> {
    Label::new(text).map_err(|why| why.to_string())
}

/// The version of such files.
pub(in crate::proof) const VERSION: u32 = 1;
/// What a file of this kind calls itself.
pub(in crate::proof) const KIND: &str = "no plan";
/// Most boxes: who hears of whom is worked out for each pair.
const BOXES_MAX: usize = 2_000;
/// Most meetings, for the same reason.
const MEETINGS_MAX: usize = 20_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::AnyProof;

    fn refutation() -> Refutation {
        let meeting = |number, rule| Meeting { junction: label("bus.a").expect("a good label"), number, rule };
        let witness = |name: &str, at: Vec<usize>, prices: Vec<f64>, least| Witness {
            name: label(name).expect("a good label"),
            asset: AssetId::new("rover").expect("a good name"),
            problem: Hash::of(name.as_bytes()),
            at,
            prices,
            least,
            seal: None,
        };
        Refutation {
            diagram: Hash::of(b"diagram"),
            meetings: vec![
                meeting(0, Junction::Consensus),
                meeting(3, Junction::Exchange(-0.1)),
                meeting(4, Junction::Budget(1e-300)),
            ],
            witnesses: vec![
                witness("a", vec![0, 1, 2], vec![1.0, 0.1 + 0.2, 5e-324], 3.0 + f64::EPSILON),
                witness("b.c", vec![0], vec![-1.0], -2.0),
                witness("", Vec::new(), Vec::new(), -0.0),
            ],
            excess: 1.0 / 3.0,
        }
    }

    #[test]
    fn not_a_bit_is_lost_in_the_file() {
        let refutation = refutation();
        let read = AnyProof::parse(&refutation.to_text()).expect("it is a proof");
        let AnyProof::NoPlan(read) = read else { unreachable!("it is a proof that there is no plan") };
        assert_eq!(*read, refutation);
        assert_eq!(read.hash(), refutation.hash());
        assert_eq!(read.witnesses[2].least.to_bits(), (-0.0_f64).to_bits());
    }

    #[test]
    fn what_does_not_fit_is_refused_and_never_adds_up() {
        for (from, to, why) in [
            ("\"consensus\"", "\"exchange\"", "total is missing"),
            ("\"exchange\"", "\"consensus\"", "a consensus has no total"),
            ("\"rover\"", "\"Rover\"", "a lower-case letter"),
            ("\"excess\"", "\"access\"", "access"),
            ("-2.0", "null", "null"),
        ] {
            let text = refutation().to_text();
            assert!(text.contains(from), "{from}");
            let told = AnyProof::parse(&text.replacen(from, to, 1)).expect_err(to);
            assert!(told.contains(why), "{told}");
        }
        assert_eq!(refutation().sound(), Ok(()));
        for change in [
            |refutation: &mut Refutation| refutation.witnesses[0].at[2] = 7,
            |refutation: &mut Refutation| refutation.witnesses[0].at.swap(0, 1),
            |refutation: &mut Refutation| refutation.witnesses[1].prices.clear(),
            |refutation: &mut Refutation| refutation.witnesses[1].least = f64::NAN,
            |refutation: &mut Refutation| refutation.excess = -1.0,
            |refutation: &mut Refutation| refutation.witnesses.clear(),
        ] {
            let mut changed = refutation();
            change(&mut changed);
            assert!(changed.sound().is_err(), "{changed:?}");
        }
    }
}
