//! What several commands take.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, RangedI64ValueParser, TypedValueParser};
use clap::{Args as ClapArgs, ValueEnum};
use machines::access::NatsAccess;
use machines::registration::AgentName;
use model::record::surroundings::Pinning;
use model::spec::access::{Access, ConnectTo, Identity, TrustSpec};
use model::spec::load::ReceiveClock;
use model::spec::part::MAX_PARTS;
use model::spec::plan::Effort;
use model::spec::scenario::Scenario;
use model::spec::services::{
    DEFAULT_CONNECTIONS, MAX_CONNECTIONS, Service, ServiceChoices, ServiceUrl, ServiceUrlError,
};
use model::spec::target;
use model::spec::target::TargetSpec;
use model::spec::target::pools::Pools;
use model::units::{duration_ns, parse_duration};
use process::cores::{self, CpuList};
use process::failure::Failure;
use process::files::STDIN;
use report::charts::Chart;
use runner::generators::{Agents, AgentsAsked};
use runner::request::Choices;
use runner::servers::ServersAsked;
use serde::Serialize;

use crate::handover::Handover;
use crate::named;
use crate::output::{self, put};

/// The variable that says where agents meet.
const NATS_VARIABLE: &str = "BENCH_NATS";

/// Where many machines meet.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct NatsArgs {
    /// The NATS server, as `nats://host:4222` or `tls://host:4222`; `user:password@` may stand before the host. Beyond this machine it
    /// needs TLS, or --nats-credentials.
    #[arg(
        id = "nats",
        long = "nats",
        value_name = "URL",
        env = NATS_VARIABLE,
        hide_env_values = true
    )]
    url: Option<String>,

    /// A file with a NATS user's credentials, as `nsc generate creds` writes it.
    #[arg(
        long = "nats-credentials",
        value_name = "FILE",
        env = "BENCH_NATS_CREDENTIALS"
    )]
    credentials: Option<PathBuf>,

    /// A PEM file with the authority that signed the NATS server's certificate, where the system doesn't know it; TLS is then required.
    #[arg(long = "nats-ca", value_name = "FILE", env = "BENCH_NATS_CA")]
    authority: Option<PathBuf>,
}

impl NatsArgs {
    /// The server, and what lets us in.
    pub(crate) fn access(&self) -> Result<NatsAccess, Failure> {
        NatsAccess::new(
            self.url()?,
            self.credentials.as_deref(),
            self.authority.as_deref(),
        )
        .map_err(Failure::usage_of)
    }

    /// Whether all of it is handed over on standard input.
    pub(crate) fn is_on_stdin(&self) -> bool {
        self.url.as_deref() == Some(STDIN)
    }

    /// Whether the server was named for this command: the variable is there for all.
    fn is_typed(&self) -> bool {
        self.url.is_some() && self.url != std::env::var(NATS_VARIABLE).ok()
    }

    /// The same, as an agent on another machine can use it.
    pub(crate) fn to_hand_over(&self) -> Result<Handover, Failure> {
        Handover::new(
            self.url()?,
            self.credentials.as_deref(),
            self.authority.as_deref(),
        )
    }

    fn url(&self) -> Result<&str, Failure> {
        self.url.as_deref().ok_or_else(|| {
            Failure::usage(miette::miette!(
                help = "write --nats nats://host:4222, or set BENCH_NATS",
                "no NATS server is named, at which agents meet"
            ))
        })
    }
}

/// Agents on other machines that drive the load, or run the servers.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct MachinesArgs {
    /// So many agents on other machines drive the load together (see `bench agents`), each an equal part of it. Each has as many threads
    /// as --load-cpus names cores.
    #[arg(long, value_name = "N", requires = "nats", value_parser = generators())]
    generators: Option<u32>,

    /// One more agent, of the role `probe`, measures at a low rate beside them. Where it measures shorter response times, requests wait in
    /// the generators.
    #[arg(long, requires = "generators")]
    probe: bool,

    /// This agent, of the role `server`, starts the targets on its machine, on the cores of its --cpus: built-in ones, and those of manifests
    /// that it was started with. Backend, database and cache run there as well.
    #[arg(
        long,
        value_name = "NAME",
        requires = "nats",
        conflicts_with = "server_cpus"
    )]
    servers_on: Option<AgentName>,

    #[command(flatten)]
    nats: NatsArgs,

    /// How far an agent's clock may be misjudged: half the shortest round trip to it. They all start at one instant.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "1ms")]
    clock_limit: Duration,
}

