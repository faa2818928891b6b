//! Sweeps by the real program, with real servers: they end, keep their steps, and go on where they were interrupted.
//!
//! These tests assert on outcomes, never on times: a machine that is busy with something else may make any step miss the objective,
//! and the sweep then has other steps. Which steps those have to be is what the strategy says.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a helper of a test may fail it, and waits for other processes"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use analysis::strategy::{KneeSearch, Next, Place, Strategy};
use model::record::log::{Log, StepResult};
use model::record::run::Completion;
use model::record::sweep::step::StepRecord;
use model::record::sweep::whole::SweepRecord;
use rustix::process::Signal;

use crate::program::{bench, end, signal, wait_for};

/// A sweep into `out`: two rates, up and down, of two targets, and at most one round around the knee.
fn sweep(out: &Path) -> Command {
    let out = out.to_str().unwrap();
    let words = "sweep --scenario ping --from 200 --to 240 -c 8 --objective p50=100ms --warmup 50ms --rounds 1";
    let args: Vec<&str> = words.split(' ').chain(["--out", out]).collect();
    bench(&args)
}

fn scratch() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("sweep");
    (dir, out)
}

/// The steps that are kept by now.
fn kept(out: &Path) -> Vec<StepRecord> {
    let bytes = std::fs::read(out.join("steps.ndjson")).unwrap_or_default();
    let Ok(log) = Log::read(&bytes, "steps.ndjson") else {
        return Vec::new();
    };
    let rate = |step| match step {
        StepResult::Rate(rate) => Some(rate),
        StepResult::Block(_) | StepResult::Profile => None,
    };
    let steps = log.steps.into_iter().filter_map(|(step, _)| step.measured);
    steps.filter_map(rate).collect()
}

fn record(out: &Path) -> SweepRecord {
    serde_json::from_slice(&std::fs::read(out.join("sweep.json")).unwrap()).unwrap()
}

/// Waits until the first step of a sweep is kept.
fn wait_for_a_step(out: &Path) {
    wait_for("a step", || (!kept(out).is_empty()).then_some(()));
}

/// It went to its end. Invalid is what a busy machine makes of it.
fn check_ended(output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 3)), "{said}");
}

/// All that a whole sweep leaves.
fn check_whole(out: &Path) {
    let record = record(out);
    assert_eq!(record.completion, Completion::Complete);
    let strategy = KneeSearch(&record.plan);
    for (index, step) in record.steps.iter().enumerate() {
        let Next::Step(asked) = strategy.next(&record.steps[..index]) else {
            panic!("step {index} was not asked for");
        };
        let (pass, rung) = (step.pass, step.rung);
        assert_eq!(asked.round, step.round);
        assert_eq!(asked.place, Place::Rung { pass, rung });
        let asked = asked
            .turns
            .iter()
            .map(|turn| &record.plan.targets[turn.target].name);
        let measured = step.epochs.iter().map(|epoch| &epoch.target);
        assert!(asked.eq(measured), "step {index}");
        assert!(step.epochs.iter().all(|epoch| epoch.requests.balances()));
    }
    assert_eq!(strategy.next(&record.steps), Next::Done);
    let epochs = record.steps.iter().map(|step| step.epochs.len());
    let csv = std::fs::read_to_string(out.join("summary.csv")).unwrap();
    assert_eq!(csv.lines().count(), 1 + epochs.sum::<usize>());
    let svg = std::fs::read_to_string(out.join("charts/latency-by-load.svg")).unwrap();
    assert!(svg.contains("Solid lines are the way up"));
    let page = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("Every step") && page.contains("data-chart=\"latency-by-load\""));
    assert!(
        std::fs::read(out.join("charts/latency-by-load.png"))
            .unwrap()
            .starts_with(b"\x89PNG")
    );
}

#[test]
fn a_sweep_goes_up_and_down_and_says_what_it_found() {
    let (_dir, out) = scratch();
    let output = end(sweep(&out).spawn().unwrap());
    check_ended(&output);
    let reported = String::from_utf8(output.stdout).unwrap();
    check_whole(&out);
    let verdicts = report::words::sweep::verdicts(&record(&out));
    assert!(verdicts[0].starts_with("callback "), "{verdicts:?}");
    assert!(
        verdicts.iter().all(|verdict| reported.contains(verdict)),
        "{reported}"
    );

    let page = out.join("report.html");
    let written = std::fs::read(&page).unwrap();
    std::fs::remove_file(&page).unwrap();
    let again = |flags: &[&str]| {
        let args = ["report", out.to_str().unwrap()];
        end(bench(&[&args, flags].concat()).spawn().unwrap())
    };
    assert_eq!(again(&[]).status.code(), Some(0));
    assert_eq!(std::fs::read(&page).unwrap(), written);
    let refused = again(&["--markdown"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("Markdown"), "{said}");
}

#[test]
fn an_interrupted_sweep_keeps_its_steps_and_the_same_command_goes_on() {
    let (_dir, out) = scratch();
    let child = sweep(&out).spawn().unwrap();
    wait_for_a_step(&out);
    signal(child.id().cast_signed(), Signal::INT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let partial = record(&out);
    assert_eq!(partial.completion, Completion::Interrupted);
    let before = kept(&out);
    assert!(!before.is_empty());
    let output = end(sweep(&out).spawn().unwrap());
    check_ended(&output);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("going on with"), "{said}");
    check_whole(&out);
    assert_eq!(kept(&out)[..before.len()], before);
}

#[test]
fn a_sweep_that_was_killed_is_resumed_by_its_directory_alone() {
    let (_dir, out) = scratch();
    let child = sweep(&out).spawn().unwrap();
    wait_for_a_step(&out);
    signal(child.id().cast_signed(), Signal::KILL);
    child.wait_with_output().unwrap();
    assert!(!out.join("sweep.json").exists());
    let before = kept(&out);
    let resume = || {
        let args = ["sweep", "--resume", out.to_str().unwrap(), "--json"];
        end(bench(&args).spawn().unwrap())
    };
    let output = resume();
    check_ended(&output);
    let printed: SweepRecord = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed, record(&out));
    check_whole(&out);
    assert_eq!(kept(&out)[..before.len()], before);
    // Nothing is left to measure, and nothing is measured.
    let steps = kept(&out);
    check_ended(&resume());
    assert_eq!(kept(&out), steps);
}

#[test]
fn a_sweep_of_anything_else_is_not_gone_on_with() {
    let (_dir, out) = scratch();
    let child = sweep(&out).spawn().unwrap();
    wait_for_a_step(&out);
    signal(child.id().cast_signed(), Signal::INT);
    child.wait_with_output().unwrap();
    let mut other = sweep(&out);
    other.args(["--seed", "2"]);
    let output = end(other.spawn().unwrap());
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("another state of the seed"), "{said}");
}
