//! `bench sweep`: the load is raised to the knee, step after step, and a record says where it is.

use std::path::{Path, PathBuf};

use model::record::run::Completion;
use model::record::sweep::step;
use model::record::sweep::whole::SweepRecord;
use report::words::figures::plural;

use crate::args::sweep::SweepArgs;
use crate::display::DisplayMode;
use crate::exit::Exit;
use crate::output::note;
use crate::run_files;
use crate::terminal::show_sweep;
use process::failure::Failure;
use runner::measure::kept::Begin;
use runner::measure::sweep::{SweepRequest, sweep};
use runner::step_log::{self, RUNS, STEPS, StepLog};
use runner::stored::SWEEP;

/// Sweeps a scenario, or goes on where one was interrupted.
pub(crate) fn run(args: &SweepArgs) -> Result<Exit, Failure> {
    if let Some(dir) = &args.resume {
        let (log, lines) = StepLog::resume(dir)?;
        let kept = step_log::parse(&lines, dir)?;
        let asked = SweepRequest::of(&kept.head, args.machines.named()?)?.ok_or_else(|| {
            Failure::usage(miette::miette!(
                help = "continue it with `bench run --resume`",
                "{} holds a run",
                dir.display()
            ))
        })?;
        return measured(args, &asked, log, Begin::GoOn(Box::new(kept)));
    }
    let asked = args.request()?;
    let mut title = run_files::title(&format!("{}-sweep", asked.request.scenario.name));
    let dir = match &args.out {
        Some(dir) => dir.clone(),
        None => match unfinished(Path::new(RUNS), &title.command) {
            Some(dir) => dir,
            None => run_files::own_dir(&mut title)?,
        },
    };
    let (log, lines) = StepLog::open(&dir)?;
    let begin = if lines.is_empty() {
        Begin::New(title)
    } else {
        let kept = step_log::parse(&lines, &dir)?;
        let steps = plural(kept.steps.len() as u64, "line", "lines");
        note!("going on with {}: {steps} kept before", dir.display());
        Begin::GoOn(Box::new(kept))
    };
    measured(args, &asked, log, begin)
}

fn measured(
    args: &SweepArgs,
    asked: &SweepRequest,
    log: StepLog,
    begin: Begin,
) -> Result<Exit, Failure> {
    let mode = DisplayMode::usual();
    let interrupt = mode.catch_interrupt()?;
    let (record, log) = run_files::in_sight(
        &asked.request,
        mode,
        interrupt,
        log,
        |log, steering, tell| sweep(asked, begin, log, steering, tell),
    )?;
    // Shown also where the disk is full.
    let written = run_files::write_sweep(&log, &record);
    show_sweep(&record, log.dir(), &args.shown);
    written?;
    let requests = record.results.iter();
    let requests = requests.map(|result| step::requests(&record.steps, &result.target));
    Ok(run_files::exit_of(
        record.completion,
        &record.validity,
        requests,
    ))
}

/// The last sweep below a directory that was begun by this command and is not done.
fn unfinished(runs: &Path, command: &[String]) -> Option<PathBuf> {
    let mut dirs: Vec<PathBuf> = std::fs::read_dir(runs)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join(STEPS).is_file())
        .collect();
    dirs.sort();
    dirs.into_iter().rev().find(|dir| {
        // One that can't be read is none to go on with, and says so where it is named.
        let lines = step_log::read(dir).ok();
        let log = lines.and_then(|lines| step_log::parse(&lines, dir).ok());
        let was_asked = log.is_some_and(|log| log.head.command == command);
        was_asked && !is_done(dir)
    })
}

/// Whether a directory's sweep is complete.
fn is_done(dir: &Path) -> bool {
    std::fs::read(dir.join(SWEEP)).is_ok_and(|bytes| {
        serde_json::from_slice::<SweepRecord>(&bytes)
            .is_ok_and(|record| record.completion != Completion::Interrupted)
    })
}
