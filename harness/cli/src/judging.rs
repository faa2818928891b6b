//! What `gate` and `bisect` share: what is judged and how, trees that are built, and scenarios that are measured until they can be judged.

use std::path::{Path, PathBuf};
use std::time::Duration;

use analysis::gate::{self, Config, Judgement, Look, MAX_SOURCE_BYTES};
use model::record::run::{Completion, RunRecord};
use model::spec::scenario::Scenario;
use model::spec::target::TargetSpec;
use process::failure::{Explain, Failure};
use process::files;
use process::interrupt::Interrupt;
use process::supervised::{Program, Supervised, describe};
use runner::measure::kept::Begin;
use runner::request::Request;

use crate::display::DisplayMode;
use crate::exit::Exit;
use crate::git::{self, Worktree};
use crate::named;
use crate::output::note;
use crate::run_files;

/// How often a build is asked whether it has ended, and the user whether it should.
const POLL: Duration = Duration::from_millis(100);

pub(crate) fn config(path: &Path) -> Result<Config, Failure> {
    let source = files::read_text(path, MAX_SOURCE_BYTES).or_usage(
        || format!("cannot read {}", path.display()),
        "write a bench.toml as docs/ci.md shows, or name one with --config",
    )?;
    Config::parse(&source, &path.display().to_string()).map_err(Failure::usage)
}

/// The directory that a file is in.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The program and its arguments, as they are typed into a shell; never empty. `what`: the flag that they were given by.
pub(crate) fn command_words(what: &str, command: &str) -> Result<Vec<String>, Failure> {
    let words = shlex::split(command).filter(|words| !words.is_empty());
    words.ok_or_else(|| {
        Failure::usage(miette::miette!(
            help = "write it as for a shell, as in `./server --port {{port}}`; variables and pipes are not known",
            "{what} `{command}` is no command: it is empty, or a quote is not closed"
        ))
    })
}

fn is_file_name(name: &str) -> bool {
    name.contains('/') || Path::new(name).extension().is_some()
}

/// The scenarios of a configuration.
pub(crate) fn scenarios(config: &Config, dir: &Path) -> Result<Vec<Scenario>, Failure> {
    let names = config.scenarios.iter();
    names.map(|name| scenario(config, dir, name)).collect()
}

/// A built-in scenario, or a file beside the configuration.
fn scenario(config: &Config, dir: &Path, name: &str) -> Result<Scenario, Failure> {
    if is_file_name(name) {
        return named::scenario(&dir.join(name).display().to_string());
    }
    Scenario::built_in(name).map_err(|error| {
        let help = "`bench list scenarios` shows the built-in ones; a file's name ends in .toml";
        Failure::usage(config.error_at(name, &error.to_string(), help))
    })
}

/// A built-in target, or a manifest beside the configuration, called `alias` or by its own name.
pub(crate) fn target(
    config: &Config,
    dir: &Path,
    name: &str,
    alias: Option<&str>,
) -> Result<TargetSpec, Failure> {
    if is_file_name(name) {
        return manifest(alias, &dir.join(name));
    }
    TargetSpec::parse(&aliased(alias, name)).map_err(|error| {
        let help = "`bench list targets` shows the built-in ones; a manifest's name ends in .toml";
        Failure::usage(config.error_at(name, &error.to_string(), help))
    })
}

fn aliased(alias: Option<&str>, name: &str) -> String {
    alias.map_or_else(|| name.to_owned(), |alias| format!("{alias}={name}"))
}

/// The target of a manifest, called `alias` or by its own name.
pub(crate) fn manifest(alias: Option<&str>, path: &Path) -> Result<TargetSpec, Failure> {
    let named = aliased(alias, &path.display().to_string());
    let targets = named::targets(&[named], &[])?;
    Ok(targets.into_iter().next().expect("a manifest is a target"))
}

/// The target of a tree, called `alias`: its own manifest, or this tree's in its place where it has none yet.
pub(crate) fn target_in(
    config: &Config,
    dir: &Path,
    root: &Path,
    tree: &Worktree,
    alias: &str,
) -> Result<TargetSpec, Failure> {
    let own = dir.join(&config.target);
    let below = own.canonicalize().ok().and_then(|own| {
        let root = root.canonicalize().ok()?;
        own.strip_prefix(root).ok().map(Path::to_owned)
    });
    let Some(below) = below else {
        let what = format!(
            "{} is outside the tree of {}",
            own.display(),
            root.display()
        );
        let help = "put the manifest into the tree, so that other revisions have it as well";
        return Err(Failure::usage(config.error_at(&config.target, &what, help)));
    };
    let place = tree.root().join(&below);
    if !place.exists() {
        note!(
            "The {alias} has no {}: it is started by this tree's.",
            below.display()
        );
        let copied = place
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::copy(&own, &place));
        copied.or_internal(|| {
            format!("cannot copy {} to the tree of the {alias}", below.display())
        })?;
    }
    manifest(Some(alias), &place)
}

