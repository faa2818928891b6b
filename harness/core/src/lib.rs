//! Pure data and arithmetic of the harness: what to measure, what was measured, and what it means.
//!
//! The types follow one sentence, one type per arrow: [`scenario::Scenario`] → [`plan::Plan`] (a seeded list of
//! [`plan::Trial`]s) → a [`target::TargetSpec`] is launched → load is driven as [`load::Load`] says → a
//! [`recording::Recording`] → a [`summary::Summary`] → a [`record::RunRecord`].
//!
//! This crate knows numbers and their meaning. It must never know a socket, a file, a clock, an environment
//! variable or a thread: dates, seeds and times of day arrive as parameters, so the same input gives the same bytes.

pub mod aa;
pub mod between;
pub mod compare;
pub mod design;
pub mod detectable;
pub mod encode;
pub mod gate;
pub mod history;
pub mod ledger;
pub mod load;
pub mod loops;
pub mod names;
pub mod plan;
#[cfg(test)]
mod published;
pub mod record;
pub mod recording;
pub mod sample;
pub mod scenario;
pub mod schedule;
pub mod simulate;
pub mod slices;
pub mod stats;
pub mod summary;
pub mod sweep;
pub mod syscalls;
pub mod target;
pub mod timed;
pub mod toml_source;
pub mod truth;
pub mod units;
pub mod validity;
pub mod warmup;
pub mod words;
