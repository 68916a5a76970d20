//! What happened on a mission, kept for the report: traffic, links, plans, rounds, islandings.

use crate::scenario::Scenario;
use borsh::{BorshDeserialize, BorshSerialize};
use mesh_asset::{AdoptedPlan, Event};
use mesh_model::{AssetId, Certificate, MissionTime};
use std::collections::{BTreeMap, BTreeSet};

/// A link came up or went down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkChange {
    /// When.
    pub time: MissionTime,
    /// One end, the lower id.
    pub a: AssetId,
    /// The other end.
    pub b: AssetId,
    /// Whether it came up.
    pub up: bool,
}

/// What one member sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Traffic {
    /// Messages handed to neighbours.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Of them, dropped because the link was down.
    pub dropped: u64,
    /// Of them, lost on the way.
    pub lost: u64,
    /// Inputs that the member refused.
    pub refused: u64,
}

/// A plan that was certified.
#[derive(Debug, Clone, PartialEq)]
pub struct Certified {
    /// When the negotiation began.
    pub opened: MissionTime,
    /// When it was certified.
    pub agreed: MissionTime,
    /// The proof.
    pub certificate: Certificate,
}

/// One round of a negotiation, as the planner saw it.
#[derive(Debug, Clone, PartialEq)]
pub struct RoundPoint {
    /// The re-planning.
    pub plan: u64,
    /// Its epoch.
    pub epoch: u32,
    /// The round.
    pub round: u32,
    /// Relative primal residual.
    pub primal: f64,
    /// Relative dual residual.
    pub dual: f64,
    /// Certified relative gap, if evaluated.
    pub gap: Option<f64>,
}

/// A stretch in which an asset had no contact with anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Islanding {
    /// Who.
    pub asset: AssetId,
    /// From when.
    pub from: MissionTime,
    /// Until when.
    pub until: MissionTime,
}

/// Everything that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Journal {
    /// What each member sent.
    pub traffic: BTreeMap<AssetId, Traffic>,
    /// All link changes in order.
    pub links: Vec<LinkChange>,
    /// All certified plans in order.
    pub plans: Vec<Certified>,
    /// All rounds in order.
    pub rounds: Vec<RoundPoint>,
    /// Negotiations that ended without a plan: re-planning and epoch.
    pub given_up: BTreeSet<(u64, u32)>,
    /// The plans that each asset adopted, in order.
    pub adopted: BTreeMap<AssetId, Vec<AdoptedPlan>>,
    /// Islandings that have ended, in order of their ends.
    pub islandings: Vec<Islanding>,
    /// Why an asset could not take part: when, who, why.
    pub unable: Vec<(MissionTime, AssetId, String)>,
    /// Links of each asset with a vehicle that are up now.
    contacts: BTreeMap<AssetId, BTreeSet<AssetId>>,
    /// When an asset that is islanded now lost its last contact.
    islanded: BTreeMap<AssetId, MissionTime>,
}

impl Journal {
    /// Nothing has happened yet.
    pub fn new(members: Vec<AssetId>, scenario: &Scenario) -> Self {
        Self {
            traffic: members.iter().map(|member| (member.clone(), Traffic::default())).collect(),
            links: Vec::new(),
            plans: Vec::new(),
            rounds: Vec::new(),
            given_up: BTreeSet::new(),
            adopted: members.into_iter().map(|member| (member, Vec::new())).collect(),
            islandings: Vec::new(),
            unable: Vec::new(),
            contacts: scenario.assets.iter().map(|asset| (asset.id.clone(), BTreeSet::new())).collect(),
            // Everybody is alone until the first contact, which mostly comes at once.
            islanded: scenario.assets.iter().map(|asset| (asset.id.clone(), MissionTime::ZERO)).collect(),
        }
    }

