//! `bench run --preset`: one question asked of several scenarios, run by run, and one page that answers it.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::record::surroundings::Pinning;
use model::spec::plan::Effort;
use model::spec::preset::{MAX_SOURCE_BYTES, Preset};
use model::spec::services::{Service, ServiceChoices};
use process::failure::{Explain, Failure, Kind};
use process::files;
use report::words::preset::{Answered, Part};
use runner::request::{Choices, Request};
use serde::{Deserialize, Serialize};

use crate::args::run::RunArgs;
use crate::display::DisplayMode;
use crate::exit::Exit;
use crate::named;
use crate::output::note;
use crate::part::{self, Asked, KeptFile, Record};
use crate::redrawn::approximate;
use crate::run_files;
use crate::terminal::show_preset;

/// What was asked for, in the directory of a preset.
const FILE: KeptFile = KeptFile {
    name: "preset.json",
    max_bytes: 1024 * 1024,
    version: 1,
    name_it: "begin a new one with --preset",
    begin_anew: "begin a new one with --preset",
};

/// What a preset ends with.
const PAGE: &str = "report.html";
const TEXT: &str = "report.md";

/// What was asked for.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    schema_version: u32,
    /// What it is called.
    name: String,
    /// Its TOML.
    source: String,
    started_at: String,
    command: Vec<String>,
    /// As they were named, or those of the preset; the first is what the others are compared with.
    targets: Vec<String>,
    effort: Effort,
    /// Measured time of each target in each run, where somebody says so.
    duration: Option<Duration>,
    seed: u64,
    pinning: Pinning,
    /// Where services run already, without their passwords.
    #[serde(default)]
    services: BTreeMap<Service, String>,
    /// Connections of each target to the database, where they were counted.
    #[serde(default)]
    database_connections: Option<NonZeroU32>,
}

/// Whether a preset was begun in this directory.
pub(crate) fn is_begun(dir: &Path) -> bool {
    FILE.is_in(dir)
}

/// Measures what is missing of a preset, and answers its question.
pub(crate) fn run(args: &RunArgs) -> Result<Exit, Failure> {
    let (dir, kept) = match &args.resume {
        Some(dir) => (dir.clone(), FILE.read(dir)?),
        None => begin(args)?,
    };
    let preset = Preset::parse(&kept.source, &kept.name).map_err(Failure::usage)?;
    let parts = parts(&preset, &kept, args)?;
    let requests = parts
        .iter()
        .filter_map(|(_, request)| request.as_ref().ok());
    let total = requests.map(|request| request.plan.total()).sum();
    note!(
        "{} About {} in {} runs.",
        preset.question,
        approximate(total),
        parts.len()
    );
    let mode = DisplayMode::usual();
    let interrupt = mode.catch_interrupt()?;
    let mut answered = Answered {
        name: kept.name.clone(),
        question: preset.question.clone(),
        started_at: kept.started_at.clone(),
        command: kept.command.clone(),
        machine: part::machine(),
        parts: Vec::new(),
    };
    let mut exit = Exit::Success;
    for (of, request) in parts {
        let place = dir.join(&of.dir);
        let measured = request.and_then(|request| {
            let name = request.scenario.name.clone();
            let asked = Asked::Run(request);
            part::measured(&place, &asked, &name, mode, interrupt.clone())
        });
        match measured {
            Ok(Some(Record::Run(record))) => {
                let of_part = run_files::exit_of_run(&record);
                // A target that failed is graver than a measurement that is not valid.
                if of_part != Exit::Success && exit != Exit::TargetFailed {
                    exit = of_part;
                }
                answered.parts.push(Part {
                    record: Ok(*record),
                    ..of
                });
            }
            Ok(Some(Record::Sweep(_)) | None) => {
                note!(
                    "Interrupted. Go on with: bench run --resume {}",
                    dir.display()
                );
                return Ok(Exit::Interrupted);
            }
            // What can't be measured here is left out, with the reason; the others are measured.
            Err(failure) if failure.kind != Kind::Internal => {
                let why = match failure.report.help() {
                    Some(help) => format!("{}: {help}", failure.report),
                    None => failure.report.to_string(),
                };
                note!("{}: {why}", of.scenario);
                exit = Exit::TargetFailed;
                answered.parts.push(Part {
                    record: Err(why),
                    ..of
                });
            }
            Err(failure) => return Err(failure),
        }
        write(&dir, &answered)?;
    }
    show_preset(&answered);
    note!("The page: {}", dir.join(PAGE).display());
    Ok(exit)
}

/// A preset's name and its TOML: a built-in one, or a file.
fn source(name: &str) -> Result<(String, String), Failure> {
    let path = Path::new(name);
    if path.extension().is_none() && !name.contains('/') {
        let source = Preset::built_in(name).map_err(Failure::usage_of)?;
        return Ok((name.to_owned(), source.to_owned()));
    }
    let source = files::read_text(path, MAX_SOURCE_BYTES).or_usage(
        || format!("cannot read the preset {name}"),
        "name a built-in one, or a TOML file as docs/scenarios.md shows",
    )?;
    let stem = path.file_stem().map_or_else(
        || name.to_owned(),
        |stem| stem.to_string_lossy().into_owned(),
    );
    Ok((stem, source))
}

