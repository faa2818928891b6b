//! What git knows of the tree that is measured, and other trees beside it. Where there is no git, or no repository, nothing
//! is known.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use crate::output::note;
use process::supervised::REPOSITORY_VARIABLES;

/// The revision that is checked out in a directory, with `-dirty` where files differ from it.
pub(crate) fn revision(dir: &Path) -> Option<String> {
    // No tag has this name: the hash alone stays the same when tags come and go.
    let args = ["describe", "--always", "--dirty", "--exclude", "*"];
    let revision = output(dir, &args).inspect_err(|why| {
        // Elsewhere there is no repository; here there is one, and nothing would say why its runs have no revision.
        if why.contains("dubious ownership") {
            note!("The revision is not recorded: {why}");
        }
    });
    revision.ok().filter(|revision| !revision.is_empty())
}

/// The root of the tree that a directory is in.
pub(crate) fn root(dir: &Path) -> Result<PathBuf, String> {
    output(dir, &["rev-parse", "--show-toplevel"]).map(PathBuf::from)
}

/// The commit that a name stands for.
pub(crate) fn commit(dir: &Path, name: &str) -> Result<String, String> {
    // What begins with a dash would be taken for an option.
    let name = format!("{name}^{{commit}}");
    output(
        dir,
        &[
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &name,
        ],
    )
}

/// The commits of a branch after one of its revisions, oldest first: of merges only what they merged into.
pub(crate) fn between(dir: &Path, from: &str, to: &str) -> Result<Vec<String>, String> {
    let range = format!("{from}..{to}");
    let list = output(dir, &["rev-list", "--first-parent", "--reverse", &range])?;
    Ok(list.lines().map(str::to_owned).collect())
}

/// A commit in one line: its short name, date, author and subject.
pub(crate) fn described(dir: &Path, commit: &str) -> String {
    let args = [
        "log",
        "-1",
        "--no-show-signature",
        "--format=%h %as %an: %s",
        commit,
    ];
    output(dir, &args).unwrap_or_else(|_| commit.to_owned())
}

/// A commit as people read it.
pub(crate) fn short(dir: &Path, commit: &str) -> String {
    output(dir, &["rev-parse", "--short", commit]).unwrap_or_else(|_| commit.to_owned())
}

/// What a comparison of HEAD with `base` would also count as the head's: commits that `base` has and HEAD has not, or, where HEAD is a
/// merge into a branch that went on after `base`, what the branch has since.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stale {
    /// HEAD has not so many commits of the base.
    Behind(u32),
    /// HEAD merges into a branch that is so many commits further than the base.
    MergedInto(u32),
}

/// Whether `base` is a stale one for HEAD. A history that is too short to know (a shallow clone) counts as none.
pub(crate) fn stale(dir: &Path, base: &str) -> Option<Stale> {
    let count = |range: &str| -> Option<u32> {
        let count = output(dir, &["rev-list", "--count", range]).ok()?;
        count.parse().ok().filter(|&count| count > 0)
    };
    if let Some(missing) = count(&format!("HEAD..{base}")) {
        return Some(Stale::Behind(missing));
    }
    commit(dir, "HEAD^2").ok()?;
    count(&format!("{base}..HEAD^1")).map(Stale::MergedInto)
}

/// Another revision's tree, checked out beside this one. Dropping one that is not kept removes it.
#[derive(Debug)]
pub(crate) struct Worktree {
    place: PathBuf,
    /// What it takes to remove it, unless it is kept.
    temporary: Option<Temporary>,
}

/// How the directories of trees begin that are removed.
const PREFIX: &str = "bench-base-";
/// The tree within such a directory.
const TREE: &str = "base";
/// A file beside it that is locked as long as somebody uses the tree.
const LOCK: &str = "lock";

/// A tree that is to be removed: it is registered with a repository, and lies in a directory of its own.
#[derive(Debug)]
struct Temporary {
    repository: PathBuf,
    dir: PathBuf,
    /// Locked until the process ends, however it ends.
    _lock: File,
}

impl Temporary {
    fn make(repository: &Path) -> std::io::Result<Self> {
        let dir = tempfile::Builder::new().prefix(PREFIX).tempdir()?.keep();
        let lock = File::create(dir.join(LOCK))?;
        lock.lock()?;
        let mut trees = TREES
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        trees.push((repository.to_owned(), dir.clone()));
        Ok(Self {
            repository: repository.to_owned(),
            dir,
            _lock: lock,
        })
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        remove(&self.repository, &self.dir);
        let mut trees = TREES
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        trees.retain(|(_, dir)| *dir != self.dir);
    }
}

/// The trees that are to be removed before this process ends: their repositories and directories.
static TREES: Mutex<Vec<(PathBuf, PathBuf)>> = Mutex::new(Vec::new());

/// Removes what this process would leave behind that ends without dropping anything.
pub(crate) fn remove_trees() {
    let trees = TREES
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    for (repository, dir) in trees.iter() {
        remove(repository, dir);
    }
}

/// Removes a tree, and what git remembers of it. What fails here, the next gate does ([`remove_abandoned`]).
fn remove(repository: &Path, dir: &Path) {
    let place = dir.join(TREE).display().to_string();
    let _ = output(
        repository,
        &["worktree", "remove", "--force", "--force", &place],
    );
    let _ = std::fs::remove_dir_all(dir);
}

