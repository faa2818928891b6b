//! How punctual timers are, on either side of their due times.

use hdrhistogram::Histogram;

/// By how much timers fired after and before they were due, in nanoseconds, to two significant digits: each timer is in one of the two,
/// so that what fires early is no better than what fires late.
#[derive(Debug, Clone)]
pub struct Punctuality {
    /// By how much they were late, or 0: "loop lag".
    pub late_ns: Histogram<u64>,
    /// By how much they were early.
    pub early_ns: Histogram<u64>,
}

impl Default for Punctuality {
    fn default() -> Self {
        Self {
            late_ns: histogram_ns(),
            early_ns: histogram_ns(),
        }
    }
}

impl Punctuality {
    /// A timer that was due then fires now.
    pub fn record(&mut self, due_ns: u64, now_ns: u64) {
        if now_ns < due_ns {
            self.early_ns.saturating_record(due_ns - now_ns);
        } else {
            self.late_ns.saturating_record(now_ns - due_ns);
        }
    }
}

/// Longer times than an hour are recorded as an hour.
const HIGHEST_NS: u64 = 3_600 * 1_000_000_000;

/// Two digits keep a histogram at some 30 KiB, small enough to stay out of the way of the data being served.
const SIGNIFICANT_DIGITS: u8 = 2;

/// An empty histogram of times in nanoseconds, as loops keep of themselves: up to an hour, to two significant digits.
pub fn histogram_ns() -> Histogram<u64> {
    Histogram::new_with_bounds(1, HIGHEST_NS, SIGNIFICANT_DIGITS)
        .expect("the bounds are constants within what the histogram allows")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn early_and_late_are_kept_apart() {
        let mut punctuality = Punctuality::default();
        for (due_ns, now_ns) in [(100, 100), (100, 120), (100, 60)] {
            punctuality.record(due_ns, now_ns);
        }
        assert_eq!(
            (punctuality.late_ns.len(), punctuality.late_ns.max()),
            (2, 20)
        );
        assert_eq!(
            (punctuality.early_ns.len(), punctuality.early_ns.max()),
            (1, 40)
        );
    }
}
