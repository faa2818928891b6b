//! What a server's loops did while it was measured, by what it tells of itself.
//!
//! A server that serves the work contract counts since its start, and tells at `GET /stats`. A [`Snapshot`] is one reading of
//! that; two of them, before and after an epoch, make a [`Stretch`]; stretches add up, and are summed up in a [`LoopRecord`].
//! This module knows what the members mean. It must never know when they are read, or from whom. What a server doesn't tell
//! is absent, never zero.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::units::{NANOS_PER_S, Nanos};
use stats::nearest_rank::value_at_counts;

/// The most pairs of one list of counts that are read: three digits of every time up to an hour are half as many.
pub const MAX_COUNTS: usize = 16_384;

/// The most routes whose computations are read.
pub const MAX_ROUTES: usize = 16;

/// The longest route that is read, in bytes.
pub const MAX_ROUTE_BYTES: usize = 64;

const NANOS_PER_US: u64 = 1_000;

/// One reading of `/stats`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Snapshot {
    counters: Counters,
    spans: Spans,
    pool_queue_depth_max: Option<u64>,
}

/// What happened between two readings, or in several such stretches together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    requests: u64,
    duration_ns: Nanos,
    counters: Counters,
    spans: Spans,
    pool_queue_depth_max: Option<u64>,
}

/// What a server's loops did. What its runtime does not tell is left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct LoopRecord {
    /// Requests that succeeded meanwhile.
    pub requests: u64,
    /// Seconds that they took, of which the shares and means below are.
    pub duration_s: f64,
    /// Turns of the loops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turns: Option<u64>,
    /// Callbacks or tasks run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks_run: Option<u64>,
    /// How often a task went on on another worker than the one that it had run on before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_moves: Option<u64>,
    /// How often a worker found nothing to do and slept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker_parks: Option<u64>,
    /// For how much of the time loops or workers were busy, summed over them: 1 = one of them all the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy_share: Option<f64>,
    /// For how long a loop was blocked between two polls: one entry a turn.
    #[serde(default, alias = "hold_ns", skip_serializing_if = "Option::is_none")]
    pub blocked_ns: Option<SpanRecord>,
    /// How late timers of 100 ms fired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loop_lag_ns: Option<SpanRecord>,
    /// How long jobs waited for a thread of the pool: one entry a job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool_wait_ns: Option<SpanRecord>,
    /// Jobs that waited for a thread of the pool, on average: their waits divided by the time (Little's law).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool_queue_depth_mean: Option<f64>,
    /// The most that waited at once since a server's start, its warm-up included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool_queue_depth_max: Option<u64>,
    /// For how long computations blocked a loop, by the route that asked for them: one entry a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loop_work_ns: Option<BTreeMap<String, SpanRecord>>,
}

/// Times that a server counted, in nanoseconds; `null` where too few were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct SpanRecord {
    /// How many.
    pub count: u64,
    /// Arithmetic mean.
    pub mean: Option<Nanos>,
    /// Median.
    pub p50: Option<Nanos>,
    /// 99th percentile.
    pub p99: Option<Nanos>,
    /// The largest, as exactly as the server counts: to two or three digits.
    pub max: Option<Nanos>,
}

impl SpanRecord {
    /// All of them together, in nanoseconds.
    pub fn total_ns(&self) -> f64 {
        self.mean.unwrap_or_default() as f64 * self.count as f64
    }
}

impl Snapshot {
    /// Reads what `/stats` said. Whatever is not as the contract says is treated as missing.
    pub fn read(stats: &Value) -> Self {
        let count = |name: &str| stats.get(name).and_then(Value::as_u64);
        let times = |name: &str| stats.get(name).and_then(Times::read);
        Self {
            counters: Counters {
                turns: count("loop_turns"),
                tasks_run: count("tasks_run"),
                task_moves: count("task_moves"),
                worker_parks: count("worker_parks"),
                busy_us: count("workers_busy_us"),
            },
            spans: Spans {
                blocked: times("blocked_us_counts"),
                loop_lag: times("loop_lag_us_counts"),
                pool_wait: times("pool_wait_us_counts"),
                loop_work: stats.get("loop_work_us_counts").and_then(read_routes),
            },
            pool_queue_depth_max: count("pool_queue_depth_max"),
        }
    }
}

