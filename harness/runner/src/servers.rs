//! Who runs the servers: this machine, or one on which an agent does.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use machines::access::NatsAccess;
use machines::link::SessionError;
use machines::registration::AgentName;
use machines::servers::{Beside, CpuTimeAsked, RemoteMeters, RemoteServer, ServerMachine};
use machines::session_words::Backend;
use model::record::log::MachinePart;
use model::record::surroundings::{Environment, Pinning, ServiceRecord};
use model::record::target::Manifest as Identity;
use model::spec::services::{Service as Needed, ServiceChoices};
use model::spec::target::{DEFAULT_HOST, Manifest, TargetSpec};
use model::units::Nanos;
use process::control_client::ControlClient;
use process::failure::{Failure, Kind};
use process::interrupt::Interrupt;
use process::launch::{self, Service};
use process::meter::{self, Look, Seen};
use process::starting::Starter;

/// The most by which CPU time may belong to another moment than it is said to, as a share of the time over which it is counted.
const MAX_UNCERTAIN: f64 = 0.1;

/// An agent that is to run the servers.
#[derive(Debug, Clone)]
pub struct ServersAsked {
    /// The NATS server at which it is.
    pub access: NatsAccess,
    /// What it is called.
    pub name: AgentName,
}

impl ServersAsked {
    /// The cores that it gives to servers.
    ///
    /// # Errors
    ///
    /// It is not there within ten seconds, or is no agent that runs servers.
    pub fn cpus(&self) -> Result<Vec<u32>, Failure> {
        let found = machines::servers::find(&self.access, &self.name);
        Ok(found.map_err(Failure::usage_of)?.cpus)
    }

    /// Fails where something is asked for that runs already.
    pub(crate) fn check(
        &self,
        services: &ServiceChoices,
        targets: &[TargetSpec],
    ) -> Result<(), Failure> {
        let refused = |help: String, what: String| {
            Err(Failure::usage(miette::miette!(
                help = help,
                "{} can't run the servers: {what}",
                self.name
            )))
        };
        if let Some(service) = services.urls.keys().next() {
            return refused(
                format!(
                    "leave --{} out: one is started there for the run",
                    service.name()
                ),
                format!("a {service} that runs already may not be reached from there"),
            );
        }
        let mut running = targets.iter().filter(|it| it.kind.running().is_some());
        if let Some(running) = running.next() {
            return refused(
                "leave --servers-on out, or name targets that it can start".to_owned(),
                format!("{} runs already", running.name),
            );
        }
        Ok(())
    }
}

/// Who runs the servers.
pub(crate) enum Servers {
    /// This machine.
    Here(Box<Starter>),
    /// One on which an agent runs them.
    There(Box<ServerMachine>),
}

/// What is to be run, and beside what.
pub(crate) struct Wanted<'a> {
    pub(crate) targets: &'a [TargetSpec],
    pub(crate) pinning: &'a Pinning,
    /// What calls the backend.
    pub(crate) backend: Backend,
    /// The services that it needs, and connections to them.
    pub(crate) needs: &'a BTreeSet<Needed>,
    pub(crate) connections: NonZeroU32,
    /// What every target on this machine finds in its environment.
    pub(crate) environment: &'a [(String, String)],
}

impl Servers {
    /// Makes ready what targets need, and starts the backend where something calls it.
    pub(crate) fn prepare(
        asked: Option<&ServersAsked>,
        wanted: &Wanted<'_>,
        interrupt: &Interrupt,
        say: &mut dyn FnMut(&str),
    ) -> Result<(Self, Option<Server>), Failure> {
        let &Wanted {
            targets, pinning, ..
        } = wanted;
        let Some(asked) = asked else {
            let backend = (wanted.backend != Backend::Unused)
                .then(|| launch_backend(&pinning.load_cpus))
                .transpose()?;
            let upstream = backend
                .as_ref()
                .map(|backend| backend.reach().address.authority.clone());
            let starter = Starter::new(
                targets,
                (pinning, DEFAULT_HOST),
                upstream,
                wanted.environment,
                interrupt,
                say,
            )?;
            return Ok((Self::Here(Box::new(starter)), backend.map(Server::Here)));
        };
        let machine = ServerMachine::prepare(
            &asked.access,
            (&asked.name, &pinning.server_cpus),
            targets,
            Beside {
                backend: wanted.backend,
                services: wanted.needs,
                connections: wanted.connections,
            },
            interrupt,
            say,
        );
        let mut machine = machine.map_err(|error| failure(&error))?;
        let backend = machine.take_backend();
        Ok((Self::There(Box::new(machine)), backend.map(Server::There)))
    }

    /// The machine that runs them, where it isn't this one.
    pub(crate) fn environment(&self) -> Option<&Environment> {
        match self {
            Self::Here(_) => None,
            Self::There(machine) => Some(machine.environment()),
        }
    }

    /// What that machine has done so far.
    pub(crate) fn part(&self) -> Option<MachinePart> {
        match self {
            Self::Here(_) => None,
            Self::There(machine) => machine.part(),
        }
    }

