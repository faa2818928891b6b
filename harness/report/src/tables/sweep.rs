//! The tables of a sweep: knees, rate by rate, step by step.

use analysis::sweep::CurvePoint;
use model::record::errors::ErrorShare;
use model::record::sweep::knee::{Known, Limit};
use model::record::sweep::pass::{CLIMB, Pass};
use model::record::sweep::step::{StepEpoch, StepRecord};
use model::record::sweep::whole::{SweepRecord, TargetResult};

use super::failed;
use crate::words::figures::{NONE, maybe_time, per_s, percent, percentile, time};
use crate::words::sweep::{place, rounded, standing};

/// More targets than this have no room beside each other in a table of rates.
const CURVES_MAX: usize = 3;

/// The columns of [`knee_rows`].
pub const KNEE_COLUMNS: [&str; 5] = ["target", "sustains", "interval", "down / up", "past it"];

/// The targets with their knees, one a row.
pub fn knee_rows(record: &SweepRecord) -> Vec<[String; 5]> {
    let none = || NONE.to_owned();
    let row = |result: &TargetResult| {
        let knee = &result.knee;
        let sign = match knee.known {
            Known::AtLeast => "≥ ",
            Known::Below => "< ",
            Known::Found | Known::Unknown => "",
        };
        let ends = knee.ci_low_per_s.zip(knee.ci_high_per_s);
        let past = match knee.limit {
            Some(Limit::ServerCpu) => "server's CPU full",
            Some(Limit::Connections) => "connections busy",
            Some(Limit::Generator) => "generator's CPU full",
            Some(Limit::Other) | None => NONE,
        };
        [
            result.target.clone(),
            knee.rate_per_s
                .map_or_else(none, |rate| format!("{sign}{}", per_s(rate))),
            ends.map_or_else(none, |(low, high)| {
                format!("{} to {}", rounded(low), rounded(high))
            }),
            result
                .hysteresis
                .map_or_else(none, |hysteresis| percent(hysteresis.ratio)),
            past.to_owned(),
        ]
    };
    record.results.iter().map(row).collect()
}

/// The columns of [`curve_rows`], each in two lines: whose it is, and what.
pub fn curve_columns(record: &SweepRecord) -> Vec<String> {
    let of_target = |result: &TargetResult| {
        [
            "p50".to_owned(),
            percentile(record.tail()),
            "CPU".to_owned(),
        ]
        .map(|figure| format!("{}\n{figure}", result.target))
    };
    std::iter::once("\noffered".to_owned())
        .chain(record.results.iter().flat_map(of_target))
        .collect()
}

/// What the climb measured at each rate, both ways together; none where there are too many targets to stand side by side.
/// What was beyond the objective has a mark.
pub fn curve_rows(record: &SweepRecord) -> Vec<Vec<String>> {
    if record.results.len() > CURVES_MAX {
        return Vec::new();
    }
    let mut rungs: Vec<i32> = record
        .steps
        .iter()
        .filter(|step| step.round == CLIMB)
        .map(|step| step.rung)
        .collect();
    rungs.sort_unstable();
    rungs.dedup();
    let curves: Vec<Vec<CurvePoint>> = record
        .results
        .iter()
        .map(|result| analysis::sweep::curve(record, &result.target, None))
        .collect();
    let row = |rung: i32| {
        let rate = record.plan.design.ladder.per_s(f64::from(rung));
        let figures = curves.iter().flat_map(|curve| {
            // Epochs of the rounds that are within a pace are in it.
            let near = |point: &&CurvePoint| (point.rate_per_s / rate).ln().abs() < 0.03;
            let Some(point) = curve.iter().find(near) else {
                return [NONE, NONE, NONE].map(str::to_owned);
            };
            let mark = if is_beyond(point) { " !" } else { "" };
            let tail = point.tail_ns.map_or_else(|| NONE.to_owned(), time);
            [
                point.p50_ns.map_or_else(|| NONE.to_owned(), time),
                tail + mark,
                point
                    .server_cpu_share
                    .map_or_else(|| NONE.to_owned(), percent),
            ]
        });
        std::iter::once(per_s(rate)).chain(figures).collect()
    };
    rungs.into_iter().map(row).collect()
}

