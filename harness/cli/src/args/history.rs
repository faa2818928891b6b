//! The arguments of `bench history`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use model::record::metric::Metric;
use runner::history_file::HISTORY;

use crate::args::shared::FormArgs;

#[derive(Debug, ClapArgs)]
#[command(
    args_conflicts_with_subcommands = true,
    after_long_help = "Examples:
  bench run io-heavy --history results/history.ndjson
  bench history add results/runs/*          add earlier runs
  bench history                             every figure, and where it changed
  bench history --metric response_time_ns_p99 --out charts
  bench history --markdown
  bench history --site public               a page for a web server

The history follows the ratios between the targets of a run: these do not depend on the machine. Runs of a single \
target are followed for each kind of machine. Change points are found with the E-divisive statistic and a permutation \
test, from 10 runs on; a history without a change gets a false change point with a probability of 0.5 %."
)]
pub(crate) struct HistoryArgs {
    #[command(subcommand)]
    pub(crate) command: Option<HistoryCommand>,

    #[command(flatten)]
    pub(crate) show: HistoryShowArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HistoryCommand {
    /// Add runs to a history. It keeps the last 1,000.
    Add(HistoryAddArgs),
    /// Show a history, as without a command.
    Show(HistoryShowArgs),
}

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench history add results/runs/20261123T101500Z-io-heavy
  bench history add before.json after.json --history mine.ndjson --revision 4f2a91c")]
pub(crate) struct HistoryAddArgs {
    /// Run directories or run.json files, oldest first; `-` reads one from standard input.
    #[arg(value_name = "RUN", required = true)]
    pub(crate) runs: Vec<PathBuf>,

    /// The history file; created if it does not exist.
    #[arg(long, value_name = "FILE", default_value = HISTORY)]
    pub(crate) history: PathBuf,

    /// The revision that was measured
    ///
    /// [default: the one that git has checked out here, if any]
    #[arg(long, value_name = "REV")]
    pub(crate) revision: Option<String>,
}

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench history show --scenario io-heavy
  bench history show --metric response_time_ns_p99 --out charts")]
pub(crate) struct HistoryShowArgs {
    /// The history file; `-` is standard input.
    #[arg(long, value_name = "FILE", default_value = HISTORY)]
    pub(crate) history: PathBuf,

    /// Only this scenario. May be repeated.
    #[arg(long, short, value_name = "NAME")]
    pub(crate) scenario: Vec<String>,

    /// Only this metric, by its name in JSON. May be repeated.
    #[arg(long, value_name = "NAME", value_parser = Metric::named)]
    pub(crate) metric: Vec<Metric>,

    /// Draw a chart of each figure into this directory, as SVG and PNG.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Write a page with every change, table and chart into this directory, as index.html.
    #[arg(long, value_name = "DIR")]
    pub(crate) site: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) form: FormArgs,
}
