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
  bench load http://127.0.0.1:8080/                    closed loop, 10 seconds
  bench load http://127.0.0.1:8080/ -c 100 -R 1000     1,000 requests a second
  bench load http://127.0.0.1:8080/ -n 10000 --json    10,000 requests, as JSON
  bench load https://127.0.0.1:8443/ --insecure        accept any certificate

Without -R the loop is closed: each connection sends its next request after the reply. This measures capacity. \
With -R the loop is open: requests are sent on a schedule, whatever the server does, and response time counts from \
the scheduled time. This measures latency. Connections are opened before the first request; connect and TLS \
handshake times are reported separately.")]
pub(crate) struct LoadArgs {
    /// What to request, as http://host:port/path?query, or https://.
    #[arg(value_name = "URL")]
    pub(crate) url: String,

    /// Connections.
    #[arg(long, short, value_name = "N", default_value = "50")]
    pub(crate) connections: NonZeroU32,

    /// Requests a second, as `1000` or `20k`; without it the loop is closed.
    #[arg(long, short = 'R', value_name = "RATE")]
    pub(crate) rate: Option<Rate>,

    /// How long to measure
    ///
    /// [default: 10s, or until all requests of -n are answered]
    #[arg(long, short, visible_short_alias = 'z', value_name = "TIME", value_parser = parse_duration)]
    pub(crate) duration: Option<Duration>,

    /// Warm-up: load before the measurement, not recorded.
    #[arg(long, short, value_name = "TIME", value_parser = parse_duration, default_value = "0s")]
    pub(crate) warmup: Duration,

    /// Number of requests; with -d, stop at the time limit if it comes first.
    #[arg(long, short = 'n', value_name = "N")]
    pub(crate) requests: Option<NonZeroU64>,

    /// Open a new connection for each request; -c then limits how many are open at a time.
    #[arg(long)]
    pub(crate) disable_keepalive: bool,

    /// Distribution of the gaps between scheduled requests.
    #[arg(long, value_enum, default_value = "constant", requires = "rate")]
    pub(crate) arrival: ArrivalName,

    /// Time after which an unanswered request has failed.
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

    /// The status that counts as success
    ///
    /// [default: 200 to 399]
    #[arg(long, value_name = "STATUS", value_parser = clap::value_parser!(u16).range(100..=599))]
    pub(crate) expect_status: Option<u16>,

    /// Trust the certificate authorities in this PEM file instead of the system's.
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    pub(crate) cacert: Option<PathBuf>,

    /// Accept any certificate.
    #[arg(long, short = 'k')]
    pub(crate) insecure: bool,

    /// Cores of the load generator, one thread each, as `0` or `0-3`
    ///
    /// [default: one thread, not pinned]
    #[arg(long, value_name = "LIST")]
    pub(crate) load_cpus: Option<CpuList>,

    /// In an open loop, busy-wait for scheduled times and replies: precise to a microsecond, but needs cores that nothing
    /// else uses, the server in particular.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) spin: SpinChoice,

    /// Seed of the arrivals.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,

    /// Print the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,

    /// End when this process ends. Set by `bench calibrate`.
    #[arg(long, value_name = "PID", hide = true)]
    pub(crate) parent: Option<i32>,
}

/// The arrival processes of an open loop, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ArrivalName {
    /// Equal gaps.
    Constant,
    /// Exponentially distributed gaps, as from many independent users.
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

/// When the load generator busy-waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SpinChoice {
    /// Only with --load-cpus; keep the server off those cores.
    #[default]
    Auto,
    /// Never: sleep until the scheduled time.
    Never,
    /// Always, even on cores that the server uses.
    Always,
}
