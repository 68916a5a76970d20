//! One member: evaluates, tells its neighbours, passes on what it hears, and goes on when it has heard of everyone.

use super::collective::{Collective, Progress};
use super::local::Local;
use super::message::{Finding, Message, PeerError, Profile};
use super::wiring::Wiring;
use super::{Settings, Unsettled, Verdict};
use crate::network::Member;
use std::collections::{BTreeMap, BTreeSet};

/// The state machine of one member.
#[derive(Debug, Clone)]
pub struct Agent {
    settings: Settings,
    wiring: Wiring,
    index: usize,
    /// The members that this one can reach, itself included.
    connected: Vec<usize>,
    local: Option<Local>,
    collective: Option<Collective>,
    /// The number of basic shares of each member that has been heard of.
    basic: BTreeMap<usize, usize>,
    /// What was heard of the evaluation under way, the one before and the one after.
    heard: BTreeMap<(u32, usize), Finding>,
    evaluation: u32,
    /// Findings that are to be sent to a neighbour.
    outbox: BTreeMap<usize, BTreeSet<(u32, usize)>>,
    /// What this member asked all its neighbours for in the evaluation under way.
    asked: BTreeSet<(u32, usize)>,
    /// Rounds since anything new was heard.
    silent: u32,
    verdict: Option<Verdict>,
    plan: Option<Vec<f64>>,
    newest: Option<(f64, Option<f64>)>,
}

impl Agent {
    /// Member `index` of a network with this wiring.
    pub fn new(settings: Settings, wiring: Wiring, index: usize, member: &Member) -> Self {
        let connected = wiring.connected(index);
        let mut agent = Self {
            settings,
            connected,
            index,
            local: None,
            collective: None,
            basic: BTreeMap::new(),
            heard: BTreeMap::new(),
            evaluation: 0,
            outbox: wiring.neighbours(index).iter().map(|other| (*other, BTreeSet::new())).collect(),
            wiring,
            asked: BTreeSet::new(),
            silent: 0,
            verdict: None,
            plan: None,
            newest: None,
        };
        match Local::new(index, &agent.settings, member) {
            Ok((local, finding)) => {
                agent.local = Some(local);
                agent.take(finding);
                agent.go_on();
            }
            Err(why) => agent.verdict = Some(Verdict::Unsettled(why)),
        }
        agent
    }

    /// Takes in what a neighbour sent. After an error nothing of the faulty finding is kept; the others are, unless the
    /// message holds more than it can.
    pub fn handle(&mut self, from: usize, message: Message) -> Result<(), PeerError> {
        if !self.wiring.neighbours(self.index).contains(&from) {
            return Err(PeerError::Stranger { from });
        }
        self.check_counts(from, &message)?;
        let mut outcome = Ok(());
        for finding in message.findings {
            match self.check(from, &finding) {
                Ok(true) => {
                    self.take(finding);
                    self.silent = 0;
                }
                Ok(false) => {}
                Err(error) => outcome = Err(error),
            }
        }
        if let Some((evaluation, members)) = message.lacking {
            let lacks = members.into_iter().map(|member| (evaluation, usize::from(member)));
            let known = lacks.filter(|place| self.heard.contains_key(place));
            self.outbox.entry(from).or_default().extend(known);
        }
        self.go_on();
        outcome
    }

    /// What is to be sent in this round: one message at most to each neighbour.
    pub fn messages_of_round(&mut self) -> Vec<(usize, Message)> {
        let lacking = self.lacking();
        let mut messages = Vec::new();
        for (to, waiting) in &mut self.outbox {
            let findings: Vec<Finding> =
                std::mem::take(waiting).iter().filter_map(|place| self.heard.get(place).cloned()).collect();
            if !findings.is_empty() || lacking.is_some() {
                messages.push((*to, Message { findings, lacking: lacking.clone() }));
            }
        }
        messages
    }

    /// How it ended, once it has.
    pub fn verdict(&self) -> Option<Verdict> {
        self.verdict
    }

    /// The member's variables, once the members have converged.
    pub fn plan(&self) -> Option<&[f64]> {
        self.plan.as_deref()
    }

    /// Evaluations so far.
    pub fn evaluations(&self) -> u32 {
        self.evaluation + 1
    }

    /// Mismatch and relative gap of the newest evaluation that this member has heard of completely.
    pub fn newest(&self) -> Option<(f64, Option<f64>)> {
        self.newest
    }

    /// Whether a message says no more than a neighbour can have to say: what it found and heard in three evaluations, and
    /// each member that it lacks once.
    fn check_counts(&self, from: usize, message: &Message) -> Result<(), PeerError> {
        let few = |what, found: usize, limit: usize| {
            if found <= limit { Ok(()) } else { Err(PeerError::TooMany { from, what, found, limit }) }
        };
        few("findings", message.findings.len(), 3 * self.connected.len())?;
        let Some((evaluation, members)) = &message.lacking else { return Ok(()) };
        few("members that are lacked", members.len(), self.connected.len())?;
        if let Some(origin) = members.iter().find(|member| !self.connected.contains(&usize::from(**member))) {
            return Err(PeerError::NoSuchMember { origin: *origin });
        }
        if self.evaluation.abs_diff(*evaluation) > 1 {
            return Err(PeerError::Late { from, evaluation: *evaluation, current: self.evaluation });
        }
        if members.windows(2).any(|pair| pair[0] >= pair[1]) { Err(PeerError::Lacking { from }) } else { Ok(()) }
    }

