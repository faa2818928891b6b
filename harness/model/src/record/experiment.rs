//! What a run was asked to do, as far as its scenario and its manifests don't say it: enough to measure the same again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::spec::access::Access;
use crate::spec::load::ReceiveClock;
use crate::spec::plan::Effort;
use crate::spec::services::Service;

/// The choices that were made for a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct ExperimentRecord {
    /// Where the scenario was read; its name follows from it.
    pub scenario_file: String,
    /// Where each target is from, in their order, the second self of an A/A comparison included.
    pub targets: Vec<OriginRecord>,
    /// How much it was to take.
    pub effort: Effort,
    /// Connections, where they are not the scenario's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<u32>,
    /// Requests a second, where the arrivals are not the scenario's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_per_s: Option<f64>,
    /// Rounds, where the effort doesn't say how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounds: Option<u32>,
    /// Measured time of each target in nanoseconds, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ns: Option<u64>,
    /// Warm-up of each target in each round in nanoseconds, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warmup_ns: Option<u64>,
    /// Whose clock says when replies arrive; the kernel's where it can be trusted, in older records too.
    #[serde(default)]
    pub clock: ReceiveClock,
    /// Where services ran already, without their passwords; the others that the scenario needs were started.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub services: BTreeMap<Service, String>,
    /// Connections to the database that each target may open, where somebody said how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_connections: Option<u32>,
    /// Agents on other machines that drive the load; none where this process does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generators: Option<u32>,
    /// Whether a probe is beside them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub probe: bool,
    /// Whether the last target is the first once more.
    pub aa: bool,
    /// Whether system calls are counted after the measurement.
    pub profile: bool,
}

/// Where a target is from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct OriginRecord {
    /// What it is called in this run.
    pub name: String,
    /// Where its manifest was read; none where it ran already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_file: Option<String>,
    /// Where it ran already; none where it was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// How it is reached, where it ran already and its address does not say it.
    #[serde(default, skip_serializing_if = "Access::is_usual")]
    pub access: Access,
    /// Its process, where it ran already and somebody said which it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<i32>,
    /// Threads of its pool for blocking work.
    pub pool: u32,
}
