//! What a person reads: progress on standard error, results on standard output, failures with a remedy.
//!
//! Standard output is data, standard error is conversation. Everything reads without colour, and progress is drawn on a
//! terminal only.

use std::path::Path;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use bench_core::between::RunComparison;
use bench_core::gate::{Gate, Outcome};
use bench_core::history::{Trend, Turn};
use bench_core::load::Load;
use bench_core::record::{LoadReport, RunRecord, TargetRecord};
use bench_core::recording::Recording;
use bench_core::summary::{PERCENTILES, Times, value_at};
use bench_core::units::{format_ns, significant};
use bench_core::validity::{Caution, CautionCode};
use comfy_table::{CellAlignment, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use miette::MietteHandlerOpts;
use report::gate::{self, Tone};
use report::tables::{self, Room};
use report::{figures, history, sentences, why};

use crate::args::LoadArgs;
use crate::commands::doctor::Finding;
use crate::cores;
use crate::exit::Failure;
use crate::run_event::RunEvent;

/// Widest line that is printed.
const WIDTH: u16 = 100;

/// Redraws of progress a second, at most: it runs on the generator's cores.
const REDRAWS_PER_S: u8 = 4;

/// Most rows of the table by request.
const KIND_ROWS_MAX: usize = 24;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const WARN: Style = AnsiColor::Yellow.on_default();

/// The display of one run.
#[derive(Debug)]
pub(crate) struct Terminal {
    bar: ProgressBar,
    trials_done: u64,
}

impl Terminal {
    /// A display that has shown nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            bar: ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()),
            trials_done: 0,
        }
    }

    /// Shows what happened.
    pub(crate) fn on(&mut self, event: &RunEvent<'_>) {
        match event {
            RunEvent::Planned {
                scenario,
                targets,
                plan,
                pinning,
                expected,
                detectable,
            } => {
                let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
                self.say(&format!(
                    "{BOLD}{}{BOLD:#}: {}",
                    scenario.name, scenario.question
                ));
                self.say(&format!(
                    "{DIM}{}: {} rounds of {} blocks, epochs of {} in alternation, about {}{DIM:#}",
                    names.join(", "),
                    plan.rounds,
                    plan.blocks_per_round,
                    format_ns(bench_core::units::duration_ns(plan.epoch)),
                    approximate(*expected)
                ));
                let shared = if cores::is_shared(pinning) {
                    ", shared: times include the other's work"
                } else {
                    ""
                };
                self.say(&format!(
                    "{DIM}servers on core {}, generator on core {}{shared}{DIM:#}",
                    cores::names(&pinning.server_cpus),
                    cores::names(&pinning.load_cpus)
                ));
                if let Some(detectable) = detectable {
                    self.say(&format!("{DIM}{}{DIM:#}", sentences::foresight(detectable)));
                }
                self.begin(plan.len() as u64);
            }
            RunEvent::RoundStarted { round, rounds } => {
                self.bar
                    .set_message(format!("round {} of {rounds}: starting servers", round + 1));
            }
            RunEvent::CapacityMeasured { target, capacity } => {
                self.say(&format!(
                    "{DIM}{target} carries {} in a closed loop{DIM:#}",
                    figures::per_s(capacity.as_per_s())
                ));
            }
            RunEvent::WarmingUp { round, target } => {
                self.bar
                    .set_message(format!("round {}: warming {target} up", round + 1));
            }
            RunEvent::TrialStarted {
                trial,
                trials,
                target,
            } => {
                self.bar.set_message(format!(
                    "round {}, block {}: {target} ({} of {trials})",
                    trial.round + 1,
                    trial.block + 1,
                    trial.index + 1
                ));
            }
            RunEvent::TrialEnded {
                target,
                epoch,
                timed,
            } => {
                self.trials_done += 1;
                self.bar.set_position(self.trials_done);
                let median = epoch
                    .metrics
                    .get(timed.metrics()[0].name())
                    .map_or_else(|| "–".to_owned(), |&ns| figures::time(ns));
                let failed = if epoch.requests.failed() > 0 {
                    format!(", {} failed", epoch.requests.failed())
                } else {
                    String::new()
                };
                self.bar.set_message(format!(
                    "{target}: {} ok{failed}, median {median}",
                    epoch.requests.ok
                ));
            }
            RunEvent::Profiling { target } => {
                self.bar
                    .set_message(format!("counting the system calls of {target}"));
            }
            RunEvent::TargetFailed { target, failure } => {
                self.say(&format!("{BAD}{target} failed{BAD:#}: {}", failure.what));
                for line in failure.last_output.lines() {
                    self.say(&format!("  {DIM}{line}{DIM:#}"));
                }
            }
            RunEvent::Writing => self.bar.finish_and_clear(),
        }
    }

    fn begin(&mut self, trials: u64) {
        self.bar = ProgressBar::with_draw_target(
            Some(trials),
            ProgressDrawTarget::stderr_with_hz(REDRAWS_PER_S),
        );
        let style = ProgressStyle::with_template("{bar:24} {elapsed} of about {duration}  {msg}");
        self.bar
            .set_style(style.expect("the template is a constant that indicatif reads"));
    }

    /// A line of conversation, above the bar where there is one.
    fn say(&self, line: &str) {
        self.bar.suspend(|| anstream::eprintln!("{line}"));
    }
}

