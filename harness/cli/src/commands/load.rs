//! `bench load`: one address, one load, one result.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use analysis::warnings;
use analysis::warnings::Circumstances;
use load::{Control, Endpoint, Options, Workload};
use model::measured::clock::Clock;
use model::measured::histogram::histogram_base64;
use model::measured::recording::Recording;
use model::record::load_report::LoadReport;
use model::record::surroundings::CpuTicks;
use model::record::warning::{Fact, Validity, Warning};
use model::spec::load::Load;
use model::spec::part::Part;
use report::export::{NANOS_PER_MS, hgrm, hgrm_time};
use report::html::load_html;
use report::words::sentences::slo_of_load;
use serde::Serialize;

use crate::args::load::{LoadArgs, LoadRequest};
use crate::display::DisplayMode;
use crate::display::live_line::LiveLine;
use crate::exit::Exit;
use crate::load_text::show_load;
use crate::output::{self, note};
use process::cgroup;
use process::environment;
use process::failure::{Explain, Failure, no_thread};
use process::files;
use process::interrupt::Interrupt;
use process::supervise::die_with;

/// How often the live line is drawn, and an interrupt is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Loads one address and prints what it took.
pub(crate) fn run(args: &LoadArgs) -> Result<Exit, Failure> {
    if let Some(parent) = args.parent {
        die_with(parent)?;
    }
    let LoadRequest {
        shown,
        own,
        hint,
        load,
        endpoint,
        workload,
        kinds,
        options,
    } = args.request()?;
    if let Some(hint) = hint {
        note!("{hint}");
    }
    environment::allow_connections(own.connections.get().into())?;
    let interrupt = DisplayMode::usual().catch_interrupt()?;
    let ticks_before = environment::cpu_ticks();
    let throttled_before = cgroup::cpu_limit().throttled_periods;
    let began = Instant::now();
    let started_at = jiff::Timestamp::now();
    let mut live = LiveLine::new(&own);
    let recording = drive(&load, &workload, &endpoint, &options, &interrupt, &mut live)?;
    let circumstances = circumstances(began, ticks_before, throttled_before);
    let validity = Validity::of(
        [
            warnings::assess(&own, &recording),
            circumstances.warnings(),
            warnings::stopped_answering(&recording)
                .into_iter()
                .collect(),
            // Who asks for a status gets that one or a failure.
            warnings::redirected(&recording)
                .filter(|_| args.expect_status.is_none())
                .into_iter()
                .collect(),
        ]
        .concat(),
    );
    let report = LoadReport::of(&own, &recording, validity).by_request(&kinds, &recording);
    let started_at = started_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let output = Output {
        bench_version: env!("CARGO_PKG_VERSION"),
        started_at: &started_at,
        request: &shown,
        part: Some(options.part).filter(|part| !part.is_whole()),
        report: &report,
    };
    let json = serde_json::to_string_pretty(&output).expect("a report is plain data");
    let shown = match output.part {
        Some(part) => format!("{shown} (part {part})"),
        None => shown,
    };
    if args.json {
        output::json(&json);
    } else {
        show_load(&shown, &report, &recording, &args.slo);
    }
    if let Some(path) = &args.html {
        let distribution = histogram_base64(&recording.times[report.workload.clock()]);
        let page = load_html(
            &shown,
            &started_at,
            &report,
            &distribution,
            &args.slo,
            &json,
        )
        .map_err(|error| Failure::usage(miette::miette!("{error}")))?;
        files::replace(path, page.as_bytes()).or_usage(
            || format!("cannot write {}", path.display()),
            "name a file that can be written with --html",
        )?;
    }
    if let Some(path) = &args.hdr {
        let response = &recording.times[Clock::ResponseTime];
        let table = hgrm(response, NANOS_PER_MS) + &hgrm_time(report.workload);
        files::replace(path, table.as_bytes()).or_usage(
            || format!("cannot write {}", path.display()),
            "name a file that can be written with --hdr",
        )?;
    }
    Ok(match &report {
        _ if interrupt.is_asked() => Exit::Interrupted,
        report if has_failed(report) => Exit::TargetFailed,
        report if !report.validity.is_valid() => Exit::Invalid,
        report
            if args
                .slo
                .iter()
                .any(|slo| slo_of_load(report, slo).1 != Some(true)) =>
        {
            Exit::Regression
        }
        _ => Exit::Success,
    })
}

/// What happened to this machine since then, with its CPU time and its throttled periods at that moment.
fn circumstances(
    began: Instant,
    ticks_before: CpuTicks,
    throttled_before: Option<u64>,
) -> Circumstances {
    Circumstances {
        elapsed_s: began.elapsed().as_secs_f64(),
        backend_lateness: None,
        backend_stalls: None,
        steal_share: environment::cpu_ticks().since(ticks_before).steal_share(),
        throttled_periods: throttled_before
            .zip(cgroup::cpu_limit().throttled_periods)
            .map(|(before, after)| after.saturating_sub(before)),
        shared_core: false,
    }
}

/// What is printed as JSON: what was loaded, and what came of it.
#[derive(Serialize)]
struct Output<'a> {
    bench_version: &'static str,
    /// RFC 3339, in UTC.
    started_at: &'a str,
    /// The method, where it is not GET, and the address as it was sent, without a password.
    request: &'a str,
    /// Which part of a load that several machines share, as `2/4`; left out where it is all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<Part>,
    #[serde(flatten)]
    report: &'a LoadReport,
}

/// Whether the target failed: it answered nothing, most requests failed, or it stopped answering.
fn has_failed(report: &LoadReport) -> bool {
    let has_stopped = |warning: &Warning| matches!(warning.fact, Fact::StoppedAnswering { .. });
    warnings::most_failed(&report.requests) || report.validity.warnings.iter().any(has_stopped)
}

/// Drives the load on a thread of its own, while this one watches for Ctrl-C and draws the live line.
fn drive(
    load: &Load,
    workload: &Workload,
    endpoint: &Endpoint,
    options: &Options,
    interrupt: &Interrupt,
    live: &mut LiveLine,
) -> Result<Recording, Failure> {
    let control = Control::default();
    let is_done = AtomicBool::new(false);
    let watcher = std::thread::current();
    std::thread::scope(|scope| {
        let driver = std::thread::Builder::new().spawn_scoped(scope, || {
            let driven = load::drive(load, workload, endpoint.clone(), options, &control);
            is_done.store(true, Ordering::Relaxed);
            watcher.unpark();
            driven
        });
        let driver = driver.map_err(|error| no_thread(&error))?;
        while !is_done.load(Ordering::Relaxed) {
            std::thread::park_timeout(LOOK_EVERY);
            if interrupt.is_asked() {
                control.stop();
            }
            live.draw(control.ok(), control.failed(), control.latest());
        }
        live.clear();
        driver
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            .map_err(|error| Failure::target(miette::miette!("{error}")))
    })
}
