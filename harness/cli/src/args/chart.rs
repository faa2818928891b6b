//! The arguments of `bench chart`.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use report::charts::Chart;

use crate::args::shared::charts;
use crate::picture::Format as PictureFormat;

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench chart results/runs/20261123T101500Z-io-heavy  all, into its charts/
  bench chart RUN --chart ratios --out ratios.png     one chart, as PNG
  bench chart RUN --chart latency-by-percentile,throughput --out figures --format svg
  bench chart RUN --chart ratios --out - > ratios.svg
  bench chart results/runs/20261123T101500Z-ping-sweep --out knee.png

A sweep has one chart. `bench compare A B --chart FILE` draws the ratios of two runs, `bench history --out DIR` \
figures over time.")]
pub(crate) struct ChartArgs {
    /// Directory, run.json or sweep.json of a run or a sweep; `-` reads it from standard input.
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,

    /// Only these charts
    ///
    /// [default: all that the run has data for]
    #[arg(long, value_name = "NAME[,NAME…]", value_delimiter = ',', value_parser = charts())]
    pub(crate) chart: Vec<Chart>,

    /// A file for one chart, a directory for several, or `-` for standard output
    ///
    /// [default: charts/ beside the record]
    #[arg(long, short, value_name = "FILE|DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Format of the files
    ///
    /// [default: by the file's extension; both into a directory, svg to standard output]
    #[arg(long, value_enum)]
    pub(crate) format: Option<PictureFormat>,
}
