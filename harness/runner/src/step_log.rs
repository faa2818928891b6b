//! The log of a sweep: a directory in which its steps are kept as they come, for a sweep that is interrupted to go on from.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use model::record::sweep::{Log, MAX_LOG_BYTES, StepRecord, SweepPlan};
use serde::Serialize;

use process::failure::{Explain, Failure};
use process::files;

/// The file of the steps.
pub const STEPS: &str = "steps.ndjson";

/// The file of the record: a sweep that has it, and is not partial, is done.
pub const RECORD: &str = "sweep.json";

const HELP: &str = "name a new or empty directory that you may write to with --out";

/// A sweep's directory, and what is kept in it so far.
#[derive(Debug)]
pub struct StepLog {
    dir: PathBuf,
    /// Held locked, so that no two sweeps write to it.
    file: File,
    plan: Option<SweepPlan>,
    steps: Vec<StepRecord>,
}

impl StepLog {
    /// Opens the log of a directory, which is made where there is none. Whatever else is there is refused, unless it is the
    /// log of a sweep: that is read as far as it is whole.
    pub fn open(dir: &Path) -> Result<Self, Failure> {
        let what = || format!("cannot write to {}", dir.display());
        std::fs::create_dir_all(dir).or_usage(what, HELP)?;
        let path = dir.join(STEPS);
        let is_empty = std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_none());
        if !is_empty && !path.is_file() {
            return Err(Failure::usage(miette::miette!(
                help = HELP,
                "{} is not empty, and holds no sweep to go on with",
                dir.display()
            )));
        }
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .or_usage(what, HELP)?;
        file.try_lock().or_usage(
            || format!("another bench goes on with {}", dir.display()),
            "wait for it, or start another sweep in another directory",
        )?;
        let (plan, steps, end) = match read(&path)? {
            Some(log) => (Some(log.plan), log.steps, log.whole_bytes),
            None => (None, Vec::new(), 0),
        };
        // What an interrupted write left is cut off, so that the next line begins one.
        file.set_len(end as u64)
            .and_then(|()| file.seek(SeekFrom::Start(end as u64)))
            .or_usage(what, HELP)?;
        Ok(Self {
            dir: dir.to_owned(),
            file,
            plan,
            steps,
        })
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The plan of the sweep that was begun here.
    pub fn plan(&self) -> Option<&SweepPlan> {
        self.plan.as_ref()
    }

    /// What was measured, in its order.
    pub fn steps(&self) -> &[StepRecord] {
        &self.steps
    }

    /// Keeps the plan. The log must have none.
    pub fn begin(&mut self, plan: &SweepPlan) -> Result<(), Failure> {
        assert!(self.plan.is_none(), "a sweep is begun once");
        self.write(plan)?;
        self.plan = Some(plan.clone());
        Ok(())
    }

    /// Keeps a step: when this returns, it survives the end of this process.
    pub fn keep(&mut self, step: StepRecord) -> Result<(), Failure> {
        self.write(&step)?;
        self.steps.push(step);
        Ok(())
    }

    fn write(&mut self, line: &impl Serialize) -> Result<(), Failure> {
        let line = Log::line(line);
        let written = self.file.write_all(line.as_bytes());
        written.or_internal(|| format!("cannot write {STEPS} in {}", self.dir.display()))
    }

    /// Writes a file beside the log; whoever reads it meets the old one or the new, never half of it.
    pub fn write_beside(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let path = self.dir.join(name);
        files::replace(&path, bytes)
            .or_internal(|| format!("cannot write {name} in {}", self.dir.display()))
    }

    /// Removes the directory of a sweep of which nothing was kept.
    pub fn give_up(self) {
        if self.plan.is_none() {
            // Both are only in the way; where they can't be removed they stay.
            let _ = std::fs::remove_file(self.dir.join(STEPS));
            let _ = std::fs::remove_dir(&self.dir);
        }
    }
}

/// The log at a path as far as it is whole; none where not even its plan is.
pub fn read(path: &Path) -> Result<Option<Log>, Failure> {
    let name = path.display().to_string();
    let bytes = files::read(path, MAX_LOG_BYTES).or_usage(
        || format!("cannot read {name}"),
        "name the directory of a sweep, which holds a steps.ndjson",
    )?;
    if !bytes.contains(&b'\n') {
        return Ok(None);
    }
    Log::read(&bytes, &name)
        .map(Some)
        .map_err(Failure::usage_of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::record::sweep::SweepRecord;

    #[test]
    fn a_log_that_was_cut_is_continued_behind_its_last_whole_line() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("sweep");
        let SweepRecord { plan, steps, .. } = samples::sweep_record();
        let mut log = StepLog::open(&place).unwrap();
        assert!(log.plan().is_none());
        log.begin(&plan).unwrap();
        log.keep(steps[0].clone()).unwrap();
        // Nobody else may write to it meanwhile.
        let other = StepLog::open(&place).unwrap_err();
        assert!(
            other.report.to_string().contains("another bench"),
            "{other:?}"
        );
        drop(log);
        let path = place.join(STEPS);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, [&whole[..], b"{\"round\":0,\"pa"].concat()).unwrap();
        let mut log = StepLog::open(&place).unwrap();
        assert_eq!((log.plan(), log.steps()), (Some(&plan), &steps[..1]));
        log.keep(steps[1].clone()).unwrap();
        log.write_beside("charts/a.svg", b"<svg/>").unwrap();
        drop(log);
        let read = read(&path).unwrap().unwrap();
        assert_eq!(read.steps, &steps[..2]);
        assert_eq!(
            std::fs::read(place.join("charts/a.svg")).unwrap(),
            b"<svg/>"
        );
    }

    #[test]
    fn a_directory_with_anything_else_is_refused_and_one_of_nothing_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("mine"), b"").unwrap();
        let failure = StepLog::open(dir.path()).unwrap_err();
        assert!(
            failure.report.to_string().contains("is not empty"),
            "{failure:?}"
        );
        let place = dir.path().join("sweep");
        StepLog::open(&place).unwrap().give_up();
        assert!(!place.exists());
    }
}
