//! What a person reads: results on standard output, failures with a remedy on standard error. What is seen while a run goes
//! is `display`'s.
//!
//! Standard output is data, standard error is conversation. Everything reads without colour, in the order in which it is
//! written, and on 80 columns.

use report::words::terms;
use report::words::warnings::{self, Shown};
use std::path::Path;

use analysis::between::RunComparison;
use analysis::claims::{Outcome as ClaimsOutcome, Verdict};
use analysis::gate::{Gate, Outcome};
use analysis::history::Turn;
use analysis::history::trend::Trend;
use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, Table, presets};
use miette::MietteHandlerOpts;
use model::measured::recording;
use model::measured::recording::Counts;
use model::record::run::RunRecord;
use model::record::sweep::whole::SweepRecord;
use model::record::target::TargetRecord;
use model::words;
use report::tables::answer::{Against, Answer, Row, Target};
use report::tables::{self, ComparisonRow, Room};
use report::words::gate::{self, Tone};
use report::words::preset::{self, Answered};
use report::words::{claims, effects, failures, figures, history, sentences, sweep, why};
use serde::Serialize;

use crate::args::shared::ShownArgs;
use crate::glyphs::Glyphs;
use crate::output::{self, note, say};
use crate::page::{Page, USUAL_WIDTH, WIDTH};
use crate::spread::Spread;
use process::failure::Failure;

/// Bins of a histogram, at most: more would tell noise.
const BINS_MAX: usize = 60;

/// The longest pair of names at the head of a table of comparisons: its other columns leave no room for more.
const PAIR_WIDTH_MAX: usize = 25;

/// Most rows of the table by request.
const KIND_ROWS_MAX: usize = 24;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const WARN: Style = AnsiColor::Yellow.on_default();

/// Prints the result of a run: details and warnings first, then the verdict and its figures, which are so the last on the screen, and
/// where the files are. With `--json`, standard output gets the record and standard error the rest.
pub(crate) fn show_run(record: &RunRecord, place: &Path, shown: &ShownArgs) {
    show(
        shown.json,
        || record.to_json(),
        |page| run_text(record, place, page, shown.verbose),
    );
}

/// Prints a text for people; with `json`, on standard error, and the record on standard output.
fn show(json: bool, record: impl Fn() -> String, text: impl Fn(Page) -> String) {
    if json {
        note!("{}", text(Page::of(std::io::stderr())));
        output::bytes(record().as_bytes());
    } else {
        say!("{}", text(Page::of(std::io::stdout())));
    }
}

/// The result of a run as text: of its details as many as leave the whole on one screen; with `is_verbose` all, and what to do about
/// each warning.
fn run_text(record: &RunRecord, place: &Path, page: Page, is_verbose: bool) -> String {
    let warnings = warning_lines(&warnings::of_run(record), page, is_verbose);
    let answer = answer_lines(record, page);
    let text = |details: &[&Detail], left: &[&str]| {
        let details = details.iter().map(|detail| detail.text.as_str());
        let blocks = details
            .map(str::to_owned)
            .chain((!warnings.is_empty()).then(|| warnings.join("\n")))
            .chain([answer.join("\n")])
            .chain([place_lines(place, &record.command, left, page)]);
        blocks.collect::<Vec<_>>().join("\n\n")
    };
    let details = details(record, page);
    let mut shown: Vec<&Detail> = Vec::new();
    for detail in &details {
        shown.push(detail);
        if !is_verbose && !page.holds(&text(&shown, &[])) {
            shown.pop();
        }
    }
    let is_left = |detail: &&Detail| !shown.iter().any(|shown| std::ptr::eq(*shown, *detail));
    let left = details.iter().filter(is_left);
    let left: Vec<&str> = left.map(|detail| detail.what).collect();
    text(&shown, &left)
}

/// What is shown above the answer, where there is room for it. The report has it all.
struct Detail {
    what: &'static str,
    text: String,
}

/// In the order in which they are shown.
fn details(record: &RunRecord, page: Page) -> Vec<Detail> {
    let kinds = [false, true].map(|is_below| {
        let table = kinds_table(&record.targets, is_below);
        table.map(|table| page.set(table))
    });
    let kinds = match kinds {
        [Some(beside), below] if page.overflows(&beside) => below,
        [beside, _] => beside,
    };
    let details = [
        ("how the times spread", histogram(record, page)),
        ("what the loops did", why_lines(record, page)),
        ("each kind of request", kinds),
        (
            "all requests together",
            targets_table(record).map(|table| {
                format!(
                    "All {} of each target together:\n{}",
                    terms::samples(record.workload()),
                    page.set(table)
                )
            }),
        ),
        (
            "every interval",
            comparisons_table(record).map(|table| page.set(table)),
        ),
        (
            "the intervals of effects",
            effects_table(record).map(|table| page.set(table)),
        ),
    ];
    let reported = details.into_iter();
    reported
        .filter_map(|(what, text)| Some(Detail { what, text: text? }))
        .collect()
}

