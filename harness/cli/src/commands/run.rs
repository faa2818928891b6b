//! `bench run`: a scenario, a plan, targets launched, load driven, a record.

use std::path::Path;

use process::failure::Failure;
use report::words::sentences;
use runner::measure::alternating::{Begin, Title};
use runner::measure::run_log::Kept;
use runner::request::Request;
use runner::steering::Steering;
use runner::step_log::{RUNS, StepLog};

use crate::aa_history;
use crate::args::run::RunArgs;
use crate::display::{Display, Face};
use crate::exit::Exit;
use crate::history_add;
use crate::run_files::{self, command};
use crate::terminal::{print_failure, show_run};

/// Runs a scenario and writes its record, or goes on with a run that was cut off.
pub(crate) fn run(args: &RunArgs) -> Result<Exit, Failure> {
    let face = Face::choose(args.tui)?;
    if let Some(dir) = &args.resume {
        let (log, lines) = StepLog::resume(dir)?;
        let kept = Kept::read(lines, dir)?;
        let request = kept.request()?;
        return measured(args, face, &request, log, Begin::GoOn(Box::new(kept)));
    }
    let request = args.request()?;
    let title = Title {
        id: run_files::id(&request.scenario.name),
        command: command(),
    };
    let dir = args.out.clone();
    let dir = dir.unwrap_or_else(|| Path::new(RUNS).join(&title.id));
    let log = StepLog::begin(&dir)?;
    measured(args, face, &request, log, Begin::New(title))
}

/// Measures what is missing, and writes and shows the record.
fn measured(
    args: &RunArgs,
    face: Face,
    request: &Request,
    log: StepLog,
    begin: Begin,
) -> Result<Exit, Failure> {
    let steering = Steering::new(face.catch_interrupt()?);
    let display = Display::start(face, &request.pinning, &steering);
    let (mut measured, log) = run_files::measured(request, log, begin, &steering, display)?;
    // A run that was measured is not lost because its A/A comparison can't be counted.
    aa_history::count(&mut measured.record).unwrap_or_else(|failure| print_failure(&failure));
    run_files::write(&log, &measured, &args.chart)?;
    if let Some(kept) = sentences::kept(&measured.record) {
        anstream::eprintln!("{kept}");
    }
    show_run(&measured.record, log.dir(), args.json);
    if let Some(path) = &args.history {
        history_add::add_measured(path, &measured.record)?;
    }
    Ok(run_files::exit_of(&measured.record))
}
