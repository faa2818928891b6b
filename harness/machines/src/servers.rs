//! Servers on another machine, as their coordinator uses them.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use model::record::log::MachinePart;
use model::record::surroundings::{Environment, ServiceRecord};
use model::record::target::Manifest as Identity;
use model::spec::access::Access;
use model::spec::address::Address;
use model::spec::services::Service;
use model::spec::target::TargetSpec;
use model::units::{Nanos, duration_ns};
use process::control_client::ControlClient;
use process::cores;
use process::interrupt::Interrupt;
use process::meter::{Look, Seen};
use process::reach::Reach;
use process::starting;

use crate::access::NatsAccess;
use crate::broker::{Broker, block_on, monotonic_ns};
use crate::error::{MachinesError, check_version};
use crate::link::{Answered, Link, OTHER_ANSWER, SessionError};
use crate::registration::{AgentName, Registration, Role};
use crate::serving::fixed_workers;
use crate::session_words::{Answer, Ask, Backend, Outcome, Started, State, Step, TargetAsked};

/// How often it is looked whether a server has ended that is given some time for it.
const END_LOOK_EVERY: Duration = Duration::from_millis(20);

/// How long an agent that runs servers is waited for that is not registered yet.
const FIND_WITHIN_NS: Nanos = 10_000_000_000;

/// How often it is looked for.
const FIND_EVERY: Duration = Duration::from_millis(200);

/// The agent of this name, which runs servers; it is waited for ten seconds.
///
/// # Errors
///
/// It is not there, it is none of the role `server`, or it is another version of `bench`.
pub fn find(access: &NatsAccess, name: &AgentName) -> Result<Registration, MachinesError> {
    block_on(async {
        let broker = Broker::connect(access, "bench run").await?;
        let begun_ns = monotonic_ns();
        let found = loop {
            let agents = broker.registrations().await?;
            let found = agents.into_iter().find(|agent| agent.name == *name);
            if found.is_some() || monotonic_ns() - begun_ns > FIND_WITHIN_NS {
                break found;
            }
            tokio::time::sleep(FIND_EVERY).await;
        };
        let Some(found) = found.filter(|agent| agent.role == Role::Server) else {
            return Err(MachinesError::NoServerAgent {
                name: name.clone(),
                server: access.shown(),
            });
        };
        check_version(&found)?;
        Ok(found)
    })
}

/// Servers on another machine, which all end with this.
pub struct ServerMachine {
    link: Arc<Link>,
    registration: Registration,
    targets: Vec<(String, Identity)>,
    backend: Option<RemoteServer>,
    services: Vec<ServiceRecord>,
    /// What it had done when this began.
    began: Option<MachinePart>,
}

/// What runs beside the targets.
#[derive(Debug, Clone, Copy)]
pub struct Beside<'a> {
    /// What calls the backend.
    pub backend: Backend,
    /// The database and the cache that targets need.
    pub services: &'a BTreeSet<Service>,
    /// How many connections to the database each may open.
    pub connections: NonZeroU32,
}

/// A server that runs on another machine.
pub struct RemoteServer {
    link: Arc<Link>,
    server: u64,
    /// Asks it what it says of itself.
    pub control: ControlClient,
}

/// The meters of a server on another machine.
#[derive(Clone)]
pub struct RemoteMeters {
    link: Arc<Link>,
    server: u64,
}

/// What CPU time a server had spent, once its machine has answered.
pub struct CpuTimeAsked {
    answer: Receiver<Answered>,
    asked_ns: Nanos,
    link: Arc<Link>,
}

/// What CPU time a server had spent at a moment between a question and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CpuTime {
    /// So much, in nanoseconds.
    pub cpu_ns: Nanos,
    /// That of each service beside it, in nanoseconds.
    pub services_cpu_ns: BTreeMap<Service, Nanos>,
    /// How long the answer took, in nanoseconds.
    pub round_trip_ns: Nanos,
}