/// What the run found, the SLO, whether to believe it, and one table.
fn answer_lines(record: &RunRecord, page: Page) -> Vec<String> {
    let plain = |sentence: &String| page.wrap(sentence, "");
    let mut lines: Vec<String> = effects::sentences(record).iter().map(plain).collect();
    if !lines.is_empty() {
        lines.push(String::new());
    }
    let verdicts = sentences::verdicts(record);
    let verdicts = verdicts.iter().map(plain);
    lines.extend(verdicts.map(|verdict| format!("{BOLD}{verdict}{BOLD:#}")));
    lines.extend(sentences::objectives(record).iter().map(plain));
    let style = if sentences::is_believed(record) {
        GOOD
    } else {
        BAD
    };
    let belief = page.wrap(&sentences::belief(record), "");
    lines.push(format!("{style}{belief}{style:#}"));
    let causes = failures::causes(record);
    let causes = causes.iter().map(plain);
    lines.extend(causes.map(|cause| format!("{BAD}{cause}{BAD:#}")));
    lines.extend(sentences::aa(record).iter().map(plain));
    lines.extend(answer_table(record, page).map(|table| format!("\n{table}")));
    lines
}

/// Where the report is, with what stands only there, and the command that repeats the measurement. A path and a command are copied,
/// so they are neither wrapped nor put in other characters.
fn place_lines(place: &Path, command: &[String], left: &[&str], page: Page) -> String {
    let report = place.join("report.html");
    let mut lines = vec![format!("{DIM}Report:{DIM:#}  {}", report.display())];
    if !left.is_empty() {
        let left = format!("with {}", words::listed(left));
        lines.push(format!("{DIM}{}{DIM:#}", page.wrap(&left, "         ")));
    }
    lines.push(format!("{DIM}Repeat:{DIM:#}  {}", quoted(command)));
    lines.join("\n")
}

/// Every target's figure in every metric, with its difference from the base and the verdict on that: two targets side by side; more of
/// them, and such whose names leave no room, one below the other. None where nothing was measured.
fn answer_table(record: &RunRecord, page: Page) -> Option<String> {
    let Answer { targets, metrics } = tables::answer::answer(record);
    if metrics.is_empty() {
        return None;
    }
    let words = terms::time(record.workload());
    let of = words.strip_suffix(" time").unwrap_or(words);
    let beside = (targets.len() == 2).then(|| page.lay(side_by_side(of, &targets, &metrics)));
    let beside = beside.filter(|text| !page.overflows(text));
    let is_compared = metrics
        .iter()
        .flat_map(|row| &row.cells)
        .any(|cell| cell.against.is_some());
    let mut notes = vec![if is_compared {
        tables::answer::FIGURES
    } else {
        tables::answer::FIGURES_ALONE
    }];
    notes.extend((is_compared && beside.is_none()).then_some(tables::answer::MARKS));
    let table = beside.unwrap_or_else(|| page.lay(one_below_the_other(of, &targets, &metrics)));
    let table = page.glyphs.text(&with_marks_coloured(&table)).into_owned();
    let notes = notes.into_iter().map(|note| page.wrap(note, ""));
    let lines = notes.map(|note| format!("{DIM}{note}{DIM:#}"));
    Some(
        [table]
            .into_iter()
            .chain(lines)
            .collect::<Vec<_>>()
            .join("\n"),
    )
}

fn side_by_side(of: &str, targets: &[Target], metrics: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_width(WIDTH);
    let names = targets.iter().map(|target| target.name.as_str());
    let others = ["differs", "95 % interval", "verdict"];
    table.set_header([of].into_iter().chain(names).chain(others));
    for row in metrics {
        let figures = row.cells.iter().map(|cell| cell.figure.clone());
        let none = || figures::NONE.to_owned();
        let against = row.cells.iter().find_map(|cell| cell.against.as_ref());
        let against = against.map_or_else(
            || [none(), none(), "not compared".to_owned()],
            |against| {
                [
                    against.change.clone(),
                    against.interval.clone(),
                    against.marked(),
                ]
            },
        );
        table.add_row(
            [row.brief.clone()]
                .into_iter()
                .chain(figures)
                .chain(against),
        );
    }
    align_right(&mut table, 1..5);
    table
}

