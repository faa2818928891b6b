//! `bench bisect`: the commit with which something got worse.

use std::path::{Path, PathBuf};

use analysis::bisect::{Answer, Change, Next, Search, answer, changes};
use analysis::gate::{self, Against, BASE, Config, Gate, HEAD, Outcome};
use model::spec::scenario::Scenario;
use model::spec::target::TargetSpec;
use model::words::plural;
use report::words::gate::{Tone, said};
use runner::request::{Choices, Request};
use serde::{Deserialize, Serialize};

use crate::args::bisect::BisectArgs;
use crate::exit::Exit;
use crate::git::{self, Worktree};
use crate::judging::{
    build, commit, config, in_tree, judge, parent, repository, scenarios, target_in,
};
use crate::output::{note, say};
use crate::part::KeptFile;
use process::cores;
use process::failure::{Explain, Failure, Kind};
use process::files;
use process::interrupt::Interrupt;

/// The most commits that are searched: fourteen are judged of so many.
const MAX_COMMITS: usize = 10_000;

/// The file of a search: some dozen steps of some sentences each.
const FILE: KeptFile = KeptFile {
    name: "bisection.json",
    max_bytes: 1024 * 1024,
    version: 1,
    name_it: "name the directory of a search with --resume",
    begin_anew: "begin a new search with --out",
};

/// A search, as it is kept and as it is printed.
#[derive(Debug, Serialize, Deserialize)]
struct Bisection {
    schema_version: u32,
    /// The commit that is good, by its whole hash.
    good: String,
    /// The one that is worse.
    bad: String,
    /// The configuration that all was judged by.
    config: String,
    /// What is looked for: what the bad commit did.
    changes: Vec<Change>,
    /// What was judged, in its order.
    steps: Vec<Step>,
    /// The first commit with the change, or all that it may be; empty while it is looked for.
    found: Vec<Commit>,
}

