//! Made-up servers whose knee is known, and sweeps of them.

use std::time::Duration;

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::search::{self, Next, REACH, ROUNDS, STEPS_BEFORE, STEPS_PAST, STRIDE, Step};
use model::record::sweep::knee::{IntervalBy, Known, Limit};
use model::record::sweep::ladder::{EPOCH, HIGHEST_RATE_PER_S, PACE, RUNGS_PER_DOUBLING};
use model::record::sweep::objective::Origin;
use model::record::sweep::pass::{CLIMB, Pass};
use model::record::sweep::plan::SweepPlan;
use model::record::sweep::step::Standing;
use model::record::sweep::step::{StepEpoch, StepFailure, StepRecord};
use model::record::sweep::whole::SweepRecord;

use super::{Ended, Trail, Visit};
use model::measured::accounting::Accounting;
use model::record::run::Completion;
use model::record::target::Failure;
use model::record::verdict::ComparisonVerdict;

use model::measured::summary::Times;
use model::record::warning::{Fact, Warning};
use model::units::NANOS_PER_S;

const MS: f64 = 1e6;
/// The objective of every sweep here: the 99th percentile within 40 ms.
const BOUND_NS: u64 = 40_000_000;
/// What an answer takes where there is no queue.
const UNLOADED_NS: f64 = 10.0 * MS;

/// A made-up server.
#[derive(Debug, Clone, Copy)]
enum Server {
    /// One worker with exponential times and Poisson arrivals, that carries so many a second: the 99th percentile of the time in an
    /// M/M/1 queue is ln 100 / (μ − λ), beside what an answer takes anyway.
    Queue(f64),
    /// Nothing waits up to so many a second, and all that is more waits.
    Hard(f64),
    /// Once it has had more than this, it carries a fifth less until it has had less than that.
    Remembering(f64),
    /// Answers what is more than this with an error, at once.
    Refusing(f64),
    /// Carries everything.
    Endless,
    /// Is too slow at any rate.
    Hopeless,
    /// Ends where it is offered more than this.
    Brittle(f64),
}

impl Server {
    /// The highest rate at which an epoch of it is within the objective. A queue that grows needs a while to outgrow the bound, so
    /// that a little more than is carried stays within it for as long.
    fn knee_per_s(self) -> f64 {
        let room_s = (BOUND_NS as f64 - UNLOADED_NS) / 1e9;
        match self {
            Self::Queue(most) => most - 100_f64.ln() / room_s,
            Self::Hard(most) | Self::Remembering(most) | Self::Brittle(most) => {
                most / (1.0 - room_s / (0.99 * EPOCH.as_secs_f64()))
            }
            Self::Refusing(most) => most / 0.99,
            Self::Endless => f64::INFINITY,
            Self::Hopeless => 0.0,
        }
    }

    /// Its 99th percentile in an epoch of so many seconds at a rate, in nanoseconds. `is_spoilt`: it has had too much.
    fn p99_ns(self, per_s: f64, epoch_s: f64, is_spoilt: bool) -> f64 {
        let carried = match self {
            Self::Queue(most) | Self::Hard(most) | Self::Brittle(most) => most,
            Self::Remembering(most) => most * if is_spoilt { 0.8 } else { 1.0 },
            Self::Hopeless => return 2.0 * BOUND_NS as f64,
            Self::Refusing(_) | Self::Endless => return UNLOADED_NS,
        };
        // What is offered beyond it waits until the end of the epoch, and 99 of 100 wait less than the last.
        let piled_up = (1.0 - carried / per_s).max(0.0) * epoch_s * 0.99 * 1e9;
        let queued = match self {
            Self::Queue(most) if per_s < most => (100_f64.ln() / (most - per_s)).min(epoch_s) * 1e9,
            Self::Queue(_) => epoch_s * 1e9,
            _ => 0.0,
        };
        UNLOADED_NS + queued.max(piled_up)
    }
}

