//! The arguments of `bench rerun`.

use std::path::PathBuf;

use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench rerun results/runs/20261123T101500Z-io-heavy
  bench rerun run.json --out again

Scenario, manifests, seed, order and cores come from the record, even if the files have changed. The programs that \
manifests start are the ones installed now.")]
pub(crate) struct RerunArgs {
    /// A run directory or run.json.
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,

    /// Directory for the files of the new run, new or empty
    ///
    /// [default: a directory below results/runs]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Compare even invalid runs.
    #[arg(long)]
    pub(crate) force: bool,
}
