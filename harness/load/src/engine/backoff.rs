//! How long to wait before a connection is opened again: not at all where the one before was of use, and longer and longer
//! where each one ends as soon as it is opened. Pure.

use model::units::Nanos;

/// The first pause.
pub(crate) const FIRST_PAUSE_NS: Nanos = 100_000_000;

/// The longest pause: a server that is started again is found within this time.
pub(crate) const MAX_PAUSE_NS: Nanos = 800_000_000;

/// The pauses between the connections that have one place, one after the other.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Backoff {
    pause_ns: Nanos,
    was_used: bool,
}

impl Backoff {
    /// The connection carries a request: whatever becomes of it is an answer, and the next connection need not wait.
    pub(crate) fn on_used(&mut self) {
        self.was_used = true;
    }

    /// How long to wait after a connection that could be used for `lived_ns`. One that was silent for longer than the first
    /// pause counts as used: a server may close what stays silent.
    pub(crate) fn after(&mut self, lived_ns: Nanos) -> Nanos {
        let was_used = std::mem::take(&mut self.was_used) || lived_ns >= FIRST_PAUSE_NS;
        self.pause_ns = if was_used {
            0
        } else {
            (2 * self.pause_ns).clamp(FIRST_PAUSE_NS, MAX_PAUSE_NS)
        };
        self.pause_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Nanos = 1_000_000;

    #[test]
    fn a_server_that_closes_at_once_is_left_alone_longer_and_longer() {
        let mut backoff = Backoff::default();
        let pauses = [0, MS, 0, 99 * MS, 0].map(|lived_ns| backoff.after(lived_ns));
        assert_eq!(pauses, [100, 200, 400, 800, 800].map(|pause| pause * MS));
        backoff.on_used();
        assert_eq!(backoff.after(0), 0, "of use");
        assert_eq!(backoff.after(0), 100 * MS, "once");
        assert_eq!(backoff.after(FIRST_PAUSE_NS), 0, "silent for long");
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
}