impl Bisection {
    /// Whether not even the bad commit could be judged.
    fn is_disturbed(&self) -> bool {
        let last = self.steps.last();
        self.changes.is_empty() && last.is_some_and(|step| step.answer == Answer::Unknown)
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Commit {
    /// Its whole hash.
    commit: String,
    /// Its short name, date, author and subject.
    title: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Step {
    #[serde(flatten)]
    commit: Commit,
    /// What it was measured beside, by its whole hash.
    base: String,
    answer: Answer,
    /// Why, in a sentence or two.
    why: String,
}

/// Searches.
pub(crate) fn run(args: &BisectArgs) -> Result<Exit, Failure> {
    let config = config(&args.config)?;
    let dir = parent(&args.config);
    in_tree(&config)?;
    let scenarios = scenarios(&config, dir)?;
    let root = repository(dir)?;
    let (good, bad) = (commit(&root, &args.good)?, commit(&root, &args.bad)?);
    let commits = commits(args, &root, &good, &bad)?;
    let source = files::read_text(&args.config, gate::MAX_SOURCE_BYTES).or_usage(
        || format!("cannot read {}", args.config.display()),
        "see --config",
    )?;
    let mut kept = Kept::open(args, &good, &bad, source)?;
    let interrupt = Interrupt::catch_and(git::remove_trees)?;
    let tree = |commit: &str| {
        Worktree::add(&root, commit, None).or_usage(
            || format!("cannot check out {}", git::short(&root, commit)),
            "see what git says",
        )
    };
    let mut side_by_side = SideBySide {
        args,
        choices: args.choices(config.effort)?,
        // Before a measurement ties this process to the cores of the load.
        cores: cores::available(),
        trees: [tree(&good)?, tree(&good)?],
        base: None,
        config,
        dir,
        root: &root,
        scenarios,
        out: kept.dir.clone(),
        interrupt: &interrupt,
    };
    let Some(found) = search(&mut side_by_side, &mut kept, &commits)? else {
        note!(
            "Interrupted. Go on with: bench bisect {} {} --resume {}",
            args.good,
            args.bad,
            kept.dir.display()
        );
        return Ok(Exit::Interrupted);
    };
    kept.search.found = found;
    kept.write()?;
    let lines = lines(&kept.search, &root);
    args.form.print(
        &kept.search,
        || format!("### bench bisect\n\n{}\n", lines.join("\n\n")),
        || say!("{}", lines.join("\n")),
    );
    Ok(match kept.search.found.as_slice() {
        [_] => Exit::Success,
        [] if kept.search.is_disturbed() => Exit::Invalid,
        _ => Exit::Inconclusive,
    })
}

/// The commits that are searched, oldest first; the last is the bad one.
fn commits(args: &BisectArgs, root: &Path, good: &str, bad: &str) -> Result<Vec<String>, Failure> {
    let commits = git::between(root, good, bad).or_usage(
        || format!("git finds no commits from {} to {}", args.good, args.bad),
        "name two revisions of one branch, the good one first",
    )?;
    let what = match commits.len() {
        0 => format!("{} has no commit that {} lacks", args.bad, args.good),
        1..=MAX_COMMITS => return Ok(commits),
        many => format!(
            "there are {} from {} to {}, and at most {MAX_COMMITS} are searched",
            plural(many as u64, "commit", "commits"),
            args.good,
            args.bad
        ),
    };
    Err(Failure::usage(miette::miette!(
        help = "name two revisions of one branch, the good one first",
        "{what}"
    )))
}

/// What was found: one commit, or all that it may be, none where the bad one is not worse. Nothing where the user ended it.
fn search(
    side_by_side: &mut SideBySide,
    kept: &mut Kept,
    commits: &[String],
) -> Result<Option<Vec<Commit>>, Failure> {
    let (good, bad) = (kept.search.good.clone(), kept.search.bad.clone());
    if kept.search.changes.is_empty() {
        match side_by_side.judged(&good, &bad)? {
            None => return Ok(None),
            Some(Err(failure)) => return Err(failure),
            Some(Ok(judged)) => {
                kept.search.changes = changes(&judged);
                let changes = kept.search.changes.clone();
                kept.step(side_by_side.root, &good, &bad, &Ok(judged), &changes)?;
            }
        }
    }
    let changes = kept.search.changes.clone();
    if changes.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let mut search = Search::new(commits.len());
    for step in kept.search.steps.iter().filter(|step| step.base == good) {
        let known = commits
            .iter()
            .position(|known| *known == step.commit.commit);
        if let Some(index) = known {
            search.learn(index + 1, step.answer);
        }
    }
    let (from, to) = loop {
        match search.next() {
            Next::Found { from, to } => break (from, to),
            Next::Judge(number) => {
                let left = u64::from(search.left());
                note!("At most {} left.", plural(left, "commit", "commits"));
                let commit = &commits[number - 1];
                let Some(judged) = side_by_side.judged(&good, commit)? else {
                    return Ok(None);
                };
                let answer = kept.step(side_by_side.root, &good, commit, &judged, &changes)?;
                search.learn(number, answer);
            }
        }
    };
    let first = &commits[to - 1];
    let has_before = from == to && to > 1;
    let is_seen = kept.search.steps.iter().any(|step| step.base != good);
    if has_before && !is_seen {
        note!("Measuring it beside the commit before it.");
        let before = &commits[to - 2];
        let Some(judged) = side_by_side.judged(before, first)? else {
            return Ok(None);
        };
        kept.step(side_by_side.root, before, first, &judged, &changes)?;
    }
    let found = commits[from - 1..to].iter();
    Ok(Some(
        found
            .map(|commit| titled(side_by_side.root, commit))
            .collect(),
    ))
}

/// What it takes to measure one commit beside another.
struct SideBySide<'a> {
    args: &'a BisectArgs,
    config: Config,
    /// Where the configuration is.
    dir: &'a Path,
    root: &'a Path,
    scenarios: Vec<Scenario>,
    choices: Choices,
    /// The cores that builds may use.
    cores: Vec<u32>,
    /// Of the base and of the head.
    trees: [Worktree; 2],
    /// The base that is built, and its target.
    base: Option<(String, TargetSpec)>,
    out: PathBuf,
    interrupt: &'a Interrupt,
}

/// A judgement, or why there is none; nothing where the user ended it.
type Judged = Option<Result<Gate, Failure>>;

impl SideBySide<'_> {
    /// Measures a commit beside another, until it can be judged. An error is no fault of the commit.
    fn judged(&mut self, base: &str, head: &str) -> Result<Judged, Failure> {
        let judged = self.measured(base, head);
        match judged {
            Ok(judged) => Ok(judged.map(Ok)),
            Err(failure) if failure.kind == Kind::Target => Ok(Some(Err(failure))),
            Err(failure) => Err(failure),
        }
    }

    fn measured(&mut self, base: &str, head: &str) -> Result<Option<Gate>, Failure> {
        if self.base.as_ref().is_none_or(|(built, _)| built != base) {
            self.base = None;
            let Some(target) = self.target(0, BASE, base)? else {
                return Ok(None);
            };
            self.base = Some((base.to_owned(), target));
        }
        let Some(target) = self.target(1, HEAD, head)? else {
            return Ok(None);
        };
        let base_target = self.base.as_ref().map(|(_, target)| target.clone());
        let targets: Vec<TargetSpec> = base_target.into_iter().chain([target]).collect();
        let (base, head) = (git::short(self.root, base), git::short(self.root, head));
        let out = self.out.join(format!("{base}-{head}"));
        // What an ended search left there is not whole.
        let _ = std::fs::remove_dir_all(&out);
        let mut judgements = Vec::new();
        for scenario in &self.scenarios {
            let mut request =
                Request::new(scenario.clone(), targets.clone(), self.choices.clone())?;
            let look = |record: &_| gate::look(record, &self.config);
            match judge(
                self.args.instrument.seed,
                Some(&out),
                &mut request,
                self.interrupt,
                look,
            )? {
                Ok(judgement) => judgements.push(judgement),
                Err(Exit::Interrupted) => return Ok(None),
                Err(_) => {
                    return Err(Failure::target(miette::miette!(
                        "it could not be measured under {}",
                        scenario.name
                    )));
                }
            }
        }
        let against = Against::Revision {
            name: base.clone(),
            revision: base,
        };
        Ok(Some(Gate::of(against, Some(head), judgements)))
    }

    /// Checks a commit out and builds it.
    fn target(
        &self,
        tree: usize,
        alias: &str,
        commit: &str,
    ) -> Result<Option<TargetSpec>, Failure> {
        let tree = &self.trees[tree];
        tree.switch(self.root, commit).or_usage(
            || format!("cannot check out {}", git::short(self.root, commit)),
            "see what git says",
        )?;
        let command = &self.config.build;
        if !build(
            alias,
            tree.root(),
            command,
            &self.cores,
            false,
            self.interrupt,
        )? {
            return Ok(None);
        }
        target_in(&self.config, self.dir, self.root, tree, alias).map(Some)
    }
}

/// A search in its directory.
struct Kept {
    dir: PathBuf,
    search: Bisection,
}

impl Kept {
    /// Begins a search, or goes on with one of the same revisions by the same configuration.
    fn open(args: &BisectArgs, good: &str, bad: &str, config: String) -> Result<Self, Failure> {
        let Some(dir) = &args.resume else {
            return Self::begin(&args.out, good, bad, config);
        };
        let search: Bisection = FILE.read(dir)?;
        let differs = [
            (search.good != good, "it is of another good revision"),
            (search.bad != bad, "it is of another bad revision"),
            (search.config != config, "the configuration was another one"),
        ];
        if let Some((_, what)) = differs.iter().find(|(differs, _)| *differs) {
            return Err(Failure::usage(miette::miette!(
                help = FILE.begin_anew,
                "cannot go on with {}: {what}",
                dir.join(FILE.name).display()
            )));
        }
        Ok(Self {
            dir: dir.clone(),
            search,
        })
    }

