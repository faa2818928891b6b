//! Measuring a sweep: step after step, as [`analysis::sweep::search`] asks for them, each kept as soon as it is measured.

use std::time::{Duration, Instant};

use analysis::sweep::Ended;
use analysis::sweep::search;
use analysis::sweep::search::{Next, Step};
use model::measured::recording::Recording;
use model::measured::summary::{Summary, Times};
use model::record::run::BackendRecord;
use model::record::sweep::design::Design;
use model::record::sweep::ladder::Ladder;
use model::record::sweep::objective::SweepObjective;
use model::record::sweep::pass::CLIMB;
use model::record::sweep::{
    SCHEMA_VERSION, StepEpoch, StepFailure, StepRecord, SweepLoad, SweepPlan, SweepRecord,
    SweptTarget,
};
use model::record::timed::Timed;
use model::record::validity::{Caution, CautionCode};
use model::spec::load::{Arrival, Load, Process as Gaps};
use model::spec::scenario::ObjectiveRecord;
use model::units::{Nanos, Rate, duration_ns};

use super::subject::Subject;
use super::{Driven, Run, Site, backend_failed, backend_record, subjects_of};
use crate::request::Request;
use crate::run_event::{RunEvent, SweepEvent};
use crate::steering::Steering;
use crate::step_log::StepLog;
use process::failure::{Failure, Kind};
use process::launch::Server;

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

