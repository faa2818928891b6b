//! The arguments of `bench setup`.

use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench setup                       what `node` and `fastapi` need
  bench setup node@22,fastapi@3.13  what these targets need
  bench setup postgres              a PostgreSQL, where the machine has none
  bench setup --all                 every runtime in every version
  bench setup --list                what is set up already

Everything goes to bench's cache directory; nothing else is changed. `bench run` and `bench check` do the same when \
such a target is first used. BENCH_NODE, BENCH_BUN, BENCH_DENO, BENCH_GO and BENCH_PYTHON name other programs for the \
version `path` than those on the PATH.")]
pub(crate) struct SetupArgs {
    /// Targets, as for `bench run`; `postgres` is the database for scenarios that need one
    ///
    /// [default: node,fastapi]
    #[arg(value_name = "TARGET", value_delimiter = ',')]
    pub(crate) target: Vec<String>,

    /// Set up every runtime in every version that can be had.
    #[arg(long, conflicts_with = "target")]
    pub(crate) all: bool,

    /// List what is set up, and do nothing.
    #[arg(long)]
    pub(crate) list: bool,
}
