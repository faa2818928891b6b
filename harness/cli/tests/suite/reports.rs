//! Where `bench report` writes what it draws.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

use crate::program;

/// Runs `bench report` on the sample's record, once for each of `runs`, and returns the paths that it prints.
fn check(runs: &[&str], options: &[&str], printed: &str, written: &[&str]) {
    let directory = tempfile::tempdir().unwrap();
    for run in runs {
        let run = directory.path().join(run);
        std::fs::create_dir_all(&run).unwrap();
        std::fs::write(run.join("run.json"), samples::run_record().to_json()).unwrap();
    }
    let output = Command::new(program::path())
        .current_dir(directory.path())
        .arg("report")
        .args(runs)
        .args(options)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), printed);
    for file in written {
        assert!(directory.path().join(file).is_file(), "{file}");
    }
    let page = std::fs::read_to_string(directory.path().join(Path::new(printed))).unwrap();
    assert_eq!(page.matches("<section class=\"run\"").count(), runs.len());
}

#[test]
fn one_run_is_drawn_again_in_its_place() {
    let written = ["a/report.html", "a/charts/throughput.svg"];
    check(&["a"], &[], "a/report.html", &written);
}

#[test]
fn several_runs_share_a_page() {
    check(&["a", "b", "c"], &[], "report.html", &[]);
    check(&["a", "b"], &["-o", "both.html"], "both.html", &[]);
}
