//! When a connection is opened again: at once where the one before was of use. Otherwise each place pauses longer and longer,
//! and all places together keep a pace, since a thousand that pause for a second each are still a thousand handshakes a second.
//! Pure.

use model::units::Nanos;

/// The first pause.
pub(crate) const FIRST_PAUSE_NS: Nanos = 100_000_000;

/// The longest pause: a server that is started again is found within this time.
pub(crate) const MAX_PAUSE_NS: Nanos = 800_000_000;

/// The first gap between two connections of any places, in place of ones that were of no use.
const FIRST_GAP_NS: Nanos = 1_000_000;

/// The longest such gap, over all threads of a drive: a server that closes whatever is opened gets this many handshakes.
pub(crate) const MAX_GAP_NS: Nanos = 20_000_000;

/// The pauses between the connections that have one place, one after the other.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Backoff {
    pause_ns: Nanos,
    was_used: bool,
}

impl Backoff {
    /// The connection carries a request: whatever becomes of it is an answer, and the next connection need not wait. Whether
    /// it is its first.
    pub(crate) fn on_used(&mut self) -> bool {
        !std::mem::replace(&mut self.was_used, true)
    }

    /// How long to wait after a connection that could be used for `lived_ns`. One that was silent for longer than the longest
    /// pause counts as used: a server may close what stays silent.
    pub(crate) fn after(&mut self, lived_ns: Nanos) -> Nanos {
        let was_used = std::mem::take(&mut self.was_used) || lived_ns >= MAX_PAUSE_NS;
        self.pause_ns = if was_used {
            0
        } else {
            (2 * self.pause_ns).clamp(FIRST_PAUSE_NS, MAX_PAUSE_NS)
        };
        self.pause_ns
    }
}

/// The pace of a thread's connections in place of ones that were of no use: twice as slow after each that is of no use either,
/// and twice as fast after each that is. So a server that comes back has all of its connections soon.
#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "units stand last in names")]
pub(crate) struct Pace {
    gap_ns: Nanos,
    max_gap_ns: Nanos,
    /// When the next one may be opened.
    next_ns: Nanos,
}

impl Pace {
    /// The pace of one of so many threads.
    pub(crate) fn new(threads: u32) -> Self {
        Self {
            gap_ns: 0,
            max_gap_ns: MAX_GAP_NS * u64::from(threads),
            next_ns: 0,
        }
    }

    /// A connection ended without having been of use, or could not be opened.
    pub(crate) fn on_unused(&mut self) {
        self.gap_ns = (2 * self.gap_ns).clamp(FIRST_GAP_NS, self.max_gap_ns);
    }

    /// A connection is of use.
    pub(crate) fn on_used(&mut self) {
        let half_ns = self.gap_ns / 2;
        self.gap_ns = if half_ns < FIRST_GAP_NS { 0 } else { half_ns };
    }

    /// Whether one may be opened at `now`.
    pub(crate) fn allows(&self, now: Nanos) -> bool {
        self.next_ns <= now
    }

    /// One is opened at `now`.
    pub(crate) fn on_opened(&mut self, now: Nanos) {
        self.next_ns = now + self.gap_ns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;

    const MS: Nanos = 1_000_000;

    #[test]
    fn a_server_that_closes_at_once_is_left_alone_longer_and_longer() {
        let mut backoff = Backoff::default();
        let pauses = [0, MS, 0, 99 * MS, 0].map(|lived_ns| backoff.after(lived_ns));
        assert_eq!(pauses, [100, 200, 400, 800, 800].map(|pause| pause * MS));
        backoff.on_used();
        assert_eq!(backoff.after(0), 0, "of use");
        assert_eq!(backoff.after(0), 100 * MS, "once");
        assert_eq!(backoff.after(MAX_PAUSE_NS - 1), 200 * MS, "silent");
        assert_eq!(backoff.after(MAX_PAUSE_NS), 0, "silent for long");
    }

    #[test]
    fn connections_that_end_at_once_are_few_in_any_time() {
        let mut backoff = Backoff::default();
        let mut now = 0;
        let opened = std::iter::from_fn(|| {
            now += backoff.after(0);
            (now < 3_000 * MS).then_some(now)
        });
        assert_eq!(opened.count(), 5);
    }

    /// Opens the connections of `places`, each of which lives for `lived_ns` unless one `is_used` then; returns when.
    fn opened(
        places: usize,
        threads: u32,
        lived_ns: Nanos,
        until_ns: Nanos,
        is_used: impl Fn(Nanos) -> bool,
    ) -> Vec<Nanos> {
        let mut pace = Pace::new(threads);
        let mut backoffs = vec![Backoff::default(); places];
        let mut waiting: BinaryHeap<Reverse<(Nanos, usize)>> =
            (0..places).map(|place| Reverse((0, place))).collect();
        let mut opened = Vec::new();
        for now in (0..until_ns).step_by(usize::try_from(MS).unwrap()) {
            while let Some(&Reverse((due_ns, place))) = waiting.peek()
                && due_ns <= now
                && pace.allows(now)
            {
                waiting.pop();
                opened.push(now);
                pace.on_opened(now);
                if is_used(now) {
                    pace.on_used();
                    continue;
                }
                pace.on_unused();
                let pause_ns = backoffs[place].after(lived_ns);
                waiting.push(Reverse((now + lived_ns + pause_ns, place)));
            }
        }
        opened
    }

    #[test]
    fn a_thousand_places_at_a_server_that_closes_at_once_make_50_handshakes_a_second() {
        for (threads, lived_ms) in [(1, 0), (1, 150), (4, 0)] {
            let opened = opened(1_000, threads, lived_ms * MS, 10_000 * MS, |_| false);
            let a_second = opened.len() as u64 / 10;
            let bound = 1_000 * MS / MAX_GAP_NS / u64::from(threads);
            assert!(a_second <= bound + 1, "{a_second} a second");
        }
    }

    #[test]
    fn a_server_that_comes_back_has_all_its_connections_within_a_second() {
        let back_ns = 5_000 * MS;
        let opened = opened(1_000, 1, 0, 10_000 * MS, |now| now >= back_ns);
        let last_ns = opened.last().copied().unwrap();
        let after = opened.iter().filter(|&&now| now >= back_ns).count();
        assert_eq!(after, 1_000);
        assert!(
            last_ns < back_ns + MAX_PAUSE_NS + 10 * MAX_GAP_NS,
            "{last_ns}"
        );
    }
}
