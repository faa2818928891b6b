//! A history in words: what is followed, where it stands now, and with which run it changed.
//!
//! It knows how a trend is said. It must never decide one: levels and changes come from `analysis`.

use analysis::history::trend::{Shift, Trend};
use analysis::history::{Followed, SeriesKey, Turn};
use model::measured::workload::WorkloadKind;
use model::record::metric::Metric;
use stats::change::MIN_VALUES;

use crate::words::figures::plural;
use crate::words::sentences;

/// Trends of the same targets under the same load, which are shown together.
///
/// `trends`: as [`analysis::history::trend::trends`] puts them, with all metrics of the same targets in a row.
pub fn groups(trends: &[Trend]) -> impl Iterator<Item = &[Trend]> {
    let with = |key: &SeriesKey| (key.scenario.clone(), key.load.clone(), key.what.clone());
    trends.chunk_by(move |one, other| with(&one.key) == with(&other.key))
}

/// Which targets under which load: `io-heavy, coroutine against callback (poisson, 1000/s, 256 connections)`.
pub fn heading(key: &SeriesKey) -> String {
    format!("{}, {} ({})", key.scenario, followed(&key.what), key.load)
}

/// What is followed: `coroutine against callback`, or `callback alone on AMD EPYC 7B13, 2 cores`.
pub fn followed(what: &Followed) -> String {
    match what {
        Followed::Ratio { base, head } => format!("{head} against {base}"),
        Followed::Level { target, host } => format!("{target} alone on {host}"),
    }
}

/// A value of a trend: a ratio as a change, a level with its unit.
pub fn figure(key: &SeriesKey, value: f64) -> String {
    match key.what {
        Followed::Ratio { .. } => sentences::change(value),
        Followed::Level { .. } => sentences::value(key.metric, value),
    }
}

/// What can be said of a trend in a few words: its changes, that there are none, or that there are too few runs to tell.
pub fn verdict(trend: &Trend) -> String {
    let runs = trend.points.len();
    match trend.changes.as_slice() {
        [] if runs < MIN_VALUES => {
            let missing = plural((MIN_VALUES - runs) as u64, "more run", "more runs");
            format!("{missing} needed to tell")
        }
        [] => "no change found".to_owned(),
        changes => {
            let reported = changes.iter().map(|shift| {
                let size = sentences::change(shift.ratio);
                format!("{size} with {}: {}", run(shift), turn(shift.turn))
            });
            reported.collect::<Vec<_>>().join("; ")
        }
    }
}

/// A change as a sentence, with all that is known of it.
pub fn sentence(trend: &Trend, shift: &Shift) -> String {
    let what = name(&trend.key);
    let when = &trend.points[shift.at].started_at;
    let (earliest, latest) = &shift.between_ids;
    let range = if earliest == latest {
        String::new()
    } else {
        format!("; it may have begun with any run from {earliest} to {latest}")
    };
    format!(
        "{}, {}: {} of {} changed by {} with {} of {when}, for the {} (95 % interval: {}{range}).",
        trend.key.scenario,
        trend.key.load,
        what,
        followed(&trend.key.what),
        sentences::change(shift.ratio),
        run(shift),
        turn(shift.turn),
        sentences::interval(shift.ci_low, shift.ci_high),
    )
}

/// What is followed, in words. A line does not say what its run timed, but only one kind of run has most of the metrics; what
/// all have is worded for requests.
pub(crate) fn name(key: &SeriesKey) -> String {
    let is_of = |workload: &WorkloadKind| Metric::of_workload(*workload).contains(&key.metric);
    let workload = WorkloadKind::ALL
        .into_iter()
        .find(is_of)
        .unwrap_or_default();
    sentences::name(key.metric, workload)
}

/// A run and what it measured: `20261123T101500Z-io-heavy (revision 4f2a91c)`.
fn run(shift: &Shift) -> String {
    let revision = shift.revision.as_ref();
    let revision = revision.map(|revision| format!(" (revision {revision})"));
    format!("{}{}", shift.id, revision.unwrap_or_default())
}

fn turn(turn: Turn) -> &'static str {
    match turn {
        Turn::Better => "better",
        Turn::Worse => "worse",
    }
}

/// The name of a trend's chart, without the ending: `io-heavy-coroutine-against-callback-response-time-p50`.
pub fn file_stem(key: &SeriesKey) -> String {
    let what = match &key.what {
        Followed::Ratio { base, head } => format!("{head}-against-{base}"),
        Followed::Level { target, .. } => target.clone(),
    };
    let metric = key.metric.name().replace("_ns_", "_").replace('_', "-");
    // Names are from the history's lines, which anybody may have written: no name of a file leads out of its directory.
    let named = format!("{}-{what}-{metric}", key.scenario);
    let safe = named.chars().map(|letter| match letter {
        letter if letter.is_alphanumeric() => letter,
        '-' | '_' | '.' => letter,
        _ => '-',
    });
    safe.collect::<String>().trim_start_matches('.').to_owned()
}

/// The question that a trend's chart answers.
pub fn question(key: &SeriesKey) -> String {
    format!(
        "Did it change? {}, {}, {}",
        sentences::capitalised(name(key)),
        followed(&key.what),
        key.scenario
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::record::metric::Metric;

    #[test]
    fn no_line_of_a_history_names_a_file_outside_its_directory() {
        let key = |scenario: &str, target: &str| SeriesKey {
            scenario: scenario.to_owned(),
            load: String::new(),
            what: Followed::Level {
                target: target.to_owned(),
                host: String::new(),
            },
            metric: Metric::ThroughputPerS,
        };
        for (scenario, target, expected) in [
            ("ping", "node", "ping-node-throughput-per-s"),
            ("../../evil", "a", "-..-evil-a-throughput-per-s"),
            ("/etc/x", "a\\b\0", "-etc-x-a-b--throughput-per-s"),
            (".", ".", "-.-throughput-per-s"),
        ] {
            assert_eq!(file_stem(&key(scenario, target)), expected);
        }
    }
}
