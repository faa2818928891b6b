//! A run as commands make one: measured in sight of the user, and its files written: its record, what other tools read, pictures and the report.

use std::path::{Path, PathBuf};

use analysis::warnings::most_failed;
use model::measured::accounting::Accounting;
use model::record::run::{Completion, RunRecord};
use model::record::sweep::whole::SweepRecord;
use model::record::warning::Validity;
use model::spec::secrets::without_credentials;
use process::environment;
use process::failure::{Explain, Failure};
use process::interrupt::Interrupt;
use report::charts::{self, Chart};
use report::export;
use report::export::steps::steps_csv;
use runner::measure::alternating::measure;
use runner::measure::kept::{Begin, Title};
use runner::measure::record::Measured;
use runner::request::Request;
use runner::run_event::RunEvent;
use runner::steering::Steering;
use runner::step_log::{self, RUNS, StepLog};
use runner::stored::{RUN, SWEEP};

use crate::display::{Display, DisplayMode};
use crate::exit::Exit;
use crate::picture::Format;

/// The command that repeats this run, without the user names and passwords of URLs.
pub(crate) fn command() -> Vec<String> {
    let words = std::env::args().map(|word| without_credentials(&word));
    let mut words: Vec<String> = words.collect();
    if let Some(program) = words.first_mut() {
        "bench".clone_into(program);
    }
    words
}

/// Has something measured in sight of the user, and returns the log that it is kept in.
pub(crate) fn in_sight<T>(
    request: &Request,
    mode: DisplayMode,
    interrupt: Interrupt,
    mut log: StepLog,
    measure: impl FnOnce(&mut StepLog, &Steering, &mut dyn FnMut(RunEvent<'_>)) -> Result<T, Failure>,
) -> Result<(T, StepLog), Failure> {
    let steering = Steering::new(interrupt);
    let mut display = Display::start(mode, &request.pinning, &steering);
    let measured = environment::allow_connections(request.sockets())
        .and_then(|()| measure(&mut log, &steering, &mut |event| display.on(&event)));
    match measured {
        Ok(measured) => {
            display.on(&RunEvent::Writing);
            Ok((measured, log))
        }
        Err(failure) => {
            log.give_up();
            Err(failure)
        }
    }
}

/// Measures a run in sight of the user.
pub(crate) fn measured(
    request: &Request,
    mode: DisplayMode,
    interrupt: Interrupt,
    log: StepLog,
    begin: Begin,
) -> Result<(Measured, StepLog), Failure> {
    in_sight(request, mode, interrupt, log, |log, steering, tell| {
        measure(request, begin, log, steering, tell)
    })
}

/// The title of what begins now.
pub(crate) fn title(what: &str) -> Title {
    Title {
        id: format!(
            "{}-{what}",
            jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ")
        ),
        command: command(),
    }
}

/// Begins the log of a run in this directory, or in one of its own where runs go by themselves, after which it is called.
pub(crate) fn begin(what: &str, out: Option<&Path>) -> Result<(Title, StepLog), Failure> {
    let mut title = title(what);
    let dir = match out {
        Some(dir) => dir.to_owned(),
        None => own_dir(&mut title)?,
    };
    Ok((title, StepLog::begin(&dir)?))
}

/// A new directory for what has this title, which is called after it.
pub(crate) fn own_dir(title: &mut Title) -> Result<PathBuf, Failure> {
    let runs = Path::new(RUNS);
    title.id = step_log::own_dir(runs, &title.id)?;
    Ok(runs.join(&title.id))
}

/// Writes every file of a run, the record last: where that is, the others are. With these charts or with all.
pub(crate) fn write(log: &StepLog, measured: &Measured, charts: &[Chart]) -> Result<(), Failure> {
    let record = &measured.record;
    log.write_beside("summary.csv", export::summary_csv(record).as_bytes())?;
    log.write_beside("intervals.csv", export::intervals_csv(record).as_bytes())?;
    let workload = record.workload();
    for (target, recording) in record.targets.iter().zip(&measured.recordings) {
        let table = export::hgrm(&recording.times[workload.clock()], export::NANOS_PER_MS);
        let hgrm = table + &export::hgrm_time(workload);
        log.write_beside(&format!("{}.hgrm", target.name), hgrm.as_bytes())?;
        let hlog = export::hlog(
            measured.started_epoch_s,
            &recording.intervals,
            workload,
            &target.name,
        );
        log.write_beside(&format!("{}.hlog", target.name), hlog.as_bytes())?;
    }
    write_pictures(record, charts, |name, bytes| log.write_beside(name, bytes))?;
    log.write_beside(RUN, record.to_json().as_bytes())
}

/// Writes what belongs to a sweep beside its steps, the record last: where that is, the others are.
pub(crate) fn write_sweep(log: &StepLog, record: &SweepRecord) -> Result<(), Failure> {
    log.write_beside("summary.csv", steps_csv(record).as_bytes())?;
    let drawn = || "cannot draw the chart of the sweep".to_owned();
    let svg = charts::load_svg(record).or_internal(drawn)?;
    let png = charts::load_png(record).or_internal(drawn)?;
    let file = |ending| format!("charts/{}.{ending}", charts::LOAD_FILE_STEM);
    log.write_beside(&file("svg"), svg.as_bytes())?;
    log.write_beside(&file("png"), &png)?;
    let page = report::html::sweep_html(record)
        .or_internal(|| "cannot write the report of the sweep".to_owned())?;
    log.write_beside("report.html", page.as_bytes())?;
    log.write_beside(SWEEP, record.to_json().as_bytes())
}

/// The charts that were named, or all that have something to show of a record.
pub(crate) fn charts_of(record: &RunRecord, named: &[Chart]) -> Vec<Chart> {
    if named.is_empty() {
        return Chart::of(record).collect();
    }
    let mut chosen: Vec<Chart> = Chart::ALL.to_vec();
    chosen.retain(|chart| named.contains(chart));
    chosen
}

/// Draws charts of a record, those that were named or all, and its report.
pub(crate) fn write_pictures(
    record: &RunRecord,
    named: &[Chart],
    mut write: impl FnMut(&str, &[u8]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    for chart in charts_of(record, named) {
        for format in Format::ALL {
            let drawn =
                format.draw(|| charts::svg(record, chart), || charts::png(record, chart))?;
            let name = format!("charts/{}.{}", chart.file_stem(), format.ending());
            write(&name, &drawn)?;
        }
    }
    let html = report::html::html(std::slice::from_ref(record))
        .or_internal(|| "cannot write report.html".to_owned())?;
    write("report.html", html.as_bytes())
}

/// The exit code that a record deserves, gravest first.
///
/// `requests`: of each target. One that failed most of them has failed ([`most_failed`]), though it ran on.
pub(crate) fn exit_of(
    completion: Completion,
    validity: &Validity,
    requests: impl IntoIterator<Item = Accounting>,
) -> Exit {
    let mut requests = requests.into_iter();
    match completion {
        Completion::Interrupted => Exit::Interrupted,
        Completion::TargetFailed => Exit::TargetFailed,
        Completion::Complete if requests.any(|requests| most_failed(&requests)) => {
            Exit::TargetFailed
        }
        Completion::Complete if !validity.is_valid() => Exit::Invalid,
        Completion::Complete => Exit::Success,
    }
}

/// [`exit_of`] a run.
pub(crate) fn exit_of_run(record: &RunRecord) -> Exit {
    let requests = record.targets.iter();
    let requests = requests.map(|target| target.report.requests);
    exit_of(record.completion, &record.validity, requests)
}
