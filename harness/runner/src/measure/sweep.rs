//! Measuring a sweep: step after step, as [`analysis::sweep::search`] asks for them, each kept as soon as it is measured.

use std::time::{Duration, Instant};

use analysis::strategy::{KneeSearch, Place, Step, Turn};
use analysis::sweep::Ended;
use model::measured::clock::Clock;
use model::measured::recording::Recording;
use model::measured::summary::{Summary, Times};
use model::measured::workload::WorkloadKind;
use model::record::read::SCHEMA_VERSION;
use model::record::sweep::design::Design;
use model::record::sweep::ladder::Ladder;
use model::record::sweep::objective::SweepObjective;
use model::record::sweep::pass::CLIMB;
use model::record::sweep::plan::{SweepLoad, SweepPlan, SweptTarget};
use model::record::sweep::step::{StepEpoch, StepFailure, StepRecord};
use model::record::sweep::whole::{Log, SweepRecord};
use model::record::warning::{Fact, Warning};
use model::spec::load::{Arrival, Load, Process as Gaps};
use model::spec::scenario::ObjectiveRecord;
use model::units::{Nanos, Rate, duration_ns};

use super::alternating::Title;
use super::engine::{self, Book, Ending};
use super::run::{Driven, Run};
use super::site::{Machine, Site, circumstances, subjects_of};
use super::subject::Subject;
use crate::request::Request;
use crate::run_event::{RunEvent, SweepEvent};
use crate::steering::Steering;
use crate::step_log::StepLog;
use process::failure::{Failure, Kind};

/// What a sweep was asked to do, all of it checked.
#[derive(Debug)]
pub struct SweepRequest {
    /// Its scenario, targets and cores. Its plan seeds and warms up, and has a round for each of the sweep's; its arrivals say
    /// at which share of what targets carry the sweep begins, where that has to be measured.
    pub request: Request,
    /// Where it begins, if that is known.
    pub from: Option<Rate>,
    /// How the gaps between arrivals are distributed, at every rate.
    pub process: Gaps,
    /// The highest rate.
    pub to: Rate,
    /// Rounds around the knee.
    pub rounds: u32,
    /// How long it may take.
    pub time_limit: Duration,
    /// What targets have to keep within, where somebody says so.
    pub asked: Option<SweepObjective>,
}

