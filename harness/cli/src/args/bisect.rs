//! The arguments of `bench bisect`.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use model::spec::plan::Effort;
use process::failure::Failure;
use runner::request::Choices;

use crate::args::shared::{EffortArgs, FormArgs, InstrumentArgs};

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench bisect v1.2                     the commit since v1.2 with which something got worse
  bench bisect v1.2 v1.3 --thorough     between two revisions, by longer measurements
  bench bisect v1.2 --resume bisection  go on with one that was ended

bench.toml says what is measured and what counts as worse, as for `bench gate`. BAD is measured beside GOOD first: what is \
found worse is then looked for in the commits between, each measured beside GOOD as well, and each time twice before it is \
believed. The first one that has it is measured beside the commit before it at the end. Commits that can't be built or \
judged are gone around. Of a merge, only the merge itself is measured. This tree is not touched.

Exit codes:
  0    the commit was found
  2    wrong usage
  3    BAD could not be judged: the machine was disturbed
  4    BAD is not worse than GOOD, or the commit is one of several
  5    GOOD or BAD can't be built, or a target failed
  130  interrupted; go on with --resume")]
pub(crate) struct BisectArgs {
    /// A revision that is good.
    #[arg(value_name = "GOOD")]
    pub(crate) good: String,

    /// A later one that is worse.
    #[arg(value_name = "BAD", default_value = "HEAD")]
    pub(crate) bad: String,

    /// Configuration: what is measured, and what must not get worse.
    #[arg(long, value_name = "FILE", default_value = "bench.toml")]
    pub(crate) config: PathBuf,

    #[command(flatten)]
    pub(crate) effort: EffortArgs,

    #[command(flatten)]
    pub(crate) instrument: InstrumentArgs,

    /// Directory for the steps and the files of their measurements, new or empty.
    #[arg(long, value_name = "DIR", default_value = "results/bisection")]
    pub(crate) out: PathBuf,

    /// Go on with the search of this directory.
    #[arg(long, value_name = "DIR", conflicts_with = "out")]
    pub(crate) resume: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) form: FormArgs,
}

impl BisectArgs {
    /// How it is measured; `effort` is what the configuration says.
    pub(crate) fn choices(&self, effort: Effort) -> Result<Choices, Failure> {
        self.instrument.choices(self.effort.or(effort))
    }
}
