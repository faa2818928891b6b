//! The arguments of `bench man`.

use std::path::PathBuf;

use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench man --out ~/.local/share/man/man1
  bench man --out man               then read one with `man -l man/bench-run.1`")]
pub(crate) struct ManArgs {
    /// Directory for the pages (bench.1, bench-run.1, …); created if it does not exist.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}
