//! Where a run's files go. They appear all together, by one rename, or not at all.

use std::io;
use std::path::{Path, PathBuf};

use process::failure::{Explain, Failure};

/// The directory of runs, unless the user names another place.
pub const RUNS: &str = "results/runs";

/// A place for a run's files that was checked before the run: a hidden directory beside its final name.
#[derive(Debug)]
pub struct Store {
    draft: tempfile::TempDir,
    place: PathBuf,
}

impl Store {
    /// Makes sure that files can be written at `place`, which must not exist or be an empty directory.
    pub fn prepare(place: &Path) -> Result<Self, Failure> {
        let what = || format!("cannot write to {}", place.display());
        let help = "name a new or empty directory that you may write to with --out";
        if std::fs::read_dir(place).is_ok_and(|mut entries| entries.next().is_some())
            || place.is_file()
        {
            return Err(Failure::usage(miette::miette!(
                help = help,
                "{} is not empty",
                place.display()
            )));
        }
        let parent = match place.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        std::fs::create_dir_all(parent).or_usage(what, help)?;
        let draft = tempfile::Builder::new()
            .prefix(".bench-")
            .tempdir_in(parent)
            .or_usage(what, help)?;
        Ok(Self {
            draft,
            place: place.to_owned(),
        })
    }

    /// Writes one file, named by its path below the run's directory.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let path = self.draft.path().join(name);
        let written = path
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::write(&path, bytes));
        written.or_internal(|| format!("cannot write {name} for {}", self.place.display()))
    }

    /// Moves everything to its place and returns that.
    pub fn publish(self) -> Result<PathBuf, Failure> {
        let Self { draft, place } = self;
        let draft = draft.keep();
        let moved = readable(&draft).and_then(|()| match std::fs::rename(&draft, &place) {
            // An empty directory gives way; one that was filled meanwhile does not.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                std::fs::remove_dir(&place).and_then(|()| std::fs::rename(&draft, &place))
            }
            moved => moved,
        });
        moved.or_internal(|| format!("cannot move {} to {}", draft.display(), place.display()))?;
        Ok(place)
    }
}

/// Temporary directories are for their owner only; results are for everybody who may read their parent.
fn readable(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_appear_together_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("runs").join("one");
        let store = Store::prepare(&place).unwrap();
        store.write("charts/a.svg", b"<svg/>").unwrap();
        assert!(!place.exists());
        assert_eq!(store.publish().unwrap(), place);
        assert_eq!(
            std::fs::read(place.join("charts/a.svg")).unwrap(),
            b"<svg/>"
        );
        assert_eq!(
            std::fs::read_dir(dir.path().join("runs")).unwrap().count(),
            1
        );
    }

    #[test]
    fn a_run_that_is_given_up_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::prepare(&dir.path().join("one")).unwrap();
        store.write("run.json", b"{}").unwrap();
        drop(store);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_empty_directory_is_taken_and_a_full_one_refused() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("one");
        std::fs::create_dir(&place).unwrap();
        let store = Store::prepare(&place).unwrap();
        store.write("run.json", b"{}").unwrap();
        store.publish().unwrap();
        let failure = Store::prepare(&place).unwrap_err();
        assert!(
            failure.report.to_string().contains("is not empty"),
            "{:?}",
            failure.report
        );
    }

    #[test]
    fn a_place_below_a_file_is_refused_before_the_run() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, b"").unwrap();
        assert!(Store::prepare(&file.join("one")).is_err());
    }
}
