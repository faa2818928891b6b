//! `bench run`: a scenario, a plan, targets launched, load driven, a record.

use std::path::Path;

use bench_core::aa;
use bench_core::encode;
use bench_core::load::Process;
use bench_core::names;
use bench_core::plan::{Effort, Plan, PlanSpec};
use bench_core::record::{Completion, Pinning, RunRecord};
use bench_core::scenario::{ArrivalSpec, BUILT_IN, MAX_SOURCE_BYTES, Pace, Scenario};
use bench_core::target::{self, DEFAULT_PAIR, Manifest, TargetSpec};
use report::charts::{self, Chart};
use report::sentences;

use crate::aa_history;
use crate::args::RunArgs;
use crate::check;
use crate::commands::history;
use crate::display::{Display, Face};
use crate::environment;
use crate::exit::{Exit, Explain, Failure};
use crate::files::{self, STDIN};
use crate::measure::{Measured, Profile, measure};
use crate::picture::Format;
use crate::run_event::RunEvent;
use crate::steering::Steering;
use crate::store::{RUNS, Store};
use crate::terminal::{print_failure, show_run};
use crate::workload::Routes;

/// What a run was asked to do, all of it checked.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) scenario: Scenario,
    pub(crate) routes: Routes,
    pub(crate) arrival: ArrivalSpec,
    pub(crate) connections: std::num::NonZeroU32,
    pub(crate) targets: Vec<TargetSpec>,
    /// Whether the last of them is the first once more, to be compared with it and with nobody else.
    pub(crate) aa: bool,
    pub(crate) plan: Plan,
    pub(crate) pinning: Pinning,
    /// What is looked at after the measurement.
    pub(crate) profile: Option<Profile>,
}

/// Runs a scenario and writes its record.
pub(crate) fn run(args: &RunArgs) -> Result<Exit, Failure> {
    let face = Face::choose(args.tui)?;
    let request = understand(args)?;
    environment::allow_connections(sockets(&request))?;
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
    write(&store, &measured, &args.chart)?;
    let place = store.publish()?;
    if let Some(kept) = sentences::kept(&measured.record) {
        anstream::eprintln!("{kept}");
    }
    show_run(&measured.record, &place, args.json);
    if let Some(path) = &args.history {
        history::add_measured(path, &measured.record)?;
    }
    Ok(exit_of(&measured.record))
}

/// What the arguments mean.
fn understand(args: &RunArgs) -> Result<Request, Failure> {
    let scenario = scenario(&args.scenario)?;
    let mut targets = args
        .pool
        .applied_to(targets(&args.target, &args.url)?)
        .map_err(Failure::usage_of)?;
    if args.aa {
        targets.push(second_self(&targets[0])?);
    }
    target::unique(&targets).map_err(Failure::usage_of)?;
    request(scenario, targets, args)
}

/// What is to be measured of this scenario and these targets, by what the other arguments mean.
pub(crate) fn request(
    scenario: Scenario,
    targets: Vec<TargetSpec>,
    args: &RunArgs,
) -> Result<Request, Failure> {
    let routes = Routes::of(&scenario)?;
    let effort = match (args.quick, args.thorough) {
        (true, _) => Effort::Quick,
        (_, true) => Effort::Thorough,
        _ => Effort::Default,
    };
    let arrival = arrival(&scenario, args);
    let plan = Plan::new(&PlanSpec {
        rounds: args.rounds.map(std::num::NonZeroU32::get),
        profile: arrival.profile_length(),
        duration: args.duration,
        warmup: args.warmup,
        ..PlanSpec::new(effort, targets.len(), args.seed)
    })
    .map_err(Failure::usage_of)?;
    let pinning = args.place.pinning()?;
    Ok(Request {
        arrival,
        connections: args.connections.unwrap_or(scenario.connections),
        scenario,
        routes,
        targets,
        aa: args.aa,
        plan,
        pinning,
        profile: args.profile,
    })
}

/// Sockets of the process that holds most: of a server, since its idle connections are held by another process.
pub(crate) fn sockets(request: &Request) -> u64 {
    let idle = request.scenario.idle_connections;
    let idle = idle.map_or(0, |idle| u64::from(idle.get()));
    request.routes.sockets(request.connections.get()) + idle
}

/// A scenario by name, from a file, or from standard input.
pub(crate) fn scenario(name: &str) -> Result<Scenario, Failure> {
    let path = Path::new(name);
    let is_built_in = BUILT_IN.iter().any(|(known, _)| *known == name);
    let looks_like_a_file = path.extension().is_some() || name.contains('/') || path.is_file();
    if name != STDIN && (is_built_in || !looks_like_a_file) {
        return Scenario::built_in(name).map_err(Failure::usage_of);
    }
    let source = files::read_text(path, MAX_SOURCE_BYTES).or_usage(
        || format!("cannot read the scenario {name}"),
        "see `bench list scenarios`, or name a TOML file",
    )?;
    Scenario::parse(&source, name).map_err(Failure::usage)
}

