//! A run as a few paragraphs of Markdown, to paste into an issue, a pull request or a document.

use crate::words::warnings;
use model::record::run::RunRecord;

use super::text::{MAX_STEP_SUMMARY_BYTES, cut, list, plain, table};
use crate::tables::{self, ComparisonRow, Room, Targets, command_line};
use crate::words::text::legible;
use crate::words::{self, sentences};
use crate::words::{terms, why};

/// [`markdown`] as a step's summary: no longer than [`MAX_STEP_SUMMARY_BYTES`], and where it is cut it says so.
pub fn step_summary(record: &RunRecord) -> String {
    cut(markdown(record), MAX_STEP_SUMMARY_BYTES)
}

/// Summarises a run: question, verdicts in words and in a table, a table of the targets, warnings, circumstances, and the command that
/// repeats it. Text from the record is escaped, so that it stays text.
pub fn markdown(record: &RunRecord) -> String {
    let mut blocks = vec![format!("### {}", plain(&record.scenario.name))];
    if !record.scenario.question.is_empty() {
        blocks.push(plain(&record.scenario.question));
    }
    blocks.push(format!("**{}**", sentences::belief(record)));
    let reported = sentences::headlines(record)
        .into_iter()
        .chain(sentences::objectives(record))
        .chain(sentences::aa(record));
    blocks.push(list(reported.map(|sentence| plain(&sentence))));
    blocks.push(comparisons(record));
    blocks.push(targets(record));
    blocks.push(kinds(record));
    blocks.extend(loops(record));
    blocks.extend(effects(record));
    blocks.push(list(troubles(record).into_iter()));
    blocks.push(plain(&circumstances(record)));
    // One line without a line break, indented: no text can end such a block.
    blocks.push(format!("    {}", legible(&command_line(&record.command))));
    blocks.retain(|block| !block.is_empty());
    blocks.join("\n\n") + "\n"
}

fn targets(record: &RunRecord) -> String {
    let Targets { columns, rows } = tables::targets(record, Room::Page);
    let head = std::iter::once("target".to_owned()).chain(columns);
    let rows = rows.into_iter().map(|row| {
        let name = format!("**{}**<br>{}", plain(&row.name), plain(&row.manifest));
        std::iter::once(name).chain(row.figures).collect()
    });
    let table = table(&head.collect::<Vec<_>>(), 1, rows);
    let samples = terms::samples(record.workload());
    format!("All {samples} of each target together:\n\n{table}")
}

/// Each kind of request by itself; nothing where there is but one.
fn kinds(record: &RunRecord) -> String {
    let rows = tables::kinds(record);
    if rows.is_empty() {
        return String::new();
    }
    let head = [
        "request",
        "target",
        "answered",
        "failed",
        "unfinished",
        "p50",
        "p90",
        "p99",
        "p99.9",
        "max",
    ];
    let rows = rows.into_iter().map(|row| {
        let names = [plain(&row.request), plain(&row.name)];
        names.into_iter().chain(row.figures).collect()
    });
    table(&head.map(str::to_owned), 2, rows)
}

/// What the loops did; nothing where that is not known.
fn loops(record: &RunRecord) -> Vec<String> {
    let reported = why::reported(record);
    if reported.is_empty() {
        return Vec::new();
    }
    let items = reported.iter().map(|reported| {
        plain(&format!(
            "{}: {}",
            reported.name,
            reported.sentences.join(" ")
        ))
    });
    vec!["**What the loops did**".to_owned(), list(items)]
}

/// What the factors do; nothing where the targets are no experiment.
fn effects(record: &RunRecord) -> Vec<String> {
    let rows = tables::effects(record);
    if rows.is_empty() {
        return Vec::new();
    }
    let said = words::effects::sentences(record);
    vec![
        "**Effects**".to_owned(),
        list(said.iter().map(|sentence| plain(sentence))),
        compared(["effect", "ratio of"], false, rows),
    ]
}

fn comparisons(record: &RunRecord) -> String {
    let rows = tables::comparisons(record);
    if rows.is_empty() {
        return String::new();
    }
    let table = compared(["target", "against"], true, rows);
    format!("{table}\n\n{}", tables::answer::FIGURES)
}

/// A table of comparisons. `named`: what stands above the names of heads and bases. `has_figures`: whether there are figures of each.
fn compared(named: [&str; 2], has_figures: bool, rows: Vec<ComparisonRow>) -> String {
    let [head, base] = named;
    let figures: &[&str] = if has_figures {
        &["its figure", "the other's"]
    } else {
        &[]
    };
    let words = [head, base, "metric", "verdict"];
    let others = ["difference", "95 % interval", "p", "detectable"];
    let columns = words.iter().chain(figures).chain(&others);
    let columns: Vec<String> = columns.map(ToString::to_string).collect();
    let rows = rows.into_iter().map(|row| {
        let [base, head] = row.figures;
        let figures = has_figures.then_some([head, base]);
        let words = [
            plain(&row.head),
            plain(&row.base),
            row.metric,
            row.verdict.to_owned(),
        ];
        let others = [
            row.change,
            row.interval,
            plain(&row.p_value),
            row.detectable,
        ];
        words
            .into_iter()
            .chain(figures.into_iter().flatten())
            .chain(others)
            .collect()
    });
    table(&columns, words.len(), rows)
}

/// Warnings, of the run and of its targets, and failures.
fn troubles(record: &RunRecord) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for warning in warnings::of_run(record) {
        let what = if warning.voids { "Invalid" } else { "Warning" };
        let of = warning
            .of
            .map(|name| format!(" ({})", plain(&name)))
            .unwrap_or_default();
        let line = format!(
            "**{what}{of}:** {}. {}",
            plain(warning.detail.trim_end_matches('.')),
            plain(&warning.advice)
        );
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    let failures = record
        .targets
        .iter()
        .filter_map(|target| Some((target, target.failure.as_ref()?)));
    lines.extend(failures.map(|(target, failure)| {
        format!(
            "**{} failed:** {}",
            plain(&target.name),
            plain(&failure.what)
        )
    }));
    lines
}

fn circumstances(record: &RunRecord) -> String {
    let load = record
        .targets
        .first()
        .map(|target| sentences::load(&target.report.load, "measured per target"))
        .unwrap_or_default();
    let environment = &record.environment;
    format!(
        "{load} {}, {}, {}, {}; bench {}. Percentiles are of {}.",
        record.started_at,
        environment.processor(),
        crate::words::figures::plural(u64::from(environment.cores), "core", "cores"),
        environment.kernel,
        record.bench_version,
        sentences::counted(record.workload())
    )
    .trim_start()
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::record::warning::{Fact, Warning};

    #[test]
    fn a_step_summary_is_the_whole_where_that_is_not_too_long() {
        let mut record = samples::run_record();
        assert_eq!(step_summary(&record), markdown(&record));
        record.validity.warnings = (0..9_000)
            .map(|number| {
                Warning::note(Fact::BackendFailed {
                    what: format!("{number} {}", "é".repeat(60)),
                })
            })
            .collect();
        assert!(markdown(&record).len() > MAX_STEP_SUMMARY_BYTES);
        assert!(step_summary(&record).len() <= MAX_STEP_SUMMARY_BYTES);
    }
}
