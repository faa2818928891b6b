//! A history as people see it: in words, as a table, and as a chart that shows the change and how sure it is.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod outline;

use analysis::history::trend::{Trend, trends};
use analysis::history::{History, HistoryLine};
use model::record::metric::Metric;

use outline::outline;
use report::charts::{trend_alt, trend_png, trend_svg};
use report::markdown::history::markdown;
use report::words::history;

/// Runs of the sample, with the median's ratio 1 up to run 20 and 1.1 from there on, with a little that alternates.
fn made_up(runs: usize, targets: usize) -> Vec<Trend> {
    let mut record = samples::run_record();
    record.targets.truncate(targets);
    if targets == 1 {
        record.comparisons.clear();
    }
    let line = HistoryLine::of(&record, Some("4f2a91c".to_owned()));
    let mut history = History::default();
    for run in 0..runs {
        let mut line = line.clone();
        line.id = format!("run-{run:02}");
        line.started_at = format!("2026-11-{:02}T10:15:00Z", run % 28 + 1);
        let value = (if run < 20 { 1.0 } else { 1.1 }) + if run % 2 == 0 { 0.004 } else { -0.004 };
        for comparison in &mut line.comparisons {
            let shifts = comparison.metric == Metric::RESPONSE_TIME_P50;
            comparison.ratio = if shifts { value } else { 1.0 };
        }
        for value in line
            .targets
            .iter_mut()
            .flat_map(|target| target.metrics.values_mut())
        {
            *value *= if run % 2 == 0 { 1.01 } else { 0.99 };
        }
        history.push(line);
    }
    trends(&history, 1)
}

#[test]
fn a_change_is_reported_in_words_and_in_a_table() {
    insta::assert_snapshot!("history-markdown", markdown(&made_up(30, 2)));
    insta::assert_snapshot!("history-short-markdown", markdown(&made_up(2, 1)));
    insta::assert_snapshot!("history-empty-markdown", markdown(&[]));
}

#[test]
fn a_chart_shows_runs_levels_and_the_change_with_its_intervals() {
    insta::assert_snapshot!(
        "history-ratio-chart",
        outline(&trend_svg(&made_up(30, 2)[0]).unwrap())
    );
    let said = [made_up(30, 2), made_up(30, 1), made_up(1, 2)].map(|trends| trend_alt(&trends[0]));
    insta::assert_snapshot!("history-charts-in-words", said.join("\n"));
}

#[test]
fn every_metric_of_every_kind_is_drawn_and_named_apart() {
    for trends in [made_up(12, 1), made_up(12, 2)] {
        let stems: std::collections::BTreeSet<String> = trends
            .iter()
            .map(|trend| history::file_stem(&trend.key))
            .collect();
        assert_eq!(stems.len(), trends.len());
        for trend in &trends {
            let svg = trend_svg(trend).unwrap();
            assert!(!svg.contains("NaN") && !svg.contains("inf "), "{svg}");
            assert!(trend_png(trend).unwrap().starts_with(b"\x89PNG"));
        }
    }
}
