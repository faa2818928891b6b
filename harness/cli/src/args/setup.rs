//! The arguments of `bench setup`.

use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench setup                 what the built-in targets need
  bench setup fastapi         only what this one needs
  bench setup --list          what is there already

Everything goes to bench's cache directory; nothing is installed anywhere else. `bench run` and `bench check` do the same
when such a target is first chosen. BENCH_NODE and BENCH_PYTHON name other interpreters than those on the PATH.")]
pub(crate) struct SetupArgs {
    /// Targets, as `bench run` takes them; all built-in ones if left out.
    #[arg(value_name = "TARGET")]
    pub(crate) target: Vec<String>,

    /// Say what is there, and do nothing.
    #[arg(long)]
    pub(crate) list: bool,
}
