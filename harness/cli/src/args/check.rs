//! The arguments of `bench check`.

use clap::{ArgGroup, Args as ClapArgs};

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench check callback
  bench check callback coroutine
  bench check all
  bench check --url mine=http://127.0.0.1:8080")]
#[command(group = ArgGroup::new("which").args(["target", "url"]).required(true).multiple(true))]
pub(crate) struct CheckArgs {
    /// Targets to check: NAME, ALIAS=NAME, `all` for every built-in one, `reference` for this program's, or a manifest as ./mine.toml.
    #[arg(value_name = "TARGET")]
    pub(crate) target: Vec<String>,

    /// A server that runs already. May be repeated.
    #[arg(long, value_name = "NAME=URL")]
    pub(crate) url: Vec<String>,
}
