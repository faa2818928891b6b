//! The arguments of `bench calibrate`.

use clap::Args as ClapArgs;

use crate::args::shared::PlaceArgs;

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench calibrate                       every known truth, in under a minute
  bench calibrate stall mm1             only these
  bench calibrate --full                the long forms, 60,000 requests each: about five minutes

Each server keeps books of its own. A figure that deviates is the instrument's error only where neither the
books nor the machine explain it: the same deviation in the books, the bare way there and back, or a core that
was taken away for that long mean that the machine was disturbed, which is a caution. The result is kept in bench's cache directory, and every run cites it.
Exit code 3 says that the instrument reads wrongly here.")]
pub(crate) struct CalibrateArgs {
    /// The truths to hold it against; all of them if left out. A selection is not kept.
    #[arg(value_name = "TRUTH")]
    pub(crate) truth: Vec<String>,

    /// The long forms, for tails that a short run can't carry.
    #[arg(long)]
    pub(crate) full: bool,

    #[command(flatten)]
    pub(crate) place: PlaceArgs,

    /// Seeds arrivals and service times.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,

    /// Print the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
