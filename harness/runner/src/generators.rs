//! Who drives the load: this process, or agents on other machines.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::num::NonZeroU32;

use load::{Control, Endpoint, Options, Peer, Workload};
use machines::access::NatsAccess;
use machines::error::MachinesError;
use machines::fleet::{Driven, Fleet, FleetError, Wanted};
use machines::held::Held;
use machines::link::SessionError;
use machines::words::Order;
use model::record::generator::GeneratorSite;
use model::spec::load::{Arrival, Load, Process};
use model::spec::scenario::{ArrivalSpec, Pace};
use model::units::{Nanos, Rate};
use process::failure::Failure;
use process::holder::Holder;
use process::interrupt::Interrupt;

use crate::servers;
use crate::workload::Routes;

/// Requests a second of a probe at most.
const PROBE_PER_S: f64 = 100.0;

/// The share of the load's rate that a probe adds at most, but that it sends ten requests a second at least.
const PROBE_SHARE: f64 = 0.01;

/// Connections of a probe: one is free when a request is due.
const PROBE_CONNECTIONS: NonZeroU32 = NonZeroU32::new(4).expect("4 is not zero");

/// How often a drive that was void because of an agent is repeated.
pub(crate) const REPEATS: u32 = 2;

/// Where agents meet, and how well their clocks must be known.
#[derive(Debug, Clone)]
pub struct Agents {
    /// The NATS server.
    pub access: NatsAccess,
    /// By how much the clock of each may be misjudged, in nanoseconds.
    pub clock_limit_ns: Nanos,
}

/// Agents that are to drive the load.
#[derive(Debug, Clone)]
pub struct AgentsAsked {
    /// How many.
    pub count: NonZeroU32,
    /// Whether a probe is beside them.
    pub probe: bool,
    /// Who.
    pub agents: Agents,
}

impl AgentsAsked {
    /// Fails where they can't drive such a load, of `connections` in all and with these arrivals.
    pub(crate) fn check(
        &self,
        routes: &Routes,
        connections: NonZeroU32,
        arrival: &ArrivalSpec,
    ) -> Result<(), Failure> {
        let refused = |help: String, what: String| {
            Err(Failure::usage(miette::miette!(
                help = help,
                "agents of other machines can't drive this load: {what}"
            )))
        };
        let is_paced = matches!(
            arrival,
            ArrivalSpec::Open {
                pace: Pace::Rate(_),
                ..
            }
        );
        if routes.are_chat() && !is_paced {
            let help = "give a rate with -R, or leave --generators out: one generator drives it";
            let what = "of a chat that they share each has to know when the others speak, which only a rate tells";
            return refused(help.to_owned(), what.to_owned());
        }
        if routes.are_chat() && self.probe {
            let help = "leave --probe out";
            let what = "a probe would be more members of the same chat, whom all others hear";
            return refused(help.to_owned(), what.to_owned());
        }
        if self.count > connections {
            let help =
                format!("ask for at most {connections} generators, or for more --connections");
            let what = format!(
                "{} agents share {connections} connections, and each needs one",
                self.count
            );
            return refused(help, what);
        }
        Ok(())
    }
}

/// Who drives the load.
pub(crate) enum Generators {
    /// This process.
    Here,
    /// Agents on other machines.
    Agents(Box<Fleet>),
}

/// Why a drive is void.
pub(crate) enum DriveFailure {
    /// The target could not be driven.
    Target(String),
    /// An agent was missing, late or stopped. It may go better the next time.
    Void(String),
    /// It is no use to try again.
    Measurement(Failure),
}

/// Idle connections to one target. They are closed when this is dropped.
pub(crate) enum Idle {
    /// Those that this machine holds.
    Here(Holder),
    /// Those that agents hold.
    Agents(Held),
}

impl Idle {
    /// How many were opened.
    pub(crate) fn opened(&self) -> u32 {
        match self {
            Self::Here(holder) => holder.opened(),
            Self::Agents(held) => held.opened(),
        }
    }

    /// How many of them are lost by now.
    pub(crate) fn lost(&mut self) -> u32 {
        match self {
            Self::Here(holder) => holder.lost(),
            Self::Agents(held) => held.lost(),
        }
    }
}

