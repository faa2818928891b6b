//! The report of a sweep: how much load each target sustains, in words, on the chart, and step by step.
//!
//! It has the shell of a run's report, and the parts that say the same of both.

use crate::words::terms;
use crate::words::title;
use crate::words::warnings;
use std::collections::BTreeMap;

use crate::export::steps::steps_csv;
use askama::Template;
use model::record::run::Completion;
use model::record::sweep::whole::SweepRecord;

use super::embedded::File;
use super::shell::{Figure, Head, How, HtmlError, LiveRun, Shell, failure, note, rendered};
use crate::charts::{LOAD_FILE_STEM, LOAD_HOW_TO_READ, PlotTarget, load_svg_and_plot};
use crate::look::colours;
use crate::tables;
use crate::tables::sweep::{CurveRow, KNEE_COLUMNS, curves, knee_rows, step_columns, step_rows};
use crate::words::figures::percentile;
use crate::words::sweep::{belief, load, origin, purpose, question, verdicts};

/// Writes the report of a sweep: `report.html`.
pub fn html(record: &SweepRecord) -> Result<String, HtmlError> {
    let names = record.results.iter().map(|result| result.target.as_str());
    let names: Vec<&str> = names.collect();
    let mut live = LiveRun {
        targets: PlotTarget::of(&names),
        samples: terms::samples(record.workload()),
        // A step keeps percentiles of its times, and no distribution.
        slices: None,
        charts: BTreeMap::new(),
    };
    let chart = Figure::of(
        LOAD_FILE_STEM,
        &question(record),
        LOAD_HOW_TO_READ.to_owned(),
        load_svg_and_plot(record)?,
        &mut live,
    );
    let knees = colours(&names).into_iter().zip(knee_rows(record));
    let run = Sweep {
        head: head(record, chart),
        knee_columns: KNEE_COLUMNS,
        knees: knees
            .map(|(colour, [name, figures @ ..])| KneeRow {
                colour,
                name,
                figures,
            })
            .collect(),
        tail: percentile(record.tail()),
        curves: curves(record),
        step_columns: step_columns(record),
        steps: step_rows(record),
        how: How::of(
            &record.plan.command,
            tables::sweep_circumstances(record),
            &record.plan.scenario,
            downloads(record),
        ),
    };
    rendered(&Page {
        shell: Shell::of(run.head.page_title(), vec![live])?,
        run,
    })
}

#[derive(Template)]
#[template(path = "sweep.html")]
struct Page {
    shell: Shell,
    run: Sweep,
}

/// A sweep, as text.
struct Sweep {
    head: Head,
    knee_columns: [&'static str; 5],
    knees: Vec<KneeRow>,
    /// The percentile beside the median.
    tail: String,
    curves: Vec<CurveRow>,
    step_columns: [String; 11],
    steps: Vec<[String; 11]>,
    how: How,
}

struct KneeRow {
    colour: String,
    name: String,
    figures: [String; 4],
}

fn head(record: &SweepRecord, lead: Figure) -> Head {
    let plan = &record.plan;
    let failed = record.results.iter();
    let failed = failed.filter_map(|result| Some((&result.target, result.failure.as_ref()?)));
    Head {
        what: "Sweep",
        title: title::of_sweep(record),
        contents: vec![
            ("found", "What was found"),
            ("tables", "Tables"),
            ("how", "How it was measured"),
            ("data", "Data"),
        ],
        cards: Vec::new(),
        few: false,
        legend: String::new(),
        lead: Some(lead),
        id: plan.id.clone(),
        scenario: plan.scenario.name.clone(),
        question: purpose(record),
        description: plan.scenario.description.clone(),
        started_at: plan.started_at.clone(),
        loads: load(record),
        valid: record.completion != Completion::TargetFailed && record.validity.is_valid(),
        belief: belief(record),
        verdicts: verdicts(record),
        beside: vec![origin(record)],
        warnings: warnings::each(&record.validity.warnings)
            .into_iter()
            .map(note)
            .collect(),
        failures: failed.map(failure).collect(),
    }
}

fn downloads(record: &SweepRecord) -> Vec<File> {
    vec![
        File::of("sweep.json", "the whole record", &record.to_json()),
        File::of(
            "summary.csv",
            "a line for each target of each step",
            &steps_csv(record),
        ),
    ]
}
