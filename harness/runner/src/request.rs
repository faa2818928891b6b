//! What a run was asked to do.

use std::num::NonZeroU32;
use std::time::Duration;

use model::record::run::Pinning;
use model::spec::load::Process;
use model::spec::plan::{Effort, Plan, PlanSpec};
use model::spec::scenario::{ArrivalSpec, Pace, Scenario};
use model::spec::target::TargetSpec;
use model::units::Rate;
use process::failure::Failure;

use crate::workload::Routes;

/// What is profiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// System calls a request, by name. Needs strace, and leave to trace other processes.
    Syscalls,
}

/// What may be chosen beside the scenario and the targets. What is left out is the scenario's, or follows from the effort.
#[derive(Debug, Clone)]
pub struct Choices {
    /// How long the run may take.
    pub effort: Effort,
    /// Seeds the order of targets, the arrivals and the mix of requests.
    pub seed: u64,
    /// The cores of servers and load.
    pub pinning: Pinning,
    /// Connections.
    pub connections: Option<NonZeroU32>,
    /// Requests a second, instead of the scenario's arrivals.
    pub rate: Option<Rate>,
    /// Rounds; each starts its targets afresh.
    pub rounds: Option<NonZeroU32>,
    /// Measured time per target.
    pub duration: Option<Duration>,
    /// Warm-up of each target in each round.
    pub warmup: Option<Duration>,
    /// Whether the last target is the first once more.
    pub aa: bool,
    /// What is looked at after the measurement.
    pub profile: Option<Profile>,
}

impl Choices {
    /// Nothing but what has to be chosen.
    pub fn usual(effort: Effort, seed: u64, pinning: Pinning) -> Self {
        Self {
            effort,
            seed,
            pinning,
            connections: None,
            rate: None,
            rounds: None,
            duration: None,
            warmup: None,
            aa: false,
            profile: None,
        }
    }
}

/// What a run was asked to do, all of it checked.
#[derive(Debug)]
pub struct Request {
    /// What is asked of the targets.
    pub scenario: Scenario,
    /// Its requests, and what must answer them.
    pub routes: Routes,
    /// When requests are sent.
    pub arrival: ArrivalSpec,
    /// Connections of the load.
    pub connections: NonZeroU32,
    /// Who is measured; the first is the base of all comparisons.
    pub targets: Vec<TargetSpec>,
    /// Whether the last of them is the first once more, to be compared with it and with nobody else.
    pub aa: bool,
    /// In which order, for how long, and by which seed.
    pub plan: Plan,
    /// The cores of servers and load.
    pub pinning: Pinning,
    /// What is looked at after the measurement.
    pub profile: Option<Profile>,
}

impl Request {
    /// What is to be measured of this scenario and these targets.
    ///
    /// # Errors
    ///
    /// A route that no target serves, or a plan with too few blocks to tell anything.
    pub fn new(
        scenario: Scenario,
        targets: Vec<TargetSpec>,
        choices: Choices,
    ) -> Result<Self, Failure> {
        let routes = Routes::of(&scenario)?;
        let arrival = arrival(&scenario, choices.rate);
        let plan = Plan::new(&PlanSpec {
            rounds: choices.rounds.map(NonZeroU32::get),
            profile: arrival.profile_length(),
            duration: choices.duration,
            warmup: choices.warmup,
            ..PlanSpec::new(choices.effort, targets.len(), choices.seed)
        })
        .map_err(Failure::usage_of)?;
        Ok(Self {
            arrival,
            connections: choices.connections.unwrap_or(scenario.connections),
            scenario,
            routes,
            targets,
            aa: choices.aa,
            plan,
            pinning: choices.pinning,
            profile: choices.profile,
        })
    }

    /// Sockets of the process that holds most: of a server, since its idle connections are held by another process.
    pub fn sockets(&self) -> u64 {
        let idle = self.scenario.idle_connections;
        let idle = idle.map_or(0, |idle| u64::from(idle.get()));
        self.routes.sockets(self.connections.get()) + idle
    }
}

/// The scenario's arrivals, at another rate if one was given.
fn arrival(scenario: &Scenario, rate: Option<Rate>) -> ArrivalSpec {
    match (rate, &scenario.arrival) {
        (None, arrival) => arrival.clone(),
        (Some(rate), ArrivalSpec::Open { process, .. }) => ArrivalSpec::Open {
            pace: Pace::Rate(rate),
            process: *process,
        },
        (Some(rate), ArrivalSpec::Closed) => ArrivalSpec::Open {
            pace: Pace::Rate(rate),
            process: Process::Poisson,
        },
    }
}
