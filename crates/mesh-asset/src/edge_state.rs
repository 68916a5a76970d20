//! One end of one edge during one epoch: what this end holds of the flow, what it said and heard, round by round.

use mesh_model::problem::Window;
use mesh_model::{
    AssetId, Canonical, Edge, EdgeAgreement, FleetContract, Hash, LocalProblem, Opening, Port, Real, Variable,
};
use mesh_solver::edge::{self, End, Offer, Patience, Pull, Residuals, Scaling, Terminal};
use std::collections::BTreeMap;

/// What two ends agreed on last, and for when: where the next negotiation starts from, and what holds while one of them
/// cannot be reached.
#[derive(Debug, Clone)]
pub(crate) struct Agreed {
    pub(crate) window: Window,
    pub(crate) flow: Vec<f64>,
    pub(crate) price: Vec<f64>,
    /// The weight of the edge at the end of it.
    pub(crate) weight: f64,
}

impl Agreed {
    /// The flow agreed for the steps of `window`; nothing was agreed for steps past the old window.
    pub(crate) fn frozen_flow(&self, window: &Window) -> Vec<f64> {
        (0..usize::from(window.steps))
            .map(|step| {
                self.window.step_at(window.step_start(step)).and_then(|old| self.flow.get(old)).copied().unwrap_or(0.0)
            })
            .collect()
    }

    /// Flow and price for the steps of `window` as a first guess: a step past the old window is taken to be like the
    /// one a whole window length earlier, for a window is a day.
    fn guess(&self, window: &Window) -> Guess {
        let past = window.start.minus_s(self.window.start.whole_s()).whole_s();
        let shift = (past / u64::from(window.step_s).max(1)) as usize;
        let steps = usize::from(window.steps);
        let rotated = |values: &[f64]| -> Vec<f64> {
            values.iter().cycle().skip(shift % values.len().max(1)).take(steps).copied().collect()
        };
        Guess { flow: rotated(&self.flow), price: rotated(&self.price) }
    }
}

/// An agreement, turned to another window.
struct Guess {
    flow: Vec<f64>,
    price: Vec<f64>,
}

/// One end of one edge.
pub(crate) struct EdgeEnd {
    pub(crate) edge: Edge,
    pub(crate) neighbour: AssetId,
    /// The variable of each step, none where this end has no flow.
    pub(crate) variables: Vec<Option<u32>>,
    /// The range of flows that this end can take; that both ends can take once they have met.
    pub(crate) lower: Vec<f64>,
    pub(crate) upper: Vec<f64>,
    /// Whether the neighbour's range is known.
    pub(crate) met: bool,
    /// What was agreed last, turned to this window, and the weight at the end of it.
    guess: Guess,
    weight: f64,
    /// The end in the edge core: one edge of it a step.
    terminal: Terminal,
    /// Own and heard words by round, the newest [`ROUNDS_KEPT`] of each.
    said: BTreeMap<u32, Word>,
    heard: BTreeMap<u32, Word>,
    /// The newest round whose message has been absorbed.
    absorbed: u32,
}

/// What one end says in one round.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Word {
    /// Number of the weight that it is said under.
    pub(crate) weight: u32,
    /// The reflected state.
    pub(crate) reflected: Vec<f64>,
    /// From the source in a checked round: its copy of the flow.
    pub(crate) offered: Vec<f64>,
    /// From the source in a checked round: the power of two by which both ends multiply the weight after it.
    pub(crate) rescale: i8,
}

/// The flow and price that one round's pair of messages define, the same at both ends, bit for bit.
pub(crate) struct Candidate {
    pub(crate) flow: Vec<f64>,
    pub(crate) price: Vec<f64>,
}

impl EdgeEnd {
    /// This end of the edge of `port`; `weight` is the contract's, for an edge on which nothing was agreed yet.
    pub(crate) fn new(
        me: &AssetId,
        port: &Port,
        variables: &[Variable],
        weight: f64,
        agreed: Option<&Agreed>,
        window: &Window,
    ) -> Option<Self> {
        let neighbour = port.edge.other_end(me)?.clone();
        let end = if port.edge.source == *me { End::Source } else { End::Sink };
        let bound = |of: fn(&Variable) -> Real| {
            port.flow.iter().map(|v| v.map_or(0.0, |v| of(&variables[v as usize]).value())).collect::<Vec<f64>>()
        };
        let steps = port.flow.len();
        let nothing = || Guess { flow: vec![0.0; steps], price: vec![0.0; steps] };
        let weight = agreed.map_or(weight, |agreed| agreed.weight);
        Some(Self {
            edge: port.edge.clone(),
            neighbour,
            variables: port.flow.clone(),
            lower: bound(|v| v.lower),
            upper: bound(|v| v.upper),
            met: false,
            terminal: Terminal::new(end, vec![Some(weight); steps], vec![0.0; steps]),
            guess: agreed.map_or_else(nothing, |agreed| agreed.guess(window)),
            weight,
            said: BTreeMap::new(),
            heard: BTreeMap::new(),
            absorbed: 0,
        })
    }

