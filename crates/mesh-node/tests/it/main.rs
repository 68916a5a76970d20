//! Missions on real files: flown, audited, replayed, and tampered with.

mod audit;
mod kills;
mod mission;
mod reconstruct;
mod replay;
mod report;
