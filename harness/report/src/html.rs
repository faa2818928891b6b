//! A report as one HTML file that needs nothing but a browser: no network, no other file, and to be read no script either.
//!
//! Its one script (uPlot, and `assets/page/` around it) draws the charts again from the data in the page, as the reader asks;
//! the page's policy allows that script by its hash, and no other. The template lays out, this module gathers: every figure comes as
//! text from the tables that Markdown has too and from [`crate::sentences`], every picture from [`crate::charts`]. Whatever
//! comes from a record is escaped by the template; only the charts, which escape their own text, are put in as they are.

mod sweep;

use std::collections::BTreeMap;

use crate::export::{intervals_csv, summary_csv};
use askama::Template;
use model::measured::slices;
use model::measured::slices::{SliceError, SliceRecord};
use model::record::run::{Failure, RunRecord, TargetRecord};
use model::record::validity::ToldCaution;
use model::spec::scenario::ScenarioRecord;
use serde::Serialize;

use crate::charts::{Chart, ChartError, Plot, PlotTarget, ink_rules, legible, svg_and_plot};
use crate::embedded::{File, policy, script_json};
use crate::sentences;
use crate::tables::{
    self, ClockRow, ComparisonRow, KindRow, LedgerRow, Room, SpreadRow, Targets, command_line,
};
use crate::why::{self, Told};
pub use sweep::html as sweep_html;

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum HtmlError {
    /// A chart could not be drawn.
    #[error(transparent)]
    Chart(#[from] ChartError),
    /// The slices of a target are not what `bench` writes.
    #[error(
        "the slices of target {target:?} cannot be read from the record (`slices`): {source}; restore the record, or run again"
    )]
    Slices {
        /// Whose.
        target: String,
        /// What is wrong with them.
        source: SliceError,
    },
    /// The charts' data could not be written as JSON.
    #[error("the charts' data cannot be embedded as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The template could not be filled.
    #[error("the report's template could not be filled: {0}")]
    Template(#[from] askama::Error),
}

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
        [run] => format!("bench: {}", run.head.scenario),
        runs => format!("bench: {} runs", runs.len()),
    };
    rendered(&Page {
        shell: Shell::of(title, live)?,
        columns: common_columns(&runs),
        runs,
    })
}

/// A page as text.
fn rendered(page: &impl Template) -> Result<String, HtmlError> {
    let page = page.render()?;
    // Escaped or not, a control character has no place in a page. Line breaks stay: output and files are shown with them.
    Ok(page.replace(
        |c: char| c.is_control() && !matches!(c, '\n' | '\t'),
        "\u{fffd}",
    ))
}

/// What stands above the figures of every run's targets, where it is the same.
fn common_columns(runs: &[Run]) -> Option<Vec<String>> {
    let columns = &runs.first()?.targets.columns;
    let mut others = runs.iter();
    others
        .all(|run| run.targets.columns == *columns)
        .then(|| columns.clone())
}

const STYLE: &str = concat!(
    include_str!("../assets/uplot/uPlot.min.css"),
    include_str!("../assets/page/report.css")
);
const SCRIPT: &str = concat!(
    include_str!("../assets/uplot/uPlot.iife.min.js"),
    include_str!("../assets/page/figures.js"),
    include_str!("../assets/page/slices.js"),
    include_str!("../assets/page/report.js")
);

#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    shell: Shell,
    /// Of the table of all runs; none where they have not the same.
    columns: Option<Vec<String>>,
    runs: Vec<Run>,
}

/// What every page has around what it shows.
struct Shell {
    title: String,
    policy: String,
    style: String,
    script: &'static str,
    data: String,
}

impl Shell {
    fn of(title: String, runs: Vec<LiveRun>) -> Result<Self, HtmlError> {
        let style = format!("{STYLE}{}", ink_rules());
        Ok(Self {
            title,
            policy: policy(SCRIPT, &style),
            style,
            script: SCRIPT,
            data: script_json(&Data { runs })?,
        })
    }
}

/// What the script is told.
#[derive(Serialize)]
struct Data {
    runs: Vec<LiveRun>,
}

/// One run, as data.
#[derive(Serialize)]
struct LiveRun {
    targets: Vec<PlotTarget>,
    /// What distributions count.
    samples: &'static str,
    /// For each target the distribution of one part of its time after another; left out where no target has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    slices: Option<Vec<Vec<LiveSlice>>>,
    /// By [`Chart::file_stem`]; those that tell no data are left out, and stay pictures.
    charts: BTreeMap<&'static str, LiveChart>,
}

/// From when to when, in seconds since the run began, and its counts as a record holds them.
#[derive(Serialize)]
struct LiveSlice(f64, f64, String);

#[derive(Serialize)]
struct LiveChart {
    title: String,
    #[serde(flatten)]
    plot: Plot,
}

