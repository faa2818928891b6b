//! A made-up record for tests and docs.
//!
//! Nothing here was measured. The distributions come from a seeded generator and run through the same types as a real
//! run's, so that the record is whole and consistent: counts add up, histograms decode, comparisons follow from the epochs.

mod made_up;
mod sweep;

use std::time::Duration;

use rand::SeedableRng;
use rand_distr::{Distribution, Exp1};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde_json::{Value, json};

use analysis::compare;
use analysis::compare::Policy;
use analysis::effects;
use model::measured::accounting::Fate;
use model::measured::loops::{Snapshot, Stretch};
use model::measured::recording::{
    ConnectionCounts, GeneratorUse, MessageCounts, Recorder, Recording, StreamCounts,
    empty_histogram,
};
use model::measured::slices::Slices;
use model::measured::stalls::Stalls;
use model::measured::summary::Times;
use model::measured::workload::WorkloadKind;
use model::record::load_report::LoadReport;
use model::record::read::SCHEMA_VERSION;
use model::record::run::PlanRecord;
use model::record::run::{Completion, RunRecord};
use model::record::surroundings::{BackendRecord, CalibrationRecord, Pinning};
use model::record::target::{
    EpochRecord, IntervalRecord, ServerRecord, ServerSample, TargetRecord, whole_distributions,
};
use model::record::warmup::{WarmupOutcome, WarmupRecord};
use model::record::warning::Validity;
use model::spec::load::Load;
use model::spec::plan::{Effort, Plan, PlanSpec, Trial};
use model::spec::scenario::RequestRecord;
use model::spec::scenario::Scenario;
use model::spec::schedule::Schedule;
use model::spec::target::{DEFAULT_PAIR, REFERENCE_TARGETS};
use model::units::{Nanos, Rate, duration_ns};

use made_up::{Character, SEED, built_in, character, environment, normal, whole_number};
pub use sweep::{sweep_plan, sweep_record};

const INTERVAL_NS: Nanos = 100_000_000;
const MS: f64 = 1e6;
/// How long a stream of the scenario `stream` takes where no event is late, and how many events it has.
const STREAM_MS: f64 = 450.0;
const STREAM_EVENTS: u64 = 10;
/// How many are in the room of a chat.
const MEMBERS: u64 = 20;
const CHAT: &str = r#"
description = "A chat of twenty members"
question = "How soon does everybody have a message?"
connections = 20

[load]
arrival = "open"
rate_per_s = 200

[[requests]]
route = "/chat"
"#;

/// A whole run of the built-in scenario `io-heavy` on `callback` and `coroutine`: ten blocks, no failures. Always the same.
pub fn run_record() -> RunRecord {
    record_of(&built_in("io-heavy"), WorkloadKind::Requests, &DEFAULT_PAIR)
}

/// The same on all reference servers, of which coroutines cost more, and more yet on the asyncio-shaped loop.
pub fn reference_record() -> RunRecord {
    record_of(
        &built_in("io-heavy"),
        WorkloadKind::Requests,
        &REFERENCE_TARGETS,
    )
}

/// The same of the scenario `stream`, long enough for the 99th percentile of each epoch.
pub fn stream_record() -> RunRecord {
    record_of(&built_in("stream"), WorkloadKind::Streams, &DEFAULT_PAIR)
}

/// The same of a chat of twenty members.
pub fn chat_record() -> RunRecord {
    record_of(
        &Scenario::parse(CHAT, "chat.toml").expect("it is a scenario"),
        WorkloadKind::Messages,
        &DEFAULT_PAIR,
    )
}

