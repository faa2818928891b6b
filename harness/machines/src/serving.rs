//! What an agent has for a coordinator beside its load: idle connections that it holds, and servers that it runs, which are built-in targets and
//! those of manifests that the agent was started with. A coordinator names them, and brings no command of its own.
//!
//! All of it belongs to one coordinator at a time, and ends once nothing was heard of that for five seconds. However this process ends,
//! supervisors end the servers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs, UdpSocket};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::Subscriber;
use futures_util::StreamExt;
use load::Peer;
use model::record::log::MachinePart;
use model::record::surroundings::Pinning;
use model::spec::services::{self as service, ServiceChoices};
use model::spec::target::{DEFAULT_HOST, Manifest, ON_PATH, TargetSpec, Workers};
use process::cgroup;
use process::cores;
use process::environment;
use process::interrupt::Interrupt;
use process::launch::{Server, Service};
use process::services::{ServiceMeters, Services, Wanted};
use process::starting::{self, Starter};

use crate::access::NatsAccess;
use crate::broker::{Broker, monotonic_ns};
use crate::holding::Holding;
use crate::session_words::{
    Answer, Ask, Backend, LEASE_NS, Outcome, Question, Started, State, Step, TargetAsked,
};
use crate::steps::{Asked, Steps};

/// How often it is looked whether a coordinator is still there.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What is answered who was given up while a step was done.
const TOO_LATE: &str = "nobody is there any more who wants it";

/// What an agent runs servers with.
#[derive(Debug, Clone)]
pub struct Host {
    /// The address of this machine at which servers listen.
    pub address: IpAddr,
    /// The cores of servers, and those of everything else.
    pub pinning: Pinning,
    /// What may be started beside the built-in targets.
    pub manifests: Vec<Manifest>,
}

