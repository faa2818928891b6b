//! Records that the user named: of runs, and of sweeps.

use std::path::{Path, PathBuf};

use model::record::load_report::LoadReport;
use model::record::read::MAX_RECORD_BYTES;
use model::record::run::RunRecord;
use model::record::sweep::whole::SweepRecord;
use serde::Deserialize;
use serde::de::IgnoredAny;

use process::failure::{Explain, Failure};
use process::files::{self, STDIN};

/// The record of a run, in its directory.
pub const RUN: &str = "run.json";

/// The file of the record of a sweep.
pub const SWEEP: &str = "sweep.json";

/// What a record is of.
#[derive(Debug)]
pub enum Stored {
    /// Of a run.
    Run(Box<RunRecord>),
    /// Of a sweep.
    Sweep(Box<SweepRecord>),
    /// What `bench load --json` prints, which is of one load.
    Load(Box<LoadReport>),
}

/// Reads the record of the directory of a run or a sweep, its file, or standard input.
pub fn read(named: &Path) -> Result<Stored, Failure> {
    let path = path_of(named);
    let text = files::read_text(&path, MAX_RECORD_BYTES).or_usage(
        || format!("cannot read {}", path.display()),
        "name a directory below results/runs, or its run.json",
    )?;
    let place = path.display().to_string();
    let keys: Keys = serde_json::from_str(&text).unwrap_or_default();
    if keys.steps.is_some() {
        let record = SweepRecord::from_json(&text, &place).map_err(Failure::usage_of)?;
        return Ok(Stored::Sweep(Box::new(record)));
    }
    if keys.load.is_some() && keys.targets.is_none() {
        let report = serde_json::from_str(&text).or_usage(
            || format!("cannot read {place} as what `bench load --json` prints"),
            "print it again with this version",
        )?;
        return Ok(Stored::Load(Box::new(report)));
    }
    let record = RunRecord::from_json(&text, &place).map_err(Failure::usage_of)?;
    Ok(Stored::Run(Box::new(record)))
}

/// Reads the record of a run, where one of a sweep is of no use.
pub fn read_run(named: &Path) -> Result<RunRecord, Failure> {
    read(named)?.run(named)
}

impl Stored {
    /// The record of a run, where one of a sweep is of no use.
    pub fn run(self, named: &Path) -> Result<RunRecord, Failure> {
        match self {
            Self::Run(record) => Ok(*record),
            Self::Load(_) => Err(is_one_load(named)),
            Self::Sweep(_) => Err(Failure::usage(miette::miette!(
                help = "name a run; of a sweep there are `bench chart` and `bench report`, alone",
                "{} is a sweep, which has no times of one load to work with",
                named.display()
            ))),
        }
    }
}

/// Why one load is of no use where a record of a run is asked for.
pub fn is_one_load(named: &Path) -> Failure {
    Failure::usage(miette::miette!(
        help = "measure the address with `bench run --url NAME=URL`, whose record has samples to compare; `bench compare` takes \
                two results of `bench load`",
        "{} is what `bench load --json` prints, which is one load and no record of a run",
        named.display()
    ))
}

/// The directory of a record. One that was read from standard input has none; `option` then names a place.
pub fn beside(named: &Path, option: &str) -> Result<PathBuf, Failure> {
    match named {
        named if named == Path::new(STDIN) => Err(Failure::usage(miette::miette!(
            help = format!("name a place with {option}, or `{option} -` for standard output"),
            "a record from standard input has no directory for what is drawn of it"
        ))),
        named if named.is_dir() => Ok(named.to_owned()),
        named => Ok(named
            .parent()
            .map_or_else(|| PathBuf::from("."), Path::to_owned)),
    }
}

fn path_of(named: &Path) -> PathBuf {
    if !named.is_dir() {
        return named.to_owned();
    }
    let [run, sweep] = [RUN, SWEEP].map(|name| named.join(name));
    if sweep.is_file() && !run.is_file() {
        sweep
    } else {
        run
    }
}

/// Keys by which it is known what a text is of: only a sweep has steps, and only one load by itself has `load` and no targets.
#[derive(Default, Deserialize)]
struct Keys {
    steps: Option<IgnoredAny>,
    load: Option<IgnoredAny>,
    targets: Option<IgnoredAny>,
}

#[cfg(test)]
mod tests {

    use super::*;

    /// What is read of a directory that has these files.
    fn check(files: &[(&str, &str)]) -> Result<Stored, Failure> {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        read(dir.path())
    }

    #[test]
    fn a_directory_holds_a_run_or_a_sweep() {
        let (run, sweep) = (
            samples::run_record().to_json(),
            samples::sweep_record().to_json(),
        );
        assert!(matches!(check(&[("run.json", &run)]), Ok(Stored::Run(_))));
        let read = check(&[("sweep.json", &sweep)]);
        let Ok(Stored::Sweep(record)) = read else {
            panic!("{read:?}");
        };
        assert_eq!(record.to_json(), sweep);
        // Whatever the file is called.
        assert!(matches!(
            check(&[("run.json", &sweep)]),
            Ok(Stored::Sweep(_))
        ));
        let missing = check(&[]).unwrap_err().report.to_string();
        assert!(
            missing.starts_with("cannot read ") && missing.contains("run.json"),
            "{missing}"
        );
    }

    #[test]
    fn a_damaged_sweep_names_the_file_and_the_remedy() {
        let error = check(&[("sweep.json", "{\"schema_version\":2,\"steps\":[]}")]).unwrap_err();
        let text = error.report.to_string();
        assert!(
            text.contains("sweep.json:1: this is no sweep record (missing field"),
            "{text}"
        );
        let newer = check(&[("sweep.json", "{\"schema_version\":9,\"steps\":[]}")]).unwrap_err();
        let text = newer.report.to_string();
        assert!(
            text.contains("has schema version 9, and this bench reads up to 2"),
            "{text}"
        );
    }

    #[test]
    fn a_sweep_is_refused_where_a_run_is_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sweep.json");
        std::fs::write(&path, samples::sweep_record().to_json()).unwrap();
        let error = read_run(dir.path()).unwrap_err().report.to_string();
        assert!(error.contains("is a sweep"), "{error}");
    }
}