fn generators() -> RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=i64::from(MAX_PARTS))
}

impl MachinesArgs {
    /// What was chosen otherwise, on these machines.
    pub(crate) fn applied_to(
        &self,
        choices: Choices,
        instrument: &InstrumentArgs,
    ) -> Result<Choices, Failure> {
        if self.generators.is_none() && self.servers_on.is_none() && self.nats.is_typed() {
            return Err(Failure::usage(miette::miette!(
                help = "add --generators N or --servers-on NAME, or leave --nats out: then all happens on this machine",
                "--nats says where agents meet, and no agents are asked for"
            )));
        }
        let generators = self.generators.and_then(NonZeroU32::new).map(|count| {
            Ok::<_, Failure>(AgentsAsked {
                count,
                probe: self.probe,
                agents: self.agents()?,
            })
        });
        let Some(name) = &self.servers_on else {
            return Ok(Choices {
                generators: generators.transpose()?,
                ..choices
            });
        };
        let servers = ServersAsked {
            access: self.nats.access()?,
            name: name.clone(),
        };
        Ok(Choices {
            generators: generators.transpose()?,
            pinning: Pinning {
                servers_on: Some(name.to_string()),
                server_cpus: servers.cpus()?,
                load_cpus: instrument.place.all_load_cpus(&choices.pinning),
            },
            servers: Some(servers),
            ..choices
        })
    }

    /// Where agents meet, where somebody says so.
    pub(crate) fn named(&self) -> Result<Option<Agents>, Failure> {
        self.nats.url.is_some().then(|| self.agents()).transpose()
    }

    fn agents(&self) -> Result<Agents, Failure> {
        Ok(Agents {
            access: self.nats.access()?,
            clock_limit_ns: duration_ns(self.clock_limit),
        })
    }
}

/// What is measured: a scenario, and targets.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct ExperimentArgs {
    /// A built-in scenario (see `bench list scenarios`), a TOML file, or `-` for standard input.
    #[arg(value_name = "SCENARIO")]
    named: Option<String>,

    /// The same as SCENARIO.
    #[arg(long, short, value_name = "NAME|FILE")]
    scenario: Option<String>,

    /// Targets: NAME or ./manifest.toml, separated by commas; ALIAS=NAME gives another name; `all` is every built-in target,
    /// `reference` is those that are part of bench
    ///
    /// [default: callback,coroutine]
    #[arg(long, short, value_name = "[ALIAS=]NAME[,…]", value_delimiter = ',')]
    target: Vec<String>,

    /// The target that the others are compared with
    ///
    /// [default: the first]
    #[arg(long, value_name = "NAME")]
    base: Option<String>,

    /// A server that is already running, as `http://host:port`, `https://host/base` or `unix:/path.sock`. May be repeated.
    #[arg(long, value_name = "NAME=URL")]
    url: Vec<String>,

    /// Process of a server that is already running, whose CPU and memory are measured. May be repeated
    ///
    /// [default: the one that listens there]
    #[arg(long, value_name = "NAME=PID", value_parser = process_of)]
    pid: Vec<(String, i32)>,

    #[command(flatten)]
    access: AccessArgs,

    /// Threads of each target's pool for blocking work. A list measures each target with each size, as callback-pool-4 and
    /// callback-pool-40.
    #[arg(long, value_name = "N[,N…]", default_value_t)]
    pool: Pools,

    /// Processes or threads that serve, for each target that can have several; chats and the like are then left out where only
    /// one can serve them.
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroU32>,
}

impl ExperimentArgs {
    /// The scenario that was named.
    pub(crate) fn scenario(&self) -> Result<Scenario, Failure> {
        let name = match (&self.named, &self.scenario) {
            (Some(one), Some(other)) if one != other => {
                return Err(Failure::usage(miette::miette!(
                    help = "name one scenario",
                    "two scenarios are named, `{one}` and `{other}`"
                )));
            }
            (one, other) => one.as_ref().or(other.as_ref()),
        };
        named::scenario(name.expect("clap requires one, unless a measurement is resumed"))
    }

    /// The names of targets, as they were given.
    pub(crate) fn named_targets(&self) -> &[String] {
        &self.target
    }

