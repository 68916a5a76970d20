//! The proof that a planning has no plan, as one file: where the boxes meet, and of each box prices and one number, the
//! least that its shares can be worth at these prices. Together they are worth more than the junctions allow.
//!
//! Nothing of a problem is in it but its hash. A number is its owner's word, signed, or is recomputed by whoever is given
//! the problems; the sum is checked from the file alone.

mod file;
mod plain;
mod words;

pub(super) use file::{KIND, VERSION};

use crate::fleet_folder::{FleetFile, FleetFolder};
use borsh::BorshSerialize;
use mesh_identity::PublicKey;
use mesh_model::diagram::Label;
use mesh_model::{AssetId, Canonical, Diagram, Hash};
use mesh_solver::areas::Wiring;
use mesh_solver::network::{Junction, Member, Network, Share};
use mesh_solver::separation::{Contribution, Limits};
use mesh_solver::{NamedNetwork, NetworkInfeasibility, NotSolvable, QpProblem, find_infeasibility};
use serde::Serialize;

/// The proof that a diagram has no plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Refutation {
    /// Hash of the diagram's canonical form.
    pub diagram: Hash,
    /// Where boxes meet, number by number.
    pub meetings: Vec<Meeting>,
    /// What each box adds.
    pub witnesses: Vec<Witness>,
    /// By how much all together demand more than the junctions allow.
    pub excess: f64,
}

/// One number of a junction.
#[derive(Debug, Clone, PartialEq)]
pub struct Meeting {
    /// The junction.
    pub junction: Label,
    /// Which of its numbers.
    pub number: usize,
    /// What is agreed on there.
    pub rule: Junction,
}

/// What one box adds to a proof.
#[derive(Debug, Clone, PartialEq)]
pub struct Witness {
    /// The box.
    pub name: Label,
    /// Whose problem is in it.
    pub asset: AssetId,
    /// The hash of the problem.
    pub problem: Hash,
    /// The places of the meetings at which it is, ascending.
    pub at: Vec<usize>,
    /// A price for each of them.
    pub prices: Vec<f64>,
    /// Whatever the box plans, its shares are worth no less at these prices.
    pub least: f64,
    /// Who stands for that, if somebody does.
    pub seal: Option<Seal>,
}

/// A signature and the key that it was made with.
#[derive(Debug, Clone, PartialEq)]
pub struct Seal {
    /// The key.
    pub key: PublicKey,
    /// Ed25519 over the witness's canonical bytes, which name the whole proof's wiring.
    pub signature: [u8; 64],
}

/// What a check of such a proof found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Refuted {
    /// Whether nothing is wrong.
    pub verified: bool,
    /// What is wrong.
    pub findings: Vec<String>,
    /// By how much all together demand more than the junctions allow.
    pub excess: f64,
    /// The boxes, each with its number.
    pub members: Vec<Stated>,
    /// The proof in words, a sentence a box.
    pub words: Vec<String>,
    /// Names the proof.
    pub hash: Hash,
}

/// What a box states.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stated {
    /// The box.
    pub name: String,
    /// Its number.
    pub least: f64,
    /// The same from its problem, if that is given.
    pub least_recomputed: Option<f64>,
    /// Whether its owner's signature stands.
    pub signed: bool,
}

impl Refutation {
    /// Looks for a proof that `diagram` has no plan.
    pub fn find(diagram: &Diagram) -> Result<Option<Self>, NotSolvable> {
        let named = NamedNetwork::of(diagram)?;
        let found = find_infeasibility(&named.network, Limits::default());
        found.map(|proof| Self::plainest(diagram, &named, proof)).transpose()
    }

    /// The proof about `diagram`, whose network `named` is, in the plainest prices near to those of `proof`.
    pub fn plainest(diagram: &Diagram, named: &NamedNetwork, proof: NetworkInfeasibility) -> Result<Self, NotSolvable> {
        Self::of(diagram, named, &plain::plain(&named.network, proof))
    }