impl Stretch {
    /// What happened between two readings of one server, while it answered so many requests in so long. `None` where it reported
    /// nothing. A figure that fell meanwhile is none: somebody else answered.
    pub fn between(
        before: &Snapshot,
        after: &Snapshot,
        requests: u64,
        duration_ns: Nanos,
    ) -> Option<Self> {
        let stretch = Self {
            requests,
            duration_ns,
            counters: after.counters.with(before.counters, u64::checked_sub),
            spans: after.spans.with(&before.spans, Times::since),
            pool_queue_depth_max: after.pool_queue_depth_max,
        };
        let nothing = Self {
            requests,
            duration_ns,
            ..Self::default()
        };
        (stretch != nothing).then_some(stretch)
    }

    /// Adds another stretch. What one of them can't tell, nobody can of both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let most = self.pool_queue_depth_max.zip(other.pool_queue_depth_max);
        Self {
            requests: self.requests.saturating_add(other.requests),
            duration_ns: self.duration_ns.saturating_add(other.duration_ns),
            counters: self.counters.with(other.counters, u64::checked_add),
            spans: self
                .spans
                .with(&other.spans, |one, other| Some(one.and(other))),
            pool_queue_depth_max: most.map(|(one, other)| one.max(other)),
        }
    }

    /// Sums it up.
    pub fn record(&self) -> LoopRecord {
        let Counters {
            turns,
            tasks_run,
            task_moves,
            worker_parks,
            busy_us,
        } = self.counters;
        let duration_ns = self.duration_ns.max(1) as f64;
        let pool_wait_ns = self.spans.pool_wait.as_ref().map(Times::record);
        LoopRecord {
            requests: self.requests,
            duration_s: self.duration_ns as f64 / NANOS_PER_S as f64,
            turns,
            tasks_run,
            task_moves,
            worker_parks,
            busy_share: busy_us.map(|us| us as f64 * NANOS_PER_US as f64 / duration_ns),
            blocked_ns: self.spans.blocked.as_ref().map(Times::record),
            loop_lag_ns: self.spans.loop_lag.as_ref().map(Times::record),
            pool_queue_depth_mean: pool_wait_ns.map(|waits| waits.total_ns() / duration_ns),
            pool_wait_ns,
            pool_queue_depth_max: self.pool_queue_depth_max,
            loop_work_ns: self.spans.loop_work.as_ref().map(|routes| {
                let routes = routes.iter();
                routes
                    .map(|(route, times)| (route.clone(), times.record()))
                    .collect()
            }),
        }
    }
}

/// What only grows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
struct Counters {
    turns: Option<u64>,
    tasks_run: Option<u64>,
    task_moves: Option<u64>,
    worker_parks: Option<u64>,
    busy_us: Option<u64>,
}

