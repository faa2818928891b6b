//! What `bench load` prints: how the times spread, what the generator did, and last what came of it.

use anstyle::{AnsiColor, Style};
use comfy_table::{Table, presets};
use model::measured::clock::Clock;
use model::measured::recording::{self, Recording};
use model::measured::summary::Times;
use model::percentiles::PERCENTILES;
use model::record::load_report::LoadReport;
use model::spec::scenario::ObjectiveRecord;
use report::tables::loads::{COLUMNS as LOADS_COLUMNS, LoadsCompared, LoadsRow};
use report::words::warnings;
use report::words::{failures, figures, sentences, terms};

use crate::output::say;
use crate::page::{Page, WIDTH};
use crate::spread::Spread;
use crate::terminal::{align_right, warning_lines};

/// Bins of the histogram: as many as leave the rest of the result on a usual screen.
const BINS: usize = 10;

/// The widest bar of the histogram, in characters.
const BAR_WIDTH_MAX: usize = 40;
/// Columns that stand before and behind a bar.
const BESIDE_BAR: usize = 21;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// Prints two results of `bench load` side by side.
pub(crate) fn show_loads(compared: &LoadsCompared) {
    let page = Page::of(std::io::stdout());
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_width(WIDTH);
    table.set_header(LOADS_COLUMNS);
    table.add_rows(compared.rows.iter().map(LoadsRow::cells));
    align_right(&mut table, 1..4);
    let mut lines = vec![page.set(table)];
    lines.extend(compared.differences.iter().map(|line| page.wrap(line, "")));
    lines.push(format!("{DIM}{}{DIM:#}", page.wrap(compared.note, "")));
    say!("{}", lines.join("\n"));
}

/// Prints the result of `bench load`.
pub(crate) fn show_load(
    shown: &str,
    report: &LoadReport,
    recording: &Recording,
    slo: &[ObjectiveRecord],
) {
    let page = Page::of(std::io::stdout());
    say!("{}", load_text(shown, report, recording, slo, page));
}

fn load_text(
    shown: &str,
    report: &LoadReport,
    recording: &Recording,
    slo: &[ObjectiveRecord],
    page: Page,
) -> String {
    let load = &report.load;
    let rate = load.rate_per_s.map_or_else(
        || "closed loop".to_owned(),
        |rate| format!("{} arrivals at {}", load.arrival, figures::per_s(rate)),
    );
    let headline = format!(
        ": {rate}, {}, {:.3} s",
        sentences::connections(load),
        load.duration_s
    );
    let mut blocks = vec![page.begin(BOLD, shown, &headline)];
    blocks.extend(histogram(recording, report, page));
    blocks.push(instrument(report, page).join("\n"));
    let warnings = warning_lines(&warnings::each(&report.validity.warnings), page, true);
    if !warnings.is_empty() {
        blocks.push(warnings.join("\n"));
    }
    blocks.push(counts(report, page).join("\n"));
    blocks.push(times(report, page));
    blocks.extend(kinds(report, page));
    let mut lines: Vec<String> = slo.iter().map(|slo| objective(report, slo)).collect();
    if load.rate_per_s.is_none() {
        let omission = page.wrap(sentences::COORDINATED_OMISSION, "");
        lines.push(format!("{DIM}{omission}{DIM:#}"));
    }
    if !lines.is_empty() {
        blocks.push(lines.join("\n"));
    }
    blocks.join("\n\n")
}

/// How the times spread: a bar a bin, each a step longer than the one before; none without times.
fn histogram(recording: &Recording, report: &LoadReport, page: Page) -> Option<String> {
    let clock = report.workload.clock();
    let counts = recording::counts(&recording.times[clock]);
    let spread = Spread::of(&[&counts], BINS)?;
    let shares = spread.shares(&counts, BINS);
    let widest = shares.iter().copied().fold(0.0, f64::max);
    let room = page.columns.map_or(BAR_WIDTH_MAX, |columns| {
        columns.saturating_sub(BESIDE_BAR).clamp(1, BAR_WIDTH_MAX)
    });
    let rows = shares.iter().enumerate().map(|(bin, share)| {
        let from = figures::time(spread.begins_ns(bin));
        // What is more than nothing is never shown as nothing.
        let full = share / widest * room as f64;
        let width = (0..room).find(|&width| full <= width as f64);
        let bar = "█".repeat(width.unwrap_or(room));
        let share = failures::percent(*share);
        page.glyphs
            .text(&format!(" {from:>8}  {bar:room$}  {share:>8}"))
            .into_owned()
    });
    let head = format!(
        "{}, from … on:",
        sentences::capitalised(terms::clock(clock))
    );
    let lines = std::iter::once(page.wrap(&head, "")).chain(rows);
    Some(lines.collect::<Vec<_>>().join("\n"))
}

/// Whose clock it was, and what the generator spent.
fn instrument(report: &LoadReport, page: Page) -> Vec<String> {
    let generator = &report.generator;
    let spent = format!(
        "Generator    {} of {}, of which {} spinning{}",
        figures::whole_percent(generator.cpu_share),
        figures::plural(u64::from(generator.threads), "thread", "threads"),
        figures::whole_percent(generator.spin_share),
        generator
            .cpu_us_per_request
            .map(|us| format!("; {} µs a request", figures::figure(us)))
            .unwrap_or_default()
    );
    let clock = report.receive.map(|receive| {
        let clock = sentences::receive_clock(&receive);
        page.wrap(&format!("Clock        {clock}"), "")
    });
    [page.wrap(&spent, "")].into_iter().chain(clock).collect()
}

