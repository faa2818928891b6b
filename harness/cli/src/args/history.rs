//! The arguments of `bench history`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use runner::history_file::HISTORY;

#[derive(Debug, ClapArgs)]
#[command(
    args_conflicts_with_subcommands = true,
    after_long_help = "Examples:
  bench run --scenario io-heavy --history results/history.ndjson
  bench history add results/runs/*                  earlier runs
  bench history                                     where every figure stands, and with which run it changed
  bench history --metric response_time_ns_p99 --out charts
  bench history --markdown

What is followed is the ratio of the targets of a run, which a change of the machine leaves alone; runs of one target are
followed on one kind of machine. A change is told where the best of all splits is better than those of shuffled series
(E-divisive), from 10 runs on; of histories in which nothing changed, one in two hundred is said to have."
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
    /// Run directories, or run.json files, in the order in which they were measured; `-` reads one from standard input.
    #[arg(value_name = "RUN", required = true)]
    pub(crate) runs: Vec<PathBuf>,

    /// The history; made where there is none.
    #[arg(long, value_name = "FILE", default_value = HISTORY)]
    pub(crate) history: PathBuf,

    /// What was measured. [default: the revision that git has checked out here, if any]
    #[arg(long, value_name = "REV")]
    pub(crate) revision: Option<String>,
}

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench history show --scenario io-heavy
  bench history show --metric response_time_ns_p99 --out charts")]
pub(crate) struct HistoryShowArgs {
    /// The history; `-` is standard input.
    #[arg(long, value_name = "FILE", default_value = HISTORY)]
    pub(crate) history: PathBuf,

    /// Only this scenario. May be repeated.
    #[arg(long, short, value_name = "NAME")]
    pub(crate) scenario: Vec<String>,

    /// Only this metric, by its name in records. May be repeated.
    #[arg(long, value_name = "NAME")]
    pub(crate) metric: Vec<String>,

    /// Draw a chart of every figure into this directory, as SVG and PNG.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Print as JSON.
    #[arg(long)]
    pub(crate) json: bool,

    /// Print as Markdown.
    #[arg(long, conflicts_with = "json")]
    pub(crate) markdown: bool,
}
