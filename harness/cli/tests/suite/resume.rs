//! A run that is killed at any moment goes on where it was, and gives the record that its plan asks for.
//!
//! `scripts/kills` tries more moments, signals and commands.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a helper of a test may fail it, and waits for other processes"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use model::record::run::{Completion, RunRecord};
use rand::{RngExt as _, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use rustix::process::Signal;

use crate::program::{bench, end, signal, wait_for};

/// Moments that are tried.
const KILLS: u64 = 2;

/// Chooses them.
const SEED: u64 = 1;

/// Blocks of the run.
const BLOCKS: usize = 10;

/// The two lines before those of blocks.
const HEAD_LINES: usize = 2;

/// A short run into `out`: five rounds of two blocks.
fn run(out: &Path) -> Command {
    let words = "run --scenario ping --quick -d 4s -w 20ms -c 8 -R 200 --seed 7 --out";
    let args: Vec<&str> = words.split(' ').chain([out.to_str().unwrap()]).collect();
    bench(&args)
}

fn resume(out: &Path) -> Option<i32> {
    let args = ["run", "--resume", out.to_str().unwrap()];
    end(bench(&args).spawn().unwrap()).status.code()
}

fn scratch() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    (dir, out)
}

fn lines(out: &Path) -> usize {
    let log = std::fs::read_to_string(out.join("steps.ndjson")).unwrap_or_default();
    log.matches('\n').count()
}

fn json(out: &Path) -> String {
    std::fs::read_to_string(out.join("run.json")).unwrap()
}

/// A whole record, of the plan that the run began with.
fn check_whole(out: &Path) -> RunRecord {
    let record = RunRecord::from_json(&json(out), "run.json").unwrap();
    assert_eq!(record.completion, Completion::Complete);
    assert_eq!((record.seed, record.plan.order.len()), (7, BLOCKS));
    for (index, target) in record.targets.iter().enumerate() {
        let mut blocks: Vec<u32> = target.epochs.iter().map(|epoch| epoch.block).collect();
        blocks.sort_unstable();
        let planned = record
            .plan
            .order
            .iter()
            .zip(0..)
            .flat_map(|(order, block)| {
                let turns = order.iter().filter(|&&turn| turn == index);
                turns.map(move |_| block)
            });
        assert_eq!(blocks, planned.collect::<Vec<u32>>(), "{}", target.name);
        assert!(target.report.requests.balances());
    }
    let entries = std::fs::read_dir(out.parent().unwrap()).unwrap();
    let beside: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(beside, ["run"], "nothing is left beside the run");
    for name in ["report.html", "summary.csv", "callback.hgrm"] {
        assert!(out.join(name).is_file(), "{name}");
    }
    record
}

#[test]
fn a_run_that_was_killed_at_any_moment_goes_on_with_the_same_plan() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(SEED);
    for kill in 0..KILLS {
        let (_dir, out) = scratch();
        // From the first line to the last, and somewhere within what comes after it.
        let after = random.random_range(1..=HEAD_LINES + BLOCKS);
        let more = Duration::from_millis(random.random_range(0..1_500));
        println!("kill {kill}: {more:?} after line {after}");
        let child = run(&out).spawn().unwrap();
        wait_for("a line", || (lines(&out) >= after).then_some(()));
        std::thread::sleep(more);
        signal(child.id().cast_signed(), Signal::KILL);
        child.wait_with_output().unwrap();
        // Invalid is what a busy machine makes of it.
        let code = resume(&out);
        assert!(matches!(code, Some(0 | 3)), "{code:?}");
        check_whole(&out);
        // The record is a function of the log: nothing is left to measure, and the same comes out again.
        let (written, kept) = (json(&out), lines(&out));
        assert_eq!(resume(&out), code);
        assert!(json(&out) == written && lines(&out) == kept);
    }
}

#[test]
fn a_run_that_was_interrupted_goes_on_and_measures_a_cut_block_again() {
    let (_dir, out) = scratch();
    let child = run(&out).spawn().unwrap();
    wait_for("two blocks", || {
        (lines(&out) >= HEAD_LINES + 2).then_some(())
    });
    signal(child.id().cast_signed(), Signal::INT);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
    let partial = RunRecord::from_json(&json(&out), "run.json").unwrap();
    assert_eq!(partial.completion, Completion::Interrupted);
    let code = resume(&out);
    assert!(matches!(code, Some(0 | 3)), "{code:?}");
    check_whole(&out);
}
