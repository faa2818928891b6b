//! What load to drive: the arrivals, for how long, over how many connections.

mod profile;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::spec::part::Part;
use crate::units::{NANOS_PER_S, Nanos, Rate};

pub use profile::{MAX_STAGES, Profile, ProfileError, Stage};

/// The most kinds of request in one mix.
pub const MAX_REQUESTS: usize = 64;

/// The time over which requests that are all sent at once count as spread, where their rate is asked for.
const SHORTEST_REPLAY_NS: Nanos = NANOS_PER_S / 1_000;

/// When requests are sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Arrival {
    /// The next request follows the previous reply on its connection: measures capacity.
    Closed,
    /// Requests are scheduled on a schedule, whatever the server does: measures latency.
    Open {
        /// Mean arrivals a second.
        rate: Rate,
        /// How the gaps between arrivals are distributed.
        process: Process,
    },
    /// As open, at a rate that changes: [`Load::warmup`] runs at its mean, and the profile begins with the measurement.
    Staged {
        /// How the rate changes, again and again until the load ends.
        profile: Profile,
        /// How the gaps would be distributed if the rate were one.
        process: Process,
    },
    /// As open, each at a time of its own, with none after the last: what was sent once is sent again.
    Listed {
        /// Since the load began, never decreasing, at least one.
        times: Arc<[Nanos]>,
    },
}

/// The distribution of the gaps of an open loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Process {
    /// Equal gaps.
    Constant,
    /// Exponential gaps: what many independent users look like.
    Poisson,
}

impl Arrival {
    /// The name of the arrival process in flags, records and charts: `closed`, `constant`, `poisson` or `replay`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { process, .. } | Self::Staged { process, .. } => process.name(),
            Self::Listed { .. } => "replay",
        }
    }

    /// The same without ups and downs: what a warm-up is driven at, so that they are not taken for the target's.
    #[must_use]
    pub fn at_mean(&self) -> Self {
        match self {
            Self::Staged { profile, process } => Self::Open {
                rate: profile.mean(),
                process: *process,
            },
            Self::Closed | Self::Open { .. } | Self::Listed { .. } => self.clone(),
        }
    }

    /// A part of it, seen by itself: its rate is that of the whole by the number of parts.
    fn part(&self, part: Part) -> Self {
        let share = 1.0 / f64::from(part.of());
        match self {
            Self::Closed => Self::Closed,
            Self::Open { rate, process } => Self::Open {
                // The lowest of all rates can't be divided.
                rate: Rate::per_s(rate.as_per_s() * share).unwrap_or(*rate),
                process: *process,
            },
            Self::Staged { profile, process } => Self::Staged {
                profile: profile.scaled(share),
                process: *process,
            },
            Self::Listed { times } => Self::Listed {
                times: times
                    .iter()
                    .skip(part.index() as usize)
                    .step_by(part.of() as usize)
                    .copied()
                    .collect(),
            },
        }
    }

    /// When the load has passed its height for good, since the arrivals began, in nanoseconds: see [`Profile::eases_at`].
    pub fn eases_at(&self) -> Option<Nanos> {
        match self {
            Self::Staged { profile, .. } => profile.eases_at(),
            Self::Closed | Self::Open { .. } | Self::Listed { .. } => None,
        }
    }

    /// The scheduled rate, the mean where it changes; none in a closed loop.
    pub fn rate(&self) -> Option<Rate> {
        match self {
            Self::Closed => None,
            Self::Open { rate, .. } => Some(*rate),
            Self::Staged { profile, .. } => Some(profile.mean()),
            Self::Listed { times } => {
                let last_ns = times.last().copied().unwrap_or_default();
                let s = last_ns.max(SHORTEST_REPLAY_NS) as f64 / NANOS_PER_S as f64;
                Rate::per_s(times.len() as f64 / s).ok()
            }
        }
    }
}

impl Process {
    /// Its name in flags, records and charts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Poisson => "poisson",
        }
    }
}