/// Measures what is not in `known`, which is what `log` holds already, and returns the record of all of it. Fails only where nothing could be measured at all.
pub fn sweep(
    asked: &SweepRequest,
    title: Title,
    log: &mut StepLog,
    known: Option<Log>,
    steering: &Steering,
    tell: &mut dyn FnMut(RunEvent<'_>),
) -> Result<SweepRecord, Failure> {
    let request = &asked.request;
    let site = Site::prepare(request, tell)?;
    let subjects = subjects_of(request, &site.starter, tell);
    let draft = SweepPlan {
        schema_version: SCHEMA_VERSION,
        id: title.id,
        bench_version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: site.timestamp.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        command: title.command,
        seed: request.plan.seed,
        scenario: request.scenario.record(),
        experiment: Some(request.experiment.clone()),
        environment: site.environment.clone(),
        pinning: request.pinning.clone(),
        load: SweepLoad {
            arrival: Arrival::Open {
                rate: asked.to,
                process: asked.process,
            }
            .name()
            .to_owned(),
            connections: request.connections.get(),
            connect: request.scenario.connect,
            idle_connections: request.scenario.idle_connections.map_or(0, u32::from),
        },
        // Where it begins may have to be measured first.
        design: Design {
            ladder: Ladder {
                from_per_s: asked.to.as_per_s(),
                to_per_s: asked.to.as_per_s(),
            },
            rounds: asked.rounds,
            time_limit_s: asked.time_limit.as_secs_f64(),
        },
        asked: asked.asked.clone(),
        targets: subjects
            .iter()
            .map(|subject| SweptTarget {
                name: subject.spec.name.clone(),
                manifest: subject.manifest.clone(),
            })
            .collect(),
    };
    let mut subjects = subjects;
    let before: f64 = known
        .iter()
        .flat_map(|log| &log.steps)
        .map(|step| step.elapsed_s)
        .sum();
    let before = Duration::try_from_secs_f64(before).unwrap_or_default();
    let (machine, mut run) = site.around(request, before, steering, tell);
    let known = known.map(|log| (log.plan, log.steps));
    let (plan, steps) = begin(asked, &draft, known, (&mut run, &mut subjects), log)?;
    (run.tell)(RunEvent::Sweep(SweepEvent::Planned {
        plan: &plan,
        steps: &steps,
    }));
    let mut book = SweepBook {
        asked,
        plan: &plan,
        had: steps.len(),
        steps,
        log,
        machine,
        epochs: Vec::new(),
    };
    let ending = engine::measure(&mut run, &mut subjects, &KneeSearch(&plan), &mut book)?;
    let mut part = book.machine.part();
    match book.machine.stop_backend(&run.client) {
        Ok(backend) => part.backend = backend,
        Err(how) => part.backend_failed = Some(how),
    }
    // Past the knee the backend may well be late; whether that is to blame is judged epoch by epoch.
    let machine = circumstances(&part, &request.pinning).into_iter();
    let machine = machine.map(|warning| Warning {
        voids: warning.voids && matches!(warning.fact, Fact::BackendFailed { .. }),
        ..warning
    });
    let failures = late_failures(&subjects, &book.steps);
    let ended = Ended {
        interrupted: ending == Ending::Interrupted,
        time_was_up: ending == Ending::TimeIsUp,
        backend: part.backend,
        warnings: machine.chain(failures).collect(),
    };
    let steps = book.steps;
    Ok(analysis::sweep::record(plan, steps, ended))
}

/// Makes sure that there are rates between these two, and that the first of them can be judged.
pub fn check(from: Rate, to: Rate, bounds: &[ObjectiveRecord]) -> Result<(), Failure> {
    Ladder::new(from, to)
        .and_then(|ladder| ladder.check(bounds))
        .map_err(Failure::usage_of)
}

/// The plan and the steps of the log, if it has some that this sweep may go on with; or else a plan that begins where this one
/// is to begin.
fn begin(
    asked: &SweepRequest,
    draft: &SweepPlan,
    known: Option<(SweepPlan, Vec<StepRecord>)>,
    (run, subjects): (&mut Run<'_>, &mut [Subject<'_>]),
    log: &mut StepLog,
) -> Result<(SweepPlan, Vec<StepRecord>), Failure> {
    let with_from = |from_per_s: f64| {
        let mut plan = draft.clone();
        plan.design.ladder.from_per_s = from_per_s;
        plan
    };
    if let Some((known, steps)) = known {
        // What was measured at its beginning is not measured again.
        let measured = known.design.ladder.from_per_s;
        let from = asked.from.map_or(measured, Rate::as_per_s);
        if let Some(what) = known.difference(&with_from(from)) {
            return Err(Failure::usage(miette::miette!(
                help = "start another sweep, in another directory",
                "{} was measured with another state of {what}, and can't be gone on with",
                log.dir().display()
            )));
        }
        for subject in subjects {
            let mut failures = steps.iter().flat_map(|step| &step.failures);
            let failure = failures.find(|failure| failure.target == subject.spec.name);
            subject.failure = failure.map(|failure| failure.failure.clone());
        }
        return Ok((known, steps));
    }
    let from = match asked.from {
        Some(from) => from,
        None => find_from(run, subjects)?,
    };
    let plan = with_from(from.as_per_s());
    check(from, asked.to, &plan.bounds(&[]))?;
    log.write(&plan)?;
    Ok((plan, Vec::new()))
}

/// A light load for every target: the share of what the weakest carries that the arrivals ask for.
fn find_from(run: &mut Run<'_>, subjects: &mut [Subject<'_>]) -> Result<Rate, Failure> {
    let all: Vec<usize> = (0..subjects.len()).collect();
    run.begin_round(CLIMB, &all, subjects);
    let capacity = run.find_capacity(subjects);
    if run.steering.interrupt.is_asked() {
        return Err(Failure {
            kind: Kind::Interrupted,
            report: miette::miette!("interrupted before the first step"),
        });
    }
    let arrival = capacity.and_then(|capacity| run.request.arrival.at_capacity(capacity).ok());
    arrival.and_then(|arrival| arrival.rate()).ok_or_else(|| {
        let failed = subjects.iter().filter_map(|subject| {
            let failure = subject.failure.as_ref()?;
            Some(format!("{}: {}", subject.spec.name, failure.what))
        });
        Failure::target(miette::miette!("{}", failed.collect::<Vec<_>>().join("; ")))
    })
}

/// Targets that failed after their last step.
fn late_failures(subjects: &[Subject<'_>], steps: &[StepRecord]) -> Vec<Warning> {
    let late = subjects.iter().filter_map(|subject| {
        let failure = subject.failure.as_ref()?;
        (!is_known_to_fail(steps, &subject.spec.name)).then(|| {
            let fact = Fact::TargetFailed {
                what: failure.what.clone(),
                at_the_end: true,
            };
            Warning::note(fact).about(&subject.spec.name)
        })
    });
    late.collect()
}

fn is_known_to_fail(steps: &[StepRecord], target: &str) -> bool {
    let mut failures = steps.iter().flat_map(|step| &step.failures);
    failures.any(|failure| failure.target == target)
}

/// Keeps a sweep.
struct SweepBook<'a> {
    asked: &'a SweepRequest,
    plan: &'a SweepPlan,
    steps: Vec<StepRecord>,
    /// How many of them another process measured.
    had: usize,
    log: &'a mut StepLog,
    machine: Machine,
    /// Those of the step that is being measured.
    epochs: Vec<StepEpoch>,
}

