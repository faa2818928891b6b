//! `bench gate`: base and head side by side, and whether the head is worse.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use analysis::gate;
use analysis::gate::{Against, Config, Gate, Judgement, Look, MAX_SOURCE_BYTES, Outcome};
use analysis::history::HistoryLine;
use model::record::run::Completion;
use model::spec::scenario::Scenario;
use model::spec::target::{Kind, TargetSpec};
use model::words::plural;
use report::export::annotations::annotations;
use report::export::junit::junit;

use crate::args::gate::GateArgs;
use crate::display::DisplayMode;
use crate::exit::Exit;
use crate::git::{self, Stale, Worktree};
use crate::named;
use crate::output::{note, note_part};
use crate::run_files;
use crate::terminal::show_gate;
use process::failure::{Explain, Failure};
use process::files;
use process::interrupt::Interrupt;
use process::supervised::{Program, Supervised, describe};
use runner::history_file;
use runner::measure::kept::Begin;
use runner::request::Request;
use runner::step_log::StepLog;
use runner::stored::read_run;

/// How often a build is asked whether it has ended, and the user whether it should.
const POLL: Duration = Duration::from_millis(100);

/// The most runs that a directory of earlier runs is read of, the last by their names.
const MAX_EARLIER_RUNS: usize = 100;

/// The history of a directory of results.
const HISTORY_NAME: &str = "history.ndjson";

/// The variable by which GitHub Actions names the file of a step's summary.
const STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";
/// The same for what further steps may read of this one: lines of `key=value`.
const STEP_OUTPUT: &str = "GITHUB_OUTPUT";

/// Digits of a whole hash of git's, in its shorter format.
const SHA1_DIGITS: usize = 40;

/// What the head is held against, ready to be measured or looked up.
enum Base {
    /// A target that is measured beside it, and the tree that it is started from.
    Beside {
        target: Box<TargetSpec>,
        against: Against,
        /// Removed when the gate is done.
        _tree: Option<Worktree>,
    },
    /// Runs of earlier times.
    Earlier {
        lines: Vec<HistoryLine>,
        reference: Option<Box<TargetSpec>>,
        against: Against,
    },
}

/// Judges the head.
pub(crate) fn run(args: &GateArgs) -> Result<Exit, Failure> {
    if args.base_rev.as_deref().is_some_and(is_no_revision) {
        note!(
            "There is no base: a new branch, and what no push started, has no revision before it. Nothing is judged."
        );
        return Ok(Exit::Success);
    }
    let config = config(&args.config)?;
    let dir = parent(&args.config);
    let scenarios = config
        .scenarios
        .iter()
        .map(|name| scenario(&config, dir, name))
        .collect::<Result<Vec<_>, _>>()?;
    // Before anything is built: a target that can't be read needs no build to say so.
    // Beside a base it is called the head; compared with earlier runs, what they call it.
    let alias = args.baseline.is_none().then_some(gate::HEAD);
    let head = target(&config, dir, &config.target, alias)?;
    let interrupt = Interrupt::catch_and(git::remove_trees)?;
    let Some(base) = base(args, &config, dir, &head, &interrupt)? else {
        return Ok(Exit::Interrupted);
    };
    let targets = targets(&base, &head);
    // All at once and before the first is measured, which ties this process to the generator's cores.
    let choices = args.choices(config.effort)?;
    let requests = scenarios
        .into_iter()
        .map(|scenario| Request::new(scenario, targets.clone(), choices.clone()))
        .collect::<Result<Vec<_>, _>>()?;
    if let Some(out) = &args.out {
        // Checked now, and made by the first measurement.
        StepLog::begin(out)?.give_up();
    }
    let mut judgements = Vec::new();
    for mut request in requests {
        match judge(args, &config, &base, &mut request, &interrupt)? {
            Ok(judgement) => judgements.push(judgement),
            Err(exit) => return Ok(exit),
        }
    }
    let (Base::Beside { against, .. } | Base::Earlier { against, .. }) = &base;
    let judged = Gate::of(against.clone(), git::revision(dir), judgements);
    tell(args, &judged)?;
    Ok(exit_of(judged.outcome, args.fail_inconclusive))
}

