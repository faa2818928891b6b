//! Sweeps of every kind that a report has to bear: what the tests check and the example draws.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "fixed data, shared by tests and an example, each of which sees its own copy"
)]

use model::record::target::Failure;

use analysis::sweep::Ended;
use model::record::sweep::knee::{Known, Limit};
use model::record::sweep::step::StepRecord;
use model::record::sweep::whole::SweepRecord;

/// Every one with its name.
pub fn all() -> Vec<(&'static str, SweepRecord)> {
    let whole = samples::sweep_record();
    vec![
        ("nothing", part(&whole, 0, &["callback", "coroutine"])),
        ("one-step", part(&whole, 1, &["callback", "coroutine"])),
        ("part-of-a-climb", part(&whole, 5, &["callback"])),
        ("bounds-only", bounds_only(&whole)),
        ("many", many(&whole)),
        ("hostile", hostile(&whole)),
        ("whole", whole),
    ]
}

/// The first steps of a sweep, of some of its targets, which was interrupted then.
fn part(whole: &SweepRecord, steps: usize, targets: &[&str]) -> SweepRecord {
    let mut plan = samples::sweep_plan(targets, 1);
    plan.asked = None;
    let mut steps = whole.steps[..steps].to_vec();
    for step in &mut steps {
        step.epochs
            .retain(|epoch| targets.contains(&epoch.target.as_str()));
    }
    let ended = Ended {
        interrupted: true,
        ..Ended::default()
    };
    analysis::sweep::record(plan, steps, ended)
}

/// The generator was full before any target was.
fn bounds_only(whole: &SweepRecord) -> SweepRecord {
    let mut record = whole.clone();
    for result in &mut record.results {
        (result.knee.known, result.knee.limit) = (Known::AtLeast, Some(Limit::Generator));
        (result.knee.ci_low_per_s, result.knee.ci_high_per_s) = (None, None);
    }
    record
}

/// Eleven targets, each a little slower than the one before.
fn many(whole: &SweepRecord) -> SweepRecord {
    let names = [
        "callback",
        "callback-cluster",
        "coroutine",
        "coroutine-single",
        "coroutine-asyncio",
        "node",
        "node-cluster",
        "fastapi",
        "fastapi-uvloop",
        "uvicorn",
        "uvicorn-uvloop",
    ];
    let many = |step: &StepRecord| {
        let mut step = step.clone();
        let epochs = std::mem::take(&mut step.epochs);
        step.epochs = names
            .iter()
            .enumerate()
            .map(|(index, name)| {
                let mut epoch = epochs[index % epochs.len()].clone();
                (*name).clone_into(&mut epoch.target);
                let slower = 1.0 + index as f64 / 20.0;
                let times = &mut epoch.time_ns;
                for ns in [&mut times.p50, &mut times.p99] {
                    *ns = ns.map(|ns| (ns as f64 * slower) as u64);
                }
                epoch
            })
            .collect();
        step
    };
    let steps = whole.steps.iter().map(many).collect();
    analysis::sweep::record(samples::sweep_plan(&names, 1), steps, Ended::default())
}

/// Text from a user's own files, made to break out of wherever it is put.
fn hostile(whole: &SweepRecord) -> SweepRecord {
    let evil =
        "</script><script>alert(1)</script>\"'&]]>\u{0}\u{1b}[31m http://example.invalid/x.js";
    let mut record = whole.clone();
    evil.clone_into(&mut record.plan.scenario.name);
    evil.clone_into(&mut record.plan.scenario.description);
    record.plan.command.push(evil.to_owned());
    record.results[1].failure = Some(Failure {
        what: evil.to_owned(),
        last_output: evil.to_owned(),
    });
    record
}
