//! The arguments of `bench gate`.

use std::path::PathBuf;

use clap::{ArgGroup, Args as ClapArgs};

use crate::args::shared::PlaceArgs;

#[derive(Debug, ClapArgs)]
#[command(
    group = ArgGroup::new("against").args(["base_rev", "base_command", "baseline"]).required(true),
    group = ArgGroup::new("gate_effort").args(["quick", "thorough"]),
    after_long_help = "Examples:
  bench gate --base-rev origin/main                     build that revision beside this tree, and measure both
  bench gate --base-rev HEAD~1 --base-dir ../base       keep its tree, so that the next build is quick
  bench gate --base-command './server-1.0 --port {port}'
  bench gate --baseline results/history.ndjson          against earlier runs, where nothing else will do

bench.toml names the scenarios, the target, the command that builds it, and per metric the margin and which way it must not
go. Base and head are measured in alternation on the same machine, so that its noise meets both alike. What looks worse is
measured a second time, and only what both measurements find fails the gate; a disturbed measurement is repeated once.

Exit codes: 0 not worse, 99 worse or an objective broken, 3 disturbed twice and not judged, 4 inconclusive (with
--fail-inconclusive), 5 a build or a target failed, 2 usage, 130 interrupted."
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag as it is typed; `commands::gate` says what they mean"
)]
pub(crate) struct GateArgs {
    /// What is measured, and what must not get worse.
    #[arg(long, value_name = "FILE", default_value = "bench.toml")]
    pub(crate) config: PathBuf,

    /// Hold this tree against a revision, which is checked out elsewhere, built, and measured beside it.
    #[arg(long, value_name = "REV")]
    pub(crate) base_rev: Option<String>,

    /// Hold the target against the same target started by another command, with a manifest's placeholders.
    #[arg(long, value_name = "COMMAND")]
    pub(crate) base_command: Option<String>,

    /// Hold the target against earlier runs: a history, or a directory of runs.
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) baseline: Option<PathBuf>,

    /// Where to put the base's tree, and keep it for the next time. [default: a temporary directory that is removed]
    #[arg(long, value_name = "DIR", requires = "base_rev")]
    pub(crate) base_dir: Option<PathBuf>,

    /// At most 20 seconds a scenario, whatever bench.toml says.
    #[arg(long)]
    pub(crate) quick: bool,

    /// As long as the statistics ask for, whatever bench.toml says.
    #[arg(long)]
    pub(crate) thorough: bool,

    /// Exit with 4 where something could not be told.
    #[arg(long)]
    pub(crate) fail_inconclusive: bool,

    #[command(flatten)]
    pub(crate) place: PlaceArgs,

    /// Seeds the order of targets, the arrivals and the mix of requests.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,

    /// Directory for the measurements' files, new or empty; otherwise each goes below results/runs.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Write the judgement as JUnit's XML.
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,

    /// Print GitHub's annotations to standard error; where `GITHUB_STEP_SUMMARY` is set this and the summary come by themselves.
    #[arg(long)]
    pub(crate) github: bool,

    /// Print the judgement as JSON.
    #[arg(long)]
    pub(crate) json: bool,

    /// Print the judgement as Markdown.
    #[arg(long, conflicts_with = "json")]
    pub(crate) markdown: bool,
}