fn record_of(scenario: &Scenario, workload: WorkloadKind, names: &[&str]) -> RunRecord {
    let spec = PlanSpec {
        // Two blocks a round, so that both are distinguished wherever they are shown.
        rounds: Some(5),
        duration: match workload {
            WorkloadKind::Requests | WorkloadKind::Messages => None,
            WorkloadKind::Streams => Some(Duration::from_mins(1)),
        },
        ..PlanSpec::new(Effort::Default, names.len(), SEED)
    };
    let plan = Plan::new(&spec).expect("the default plan is possible");
    let arrival = scenario
        .arrival
        .at_capacity(Rate::per_s(1.0).expect("a positive rate"))
        .expect("the scenario names its rate");
    let load = Load {
        arrival,
        connections: scenario.connections,
        connect: scenario.connect,
        idle_connections: 0,
        warmup: Duration::ZERO,
        duration: plan.epoch,
        drain: Duration::from_secs(1),
        timeout: scenario.timeout,
        request_limit: None,
        interval: Duration::from_nanos(INTERVAL_NS),
        seed: SEED,
        goodput: None,
    };
    // A single kind of request is not distinguished.
    let mut requests = scenario.record().requests;
    if requests.len() == 1 {
        requests.clear();
    }
    let targets: Vec<TargetRecord> = (0..)
        .zip(names)
        .map(|(index, name)| {
            target(
                index,
                name,
                workload,
                &plan,
                &Load {
                    duration: plan.measured(),
                    ..load.clone()
                },
                &requests,
            )
        })
        .collect();
    let policy = Policy::usual(SEED);
    let (comparisons, _) = compare::compare_targets(&targets, &policy);
    let effects = effects::effects(&targets, &policy);
    RunRecord {
        schema_version: SCHEMA_VERSION,
        id: format!("2026-11-23T10-15-00Z-{}", scenario.name),
        bench_version: "0.1.0".to_owned(),
        started_at: "2026-11-23T10:15:00Z".to_owned(),
        elapsed_s: 64.25,
        completion: Completion::Complete,
        command: ["bench", "run", "--scenario", &scenario.name, "--seed", "1"]
            .map(str::to_owned)
            .to_vec(),
        seed: SEED,
        scenario: scenario.record(),
        experiment: None,
        plan: PlanRecord::of(&plan),
        environment: environment(),
        pinning: Pinning {
            servers_on: None,
            server_cpus: vec![0],
            load_cpus: vec![1],
        },
        calibration: Some(CalibrationRecord {
            at: "2026-11-23T09:58:41Z".to_owned(),
            passed: 30,
            disturbed: 1,
            failed: 0,
            same_binary: true,
        }),
        targets,
        backend: (workload == WorkloadKind::Requests).then(backend),
        error_comparisons: Vec::new(),
        comparisons,
        effects,
        aa: None,
        validity: Validity::of(Vec::new()),
    }
}

fn target(
    index: usize,
    name: &str,
    workload: WorkloadKind,
    plan: &Plan,
    load: &Load,
    requests: &[RequestRecord],
) -> TargetRecord {
    let character = character(name);
    let mut whole = Recording::empty();
    let mut epochs = Vec::new();
    let mut intervals = Vec::new();
    let mut slices = Slices::default();
    let mut samples = Vec::new();
    let mut loops = Stretch::default();
    for trial in plan.trials().filter(|trial| trial.target == index) {
        // Every trial takes its length and a little, and each target warms up for a second at the start of a round.
        let warmups = f64::from(trial.round + 1) * 2.0;
        let started_s = 0.5 + warmups + trial.index as f64 * (plan.epoch.as_secs_f64() + 0.05);
        let mut random = Xoshiro256PlusPlus::seed_from_u64(trial.seed ^ index as u64);
        let load = Load {
            warmup: Duration::ZERO,
            duration: plan.epoch,
            seed: trial.seed,
            ..load.clone()
        };
        let recording = epoch(&trial, &load, workload, &character, &mut random);
        let cpu_us_per_request = character.cpu_us_per_request * (1.0 + 0.01 * normal(&mut random));
        let rss_bytes = whole_number(character.rss_bytes * (1.0 + 0.004 * f64::from(trial.block)));
        let stretch = stretch(name, &recording, cpu_us_per_request);
        loops = if epochs.is_empty() {
            stretch.clone()
        } else {
            loops.and(&stretch)
        };
        let epoch = EpochRecord::of(
            &trial,
            started_s,
            &recording,
            Some(cpu_us_per_request),
            Some(rss_bytes),
        );
        epochs.push(EpochRecord {
            loops: Some(stretch.record()),
            ..epoch
        });
        intervals.extend(
            recording
                .intervals
                .iter()
                .map(|interval| IntervalRecord::of(interval, started_s)),
        );
        slices.take(&recording, workload.clock(), whole_number(started_s * 1e9));
        let cpu_share =
            cpu_us_per_request * 1e-6 * recording.accounting.ok as f64 / plan.epoch.as_secs_f64();
        samples.extend((0..12).map(|tenth| ServerSample {
            at_s: started_s + f64::from(tenth) * 0.1,
            cpu_share,
            rss_bytes,
        }));
        whole.append_epoch(&recording, 0);
    }
    TargetRecord {
        name: name.to_owned(),
        manifest: character.manifest,
        report: LoadReport::of(load, &whole, Validity::of(Vec::new())).by_request(requests, &whole),
        server: ServerRecord {
            cpu_us_per_request: Some(character.cpu_us_per_request),
            cpu_share: Some(character.cpu_us_per_request / 1000.0),
            cpu_user_share: Some(0.45),
            rss_bytes_max: samples.iter().map(|sample| sample.rss_bytes).max(),
            rss_bytes_per_idle_connection: None,
            rss_bytes_per_idle_connection_by_round: Vec::new(),
            threads_max: Some(5),
            context_switches_voluntary_per_1000: Some(2_150.0),
            context_switches_involuntary_per_1000: Some(1.5),
            run_queue_mean: Some(character.run_queue_mean),
            services: std::collections::BTreeMap::new(),
            loops: Some(loops.record()),
            syscalls: None,
            stats: None,
            samples,
        },
        generators: Vec::new(),
        probe: None,
        warmups: (0..plan.rounds)
            .map(|round| WarmupRecord {
                round,
                duration_s: plan.warmup.shortest().as_secs_f64(),
                outcome: WarmupOutcome::Steady,
            })
            .collect(),
        epochs,
        intervals,
        slices: slices.record(),
        histograms_v2_base64: whole_distributions(&whole),
        failure: None,
    }
    .with_error_shares()
}

