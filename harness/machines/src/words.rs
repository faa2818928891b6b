//! What a coordinator and its agents tell each other while they drive a load together.
//!
//! Everything is said again and again as long as it is so, and hearing it twice does nothing. So it doesn't matter which message is lost, and
//! who is not heard of for a while is not there any more.

use std::fmt;

use load::{TlsSpec, Workload};
use model::spec::load::{Load, ReceiveClock};
use model::spec::part::Part;
use model::units::Nanos;
use serde::{Deserialize, Serialize};

use crate::registration::AgentName;

/// How often a coordinator tells its agents what to do, and they tell it what they do.
pub(crate) const REPEAT_EVERY_NS: Nanos = 200_000_000;

/// How long an agent goes on that hears nothing of its coordinator: as long as a registration lasts.
pub(crate) const LEASE_NS: Nanos = crate::lease::LEASE_NS;

/// A load, and where it goes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// The whole load, which generators share.
    pub load: Load,
    /// The load of the probe beside them, where there is one.
    pub probe: Option<Load>,
    /// What is said.
    pub workload: Workload,
    /// Where the server listens, as [`load::Peer`] writes it: an address, or `unix:` and a path on the agents' machines.
    pub peer: String,
    /// How TLS is spoken there, where it is.
    pub tls: Option<TlsSpec>,
    /// Whose clock says when replies arrive.
    pub clock: ReceiveClock,
    /// Generator threads of each agent.
    pub threads: u32,
    /// What tells a chat that they share from all others.
    pub room: u64,
}

/// Which load it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LoadId {
    /// Whose: what no other coordinator is called.
    pub(crate) coordinator: String,
    /// The how many-th of its loads, of which it has one at a time.
    pub(crate) number: u64,
}

impl LoadId {
    /// Whether this load is over because its coordinator has another one.
    pub(crate) fn is_over_for(&self, other: &Self) -> bool {
        self.coordinator == other.coordinator && self.number != other.number
    }
}

impl fmt::Display for LoadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.coordinator, self.number)
    }
}

/// What a coordinator tells an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Message {
    /// Of which load.
    pub(crate) load: LoadId,
    /// What to do.
    pub(crate) what: Command,
}

/// What an agent is to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Command {
    /// Get the order and open the connections.
    Prepare {
        /// What of the load is the agent's.
        part: Part,
        /// Where it says how it goes.
        answers: String,
    },
    /// Begin the schedule.
    Start {
        /// At this reading of the agent's monotonic clock, in nanoseconds.
        at_ns: Nanos,
    },
    /// Go on.
    GoOn,
    /// Send nothing more: somebody wants the measurement to end. What was recorded is still wanted.
    Stop,
    /// It is over: what was recorded is known, or nobody wants it.
    End,
}

/// What an agent says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Who says it.
    pub(crate) agent: AgentName,
    /// How it goes.
    pub(crate) doing: Doing,
}

/// How it goes with an agent's part of a load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Doing {
    /// It still drives another load.
    Busy,
    /// It can't drive this one, whatever is tried.
    Unable(String),
    /// It opens connections.
    Opening,
    /// All are open.
    Ready,
    /// It drives load, or will at the instant that it was given.
    Driving {
        /// Requests that succeeded so far.
        ok: u64,
        /// Requests that failed so far.
        failed: u64,
    },
    /// No reply is waited for any more.
    Drained,
    /// What it recorded can be had.
    Done,
    /// It was asked to start too late for that.
    Late,
    /// Load could not be driven at the server.
    Refused(String),
    /// It failed itself.
    Failed(String),
}

/// Under which name an order is kept.
pub(crate) fn order_of(load: &LoadId) -> String {
    format!("order-{load}")
}

/// Under which name is kept what an agent recorded.
pub(crate) fn recording_of(load: &LoadId, agent: &AgentName) -> String {
    format!("recording-{load}-{agent}")
}
