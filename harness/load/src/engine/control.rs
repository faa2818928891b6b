//! What may be said to a drive while it runs, and what it says of itself.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use model::measured::accounting::ErrorKind;

use crate::protocol::exchange::Malformation;

/// Shared between a drive and its watcher. Cheap to read at any moment.
#[derive(Default)]
pub struct Control {
    stop: AtomicBool,
    ok: AtomicU64,
    failed: AtomicU64,
    is_measuring: AtomicBool,
    /// The median and the 99th percentile of the last interval of whichever thread said so last, in nanoseconds.
    latest: [AtomicU64; 2],
    on_phase: Option<Box<OnPhase>>,
    on_reply: Option<Box<OnReply>>,
    on_open: Option<Box<OnOpen>>,
}

/// Called on a generator thread, so it must return within microseconds.
type OnPhase = dyn Fn(Phase) + Send + Sync;

/// As [`OnPhase`].
type OnReply = dyn Fn(&Reply<'_>) + Send + Sync;

/// Called on a generator thread, while the others wait for it.
type OnOpen = dyn Fn() -> Option<Instant> + Send + Sync;

/// What answered a request, or what came instead.
#[derive(Debug, Clone, Copy)]
pub struct Reply<'a> {
    /// Which of the workload's requests.
    pub request: usize,
    /// What became of it; never a time-out, of which the recording knows.
    pub fate: Result<(), ErrorKind>,
    /// The status, where a head came.
    pub status: Option<u16>,
    /// What is wrong with it, where it is malformed.
    pub malformation: Option<Malformation>,
    /// Its head, as it came.
    pub head: &'a [u8],
    /// Its body, no more of it than [`MAX_KEPT_BODY_BYTES`](crate::MAX_KEPT_BODY_BYTES) and a byte.
    pub body: &'a [u8],
    /// The length of its body.
    pub body_bytes: usize,
}

/// The moments of a drive at which a watcher reads the server's meters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// All connections are open, the warm-up is over, and nothing measured has been sent yet.
    Measuring,
    /// The last reply that will be waited for has come, and no connection is closed yet.
    Drained,
}

impl Control {
    /// A control that calls `on_phase` at each phase, from one generator thread.
    pub fn watching(on_phase: impl Fn(Phase) + Send + Sync + 'static) -> Self {
        Self {
            on_phase: Some(Box::new(on_phase)),
            ..Self::default()
        }
    }

    /// The same control for a drive that begins when somebody says so: `on_open` is called once all connections are open, and returns
    /// when the schedule begins. Where it returns nothing that is at once, as it is where nobody is asked.
    #[must_use]
    pub fn starting(self, on_open: impl Fn() -> Option<Instant> + Send + Sync + 'static) -> Self {
        Self {
            on_open: Some(Box::new(on_open)),
            ..self
        }
    }

    /// A control that is given every reply: for a drive that measures nothing, since each is kept and looked at.
    pub fn hearing(on_reply: impl Fn(&Reply<'_>) + Send + Sync + 'static) -> Self {
        Self {
            on_reply: Some(Box::new(on_reply)),
            ..Self::default()
        }
    }

    /// Whether somebody wants to see every reply.
    pub(crate) fn hears(&self) -> bool {
        self.on_reply.is_some()
    }

    /// Shows a reply, where somebody wants to see it.
    pub(crate) fn replied(&self, reply: &Reply<'_>) {
        if let Some(on_reply) = &self.on_reply {
            on_reply(reply);
        }
    }

    /// Asks the drive to end now: what was measured until then is kept.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether the drive was asked to end.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Measured requests that succeeded so far.
    pub fn ok(&self) -> u64 {
        self.ok.load(Ordering::Relaxed)
    }

    /// Measured requests that failed so far.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// The median and the 99th percentile of response time in the last interval of one of the threads, in nanoseconds; zeros where
    /// there is none yet. What a watcher is shown: the two may be of different threads.
    pub fn latest(&self) -> [u64; 2] {
        self.latest
            .each_ref()
            .map(|time| time.load(Ordering::Relaxed))
    }

    pub(crate) fn say_latest(&self, times: [u64; 2]) {
        for (place, time) in self.latest.iter().zip(times) {
            place.store(time, Ordering::Relaxed);
        }
    }

    /// Whether the measured part has begun.
    pub(crate) fn is_measuring(&self) -> bool {
        self.is_measuring.load(Ordering::Relaxed)
    }

    /// When the schedule begins, now that all connections are open, where somebody says so.
    pub(crate) fn starts_at(&self) -> Option<Instant> {
        self.on_open.as_ref().and_then(|on_open| on_open())
    }

    /// The measured part begins, which every thread sees for itself: the first one announces it. Who drives load elsewhere says so
    /// here.
    pub fn measuring(&self) {
        if !self.is_measuring.swap(true, Ordering::Relaxed) {
            self.reached(Phase::Measuring);
        }
    }

    /// All connections have answered what will be waited for.
    pub fn drained(&self) {
        self.reached(Phase::Drained);
    }

    fn reached(&self, phase: Phase) {
        if let Some(on_phase) = &self.on_phase {
            on_phase(phase);
        }
    }

    /// Adds what a thread has seen since it last said so: requests that succeeded, and that failed.
    pub fn add(&self, ok: u64, failed: u64) {
        self.ok.fetch_add(ok, Ordering::Relaxed);
        self.failed.fetch_add(failed, Ordering::Relaxed);
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control")
            .field("stop", &self.stop)
            .field("ok", &self.ok)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}
