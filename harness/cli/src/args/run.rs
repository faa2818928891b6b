//! The arguments of `bench run`.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args as ClapArgs, ValueEnum};
use model::spec::target::Pools;
use model::units::{Rate, parse_duration};
use report::charts::Chart;
use runner::request::Profile;

use crate::args::shared::{PlaceArgs, charts};

#[derive(Debug, ClapArgs)]
#[command(
    group = ArgGroup::new("effort").args(["quick", "thorough"]),
    group = ArgGroup::new("what").args(["scenario", "resume"]).required(true),
    after_long_help = "Examples:
  bench run --scenario io-heavy
  bench run --scenario cpu-heavy --target callback --target coroutine-single --quick
  bench run --scenario ./mine.toml --target a=callback --target b=callback
  bench run --scenario ping --target callback --url mine=http://127.0.0.1:8080
  bench run --scenario io-heavy --target all
  bench run --scenario file-pool --pool 4,40,512
  bench run --scenario mixed --profile syscalls
  bench run --scenario io-heavy --chart ratios,latency-by-percentile
  bench run --resume results/runs/…-io-heavy        go on with one that was cut off

Every target gets the same seeded load in alternating epochs (A B B A), each round with fresh
processes. The record, its charts and a report go to results/runs/<time>-<scenario>/."
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag as it is typed; `commands::run` says what they mean"
)]
pub(crate) struct RunArgs {
    /// A built-in scenario, a TOML file, or `-` for standard input.
    #[arg(long, short, value_name = "NAME|FILE")]
    pub(crate) scenario: Option<String>,

    /// A target: NAME, or a manifest as ./mine.toml; ALIAS=NAME measures it under another name; `all` is every built-in one,
    /// `reference` is each of this program's. May be repeated; the first is the base of all comparisons. [default: callback and
    /// coroutine]
    #[arg(long, short, value_name = "[ALIAS=]NAME|FILE")]
    pub(crate) target: Vec<String>,

    /// A server that runs already. May be repeated.
    #[arg(long, value_name = "NAME=URL")]
    pub(crate) url: Vec<String>,

    /// Connections, instead of the scenario's.
    #[arg(long, short, value_name = "N")]
    pub(crate) connections: Option<NonZeroU32>,

    /// Requests a second, instead of the scenario's arrivals: `1000`, `20k`.
    #[arg(long, short = 'R', value_name = "RATE")]
    pub(crate) rate: Option<Rate>,

    /// Measured time per target, over all of its epochs.
    #[arg(long, short, visible_short_alias = 'z', value_name = "TIME", value_parser = parse_duration)]
    pub(crate) duration: Option<Duration>,

    /// Warm-up of each target in each round. [default: until its response time is steady, within bounds]
    #[arg(long, short, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) warmup: Option<Duration>,

    /// Rounds; each starts its targets afresh.
    #[arg(long, value_name = "N")]
    pub(crate) rounds: Option<NonZeroU32>,

    /// At most 20 seconds for the default pair; less sure.
    #[arg(long)]
    pub(crate) quick: bool,

    /// As long as the statistics ask for; several minutes.
    #[arg(long)]
    pub(crate) thorough: bool,

    /// Measure the first target a second time, as another target, and compare it with itself: what differs there is a false
    /// alarm. Results are kept in bench's cache directory, and their share on this machine is told.
    #[arg(long)]
    pub(crate) aa: bool,

    /// Threads of each target's pool for blocking work. A list measures each target at each size, as callback-pool-4 and
    /// callback-pool-40, side by side.
    #[arg(long, value_name = "N[,N…]", default_value_t)]
    pub(crate) pool: Pools,

    /// Look at each target once more after it was measured, in 3 seconds of few requests that no other figure is of.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) profile: Option<ProfileName>,

    #[command(flatten)]
    pub(crate) place: PlaceArgs,

    /// Seeds the order of targets, the arrivals and the mix of requests.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,

    /// Directory for this run's files, new or empty; otherwise one below results/runs, named for the time and the scenario.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Go on with the run in this directory, by the plan that it began with: the blocks that are missing are measured.
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with_all = [
            "out", "target", "url", "connections", "rate", "duration", "warmup", "rounds", "quick", "thorough", "aa", "pool",
            "profile", "server_cpus", "load_cpus", "seed",
        ]
    )]
    pub(crate) resume: Option<PathBuf>,

    /// Draw only these charts into charts/; report.html has them all. [default: all that the run has something to show in]
    #[arg(long, value_name = "NAME[,NAME…]", value_delimiter = ',', value_parser = charts())]
    pub(crate) chart: Vec<Chart>,

    /// Add the run to this history, for `bench history`.
    #[arg(long, value_name = "FILE")]
    pub(crate) history: Option<PathBuf>,

    /// Print the run record to standard output.
    #[arg(long)]
    pub(crate) json: bool,

    /// Show the run on the full screen while it goes: percentiles, epochs and spread of every target so far. Keys: p pauses at the
    /// end of a block, q stops and keeps what was measured, Tab changes the view, ? helps.
    #[arg(long)]
    pub(crate) tui: bool,
}

/// What is profiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProfileName {
    /// System calls a request, by name. Needs strace, and leave to trace other processes.
    Syscalls,
}

impl From<ProfileName> for Profile {
    fn from(ProfileName::Syscalls: ProfileName) -> Self {
        Self::Syscalls
    }
}
