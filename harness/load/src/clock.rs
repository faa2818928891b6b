//! The instrument's clock: nanoseconds since a moment that all of its threads share.

use std::time::Instant;

use model::units::Nanos;
use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds since `origin`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that reads 0 now.
    pub(crate) fn start() -> Self {
        Self {
            origin: Instant::now(),
        }
    }

    pub(crate) fn now(self) -> Nanos {
        u64::try_from(self.origin.elapsed().as_nanos()).expect("a run is shorter than 584 years")
    }
}

/// CPU time that the calling thread has used, in nanoseconds.
pub(crate) fn thread_cpu_ns() -> Nanos {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(time.tv_sec * 1_000_000_000 + time.tv_nsec).expect("CPU time is never negative")
}
