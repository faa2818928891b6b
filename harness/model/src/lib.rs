//! The data of the harness: what to measure, what was measured, and the record of it.
//!
//! [`spec`] is what people write and ask for: scenarios, targets, loads, plans. [`measured`] is what comes out of one drive of
//! load. [`record`] is what is kept of a run or a sweep, and read again years later. Each knows those before it and none
//! after it. What the figures mean is not said here: that is `analysis`.
//!
//! This crate must never know a socket, a file, a clock, an environment variable or a thread: dates, seeds and times of day
//! arrive as parameters, so the same input gives the same bytes.

pub mod measured;
pub mod names;
pub mod percentiles;
#[cfg(test)]
mod published_for_tests;
pub mod record;
pub mod spec;
pub mod units;
pub mod words;
