//! What was seen of a server while it was measured.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::measured::loops::{Snapshot, Stretch};
use crate::record::target::ServerSample;
use crate::spec::services::Service;
use crate::units::Nanos;

/// What was seen of a server in one epoch. Nothing of its cost is known of a server that is no child of ours.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Watched {
    /// When the measured part began, since the run began.
    pub started: Duration,
    /// What the server spent on the measured part.
    pub spent: Option<Spent>,
    /// CPU time that services spent meanwhile, in nanoseconds; of those whose processes are not on this machine nothing is known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub services_cpu_ns: BTreeMap<Service, Nanos>,
    /// How long the measured part took with its last replies, in nanoseconds; 0 in older logs.
    #[serde(default)]
    pub wall_ns: Nanos,
    /// Its meters before and after, opening and closing connections included.
    pub readings: Option<(Reading, Reading)>,
    /// For how long its threads had waited for a core, before and after; `None` where the kernel doesn't count that.
    pub run_delays_ns: Option<(Nanos, Nanos)>,
    /// Its own counts, before and after; `None` where it has none.
    pub counted: Option<(Snapshot, Snapshot)>,
    /// Its meters meanwhile.
    pub samples: Vec<(ServerSample, Reading)>,
    /// Lines that it printed meanwhile; 0 in older logs.
    #[serde(default)]
    pub lines: u64,
}

impl Watched {
    /// What its loops did for so many requests in at least so long.
    pub fn stretch(&self, requests: u64, measured_ns: Nanos) -> Option<Stretch> {
        let (before, after) = self.counted.as_ref()?;
        let duration_ns = self.spent.map_or(measured_ns, |spent| spent.wall_ns);
        Stretch::between(before, after, requests, duration_ns)
    }
}

/// CPU and wall time from the first measured request to the last reply.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Spent {
    /// CPU time of the server.
    pub cpu_ns: Nanos,
    /// How long it took.
    pub wall_ns: Nanos,
}

/// What `/proc` says of a server's processes at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Reading {
    /// CPU time in user mode, in clock ticks, that of ended children included.
    pub user_ticks: u64,
    /// CPU time in the kernel, in clock ticks, likewise.
    pub system_ticks: u64,
    /// Resident memory in bytes, what is shared counted once.
    pub rss_bytes: u64,
    /// Largest so far in bytes: of one process as the kernel noted it, of several the present one.
    pub rss_bytes_max: u64,
    /// Threads.
    pub threads: u32,
    /// Voluntary context switches of the threads that live, and of those that were seen in processes that have ended.
    pub switches_voluntary: u64,
    /// Involuntary ones.
    pub switches_involuntary: u64,
}