/// Removes the trees of gates that were killed. Others, also those whose directories can't be seen at the moment, are their owners'.
fn remove_abandoned(repository: &Path) {
    let Ok(list) = output(repository, &["worktree", "list", "--porcelain"]) else {
        return;
    };
    for tree in list
        .lines()
        .filter_map(|line| line.strip_prefix("worktree "))
    {
        let tree = Path::new(tree);
        let dir = tree.parent().unwrap_or(tree);
        let named = |path: &Path| {
            path.file_name()
                .map(|name| name.to_string_lossy().into_owned())
        };
        let is_ours = named(tree).is_some_and(|name| name == TREE)
            && named(dir).is_some_and(|name| name.starts_with(PREFIX));
        let lock = File::open(dir.join(LOCK));
        if is_ours && lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
            remove(repository, dir);
        }
    }
}

impl Worktree {
    /// Checks out a commit into a temporary directory, or into one that is kept for the next time. Submodules are checked out as
    /// well, and no hook of the repository runs.
    ///
    /// `repository`: the root of this tree, which is left as it is.
    pub(crate) fn add(
        repository: &Path,
        commit: &str,
        keep: Option<&Path>,
    ) -> Result<Self, String> {
        remove_abandoned(repository);
        let (place, temporary) = if let Some(place) = keep {
            let place = std::path::absolute(place).map_err(|error| error.to_string())?;
            (place, None)
        } else {
            let temporary = Temporary::make(repository)
                .map_err(|error| format!("cannot make a temporary directory: {error}"))?;
            (temporary.dir.join(TREE), Some(temporary))
        };
        let tree = Self { place, temporary };
        tree.check_out(repository, commit)?;
        tree.check_out_submodules(repository)?;
        Ok(tree)
    }

    fn check_out(&self, repository: &Path, commit: &str) -> Result<(), String> {
        let place = self.place.display().to_string();
        if !self.place.join(".git").exists() {
            let add = ["worktree", "add", "--quiet", "--detach", &place, commit];
            return output(repository, &add).map(drop);
        }
        let common = |dir: &Path| {
            output(
                dir,
                &["rev-parse", "--path-format=absolute", "--git-common-dir"],
            )
        };
        let is_own = root(&self.place)? == repository;
        if is_own || common(&self.place)? != common(repository)? {
            return Err(format!("{place} is no tree beside this one"));
        }
        let status = ["status", "--porcelain", "--untracked-files=no"];
        let changed = output(&self.place, &status)?;
        if !changed.is_empty() {
            return Err(format!(
                "{place} has changes of its own, which would be measured as the revision's:\n{changed}"
            ));
        }
        output(&self.place, &["checkout", "--quiet", "--detach", commit]).map(drop)
    }

    /// Checks out another commit in a tree that is removed afterwards. What a build left stays, so that the next is quick; what it changed
    /// of the repository's files does not.
    pub(crate) fn switch(&self, repository: &Path, commit: &str) -> Result<(), String> {
        let args = ["checkout", "--quiet", "--force", "--detach", commit];
        output(&self.place, &args)?;
        self.check_out_submodules(repository)
    }

    /// Submodules come from where .gitmodules says, or else from the clones that the repository has of them already: without a
    /// network, or where the clone that is measured is the only one with rights to fetch.
    fn check_out_submodules(&self, repository: &Path) -> Result<(), String> {
        const UPDATE: [&str; 5] = ["submodule", "update", "--init", "--recursive", "--quiet"];
        if !self.place.join(".gitmodules").exists() {
            return Ok(());
        }
        let Err(why) = output(&self.place, &UPDATE) else {
            return Ok(());
        };
        let own = [
            "rev-parse",
            "--path-format=absolute",
            "--git-path",
            "modules",
        ];
        let own = PathBuf::from(output(repository, &own)?);
        let names = [
            "config",
            "--file",
            ".gitmodules",
            "--name-only",
            "--get-regexp",
            r"^submodule\..*\.url$",
        ];
        let names = output(&self.place, &names)?;
        let mut args = vec!["-c".to_owned(), "protocol.file.allow=always".to_owned()];
        for key in names.lines() {
            let name = key
                .trim_start_matches("submodule.")
                .trim_end_matches(".url");
            let clone = own.join(name);
            if clone.is_dir() {
                args.extend(["-c".to_owned(), format!("{key}={}", clone.display())]);
            }
        }
        args.extend(UPDATE.map(str::to_owned));
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        output(&self.place, &args)
            .map(drop)
            .map_err(|_| format!("its submodules can't be checked out: {why}"))
    }

    /// A file that should be there and is only a pointer to it, since Git LFS is not installed.
    pub(crate) fn pointer(&self) -> Option<String> {
        let files = output(&self.place, &["ls-files", ":(attr:filter=lfs)"]).ok()?;
        let is_pointer = |name: &&str| {
            let bytes = std::fs::read(self.place.join(name)).unwrap_or_default();
            bytes.starts_with(b"version https://git-lfs.github.com/spec/v1")
        };
        files.lines().find(is_pointer).map(str::to_owned)
    }

    /// Its root.
    pub(crate) fn root(&self) -> &Path {
        &self.place
    }

    /// Whether it is removed when it is dropped.
    pub(crate) fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }
}

/// What git prints, without the line feed at its end; the error is what it says, or why it could not be run. It looks for the
/// repository from the directory on, whatever a hook says of another, and runs no hooks.
fn output(dir: &Path, args: &[&str]) -> Result<String, String> {
    let mut command = Command::new("git");
    for variable in REPOSITORY_VARIABLES {
        command.env_remove(variable);
    }
    let output = command
        .args(["-c", "core.hooksPath=/dev/null", "-C"])
        .arg(dir)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run git: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stderr))
    }
}
