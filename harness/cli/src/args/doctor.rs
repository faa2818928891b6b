//! The arguments of `bench doctor`.

use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench doctor
  bench doctor --json")]
pub(crate) struct DoctorArgs {
    /// Print the findings as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
