//! The arguments of `bench sweep`.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use analysis::sweep::search;
use clap::{ArgGroup, Args as ClapArgs};
use model::record::sweep::objective;
use model::spec::scenario::ObjectiveRecord;
use model::spec::target::Pools;
use model::units::{Rate, parse_duration};

use crate::args::shared::PlaceArgs;

#[derive(Debug, ClapArgs)]
#[command(
    group = ArgGroup::new("what").args(["scenario", "resume"]).required(true),
    after_long_help = "Examples:
  bench sweep --scenario io-heavy                     callback and coroutine, within five minutes
  bench sweep --scenario ping --objective p99=2ms     where the scenario has no objective, or another
  bench sweep --scenario io-heavy --from 2k --to 20k  between these rates
  bench sweep --resume results/runs/…-io-heavy-sweep  go on with one that was interrupted

The rate climbs in steps of 41 % until each target was beyond the objective twice in a row, and comes down again; then rounds
of fresh processes go over the rates around each knee, up and down, in steps of 6 %. Targets take turns in every step, with the
same arrivals. The record and its chart go to results/runs/<time>-<scenario>-sweep/; steps are kept there as they come, and
the same command goes on with a sweep that was interrupted."
)]
pub(crate) struct SweepArgs {
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

    /// Connections. [default: the scenario's, and at least 1,024: few of them would be the limit]
    #[arg(long, short, value_name = "N")]
    pub(crate) connections: Option<NonZeroU32>,

    /// What targets have to keep within, instead of the scenario's objective: `p99=20ms`. May be repeated. [default, where the
    /// scenario has none: 5 times the p99 of the fastest target under a light load]
    #[arg(long, value_name = "PERCENTILE=TIME", value_parser = objective::parse)]
    pub(crate) objective: Vec<ObjectiveRecord>,

    /// The rate to begin at: `500`, `2k`. [default: the scenario's, or a light load]
    #[arg(long, value_name = "RATE")]
    pub(crate) from: Option<Rate>,

    /// The highest rate that is offered.
    #[arg(long, value_name = "RATE", default_value = "1M")]
    pub(crate) to: Rate,

    /// Rounds around the knee; each starts its targets afresh.
    #[arg(long, value_name = "N", default_value_t = search::ROUNDS, value_parser = clap::value_parser!(u32).range(0..=i64::from(search::MAX_ROUNDS)))]
    pub(crate) rounds: u32,

    /// How long it may take: no step is begun that would end later. [default: 2m20s for each target]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) time_limit: Option<Duration>,

    /// Warm-up of each target in each round. [default: until its response time is steady, within bounds]
    #[arg(long, short, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) warmup: Option<Duration>,

    /// Threads of each target's pool for blocking work. A list measures each target at each size, side by side.
    #[arg(long, value_name = "N[,N…]", default_value_t)]
    pub(crate) pool: Pools,

    #[command(flatten)]
    pub(crate) place: PlaceArgs,

    /// Seeds the order of targets, the arrivals and the mix of requests.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,

    /// Directory for this sweep's files: new, empty, or that of a sweep to go on with.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Go on with the sweep in this directory, by the plan in its log.
    #[arg(long, value_name = "DIR", conflicts_with = "out")]
    pub(crate) resume: Option<PathBuf>,

    /// Print the record to standard output.
    #[arg(long)]
    pub(crate) json: bool,
}
