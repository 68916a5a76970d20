//! The edge core: what the two ends of an edge do, each with its own copy of the flow, to agree on flow and price.
//!
//! The source chooses a copy `a` of the flow that it gives, the sink a copy of what it takes; both copies must be equal.
//! Each end holds a state `s` a step and shares the weight W > 0 of a disagreement with the other end. One round:
//!
//! ```text
//! solve     a  = argmin f + 1/2 W (a - s)^2      the owner's QP, with [`Pull`] added to its cost
//! send      q  = 2a - s                          [`reflect`]
//! receive   s <- (1 - theta) s + theta q_other   [`receive`]
//! ```
//!
//! This is relaxed Peaceman-Rachford splitting on the edge (PDMM); with 0 < theta < 1 it converges for convex f, and it
//! still does when rounds of single edges are lost (Bastianello et al., arXiv 1901.09252), since s lives at the receiver.
//!
//! **Signs.** The price is what one more unit of flow is worth to the sink, which is what it costs the source: at a price
//! the source minimises f - price * flow and the sink f + price * flow, and the sum of the two minima is a lower bound
//! on the joint optimum, because the price terms cancel when the copies are equal. Optimality of the solve gives
//! f'(a) = W (s - a) at either end. The source's marginal cost is its price, so price = W (s - a) there; the sink's
//! marginal cost is minus its price, so price = W (a - s) there. Hence q = a - price/W from the source and
//! q = a + price/W from the sink, and of one round's pair
//!
//! ```text
//! flow  = (q_source + q_sink) / 2,   price = W (q_sink - q_source) / 2.
//! ```
//!
//! Both ends know both numbers exactly as sent, and [`candidate`] is the same sequence of roundings for both, so the
//! candidate is the same at both ends, bit for bit. At a fixed point q_source = s_sink and q_sink = s_source; the copies
//! then equal the flow, both prices equal the price, and the flow is optimal.
//!
//! This page is the arithmetic. [`Terminal`] is one end of all edges with one neighbour, with weights that both ends
//! change together; [`guess`] is what a member's own problem says about them.

mod stride;
mod terminal;
mod weights;

pub use terminal::{Offer, OfferError, Patience, Scaling, Snapshot, Terminal};
pub use weights::guess;

/// Which end of an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// Gives the flow.
    Source,
    /// Takes the flow.
    Sink,
}

/// The weight of a disagreement, the same at both ends and fixed for an epoch: one for all steps, or one a step.
pub trait Weight {
    /// W of `step`; positive.
    fn at(&self, step: usize) -> f64;
}

impl Weight for f64 {
    fn at(&self, _step: usize) -> f64 {
        *self
    }
}

impl Weight for &[f64] {
    fn at(&self, step: usize) -> f64 {
        self[step]
    }
}

/// What `1/2 W (a - s)^2` adds to the cost of an end's own problem, up to a constant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pull {
    /// Added to the entry of the flow variable on the diagonal of P.
    pub diagonal: f64,
    /// Added to its linear cost.
    pub linear: f64,
}

/// The pull towards `state`.
pub fn pull(state: f64, weight: f64) -> Pull {
    Pull { diagonal: weight, linear: -(weight * state) }
}

/// The message of an end: its copy of the flow, reflected at the state.
pub fn reflect(copy: &[f64], state: &[f64]) -> Vec<f64> {
    copy.iter().zip(state).map(|(a, s)| 2.0 * a - s).collect()
}

/// Takes the other end's message into the state; `theta` in (0, 1).
pub fn receive(state: &mut [f64], reflected: &[f64], theta: f64) {
    for (s, q) in state.iter_mut().zip(reflected) {
        *s += theta * (q - *s);
    }
}

/// Flow and price of one round's pair of messages.
pub fn candidate(source: &[f64], sink: &[f64], weight: impl Weight) -> (Vec<f64>, Vec<f64>) {
    let flow = source.iter().zip(sink).map(|(source, sink)| 0.5 * (source + sink)).collect();
    let price =
        source.iter().zip(sink).enumerate().map(|(t, (source, sink))| 0.5 * weight.at(t) * (sink - source)).collect();
    (flow, price)
}

/// The price that an end's own solve implies.
pub fn implied_price(copy: &[f64], state: &[f64], weight: impl Weight, end: End) -> Vec<f64> {
    let away = copy.iter().zip(state).enumerate().map(|(t, (a, s))| weight.at(t) * (a - s));
    match end {
        End::Source => away.map(|price| -price).collect(),
        End::Sink => away.collect(),
    }
}