/// A place of a target's curve as a row: what stood there on one way.
pub(crate) struct CurveRow {
    pub(crate) target: String,
    pub(crate) pass: &'static str,
    /// Offered, succeeded, the median, the tail, the server's CPU.
    pub(crate) figures: [String; 5],
    /// Whether more than half of its steps were beyond the objective.
    pub(crate) beyond: bool,
    pub(crate) standing: String,
}

/// Every target's curve, up and down.
pub(crate) fn curves(record: &SweepRecord) -> Vec<CurveRow> {
    let time = |ns: Option<f64>| ns.map_or_else(|| NONE.to_owned(), time);
    let row = |target: &str, pass: Pass, point: CurvePoint| CurveRow {
        target: target.to_owned(),
        pass: pass.name(),
        figures: [
            per_s(point.rate_per_s),
            per_s(point.throughput_per_s),
            time(point.p50_ns),
            time(point.tail_ns),
            point
                .server_cpu_share
                .map_or_else(|| NONE.to_owned(), percent),
        ],
        beyond: is_beyond(&point),
        standing: judged(&point),
    };
    let of_target = |result: &TargetResult| {
        [Pass::Up, Pass::Down].map(|pass| {
            let curve = analysis::sweep::curve(record, &result.target, Some(pass)).into_iter();
            let rows = curve.map(|point| row(&result.target, pass, point));
            rows.collect::<Vec<CurveRow>>()
        })
    };
    record
        .results
        .iter()
        .flat_map(of_target)
        .flatten()
        .collect()
}

fn is_beyond(point: &CurvePoint) -> bool {
    point.within * 2 <= point.epochs
}

/// The outcome of the steps of a place: `within`, `2 of 3 within, 1 with the generator full`.
fn judged(point: &CurvePoint) -> String {
    if point.within == point.epochs {
        return "within".to_owned();
    }
    let full = match point.generators {
        0 => String::new(),
        generators => format!(", {generators} with the generator full"),
    };
    format!("{} of {} within{full}", point.within, point.epochs)
}

/// The columns of [`step_rows`].
pub(crate) fn step_columns(record: &SweepRecord) -> [String; 11] {
    [
        "step",
        "target",
        "offered",
        "succeeded",
        "failed",
        "p50",
        &percentile(record.tail()),
        "generator's lag, p99",
        "load's cores",
        "server's CPU",
        "SLO",
    ]
    .map(str::to_owned)
}

/// Every target of every step, in the order in which they were measured.
pub(crate) fn step_rows(record: &SweepRecord) -> Vec<[String; 11]> {
    let row = |step: &StepRecord, epoch: &StepEpoch| {
        let times = &epoch.time_ns;
        [
            place(step.round, step.pass),
            epoch.target.clone(),
            per_s(step.rate_per_s),
            per_s(epoch.throughput_per_s),
            failed(&ErrorShare::of(&[epoch.requests])),
            maybe_time(times.p50),
            maybe_time(times.named(record.tail())),
            maybe_time(epoch.generator_lag_ns.p99),
            percent(epoch.load_cpu_share),
            epoch
                .server_cpu_share
                .map_or_else(|| NONE.to_owned(), percent),
            epoch
                .standing
                .map_or_else(|| NONE.to_owned(), |reported| standing(reported).to_owned()),
        ]
    };
    let steps = record.steps.iter();
    let rows = steps.flat_map(|step| step.epochs.iter().map(move |epoch| row(step, epoch)));
    rows.collect()
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn the_tables_of_a_sweep_read_as_reviewed() {
        let record = samples::sweep_record();
        let mut text: Vec<String> = knee_rows(&record)
            .iter()
            .map(|row| row.join(" | "))
            .collect();
        text.push(curve_columns(&record).join(" | ").replace('\n', " "));
        text.extend(curve_rows(&record).iter().map(|row| row.join(" | ")));
        insta::assert_snapshot!(text.join("\n"));
    }

    #[test]
    fn more_targets_than_fit_beside_each_other_have_no_table_of_rates() {
        let mut record = samples::sweep_record();
        let again = record.results.clone();
        record.results.extend(again);
        assert_eq!(curve_rows(&record), Vec::<Vec<String>>::new());
        assert_eq!(knee_rows(&record).len(), 4);
    }
}
