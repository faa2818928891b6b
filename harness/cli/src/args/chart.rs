//! The arguments of `bench chart`.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use report::charts::Chart;

use crate::args::shared::charts;
use crate::picture::Format as PictureFormat;

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench chart results/runs/20261123T101500Z-io-heavy      all of its charts, into its charts directory
  bench chart RUN --chart ratios --out ratios.png         one, as its ending says
  bench chart RUN --chart latency-by-percentile,throughput --out figures --format svg
  bench chart RUN --chart ratios --out - > ratios.svg
  bench chart results/runs/20261123T101500Z-io-heavy-sweep --out knee.png   of a sweep, which has one

`bench compare A B --chart FILE` draws the ratios of two runs, and `bench history --out DIR` figures from run to run.")]
pub(crate) struct ChartArgs {
    /// A directory of a run or a sweep, or a run.json or sweep.json; `-` reads one from standard input.
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,

    /// Only these charts. [default: all that the run has something to show in]
    #[arg(long, value_name = "NAME[,NAME…]", value_delimiter = ',', value_parser = charts())]
    pub(crate) chart: Vec<Chart>,

    /// A file for one chart, a directory for any number, or `-` for standard output. [default: charts/ beside the record]
    #[arg(long, short, value_name = "FILE|DIR")]
    pub(crate) out: Option<PathBuf>,

    /// How to draw. [default: as the file's ending says; both into a directory, svg to standard output]
    #[arg(long, value_enum)]
    pub(crate) format: Option<PictureFormat>,
}
