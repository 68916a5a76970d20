//! The generated messages as a whole: their hashes, their encoding, what they do with hostile bytes, and the generator.

mod encoding;
mod every;
mod facts;
#[path = "../../build/generator/mod.rs"]
mod generator;
mod hashes;
mod hostile;
mod reference;
mod refusals;

/// The messages of `tests/interfaces`, generated like those of the crate.
mod generated {
    include!(concat!(env!("OUT_DIR"), "/test_interfaces.rs"));
}
