//! A run as a few paragraphs of Markdown, to paste into an issue, a pull request or a document.

use bench_core::record::RunRecord;

use crate::charts::legible;
use crate::sentences;
use crate::tables::{self, Room, Targets, command_line};

/// Summarises a run: question, verdicts in words and in a table, a table of the targets, cautions, circumstances, and the command that
/// repeats it. Text from the record is escaped, so that it stays text.
pub fn markdown(record: &RunRecord) -> String {
    let mut blocks = vec![format!("### {}", plain(&record.scenario.name))];
    if !record.scenario.question.is_empty() {
        blocks.push(plain(&record.scenario.question));
    }
    blocks.push(format!("**{}**", sentences::belief(record)));
    let told = sentences::headlines(record)
        .into_iter()
        .chain(sentences::objectives(record))
        .chain(sentences::aa(record));
    blocks.push(list(told.map(|sentence| plain(&sentence))));
    blocks.push(comparisons(record));
    blocks.push(targets(record));
    blocks.push(kinds(record));
    blocks.push(list(troubles(record).into_iter()));
    blocks.push(plain(&circumstances(record)));
    // One line without a line break, indented: no text can end such a block.
    blocks.push(format!("    {}", legible(&command_line(&record.command))));
    blocks.retain(|block| !block.is_empty());
    blocks.join("\n\n") + "\n"
}

/// Each kind of request by itself; nothing where there is but one.
fn kinds(record: &RunRecord) -> String {
    const HEAD: &str = "| request | target | answered | failed | unfinished | p50 | p90 | p99 | p99.9 | max |\n\
                        | --- | --- | --: | --: | --: | --: | --: | --: | --: | --: |";
    let rows = tables::kinds(record).into_iter().map(|row| {
        let names = [plain(&row.request), plain(&row.name)];
        let cells: Vec<String> = names.into_iter().chain(row.figures).collect();
        line(&cells)
    });
    let rows: Vec<String> = rows.collect();
    if rows.is_empty() {
        String::new()
    } else {
        format!("{HEAD}\n{}", rows.join("\n"))
    }
}

fn line(cells: &[String]) -> String {
    format!("| {} |", cells.join(" | "))
}

fn targets(record: &RunRecord) -> String {
    let Targets { columns, rows } = tables::targets(record, Room::Page);
    let head = std::iter::once("target".to_owned()).chain(columns);
    let rows = rows.into_iter().map(|row| {
        let name = format!("**{}**<br>{}", plain(&row.name), plain(&row.manifest));
        std::iter::once(name).chain(row.figures).collect()
    });
    table(&head.collect::<Vec<_>>(), 1, rows)
}

fn comparisons(record: &RunRecord) -> String {
    let rows = tables::comparisons(record);
    if rows.is_empty() {
        return String::new();
    }
    let head = [
        "target",
        "against",
        "metric",
        "verdict",
        "difference",
        "95 % interval",
        "p",
        "detectable",
    ];
    let rows = rows.into_iter().map(|row| {
        vec![
            plain(&row.head),
            plain(&row.base),
            row.metric.to_owned(),
            row.verdict.to_owned(),
            row.change,
            row.interval,
            plain(&row.p_value),
            row.mde,
        ]
    });
    table(&head.map(str::to_owned), 4, rows)
}

/// A table whose first `words` columns are words, and the others figures.
fn table(head: &[String], words: usize, rows: impl Iterator<Item = Vec<String>>) -> String {
    let rule = (0..head.len()).map(|column| if column < words { "---" } else { "--:" });
    let rule: Vec<String> = rule.map(str::to_owned).collect();
    [line(head), line(&rule)]
        .into_iter()
        .chain(rows.map(|cells| line(&cells)))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Cautions, of the run and of its targets, and failures.
fn troubles(record: &RunRecord) -> Vec<String> {
    let of_targets = record.targets.iter().flat_map(|target| {
        target
            .report
            .validity
            .cautions
            .iter()
            .map(|caution| (Some(&target.name), caution))
    });
    let cautions = record
        .validity
        .cautions
        .iter()
        .map(|caution| (None, caution))
        .chain(of_targets);
    let mut lines: Vec<String> = Vec::new();
    for (name, caution) in cautions {
        let what = if caution.voids { "Invalid" } else { "Caution" };
        let of = name
            .map(|name| format!(" ({})", plain(name)))
            .unwrap_or_default();
        let line = format!(
            "**{what}{of}:** {}. {}",
            plain(caution.detail.trim_end_matches('.')),
            plain(&caution.advice)
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
        .map(sentences::load)
        .unwrap_or_default();
    let environment = &record.environment;
    format!(
        "{load} {}, {}, {}, {}; bench {}. Percentiles are of {}.",
        record.started_at,
        environment.cpu_model,
        crate::figures::plural(u64::from(environment.cores), "core", "cores"),
        environment.kernel,
        record.bench_version,
        sentences::counted(record.timed())
    )
    .trim_start()
    .to_owned()
}

fn list(items: impl Iterator<Item = String>) -> String {
    items
        .map(|item| format!("- {item}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Text that Markdown leaves as it is: punctuation that might mean something is escaped, line breaks become spaces.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => plain.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '&' | '@' => {
                plain.push('\\');
                plain.push(c);
            }
            c => plain.push(c),
        }
    }
    legible(&plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(plain("a|b\n<i>*_`x`"), r"a\|b \<i\>\*\_\`x\`");
    }
}
