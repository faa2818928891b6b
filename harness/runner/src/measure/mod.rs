//! Measuring: rounds of fresh processes, epochs in alternation, and the record of it all.

mod profile;
mod subject;
pub mod sweep;
mod warmup;
mod watch;

use std::net::{SocketAddr, ToSocketAddrs};
use std::num::NonZeroU32;
use std::path::Path;
use std::time::{Duration, Instant};

use analysis::compare;
use analysis::compare::Policy;
use analysis::design;
use analysis::detectable;
use analysis::detectable::Likeness;
use analysis::validity::Circumstances;
use load::backend::BackendStats;
use load::idle::MAX_OPENED_PER_S;
use load::{Control, Options, Workload};
use model::measured::loops::Telling;
use model::measured::recording::Recording;
use model::record::aa::AaRecord;
use model::record::detectable::DetectableRecord;
use model::record::run::{
    BackendRecord, Completion, Environment, EpochRecord, Pinning, PlanRecord, RunRecord,
    SCHEMA_VERSION, TargetRecord,
};
use model::record::timed::Timed;
use model::record::validity::{Caution, CautionCode, Validity};
use model::spec::load::{Arrival, Load};
use model::spec::plan::Trial;
use model::spec::target::{BaseUrl, Kind};
use model::units::{NANOS_PER_S, Rate, duration_ns};
use spec::Route;

use crate::earlier;
use crate::request::Request;
use crate::run_event::RunEvent;
use crate::steering::Steering;
use crate::store::RUNS;
use crate::workload::Asked;
use process::control_client::ControlClient;
use process::cores;
use process::environment::{self, CpuTicks};
use process::failure::{Explain, Failure};
use process::launch::{Server, Service};
use process::meter::Meters;
use process::starting::{self, Starter};

use process::holder::Holder;
use subject::{Process, Subject};
use watch::{Watched, watch};

/// The length of one interval of the time series, where the arrivals keep their rate.
const INTERVAL: Duration = Duration::from_millis(250);

/// Intervals in which a profile of arrivals is shown at least, so that its bursts are not averaged away.
const INTERVALS_PER_PROFILE: u32 = 10;

/// The shortest interval of the time series: shorter ones would cost more than they show.
const MIN_INTERVAL: Duration = Duration::from_millis(10);

/// How long, after an epoch's last arrival, its replies may still come: so that no epoch leaves work to the next.
const DRAIN: Duration = Duration::from_secs(1);

/// How long each target is driven flat out where a scenario asks for a share of its capacity.
const CAPACITY_PROBE: Duration = Duration::from_millis(700);

/// The longest that this is doubled to for a target that is slow.
const CAPACITY_PROBE_AT_MOST: Duration = Duration::from_millis(2_800);

/// A connection's replies by which a capacity counts as known: what is under way when time is up is then a small share.
const CAPACITY_REPLIES: u64 = 4;

/// How long a server's memory must stay the same to count as settled.
const SETTLE_EVERY: Duration = Duration::from_millis(100);

/// How often it is looked for at most: the memory of a server with work of its own never settles.
const SETTLE_LOOKS: u32 = 30;

/// How often a run that rests looks whether it is to go on.
const REST_LOOK_EVERY: Duration = Duration::from_millis(100);

/// What a run measured.
pub struct Measured {
    /// The record of it.
    pub record: RunRecord,
    /// A target's recording each, in the record's order, for the formats that hold more than the record.
    pub recordings: Vec<Recording>,
    /// When it began, in seconds since 1970-01-01T00:00:00Z.
    pub started_epoch_s: f64,
}