impl ServerMachine {
    /// Has the agent of this name make ready what these targets need, all of which are started by manifests.
    ///
    /// `cpus`: the cores of servers that are expected there. `say` is given a line where it takes time.
    pub fn prepare(
        access: &NatsAccess,
        (name, cpus): (&AgentName, &[u32]),
        targets: &[TargetSpec],
        beside: Beside<'_>,
        interrupt: &Interrupt,
        say: &mut dyn FnMut(&str),
    ) -> Result<Self, SessionError> {
        let registration = find(access, name)?;
        if registration.cpus != cpus {
            return Err(SessionError::Cores {
                name: name.clone(),
                now: cores::names(&registration.cpus),
                then: cores::names(cpus),
            });
        }
        let link = Arc::new(Link::open(access, name, interrupt)?);
        let prepare = Step::Prepare {
            targets: targets.iter().filter_map(asked).collect(),
            backend: beside.backend,
            services: beside.services.clone(),
            connections: beside.connections,
        };
        let prepared = link.step(&prepare, say)?;
        let Outcome::Prepared {
            targets: identities,
            backend,
            services,
        } = prepared
        else {
            return Err(link.unable(OTHER_ANSWER));
        };
        let backend = backend.map(|backend| started(&link, &backend, &Access::default()));
        let names = targets.iter().map(|target| target.name.clone());
        Ok(Self {
            backend: backend.transpose()?,
            services,
            began: machine_of(&link),
            registration,
            targets: names.zip(identities).collect(),
            link,
        })
    }

    /// What its agent is called.
    pub fn name(&self) -> &AgentName {
        &self.registration.name
    }

    /// The machine.
    pub fn environment(&self) -> &Environment {
        &self.registration.environment
    }

    /// Who a target is there; none of one that was not made ready.
    pub fn identity(&self, target: &str) -> Option<&Identity> {
        let found = self.targets.iter().find(|(name, _)| name == target);
        found.map(|(_, identity)| identity)
    }

    /// The backend, the first time that it is asked for, where there is one.
    pub fn take_backend(&mut self) -> Option<RemoteServer> {
        self.backend.take()
    }

    /// What it has done since this began; none where it does not say.
    pub fn part(&self) -> Option<MachinePart> {
        Some(machine_of(&self.link)?.since(self.began?))
    }

    /// The services that were started there.
    pub fn services(&self) -> &[ServiceRecord] {
        &self.services
    }

    /// Puts them back to what targets find at first.
    pub fn reset_services(&self) -> Result<(), SessionError> {
        if self.services.is_empty() {
            return Ok(());
        }
        self.link.step(&Step::Reset, &mut |_| {}).map(drop)
    }

    /// Starts a target there, reached by these means, and waits until it is ready.
    pub fn launch(&self, target: &str, access: &Access) -> Result<RemoteServer, SessionError> {
        let launch = Step::Launch {
            target: target.to_owned(),
        };
        match self.link.step(&launch, &mut |_| {})? {
            Outcome::Started(server) => started(&self.link, &server, access),
            _ => Err(self.link.unable(OTHER_ANSWER)),
        }
    }

    /// Why there are no servers any more, where that is so.
    pub fn lost(&self) -> Option<SessionError> {
        self.link.lost()
    }

    /// Waits until the machine answers, or is lost, or somebody wants this to end.
    pub fn wait_until_there(&self) {
        self.link.wait_until_there();
    }

    /// That a server could not be watched since this was last asked, in words, where that was so.
    pub fn take_unanswered(&self) -> Option<String> {
        self.link.take_unanswered().then(|| {
            format!(
                "{} did not say in time what its server spends",
                self.link.name
            )
        })
    }
}

impl RemoteServer {
    /// The meters of all its processes.
    pub fn meters(&self) -> RemoteMeters {
        RemoteMeters {
            link: Arc::clone(&self.link),
            server: self.server,
        }
    }

    /// How it ended, if it did.
    pub fn ended(&self) -> Option<String> {
        self.state()?.ended
    }

