//! What stands around the targets while they are measured.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use analysis::detectable::{self, Likeness};
use analysis::warnings::Circumstances;
use load::Spin;
use load::backend::BackendStats;
use machines::session_words::Backend;
use model::record::detectable::DetectableRecord;
use model::record::log::{LogSite, MachinePart, Part};
use model::record::surroundings::{BackendRecord, CpuTicks, Environment, Pinning, ServiceRecord};
use model::record::target::Manifest;
use model::record::warning::{Fact, Warning};
use model::units::{Nanos, Rate, duration_ns};
use model::words::plural;

use super::run::{Run, any_rate};
use crate::earlier;
use crate::generators::Generators;
use crate::request::Request;
use crate::run_event::RunEvent;
use crate::servers::{self, Server, Servers};
use crate::steering::Steering;
use crate::step_log::RUNS;
use process::cgroup;
use process::cores;
use process::environment;
use process::failure::{Explain, Failure};
use process::interrupt::Interrupt;
use process::services::{ServiceError, Services, Wanted};
use process::starting;

/// What stands around the targets while they are measured.
pub(super) struct Site {
    started: Instant,
    timestamp: jiff::Timestamp,
    machine: Machine,
    pub(super) environment: Environment,
    services: Services,
    servers: Servers,
    generators: Generators,
    /// When the generator spins.
    spin: Spin,
}

impl Site {
    pub(super) fn prepare(
        request: &Request,
        interrupt: &Interrupt,
        tell: &mut dyn FnMut(RunEvent<'_>),
    ) -> Result<Self, Failure> {
        let generators = Generators::gather(request.generators.as_ref())?;
        for site in generators.sites() {
            let cores = plural(site.cpus.len() as u64, "core", "cores");
            let does = if site.is_probe {
                "watches"
            } else {
                "drives load"
            };
            tell(RunEvent::Notice(&format!(
                "{} {does}: {cores} of {}",
                site.name, site.processor
            )));
        }
        let services = services(request, interrupt, tell)?;
        let environment = Environment {
            generators: generators.sites(),
            ..environment::read()
        };
        // The generator, the backend and this program's own threads share cores; servers get theirs at launch.
        cores::pin(&request.pinning.load_cpus)
            .or_internal(|| "cannot pin the generator".to_owned())?;
        let is_called = request.routes.need_backend();
        let backend = match () {
            () if is_called => Backend::Called,
            () if starting::need_backend(&request.targets) => Backend::Named,
            () => Backend::Unused,
        };
        let wanted = servers::Wanted {
            targets: &request.targets,
            pinning: &request.pinning,
            backend,
            needs: &request.scenario.needs,
            connections: request.services.connections,
            environment: services.environment(),
        };
        let say = &mut |line: &str| tell(RunEvent::Notice(line));
        let (servers, backend) =
            Servers::prepare(request.servers.as_ref(), &wanted, interrupt, say)?;
        for record in servers.services() {
            tell(RunEvent::Notice(&service_line(record, &request.pinning)));
        }
        let environment = Environment {
            services: [services.records(), servers.services().to_vec()].concat(),
            servers: servers.environment().cloned().map(Box::new),
            ..environment
        };
        // Not before: the packages of a target that is measured for the first time may take minutes to install.
        let started = Instant::now();
        Ok(Self {
            started,
            timestamp: jiff::Timestamp::now(),
            services,
            servers,
            generators,
            machine: Machine {
                began: started,
                ticks: environment::cpu_ticks(),
                throttled_periods: cgroup::cpu_limit().throttled_periods,
                is_called,
                backend,
            },
            // A core that the backend shares, or a database, or a server, is no place to spin.
            spin: if (is_called && request.servers.is_none())
                || environment
                    .services
                    .iter()
                    .any(|it| cores::share_load(&it.cpus, &request.pinning))
                || cores::is_shared(&request.pinning)
            {
                Spin::Never
            } else {
                Spin::Always
            },
            environment,
        })
    }

    /// Every target as it is here, in the order asked for.
    pub(super) fn identities(
        &self,
        request: &Request,
        tell: &mut dyn FnMut(RunEvent<'_>),
    ) -> Vec<Manifest> {
        let mut say = |line: &str| tell(RunEvent::Notice(line));
        let targets = request.targets.iter();
        targets
            .map(|spec| self.servers.identity(spec, &mut say))
            .collect()
    }

    /// The second line of a log. `is_run`: it is of a run, of which it can be said what it detects.
    pub(super) fn line(
        &self,
        request: &Request,
        is_run: bool,
        tell: &mut dyn FnMut(RunEvent<'_>),
    ) -> LogSite {
        LogSite {
            started_at: self.timestamp.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            started_epoch_s: self.timestamp.as_millisecond() as f64 / 1e3,
            targets: self.identities(request, tell),
            calibration: calibration::result::cited(&self.environment),
            detectable: is_run
                .then(|| foresee(request, &self.environment))
                .flatten(),
            environment: self.environment.clone(),
        }
    }

    /// What measures here. `before`: how long the measurement had taken already.
    pub(super) fn around<'a>(
        self,
        request: &'a Request,
        before: Duration,
        steering: &'a Steering,
        tell: &'a mut dyn FnMut(RunEvent<'_>),
    ) -> (Machine, Run<'a>) {
        let run = Run {
            request,
            steering,
            // One axis of time, from which what lay between two processes is left out.
            started: self.started.checked_sub(before).unwrap_or(self.started),
            services: self.services,
            servers: self.servers,
            generators: self.generators,
            spin: self.spin,
            broken: None,
            answers: BTreeMap::new(),
            known_processes: BTreeSet::new(),
            tell,
        };
        (self.machine, run)
    }
}

/// What the machine and the backend do while a process measures.
pub(super) struct Machine {
    began: Instant,
    ticks: CpuTicks,
    throttled_periods: Option<u64>,
    /// Whether the scenario calls the backend: one that it doesn't call is no part of the story.
    is_called: bool,
    /// The backend, where the scenario calls it or a target wants to know where it is.
    backend: Option<Server>,
}

impl Machine {
    /// CPU time so far of the backend, where it is on this machine.
    pub(super) fn backend_cpu_ns(&self) -> Nanos {
        let backend = self.backend.as_ref().filter(|backend| backend.is_here());
        let cpu_ns = backend.and_then(|backend| backend.meters().cpu_ns());
        cpu_ns.unwrap_or_default()
    }

