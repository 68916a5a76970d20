//! The planner role: a state machine without private data. Every asset has one, which sleeps until its turn comes.
//!
//! Before each planning step the holder of the role opens an epoch among the members that it can reach, sums the norms and bounds that they
//! report, picks the first candidate that is good enough, and certifies it when every member has logged its part. It
//! never sees a LocalProblem, and of the flows and prices only those that were agreed.
//!
//! Whose turn it is, [`Succession`] knows. Who has the role no more, because somebody before it in line is heard again,
//! brings the epoch that is open to its end and opens no other.

use crate::certificate::{check_certificate, plan_window};
use crate::member::Effect;
use crate::planning::Planning;
use crate::ports::Event;
use crate::settings::Settings;
use crate::state::{Adopted, AdoptedPlan};
use crate::succession::Succession;
use mesh_model::{
    AssetId, Certificate, Epoch, Hash, MissionTime, Opening, Payload, PlanDelta, RoundReport, Schedule, Window,
};
use std::collections::BTreeSet;

#[cfg(test)]
mod takeover;
#[cfg(test)]
mod tests;

pub(crate) struct Planner {
    settings: Settings,
    succession: Succession,
    /// Members in contact.
    reachable: BTreeSet<AssetId>,
    /// The re-planning that comes next, counted from 1; it covers the window that starts with step number `next_plan`.
    next_plan: u64,
    current: Option<Planning>,
    adopted: Adopted,
}

impl Planner {
    pub(crate) fn new(settings: &Settings) -> Self {
        let Settings { me, contract, .. } = settings;
        Self {
            succession: Succession::new(me.clone(), contract.planner.clone(), settings.sync().heartbeat_s),
            settings: settings.clone(),
            reachable: BTreeSet::new(),
            next_plan: 1,
            current: None,
            adopted: Adopted::none(),
        }
    }

    /// Contact with a member was made or lost. A negotiation goes on without a member that is lost.
    pub(crate) fn link(&mut self, now: MissionTime, peer: &AssetId, up: bool, effects: &mut Vec<Effect>) {
        self.succession.link(now, peer, up);
        if up {
            self.reachable.insert(peer.clone());
        } else {
            self.reachable.remove(peer);
            self.reopen_without(now, &BTreeSet::from([peer.clone()]), effects);
        }
    }

    /// A member in contact said something, whatever it was.
    pub(crate) fn hear(&mut self, now: MissionTime, author: &AssetId) {
        self.succession.hear(now, author);
    }

    /// What the asset's own member has done: there is nothing left to open for a re-planning that it has settled, nor for
    /// one in which it has entered a higher epoch than this asset could open.
    pub(crate) fn heed(&mut self, settled: u64, entered: Option<&Epoch>) {
        if self.current.is_some() {
            return;
        }
        let beaten = entered.filter(|entered| **entered >= self.first_epoch(entered.plan));
        let done = beaten.map_or(settled, |entered| settled.max(entered.plan));
        self.next_plan = self.next_plan.max(done.saturating_add(1));
    }

