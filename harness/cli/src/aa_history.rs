//! This machine's A/A comparisons, kept from run to run in the cache directory: by them it is known how often a difference is
//! called where there is none.

use crate::output::note;
use std::path::Path;

use analysis::aa;
use model::record::aa::FalseAlarms;
use model::record::run::RunRecord;

use process::data_files;
use process::failure::{Explain, Failure};
use runner::history_file::{self, HistoryFileError};

/// The file's name. It is a history as `bench history` reads it, with its bounds.
const FILE: &str = "aa.ndjson";

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
fn add(path: &Path, record: &RunRecord) -> Result<Option<FalseAlarms>, HistoryFileError> {
    let Some(line) = aa::history_line(record) else {
        return Ok(None);
    };
    let host = line.host.clone();
    let added = history_file::add(path, vec![line])?;
    if let Some(words) = added.cut_off(path) {
        note!("{words}");
    }
    Ok(Some(aa::false_alarms(&added.history, &host)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::record::aa::AaRecord;
    use model::record::run::Completion;
    use model::record::verdict::ComparisonVerdict;

    fn run(id: &str, verdict: ComparisonVerdict) -> RunRecord {
        let mut record = samples::run_record();
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
            let reported = add(&path, record).unwrap();
            reported.map(|reported| (reported.different, reported.runs))
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
        assert_eq!(counted(&samples::run_record()), None);
        let last = run("four", ComparisonVerdict::Inconclusive);
        assert_eq!(counted(&last), Some((1, 3)));
        // The line of a run whose write was interrupted is cut off, and the others count on.
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 10]).unwrap();
        let next = run("five", ComparisonVerdict::Slower);
        assert_eq!(counted(&next), Some((2, 3)));
    }
}