    /// The same, where it ends within this time.
    pub fn ends_within(&self, time: Duration) -> Option<String> {
        let until_ns = monotonic_ns() + duration_ns(time);
        loop {
            let ended = self.ended();
            if ended.is_some() || monotonic_ns() >= until_ns {
                return ended;
            }
            std::thread::park_timeout(END_LOOK_EVERY);
        }
    }

    /// What it last printed, a line each.
    pub fn last_output(&self) -> String {
        let asked = Ask::LastOutput {
            server: self.server,
        };
        match self.link.answer(asked) {
            Some(Answer::LastOutput(output)) => output,
            _ => String::new(),
        }
    }

    /// How many lines it has printed.
    pub fn lines(&self) -> u64 {
        self.state().map_or(0, |state| state.lines)
    }

    /// Asks it to end in order, waits for it, and has it killed if it takes too long. Says how it ended where that was not in order, or
    /// where it left processes behind.
    pub fn stop(self) -> Option<String> {
        let stop = Step::Stop {
            server: self.server,
        };
        match self.link.step(&stop, &mut |_| {}) {
            Ok(Outcome::Stopped(how)) => how,
            // The machine that is lost is known to be.
            _ => None,
        }
    }

    fn state(&self) -> Option<State> {
        self.meters().state(Look::Glance)
    }
}

impl RemoteMeters {
    /// Looks at the server; none where its machine does not answer in time.
    pub fn see(&self, look: Look) -> Option<Seen> {
        self.state(look).map(|state| state.seen)
    }

    /// Asks what CPU time it has spent so far, and does not wait for the answer.
    pub fn ask_cpu_time(&self) -> CpuTimeAsked {
        CpuTimeAsked {
            asked_ns: monotonic_ns(),
            answer: self.link.ask(Ask::CpuTime {
                server: self.server,
            }),
            link: Arc::clone(&self.link),
        }
    }

    fn state(&self, look: Look) -> Option<State> {
        let asked = Ask::State {
            server: self.server,
            look,
        };
        let state = self.link.answer(asked).and_then(|answer| match answer {
            Answer::State(state) => Some(*state),
            _ => None,
        });
        match state.as_ref().map(|state| &state.service_ended) {
            None => self.link.note_unanswered(),
            Some(Some(how)) => self.link.lose(&format!("has lost a service: {how}")),
            Some(None) => {}
        }
        state
    }
}

impl CpuTimeAsked {
    /// Waits for the answer; none where it did not come in time.
    pub fn wait(self) -> Option<CpuTime> {
        let time = self.answer.recv().ok().and_then(|answered| {
            let Answer::CpuTime { server, services } = answered.answer? else {
                return None;
            };
            Some(CpuTime {
                cpu_ns: server,
                services_cpu_ns: services,
                round_trip_ns: answered.at_ns.saturating_sub(self.asked_ns),
            })
        });
        if time.is_none() {
            self.link.note_unanswered();
        }
        time
    }
}

fn machine_of(link: &Link) -> Option<MachinePart> {
    match link.answer(Ask::Machine)? {
        Answer::Machine(part) => Some(part),
        _ => None,
    }
}

/// A server that was started at the other end.
fn started(
    link: &Arc<Link>,
    started: &Started,
    access: &Access,
) -> Result<RemoteServer, SessionError> {
    let no_way = |what: String| link.unable(&format!("{}: {what}", started.address));
    let address = Address::parse(&started.address).map_err(|error| no_way(error.to_string()))?;
    let control = Reach::of(&address, access).and_then(|reach| ControlClient::of(&reach));
    Ok(RemoteServer {
        link: Arc::clone(link),
        server: started.server,
        control: control.map_err(|failure| no_way(failure.report.to_string()))?,
    })
}

/// A target by which the other machine knows it; none of one that runs already.
fn asked(target: &TargetSpec) -> Option<TargetAsked> {
    let manifest = target.kind.manifest()?;
    Some(TargetAsked {
        name: target.name.clone(),
        kind: manifest.name.clone(),
        digest: starting::digest(manifest),
        workers: fixed_workers(manifest),
        pool: target.pool,
    })
}