impl Counters {
    fn with(self, other: Self, both: impl Fn(u64, u64) -> Option<u64>) -> Self {
        let each = |one: Option<u64>, other: Option<u64>| both(one?, other?);
        Self {
            turns: each(self.turns, other.turns),
            tasks_run: each(self.tasks_run, other.tasks_run),
            task_moves: each(self.task_moves, other.task_moves),
            worker_parks: each(self.worker_parks, other.worker_parks),
            busy_us: each(self.busy_us, other.busy_us),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
struct Spans {
    blocked: Option<Times>,
    loop_lag: Option<Times>,
    pool_wait: Option<Times>,
    loop_work: Option<BTreeMap<String, Times>>,
}

impl Spans {
    fn with(&self, other: &Self, both: impl Fn(&Times, &Times) -> Option<Times>) -> Self {
        let each =
            |one: &Option<Times>, other: &Option<Times>| both(one.as_ref()?, other.as_ref()?);
        let loop_work = self.loop_work.as_ref().zip(other.loop_work.as_ref());
        Self {
            blocked: each(&self.blocked, &other.blocked),
            loop_lag: each(&self.loop_lag, &other.loop_lag),
            pool_wait: each(&self.pool_wait, &other.pool_wait),
            loop_work: loop_work.and_then(|(one, other)| {
                // A route that is reported only once was not asked for before.
                let routes = one.keys().chain(other.keys());
                routes
                    .map(|route| {
                        let of = |routes: &BTreeMap<String, Times>| routes.get(route).cloned();
                        let [one, other] =
                            [one, other].map(|routes| of(routes).unwrap_or_default());
                        Some((route.clone(), both(&one, &other)?))
                    })
                    .collect()
            }),
        }
    }
}

/// Times in nanoseconds, and how often each was counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
struct Times(BTreeMap<Nanos, u64>);

impl Times {
    /// Reads `[[µs, count], …]`.
    fn read(value: &Value) -> Option<Self> {
        let pairs = value.as_array().filter(|pairs| pairs.len() <= MAX_COUNTS)?;
        let pair = |pair: &Value| match pair.as_array()?.as_slice() {
            [us, count] => Some((us.as_u64()?.checked_mul(NANOS_PER_US)?, count.as_u64()?)),
            _ => None,
        };
        pairs.iter().map(pair).collect::<Option<_>>().map(Self)
    }

    /// Without what was counted before.
    fn since(&self, before: &Self) -> Option<Self> {
        let mut grown = self.clone();
        for (ns, count) in &before.0 {
            let now = grown.0.get_mut(ns)?;
            *now = now.checked_sub(*count)?;
        }
        grown.0.retain(|_, &mut count| count > 0);
        Some(grown)
    }

    fn and(&self, other: &Self) -> Self {
        let mut sum = self.clone();
        for (&ns, &count) in &other.0 {
            let both = sum.0.entry(ns).or_default();
            *both = both.saturating_add(count);
        }
        sum
    }

    fn record(&self) -> SpanRecord {
        let counts: Vec<(Nanos, u64)> = self.0.iter().map(|(&ns, &count)| (ns, count)).collect();
        // A server may tell of more than there can be; what does not fit is at least shown as too much.
        let count = counts
            .iter()
            .fold(0_u64, |sum, &(_, count)| sum.saturating_add(count));
        let total_ns: u128 = counts
            .iter()
            .map(|&(ns, count)| u128::from(ns) * u128::from(count))
            .fold(0, u128::saturating_add);
        let percentile = |per_10_000| {
            let is_sound = count < u64::MAX;
            is_sound.then(|| value_at_counts(&counts, per_10_000))?
        };
        SpanRecord {
            count,
            mean: total_ns
                .checked_div(u128::from(count))
                .and_then(|mean| Nanos::try_from(mean).ok()),
            p50: percentile(5_000),
            p99: percentile(9_900),
            max: counts.last().map(|&(ns, _)| ns),
        }
    }
}

fn read_routes(value: &Value) -> Option<BTreeMap<String, Times>> {
    let is_route = |route: &str| {
        route.starts_with('/')
            && route.len() <= MAX_ROUTE_BYTES
            && route.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let routes = value
        .as_object()
        .filter(|routes| routes.len() <= MAX_ROUTES)?;
    let read = |(route, times): (&String, &Value)| {
        is_route(route).then(|| Some((route.clone(), Times::read(times)?)))?
    };
    routes.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const MS: Nanos = 1_000_000;

    fn between(before: &Value, after: &Value) -> Option<LoopRecord> {
        let [before, after] = [before, after].map(Snapshot::read);
        Stretch::between(&before, &after, 100, 2_000 * MS).map(|stretch| stretch.record())
    }

    #[test]
    fn two_readings_tell_what_happened_between_them() {
        let before = json!({
            "runtime": "test", "loop_turns": 1_000, "workers_busy_us": 500_000, "tasks_run": null,
            "pool_queue_depth_max": 7,
            "blocked_us_counts": [[10, 990], [9_000, 10]],
            "pool_wait_us_counts": [],
            "loop_work_us_counts": {"/cpu": [], "/hash": [[9_000, 10]]},
        });
        let after = json!({
            "runtime": "test", "loop_turns": 1_200, "workers_busy_us": 700_000, "tasks_run": null,
            "pool_queue_depth_max": 9,
            "blocked_us_counts": [[10, 1_170], [3_000, 20], [9_000, 10]],
            "pool_wait_us_counts": [[4_000, 50]],
            "loop_work_us_counts": {"/cpu": [], "/hash": [[3_000, 20], [9_000, 10]]},
        });
        let reported = between(&before, &after).unwrap();
        assert_eq!((reported.turns, reported.tasks_run), (Some(200), None));
        assert_eq!(reported.busy_share, Some(0.1));
        assert_eq!(
            reported.blocked_ns,
            Some(SpanRecord {
                count: 200,
                mean: Some(309_000),
                p50: Some(10_000),
                // One in a hundred is longer, and ten have to be.
                p99: None,
                // The warm-up's 9 ms are no part of it.
                max: Some(3 * MS),
            })
        );
        assert_eq!(reported.loop_lag_ns, None);
        assert_eq!(reported.pool_wait_ns.unwrap().count, 50);
        assert_eq!(reported.pool_queue_depth_mean, Some(0.1));
        assert_eq!(reported.pool_queue_depth_max, Some(9));
        let work = reported.loop_work_ns.unwrap();
        assert_eq!(work["/cpu"], SpanRecord::default());
        assert_eq!((work["/hash"].count, work["/hash"].max), (20, Some(3 * MS)));
    }

    #[test]
    fn stretches_add_up_and_what_one_cannot_tell_is_unknown_of_all() {
        let stretch = |stats: &Value| {
            let zero = json!({"loop_turns": 0, "task_moves": 0, "blocked_us_counts": [], "pool_queue_depth_max": 0,
                "loop_work_us_counts": {}});
            let [zero, after] = [&zero, stats].map(Snapshot::read);
            Stretch::between(&zero, &after, 10, MS).unwrap()
        };
        let one = stretch(
            &json!({"loop_turns": 5, "task_moves": 1, "blocked_us_counts": [[1, 5]],
            "pool_queue_depth_max": 3, "loop_work_us_counts": {"/cpu": [[7, 1]]}}),
        );
        let other = stretch(
            &json!({"loop_turns": 6, "blocked_us_counts": [[1, 4], [2, 2]],
            "pool_queue_depth_max": 2, "loop_work_us_counts": {"/cpu": [[7, 2]], "/hash": [[8, 1]]}}),
        );
        let both = one.and(&other).record();
        assert_eq!((both.requests, both.turns), (20, Some(11)));
        assert_eq!(both.task_moves, None);
        assert_eq!(both.pool_queue_depth_max, Some(3));
        let blocked = both.blocked_ns.unwrap();
        assert_eq!((blocked.count, blocked.max), (11, Some(2_000)));
        let work = both.loop_work_ns.unwrap();
        assert_eq!((work["/cpu"].count, work["/hash"].count), (3, 1));
    }

    #[test]
    fn what_fell_meanwhile_is_unknown_and_a_server_that_tells_nothing_has_no_record() {
        let reported = between(
            &json!({"loop_turns": 9, "worker_parks": 2, "blocked_us_counts": [[1, 5]]}),
            &json!({"loop_turns": 8, "worker_parks": 3, "blocked_us_counts": [[1, 4], [2, 9]]}),
        )
        .unwrap();
        assert_eq!(
            (reported.turns, reported.blocked_ns, reported.worker_parks),
            (None, None, Some(1))
        );
        for silent in [json!({}), json!(null), json!([1]), json!({"uptime": 7})] {
            assert_eq!(between(&silent, &silent), None, "{silent}");
        }
    }

    #[test]
    fn unknown_is_left_out_and_a_record_comes_back_as_it_went() {
        let counts = |n: u64| json!({"loop_turns": n, "loop_lag_us_counts": [[50, n]]});
        let reported = between(&counts(0), &counts(100)).unwrap();
        let text = serde_json::to_string(&reported).unwrap();
        assert_eq!(
            text,
            r#"{"requests":100,"duration_s":2.0,"turns":100,"loop_lag_ns":{"count":100,"mean":50000,"p50":50000,"p99":null,"max":50000}}"#
        );
        assert_eq!(serde_json::from_str::<LoopRecord>(&text).unwrap(), reported);
    }

    #[test]
    fn lists_and_routes_are_read_up_to_their_bounds() {
        let counts = |pairs: usize| {
            let pairs: Vec<(usize, u64)> = (0..pairs).map(|us| (us, 1)).collect();
            Snapshot::read(&json!({ "blocked_us_counts": pairs }))
                .spans
                .blocked
        };
        assert!(counts(MAX_COUNTS).is_some() && counts(MAX_COUNTS + 1).is_none());
        let routes = |names: Vec<String>| {
            let routes: serde_json::Map<String, Value> =
                names.into_iter().map(|name| (name, json!([]))).collect();
            Snapshot::read(&json!({ "loop_work_us_counts": routes }))
                .spans
                .loop_work
        };
        let many = |count: usize| (0..count).map(|i| format!("/{i}")).collect();
        assert!(routes(many(MAX_ROUTES)).is_some() && routes(many(MAX_ROUTES + 1)).is_none());
        let long = |bytes: usize| vec![format!("/{}", "x".repeat(bytes - 1))];
        assert!(
            routes(long(MAX_ROUTE_BYTES)).is_some() && routes(long(MAX_ROUTE_BYTES + 1)).is_none()
        );
        for name in ["hash", "/ha sh", "/\u{1b}[31m"] {
            assert_eq!(routes(vec![name.to_owned()]), None, "{name:?}");
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let count = prop_oneof![Just(u64::MAX), Just(u64::MAX / 1_000), 0..100_u64];
        let pairs = prop::collection::vec((count.clone(), count.clone()), 0..4);
        let value = prop_oneof![
            count.prop_map(|count| json!(count)),
            pairs.clone().prop_map(|pairs| json!(pairs)),
            pairs.prop_map(|pairs| json!({ "/cpu": pairs })),
            Just(json!(null)),
            Just(json!([[1]])),
            Just(json!(-1)),
        ];
        let name = prop_oneof![
            Just("loop_turns"),
            Just("workers_busy_us"),
            Just("blocked_us_counts"),
            Just("pool_wait_us_counts"),
            Just("loop_work_us_counts"),
            Just("pool_queue_depth_max"),
        ];
        prop::collection::btree_map(name, value, 0..6).prop_map(|members| json!(members))
    }

    proptest! {
        #[test]
        fn whatever_a_server_says_can_be_summed_up(one in any_json(), two in any_json(), three in any_json()) {
            let [one, two, three] = [one, two, three].map(|stats| Snapshot::read(&stats));
            let first = Stretch::between(&one, &two, 1, 1);
            let second = Stretch::between(&two, &three, u64::MAX, u64::MAX);
            if let (Some(first), Some(second)) = (first, second) {
                let record = first.and(&second).record();
                let text = serde_json::to_string(&record).unwrap();
                prop_assert!(serde_json::from_str::<LoopRecord>(&text).is_ok(), "{}", text);
            }
        }
    }
}
