//! The arguments of `bench serve`.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use calibration::measure::TRUTH;
use callback::Loops;
use clap::{Args as ClapArgs, ValueEnum};
use coroutine::Scheduler;
use model::names;
use model::spec::target::DEFAULT_HOST;
use model::spec::truth::Behaviour;
use model::units::parse_duration;
use process::cores;
use process::failure::Failure;
use rust_servers::Library;

/// The name of the upstream backend among the servers.
pub(crate) const BACKEND: &str = "backend";

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench serve backend --port 9000
  bench serve callback --port 8080 --upstream 127.0.0.1:9000
  bench serve coroutine --port 0 --workers 2
  bench serve callback-cluster --host 10.0.0.5 --port 8080
  bench serve callback --timer-rule own
  bench serve truth --behaviour fixed:delay=5ms
  bench serve truth --behaviour stall:delay=1ms,stall=1s,every=10s
  bench serve truth --behaviour bimodal:nth=100,slow=100ms,fast=1ms
  bench serve truth --behaviour queue:service=5ms
  bench serve truth --behaviour queue:mean=500us,seed=1")]
pub(crate) struct ServeArgs {
    /// callback, callback-asyncio, callback-cluster, coroutine, coroutine-single, coroutine-asyncio, coroutine-libuv, axum,
    /// hyper, backend or truth.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// IP address of this machine to listen on; 0.0.0.0 is all that it has.
    #[arg(long, value_name = "ADDR", value_parser = host, default_value_t = DEFAULT_HOST)]
    pub(crate) host: IpAddr,

    /// Port; 0 chooses a free one and prints it.
    #[arg(long, value_name = "N", default_value_t = 8080)]
    pub(crate) port: u16,

    /// Directory with the files of /file/{kib}; created if it does not exist
    ///
    /// [default: bench's cache directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Threads of the pool for blocking work.
    #[arg(long, value_name = "N")]
    pub(crate) pool: Option<NonZeroUsize>,

    /// Threads that serve
    ///
    /// [default: 1; for callback-cluster, coroutine, axum and hyper one for each core]
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<NonZeroUsize>,

    /// When the timers of a reference server fire.
    #[arg(long, value_enum, value_name = "RULE", default_value_t = TimerRule::NeverEarly)]
    pub(crate) timer_rule: TimerRule,

    /// When `truth` replies: see the examples.
    #[arg(long, value_name = "BEHAVIOUR", required_if_eq("name", "truth"))]
    pub(crate) behaviour: Option<Behaviour>,

    /// Let `truth` busy-wait before each reply: precise, but needs a core that nothing else uses.
    #[arg(long, requires = "behaviour")]
    pub(crate) spin: bool,

    /// Let `backend` reply this much later than requested, which slows its callers by a known time.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) late: Option<Duration>,

    /// Address of the backend that /upstream calls.
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) upstream: Option<std::net::SocketAddr>,
}

/// An address to listen on.
pub(crate) fn host(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| {
        let text = names::shortened(text);
        format!(
            "`{text}` is not an IP address: write it as in `--host 10.0.0.5` or `--host fd00::5`"
        )
    })
}

/// When timers fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TimerRule {
    /// At the first whole millisecond that is not before the due time: the same for all.
    NeverEarly,
    /// As the loop that it is shaped after: libuv cuts off fractions of milliseconds, asyncio fires at the due time, tokio rounds up.
    Own,
}

/// What is served.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Server {
    /// Replies at known times.
    Truth {
        /// When.
        behaviour: Behaviour,
        /// Whether it may busy-wait.
        spin: bool,
    },
    /// What `/upstream` calls.
    Backend {
        /// How much later than requested it replies.
        late: Duration,
    },
    /// A server of the work contract, with so many workers.
    Contract(Model, NonZeroUsize),
}

/// A server of the work contract that is part of this program.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Model {
    Callback(Loops),
    Coroutine(Scheduler),
    Rust(Library),
}

/// Servers whose timers have one rule.
const WITHOUT_TIMER_RULE: [&str; 4] = ["axum", "hyper", BACKEND, TRUTH];

/// The servers of the work contract by the names of their targets.
const MODELS: &[(&str, Model)] = &[
    ("callback", Model::Callback(Loops::One)),
    ("callback-asyncio", Model::Callback(Loops::Asyncio)),
    ("callback-cluster", Model::Callback(Loops::Cluster)),
    ("coroutine", Model::Coroutine(Scheduler::MultiThread)),
    (
        "coroutine-single",
        Model::Coroutine(Scheduler::CurrentThread),
    ),
    ("coroutine-asyncio", Model::Coroutine(Scheduler::Asyncio)),
    ("coroutine-libuv", Model::Coroutine(Scheduler::Libuv)),
    ("axum", Model::Rust(Library::Axum)),
    ("hyper", Model::Rust(Library::Hyper)),
];

impl Model {
    /// Whether its number of workers can be set; the others have one by nature.
    fn has_workers(self) -> bool {
        matches!(
            self,
            Self::Callback(Loops::Cluster)
                | Self::Coroutine(Scheduler::MultiThread)
                | Self::Rust(_)
        )
    }
}

impl ServeArgs {
    /// The server that was named, with the options that it has.
    pub(crate) fn server(&self) -> Result<Server, Failure> {
        let name = self.name.as_str();
        self.only_for("--late", self.late.is_some(), BACKEND)?;
        self.only_for("--behaviour", self.behaviour.is_some(), TRUTH)?;
        if self.timer_rule == TimerRule::Own && WITHOUT_TIMER_RULE.contains(&name) {
            return Err(Failure::usage(miette::miette!(
                help = "leave --timer-rule out, or start a reference server, as `bench serve callback`",
                "--timer-rule is for reference servers, not for {name}"
            )));
        }
        if let Some(behaviour) = self.behaviour {
            let spin = self.spin;
            return Ok(Server::Truth { behaviour, spin });
        }
        if name == BACKEND {
            let late = self.late.unwrap_or_default();
            return Ok(Server::Backend { late });
        }
        let known = MODELS.iter().find(|(known, _)| *known == name);
        let &(_, model) = known.ok_or_else(|| {
            let mut known: Vec<&str> = MODELS.iter().map(|(name, _)| *name).collect();
            known.extend([BACKEND, TRUTH]);
            let meant = names::hint(names::nearest(name, known.iter().copied()));
            Failure::usage(miette::miette!(
                help = "targets in other languages are started by `bench run` and `bench check`",
                "this program has no server called `{name}`{meant}; it has {}",
                known.join(", ")
            ))
        })?;
        let cores = NonZeroUsize::new(cores::available().len()).unwrap_or(NonZeroUsize::MIN);
        let workers = if model.has_workers() {
            self.workers.unwrap_or(cores)
        } else {
            NonZeroUsize::MIN
        };
        Ok(Server::Contract(model, workers))
    }

    /// An option that only one server has.
    fn only_for(&self, option: &str, is_given: bool, server: &str) -> Result<(), Failure> {
        if !is_given || self.name == server {
            return Ok(());
        }
        Err(Failure::usage(miette::miette!(
            help = format!("leave {option} out, or start `bench serve {server}`"),
            "{option} is for {server}, not for {}",
            self.name
        )))
    }
}
