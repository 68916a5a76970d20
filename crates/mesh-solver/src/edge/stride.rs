//! Halpern's step, and how far an edge went since it was begun.
//!
//! ```text
//! s <- s0 / (k + 2) + (k + 1) / (k + 2) q        s0: the state at the anchor, k: steps since
//! ```
//!
//! It needs every step of both ends: whoever misses one must weigh the anchor and go on with the plain step. Where anchors
//! are dropped is not for one edge to say: the step is an edge's own, the restart that of all.

/// The stretch of steps that an end is in.
#[derive(Debug, Clone, Default)]
pub(super) struct Stride {
    anchor: Option<Anchor>,
    /// Flow and price of the newest pair of words, and of that when the anchor was dropped last.
    newest: Option<(Vec<f64>, Vec<f64>)>,
    mark: Option<(Vec<f64>, Vec<f64>)>,
}

#[derive(Debug, Clone)]
struct Anchor {
    state: Vec<f64>,
    steps: u32,
}

impl Stride {
    pub(super) fn drop_anchor(&mut self, state: &[f64]) {
        self.anchor = Some(Anchor { state: state.to_vec(), steps: 0 });
        self.mark.clone_from(&self.newest);
    }

    pub(super) fn weigh_anchor(&mut self) {
        self.anchor = None;
    }

    pub(super) fn is_anchored(&self) -> bool {
        self.anchor.is_some()
    }

    pub(super) fn note(&mut self, flow: Vec<f64>, price: Vec<f64>) {
        self.newest = Some((flow, price));
    }

    /// Takes the step if there is an anchor; whether it did.
    pub(super) fn step(&mut self, state: &mut [f64], reflected: &[f64]) -> bool {
        let Some(anchor) = &mut self.anchor else { return false };
        let steps = f64::from(anchor.steps);
        let (back, on) = (1.0 / (steps + 2.0), (steps + 1.0) / (steps + 2.0));
        for ((s, q), begun) in state.iter_mut().zip(reflected).zip(&anchor.state) {
            *s = back * begun + on * q;
        }
        anchor.steps = anchor.steps.saturating_add(1);
        true
    }

    /// By which power of two each weight should change, from how far price and flow went since the anchor was dropped.
    pub(super) fn imbalance(&self, weights: &[f64]) -> Option<Vec<i8>> {
        let (mark, newest) = (self.mark.as_ref()?, self.newest.as_ref()?);
        let power = |(k, weight): (usize, &f64)| {
            let flow = (newest.0[k] - mark.0[k]).abs();
            let price = (newest.1[k] - mark.1[k]).abs() / weight;
            i8::from(price > IMBALANCE * flow) - i8::from(flow > IMBALANCE * price)
        };
        Some(weights.iter().enumerate().map(power).collect())
    }
}

/// The ratio of distances beyond which a weight is wrong. What is measured here went one way for a whole stretch, so it
/// says more than as many single steps.
const IMBALANCE: f64 = 3.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_is_the_plain_one_and_later_ones_come_back_less() {
        let mut stride = Stride::default();
        let mut state = [4.0];
        assert!(!stride.step(&mut state, &[0.0]));
        stride.drop_anchor(&state);
        assert!(stride.step(&mut state, &[0.0]));
        assert_eq!(state, [2.0]);
        assert!(stride.step(&mut state, &[0.0]));
        assert!((state[0] - 4.0 / 3.0).abs() < 1e-15);
        stride.weigh_anchor();
        assert!(!stride.step(&mut state, &[0.0]));
    }

    #[test]
    fn a_weight_is_wrong_where_the_price_went_much_further_than_the_flow() {
        let mut stride = Stride::default();
        assert_eq!(stride.imbalance(&[1.0]), None);
        stride.note(vec![0.0; 3], vec![0.0; 3]);
        stride.drop_anchor(&[0.0; 3]);
        stride.note(vec![1.0, 1.0, 1.0], vec![8.0, 4.0, 0.5]);
        assert_eq!(stride.imbalance(&[2.0; 3]), Some(vec![1, 0, -1]));
    }
}
