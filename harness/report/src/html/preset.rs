//! A preset as a page: the answer, what it depends on, and every workload in a table.

use askama::Template;

use super::shell::{HtmlError, Shell, rendered};
use crate::charts::{StripAxis, ratio_strip};
use crate::tables::answer::mark;
use crate::tables::command_line;
use crate::words::figures::times;
use crate::words::preset::{
    Answered, Better, Column, HOW_TO_READ, Workload, depends, findings, title,
};

/// Writes the page of a preset.
///
/// # Errors
///
/// See [`HtmlError`].
pub fn html(answered: &Answered) -> Result<String, HtmlError> {
    let title = title(answered);
    let workloads = answered.workloads();
    let pairs = answered.pairs().into_iter().map(|pair| Pair {
        findings: findings(answered, &pair),
        depends: depends(answered, &pair),
        rows: rows(&workloads, &pair),
        base: pair[0].clone(),
        head: pair[1].clone(),
    });
    let failures = workloads.iter().flat_map(|of| {
        let named = |why: &&str| format!("{}: {why}", of.scenario);
        of.failures.iter().map(named).collect::<Vec<_>>()
    });
    rendered(&Page {
        shell: Shell::of(title.clone(), Vec::new())?,
        title,
        question: answered.question.clone(),
        circumstances: format!("{}; {}", answered.machine, answered.started_at),
        targets: answered.targets(),
        columns: Column::ALL.map(Column::name),
        pairs: pairs.collect(),
        failures: failures.collect(),
        how_to_read: HOW_TO_READ,
        command: command_line(&answered.command),
    })
}

#[derive(Template)]
#[template(path = "preset.html")]
struct Page {
    shell: Shell,
    title: String,
    question: String,
    circumstances: String,
    targets: Vec<String>,
    columns: [&'static str; Column::ALL.len()],
    pairs: Vec<Pair>,
    failures: Vec<String>,
    how_to_read: &'static str,
    command: String,
}

/// A base and a head.
struct Pair {
    base: String,
    head: String,
    findings: Vec<String>,
    depends: Vec<String>,
    rows: Vec<Row>,
}

/// A workload.
struct Row {
    scenario: String,
    work: String,
    report: String,
    cells: Vec<Option<Cell>>,
}

/// A pair in one column.
struct Cell {
    class: &'static str,
    mark: char,
    ratio: String,
    interval: String,
    figures: [String; 2],
    strip: String,
}

/// All cells of a column have one axis.
fn rows(workloads: &[Workload<'_>], pair: &[String; 2]) -> Vec<Row> {
    let axes = Column::ALL.map(|column| {
        let compared = workloads.iter().filter_map(|of| of.compared(column, pair));
        StripAxis::of_ratios(compared.map(|each| each.ratio))
    });
    let row = |of: &Workload<'_>| Row {
        scenario: of.scenario.to_owned(),
        work: of.circumstances(),
        report: format!("{}/report.html", of.dir),
        cells: Column::ALL
            .into_iter()
            .zip(axes)
            .map(|(column, axis)| cell(of, column, axis, pair))
            .collect(),
    };
    workloads.iter().map(row).collect()
}

fn cell(of: &Workload<'_>, column: Column, axis: StripAxis, pair: &[String; 2]) -> Option<Cell> {
    let compared = of.compared(column, pair)?;
    let [ratio, low, high] = compared.ratio.map(times);
    let interval = format!("{low} to {high}");
    let label = format!("{}: {ratio}, 95 % interval {interval}", column.name());
    Some(Cell {
        class: match compared.better() {
            Better::Head => "better",
            Better::Base => "worse",
            Better::Neither | Better::Unknown => "quiet",
        },
        mark: mark(compared.verdict),
        strip: ratio_strip(axis, compared.ratio, &label),
        figures: compared.figures,
        ratio,
        interval,
    })
}