fn config(path: &Path) -> Result<Config, Failure> {
    let source = files::read_text(path, MAX_SOURCE_BYTES).or_usage(
        || format!("cannot read {}", path.display()),
        "write a bench.toml as docs/ci.md shows, or name one with --config",
    )?;
    Config::parse(&source, &path.display().to_string()).map_err(Failure::usage)
}

/// The directory that a file is in.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// What GitHub gives as the revision before: zeros for a new branch, nothing where no push started it.
fn is_no_revision(name: &str) -> bool {
    let name = name.trim();
    let is_hash = name.len() >= SHA1_DIGITS && name.chars().all(|digit| digit == '0');
    name.is_empty() || is_hash
}

fn is_file_name(name: &str) -> bool {
    name.contains('/') || Path::new(name).extension().is_some()
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
fn target(
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
fn manifest(alias: Option<&str>, path: &Path) -> Result<TargetSpec, Failure> {
    let named = aliased(alias, &path.display().to_string());
    let targets = named::targets(&[named], &[])?;
    Ok(targets.into_iter().next().expect("a manifest is a target"))
}

/// Builds what has to be built, and makes ready what the head is held against; `None` where the user ended it.
fn base(
    args: &GateArgs,
    config: &Config,
    dir: &Path,
    head: &TargetSpec,
    interrupt: &Interrupt,
) -> Result<Option<Base>, Failure> {
    if let Some(name) = &args.base_rev {
        return base_of_revision(name, args, config, dir, interrupt);
    }
    let earlier = args.baseline.as_deref().map(earlier).transpose()?;
    let other = args
        .base_command
        .as_deref()
        .map(|command| started_by(command, head))
        .transpose()?;
    let reference = config
        .reference
        .as_ref()
        .filter(|_| earlier.is_some())
        .map(|name| target(config, dir, name, None).map(Box::new))
        .transpose()?;
    // Outside a repository the tree is where the configuration is.
    let root = git::root(dir).unwrap_or_else(|_| dir.to_owned());
    if !build("head", &root, &config.build, true, interrupt)? {
        return Ok(None);
    }
    let file = args
        .baseline
        .as_ref()
        .map(|path| path.display().to_string());
    Ok(Some(match (other, earlier) {
        (Some(target), _) => Base::Beside {
            target: Box::new(target),
            against: Against::Command {
                command: args.base_command.clone().unwrap_or_default(),
            },
            _tree: None,
        },
        (None, lines) => Base::Earlier {
            lines: lines.unwrap_or_default(),
            reference,
            against: Against::Earlier {
                file: file.unwrap_or_default(),
            },
        },
    }))
}

fn base_of_revision(
    name: &str,
    args: &GateArgs,
    config: &Config,
    dir: &Path,
    interrupt: &Interrupt,
) -> Result<Option<Base>, Failure> {
    if !is_file_name(&config.target) {
        let what = format!(
            "`{}` is part of this bench: base and head would be the same program",
            config.target
        );
        let help = "name a manifest whose command is in the tree, as docs/ci.md shows";
        return Err(Failure::usage(config.error_at(&config.target, &what, help)));
    }
    let root = git::root(dir).map_err(|why| {
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
    })?;
    let commit = git::commit(&root, name).map_err(|why| {
        let why = if why.is_empty() {
            String::new()
        } else {
            format!(" ({why})")
        };
        Failure::usage(miette::miette!(
            help = "fetch it first; in GitHub Actions, give actions/checkout `fetch-depth: 0`",
            "git knows no revision `{name}` here{why}"
        ))
    })?;
    let revision = git::short(&root, &commit);
    match git::stale(&root, &commit) {
        Some(Stale::MergedInto(commits)) => note!(
            "HEAD is a merge into a branch that is {} further than {name}: what they changed counts as the head's. \
             --base-rev HEAD^1 compares without them.",
            plural(commits.into(), "commit", "commits")
        ),
        Some(Stale::Behind(commits)) => note!(
            "HEAD lacks {} of {name}: what they changed counts as if the head had taken it back. Merge or rebase first, or \
             compare with `git merge-base HEAD {name}`.",
            plural(commits.into(), "commit", "commits")
        ),
        None => {}
    }
    let tree = Worktree::add(&root, &commit, args.base_dir.as_deref()).or_usage(
        || format!("cannot check out {revision}"),
        "see what git says; with --base-dir, name a directory that only bench uses",
    )?;
    if let Some(file) = tree.pointer() {
        note!(
            "{file} of the base is a Git LFS pointer, not the file: install git-lfs, or measure without it."
        );
    }
    for (what, root, stays) in [
        ("base", tree.root(), !tree.is_temporary()),
        ("head", &root, true),
    ] {
        if !build(what, root, &config.build, stays, interrupt)? {
            return Ok(None);
        }
    }
    let target = base_target(config, dir, &root, &tree)?;
    Ok(Some(Base::Beside {
        target: Box::new(target),
        against: Against::Revision {
            name: name.to_owned(),
            revision,
        },
        _tree: Some(tree),
    }))
}

/// The base's own manifest, or the head's in the base's place where the base has none yet.
fn base_target(
    config: &Config,
    dir: &Path,
    root: &Path,
    tree: &Worktree,
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
        let help = "put the manifest into the tree, so that the base has it as well";
        return Err(Failure::usage(config.error_at(&config.target, &what, help)));
    };
    let place = tree.root().join(&below);
    if !place.exists() {
        note!(
            "The base has no {}: it is started by the head's.",
            below.display()
        );
        let copied = place
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::copy(&own, &place));
        copied.or_internal(|| format!("cannot copy {} to the base's tree", below.display()))?;
    }
    manifest(Some(gate::BASE), &place)
}

