//! What people write and ask for: scenarios, targets, loads, plans.

pub mod access;
pub mod address;
pub mod claim;
pub mod factors;
pub mod load;
pub mod part;
pub mod plan;
pub mod preset;
pub mod scenario;
pub mod schedule;
pub mod secrets;
pub mod services;
pub mod target;
pub mod toml_source;
pub mod truth;
pub mod warmup;
