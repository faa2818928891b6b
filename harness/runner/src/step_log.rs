//! The log of a measurement: a directory in which its steps are kept as they come, a line each, for one that was cut off to go
//! on from. A line that has no end was never written.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use model::record::log::Log;
use process::failure::{Explain, Failure};
use process::files::{self, DRAFT};
use serde::Serialize;

/// The file of the steps.
pub const STEPS: &str = "steps.ndjson";

/// The directory of measurements, unless the user names another place.
pub const RUNS: &str = "results/runs";

/// Most measurements of one name that are begun in one second.
const MAX_A_SECOND: u32 = 100;

/// The longest log that is read.
pub const MAX_LOG_BYTES: usize = 512 * 1024 * 1024;

const HELP: &str = "name a new or empty directory that you may write to with --out";

/// Makes the directory of a new measurement below `runs`, and returns its name: `id`, with a number behind it where another one that
/// began in the same second has it.
pub fn own_dir(runs: &Path, id: &str) -> Result<String, Failure> {
    let what = || format!("cannot make a directory in {}", runs.display());
    std::fs::create_dir_all(runs).or_usage(what, HELP)?;
    for number in 1..=MAX_A_SECOND {
        let name = match number {
            1 => id.to_owned(),
            _ => format!("{id}-{number}"),
        };
        match std::fs::create_dir(runs.join(&name)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.or_usage(what, HELP).map(|()| name),
        }
    }
    Err(Failure::usage(miette::miette!(
        help = HELP,
        "{} has {MAX_A_SECOND} measurements that are called {id}",
        runs.display()
    )))
}

/// A measurement's directory, to which lines are added.
#[derive(Debug)]
pub struct StepLog {
    dir: PathBuf,
    /// Held locked, so that no two measurements write to it.
    file: File,
    is_begun: bool,
}

impl StepLog {
    /// Begins a log in a directory, which is made where there is none, and must be empty.
    pub fn begin(dir: &Path) -> Result<Self, Failure> {
        let (log, lines) = Self::open(dir)?;
        if lines.is_empty() {
            return Ok(log);
        }
        Err(Failure::usage(miette::miette!(
            help = HELP,
            "{} is not empty: a measurement was begun there",
            dir.display()
        )))
    }

    /// Opens the log of a directory that has one, and returns its whole lines.
    pub fn resume(dir: &Path) -> Result<(Self, Vec<u8>), Failure> {
        read(dir)?;
        Self::open(dir)
    }

    /// Opens the log of a directory, which is made where there is none, and returns its whole lines. Whatever else is in it is
    /// refused, unless a log is.
    pub fn open(dir: &Path) -> Result<(Self, Vec<u8>), Failure> {
        let what = || format!("cannot write to {}", dir.display());
        std::fs::create_dir_all(dir).or_usage(what, HELP)?;
        remove_drafts(dir);
        let path = dir.join(STEPS);
        let is_empty = std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_none());
        if !is_empty && !path.is_file() {
            return Err(Failure::usage(miette::miette!(
                help = HELP,
                "{} is not empty, and holds no measurement to go on with",
                dir.display()
            )));
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .or_usage(what, HELP)?;
        file.try_lock().or_usage(
            || format!("another bench goes on with {}", dir.display()),
            "wait for it, or start another in another directory",
        )?;
        let lines = read(dir)?;
        let mut log = Self {
            dir: dir.to_owned(),
            file,
            is_begun: !lines.is_empty(),
        };
        log.cut(lines.len())?;
        Ok((log, lines))
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Keeps so many bytes, and nothing of what comes after them.
    pub fn cut(&mut self, bytes: usize) -> Result<(), Failure> {
        self.file
            .set_len(bytes as u64)
            .and_then(|()| self.file.seek(SeekFrom::Start(bytes as u64)))
            .map(drop)
            .or_usage(|| format!("cannot write to {}", self.dir.display()), HELP)
    }

    /// Adds a line, and says how many bytes it has. When this returns, it survives the end of this process and of the system.
    pub fn write(&mut self, line: &impl Serialize) -> Result<usize, Failure> {
        let mut text = serde_json::to_vec(line).or_internal(|| "cannot write a step".to_owned())?;
        text.push(b'\n');
        self.is_begun = true;
        self.file
            .write_all(&text)
            .and_then(|()| self.file.sync_data())
            .map_err(|error| self.cannot_write(STEPS, &error))?;
        Ok(text.len())
    }

    /// Writes a file beside the log; a reader meets the old one or the new, never half of it.
    pub fn write_beside(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let path = self.dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(&self.dir))
            .and_then(|()| files::replace(&path, bytes))
            .map_err(|error| self.cannot_write(name, &error))
    }