    fn begin(dir: &Path, good: &str, bad: &str, config: String) -> Result<Self, Failure> {
        KeptFile::begin_in(dir)?;
        let cannot = || format!("cannot find {}", dir.display());
        let kept = Self {
            dir: std::path::absolute(dir).or_internal(cannot)?,
            search: Bisection {
                schema_version: FILE.version,
                good: good.to_owned(),
                bad: bad.to_owned(),
                config,
                changes: Vec::new(),
                steps: Vec::new(),
                found: Vec::new(),
            },
        };
        kept.write()?;
        Ok(kept)
    }

    /// Takes in what a commit was found to be, and keeps it.
    fn step(
        &mut self,
        root: &Path,
        base: &str,
        commit: &str,
        judged: &Result<Gate, Failure>,
        changes: &[Change],
    ) -> Result<Answer, Failure> {
        let answer = match judged {
            Ok(gate) if !changes.is_empty() => answer(gate, changes),
            Ok(gate) if gate.outcome != Outcome::Invalid => Answer::Same,
            Ok(_) | Err(_) => Answer::Unknown,
        };
        let step = Step {
            commit: titled(root, commit),
            base: base.to_owned(),
            answer,
            why: why(judged, answer),
        };
        note!("{}: {}", step.commit.title, step.why);
        self.search.steps.push(step);
        self.write()?;
        Ok(answer)
    }

