//! A made-up sweep.

use std::time::Duration;

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::made_up::{SEED, built_in, character, environment, normal, whole_number};
use analysis::sweep::Ended;
use analysis::sweep::search;
use analysis::sweep::search::{Next, ROUNDS, Step};
use model::measured::accounting::Accounting;
use model::measured::summary::Times;
use model::record::read::SCHEMA_VERSION;
use model::record::surroundings::Pinning;
use model::record::sweep::design::Design;
use model::record::sweep::ladder::{HIGHEST_RATE_PER_S, Ladder};
use model::record::sweep::objective::{Origin, SweepObjective};
use model::record::sweep::plan::{SweepLoad, SweepPlan, SweptTarget};
use model::record::sweep::step::{StepEpoch, StepRecord};
use model::record::sweep::whole::SweepRecord;
use model::spec::load::Connect;
use model::spec::target::DEFAULT_PAIR;

/// What a request of io-heavy takes in all targets alike.
const WAITING_NS: f64 = 15.1e6;

/// The plan of a sweep of the built-in scenario `io-heavy`, over these targets.
pub fn sweep_plan(targets: &[&str], seed: u64) -> SweepPlan {
    let scenario = built_in("io-heavy").record();
    SweepPlan {
        experiment: None,
        schema_version: SCHEMA_VERSION,
        id: "20260101T000000Z-io-heavy-sweep".to_owned(),
        bench_version: "0.1.0".to_owned(),
        started_at: "2026-01-01T00:00:00Z".to_owned(),
        command: ["bench", "sweep", "--scenario", "io-heavy"]
            .map(str::to_owned)
            .to_vec(),
        seed,
        asked: Some(SweepObjective {
            origin: Origin::Scenario,
            bounds: scenario.objectives.clone(),
        }),
        scenario,
        environment: environment(),
        pinning: Pinning {
            servers_on: None,
            server_cpus: vec![1],
            load_cpus: vec![0],
        },
        load: SweepLoad {
            arrival: "poisson".to_owned(),
            connections: 1_024,
            connect: Connect::Once,
            idle_connections: 0,
        },
        design: Design {
            ladder: Ladder {
                from_per_s: 1_000.0,
                to_per_s: HIGHEST_RATE_PER_S,
            },
            rounds: ROUNDS,
            time_limit_s: 1e6,
        },
        targets: targets
            .iter()
            .map(|name| SweptTarget {
                name: (*name).to_owned(),
                manifest: character(name).manifest,
            })
            .collect(),
    }
}

/// A whole sweep of `io-heavy` on `callback` and `coroutine`, whose knees lie near the inverse of what a request costs them.
/// Always the same.
pub fn sweep_record() -> SweepRecord {
    let plan = sweep_plan(&DEFAULT_PAIR, SEED);
    let mut random = Xoshiro256PlusPlus::seed_from_u64(SEED);
    let mut steps: Vec<StepRecord> = Vec::new();
    loop {
        let at = steps.last().map(|step| (step.round, step.pass));
        let trails = analysis::sweep::trails(&plan, &steps);
        let bounds = plan.bounds(&steps);
        match search::next(&plan.design, &bounds, &trails, at, Duration::ZERO, SEED) {
            Next::Step(step) => steps.push(measured(&plan, &step, &mut random)),
            Next::Done | Next::TimeIsUp => break,
        }
    }
    analysis::sweep::record(plan, steps, Ended::default())
}

fn measured(plan: &SweepPlan, step: &Step, random: &mut Xoshiro256PlusPlus) -> StepRecord {
    let rate_per_s = plan.design.ladder.per_s(f64::from(step.rung));
    let epoch_s = step.epoch.as_secs_f64();
    let measured = step.targets.iter().map(|&target| {
        let name = &plan.targets[target].name;
        let cost_us = character(name).cpu_us_per_request;
        // How full its core is, as the machine is a little faster or slower.
        let full = rate_per_s * cost_us * 1e-6 * (0.015 * normal(random)).exp();
        // Half of what waits in an M/D/1 queue, or what piles up over the epoch.
        let waiting_ns = if full < 1.0 {
            (cost_us * 1e3 * full / (2.0 * (1.0 - full))).min(0.5e9 * epoch_s)
        } else {
            (1.0 - 1.0 / full).mul_add(1e9 * epoch_s, 4e6)
        };
        let time = |times: f64| Some(whole_number(WAITING_NS + times * waiting_ns));
        let scheduled = whole_number(rate_per_s * epoch_s);
        let ok = whole_number(rate_per_s * epoch_s / full.max(1.0));
        StepEpoch {
            target: name.clone(),
            duration_s: epoch_s,
            requests: Accounting {
                scheduled,
                ok,
                unfinished: scheduled - ok,
                ..Accounting::default()
            },
            throughput_per_s: ok as f64 / epoch_s,
            time_ns: Times {
                mean: time(0.9),
                p50: time(0.7),
                p90: time(2.3),
                p95: time(3.0),
                p99: time(4.6),
                p99_9: None,
                p99_99: None,
                max: time(9.0),
            },
            generator_lag_ns: Times {
                p99: Some(40_000),
                ..Times::default()
            },
            load_cpu_share: (rate_per_s * 26e-6).min(0.8),
            server_cpu_share: Some(full.min(1.0)),
            in_flight_mean: Some((rate_per_s * (WAITING_NS + waiting_ns) / 1e9).min(1_024.0)),
            ..StepEpoch::default()
        }
    });
    StepRecord {
        round: step.round,
        pass: step.pass,
        rung: step.rung,
        rate_per_s,
        epochs: measured.collect(),
        elapsed_s: epoch_s * step.targets.len() as f64,
        resumed: false,
        failures: Vec::new(),
    }
}
