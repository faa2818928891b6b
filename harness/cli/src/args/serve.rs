//! The arguments of `bench serve`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};
use model::spec::truth::Behaviour;
use model::units::parse_duration;

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench serve backend --port 9000
  bench serve callback --port 8080 --upstream 127.0.0.1:9000
  bench serve coroutine --port 0 --workers 2
  bench serve callback --timer-rule own
  bench serve truth --behaviour fixed:delay=5ms
  bench serve truth --behaviour stall:delay=1ms,stall=1s,every=10s
  bench serve truth --behaviour bimodal:nth=100,slow=100ms,fast=1ms
  bench serve truth --behaviour queue:service=5ms
  bench serve truth --behaviour queue:mean=500us,seed=1")]
pub(crate) struct ServeArgs {
    /// callback, callback-asyncio, callback-cluster, coroutine, coroutine-single, coroutine-asyncio, coroutine-libuv, backend or
    /// truth.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// Port on 127.0.0.1; 0 chooses a free one and prints it.
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
    /// [default: 1; for callback-cluster and coroutine one for each core]
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

/// When timers fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TimerRule {
    /// At the first whole millisecond that is not before the due time: the same for all.
    NeverEarly,
    /// As the loop that it is shaped after: libuv cuts off fractions of milliseconds, asyncio fires at the due time, tokio rounds up.
    Own,
}
