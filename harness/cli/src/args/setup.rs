//! The arguments of `bench setup`.

use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench setup                 what the built-in targets need
  bench setup fastapi         what this target needs
  bench setup --list          what is installed already

Everything goes to bench's cache directory; nothing else is changed. `bench run` and `bench check` do the same when \
such a target is first used. BENCH_NODE and BENCH_PYTHON name interpreters other than those on the PATH.")]
pub(crate) struct SetupArgs {
    /// Targets, as for `bench run`
    ///
    /// [default: all built-in targets]
    #[arg(value_name = "TARGET", value_delimiter = ',')]
    pub(crate) target: Vec<String>,

    /// List what is installed, and do nothing.
    #[arg(long)]
    pub(crate) list: bool,
}