    fn of(diagram: &Diagram, named: &NamedNetwork, proof: &NetworkInfeasibility) -> Result<Self, NotSolvable> {
        let flat = diagram.flattened()?;
        let meeting = |(place, rule): (&(Label, usize), &Junction)| {
            let (junction, number) = place.clone();
            Meeting { junction, number, rule: *rule }
        };
        let meetings = named.junctions.iter().zip(&named.network.junctions).map(meeting).collect();
        let members = named.members.iter().zip(&named.network.members);
        let witnesses = members.zip(&proof.contributions).filter_map(|((name, member), said)| {
            let open = flat.boxes.get(name)?.problem()?;
            Some(Witness {
                name: name.clone(),
                asset: open.asset().clone(),
                problem: open.problem.hash(),
                at: member.shares.iter().map(|share| share.junction).collect(),
                prices: said.prices.clone(),
                least: said.least,
                seal: None,
            })
        });
        let witnesses = witnesses.collect();
        Ok(Self { diagram: diagram.canonical()?.hash(), meetings, witnesses, excess: proof.excess })
    }

    /// Has every member of `fleet` that owns a box sign its number.
    pub fn sign(&mut self, fleet: &FleetFolder) {
        let wiring = self.wiring_hash();
        for witness in &mut self.witnesses {
            let Some(key) = fleet.key(&witness.asset) else { continue };
            let signature = key.sign(&witness.unsigned(wiring));
            witness.seal = Some(Seal { key: key.public(), signature });
        }
    }

    /// Checks the sum and the signatures, and recomputes the numbers if the `diagram` is given. Keys are held against
    /// those of `fleet` if there is one. Somebody has to stand for every number: its owner, or its problem.
    pub fn check(&self, fleet: Option<&FleetFile>, diagram: Option<&Diagram>) -> Refuted {
        let mut findings = Vec::new();
        let recomputed = diagram.map(|diagram| self.recomputed(diagram, &mut findings)).unwrap_or_default();
        let wiring = self.wiring_hash();
        let mut members = Vec::new();
        for (place, witness) in self.witnesses.iter().enumerate() {
            let least_recomputed = recomputed.get(place).copied();
            let signed = match witness.fault_of_seal(wiring, fleet) {
                Ok(signed) => signed,
                Err(fault) => {
                    findings.push(format!("{}: {fault}", witness.name));
                    false
                }
            };
            if !signed && least_recomputed.is_none() {
                findings.push(format!(
                    "nobody stands for the number of {}: it is not signed, and the problem is not given",
                    witness.name
                ));
            }
            if least_recomputed.is_some_and(|least| witness.least > least) {
                findings.push(format!("{} states more than its problem gives", witness.name));
            }
            let (name, least) = (witness.name.to_string(), witness.least);
            members.push(Stated { name, least, least_recomputed, signed });
        }
        if let Err(fault) = self.sound() {
            findings.push(fault.to_owned());
        }
        let verified = findings.is_empty();
        let words = diagram.map_or_else(|| self.in_words(), |diagram| self.in_words_with(diagram));
        Refuted { verified, findings, excess: self.excess, members, words, hash: self.hash() }
    }

    /// Names the proof: SHA-256 over everything but the signatures.
    pub fn hash(&self) -> Hash {
        let wiring = self.wiring_hash();
        self.witnesses.iter().fold(wiring, |hash, witness| hash.then(&witness.unsigned(wiring)))
    }

