//! The arguments of `bench compare`.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use crate::picture::Picture;

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench compare results/runs/BEFORE results/runs/AFTER    what changed between two runs
  bench compare A B --base callback --head coroutine      any target of the one with any of the other
  bench compare A A --base node                           two targets of one run, block by block
  bench compare A B --reference node                      by the ratios to node, measured in both
  bench compare A B --chart ratios.svg                    a chart of the ratios with their intervals

Two runs are not measured beside each other. Where both have a target that did not change (the reference), each other target is
compared by its ratio to that, so that what the machine did between the runs cancels; without one it is in the difference,
which is then said. Measuring both in one run is better still.")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag that may be typed"
)]
pub(crate) struct CompareArgs {
    /// The run of the base: a directory, or a run.json.
    #[arg(value_name = "A")]
    pub(crate) base_run: PathBuf,

    /// The run of the head; the same one compares its targets with each other.
    #[arg(value_name = "B")]
    pub(crate) head_run: PathBuf,

    /// A target of A. [default: every target that both have]
    #[arg(long, value_name = "NAME")]
    pub(crate) base: Option<String>,

    /// A target of B.
    #[arg(long, value_name = "NAME")]
    pub(crate) head: Option<String>,

    /// The target of both to hold the others against. [default: the first that both have and that did not change]
    #[arg(long, value_name = "NAME")]
    pub(crate) reference: Option<String>,

    /// Compare figures as they are, whatever the machine did between the runs.
    #[arg(long, conflicts_with = "reference")]
    pub(crate) no_reference: bool,

    /// The smallest difference that matters, in per cent.
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0)]
    pub(crate) margin: f64,

    /// Compare even other scenarios, other loads, or measurements that are not valid.
    #[arg(long)]
    pub(crate) force: bool,

    /// End with exit code 4 where any metric is left without a verdict.
    #[arg(long)]
    pub(crate) require_verdict: bool,

    /// Draw the ratios with their intervals into this file, an .svg or a .png.
    #[arg(long, value_name = "FILE")]
    pub(crate) chart: Option<Picture>,

    /// Print the comparison as JSON.
    #[arg(long, conflicts_with = "markdown")]
    pub(crate) json: bool,

    /// Print it as Markdown.
    #[arg(long)]
    pub(crate) markdown: bool,
}
