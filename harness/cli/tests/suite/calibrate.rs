//! The instrument held against known truths by the real program: its result is whole, its exit code follows from it, runs
//! cite it, and nothing is left running. Times are the machine's: none is asserted.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a helper of a test may fail it, and waits for other processes"
)]

use std::path::Path;
use std::process::Child;

use model::record::run::RunRecord;
use rustix::process::Signal;
use serde_json::Value;

use crate::program::{bench, end, signal, wait_for};

/// Starts `bench` with a cache directory of its own.
fn start(args: &[&str], cache: &Path) -> Child {
    bench(args).env("XDG_CACHE_HOME", cache).spawn().unwrap()
}

/// The processes that `parent` started, each with its state: they carry its process id on their command line.
fn children_of(parent: u32) -> Vec<(i32, char)> {
    let mark = ["--parent".to_owned(), parent.to_string()];
    let processes = procfs::process::all_processes().unwrap().flatten();
    processes
        .filter_map(|process| {
            let words = process.cmdline().ok()?;
            let state = process.stat().ok()?.state;
            let is_ours = words.windows(2).any(|pair| pair == mark) && state != 'Z';
            is_ours.then_some((process.pid, state))
        })
        .collect()
}

/// The figure of a case by its name.
fn figure<'a>(case: &'a Value, name: &str) -> &'a Value {
    let figures = case["figures"].as_array().unwrap();
    figures
        .iter()
        .find(|figure| figure["figure"] == name)
        .unwrap_or_else(|| panic!("no {name} in {case:#}"))
}

#[test]
fn its_result_is_whole_and_runs_cite_it() {
    let cache = tempfile::tempdir().unwrap();
    let calibrate = start(&["calibrate", "overload", "frozen", "--json"], cache.path());
    let id = calibrate.id();
    let output = end(calibrate);
    assert!(children_of(id).is_empty());
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    let failed = result["failed"].as_u64().unwrap();
    // A busy machine may have disturbed it; the exit code follows from the result, whatever that is.
    assert_eq!(output.status.code(), Some(if failed == 0 { 0 } else { 3 }));
    let [overload, frozen] = result["cases"].as_array().unwrap().as_slice() else {
        panic!("{result:#}")
    };
    for (case, scheduled) in [(overload, 5_000.0), (frozen, 4_000.0)] {
        assert_eq!(case["entries"], "passed", "{case:#}");
        assert_eq!(case["sent"], case["arrived"], "{case:#}");
        assert_eq!(figure(case, "scheduled")["measured"], scheduled, "{case:#}");
    }
    // One worker can't have answered more than one request in 5 ms.
    let unfinished = figure(overload, "unfinished")["measured"].as_f64();
    assert!(
        unfinished.is_some_and(|count| count >= 4_000.0),
        "{overload:#}"
    );
    assert_eq!(figure(frozen, "flagged_for_send_lag")["measured"], 1.0);
    let kept = cache.path().join("bench").join("calibration.json");
    assert!(!kept.exists(), "a selection is not kept");

    std::fs::create_dir_all(kept.parent().unwrap()).unwrap();
    std::fs::write(&kept, &output.stdout).unwrap();
    let out = cache.path().join("run");
    let run = ["run", "--scenario", "ping", "-d", "4s", "--rounds", "1"];
    let run = [&run[..], &["--out", out.to_str().unwrap()]].concat();
    end(start(&run, cache.path()));
    let text = std::fs::read_to_string(out.join("run.json")).unwrap();
    let cited = RunRecord::from_json(&text, "run.json").unwrap().calibration;
    let cited = cited.unwrap();
    assert_eq!(cited.at, result["at"]);
    assert_eq!(u64::from(cited.failed), failed);
    assert!(cited.same_binary);
}

#[test]
fn killed_while_its_generator_is_frozen_it_leaves_nothing() {
    let cache = tempfile::tempdir().unwrap();
    let mut calibrate = start(&["calibrate", "frozen"], cache.path());
    let id = calibrate.id();
    wait_for("a frozen generator", || {
        let is_frozen = |&(_, state): &(i32, char)| state == 'T';
        children_of(id).into_iter().find(is_frozen)
    });
    signal(id.cast_signed(), Signal::KILL);
    calibrate.wait().unwrap();
    wait_for("its children to end", || {
        children_of(id).is_empty().then_some(())
    });
}

#[test]
fn an_interrupt_ends_it_and_keeps_nothing() {
    let cache = tempfile::tempdir().unwrap();
    let calibrate = start(&["calibrate"], cache.path());
    let id = calibrate.id();
    wait_for("its server", || (!children_of(id).is_empty()).then_some(()));
    signal(id.cast_signed(), Signal::INT);
    assert_eq!(end(calibrate).status.code(), Some(130));
    assert!(children_of(id).is_empty());
    assert!(!cache.path().join("bench").join("calibration.json").exists());
}
