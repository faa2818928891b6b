//! Measuring a run: blocks of alternating epochs, each kept as soon as it is measured.
//!
//! A run that was cut off goes on with the blocks that are missing, with fresh servers for the round in which it was cut. Only
//! whole blocks count: one that was cut short is measured again, since a block is one paired difference, and its halves must
//! not be further apart than the others'.

use std::path::Path;
use std::time::Duration;

use analysis::detectable::{self, Likeness};
use analysis::strategy::{Alternating, Place, Step, Turn};
use model::measured::workload::WorkloadKind;
use model::record::detectable::DetectableRecord;
use model::record::surroundings::{BackendRecord, Environment};
use model::spec::load::{Arrival, Load};
use model::units::Rate;
use process::failure::Failure;

use super::engine::{self, Book, Ending};
use super::known::Known;
use super::profile;
use super::record::{self, Measured};
use super::run::{Run, any_rate, time_to_hold_idle};
use super::run_log::{
    EpochTaken, Kept, Note, Part, RunEnd, RunLine, RunPlan, RunSite, SCHEMA_VERSION,
};
use super::site::{Machine, Site};
use super::subject::Subject;
use crate::earlier;
use crate::request::Request;
use crate::run_event::RunEvent;
use crate::steering::Steering;
use crate::step_log::{RUNS, StepLog};

/// What a run is called, and how it is repeated.
#[derive(Debug, Clone)]
pub struct Title {
    /// Its name.
    pub id: String,
    /// The command that repeats it, word by word.
    pub command: Vec<String>,
}

/// How a run begins.
#[derive(Debug)]
pub enum Begin {
    /// Anew, under this title.
    New(Title),
    /// Where it was cut off: with what its log holds.
    GoOn(Box<Kept>),
}

