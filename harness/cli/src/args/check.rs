//! The arguments of `bench check`.

use std::num::NonZeroU32;

use clap::{ArgGroup, Args as ClapArgs};

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench check callback
  bench check callback,node
  bench check all
  bench check --url mine=http://127.0.0.1:8080")]
#[command(group = ArgGroup::new("which").args(["target", "url"]).required(true).multiple(true))]
pub(crate) struct CheckArgs {
    /// Targets: NAME or ./manifest.toml; ALIAS=NAME gives another name; `all` is every built-in target, `reference` is those
    /// that are part of bench.
    #[arg(value_name = "TARGET", value_delimiter = ',')]
    pub(crate) target: Vec<String>,

    /// A server that is already running. May be repeated.
    #[arg(long, value_name = "NAME=URL")]
    pub(crate) url: Vec<String>,

    /// Processes or threads that serve, for each target that can have several.
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<NonZeroU32>,
}
