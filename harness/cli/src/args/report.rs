//! The arguments of `bench report`.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use report::charts::Chart;

use crate::args::shared::charts;

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench report results/runs/20261123T101500Z-io-heavy  charts and report.html again
  bench report A B -o both.html                        two runs on one page
  bench report results/runs/20261123T101500Z-ping-sweep  the page of a sweep
  bench report RUN --markdown                          a summary as Markdown")]
pub(crate) struct ReportArgs {
    /// Directories or run.json files of runs, or one of a sweep; `-` reads one from standard input.
    #[arg(value_name = "RUN", required = true)]
    pub(crate) runs: Vec<PathBuf>,

    /// Where to write the report; `-` is standard output
    ///
    /// [default: of one run, beside its record; of several, report.html in this directory]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Print a Markdown summary instead.
    #[arg(long, conflicts_with = "output")]
    pub(crate) markdown: bool,

    /// Draw only these charts into charts/; report.html has all of them
    ///
    /// [default: all that the run has data for]
    #[arg(long, value_name = "NAME[,NAME…]", value_delimiter = ',', value_parser = charts(), conflicts_with_all = ["output", "markdown"])]
    pub(crate) chart: Vec<Chart>,
}

/// What is made of records.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Output<'a> {
    /// A summary, printed.
    Markdown,
    /// One page.
    Page(&'a Path),
    /// What belongs beside a record, with these charts or with all.
    Beside(&'a [Chart]),
}

impl ReportArgs {
    /// What is made.
    pub(crate) fn output(&self) -> Output<'_> {
        match &self.output {
            _ if self.markdown => Output::Markdown,
            Some(path) => Output::Page(path),
            None => Output::Beside(&self.chart),
        }
    }
}
