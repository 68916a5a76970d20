//! The mesh plane on real sockets, on loopback: what passes between members, and what nobody else gets in or out.

mod child;
mod exchange;
mod loss;
mod refusal;
mod room;
