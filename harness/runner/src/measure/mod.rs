//! Measuring: rounds of fresh processes, steps as a strategy asks for them, each kept as soon as it is measured.

pub mod alternating;
mod book;
mod engine;
pub mod kept;
mod known;
mod profile;
pub mod record;
mod run;
mod site;
pub mod sweep;
mod target_state;
mod warmup;
mod watch;
