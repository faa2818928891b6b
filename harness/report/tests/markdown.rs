//! What is written as Markdown, as its consumers read it: through a parser of `CommonMark` with GitHub's tables.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod variations;

use analysis::between::{Ask, ReferenceAsk, between};
use analysis::compare::Policy;
use analysis::gate::{Against, Config, Gate, judge, look};
use analysis::history::trend::trends;
use analysis::history::{History, HistoryLine};
use model::record::run::RunRecord;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use report::markdown::{MAX_STEP_SUMMARY_BYTES, step_summary};

/// The text of every cell, row by row, of every table.
type Tables = Vec<Vec<Vec<String>>>;

/// Reads Markdown as GitHub does, and checks what must hold whatever stands in it: rows as wide as their table, and no markup
/// but our own.
fn read(markdown: &str) -> Tables {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_GFM;
    let (mut tables, mut columns) = (Tables::new(), 0);
    for (event, range) in Parser::new_ext(markdown, options).into_offset_iter() {
        match event {
            Event::Start(Tag::Table(alignments)) => {
                columns = alignments.len();
                tables.push(Vec::new());
            }
            Event::Start(Tag::TableHead | Tag::TableRow) => {
                // A parser adds the cells that a row lacks, and drops those that it has too many of.
                let row = markdown[range].trim();
                assert_eq!(separators(row), columns + 1, "{row}");
                tables.last_mut().unwrap().push(Vec::new());
            }
            Event::Start(Tag::TableCell) => row(&mut tables).push(String::new()),
            Event::Text(text) => append(&mut tables, &text),
            Event::InlineHtml(tag) | Event::Html(tag) => {
                assert_eq!(&*tag, "<br>");
                append(&mut tables, "\n");
            }
            // A drawn interval, in which nobody's names are.
            Event::Code(drawn) if drawn.chars().all(|c| "·─├●│┤".contains(c)) => {
                append(&mut tables, &drawn);
            }
            Event::Code(code) => panic!("`{code}` in\n{markdown}"),
            Event::End(TagEnd::Table) => columns = 0,
            Event::Start(
                Tag::Link { .. } | Tag::Image { .. } | Tag::BlockQuote(_) | Tag::Strikethrough,
            )
            | Event::Rule => panic!("{event:?} in\n{markdown}"),
            _ => {}
        }
    }
    for table in &tables {
        assert!(
            table.iter().all(|row| row.len() == table[0].len()),
            "{table:?}"
        );
    }
    tables
}

fn row(tables: &mut Tables) -> &mut Vec<String> {
    tables.last_mut().unwrap().last_mut().unwrap()
}

/// Adds text to the cell that is open; outside of tables there is none.
fn append(tables: &mut Tables, text: &str) {
    let cell = tables
        .last_mut()
        .and_then(|table| table.last_mut()?.last_mut());
    if let Some(cell) = cell {
        cell.push_str(text);
    }
}

/// Bars that part cells: those that no backslash stands before which is not itself behind one.
fn separators(row: &str) -> usize {
    let (mut count, mut is_escaped) = (0, false);
    for c in row.chars() {
        count += usize::from(c == '|' && !is_escaped);
        is_escaped = c == '\\' && !is_escaped;
    }
    count
}

/// Runs whose names would break a table if anything could, each with what a reader should see of its targets' names.
fn records() -> Vec<(String, RunRecord)> {
    let mut records: Vec<(String, RunRecord)> = variations::all()
        .into_iter()
        .map(|(name, record)| (name.to_owned(), record))
        .collect();
    for name in [
        "a|b", "a\\", "\\|", "|", "*a*_b_", "`|`", "~~a~~", "[a](b)", "1. a", "- a", "&amp;",
        "<!--",
    ] {
        let mut record = variations::two();
        let target = name.to_owned();
        record
            .comparisons
            .iter_mut()
            .for_each(|each| each.head.clone_from(&target));
        record.targets[1].name.clone_from(&target);
        record.scenario.name.clone_from(&target);
        record.scenario.question = target;
        records.push((format!("named {name}"), record));
    }
    records
}

