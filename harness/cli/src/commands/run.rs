//! `bench run`: a scenario, a plan, targets launched, load driven, a record.

use process::failure::Failure;
use report::words::sentences;
use runner::history_file;
use runner::measure::kept::Begin;
use runner::request::Request;
use runner::step_log::{self, StepLog};

use crate::aa_history;
use crate::args::run::RunArgs;
use crate::display::DisplayMode;
use crate::exit::Exit;
use crate::history_add;
use crate::output::note;
use crate::preset_run;
use crate::run_files;
use crate::terminal::{print_failure, show_run};

/// Runs a scenario and writes its record, or goes on with a run that was cut off.
pub(crate) fn run(args: &RunArgs) -> Result<Exit, Failure> {
    if args.preset.is_some() || args.resume.as_deref().is_some_and(preset_run::is_begun) {
        return preset_run::run(args);
    }
    let mode = DisplayMode::choose(args.tui)?;
    if let Some(path) = &args.history {
        // What was measured must not wait for a file that can't be written.
        history_file::add(path, Vec::new()).map_err(Failure::usage_of)?;
    }
    if let Some(dir) = &args.resume {
        let (log, lines) = StepLog::resume(dir)?;
        let kept = step_log::parse(&lines, dir)?;
        if kept.head.sweep.is_some() {
            return Err(Failure::usage(miette::miette!(
                help = "continue it with `bench sweep --resume`",
                "{} holds a sweep",
                dir.display()
            )));
        }
        let request = Request::of(&kept.head, args.machines.named()?)?;
        return measured(args, mode, &request, log, Begin::GoOn(Box::new(kept)));
    }
    let request = args.request()?;
    let (title, log) = run_files::begin(&request.scenario.name, args.out.as_deref())?;
    measured(args, mode, &request, log, Begin::New(title))
}

/// Measures what is missing, and writes and shows the record.
fn measured(
    args: &RunArgs,
    mode: DisplayMode,
    request: &Request,
    log: StepLog,
    begin: Begin,
) -> Result<Exit, Failure> {
    let interrupt = mode.catch_interrupt()?;
    let (mut measured, log) = run_files::measured(request, mode, interrupt, log, begin)?;
    // A run that was measured is not lost because its A/A comparison can't be counted.
    aa_history::count(&mut measured.record).unwrap_or_else(|failure| print_failure(&failure));
    // Shown also where the disk is full.
    let written = run_files::write(&log, &measured, &args.chart);
    let record = &measured.record;
    if let Some(kept) = sentences::kept(record) {
        note!("{kept}");
    }
    show_run(record, log.dir(), &args.shown);
    written?;
    if let Some(path) = &args.history {
        history_add::add_measured(path, record)?;
    }
    Ok(run_files::exit_of_run(record))
}
