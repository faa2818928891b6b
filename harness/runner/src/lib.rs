//! The engine: what a scenario asks of which targets, measured by a plan and kept.
//!
//! Prints nothing: what happens is reported as events. Must never know arguments, nor how a result is shown.

#![allow(
    clippy::disallowed_methods,
    reason = "the engine starts servers, waits, and writes files"
)]

mod checked;
pub mod earlier;
pub mod generators;
pub mod history_file;
pub mod measure;
pub mod own;
pub mod replay;
pub mod request;
pub mod run_event;
pub mod servers;
pub mod steering;
pub mod step_log;
pub mod stored;
pub mod workload;