/// One run, as text.
struct Run {
    head: Head,
    targets: Targets,
    kinds: Vec<KindRow>,
    counted: &'static str,
    clocks: Vec<ClockRow>,
    charts: Vec<Figure>,
    why: Vec<Told>,
    comparisons: Vec<ComparisonRow>,
    spread: Vec<SpreadRow>,
    ledger: Vec<LedgerRow>,
    how: How,
}

/// What whoever reads no further should know: `head.html`.
struct Head {
    /// `Run` or `Sweep`.
    what: &'static str,
    id: String,
    scenario: String,
    question: String,
    description: String,
    started_at: String,
    loads: String,
    valid: bool,
    belief: String,
    verdicts: Vec<String>,
    /// What is to be known beside them.
    beside: Vec<String>,
    cautions: Vec<Note>,
    failures: Vec<FailureNote>,
}

/// How it was measured, and what came of it as files: `how.html`.
struct How {
    command: String,
    circumstances: Vec<(&'static str, String)>,
    requests: Vec<(String, String)>,
    source: String,
    downloads: Vec<File>,
}

impl How {
    fn of(
        command: &[String],
        circumstances: Vec<(&'static str, String)>,
        scenario: &ScenarioRecord,
        downloads: Vec<File>,
    ) -> Self {
        let requests = scenario.requests.iter();
        Self {
            command: command_line(command),
            circumstances,
            requests: requests
                .map(|kind| (kind.request.clone(), crate::figures::percent(kind.share)))
                .collect(),
            source: scenario.source.clone(),
            downloads,
        }
    }
}

struct Note {
    /// The target that it is about; empty for the whole run.
    of: String,
    voids: bool,
    detail: String,
    advice: String,
}

struct FailureNote {
    name: String,
    what: String,
    last_output: String,
}

/// A chart: `charts.html`.
struct Figure {
    stem: &'static str,
    svg: String,
    how_to_read: String,
}

impl Figure {
    /// A chart of a page whose script is told its data, if it has any.
    fn of(
        stem: &'static str,
        title: &str,
        how_to_read: String,
        (svg, plot): (String, Plot),
        live: &mut LiveRun,
    ) -> Self {
        if plot.is_told() {
            let title = legible(title);
            live.charts.insert(stem, LiveChart { title, plot });
        }
        Self {
            stem,
            // Inside HTML an SVG needs no namespace, and the page then holds no address at all.
            svg: svg.replacen(" xmlns=\"http://www.w3.org/2000/svg\"", "", 1),
            how_to_read,
        }
    }
}

fn run(record: &RunRecord) -> Result<(Run, LiveRun), HtmlError> {
    let names = record.targets.iter().map(|target| target.name.as_str());
    let mut live = LiveRun {
        targets: PlotTarget::of(&names.collect::<Vec<_>>()),
        samples: record.timed().samples(),
        slices: live_slices(record)?,
        charts: BTreeMap::new(),
    };
    let charts = Chart::of(record).map(|chart| {
        Ok(Figure::of(
            chart.file_stem(),
            &chart.title(record),
            chart.how_to_read(record.timed()),
            svg_and_plot(record, chart)?,
            &mut live,
        ))
    });
    let charts = charts.collect::<Result<Vec<Figure>, ChartError>>()?;
    let run = Run {
        head: head(record),
        targets: tables::targets(record, Room::Page),
        counted: sentences::counted(record.timed()),
        kinds: tables::kinds(record),
        clocks: tables::clocks(record),
        charts,
        why: why::told(record),
        comparisons: tables::comparisons(record),
        spread: tables::spread(record),
        ledger: tables::ledger(record),
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
        let same = target.report.timed == record.timed();
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

fn head(record: &RunRecord) -> Head {
    let scenario = &record.scenario;
    let verdicts = sentences::headlines(record).into_iter();
    let failed = record.targets.iter();
    let failed = failed.filter_map(|target| Some((&target.name, target.failure.as_ref()?)));
    Head {
        what: "Run",
        id: record.id.clone(),
        scenario: scenario.name.clone(),
        question: scenario.question.clone(),
        description: scenario.description.clone(),
        started_at: record.started_at.clone(),
        loads: record
            .targets
            .first()
            .map(sentences::load)
            .unwrap_or_default(),
        valid: record.validity.is_valid()
            && record
                .targets
                .iter()
                .all(|target| target.report.validity.is_valid()),
        belief: sentences::belief(record),
        verdicts: verdicts.chain(sentences::objectives(record)).collect(),
        beside: sentences::aa(record),
        cautions: record.cautions().into_iter().map(note).collect(),
        failures: failed.map(failure).collect(),
    }
}

fn note(ToldCaution { of, caution }: ToldCaution) -> Note {
    Note {
        of: of.unwrap_or_default(),
        voids: caution.voids,
        detail: caution.detail,
        advice: caution.advice,
    }
}

fn failure((name, failure): (&String, &Failure)) -> FailureNote {
    FailureNote {
        name: name.clone(),
        what: failure.what.clone(),
        last_output: failure.last_output.clone(),
    }
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
