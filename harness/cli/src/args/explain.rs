//! The arguments of `bench explain`.

use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench explain                           every term
  bench explain service time
  bench explain p99")]
pub(crate) struct ExplainArgs {
    /// A term of the glossary
    ///
    /// [default: all]
    #[arg(value_name = "TERM")]
    pub(crate) term: Vec<String>,
}
