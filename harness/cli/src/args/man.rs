//! The arguments of `bench man`.

use std::path::PathBuf;

use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench man --out ~/.local/share/man/man1
  bench man --out man                     and then `man -l man/bench-run.1`")]
pub(crate) struct ManArgs {
    /// The directory for a page of each command, as bench.1 and bench-run.1; made where it doesn't exist.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}
