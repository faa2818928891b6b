//! This machine's A/A comparisons, kept from run to run in the cache directory: by them it is known how often a difference is
//! called where there is none.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use bench_core::aa::{self, FalseAlarms};
use bench_core::history::{History, Pushed};
use bench_core::record::RunRecord;
use miette::IntoDiagnostic as _;

use crate::data_files;
use crate::exit::{Explain, Failure};
use crate::files;

/// The file's name. It is a history as `bench history` reads it, with its bounds.
const FILE: &str = "aa.ndjson";

/// Longest file that is read, in bytes: [`bench_core::history::MAX_RUNS`] lines of a pair make a quarter of it.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Adds the A/A comparison of a run, if it has one, and notes in the record what all of them together say of this machine.
pub(crate) fn count(record: &mut RunRecord) -> Result<(), Failure> {
    if record.aa.is_none() {
        return Ok(());
    }
    let path = data_files::cache_dir()?.join(FILE);
    let machine = add(&path, record).or_usage(
        || format!("cannot count the A/A comparison in {}", path.display()),
        "set XDG_CACHE_HOME to a directory that you may write to, or move that file away",
    )?;
    if let Some(aa) = &mut record.aa {
        aa.machine = machine;
    }
    Ok(())
}

/// Nothing of a run that does not count, since its interval would be that of the others.
fn add(path: &Path, record: &RunRecord) -> miette::Result<Option<FalseAlarms>> {
    let Some(line) = aa::history_line(record) else {
        return Ok(None);
    };
    let host = line.host.clone();
    let text = match files::read_text(path, MAX_BYTES) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read.into_diagnostic()?,
    };
    let mut history = History::from_ndjson(&text, &path.display().to_string()).into_diagnostic()?;
    let pushed = history.push(line);
    write(path, &pushed).into_diagnostic()?;
    Ok(Some(FalseAlarms::count(&history, &host)))
}

/// Appends with one write, so that two runs that end together both stand there; a rewrite takes its place by one rename.
fn write(path: &Path, pushed: &Pushed) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir)?;
    match pushed {
        Pushed::Append(line) => {
            let mut options = OpenOptions::new();
            let mut file = options.create(true).append(true).open(path)?;
            file.write_all(line.as_bytes())
        }
        Pushed::Rewrite(whole) => {
            let mut file = tempfile::NamedTempFile::new_in(dir)?;
            file.write_all(whole.as_bytes())?;
            file.persist(path)?;
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bench_core::aa::AaRecord;
    use bench_core::compare::ComparisonVerdict;
    use bench_core::record::Completion;
    use bench_core::sample;

    fn run(id: &str, verdict: ComparisonVerdict) -> RunRecord {
        let mut record = sample::run_record();
        record.id = id.to_owned();
        let mut comparisons = record.comparisons.clone();
        for comparison in &mut comparisons {
            comparison.verdict = verdict;
        }
        record.aa = Some(AaRecord {
            target: record.targets[0].clone(),
            comparisons,
            machine: None,
        });
        record
    }

    #[test]
    fn runs_add_up_and_those_cut_short_are_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bench").join(FILE);
        let counted = |record: &RunRecord| {
            let told = add(&path, record).unwrap();
            told.map(|told| (told.different, told.runs))
        };
        let alike = run("one", ComparisonVerdict::Equivalent);
        assert_eq!(counted(&alike), Some((0, 1)));
        let different = run("two", ComparisonVerdict::Slower);
        assert_eq!(counted(&different), Some((1, 2)));
        let cut = RunRecord {
            completion: Completion::Interrupted,
            ..run("three", ComparisonVerdict::Slower)
        };
        assert_eq!(counted(&cut), None);
        assert_eq!(counted(&sample::run_record()), None);
        let last = run("four", ComparisonVerdict::Inconclusive);
        assert_eq!(counted(&last), Some((1, 3)));
    }
}
