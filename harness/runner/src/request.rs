//! What a run was asked to do.

use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use model::record::experiment::{ExperimentRecord, OriginRecord};
use model::record::log::LogHead;
use model::record::surroundings::Pinning;
use model::spec::load::{Arrival, Load, ReceiveClock};
use model::spec::plan::{Effort, Plan, PlanSpec};
use model::spec::scenario::{self, ArrivalSpec, Pace, Scenario};
use model::spec::secrets::NOT_RECORDED;
use model::spec::services;
use model::spec::services::ServiceChoices;
use model::spec::target;
use model::spec::target::TargetSpec;
use model::units::{Rate, duration_ns};
use process::failure::Failure;
use process::files;

use crate::generators::{Agents, AgentsAsked};
use crate::servers::ServersAsked;
use crate::workload::Routes;

/// The length of one interval of the time series, where the arrivals keep their rate.
const INTERVAL: Duration = Duration::from_millis(250);

/// Intervals in which a profile of arrivals is shown at least, so that its bursts are not averaged away.
const INTERVALS_PER_PROFILE: u32 = 10;

/// The shortest interval of the time series: shorter ones would cost more than they show.
const MIN_INTERVAL: Duration = Duration::from_millis(10);

/// How long, after an epoch's last arrival, its replies may still come: so that no epoch leaves work to the next.
const DRAIN: Duration = Duration::from_secs(1);

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
    /// Whose clock says when replies arrive.
    pub clock: ReceiveClock,
    /// Services that run already, and the connections of each target to the database.
    pub services: ServiceChoices,
    /// Agents on other machines that drive the load.
    pub generators: Option<AgentsAsked>,
    /// The agent that runs the servers, whose cores `pinning` has.
    pub servers: Option<ServersAsked>,
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
            clock: ReceiveClock::Auto,
            services: ServiceChoices::default(),
            generators: None,
            servers: None,
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
    /// Whose clock says when replies arrive.
    pub clock: ReceiveClock,
    /// Services that run already, and the connections of each target to the database.
    pub services: ServiceChoices,
    /// Agents on other machines that drive the load.
    pub generators: Option<AgentsAsked>,
    /// The agent that runs the servers.
    pub servers: Option<ServersAsked>,
    /// What is looked at after the measurement.
    pub profile: Option<Profile>,
    /// All of it as records have it.
    pub experiment: ExperimentRecord,
}

impl Request {
    /// What is to be measured of this scenario and these targets.
    ///
    /// # Errors
    ///
    /// A route that no target serves, idle connections to one that speaks TLS, a load that the agents can't drive, or a plan with too few
    /// blocks to tell anything.
    pub fn new(
        scenario: Scenario,
        targets: Vec<TargetSpec>,
        choices: Choices,
    ) -> Result<Self, Failure> {
        let routes = Routes::of(&scenario)?;
        let secured = |target: &&TargetSpec| target.kind.is_secured();
        if scenario.idle_connections.is_some()
            && let Some(target) = targets.iter().find(secured)
        {
            return Err(Failure::usage(miette::miette!(
                help = "leave `idle_connections` out of the scenario, or measure an address with http://",
                "{} speaks TLS, and idle connections are opened without it: each would wait for a handshake",
                target.name
            )));
        }
        all_served(&routes, &scenario, &targets, &choices.pinning)?;
        all_needed(&scenario, &choices.services)?;
        let arrival = arrival(&scenario, choices.rate);
        let plan = Plan::new(&PlanSpec {
            rounds: choices.rounds.map(NonZeroU32::get),
            profile: arrival.profile_length(),
            duration: choices.duration,
            warmup: choices.warmup,
            ..PlanSpec::new(choices.effort, targets.len(), choices.seed)
        })
        .map_err(Failure::usage_of)?;
        let experiment = experiment(&scenario, &targets, &choices);
        let connections = choices.connections.unwrap_or(scenario.connections);
        if let Some(asked) = &choices.generators {
            asked.check(&routes, connections, &arrival)?;
        }
        if let Some(asked) = &choices.servers {
            asked.check(&choices.services, &targets)?;
        }
        Ok(Self {
            experiment,
            arrival,
            connections,
            scenario,
            routes,
            targets,
            aa: choices.aa,
            plan,
            pinning: choices.pinning,
            clock: choices.clock,
            services: choices.services,
            generators: choices.generators,
            servers: choices.servers,
            profile: choices.profile,
        })
    }

