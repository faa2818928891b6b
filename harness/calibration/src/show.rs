//! How a calibration reads: a table for each truth, then the verdict in a sentence.

use std::fmt::Write as _;
use std::path::Path;

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, Table, presets};
use model::record::surroundings::Pinning;
use report::words::figures;

use crate::case::Case;
use crate::result::{Calibration, CaseResult, FigureResult};
use crate::verdict::Verdict;
use process::cores;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const WARN: Style = AnsiColor::Yellow.on_default();

/// Widest line that is printed.
const WIDTH: u16 = 100;

/// What is about to be done, and for how long.
pub fn start_text(cases: &[Case], pinning: &Pinning) -> String {
    let seconds: u64 = cases.iter().map(|case| case.load.duration.as_secs()).sum();
    let shared = if cores::is_shared(pinning) {
        ", shared: times include the other's work"
    } else {
        ""
    };
    format!(
        "{DIM}{}, about {seconds} s; {}{shared}{DIM:#}\n",
        figures::plural(cases.len() as u64, "known truth", "known truths"),
        cores::places(pinning)
    )
}

/// One truth as a table.
pub fn case_text(case: &CaseResult) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_width(WIDTH);
    table.set_header([
        "",
        "figure",
        "expected",
        "±",
        "measured",
        "server's books",
        "difference",
    ]);
    for figure in &case.figures {
        table.add_row(cells(figure));
    }
    table.add_row([
        verdict_word(case.entries).to_owned(),
        "sent = arrived".to_owned(),
        case.sent.to_string(),
        String::new(),
        case.arrived.to_string(),
        String::new(),
        String::new(),
    ]);
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut text = format!("{BOLD}{}{BOLD:#}: {}\n", case.name, case.server);
    let _ = write!(text, "{DIM}{}{}{DIM:#}", case.load, laws(case));
    for line in table.to_string().lines() {
        // Verdicts are coloured after the table is laid out, so that no escape code counts as width.
        let _ = write!(text, "\n{}", coloured(line.trim_end()));
    }
    if case.verdicts().any(|verdict| verdict != Verdict::Passed) {
        let machine = &case.machine;
        let time = |ns: u64| figures::time(ns as f64);
        let _ = write!(
            text,
            "\n{DIM}the machine: no core though ready to run for {} of the time; server late by {} (p99);\none byte there and back, without the instrument, {} (p50), {} (p99){DIM:#}",
            figures::percent(machine.withheld_share),
            figures::maybe_time(machine.server_lateness_ns_p99),
            time(machine.way_ns_p50),
            time(machine.way_ns_p99)
        );
    }
    text.push('\n');
    text
}

fn cells(figure: &FigureResult) -> [String; 7] {
    let value = |value: Option<f64>| {
        value.map_or_else(
            || figures::NONE.to_owned(),
            |value| shown(value, &figure.unit),
        )
    };
    let optional = |number: Option<f64>| {
        if figure.in_books.is_none() {
            String::new()
        } else {
            value(number)
        }
    };
    let difference = optional(figure.instrument_error);
    let sign = if figure.instrument_error.is_some_and(|error| error > 0.0) {
        "+"
    } else {
        ""
    };
    [
        verdict_word(figure.verdict).to_owned(),
        figure.words.clone(),
        value(Some(figure.expected)),
        if figure.tolerance > 0.0 {
            shown(figure.tolerance, &figure.unit)
        } else {
            String::new()
        },
        value(figure.measured),
        optional(figure.in_books),
        format!("{sign}{difference}"),
    ]
}

/// A figure to the digits that its tolerance speaks of.
fn shown(value: f64, unit: &str) -> String {
    match unit {
        "ns" => format!("{:.3} ms", value / 1e6),
        "per_s" => format!("{value:.1}/s"),
        "yes_or_no" => match value {
            1.0 => "yes".to_owned(),
            _ => "no".to_owned(),
        },
        "requests_mean" => format!("{value:.3}"),
        _ => format!("{value:.0}"),
    }
}

/// What the law says, where the expected figures are those of a sample.
fn laws(case: &CaseResult) -> String {
    let laws: Vec<String> = case
        .figures
        .iter()
        .filter_map(|figure| {
            let law = shown(figure.law?, &figure.unit);
            let name = figure.words.trim_start_matches("response time ");
            Some(format!("{name} {law}"))
        })
        .collect();
    if laws.is_empty() {
        String::new()
    } else {
        format!(
            "\nexpected of these very arrivals and service times, which are seeded; over endless time\nthe law gives {}",
            laws.join(", ")
        )
    }
}

fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "ok",
        Verdict::Disturbed => "disturbed",
        Verdict::Failed => "WRONG",
    }
}

fn coloured(line: &str) -> String {
    let words = [Verdict::Passed, Verdict::Disturbed, Verdict::Failed];
    for verdict in words {
        let word = verdict_word(verdict);
        if let Some(rest) = line.trim_start().strip_prefix(word)
            && rest.starts_with(' ')
        {
            let indent = &line[..line.len() - line.trim_start().len()];
            let style = match verdict {
                Verdict::Passed => GOOD,
                Verdict::Disturbed => WARN,
                Verdict::Failed => BAD,
            };
            return format!("{indent}{style}{word}{style:#}{rest}");
        }
    }
    line.to_owned()
}

/// The verdict on all of them, and where the result is kept.
pub fn end_text(calibration: &Calibration, place: Option<&Path>) -> String {
    let Calibration {
        passed,
        disturbed,
        failed,
        ..
    } = calibration;
    let (style, verdict) = match (failed, disturbed) {
        (0, 0) => (GOOD, "the instrument reads true on this machine"),
        (0, _) => (
            WARN,
            "the instrument reads true, and the machine was disturbed: close other programs, or give it cores of its own with --load-cpus and --server-cpus",
        ),
        _ => (
            BAD,
            "the instrument reads wrongly on this machine: see `bench doctor`, close other programs, and calibrate again",
        ),
    };
    let kept = match place {
        Some(place) => format!(
            "{DIM}Kept in {}; runs from here on cite it.{DIM:#}",
            place.display()
        ),
        None => format!("{DIM}A selection is not kept.{DIM:#}"),
    };
    format!(
        "{style}{passed} ok, {disturbed} disturbed, {failed} wrong{style:#}: {verdict}.\n{kept}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::tests::calibration;

    /// The text without its colours.
    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn a_truth_reads_as_a_table() {
        let text = plain(&case_text(&calibration().cases[0]));
        let lines: Vec<String> = text
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(
            lines,
            [
                "frozen: always 5.00 ms; the generator itself frozen for 200 ms",
                "1,000/s constant arrivals, 400 connections, 4 s",
                "figure expected ± measured server's books difference",
                "ok response time p99 165.000 ms 5.131 ms 166.000 ms 165.900 ms +0.100 ms",
                "disturbed send lag p99 160.000 ms 5.131 ms 161.000 ms 160.900 ms +0.100 ms",
                "WRONG send lag max 200.000 ms 5.131 ms 201.000 ms 200.900 ms +0.100 ms",
                "ok sent = arrived 4000 4000",
                "the machine: no core though ready to run for 1.2 % of the time; server late by 61.0 µs (p99);",
                "one byte there and back, without the instrument, 82.0 µs (p50), 412 µs (p99)",
            ]
        );
    }

    #[test]
    fn every_line_of_a_table_fits_its_width() {
        let text = plain(&case_text(&calibration().cases[0]));
        assert!(
            text.lines().all(|line| line.chars().count() <= 100),
            "{text}"
        );
    }

    #[test]
    fn the_end_says_what_it_means() {
        let wrong = plain(&end_text(&calibration(), None));
        assert!(
            wrong.starts_with("2 ok, 1 disturbed, 1 wrong: the instrument reads wrongly"),
            "{wrong}"
        );
        let disturbed = Calibration {
            failed: 0,
            ..calibration()
        };
        let text = plain(&end_text(
            &disturbed,
            Some(Path::new("/c/calibration.json")),
        ));
        assert!(text.contains("the machine was disturbed"), "{text}");
        assert!(text.ends_with("Kept in /c/calibration.json; runs from here on cite it."));
    }

    #[test]
    fn figures_have_the_digits_of_their_unit() {
        let cases = [
            (5_041_000.0, "ns", "5.041 ms"),
            (1_983.24, "per_s", "1983.2/s"),
            (4_000.0, "requests", "4000"),
            (5.0, "requests_mean", "5.000"),
            (1.0, "yes_or_no", "yes"),
            (0.0, "yes_or_no", "no"),
        ];
        for (value, unit, text) in cases {
            assert_eq!(shown(value, unit), text);
        }
    }
}
