//! The answer of a run as cells: what each target's figure is in each metric, and how it compares with the base.
//!
//! A figure here is what the difference beside it is made of: the geometric mean over the paired blocks of what each block measured.
//! A percentile of all requests together is another figure, and stands where it says so.

use analysis::compare::{block_values, geometric_mean, paired_figures};
use model::measured::workload::WorkloadKind;
use model::record::metric::{Metric, Rank};
use model::record::run::RunRecord;
use model::record::target::TargetRecord;
use model::record::verdict::ComparisonVerdict;

use crate::look::colours;
use crate::words::figures::{NONE, times};
use crate::words::{failures, sentences, terms};

use super::{comparison, error_comparison};

/// What figures and differences of an answer are, in a sentence.
pub const FIGURES: &str =
    "Figures are geometric means over paired blocks; differences are between them.";

/// What figures are where nothing is compared.
pub const FIGURES_ALONE: &str = "Figures are geometric means over blocks.";

/// Each target in each metric that answers most questions.
#[derive(Debug)]
pub struct Answer {
    /// The targets, in the order asked for; the first is the base.
    pub targets: Vec<Target>,
    /// Failed requests first, where some failed; then what is timed, throughput, CPU and memory.
    pub metrics: Vec<Row>,
}

/// A target of an [`Answer`].
#[derive(Debug)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// `#005096`, as in the charts.
    pub colour: String,
}

/// One metric of an [`Answer`].
#[derive(Debug)]
pub struct Row {
    /// What is compared: `response time p99`.
    pub name: String,
    /// The same where the table says which time it is: `p99`.
    pub brief: String,
    /// One a target.
    pub cells: Vec<Cell>,
}

/// One target in one metric.
#[derive(Debug)]
pub struct Cell {
    /// Its figure with its unit.
    pub figure: String,
    /// How it compares with the base; none for the base, and for what was not compared.
    pub against: Option<Against>,
}

/// How a target compares with the base.
#[derive(Debug)]
pub struct Against {
    /// Head over base, as a change.
    pub change: String,
    /// The 95 % interval of that.
    pub interval: String,
    /// Both as ratios, `1.75×` and `1.56× to 2.01×`; of shares that failed they stay changes.
    pub ratio: [String; 2],
    /// The verdict on it.
    pub verdict: ComparisonVerdict,
}

impl Against {
    /// The verdict with its mark: `▼ slower`.
    pub fn marked(&self) -> String {
        format!("{} {}", mark(self.verdict), self.verdict.name())
    }

    /// The difference with its mark: `▼ +22 %`.
    pub fn marked_change(&self) -> String {
        format!("{} {}", mark(self.verdict), self.change)
    }
}

/// A verdict in one character: better, worse, equivalent, or inconclusive.
pub fn mark(verdict: ComparisonVerdict) -> char {
    match verdict {
        ComparisonVerdict::Faster | ComparisonVerdict::Less => '▲',
        ComparisonVerdict::Slower | ComparisonVerdict::More => '▼',
        ComparisonVerdict::Equivalent => '=',
        ComparisonVerdict::Inconclusive => '?',
    }
}

/// What the characters of [`mark`] stand for.
pub const MARKS: &str = "▲ better, ▼ worse, = equivalent, ? inconclusive.";

/// What a run answers.
pub fn answer(record: &RunRecord) -> Answer {
    let workload = record.workload();
    let names: Vec<&str> = record.targets.iter().map(|of| of.name.as_str()).collect();
    let targets = record.targets.iter().zip(colours(&names));
    let targets = targets.map(|(target, colour)| Target {
        name: target.name.clone(),
        colour,
    });
    let measured = sentences::reported(workload).map(|metric| Row {
        name: sentences::short_name(metric, workload),
        brief: brief(metric, workload),
        cells: record
            .targets
            .iter()
            .map(|target| cell(record, target, metric))
            .collect(),
    });
    let is_known = |row: &Row| row.cells.iter().any(|cell| cell.figure != NONE);
    Answer {
        targets: targets.collect(),
        metrics: failed(record)
            .into_iter()
            .chain(measured.filter(is_known))
            .collect(),
    }
}

