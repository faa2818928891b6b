//! The arguments of `bench rerun`.

use std::path::PathBuf;

use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench rerun results/runs/20261123T101500Z-io-heavy
  bench rerun run.json --out again

Scenario, manifests, seed, order and cores are those of the record, whatever the files say now; programs that manifests start are
those that are there now.")]
pub(crate) struct RerunArgs {
    /// A run directory, or a run.json.
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,

    /// Directory for the new run's files, new or empty; otherwise one below results/runs.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Compare even runs that are not valid.
    #[arg(long)]
    pub(crate) force: bool,
}