    /// What was kept until a disk was full is not lost.
    fn cannot_write(&self, name: &str, error: &io::Error) -> Failure {
        let dir = self.dir.display();
        Failure::internal(miette::miette!(
            help = format!(
                "what was measured is kept in {dir}: make room there, and continue with `--resume {dir}`"
            ),
            "cannot write {name} in {dir}: {error}"
        ))
    }

    /// Removes the directory of a measurement of which nothing was kept.
    pub fn give_up(self) {
        if !self.is_begun {
            // Both are only in the way; where they can't be removed they stay.
            let _ = std::fs::remove_file(self.dir.join(STEPS));
            let _ = std::fs::remove_dir(&self.dir);
        }
    }
}

/// The whole lines of the log in a directory.
pub fn read(dir: &Path) -> Result<Vec<u8>, Failure> {
    let path = dir.join(STEPS);
    let mut bytes = files::read(&path, MAX_LOG_BYTES).or_usage(
        || format!("cannot read {}", path.display()),
        "name the directory of a run or a sweep, which holds a steps.ndjson",
    )?;
    let end = bytes.iter().rposition(|&byte| byte == b'\n');
    bytes.truncate(end.map_or(0, |end| end + 1));
    Ok(bytes)
}

/// Reads what the lines of the log in a directory say.
pub fn parse(lines: &[u8], dir: &Path) -> Result<Log, Failure> {
    Log::read(lines, &dir.join(STEPS).display().to_string()).map_err(Failure::usage_of)
}

/// Removes what a process left that was killed while it wrote a file.
fn remove_drafts(dir: &Path) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(DRAFT) {
            // It is only in the way.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(dir: &Path) -> String {
        String::from_utf8(read(dir).unwrap()).unwrap()
    }

    #[test]
    fn a_log_that_was_cut_goes_on_behind_its_last_whole_line() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("run");
        let mut log = StepLog::begin(&place).unwrap();
        log.write(&1).unwrap();
        log.write(&2).unwrap();
        drop(log);
        let mut bytes = std::fs::read(place.join(STEPS)).unwrap();
        bytes.extend(b"{\"half");
        std::fs::write(place.join(STEPS), bytes).unwrap();
        let (mut log, lines) = StepLog::open(&place).unwrap();
        assert_eq!(lines, b"1\n2\n");
        log.write(&3).unwrap();
        assert_eq!(text(&place), "1\n2\n3\n");
        log.cut(2).unwrap();
        log.write(&4).unwrap();
        assert_eq!(text(&place), "1\n4\n");
    }

    #[test]
    fn measurements_of_one_second_have_directories_of_their_own() {
        let dir = tempfile::tempdir().unwrap();
        let runs = dir.path().join("results/runs");
        for name in ["a", "a-2", "a-3"] {
            assert_eq!(own_dir(&runs, "a").unwrap(), name);
            assert!(runs.join(name).is_dir());
        }
        for number in 4..=MAX_A_SECOND {
            std::fs::create_dir(runs.join(format!("a-{number}"))).unwrap();
        }
        own_dir(&runs, "a").unwrap_err();
    }

    #[test]
    fn a_directory_in_which_something_was_begun_is_no_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = StepLog::begin(dir.path()).unwrap();
        let locked = StepLog::open(dir.path()).unwrap_err().report.to_string();
        assert!(locked.contains("another bench goes on"), "{locked}");
        log.write(&1).unwrap();
        drop(log);
        let begun = StepLog::begin(dir.path()).unwrap_err().report.to_string();
        assert!(begun.contains("was begun there"), "{begun}");
        let other = dir.path().join("other");
        std::fs::create_dir(&other).unwrap();
        std::fs::write(other.join("run.json"), b"{}").unwrap();
        let full = StepLog::open(&other).unwrap_err().report.to_string();
        assert!(full.contains("holds no measurement"), "{full}");
        let nowhere = dir.path().join("nowhere");
        assert!(StepLog::resume(&nowhere).is_err() && !nowhere.exists());
        let below_a_file = other.join("run.json").join("x");
        assert!(StepLog::begin(&below_a_file).is_err());
    }

    #[test]
    fn what_was_given_up_leaves_nothing_and_what_was_kept_stays() {
        let dir = tempfile::tempdir().unwrap();
        let [empty, kept] = ["empty", "kept"].map(|name| dir.path().join(name));
        StepLog::begin(&empty).unwrap().give_up();
        assert!(!empty.exists());
        let mut log = StepLog::begin(&kept).unwrap();
        log.write(&1).unwrap();
        log.give_up();
        assert_eq!(text(&kept), "1\n");
    }

    #[test]
    fn a_draft_that_a_killed_process_left_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(format!("{DRAFT}x")), b"half").unwrap();
        drop(StepLog::begin(dir.path()).unwrap());
        let names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(names.len(), 1, "{names:?}");
    }
}
