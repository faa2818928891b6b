//! A run as a few paragraphs of Markdown, to paste into an issue, a pull request or a document.

use model::record::run::RunRecord;
use model::record::validity::ToldCaution;

use crate::charts::legible;
use crate::sentences;
use crate::tables::{self, Room, Targets, command_line};
use crate::why;

/// The most that GitHub takes as the summary of a step, in bytes; it drops a longer one whole.
pub const MAX_STEP_SUMMARY_BYTES: usize = 1024 * 1024;

/// [`markdown`] as a step's summary: no longer than [`MAX_STEP_SUMMARY_BYTES`], and where it is cut it says so.
pub fn step_summary(record: &RunRecord) -> String {
    cut(markdown(record), MAX_STEP_SUMMARY_BYTES)
}

/// The text, without its last lines where it is longer than so many bytes.
pub fn cut(text: String, most_bytes: usize) -> String {
    const CUT: &str = "\n\n*Cut here: the rest would be longer than GitHub takes.*\n";
    if text.len() <= most_bytes {
        return text;
    }
    let room = text.floor_char_boundary(most_bytes.saturating_sub(CUT.len()));
    // A line is kept whole or not at all: half a row of a table would be none.
    let end = text[..room].rfind('\n').unwrap_or(0);
    format!("{}{CUT}", &text[..end])
}

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
    blocks.extend(loops(record));
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
    table(&head.collect::<Vec<_>>(), 1, rows)
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
    let told = why::told(record);
    if told.is_empty() {
        return Vec::new();
    }
    let items = told
        .iter()
        .map(|told| plain(&format!("{}: {}", told.name, told.sentences.join(" "))));
    vec!["**What the loops did**".to_owned(), list(items)]
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

fn line(cells: &[String]) -> String {
    format!("| {} |", cells.join(" | "))
}

/// Cautions, of the run and of its targets, and failures.
fn troubles(record: &RunRecord) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for ToldCaution { of, caution } in record.cautions() {
        let what = if caution.voids { "Invalid" } else { "Caution" };
        let of = of
            .map(|name| format!(" ({})", plain(&name)))
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

pub(crate) fn list(items: impl Iterator<Item = String>) -> String {
    items
        .map(|item| format!("- {item}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Text that Markdown leaves as it is: punctuation that might mean something is escaped, line breaks become spaces.
pub(crate) fn plain(text: &str) -> String {
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
    legible(&unstarted(plain.trim_matches(' ')))
}

/// The text, such that its beginning starts no list and is no rule where it stands first in a line.
fn unstarted(text: &str) -> String {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = text.len() - rest.len();
    let mut letters = rest.chars();
    let is_mark = match (letters.next(), letters.next()) {
        (Some('-'), Some('-')) | (Some('-' | '+'), None | Some(' ')) => digits == 0,
        (Some('.' | ')'), None | Some(' ')) => digits > 0,
        _ => false,
    };
    if is_mark {
        format!("{}\\{rest}", &text[..digits])
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use pulldown_cmark::{Event, Options, Parser};

    #[test]
    fn a_summary_is_cut_between_lines_one_byte_past_the_limit() {
        let line = "x".repeat(99) + "\n";
        let text = line.repeat(40);
        assert_eq!(cut(text.clone(), 4_000), text);
        let shorter = cut(text.clone(), 3_999);
        assert!(
            shorter.len() <= 3_999 && shorter.ends_with("GitHub takes.*\n"),
            "{shorter}"
        );
        let kept = shorter.split("\n\n*Cut").next().unwrap();
        assert!(kept.lines().all(|line| line.len() == 99), "{kept}");
        let mut record = samples::run_record();
        assert_eq!(step_summary(&record), markdown(&record));
        let caution = model::record::validity::CautionCode::Partial;
        record.validity.cautions = (0..9_000)
            .map(|number| model::record::validity::Caution {
                code: caution,
                detail: format!("{number} {}", "é".repeat(60)),
                advice: String::new(),
                voids: false,
            })
            .collect();
        assert!(markdown(&record).len() > MAX_STEP_SUMMARY_BYTES);
        assert!(step_summary(&record).len() <= MAX_STEP_SUMMARY_BYTES);
    }

    #[test]
    fn text_stays_text() {
        assert_eq!(plain("a|b\n<i>*_`x`"), r"a\|b \<i\>\*\_\`x\`");
        for (text, written) in [
            ("- a", r"\- a"),
            ("-1 %", "-1 %"),
            ("+1 %", "+1 %"),
            ("--", r"\--"),
            ("  1. a", r"1\. a"),
            ("12)", r"12\)"),
            ("1.5 %", "1.5 %"),
        ] {
            assert_eq!(plain(text), written);
        }
    }

    /// What a reader sees of Markdown, if it is nothing but text in the place that it was written to.
    fn seen(markdown: &str, allowed: &[&str]) -> Option<String> {
        let mut seen = String::new();
        for event in Parser::new_ext(
            markdown,
            Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH,
        ) {
            match event {
                Event::Text(text) => seen.push_str(&text),
                Event::Start(tag)
                    if allowed
                        .iter()
                        .any(|name| format!("{tag:?}").starts_with(name)) => {}
                Event::End(_) => {}
                _ => return None,
            }
        }
        Some(seen)
    }

    proptest! {
        #[test]
        fn whatever_is_said_is_seen_as_it_was_said(
            text in prop_oneof![any::<String>(), r"[-+=#>*_`~|\\<&.):!\[\]() 0-9a\n]{0,12}"],
        ) {
            let plain = plain(&text);
            let expected = legible(&text.replace(['\n', '\r', '\t'], " "));
            let expected = expected.trim_matches(' ');
            if !expected.is_empty() {
                for (before, after, allowed) in [
                    ("", "\n", &["Paragraph"][..]),
                    ("### ", "\n", &["Heading"]),
                    ("- ", "\n", &["List", "Item"]),
                    ("| a |\n| --- |\n| ", " |\n", &["Table"]),
                ] {
                    let seen = seen(&format!("{before}{plain}{after}"), allowed);
                    let is_table = before.starts_with('|');
                    let expected = if is_table { format!("a{expected}") } else { expected.to_owned() };
                    prop_assert_eq!(seen, Some(expected), "{}", plain);
                }
            }
        }
    }
}
