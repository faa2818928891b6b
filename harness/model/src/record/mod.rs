//! What is kept of a run or a sweep, in ordered keys with their units in their names.

pub mod aa;
pub mod comparison;
pub mod detectable;
pub mod effect;
pub mod errors;
pub mod experiment;
pub mod generator;
pub mod load_report;
pub mod log;
pub mod metric;
pub mod range;
pub mod read;
pub mod run;
pub mod surroundings;
pub mod sweep;
pub mod target;
mod upgrade;
pub mod verdict;
pub mod warmup;
pub mod warning;
pub mod watched;