/// What the machine does to them.
#[derive(Debug, Clone, Copy, Default)]
struct Noise {
    /// The standard deviation of the logarithm of what a server carries, from process to process and from epoch to epoch.
    process: f64,
    epoch: f64,
    /// The share of epochs in which the machine stands still for 60 ms.
    stalls: f64,
    /// The rate at which the generator's core is full.
    generator_per_s: f64,
}

const QUIET: Noise = Noise {
    process: 0.0,
    epoch: 0.0,
    stalls: 0.0,
    generator_per_s: f64::INFINITY,
};
const NOISY: Noise = Noise {
    process: 0.02,
    epoch: 0.02,
    stalls: 0.05,
    generator_per_s: f64::INFINITY,
};

fn plan(servers: &[Server], seed: u64) -> SweepPlan {
    let names: Vec<String> = (0..servers.len())
        .map(|index| format!("target-{index}"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    samples::sweep_plan(&names, seed)
}

/// Servers on a machine, while they are swept.
struct Machine<'a> {
    servers: &'a [Server],
    noise: Noise,
    random: Xoshiro256PlusPlus,
    round: Option<u32>,
    /// How much more than it should each process carries, as a logarithm, and whether it has had too much.
    processes: Vec<(f64, bool)>,
}

impl<'a> Machine<'a> {
    fn new(servers: &'a [Server], noise: Noise, seed: u64) -> Self {
        Self {
            servers,
            noise,
            random: Xoshiro256PlusPlus::seed_from_u64(seed),
            round: None,
            processes: Vec::new(),
        }
    }

    fn normal(&mut self, deviation: f64) -> f64 {
        let normal: f64 = StandardNormal.sample(&mut self.random);
        deviation * normal
    }

    fn measure(&mut self, plan: &SweepPlan, step: &Step) -> StepRecord {
        if self.round != Some(step.round) {
            self.round = Some(step.round);
            self.processes = (0..self.servers.len())
                .map(|_| (self.normal(self.noise.process), false))
                .collect();
        }
        let per_s = plan.design.ladder.per_s(f64::from(step.rung));
        let (mut epochs, mut failures) = (Vec::new(), Vec::new());
        for &target in &step.targets {
            let name = plan.targets[target].name.clone();
            match self.servers[target] {
                Server::Brittle(most) if per_s > most => failures.push(StepFailure {
                    target: name,
                    failure: Failure {
                        what: "it ended".to_owned(),
                        last_output: String::new(),
                    },
                }),
                _ => epochs.push(self.epoch(name, target, per_s, step.epoch.as_secs_f64())),
            }
        }
        StepRecord {
            round: step.round,
            pass: step.pass,
            rung: step.rung,
            rate_per_s: per_s,
            elapsed_s: step.epoch.as_secs_f64() * step.targets.len() as f64,
            resumed: false,
            epochs,
            failures,
        }
    }

    fn epoch(&mut self, target: String, index: usize, per_s: f64, epoch_s: f64) -> StepEpoch {
        let server = self.servers[index];
        let (process, is_spoilt) = self.processes[index];
        // A machine that is slower by a share is one that is offered more by it.
        let felt = per_s * (process + self.normal(self.noise.epoch)).exp();
        if let Server::Remembering(most) = server {
            self.processes[index].1 = felt > most || (is_spoilt && felt > most * 0.8);
        }
        let mut p99_ns = server.p99_ns(felt, epoch_s, is_spoilt);
        if self.random.random_bool(self.noise.stalls) {
            p99_ns += 60.0 * MS;
        }
        let load_cpu_share = (per_s / self.noise.generator_per_s).min(1.0);
        if load_cpu_share >= 1.0 {
            p99_ns += 100.0 * MS;
        }
        let scheduled = whole(per_s * epoch_s);
        let ok = match server {
            Server::Refusing(most) => whole(scheduled as f64 * (most / felt).min(1.0)),
            _ => scheduled,
        };
        StepEpoch {
            target,
            duration_s: epoch_s,
            requests: Accounting {
                scheduled,
                ok,
                error: scheduled - ok,
                ..Accounting::default()
            },
            throughput_per_s: ok as f64 / epoch_s,
            time_ns: Times {
                p50: Some(whole(UNLOADED_NS)),
                p99: Some(whole(p99_ns)),
                ..Times::default()
            },
            load_cpu_share,
            server_cpu_share: Some((felt / server.knee_per_s()).min(1.0)),
            in_flight_mean: Some(per_s * UNLOADED_NS / 1e9),
            ..StepEpoch::default()
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts and nanoseconds of made-up epochs"
)]
fn whole(value: f64) -> u64 {
    value.min(NANOS_PER_S as f64 * 1e6) as u64
}

/// Goes on with a sweep until nothing comes next, or `most` steps are measured.
fn go_on(
    plan: &SweepPlan,
    steps: &mut Vec<StepRecord>,
    machine: &mut Machine<'_>,
    most: usize,
) -> Ended {
    while steps.len() < most {
        match next(plan, steps) {
            Next::Step(step) => steps.push(machine.measure(plan, &step)),
            Next::Done => return Ended::default(),
            Next::TimeIsUp => {
                return Ended {
                    time_was_up: true,
                    ..Ended::default()
                };
            }
        }
    }
    Ended {
        interrupted: true,
        ..Ended::default()
    }
}

fn next(plan: &SweepPlan, steps: &[StepRecord]) -> Next {
    let at = steps.last().map(|step| (step.round, step.pass));
    let spent: f64 = steps.iter().map(|step| step.elapsed_s).sum();
    search::next(
        &plan.design,
        &plan.bounds(steps),
        &super::trails(plan, steps),
        at,
        Duration::from_secs_f64(spent),
        plan.seed,
    )
}

fn swept(servers: &[Server], noise: Noise, seed: u64) -> SweepRecord {
    let plan = plan(servers, seed);
    let mut steps = Vec::new();
    let ended = go_on(
        &plan,
        &mut steps,
        &mut Machine::new(servers, noise, seed),
        usize::MAX,
    );
    super::record(plan, steps, ended)
}

#[test]
fn the_knee_of_every_server_is_found_within_its_interval() {
    let servers = [
        Server::Queue(1_700.0),
        Server::Queue(21_400.0),
        Server::Hard(5_000.0),
        Server::Hard(130_000.0),
        Server::Refusing(9_000.0),
        // Its knee is below where the sweep begins.
        Server::Hard(420.0),
    ];
    let record = swept(&servers, QUIET, 1);
    assert_eq!(record.completion, Completion::Complete);
    for (server, result) in servers.iter().zip(&record.results) {
        let knee = &result.knee;
        let truth = server.knee_per_s();
        assert_eq!(knee.known, Known::Found, "{server:?}: {knee:?}");
        assert_eq!(knee.interval, Some(IntervalBy::StudentT), "{server:?}");
        let found = knee.rate_per_s.unwrap();
        assert!(
            (found / truth - 1.0).abs() < 0.03,
            "{server:?}: {found} of {truth}"
        );
        assert_eq!(knee.passes.len(), 10);
        assert!(!result.hysteresis.unwrap().found, "{server:?}: {result:?}");
    }
}

#[test]
fn intervals_hold_the_knee_as_often_as_they_say() {
    const SWEEPS: u64 = 200;
    for server in [Server::Queue(20_000.0), Server::Hard(20_000.0)] {
        for noise in [QUIET, NOISY] {
            let covers = |seed: &u64| {
                // Another place between the rungs each time.
                let most = 20_000.0 * (1.0 + *seed as f64 / SWEEPS as f64);
                let server = match server {
                    Server::Queue(_) => Server::Queue(most),
                    _ => Server::Hard(most),
                };
                let record = swept(&[server], noise, *seed);
                let knee = &record.results[0].knee;
                assert_eq!(
                    knee.known,
                    Known::Found,
                    "{server:?}, seed {seed}: {knee:?}"
                );
                let truth = server.knee_per_s();
                knee.ci_low_per_s.unwrap() <= truth && truth <= knee.ci_high_per_s.unwrap()
            };
            let covered = (0..SWEEPS).filter(covers).count();
            assert!(
                covered >= 180,
                "{server:?} with {noise:?}: {covered} of {SWEEPS}"
            );
        }
    }
}

#[test]
fn two_sweeps_of_a_noisy_machine_put_the_knee_within_a_tenth() {
    for seed in 0..50 {
        let knee = |seed| {
            let record = swept(&[Server::Queue(20_000.0)], NOISY, seed);
            record.results[0].knee.rate_per_s.unwrap()
        };
        let (one, other) = (knee(2 * seed), knee(2 * seed + 1));
        assert!(
            (one / other).ln().abs() < 0.1,
            "seed {seed}: {one} and {other}"
        );
    }
}

#[test]
fn a_stall_that_ends_the_climb_early_costs_a_few_steps() {
    let servers = [Server::Hard(20_000.0)];
    let plan = plan(&servers, 1);
    let mut machine = Machine::new(&servers, QUIET, 1);
    let mut steps = Vec::new();
    while let Next::Step(step) = next(&plan, &steps) {
        let mut measured = machine.measure(&plan, &step);
        // 8,000/s and 11,314/s on the way up.
        if (step.round, step.pass) == (CLIMB, Pass::Up) && step.rung >= 6 * STRIDE {
            measured.epochs[0].time_ns.p99 = Some(2 * BOUND_NS);
        }
        steps.push(measured);
    }
    let trail = &super::trails(&plan, &steps)[0];
    for round in CLIMB + 1..=ROUNDS {
        let down = trail.of(round, Pass::Down).map(Visit::is_within);
        let needless = down.skip_while(|is_within| !is_within).count();
        assert!(needless <= STEPS_BEFORE, "round {round}: {trail:?}");
    }
    let first = steps.iter().filter(|step| step.round == CLIMB + 1);
    assert!(first.count() <= 24, "{trail:?}");
    let record = super::record(plan, steps, Ended::default());
    let (found, truth) = (
        record.results[0].knee.rate_per_s.unwrap(),
        servers[0].knee_per_s(),
    );
    assert!((found / truth - 1.0).abs() < 0.03, "{found} of {truth}");
}

#[test]
fn a_server_that_remembers_an_overload_is_distinguished_from_one_that_does_not() {
    let servers = [Server::Remembering(8_000.0), Server::Hard(8_000.0)];
    for noise in [QUIET, NOISY] {
        let record = swept(&servers, noise, 3);
        let [remembering, hard] = [0, 1].map(|index| record.results[index].hysteresis.unwrap());
        assert!(remembering.found, "{remembering:?}");
        assert!((0.75..0.9).contains(&remembering.ratio), "{remembering:?}");
        assert!(!hard.found, "{hard:?}");
    }
}

#[test]
fn a_knee_that_is_gradual_has_no_hysteresis() {
    // Each epoch is off by a tenth, so that steps within and beyond alternate over several paces, on both ways alike.
    let noise = Noise {
        epoch: 0.1,
        ..QUIET
    };
    let found = |seed: &u64| {
        let record = swept(&[Server::Hard(9_000.0)], noise, *seed);
        record.results[0]
            .hysteresis
            .is_some_and(|hysteresis| hysteresis.found)
    };
    let found = (0..200).filter(found).count();
    assert!(found <= 10, "{found} of 200");
}

#[test]
fn knees_are_compared_pass_by_pass() {
    let servers = [
        Server::Hard(10_000.0),
        Server::Hard(8_000.0),
        Server::Hard(10_050.0),
    ];
    let record = swept(&servers, NOISY, 5);
    let [less, same] = record.comparisons.as_slice() else {
        panic!("{:?}", record.comparisons);
    };
    assert_eq!(
        (less.base.as_str(), less.head.as_str()),
        ("target-0", "target-1")
    );
    assert_eq!(less.verdict, ComparisonVerdict::Slower, "{less:?}");
    assert!((0.74..0.86).contains(&less.ratio), "{less:?}");
    assert!(!same.verdict.is_different(), "{same:?}");
}

#[test]
fn where_nothing_is_beyond_the_objective_the_highest_rate_is_a_bound() {
    let record = swept(&[Server::Endless, Server::Hopeless], QUIET, 1);
    let [endless, hopeless] = [0, 1].map(|index| &record.results[index].knee);
    assert_eq!((endless.known, endless.limit), (Known::AtLeast, None));
    assert!(endless.rate_per_s.unwrap() > HIGHEST_RATE_PER_S * 0.98);
    assert_eq!(endless.interval, None);
    assert_eq!(hopeless.known, Known::Below);
    // It was looked for as far down as an epoch can be judged.
    assert!(
        (50.0..51.0).contains(&hopeless.rate_per_s.unwrap()),
        "{hopeless:?}"
    );
    assert!(record.validity.is_valid());
    assert!(record.comparisons.is_empty());
}

#[test]
fn a_generator_that_is_full_first_is_said_to_be_the_limit_and_voids_the_knee() {
    let noise = Noise {
        generator_per_s: 12_000.0,
        ..QUIET
    };
    let record = swept(&[Server::Hard(50_000.0), Server::Hard(6_000.0)], noise, 1);
    let [beyond, found] = [0, 1].map(|index| &record.results[index].knee);
    assert_eq!(
        (beyond.known, beyond.limit),
        (Known::AtLeast, Some(Limit::Generator))
    );
    assert!(
        (11_000.0..12_500.0).contains(&beyond.rate_per_s.unwrap()),
        "{beyond:?}"
    );
    assert_eq!(
        (found.known, found.limit),
        (Known::Found, Some(Limit::ServerCpu))
    );
    assert!(!record.validity.is_valid());
    assert_eq!(record.validity.warnings[0].fact, Fact::KneeBeyondGenerator);
}

#[test]
fn connections_that_are_all_busy_while_the_server_has_time_are_said_to_be_the_limit() {
    let servers = [Server::Refusing(104_000.0)];
    let plan = plan(&servers, 1);
    let mut machine = Machine::new(&servers, QUIET, 1);
    let mut steps = Vec::new();
    go_on(&plan, &mut steps, &mut machine, usize::MAX);
    for epoch in steps.iter_mut().flat_map(|step| &mut step.epochs) {
        epoch.server_cpu_share = Some(0.7);
    }
    let record = super::record(plan, steps, Ended::default());
    assert_eq!(record.results[0].knee.limit, Some(Limit::Connections));
    let codes: Vec<&str> = record.validity.warnings.iter().map(Warning::code).collect();
    assert_eq!(codes, ["knee_of_connections"]);
    assert!(record.validity.is_valid());
}

#[test]
fn a_target_that_fails_is_left_out_and_the_others_go_on() {
    let record = swept(&[Server::Brittle(3_000.0), Server::Hard(8_000.0)], QUIET, 1);
    assert_eq!(record.completion, Completion::TargetFailed);
    assert_eq!(record.results[0].knee.known, Known::Unknown);
    assert!(record.results[0].failure.is_some());
    assert_eq!(record.results[1].knee.known, Known::Found);
    let failed_at = record
        .steps
        .iter()
        .position(|step| !step.failures.is_empty())
        .unwrap();
    let later = record.steps[failed_at + 1..]
        .iter()
        .flat_map(|step| &step.epochs);
    assert!(later.into_iter().all(|epoch| epoch.target == "target-1"));
}

#[test]
fn a_sweep_ends_at_its_limit_of_time_and_says_what_it_has() {
    let servers = [Server::Queue(20_000.0)];
    for (limit_s, known, interval) in [
        (1.0, Known::Unknown, None),
        (22.0, Known::Found, Some(IntervalBy::Bracket)),
        (80.0, Known::Found, Some(IntervalBy::StudentT)),
    ] {
        let mut plan = plan(&servers, 1);
        plan.design.time_limit_s = limit_s;
        let mut steps = Vec::new();
        let mut machine = Machine::new(&servers, QUIET, 1);
        let ended = go_on(&plan, &mut steps, &mut machine, usize::MAX);
        let record = super::record(plan, steps, ended);
        assert!(
            record.time_was_up && record.elapsed_s <= limit_s,
            "{limit_s}"
        );
        let knee = &record.results[0].knee;
        assert_eq!((knee.known, knee.interval), (known, interval), "{limit_s}");
        if let Some(low) = knee.ci_low_per_s {
            let truth = servers[0].knee_per_s();
            assert!(
                low <= truth && truth <= knee.ci_high_per_s.unwrap(),
                "{limit_s}: {knee:?}"
            );
        }
    }
}

#[test]
fn a_round_that_saw_only_one_side_does_not_overrule_the_climb() {
    let servers = [Server::Hard(20_000.0)];
    let plan = plan(&servers, 1);
    let mut machine = Machine::new(&servers, QUIET, 1);
    let mut steps = Vec::new();
    // The machine stands still for the whole way up of the first round, and then time is up.
    while let Next::Step(step) = next(&plan, &steps) {
        let at = (step.round, step.pass);
        if at > (CLIMB + 1, Pass::Up) {
            break;
        }
        let mut measured = machine.measure(&plan, &step);
        if at == (CLIMB + 1, Pass::Up) {
            measured.epochs[0].time_ns.p99 = Some(2 * BOUND_NS);
        }
        steps.push(measured);
    }
    let ended = Ended {
        time_was_up: true,
        ..Ended::default()
    };
    let knee = super::record(plan, steps, ended).results.remove(0).knee;
    assert_eq!(
        (knee.known, knee.interval),
        (Known::Found, Some(IntervalBy::Bracket)),
        "{knee:?}"
    );
    let truth = servers[0].knee_per_s();
    assert!(
        knee.ci_low_per_s.unwrap() <= truth && truth <= knee.ci_high_per_s.unwrap(),
        "{knee:?}"
    );
}

#[test]
fn where_nobody_says_the_objective_comes_from_the_first_step() {
    let servers = [Server::Queue(20_000.0), Server::Hard(9_000.0)];
    let mut plan = plan(&servers, 1);
    plan.asked = None;
    let mut steps = Vec::new();
    let ended = go_on(
        &plan,
        &mut steps,
        &mut Machine::new(&servers, QUIET, 1),
        usize::MAX,
    );
    let record = super::record(plan, steps, ended);
    let objective = record.objective.unwrap();
    assert_eq!(objective.origin, Origin::Unloaded);
    assert_eq!(objective.bounds[0].at_most_ns, 50_000_000);
    assert!(
        record
            .results
            .iter()
            .all(|result| result.knee.known == Known::Found)
    );
}

#[test]
fn a_sweep_that_was_interrupted_anywhere_goes_on_to_the_same_end() {
    let servers = [Server::Queue(6_000.0), Server::Hard(9_000.0)];
    let plan = plan(&servers, 7);
    let mut whole = Vec::new();
    go_on(
        &plan,
        &mut whole,
        &mut Machine::new(&servers, QUIET, 7),
        usize::MAX,
    );
    for cut in [0, 1, 9, whole.len() / 2, whole.len() - 1] {
        let mut steps = Vec::new();
        let ended = go_on(
            &plan,
            &mut steps,
            &mut Machine::new(&servers, QUIET, 7),
            cut,
        );
        assert!(ended.interrupted, "{cut}");
        // As they are read back from their log.
        let log = serde_json::to_string(&steps).unwrap();
        let mut steps: Vec<StepRecord> = serde_json::from_str(&log).unwrap();
        go_on(
            &plan,
            &mut steps,
            &mut Machine::new(&servers, QUIET, 7),
            usize::MAX,
        );
        assert_eq!(steps, whole, "{cut}");
    }
}

#[test]
fn both_ways_of_a_round_meet_the_same_rates_in_mirrored_order() {
    let record = swept(&[Server::Hard(9_000.0), Server::Hard(9_200.0)], QUIET, 2);
    for step in &record.steps {
        let mirror = record.steps.iter().find(|other| {
            (other.round, other.rung) == (step.round, step.rung) && other.pass != step.pass
        });
        let Some(mirror) = mirror else { continue };
        let names = |step: &StepRecord| -> Vec<String> {
            step.epochs
                .iter()
                .map(|epoch| epoch.target.clone())
                .collect()
        };
        let mut mirrored = names(mirror);
        mirrored.reverse();
        if mirrored.len() == step.epochs.len() {
            assert_eq!(names(step), mirrored);
        }
    }
    // Five rounds stand in all five places of a pace.
    let places = record.steps.iter().filter(|step| step.round > CLIMB);
    let places: std::collections::BTreeSet<i32> =
        places.map(|step| step.rung.rem_euclid(PACE)).collect();
    assert_eq!(places.len(), 5);
}

proptest! {
    /// Whatever targets do, a sweep ends, stays on its ladder, and drives nobody further past the knee than it says.
    #[test]
    fn a_sweep_always_ends(
        standings in prop::collection::vec((0_u8..6, 0_u8..4), 1..400),
        targets in 1_usize..4,
        to_per_s in 1_001.0..1e6_f64,
    ) {
        let mut plan = plan(&vec![Server::Endless; targets], 1);
        plan.design.ladder.to_per_s = to_per_s;
        let bounds = plan.bounds(&[]);
        let design = plan.design;
        let (lowest, top) = (design.ladder.lowest(&bounds), design.ladder.top());
        let mut trails = vec![Trail::default(); targets];
        let mut answers = standings.iter().cycle();
        let mut at = None;
        let mut steps = 0_i32;
        // Both ways of the climb; and of each round, where every other step may be a narrow one, beside those near the knee.
        let climb = 2 * ((top - lowest) / STRIDE + 3);
        let round = 2 * (2 * (top - lowest) / (STRIDE + PACE) + 8 * REACH / PACE);
        let most = (climb + round * ROUNDS.cast_signed()) * i32::try_from(targets).unwrap();
        while let Next::Step(step) = search::next(&design, &bounds, &trails, at, Duration::ZERO, 1) {
            prop_assert!(!step.targets.is_empty());
            prop_assert!((lowest..=top).contains(&step.rung), "{step:?}");
            at = Some((step.round, step.pass));
            for &target in &step.targets {
                let &(kind, fails) = answers.next().unwrap();
                let standing = match kind {
                    0..=2 => Standing::Within,
                    3 => Standing::Generator,
                    4 => Standing::TooFewSamples,
                    _ => Standing::Beyond,
                };
                trails[target].has_failed = kind == 5 && fails == 3 && steps > 200;
                trails[target].visits.push(Visit {
                    round: step.round,
                    pass: step.pass,
                    rung: step.rung,
                    standing,
                    slo_share: (kind < 5).then_some(f64::from(kind) / 2.0),
                });
            }
            steps += 1;
            prop_assert!(steps <= most, "more than {most} steps");
        }
        for trail in &trails {
            let climbed: Vec<&Visit> = trail.of(CLIMB, Pass::Up).collect();
            let past = climbed.iter().rev().take_while(|visit| visit.standing != Standing::Within);
            prop_assert!(past.count() <= STEPS_PAST);
        }
    }
}

#[test]
fn a_doubling_is_a_whole_number_of_strides_and_paces() {
    assert_eq!((RUNGS_PER_DOUBLING % STRIDE, STRIDE % PACE), (0, 0));
}