/// Prints the result of a run: the verdict first, then the figures, what to beware of, and where the files are. With
/// `json`, standard output gets the record and standard error the rest.
pub(crate) fn show_run(record: &RunRecord, place: &Path, json: bool) {
    let text = run_text(record, place);
    if json {
        anstream::eprintln!("{text}");
        anstream::println!("{}", record.to_json());
    } else {
        anstream::println!("{text}");
    }
}

/// The result of a run as text.
fn run_text(record: &RunRecord, place: &Path) -> String {
    // Above the rest, so that the verdict and what belongs to it end on one screen.
    let kinds = kinds_table(&record.targets).map(|table| table.trim_fmt() + "\n");
    let verdicts = sentences::verdicts(record);
    let verdicts = verdicts
        .iter()
        .map(|sentence| format!("{BOLD}{sentence}{BOLD:#}"));
    let above = kinds.into_iter().chain(why_lines(record));
    let mut lines: Vec<String> = above.chain(verdicts).collect();
    lines.extend(sentences::objectives(record));
    lines.push(sentences::belief(record));
    lines.extend(sentences::aa(record));
    lines.extend(comparisons_table(record).map(|table| format!("\n{}", table.trim_fmt())));
    lines.push(format!("\n{}", targets_table(record).trim_fmt()));
    lines.extend(cautions(record));
    lines.push(format!(
        "\n{DIM}Report:{DIM:#}  {}",
        place.join("report.html").display()
    ));
    lines.push(format!("{DIM}Repeat:{DIM:#}  {}", quoted(&record.command)));
    lines.join("\n")
}

/// What the loops did, a line a target.
fn why_lines(record: &RunRecord) -> Option<String> {
    let told = why::brief(record);
    let head = format!("{DIM}What the loops did:{DIM:#}");
    (!told.is_empty()).then(|| format!("{head}\n{}\n", told.join("\n")))
}

/// Prints what a gate came to: the whole in a sentence, then each scenario, the gravest first.
pub(crate) fn show_gate(judged: &Gate) {
    anstream::println!("{}", gate_text(judged));
}

fn gate_text(judged: &Gate) -> String {
    let style = match judged.outcome {
        Outcome::Passed | Outcome::Inconclusive => GOOD,
        Outcome::Invalid => WARN,
        Outcome::Alarm => BAD,
    };
    let mut lines = vec![format!("{style}{}{style:#}", gate::headline(judged))];
    lines.extend(gate::blind_spot(judged).map(|told| format!("{DIM}{told}{DIM:#}")));
    for judgement in &judged.scenarios {
        lines.push(format!(
            "\n{BOLD}{}{BOLD:#}: {}",
            judgement.scenario,
            gate::outcome(judgement.outcome)
        ));
        for said in gate::said(judgement) {
            let style = match said.tone {
                Tone::Alarm => BAD,
                Tone::Caution => WARN,
                Tone::Good => GOOD,
                Tone::Plain => Style::new(),
            };
            lines.push(format!("  {style}{}{style:#}", said.text));
        }
    }
    lines.join("\n")
}

