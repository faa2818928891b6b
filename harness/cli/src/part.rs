//! A run or a sweep that is a part of something larger: measured, continued or only read in a directory of its own; and the file that says
//! what the larger one was asked for, so that it can be continued.

use std::path::Path;
use std::time::Duration;

use model::record::run::{Completion, RunRecord};
use model::record::sweep::whole::SweepRecord;
use process::failure::{Explain, Failure};
use process::interrupt::Interrupt;
use process::{environment, files};
use runner::measure::alternating::estimate;
use runner::measure::kept::Begin;
use runner::measure::sweep::{SweepRequest, sweep};
use runner::request::Request;
use runner::step_log::{self, STEPS, StepLog};
use runner::stored::{self, RUN, SWEEP, Stored};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::display::DisplayMode;
use crate::output::note;
use crate::redrawn::approximate;
use crate::run_files;

/// The file that says what something larger was asked for, in its directory. What is kept has a `schema_version`.
pub(crate) struct KeptFile {
    /// What it is called.
    pub(crate) name: &'static str,
    /// The longest that is read.
    pub(crate) max_bytes: usize,
    /// The version that is written, and that is gone on with. It grows when a key changes its meaning or goes away, not when one is added.
    pub(crate) version: u32,
    /// The remedy where there is none, or none that can be read.
    pub(crate) name_it: &'static str,
    /// The remedy where another version wrote it.
    pub(crate) begin_anew: &'static str,
}

impl KeptFile {
    /// Whether something was begun in this directory.
    pub(crate) fn is_in(&self, dir: &Path) -> bool {
        dir.join(self.name).is_file()
    }

    /// Makes a directory for something that begins, or sees that it is empty.
    pub(crate) fn begin_in(dir: &Path) -> Result<(), Failure> {
        let cannot = || format!("cannot begin in {}", dir.display());
        let help = "name a new or empty directory with --out, or go on with --resume";
        std::fs::create_dir_all(dir).or_usage(cannot, help)?;
        let mut entries = std::fs::read_dir(dir).or_usage(cannot, help)?;
        if entries.next().is_some() {
            let what = format!("{}: it is not empty", cannot());
            return Err(Failure::usage(miette::miette!(help = help, "{what}")));
        }
        Ok(())
    }

    /// Reads what was begun in this directory.
    ///
    /// # Errors
    ///
    /// There is none, or another version of this program wrote it.
    pub(crate) fn read<T: DeserializeOwned>(&self, dir: &Path) -> Result<T, Failure> {
        #[derive(Deserialize)]
        struct Version {
            schema_version: u32,
        }
        let path = dir.join(self.name);
        let of = || format!("cannot go on with {}", path.display());
        let text = files::read_text(&path, self.max_bytes).or_usage(of, self.name_it)?;
        // Another version may have other keys.
        let written: Version = serde_json::from_str(&text).or_usage(of, self.name_it)?;
        if written.schema_version != self.version {
            let what = format!("{}: another version of bench wrote it", of());
            let help = self.begin_anew;
            return Err(Failure::usage(miette::miette!(help = help, "{what}")));
        }
        serde_json::from_str(&text).or_usage(of, self.name_it)
    }

    /// Writes it; a reader meanwhile meets what was there before.
    pub(crate) fn write(&self, dir: &Path, kept: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(kept).expect("what is kept is plain data");
        let path = dir.join(self.name);
        files::replace(&path, text.as_bytes())
            .or_internal(|| format!("cannot write {}", path.display()))
    }
}

/// Processor, cores and kernel of this machine, for a page.
pub(crate) fn machine() -> String {
    let here = environment::read();
    format!(
        "{}, {} cores, {}",
        here.processor(),
        here.cores,
        here.kernel
    )
}

/// What is measured: a run, or for claims about capacity a sweep.
pub(crate) enum Asked {
    Run(Request),
    Sweep(SweepRequest),
}

impl Asked {
    pub(crate) fn request(&self) -> &Request {
        match self {
            Self::Run(request) => request,
            Self::Sweep(asked) => &asked.request,
        }
    }

    /// Estimate of how long it takes; of a sweep the most.
    pub(crate) fn estimate(&self) -> Duration {
        match self {
            Self::Run(request) => estimate(request),
            Self::Sweep(asked) => {
                Duration::try_from_secs_f64(asked.ask.time_limit_s).unwrap_or_default()
            }
        }
    }
}

/// What a measurement left.
pub(crate) enum Record {
    Run(Box<RunRecord>),
    Sweep(Box<SweepRecord>),
}

