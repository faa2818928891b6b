//! The page of one load: what `bench load --html` writes. It has the shell of a run's report, and no record of a run behind it.

use std::collections::BTreeMap;

use askama::Template;
use model::measured::clock::Clock;
use model::percentiles::PERCENTILES;
use model::record::load_report::LoadReport;
use model::spec::scenario::ObjectiveRecord;

use super::embedded::File;
use super::shell::{Card, CardRow, Figure, Head, HtmlError, LiveRun, Shell, note, rendered};
use crate::charts::{LoadTimes, PlotTarget, load_pictures};
use crate::words::figures::{self, count, maybe_time, mib, per_s, percentile};
use crate::words::sentences::{self, capitalised};
use crate::words::{terms, title, warnings};

/// Writes the page of a load.
///
/// `shown`: what was requested, without a password. `json`: the result as `bench load --json` prints it. `distribution`: the whole
/// distribution of what is timed, as records have it.
pub fn html(
    shown: &str,
    started_at: &str,
    report: &LoadReport,
    distribution: &str,
    slo: &[ObjectiveRecord],
    json: &str,
) -> Result<String, HtmlError> {
    let mut live = LiveRun {
        targets: PlotTarget::of(&[shown]),
        samples: terms::samples(report.workload),
        slices: None,
        charts: BTreeMap::new(),
    };
    let times = LoadTimes::read(shown, started_at, report, distribution, slo)?;
    let figures = load_pictures(&times)?.map(|(stem, title, how_to_read, drawn)| {
        Figure::of(stem, &title, how_to_read, drawn, &mut live)
    });
    let [lead, histogram] = figures;
    let run = Load {
        head: head(shown, started_at, report, slo, lead),
        charts: vec![histogram],
        file: File::of("load.json", "the whole result", json),
    };
    rendered(&Page {
        shell: Shell::of(run.head.page_title(), vec![live])?,
        run,
    })
}

#[derive(Template)]
#[template(path = "load.html")]
struct Page {
    shell: Shell,
    run: Load,
}

/// A load, as text.
struct Load {
    head: Head,
    charts: Vec<Figure>,
    file: File,
}

fn head(
    shown: &str,
    started_at: &str,
    report: &LoadReport,
    slo: &[ObjectiveRecord],
    lead: Figure,
) -> Head {
    let slo = slo
        .iter()
        .map(|slo| format!("{}.", sentences::slo_of_load(report, slo).0));
    let closed = report.load.rate_per_s.is_none();
    Head {
        what: "Load",
        id: report.load.arrival.clone(),
        title: title::of_load(report),
        contents: vec![
            ("found", "What was found"),
            ("charts", "Charts"),
            ("data", "Data"),
        ],
        cards: cards(report),
        few: true,
        legend: String::new(),
        lead: Some(lead),
        scenario: shown.to_owned(),
        question: String::new(),
        description: String::new(),
        started_at: started_at.to_owned(),
        loads: sentences::load(&report.load, "measured"),
        valid: report.validity.is_valid() && report.requests.ok > 0,
        belief: sentences::belief_of_load(report),
        verdicts: slo.collect(),
        beside: closed
            .then(|| sentences::COORDINATED_OMISSION.to_owned())
            .into_iter()
            .collect(),
        warnings: warnings::each(&report.validity.warnings)
            .into_iter()
            .map(note)
            .collect(),
        failures: Vec::new(),
    }
}

/// The percentiles, what became of the requests, and their replies by status.
fn cards(report: &LoadReport) -> Vec<Card> {
    let row = |name: String, figure: String| CardRow {
        name,
        colour: String::new(),
        figure,
        compared: None,
    };
    let own = report.workload.clock();
    let times = report.times(own);
    let percentiles = PERCENTILES
        .iter()
        .map(|each| row(percentile(each.name), maybe_time(times.named(each.name))));
    let max = row("max".to_owned(), maybe_time(times.max));
    let requests = &report.requests;
    let fates = [
        ("succeeded", requests.ok),
        ("wrong or lost", requests.error),
        ("timed out", requests.timeout),
        ("unfinished", requests.unfinished),
    ];
    let taken_s = report.load.duration_s + report.load.overtime_s;
    let bytes = report.received_bytes.filter(|_| taken_s > 0.0);
    let throughput = [
        Some(row("requests".to_owned(), per_s(report.throughput_per_s))),
        bytes.map(|bytes| {
            row(
                "received".to_owned(),
                format!("{}/s", mib(bytes as f64 / taken_s)),
            )
        }),
        report
            .times_ns
            .get(&Clock::ConnectTime)
            .and_then(|times| times.p50)
            .map(|p50| row("connect time p50".to_owned(), figures::time(p50 as f64))),
    ];
    let statuses = report.statuses.iter();
    let statuses = statuses.map(|(status, times)| row(status.to_string(), count(*times)));
    let card = |name: &str, rows: Vec<CardRow>| Card {
        name: capitalised(name),
        rows,
    };
    let cards = [
        card(terms::clock(own), percentiles.chain([max]).collect()),
        card(
            "requests",
            fates
                .into_iter()
                .map(|(name, number)| row(name.to_owned(), count(number)))
                .collect(),
        ),
        card("throughput", throughput.into_iter().flatten().collect()),
        card("status codes", statuses.collect()),
    ];
    cards
        .into_iter()
        .filter(|card| !card.rows.is_empty())
        .collect()
}