/// Measures what was asked for and is not in the log yet. Fails only where nothing could be
/// measured at all; a target that fails is data.
pub fn measure(
    request: &Request,
    begin: Begin,
    log: &mut StepLog,
    steering: &Steering,
    tell: &mut dyn FnMut(RunEvent<'_>),
) -> Result<Measured, Failure> {
    let mut kept = match begin {
        Begin::GoOn(kept) => *kept,
        Begin::New(title) => Kept::begin(plan(request, title), log)?,
    };
    let mut prepared = None;
    let site = if let Some(site) = kept.site.take() {
        site
    } else {
        let here = prepared.insert(Site::prepare(request, tell)?);
        let site = site_record(request, here, tell);
        kept.arrive(&site, log)?;
        site
    };
    let targets = request.targets.iter().zip(&site.targets);
    let mut subjects: Vec<Subject<'_>> = targets
        .map(|(spec, manifest)| Subject::new(spec, manifest.clone()))
        .collect();
    let mut known = Known::default();
    let whole_bytes = known.read(&kept, &mut subjects)?;
    log.cut(kept.head_bytes + whole_bytes)?;
    if known.ended.is_none() {
        let here = match prepared {
            Some(here) => here,
            None => Site::prepare(request, tell)?,
        };
        if let Some(what) = site.difference(&here.environment) {
            return Err(Failure::usage(miette::miette!(
                help = "start another run",
                "{} was measured with another state of {what}, and can't be gone on with",
                log.dir().display()
            )));
        }
        let detectable = site.detectable.as_ref();
        let kept = (&mut known, log);
        go_on(
            request,
            detectable,
            here,
            &mut subjects,
            kept,
            steering,
            tell,
        )?;
    }
    Ok(record::of(request, kept.plan, site, subjects, &known))
}

/// The first line of a log.
fn plan(request: &Request, title: Title) -> RunPlan {
    let manifests = request.targets.iter().map(|target| {
        let manifest = target.kind.manifest();
        manifest.map_or_else(String::new, |manifest| manifest.source.clone())
    });
    RunPlan {
        schema_version: SCHEMA_VERSION,
        id: title.id,
        bench_version: env!("CARGO_PKG_VERSION").to_owned(),
        command: title.command,
        seed: request.plan.seed,
        scenario: request.scenario.source.clone(),
        manifests: manifests.collect(),
        experiment: request.experiment.clone(),
        pinning: request.pinning.clone(),
    }
}

/// The second line of a log.
fn site_record(request: &Request, site: &Site, tell: &mut dyn FnMut(RunEvent<'_>)) -> RunSite {
    let mut say = |line: &str| tell(RunEvent::Said(line));
    let targets = request.targets.iter();
    RunSite {
        started_at: site.timestamp.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        started_epoch_s: site.timestamp.as_millisecond() as f64 / 1e3,
        targets: targets
            .map(|spec| site.starter.identity(spec, &mut say))
            .collect(),
        calibration: calibration::result::cited(&site.environment),
        detectable: foresee(request, &site.environment),
        environment: site.environment.clone(),
    }
}

/// What the plan could detect, as far as earlier runs where this one's record will go by itself tell.
fn foresee(request: &Request, environment: &Environment) -> Option<DetectableRecord> {
    let spec = &request.arrival;
    let known = (!spec.needs_capacity()).then(|| spec.at_capacity(any_rate()));
    let rate = known
        .and_then(Result::ok)
        .and_then(|arrival| arrival.rate());
    let likeness = Likeness {
        scenario: &request.scenario.name,
        connections: request.connections.get(),
        rate_per_s: rate.map(Rate::as_per_s),
        environment,
    };
    let earlier = earlier::runs_like(Path::new(RUNS), &request.plan, &likeness);
    detectable::detectable(&request.plan, &earlier)
}

/// Measures what is missing.
fn go_on(
    request: &Request,
    detectable: Option<&DetectableRecord>,
    site: Site,
    subjects: &mut [Subject<'_>],
    (known, log): (&mut Known, &mut StepLog),
    steering: &Steering,
    tell: &mut dyn FnMut(RunEvent<'_>),
) -> Result<(), Failure> {
    let is_block = |place: &&Place| matches!(place, Place::Block(_));
    let measured = known.done.iter().filter(is_block).count();
    let missing = request.plan.blocks() - u32::try_from(measured).unwrap_or(u32::MAX);
    tell(RunEvent::Planned {
        scenario: &request.scenario,
        targets: &request.targets,
        plan: &request.plan,
        pinning: &request.pinning,
        expected: (request.plan.total() + time_to_hold_idle(request)) * missing
            / request.plan.blocks()
            + profile::time(request),
        detectable,
    });
    let before = known.part();
    let (machine, mut run) = site.around(
        request,
        Duration::from_secs_f64(before.elapsed_s),
        steering,
        tell,
    );
    let mut book = RunBook {
        number: before.number + u32::from(!known.parts.is_empty()),
        known,
        log,
        machine,
        backend: None,
    };
    let strategy = Alternating {
        plan: &request.plan,
        has_profile: request.profile.is_some(),
    };
    let ending = engine::measure(&mut run, subjects, &strategy, &mut book)?;
    book.end(&run, subjects, ending)
}

/// Keeps a run.
struct RunBook<'a> {
    known: &'a mut Known,
    log: &'a mut StepLog,
    machine: Machine,
    /// The number of this process among those that measured this run.
    number: u32,
    /// How the backend did when it was last asked.
    backend: Option<BackendRecord>,
}

impl RunBook<'_> {
    fn line(&self, run: &Run<'_>, subjects: &mut [Subject<'_>]) -> RunLine {
        let notes = subjects
            .iter_mut()
            .enumerate()
            .flat_map(|(index, subject)| {
                let notes = subject.take_notes().into_iter();
                notes.map(move |note| (index, note))
            });
        RunLine {
            block: None,
            is_profile: false,
            is_whole: true,
            capacity_per_s: self.known.capacity.map(Rate::as_per_s),
            notes: notes.collect(),
            part: Part {
                number: self.number,
                elapsed_s: run.started.elapsed().as_secs_f64(),
                backend: self.backend.clone(),
                ..self.machine.part()
            },
            ended: None,
        }
    }

    fn write(&mut self, line: RunLine) -> Result<(), Failure> {
        self.log.write(&line)?;
        self.known.add(line);
        Ok(())
    }

    /// Keeps what is known once all servers were stopped.
    fn end(
        mut self,
        run: &Run<'_>,
        subjects: &mut [Subject<'_>],
        ending: Ending,
    ) -> Result<(), Failure> {
        let stopped = self.machine.stop_backend(&run.client);
        let mut line = self.line(run, subjects);
        match stopped {
            Ok(backend) => line.part.backend = backend,
            Err(how) => line.part.backend_failed = Some(how),
        }
        line.ended = Some(match ending {
            Ending::Interrupted => RunEnd::Interrupted,
            Ending::Done | Ending::TimeIsUp => RunEnd::Complete,
        });
        self.write(line)
    }
}

impl Book for RunBook<'_> {
    type Done = Place;

    fn done(&self) -> &[Place] {
        &self.known.done
    }

    fn arrival(&mut self, run: &mut Run<'_>, subjects: &mut [Subject<'_>], _: &Step) -> Arrival {
        let spec = &run.request.arrival;
        if spec.needs_capacity() && self.known.capacity.is_none() {
            self.known.capacity = run.find_capacity(subjects);
        }
        spec.at_capacity(self.known.capacity.unwrap_or_else(any_rate))
            .expect("a share of a rate is a rate")
    }

    fn turn(
        &mut self,
        run: &mut Run<'_>,
        subject: &mut Subject<'_>,
        _: &Step,
        turn: &Turn,
        load: &Load,
    ) {
        let Some(trial) = turn.trial else {
            return run.profile(load, subject);
        };
        (run.tell)(RunEvent::TrialStarted { trial: &trial });
        let before = run.telling(subject);
        let Some(mut driven) = run.drive(load, subject) else {
            return;
        };
        let after = run.telling(subject);
        let stats = after
            .as_ref()
            .or(before.as_ref())
            .map(|(_, stats)| stats.clone());
        driven.watched.told = before
            .zip(after)
            .map(|((before, _), (after, _))| (before, after));
        let is_whole = !run.steering.interrupt.is_asked() && driven.ended.is_none();
        let workload = WorkloadKind::of(&driven.recording);
        subject.note(Note::Epoch(Box::new(EpochTaken {
            trial,
            is_whole,
            recording: driven.recording,
            watched: driven.watched,
            stats,
        })));
        if is_whole && let Some(epoch) = subject.epochs.last() {
            (run.tell)(RunEvent::TrialEnded {
                trial: &trial,
                epoch,
                workload,
                load,
                so_far: subject.so_far(),
            });
        }
        if let Some(how) = driven.ended {
            run.fail(subject, format!("it ended while it was measured: {how}"));
        }
    }

    fn keep(
        &mut self,
        run: &mut Run<'_>,
        subjects: &mut [Subject<'_>],
        step: &Step,
        _: Duration,
        is_whole: bool,
    ) -> Result<(), Failure> {
        let block = match step.place {
            Place::Block(block) => Some(block),
            Place::Profile | Place::Rung { .. } => None,
        };
        let line = RunLine {
            block,
            is_profile: step.place == Place::Profile,
            is_whole,
            ..self.line(run, subjects)
        };
        self.write(line)
    }

    fn before_stop(&mut self, run: &mut Run<'_>) {
        self.backend = self.machine.ask_backend(&run.client);
    }
}