/// Prints a history: its changes first, then where every figure stands.
pub(crate) fn show_history(trends: &[Trend], runs: usize, invalid: usize) {
    anstream::println!("{}", history_text(trends, runs, invalid));
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
        table.set_header(history::COLUMNS);
        table.add_rows(group.iter().map(history::cells));
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

/// Every comparison, one a row; none where nothing was compared. Where there are several targets beside the first, each is named
/// above its rows.
fn comparisons_table(record: &RunRecord) -> Option<Table> {
    let rows = tables::comparisons(record);
    let base = rows.first()?.base.clone();
    let heads = record.targets.len().saturating_sub(1);
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_width(WIDTH);
    let figures = ["difference", "95 % interval", "MDE", "verdict"];
    let head = |name: &str| format!("{name} / {base}");
    let mut named = "";
    if heads == 1 {
        named = &rows[0].head;
        table.set_header([head(named).as_str()].into_iter().chain(figures));
    } else {
        table.set_header([head("each").as_str()].into_iter().chain(figures));
    }
    for row in &rows {
        if row.head != named {
            named = &row.head;
            table.add_row([named]);
        }
        let metric = if heads == 1 {
            row.short.to_owned()
        } else {
            format!("  {}", row.short)
        };
        table.add_row([
            metric.as_str(),
            &row.change,
            &row.interval,
            &row.mde,
            row.verdict,
        ]);
    }
    align_right(&mut table, 1..4);
    Some(table)
}

/// The targets, one a row, below what their times are.
fn targets_table(record: &RunRecord) -> Table {
    let tables::Targets { columns, rows } = tables::targets(record, Room::Screen);
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_width(WIDTH);
    let count = columns.len();
    let words = record.timed().time_words();
    let brief = words.strip_suffix(" time").unwrap_or(words);
    table.set_header(std::iter::once(brief.to_owned()).chain(columns));
    for row in rows {
        table.add_row(std::iter::once(row.name).chain(row.figures));
    }
    align_right(&mut table, 1..count + 1);
    table
}

/// Each kind of request by itself, one a row for each target, where there are several; a long table is left to the report.
fn kinds_table(targets: &[TargetRecord]) -> Option<Table> {
    let of_target = |target: &TargetRecord| target.report.by_request.len();
    let rows: usize = targets.iter().map(of_target).sum();
    if !(1..=KIND_ROWS_MAX).contains(&rows) {
        return None;
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_width(WIDTH);
    table.set_header(["request", "target", "p50", "p99", "p99.9", "max"]);
    let most = targets.iter().map(of_target).max().unwrap_or_default();
    for index in 0..most {
        for target in targets {
            let Some(kind) = target.report.by_request.get(index) else {
                continue;
            };
            let times = &kind.response_time_ns;
            let times = [times.p50, times.p99, times.p99_9, times.max].map(figures::maybe_time);
            let names = [kind.request.clone(), target.name.clone()];
            table.add_row(names.into_iter().chain(times));
        }
    }
    align_right(&mut table, 2..6);
    Some(table)
}

fn align_right(table: &mut Table, columns: std::ops::Range<usize>) {
    for column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// Prints two runs held against each other: how, what it came to, the figures, what differs, and what to beware of.
pub(crate) fn show_between(told: &RunComparison) {
    let mut lines = report::between::headlines(told);
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
        "MDE",
        "verdict",
    ]);
    for row in report::between::rows(told) {
        table.add_row([
            row.head,
            row.base,
            row.short.to_owned(),
            row.change,
            row.interval,
            row.mde,
            row.verdict.to_owned(),
        ]);
    }
    if !told.comparisons.is_empty() {
        lines.push(format!("\n{}", table.trim_fmt()));
    }
    lines.extend(report::between::runs(told).map(|runs| format!("\n{DIM}{runs}{DIM:#}")));
    for difference in &told.differences {
        lines.push(format!(
            "{WARN}Differs{WARN:#}: {}: {} in A, {} in B",
            difference.what, difference.base, difference.head
        ));
    }
    lines.extend(
        told.cautions
            .iter()
            .map(|caution| caution_lines(None, caution)),
    );
    anstream::println!("{}", lines.join("\n"));
}

/// What to beware of, the run's own first. A target's percentiles that are missing for want of samples show as dashes and
/// are not told again.
fn cautions(record: &RunRecord) -> Vec<String> {
    let told_by_run =
        |caution: &Caution| caution.voids || caution.code == CautionCode::TargetFailed;
    let of_run = record
        .validity
        .cautions
        .iter()
        .map(|caution| caution_lines(None, caution));
    let of_targets = record.targets.iter().flat_map(|target| {
        let own = target.report.validity.cautions.iter();
        let untold = own.filter(move |caution| {
            !told_by_run(caution) && caution.code != CautionCode::TooFewSamples
        });
        untold.map(|caution| caution_lines(Some(&target.name), caution))
    });
    let lines: Vec<String> = of_run.chain(of_targets).collect();
    if lines.is_empty() {
        lines
    } else {
        [vec![String::new()], lines].concat()
    }
}

fn caution_lines(target: Option<&str>, caution: &Caution) -> String {
    let (style, word) = if caution.voids {
        (BAD, "INVALID")
    } else {
        (WARN, "Caution")
    };
    let target = target.map(|name| format!("{name}: ")).unwrap_or_default();
    format!(
        "{style}{word}{style:#}: {target}{}\n  {DIM}{}{DIM:#}",
        caution.detail, caution.advice
    )
}

/// The result of `bench load`.
pub(crate) fn show_load(args: &LoadArgs, report: &LoadReport, recording: &Recording) {
    if args.json {
        let json = serde_json::to_string_pretty(report).expect("a report is plain data");
        anstream::println!("{json}");
    } else {
        anstream::println!("{}", load_text(&args.url, report, recording));
    }
}

fn load_text(url: &str, report: &LoadReport, recording: &Recording) -> String {
    let load = &report.load;
    let rate = load.rate_per_s.map_or_else(
        || "closed loop".to_owned(),
        |rate| format!("{} arrivals at {}", load.arrival, figures::per_s(rate)),
    );
    let requests = &report.requests;
    let generator = &report.generator;
    let mut lines = vec![
        format!(
            "{BOLD}{url}{BOLD:#}: {rate}, {}, {:.3} s\n",
            sentences::connections(load),
            load.duration_s
        ),
        format!(
            "Requests     {} scheduled = {} ok + {} error + {} timeout + {} unfinished",
            requests.scheduled, requests.ok, requests.error, requests.timeout, requests.unfinished
        ),
        format!("Throughput   {}", figures::per_s(report.throughput_per_s)),
        format!("Connections  {}\n", connections(report)),
        format!("{}\n", times_table(report)),
        "Response time by percentile".to_owned(),
    ];
    lines.extend(spectrum(recording));
    lines.push(format!(
        "\nGenerator    {:.0} % of {}, of which {:.0} % spinning{}",
        generator.cpu_share * 100.0,
        figures::plural(u64::from(generator.threads), "thread", "threads"),
        generator.spin_share * 100.0,
        generator
            .cpu_us_per_request
            .map(|us| format!("; {} µs a request", significant(us)))
            .unwrap_or_default()
    ));
    lines.extend(
        report
            .validity
            .cautions
            .iter()
            .map(|caution| caution_lines(None, caution)),
    );
    lines.join("\n")
}

/// What became of the connections, how evenly requests fell on them, and how many were under way.
fn connections(report: &LoadReport) -> String {
    let counts = &report.connections;
    let served = counts
        .served_min
        .zip(counts.served_max)
        .map(|(min, max)| format!(", {min} to {max} replies each"))
        .unwrap_or_default();
    let in_flight = report
        .in_flight_mean
        .map(|mean| format!("; {} requests in flight on average", significant(mean)))
        .unwrap_or_default();
    format!(
        "{} opened, {} lost and opened again{served}{in_flight}",
        counts.opened, counts.reopened
    )
}

/// The clocks, one a row; that of TLS where there is TLS.
fn times_table(report: &LoadReport) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_width(WIDTH);
    let names: Vec<String> = PERCENTILES
        .iter()
        .map(|percentile| figures::percentile(percentile.name))
        .collect();
    table.set_header(
        [String::new(), "mean".to_owned()]
            .into_iter()
            .chain(names)
            .chain(["max".to_owned()]),
    );
    let clocks = [
        ("Response time", &report.response_time_ns),
        ("Service time", &report.service_time_ns),
        ("First byte", &report.first_byte_time_ns),
        ("Send lag", &report.send_lag_ns),
        ("Connect time", &report.connect_time_ns),
    ];
    let handshake = ("Handshake", &report.handshake_time_ns);
    let has_tls = report.handshake_time_ns.max.is_some();
    for (name, times) in clocks.into_iter().chain(has_tls.then_some(handshake)) {
        table.add_row([name.to_owned()].into_iter().chain(row(times)));
    }
    let count = table.column_count();
    align_right(&mut table, 1..count);
    table
}