    /// Whether what the boxes state adds up to a proof.
    fn sound(&self) -> Result<(), &'static str> {
        let places = self.meetings.len();
        let in_order = |witness: &Witness| {
            witness.at.iter().all(|at| *at < places)
                && witness.at.is_sorted_by(|a, b| a < b)
                && witness.at.len() == witness.prices.len()
        };
        if !self.witnesses.iter().all(in_order) {
            return Err("a box is at a place where nothing meets, twice at one place, or has a price too many");
        }
        let contribution = |of: &Witness| Contribution { prices: of.prices.clone(), least: of.least };
        let contributions = self.witnesses.iter().map(contribution).collect();
        let proof = NetworkInfeasibility { contributions, excess: self.excess };
        let adds_up = self.excess > 0.0 && proof.check(&self.wiring());
        if adds_up { Ok(()) } else { Err("the numbers do not add up to more than the junctions allow") }
    }

    /// Each box's number from its problem; empty if this is not the diagram.
    fn recomputed(&self, diagram: &Diagram, findings: &mut Vec<String>) -> Vec<f64> {
        let hash = diagram.canonical().map(|canonical| canonical.hash());
        if hash.as_ref() != Ok(&self.diagram) {
            findings.push("the problems that are given are those of another diagram".to_owned());
            return Vec::new();
        }
        let named = match NamedNetwork::of(diagram) {
            Ok(named) => named,
            Err(why) => {
                findings.push(format!("the problems that are given: {why}"));
                return Vec::new();
            }
        };
        let again = self.witnesses.iter().map(|witness| (witness.prices.clone(), witness.least));
        let (prices, least): (Vec<_>, Vec<_>) = again.unzip();
        let contributions =
            prices.into_iter().zip(least).map(|(prices, least)| Contribution { prices, least }).collect();
        let proof = NetworkInfeasibility { contributions, excess: self.excess };
        // The same boxes at the same meetings under the same rules, whatever the file calls them.
        if Self::of(diagram, &named, &proof).is_ok_and(|again| again.wiring_hash() != self.wiring_hash()) {
            findings.push("the file has the boxes meet otherwise than the diagram does".to_owned());
            return Vec::new();
        }
        let pairs = named.network.members.iter().zip(&self.witnesses);
        let least = pairs.map(|(member, witness)| Contribution::of(member, witness.prices.clone()));
        least.map(|said| said.map_or(f64::NEG_INFINITY, |said| said.least)).collect()
    }

    /// Who meets where, without anybody's problem.
    fn wiring(&self) -> Wiring {
        let nothing = QpProblem::new(&[], Vec::new(), 0.0, Vec::new(), Vec::new(), Vec::new());
        let nothing = nothing.expect("a problem without variables has nothing that could be wrong");
        let member = |witness: &Witness| Member {
            problem: nothing.clone(),
            shares: witness.at.iter().map(|at| Share { junction: *at, terms: Vec::new() }).collect(),
        };
        let members = self.witnesses.iter().map(member).collect();
        Wiring::of(&Network { members, junctions: self.meetings.iter().map(|meeting| meeting.rule).collect() })
    }

    /// Names what all signatures are about: the diagram, its junctions, and which box is where.
    fn wiring_hash(&self) -> Hash {
        let mut bytes = CONTEXT.to_vec();
        put(&mut bytes, &self.diagram);
        for Meeting { junction, number, rule } in &self.meetings {
            let (kind, total) = match rule {
                Junction::Consensus => (0_u8, 0.0),
                Junction::Exchange(total) => (1, *total),
                Junction::Budget(total) => (2, *total),
            };
            put(&mut bytes, &(junction, *number as u64, kind, total.to_bits()));
        }
        for witness in &self.witnesses {
            let at: Vec<u64> = witness.at.iter().map(|at| *at as u64).collect();
            put(&mut bytes, &(&witness.name, &witness.asset, &witness.problem, at));
        }
        Hash::of(&bytes)
    }
}

impl Witness {
    /// What is signed.
    fn unsigned(&self, wiring: Hash) -> Vec<u8> {
        let mut bytes = CONTEXT.to_vec();
        let prices: Vec<u64> = self.prices.iter().map(|price| price.to_bits()).collect();
        put(&mut bytes, &(&wiring, &self.name, &self.asset, &self.problem, prices, self.least.to_bits()));
        bytes
    }

    /// Whether it is signed, or what is wrong with its signature.
    fn fault_of_seal(&self, wiring: Hash, fleet: Option<&FleetFile>) -> Result<bool, &'static str> {
        let Some(seal) = &self.seal else { return Ok(false) };
        let known = fleet.map(|fleet| fleet.members.get(&self.asset).map(|member| member.public_key));
        if known.is_some_and(|known| known != Some(seal.key)) {
            return Err("the key is not that of its owner in the fleet");
        }
        if seal.key.accepts(&self.unsigned(wiring), &seal.signature) {
            Ok(true)
        } else {
            Err("the signature is not valid for what is stated")
        }
    }
}

fn put(bytes: &mut Vec<u8>, what: &impl BorshSerialize) {
    borsh::to_writer(bytes, what).expect("memory takes what is written, and no list here has 2^32 entries");
}

/// First bytes of whatever is signed or hashed here: a signature over it can be taken for no other.
const CONTEXT: &[u8] = b"cosmosmesh/no-plan/v1\0";
