//! `bench run`: a scenario, a plan, targets launched, load driven, a record.

use std::path::Path;

use analysis::aa;
use model::record::run::{Completion, RunRecord};
use model::spec::plan::Effort;
use model::spec::target;
use model::spec::target::TargetSpec;
use process::environment;
use process::failure::Failure;
use report::words::sentences;
use runner::measure::measure;
use runner::request::{Choices, Request};
use runner::run_event::RunEvent;
use runner::steering::Steering;
use runner::store::{RUNS, Store};

use crate::aa_history;
use crate::args::RunArgs;
use crate::display::{Display, Face};
use crate::exit::Exit;
use crate::history_add;
use crate::named;
use crate::run_files::{self, command};
use crate::terminal::{print_failure, show_run};

/// Runs a scenario and writes its record.
pub(crate) fn run(args: &RunArgs) -> Result<Exit, Failure> {
    let face = Face::choose(args.tui)?;
    let request = understand(args)?;
    environment::allow_connections(request.sockets())?;
    let id = format!(
        "{}-{}",
        jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ"),
        request.scenario.name
    );
    let place = args
        .out
        .clone()
        .unwrap_or_else(|| Path::new(RUNS).join(&id));
    let store = Store::prepare(&place)?;
    let steering = Steering::new(face.catch_interrupt()?);
    let mut display = Display::start(face, &request.pinning, &steering);
    let mut measured = measure(&request, &id, command(), &steering, &mut |event| {
        display.on(&event);
    })?;
    display.on(&RunEvent::Writing);
    // A run that was measured is not lost because its A/A comparison can't be counted.
    aa_history::count(&mut measured.record).unwrap_or_else(|failure| print_failure(&failure));
    run_files::write(&store, &measured, &args.chart)?;
    let place = store.publish()?;
    if let Some(kept) = sentences::kept(&measured.record) {
        anstream::eprintln!("{kept}");
    }
    show_run(&measured.record, &place, args.json);
    if let Some(path) = &args.history {
        history_add::add_measured(path, &measured.record)?;
    }
    Ok(exit_of(&measured.record))
}

/// What the arguments mean.
fn understand(args: &RunArgs) -> Result<Request, Failure> {
    let scenario = named::scenario(&args.scenario)?;
    let mut targets = args
        .pool
        .applied_to(named::targets(&args.target, &args.url)?)
        .map_err(Failure::usage_of)?;
    if args.aa {
        targets.push(second_self(&targets[0])?);
    }
    target::unique(&targets).map_err(Failure::usage_of)?;
    let effort = match (args.quick, args.thorough) {
        (true, _) => Effort::Quick,
        (_, true) => Effort::Thorough,
        _ => Effort::Default,
    };
    let choices = Choices {
        connections: args.connections,
        rate: args.rate,
        rounds: args.rounds,
        duration: args.duration,
        warmup: args.warmup,
        aa: args.aa,
        profile: args.profile.map(Into::into),
        ..Choices::usual(effort, args.seed, args.place.pinning()?)
    };
    Request::new(scenario, targets, choices)
}

/// A target once more, as an A/A comparison needs it.
fn second_self(first: &TargetSpec) -> Result<TargetSpec, Failure> {
    let name = format!("{}{}", first.name, aa::SUFFIX);
    first.renamed(&name).map_err(Failure::usage_of)
}

/// The exit code that a record deserves, gravest first.
fn exit_of(record: &RunRecord) -> Exit {
    match record.completion {
        Completion::Interrupted => Exit::Interrupted,
        Completion::TargetFailed => Exit::TargetFailed,
        Completion::Complete if !record.validity.is_valid() => Exit::Invalid,
        Completion::Complete => Exit::Success,
    }
}