fn one_below_the_other(of: &str, targets: &[Target], metrics: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_width(WIDTH);
    let briefs = metrics.iter().map(|row| row.brief.as_str());
    table.set_header([of].into_iter().chain(briefs));
    for (index, target) in targets.iter().enumerate() {
        let cells = || metrics.iter().map(|row| &row.cells[index]);
        let figures = cells().map(|cell| cell.figure.as_str());
        table.add_row([target.name.as_str()].into_iter().chain(figures));
        if cells().any(|cell| cell.against.is_some()) {
            let marked = cells().map(|cell| {
                let against = cell.against.as_ref();
                against.map_or_else(String::new, Against::marked_change)
            });
            let against = format!("  against {}", targets[0].name);
            table.add_row([against].into_iter().chain(marked));
        }
    }
    align_right(&mut table, 1..metrics.len() + 1);
    table
}

/// A laid out table with each mark, and what follows it in its cell, in the colour of what it means.
fn with_marks_coloured(table: &str) -> String {
    let mut coloured = String::new();
    let mut rest = table;
    while let Some(at) = rest.find(['▲', '▼']) {
        let (before, marked) = rest.split_at(at);
        let style = if marked.starts_with('▲') { GOOD } else { BAD };
        // A cell ends with its line, and where a column's blanks or the next mark begin.
        let ends = ["\n", "  ", " ▲", " ▼", " =", " ?"].into_iter();
        let end = ends.filter_map(|end| marked.find(end)).min();
        let (cell, after) = marked.split_at(end.unwrap_or(marked.len()));
        coloured = format!("{coloured}{before}{style}{cell}{style:#}");
        rest = after;
    }
    coloured + rest
}

/// What the loops did, a line a target.
fn why_lines(record: &RunRecord, page: Page) -> Option<String> {
    let reported: Vec<String> = why::brief(record)
        .iter()
        .map(|sentence| page.wrap(sentence, ""))
        .collect();
    let head = format!("{DIM}What the loops did:{DIM:#}");
    (!reported.is_empty()).then(|| format!("{head}\n{}", reported.join("\n")))
}

/// How the times of each target spread: a row of bars each, on one axis, below a line that says what they are of. It says
/// nothing that the figures don't say.
fn histogram(record: &RunRecord, page: Page) -> Option<String> {
    let workload = record.workload();
    let counts: Vec<Counts> = record
        .targets
        .iter()
        .map(|target| counts(target.whole_distribution(workload.clock())))
        .collect();
    let names = record.targets.iter().map(|target| target.name.as_str());
    let name_width = names.clone().map(|name| name.chars().count()).max();
    let name_width = name_width.unwrap_or(0);
    let columns = page.columns.unwrap_or(usize::from(USUAL_WIDTH));
    // One column before the name, and two after it.
    let bins = columns.saturating_sub(name_width + 3).clamp(1, BINS_MAX);
    let spread = Spread::of(&counts.iter().collect::<Vec<_>>(), bins)?;
    let head = format!(
        "How {}s spread, from {} to {}, each step {} longer:",
        terms::time(workload),
        figures::time(spread.low_ns as f64),
        figures::time(spread.high_ns as f64),
        figures::percent(spread.step - 1.0)
    );
    let rows = names.zip(spread.rows()).map(|(name, row)| {
        let row = page.glyphs.text(&row).into_owned();
        format!(" {name:name_width$}  {row}").trim_end().to_owned()
    });
    let lines = std::iter::once(page.wrap(&head, "")).chain(rows);
    Some(lines.collect::<Vec<_>>().join("\n"))
}

/// The times of an encoded histogram; none of one that can't be read, which a record of ours always can.
fn counts(encoded: &str) -> Counts {
    let histogram = model::measured::histogram::histogram_from_base64(encoded);
    histogram.map_or_else(|_| Counts::new(), |histogram| recording::counts(&histogram))
}

/// Prints the result of a sweep: curves and warnings first, then the verdict and its figures, which are so the last on the screen, and
/// where the files are. With `--json`, standard output gets the record and standard error the rest.
pub(crate) fn show_sweep(record: &SweepRecord, place: &Path, shown: &ShownArgs) {
    show(
        shown.json,
        || record.to_json(),
        |page| sweep_text(record, place, page, shown.verbose),
    );
}