fn row(times: &Times) -> impl Iterator<Item = String> + '_ {
    let percentiles = PERCENTILES
        .iter()
        .map(|percentile| figures::maybe_time(times.named(percentile.name)));
    [figures::maybe_time(times.mean)]
        .into_iter()
        .chain(percentiles)
        .chain([figures::maybe_time(times.max)])
}

/// The percentiles that the spectrum of `bench load` steps through, in hundredths of a percent.
const SPECTRUM: [u64; 11] = [
    5_000, 7_500, 9_000, 9_500, 9_750, 9_900, 9_950, 9_975, 9_990, 9_995, 9_999,
];

/// The response time's percentiles, ever finer towards the end, as far as the samples carry them.
fn spectrum(recording: &Recording) -> Vec<String> {
    let histogram = &recording.response_time;
    let line = |percent: f64, ns| format!("  {percent:>7.2} %  {:>9}", format_ns(ns));
    let carried = SPECTRUM.iter().map_while(|&per_10_000| {
        value_at(histogram, per_10_000).map(|ns| line(per_10_000 as f64 / 100.0, ns))
    });
    let largest = (!histogram.is_empty()).then(|| line(100.0, histogram.max()));
    carried.chain(largest).collect()
}

/// The one line that `bench load` redraws while it runs.
#[derive(Debug)]
pub(crate) struct LiveLine {
    bar: ProgressBar,
}