    fn write(&self) -> Result<(), Failure> {
        FILE.write(&self.dir, &self.search)
    }
}

fn titled(root: &Path, commit: &str) -> Commit {
    Commit {
        commit: commit.to_owned(),
        title: git::described(root, commit),
    }
}

/// Why a commit is what it is found to be.
fn why(judged: &Result<Gate, Failure>, answer: Answer) -> String {
    let gate = match judged {
        Ok(gate) => gate,
        Err(failure) => {
            let text = failure.report.to_string();
            let first = text.lines().next().unwrap_or_default();
            return format!("passed over, {first}");
        }
    };
    let alarms = gate.scenarios.iter().flat_map(|judgement| {
        let said = said(judgement).into_iter();
        said.filter(|said| said.tone == Tone::Alarm)
            .map(|said| said.text.trim_start_matches("ALARM: ").to_owned())
    });
    match answer {
        Answer::Changed => alarms.collect::<Vec<_>>().join(" "),
        Answer::Same => "not worse.".to_owned(),
        Answer::Unknown => "passed over, it is not clear whether it is worse.".to_owned(),
    }
}

/// The outcome in sentences.
fn lines(search: &Bisection, root: &Path) -> Vec<String> {
    let good = git::short(root, &search.good);
    match search.found.as_slice() {
        [] if search.is_disturbed() => vec![format!(
            "{} could not be judged: the machine was disturbed. Let nothing else run, and go on with --resume.",
            git::short(root, &search.bad)
        )],
        [] => vec![format!(
            "{} is not worse than {good}.",
            git::short(root, &search.bad)
        )],
        [first] => {
            let mut lines = vec![format!("The first commit that is worse is {}", first.title)];
            let of_it = search.steps.iter();
            let of_it = of_it.filter(|step| step.commit.commit == first.commit);
            lines.extend(of_it.map(|step| {
                let base = git::short(root, &step.base);
                format!("Beside {base}: {}", step.why)
            }));
            lines
        }
        several => {
            let title = |commit: &Commit| format!("  {}", commit.title);
            let begin = format!(
                "{} commits may be the first that is worse than {good}; those before the last could not be judged:",
                several.len()
            );
            std::iter::once(begin)
                .chain(several.iter().map(title))
                .collect()
        }
    }
}