/// Begins a preset in a new or empty directory.
fn begin(args: &RunArgs) -> Result<(PathBuf, Kept), Failure> {
    let name = args.preset.as_deref().expect("clap requires one");
    let (name, source) = source(name)?;
    let preset = Preset::parse(&source, &name).map_err(Failure::usage)?;
    let named = args.experiment.named_targets();
    let targets = if named.is_empty() {
        preset.targets.clone()
    } else {
        named.to_vec()
    };
    if targets.len() < 2 {
        let help = "name two at least, as in `--target express,fastapi`";
        return Err(Failure::usage(miette::miette!(
            help = help,
            "a preset compares targets, and only {} is named",
            targets.join(", ")
        )));
    }
    let effort = args.effort.or(Effort::Default);
    let choices = args.instrument.choices(effort)?;
    let mut title = run_files::title(&name);
    let kept = Kept {
        schema_version: FILE.version,
        name,
        source,
        started_at: jiff::Timestamp::now()
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string(),
        command: run_files::command(),
        targets,
        effort,
        duration: args.duration,
        seed: choices.seed,
        pinning: choices.pinning,
        services: choices.services.recorded(),
        database_connections: Some(choices.services.connections),
    };
    // What can't be meant must not leave a directory behind.
    parts(&preset, &kept, args)?;
    let dir = match &args.out {
        Some(dir) => dir.clone(),
        None => run_files::own_dir(&mut title)?,
    };
    KeptFile::begin_in(&dir)?;
    FILE.write(&dir, &kept)?;
    Ok((dir, kept))
}

/// A part, and what is asked for it, or why that can't be measured.
type Planned = (Part, Result<Request, Failure>);

/// What is measured, in its order.
///
/// A name that nothing has is an error; what a target does not serve is left out, with the reason.
fn parts(preset: &Preset, kept: &Kept, args: &RunArgs) -> Result<Vec<Planned>, Failure> {
    let services = services(kept, args)?;
    let mut needed = BTreeSet::new();
    let mut parts = Vec::new();
    // A quick preset is as quick as any other quick run.
    let preset_duration = preset.duration.filter(|_| kept.effort == Effort::Default);
    for workload in &preset.workloads {
        let scenario = named::scenario(&workload.scenario)?;
        let workload_name = scenario.name.clone();
        needed.extend(scenario.needs.iter().copied());
        let services = services.clone().only(&scenario.needs);
        let closed = if workload.capacity {
            Some(scenario.closed().map_err(Failure::usage)?)
        } else {
            None
        };
        let scenario = match preset.capacity_share {
            Some(share) if workload.capacity => {
                scenario.at_capacity_share(share).map_err(Failure::usage)?
            }
            _ => scenario,
        };
        let of_capacity = closed.map(|closed| (closed, true));
        for (scenario, is_capacity) in [(scenario, false)].into_iter().chain(of_capacity) {
            let choices = Choices {
                seed: kept.seed,
                pinning: kept.pinning.clone(),
                duration: kept.duration.or(preset_duration),
                services: services.clone(),
                ..args.instrument.choices(kept.effort)?
            };
            let part = Part {
                scenario: workload_name.clone(),
                work: workload.work.clone(),
                is_capacity,
                dir: format!("{:02}-{}", parts.len() + 1, scenario.name),
                record: Err("not measured yet".to_owned()),
            };
            let targets = named::targets(&kept.targets, &[])?;
            parts.push((part, Request::new(scenario, targets, choices)));
        }
    }
    let mut named = services.urls.keys();
    if let Some(service) = named.find(|service| !needed.contains(service)) {
        return Err(Failure::usage(miette::miette!(
            help = format!("leave --{} out", service.name()),
            "no workload of the preset {} needs {service}",
            kept.name
        )));
    }
    // What can't be measured at all is a mistake of the one who asked.
    if parts.iter().all(|(_, request)| request.is_err()) {
        let failed = parts.into_iter().find_map(|(_, request)| request.err());
        return failed.map_or(Ok(Vec::new()), Err);
    }
    Ok(parts)
}

/// The services as they were chosen. Of those of a preset that goes on no password is kept: as those of a run that goes on, they are taken from
/// the environment.
fn services(kept: &Kept, args: &RunArgs) -> Result<ServiceChoices, Failure> {
    if args.resume.is_some() {
        return ServiceChoices::of_record(&kept.services, kept.database_connections)
            .map_err(Failure::usage_of);
    }
    Ok(args.instrument.choices(kept.effort)?.services)
}

/// Writes the page and its Markdown.
fn write(dir: &Path, answered: &Answered) -> Result<(), Failure> {
    let page = report::html::preset_html(answered)
        .or_internal(|| "cannot write the page of the preset".to_owned())?;
    for (name, text) in [
        (PAGE, page),
        (TEXT, report::markdown::preset::markdown(answered)),
    ] {
        let path = dir.join(name);
        files::replace(&path, text.as_bytes())
            .or_internal(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
