//! A run as commands make one: measured in sight of the user, and its files written: its record, what other tools read, pictures and the report.

use model::record::run::{Completion, RunRecord};
use process::environment;
use process::failure::{Explain, Failure};
use report::charts::{self, Chart};
use report::export;
use runner::measure::alternating::{Begin, measure};
use runner::measure::record::Measured;
use runner::request::Request;
use runner::run_event::RunEvent;
use runner::steering::Steering;
use runner::step_log::StepLog;
use runner::stored::RUN;

use crate::display::Display;
use crate::exit::Exit;
use crate::picture::Format;

/// The command that repeats this run.
pub(crate) fn command() -> Vec<String> {
    let mut words: Vec<String> = std::env::args().collect();
    if let Some(program) = words.first_mut() {
        "bench".clone_into(program);
    }
    words
}

/// What a measurement that begins now is called.
pub(crate) fn id(what: &str) -> String {
    format!(
        "{}-{what}",
        jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ")
    )
}

/// Measures a run while it is shown, and returns the log that it is kept in.
pub(crate) fn measured(
    request: &Request,
    mut log: StepLog,
    begin: Begin,
    steering: &Steering,
    mut display: Display,
) -> Result<(Measured, StepLog), Failure> {
    let measured = environment::allow_connections(request.sockets()).and_then(|()| {
        measure(request, begin, &mut log, steering, &mut |event| {
            display.on(&event);
        })
    });
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
pub(crate) fn exit_of(record: &RunRecord) -> Exit {
    match record.completion {
        Completion::Interrupted => Exit::Interrupted,
        Completion::TargetFailed => Exit::TargetFailed,
        Completion::Complete if !record.validity.is_valid() => Exit::Invalid,
        Completion::Complete => Exit::Success,
    }
}