    /// The services that were started there.
    pub(crate) fn services(&self) -> &[ServiceRecord] {
        match self {
            Self::Here(_) => &[],
            Self::There(machine) => machine.services(),
        }
    }

    /// Puts them back to what targets find at first.
    pub(crate) fn reset_services(&self) -> Result<(), Failure> {
        match self {
            Self::Here(_) => Ok(()),
            Self::There(machine) => machine.reset_services().map_err(|error| failure(&error)),
        }
    }

    /// Who a target is, as it stands in every legend and record.
    pub(crate) fn identity(&self, target: &TargetSpec, say: &mut dyn FnMut(&str)) -> Identity {
        match self {
            Self::Here(starter) => starter.identity(target, say),
            Self::There(machine) => {
                let identity = machine.identity(&target.name);
                identity.expect("all targets were made ready").clone()
            }
        }
    }

    /// Starts a target, and waits until it is ready.
    pub(crate) fn launch(
        &self,
        target: &TargetSpec,
        manifest: &Manifest,
    ) -> Result<Server, String> {
        match self {
            Self::Here(starter) => Ok(Server::Here(starter.launch(manifest, target.pool)?)),
            Self::There(machine) => {
                let server = machine.launch(&target.name, &manifest.access);
                server.map(Server::There).map_err(|error| match error {
                    SessionError::Unable { what, .. } => what,
                    error => error.to_string(),
                })
            }
        }
    }

    /// Why there are no servers any more, where their machine is lost.
    pub(crate) fn lost(&self) -> Option<Failure> {
        match self {
            Self::Here(_) => None,
            Self::There(machine) => machine.lost().map(|lost| failure(&lost)),
        }
    }

    /// Waits until their machine answers, or is lost.
    pub(crate) fn wait_until_there(&self) {
        if let Self::There(machine) = self {
            machine.wait_until_there();
        }
    }

    /// Why a server's machine is not there, where it is lost, or does not answer a question about the server.
    pub(crate) fn not_there(&self, server: Option<&Server>) -> Option<Failure> {
        self.lost().or_else(|| {
            server?.ended();
            let why = self.take_unwatched(true)?;
            Some(not_there(&why))
        })
    }

    /// Why what a server spends since this was last asked is not known, where its machine did not say so, or not in time.
    /// `is_known`: whether CPU time is.
    pub(crate) fn take_unwatched(&self, is_known: bool) -> Option<String> {
        match self {
            Self::Here(_) => None,
            Self::There(machine) => machine.take_unanswered().or_else(|| {
                let why = "took too long to say what its server spends: bring the machines closer together, or measure longer samples";
                (!is_known).then(|| format!("{} {why}", machine.name()))
            }),
        }
    }
}

fn launch_backend(cpus: &[u32]) -> Result<launch::Server, Failure> {
    let service = Service::own("backend", &[], cpus);
    launch::Server::launch(&service).map_err(|error| Failure::target(miette::miette!("{error}")))
}

/// An agent that doesn't do what is asked, as the end of a run.
pub(crate) fn failure(error: &SessionError) -> Failure {
    let kind = match error {
        SessionError::Lost { .. } => return not_there(&error.to_string()),
        SessionError::Interrupted => Kind::Interrupted,
        _ => Kind::Usage,
    };
    Failure {
        kind,
        report: miette::miette!("{error}"),
    }
}

/// The end of a run for which another machine is to blame, in words.
pub(crate) fn not_there(why: &str) -> Failure {
    Failure {
        kind: Kind::Void,
        report: miette::miette!(
            help = "look at that machine and at its way to the NATS server; what was measured before is kept, and `bench run --resume DIR` \
                    with the same --nats goes on",
            "{why}"
        ),
    }
}

/// A server that was started for this measurement. Dropping it kills it.
pub(crate) enum Server {
    /// On this machine.
    Here(launch::Server),
    /// On another one.
    There(RemoteServer),
}

impl Server {
    /// Asks it what it says of itself.
    pub(crate) fn control(&self) -> &ControlClient {
        match self {
            Self::Here(server) => &server.control,
            Self::There(server) => &server.control,
        }
    }

    /// The meters of all its processes.
    pub(crate) fn meters(&self) -> Meters {
        match self {
            Self::Here(server) => Meters::Here(server.meters()),
            Self::There(server) => Meters::There(server.meters()),
        }
    }

    /// Whether it is on this machine.
    pub(crate) fn is_here(&self) -> bool {
        matches!(self, Self::Here(_))
    }

    /// The process above all of its own; none of one on another machine.
    pub(crate) fn supervisor(&self) -> Option<i32> {
        match self {
            Self::Here(server) => Some(server.supervisor()),
            Self::There(_) => None,
        }
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&self) -> Option<String> {
        match self {
            Self::Here(server) => server.ended(),
            Self::There(server) => server.ended(),
        }
    }

    /// The same, where it ends within this time.
    pub(crate) fn ends_within(&self, time: Duration) -> Option<String> {
        match self {
            Self::Here(server) => server.ends_within(time),
            Self::There(server) => server.ends_within(time),
        }
    }

