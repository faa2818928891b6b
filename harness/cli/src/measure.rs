//! Measuring: rounds of fresh processes, epochs in alternation, and the record of it all.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use app::Route;
use bench_core::compare::{self, NotCompared, Policy};
use bench_core::load::{Arrival, Load};
use bench_core::plan::Trial;
use bench_core::record::{
    BackendRecord, Completion, EpochRecord, Histograms, IntervalRecord, LoadReport, Manifest,
    RunRecord, SCHEMA_VERSION, ServerRecord, ServerSample, TargetRecord,
};
use bench_core::recording::Recording;
use bench_core::target::{BaseUrl, Kind, TargetSpec};
use bench_core::units::{NANOS_PER_S, Nanos, Rate, duration_ns};
use bench_core::validity::{self, Caution, CautionCode, Circumstances, Validity};
use load::backend::BackendStats;
use load::{Control, Options, Phase, Workload};

use crate::commands::run::Request;
use crate::control_client::ControlClient;
use crate::cores;
use crate::data_files;
use crate::environment::{self, CpuTicks};
use crate::exit::{Explain, Failure};
use crate::interrupt::Interrupt;
use crate::launch::Server;
use crate::manifest;
use crate::meter::{self, Reading};
use crate::run_event::RunEvent;

/// How often a server's meters are read while it is measured.
const SAMPLE_EVERY: Duration = Duration::from_millis(100);

/// The length of one interval of the time series.
const INTERVAL: Duration = Duration::from_millis(250);

/// How long, after an epoch's last arrival, its replies may still come: so that no epoch leaves work to the next.
const DRAIN: Duration = Duration::from_secs(1);

/// How long each target is driven flat out where a scenario asks for a share of its capacity.
const CAPACITY_PROBE: Duration = Duration::from_millis(700);

/// The status of every route that is asked for rightly.
const SERVED: u16 = 200;

/// What a run measured.
pub(crate) struct Measured {
    /// The record of it.
    pub(crate) record: RunRecord,
    /// A target's recording each, in the record's order, for the formats that hold more than the record.
    pub(crate) recordings: Vec<Recording>,
    /// When it began, in seconds since 1970-01-01T00:00:00Z.
    pub(crate) started_epoch_s: f64,
}

/// A target and what has been measured of it so far.
struct Subject<'a> {
    spec: &'a TargetSpec,
    manifest: Manifest,
    process: Option<Process>,
    recording: Recording,
    epochs: Vec<EpochRecord>,
    intervals: Vec<IntervalRecord>,
    cost: Cost,
    failure: Option<bench_core::record::Failure>,
}

/// A target that can be driven.
struct Process {
    /// The child, unless it ran already.
    server: Option<Server>,
    addr: SocketAddr,
    workload: Workload,
}

/// What serving cost over all epochs so far.
#[derive(Debug, Default)]
struct Cost {
    /// CPU time between the first measured request and the last reply of each epoch.
    cpu_ns: Nanos,
    /// Wall time of the same stretches.
    wall_ns: Nanos,
    user_ticks: u64,
    system_ticks: u64,
    switches_voluntary: u64,
    switches_involuntary: u64,
    rss_bytes_max: u64,
    threads_max: u32,
    samples: Vec<ServerSample>,
    stats: Option<serde_json::Value>,
    is_known: bool,
}

