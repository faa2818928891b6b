//! Where a run ran: the machine, its cores, the backend, and what the last calibration found.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::measured::stalls::Stalls;
use crate::measured::summary::Times;
use crate::record::generator::GeneratorSite;
use crate::spec::services::Service;

/// Where a run ran. Records whose environments differ are compared only with a warning.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Environment {
    /// Kernel name and release.
    pub kernel: String,
    /// Processor model; empty where the system does not tell.
    pub cpu_model: String,
    /// Cores that this process may use.
    pub cores: u32,
    /// Frequency governor of the first core; `null` where the system does not tell.
    pub governor: Option<String>,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Open file limit after raising it.
    pub open_files_max: u64,
    /// Load average over one minute before the run.
    pub load_average: Option<f64>,
    /// Share of time that the hypervisor took away during the run, 0 to 1.
    pub steal_share: Option<f64>,
    /// Times the control group throttled this process during the run.
    pub throttled_periods: Option<u64>,
    /// Cores' worth of time that the control group allows; `null` where it sets no limit, and in older records.
    #[serde(default)]
    pub cpu_quota_cores: Option<f64>,
    /// Hypervisor or container, where it shows; `unknown` where the processor doesn't tell.
    pub virtualization: Option<String>,
    /// SHA-256 of the `bench` binary.
    pub binary_sha256: String,
    /// The services that the scenario needs; left out where it needs none, and in older records.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceRecord>,
    /// The machines that drove the load; left out where it was this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub generators: Vec<GeneratorSite>,
    /// The machine that ran the targets; left out where it was this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub servers: Option<Box<Self>>,
}

/// A service that targets needed: a database, a cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct ServiceRecord {
    /// Which.
    pub service: Service,
    /// As it reports it.
    pub version: String,
    /// Where it ran already, without a password; left out where it was started for the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The cores that it was started on; empty where it ran already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cpus: Vec<u32>,
    /// Connections to it that each target might open, all its workers together; left out where that is one a worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<u32>,
    /// What it was started with that is not its default.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
}

/// What stands for what the system does not tell. It is not equal to what another system does not tell.
pub const UNKNOWN: &str = "unknown";

impl Environment {
    /// The processor in words.
    pub fn processor(&self) -> &str {
        if self.cpu_model.is_empty() {
            "unknown processor"
        } else {
            &self.cpu_model
        }
    }

    /// The machine that ran the servers, where it was not this one, in words by which it is like another one of its kind.
    pub fn servers_words(&self) -> Option<String> {
        let machine = self.servers.as_deref()?;
        let (processor, cores) = (machine.processor(), machine.cores);
        Some(format!("{processor}, {cores} cores, {}", machine.kernel))
    }

    /// Whether both have the same processor, as far as is known: one that is unknown is like no other.
    pub fn has_processor_of(&self, cpu_model: &str) -> bool {
        !cpu_model.is_empty() && self.cpu_model == cpu_model
    }
}

/// Time that the hypervisor took away and all time, over all cores, in clock ticks since the system started or between two moments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct CpuTicks {
    /// Taken away.
    pub steal: u64,
    /// All of them.
    pub all: u64,
}

impl CpuTicks {
    /// What was added since `before`.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            steal: self.steal.saturating_sub(before.steal),
            all: self.all.saturating_sub(before.all),
        }
    }

    /// Both stretches together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            steal: self.steal + other.steal,
            all: self.all + other.all,
        }
    }

    /// The share of time, 0 to 1, that was taken away; none of no time at all.
    pub fn steal_share(self) -> Option<f64> {
        (self.all > 0).then(|| self.steal as f64 / self.all as f64)
    }
}

/// Which cores served and which generated.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Pinning {
    /// What the agent is called whose machine ran the servers; left out where it was this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub servers_on: Option<String>,
    /// Cores of the servers, of their own machine; empty where they were not pinned.
    pub server_cpus: Vec<u32>,
    /// Cores of the generator and the backend; empty where they were not pinned.
    pub load_cpus: Vec<u32>,
}

/// What the last calibration of the instrument found: a run cites it as evidence for its own figures.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct CalibrationRecord {
    /// When, RFC 3339.
    pub at: String,
    /// Figures that were read as they must be.
    pub passed: u32,
    /// Figures that the machine itself moved, which says nothing of the instrument.
    pub disturbed: u32,
    /// Figures that were read wrongly.
    pub failed: u32,
    /// Whether it calibrated the very `bench` that ran.
    pub same_binary: bool,
}

/// The upstream backend.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct BackendRecord {
    /// Calls that it answered.
    pub calls: u64,
    /// How much later than it should have, in nanoseconds.
    pub lateness_ns: Times,
    /// Share of a core that it used, 1 = one full core.
    pub cpu_share: Option<f64>,
    /// When it stood still; zeros in older records.
    #[serde(default)]
    pub stalls: Stalls,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stolen_share_is_of_the_time_between() {
        let before = CpuTicks {
            steal: 10,
            all: 1000,
        };
        let after = CpuTicks {
            steal: 15,
            all: 1100,
        };
        assert_eq!(after.since(before).steal_share(), Some(0.05));
        assert_eq!(before.since(before).steal_share(), None);
    }
}