/// What became of requests and connections, and how much of it a second.
fn counts(report: &LoadReport, page: Page) -> Vec<String> {
    let requests = &report.requests;
    let accounting = format!(
        "Requests     {} scheduled = {} ok + {} error + {} timeout + {} unfinished",
        requests.scheduled, requests.ok, requests.error, requests.timeout, requests.unfinished
    );
    let mut lines = vec![page.wrap(&accounting, "")];
    lines.extend(sentences::ended_early(report).map(|ended| format!("             {ended}")));
    if !report.statuses.is_empty() {
        let statuses = failures::with_statuses(&report.statuses);
        lines.push(page.wrap(&format!("Replies      {statuses}"), ""));
    }
    let taken_s = report.load.duration_s + report.load.overtime_s;
    let bytes = report
        .received_bytes
        .filter(|_| taken_s > 0.0)
        .map_or_else(String::new, |bytes| {
            format!(", {}/s", figures::mib(bytes as f64 / taken_s))
        });
    let rate = figures::per_s(report.throughput_per_s);
    lines.push(format!("Throughput   {BOLD}{rate}{BOLD:#}{bytes}"));
    lines.push(page.wrap(&format!("Connections  {}", connections(report)), ""));
    lines
}

/// Whether an SLO is met.
fn objective(report: &LoadReport, slo: &ObjectiveRecord) -> String {
    let (sentence, met) = sentences::slo_of_load(report, slo);
    let style = if met == Some(true) { GOOD } else { BAD };
    let (bound, verdict) = sentence.split_once(": ").unwrap_or(("", &sentence));
    format!("{bound}: {style}{verdict}{style:#}")
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
        .map(|mean| format!("; {} requests in flight on average", figures::figure(mean)))
        .unwrap_or_default();
    let announced = counts.reopened - counts.lost - counts.given_up;
    let mut parts = vec![format!("{} opened", counts.opened)];
    let ended = [
        (counts.lost, "lost"),
        (counts.given_up, "closed by bench"),
        (announced, "closed as announced"),
    ];
    parts.extend(
        ended
            .iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, how)| format!("{number} {how}")),
    );
    format!("{}{served}{in_flight}", parts.join(", "))
}

/// Each kind of request, where there are several.
fn kinds(report: &LoadReport, page: Page) -> Option<String> {
    let kinds = &report.by_request;
    if kinds.is_empty() {
        return None;
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_width(WIDTH);
    table.set_header(["response", "ok", "failed", "p50", "p90", "p99", "max"]);
    for kind in kinds {
        let times = &kind.response_time_ns;
        let counts = [kind.requests.ok, kind.requests.failed()].map(figures::count);
        let times = [times.p50, times.p90, times.p99, times.max].map(figures::maybe_time);
        table.add_row(
            std::iter::once(kind.request.clone())
                .chain(counts)
                .chain(times),
        );
    }
    align_right(&mut table, 1..7);
    Some(page.set(table))
}

/// The clocks side by side, a percentile a row: so they fit on 80 columns.
fn times(report: &LoadReport, page: Page) -> String {
    // The generator's lag is part of the send lag, and has a warning of its own; its turns are of nobody's requests.
    let is_shown = |clock: &Clock| !matches!(clock, Clock::GeneratorLag | Clock::TurnLength);
    let shown = report.times_ns.iter().filter(|(clock, _)| is_shown(clock));
    let shown: Vec<(&str, &Times)> = shown
        .map(|(clock, times)| {
            let name = terms::clock(*clock);
            (name.strip_suffix(" time").unwrap_or(name), times)
        })
        .collect();
    let rows: Vec<(String, Vec<String>)> = std::iter::once("mean")
        .chain(PERCENTILES.iter().map(|percentile| percentile.name))
        .chain(["max"])
        .map(|name| {
            let cells = shown.iter().map(|(_, times)| {
                figures::maybe_time(match name {
                    "mean" => times.mean,
                    "max" => times.max,
                    percentile => times.named(percentile),
                })
            });
            (figures::percentile(name), cells.collect())
        })
        .collect();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_width(WIDTH);
    let names = shown.iter().map(|(name, _)| *name);
    table.set_header(std::iter::once("").chain(names));
    for (name, cells) in &rows {
        table.add_row(std::iter::once(name).chain(cells));
    }
    align_right(&mut table, 1..shown.len() + 1);
    let table = page.set(table);
    if !page.overflows(&table) {
        return table;
    }
    // One clock below the other where they have no room beside each other.
    let below = shown.iter().enumerate().map(|(column, (clock, _))| {
        let figures = rows
            .iter()
            .map(|(name, cells)| format!("{name} {}", cells[column]));
        let figures: Vec<String> = figures.collect();
        let clock = sentences::capitalised(clock);
        format!("{clock}\n{}", page.wrap(&figures.join(", "), "  "))
    });
    below.collect::<Vec<_>>().join("\n")
}
