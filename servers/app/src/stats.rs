//! What `/stats` says of a running server.
//!
//! Knows the names and their order. Each server fills in what its runtime can tell; the rest is `null`, never a guess.

use serde::Serialize;

/// A server's own view of its loop, since it started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Runtime and version.
    pub runtime: &'static str,
    /// Turns of the loop.
    pub loop_turns: Option<u64>,
    /// Longest time, in microseconds, that callbacks held the loop between two polls.
    pub longest_hold_us: Option<u64>,
    /// How much later than asked for timers fired, sampled every [`crate::LAG_SAMPLE_MS`].
    pub loop_lag_us: Option<Lag>,
    /// Jobs that wait for a pool thread now.
    pub pool_queue_depth: Option<u64>,
    /// Most jobs that ever waited for a pool thread at once.
    pub pool_queue_depth_max: Option<u64>,
    /// Callbacks or tasks run.
    pub tasks_run: Option<u64>,
    /// Tasks that exist now, waiting ones included.
    pub tasks_alive: Option<u64>,
    /// Tasks that could run now and wait for a worker.
    pub run_queue_depth: Option<u64>,
    /// How often a worker found nothing to do and went to sleep.
    pub worker_parks: Option<u64>,
    /// Time, in microseconds, that workers did not sleep, summed over them.
    pub workers_busy_us: Option<u64>,
}

/// Percentiles of loop lag, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Lag {
    /// The median.
    pub p50: u64,
    /// One sample in a hundred is larger.
    pub p99: u64,
    /// The largest sample.
    pub max: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_ordered_and_the_unknown_is_null() {
        let stats = Stats {
            runtime: "one",
            loop_lag_us: Some(Lag {
                p50: 1,
                p99: 2,
                max: 3,
            }),
            pool_queue_depth: Some(4),
            ..Stats::default()
        };
        assert_eq!(
            serde_json::to_string(&stats).unwrap(),
            concat!(
                r#"{"runtime":"one","loop_turns":null,"longest_hold_us":null,"#,
                r#""loop_lag_us":{"p50":1,"p99":2,"max":3},"pool_queue_depth":4,"pool_queue_depth_max":null,"#,
                r#""tasks_run":null,"tasks_alive":null,"run_queue_depth":null,"worker_parks":null,"#,
                r#""workers_busy_us":null}"#,
            )
        );
    }
}