impl LiveLine {
    /// A line for this load; on a terminal only.
    pub(crate) fn new(load: &Load) -> Self {
        let bar =
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(REDRAWS_PER_S));
        let kind = load
            .arrival
            .rate()
            .map_or_else(|| "closed loop".to_owned(), |rate| rate.to_string());
        let style = ProgressStyle::with_template("{elapsed} {prefix}  {msg}");
        bar.set_style(style.expect("the template is a constant that indicatif reads"));
        bar.set_prefix(kind);
        Self { bar }
    }

    /// Draws the counts so far.
    pub(crate) fn draw(&self, ok: u64, failed: u64) {
        self.bar.set_message(format!("{ok} ok, {failed} failed"));
        self.bar.tick();
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// Prints names and what they are in two columns.
pub(crate) fn print_columns(rows: &[(String, String)]) {
    let width = rows
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    for (name, description) in rows {
        anstream::println!("{}", format!("  {name:width$}  {description}").trim_end());
    }
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
        anstream::println!(
            "{style}{word}{style:#}  {:width$}  {}",
            finding.what,
            finding.found
        );
        if let Some(advice) = finding.advice {
            anstream::println!("      {:width$}  {DIM}{advice}{DIM:#}", "");
        }
    }
}

/// Sets how errors are laid out: names and paths are never broken, so that they can be copied.
pub(crate) fn set_error_layout() {
    let hook = miette::set_hook(Box::new(|_| {
        let options = MietteHandlerOpts::new()
            .break_words(false)
            .word_separator(textwrap::WordSeparator::AsciiSpace)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        Box::new(options.build())
    }));
    hook.expect("the layout is set once, at the start");
}

/// Prints an error with its place and remedy.
pub(crate) fn print_failure(failure: &Failure) {
    anstream::eprintln!("{:?}", failure.report);
}

/// A duration for people: `50 s`, `3 min`.
fn approximate(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds => format!("{} min", seconds.div_ceil(60)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bench_core::compare::{Comparison, ComparisonVerdict, Direction};
    use bench_core::sample;

    /// The end of a run as a terminal without colours shows it.
    fn screen(record: &RunRecord) -> String {
        let text = run_text(record, Path::new("results/runs/20261123T101500Z-made-up"));
        anstream::adapter::strip_str(&text).to_string()
    }

    /// A pair's end fits on a terminal of 80 by 24, the prompt below it included, from the verdict on: what is told of each
    /// kind of request, and of the loops, stands above it.
    fn check(record: &RunRecord) -> String {
        let whole = screen(record);
        let mut record = record.clone();
        for target in &mut record.targets {
            target.report.by_request.clear();
            target.server.loops = None;
        }
        let from_verdict = screen(&record);
        assert!(whole.ends_with(&from_verdict));
        let widest = from_verdict.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(80), "{widest:?} columns:\n{from_verdict}");
        assert!(from_verdict.lines().count() <= 23, "{from_verdict}");
        whole
    }

    #[test]
    fn the_end_of_a_run_reads_as_reviewed() {
        insta::assert_snapshot!("requests", check(&sample::run_record()));
        insta::assert_snapshot!("streams", check(&sample::stream_record()));
        insta::assert_snapshot!("chat", check(&sample::chat_record()));
    }

    #[test]
    fn every_metric_that_differs_still_fits() {
        let mut record = sample::run_record();
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
        let mut record = sample::run_record();
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
    }
}