/// The result of a sweep as text.
fn sweep_text(record: &SweepRecord, place: &Path, page: Page, is_verbose: bool) -> String {
    let mut blocks = Vec::new();
    let rows = report::tables::sweep::curve_rows(record);
    if !rows.is_empty() {
        let columns = report::tables::sweep::curve_columns(record);
        let mut curves = Table::new();
        curves.load_style(presets::NOTHING).set_width(WIDTH);
        let count = columns.len();
        curves.set_header(columns);
        curves.add_rows(rows);
        align_right(&mut curves, 0..count);
        let curves = page.set(curves);
        blocks.push(format!("{curves}\n{DIM}! beyond the SLO{DIM:#}"));
    }
    let warnings = warnings::each(&record.validity.warnings);
    let warnings = warning_lines(&warnings, page, is_verbose);
    if !warnings.is_empty() {
        blocks.push(warnings.join("\n"));
    }
    let verdicts = sweep::verdicts(record);
    let mut lines: Vec<String> = verdicts
        .iter()
        .map(|sentence| format!("{BOLD}{}{BOLD:#}", page.wrap(sentence, "")))
        .collect();
    lines.push(page.wrap(&sweep::origin(record), ""));
    let style = if record.validity.is_valid() {
        GOOD
    } else {
        BAD
    };
    let belief = page.wrap(&sweep::belief(record), "");
    lines.push(format!("{style}{belief}{style:#}"));
    let mut knees = Table::new();
    knees.load_style(presets::NOTHING).set_width(WIDTH);
    knees.set_header(report::tables::sweep::KNEE_COLUMNS);
    knees.add_rows(report::tables::sweep::knee_rows(record));
    align_right(&mut knees, 1..4);
    lines.push(format!("\n{}", page.set(knees)));
    blocks.push(lines.join("\n"));
    blocks.push(place_lines(place, &record.plan.command, &[], page));
    blocks.join("\n\n")
}

/// Prints the result of a gate: the whole in a sentence, then each scenario, the gravest first.
pub(crate) fn show_gate(judged: &Gate) {
    say!("{}", gate_text(judged));
}

fn gate_text(judged: &Gate) -> String {
    let style = match judged.outcome {
        Outcome::Passed | Outcome::Inconclusive => GOOD,
        Outcome::Invalid => WARN,
        Outcome::Alarm => BAD,
    };
    let mut lines = vec![format!("{style}{}{style:#}", gate::headline(judged))];
    lines.extend(gate::blind_spot(judged).map(|reported| format!("{DIM}{reported}{DIM:#}")));
    for judgement in &judged.scenarios {
        lines.push(format!(
            "\n{BOLD}{}{BOLD:#}: {}",
            judgement.scenario,
            gate::outcome(judgement.outcome)
        ));
        for said in gate::said(judgement) {
            let style = match said.tone {
                Tone::Alarm => BAD,
                Tone::Warning => WARN,
                Tone::Good => GOOD,
                Tone::Plain => Style::new(),
            };
            lines.push(format!("  {style}{}{style:#}", said.text));
        }
    }
    lines.join("\n")
}

/// Prints the outcome of a test of claims: a line for each, those that contradict each other together.
pub(crate) fn show_claims(outcome: &ClaimsOutcome) {
    say!("{}", claims_text(outcome));
}

fn claims_text(outcome: &ClaimsOutcome) -> String {
    let mut lines = vec![format!("{BOLD}{}{BOLD:#}", claims::summary(outcome))];
    for (heading, members) in claims::groups(outcome) {
        lines.push(format!("\n{BOLD}{heading}{BOLD:#}"));
        for tested in members {
            let style = match tested.verdict {
                Verdict::Supported => GOOD,
                Verdict::Refuted { .. } => BAD,
                Verdict::Inconclusive { .. } | Verdict::NotJudged { .. } => WARN,
                Verdict::NotMeasured | Verdict::NotTestable { .. } => DIM,
            };
            let (mark, verdict) = (
                claims::mark(&tested.verdict),
                claims::verdict(&tested.verdict),
            );
            let line = claims::line(tested);
            lines.push(format!(
                "  {style}{mark} {verdict}{style:#} {}: {line}",
                tested.claim.id
            ));
        }
    }
    lines.join("\n")
}

/// Prints what a preset found.
pub(crate) fn show_preset(answered: &Answered) {
    say!("{}", preset_text(answered));
}

fn preset_text(answered: &Answered) -> String {
    let mut lines = vec![format!("{BOLD}{}{BOLD:#}", preset::title(answered))];
    for pair in answered.pairs() {
        lines.push(format!("\n{BOLD}{} and {}{BOLD:#}", pair[0], pair[1]));
        lines.extend(preset::findings(answered, &pair));
        let depends = preset::depends(answered, &pair);
        if !depends.is_empty() {
            lines.push("\nWhat it depends on:".to_owned());
            lines.extend(depends);
        }
    }
    lines.join("\n")
}

/// Prints a history: its changes first, then where every figure stands.
pub(crate) fn show_history(trends: &[Trend], runs: usize, invalid: usize) {
    say!("{}", history_text(trends, runs, invalid));
}