    /// The load of one epoch; its seed comes from the trial. Targets are warm before.
    pub(crate) fn load(&self, arrival: Arrival) -> Load {
        Load {
            arrival,
            connections: self.connections,
            connect: self.scenario.connect,
            idle_connections: self.scenario.idle_connections.map_or(0, NonZeroU32::get),
            warmup: Duration::ZERO,
            duration: self.plan.epoch,
            drain: DRAIN + self.routes.longest_stream(),
            timeout: self.scenario.timeout,
            request_limit: None,
            interval: self.interval(),
            seed: self.plan.seed,
            goodput: self.scenario.goodput,
        }
    }

    fn interval(&self) -> Duration {
        let profile = self.arrival.profile_length();
        profile.map_or(INTERVAL, |length| {
            (length / INTERVALS_PER_PROFILE).clamp(MIN_INTERVAL, INTERVAL)
        })
    }

    /// What a log asks for that begins with this. `agents`: as for [`Self::again`].
    ///
    /// # Errors
    ///
    /// As [`Self::again`].
    pub fn of(head: &LogHead, agents: Option<Agents>) -> Result<Self, Failure> {
        Self::again(
            &head.scenario,
            &head.manifests,
            &head.experiment,
            head.seed,
            head.pinning.clone(),
            agents,
        )
    }