impl Book for SweepBook<'_> {
    type Done = StepRecord;

    fn done(&self) -> &[StepRecord] {
        &self.steps
    }

    fn arrival(&mut self, _: &mut Run<'_>, _: &mut [Subject<'_>], step: &Step) -> Arrival {
        Arrival::Open {
            rate: step.rate.expect("every rung has a rate"),
            process: self.asked.process,
        }
    }

    fn turn(
        &mut self,
        run: &mut Run<'_>,
        subject: &mut Subject<'_>,
        step: &Step,
        _: &Turn,
        load: &Load,
    ) {
        if let (Place::Rung { pass, .. }, Some(rate)) = (step.place, step.rate) {
            (run.tell)(RunEvent::Sweep(SweepEvent::EpochStarted {
                round: step.round,
                pass,
                rate,
                target: &subject.spec.name,
            }));
        }
        let backend_ns = || self.machine.backend_cpu_ns();
        let (before_ns, begun) = (backend_ns(), Instant::now());
        let Some(driven) = run.drive(load, subject) else {
            return;
        };
        let wall_ns = duration_ns(begun.elapsed()).max(1);
        let backend_share = backend_ns().saturating_sub(before_ns) as f64 / wall_ns as f64;
        if let Some(how) = driven.ended {
            return run.fail(subject, format!("it ended while it was measured: {how}"));
        }
        let cores = run.request.pinning.load_cpus.len();
        let epoch = epoch_of(&subject.spec.name, &driven, backend_share, cores);
        self.epochs.push(epoch);
    }

    fn keep(
        &mut self,
        run: &mut Run<'_>,
        subjects: &mut [Subject<'_>],
        step: &Step,
        elapsed: Duration,
        is_whole: bool,
    ) -> Result<(), Failure> {
        let epochs = std::mem::take(&mut self.epochs);
        for subject in &mut *subjects {
            // Of a sweep the steps are kept, and no more.
            subject.take_notes();
        }
        let (true, Place::Rung { pass, rung }) = (is_whole, step.place) else {
            return Ok(());
        };
        let failures = subjects.iter().filter_map(|subject| {
            let failure = subject.failure.clone()?;
            let target = subject.spec.name.clone();
            (!is_known_to_fail(&self.steps, &target)).then_some(StepFailure { target, failure })
        });
        let failures: Vec<StepFailure> = failures.collect();
        assert!(
            !epochs.is_empty() || !failures.is_empty(),
            "a target that takes part in a step was started for its round, or failed"
        );
        let is_first = self.steps.len() == self.had;
        let last_round = self.steps.last().map(|step| step.round);
        let record = StepRecord {
            round: step.round,
            pass,
            rung,
            rate_per_s: step.rate.map_or(0.0, Rate::as_per_s),
            elapsed_s: elapsed.as_secs_f64(),
            resumed: self.had > 0 && is_first && last_round == Some(step.round),
            epochs,
            failures,
        };
        self.log.write(&record)?;
        self.steps.push(record);
        (run.tell)(RunEvent::Sweep(SweepEvent::StepEnded {
            plan: self.plan,
            steps: &self.steps,
        }));
        Ok(())
    }

    fn before_stop(&mut self, _: &mut Run<'_>) {}
}

/// What one drive came to. `backend_share`: of a core, that the backend used meanwhile. `cores`: of the load.
fn epoch_of(target: &str, driven: &Driven, backend_share: f64, cores: usize) -> StepEpoch {
    let recording = &driven.recording;
    let workload = WorkloadKind::of(recording);
    let spent = driven.watched.spent;
    StepEpoch {
        target: target.to_owned(),
        duration_s: recording.measured_ns as f64 / 1e9,
        workload,
        requests: recording.accounting,
        throughput_per_s: Summary::of(recording).throughput_per_s,
        time_ns: Times::of(&recording.times[workload.clock()]),
        generator_lag_ns: Times::of(&recording.times[Clock::GeneratorLag]),
        load_cpu_share: load_cpu_share(recording, backend_share, cores),
        server_cpu_share: spent.map(|spent| spent.cpu_ns as f64 / spent.wall_ns.max(1) as f64),
        in_flight_mean: (recording.in_flight.samples > 0).then_some(recording.in_flight.mean),
        standing: None,
        slo_share: None,
    }
}

/// How full the load's cores were: all of them with what generator and backend used, or the one that either is bound to.
fn load_cpu_share(recording: &Recording, backend_share: f64, cores: usize) -> f64 {
    let generator = recording.generator;
    let working_ns: Nanos = generator.cpu_ns.saturating_sub(generator.spin_ns);
    let generator_share = working_ns as f64 / recording.measured_ns.max(1) as f64;
    let together = (generator_share + backend_share) / cores.max(1) as f64;
    let of_a_thread = generator_share / f64::from(generator.threads.max(1));
    together.max(of_a_thread).max(backend_share)
}