/// The address of this machine by which it reaches the NATS server, found out without sending anything.
pub fn address_towards(access: &NatsAccess) -> std::io::Result<IpAddr> {
    let mut why = std::io::Error::other("it has no address");
    for server in access.shown().to_socket_addrs()? {
        if server.ip().is_loopback() {
            return Ok(DEFAULT_HOST);
        }
        let any: IpAddr = match server.ip() {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let bound = UdpSocket::bind((any, 0)).and_then(|socket| {
            socket.connect(server)?;
            socket.local_addr()
        });
        match bound {
            Ok(own) => return Ok(own.ip()),
            Err(error) => why = error,
        }
    }
    Err(why)
}

/// What is served, and for whom.
struct Serving {
    /// What servers are run with, where that is what it does.
    host: Option<Host>,
    session: Mutex<Option<Arc<Session>>>,
}

/// What one coordinator has here.
struct Session {
    coordinator: String,
    heard_ns: Mutex<u64>,
    steps: Mutex<Steps<Result<Outcome, String>>>,
    /// What there was to say of the step that is under way, or was last.
    lines: Mutex<Vec<String>>,
    interrupt: Interrupt,
    servers: Mutex<Servers>,
    held: Mutex<Held>,
    services: Mutex<Services>,
    service_meters: Mutex<ServiceMeters>,
}

/// Idle connections.
#[derive(Default)]
struct Held {
    each: BTreeMap<u64, Holding>,
    count: u64,
}

/// What runs, and what can be started.
#[derive(Default)]
struct Servers {
    starter: Option<Arc<Starter>>,
    targets: Vec<TargetSpec>,
    running: BTreeMap<u64, Server>,
    started: u64,
    /// Whether nothing may be started any more.
    are_over: bool,
}

/// Ends what runs when nobody answers any more.
struct Ends(Arc<Serving>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Answers until it is aborted, and ends all then.
pub(crate) async fn serve(broker: Broker, host: Option<Host>, mut questions: Subscriber) {
    let serving = Arc::new(Serving {
        host,
        session: Mutex::new(None),
    });
    let _ends = Ends(Arc::clone(&serving));
    loop {
        tokio::select! {
            question = questions.next() => {
                let Some(message) = question else { return };
                // What is of another form was said by somebody else.
                let (Some(asker), Ok(question)) = (message.reply, serde_json::from_slice(&message.payload)) else {
                    continue;
                };
                let (broker, serving) = (broker.clone(), Arc::clone(&serving));
                // What reads files holds up nobody else.
                tokio::spawn(async move {
                    let answer = tokio::task::spawn_blocking(move || serving.answer(question)).await;
                    if let Ok(answer) = answer {
                        broker.say(&asker, &answer).await;
                    }
                });
            }
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let gone =
            serving.taken_if(|session| monotonic_ns() > *locked(&session.heard_ns) + LEASE_NS);
        if let Some(session) = gone {
            tokio::task::spawn_blocking(move || session.end());
        }
    }
}

impl Serving {
    fn answer(&self, question: Question) -> Answer {
        let Question { coordinator, ask } = question;
        let session = match self.session_of(&coordinator, &ask) {
            Ok(session) => session,
            Err(answer) => return answer,
        };
        match ask {
            Ask::Nothing => Answer::Heard,
            Ask::Step { number, step } => session.step(self.host.as_ref(), number, step),
            Ask::Machine => Answer::Machine(MachinePart {
                ticks: environment::cpu_ticks(),
                throttled_periods: cgroup::cpu_limit().throttled_periods,
            }),
            Ask::End => {
                if let Some(session) = self.taken_if(|it| it.coordinator == coordinator) {
                    session.end();
                }
                Answer::Heard
            }
            Ask::CpuTime { server } => {
                let meters = session.of(server, Server::meters);
                meters.map_or(Answer::Unknown, |meters| Answer::CpuTime {
                    server: meters.cpu_ns(),
                    services: locked(&session.service_meters).cpu_ns(),
                })
            }
            Ask::State { server, look } => {
                let Some(meters) = session.of(server, Server::meters) else {
                    return Answer::Unknown;
                };
                let seen = meters.see(look);
                locked(&session.service_meters).look();
                // While they are put back nothing is measured.
                let services = session.services.try_lock().ok();
                let service_ended = services.and_then(|services| services.ended());
                let state = session.of(server, |server| State {
                    seen,
                    ended: server.ended(),
                    lines: server.lines(),
                    service_ended: service_ended.map(|error| error.to_string()),
                });
                state.map_or(Answer::Unknown, |state| Answer::State(Box::new(state)))
            }
            Ask::Lost { held } => {
                let all = locked(&session.held);
                let lost = all.each.get(&held).map(Holding::lost);
                lost.map_or(Answer::Unknown, Answer::Lost)
            }
            Ask::LastOutput { server } => {
                let output = session.of(server, Server::last_output);
                output.map_or(Answer::Unknown, Answer::LastOutput)
            }
        }
    }

    /// What a coordinator has here, which begins with its first step; or what it is answered instead.
    fn session_of(&self, coordinator: &str, ask: &Ask) -> Result<Arc<Session>, Answer> {
        let mut session = locked(&self.session);
        if session.is_none() && matches!(ask, Ask::Step { number: 1, .. }) {
            *session = Some(Arc::new(Session::new(coordinator)));
        }
        match &*session {
            None => Err(Answer::Over),
            Some(session) if session.coordinator != coordinator => Err(match ask {
                Ask::Step { number: 1, .. } => Answer::Busy,
                _ => Answer::Over,
            }),
            Some(session) => {
                *locked(&session.heard_ns) = monotonic_ns();
                Ok(Arc::clone(session))
            }
        }
    }

    /// Takes the session away, where it is such a one.
    fn taken_if(&self, is_such: impl FnOnce(&Session) -> bool) -> Option<Arc<Session>> {
        let mut session = locked(&self.session);
        let is_taken = session.as_deref().is_some_and(is_such);
        is_taken.then(|| session.take()).flatten()
    }

    fn end(&self) {
        if let Some(session) = self.taken_if(|_| true) {
            session.end();
        }
    }
}

impl Session {
    fn new(coordinator: &str) -> Self {
        Self {
            coordinator: coordinator.to_owned(),
            heard_ns: Mutex::new(monotonic_ns()),
            steps: Mutex::default(),
            lines: Mutex::default(),
            interrupt: Interrupt::default(),
            servers: Mutex::default(),
            held: Mutex::default(),
            services: Mutex::default(),
            service_meters: Mutex::default(),
        }
    }

    /// Something of a server that runs.
    fn of<T>(&self, server: u64, what: impl FnOnce(&Server) -> T) -> Option<T> {
        locked(&self.servers).running.get(&server).map(what)
    }

    /// Begins a step on a thread of its own, or says how it goes.
    fn step(self: Arc<Self>, host: Option<&Host>, number: u64, step: Step) -> Answer {
        let mut steps = locked(&self.steps);
        let lines = || locked(&self.lines).clone();
        match steps.ask(number) {
            Asked::Past => return Answer::Unknown,
            Asked::Doing => return Answer::Doing { lines: lines() },
            Asked::Done(outcome) => {
                return Answer::Done {
                    lines: lines(),
                    outcome: outcome.clone(),
                };
            }
            Asked::Begin => locked(&self.lines).clear(),
        }
        drop(steps);
        let (session, host) = (Arc::clone(&self), host.cloned());
        let does = move || {
            let outcome = session.done(host.as_ref(), step);
            locked(&session.steps).done(outcome);
        };
        if let Err(error) = std::thread::Builder::new().spawn(does) {
            let why = format!("cannot start a thread: {error}; raise the limit with `ulimit -u`");
            locked(&self.steps).done(Err(why));
        }
        Answer::Doing { lines: Vec::new() }
    }

    fn done(&self, host: Option<&Host>, step: Step) -> Result<Outcome, String> {
        match step {
            Step::Prepare {
                targets,
                backend,
                services,
                connections,
            } => {
                let host = host.ok_or("it was not started with --role server")?;
                self.start_services(host, &services, (targets.len(), connections))?;
                self.prepare(host, &targets, backend)
            }
            Step::Reset => {
                let reset = locked(&self.services).reset();
                reset
                    .map(|()| Outcome::Reset)
                    .map_err(|error| error.to_string())
            }
            Step::Launch { target } => self.launch(&target).map(Outcome::Started),
            Step::Stop { server } => {
                let server = locked(&self.servers).running.remove(&server);
                let server = server.ok_or("there is no such server")?;
                Ok(Outcome::Stopped(server.stop()))
            }
            Step::Hold { peer, count } => self.hold(&peer, count),
            Step::Release { held } => {
                locked(&self.held).each.remove(&held);
                Ok(Outcome::Released)
            }
        }
    }

    /// Opens idle connections.
    fn hold(&self, peer: &str, count: NonZeroU32) -> Result<Outcome, String> {
        let peer: Peer = peer
            .parse()
            .map_err(|_| format!("{peer} is no address of a server"))?;
        let holding = Holding::open(peer, count, self.interrupt.clone())?;
        let opened = holding.opened();
        let mut held = locked(&self.held);
        if self.interrupt.is_asked() {
            return Err(TOO_LATE.to_owned());
        }
        held.count += 1;
        let number = held.count;
        held.each.insert(number, holding);
        Ok(Outcome::Held {
            held: number,
            opened,
        })
    }

    /// Starts the services that `targets` need, with so many connections each.
    fn start_services(
        &self,
        host: &Host,
        needs: &BTreeSet<service::Service>,
        (targets, connections): (usize, NonZeroU32),
    ) -> Result<(), String> {
        let wanted = Wanted {
            needs,
            choices: &ServiceChoices {
                connections,
                ..ServiceChoices::default()
            },
            targets,
            cpus: &host.pinning.load_cpus,
        };
        let services = Services::prepare(&wanted, &self.interrupt).map_err(|error| {
            let failure = error.into_failure();
            let help = failure.report.help().map(|help| format!("; {help}"));
            format!("{}{}", failure.report, help.unwrap_or_default())
        })?;
        if self.interrupt.is_asked() {
            return Err(TOO_LATE.to_owned());
        }
        *locked(&self.service_meters) = services.meters();
        *locked(&self.services) = services;
        Ok(())
    }

    /// Makes ready what these targets need.
    fn prepare(
        &self,
        host: &Host,
        targets: &[TargetAsked],
        backend: Backend,
    ) -> Result<Outcome, String> {
        let mut say = |line: &str| locked(&self.lines).push(line.to_owned());
        let targets = targets.iter().map(|asked| known(asked, &host.manifests));
        let targets: Vec<TargetSpec> = targets.collect::<Result<_, _>>()?;
        let backend = match backend {
            Backend::Unused => None,
            Backend::Called if cores::is_shared(&host.pinning) => {
                return Err(
                    "the scenario calls the backend, for which no core is left beside those of the servers: start the agent with fewer \
                     --cpus"
                        .to_owned(),
                );
            }
            Backend::Named | Backend::Called => {
                let args = ["--host".to_owned(), host.address.to_string()];
                let service = Service::own("backend", &args, &host.pinning.load_cpus);
                let server = Server::launch(&service).map_err(|error| error.to_string())?;
                Some(self.keep(server)?)
            }
        };
        let upstream = backend.as_ref().and_then(|backend| {
            self.of(backend.server, |server| {
                server.reach().address.authority.clone()
            })
        });
        let starter = Starter::new(
            &targets,
            (&host.pinning, host.address),
            upstream,
            locked(&self.services).environment(),
            &self.interrupt,
            &mut say,
        );
        let starter = starter.map_err(|failure| failure.report.to_string())?;
        let identities = targets.iter();
        let identities = identities
            .map(|target| starter.identity(target, &mut say))
            .collect();
        let mut servers = locked(&self.servers);
        servers.starter = Some(Arc::new(starter));
        servers.targets = targets;
        Ok(Outcome::Prepared {
            targets: identities,
            backend,
            services: locked(&self.services).records(),
        })
    }

    fn launch(&self, name: &str) -> Result<Started, String> {
        let (starter, target) = {
            let servers = locked(&self.servers);
            let target = servers.targets.iter().find(|target| target.name == name);
            let both = servers.starter.clone().zip(target.cloned());
            both.ok_or_else(|| format!("{name} was not made ready"))?
        };
        let manifest = target.kind.manifest();
        let manifest = manifest.expect("what is known here has a manifest");
        self.keep(starter.launch(manifest, target.pool)?)
    }

    /// A server runs from now on, unless it is too late for that.
    fn keep(&self, server: Server) -> Result<Started, String> {
        let address = server.reach().address.to_string();
        let mut servers = locked(&self.servers);
        if servers.are_over {
            return Err(TOO_LATE.to_owned());
        }
        servers.started += 1;
        let number = servers.started;
        servers.running.insert(number, server);
        Ok(Started {
            server: number,
            address,
        })
    }

    /// Kills what runs, closes what is open, and starts nothing more.
    fn end(&self) {
        self.interrupt.ask();
        locked(&self.held).each.clear();
        let running = {
            let mut servers = locked(&self.servers);
            servers.are_over = true;
            std::mem::take(&mut servers.running)
        };
        drop(running);
        // Those that wait for them are gone.
        drop(std::mem::take(&mut *locked(&self.services)));
    }
}

/// A target by this machine's own manifest: a built-in one on any version of its runtime, or one of `manifests`.
fn known(asked: &TargetAsked, manifests: &[Manifest]) -> Result<TargetSpec, String> {
    let is_meant = |manifest: &Manifest| starting::digest(manifest) == asked.digest;
    let with_workers = |manifest: Manifest| {
        if is_meant(&manifest) {
            return Some(manifest);
        }
        let other = manifest.with_workers(asked.workers?).ok()?;
        is_meant(&other).then_some(other)
    };
    let found = built_in(&asked.kind)
        .into_iter()
        .chain(manifests.iter().cloned())
        .find_map(with_workers)
        .ok_or_else(|| {
            format!(
                "this agent knows no such target as {}: start it with --manifest FILE, where the file is the same as there",
                asked.kind
            )
        })?;
    if found.listens_on_socket() {
        return Err(format!(
            "{} listens at a Unix socket, which no other machine reaches",
            asked.kind
        ));
    }
    let target = TargetSpec::of_manifest(&asked.name, found).map_err(|error| error.to_string())?;
    Ok(TargetSpec {
        pool: asked.pool,
        ..target
    })
}

/// The built-in manifests of this name: one for each version of its runtime.
fn built_in(kind: &str) -> Vec<Manifest> {
    let manifest = |text: &str| {
        let target = TargetSpec::parse(text).ok()?;
        target.kind.manifest().cloned()
    };
    let Some(usual) = manifest(kind) else {
        return Vec::new();
    };
    let versions = usual.needs.iter().flat_map(|needs| {
        let known = needs.runtime.versions().iter();
        known.chain([&ON_PATH])
    });
    let versions: Vec<Manifest> = versions
        .filter_map(|version| manifest(&format!("{kind}@{version}")))
        .collect();
    [usual].into_iter().chain(versions).collect()
}

/// How many workers a manifest says, where that doesn't depend on the cores.
pub(crate) fn fixed_workers(manifest: &Manifest) -> Option<NonZeroU32> {
    match manifest.workers {
        Workers::Fixed(workers) => Some(workers),
        Workers::Cores => None,
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A target as a coordinator asks for it that was given this by its user.
    fn asked(target: &TargetSpec) -> TargetAsked {
        let manifest = target.kind.manifest().unwrap();
        TargetAsked {
            name: target.name.clone(),
            kind: manifest.name.clone(),
            digest: starting::digest(manifest),
            workers: fixed_workers(manifest),
            pool: target.pool,
        }
    }

    #[test]
    fn built_in_targets_are_known_on_every_version_and_with_any_workers() {
        let two = NonZeroU32::new(2).unwrap();
        for text in [
            "callback",
            "coroutine",
            "node",
            "mine=node@22",
            "fastapi@3.13",
            "node@path",
        ] {
            let target = TargetSpec::parse(text).unwrap();
            assert_eq!(known(&asked(&target), &[]), Ok(target.clone()), "{text}");
            let target = target.with_workers(two).unwrap();
            assert_eq!(known(&asked(&target), &[]), Ok(target.clone()), "{text}");
        }
    }

    #[test]
    fn what_this_machine_has_no_manifest_of_is_not_started() {
        let manifest = |args: &str| {
            let source = format!("command = \"/bin/true\"\nargs = [{args}\"{{port}}\"]\n");
            Manifest::parse(&source, "mine.toml").unwrap()
        };
        let (mine, other) = (manifest(""), manifest("\"--evil\", "));
        let target = |manifest: &Manifest| TargetSpec::of_manifest("m", manifest.clone()).unwrap();
        let ours = [mine.clone()];
        assert_eq!(known(&asked(&target(&mine)), &ours), Ok(target(&mine)));
        for unknown in [
            asked(&target(&other)),
            TargetAsked {
                kind: "callback".to_owned(),
                ..asked(&target(&other))
            },
        ] {
            let why = known(&unknown, &ours).unwrap_err();
            assert!(why.contains("--manifest FILE"), "{why}");
        }
        let socket = Manifest::parse(
            "command = \"/bin/true\"\nargs = [\"{socket}\"]\nurl = \"unix:{socket}\"\n",
            "mine.toml",
        )
        .unwrap();
        let why = known(&asked(&target(&socket)), &[socket]).unwrap_err();
        assert!(why.contains("Unix socket"), "{why}");
    }
}