/// Measures what is missing in `log`, and returns the record of all of it. Fails only where nothing could be measured at all.
pub fn sweep(
    asked: &SweepRequest,
    id: &str,
    command: Vec<String>,
    log: &mut StepLog,
    steering: &Steering,
    tell: &mut dyn FnMut(RunEvent<'_>),
) -> Result<SweepRecord, Failure> {
    let request = &asked.request;
    let site = Site::prepare(request, tell)?;
    let subjects = subjects_of(request, &site.starter, tell);
    let draft = SweepPlan {
        schema_version: SCHEMA_VERSION,
        id: id.to_owned(),
        bench_version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: site.timestamp.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        command,
        seed: request.plan.seed,
        scenario: request.scenario.record(),
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
    let Site {
        started,
        client,
        backend,
        starter,
        spin,
        before,
        ..
    } = site;
    let run = Run {
        request,
        steering,
        started,
        client,
        starter,
        spin,
        tell,
    };
    let mut sweeper = Sweeper {
        asked,
        run,
        backend: backend.as_ref(),
        subjects,
        round: None,
    };
    let ended = sweeper.measure_all(&draft, log);
    let failures = sweeper.stop_all();
    let Run { client, .. } = sweeper.run;
    let backend = backend
        .map(|server| backend_record(server, &client, started))
        .transpose();
    let (plan, time_was_up) = ended?;
    let since = super::Surroundings::read().since(before);
    let told = backend.as_ref().ok().and_then(Option::as_ref);
    let machine = since.circumstances(told, &request.pinning).cautions();
    let failed = backend.as_ref().err().map(backend_failed);
    // Past the knee the backend may well be late; whether that is to blame is judged epoch by epoch.
    let machine = machine.into_iter().map(|caution| Caution {
        voids: false,
        ..caution
    });
    let is_called = request.routes.need_backend();
    Ok(analysis::sweep::record(
        plan,
        log.steps().to_vec(),
        Ended {
            interrupted: steering.interrupt.is_asked(),
            time_was_up,
            backend: backend
                .unwrap_or_default()
                .filter(|_: &BackendRecord| is_called),
            cautions: machine.chain(failed).chain(failures).collect(),
        },
    ))
}

/// Makes sure that there are rates between these two, and that the first of them can be judged.
pub fn check(from: Rate, to: Rate, bounds: &[ObjectiveRecord]) -> Result<(), Failure> {
    Ladder::new(from, to)
        .and_then(|ladder| ladder.check(bounds))
        .map_err(Failure::usage_of)
}

/// What all steps share.
struct Sweeper<'a> {
    asked: &'a SweepRequest,
    run: Run<'a>,
    backend: Option<&'a Server>,
    subjects: Vec<Subject<'a>>,
    /// The round whose servers run, and whether they are warm.
    round: Option<(u32, bool)>,
}

impl Sweeper<'_> {
    /// Measures until nothing comes next, and says what the plan was and whether the time was up.
    fn measure_all(
        &mut self,
        draft: &SweepPlan,
        log: &mut StepLog,
    ) -> Result<(SweepPlan, bool), Failure> {
        let plan = self.plan(draft, log)?;
        (self.run.tell)(RunEvent::Sweep(SweepEvent::Planned {
            plan: &plan,
            steps: log.steps(),
        }));
        let had = log.steps().len();
        let mut time_was_up = false;
        while !self.run.steering.interrupt.is_asked() {
            let begun = Instant::now();
            let steps = log.steps();
            let at = steps.last().map(|step| (step.round, step.pass));
            let spent: f64 = steps.iter().map(|step| step.elapsed_s).sum();
            let trails = analysis::sweep::trails(&plan, steps);
            let next = search::next(
                &plan.design,
                &plan.bounds(steps),
                &trails,
                at,
                Duration::from_secs_f64(spent),
                plan.seed,
            );
            let step = match next {
                Next::Step(step) => step,
                Next::Done => break,
                Next::TimeIsUp => {
                    time_was_up = true;
                    break;
                }
            };
            let resumed =
                had > 0 && had == steps.len() && at.map(|(round, _)| round) == Some(step.round);
            if self.round.map(|(round, _)| round) != Some(step.round) {
                let members =
                    search::members(&plan.design, &plan.bounds(steps), &trails, step.round);
                self.begin_round(step.round, &members);
            }
            let Some(measured) = self.measure_step(&plan, &step, steps) else {
                break;
            };
            log.keep(StepRecord {
                elapsed_s: begun.elapsed().as_secs_f64(),
                resumed,
                ..measured
            })?;
            (self.run.tell)(RunEvent::Sweep(SweepEvent::StepEnded {
                plan: &plan,
                steps: log.steps(),
            }));
        }
        Ok((plan, time_was_up))
    }

    /// The plan of the log, if it has one that this sweep may go on with; or else one that begins where this one is to begin.
    fn plan(&mut self, draft: &SweepPlan, log: &mut StepLog) -> Result<SweepPlan, Failure> {
        let with_from = |from_per_s: f64| SweepPlan {
            design: Design {
                ladder: Ladder {
                    from_per_s,
                    ..draft.design.ladder
                },
                ..draft.design
            },
            ..draft.clone()
        };
        if let Some(known) = log.plan() {
            // What was measured at its beginning is not measured again.
            let measured = known.design.ladder.from_per_s;
            let from = self.asked.from.map_or(measured, Rate::as_per_s);
            if let Some(what) = known.difference(&with_from(from)) {
                return Err(Failure::usage(miette::miette!(
                    help = "start another sweep, in another directory",
                    "{} was measured with another state of {what}, and can't be gone on with",
                    log.dir().display()
                )));
            }
            for subject in &mut self.subjects {
                let mut failures = log.steps().iter().flat_map(|step| &step.failures);
                let failure = failures.find(|failure| failure.target == subject.spec.name);
                subject.failure = failure.map(|failure| failure.failure.clone());
            }
            return Ok(known.clone());
        }
        let from = match self.asked.from {
            Some(from) => from,
            None => self.find_from()?,
        };
        let plan = with_from(from.as_per_s());
        check(from, self.asked.to, &plan.bounds(&[]))?;
        log.begin(&plan)?;
        Ok(plan)
    }

    /// A light load for every target: the share of what the weakest carries that the arrivals ask for.
    fn find_from(&mut self) -> Result<Rate, Failure> {
        let all: Vec<usize> = (0..self.subjects.len()).collect();
        self.begin_round(CLIMB, &all);
        let arrival = self.run.find_arrival(&mut self.subjects);
        let failed: Vec<String> = self
            .subjects
            .iter()
            .filter_map(|subject| {
                Some(format!(
                    "{}: {}",
                    subject.spec.name,
                    subject.failure.as_ref()?.what
                ))
            })
            .collect();
        if self.run.steering.interrupt.is_asked() {
            return Err(Failure {
                kind: Kind::Interrupted,
                report: miette::miette!("interrupted before the first step"),
            });
        }
        if failed.len() == self.subjects.len() {
            return Err(Failure::target(miette::miette!("{}", failed.join("; "))));
        }
        Ok(arrival.rate().expect("a sweep's arrivals have a rate"))
    }

    /// Starts the servers of a round afresh.
    fn begin_round(&mut self, round: u32, members: &[usize]) {
        self.round = Some((round, false));
        (self.run.tell)(RunEvent::RoundStarted { round });
        for subject in &mut self.subjects {
            self.run.stop(subject);
        }
        for &member in members {
            self.run.start(&mut self.subjects[member]);
        }
        for &member in members {
            self.run.hold_idle(&mut self.subjects[member]);
        }
    }

    /// Measures one step, of which only its time is not known yet; none where it was interrupted.
    fn measure_step(
        &mut self,
        plan: &SweepPlan,
        step: &Step,
        before: &[StepRecord],
    ) -> Option<StepRecord> {
        let rate = plan.design.ladder.rate(step.rung).ok()?;
        let load = Load {
            duration: step.epoch,
            seed: step.seed,
            ..self.run.load_of(Arrival::Open {
                rate,
                process: self.asked.process,
            })
        };
        if let Some((round, is_warm @ false)) = &mut self.round {
            *is_warm = true;
            self.run.warm_up_all(*round, &load, &mut self.subjects);
        }
        let mut epochs = Vec::new();
        for &target in &step.targets {
            (self.run.tell)(RunEvent::Sweep(SweepEvent::EpochStarted {
                step,
                rate,
                target: &self.subjects[target].spec.name,
            }));
            epochs.extend(self.measure_epoch(&load, target));
            if self.run.steering.interrupt.is_asked() {
                return None;
            }
        }
        let known = |name: &str| {
            let mut failures = before.iter().flat_map(|step| &step.failures);
            failures.any(|failure| failure.target == name)
        };
        let failures = self.subjects.iter().filter_map(|subject| {
            let failure = subject.failure.clone()?;
            let target = subject.spec.name.clone();
            (!known(&target)).then_some(StepFailure { target, failure })
        });
        let failures: Vec<StepFailure> = failures.collect();
        assert!(
            !epochs.is_empty() || !failures.is_empty(),
            "whoever takes part in a step was started for its round, or failed"
        );
        Some(StepRecord {
            round: step.round,
            pass: step.pass,
            rung: step.rung,
            rate_per_s: rate.as_per_s(),
            elapsed_s: 0.0,
            resumed: false,
            epochs,
            failures,
        })
    }

    /// Measures a target at the load of a step; none where that could not be done.
    fn measure_epoch(&mut self, load: &Load, target: usize) -> Option<StepEpoch> {
        let subject = &mut self.subjects[target];
        if subject.failure.is_some() {
            return None;
        }
        let backend_ns = || self.backend.map_or(0, |backend| backend.meters().cpu_ns());
        let (before_ns, begun) = (backend_ns(), Instant::now());
        let driven = self.run.drive(load, subject)?;
        let wall_ns = duration_ns(begun.elapsed()).max(1);
        let backend_share = backend_ns().saturating_sub(before_ns) as f64 / wall_ns as f64;
        if let Some(how) = driven.ended {
            self.run
                .fail(subject, format!("it ended while it was measured: {how}"));
            return None;
        }
        let cores = self.run.request.pinning.load_cpus.len();
        Some(epoch_of(&subject.spec.name, &driven, backend_share, cores))
    }

    /// Ends all servers, and says which of them did not end in order.
    fn stop_all(&mut self) -> Vec<Caution> {
        let mut cautions = Vec::new();
        for subject in &mut self.subjects {
            let had_failed = subject.failure.is_some();
            self.run.stop(subject);
            if let Some(failure) = subject.failure.as_ref().filter(|_| !had_failed) {
                cautions.push(Caution {
                    code: CautionCode::TargetFailed,
                    detail: format!("{} failed: {}", subject.spec.name, failure.what),
                    advice: "all of its steps were measured before".to_owned(),
                    voids: false,
                });
            }
        }
        cautions
    }
}

/// What one drive came to. `backend_share`: of a core, that the backend used meanwhile. `cores`: of the load.
fn epoch_of(target: &str, driven: &Driven, backend_share: f64, cores: usize) -> StepEpoch {
    let recording = &driven.recording;
    let timed = Timed::of(recording);
    let spent = driven.watched.spent;
    StepEpoch {
        target: target.to_owned(),
        duration_s: recording.measured_ns as f64 / 1e9,
        timed,
        requests: recording.ledger,
        throughput_per_s: Summary::of(recording).throughput_per_s,
        time_ns: Times::of(timed.histogram(recording)),
        generator_lag_ns: Times::of(&recording.generator_lag),
        load_cpu_share: load_cpu_share(recording, backend_share, cores),
        server_cpu_share: spent.map(|spent| spent.cpu_ns as f64 / spent.wall_ns.max(1) as f64),
        in_flight_mean: (recording.in_flight.samples > 0).then_some(recording.in_flight.mean),
        standing: None,
        strain: None,
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