    /// Takes the neighbour's range and its guess of the weight into account. Returns the step and the amount by which the
    /// two ranges miss each other if they do.
    pub(crate) fn meet(&mut self, lower: &[Real], upper: &[Real], weight: Real) -> Result<(), (usize, f64)> {
        for step in 0..self.lower.len() {
            let low = self.lower[step].max(lower[step].value());
            let high = self.upper[step].min(upper[step].value());
            if low > high {
                return Err((step, low - high));
            }
            (self.lower[step], self.upper[step]) = (low, high);
        }
        self.terminal.reweigh(0, &self.guess_of(weight), 0);
        self.met = true;
        Ok(())
    }

    /// Puts what both ends can take into the bounds of this end's flows.
    pub(crate) fn narrow(&self, problem: &mut LocalProblem) -> Result<(), mesh_model::NotFinite> {
        for (step, variable) in self.variables.iter().enumerate() {
            let Some(variable) = variable else { continue };
            let variable = &mut problem.variables[*variable as usize];
            (variable.lower, variable.upper) = (Real::new(self.lower[step])?, Real::new(self.upper[step])?);
        }
        Ok(())
    }

    /// Whether the neighbour's guess of the weight is one.
    pub(crate) fn is_guess(&self, weight: Real) -> bool {
        self.guess_of(weight).check(self.lower.len()).is_ok()
    }

    /// What this end takes for the right weight, before it is agreed.
    pub(crate) fn guessed_weight(&self) -> f64 {
        self.weight
    }

    /// The weight that holds; that of all steps is the same.
    pub(crate) fn weight(&self) -> f64 {
        self.terminal.weights().first().copied().unwrap_or(self.weight)
    }

    /// Sets the starting point: the last agreement if there is one, else nothing.
    pub(crate) fn start(&mut self) {
        for step in 0..self.lower.len() {
            if !self.is_open(step) {
                (self.guess.flow[step], self.guess.price[step]) = (self.lower[step], 0.0);
            }
        }
        self.terminal.start_from(&self.guess.flow, &self.guess.price);
    }

    /// Whether there is anything to agree on in this step: both ends have a range and it is more than a point.
    pub(crate) fn is_open(&self, step: usize) -> bool {
        self.variables[step].is_some() && self.lower[step] < self.upper[step]
    }

    /// The open steps with their variables.
    pub(crate) fn open_variables(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        (0..self.lower.len()).filter_map(|step| {
            let variable = self.variables[step]?;
            self.is_open(step).then_some((step, variable as usize))
        })
    }

    /// The pull of the edge core on the flow of `step`.
    pub(crate) fn pull(&self, step: usize) -> Pull {
        self.terminal.pull(step)
    }

    /// What a price adds to the linear cost of this end's flow.
    pub(crate) fn cost_of_price(&self, price: f64) -> f64 {
        edge::cost_of_price(price, self.terminal.end())
    }

    /// Takes the copy from a solve and makes the word of `round` of it; in a checked round a source offers its copy, and
    /// other weights if these are wrong.
    pub(crate) fn solved(&mut self, round: u32, checked: bool, values: &[f64]) {
        let copy = (0..self.lower.len()).map(|step| match self.variables[step] {
            Some(variable) if self.is_open(step) => values[variable as usize],
            _ => self.lower[step],
        });
        self.terminal.solved(copy.collect());
        let (mut offered, mut rescale) = (Vec::new(), 0);
        if checked && self.terminal.end() == End::Source {
            offered = self.terminal.copies().to_vec();
            self.terminal.propose(round.into(), REWEIGHING, Scaling::Together);
            if let Offer::Scale(powers) = self.terminal.offer() {
                rescale = powers.first().copied().unwrap_or(0);
            }
        }
        let weight = self.terminal.number();
        let reflected = self.terminal.say().to_vec();
        keep(&mut self.said, round, Word { weight, reflected, offered, rescale });
    }

    /// The word of `round`, while it is kept.
    pub(crate) fn word(&self, round: u32) -> Option<&Word> {
        self.said.get(&round)
    }

    /// Hears the neighbour's word of `round`; whether it is one that a neighbour can say.
    pub(crate) fn hear(&mut self, round: u32, word: Word) -> bool {
        let steps = self.lower.len();
        let offers_all = word.offered.is_empty() || word.offered.len() == steps;
        let sound = word.reflected.len() == steps && offers_all && self.rescaling(&word).check(steps).is_ok();
        if sound {
            keep(&mut self.heard, round, word);
        }
        sound
    }

    /// Whether the neighbour's message of `round` has come.
    pub(crate) fn has_heard(&self, round: u32) -> bool {
        self.heard.contains_key(&round)
    }

    /// The newest round heard from the neighbour.
    pub(crate) fn newest_heard(&self) -> Option<u32> {
        self.heard.last_key_value().map(|(round, _)| *round)
    }

    /// Absorbs the newest message heard, once.
    pub(crate) fn absorb(&mut self) {
        if let Some((round, word)) = self.heard.last_key_value()
            && *round > self.absorbed
        {
            self.terminal.receive(word.weight, &word.reflected, THETA);
            self.absorbed = *round;
        }
    }