/// A built-in target, all of them, or one from a manifest.
fn named(text: &str) -> Result<Vec<TargetSpec>, Failure> {
    let (alias, what) = TargetSpec::split_alias(text);
    let path = Path::new(what);
    if path.extension().is_none() && !what.contains('/') {
        return TargetSpec::parse_each(text).map_err(Failure::usage_of);
    }
    let source = files::read_text(path, target::MAX_SOURCE_BYTES).or_usage(
        || format!("cannot read the target {what}"),
        "see `bench list targets`, or name a TOML file as docs/targets.md shows",
    )?;
    let manifest = Manifest::parse(&source, what).map_err(Failure::usage)?;
    check_differences(&manifest)?;
    let name = alias.map_or_else(|| manifest.name.clone(), str::to_owned);
    let target = TargetSpec::of_manifest(&name, manifest).map_err(Failure::usage_of)?;
    Ok(vec![target])
}

/// A difference that names a case that there isn't would hide nothing, and hide that it hides nothing.
fn check_differences(manifest: &Manifest) -> Result<(), Failure> {
    let ids = check::ids();
    let mut cases = manifest.differences.iter();
    let Some(index) = cases.position(|difference| !ids.contains(&difference.case)) else {
        return Ok(());
    };
    let case = &manifest.differences[index].case;
    let hint = names::nearest(case, ids.iter().map(String::as_str))
        .map(|nearest| format!("did you mean `{nearest}`? "))
        .unwrap_or_default();
    Err(Failure::usage(manifest.difference_error(
        index,
        &format!("`bench check` has no case called `{case}`"),
        &format!("{hint}`bench list cases` shows them all"),
    )))
}

/// The targets that were named, or the default pair.
pub(crate) fn targets(names: &[String], urls: &[String]) -> Result<Vec<TargetSpec>, Failure> {
    let mut targets = Vec::new();
    for name in names {
        targets.extend(named(name)?);
    }
    for url in urls {
        targets.push(TargetSpec::parse_url(url).map_err(Failure::usage_of)?);
    }
    if targets.is_empty() {
        for name in DEFAULT_PAIR {
            targets.push(TargetSpec::parse(name).map_err(Failure::usage_of)?);
        }
    }
    target::unique(&targets).map_err(Failure::usage_of)?;
    Ok(targets)
}

/// A target once more, as an A/A comparison needs it.
fn second_self(first: &TargetSpec) -> Result<TargetSpec, Failure> {
    let name = format!("{}{}", first.name, aa::SUFFIX);
    first.renamed(&name).map_err(Failure::usage_of)
}

/// The scenario's arrivals, at another rate if one was given.
fn arrival(scenario: &Scenario, args: &RunArgs) -> ArrivalSpec {
    match (args.rate, &scenario.arrival) {
        (None, arrival) => arrival.clone(),
        (Some(rate), ArrivalSpec::Open { process, .. }) => ArrivalSpec::Open {
            pace: Pace::Rate(rate),
            process: *process,
        },
        (Some(rate), ArrivalSpec::Closed) => ArrivalSpec::Open {
            pace: Pace::Rate(rate),
            process: Process::Poisson,
        },
    }
}

/// The command that repeats this run.
pub(crate) fn command() -> Vec<String> {
    let mut words: Vec<String> = std::env::args().collect();
    if let Some(program) = words.first_mut() {
        "bench".clone_into(program);
    }
    words
}

/// Writes every file of a run, with these charts or with all.
pub(crate) fn write(store: &Store, measured: &Measured, charts: &[Chart]) -> Result<(), Failure> {
    let record = &measured.record;
    store.write("run.json", record.to_json().as_bytes())?;
    store.write("summary.csv", encode::summary_csv(record).as_bytes())?;
    store.write("intervals.csv", encode::intervals_csv(record).as_bytes())?;
    let timed = record.timed();
    for (target, recording) in record.targets.iter().zip(&measured.recordings) {
        let table = encode::hgrm(timed.histogram(recording), encode::NANOS_PER_MS);
        let hgrm = table + &encode::hgrm_time(timed);
        store.write(&format!("{}.hgrm", target.name), hgrm.as_bytes())?;
        let hlog = encode::hlog(
            measured.started_epoch_s,
            &recording.intervals,
            timed,
            &target.name,
        );
        store.write(&format!("{}.hlog", target.name), hlog.as_bytes())?;
    }
    write_pictures(record, charts, |name, bytes| store.write(name, bytes))
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
fn exit_of(record: &RunRecord) -> Exit {
    match record.completion {
        Completion::Interrupted => Exit::Interrupted,
        Completion::TargetFailed => Exit::TargetFailed,
        Completion::Complete if !record.validity.is_valid() => Exit::Invalid,
        Completion::Complete => Exit::Success,
    }
}
