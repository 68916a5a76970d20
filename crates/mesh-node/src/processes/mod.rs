//! A mission flown by processes: one for each member, one for the world, and the one that supervises them.
//!
//! The processes meet on two planes. On the local plane (ROS 2, through a router that the supervisor embeds) the
//! simulator grants each member its ticks by a service, and everybody shows what it does. On the mesh plane members send
//! each other what is signed. A member that is killed is started again and executes its own recording up to where it
//! was; whoever has sent it something sends it again.

mod control;
mod flight;
mod inbox;
mod member;
mod member_shell;
mod mission_file;
mod news;
mod queries;
mod sensors;
mod simulator;
mod views;

pub use control::Figures;
pub use flight::{ProcessEvent, ProcessFlight, ProcessObserver, ProcessRun};
pub use member::{End, Homecoming, MemberOptions, fly_member};
pub use mission_file::{MissionFile, MissionMember, Pace};
pub use simulator::{SimulatorOptions, simulate};