    pub(crate) fn tick(&mut self, now: MissionTime, effects: &mut Vec<Effect>) {
        let Some(planning) = &mut self.current else {
            self.skip_missed(now);
            if now >= self.opening_time() && self.succession.holds(now) {
                self.open(now, effects);
            }
            return;
        };
        // Silent members are left out of this re-planning only; contact decides about the next.
        let silent = planning.silent(now, self.settings.silence_s());
        let spent = planning.rounds >= self.settings.contract.rounds_max && !planning.is_picked();
        if now >= planning.opening.window.start || spent {
            self.abandon(effects);
        } else if !silent.is_empty() {
            self.reopen_without(now, &silent, effects);
        } else if now >= planning.repeat {
            planning.repeat = now.plus_s(self.settings.patience_s());
            planning.say(effects);
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<MissionTime> {
        match &self.current {
            None => self.succession.holds_from().map(|from| from.max(self.opening_time())),
            Some(planning) => {
                let silent = planning.silent_at(self.settings.silence_s());
                let soonest = planning.repeat.min(planning.opening.window.start);
                Some(silent.map_or(soonest, |silent| silent.min(soonest)))
            }
        }
    }

    /// A member's numbers for a round.
    pub(crate) fn report(&mut self, now: MissionTime, from: &AssetId, report: RoundReport, effects: &mut Vec<Effect>) {
        let contract = &self.settings.contract;
        let Some(planning) = self.current.as_mut().filter(|planning| planning.accepts(&report.epoch)) else { return };
        let Some(verdict) = planning.report(now, from, report, contract.rounds_max) else { return };
        effects.push(Effect::Event(Event::Round {
            epoch: planning.opening.epoch.clone(),
            round: verdict.round,
            primal: verdict.primal,
            dual: verdict.dual,
            gap: verdict.gap,
        }));
        if verdict.is_good(contract) {
            planning.pick(verdict);
            planning.repeat = now.plus_s(self.settings.patience_s());
            planning.say(effects);
        }
    }

    /// A member's logged part of the plan, as entry number `sequence` of its log.
    pub(crate) fn delta(
        &mut self,
        now: MissionTime,
        sequence: u64,
        entry: Hash,
        delta: &PlanDelta,
        effects: &mut Vec<Effect>,
    ) {
        let Some(planning) = self.current.as_mut().filter(|planning| planning.accepts(&delta.epoch)) else { return };
        planning.part(now, sequence, entry, delta);
        if planning.is_complete() {
            self.certify(effects);
        }
    }

    pub(crate) fn adopted(&self) -> &Adopted {
        &self.adopted
    }

    /// Whether this asset holds the role.
    pub(crate) fn is_held(&self, now: MissionTime) -> bool {
        self.succession.holds(now)
    }

    /// Whether this asset takes `claimant` for the holder of the role.
    pub(crate) fn believes(&self, now: MissionTime, claimant: &AssetId) -> bool {
        self.succession.believes(now, claimant)
    }

    fn window(&self, plan: u64) -> Window {
        plan_window(&self.settings.contract, plan)
    }

    /// The first epoch that this asset could open in re-planning `plan`.
    fn first_epoch(&self, plan: u64) -> Epoch {
        let Settings { me, contract, .. } = &self.settings;
        let number = contract.epoch_numbers(me).map_or(0, |numbers| numbers.start);
        Epoch { plan, number, opener: me.clone() }
    }

    fn opening_time(&self) -> MissionTime {
        if self.next_plan == 1 {
            return MissionTime::ZERO;
        }
        self.window(self.next_plan).start.minus_s(u64::from(self.settings.contract.lead_s))
    }

    /// A holder that was away opens no window that has already begun.
    fn skip_missed(&mut self, now: MissionTime) {
        let begun = now.whole_s() / u64::from(self.settings.contract.step_s);
        self.next_plan = self.next_plan.max(begun + 1);
    }

    /// A new re-planning among the members in contact; none if there are none. Whoever is before the holder in line is
    /// silent, or the role would not be the holder's.
    fn open(&mut self, now: MissionTime, effects: &mut Vec<Effect>) {
        let Settings { me, contract, vehicle, .. } = &self.settings;
        let takes_part = |member: &AssetId| {
            if member == me {
                return vehicle.is_some();
            }
            self.reachable.contains(member) && (*me == contract.planner || (me < member && *member != contract.planner))
        };
        let members: Vec<AssetId> = contract.members.iter().filter(|member| takes_part(member)).cloned().collect();
        let Epoch { number, .. } = self.first_epoch(self.next_plan);
        if members.is_empty() {
            self.next_plan += 1;
        } else {
            self.open_epoch(now, now, number, members, effects);
        }
    }

    fn open_epoch(
        &mut self,
        now: MissionTime,
        began: MissionTime,
        number: u32,
        members: Vec<AssetId>,
        effects: &mut Vec<Effect>,
    ) {
        let contract = &self.settings.contract;
        let epoch = Epoch { plan: self.next_plan, number, opener: self.settings.me.clone() };
        effects.push(Effect::Enter(epoch.clone()));
        effects.push(Effect::Event(Event::Opened { epoch: epoch.clone(), members: members.clone() }));
        let opening = Opening { epoch, window: self.window(self.next_plan), members };
        let mut planning = Planning::new(now, began, opening, contract);
        planning.repeat = now.plus_s(self.settings.patience_s());
        planning.say(effects);
        self.current = Some(planning);
    }

    /// The same re-planning in a new epoch, among the members that are still there; given up if nobody is, or if somebody
    /// before this asset in line is there again. Each time there are fewer of them, which bounds the epochs.
    fn reopen_without(&mut self, now: MissionTime, gone: &BTreeSet<AssetId>, effects: &mut Vec<Effect>) {
        let Some(planning) = &self.current else { return };
        let Opening { epoch, members, .. } = &planning.opening;
        let (gone, left): (Vec<_>, Vec<_>) = members.iter().cloned().partition(|member| gone.contains(member));
        if gone.is_empty() {
            return;
        }
        let (epoch, began) = (epoch.clone(), planning.began);
        let next = Epoch { number: epoch.number + 1, ..epoch.clone() };
        if left.is_empty() || !self.succession.holds(now) || !self.settings.contract.allows(&next, &left) {
            self.abandon(effects);
            return;
        }
        // Whoever is left out need not go on in vain, should it hear this.
        effects.extend(gone.into_iter().map(|to| Effect::Say { to, payload: Payload::Abandon(epoch.clone()) }));
        self.open_epoch(now, began, next.number, left, effects);
    }

    fn abandon(&mut self, effects: &mut Vec<Effect>) {
        let Some(planning) = self.current.take() else { return };
        let epoch = planning.opening.epoch.clone();
        for to in planning.opening.members {
            effects.push(Effect::Say { to, payload: Payload::Abandon(epoch.clone()) });
        }
        effects.push(Effect::GiveUp { epoch, rounds: planning.rounds });
        self.next_plan += 1;
    }

    /// Every member has logged its part: put the proof on record, if the parts amount to one.
    fn certify(&mut self, effects: &mut Vec<Effect>) {
        let Some(planning) = &self.current else { return };
        let proof = planning.certificate();
        let Some(certificate) = proof.filter(|proof| check_certificate(proof, &self.settings.contract).is_ok()) else {
            self.abandon(effects);
            return;
        };
        let (members, opened) = (planning.opening.members.clone(), planning.began);
        effects.push(Effect::Certify(certificate.clone()));
        self.adopted.push(adopted_plan(&certificate, members));
        effects.push(Effect::Event(Event::Certified { certificate: Box::new(certificate), opened }));
        self.current = None;
        self.next_plan += 1;
    }
}

/// What the holder of the role keeps of a plan: no schedule, but the agreements on all edges.
fn adopted_plan(certificate: &Certificate, members: Vec<AssetId>) -> AdoptedPlan {
    AdoptedPlan {
        epoch: certificate.epoch.clone(),
        members,
        round: certificate.round,
        window: certificate.window,
        schedule: Schedule { window: certificate.window, values: Vec::new() },
        agreements: certificate.agreements.clone(),
        upper: certificate.upper,
        lower: certificate.lower,
    }
}