/// The linear cost that a price puts on one unit of flow at this end.
pub fn cost_of_price(price: f64, end: End) -> f64 {
    match end {
        End::Source => -price,
        End::Sink => price,
    }
}

/// The state from which an end starts if it expects `flow` at `price`: exact if both come true.
pub fn from_plan(flow: &[f64], price: &[f64], weight: impl Weight, end: End) -> Vec<f64> {
    let shift = price.iter().enumerate().map(|(t, price)| price / weight.at(t));
    match end {
        End::Source => flow.iter().zip(shift).map(|(flow, shift)| flow + shift).collect(),
        End::Sink => flow.iter().zip(shift).map(|(flow, shift)| flow - shift).collect(),
    }
}

/// How far one end is from a candidate of the same round, in squared weighted norms. Both ends' primal and dual parts
/// are zero exactly if the candidate is optimal.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Residuals {
    /// Sum of W (copy - flow)^2.
    pub primal_squared: f64,
    /// Sum of (implied price - price)^2 / W.
    pub dual_squared: f64,
    /// Sum of W flow^2 + price^2 / W: what the two above are relative to.
    pub scale_squared: f64,
}

/// The residuals of an end whose solve of the candidate's round gave `copy` at `state`.
pub fn residuals(
    copy: &[f64],
    state: &[f64],
    flow: &[f64],
    price: &[f64],
    weight: impl Weight + Copy,
    end: End,
) -> Residuals {
    let implied = implied_price(copy, state, weight, end);
    let mut sums = Residuals::default();
    for t in 0..copy.len() {
        let w = weight.at(t);
        let (away, off) = (copy[t] - flow[t], implied[t] - price[t]);
        sums.primal_squared += w * away * away;
        sums.dual_squared += off * off / w;
        sums.scale_squared += w * flow[t] * flow[t] + price[t] * price[t] / w;
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source cost x^2/2, sink worth 3x - x^2: optimum at x = 1, price 1.
    fn solve(end: End, state: f64, weight: f64) -> f64 {
        let pull = pull(state, weight);
        match end {
            End::Source => -pull.linear / (1.0 + pull.diagonal),
            End::Sink => (3.0 - pull.linear) / (2.0 + pull.diagonal),
        }
    }

    #[test]
    fn agrees_on_the_flow_and_on_the_marginal_cost() {
        let weight = 0.7;
        let (mut at_source, mut at_sink) = (vec![0.0], vec![0.0]);
        for _ in 0..200 {
            let (gives, takes) =
                (vec![solve(End::Source, at_source[0], weight)], vec![solve(End::Sink, at_sink[0], weight)]);
            let (from_source, from_sink) = (reflect(&gives, &at_source), reflect(&takes, &at_sink));
            receive(&mut at_source, &from_sink, 0.5);
            receive(&mut at_sink, &from_source, 0.5);
        }
        let gives = vec![solve(End::Source, at_source[0], weight)];
        let takes = vec![solve(End::Sink, at_sink[0], weight)];
        let (flow, price) = candidate(&reflect(&gives, &at_source), &reflect(&takes, &at_sink), weight);
        assert!((flow[0] - 1.0).abs() < 1e-12 && (price[0] - 1.0).abs() < 1e-12, "{flow:?} {price:?}");
        for (end, copy, state) in [(End::Source, &gives, &at_source), (End::Sink, &takes, &at_sink)] {
            let residuals = residuals(copy, state, &flow, &price, weight, end);
            assert!(residuals.primal_squared < 1e-24 && residuals.dual_squared < 1e-24);
            assert!((residuals.scale_squared - (0.7 + 1.0 / 0.7)).abs() < 1e-9);
        }
    }

    #[test]
    fn a_good_guess_is_a_fixed_point() {
        let weight: &[f64] = &[2.0];
        let source = from_plan(&[1.0], &[1.0], weight, End::Source);
        let sink = from_plan(&[1.0], &[1.0], weight, End::Sink);
        let (gives, takes) = (solve(End::Source, source[0], 2.0), solve(End::Sink, sink[0], 2.0));
        assert_eq!((gives, takes), (1.0, 1.0));
        assert_eq!(reflect(&[gives], &source), sink);
        assert_eq!(reflect(&[takes], &sink), source);
    }
}
