//! Earlier runs, as far as they tell how much the blocks of a planned one will differ.

use std::path::{Path, PathBuf};

use analysis::detectable::{EarlierRun, Likeness, MAX_RUNS};
use model::record::read::MAX_RECORD_BYTES;
use model::spec::plan::Plan;

use process::files;

/// The most records that are looked into: a run waits for it.
const MAX_LOOKED_INTO: usize = 20;

/// The latest runs below `runs` that are like the planned one, latest first, at most [`MAX_RUNS`]. What can't be read is
/// passed over: it can't tell anything, and the run that is planned does not depend on it.
pub fn runs_like(runs: &Path, plan: &Plan, likeness: &Likeness<'_>) -> Vec<EarlierRun> {
    let records = records_of(runs, likeness.scenario);
    let latest = records.into_iter().rev().take(MAX_LOOKED_INTO);
    latest
        .filter_map(|path| files::read_text(&path, MAX_RECORD_BYTES).ok())
        .filter_map(|text| serde_json::from_str::<EarlierRun>(&text).ok())
        .filter(|run| run.is_like(plan, likeness))
        .take(MAX_RUNS)
        .collect()
}

/// The records of a scenario's runs, oldest first: directories are named for the time and the scenario.
fn records_of(runs: &Path, scenario: &str) -> Vec<PathBuf> {
    let suffix = format!("-{scenario}");
    let entries = std::fs::read_dir(runs).into_iter().flatten().flatten();
    let mut records: Vec<PathBuf> = entries
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            !name.starts_with('.') && name.ends_with(&suffix)
        })
        .map(|entry| entry.path().join("run.json"))
        .collect();
    records.sort_unstable();
    records
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::spec::plan::{Effort, PlanSpec};

    fn plan() -> Plan {
        Plan::new(&PlanSpec::new(Effort::Default, 2, 1)).unwrap()
    }

    #[test]
    fn the_latest_runs_of_the_scenario_are_found_and_anything_else_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let mut record = samples::run_record();
        let mut keep = |name: &str, text: Option<&str>| {
            record.id = name.to_owned();
            let place = dir.path().join(name);
            std::fs::create_dir(&place).unwrap();
            let json = record.to_json();
            std::fs::write(place.join("run.json"), text.unwrap_or(&json)).unwrap();
        };
        for day in 10..20 {
            keep(&format!("202611{day}T120000Z-io-heavy"), None);
        }
        keep("20261121T120000Z-io-heavy", Some("{}"));
        keep("20261122T120000Z-not-io-heavier", None);
        keep(".bench-io-heavy", None);
        let record = samples::run_record();
        let likeness = Likeness {
            scenario: "io-heavy",
            connections: 256,
            rate_per_s: Some(1000.0),
            environment: &record.environment,
        };
        let found = runs_like(dir.path(), &plan(), &likeness);
        let reported = analysis::detectable::detectable(&plan(), &found).unwrap();
        let expected: Vec<String> = (15..20)
            .rev()
            .map(|day| format!("202611{day}T120000Z-io-heavy"))
            .collect();
        assert_eq!(reported.runs, expected);
        assert!(runs_like(&dir.path().join("nowhere"), &plan(), &likeness).is_empty());
    }

    #[test]
    fn no_more_records_are_looked_into_than_the_bound_says() {
        let dir = tempfile::tempdir().unwrap();
        let record = samples::run_record();
        let keep = |name: String, text: &str| {
            let place = dir.path().join(name);
            std::fs::create_dir(&place).unwrap();
            std::fs::write(place.join("run.json"), text).unwrap();
        };
        let likeness = Likeness {
            scenario: "io-heavy",
            connections: 256,
            rate_per_s: None,
            environment: &record.environment,
        };
        keep("a-io-heavy".to_owned(), &record.to_json());
        for number in 1..MAX_LOOKED_INTO {
            keep(format!("b{number:02}-io-heavy"), "not a record");
        }
        assert_eq!(runs_like(dir.path(), &plan(), &likeness).len(), 1);
        keep("c-io-heavy".to_owned(), "one more");
        assert!(runs_like(dir.path(), &plan(), &likeness).is_empty());
    }
}