/// The head's target, started by another command.
fn started_by(command: &str, head: &TargetSpec) -> Result<TargetSpec, Failure> {
    let help = "write it as for a shell, as in `./server --port {port}`; variables and pipes are not known";
    let words = shlex::split(command).filter(|words| !words.is_empty());
    let Some(words) = words else {
        return Err(Failure::usage(miette::miette!(
            help = help,
            "--base-command `{command}` is no command: it is empty, or a quote is not closed"
        )));
    };
    let Kind::Launched(manifest) = &head.kind else {
        unreachable!("a gate's target is a manifest");
    };
    let manifest = manifest.with_command(&words).map_err(Failure::usage)?;
    TargetSpec::of_manifest(gate::BASE, manifest).map_err(Failure::usage_of)
}

/// Builds a tree, which stays or is removed afterwards; false where the user ended it.
fn build(
    what: &str,
    root: &Path,
    command: &[String],
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

/// Earlier runs: of a history, or of a directory that has one, or of the runs below a directory, by their names.
fn earlier(path: &Path) -> Result<Vec<HistoryLine>, Failure> {
    let help = "name a history as `bench run --history FILE` writes it, or a directory of runs";
    let history = if path.is_dir() {
        path.join(HISTORY_NAME)
    } else {
        path.to_owned()
    };
    if !path.is_dir() || history.is_file() {
        let (history, _) = history_file::read(&history)
            .map_err(|error| Failure::usage(miette::miette!(help = help, "{error}")))?;
        return Ok(history.lines().to_vec());
    }
    let cannot_read = || format!("cannot read {}", path.display());
    let mut runs: Vec<PathBuf> = std::fs::read_dir(path)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .or_usage(cannot_read, help)?;
    let is_record = |run: &PathBuf| {
        run.join("run.json").is_file()
            || run.extension().is_some_and(|extension| extension == "json")
    };
    runs.retain(is_record);
    runs.sort_unstable();
    let records = runs
        .iter()
        .rev()
        .take(MAX_EARLIER_RUNS)
        .rev()
        .map(|run| read_run(run));
    let mut lines = Vec::new();
    for record in records {
        let record = record?;
        if record.completion == Completion::Complete {
            lines.push(HistoryLine::of(&record, None));
        }
    }
    if lines.is_empty() {
        let what = format!("{} has no whole run in it", path.display());
        return Err(Failure::usage(miette::miette!(help = help, "{what}")));
    }
    Ok(lines)
}

/// What is measured: the base before the head, or the head before what it is seen beside.
fn targets(base: &Base, head: &TargetSpec) -> Vec<TargetSpec> {
    match base {
        Base::Beside { target, .. } => vec![(**target).clone(), head.clone()],
        Base::Earlier { reference, .. } => {
            let reference = reference.as_deref().cloned();
            std::iter::once(head.clone()).chain(reference).collect()
        }
    }
}

/// Measures a scenario until it can be judged; the error is how the gate ends instead.
fn judge(
    args: &GateArgs,
    config: &Config,
    base: &Base,
    request: &mut Request,
    interrupt: &Interrupt,
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
        request.plan = request.plan.reseeded(args.seed.wrapping_add(number));
        let record = match measured(args, request, number, interrupt)? {
            Ok(record) => record,
            Err(exit) => return Ok(Err(exit)),
        };
        looks.push(match base {
            Base::Beside { .. } => gate::look(&record, config),
            Base::Earlier { lines, .. } => gate::look_back(&record, lines, config),
        });
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
    args: &GateArgs,
    request: &Request,
    number: u64,
    interrupt: &Interrupt,
) -> Result<Result<model::record::run::RunRecord, Exit>, Failure> {
    let scenario = &request.scenario.name;
    let out = args.out.as_ref();
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

/// Tells everybody who listens: the terminal or who reads JSON or Markdown, a CI service that reads JUnit, and GitHub.
fn tell(args: &GateArgs, judged: &Gate) -> Result<(), Failure> {
    let markdown = || report::markdown::gate::markdown(judged);
    args.form.print(judged, markdown, || show_gate(judged));
    let findings = report::words::gate::findings(judged);
    if let Some(path) = &args.junit {
        files::replace(path, junit("bench gate", &findings).as_bytes()).or_usage(
            || format!("cannot write {}", path.display()),
            "name a writable file with --junit",
        )?;
    }
    let named = |variable| std::env::var_os(variable).filter(|path| !path.is_empty());
    let summary = named(STEP_SUMMARY);
    if args.github || summary.is_some() {
        // The runner reads them on standard error as well, and standard output stays data.
        note_part!("{}", annotations(&findings));
    }
    let changed = format!("changed={}\n", judged.is_eventful());
    for (variable, path, text) in [
        (STEP_SUMMARY, summary, markdown()),
        (STEP_OUTPUT, named(STEP_OUTPUT), changed),
    ] {
        if let Some(path) = path {
            append(Path::new(&path), &text).or_usage(
                || format!("cannot write to {}", path.display()),
                &format!("let {variable} name a writable file, or unset it"),
            )?;
        }
    }
    Ok(())
}

/// Adds to a file that other steps write as well.
fn append(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(text.as_bytes())
}

fn exit_of(outcome: Outcome, fail_inconclusive: bool) -> Exit {
    match outcome {
        Outcome::Alarm => Exit::Regression,
        Outcome::Invalid => Exit::Invalid,
        Outcome::Inconclusive if fail_inconclusive => Exit::Inconclusive,
        Outcome::Inconclusive | Outcome::Passed => Exit::Success,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_alarm_fails_a_gate_unless_more_is_asked_for() {
        for (outcome, usual, strict) in [
            (Outcome::Passed, 0, 0),
            (Outcome::Inconclusive, 0, 4),
            (Outcome::Invalid, 3, 3),
            (Outcome::Alarm, 99, 99),
        ] {
            assert_eq!(exit_of(outcome, false) as u8, usual, "{outcome:?}");
            assert_eq!(exit_of(outcome, true) as u8, strict, "{outcome:?}");
        }
    }
}