    /// The targets that were named, or the default pair; each once for each size of the pool, and the base first.
    pub(crate) fn targets(&self) -> Result<Vec<TargetSpec>, Failure> {
        let mut targets = named::targets(&self.target, &self.url)?;
        named::reach(&mut targets, &self.access.access(), &self.pid)?;
        let targets = named::with_workers(targets, self.workers)?;
        let mut targets = self.pool.applied_to(targets).map_err(Failure::usage_of)?;
        target::unique(&targets).map_err(Failure::usage_of)?;
        if let Some(base) = &self.base {
            let place = targets.iter().position(|target| target.name == *base);
            let place = place.ok_or_else(|| {
                let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
                Failure::usage(miette::miette!(
                    help = format!("name one of them: {}", names.join(", ")),
                    "--base: no target is called `{base}`"
                ))
            })?;
            targets[..=place].rotate_right(1);
        }
        Ok(targets)
    }
}

/// How servers are reached that run already.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct AccessArgs {
    /// Trust the certificate authorities in this PEM file instead of the system's.
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    cacert: Option<PathBuf>,

    /// Accept any certificate.
    #[arg(long, short = 'k')]
    insecure: bool,

    /// Show this certificate to servers that want one: a PEM file.
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,

    /// Its private key: a PEM file.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,

    /// Connect to another host or port than the URL says, as with curl. May be repeated.
    #[arg(long, value_name = "HOST:PORT:TO_HOST:TO_PORT")]
    connect_to: Vec<ConnectTo>,
}

impl AccessArgs {
    /// What they mean.
    pub(crate) fn access(&self) -> Access {
        let trust = match &self.cacert {
            _ if self.insecure => TrustSpec::Anyone,
            None => TrustSpec::System,
            Some(path) => TrustSpec::Only(path.clone()),
        };
        let identity = self.cert.clone().zip(self.key.clone());
        Access {
            trust,
            identity: identity.map(|(cert, key)| Identity { cert, key }),
            connect_to: self.connect_to.clone(),
            unix_socket: None,
        }
    }
}

/// The database and the cache that a scenario may need.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct ServiceArgs {
    /// A PostgreSQL that is already running, as `postgres://user:password@host:5432/database`. Tables are made there, and dropped
    /// in the end
    ///
    /// [default: one is started, if the scenario needs it]
    #[arg(long, value_name = "URL", value_parser = postgres_at)]
    postgres: Option<ServiceUrl>,

    /// A Redis that is already running, as `redis://host:6379/0`. Keys `product:…` are removed there
    ///
    /// [default: one is started, if the scenario needs it]
    #[arg(long, value_name = "URL", value_parser = redis_at)]
    redis: Option<ServiceUrl>,

    /// Connections to the database for each target, all its workers together.
    #[arg(long, value_name = "N", default_value_t = DEFAULT_CONNECTIONS, value_parser = database_connections)]
    database_connections: NonZeroU32,
}

impl ServiceArgs {
    /// What they mean.
    pub(crate) fn choices(&self) -> ServiceChoices {
        let postgres = self.postgres.clone().map(|url| (Service::Postgres, url));
        let redis = self.redis.clone().map(|url| (Service::Redis, url));
        ServiceChoices {
            urls: postgres.into_iter().chain(redis).collect(),
            connections: self.database_connections,
        }
    }
}

fn postgres_at(text: &str) -> Result<ServiceUrl, ServiceUrlError> {
    ServiceUrl::parse(Service::Postgres, text)
}

fn redis_at(text: &str) -> Result<ServiceUrl, ServiceUrlError> {
    ServiceUrl::parse(Service::Redis, text)
}

fn database_connections(text: &str) -> Result<NonZeroU32, String> {
    let number = text.parse::<NonZeroU32>().ok();
    number
        .filter(|number| number.get() <= MAX_CONNECTIONS)
        .ok_or_else(|| format!("write a whole number from 1 to {MAX_CONNECTIONS}"))
}

/// Where servers and load run.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct PlaceArgs {
    /// Cores of the servers, as `1` or `2-3`
    ///
    /// [default: the upper half of the available cores]
    #[arg(long, value_name = "LIST")]
    server_cpus: Option<CpuList>,

    /// Cores of the load generator and the backend
    ///
    /// [default: the lower half of the available cores; all, where another machine has the servers]
    #[arg(long, value_name = "LIST")]
    load_cpus: Option<CpuList>,
}

/// Whose clock says when replies arrive.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct ClockArgs {
    /// Whose clock says when a reply arrived.
    #[arg(long, value_enum, default_value_t)]
    clock: ClockName,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum ClockName {
    /// The kernel's where a test at the start finds that it can be trusted, otherwise the load generator's.
    #[default]
    Auto,
    /// The kernel's: a reply ends when it arrives, though the load generator reads it later.
    Kernel,
    /// The load generator's: a reply ends when the load generator is woken for it.
    User,
}

