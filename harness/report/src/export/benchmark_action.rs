//! Input of the GitHub action benchmark-action/github-action-benchmark, whose tool's name fixes which way is better.
//!
//! Its `extractCustomBenchmarkResult` takes an array of name, value, unit, range and extra; an empty one is an error there, and
//! so it is here.

use serde_json::{Value, json};
use thiserror::Error;

use super::level::{Level, levels};
use model::record::errors::ErrorShare;
use model::record::metric::Metric;
use model::record::run::RunRecord;
use model::record::verdict::Direction;

/// Which way is better: the action's tool that reads the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// `customSmallerIsBetter`: times and costs.
    Smaller,
    /// `customBiggerIsBetter`: rates.
    Bigger,
}

/// No target has a figure of that kind.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "no target of run {run} has a figure to give, and the action takes an empty list for an error: {}",
    if *is_answered { "measure longer" } else { "no request succeeded, see its report" }
)]
pub struct NothingToGive {
    /// Which run.
    pub run: String,
    /// Whether any request succeeded in it.
    pub is_answered: bool,
}

/// The metrics of all targets of which less, or more, is better; the share of failed requests is one of which less is.
pub fn benchmark_action(record: &RunRecord, better: Better) -> Result<String, NothingToGive> {
    let entries: Vec<Value> = record
        .targets
        .iter()
        .flat_map(|target| {
            let name = format!("{}/{}", record.scenario.name, target.name);
            let extra = format!("{}\n{}", target.manifest.legend(), record.id);
            let errors = (better == Better::Smaller)
                .then(|| errors(&name, &extra, &target.report.error_share))
                .flatten();
            let levels = levels(target, record.seed)
                .into_iter()
                .filter(move |level| level.metric.lower_is_better() == (better == Better::Smaller))
                .map(move |level| entry(&name, &extra, &level));
            errors.into_iter().chain(levels)
        })
        .collect();
    if entries.is_empty() {
        return Err(NothingToGive {
            run: record.id.clone(),
            is_answered: record
                .targets
                .iter()
                .any(|target| target.report.requests.ok > 0),
        });
    }
    Ok(format!("{:#}\n", Value::Array(entries)))
}

fn entry(target: &str, extra: &str, level: &Level) -> Value {
    let (name, unit) = name_and_unit(level.metric);
    let mut entry = json!({
        "name": format!("{target} {name}"),
        "value": level.value,
        "unit": unit,
        "extra": extra,
    });
    if let Some((low, high)) = level.interval {
        entry["range"] = json!(format!("± {:.6}", (high - low) / 2.0));
    }
    entry
}

/// The share of requests that failed; nothing of no request.
fn errors(target: &str, extra: &str, errors: &ErrorShare) -> Option<Value> {
    let half = (errors.ci_high - errors.ci_low) / 2.0;
    (errors.requests > 0).then(|| {
        json!({
            "name": format!("{target} failed requests"),
            "value": errors.share * 100.0,
            "unit": "%",
            "range": format!("± {:.6}", half * 100.0),
            "extra": extra,
        })
    })
}

/// A metric's name without its unit, and that as the action shows it.
fn name_and_unit(metric: Metric) -> (String, &'static str) {
    let name = metric.name();
    let unit = match metric.direction() {
        Direction::Time => "ns",
        Direction::Rate => "/s",
        Direction::Cost if name.contains("_us_") => "µs/request",
        Direction::Cost => "B",
    };
    let words = name
        .split('_')
        .filter(|word| !["ns", "us", "bytes"].contains(word));
    let name: Vec<&str> = words.collect();
    (name.join(" ").trim_end_matches(" per s").to_owned(), unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_in_one_of_the_two_files() {
        let record = samples::run_record();
        let names = |better| -> Vec<String> {
            let read: Vec<Value> =
                serde_json::from_str(&benchmark_action(&record, better).unwrap()).unwrap();
            for entry in &read {
                assert!(
                    entry["value"].is_f64() && entry["unit"].is_string(),
                    "{entry}"
                );
                assert!(
                    entry["range"].as_str().unwrap().starts_with("± "),
                    "{entry}"
                );
            }
            read.iter()
                .map(|entry| entry["name"].as_str().unwrap().to_owned())
                .collect()
        };
        let (smaller, bigger) = (names(Better::Smaller), names(Better::Bigger));
        assert_eq!((smaller.len(), bigger.len()), (2 * 7, 2));
        assert!(
            smaller.contains(&"io-heavy/callback response time p99".to_owned()),
            "{smaller:?}"
        );
        assert!(
            bigger.contains(&"io-heavy/coroutine throughput".to_owned()),
            "{bigger:?}"
        );
    }

    #[test]
    fn an_empty_list_is_an_error_that_names_the_run() {
        let mut record = samples::run_record();
        record.targets.clear();
        for better in [Better::Smaller, Better::Bigger] {
            let error = benchmark_action(&record, better).unwrap_err().to_string();
            assert!(
                error.starts_with("no target of run 2026-11-23T10-15-00Z-io-heavy has"),
                "{error}"
            );
        }
    }
}
