//! What is kept of a run or a sweep, in ordered keys with their units in their names.

pub mod aa;
pub mod comparison;
pub mod detectable;
pub mod experiment;
pub mod metric;
pub mod run;
pub mod sweep;
pub mod timed;
pub mod validity;
pub mod warmup;