fn history_text(trends: &[Trend], runs: usize, invalid: usize) -> String {
    let left_out = match invalid {
        0 => String::new(),
        invalid => format!(
            ", of which {invalid} did not measure the targets and {} left out",
            if invalid == 1 { "is" } else { "are" }
        ),
    };
    let mut lines = vec![format!(
        "{}{left_out}.",
        figures::plural(runs as u64, "run", "runs")
    )];
    for trend in trends {
        for shift in &trend.changes {
            let style = match shift.turn {
                Turn::Better => GOOD,
                Turn::Worse => BAD,
            };
            lines.push(format!(
                "{style}{}{style:#}",
                history::sentence(trend, shift)
            ));
        }
    }
    if trends.iter().all(|trend| trend.changes.is_empty()) {
        lines.push("No change found.".to_owned());
    }
    for group in history::groups(trends) {
        lines.push(format!(
            "\n{BOLD}{}{BOLD:#}",
            history::heading(&group[0].key)
        ));
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_width(WIDTH);
        table.set_header(report::tables::history::COLUMNS);
        table.add_rows(group.iter().map(report::tables::history::cells));
        for column in table.column_iter_mut().skip(1).take(3) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        lines.push(table.to_string());
    }
    lines.join("\n")
}

/// A command as it can be pasted into a shell.
fn quoted(words: &[String]) -> String {
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
}

/// Every comparison, one a row, with what it could have detected; none where nothing was compared. Where there are several targets
/// beside the first, or names too long to stand side by side, each is named above its rows. Service times are left to the report
/// where their verdict is that of the response times.
fn comparisons_table(record: &RunRecord) -> Option<Table> {
    let all = tables::comparisons(record);
    let base = &all.first()?.base;
    let head = |name: &str| format!("{name} / {base}");
    let heads = record.targets.len().saturating_sub(1);
    let pair = head(&all[0].head);
    let is_pair = heads == 1 && pair.chars().count() <= PAIR_WIDTH_MAX;
    let title = if is_pair { pair } else { head("each") };
    Some(ratios_table(&title, !is_pair, &all))
}

/// Every effect, one a row, each named above its rows; none where there are none.
fn effects_table(record: &RunRecord) -> Option<Table> {
    let all = tables::effects(record);
    (!all.is_empty()).then(|| ratios_table("effect", true, &all))
}

/// Comparisons below a title, one a row. `are_named`: whether each head is named above its rows.
fn ratios_table(title: &str, are_named: bool, all: &[ComparisonRow]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_width(WIDTH);
    table.set_header([
        title,
        "difference",
        "95 % interval",
        "detectable",
        "verdict",
    ]);
    let mut named = "";
    for row in all.iter().filter(|row| is_news(row, all)) {
        if are_named && row.head != named {
            named = &row.head;
            table.add_row([named]);
        }
        let metric = if are_named {
            format!("  {}", row.short)
        } else {
            row.short.clone()
        };
        table.add_row([
            metric.as_str(),
            &row.change,
            &row.interval,
            &row.detectable,
            row.verdict,
        ]);
    }
    align_right(&mut table, 1..4);
    table
}

/// Whether a row says what its counterpart, for service times that of response times, does not.
fn is_news(row: &ComparisonRow, all: &[ComparisonRow]) -> bool {
    row.short.strip_prefix("service").is_none_or(|rest| {
        let says_the_same = |other: &ComparisonRow| {
            other.head == row.head
                && other.short.strip_prefix("response") == Some(rest)
                && other.verdict == row.verdict
        };
        !all.iter().any(says_the_same)
    })
}

/// The targets, one a row, with figures of all their requests together; none where nothing was measured.
fn targets_table(record: &RunRecord) -> Option<Table> {
    let tables::Targets { columns, rows } = tables::targets(record, Room::Screen);
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_width(WIDTH);
    let count = columns.len();
    let words = terms::time(record.workload());
    let brief = words.strip_suffix(" time").unwrap_or(words);
    table.set_header(std::iter::once(brief.to_owned()).chain(columns));
    for row in rows {
        table.add_row(std::iter::once(row.name).chain(row.figures));
    }
    align_right(&mut table, 1..count + 1);
    let has_measured = |target: &TargetRecord| target.report.requests.ok > 0;
    record.targets.iter().any(has_measured).then_some(table)
}

