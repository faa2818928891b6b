//! `bench sweep`: the load is raised to the knee, step after step, and a record says where it is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use model::record::run::Completion;
use model::record::sweep::plan::SweepPlan;
use model::record::sweep::whole::{Log, SweepRecord};
use model::spec::load::Process;
use model::spec::scenario::{ArrivalSpec, Pace};
use model::units::Rate;
use report::charts;
use report::export::steps::steps_csv;

use crate::args::sweep::SweepArgs;
use crate::display::Face;
use crate::exit::Exit;
use crate::run_files;
use crate::sweep_display::SweepDisplay;
use crate::terminal::show_sweep;
use process::environment;
use process::failure::{Explain, Failure};
use runner::measure::alternating::Title;
use runner::measure::sweep::{SweepRequest, sweep};
use runner::request::Request;
use runner::run_event::RunEvent;
use runner::steering::Steering;
use runner::step_log::{self, RUNS, STEPS, StepLog};
use runner::stored::SWEEP;

/// Sweeps a scenario, or goes on where one was interrupted.
pub(crate) fn run(args: &SweepArgs) -> Result<Exit, Failure> {
    if let Some(dir) = &args.resume {
        let (log, lines) = StepLog::resume(dir)?;
        let known = known(&lines, dir)?;
        let known = known.ok_or_else(|| {
            Failure::usage(miette::miette!(
                help = "start another",
                "{} holds no sweep to go on with",
                dir.display()
            ))
        })?;
        let asked = asked_again(&known.plan)?;
        return measured(args, &asked, log, Some(known));
    }
    let asked = args.request()?;
    let id = run_files::id(&format!("{}-sweep", asked.request.scenario.name));
    let dir = match &args.out {
        Some(dir) => dir.clone(),
        None => unfinished(Path::new(RUNS), &run_files::command())
            .unwrap_or_else(|| Path::new(RUNS).join(id)),
    };
    let (log, lines) = StepLog::open(&dir)?;
    measured(args, &asked, log, known(&lines, &dir)?)
}

/// What the lines of a log say, if there are any.
fn known(lines: &[u8], dir: &Path) -> Result<Option<Log>, Failure> {
    let known = (!lines.is_empty()).then(|| Log::read(lines, &steps_of(dir)));
    known.transpose().map_err(Failure::usage_of)
}

fn steps_of(dir: &Path) -> String {
    dir.join(STEPS).display().to_string()
}

/// What a sweep was asked to do that is gone on with.
fn asked_again(plan: &SweepPlan) -> Result<SweepRequest, Failure> {
    let experiment = plan.experiment.as_ref().ok_or_else(|| {
        Failure::usage(miette::miette!(
            help = "give the command that began it again, with --out and its directory",
            "this sweep was begun by a bench that didn't keep all that was asked for"
        ))
    })?;
    let manifests = plan
        .targets
        .iter()
        .map(|target| target.manifest.source.clone());
    let request = Request::again(
        &plan.scenario.source,
        &manifests.collect::<Vec<_>>(),
        experiment,
        plan.seed,
        plan.pinning.clone(),
    )?;
    let rate = |per_s| Rate::per_s(per_s).map_err(Failure::usage_of);
    let (from, to) = (plan.design.ladder.from_per_s, plan.design.ladder.to_per_s);
    let process = if plan.load.arrival == Process::Constant.name() {
        Process::Constant
    } else {
        Process::Poisson
    };
    Ok(SweepRequest {
        // It is known by now.
        from: None,
        to: rate(to)?,
        process,
        rounds: plan.design.rounds,
        time_limit: Duration::try_from_secs_f64(plan.design.time_limit_s)
            .map_err(Failure::usage_of)?,
        asked: plan.asked.clone(),
        request: Request {
            arrival: ArrivalSpec::Open {
                pace: Pace::Rate(rate(from)?),
                process,
            },
            ..request
        },
    })
}

fn measured(
    args: &SweepArgs,
    asked: &SweepRequest,
    mut log: StepLog,
    known: Option<Log>,
) -> Result<Exit, Failure> {
    let steering = Steering::new(Face::usual().catch_interrupt()?);
    let mut display = SweepDisplay::new(log.dir());
    let title = Title {
        id: run_files::id(&format!("{}-sweep", asked.request.scenario.name)),
        command: run_files::command(),
    };
    let measured = environment::allow_connections(asked.request.sockets()).and_then(|()| {
        sweep(asked, title, &mut log, known, &steering, &mut |event| {
            display.on(&event);
        })
    });
    display.on(&RunEvent::Writing);
    let record = match measured {
        Ok(record) => record,
        Err(failure) => {
            log.give_up();
            return Err(failure);
        }
    };
    write(&log, &record)?;
    show_sweep(&record, log.dir(), args.json);
    Ok(exit_of(&record))
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
        let log = lines.and_then(|lines| Log::read(&lines, &steps_of(dir)).ok());
        let was_asked = log.is_some_and(|log| log.plan.command == command);
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

/// Writes what belongs to a sweep beside its steps, the record last: where that is, the others are.
fn write(log: &StepLog, record: &SweepRecord) -> Result<(), Failure> {
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

/// The exit code that a sweep deserves, gravest first.
fn exit_of(record: &SweepRecord) -> Exit {
    match record.completion {
        Completion::Interrupted => Exit::Interrupted,
        Completion::TargetFailed => Exit::TargetFailed,
        Completion::Complete if !record.validity.is_valid() => Exit::Invalid,
        Completion::Complete => Exit::Success,
    }
}