/// What a made-up server tells of its loops in one epoch: `callback` of its turns and holds, the other of moves between
/// workers.
fn stretch(name: &str, recording: &Recording, cpu_us_per_request: f64) -> Stretch {
    let ok = recording.accounting.ok;
    let busy_us = whole_number(cpu_us_per_request * ok as f64 * 0.8);
    let own = if name == "callback" {
        json!({
            "loop_turns": ok * 3,
            "tasks_run": ok * 7,
            "blocked_us_counts": [[12, ok * 3 - 40], [150, 38], [1_900, 2]],
        })
    } else {
        json!({ "task_moves": ok / 20, "worker_parks": ok * 2 })
    };
    let mut reported = json!({
        "workers_busy_us": busy_us,
        "pool_queue_depth_max": 0,
        "loop_lag_us_counts": [[61, 9], [240, 2], [1_850, 1]],
        "pool_wait_us_counts": [],
        "loop_work_us_counts": { "/cpu": [], "/hash": [] },
    });
    let members = reported.as_object_mut().expect("it is written as one");
    members.extend(own.as_object().cloned().unwrap_or_default());
    let mut started = reported.clone();
    for (_, value) in started.as_object_mut().expect("as above") {
        let zero = match &*value {
            Value::Number(_) => json!(0),
            Value::Array(_) => json!([]),
            other => other.clone(),
        };
        *value = zero;
    }
    let [before, after] = [started, reported].map(|stats| Snapshot::read(&stats));
    Stretch::between(&before, &after, ok, recording.measured_ns).expect("it tells something")
}

/// One epoch of made-up requests, through the same recorder as real ones.
fn epoch(
    trial: &Trial,
    load: &Load,
    workload: WorkloadKind,
    character: &Character,
    random: &mut Xoshiro256PlusPlus,
) -> Recording {
    let end_ns = duration_ns(load.duration);
    // The machine drifts from block to block, and both targets with it.
    let drift = 1.0 + 0.03 * (f64::from(trial.block) * 1.7).sin();
    let due = Schedule::new(load, 0, 1)
        .expect("the scenario is open")
        .take_while(|&due_ns| due_ns < end_ns);
    let mut fates: Vec<[Nanos; 3]> = due
        .map(|due_ns| {
            let waits_ms = match workload {
                WorkloadKind::Requests => [15.0, 0.1, 10.0][kind_of(due_ns)],
                WorkloadKind::Streams => STREAM_MS,
                WorkloadKind::Messages => 0.0,
            };
            let overhead_ms = character.overhead_ms * drift * (0.5 * normal(random)).exp();
            let slow_ms: f64 = if due_ns % 97 == 0 {
                Exp1.sample(random)
            } else {
                0.0
            };
            let sent_ns = due_ns + whole_number(500.0 + 300.0 * normal(random).abs());
            [
                due_ns,
                sent_ns,
                sent_ns + whole_number((waits_ms + overhead_ms + 4.0 * slow_ms) * MS),
            ]
        })
        .collect();
    fates.sort_by_key(|&[.., received_ns]| received_ns);
    let mut recorder = Recorder::new(0, INTERVAL_NS);
    recorder.tell_apart(KINDS);
    recorder.on_scheduled(fates.len() as u64);
    let stream_ns = whole_number(STREAM_MS * MS);
    let mut begun = fates
        .iter()
        .filter(|_| workload == WorkloadKind::Streams)
        .map(|&[due_ns, _, received_ns]| (due_ns, received_ns - stream_ns))
        .peekable();
    for [due_ns, sent_ns, received_ns] in &fates {
        while let Some((due_ns, now_ns)) = begun.next_if(|(_, now_ns)| now_ns <= received_ns) {
            recorder.on_first_event(due_ns, now_ns);
            for _ in 1..STREAM_EVENTS {
                let late_us = 90.0 * normal(random).max(0.0);
                recorder.on_event_gap(whole_number(late_us * 1e3));
            }
            recorder.on_stream(&StreamCounts {
                streams: 1,
                events: STREAM_EVENTS,
                ..StreamCounts::default()
            });
        }
        if workload == WorkloadKind::Messages {
            // The last member has it when all have.
            let until_all_ns = received_ns - sent_ns;
            for member in 1..=MEMBERS {
                let now_ns = sent_ns + until_all_ns * member / MEMBERS;
                recorder.on_delivery(*due_ns, now_ns);
            }
            recorder.on_messages(&MessageCounts {
                sent: 1,
                deliveries: MEMBERS,
                ..MessageCounts::default()
            });
        }
        recorder.on_ok(*due_ns, *sent_ns, *received_ns);
        recorder.on_kind(kind_of(*due_ns), Fate::Ok, *due_ns, *received_ns);
    }
    let end_ns = fates
        .last()
        .map_or(end_ns, |[.., received_ns]| end_ns.max(*received_ns));
    let connections = ConnectionCounts {
        opened: 256,
        reopened: 0,
        never_served: 0,
        ..ConnectionCounts::default()
    };
    let generator = GeneratorUse {
        stalls: Stalls::default(),
        cpu_ns: end_ns / 5,
        spin_ns: end_ns / 8,
        threads: 1,
    };
    Recording {
        measured_ns: duration_ns(load.duration),
        ..recorder.finish(end_ns, connections, generator)
    }
}