/// When connections are opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Connect {
    /// Before the load begins: each carries many requests, and those that are lost are opened again.
    #[default]
    Once,
    /// For each request, when it is sent; closed after its reply. A request is sent from the moment of connecting on, so that
    /// response and service time both include it.
    PerRequest,
}

/// Whose clock says when a reply arrived.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReceiveClock {
    /// The kernel's where it can be trusted, otherwise the generator's own.
    #[default]
    Auto,
    /// The kernel's: a reply ends when it arrives, whatever the generator does at that moment (`SO_TIMESTAMPNS`, socket(7)).
    Kernel,
    /// The generator's own: a reply ends when the generator is woken for it.
    User,
}

/// One drive of load at one address: everything the instrument needs to know beside the requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// When requests are sent.
    pub arrival: Arrival,
    /// How many connections are kept open, over all generator threads; where each request opens its own, how many may be
    /// open at a time.
    pub connections: NonZeroU32,
    /// When they are opened.
    pub connect: Connect,
    /// Connections beside them that carry nothing. The caller of a drive keeps them, since they outlive a drive.
    pub idle_connections: u32,
    /// Load before the measurement that is driven and answered but not recorded.
    pub warmup: Duration,
    /// How long arrivals are measured.
    pub duration: Duration,
    /// How long, after the last arrival, requests already sent may still be answered. What is unanswered then is *unfinished*.
    pub drain: Duration,
    /// A request unanswered this long after it was sent is a *timeout*; its connection is replaced.
    pub timeout: Duration,
    /// Stop after this many measured requests, if that comes before `duration`.
    pub request_limit: Option<u64>,
    /// The length of one interval of the time series.
    pub interval: Duration,
    /// Seeds the arrivals and the mix of requests: the same seed replays both.
    pub seed: u64,
    /// What a reply has to keep to be counted as goodput; nothing is counted where nobody says so.
    pub goodput: Option<Goodput>,
}

impl Load {
    /// What a part of this load is by itself: what is asked of one generator where several share it. For what is said of a recording;
    /// what is driven is the whole, of which a generator sends its part. None where there are fewer connections than parts.
    pub fn part(&self, part: Part) -> Option<Self> {
        let connections = u32::try_from(part.share(self.connections.get().into()));
        Some(Self {
            arrival: self.arrival.part(part),
            connections: NonZeroU32::new(connections.expect("a share is no more than the whole"))?,
            request_limit: self.request_limit.map(|limit| part.share(limit)),
            ..self.clone()
        })
    }
}

/// The limits that a reply has to keep, all of them, to count as goodput: useful throughput, without the replies that come too late. At least one is set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goodput {
    /// The longest response time, in nanoseconds.
    pub response_time_ns: Option<Nanos>,
    /// The longest time to the first event of a stream, from its due time, in nanoseconds.
    pub first_event_ns: Option<Nanos>,
    /// The longest gap between two events of a stream, in nanoseconds.
    pub event_gap_ns: Option<Nanos>,
}

/// The times of a stream that goodput looks at; of a reply that is none, and of a stream without events, nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StreamTimes {
    /// From the due time to the first event, in nanoseconds.
    pub first_event_ns: Option<Nanos>,
    /// The longest gap between two events, in nanoseconds; none where there were not two.
    pub longest_gap_ns: Option<Nanos>,
}

impl Goodput {
    /// Whether a reply that was right, and took so long, keeps the limits. What a reply has no time for does not speak against it.
    pub fn is_kept(&self, response_time_ns: Nanos, stream: StreamTimes) -> bool {
        let keeps = |time: Option<Nanos>, limit: Option<Nanos>| match (time, limit) {
            (Some(time), Some(limit)) => time <= limit,
            _ => true,
        };
        keeps(Some(response_time_ns), self.response_time_ns)
            && keeps(stream.first_event_ns, self.first_event_ns)
            && keeps(stream.longest_gap_ns, self.event_gap_ns)
    }
}
