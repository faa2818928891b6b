//! A run or a sweep that is a part of something larger: measured, continued or only read in a directory of its own.

use std::path::Path;
use std::time::Duration;

use model::record::run::{Completion, RunRecord};
use model::record::sweep::whole::SweepRecord;
use process::failure::Failure;
use process::interrupt::Interrupt;
use runner::measure::alternating::estimate;
use runner::measure::kept::Begin;
use runner::measure::sweep::{SweepRequest, sweep};
use runner::request::Request;
use runner::step_log::{self, STEPS, StepLog};
use runner::stored::{self, RUN, SWEEP, Stored};

use crate::display::DisplayMode;
use crate::output::note;
use crate::redrawn::approximate;
use crate::run_files;

/// What is measured: a run, or for claims about capacity a sweep.
pub(crate) enum Asked {
    Run(Request),
    Sweep(SweepRequest),
}

impl Asked {
    pub(crate) fn request(&self) -> &Request {
        match self {
            Self::Run(request) => request,
            Self::Sweep(asked) => &asked.request,
        }
    }

    /// Estimate of how long it takes; of a sweep the most.
    pub(crate) fn estimate(&self) -> Duration {
        match self {
            Self::Run(request) => estimate(request),
            Self::Sweep(asked) => {
                Duration::try_from_secs_f64(asked.ask.time_limit_s).unwrap_or_default()
            }
        }
    }
}

/// What a measurement left.
pub(crate) enum Record {
    Run(Box<RunRecord>),
    Sweep(Box<SweepRecord>),
}

impl Record {
    fn is_whole(&self) -> bool {
        let completion = match self {
            Self::Run(record) => record.completion,
            Self::Sweep(record) => record.completion,
        };
        completion != Completion::Interrupted
    }
}

/// The record of a directory, where it is complete.
pub(crate) fn whole(dir: &Path) -> Option<Record> {
    if ![RUN, SWEEP].iter().any(|name| dir.join(name).is_file()) {
        return None;
    }
    let record = match stored::read(dir).ok()? {
        Stored::Run(record) => Record::Run(record),
        Stored::Sweep(record) => Record::Sweep(record),
        Stored::Load(_) => return None,
    };
    record.is_whole().then_some(record)
}

/// The record of a part, of which whatever is missing is measured; nothing where the user ended it. `words`: what is asked, for the user.
pub(crate) fn measured(
    dir: &Path,
    asked: &Asked,
    words: &str,
    mode: DisplayMode,
    interrupt: Interrupt,
) -> Result<Option<Record>, Failure> {
    if let Some(record) = whole(dir) {
        return Ok(Some(record));
    }
    let request = asked.request();
    let names = request.targets.iter().map(|target| target.name.as_str());
    note!(
        "{words}: {}, about {}",
        names.collect::<Vec<_>>().join(", "),
        approximate(asked.estimate())
    );
    let is_begun = step_log::read(dir).is_ok_and(|lines| !lines.is_empty());
    let (begin, log) = if is_begun {
        let (log, lines) = StepLog::resume(dir)?;
        (Begin::GoOn(Box::new(step_log::parse(&lines, dir)?)), log)
    } else {
        // A log without a whole line is none.
        let _ = std::fs::remove_file(dir.join(STEPS));
        let (title, log) = run_files::begin(&request.scenario.name, Some(dir))?;
        (Begin::New(title), log)
    };
    let record = match asked {
        Asked::Run(request) => {
            let (measured, log) = run_files::measured(request, mode, interrupt, log, begin)?;
            run_files::write(&log, &measured, &[])?;
            Record::Run(Box::new(measured.record))
        }
        Asked::Sweep(asked) => {
            let (record, log) =
                run_files::in_sight(request, mode, interrupt, log, |log, steering, tell| {
                    sweep(asked, begin, log, steering, tell)
                })?;
            run_files::write_sweep(&log, &record)?;
            Record::Sweep(Box::new(record))
        }
    };
    Ok(record.is_whole().then_some(record))
}
