//! The arguments of `bench export`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench export RUN --format markdown >> $GITHUB_STEP_SUMMARY
  bench export RUN --format annotations         GitHub annotations
  bench export RUN --format junit -o report.xml
  bench export RUN --format bencher | bencher run --adapter json
  bench export RUN --format openmetrics -o metrics.txt")]
pub(crate) struct ExportArgs {
    /// A run directory, or a run.json; `-` reads one from standard input.
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,

    /// The format.
    #[arg(long, short, value_enum)]
    pub(crate) format: Format,

    /// Where to write it; `-` is standard output.
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    pub(crate) output: PathBuf,
}

/// What other tools read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A summary, within the size limit of a GitHub step summary.
    Markdown,
    /// GitHub annotations.
    Annotations,
    /// JUnit XML: SLOs, validity and verdicts as tests.
    Junit,
    /// Bencher Metric Format.
    Bencher,
    /// github-action-benchmark's customSmallerIsBetter: times and costs.
    CustomSmallerIsBetter,
    /// github-action-benchmark's customBiggerIsBetter: rates.
    CustomBiggerIsBetter,
    /// OpenMetrics text, for Prometheus.
    Openmetrics,
}
