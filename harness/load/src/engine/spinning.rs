//! When a generator thread spins: never, always, or as long as it takes its core from nobody. Pure.

use model::units::Nanos;

/// How long a thread looks whether somebody else needs its core.
const WINDOW_NS: Nanos = 100_000_000;

/// So often the system may take the core from a thread that spins, in [`WINDOW_NS`]: a machine with nothing to do takes it for
/// its own small tasks now and then. One other thread that needs the core takes it three times as often, since the scheduler gives
/// each of two a few milliseconds (`base_slice_ns`, kernel/sched/fair.c).
const MAX_PREEMPTIONS: u64 = 5;

/// How long a thread then sleeps instead before it tries again; twice as long each time.
const FIRST_PAUSE_NS: Nanos = 200_000_000;

/// The longest such pause.
const MAX_PAUSE_NS: Nanos = 60_000_000_000;

/// When a generator thread spins, in an open loop, for a scheduled time that is near and while a reply is awaited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Spin {
    /// Never: it sleeps until the scheduled time.
    #[default]
    Never,
    /// As long as nobody else needs its core.
    WhereFree,
    /// Always, even where it starves what shares its core.
    Always,
}

/// Whether a thread may spin now.
#[derive(Debug)]
pub(crate) struct Spinning {
    spin: Spin,
    /// The window that is open: since when, and how often the core had been taken by then.
    since_ns: Nanos,
    preempted: u64,
    /// Not before.
    not_before_ns: Nanos,
    pause_ns: Nanos,
}

impl Spinning {
    /// From `now` on, where the core was taken from the thread so many times before.
    pub(crate) fn new(spin: Spin, now: Nanos, preempted: u64) -> Self {
        Self {
            spin,
            since_ns: now,
            preempted,
            not_before_ns: 0,
            pause_ns: FIRST_PAUSE_NS,
        }
    }

    pub(crate) fn may_spin(&self, now: Nanos) -> bool {
        match self.spin {
            Spin::Never => false,
            Spin::WhereFree => self.not_before_ns <= now,
            Spin::Always => true,
        }
    }

    /// By `now` the core was taken from the thread `preempted` times in all. To be called every few milliseconds.
    pub(crate) fn look(&mut self, now: Nanos, preempted: impl FnOnce() -> u64) {
        if self.spin != Spin::WhereFree || now < self.since_ns + WINDOW_NS {
            return;
        }
        let preempted = preempted();
        let is_needed = preempted - self.preempted > MAX_PREEMPTIONS;
        // Of a window in which it slept nothing is known.
        if self.may_spin(self.since_ns) {
            if is_needed {
                self.not_before_ns = now + self.pause_ns;
                self.pause_ns = (2 * self.pause_ns).min(MAX_PAUSE_NS);
            } else {
                self.pause_ns = FIRST_PAUSE_NS;
            }
        }
        self.since_ns = now;
        self.preempted = preempted;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long a thread may spin in `seconds`, in windows, where its core is taken so many times in each in which it does.
    fn spun(spin: Spin, seconds: u64, taken: u64) -> u64 {
        let mut spinning = Spinning::new(spin, 0, 7);
        let (mut windows, mut preempted) = (0, 7);
        for window in 1..=seconds * 10 {
            let now = window * WINDOW_NS;
            if spinning.may_spin(now - 1) {
                windows += 1;
                preempted += taken;
            }
            spinning.look(now - 1, || unreachable!("the window is open"));
            spinning.look(now, || preempted);
        }
        windows
    }

    #[test]
    fn a_thread_spins_as_long_as_nobody_needs_its_core() {
        assert_eq!(spun(Spin::WhereFree, 10, MAX_PREEMPTIONS), 100);
        // After 0.2, 0.4, 0.8 seconds and so on it tries again for a window each.
        assert_eq!(spun(Spin::WhereFree, 16, MAX_PREEMPTIONS + 1), 7);
        assert_eq!(spun(Spin::Always, 10, 1_000), 100);
        assert_eq!(spun(Spin::Never, 10, 0), 0);
    }

    #[test]
    fn pauses_are_bounded_and_forgotten_once_the_core_is_free() {
        let mut spinning = Spinning::new(Spin::WhereFree, 0, 0);
        let (mut now, mut preempted) = (0, 0);
        for _ in 0..10 {
            now = now.max(spinning.not_before_ns) + WINDOW_NS;
            preempted += MAX_PREEMPTIONS + 1;
            spinning.since_ns = now - WINDOW_NS;
            spinning.look(now, || preempted);
        }
        assert_eq!(spinning.not_before_ns, now + MAX_PAUSE_NS);
        for _ in 0..2 {
            now += MAX_PAUSE_NS;
            spinning.look(now, || preempted);
        }
        assert_eq!(spinning.pause_ns, FIRST_PAUSE_NS);
    }
}
