//! The link to ROS 2, without a ROS 2 install.
//!
//! What is here: the messages and services of [`interfaces`] as Rust types, with the names and type hashes under which
//! ROS 2 nodes know them, their encoding in [`cdr`], and [`views`], which turn the fleet's nouns into messages that
//! people and tools can read.
//!
//! A [`Node`] publishes, subscribes, serves and calls with these types. Below it a [`backend::RosBackend`] moves bytes
//! under a [`TypeId`] and knows no message; the one here, [`rmw_zenoh`], needs nothing but Zenoh and speaks the wire of
//! rmw_zenoh. Nothing here knows what a plan is for or who may say what: `mesh_model` has the nouns, and an asset acts on
//! signed envelopes only, never on a view.
//!
//! ```no_run
//! use mesh_ros::interfaces::rosgraph_msgs::msg::Clock;
//! use mesh_ros::rmw_zenoh::{Router, Settings, ZenohBackend};
//! use mesh_ros::{Node, Qos};
//!
//! let router = Router::open(0)?;
//! let backend = ZenohBackend::connect(&Settings::local(router.port()))?;
//! let node = Node::new(backend, "/base", "watch")?;
//! let _subscription = node.subscribe("/clock", Qos::CLOCK, |clock: Clock| println!("{}", clock.clock.sec))?;
//! let publisher = node.publisher("/clock", Qos::CLOCK)?;
//! publisher.publish(&Clock::default())?;
//! # Ok::<(), mesh_ros::RosError>(())
//! ```

// Generated code names this crate from outside, so that tests can include more of it.
extern crate self as mesh_ros;

pub mod backend;
pub mod cdr;
pub mod counters;
mod error;
pub mod graph;
pub mod interfaces;
mod message;
pub mod name;
mod node;
mod qos;
pub mod rmw_zenoh;
pub mod views;
pub mod zenoh_config;

pub use cdr::Cdr;
pub use counters::Counts;
pub use error::{CallError, REASON_LENGTH_MAX, RosError};
pub use graph::Graph;
pub use message::{Message, Service, TypeId};
pub use node::{Client, Node, Publisher, Responder, Server, Severity, Subscription};
pub use qos::{Durability, History, KEPT_MAX, Qos, Reliability};
pub use zenoh_config::PAYLOAD_LENGTH_MAX;
