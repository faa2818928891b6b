//! Processes, cores and meters: how servers are started, watched and ended.
//!
//! Knows manifests and how a target is started by one. Must never know load, plans or records of runs.

#![allow(
    clippy::disallowed_methods,
    reason = "processes, clocks and the environment are what this crate is for"
)]

pub mod cgroup;
pub mod control_client;
pub mod cores;
pub mod data_files;
pub mod environment;
pub mod failure;
pub mod files;
pub mod holder;
pub mod interrupt;
pub mod launch;
pub mod meter;
pub mod process_tree;
pub mod reach;
pub mod services;
pub mod setup;
pub mod starting;
pub mod strace;
pub mod supervise;
pub mod supervised;
pub mod version;