impl Record {
    fn is_whole(&self) -> bool {
        let completion = match self {
            Self::Run(record) => record.completion,
            Self::Sweep(record) => record.completion,
        };
        completion != Completion::Interrupted
    }
}

/// The record of a directory, where it is complete.
pub(crate) fn whole(dir: &Path) -> Option<Record> {
    if ![RUN, SWEEP].iter().any(|name| dir.join(name).is_file()) {
        return None;
    }
    let record = match stored::read(dir).ok()? {
        Stored::Run(record) => Record::Run(record),
        Stored::Sweep(record) => Record::Sweep(record),
        Stored::Load(_) => return None,
    };
    record.is_whole().then_some(record)
}

/// The record of a part, of which whatever is missing is measured; nothing where the user ended it. `words`: what is asked, for the user.
pub(crate) fn measured(
    dir: &Path,
    asked: &Asked,
    words: &str,
    mode: DisplayMode,
    interrupt: Interrupt,
) -> Result<Option<Record>, Failure> {
    if let Some(record) = whole(dir) {
        return Ok(Some(record));
    }
    let request = asked.request();
    let names = request.targets.iter().map(|target| target.name.as_str());
    note!(
        "{words}: {}, about {}",
        names.collect::<Vec<_>>().join(", "),
        approximate(asked.estimate())
    );
    let is_begun = step_log::read(dir).is_ok_and(|lines| !lines.is_empty());
    let (begin, log) = if is_begun {
        let (log, lines) = StepLog::resume(dir)?;
        (Begin::GoOn(Box::new(step_log::parse(&lines, dir)?)), log)
    } else {
        // A log without a whole line is none.
        let _ = std::fs::remove_file(dir.join(STEPS));
        let (title, log) = run_files::begin(&request.scenario.name, Some(dir))?;
        (Begin::New(title), log)
    };
    let record = match asked {
        Asked::Run(request) => {
            let (measured, log) = run_files::measured(request, mode, interrupt, log, begin)?;
            run_files::write(&log, &measured, &[])?;
            Record::Run(Box::new(measured.record))
        }
        Asked::Sweep(asked) => {
            let (record, log) =
                run_files::in_sight(request, mode, interrupt, log, |log, steering, tell| {
                    sweep(asked, begin, log, steering, tell)
                })?;
            run_files::write_sweep(&log, &record)?;
            Record::Sweep(Box::new(record))
        }
    };
    Ok(record.is_whole().then_some(record))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: KeptFile = KeptFile {
        name: "mine.json",
        max_bytes: 100,
        version: 2,
        name_it: "name it with --resume",
        begin_anew: "begin a new one",
    };

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Mine {
        schema_version: u32,
        asked: String,
    }

    #[test]
    fn what_was_begun_is_read_again_and_its_directory_is_not_begun_in_twice() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("new");
        KeptFile::begin_in(&place).unwrap();
        KeptFile::begin_in(&place).unwrap();
        assert!(!FILE.is_in(&place));
        let mine = Mine {
            schema_version: 2,
            asked: "which?".to_owned(),
        };
        FILE.write(&place, &mine).unwrap();
        assert!(FILE.is_in(&place));
        assert_eq!(FILE.read::<Mine>(&place).unwrap(), mine);
        let refused = KeptFile::begin_in(&place).unwrap_err().report;
        assert!(
            refused.to_string().ends_with("it is not empty"),
            "{refused}"
        );
    }

    #[test]
    fn what_cannot_be_gone_on_with_is_named_with_the_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let long = " ".repeat(101);
        for (text, what, remedy) in [
            (None, "No such file", FILE.name_it),
            (Some("{"), "EOF while parsing", FILE.name_it),
            (Some(long.as_str()), "more than 100 bytes", FILE.name_it),
            (Some(r#"{"schema_version":2}"#), "`asked`", FILE.name_it),
            (
                Some(r#"{"schema_version":1}"#),
                "another version of bench",
                FILE.begin_anew,
            ),
        ] {
            if let Some(text) = text {
                std::fs::write(dir.path().join(FILE.name), text).unwrap();
            }
            let refused = FILE.read::<Mine>(dir.path()).unwrap_err().report;
            let (said, help) = (refused.to_string(), refused.help().unwrap().to_string());
            assert!(
                said.contains(what) && said.contains("mine.json"),
                "{text:?}: {said}"
            );
            assert_eq!(help, remedy, "{text:?}");
        }
    }
}
