//! What can go wrong, split by who is at fault.

use mesh_model::{Edge, Window};

/// The caller gave an adapter something that does not fit the vehicle.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AdapterError {
    /// The window does not begin on the planning grid, or is empty.
    #[error("the window that starts at {} does not lie on the grid of {} s steps", window.start, window.step_s)]
    WindowOffGrid {
        /// The window.
        window: Window,
    },
    /// The almanac ends before the window does.
    #[error("the forecast has {have} steps where {need} are needed")]
    ForecastTooShort {
        /// Steps that are needed, counted from the start of the mission.
        need: usize,
        /// Steps that there are.
        have: usize,
    },
    /// The telemetry is from another kind of vehicle.
    #[error("telemetry from a {got} given to the adapter of a {expected}")]
    WrongTelemetry {
        /// What the adapter is for.
        expected: &'static str,
        /// What the telemetry is from.
        got: &'static str,
    },
    /// The values are not those of the problem over the same window.
    #[error("{got} values for a problem of {expected} variables")]
    WrongValueCount {
        /// Variables of the problem.
        expected: usize,
        /// Values that were given.
        got: usize,
    },
    /// A vehicle of this kind cannot be this end of an edge.
    #[error("a {domain} cannot be this end of {edge}")]
    UnusableEdge {
        /// The edge.
        edge: Edge,
        /// The kind of vehicle.
        domain: &'static str,
    },
    /// A figure, a forecast or a value is not a finite number.
    #[error("{what} is not a finite number")]
    NotFinite {
        /// Where it stands.
        what: String,
    },
}
