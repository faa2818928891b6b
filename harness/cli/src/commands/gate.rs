//! `bench gate`: base and head side by side, and whether the head is worse.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use analysis::gate;
use analysis::gate::{Against, Config, Gate, Outcome};
use analysis::history::HistoryLine;
use model::record::run::{Completion, RunRecord};
use model::spec::target::{Kind, TargetSpec};
use model::words::plural;
use report::export::annotations::annotations;
use report::export::junit::junit;

use crate::args::gate::GateArgs;
use crate::exit::Exit;
use crate::git::{self, Stale, Worktree};
use crate::judging::{
    build, command_words, commit, config, in_tree, judge, parent, repository, scenarios, target,
    target_in,
};
use crate::output::{note, note_part};
use crate::terminal::show_gate;
use process::failure::{Explain, Failure};
use process::files;
use process::interrupt::Interrupt;
use runner::history_file;
use runner::request::Request;
use runner::step_log::StepLog;
use runner::stored::read_run;

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
    let scenarios = scenarios(&config, dir)?;
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
        let look = |record: &RunRecord| match &base {
            Base::Beside { .. } => gate::look(record, &config),
            Base::Earlier { lines, .. } => gate::look_back(record, lines, &config),
        };
        let out = args.out.as_deref();
        match judge(args.instrument.seed, out, &mut request, &interrupt, look)? {
            Ok(judgement) => judgements.push(judgement),
            Err(exit) => return Ok(exit),
        }
    }
    let (Base::Beside { against, .. } | Base::Earlier { against, .. }) = &base;
    let judged = Gate::of(against.clone(), git::revision(dir), judgements);
    tell(args, &judged)?;
    Ok(exit_of(judged.outcome, args.fail_inconclusive))
}

/// What GitHub gives as the revision before: zeros for a new branch, nothing where no push started it.
fn is_no_revision(name: &str) -> bool {
    let name = name.trim();
    let is_hash = name.len() >= SHA1_DIGITS && name.chars().all(|digit| digit == '0');
    name.is_empty() || is_hash
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
    if !build("head", &root, &config.build, &[], true, interrupt)? {
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
    in_tree(config)?;
    let root = repository(dir)?;
    let commit = commit(&root, name)?;
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
        if !build(what, root, &config.build, &[], stays, interrupt)? {
            return Ok(None);
        }
    }
    let target = target_in(config, dir, &root, &tree, gate::BASE)?;
    Ok(Some(Base::Beside {
        target: Box::new(target),
        against: Against::Revision {
            name: name.to_owned(),
            revision,
        },
        _tree: Some(tree),
    }))
}

/// The head's target, started by another command.
fn started_by(command: &str, head: &TargetSpec) -> Result<TargetSpec, Failure> {
    let words = command_words("--base-command", command)?;
    let Kind::Launched(manifest) = &head.kind else {
        unreachable!("a gate's target is a manifest");
    };
    let manifest = manifest.with_command(&words).map_err(Failure::usage)?;
    TargetSpec::of_manifest(gate::BASE, manifest).map_err(Failure::usage_of)
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