impl Generators {
    /// This process, where no agents are asked for.
    pub(crate) fn gather(asked: Option<&AgentsAsked>) -> Result<Self, Failure> {
        let Some(asked) = asked else {
            return Ok(Self::Here);
        };
        let wanted = Wanted {
            generators: asked.count.get(),
            probe: asked.probe,
            clock_limit_ns: asked.agents.clock_limit_ns,
        };
        let fleet = Fleet::gather(&asked.agents.access, wanted);
        let fleet = fleet.map_err(Failure::usage_of)?;
        Ok(Self::Agents(Box::new(fleet)))
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::Here => 1,
            Self::Agents(fleet) => fleet.generators(),
        }
    }

    /// The machines that they are on, where it isn't this one.
    pub(crate) fn sites(&self) -> Vec<GeneratorSite> {
        match self {
            Self::Here => Vec::new(),
            Self::Agents(fleet) => fleet.sites(),
        }
    }

    /// Opens idle connections and holds them; none where the run was interrupted meanwhile. `cpus`: the cores on which this machine does.
    pub(crate) fn hold_idle(
        &self,
        peer: &Peer,
        count: NonZeroU32,
        cpus: &[u32],
        interrupt: &Interrupt,
    ) -> Result<Option<Idle>, DriveFailure> {
        match self {
            Self::Here => {
                let held = Holder::start(peer, count, cpus, interrupt);
                let held = held.map_err(DriveFailure::Target)?;
                Ok(held.map(Idle::Here))
            }
            Self::Agents(fleet) => match fleet.hold_idle(peer, count, interrupt) {
                Ok(held) => Ok(Some(Idle::Agents(held))),
                Err(SessionError::Interrupted) => Ok(None),
                Err(error @ SessionError::Unable { .. }) => {
                    Err(DriveFailure::Target(error.to_string()))
                }
                Err(error) => Err(DriveFailure::Measurement(servers::failure(&error))),
            },
        }
    }

    /// Drives a load as [`load::drive`] does. Of agents each has as many threads as `options` names cores.
    pub(crate) fn drive(
        &self,
        load: &Load,
        workload: &Workload,
        endpoint: &Endpoint,
        options: &Options,
        control: &Control,
    ) -> Result<Driven, DriveFailure> {
        let fleet = match self {
            Self::Here => {
                let driven = load::drive(load, workload, endpoint.clone(), options, control);
                let recording = driven.map_err(|error| DriveFailure::Target(error.to_string()))?;
                return Ok(Driven {
                    recording,
                    generators: Vec::new(),
                    probe: None,
                });
            }
            Self::Agents(fleet) => fleet,
        };
        let tls = endpoint.tls.as_ref().map(|tls| {
            tls.spec().cloned().ok_or_else(|| {
                DriveFailure::Measurement(Failure::usage(miette::miette!(
                    help = "measure it without --cert and --key, or leave --generators out",
                    "agents of other machines can't drive this load: the key of your certificate is not sent to them"
                )))
            })
        });
        let order = Order {
            tls: tls.transpose()?,
            probe: fleet.has_probe().then(|| probe_of(load)),
            load: load.clone(),
            workload: workload.clone(),
            peer: endpoint.peer.to_string(),
            clock: options.clock,
            threads: u32::try_from(options.cpus.len().max(1)).unwrap_or(u32::MAX),
            room: RandomState::new().build_hasher().finish(),
        };
        fleet.drive(&order, control).map_err(|error| match error {
            FleetError::Target { .. } => DriveFailure::Target(error.to_string()),
            // A clock that is not known well enough now may be in a moment.
            FleetError::Void { .. }
            | FleetError::Clock { .. }
            | FleetError::Machines(MachinesError::Refused { .. } | MachinesError::Bucket { .. }) => {
                DriveFailure::Void(error.to_string())
            }
            FleetError::Unable { .. } | FleetError::Machines(_) => {
                DriveFailure::Measurement(Failure::usage_of(error))
            }
        })
    }
}

/// What a probe drives beside a load: so little that it makes no difference to the server, and never waits for itself.
fn probe_of(load: &Load) -> Load {
    let rate = load.arrival.rate().map(Rate::as_per_s);
    let most = rate.map_or(PROBE_PER_S, |rate| rate * PROBE_SHARE);
    let per_s = most.clamp(PROBE_PER_S / 10.0, PROBE_PER_S);
    Load {
        arrival: Arrival::Open {
            rate: Rate::per_s(per_s).expect("it is within bounds"),
            process: Process::Poisson,
        },
        connections: PROBE_CONNECTIONS,
        request_limit: None,
        ..load.clone()
    }
}

/// A load that was void however often it was tried.
pub(crate) fn void(why: &str) -> Failure {
    let times = REPEATS + 1;
    servers::not_there(&format!(
        "a load was driven {times} times and was void each time, the last time because {why}"
    ))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::spec::load::Connect;

    use super::*;

    #[test]
    fn a_probe_adds_a_hundredth_within_its_bounds() {
        let load = |arrival| Load {
            arrival,
            connections: NonZeroU32::new(400).unwrap(),
            connect: Connect::Once,
            idle_connections: 0,
            warmup: Duration::ZERO,
            duration: Duration::from_secs(1),
            drain: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            request_limit: Some(1_000),
            interval: Duration::from_secs(1),
            seed: 1,
            goodput: None,
        };
        let open = |per_s| Arrival::Open {
            rate: Rate::per_s(per_s).unwrap(),
            process: Process::Constant,
        };
        let probed = |arrival| probe_of(&load(arrival)).arrival.rate().unwrap().as_per_s();
        for (load_per_s, probe_per_s) in [
            (100.0, 10.0),
            (1_000.0, 10.0),
            (5_000.0, 50.0),
            (10_000.0, 100.0),
            (1e6, 100.0),
        ] {
            assert!(
                (probed(open(load_per_s)) - probe_per_s).abs() < 1e-9,
                "{load_per_s}"
            );
        }
        assert!((probed(Arrival::Closed) - 100.0).abs() < 1e-9);
        let probe = probe_of(&load(Arrival::Closed));
        assert_eq!(
            (probe.connections, probe.request_limit),
            (PROBE_CONNECTIONS, None)
        );
    }
}
