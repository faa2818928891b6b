//! Prints how often the statistics are right, on made-up machines whose truth is known, as Markdown.
//!
//! `cargo run --release -p analysis --example coverage [RUNS [TABLE]]`: 2,000 runs a line unless set otherwise, a few
//! minutes a table. The tests hold the same figures to their bounds with fewer runs.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it says what it found"
)]

use std::process::ExitCode;

use analysis::simulate::{Noise, Series, effect_rates, history_rates, rates};
use model::spec::factors::{EventLoop, Factors, Style};
use model::spec::plan::{Effort, Plan, PlanSpec};
use model::spec::target::REFERENCE_TARGETS;

/// The difference that is to be found, beside none, as a logarithm.
const EFFECT: f64 = 0.10;
/// By how much a cold target begins slower, beside none, as a logarithm.
const WARMING: f64 = 0.3;

/// Prints a table of so many runs a line.
type Table = fn(u32);

const TABLES: [(&str, Table); 4] = [
    ("comparisons", comparisons),
    ("effects", effects),
    ("quantiles", quantiles),
    ("histories", histories),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runs = match arguments.first().map(|count| count.parse()) {
        None => 2_000,
        Some(Ok(runs)) => runs,
        Some(Err(error)) => {
            eprintln!("how many runs? {error}");
            return ExitCode::from(2);
        }
    };
    let wanted = |name: &str| arguments.get(1).is_none_or(|wanted| wanted == name);
    for (name, table) in TABLES.into_iter().filter(|(name, _)| wanted(name)) {
        println!("\n{name}: {runs} runs a line; shares in per cent.\n");
        table(runs);
    }
    ExitCode::SUCCESS
}

fn comparisons(runs: u32) {
    head(&[
        "plan",
        "noise",
        "covered",
        "BCa covered",
        "p <= 0.05 alike",
        "called different alike",
        "11 % found",
        "smallest detectable",
        "cold alike",
        "places alike",
        "rounds alike",
        "cold found",
    ]);
    for effort in [Effort::Quick, Effort::Default, Effort::Thorough] {
        let plan = plan_of(effort, 2);
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
                alike.smallest_detectable,
                alike.unsteady,
                alike.place_matters,
                alike.rounds_differ,
                cold.unsteady,
            ];
            line(&[effort.name(), noise.name()], &shares);
        }
    }
}

/// Effects of the reference servers: of none, and where coroutines cost more, twice as much of it on the asyncio-shaped loop as on
/// the libuv-shaped one.
fn effects(runs: u32) {
    head(&[
        "plan",
        "noise",
        "effect",
        "covered",
        "called different alike",
        "covered apart",
        "found",
    ]);
    let apart = |factors: Factors| match factors {
        Factors {
            style: Style::Callbacks,
            ..
        } => 0.0,
        Factors {
            event_loop: EventLoop::Asyncio,
            ..
        } => 2.0 * EFFECT,
        _ => EFFECT,
    };
    for effort in [Effort::Quick, Effort::Default, Effort::Thorough] {
        let plan = plan_of(effort, REFERENCE_TARGETS.len());
        for noise in Noise::ALL {
            let (alike, any_alike) = effect_rates(&plan, |_| 0.0, noise, runs);
            let (apart, _) = effect_rates(&plan, apart, noise, runs);
            for (effect, alike) in alike {
                let apart = apart[&effect];
                let shares = [
                    alike.covered,
                    alike.called_different,
                    apart.covered,
                    apart.first_called_different,
                ];
                let name = effect.name();
                line(&[effort.name(), noise.name(), name], &shares);
            }
            println!(
                "| {} | {} | any | | {:.1} | | |",
                effort.name(),
                noise.name(),
                any_alike * 100.0
            );
        }
    }
}

fn quantiles(runs: u32) {
    head(&["stretches", "memory", "p50 covered", "p90 covered"]);
    for stretches in [48, 400] {
        for memory in [0.0, 0.5, 0.8, 0.9] {
            let series = Series {
                stretches,
                requests: 100,
                memory,
                levels: 0.2,
            };
            let shares = [5_000, 9_000].map(|quantile| series.covered(quantile, runs));
            line(&[&stretches.to_string(), &memory.to_string()], &shares);
        }
    }
}

/// Histories of 60 runs with noise of 3 %, whose level shifts at run 40.
fn histories(runs: u32) {
    head(&[
        "shift",
        "found",
        "at 40 ± 2",
        "place covered",
        "effect covered",
    ]);
    for shift in [0.0, 0.03, 0.05, 0.10] {
        let reported = history_rates(60, 40, shift, 0.03, runs);
        let shares = [
            reported.found,
            reported.near,
            reported.placed,
            reported.covered,
        ];
        line(&[&format!("{:.0} %", shift * 100.0)], &shares);
    }
}

fn head(columns: &[&str]) {
    println!("| {} |", columns.join(" | "));
    println!("|{}", "---|".repeat(columns.len()));
}

fn line(names: &[&str], shares: &[f64]) {
    let shares = shares.iter().map(|share| format!("{:.1}", share * 100.0));
    let cells: Vec<String> = names
        .iter()
        .map(|&name| name.to_owned())
        .chain(shares)
        .collect();
    println!("| {} |", cells.join(" | "));
}

fn plan_of(effort: Effort, targets: usize) -> Plan {
    Plan::new(&PlanSpec::new(effort, targets, 1)).expect("the usual plan of a few is possible")
}
