//! The arguments of `bench load`.

use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};
use model::spec::load::Process;
use model::units::{Rate, parse_duration};
use process::cores::CpuList;

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench load http://127.0.0.1:8080/                     as fast as it goes, for 10 seconds
  bench load http://127.0.0.1:8080/ -c 100 -R 1000      1,000 requests a second, whatever the server does
  bench load http://127.0.0.1:8080/ -n 10000 --json     10,000 requests, the result as JSON
  bench load https://127.0.0.1:8443/ --insecure         whatever its certificate says

Without -R the loop is closed: the next request follows the reply, which measures capacity. With -R requests fall
due on a schedule made beforehand, and response time counts from the moment they were due: that measures latency.
Connections, and TLS handshakes with them, are opened before the first request and have times of their own.")]
pub(crate) struct LoadArgs {
    /// What to request, as http://host:port/path?query, or https://.
    #[arg(value_name = "URL")]
    pub(crate) url: String,

    /// Connections.
    #[arg(long, short, value_name = "N", default_value = "50")]
    pub(crate) connections: NonZeroU32,

    /// Requests a second on a schedule: `1000`, `20k`. Without it the loop is closed.
    #[arg(long, short = 'R', value_name = "RATE")]
    pub(crate) rate: Option<Rate>,

    /// How long to measure. [default: 10s, or as long as all requests of -n take]
    #[arg(long, short, visible_short_alias = 'z', value_name = "TIME", value_parser = parse_duration)]
    pub(crate) duration: Option<Duration>,

    /// Load before the measurement that is not recorded.
    #[arg(long, short, value_name = "TIME", value_parser = parse_duration, default_value = "0s")]
    pub(crate) warmup: Duration,

    /// Send this many requests; with -d, stop after that time at the latest.
    #[arg(long, short = 'n', value_name = "N")]
    pub(crate) requests: Option<NonZeroU64>,

    /// Open a connection for each request and close it after the reply; -c is then how many may be open at a time.
    #[arg(long)]
    pub(crate) disable_keepalive: bool,

    /// How the gaps between scheduled requests are distributed.
    #[arg(long, value_enum, default_value = "constant", requires = "rate")]
    pub(crate) arrival: ArrivalName,

    /// A request unanswered for this long has failed.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "5s")]
    pub(crate) timeout: Duration,

    /// Request method.
    #[arg(long, short = 'X', value_name = "METHOD", default_value = "GET")]
    pub(crate) method: MethodName,

    /// A request header, as `Name: value`. May be repeated.
    #[arg(long, short = 'H', value_name = "NAME: VALUE")]
    pub(crate) header: Vec<String>,

    /// Request body; `@FILE` reads it from a file, `@-` from standard input.
    #[arg(long, short = 'D', value_name = "TEXT|@FILE")]
    pub(crate) body: Option<String>,

    /// Accept only this status. [default: 200 to 399]
    #[arg(long, value_name = "STATUS", value_parser = clap::value_parser!(u16).range(100..=599))]
    pub(crate) expect_status: Option<u16>,

    /// Believe the certificates of these authorities (PEM) instead of the system's.
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    pub(crate) cacert: Option<PathBuf>,

    /// Believe any certificate.
    #[arg(long, short = 'k')]
    pub(crate) insecure: bool,

    /// Cores of the generator, one thread each, as in `0` or `0-3`. [default: one thread, not pinned]
    #[arg(long, value_name = "LIST")]
    pub(crate) load_cpus: Option<CpuList>,

    /// Spin, in an open loop, for due times and replies: exact to a microsecond, and needs cores that nobody else uses, the
    /// server least of all. `auto` spins where --load-cpus names the generator's cores; that the server keeps off them is yours to see to.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) spin: SpinChoice,

    /// Seeds the arrivals.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,

    /// Print the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,

    /// End with this process, however it ends. Set by `bench calibrate`.
    #[arg(long, value_name = "PID", hide = true)]
    pub(crate) parent: Option<i32>,
}

/// The arrival processes of an open loop, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ArrivalName {
    /// Equal gaps.
    Constant,
    /// Exponential gaps, as of many independent users.
    Poisson,
}

impl From<ArrivalName> for Process {
    fn from(name: ArrivalName) -> Self {
        match name {
            ArrivalName::Constant => Self::Constant,
            ArrivalName::Poisson => Self::Poisson,
        }
    }
}

/// The request methods that can be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub(crate) enum MethodName {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Options,
}

impl From<MethodName> for http1::Method {
    fn from(name: MethodName) -> Self {
        match name {
            MethodName::Get => Self::Get,
            MethodName::Head => Self::Head,
            MethodName::Post => Self::Post,
            MethodName::Put => Self::Put,
            MethodName::Delete => Self::Delete,
            MethodName::Options => Self::Options,
        }
    }
}

/// Whether the generator may spin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SpinChoice {
    /// Only where --load-cpus gives the generator cores of its own.
    #[default]
    Auto,
    /// Never: sleep until a request is due.
    Never,
    /// Always, even beside the server.
    Always,
}
