//! The arguments of `bench gate`.

use std::path::PathBuf;

use clap::{ArgGroup, Args as ClapArgs};
use model::spec::plan::Effort;
use process::failure::Failure;
use runner::request::Choices;

use crate::args::shared::{EffortArgs, FormArgs, InstrumentArgs};

#[derive(Debug, ClapArgs)]
#[command(
    group = ArgGroup::new("against").args(["base_rev", "base_command", "baseline"]).required(true),
    override_usage = "bench gate [OPTIONS] --base-rev <REV>\n       bench gate [OPTIONS] --base-command <COMMAND>\n       bench gate [OPTIONS] --baseline <FILE|DIR>",
    after_long_help = "Examples:
  bench gate --base-rev origin/main                build and measure that revision
  bench gate --base-rev HEAD~1 --base-dir ../base  keep its tree for the next time
  bench gate --base-command './server-1.0 --port {port}'
  bench gate --baseline results/history.ndjson     against earlier runs

bench.toml names the scenarios, the target, its build command, and for each metric the margin and the direction \
that counts as worse. Base and head are measured in turns on the same machine, so that its noise affects both. A \
regression must be found in two measurements to fail the gate; an invalid measurement is repeated once. --quick and \
--thorough go before what bench.toml says.

Exit codes:
  0    no regression, or no base (an empty or zero revision)
  2    wrong usage
  3    invalid twice, so not judged
  4    inconclusive (with --fail-inconclusive)
  5    a build or a target failed
  99   regression, SLO not met, or more failed requests
  130  interrupted"
)]
pub(crate) struct GateArgs {
    /// Configuration: what is measured, and what must not get worse.
    #[arg(long, value_name = "FILE", default_value = "bench.toml")]
    pub(crate) config: PathBuf,

    /// Compare with a git revision: it is checked out elsewhere, built, and measured beside this tree.
    #[arg(long, value_name = "REV")]
    pub(crate) base_rev: Option<String>,

    /// Compare with the same target, started by another command; it may have a manifest's placeholders.
    #[arg(long, value_name = "COMMAND")]
    pub(crate) base_command: Option<String>,

    /// Compare with earlier runs: a history, or a directory of runs.
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) baseline: Option<PathBuf>,

    /// Directory for the base's tree, kept for the next time
    ///
    /// [default: a temporary directory]
    #[arg(long, value_name = "DIR", requires = "base_rev")]
    pub(crate) base_dir: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) effort: EffortArgs,

    /// Exit with code 4 if the result is inconclusive.
    #[arg(long)]
    pub(crate) fail_inconclusive: bool,

    #[command(flatten)]
    pub(crate) instrument: InstrumentArgs,

    /// Directory for the files of the measurements, new or empty
    ///
    /// [default: a directory for each below results/runs]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Write the result as JUnit XML.
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,

    /// Print GitHub annotations to standard error. On by default where `GITHUB_STEP_SUMMARY` is set; the step summary is then
    /// written as well.
    #[arg(long)]
    pub(crate) github: bool,

    #[command(flatten)]
    pub(crate) form: FormArgs,
}

impl GateArgs {
    /// How it is measured; `effort` is what the configuration says.
    pub(crate) fn choices(&self, effort: Effort) -> Result<Choices, Failure> {
        self.instrument.choices(self.effort.or(effort))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        gate: GateArgs,
    }

    #[test]
    fn effort_comes_from_the_configuration_and_flags_win() {
        let effort = |flags: &[&str], effort| {
            let words = ["gate", "--base-rev", "HEAD"];
            let args = Typed::parse_from(words.iter().chain(flags)).gate;
            args.choices(effort).unwrap().effort
        };
        for effort_of_file in [Effort::Default, Effort::Quick, Effort::Thorough] {
            assert_eq!(effort(&[], effort_of_file), effort_of_file);
        }
        assert_eq!(effort(&["--quick"], Effort::Thorough), Effort::Quick);
        assert_eq!(effort(&["--thorough"], Effort::Quick), Effort::Thorough);
    }
}
