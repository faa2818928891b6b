//! Measuring: rounds of fresh processes, steps as a strategy asks for them, each kept as soon as it is measured.

pub mod alternating;
mod engine;
mod profile;
pub mod record;
mod run;
mod site;
mod subject;

pub mod sweep;
mod warmup;
pub(crate) mod watch;