    /// Whether a finding is news, if it is well formed and comes from where it may come from.
    fn check(&self, from: usize, finding: &Finding) -> Result<bool, PeerError> {
        let (origin, evaluation) = (finding.origin, finding.evaluation);
        let member = usize::from(origin);
        if !self.connected.contains(&member) {
            return Err(PeerError::NoSuchMember { origin });
        }
        if member == self.index {
            return Err(PeerError::Own { from, evaluation });
        }
        if self.evaluation.abs_diff(evaluation) > 1 {
            return Err(PeerError::OutOfTurn { origin, evaluation, current: self.evaluation });
        }
        match self.heard.get(&(evaluation, member)) {
            Some(known) if known == finding => return Ok(false),
            Some(_) => return Err(PeerError::Contradiction { origin, evaluation }),
            None => {}
        }
        if !self.wiring.is_way(member, from, self.index) && !self.asked.contains(&(evaluation, member)) {
            return Err(PeerError::OutOfWay { from, origin });
        }
        let basic = if evaluation == 0 { None } else { self.basic.get(&member).copied() };
        if evaluation > 0 && basic.is_none() {
            // What it can be checked against has not arrived; it will be asked for when its turn comes.
            return Ok(false);
        }
        finding.check(basic, self.wiring.touches(member).len())?;
        Ok(true)
    }

    /// Keeps a finding and queues it for those who hear of it from here.
    fn take(&mut self, finding: Finding) {
        let origin = usize::from(finding.origin);
        let place = (finding.evaluation, origin);
        if finding.profile.is_some() {
            self.basic.insert(origin, finding.shares.len());
        }
        for to in self.wiring.children(origin, self.index) {
            self.outbox.entry(to).or_default().insert(place);
        }
        self.heard.insert(place, finding);
    }

    /// Evaluates trial points for as long as everything about the last one is known.
    fn go_on(&mut self) {
        while self.verdict.is_none() {
            let findings: Option<Vec<&Finding>> =
                self.connected.iter().map(|member| self.heard.get(&(self.evaluation, *member))).collect();
            let Some(findings) = findings else { return };
            if self.collective.is_none() {
                let profiles: Option<Vec<&Profile>> = findings.iter().map(|finding| finding.profile.as_ref()).collect();
                let Some(profiles) = profiles else { return };
                match Collective::new(&self.settings, &self.wiring, &self.connected, &profiles) {
                    Ok(collective) => self.collective = Some(collective),
                    Err(why) => self.verdict = Some(Verdict::Unsettled(why)),
                }
            }
            let Some(collective) = &mut self.collective else { return };
            let gap = collective.gap(&findings).map(|gap| gap.relative());
            if let (Some(local), Some(candidate)) = (&mut self.local, collective.improvement(&findings)) {
                local.keep(candidate);
            }
            self.newest = Some((collective.mismatch_squared(&findings).sqrt(), gap));
            match collective.next(&findings) {
                Progress::Onwards => self.evaluate(),
                Progress::Arrived(gap) => {
                    self.plan = self.local.as_ref().and_then(Local::best).map(<[f64]>::to_vec);
                    self.verdict = Some(Verdict::Converged(gap));
                }
                Progress::Lost(why) => self.verdict = Some(Verdict::Unsettled(why)),
            }
        }
    }

    /// Evaluates the trial point that the collective has chosen.
    fn evaluate(&mut self) {
        let (Some(collective), Some(local)) = (&self.collective, &mut self.local) else { return };
        self.evaluation = collective.evaluation();
        let question = collective.question(self.connected.binary_search(&self.index).unwrap_or(0));
        match local.evaluate(self.evaluation, &question, collective.mu(), collective.mu_of_bounds()) {
            Some(finding) => {
                self.heard.retain(|(evaluation, _), _| evaluation + 1 >= self.evaluation);
                self.asked.clear();
                self.take(finding);
            }
            None => self.verdict = Some(Verdict::Unsettled(Unsettled::Numbers)),
        }
    }

    /// Counts a round, and says what is missing once it has been missing for long.
    fn lacking(&mut self) -> Option<(u32, Vec<u16>)> {
        self.silent += 1;
        if self.verdict.is_some() || self.silent <= self.wiring.diameter(self.index) + self.settings.patience {
            return None;
        }
        self.silent = 0;
        let places = self.connected.iter().map(|member| (self.evaluation, *member));
        self.asked = places.filter(|place| !self.heard.contains_key(place)).collect();
        Some((self.evaluation, self.asked.iter().map(|(_, member)| *member as u16).collect()))
    }
}