    /// What a record asked for.
    ///
    /// `scenario`: its text. `manifests`: those of the targets, in their order. `agents`: where those meet who drive the load, where others
    /// than this process do.
    ///
    /// # Errors
    ///
    /// A text that this bench doesn't read, targets that are fewer than they should be, or agents that nobody names.
    pub fn again(
        scenario: &str,
        manifests: &[String],
        experiment: &ExperimentRecord,
        seed: u64,
        pinning: Pinning,
        agents: Option<Agents>,
    ) -> Result<Self, Failure> {
        let generators = agents_again(experiment, agents.clone())?;
        let servers = servers_again(&pinning, agents)?;
        let scenario = scenario_again(scenario, &experiment.scenario_file)?;
        let targets = experiment.targets.iter().zip(manifests);
        let targets: Vec<TargetSpec> = targets
            .map(|(origin, source)| target(origin, source))
            .collect::<Result<_, _>>()?;
        if targets.is_empty() || targets.len() != experiment.targets.len() {
            return Err(Failure::usage(miette::miette!(
                "{} targets are named, and {} manifests are there",
                experiment.targets.len(),
                manifests.len()
            )));
        }
        let rate = experiment.rate_per_s.map(Rate::per_s).transpose();
        Self::new(
            scenario,
            targets,
            Choices {
                connections: experiment.connections.and_then(NonZeroU32::new),
                rate: rate.map_err(Failure::usage_of)?,
                rounds: experiment.rounds.and_then(NonZeroU32::new),
                duration: experiment.duration_ns.map(Duration::from_nanos),
                warmup: experiment.warmup_ns.map(Duration::from_nanos),
                clock: experiment.clock,
                services: ServiceChoices::of_record(
                    &experiment.services,
                    experiment.database_connections.and_then(NonZeroU32::new),
                )
                .map_err(Failure::usage_of)?,
                generators,
                servers,
                aa: experiment.aa,
                profile: experiment.profile.then_some(Profile::Syscalls),
                ..Choices::usual(experiment.effort, seed, pinning)
            },
        )
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
    match rate.map(|rate| scenario.arrival.at_rate(rate)) {
        Some(Arrival::Open { rate, process }) => ArrivalSpec::Open {
            pace: Pace::Rate(rate),
            process,
        },
        _ => scenario.arrival.clone(),
    }
}

fn experiment(scenario: &Scenario, targets: &[TargetSpec], choices: &Choices) -> ExperimentRecord {
    let origins = targets.iter().map(|target| OriginRecord {
        name: target.name.clone(),
        manifest_file: target
            .kind
            .manifest()
            .map(|manifest| manifest.file_name.clone()),
        url: target
            .kind
            .running()
            .map(|running| running.address.to_string()),
        access: target
            .kind
            .running()
            .map(|running| running.access.clone())
            .unwrap_or_default(),
        pid: target.kind.running().and_then(|running| running.pid),
        pool: target.pool,
    });
    ExperimentRecord {
        scenario_file: scenario.file_name.clone(),
        targets: origins.collect(),
        effort: choices.effort,
        connections: choices.connections.map(NonZeroU32::get),
        rate_per_s: choices.rate.map(Rate::as_per_s),
        rounds: choices.rounds.map(NonZeroU32::get),
        duration_ns: choices.duration.map(duration_ns),
        warmup_ns: choices.warmup.map(duration_ns),
        clock: choices.clock,
        services: choices.services.recorded(),
        database_connections: Some(choices.services.connections.get())
            .filter(|connections| *connections != services::DEFAULT_CONNECTIONS.get()),
        generators: choices.generators.as_ref().map(|asked| asked.count.get()),
        probe: choices.generators.as_ref().is_some_and(|asked| asked.probe),
        aa: choices.aa,
        profile: choices.profile.is_some(),
    }
}

/// The agents that drove a load, where agents did.
fn agents_again(
    experiment: &ExperimentRecord,
    agents: Option<Agents>,
) -> Result<Option<AgentsAsked>, Failure> {
    let Some(count) = experiment.generators.and_then(NonZeroU32::new) else {
        return Ok(None);
    };
    let Some(agents) = agents else {
        return Err(Failure::usage(miette::miette!(
            help = "`bench run` and `bench sweep` use them: measure it anew with --nats URL --generators N, or go on with --resume DIR --nats URL",
            "{count} agents on other machines drive this load"
        )));
    };
    Ok(Some(AgentsAsked {
        count,
        probe: experiment.probe,
        agents,
    }))
}

/// The agent that ran the servers, where one did.
fn servers_again(
    pinning: &Pinning,
    agents: Option<Agents>,
) -> Result<Option<ServersAsked>, Failure> {
    let Some(name) = &pinning.servers_on else {
        return Ok(None);
    };
    let Some(agents) = agents else {
        return Err(Failure::usage(miette::miette!(
            help = "`bench run` and `bench sweep` use it: measure it anew with --nats URL --servers-on NAME, or go on with --resume DIR --nats URL",
            "the agent {name} runs the servers"
        )));
    };
    Ok(Some(ServersAsked {
        access: agents.access,
        name: name.parse().map_err(Failure::usage_of)?,
    }))
}

/// A scenario as it was; where the record has not all of it, that of the file, if it is what was recorded.
fn scenario_again(recorded: &str, file: &str) -> Result<Scenario, Failure> {
    if !recorded.contains(NOT_RECORDED) {
        return Scenario::parse(recorded, file).map_err(Failure::usage);
    }
    let text = files::read_text(Path::new(file), scenario::MAX_SOURCE_BYTES).ok();
    let known = text.and_then(|text| Scenario::parse(&text, file).ok());
    known
        .filter(|scenario| scenario.recorded() == recorded)
        .ok_or_else(|| {
            Failure::usage(miette::miette!(
                help = format!("put the scenario back as it was, at {file}"),
                "what was sent is not all in the record, which leaves out headers that let somebody in, and {file} is not there or has \
                 changed since"
            ))
        })
}

/// Whether the scenario needs every service that was named.
fn all_needed(scenario: &Scenario, services: &ServiceChoices) -> Result<(), Failure> {
    let mut named = services.urls.keys();
    let Some(service) = named.find(|service| !scenario.needs.contains(service)) else {
        return Ok(());
    };
    Err(Failure::usage(miette::miette!(
        help = format!(
            "leave --{name} out, or write `needs = [\"{name}\"]` into the scenario",
            name = service.name()
        ),
        "the scenario {} needs no {service}",
        scenario.name
    )))
}

/// Whether every target serves what the scenario asks for.
fn all_served(
    routes: &Routes,
    scenario: &Scenario,
    targets: &[TargetSpec],
    pinning: &Pinning,
) -> Result<(), Failure> {
    let cores = u32::try_from(pinning.server_cpus.len()).unwrap_or(u32::MAX);
    let missing = targets.iter().find_map(|target| {
        let manifest = target.kind.manifest()?;
        let workers = manifest.workers_on(cores);
        let missing = routes
            .routes()
            .find(|route| !manifest.serves(&route.target(), workers))?;
        Some((
            target,
            manifest.serves(&missing.target(), 1),
            missing.target(),
        ))
    });
    let Some((target, is_served_by_one, missing)) = missing else {
        return Ok(());
    };
    let name = &target.name;
    let (what, help) = if is_served_by_one {
        (
            " with several workers",
            "give it one worker, or leave it out",
        )
    } else {
        (
            "",
            "leave it out, or choose a scenario whose routes it serves: its manifest says which it is without",
        )
    };
    Err(Failure::usage(miette::miette!(
        help = help,
        "{name} does not serve {missing}{what}, which the scenario {} asks for",
        scenario.name
    )))
}

/// The manifest of which a record has not all: a built-in one, or that of the file, where it is what was recorded.
fn as_it_was(name: &str, recorded: &str, file: &str) -> Result<target::Manifest, Failure> {
    let text = files::read_text(Path::new(file), target::MAX_SOURCE_BYTES).ok();
    let parsed = |source: &str| target::Manifest::parse_as(Some(name), source, file).ok();
    // As many workers as it was started with may be other than its manifest says.
    let workers = parsed(recorded).and_then(|manifest| match manifest.workers {
        target::Workers::Fixed(workers) => Some(workers),
        target::Workers::Cores => None,
    });
    let known = target::built_in_sources().chain(text);
    let mut known = known
        .filter_map(|source| parsed(&source))
        .flat_map(|manifest| {
            let with = workers.and_then(|workers| manifest.with_workers(workers).ok());
            [Some(manifest), with].into_iter().flatten()
        });
    known.find(|manifest| manifest.recorded() == recorded).ok_or_else(|| {
        Failure::usage(miette::miette!(
            help = format!("put the manifest back as it was, at {file}"),
            "what {name} was started with is not all in the record, which leaves out values of `env` and passwords, and {file} \
             is not there or has changed since"
        ))
    })
}

/// A target as it was, from the text of its manifest.
fn target(origin: &OriginRecord, source: &str) -> Result<TargetSpec, Failure> {
    let target = if let Some(url) = &origin.url {
        TargetSpec::running(&origin.name, url, origin.access.clone(), origin.pid)
    } else {
        let file = origin.manifest_file.as_deref().unwrap_or_default();
        let manifest = if source.contains(NOT_RECORDED) {
            as_it_was(&origin.name, source, file)?
        } else {
            target::Manifest::parse_as(Some(&origin.name), source, file).map_err(Failure::usage)?
        };
        TargetSpec::of_manifest(&origin.name, manifest)
    };
    let target = target.map_err(Failure::usage_of)?;
    Ok(TargetSpec {
        pool: origin.pool,
        ..target
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_that_a_target_lacks_is_refused_before_anything_starts() {
        let refused = |target: &str, workers: u32, scenario: &str| {
            let scenario = Scenario::built_in(scenario).unwrap();
            let workers = workers.try_into().unwrap();
            let target = TargetSpec::parse(target).unwrap().with_workers(workers);
            let pinning = Pinning {
                server_cpus: vec![0, 1],
                ..Pinning::default()
            };
            let routes = Routes::of(&scenario).unwrap();
            let served = all_served(&routes, &scenario, &[target.unwrap()], &pinning);
            served.err().map(|failure| {
                let help = failure.report.help().map(|help| help.to_string());
                (failure.report.to_string(), help.unwrap())
            })
        };
        let (what, help) = refused("express", 1, "chat").unwrap();
        assert_eq!(
            what,
            "express does not serve /chat, which the scenario chat asks for"
        );
        assert!(
            help.starts_with("leave it out, or choose a scenario"),
            "{help}"
        );

        assert_eq!(refused("fastapi", 1, "chat"), None);
        let (what, help) = refused("fastapi", 2, "chat").unwrap();
        assert_eq!(
            what,
            "fastapi does not serve /chat with several workers, which the scenario chat asks for"
        );
        assert_eq!(help, "give it one worker, or leave it out");

        for target in ["express", "fastapi", "axum"] {
            assert_eq!(refused(target, 2, "ping"), None, "{target}");
        }
    }
}