/// Measures what was asked for. Fails only where nothing could be measured at all; a target that fails is data.
pub(crate) fn measure(
    request: &Request,
    id: &str,
    command: Vec<String>,
    interrupt: &Interrupt,
    tell: &mut dyn FnMut(RunEvent<'_>),
) -> Result<Measured, Failure> {
    let started = Instant::now();
    let timestamp = jiff::Timestamp::now();
    let ticks_before = CpuTicks::now();
    let throttled_before = environment::throttled_periods();
    let mut environment = environment::read();
    // The generator, the backend and this program's own threads share cores; servers get theirs at launch.
    cores::pin(&request.pinning.load_cpus).or_internal(|| "cannot pin the generator".to_owned())?;
    let client = ControlClient::new()?;
    let data_dir = data_files::default_dir()?;
    data_files::prepare(&data_dir)?;
    let backend = request
        .routes
        .need_backend()
        .then(|| launch_backend(request))
        .transpose()?;
    let mut run = Run {
        request,
        interrupt,
        started,
        client,
        data_dir: data_dir.display().to_string(),
        upstream: backend.as_ref().map(|backend| backend.addr),
        // A core that the backend shares, or a server, is no place to spin.
        spin: backend.is_none() && !cores::is_shared(&request.pinning),
        tell,
    };
    let mut subjects: Vec<Subject<'_>> = request
        .targets
        .iter()
        .map(|spec| Subject::new(spec, request))
        .collect();
    (run.tell)(RunEvent::Planned {
        scenario: &request.scenario,
        targets: &request.targets,
        plan: &request.plan,
        pinning: &request.pinning,
        expected: request.plan.total(),
    });
    let load = run.measure_all(&mut subjects);
    let backend = backend
        .map(|server| backend_record(server, &run.client, started))
        .transpose()?;
    let is_interrupted = interrupt.is_asked();
    environment.steal_share = CpuTicks::now().steal_share_since(ticks_before);
    environment.throttled_periods = throttled_before
        .zip(environment::throttled_periods())
        .map(|(before, after)| after.saturating_sub(before));

    let circumstances = Circumstances {
        backend_lateness: backend.as_ref().map(|backend| backend.lateness_ns),
        steal_share: environment.steal_share,
        throttled_periods: environment.throttled_periods,
        shared_core: cores::is_shared(&request.pinning),
    };
    let (targets, recordings): (Vec<TargetRecord>, Vec<Recording>) = subjects
        .into_iter()
        .map(|subject| subject.into_record(&load))
        .unzip();
    let (comparisons, not_compared) =
        compare::compare_targets(&targets, &Policy::usual(request.plan.seed));
    let completion = match () {
        () if is_interrupted => Completion::Interrupted,
        () if targets.iter().any(|target| target.failure.is_some()) => Completion::TargetFailed,
        () => Completion::Complete,
    };
    let record = RunRecord {
        schema_version: SCHEMA_VERSION,
        id: id.to_owned(),
        bench_version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: timestamp.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        elapsed_s: started.elapsed().as_secs_f64(),
        completion,
        command,
        seed: request.plan.seed,
        scenario: request.scenario.record(),
        plan: request.plan.record(),
        environment,
        pinning: request.pinning.clone(),
        validity: run_validity(completion, &targets, &not_compared, &circumstances),
        targets,
        backend,
        comparisons,
    };
    Ok(Measured {
        record,
        recordings,
        started_epoch_s: timestamp.as_millisecond() as f64 / 1e3,
    })
}

/// What all rounds share.
struct Run<'a> {
    request: &'a Request,
    interrupt: &'a Interrupt,
    started: Instant,
    client: ControlClient,
    data_dir: String,
    upstream: Option<SocketAddr>,
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
            if self.is_over(subjects) {
                break;
            }
            (self.tell)(RunEvent::RoundStarted {
                round,
                rounds: plan.rounds,
            });
            for subject in &mut *subjects {
                self.start(subject);
            }
            let arrival = *arrival.get_or_insert_with(|| self.find_arrival(subjects));
            load = self.load_of(arrival);
            for trial in trials.iter().filter(|trial| trial.round == round) {
                let subject = &mut subjects[trial.target];
                if self.interrupt.is_asked() || subject.failure.is_some() {
                    continue;
                }
                (self.tell)(RunEvent::TrialStarted {
                    trial,
                    trials: trials.len(),
                    target: &subject.spec.name,
                });
                self.measure_trial(trial, &load, subject);
            }
            for subject in &mut *subjects {
                self.stop(subject);
            }
        }
        load
    }

    fn is_over(&self, subjects: &[Subject<'_>]) -> bool {
        self.interrupt.is_asked() || subjects.iter().all(|subject| subject.failure.is_some())
    }

    /// The load of one epoch; warm-up and seed come from the trial.
    fn load_of(&self, arrival: Arrival) -> Load {
        Load {
            arrival,
            connections: self.request.connections,
            warmup: Duration::ZERO,
            duration: self.request.plan.epoch,
            drain: DRAIN,
            timeout: self.request.scenario.timeout,
            request_limit: None,
            interval: INTERVAL,
            seed: self.request.plan.seed,
        }
    }

    fn options(&self) -> Options {
        Options {
            cpus: self.request.pinning.load_cpus.clone(),
            spin: self.spin,
        }
    }

    /// Starts a target and makes sure that it answers every route of the scenario rightly.
    fn start(&mut self, subject: &mut Subject<'_>) {
        if subject.failure.is_some() || self.interrupt.is_asked() {
            return;
        }
        match self.launch(subject) {
            Ok(process) => {
                let wrong = self
                    .request
                    .routes
                    .each()
                    .find_map(|route| self.client.verify(process.addr, route).err());
                subject.process = Some(process);
                if let Some(what) = wrong {
                    self.fail(subject, what);
                }
            }
            Err(what) => self.fail(subject, what),
        }
    }

    fn launch(&self, subject: &Subject<'_>) -> Result<Process, String> {
        let name = match &subject.spec.kind {
            Kind::Url(url) => {
                let addr = resolve(url)?;
                return Ok(Process {
                    server: None,
                    addr,
                    workload: self.request.routes.workload(&url.authority()),
                });
            }
            built_in => built_in.name(),
        };
        let mut args = vec![
            "--data-dir".to_owned(),
            self.data_dir.clone(),
            "--workers".to_owned(),
            subject.manifest.workers.to_string(),
            "--pool".to_owned(),
            subject.manifest.pool_threads.to_string(),
        ];
        if let Some(upstream) = self.upstream {
            args.extend(["--upstream".to_owned(), upstream.to_string()]);
        }
        let pinning = &self.request.pinning;
        let server = Server::launch(name, &args, &pinning.server_cpus, &pinning.load_cpus)
            .map_err(|error| error.to_string())?;
        let addr = server.addr;
        Ok(Process {
            server: Some(server),
            addr,
            workload: self.request.routes.workload(&addr.to_string()),
        })
    }

    /// The arrivals of the run; where they are a share of the targets' capacity, that is measured first.
    fn find_arrival(&mut self, subjects: &mut [Subject<'_>]) -> Arrival {
        let spec = self.request.arrival;
        let any_rate = Rate::per_s(1.0).expect("1 is a rate");
        if !spec.needs_capacity() {
            return spec
                .at_capacity(any_rate)
                .expect("without a share there is nothing to compute");
        }
        let mut weakest: Option<Rate> = None;
        for subject in subjects {
            if self.interrupt.is_asked() || subject.failure.is_some() {
                continue;
            }
            let Some(process) = &subject.process else {
                continue;
            };
            let load = Load {
                duration: CAPACITY_PROBE,
                ..self.load_of(Arrival::Closed)
            };
            let capacity = load::drive(
                &load,
                &process.workload,
                process.addr,
                &self.options(),
                &Control::default(),
            )
            .map_err(|error| error.to_string())
            .and_then(|recording| {
                let per_s = recording.ledger.ok as f64 * NANOS_PER_S as f64
                    / recording.measured_ns.max(1) as f64;
                Rate::per_s(per_s)
                    .map_err(|_| "it answered nothing while its capacity was measured".to_owned())
            });
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
        spec.at_capacity(weakest.unwrap_or(any_rate))
            .expect("a share of a rate is a rate")
    }

    /// Measures one epoch.
    fn measure_trial(&mut self, trial: &Trial, load: &Load, subject: &mut Subject<'_>) {
        let Some(process) = &mut subject.process else {
            return;
        };
        let load = Load {
            warmup: trial.warmup,
            seed: trial.seed,
            ..load.clone()
        };
        let pid = process.server.as_ref().map(Server::pid);
        let marks = Arc::new(Mutex::new(Marks::default()));
        let control = Control::watching({
            let marks = Arc::clone(&marks);
            let started = self.started;
            move |phase| {
                let mark = Mark {
                    at: started.elapsed(),
                    cpu_ns: pid.and_then(meter::cpu_ns),
                };
                let mut marks = marks.lock().unwrap_or_else(PoisonError::into_inner);
                match phase {
                    Phase::Measuring => marks.measuring = Some(mark),
                    Phase::Drained => marks.drained = Some(mark),
                }
            }
        });
        let before = pid.and_then(meter::reading);
        let is_done = AtomicBool::new(false);
        let (driven, samples) = std::thread::scope(|scope| {
            let sampler =
                scope.spawn(|| sample(pid, self.started, self.interrupt, &control, &is_done));
            let driven = load::drive(
                &load,
                &process.workload,
                process.addr,
                &self.options(),
                &control,
            );
            is_done.store(true, Ordering::Relaxed);
            sampler.thread().unpark();
            (
                driven,
                sampler
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            )
        });
        let after = pid.and_then(meter::reading);
        let marks = std::mem::take(&mut *marks.lock().unwrap_or_else(PoisonError::into_inner));
        let ended = process.server.as_mut().and_then(Server::ended);
        match driven {
            Ok(recording) => {
                let is_whole = !self.interrupt.is_asked() && ended.is_none();
                subject.take(
                    trial,
                    &recording,
                    &marks,
                    before.zip(after),
                    samples,
                    is_whole,
                );
                if is_whole && let Some(epoch) = subject.epochs.last() {
                    (self.tell)(RunEvent::TrialEnded {
                        target: &subject.spec.name,
                        epoch,
                    });
                }
                if let Some(how) = ended {
                    self.fail(subject, format!("it ended while it was measured: {how}"));
                }
            }
            Err(error) => {
                let how = ended
                    .map(|how| format!(" (it had ended: {how})"))
                    .unwrap_or_default();
                self.fail(subject, format!("{error}{how}"));
            }
        }
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
            .insert(bench_core::record::Failure { what, last_output });
        (self.tell)(RunEvent::TargetFailed {
            target: &subject.spec.name,
            failure,
        });
    }

    /// Asks a target what it has to say of itself and ends it.
    fn stop(&mut self, subject: &mut Subject<'_>) {
        let Some(process) = &mut subject.process else {
            return;
        };
        if let Some(stats) = self.client.stats(process.addr) {
            subject.cost.stats = Some(stats);
        }
        let Some(mut server) = process.server.take() else {
            return;
        };
        if let Some(how) = server.ended() {
            process.server = Some(server);
            return self.fail(subject, format!("it ended between two epochs: {how}"));
        }
        let last_output = server.last_output();
        subject.process = None;
        if let Some(how) = server.stop() {
            let failure = subject.failure.insert(bench_core::record::Failure {
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

/// A moment of an epoch.
#[derive(Debug, Clone, Copy)]
struct Mark {
    /// Since the run began.
    at: Duration,
    /// CPU time of the server so far.
    cpu_ns: Option<Nanos>,
}

#[derive(Debug, Default)]
struct Marks {
    measuring: Option<Mark>,
    drained: Option<Mark>,
}

/// Reads a server's meters until the epoch is done; ends the epoch early where the server died or the user wants it.
fn sample(
    pid: Option<i32>,
    started: Instant,
    interrupt: &Interrupt,
    control: &Control,
    is_done: &AtomicBool,
) -> Vec<(ServerSample, Reading)> {
    let mut samples = Vec::new();
    let mut last = pid
        .and_then(meter::cpu_ns)
        .map(|cpu_ns| (started.elapsed(), cpu_ns));
    while !is_done.load(Ordering::Relaxed) {
        std::thread::park_timeout(SAMPLE_EVERY);
        if interrupt.is_asked() {
            control.stop();
        }
        let Some(pid) = pid else { continue };
        let (Some(reading), Some(cpu_ns)) = (meter::reading(pid), meter::cpu_ns(pid)) else {
            control.stop();
            continue;
        };
        let at = started.elapsed();
        if let Some((last_at, last_cpu_ns)) = last {
            let wall_ns = duration_ns(at.saturating_sub(last_at)).max(1);
            let cpu_share = cpu_ns.saturating_sub(last_cpu_ns) as f64 / wall_ns as f64;
            samples.push((
                ServerSample {
                    at_s: at.as_secs_f64(),
                    cpu_share,
                    rss_bytes: reading.rss_bytes,
                },
                reading,
            ));
        }
        last = Some((at, cpu_ns));
    }
    samples
}

impl<'a> Subject<'a> {
    fn new(spec: &'a TargetSpec, request: &Request) -> Self {
        Self {
            spec,
            manifest: manifest::of(&spec.kind, &request.pinning),
            process: None,
            recording: Recording::empty(),
            epochs: Vec::new(),
            intervals: Vec::new(),
            cost: Cost::default(),
            failure: None,
        }
    }

    /// Adds an epoch. One that was cut short adds to the distributions and not to the comparison.
    fn take(
        &mut self,
        trial: &Trial,
        recording: &Recording,
        marks: &Marks,
        readings: Option<(Reading, Reading)>,
        samples: Vec<(ServerSample, Reading)>,
        is_whole: bool,
    ) {
        let started = marks.measuring.map_or(Duration::ZERO, |mark| mark.at);
        let spent = marks.measuring.zip(marks.drained).and_then(|(from, to)| {
            Some((
                to.cpu_ns?.saturating_sub(from.cpu_ns?),
                duration_ns(to.at.saturating_sub(from.at)),
            ))
        });
        let cpu_us_per_request = spent
            .filter(|_| recording.ledger.ok > 0)
            .map(|(cpu_ns, _)| cpu_ns as f64 / 1e3 / recording.ledger.ok as f64);
        let rss_bytes_max = samples.iter().map(|(sample, _)| sample.rss_bytes).max();
        if is_whole {
            let epoch = EpochRecord::of(
                trial,
                started.as_secs_f64(),
                recording,
                cpu_us_per_request,
                rss_bytes_max,
            );
            self.epochs.push(epoch);
        }
        self.recording.append_epoch(recording, duration_ns(started));
        self.intervals.extend(
            recording
                .intervals
                .iter()
                .map(|interval| IntervalRecord::of(interval, started.as_secs_f64())),
        );
        self.cost.add(spent, readings, samples);
    }

    fn into_record(self, load: &Load) -> (TargetRecord, Recording) {
        let mut cautions = validity::assess(load, &self.recording);
        if let Some(failure) = &self.failure {
            cautions.push(Caution {
                code: CautionCode::TargetFailed,
                detail: failure.what.clone(),
                advice: "its figures end where it did; look at its last output".to_owned(),
                voids: false,
            });
        }
        let ok = self.recording.ledger.ok;
        let record = TargetRecord {
            name: self.spec.name.clone(),
            manifest: self.manifest,
            report: LoadReport::of(load, &self.recording, Validity::from_cautions(cautions)),
            server: self.cost.into_record(ok),
            epochs: self.epochs,
            intervals: self.intervals,
            histograms: Histograms::of(&self.recording),
            failure: self.failure,
        };
        (record, self.recording)
    }
}

impl Cost {
    fn add(
        &mut self,
        spent: Option<(Nanos, Nanos)>,
        readings: Option<(Reading, Reading)>,
        samples: Vec<(ServerSample, Reading)>,
    ) {
        if let Some((cpu_ns, wall_ns)) = spent {
            self.is_known = true;
            self.cpu_ns += cpu_ns;
            self.wall_ns += wall_ns;
        }
        if let Some((before, after)) = readings {
            self.user_ticks += after.user_ticks.saturating_sub(before.user_ticks);
            self.system_ticks += after.system_ticks.saturating_sub(before.system_ticks);
            self.switches_voluntary += after
                .switches_voluntary
                .saturating_sub(before.switches_voluntary);
            self.switches_involuntary += after
                .switches_involuntary
                .saturating_sub(before.switches_involuntary);
        }
        for (sample, reading) in samples {
            self.rss_bytes_max = self.rss_bytes_max.max(reading.rss_bytes_max);
            self.threads_max = self.threads_max.max(reading.threads);
            self.samples.push(sample);
        }
    }

    fn into_record(self, ok: u64) -> ServerRecord {
        let known = |value: f64| self.is_known.then_some(value);
        let per_1000 =
            |count: u64| (self.is_known && ok > 0).then(|| count as f64 * 1e3 / ok as f64);
        let ticks = self.user_ticks + self.system_ticks;
        ServerRecord {
            cpu_us_per_request: (self.is_known && ok > 0)
                .then(|| self.cpu_ns as f64 / 1e3 / ok as f64),
            cpu_share: known(self.cpu_ns as f64 / self.wall_ns.max(1) as f64),
            cpu_user_share: (ticks > 0).then(|| self.user_ticks as f64 / ticks as f64),
            rss_bytes_max: (self.rss_bytes_max > 0).then_some(self.rss_bytes_max),
            threads_max: (self.threads_max > 0).then_some(self.threads_max),
            context_switches_voluntary_per_1000: per_1000(self.switches_voluntary),
            context_switches_involuntary_per_1000: per_1000(self.switches_involuntary),
            stats: self.stats,
            samples: self.samples,
        }
    }
}

/// The address of a server that runs already.
pub(crate) fn resolve(url: &BaseUrl) -> Result<SocketAddr, String> {
    let addrs = (url.host(), url.port())
        .to_socket_addrs()
        .map_err(|error| format!("cannot resolve {}: {error}", url.host()))?;
    addrs
        .into_iter()
        .next()
        .ok_or_else(|| format!("{} has no address", url.host()))
}

fn launch_backend(request: &Request) -> Result<Server, Failure> {
    let cpus = &request.pinning.load_cpus;
    Server::launch("backend", &[], cpus, cpus)
        .map_err(|error| Failure::target(miette::miette!("{error}")))
}

/// Asks the backend how it did, and ends it.
fn backend_record(
    mut server: Server,
    client: &ControlClient,
    started: Instant,
) -> Result<BackendRecord, Failure> {
    let cpu_share = meter::cpu_ns(server.pid())
        .map(|cpu_ns| cpu_ns as f64 / duration_ns(started.elapsed()).max(1) as f64);
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
        (_, how) => Err(Failure::target(miette::miette!(
            "the backend failed: {}\n{last_output}",
            how.unwrap_or_else(|| "it did not answer /stats".to_owned())
        ))),
    }
}

/// Whether to believe the run as a whole: its circumstances, and whatever voids one of its targets.
fn run_validity(
    completion: Completion,
    targets: &[TargetRecord],
    not_compared: &[(String, NotCompared)],
    circumstances: &Circumstances,
) -> Validity {
    let mut cautions = circumstances.cautions();
    cautions.extend(not_compared.iter().map(|(target, reason)| Caution {
        code: CautionCode::TooFewSamples,
        detail: format!("{target} could not be compared: {reason}"),
        advice:
            "measure longer: the default plan instead of --quick, or more time with -d".to_owned(),
        voids: false,
    }));
    for target in targets {
        let voiding = target
            .report
            .validity
            .cautions
            .iter()
            .filter(|caution| caution.voids);
        cautions.extend(voiding.map(|caution| Caution {
            detail: format!("{}: {}", target.name, caution.detail),
            ..caution.clone()
        }));
        if let Some(failure) = &target.failure {
            cautions.push(Caution {
                code: CautionCode::TargetFailed,
                detail: format!("{} failed: {}", target.name, failure.what),
                advice: "its figures end where it did; the other targets' are whole".to_owned(),
                voids: false,
            });
        }
    }
    if completion == Completion::Interrupted {
        cautions.push(Caution {
            code: CautionCode::Partial,
            detail: "the run was interrupted before its end".to_owned(),
            advice: "what was measured until then is kept; run it again for the whole plan"
                .to_owned(),
            voids: false,
        });
    }
    Validity::from_cautions(cautions)
}

/// Routes are verified by their canonical target.
impl ControlClient {
    fn verify(&self, addr: SocketAddr, route: &Route) -> Result<(), String> {
        self.expect(
            addr,
            &route.target(),
            SERVED,
            route.expected_body().as_deref(),
        )
    }
}
