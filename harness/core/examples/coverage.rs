//! Prints how often the statistics are right, on made-up machines whose truth is known, as Markdown.
//!
//! `cargo run --release -p bench-core --example coverage [RUNS]`: 2,000 runs a line unless told otherwise, a few minutes.
//! The tests hold the same figures to their bounds with fewer runs.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it says what it found"
)]

use std::process::ExitCode;

use bench_core::plan::{Effort, Plan, PlanSpec};
use bench_core::simulate::{Noise, Series, rates};

/// The difference that is to be found, beside none.
const EFFECT: f64 = 0.10;
/// By how much a cold target begins slower, beside none.
const WARMING: f64 = 0.3;

fn main() -> ExitCode {
    let runs = match std::env::args().nth(1).map(|count| count.parse()) {
        None => 2_000,
        Some(Ok(runs)) => runs,
        Some(Err(error)) => {
            eprintln!("how many runs? {error}");
            return ExitCode::from(2);
        }
    };
    println!("{runs} runs a line; shares in per cent.\n");
    println!(
        "| plan | noise | covered | BCa covered | p <= 0.05 alike | called different alike | found of {:.0} % | MDE | warned: cold | place | rounds | cold found |",
        EFFECT.exp_m1() * 100.0
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    for effort in [Effort::Quick, Effort::Default, Effort::Thorough] {
        let plan = plan(effort);
        for noise in Noise::ALL {
            let alike = rates(&plan, 0.0, 0.0, noise, runs);
            let apart = rates(&plan, EFFECT, 0.0, noise, runs);
            let cold = rates(&plan, 0.0, WARMING, noise, runs);
            let shares = [
                alike.covered,
                alike.covered_by_bootstrap,
                alike.rejected,
                alike.called_different,
                apart.first_called_different,
                alike.mde,
                alike.unsteady,
                alike.place_matters,
                alike.rounds_differ,
                cold.unsteady,
            ];
            let cells: Vec<String> = shares
                .iter()
                .map(|share| format!("{:.1}", share * 100.0))
                .collect();
            println!(
                "| {} | {} | {} |",
                effort.name(),
                noise.name(),
                cells.join(" | ")
            );
        }
    }
    println!("\nQuantiles of one series of stretches of 100 requests.\n");
    println!(
        "| stretches | memory from one to the next | p50 covered | p90 covered |\n|---|---|---|---|"
    );
    for stretches in [48, 400] {
        for memory in [0.0, 0.5, 0.8, 0.9] {
            let series = Series {
                stretches,
                requests: 100,
                memory,
                levels: 0.2,
            };
            println!(
                "| {stretches} | {memory} | {:.1} | {:.1} |",
                series.covered(5_000, runs) * 100.0,
                series.covered(9_000, runs) * 100.0
            );
        }
    }
    ExitCode::SUCCESS
}

fn plan(effort: Effort) -> Plan {
    let spec = PlanSpec {
        effort,
        targets: 2,
        rounds: None,
        profile: None,
        duration: None,
        warmup: None,
        seed: 1,
    };
    Plan::new(&spec).expect("the usual plan of a pair is possible")
}
