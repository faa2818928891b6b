//! The arguments of `bench version-of`.

use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
pub(crate) struct VersionOfArgs {
    /// The library's name.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}
