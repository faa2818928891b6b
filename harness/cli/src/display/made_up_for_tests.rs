//! A made-up run, as its events: for the tests of what is shown.

use std::time::Duration;

use analysis::strategy::{Place, Step, Turn};
use model::measured::clock::Clock;
use model::measured::recording::{ConnectionCounts, GeneratorUse, Recorder, Recording};
use model::measured::stalls::Stalls;
use model::measured::summary::Times;
use model::measured::workload::WorkloadKind;
use model::record::target::Failure;
use model::spec::load::{Arrival, Connect, Load, Process};
use model::spec::plan::{Effort, Plan, PlanSpec, Trial};
use model::spec::scenario::Objective;
use model::units::{NANOS_PER_S, Nanos, Rate};

use super::progress::Progress;
use runner::run_event::{Planned, RunEvent, SoFar};

const US: Nanos = 1_000;
const REQUESTS: u64 = 1_200;

/// The run of these targets after so many epochs, with the next one under way.
pub(super) fn run(targets: &[&str], epochs: usize) -> (Progress, Duration) {
    let plan = plan(targets.len());
    let expected = Duration::from_secs(55);
    let mut now = Duration::from_secs(2);
    let mut progress = Progress::new(
        ("ping", "What does a request cost that asks for nothing?"),
        &[Objective {
            percentile: "p99",
            at_most: Duration::from_millis(1),
        }],
        targets.iter().map(|&name| name.to_owned()),
        Planned::Blocks {
            plan: &plan,
            expected,
            detectable: None,
        },
        now,
    );
    let load = load(&plan);
    let mut recordings = vec![Recording::empty(); targets.len()];
    let trials: Vec<_> = plan.trials().collect();
    for trial in trials.iter().take(epochs + 1) {
        if trial.position == 0 {
            let round = trial.round;
            progress.on(&RunEvent::RoundStarted { round }, now);
            for &target in plan.warmup_order(round) {
                let target = targets[target];
                progress.on(&RunEvent::WarmingUp { round, target }, now);
                now += Duration::from_millis(500);
            }
        }
        let (step, turn) = (&step(trial), &turn(trial));
        progress.on(&RunEvent::EpochStarted { step, turn }, now);
        if trial.index == epochs {
            break;
        }
        now += plan.epoch + Duration::from_millis(50);
        let recording = epoch(trial.target as u64, trial.block.into());
        let so_far = &mut recordings[trial.target];
        so_far.append_epoch(&recording, 0);
        let median_ns = Times::of(&recording.times[Clock::ResponseTime]).p50;
        let ended = RunEvent::EpochEnded {
            step,
            turn,
            median_ns,
            workload: WorkloadKind::Requests,
            load: &load,
            so_far: SoFar {
                recording: so_far,
                cpu_us_per_request: Some(40.0 + trial.target as f64),
                rss_bytes_max: Some(6 << 20),
            },
        };
        progress.on(&ended, now);
    }
    (progress, now)
}

/// The epoch of a trial, as a step of its own.
fn step(trial: &Trial) -> Step {
    Step {
        round: trial.round,
        members: Vec::new(),
        turns: vec![turn(trial)],
        epoch: Duration::from_secs(1),
        rate: None,
        place: Place::Block(trial.block),
    }
}

fn turn(trial: &Trial) -> Turn {
    Turn {
        target: trial.target,
        seed: trial.seed,
        trial: Some(*trial),
    }
}

/// A sweep of these targets that has measured some steps, the first of them at the rate that is under way.
pub(super) fn sweep() -> (Progress, Duration) {
    let record = samples::sweep_record();
    let names = record.plan.targets.iter().map(|target| target.name.clone());
    let mut now = Duration::from_secs(2);
    let design = Planned::Rates {
        plan: &record.plan,
        steps: &[],
    };
    let mut progress = Progress::new(("ping", "how much load?"), &[], names, design, now);
    progress.on(&RunEvent::RoundStarted { round: 0 }, now);
    let turn = Turn {
        target: 0,
        seed: 1,
        trial: None,
    };
    let first = &record.steps[0];
    let step = Step {
        round: first.round,
        members: vec![0],
        turns: vec![turn],
        epoch: Duration::from_secs(1),
        rate: Rate::per_s(first.rate_per_s).ok(),
        place: Place::Rung {
            pass: first.pass,
            rung: first.rung,
        },
    };
    let (step, turn) = (&step, &turn);
    progress.on(&RunEvent::EpochStarted { step, turn }, now);
    now += Duration::from_secs(1);
    let recording = epoch(0, 0);
    let ended = RunEvent::EpochEnded {
        step,
        turn,
        median_ns: None,
        workload: WorkloadKind::Requests,
        load: &load(&plan(1)),
        so_far: SoFar {
            recording: &recording,
            cpu_us_per_request: None,
            rss_bytes_max: None,
        },
    };
    progress.on(&ended, now);
    let (plan, steps) = (&record.plan, &record.steps[..1]);
    progress.on(&RunEvent::RateMeasured { plan, steps }, now);
    progress.on(&RunEvent::EpochStarted { step, turn }, now);
    (progress, now)
}

/// A target fails.
pub(super) fn fail(progress: &mut Progress, target: &str, now: Duration) {
    let failure = Failure {
        what: "it ended while it was measured: exit status 1".to_owned(),
        last_output: "out of luck".to_owned(),
    };
    let failure = &failure;
    progress.on(&RunEvent::TargetFailed { target, failure }, now);
}

pub(super) fn plan(targets: usize) -> Plan {
    Plan::new(&PlanSpec::new(Effort::Default, targets, 1)).unwrap()
}

fn load(plan: &Plan) -> Load {
    Load {
        arrival: Arrival::Open {
            rate: Rate::per_s(1_000.0).unwrap(),
            process: Process::Poisson,
        },
        connections: std::num::NonZeroU32::new(64).unwrap(),
        connect: Connect::Once,
        idle_connections: 0,
        warmup: Duration::ZERO,
        duration: plan.epoch,
        drain: Duration::from_secs(1),
        timeout: Duration::from_secs(5),
        request_limit: None,
        interval: Duration::from_millis(250),
        seed: 1,
        goodput: None,
    }
}

/// An epoch of a target: a request every millisecond, of which each takes another time, and few take long.
fn epoch(target: u64, block: u64) -> Recording {
    let mut recorder = Recorder::new(0, NANOS_PER_S);
    recorder.on_scheduled(REQUESTS);
    for index in 0..REQUESTS {
        let due_ns = index * 1_000 * US;
        let usual = 150 + 40 * target + (index * 7_919) % 97 + 5 * (block % 3);
        let times = match index {
            _ if index % 397 == 5 => 12,
            _ if index % 61 == 7 => 3,
            _ => 1,
        };
        recorder.on_sent(2 * US);
        recorder.on_ok(due_ns, due_ns + 2 * US, due_ns + usual * times * US);
    }
    let end_ns = REQUESTS * 1_000 * US;
    let used = GeneratorUse {
        stalls: Stalls::default(),
        cpu_ns: end_ns / 2,
        spin_ns: end_ns / 4,
        threads: 1,
    };
    recorder.finish(end_ns, ConnectionCounts::default(), used)
}
