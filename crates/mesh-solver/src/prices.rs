//! Few shared prices, many agents: a bus, a band, a market that everybody buys from.
//!
//! N agents with costs f_i choose x_i; their shares add up, junction by junction, to S(x), and a [`Market`] a junction says
//! what a sum costs. With a price a junction the dual
//!
//! ```text
//! G(p) = sum_i min_x (f_i(x) + p's_i(x))  -  what the markets would do at p
//! ```
//!
//! is concave and has the gradient S + offset - softness p, so one number a junction, added up over a tree, is all that
//! is needed to climb it. The agents answer prices with sums of shares of their subtree, the root looks for the prices:
//!
//! - [`Market`]: what a junction's sum costs, and what is lost if it is not the one that its price asks for.
//! - [`Responder`]: an agent's answer to prices, exact for a [`Knapsack`], by the local QP otherwise.
//! - [`Search`]: prices from gradients, by secants; by plain ascent, which always arrives, where these do not get on.
//! - [`Node`]: one agent in the tree, without any input or output of its own. [`message`] is what it says.
//! - [`Tree`]: who hangs below whom, and all nodes of a tree in one process.
//!
//! Nothing but these sums and bounds leaves an agent: no curvature, no active set. How the root learns the curvature
//! of the whole is the business of the secants.

pub mod message;

mod knapsack;
mod market;
mod node;
mod responder;
mod search;
mod tree;

pub use knapsack::Knapsack;
pub use market::{Market, MarketError};
pub use node::{Node, NodeError, Output, PeerError};
pub use responder::{Bounds, Responder};
pub use search::{Search, Settings, Verdict};
pub use tree::{Outcome, Solved, Tree, TreeError, Unsolved};

/// Most junctions of one tree.
pub const JUNCTIONS_MAX: usize = 256;
/// Largest absolute price.
pub const PRICE_MAX: f64 = 1e12;