fn cell(record: &RunRecord, target: &TargetRecord, metric: Metric) -> Cell {
    let workload = record.workload();
    let mut compared = record.comparisons.iter();
    let compared = compared.find(|each| each.metric == metric && each.head == target.name);
    let base = compared.and_then(|each| record.targets.iter().find(|of| of.name == each.base));
    let figure = match base {
        Some(base) => paired_figures(&base.epochs, &target.epochs, metric).map(|[_, head]| head),
        None => geometric_mean(&block_values(&target.epochs, metric)),
    };
    Cell {
        figure: figure.map_or_else(
            || NONE.to_owned(),
            |figure| sentences::value(metric, figure),
        ),
        against: compared.map(|each| {
            let row = comparison(each, workload);
            Against {
                change: row.change,
                interval: row.interval,
                ratio: [
                    times(each.ratio),
                    format!("{} to {}", times(each.ci_low), times(each.ci_high)),
                ],
                verdict: each.verdict,
            }
        }),
    }
}

/// Failed requests; nothing where none failed.
fn failed(record: &RunRecord) -> Option<Row> {
    let workload = record.workload();
    let shares = || record.targets.iter().map(|of| &of.report.error_share);
    let cell = |target: &TargetRecord| {
        let share = &target.report.error_share;
        let mut compared = record.error_comparisons.iter();
        let compared = compared.find(|each| each.head == target.name);
        Cell {
            figure: match share.failed {
                _ if share.requests == 0 => NONE.to_owned(),
                0 => "none".to_owned(),
                _ => failures::percent(share.share),
            },
            against: compared.map(|each| {
                let row = error_comparison(each, workload);
                Against {
                    ratio: [row.change.clone(), row.interval.clone()],
                    change: row.change,
                    interval: row.interval,
                    verdict: each.verdict,
                }
            }),
        }
    };
    shares().any(|share| share.failed > 0).then(|| Row {
        name: format!("failed {}s", terms::noun(workload)),
        brief: "failed".to_owned(),
        cells: record.targets.iter().map(cell).collect(),
    })
}

/// A metric in a table that says of which time it is.
fn brief(metric: Metric, workload: WorkloadKind) -> String {
    let noun = terms::noun(workload);
    match metric {
        Metric::Time(clock, rank) => {
            let percentile = match rank {
                Rank::P50 => "p50",
                Rank::P99 => "p99",
            };
            if clock == workload.clock() {
                percentile.to_owned()
            } else {
                let (first, _) = terms::clock(clock)
                    .rsplit_once(' ')
                    .unwrap_or((terms::clock(clock), ""));
                let last = first.rsplit(' ').next().unwrap_or(first);
                format!("{last} {percentile}")
            }
        }
        Metric::ThroughputPerS => format!("{noun}s/s"),
        Metric::ServerCpuUsPerRequest => format!("CPU/{noun}"),
        Metric::ServerRssBytesMax => "memory".to_owned(),
        Metric::GoodputPerS => "in time/s".to_owned(),
        Metric::RecoveryNs => "recovery".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_that_of_the_figures_beside_it() {
        let record = samples::run_record();
        for compared in &record.comparisons {
            let of = |name: &str| {
                let mut targets = record.targets.iter();
                &targets.find(|target| target.name == name).unwrap().epochs
            };
            let [base, head] =
                paired_figures(of(&compared.base), of(&compared.head), compared.metric).unwrap();
            assert!((head / base / compared.ratio - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn failed_requests_come_first_and_only_where_some_failed() {
        let mut record = samples::run_record();
        let names = |record: &RunRecord| -> Vec<String> {
            let metrics = answer(record).metrics.into_iter();
            metrics.map(|row| row.brief).collect()
        };
        let usual = ["p50", "p99", "requests/s", "CPU/request", "memory"];
        assert_eq!(names(&record), usual);
        record.targets[1].report.error_share.failed = 1;
        assert_eq!(names(&record)[0], "failed");
        assert_eq!(names(&samples::stream_record())[2], "gap p99");
    }

    #[test]
    fn a_metric_that_no_target_has_is_left_out_and_one_that_was_not_compared_has_figures() {
        let mut record = samples::run_record();
        record.comparisons.clear();
        for target in &mut record.targets {
            for epoch in &mut target.epochs {
                epoch.metrics.remove(Metric::ServerRssBytesMax.name());
            }
        }
        let Answer { metrics, .. } = answer(&record);
        assert_eq!(metrics.last().unwrap().brief, "CPU/request");
        let mut cells = metrics.iter().flat_map(|row| &row.cells);
        assert!(cells.all(|cell| cell.figure != NONE && cell.against.is_none()));
    }
}
