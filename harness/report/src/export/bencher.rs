//! Bencher Metric Format: what `bencher run --adapter json` reads.
//!
//! Its documentation gives the shape (<https://bencher.dev/docs/reference/bencher-metric-format>): benchmarks by name, each
//! with measures, each with a value and two bounds.

use model::measured::clock::Clock;
use model::record::metric::Rank;
use serde_json::{Map, Value, json};

use super::level::{Level, levels};
use model::record::metric::Metric;
use model::record::run::RunRecord;

/// The longest name of a benchmark that Bencher takes, in characters.
pub const MAX_BENCHMARK_CHARS: usize = 1_024;
/// The longest name of a measure, in characters.
pub const MAX_MEASURE_CHARS: usize = 64;

/// A run's targets as benchmarks `scenario/target`, their metrics as measures.
///
/// The share of requests that failed is `error-share`. The median of the time itself is Bencher's built-in `latency` (nanoseconds) and the throughput its `throughput`
/// (operations a second); all others go by their names in the record.
pub fn bencher(record: &RunRecord) -> String {
    let benchmarks = record.targets.iter().filter_map(|target| {
        let errors = &target.report.error_share;
        let share = json!({
            "value": errors.share,
            "lower_value": errors.ci_low,
            "upper_value": errors.ci_high,
        });
        let share = (errors.requests > 0).then(|| ("error-share".to_owned(), share));
        let levels = levels(target, record.seed);
        let levels = levels
            .iter()
            .map(|level| (measure(level.metric), metric(level)));
        let measures: Map<String, Value> = share.into_iter().chain(levels).collect();
        let name = format!("{}/{}", record.scenario.name, target.name);
        let name = name.chars().take(MAX_BENCHMARK_CHARS).collect();
        (!measures.is_empty()).then_some((name, Value::Object(measures)))
    });
    let benchmarks: Map<String, Value> = benchmarks.collect();
    format!("{:#}\n", Value::Object(benchmarks))
}

/// A measure's slug.
fn measure(metric: Metric) -> String {
    match metric {
        Metric::RESPONSE_TIME_P50
        | Metric::Time(Clock::FirstEventTime | Clock::DeliveryTime, Rank::P50) => {
            "latency".to_owned()
        }
        Metric::ThroughputPerS => "throughput".to_owned(),
        metric => metric.name().replace('_', "-"),
    }
}

fn metric(level: &Level) -> Value {
    match level.interval {
        Some((low, high)) => {
            json!({ "value": level.value, "lower_value": low, "upper_value": high })
        }
        None => json!({ "value": level.value }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::record::errors::ErrorShare;

    #[test]
    fn targets_are_benchmarks_and_metrics_measures() {
        let text = bencher(&samples::run_record());
        let read: Value = serde_json::from_str(&text).unwrap();
        let names: Vec<&String> = read.as_object().unwrap().keys().collect();
        assert_eq!(names, ["io-heavy/callback", "io-heavy/coroutine"]);
        let latency = &read["io-heavy/callback"]["latency"];
        let number = |key: &str| latency[key].as_f64().unwrap();
        assert!(
            number("lower_value") <= number("value") && number("value") <= number("upper_value")
        );
        assert!((1e6..1e8).contains(&number("value")), "nanoseconds");
        assert_eq!(read["io-heavy/callback"].as_object().unwrap().len(), 8);
    }

    #[test]
    fn names_are_no_longer_than_bencher_takes_them() {
        for metric in Metric::all() {
            assert!(measure(metric).len() <= MAX_MEASURE_CHARS, "{metric:?}");
        }
        let mut record = samples::run_record();
        record.targets.truncate(1);
        record.scenario.name = "é".repeat(MAX_BENCHMARK_CHARS);
        let read: Map<String, Value> = serde_json::from_str(&bencher(&record)).unwrap();
        let longest = read.keys().map(|name| name.chars().count()).max();
        assert_eq!(longest, Some(MAX_BENCHMARK_CHARS));
    }

    #[test]
    fn a_target_without_figures_is_left_out() {
        let mut record = samples::run_record();
        record.targets[1].epochs.clear();
        record.targets[1].report.error_share = ErrorShare::default();
        let read: Map<String, Value> = serde_json::from_str(&bencher(&record)).unwrap();
        assert_eq!(read.len(), 1);
    }
}
