//! What a workload is of: whole requests, or what comes bit by bit within them.
//!
//! The response time of a stream is the stream's length, and that of a message is the time of whichever member had it last: they
//! say little of who serves them. So each kind has a clock of its own, which is compared, bounded by objectives, drawn, and shown
//! first.

use serde::{Deserialize, Serialize};

use crate::measured::clock::Clock;
use crate::measured::recording::Recording;

/// What most requests of a workload were for.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WorkloadKind {
    /// Requests, from their scheduled time to the last byte of the reply.
    #[default]
    Requests,
    /// Streams of events, from their scheduled time to the first event, and then from event to event.
    Streams,
    /// Messages of a chat, from their scheduled time to every member's having them.
    Messages,
}

impl WorkloadKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Requests, Self::Streams, Self::Messages];

    /// What a recording is of: streams or messages, where most of the requests sent were for one.
    pub fn of(recording: &Recording) -> Self {
        // The generator's lag has a value for each request sent.
        let sent = recording.times[Clock::GeneratorLag].len();
        let are_most = |count: u64| count * 2 > sent;
        if are_most(recording.messages.sent) {
            Self::Messages
        } else if are_most(recording.streams.streams) {
            Self::Streams
        } else {
            Self::Requests
        }
    }

    /// The clock that it is about.
    pub const fn clock(self) -> Clock {
        match self {
            Self::Requests => Clock::ResponseTime,
            Self::Streams => Clock::FirstEventTime,
            Self::Messages => Clock::DeliveryTime,
        }
    }
}
