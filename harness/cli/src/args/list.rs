//! The arguments of `bench list`.

use clap::{Args as ClapArgs, ValueEnum};

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench list                  scenarios, targets, routes
  bench list targets
  bench list cases            the cases of `bench check`")]
pub(crate) struct ListArgs {
    /// What to list
    ///
    /// [default: scenarios, targets and routes]
    #[arg(value_enum)]
    pub(crate) what: Option<Listing>,
}

/// What can be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Listing {
    /// Built-in scenarios and the question that each answers.
    Scenarios,
    /// Built-in targets.
    Targets,
    /// Routes that every target serves.
    Routes,
    /// The several hundred cases of `bench check`.
    Cases,
}