    /// Takes up the weight that the source offered in the checked round `round`; whether it is another. Neither end leaves
    /// such a round without the other's word, so both do this at the same place.
    pub(crate) fn settle(&mut self, round: u32) -> bool {
        let words = if self.terminal.end() == End::Source { &self.said } else { &self.heard };
        let Some(word) = words.get(&round) else { return false };
        let offer = self.rescaling(word);
        self.terminal.take_up(&offer, round.into(), REWEIGHING)
    }

    /// The candidate of `round`, the newest, if both of its words are known here and are of the same weight, and this
    /// end's residuals against it.
    ///
    /// Its flow is what the source offers, for that the source can surely give, and a sink may leave it unused; a price
    /// below zero would bound nothing, for the same reason.
    pub(crate) fn candidate(&self, round: u32) -> Option<(Candidate, Residuals)> {
        let (said, heard) = (self.said.get(&round)?, self.heard.get(&round)?);
        let source = if self.terminal.end() == End::Source { said } else { heard };
        if said.weight != heard.weight || source.offered.len() != self.lower.len() {
            return None;
        }
        let (_, mut price) = self.terminal.candidate(&heard.reflected);
        let mut flow = source.offered.clone();
        for step in 0..flow.len() {
            flow[step] = flow[step].clamp(self.lower[step], self.upper[step]);
            price[step] = if self.lower[step] < self.upper[step] { price[step].max(0.0) } else { 0.0 };
        }
        let residuals = self.terminal.residuals(&flow, &price);
        Some((Candidate { flow, price }, residuals))
    }

    /// A guess of the weight, as the edge core has it: one a step.
    fn guess_of(&self, weight: Real) -> Offer {
        Offer::Guess(vec![Some(weight.value()); self.lower.len()])
    }

    /// What a word asks of the weights, as the edge core has it.
    fn rescaling(&self, word: &Word) -> Offer {
        match word.rescale {
            0 => Offer::Keep,
            power => Offer::Scale(vec![power; self.lower.len()]),
        }
    }
}

impl Candidate {
    /// As a signed noun. Fails on numbers that are not finite, which no bounded problem gives.
    pub(crate) fn agreement(&self, edge: &Edge) -> Option<EdgeAgreement> {
        Some(EdgeAgreement {
            edge: edge.clone(),
            flow: Real::all(&self.flow).ok()?,
            price: Real::all(&self.price).ok()?,
        })
    }
}

/// The ends of the edges to other members of an epoch, in edge order. The flows over all other edges are fixed in
/// `problem` at what was agreed last, or at none.
pub(crate) fn edge_ends(
    me: &AssetId,
    contract: &FleetContract,
    opening: &Opening,
    problem: &mut LocalProblem,
    agreed: &BTreeMap<Edge, Agreed>,
) -> Vec<EdgeEnd> {
    let LocalProblem { variables, ports, .. } = problem;
    let mut ends = Vec::new();
    for port in ports {
        if port.edge.other_end(me).is_some_and(|neighbour| opening.members.contains(neighbour)) {
            let weight = contract.junction(&port.edge.junction).map_or(1.0, |junction| junction.weight.value());
            let last = agreed.get(&port.edge);
            ends.extend(EdgeEnd::new(me, port, variables, weight, last, &opening.window));
        } else {
            let frozen = agreed.get(&port.edge).map(|agreed| agreed.frozen_flow(&opening.window));
            freeze(port, variables, frozen.as_deref().unwrap_or(&[]));
        }
    }
    ends.sort_by(|a, b| a.edge.cmp(&b.edge));
    ends
}

/// Fixes the flows of `port`, as far as its variables can take them.
fn freeze(port: &Port, variables: &mut [Variable], flow: &[f64]) {
    for (step, variable) in port.flow.iter().enumerate() {
        let Some(variable) = variable.and_then(|variable| variables.get_mut(variable as usize)) else { continue };
        let flow = flow.get(step).copied().unwrap_or(0.0).clamp(variable.lower.value(), variable.upper.value());
        let flow = Real::new(flow).unwrap_or(variable.lower);
        (variable.lower, variable.upper) = (flow, flow);
    }
}

/// The hash by which both ends name a candidate.
pub(crate) fn candidate_hash(agreement: &EdgeAgreement) -> Hash {
    agreement.hash()
}

fn keep(words: &mut BTreeMap<u32, Word>, round: u32, word: Word) {
    words.insert(round, word);
    while words.len() > ROUNDS_KEPT {
        words.pop_first();
    }
}

/// The plain averaged step, which converges under loss and delay for every value below 1: the mission's plans take 355
/// rounds at 0.5, 275 at 0.7, 255 at 0.8 and 235 at 0.9 (seed 1), and where costs have flat directions a value near 1
/// goes round in circles.
const THETA: f64 = 0.8;
/// Every other checked round may bring another weight: with every one, changes overtake what they do. After so many the
/// weight stays what it is, for the rounds converge with any that stays, and no neighbour can keep another busy.
const REWEIGHING: Patience = Patience { every: 8, changes_max: 100 };
/// Ends are at most one round apart while messages flow; the rest is room for late ones.
const ROUNDS_KEPT: usize = 8;
