//! The arguments of `bench sweep`.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use analysis::sweep::search;
use clap::{ArgGroup, Args as ClapArgs};
use model::record::sweep::objective;
use model::spec::scenario::ObjectiveRecord;
use model::units::{Rate, parse_duration};

use crate::args::shared::{ExperimentArgs, PlaceArgs};

#[derive(Debug, ClapArgs)]
#[command(
    group = ArgGroup::new("what").args(["named", "scenario", "resume"]).required(true).multiple(true),
    override_usage = "bench sweep [OPTIONS] <SCENARIO>\n       bench sweep [OPTIONS] --resume <DIR>",
    after_long_help = "Examples:
  bench sweep io-heavy                     callback and coroutine, in 5 minutes
  bench sweep ping --objective p99=2ms     with this SLO
  bench sweep io-heavy --from 2k --to 20k  between these rates
  bench sweep --resume results/runs/…-io-heavy-sweep

The rate rises in steps of 41 % until each target has missed its SLO twice in a row, and falls again. Then the rates \
around each knee are measured again with restarted processes, upwards and downwards, in steps of 6 %. Targets take \
turns at every rate, with the same arrivals. The record and its chart go to results/runs/<time>-<scenario>-sweep/. \
Steps are saved as they are measured: the same command continues an interrupted sweep."
)]
pub(crate) struct SweepArgs {
    #[command(flatten)]
    pub(crate) experiment: ExperimentArgs,

    /// Connections
    ///
    /// [default: the scenario's, and at least 1,024 so that they are not the limit]
    #[arg(long, short, value_name = "N")]
    pub(crate) connections: Option<NonZeroU32>,

    /// The SLO that targets have to meet, as `p99=20ms`. May be repeated
    ///
    /// [default: the scenario's; if it has none, 5× the p99 of the fastest target under light load]
    #[arg(long, value_name = "PERCENTILE=TIME", value_parser = objective::parse)]
    pub(crate) objective: Vec<ObjectiveRecord>,

    /// The lowest rate, as `500` or `2k`
    ///
    /// [default: the scenario's, or a light load]
    #[arg(long, value_name = "RATE")]
    pub(crate) from: Option<Rate>,

    /// The highest rate.
    #[arg(long, value_name = "RATE", default_value = "1M")]
    pub(crate) to: Rate,

    /// How often the rates around the knee are measured again; each time with restarted processes.
    #[arg(long, value_name = "N", default_value_t = search::ROUNDS, value_parser = clap::value_parser!(u32).range(0..=i64::from(search::MAX_ROUNDS)))]
    pub(crate) rounds: u32,

    /// How long the sweep may take: no step is begun that would end later
    ///
    /// [default: 2m20s for each target]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) time_limit: Option<Duration>,

    /// Warm-up of each target after each restart
    ///
    /// [default: until its response time is steady, within bounds]
    #[arg(long, short, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) warmup: Option<Duration>,

    #[command(flatten)]
    pub(crate) place: PlaceArgs,

    /// Seed of the order of targets, the arrivals and the mix of requests.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,

    /// Directory for the files of this sweep: new, empty, or that of a sweep to continue
    ///
    /// [default: results/runs/<time>-<scenario>-sweep]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Continue the sweep in this directory, with the options that it began with.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "named", "scenario"])]
    pub(crate) resume: Option<PathBuf>,

    /// Print the record to standard output.
    #[arg(long)]
    pub(crate) json: bool,
}