    /// A link came up or went down. To be told in order of time.
    pub fn link(&mut self, change: LinkChange) {
        for (asset, other) in [(&change.a, &change.b), (&change.b, &change.a)] {
            let Some(contacts) = self.contacts.get_mut(asset) else { continue };
            let was_alone = contacts.is_empty();
            if change.up {
                contacts.insert(other.clone())
            } else {
                contacts.remove(other)
            };
            match (was_alone, contacts.is_empty()) {
                (false, true) => {
                    self.islanded.insert(asset.clone(), change.time);
                }
                (true, false) => {
                    if let Some(from) = self.islanded.remove(asset).filter(|from| *from < change.time) {
                        self.islandings.push(Islanding { asset: asset.clone(), from, until: change.time });
                    }
                }
                _ => {}
            }
        }
        self.links.push(change);
    }

    /// An asset has shown something.
    pub fn event(&mut self, now: MissionTime, asset: &AssetId, event: &Event) {
        match event {
            Event::Round { epoch, round, primal, dual, gap } => self.rounds.push(RoundPoint {
                plan: epoch.plan,
                epoch: epoch.number,
                round: *round,
                primal: *primal,
                dual: *dual,
                gap: *gap,
            }),
            Event::Certified { certificate, opened } => {
                self.plans.push(Certified { opened: *opened, agreed: now, certificate: (**certificate).clone() });
            }
            Event::GivenUp { epoch, .. } => {
                self.given_up.insert((epoch.plan, epoch.number));
            }
            Event::Adopted(plan) => self.adopted.entry(asset.clone()).or_default().push((**plan).clone()),
            Event::Unable { why } => self.unable.push((now, asset.clone(), why.clone())),
            Event::Opened { .. } | Event::Equivocation { .. } => {}
        }
    }

    /// What a member said in a tick.
    pub fn add_traffic(&mut self, of: &AssetId, more: &Traffic) {
        let traffic = self.traffic.entry(of.clone()).or_default();
        traffic.messages += more.messages;
        traffic.bytes += more.bytes;
        traffic.dropped += more.dropped;
        traffic.lost += more.lost;
        traffic.refused += more.refused;
    }

    /// The mission is over: an islanding that has not ended counts until here.
    pub fn finish(&mut self, now: MissionTime) {
        while let Some((asset, from)) = self.islanded.pop_first() {
            self.islandings.push(Islanding { asset, from, until: now });
        }
    }

    /// The longest islanding of `asset`.
    pub fn longest_islanding(&self, asset: &AssetId) -> Option<&Islanding> {
        let own = self.islandings.iter().filter(|islanding| islanding.asset == *asset);
        own.max_by_key(|islanding| islanding.until.as_ns() - islanding.from.as_ns())
    }

    /// The first plan that all of `members` agreed after `time`.
    pub fn first_plan_of_all(&self, members: &BTreeSet<AssetId>, time: MissionTime) -> Option<&Certified> {
        self.plans.iter().find(|plan| plan.opened >= time && plan.is_of_all(members))
    }
}

impl Certified {
    /// Whether all of `members` agreed it.
    pub fn is_of_all(&self, members: &BTreeSet<AssetId>) -> bool {
        self.certificate.attestations.len() == members.len()
            && self.certificate.attestations.iter().all(|attestation| members.contains(&attestation.asset))
    }
}

impl Islanding {
    /// How long it lasted.
    pub fn duration_s(&self) -> f64 {
        self.until.since_s(self.from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> AssetId {
        AssetId::new(name).expect("a name")
    }

    #[test]
    fn who_is_alone_from_the_beginning_is_alone_from_the_beginning() {
        let mut journal = Journal::new(vec![id("habitat"), id("rover")], &Scenario::lunar_base());
        let change = |seconds: u64, a: &str, b: &str| LinkChange {
            time: MissionTime::from_s(seconds),
            a: id(a),
            b: id(b),
            up: true,
        };
        journal.link(change(0, "habitat", "satellite"));
        journal.link(change(3600, "habitat", "rover"));
        journal.finish(MissionTime::from_s(7200));
        let alone = Islanding { asset: id("rover"), from: MissionTime::ZERO, until: MissionTime::from_s(3600) };
        assert_eq!(journal.islandings, [alone]);
    }
}