#[test]
fn summaries_are_read_as_they_are_meant() {
    for (name, record) in records() {
        let text = step_summary(&record);
        assert!(text.len() <= MAX_STEP_SUMMARY_BYTES);
        let tables = read(&text);
        let expected = usize::from(!record.comparisons.is_empty()) + 1;
        assert!(tables.len() >= expected, "{name}: {} tables", tables.len());
        let is_of_targets =
            |table: &&Vec<Vec<String>>| table[0][0] == "target" && table[0][1] != "against";
        let targets = tables.iter().find(is_of_targets).unwrap();
        let first_lines = targets[1..]
            .iter()
            .map(|row| row[0].lines().next().unwrap_or_default().to_owned());
        let shown = record.targets.iter().map(|target| visible(&target.name));
        assert_eq!(
            first_lines.collect::<Vec<_>>(),
            shown.collect::<Vec<_>>(),
            "{name}"
        );
    }
}

#[test]
fn comparisons_of_runs_are_read_as_they_are_meant() {
    for (name, head) in records() {
        let mut base = head.clone();
        base.id = format!("{}-{name}", base.id);
        base.environment.cpu_model = "a|b".to_owned();
        let ask = Ask {
            reference: ReferenceAsk::No,
            force: true,
            ..Ask::default()
        };
        let Ok(reported) = between(&base, &head, &ask, &Policy::usual(1)) else {
            // A record of nothing has nothing to compare.
            assert!(head.targets.is_empty(), "{name}");
            continue;
        };
        let tables = read(&report::markdown::between::markdown(&reported));
        assert_eq!(
            tables.len(),
            usize::from(!reported.comparisons.is_empty()),
            "{name}"
        );
        let errors = reported.error_comparisons.iter();
        let errors = errors.map(|each| (&each.head, &each.base));
        let metrics = reported.comparisons.iter();
        let metrics = metrics.map(|each| (&each.head, &each.base));
        for ((head, base), row) in errors
            .chain(metrics)
            .zip(tables.iter().flat_map(|table| &table[1..]))
        {
            assert_eq!([&row[0], &row[1]], [&visible(head), &visible(base)]);
        }
    }
}

#[test]
fn histories_are_read_as_they_are_meant() {
    for (name, record) in records() {
        let mut history = History::default();
        for number in 0..12 {
            let mut line = HistoryLine::of(&record, Some("a|b".to_owned()));
            line.id = format!("{number}|{name}");
            history.push(line);
        }
        let trends = trends(&history, 1);
        let tables = read(&report::markdown::history::markdown(&trends));
        let rows: usize = tables.iter().map(|table| table.len() - 1).sum();
        assert_eq!(rows, trends.len(), "{name}");
    }
}

#[test]
fn judgements_are_read_as_they_are_meant() {
    let config = Config::parse(
        "scenarios = [\"io-heavy\"]\ntarget = \"mine.toml\"\n",
        "bench.toml",
    )
    .unwrap();
    for (name, mut record) in records() {
        record.targets.truncate(2);
        if record.targets.len() < 2 {
            continue;
        }
        let looked = look(&record, &config);
        let judgement = judge(&name, &[looked.clone(), looked]).unwrap();
        let command = format!("./{name}");
        let gate = Gate::of(Against::Command { command }, Some(name), vec![judgement]);
        let tables = read(&report::markdown::gate::markdown(&gate));
        let look = &gate.scenarios[0].measurements[0];
        let rows = if look.valid { look.metrics.len() } else { 0 };
        assert_eq!(tables.len(), usize::from(rows > 0));
        assert!(tables.iter().all(|table| table.len() == rows + 1));
    }
}

/// A text of a record as a reader sees it: on one line, whatever has no form made visible, nothing at the ends of a cell.
fn visible(text: &str) -> String {
    let seen = text.chars().map(|c| match c {
        '\n' | '\r' | '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    });
    seen.collect::<String>().trim_matches(' ').to_owned()
}
