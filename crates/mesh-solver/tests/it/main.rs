//! The solver against an independent one, over random problems of every unpleasant kind.

mod bounds;
mod coupled;
mod generate;
mod random;
mod referee;
mod warm;