    /// What it did since this began.
    pub(super) fn part(&self) -> Part {
        let throttled = self
            .throttled_periods
            .zip(cgroup::cpu_limit().throttled_periods);
        Part {
            ticks: environment::cpu_ticks().since(self.ticks),
            throttled_periods: throttled.map(|(before, after)| after.saturating_sub(before)),
            ..Part::default()
        }
    }

    /// How the backend does; nothing where it doesn't say.
    pub(super) fn ask_backend(&self) -> Option<BackendRecord> {
        let server = self.backend.as_ref().filter(|_| self.is_called)?;
        let stats = server.control().stats()?;
        let stats: BackendStats = serde_json::from_value(stats).ok()?;
        let elapsed_ns = duration_ns(self.began.elapsed()).max(1);
        Some(BackendRecord {
            calls: stats.calls,
            lateness_ns: stats.lateness_ns,
            stalls: stats.stalls,
            cpu_share: server
                .meters()
                .cpu_ns()
                .map(|cpu_ns| cpu_ns as f64 / elapsed_ns as f64),
        })
    }

    /// Asks the backend how it did, and ends it. The error says how it failed.
    pub(super) fn stop_backend(&mut self) -> Result<Option<BackendRecord>, String> {
        let record = self.ask_backend();
        let Some(server) = self.backend.take() else {
            return Ok(None);
        };
        let ended = server.ended();
        let last_output = server.last_output();
        let stopped = server.stop();
        match ended.or(stopped) {
            _ if !self.is_called => Ok(None),
            None if record.is_some() => Ok(record),
            None => Err("it did not answer /stats".to_owned()),
            Some(how) if last_output.is_empty() => Err(how),
            Some(how) => Err(format!("{how}; it printed: {last_output}")),
        }
    }
}

/// What the machine and the backend did to a measurement.
pub(super) fn circumstances(part: &Part, pinning: &Pinning) -> Vec<Warning> {
    let here = MachinePart {
        ticks: part.ticks,
        throttled_periods: part.throttled_periods,
    };
    let machines: Vec<MachinePart> = [Some(here), part.servers].into_iter().flatten().collect();
    let circumstances = Circumstances {
        elapsed_s: part.elapsed_s,
        backend_lateness: part.backend.as_ref().map(|backend| backend.lateness_ns),
        backend_stalls: part.backend.as_ref().map(|backend| backend.stalls),
        // Whichever machine lost more, and both together.
        steal_share: machines
            .iter()
            .filter_map(|machine| machine.ticks.steal_share())
            .reduce(f64::max),
        throttled_periods: machines
            .iter()
            .filter_map(|machine| machine.throttled_periods)
            .reduce(|one, other| one + other),
        shared_core: cores::is_shared(pinning),
    };
    let failed = part.backend_failed.as_deref().map(backend_failed);
    circumstances.warnings().into_iter().chain(failed).collect()
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

/// Starts the services that the scenario needs, or connects to them: on the cores that neither serve nor generate, or on the
/// generator's where there is no other.
fn services(
    request: &Request,
    interrupt: &Interrupt,
    tell: &mut dyn FnMut(RunEvent<'_>),
) -> Result<Services, Failure> {
    let needs = &request.scenario.needs;
    // Beside servers on another machine they run there.
    if needs.is_empty() || request.servers.is_some() {
        return Ok(Services::default());
    }
    let spare = cores::spare(&cores::available(), &request.pinning);
    let cpus = if spare.is_empty() {
        &request.pinning.load_cpus
    } else {
        &spare
    };
    let wanted = Wanted {
        needs,
        choices: &request.services,
        targets: request.targets.len(),
        cpus,
    };
    let services = Services::prepare(&wanted, interrupt).map_err(ServiceError::into_failure)?;
    for record in services.records() {
        tell(RunEvent::Notice(&service_line(&record, &request.pinning)));
    }
    Ok(services)
}

/// Who a service is and where it runs, for people.
fn service_line(record: &ServiceRecord, pinning: &Pinning) -> String {
    let ServiceRecord {
        service, version, ..
    } = record;
    if let Some(url) = &record.url {
        return format!("{service} {version} at {url}");
    }
    let cpus = cores::names(&record.cpus);
    let cpus = match &pinning.servers_on {
        Some(name) => format!("{cpus} of {name}"),
        None => cpus,
    };
    let shared = if cores::share_load(&record.cpus, pinning) {
        ", as the load generator"
    } else {
        ""
    };
    format!("{service} {version} on core {cpus}{shared}")
}

fn backend_failed(how: &str) -> Warning {
    Warning::void(Fact::BackendFailed {
        what: how.to_owned(),
    })
}