/// Builds a tree, which stays or is removed afterwards; false where the user ended it.
///
/// `cores`: those that the build may use; those of this process, if none are named.
pub(crate) fn build(
    what: &str,
    root: &Path,
    command: &[String],
    cores: &[u32],
    stays: bool,
    interrupt: &Interrupt,
) -> Result<bool, Failure> {
    let Some((program, args)) = command.split_first() else {
        return Ok(true);
    };
    let line =
        shlex::try_join(command.iter().map(String::as_str)).unwrap_or_else(|_| command.join(" "));
    note!("Building the {what} in {}: {line}", root.display());
    let program = Program {
        command: program.clone(),
        args: args.to_vec(),
        dir: Some(root.to_owned()),
        cpus: cores.to_vec(),
        ..Program::default()
    };
    let building =
        Supervised::start(&program, |_| {}).or_internal(|| format!("cannot start `{line}`"))?;
    let ended = loop {
        if let Some(status) = building.wait(POLL) {
            break Some(status);
        }
        if interrupt.is_asked() {
            return Ok(false);
        }
        if building.ended().is_some() {
            break None;
        }
    };
    if ended.is_some_and(|status| status.success()) {
        return Ok(true);
    }
    let how = ended.map_or_else(
        || "it could not be started, or was killed".to_owned(),
        describe,
    );
    let by_hand = if stays {
        "run the command there by hand"
    } else {
        "keep the tree with --base-dir and run the command there by hand"
    };
    let help = format!(
        "{by_hand}, or correct `build`: it is run in the root of the tree, wherever bench.toml is (for another place: \
         [\"sh\", \"-c\", \"cd services/api && make\"])"
    );
    Err(Failure::target(miette::miette!(
        help = help,
        "the {what} could not be built in {} by `{line}` ({how}); it printed:\n{}",
        root.display(),
        building.last_output()
    )))
}

/// Measures a scenario until it can be judged; the error is how the gate ends instead.
pub(crate) fn judge(
    seed: u64,
    out: Option<&Path>,
    request: &mut Request,
    interrupt: &Interrupt,
    look: impl Fn(&RunRecord) -> Look,
) -> Result<Result<Judgement, Exit>, Failure> {
    let mut looks: Vec<Look> = Vec::new();
    loop {
        if let Some(judgement) = gate::judge(&request.scenario.name, &looks) {
            return Ok(Ok(judgement));
        }
        if let Some(last) = looks.last() {
            note!("{}", why_again(last));
        }
        // Other arrivals in another order: what only this order found is not found again.
        let number = looks.len() as u64;
        request.plan = request.plan.reseeded(seed.wrapping_add(number));
        let record = match measured(out, request, number, interrupt)? {
            Ok(record) => record,
            Err(exit) => return Ok(Err(exit)),
        };
        looks.push(look(&record));
    }
}

fn why_again(last: &Look) -> &'static str {
    if last.valid {
        "Something looks worse: measuring once more before it is believed."
    } else {
        "The machine was disturbed: measuring once more."
    }
}

/// Measures once and keeps the files; the error is how the gate ends where a target failed or the user ended it.
fn measured(
    out: Option<&Path>,
    request: &Request,
    number: u64,
    interrupt: &Interrupt,
) -> Result<Result<RunRecord, Exit>, Failure> {
    let scenario = &request.scenario.name;
    let out = out.map(|out| out.join(format!("{scenario}-{}", number + 1)));
    let what = format!("{scenario}-gate-{}", number + 1);
    let (title, log) = run_files::begin(&what, out.as_deref())?;
    let begin = Begin::New(title);
    let (measured, log) =
        run_files::measured(request, DisplayMode::usual(), interrupt.clone(), log, begin)?;
    run_files::write(&log, &measured, &[])?;
    note!("Measured: {}", log.dir().display());
    let record = measured.record;
    Ok(match record.completion {
        Completion::Complete => Ok(record),
        Completion::Interrupted => Err(Exit::Interrupted),
        Completion::TargetFailed => {
            for target in &record.targets {
                if let Some(failure) = &target.failure {
                    note!(
                        "{} failed, so nothing is judged: {}",
                        target.name,
                        failure.what
                    );
                }
            }
            Err(Exit::TargetFailed)
        }
    })
}

/// The root of the repository that a directory is in.
pub(crate) fn repository(dir: &Path) -> Result<PathBuf, Failure> {
    git::root(dir).map_err(|why| {
        // Of a repository that belongs to somebody else git says itself what to do about it.
        let help = if why.contains("dubious ownership") {
            "let git trust this checkout, as it says above"
        } else {
            "run it in a checkout, or compare with --base-command or --baseline"
        };
        let dir = dir.display();
        Failure::usage(miette::miette!(
            help = help,
            "git opens no repository in {dir}: {why}"
        ))
    })
}

/// The commit that a name stands for.
pub(crate) fn commit(root: &Path, name: &str) -> Result<String, Failure> {
    git::commit(root, name).map_err(|why| {
        let why = if why.is_empty() {
            String::new()
        } else {
            format!(" ({why})")
        };
        Failure::usage(miette::miette!(
            help = "fetch it first; in GitHub Actions, give actions/checkout `fetch-depth: 0`",
            "git knows no revision `{name}` here{why}"
        ))
    })
}

/// The target is one of the tree, so that each revision has its own.
pub(crate) fn in_tree(config: &Config) -> Result<(), Failure> {
    if !is_file_name(&config.target) {
        let what = format!(
            "`{}` is part of this bench: base and head would be the same program",
            config.target
        );
        let help = "name a manifest whose command is in the tree, as docs/ci.md shows";
        return Err(Failure::usage(config.error_at(&config.target, &what, help)));
    }
    Ok(())
}
