//! The link to ROS 2, without a ROS 2 install.
//!
//! What is here: the messages and services of [`interfaces`] as Rust types, with the names and type hashes under which
//! ROS 2 nodes know them, their encoding in [`cdr`], and [`views`], which turn the fleet's nouns into messages that
//! people and tools can read.
//!
//! This crate is also the place of the trait that moves encoded messages (publish, subscribe, serve, call, watch the
//! graph) and of its implementation over Zenoh. Code above moves bytes under a [`TypeId`]; nothing here knows what a
//! plan is for or who may say what: `mesh_model` has the nouns, and an asset acts on signed envelopes only, never on a
//! view.

// Generated code names this crate from outside, so that tests can include more of it.
extern crate self as mesh_ros;

pub mod cdr;
pub mod interfaces;
mod message;
pub mod views;

pub use cdr::Cdr;
pub use message::{Message, Service, TypeId};
