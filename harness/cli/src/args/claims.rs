//! The arguments of `bench claims`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, Subcommand};
use model::units::parse_duration;

use crate::args::shared::{FormArgs, InstrumentArgs};

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench claims list                       what can be tested here, and what is missing
  bench claims run uvloop-readme          one claim
  bench claims run s7                     all parts of one
  bench claims run --topic uvloop --budget 20m
  bench claims run --file ours.toml --ci  fail where a claim of one's own is refuted

A claim is a sentence with a figure that somebody publishes: its source, the targets and the load that show it, and the range of \
the ratio. docs/own-claims.md explains them, and how to write one.")]
pub(crate) struct ClaimsArgs {
    #[command(subcommand)]
    pub(crate) what: ClaimsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ClaimsCommand {
    /// List claims: what can be tested here, what is missing, and how long it takes.
    List(Box<ClaimsListArgs>),
    /// Test claims, and say which are supported, refuted or undecided.
    Run(Box<ClaimsRunArgs>),
}

/// Which claims are meant.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct ChosenArgs {
    /// Claims by their names; `s7` stands for all that begin with `s7-`
    ///
    /// [default: all]
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<String>,

    /// Only those of this topic. May be repeated.
    #[arg(long, value_name = "TOPIC")]
    pub(crate) topic: Vec<String>,

    /// Claims of this TOML file, instead of the built-in ones. May be repeated.
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Vec<PathBuf>,
}

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench claims list                       all of them
  bench claims list --topic uvloop
  bench claims list s7 --json")]
pub(crate) struct ClaimsListArgs {
    #[command(flatten)]
    pub(crate) chosen: ChosenArgs,

    #[command(flatten)]
    pub(crate) instrument: InstrumentArgs,

    /// Print as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench claims run --budget 30m           the most contradictory first, for half an hour
  bench claims run fastify hono --markdown
  bench claims run --resume results/claims

Claims that need the same load share a measurement. Each is measured quickly first; longer where that did not decide it; and where a \
claim is refuted or contradicted, along the factor that it names. What was measured is kept in a directory and continued with --resume.

Exit codes:
  0    measured
  2    wrong usage
  99   a claim is refuted (with --ci)
  130  interrupted; go on with --resume")]
pub(crate) struct ClaimsRunArgs {
    #[command(flatten)]
    pub(crate) chosen: ChosenArgs,

    /// Measure no longer than this; what was measured before --resume counts. What would not fit is left out.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "2h")]
    pub(crate) budget: Duration,

    /// Directory for the records and the page, new or empty.
    #[arg(long, value_name = "DIR", default_value = "results/claims")]
    pub(crate) out: PathBuf,

    /// Go on with the test in this directory.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "ids", "topic", "file"])]
    pub(crate) resume: Option<PathBuf>,

    /// Exit with code 99 if a claim is refuted.
    #[arg(long)]
    pub(crate) ci: bool,

    #[command(flatten)]
    pub(crate) instrument: InstrumentArgs,

    #[command(flatten)]
    pub(crate) form: FormArgs,
}