/// Kinds of request in `io-heavy`.
const KINDS: usize = 3;

/// Which of them a request is: three calls, a file or a timer.
fn kind_of(due_ns: Nanos) -> usize {
    match due_ns % 10 {
        0..=6 => 0,
        7 | 8 => 1,
        _ => 2,
    }
}

fn backend() -> BackendRecord {
    let mut lateness = empty_histogram();
    let mut random = Xoshiro256PlusPlus::seed_from_u64(SEED);
    for _ in 0..20_000 {
        let late_us: f64 = Exp1.sample(&mut random);
        lateness
            .record(whole_number(30_000.0 + late_us * 20_000.0))
            .expect("microseconds are within bounds");
    }
    BackendRecord {
        stalls: Stalls::default(),
        calls: 100_800,
        lateness_ns: Times::of(&lateness),
        cpu_share: Some(0.04),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::measured::histogram::histogram_from_base64;

    #[test]
    fn the_sample_is_whole_and_always_the_same() {
        check(WorkloadKind::Requests, &run_record(), &DEFAULT_PAIR);
        check(WorkloadKind::Streams, &stream_record(), &DEFAULT_PAIR);
        check(WorkloadKind::Messages, &chat_record(), &DEFAULT_PAIR);
        let reference = reference_record();
        check(WorkloadKind::Requests, &reference, &REFERENCE_TARGETS);
        assert_eq!(reference.effects.len(), 5);
        assert_eq!(run_record(), run_record());
    }

    fn check(workload: WorkloadKind, record: &RunRecord, targets: &[&str]) {
        let names: Vec<&str> = record
            .targets
            .iter()
            .map(|target| target.name.as_str())
            .collect();
        assert_eq!(names, targets);
        assert_eq!(
            record.comparisons.len(),
            (targets.len() - 1) * model::record::metric::Metric::of_workload(workload).len()
        );
        for target in &record.targets {
            assert!(target.report.requests.balances());
            assert_eq!(target.report.requests.scheduled, target.report.requests.ok);
            assert_eq!(
                target
                    .epochs
                    .iter()
                    .map(|epoch| epoch.requests.ok)
                    .sum::<u64>(),
                target.report.requests.ok
            );
            assert_eq!(
                target
                    .intervals
                    .iter()
                    .map(|interval| interval.ok)
                    .sum::<u64>(),
                target.report.requests.ok
            );
            let histogram =
                histogram_from_base64(target.whole_distribution(workload.clock())).unwrap();
            assert_eq!(Times::of(&histogram), target.report.times(workload.clock()));
            for epoch in &target.epochs {
                let has = |metric: &model::record::metric::Metric| {
                    epoch.metrics.contains_key(metric.name())
                };
                assert!(
                    model::record::metric::Metric::of_workload(workload)
                        .iter()
                        .all(has)
                );
            }
        }
    }
}
