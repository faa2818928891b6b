//! What may be said to a run while it goes, and what the drive that is under way says of itself.
//!
//! The runner and its display share this. Nothing here is touched by a generator thread: the counts come from the thread
//! that watches a server anyway, ten times a second.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use process::interrupt::Interrupt;

/// Shared between a run and its display. Cheap to read and to set at any moment.
#[derive(Debug, Clone)]
pub struct Steering {
    /// Whether to end.
    pub interrupt: Interrupt,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    wants_pause: AtomicBool,
    counts: Mutex<Option<Counts>>,
}

/// What a drive has counted so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Measured requests that succeeded.
    pub ok: u64,
    /// Measured requests that failed.
    pub failed: u64,
    /// How long the measured part had lasted when they were read.
    pub over: Duration,
}

impl Steering {
    /// A run that nobody has said anything to.
    pub fn new(interrupt: Interrupt) -> Self {
        Self {
            interrupt,
            shared: Arc::default(),
        }
    }

    /// Asks for a pause where none is asked for, and takes it back where one is. The run rests at the end of a block: see
    /// `measure`.
    pub fn toggle_pause(&self) {
        self.shared.wants_pause.fetch_not(Ordering::Relaxed);
    }

    /// Whether the run is to rest, and not to end.
    pub fn wants_pause(&self) -> bool {
        self.shared.wants_pause.load(Ordering::Relaxed) && !self.interrupt.is_asked()
    }

    /// A drive has counted so much; nothing is counted any more where there is none.
    pub fn count(&self, counts: Option<Counts>) {
        *self.counts_mut() = counts;
    }

    /// What the drive that is under way had counted a moment ago; none between drives.
    pub fn counts(&self) -> Option<Counts> {
        *self.counts_mut()
    }

    fn counts_mut(&self) -> std::sync::MutexGuard<'_, Option<Counts>> {
        self.shared
            .counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// Successes, a second; none where too little time has passed to tell.
    pub fn per_s(self) -> Option<f64> {
        (self.over >= SHORTEST_RATE).then(|| self.ok as f64 / self.over.as_secs_f64())
    }
}

/// A rate over less than this says more of the first moments than of the target.
const SHORTEST_RATE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_asked_for_and_taken_back_and_gives_way_to_an_end() {
        let steering = Steering::new(Interrupt::default());
        assert!(!steering.wants_pause());
        steering.toggle_pause();
        assert!(steering.wants_pause());
        steering.toggle_pause();
        assert!(!steering.wants_pause());
        steering.toggle_pause();
        steering.interrupt.ask();
        assert!(!steering.wants_pause());
    }

    #[test]
    fn a_rate_takes_a_tenth_of_a_second_to_tell() {
        let counts = |ms| Counts {
            ok: 100,
            failed: 0,
            over: Duration::from_millis(ms),
        };
        assert_eq!(counts(99).per_s(), None);
        assert_eq!(counts(100).per_s(), Some(1000.0));
    }
}
