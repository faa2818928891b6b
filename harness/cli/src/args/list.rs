//! The arguments of `bench list`.

use clap::{Args as ClapArgs, ValueEnum};

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench list                  scenarios, targets, routes
  bench list targets
  bench list cases            what `bench check` asks")]
pub(crate) struct ListArgs {
    /// What to list; everything but the cases if left out.
    #[arg(value_enum)]
    pub(crate) what: Option<Listing>,
}

/// What can be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Listing {
    /// The built-in scenarios and the questions they answer.
    Scenarios,
    /// The built-in targets.
    Targets,
    /// The routes that every target serves.
    Routes,
    /// The cases of `bench check`, only if asked for: there are hundreds.
    Cases,
}
