//! The arguments of `bench calibrate`.

use clap::Args as ClapArgs;

use crate::args::shared::PlaceArgs;

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench calibrate                every test, in under a minute
  bench calibrate stall mm1      only these
  bench calibrate --full         60,000 requests each, about five minutes

Each test server logs its own arrivals and replies. A deviation counts as an error of the load generator only if \
neither this log nor the machine explains it; the same deviation in the log, in the plain round-trip time, or as long \
as a core was taken away, is a warning that the machine was disturbed. The result is kept in bench's cache directory, \
and every run cites it. Exit code 3 means that the load generator measures wrongly on this machine.")]
pub(crate) struct CalibrateArgs {
    /// The tests to run. The result of a selection is not kept
    ///
    /// [default: all]
    #[arg(value_name = "TEST")]
    pub(crate) truth: Vec<String>,

    /// Longer tests, which also check percentiles further out.
    #[arg(long)]
    pub(crate) full: bool,

    #[command(flatten)]
    pub(crate) place: PlaceArgs,

    /// Seed of arrivals and service times.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,

    /// Print the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
