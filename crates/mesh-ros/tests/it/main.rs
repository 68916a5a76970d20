//! The generated messages as a whole: their hashes, their encoding, what they do with hostile bytes, and the generator.
//! And nodes that talk over the Zenoh backend, with routers and peers that behave badly.

mod encoding;
mod every;
mod facts;
#[path = "../../build/generator/mod.rs"]
mod generator;
mod hashes;
mod hostile;
mod network;
mod outages;
mod reference;
mod refusals;
mod rude_peers;
mod services;
mod topics;

/// The messages of `tests/interfaces`, generated like those of the crate.
mod generated {
    include!(concat!(env!("OUT_DIR"), "/test_interfaces.rs"));
}
