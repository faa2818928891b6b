//! What measurements mean: how targets compare, how much load they sustain, whether a change is a regression, and what to
//! beware of.
//!
//! Functions of records and recordings, a policy and a seed. Each statistic comes from `stats`; what is kept of the outcome is a
//! type of `model`. This crate must never know a socket, a file, a clock or a thread.

pub mod aa;
pub mod between;
pub mod bisect;
pub mod claims;
pub mod compare;
pub mod design;
pub mod detectable;
pub mod effects;
pub mod errors;
pub mod gate;
pub mod history;
pub mod simulate;
pub mod strategy;
pub mod sweep;
pub mod warmup;
pub mod warnings;