/// Each kind of request by itself, one a row for each target, where there are several; a long table is left to the report.
/// `is_below`: targets stand below the request, and not beside it.
fn kinds_table(targets: &[TargetRecord], is_below: bool) -> Option<Table> {
    let of_target = |target: &TargetRecord| target.report.by_request.len();
    let rows: usize = targets.iter().map(of_target).sum();
    if !(1..=KIND_ROWS_MAX).contains(&rows) {
        return None;
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_width(WIDTH);
    let percentiles = ["p50", "p99", "p99.9", "max"];
    let names: &[&str] = if is_below {
        &["request"]
    } else {
        &["request", "target"]
    };
    table.set_header(names.iter().chain(&percentiles));
    let most = targets.iter().map(of_target).max().unwrap_or_default();
    for index in 0..most {
        let kinds = targets.iter().filter_map(|target| {
            let kind = target.report.by_request.get(index)?;
            Some((target.name.as_str(), kind))
        });
        for (number, (name, kind)) in kinds.enumerate() {
            if is_below && number == 0 {
                table.add_row([kind.request.as_str()]);
            }
            let names = if is_below {
                vec![format!("  {name}")]
            } else {
                vec![kind.request.clone(), name.to_owned()]
            };
            let times = &kind.response_time_ns;
            let times = [times.p50, times.p99, times.p99_9, times.max].map(figures::maybe_time);
            table.add_row(names.into_iter().chain(times));
        }
    }
    align_right(&mut table, names.len()..names.len() + percentiles.len());
    Some(table)
}

pub(crate) fn align_right(table: &mut Table, columns: std::ops::Range<usize>) {
    for column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// Prints the comparison of two runs: how, the result, the figures, what differs, and what to beware of.
pub(crate) fn show_between(reported: &RunComparison) {
    let mut lines = report::words::between::headlines(reported);
    if let Some(first) = lines.first_mut() {
        *first = format!("{DIM}{first}{DIM:#}");
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_width(WIDTH);
    table.set_header([
        "target",
        "against",
        "metric",
        "difference",
        "95 % interval",
        "detectable",
        "verdict",
    ]);
    for row in report::tables::of_runs(reported) {
        table.add_row([
            row.head,
            row.base,
            row.short.clone(),
            row.change,
            row.interval,
            row.detectable,
            row.verdict.to_owned(),
        ]);
    }
    if !reported.comparisons.is_empty() {
        lines.push(format!("\n{}", table.trim_fmt()));
    }
    lines
        .extend(report::words::between::runs(reported).map(|runs| format!("\n{DIM}{runs}{DIM:#}")));
    for difference in &reported.differences {
        lines.push(format!(
            "{WARN}Differs{WARN:#}: {}: {} in A, {} in B",
            difference.what, difference.base, difference.head
        ));
    }
    let page = Page::of(std::io::stdout());
    let warnings = warnings::each(&reported.warnings);
    lines.extend(warning_lines(&warnings, page, true));
    say!("{}", lines.join("\n"));
}

/// What a reader should know: what makes a measurement invalid first, one line each, or with `is_verbose` whole and with what to do
/// about it.
pub(crate) fn warning_lines(warnings: &[Shown], page: Page, is_verbose: bool) -> Vec<String> {
    let line = |warning: &Shown| {
        let (style, word) = if warning.voids {
            (BAD, "INVALID")
        } else {
            (WARN, "Warning")
        };
        let fact = format!(": {}", warning.sentence());
        if is_verbose {
            let fact = page.begin(style, word, &fact);
            let advice = page.wrap(&warning.advice, "  ");
            return format!("{fact}\n{DIM}{advice}{DIM:#}");
        }
        page.begin(style, word, &page.cut(&fact, word.len()))
    };
    let (voiding, others): (Vec<&Shown>, Vec<&Shown>) =
        warnings.iter().partition(|warning| warning.voids);
    let mut lines: Vec<String> = voiding.into_iter().chain(others).map(line).collect();
    if !is_verbose && !lines.is_empty() {
        let remedy = "What to do about it: see the report, or run with -v.";
        lines.push(format!("{DIM}{}{DIM:#}", page.wrap(remedy, "")));
    }
    lines
}

/// Prints names and what they are in two columns.
pub(crate) fn print_columns(rows: &[(String, String)]) {
    let width = rows
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    for (name, description) in rows {
        say!("{}", format!("  {name:width$}  {description}").trim_end());
    }
}

/// One thing that `bench doctor` looked at.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Finding {
    /// What was looked at.
    pub(crate) what: &'static str,
    /// What was found.
    pub(crate) found: String,
    /// What to do about it; none where all is well.
    pub(crate) advice: Option<&'static str>,
}

/// Prints what `bench doctor` found.
pub(crate) fn print_findings(findings: &[Finding]) {
    let width = findings
        .iter()
        .map(|finding| finding.what.len())
        .max()
        .unwrap_or(0);
    for finding in findings {
        let (style, word) = if finding.advice.is_some() {
            (WARN, "look")
        } else {
            (GOOD, "ok  ")
        };
        say!(
            "{style}{word}{style:#}  {:width$}  {}",
            finding.what,
            finding.found
        );
        if let Some(advice) = finding.advice {
            say!("      {:width$}  {DIM}{advice}{DIM:#}", "");
        }
    }
}

/// Sets how errors are laid out: names and paths are never broken, so that they can be copied.
pub(crate) fn set_error_layout() {
    let hook = miette::set_hook(Box::new(|_| {
        let options = MietteHandlerOpts::new()
            .unicode(Glyphs::of_environment() == Glyphs::Unicode)
            .break_words(false)
            .word_separator(textwrap::WordSeparator::AsciiSpace)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        Box::new(options.build())
    }));
    hook.expect("the layout is set once, at the start");
}

/// Prints an error with its place and remedy.
pub(crate) fn print_failure(failure: &Failure) {
    note!("{:?}", failure.report);
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::record::comparison::Comparison;
    use model::record::verdict::ComparisonVerdict;
    use model::record::verdict::Direction;

    use model::record::warning::{Fact, Validity, Warning};

    /// A terminal of 80 by 24.
    const PAGE: Page = Page {
        columns: Some(80),
        rows: Some(24),
        glyphs: Glyphs::Unicode,
    };

    /// The end of a run as a terminal without colours shows it.
    fn screen_on(record: &RunRecord, page: Page) -> String {
        let place = Path::new("results/runs/20261123T101500Z-made-up");
        let text = run_text(record, place, page, false);
        anstream::adapter::strip_str(&text).to_string()
    }

    fn screen(record: &RunRecord) -> String {
        screen_on(record, PAGE)
    }

    /// No line is wider than the page.
    fn fits(text: &str) {
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(80), "{widest:?} columns:\n{text}");
    }

    /// A terminal on which nothing scrolls away.
    const ENDLESS: Page = Page { rows: None, ..PAGE };

    /// What a terminal of 80 by 24 shows at the end, the prompt below it included.
    fn last_screen(text: &str) -> String {
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(23)..].join("\n")
    }

    /// A pair's end fits on such a terminal, whatever stands above it: verdict, validity, every figure, and where the report is.
    fn check(record: &RunRecord) -> String {
        let text = screen(record);
        fits(&text);
        let last = last_screen(&text);
        let verdicts = sentences::verdicts(record);
        let order = [
            &PAGE.wrap(&verdicts[0], ""),
            &PAGE.wrap(&sentences::belief(record), ""),
            "\n p50 ",
            "\n memory ",
            "\nReport:",
        ];
        let places = order.map(|words| last.find(words).expect(words));
        assert!(places.is_sorted(), "{last}");
        text
    }

    #[test]
    fn the_end_of_a_run_reads_as_reviewed() {
        insta::assert_snapshot!("requests", check(&samples::run_record()));
        insta::assert_snapshot!("streams", check(&samples::stream_record()));
        insta::assert_snapshot!("chat", check(&samples::chat_record()));
    }

    #[test]
    fn a_taller_terminal_and_a_file_have_room_for_the_details() {
        let record = samples::run_record();
        let taller = |rows| {
            let page = Page {
                rows: Some(rows),
                ..PAGE
            };
            screen_on(&record, page)
        };
        let whole = screen_on(&record, ENDLESS);
        insta::assert_snapshot!("requests-whole", whole);
        fits(&whole);
        let rows = whole.lines().count() + 1;
        assert_eq!(taller(rows), whole);
        // One row less, and the last of them is left to the report.
        let shorter = taller(rows - 1);
        assert!(
            shorter.contains("\n         with every interval\n"),
            "{shorter}"
        );
        assert!(shorter.contains("\n request "), "{shorter}");
        assert!(shorter.lines().count() < rows - 1, "{shorter}");
    }

    #[test]
    fn the_end_of_a_sweep_reads_as_reviewed() {
        let place = Path::new("results/runs/20260101T000000Z-io-heavy-sweep");
        let text = sweep_text(&samples::sweep_record(), place, PAGE, false);
        let text = anstream::adapter::strip_str(&text).to_string();
        fits(&text);
        insta::assert_snapshot!("sweep", text);
    }

    #[test]
    fn every_metric_that_differs_still_fits() {
        let mut record = samples::run_record();
        for comparison in &mut record.comparisons {
            (comparison.ratio, comparison.ci_low, comparison.ci_high) = (1.083, 1.061, 1.102);
            comparison.verdict = match comparison.metric.direction() {
                Direction::Time => ComparisonVerdict::Slower,
                Direction::Rate => ComparisonVerdict::Faster,
                Direction::Cost => ComparisonVerdict::More,
            };
        }
        record.scenario.objectives.truncate(1);
        check(&record);
    }

    #[test]
    fn more_targets_stand_one_below_the_other() {
        let mut record = samples::run_record();
        let mut third = record.targets[1].clone();
        third.name = "node".to_owned();
        record.targets.push(third);
        let of_third = record.comparisons.clone().into_iter();
        record
            .comparisons
            .extend(of_third.map(|comparison| Comparison {
                head: "node".to_owned(),
                ..comparison
            }));
        insta::assert_snapshot!("three", screen(&record));
        insta::assert_snapshot!("three-whole", screen_on(&record, ENDLESS));
    }

    #[test]
    fn the_end_of_a_run_of_the_experiment_ends_with_its_effects() {
        let text = screen(&samples::reference_record());
        fits(&text);
        insta::assert_snapshot!("reference", text);
    }

    #[test]
    fn warnings_take_a_line_each_above_the_answer() {
        let mut record = samples::run_record();
        let warning = |number| {
            Warning::note(Fact::Text {
                kind: format!("kind_{number}"),
                detail: format!("{number} {}", "words ".repeat(30)),
                advice: "do something".to_owned(),
            })
        };
        record.validity = Validity::of((0..40).map(warning).collect());
        let text = check(&record);
        let warnings: Vec<&str> = text.lines().take(40).collect();
        assert!(
            warnings
                .iter()
                .all(|line| line.starts_with("Warning: ") && line.ends_with(" …")),
            "{text}"
        );
        let place = Path::new("results/runs/20261123T101500Z-made-up");
        let whole = run_text(&record, place, PAGE, true);
        assert!(!whole.contains('…') && whole.contains("  do something"));
    }

    #[test]
    fn a_run_that_failed_is_red_and_says_why() {
        let mut record = samples::run_record();
        let place = Path::new("here");
        let green = |record: &RunRecord| {
            let text = run_text(record, place, PAGE, false);
            (text.contains(&GOOD.to_string()), text)
        };
        for comparison in &mut record.comparisons {
            comparison.verdict = ComparisonVerdict::Equivalent;
        }
        assert!(green(&record).0);
        record.targets[1].failure = Some(model::record::target::Failure {
            what: "its process ended with exit status 1".to_owned(),
            last_output: String::new(),
        });
        record.completion = model::record::run::Completion::TargetFailed;
        let (is_green, text) = green(&record);
        assert!(!is_green, "{text}");
        let cause = format!("{BAD}coroutine failed: its process ended with exit status 1.{BAD:#}");
        assert!(text.contains(&cause), "{text}");
    }

    #[test]
    fn marks_and_what_follows_them_in_their_cell_are_coloured() {
        let table = " a  ▲ +22 % ▼ 2.0×  b\n ▼ slower\n = equivalent";
        let expected = format!(
            " a  {GOOD}▲ +22 %{GOOD:#} {BAD}▼ 2.0×{BAD:#}  b\n {BAD}▼ slower{BAD:#}\n = equivalent"
        );
        assert_eq!(with_marks_coloured(table), expected);
    }

    #[test]
    fn long_names_and_grave_warnings_fit_too() {
        let mut record = samples::run_record();
        let long = ["callback-pool-40", "coroutine-asyncio"];
        for (target, name) in record.targets.iter_mut().zip(long) {
            name.clone_into(&mut target.name);
        }
        for comparison in &mut record.comparisons {
            long[0].clone_into(&mut comparison.base);
            long[1].clone_into(&mut comparison.head);
        }
        let warning = |voids| Warning {
            voids,
            ..Warning::note(Fact::GeneratorSaturated {
                cpu_share: 0.97,
                closed_loop: true,
            })
        };
        record.validity = Validity::of(vec![warning(false), warning(true)]);
        let text = screen(&record);
        fits(&text);
        insta::assert_snapshot!("long", text);
    }

    #[test]
    fn a_figure_is_not_broken_from_its_unit() {
        let page = Page {
            columns: Some(40),
            ..PAGE
        };
        let reported = "p99: coroutine (+15 %), callback-asyncio (+16 %), p50 12.3 ms.";
        assert_eq!(
            page.wrap(reported, ""),
            "p99: coroutine (+15 %), callback-asyncio\n(+16 %), p50 12.3 ms."
        );
    }

    #[test]
    fn a_locale_without_unicode_gets_plain_characters() {
        let page = Page {
            glyphs: Glyphs::Ascii,
            ..PAGE
        };
        let text = screen_on(&samples::run_record(), page);
        assert!(text.is_ascii(), "{text}");
        insta::assert_snapshot!("ascii", text);
    }

    #[test]
    fn in_a_file_no_sentence_is_broken() {
        let mut record = samples::run_record();
        let detail = "a warning that goes on and on ".repeat(9);
        record.validity = Validity::of(vec![Warning::note(Fact::Text {
            kind: "partial".to_owned(),
            detail: detail.clone(),
            advice: detail.clone(),
        })]);
        let page = Page {
            columns: None,
            ..PAGE
        };
        let text = screen_on(&record, page);
        assert!(text.lines().any(|line| line.ends_with(&detail)), "{text}");
    }
}
