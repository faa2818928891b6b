//! `bench rerun` measures again what a record describes, whatever became of the files that it was made of, and compares the two.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a helper of a test may fail it, and shows what the program printed"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use model::record::run::{Completion, RunRecord};

use crate::program;

const SCENARIO: &str = "description = \"Little\"\nquestion = \"Is it there?\"\nconnections = 4\n\
    [load]\narrival = \"open\"\nrate_per_s = 200\n[[requests]]\nroute = \"/plaintext\"\n";

const MANIFEST: &str = r#"description = "ours, by a manifest of its own"
runtime = "mio"
loop = "libuv-style loop"
command = "{bench}"
args = ["serve", "callback", "--port", "{port}", "--data-dir", "{data_dir}", "--pool", "{pool}", "--workers", "{workers}"]
version = ["{bench}", "version-of", "mio"]
workers = 1
"#;

/// Neither the scenario nor the seed that anything else has.
const SEED: &str = "4711";

fn check(args: &[&str]) -> Output {
    let mut command = Command::new(program::path());
    let output = command.args(args).env("NO_COLOR", "1").output().unwrap();
    println!("{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn record(dir: &Path) -> RunRecord {
    let json = std::fs::read_to_string(dir.join("run.json")).unwrap();
    RunRecord::from_json(&json, "run.json").unwrap()
}

/// A directory with a run in it, whose scenario and manifest are gone.
fn measured() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let (scenario, manifest) = (dir.path().join("little.toml"), dir.path().join("mine.toml"));
    std::fs::write(&scenario, SCENARIO).unwrap();
    std::fs::write(&manifest, MANIFEST).unwrap();
    let out = dir.path().join("before");
    let words = "run --quick -d 4s -w 20ms --target coroutine --seed";
    let args: Vec<&str> = words.split(' ').chain([SEED]).collect();
    let files = ["--target", text(&manifest), "--scenario", text(&scenario)];
    let output = check(&[&args[..], &files, &["--out", text(&out)]].concat());
    assert!(matches!(output.status.code(), Some(0 | 3)));
    std::fs::remove_file(scenario).unwrap();
    std::fs::remove_file(manifest).unwrap();
    (dir, out)
}

#[test]
fn what_a_record_describes_is_measured_again_and_compared() {
    let (dir, before) = measured();
    let again = dir.path().join("again");
    let args = ["rerun", text(&before), "--force", "--out", text(&again)];
    let output = check(&args);
    // Invalid is what a busy machine makes of it.
    assert!(matches!(output.status.code(), Some(0 | 3)));
    let (before, again) = (record(&before), record(&again));
    assert_eq!(again.completion, Completion::Complete);
    assert_ne!(again.id, before.id);
    assert_eq!(again.seed.to_string(), SEED);
    assert_eq!(again.seed, before.seed);
    assert_eq!(again.scenario, before.scenario);
    assert_eq!(again.scenario.source, SCENARIO);
    assert_eq!(again.experiment, before.experiment);
    assert_eq!(again.plan.order, before.plan.order);
    assert_eq!(again.pinning, before.pinning);
    let manifests = |record: &RunRecord| -> Vec<_> {
        let targets = record.targets.iter();
        targets.map(|target| target.manifest.clone()).collect()
    };
    assert_eq!(manifests(&again), manifests(&before));
    assert_eq!(manifests(&again)[1].source, MANIFEST);
    let printed = String::from_utf8(output.stdout).unwrap();
    for target in &before.targets {
        let is_row = |line: &str| {
            let mut words = line.split_whitespace();
            words.next() == Some(&target.name) && line.contains("p50")
        };
        assert!(printed.lines().any(is_row), "{printed}");
    }
}

#[test]
fn a_record_that_does_not_say_what_was_asked_for_is_refused_with_the_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let old = concat!(env!("CARGO_MANIFEST_DIR"), "/../model/tests/records");
    let again = dir.path().join("again");
    let mut refused = 0;
    for entry in std::fs::read_dir(old).unwrap() {
        let path = entry.unwrap().path();
        let json = std::fs::read_to_string(&path).unwrap_or_default();
        let run = RunRecord::from_json(&json, "run.json");
        if run.is_ok_and(|run| run.experiment.is_none()) {
            let output = check(&["rerun", text(&path), "--out", text(&again)]);
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{said}");
            assert!(
                said.contains("repeat the command that the record names"),
                "{said}"
            );
            assert!(!again.exists());
            refused += 1;
        }
    }
    assert!(refused > 0, "there is no record without an experiment");
}
