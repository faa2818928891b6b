//! Measuring a sweep: rate after rate, as [`analysis::sweep::search`] asks for them.

use std::time::{Duration, Instant};

use analysis::strategy::{KneeSearch, Next, Place, Step, Strategy, Turn};
use analysis::sweep::Ended;
use model::measured::clock::Clock;
use model::measured::recording::Recording;
use model::measured::summary::{Summary, Times};
use model::measured::workload::WorkloadKind;
use model::record::log::{Ending, LogHead, LogSite, StepResult, SweepAsk, SweepFrom};
use model::record::read::SCHEMA_VERSION;
use model::record::sweep::design::Design;
use model::record::sweep::ladder::Ladder;
use model::record::sweep::objective;
use model::record::sweep::pass::CLIMB;
use model::record::sweep::plan::{SweepLoad, SweepPlan, SweptTarget};
use model::record::sweep::step::{StepEpoch, StepFailure, StepRecord, failure};
use model::record::sweep::whole::SweepRecord;
use model::record::warning::{Fact, Warning};
use model::spec::load::Load;
use model::spec::scenario::{ArrivalSpec, Pace};
use model::units::{Nanos, Rate, duration_ns};

use super::book::Book;
use super::engine::{self, Measurement};
use super::kept::{self, Begin, Kept};
use super::known::Known;
use super::run::{Driven, Run};
use super::site::{Machine, circumstances};
use super::target_state::TargetState;
use crate::generators::Agents;
use crate::request::Request;
use crate::run_event::{Planned, RunEvent, SoFar};
use crate::steering::Steering;
use crate::step_log::StepLog;
use process::failure::Failure;

/// What a sweep was asked to do, all of it checked.
#[derive(Debug)]
pub struct SweepRequest {
    /// Its scenario, targets and cores. Its plan seeds and warms up, and has a round for each of the sweep's; its arrivals say
    /// where the sweep begins.
    pub request: Request,
    /// The rest.
    pub ask: SweepAsk,
}

impl SweepRequest {
    /// A sweep of what the request names.
    ///
    /// # Errors
    ///
    /// Rates between which there is nothing to measure.
    pub fn new(request: Request, ask: SweepAsk) -> Result<Self, Failure> {
        let pace = match ask.from {
            SweepFrom::RatePerS(per_s) => {
                // Before anything is started.
                check(per_s, &ask)?;
                Pace::Rate(rate(per_s)?)
            }
            SweepFrom::CapacityShare(share) => Pace::CapacityShare(share),
        };
        let process = ask.process;
        let arrival = ArrivalSpec::Open { pace, process };
        let request = Request { arrival, ..request };
        Ok(Self { request, ask })
    }

    /// What a log asks for that begins with this; none where it is of a run. `agents`: as for [`Request::again`].
    ///
    /// # Errors
    ///
    /// As [`Request::of`].
    pub fn of(head: &LogHead, agents: Option<Agents>) -> Result<Option<Self>, Failure> {
        let ask = head.sweep.clone();
        ask.map(|ask| Self::new(Request::of(head, agents)?, ask))
            .transpose()
    }
}

fn rate(per_s: f64) -> Result<Rate, Failure> {
    Rate::per_s(per_s).map_err(Failure::usage_of)
}

/// Makes sure that there are rates from this one up, and that the first of them can be judged.
fn check(from_per_s: f64, ask: &SweepAsk) -> Result<(), Failure> {
    let bounds = objective::bounds(ask.objective.as_ref());
    Ladder::new(rate(from_per_s)?, rate(ask.to_per_s)?)
        .and_then(|ladder| ladder.check(&bounds))
        .map_err(Failure::usage_of)
}