/// Measures what was asked for. Fails only where nothing could be measured at all; a target that fails is data.
pub fn measure(
    request: &Request,
    id: &str,
    command: Vec<String>,
    steering: &Steering,
    tell: &mut dyn FnMut(RunEvent<'_>),
) -> Result<Measured, Failure> {
    let Site {
        started,
        timestamp,
        before,
        mut environment,
        client,
        backend,
        starter,
        spin,
    } = Site::prepare(request, tell)?;
    let mut subjects = subjects_of(request, &starter, tell);
    let mut run = Run {
        request,
        steering,
        started,
        client,
        starter,
        spin,
        tell,
    };
    let detectable = foresee(request, &environment);
    (run.tell)(RunEvent::Planned {
        scenario: &request.scenario,
        targets: &request.targets,
        plan: &request.plan,
        pinning: &request.pinning,
        expected: request.plan.total() + time_to_hold_idle(request) + profile::time(request),
        detectable: detectable.as_ref(),
    });
    let load = run.measure_all(&mut subjects);
    let backend = backend
        .map(|server| backend_record(server, &run.client, started))
        .transpose();
    // One that the scenario does not call is no part of the story.
    let is_called = request.routes.need_backend();
    let backend = if is_called { backend } else { Ok(None) };
    let is_interrupted = steering.interrupt.is_asked();
    let since = Surroundings::read().since(before);
    environment.steal_share = since.steal_share;
    environment.throttled_periods = since.throttled_periods;

    let scenario = request.scenario.record();
    let (mut targets, recordings): (Vec<TargetRecord>, Vec<Recording>) = subjects
        .into_iter()
        .map(|subject| subject.into_record(&load, &scenario.requests))
        .unzip();
    let has_failed = backend.is_err() || targets.iter().any(|target| target.failure.is_some());
    let grave = grave_cautions(&targets);
    // From here on the target of an A/A comparison stands apart: it competes with nobody.
    let aa_target = request.aa.then(|| targets.pop()).flatten();
    let policy = Policy::usual(request.plan.seed);
    let (comparisons, not_compared) = compare::compare_targets(&targets, &policy);
    let aa = aa_target.map(|target| compare_with_itself(&targets[0], target, &policy));
    let completion = completion(is_interrupted, has_failed);
    let cautions = [
        since
            .circumstances(
                backend.as_ref().ok().and_then(Option::as_ref),
                &request.pinning,
            )
            .cautions(),
        backend
            .as_ref()
            .err()
            .map(backend_failed)
            .into_iter()
            .collect(),
        compare::left_out(&not_compared),
        design_cautions(&targets, request.plan.seed),
        grave,
        interrupted(completion),
    ];
    let record = RunRecord {
        schema_version: SCHEMA_VERSION,
        id: id.to_owned(),
        bench_version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: timestamp.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        elapsed_s: started.elapsed().as_secs_f64(),
        completion,
        command,
        seed: request.plan.seed,
        scenario,
        plan: plan_record(request, detectable),
        calibration: calibration::result::cited(&environment),
        environment,
        pinning: request.pinning.clone(),
        validity: Validity::from_cautions(cautions.concat()),
        targets,
        backend: backend.unwrap_or_default(),
        comparisons,
        aa,
    };
    Ok(Measured {
        record,
        recordings,
        started_epoch_s: timestamp.as_millisecond() as f64 / 1e3,
    })
}

/// The first target against its second self.
fn compare_with_itself(first: &TargetRecord, target: TargetRecord, policy: &Policy) -> AaRecord {
    let pair = [first.clone(), target];
    let (comparisons, _) = compare::compare_targets(&pair, policy);
    let [_, target] = pair;
    AaRecord {
        target,
        comparisons,
        machine: None,
    }
}

fn completion(is_interrupted: bool, has_failed: bool) -> Completion {
    match (is_interrupted, has_failed) {
        (true, _) => Completion::Interrupted,
        (_, true) => Completion::TargetFailed,
        _ => Completion::Complete,
    }
}

fn plan_record(request: &Request, detectable: Option<DetectableRecord>) -> PlanRecord {
    PlanRecord {
        detectable,
        ..request.plan.record()
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

/// A rate where none is asked for.
fn any_rate() -> Rate {
    Rate::per_s(1.0).expect("1 is a rate")
}

fn subjects_of<'a>(
    request: &'a Request,
    starter: &Starter,
    tell: &mut dyn FnMut(RunEvent<'_>),
) -> Vec<Subject<'a>> {
    let mut say = |line: &str| tell(RunEvent::Said(line));
    let targets = request.targets.iter();
    targets
        .map(|spec| Subject::new(spec, starter.identity(spec, &mut say)))
        .collect()
}

/// What stands around the targets while they are measured.
struct Site {
    started: Instant,
    timestamp: jiff::Timestamp,
    /// The machine before.
    before: Surroundings,
    environment: Environment,
    client: ControlClient,
    /// The backend, where the scenario calls it or a target wants to know where it is.
    backend: Option<Server>,
    starter: Starter,
    /// Whether the generator may spin.
    spin: bool,
}

impl Site {
    fn prepare(request: &Request, tell: &mut dyn FnMut(RunEvent<'_>)) -> Result<Self, Failure> {
        let environment = environment::read();
        // The generator, the backend and this program's own threads share cores; servers get theirs at launch.
        cores::pin(&request.pinning.load_cpus)
            .or_internal(|| "cannot pin the generator".to_owned())?;
        let client = ControlClient::new()?;
        let is_called = request.routes.need_backend();
        let backend = (is_called || starting::need_backend(&request.targets))
            .then(|| launch_backend(request))
            .transpose()?;
        let launcher = Starter::new(
            &request.targets,
            &request.pinning,
            backend.as_ref().map(|backend| backend.addr),
            &mut |line| tell(RunEvent::Said(line)),
        )?;
        Ok(Self {
            // Not before: the packages of a target that is measured for the first time may take minutes to install.
            started: Instant::now(),
            timestamp: jiff::Timestamp::now(),
            before: Surroundings::read(),
            environment,
            client,
            backend,
            starter: launcher,
            // A core that the backend shares, or a server, is no place to spin.
            spin: !is_called && !cores::is_shared(&request.pinning),
        })
    }
}

/// What the machine did to the run, as counters since the system started.
#[derive(Debug, Clone, Copy)]
struct Surroundings {
    ticks: CpuTicks,
    throttled_periods: Option<u64>,
}

/// The same over the run.
#[derive(Debug, Clone, Copy)]
struct Disturbance {
    steal_share: Option<f64>,
    throttled_periods: Option<u64>,
}

impl Surroundings {
    fn read() -> Self {
        Self {
            ticks: CpuTicks::now(),
            throttled_periods: environment::throttled_periods(),
        }
    }

    fn since(self, before: Self) -> Disturbance {
        let periods = before.throttled_periods.zip(self.throttled_periods);
        Disturbance {
            steal_share: self.ticks.steal_share_since(before.ticks),
            throttled_periods: periods.map(|(before, after)| after.saturating_sub(before)),
        }
    }
}

impl Disturbance {
    fn circumstances(self, backend: Option<&BackendRecord>, pinning: &Pinning) -> Circumstances {
        Circumstances {
            backend_lateness: backend.map(|backend| backend.lateness_ns),
            steal_share: self.steal_share,
            throttled_periods: self.throttled_periods,
            shared_core: cores::is_shared(pinning),
        }
    }
}

/// What became of one drive of load.
struct Driven {
    recording: Recording,
    watched: Watched,
    /// How the server ended meanwhile, where it did.
    ended: Option<String>,
}

/// What all rounds share.
struct Run<'a> {
    request: &'a Request,
    steering: &'a Steering,
    started: Instant,
    client: ControlClient,
    starter: Starter,
    spin: bool,
    tell: &'a mut dyn FnMut(RunEvent<'_>),
}

impl Run<'_> {
    /// Measures every trial of the plan and returns the load that was driven.
    fn measure_all(&mut self, subjects: &mut [Subject<'_>]) -> Load {
        let plan = &self.request.plan;
        let trials: Vec<Trial> = plan.trials().collect();
        let mut load = self.load_of(Arrival::Closed);
        let mut arrival = None;
        for round in 0..plan.rounds {
            if round > 0 {
                self.rest_where_asked();
            }
            if self.is_over(subjects) {
                break;
            }
            (self.tell)(RunEvent::RoundStarted { round });
            for subject in &mut *subjects {
                self.start(subject);
            }
            for subject in &mut *subjects {
                self.hold_idle(subject);
            }
            let arrival = arrival.get_or_insert_with(|| self.find_arrival(subjects));
            load = self.load_of(arrival.clone());
            self.warm_up_all(round, &load, subjects);
            let of_round = trials.iter().filter(|trial| trial.round == round);
            for (number, trial) in of_round.enumerate() {
                let begins_block = number > 0 && trial.position == 0;
                if begins_block && self.rest_where_asked() {
                    // What cooled down meanwhile gets warm again, every target of them.
                    self.warm_up_all(round, &load, subjects);
                }
                let subject = &mut subjects[trial.target];
                if self.steering.interrupt.is_asked() || subject.failure.is_some() {
                    continue;
                }
                (self.tell)(RunEvent::TrialStarted { trial });
                self.measure_trial(trial, &load, subject);
            }
            if round + 1 == plan.rounds
                && let Some(profile) = self.request.profile
            {
                for subject in &mut *subjects {
                    self.profile(profile, &load, subject);
                }
            }
            for subject in &mut *subjects {
                self.stop(subject);
            }
        }
        load
    }

    /// Rests for as long as somebody wants a pause; true where somebody did.
    ///
    /// For the ends of blocks only: a block is one paired difference, and whatever the machine does during a pause within it
    /// would stand between the two that are compared.
    fn rest_where_asked(&mut self) -> bool {
        if !self.steering.wants_pause() {
            return false;
        }
        (self.tell)(RunEvent::Paused);
        while self.steering.wants_pause() {
            std::thread::park_timeout(REST_LOOK_EVERY);
        }
        (self.tell)(RunEvent::Resumed);
        true
    }

    fn is_over(&self, subjects: &[Subject<'_>]) -> bool {
        self.steering.interrupt.is_asked()
            || subjects.iter().all(|subject| subject.failure.is_some())
    }

    /// The load of one epoch; its seed comes from the trial. Targets are warm before: see [`Self::warm_up_all`].
    fn load_of(&self, arrival: Arrival) -> Load {
        Load {
            arrival,
            connections: self.request.connections,
            connect: self.request.scenario.connect,
            idle_connections: self.idle_connections(),
            warmup: Duration::ZERO,
            duration: self.request.plan.epoch,
            drain: DRAIN + self.request.routes.longest_stream(),
            timeout: self.request.scenario.timeout,
            request_limit: None,
            interval: self.interval(),
            seed: self.request.plan.seed,
        }
    }

    fn idle_connections(&self) -> u32 {
        let idle = self.request.scenario.idle_connections;
        idle.map_or(0, NonZeroU32::get)
    }

    fn interval(&self) -> Duration {
        let profile = self.request.arrival.profile_length();
        profile.map_or(INTERVAL, |length| {
            (length / INTERVALS_PER_PROFILE).clamp(MIN_INTERVAL, INTERVAL)
        })
    }

    fn options(&self) -> Options {
        Options {
            cpus: self.request.pinning.load_cpus.clone(),
            spin: self.spin,
        }
    }

    /// Starts a target and makes sure that it answers every route of the scenario rightly.
    fn start(&mut self, subject: &mut Subject<'_>) {
        if subject.failure.is_some() || self.steering.interrupt.is_asked() {
            return;
        }
        match self.launch(subject) {
            Ok(process) => {
                let wrong = self
                    .request
                    .routes
                    .each()
                    .find_map(|asked| self.expect(&process, asked).err());
                subject.process = Some(process);
                if let Some(what) = wrong {
                    self.fail(subject, what);
                }
            }
            Err(what) => self.fail(subject, what),
        }
    }

    /// Asks for a route once and says what is wrong with the answer.
    fn expect(&self, process: &Process, asked: &Asked) -> Result<(), String> {
        if asked.route != Route::Chat {
            let target = asked.route.target();
            return self.client.expect(process.addr, &asked.question(&target));
        }
        // One member, who must hear what it says.
        let load = Load {
            connections: NonZeroU32::MIN,
            request_limit: Some(1),
            duration: self.request.scenario.timeout,
            ..self.load_of(Arrival::Closed)
        };
        let control = Control::default();
        load::drive(
            &load,
            &process.workload,
            process.addr,
            &self.options(),
            &control,
        )
        .map_err(|error| error.to_string())
        .and_then(|recording| match recording.ledger.ok {
            1 => Ok(()),
            _ => Err("a message to /chat must come back to whoever said it".to_owned()),
        })
    }

    fn launch(&self, subject: &Subject<'_>) -> Result<Process, String> {
        let manifest = match &subject.spec.kind {
            Kind::Url(url) => {
                let addr = resolve(url)?;
                return Ok(Process {
                    server: None,
                    idle: None,
                    addr,
                    workload: self.workload(&url.authority()),
                });
            }
            Kind::Launched(manifest) => manifest,
        };
        let server = self.starter.launch(manifest, subject.spec.pool)?;
        let addr = server.addr;
        Ok(Process {
            server: Some(server),
            idle: None,
            addr,
            workload: self.workload(&addr.to_string()),
        })
    }

    /// Opens a target's idle connections and reads what they cost it. They stay open until the round ends, in the epochs of
    /// the other targets too: opening ten thousand for each epoch would leave the closing of the last ones to whoever is
    /// measured next, and a server whose allocator keeps what they held could be asked for their price only once.
    fn hold_idle(&mut self, subject: &mut Subject<'_>) {
        let Some(count) = self.request.scenario.idle_connections else {
            return;
        };
        if subject.failure.is_some() || self.steering.interrupt.is_asked() {
            return;
        }
        let Some(process) = &mut subject.process else {
            return;
        };
        let meters = process.server.as_ref().map(Server::meters);
        let settled = || meters.as_deref().and_then(settled_rss_bytes);
        let before = settled();
        let cpus = &self.request.pinning.load_cpus;
        match Holder::start(process.addr, count, cpus, &self.steering.interrupt) {
            Ok(Some(idle)) => {
                let opened = idle.opened();
                process.idle = Some(idle);
                let after = settled();
                subject.recording.connections.idle += u64::from(opened);
                subject.cost.add_idle(opened, before.zip(after));
            }
            Ok(None) => {}
            Err(what) => self.fail(subject, format!("it has no idle connections: {what}")),
        }
    }

    fn workload(&self, host: &str) -> Workload {
        let request = self.request;
        request.routes.workload(host, request.scenario.connect)
    }

    /// The arrivals of the run; where they are a share of the targets' capacity, that is measured first.
    fn find_arrival(&mut self, subjects: &mut [Subject<'_>]) -> Arrival {
        let spec = &self.request.arrival;
        if !spec.needs_capacity() {
            return spec
                .at_capacity(any_rate())
                .expect("without a share there is nothing to compute");
        }
        let mut weakest: Option<Rate> = None;
        for subject in subjects {
            if self.steering.interrupt.is_asked() || subject.failure.is_some() {
                continue;
            }
            let Some(process) = &subject.process else {
                continue;
            };
            let capacity = self.probe_capacity(&process.workload, process.addr);
            match capacity {
                Ok(capacity) => {
                    (self.tell)(RunEvent::CapacityMeasured {
                        target: &subject.spec.name,
                        capacity,
                    });
                    weakest = Some(weakest.map_or(capacity, |weakest| {
                        if capacity < weakest {
                            capacity
                        } else {
                            weakest
                        }
                    }));
                }
                Err(what) => self.fail(subject, what),
            }
        }
        spec.at_capacity(weakest.unwrap_or_else(any_rate))
            .expect("a share of a rate is a rate")
    }

    /// How many requests a second a target answers in a closed loop, or why that can't be told.
    fn probe_capacity(&self, workload: &Workload, addr: SocketAddr) -> Result<Rate, String> {
        let mut duration = CAPACITY_PROBE;
        loop {
            // Without a drain: replies that come after the time is up would count as well, one a connection, and make a slow
            // target seem twice as fast as it is.
            let load = Load {
                duration,
                drain: Duration::ZERO,
                ..self.load_of(Arrival::Closed)
            };
            let recording =
                load::drive(&load, workload, addr, &self.options(), &Control::default())
                    .map_err(|error| error.to_string())?;
            let replies = recording.ledger.ok;
            let is_known = replies >= CAPACITY_REPLIES * u64::from(load.connections.get());
            if is_known || duration >= CAPACITY_PROBE_AT_MOST || self.steering.interrupt.is_asked()
            {
                let per_s =
                    replies as f64 * NANOS_PER_S as f64 / recording.measured_ns.max(1) as f64;
                return Rate::per_s(per_s).map_err(|_| {
                    "it answered nothing while its capacity was measured: give a rate, by rate_per_s or -R".to_owned()
                });
            }
            duration *= 2;
        }
    }

    /// Measures one epoch.
    fn measure_trial(&mut self, trial: &Trial, load: &Load, subject: &mut Subject<'_>) {
        let load = Load {
            seed: trial.seed,
            ..load.clone()
        };
        let before = self.telling(subject);
        let Some(mut driven) = self.drive(&load, subject) else {
            return;
        };
        driven.watched.told = before.zip(self.telling(subject));
        let is_whole = !self.steering.interrupt.is_asked() && driven.ended.is_none();
        subject.take(trial, &driven.recording, driven.watched, is_whole);
        if is_whole && let Some(epoch) = subject.epochs.last() {
            (self.tell)(RunEvent::TrialEnded {
                trial,
                epoch,
                timed: Timed::of(&driven.recording),
                load: &load,
                so_far: subject.so_far(),
            });
        }
        if let Some(how) = driven.ended {
            self.fail(subject, format!("it ended while it was measured: {how}"));
        }
    }

    /// What a target tells of itself between two epochs, when nothing is measured. One that never did is not asked again: it
    /// may be none of ours, and take its time to say so.
    fn telling(&self, subject: &mut Subject<'_>) -> Option<Telling> {
        let process = subject.process.as_ref().filter(|_| subject.tells)?;
        let Some(stats) = self.client.stats(process.addr) else {
            subject.tells = subject.cost.stats.is_some();
            return None;
        };
        let telling = Telling::read(&stats);
        subject.cost.stats = Some(without_counts(stats));
        Some(telling)
    }

    /// Drives load at a target, if it is there, and notes its failure where that can't be done.
    fn drive(&mut self, load: &Load, subject: &mut Subject<'_>) -> Option<Driven> {
        let process = subject.process.as_ref()?;
        let meters = process.server.as_ref().map(Server::meters);
        let options = self.options();
        let (driven, watched) = watch(meters.as_ref(), self.started, self.steering, |control| {
            load::drive(load, &process.workload, process.addr, &options, control)
        });
        let ended = process.server.as_ref().and_then(Server::ended);
        match (driven, ended) {
            (Ok(recording), ended) => {
                return Some(Driven {
                    recording,
                    watched,
                    ended,
                });
            }
            (Err(error), Some(how)) => self.fail(subject, format!("it had ended ({how}): {error}")),
            (Err(error), None) => self.fail(subject, error.to_string()),
        }
        None
    }

    /// Notes that a target failed, with its last output, and ends it.
    fn fail(&mut self, subject: &mut Subject<'_>, what: String) {
        let server = subject.process.take().and_then(|process| process.server);
        let last_output = server.as_ref().map(Server::last_output).unwrap_or_default();
        if let Some(server) = server {
            server.stop();
        }
        let failure = subject
            .failure
            .insert(model::record::run::Failure { what, last_output });
        (self.tell)(RunEvent::TargetFailed {
            target: &subject.spec.name,
            failure,
        });
    }

    /// Ends a target.
    fn stop(&mut self, subject: &mut Subject<'_>) {
        let Some(process) = &mut subject.process else {
            return;
        };
        subject.recording.connections.idle_lost += process.idle_lost();
        process.idle = None;
        let Some(server) = process.server.take() else {
            return;
        };
        if let Some(how) = server.ended() {
            process.server = Some(server);
            return self.fail(subject, format!("it ended between two epochs: {how}"));
        }
        let last_output = server.last_output();
        subject.process = None;
        if let Some(how) = server.stop() {
            let failure = subject.failure.insert(model::record::run::Failure {
                what: format!("it did not end in order: {how}"),
                last_output,
            });
            (self.tell)(RunEvent::TargetFailed {
                target: &subject.spec.name,
                failure,
            });
        }
    }
}

/// Without the lists of counts, which a record sums up.
fn without_counts(mut stats: serde_json::Value) -> serde_json::Value {
    if let Some(members) = stats.as_object_mut() {
        members.retain(|name, _| !name.ends_with("_us_counts"));
    }
    stats
}

/// Estimate of what opening idle connections adds to a run.
fn time_to_hold_idle(request: &Request) -> Duration {
    let Some(count) = request.scenario.idle_connections else {
        return Duration::ZERO;
    };
    let opening = Duration::from_secs(1) * count.get() / MAX_OPENED_PER_S;
    let times = u32::try_from(request.targets.len()).unwrap_or(u32::MAX);
    // Memory is looked at twice, and takes two looks at least to have settled.
    (opening + SETTLE_EVERY * 4) * times * request.plan.rounds
}

/// The resident set of a server once it stays the same: until then it may still be accepting.
fn settled_rss_bytes(meters: &Meters) -> Option<u64> {
    let read = || {
        meters.settle();
        meters.reading().map(|reading| reading.rss_bytes)
    };
    let mut last = read()?;
    for _ in 0..SETTLE_LOOKS {
        std::thread::park_timeout(SETTLE_EVERY);
        let now = read()?;
        if now == last {
            break;
        }
        last = now;
    }
    Some(last)
}

/// The address of a server that runs already.
pub fn resolve(url: &BaseUrl) -> Result<SocketAddr, String> {
    let addrs = (url.host(), url.port())
        .to_socket_addrs()
        .map_err(|error| format!("cannot resolve {}: {error}", url.host()))?;
    addrs
        .into_iter()
        .next()
        .ok_or_else(|| format!("{} has no address", url.host()))
}

fn launch_backend(request: &Request) -> Result<Server, Failure> {
    let service = Service::own("backend", &[], &request.pinning.load_cpus);
    Server::launch(&service).map_err(|error| Failure::target(miette::miette!("{error}")))
}

/// Asks the backend how it did, and ends it. The error says how it failed.
fn backend_record(
    server: Server,
    client: &ControlClient,
    started: Instant,
) -> Result<BackendRecord, String> {
    let elapsed_ns = duration_ns(started.elapsed()).max(1);
    let cpu_share = Some(server.meters().cpu_ns() as f64 / elapsed_ns as f64);
    let stats = client
        .stats(server.addr)
        .and_then(|stats| serde_json::from_value::<BackendStats>(stats).ok());
    let ended = server.ended();
    let last_output = server.last_output();
    let stopped = server.stop();
    match (stats, ended.or(stopped)) {
        (Some(stats), None) => Ok(BackendRecord {
            calls: stats.calls,
            lateness_ns: stats.lateness_ns,
            cpu_share,
        }),
        (None, None) => Err("it did not answer /stats".to_owned()),
        (_, Some(how)) if last_output.is_empty() => Err(how),
        (_, Some(how)) => Err(format!("{how}; it printed: {last_output}")),
    }
}

fn backend_failed(how: &String) -> Caution {
    Caution {
        code: CautionCode::BackendFailed,
        detail: format!("the backend failed: {how}"),
        advice: "requests that needed it failed on every target: run it again".to_owned(),
        voids: true,
    }
}

/// What the whole run must say of one of its targets: whatever voids its figures, and that it failed.
fn grave_cautions(targets: &[TargetRecord]) -> Vec<Caution> {
    // Where no target answered anything, nothing was measured, and failed targets are the reason.
    let is_nothing_measured = targets.iter().all(|target| target.report.requests.ok == 0);
    let of_target = |target: &TargetRecord| {
        let cautions = target.report.validity.cautions.iter();
        let mut grave: Vec<Caution> = cautions
            .filter(|caution| caution.voids)
            .map(|caution| Caution {
                detail: format!("{}: {}", target.name, caution.detail),
                ..caution.clone()
            })
            .collect();
        if let Some(failure) = &target.failure {
            // That there are no figures of it is said by this alone.
            grave.retain(|caution| caution.code != CautionCode::TooFewSamples);
            grave.push(Caution {
                code: CautionCode::TargetFailed,
                detail: format!("{} failed: {}", target.name, failure.what),
                advice: "its figures end where it did; the other targets' are whole".to_owned(),
                voids: is_nothing_measured,
            });
        }
        grave
    };
    targets.iter().flat_map(of_target).collect()
}

/// Where the design of the run did not hold.
fn design_cautions(targets: &[TargetRecord], seed: u64) -> Vec<Caution> {
    let epochs: Vec<(&str, &[EpochRecord])> = targets
        .iter()
        .map(|target| (target.name.as_str(), target.epochs.as_slice()))
        .collect();
    design::cautions(&epochs, Timed::of_targets(targets), seed)
}

fn interrupted(completion: Completion) -> Vec<Caution> {
    let caution = Caution {
        code: CautionCode::Partial,
        detail: "the run was interrupted before its end".to_owned(),
        advice: "what was measured until then is kept; run it again for the whole plan".to_owned(),
        voids: false,
    };
    let is_partial = completion == Completion::Interrupted;
    is_partial.then_some(caution).into_iter().collect()
}