impl ClockArgs {
    /// The clock that was chosen.
    pub(crate) fn chosen(&self) -> ReceiveClock {
        match self.clock {
            ClockName::Auto => ReceiveClock::Auto,
            ClockName::Kernel => ReceiveClock::Kernel,
            ClockName::User => ReceiveClock::User,
        }
    }
}

/// How every experiment is measured: where, by which clock, and from which seed.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct InstrumentArgs {
    #[command(flatten)]
    place: PlaceArgs,

    #[command(flatten)]
    clock: ClockArgs,

    #[command(flatten)]
    services: ServiceArgs,

    /// Seed of the order of targets, the arrivals and the mix of requests.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
}

impl InstrumentArgs {
    /// What is usual for a plan of this length, by what was chosen.
    pub(crate) fn choices(&self, effort: Effort) -> Result<Choices, Failure> {
        let pinning = self.place.pinning()?;
        Ok(Choices {
            clock: self.clock.chosen(),
            services: self.services.choices(),
            ..Choices::usual(effort, self.seed, pinning)
        })
    }
}

impl PlaceArgs {
    /// The cores of the load generator where none of this machine serves: those that were named, or all.
    fn all_load_cpus(&self, divided: &Pinning) -> Vec<u32> {
        match self.load_cpus {
            Some(_) => divided.load_cpus.clone(),
            None => cores::available(),
        }
    }

    /// The cores of this machine, divided as requested.
    pub(crate) fn pinning(&self) -> Result<Pinning, Failure> {
        let (servers, load) = (self.server_cpus.as_ref(), self.load_cpus.as_ref());
        cores::divide(&cores::available(), servers, load).map_err(Failure::usage_of)
    }
}

/// How much time measuring takes, where a flag says so.
#[derive(Debug, Clone, ClapArgs)]
#[group(multiple = false)]
pub(crate) struct EffortArgs {
    /// About 20 seconds for two targets; wider intervals.
    #[arg(long)]
    quick: bool,

    /// Several minutes; narrower intervals.
    #[arg(long)]
    thorough: bool,
}

impl EffortArgs {
    /// What the flags say, or `usual`.
    pub(crate) fn or(&self, usual: Effort) -> Effort {
        match (self.quick, self.thorough) {
            (true, _) => Effort::Quick,
            (_, true) => Effort::Thorough,
            _ => usual,
        }
    }
}

/// What of a measurement's result is printed.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct ShownArgs {
    /// Show every detail, and what to do about each warning.
    #[arg(long, short)]
    pub(crate) verbose: bool,

    /// Print the record to standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

/// In which form a result is printed.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct FormArgs {
    /// Print as JSON.
    #[arg(long)]
    json: bool,

    /// Print as Markdown.
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
}

impl FormArgs {
    /// Prints a result in the form that was asked for.
    pub(crate) fn print(
        &self,
        result: &impl Serialize,
        markdown: impl FnOnce() -> String,
        show: impl FnOnce(),
    ) {
        if self.json {
            let json = serde_json::to_string_pretty(result).expect("a result is plain data");
            output::json(&json);
        } else if self.markdown {
            put!("{}", markdown());
        } else {
            show();
        }
    }
}

/// A number above zero, for clap, in words that name what may be written.
pub(crate) fn at_least_one<N: std::str::FromStr>(text: &str) -> Result<N, String> {
    text.parse()
        .map_err(|_| "write a whole number from 1 on".to_owned())
}

/// `NAME=PID`.
fn process_of(text: &str) -> Result<(String, i32), String> {
    let named = text.split_once('=');
    let known = named.and_then(|(name, pid)| Some((name.to_owned(), pid.parse().ok()?)));
    known
        .filter(|(_, pid)| *pid > 0)
        .ok_or_else(|| "write NAME=PID, as in mine=4711".to_owned())
}

/// The charts of a run by their names.
pub(crate) fn charts() -> impl TypedValueParser<Value = Chart> {
    PossibleValuesParser::new(Chart::ALL.map(Chart::file_stem)).map(|name| {
        let mut charts = Chart::ALL.into_iter();
        charts
            .find(|chart| chart.file_stem() == name)
            .expect("the parser accepts only names of charts")
    })
}
