//! What git knows of the tree that is measured, and other trees beside it. Where there is no git, or no repository, nothing
//! is known.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The revision that is checked out in a directory, with `-dirty` where files differ from it.
pub(crate) fn revision(dir: &Path) -> Option<String> {
    // No tag has this name: the hash alone stays the same when tags come and go.
    let args = ["describe", "--always", "--dirty", "--exclude", "*"];
    let told = output(dir, &args).ok()?;
    (!told.is_empty()).then_some(told)
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

/// A commit as people read it.
pub(crate) fn short(dir: &Path, commit: &str) -> String {
    output(dir, &["rev-parse", "--short", commit]).unwrap_or_else(|_| commit.to_owned())
}

/// Another revision's tree, checked out beside this one. Dropping one that is not kept removes it.
#[derive(Debug)]
pub(crate) struct Worktree {
    repository: PathBuf,
    place: PathBuf,
    /// Where it is, unless it is kept.
    temporary: Option<tempfile::TempDir>,
}

impl Worktree {
    /// Checks out a commit into a temporary directory, or into one that is kept for the next time.
    ///
    /// `repository`: the root of this tree, which is left as it is.
    pub(crate) fn add(
        repository: &Path,
        commit: &str,
        keep: Option<&Path>,
    ) -> Result<Self, String> {
        // What a run left that was killed is forgotten.
        output(repository, &["worktree", "prune"])?;
        let temporary = match keep {
            Some(_) => None,
            None => Some(
                tempfile::Builder::new()
                    .prefix("bench-base-")
                    .tempdir()
                    .map_err(|error| format!("cannot make a temporary directory: {error}"))?,
            ),
        };
        let place = match (keep, &temporary) {
            (Some(place), _) => std::path::absolute(place).map_err(|error| error.to_string())?,
            (None, Some(dir)) => dir.path().join("base"),
            (None, None) => unreachable!("one of them is there"),
        };
        let worktree = Self {
            repository: repository.to_owned(),
            place,
            temporary,
        };
        worktree.check_out(commit)?;
        Ok(worktree)
    }

    fn check_out(&self, commit: &str) -> Result<(), String> {
        let place = self.place.display().to_string();
        if !self.place.join(".git").exists() {
            let add = ["worktree", "add", "--quiet", "--detach", &place, commit];
            return output(&self.repository, &add).map(drop);
        }
        let common = |dir: &Path| {
            output(
                dir,
                &["rev-parse", "--path-format=absolute", "--git-common-dir"],
            )
        };
        let is_own = root(&self.place)? == self.repository;
        if is_own || common(&self.place)? != common(&self.repository)? {
            return Err(format!("{place} is no tree beside this one"));
        }
        // Without --force: changes that somebody made there stop it.
        output(&self.place, &["checkout", "--quiet", "--detach", commit]).map(drop)
    }

    /// Its root.
    pub(crate) fn root(&self) -> &Path {
        &self.place
    }
}

impl Drop for Worktree {
    fn drop(&mut self) {
        if self.temporary.is_none() {
            return;
        }
        let place = self.place.display().to_string();
        // Where this fails, the directory goes nevertheless, and the next one prunes what git remembers of it.
        let _ = output(&self.repository, &["worktree", "remove", "--force", &place]);
    }
}

/// What git prints, without the line feed at its end; the error is what it says, or why it could not be run.
fn output(dir: &Path, args: &[&str]) -> Result<String, String> {
    let output = Command::new("git")
        .arg("-C")
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