/// Measures a sweep, as far as it is not in the log yet, and returns the record of all of it. Fails only where nothing could be
/// measured at all, or the log is of something else.
pub fn sweep(
    asked: &SweepRequest,
    begin: Begin,
    log: &mut StepLog,
    steering: &Steering,
    tell: &mut dyn FnMut(RunEvent<'_>),
) -> Result<SweepRecord, Failure> {
    let SweepRequest { request, ask } = asked;
    let kept = kept::measured(
        (request, Some(ask)),
        begin,
        log,
        steering,
        tell,
        |run, states, book, (head, site)| {
            if request.arrival.needs_capacity() && book.known.capacity.is_none() {
                find_capacity(run, states, book)?;
            }
            let plan = plan(asked, head, site, &book.known);
            check(plan.design.ladder.from_per_s, ask)?;
            (run.tell)(RunEvent::Planned {
                scenario: &request.scenario,
                targets: &request.targets,
                pinning: &request.pinning,
                design: Planned::Rates {
                    plan: &plan,
                    steps: &book.known.rates,
                },
            });
            let mut rates = Rates {
                plan: &plan,
                had: book.known.rates.len(),
                epochs: Vec::new(),
            };
            engine::measure(run, states, &mut rates, book)
        },
    )?;
    Ok(record(asked, kept))
}

/// What the sweep is asked for, as its record has it.
fn plan(asked: &SweepRequest, head: &LogHead, site: &LogSite, known: &Known) -> SweepPlan {
    let SweepRequest { request, ask } = asked;
    let from_per_s = match ask.from {
        SweepFrom::RatePerS(per_s) => per_s,
        SweepFrom::CapacityShare(share) => {
            known.capacity.map_or(ask.to_per_s, Rate::as_per_s) * share
        }
    };
    let names = request.targets.iter().map(|target| target.name.clone());
    SweepPlan {
        schema_version: SCHEMA_VERSION,
        id: head.id.clone(),
        bench_version: head.bench_version.clone(),
        started_at: site.started_at.clone(),
        command: head.command.clone(),
        seed: head.seed,
        scenario: request.scenario.record(),
        experiment: Some(head.experiment.clone()),
        environment: site.environment.clone(),
        pinning: head.pinning.clone(),
        load: SweepLoad {
            arrival: ask.process.name().to_owned(),
            connections: request.connections.get(),
            connect: request.scenario.connect,
            idle_connections: request.scenario.idle_connections.map_or(0, u32::from),
        },
        design: Design {
            ladder: Ladder {
                from_per_s,
                to_per_s: ask.to_per_s,
            },
            rounds: ask.rounds,
            time_limit_s: ask.time_limit_s,
        },
        asked: ask.objective.clone(),
        targets: names
            .zip(&site.targets)
            .map(|(name, manifest)| SweptTarget {
                name,
                manifest: manifest.clone(),
            })
            .collect(),
    }
}

/// The record of what is known.
fn record(asked: &SweepRequest, kept: Kept<'_>) -> SweepRecord {
    let plan = plan(asked, &kept.head, &kept.site, &kept.known);
    let part = kept.known.part();
    // Past the knee the backend may well be late; whether that is to blame is judged epoch by epoch.
    let machine = circumstances(&part, &kept.head.pinning).into_iter();
    let machine = machine.map(|warning| Warning {
        voids: warning.voids && matches!(warning.fact, Fact::BackendFailed { .. }),
        ..warning
    });
    let late = late_failures(&kept.states, &kept.known.rates);
    let ended = Ended {
        interrupted: kept.known.is_interrupted(),
        time_was_up: kept.known.ended == Some(Ending::TimeIsUp),
        backend: part.backend,
        warnings: machine.chain(late).collect(),
    };
    analysis::sweep::record(plan, kept.known.rates, ended)
}

/// Measures what the weakest target sustains, and keeps it.
fn find_capacity(
    run: &mut Run<'_>,
    states: &mut [TargetState<'_>],
    book: &mut Book<'_>,
) -> Result<(), Failure> {
    let all: Vec<usize> = (0..states.len()).collect();
    run.begin_round(CLIMB, &all, states);
    book.known.capacity = run.find_capacity(states);
    if run.steering.interrupt.is_asked() {
        return Err(Failure {
            kind: process::failure::Kind::Interrupted,
            report: miette::miette!("interrupted before the first step"),
        });
    }
    if book.known.capacity.is_none() {
        let failed = states.iter().filter_map(|state| {
            let failure = state.failure.as_ref()?;
            Some(format!("{}: {}", state.spec.name, failure.what))
        });
        let failed = failed.collect::<Vec<_>>().join("; ");
        return Err(Failure::target(miette::miette!("{failed}")));
    }
    book.keep(run, states, None, true)
}

/// Targets that failed after their last step.
fn late_failures(states: &[TargetState<'_>], steps: &[StepRecord]) -> Vec<Warning> {
    let late = states.iter().filter_map(|state| {
        let what = &state.failure.as_ref()?.what;
        failure(steps, &state.spec.name).is_none().then(|| {
            let fact = Fact::TargetFailed {
                what: what.clone(),
                at_the_end: true,
            };
            Warning::note(fact).about(&state.spec.name)
        })
    });
    late.collect()
}

/// The steps of a sweep.
struct Rates<'a> {
    plan: &'a SweepPlan,
    /// How many steps another process measured.
    had: usize,
    /// Epochs of the step that is being measured.
    epochs: Vec<StepEpoch>,
}

impl Measurement for Rates<'_> {
    fn next(&self, known: &Known) -> Next {
        KneeSearch(self.plan).next(&known.rates)
    }

    fn turn(
        &mut self,
        run: &mut Run<'_>,
        state: &mut TargetState<'_>,
        (step, turn): (&Step, &Turn),
        load: &Load,
        machine: &Machine,
    ) {
        let (before_ns, begun) = (machine.backend_cpu_ns(), Instant::now());
        let Some(driven) = run.drive(load, state) else {
            return;
        };
        let wall_ns = duration_ns(begun.elapsed()).max(1);
        let backend_ns = machine.backend_cpu_ns().saturating_sub(before_ns);
        if let Some(how) = driven.ended {
            return run.fail(state, format!("it ended while it was measured: {how}"));
        }
        let cores = run.request.pinning.load_cpus.len() * run.generators.count();
        // A service that shares the generator's cores is, as the backend, what they are full of.
        let services_ns: Nanos = if run.services_share_load_cores() {
            driven.watched.services_cpu_ns.values().sum()
        } else {
            0
        };
        let backend_share = (backend_ns + services_ns) as f64 / wall_ns as f64;
        let epoch = epoch_of(&state.spec.name, &driven, backend_share, cores);
        (run.tell)(RunEvent::EpochEnded {
            step,
            turn,
            median_ns: epoch.time_ns.p50,
            workload: epoch.workload,
            load,
            so_far: SoFar {
                recording: &driven.recording,
                // A sweep asks what a target sustains, and not at which cost.
                cpu_us_per_request: None,
                rss_bytes_max: None,
            },
        });
        self.epochs.push(epoch);
    }

    fn measured(
        &mut self,
        known: &Known,
        states: &[TargetState<'_>],
        step: &Step,
        elapsed: Duration,
    ) -> StepResult {
        let Place::Rung { pass, rung } = step.place else {
            unreachable!("a sweep has nothing but rates");
        };
        let epochs = std::mem::take(&mut self.epochs);
        let failures = states.iter().filter_map(|state| {
            let target = state.spec.name.clone();
            let is_new = failure(&known.rates, &target).is_none();
            let failure = state.failure.clone().filter(|_| is_new)?;
            Some(StepFailure { target, failure })
        });
        let failures: Vec<StepFailure> = failures.collect();
        assert!(
            !epochs.is_empty() || !failures.is_empty(),
            "a target that takes part in a step was started for its round, or failed"
        );
        let is_first = known.rates.len() == self.had;
        let last_round = known.rates.last().map(|step| step.round);
        StepResult::Rate(StepRecord {
            round: step.round,
            pass,
            rung,
            rate_per_s: step.rate.map_or(0.0, Rate::as_per_s),
            elapsed_s: elapsed.as_secs_f64(),
            resumed: self.had > 0 && is_first && last_round == Some(step.round),
            epochs,
            failures,
        })
    }

    fn kept(&self, run: &mut Run<'_>, known: &Known) {
        (run.tell)(RunEvent::RateMeasured {
            plan: self.plan,
            steps: &known.rates,
        });
    }
}

/// The outcome of one drive. `backend_share`: of a core, that the backend used meanwhile. `cores`: of the load.
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
