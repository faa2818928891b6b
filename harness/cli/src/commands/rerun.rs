//! `bench rerun`: what a record describes is measured again, and the two are compared.

use analysis::between::{Ask, ReferenceAsk, between};
use analysis::compare::Policy;
use model::record::run::RunRecord;
use process::failure::Failure;
use runner::measure::kept::Begin;
use runner::request::Request;
use runner::stored::read_run;

use crate::args::rerun::RerunArgs;
use crate::args::shared::ShownArgs;
use crate::display::DisplayMode;
use crate::exit::Exit;
use crate::output::{note, say};
use crate::run_files;
use crate::terminal::{show_between, show_run};

/// Measures again, by the same seed, scenario and manifests.
pub(crate) fn run(args: &RerunArgs) -> Result<Exit, Failure> {
    let before = read_run(&args.run)?;
    let request = again(&before)?;
    let (title, log) = run_files::begin(&request.scenario.name, args.out.as_deref())?;
    let mode = DisplayMode::usual();
    let interrupt = mode.catch_interrupt()?;
    let (measured, log) = run_files::measured(&request, mode, interrupt, log, Begin::New(title))?;
    let written = run_files::write(&log, &measured, &[]);
    let after = &measured.record;
    show_run(after, log.dir(), &ShownArgs::default());
    written?;
    let exit = run_files::exit_of_run(after);
    if exit != Exit::Success && !args.force {
        note!("Not compared with the run before: see above (--force compares all the same).");
        return Ok(exit);
    }
    let policy = Policy::usual(before.seed);
    let ask = Ask {
        base: None,
        head: None,
        // All of them were measured again, so none is what the others can be held against.
        reference: ReferenceAsk::No,
        force: args.force,
    };
    let compared = between(&before, after, &ask, &policy).map_err(Failure::usage_of)?;
    say!("");
    show_between(&compared);
    Ok(exit)
}

/// What a record describes.
fn again(record: &RunRecord) -> Result<Request, Failure> {
    let experiment = record.experiment.as_ref().ok_or_else(|| {
        Failure::usage(miette::miette!(
            help = "repeat the command that the record names",
            "this record is of a bench that didn't keep all that was asked for"
        ))
    })?;
    let of_aa = record.aa.iter().map(|aa| &aa.target);
    let targets = record.targets.iter().chain(of_aa);
    let manifests = targets.map(|target| target.manifest.source.clone());
    Request::again(
        &record.scenario.source,
        &manifests.collect::<Vec<_>>(),
        experiment,
        record.seed,
        record.pinning.clone(),
        None,
    )
}
