//! A made-up preset, measured: workloads in which another target is better, one in which neither is, and one that could not be measured.

#![allow(unreachable_pub, reason = "an example sees its own copy")]

use analysis::compare::{Policy, verdict};
use model::record::run::RunRecord;
use report::words::preset::{Answered, Part};

/// Scenario, what a request costs there, and by how much more of everything the second target takes.
const WORKLOADS: [(&str, &str, f64); 4] = [
    ("ping", "nothing", 2.4),
    ("io-heavy", "two calls to another service", 1.3),
    (
        "fan-out",
        "eight calls at the same time, and what comes back is put together",
        1.0,
    ),
    ("cpu-heavy", "a calculation", 0.6),
];

/// The preset, with these records made of `sample`, a run of two targets.
pub fn answered(sample: &RunRecord) -> Answered {
    let measured = WORKLOADS.iter().flat_map(|&(scenario, work, factor)| {
        [false, true].map(|is_capacity| Part {
            scenario: scenario.to_owned(),
            work: work.to_owned(),
            is_capacity,
            dir: format!("01-{scenario}"),
            record: Ok(times(sample, factor)),
        })
    });
    let missing = Part {
        scenario: "database".to_owned(),
        work: "PostgreSQL".to_owned(),
        is_capacity: false,
        dir: "09-database".to_owned(),
        record: Err("PostgreSQL was not found: install it".to_owned()),
    };
    let words = "bench run --preset node-or-fastapi --target callback,coroutine --seed 7 --out results/which-of-the-two";
    Answered {
        name: "node-or-fastapi".to_owned(),
        question: "Which of the two is better at what?".to_owned(),
        started_at: "2026-11-29T19:00:00Z".to_owned(),
        command: words.split(' ').map(str::to_owned).collect(),
        machine: "a made-up processor, 2 cores, Linux".to_owned(),
        parts: measured.chain([missing]).collect(),
    }
}

/// The record with every ratio like this one, three per cent of interval at either side.
fn times(sample: &RunRecord, ratio: f64) -> RunRecord {
    let mut record = sample.clone();
    for compared in &mut record.comparisons {
        (compared.ratio, compared.ci_low, compared.ci_high) = (ratio, ratio * 0.97, ratio * 1.03);
        compared.p_value = 0.001;
        compared.verdict = verdict(compared, &Policy::usual(1));
    }
    record
}