    /// What it last printed, a line each.
    pub(crate) fn last_output(&self) -> String {
        match self {
            Self::Here(server) => server.last_output(),
            Self::There(server) => server.last_output(),
        }
    }

    /// How many lines it has printed.
    pub(crate) fn lines(&self) -> u64 {
        match self {
            Self::Here(server) => server.lines(),
            Self::There(server) => server.lines(),
        }
    }

    /// Asks it to end in order, waits for it, and kills it if it takes too long. Says how it ended where that was not in order.
    pub(crate) fn stop(self) -> Option<String> {
        match self {
            Self::Here(server) => server.stop(),
            Self::There(server) => server.stop(),
        }
    }
}

/// What a server spends.
#[derive(Clone)]
pub(crate) enum Meters {
    /// One on this machine.
    Here(Arc<meter::Meters>),
    /// One on another machine.
    There(RemoteMeters),
}

impl Meters {
    /// Looks at the server; none where its machine does not answer.
    pub(crate) fn see(&self, look: Look) -> Option<Seen> {
        match self {
            Self::Here(meters) => Some(meters.see(look)),
            Self::There(meters) => meters.see(look),
        }
    }

    /// CPU time so far in nanoseconds; none where its machine does not answer.
    pub(crate) fn cpu_ns(&self) -> Option<Nanos> {
        self.mark().cpu_ns()
    }

    /// Notes what CPU time it has spent so far, without waiting: cheap enough for a generator thread.
    pub(crate) fn mark(&self) -> CpuMark {
        match self {
            Self::Here(meters) => CpuMark::Known {
                cpu_ns: meters.cpu_ns(),
                services_cpu_ns: BTreeMap::new(),
                uncertain_ns: 0,
            },
            Self::There(meters) => CpuMark::Asked(meters.ask_cpu_time()),
        }
    }
}

/// What CPU time a server had spent at some moment.
pub(crate) enum CpuMark {
    /// So much, read at a moment that may differ from that one by half of `uncertain_ns`; beside it that of services on its machine, where that is
    /// another one.
    Known {
        cpu_ns: Nanos,
        services_cpu_ns: BTreeMap<Needed, Nanos>,
        uncertain_ns: Nanos,
    },
    /// Its machine was asked.
    Asked(CpuTimeAsked),
    /// Its machine did not answer.
    Unknown,
}

impl CpuMark {
    /// Waits for the answer.
    pub(crate) fn waited(self) -> Self {
        match self {
            Self::Asked(asked) => asked.wait().map_or(Self::Unknown, |time| Self::Known {
                cpu_ns: time.cpu_ns,
                services_cpu_ns: time.services_cpu_ns,
                uncertain_ns: time.round_trip_ns,
            }),
            known => known,
        }
    }

    /// That of services on another machine.
    pub(crate) fn services_cpu_ns(&self) -> BTreeMap<Needed, Nanos> {
        match self {
            Self::Known {
                services_cpu_ns, ..
            } => services_cpu_ns.clone(),
            Self::Asked(_) | Self::Unknown => BTreeMap::new(),
        }
    }

    fn cpu_ns(self) -> Option<Nanos> {
        match self.waited() {
            Self::Known { cpu_ns, .. } => Some(cpu_ns),
            Self::Asked(_) | Self::Unknown => None,
        }
    }
}

/// What was spent between two moments that are `wall_ns` apart; none where that is not known well enough. Both must have been waited for.
pub(crate) fn spent_ns(from: &CpuMark, to: &CpuMark, wall_ns: Nanos) -> Option<Nanos> {
    let (
        &CpuMark::Known {
            cpu_ns: before_ns,
            uncertain_ns: first_ns,
            ..
        },
        &CpuMark::Known {
            cpu_ns,
            uncertain_ns,
            ..
        },
    ) = (from, to)
    else {
        return None;
    };
    // Half of each round trip at most, in either direction.
    let uncertain_ns = u64::midpoint(first_ns, uncertain_ns);
    let is_known = uncertain_ns as f64 <= MAX_UNCERTAIN * wall_ns as f64;
    is_known.then(|| cpu_ns.saturating_sub(before_ns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_counts_where_it_is_known_of_which_moments_it_is() {
        let mark = |cpu_ns, uncertain_ns| CpuMark::Known {
            cpu_ns,
            services_cpu_ns: BTreeMap::new(),
            uncertain_ns,
        };
        // Here it is read at once.
        assert_eq!(spent_ns(&mark(5, 0), &mark(25, 0), 100), Some(20));
        // A tenth of 1,000 is 100.
        assert_eq!(spent_ns(&mark(5, 120), &mark(25, 80), 1_000), Some(20));
        assert_eq!(spent_ns(&mark(5, 120), &mark(25, 82), 1_000), None);
        assert_eq!(spent_ns(&mark(5, 0), &CpuMark::Unknown, 1_000), None);
        assert_eq!(spent_ns(&CpuMark::Unknown, &mark(25, 0), 1_000), None);
    }
}
