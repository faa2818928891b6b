//! The report of a run, or of several.

use crate::words::terms;
use crate::words::warnings;
use std::collections::BTreeMap;

use crate::export::{intervals_csv, summary_csv};
use askama::Template;
use model::measured::slices;
use model::measured::slices::SliceRecord;
use model::record::run::RunRecord;
use model::record::target::TargetRecord;

use super::embedded::File;
use super::shell::{
    Card, Figure, Head, How, HtmlError, LiveRun, LiveSlice, Shell, failure, note, rendered,
};
use crate::charts::{Chart, ChartError, PlotTarget, svg_and_plot};
use crate::tables::answer::{FIGURES, FIGURES_ALONE, MARKS, answer};
use crate::tables::{
    self, AccountingRow, ClockRow, ComparisonRow, KindRow, Room, SpreadRow, Targets,
};
use crate::words::effects;
use crate::words::sentences;
use crate::words::title;
use crate::words::why::{self, Explanation};

/// Writes a report of one run or of several, one after the other: `report.html`.
pub fn html(records: &[RunRecord]) -> Result<String, HtmlError> {
    let (runs, live): (Vec<Run>, Vec<LiveRun>) = records
        .iter()
        .map(run)
        .collect::<Result<Vec<(Run, LiveRun)>, HtmlError>>()?
        .into_iter()
        .unzip();
    let title = match runs.as_slice() {
        [] => "bench: no runs".to_owned(),
        [run] => run.head.page_title(),
        runs => format!("bench: {} runs", runs.len()),
    };
    rendered(&Page {
        shell: Shell::of(title, live)?,
        figures_note: FIGURES,
        columns: common_columns(&runs),
        runs,
    })
}

/// What stands above the figures of every run's targets, where it is the same.
fn common_columns(runs: &[Run]) -> Option<Vec<String>> {
    let columns = &runs.first()?.targets.columns;
    let mut others = runs.iter();
    others
        .all(|run| run.targets.columns == *columns)
        .then(|| columns.clone())
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    shell: Shell,
    figures_note: &'static str,
    /// Of the table of all runs; none where they have not the same.
    columns: Option<Vec<String>>,
    runs: Vec<Run>,
}

/// One run, as text.
struct Run {
    head: Head,
    targets: Targets,
    kinds: Vec<KindRow>,
    counted: &'static str,
    clocks: Vec<ClockRow>,
    charts: Vec<Figure>,
    why: Vec<Explanation>,
    /// The chart of that.
    why_chart: Option<Figure>,
    comparisons: Vec<ComparisonRow>,
    effects: Vec<ComparisonRow>,
    effects_in_words: Vec<String>,
    spread: Vec<SpreadRow>,
    accounting: Vec<AccountingRow>,
    how: How,
}

fn run(record: &RunRecord) -> Result<(Run, LiveRun), HtmlError> {
    let names = record.targets.iter().map(|target| target.name.as_str());
    let mut live = LiveRun {
        targets: PlotTarget::of(&names.collect::<Vec<_>>()),
        samples: terms::samples(record.workload()),
        slices: live_slices(record)?,
        charts: BTreeMap::new(),
    };
    let charts = Chart::of(record).map(|chart| {
        Ok(Figure::of(
            chart.file_stem(),
            &chart.title(record),
            chart.how_to_read(record.workload()),
            svg_and_plot(record, chart)?,
            &mut live,
        ))
    });
    let mut charts = charts.collect::<Result<Vec<Figure>, ChartError>>()?;
    let mut taken = |chart: Chart| {
        let place = charts
            .iter()
            .position(|figure| figure.stem == chart.file_stem())?;
        Some(charts.remove(place))
    };
    let lead = taken(Chart::LatencyByPercentile);
    let why_chart = taken(Chart::WhatTheLoopsDid);
    let run = Run {
        head: head(record, lead),
        targets: tables::targets(record, Room::Page),
        counted: sentences::counted(record.workload()),
        kinds: tables::kinds(record),
        clocks: tables::clocks(record),
        charts,
        why: why::reported(record),
        why_chart,
        comparisons: tables::comparisons(record),
        effects: tables::effects(record),
        effects_in_words: effects::sentences(record),
        spread: tables::spread(record),
        accounting: tables::accounting(record),
        how: How::of(
            &record.command,
            tables::circumstances(record),
            &record.scenario,
            downloads(record),
        ),
    };
    Ok((run, live))
}

fn live_slices(record: &RunRecord) -> Result<Option<Vec<Vec<LiveSlice>>>, HtmlError> {
    let milliseconds = |seconds: f64| (seconds * 1e3).round() / 1e3;
    let live = |slice: &SliceRecord| {
        LiveSlice(
            milliseconds(slice.start_s),
            milliseconds(slice.start_s + slice.duration_s),
            slice.counts_base64.clone(),
        )
    };
    let of_target = |target: &TargetRecord| {
        slices::check(&target.slices).map_err(|source| HtmlError::Slices {
            target: target.name.clone(),
            source,
        })?;
        // One that failed before anything was sent doesn't know what is timed.
        let same = target.report.workload == record.workload();
        let slices = target.slices.iter().filter(|_| same);
        Ok(slices.map(live).collect())
    };
    let targets = record.targets.iter().map(of_target);
    let targets = targets.collect::<Result<Vec<Vec<LiveSlice>>, HtmlError>>()?;
    Ok(targets
        .iter()
        .any(|slices| !slices.is_empty())
        .then_some(targets))
}

fn head(record: &RunRecord, lead: Option<Figure>) -> Head {
    let scenario = &record.scenario;
    let verdicts = sentences::headlines(record).into_iter();
    let failed = record.targets.iter();
    let failed = failed.filter_map(|target| Some((&target.name, target.failure.as_ref()?)));
    let (cards, few) = Card::of(answer(record));
    Head {
        what: "Run",
        title: title::of_run(record),
        contents: contents(record),
        cards,
        few,
        legend: match record.comparisons.first() {
            Some(first) => format!(
                "{FIGURES} Ratios are to {}, with 95 % intervals: {MARKS}",
                first.base
            ),
            None => FIGURES_ALONE.to_owned(),
        },
        lead,
        id: record.id.clone(),
        scenario: scenario.name.clone(),
        question: scenario.question.clone(),
        description: scenario.description.clone(),
        started_at: record.started_at.clone(),
        loads: record
            .targets
            .first()
            .map(|target| sentences::load(&target.report.load, "measured per target"))
            .unwrap_or_default(),
        valid: sentences::is_believed(record),
        belief: sentences::belief(record),
        verdicts: verdicts.chain(sentences::objectives(record)).collect(),
        beside: sentences::aa(record),
        warnings: warnings::of_run(record).into_iter().map(note).collect(),
        failures: failed.map(failure).collect(),
    }
}

fn contents(record: &RunRecord) -> Vec<(&'static str, &'static str)> {
    let has_reasons = !why::reported(record).is_empty();
    let parts = [
        Some(("found", "What was found")),
        has_reasons.then_some(("why", "Why")),
        Some(("charts", "Charts")),
        Some(("tables", "Tables")),
        Some(("how", "How it was measured")),
        Some(("data", "Data")),
    ];
    parts.into_iter().flatten().collect()
}

fn downloads(record: &RunRecord) -> Vec<File> {
    vec![
        File::of("run.json", "the whole record", &record.to_json()),
        File::of(
            "summary.csv",
            "a line for each target",
            &summary_csv(record),
        ),
        File::of(
            "intervals.csv",
            "a line for each interval",
            &intervals_csv(record),
        ),
    ]
}
