//! Adding runs to a history.

use std::path::Path;

use analysis::history::HistoryLine;
use model::record::run::{Completion, RunRecord};
use process::failure::Failure;
use runner::history_file;

use crate::git;
use crate::output::note;

/// Adds a run that has just been measured, and says so; one that is not whole is left out, aloud.
pub(crate) fn add_measured(path: &Path, record: &RunRecord) -> Result<(), Failure> {
    match not_whole(record) {
        Some(why) => {
            note!("Not added to {}: {why}.", path.display());
            Ok(())
        }
        None => append(
            path,
            vec![HistoryLine::of(record, git::revision(Path::new(".")))],
        ),
    }
}

/// Adds lines, and says how many there are now.
pub(crate) fn append(path: &Path, lines: Vec<HistoryLine>) -> Result<(), Failure> {
    let added = history_file::add(path, lines).map_err(Failure::usage_of)?;
    if let Some(words) = added.cut_off(path) {
        note!("{words}");
    }
    let total = added.history.lines().len();
    let added = match added.runs {
        0 => "nothing new; it has".to_owned(),
        runs => format!(
            "{} added; it has",
            report::words::figures::plural(runs as u64, "run", "runs")
        ),
    };
    note!("{}: {added} {total}.", path.display());
    Ok(())
}

/// Why the figures of a run are not those of a whole one.
pub(crate) fn not_whole(record: &RunRecord) -> Option<&'static str> {
    match record.completion {
        Completion::Complete => None,
        Completion::Interrupted => Some("this run was interrupted"),
        Completion::TargetFailed => Some("a target of this run failed"),
    }
}
