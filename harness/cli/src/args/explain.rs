//! The arguments of `bench explain`.

use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench explain                           every term
  bench explain service time
  bench explain MDE")]
pub(crate) struct ExplainArgs {
    /// A term of the glossary; all of them if left out.
    #[arg(value_name = "TERM")]
    pub(crate) term: Vec<String>,
}
