//! By which rule a loop's timers fire, and how punctual they are.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use reactor::{Punctuality, TimerRule};
use spec::{Counts, Settings, Stats};

/// The rule that the settings ask for. tokio has but one, which is the one that all servers keep.
pub fn timer_rule(settings: &Settings) -> TimerRule {
    if settings.own_timers {
        TimerRule::Own
    } else {
        TimerRule::NeverEarly
    }
}

/// Loop lag since the start: how much later than asked for a timer fired, or how much earlier, sampled every [`spec::LAG_SAMPLE_MS`].
#[derive(Debug, Default)]
pub struct LagRecorder(Punctuality);

impl LagRecorder {
    /// A timer that was due then fired now.
    pub fn record(&mut self, due: Instant, now: Instant) {
        let ns = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        // One of the two is 0.
        let early = ns(due.saturating_duration_since(now));
        self.0.record(early, ns(now.saturating_duration_since(due)));
    }

    /// `stats`, and what was recorded.
    pub fn stats(&self, stats: Stats) -> Stats {
        let late = counts(&self.0.late_ns, NS_PER_US);
        Stats {
            loop_lag_us: late.lag(),
            loop_lag_us_counts: Some(late),
            early_us_counts: Some(counts(&self.0.early_ns, NS_PER_US)),
            ..stats
        }
    }
}

const NS_PER_US: u64 = 1_000;

/// What a histogram holds, whose unit is one `per_us`-th of a microsecond.
pub fn counts(histogram: &Histogram<u64>, per_us: u64) -> Counts {
    histogram
        .iter_recorded()
        .map(|seen| (seen.value_iterated_to() / per_us, seen.count_at_value()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fires_early_is_not_taken_for_punctual() {
        let mut recorder = LagRecorder::default();
        let stats = recorder.stats(Stats::default());
        assert_eq!(stats.loop_lag_us, None);
        let due = Instant::now();
        recorder.record(due, due + Duration::from_millis(150));
        recorder.record(due + Duration::from_micros(300), due);
        let stats = recorder.stats(Stats::default());
        let lag = stats.loop_lag_us.unwrap();
        // The histogram keeps two digits.
        assert!(
            (149_000..=151_000).contains(&lag.max) && lag.p50 == lag.max,
            "{lag:?}"
        );
        let early = stats.early_us_counts.unwrap().lag().unwrap();
        assert!((297..=303).contains(&early.max), "{early:?}");
    }
}
