//! The arguments of `bench compare`.

use std::path::PathBuf;

use analysis::between::{Ask, ReferenceAsk};
use clap::Args as ClapArgs;

use crate::args::shared::FormArgs;
use crate::picture::Picture;

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench compare results/runs/BEFORE results/runs/AFTER  what changed
  bench compare A B --base callback --head coroutine    two different targets
  bench compare A A --base node                         two targets of one run
  bench compare A B --reference node                    relative to node
  bench compare A B --chart ratios.svg                  ratios and intervals
  bench compare a.json b.json                           two results of bench load --json

The machine may have changed between two runs. If both runs have a target that did not change (the reference), the \
other targets are compared by their ratio to it, which cancels such changes; without a reference they are part of the \
difference, and the output says so. Measuring both in one run is better.")]
pub(crate) struct CompareArgs {
    /// The run of the base: a directory, or a run.json.
    #[arg(value_name = "A")]
    pub(crate) base_run: PathBuf,

    /// The run of the head; the same one compares its targets with each other.
    #[arg(value_name = "B")]
    pub(crate) head_run: PathBuf,

    /// A target of A
    ///
    /// [default: every target that both have]
    #[arg(long, value_name = "NAME")]
    pub(crate) base: Option<String>,

    /// A target of B.
    #[arg(long, value_name = "NAME")]
    pub(crate) head: Option<String>,

    /// The target of both runs that the others are compared relative to
    ///
    /// [default: the first that both have and that did not change]
    #[arg(long, value_name = "NAME")]
    pub(crate) reference: Option<String>,

    /// Compare without a reference, even if the machine changed between the runs.
    #[arg(long, conflicts_with = "reference")]
    pub(crate) no_reference: bool,

    /// The smallest difference that matters, in percent.
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0)]
    pub(crate) margin: f64,

    /// Compare even different scenarios or loads, and invalid measurements.
    #[arg(long)]
    pub(crate) force: bool,

    /// Exit with code 4 if any metric is inconclusive.
    #[arg(long)]
    pub(crate) require_verdict: bool,

    /// Draw the ratios and their intervals into this .svg or .png file.
    #[arg(long, value_name = "FILE")]
    pub(crate) chart: Option<Picture>,

    #[command(flatten)]
    pub(crate) form: FormArgs,
}

impl CompareArgs {
    /// Which targets are compared, and relative to what.
    pub(crate) fn ask(&self) -> Ask {
        Ask {
            base: self.base.clone(),
            head: self.head.clone(),
            reference: match &self.reference {
                _ if self.no_reference => ReferenceAsk::No,
                Some(name) => ReferenceAsk::Named(name.clone()),
                None => ReferenceAsk::Any,
            },
            force: self.force,
        }
    }
}
