//! The arguments of `bench run`.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use analysis::aa;
use clap::{ArgGroup, Args as ClapArgs, ValueEnum};
use model::spec::plan::Effort;
use model::spec::target;
use model::spec::target::TargetSpec;
use model::units::{Rate, parse_duration};
use process::failure::Failure;
use report::charts::Chart;
use runner::request::{Choices, Profile, Request};

use crate::args::shared::{
    EffortArgs, ExperimentArgs, InstrumentArgs, MachinesArgs, ShownArgs, charts,
};

#[derive(Debug, ClapArgs)]
#[command(
    group = ArgGroup::new("what").args(["named", "scenario", "preset", "resume"]).required(true).multiple(true),
    override_usage = "bench run [OPTIONS] <SCENARIO>\n       bench run [OPTIONS] --preset <NAME>\n       bench run [OPTIONS] --resume <DIR>",
    after_long_help = "Examples:
  bench run io-heavy
  bench run cpu-heavy -t callback,coroutine-single --quick
  bench run ./mine.toml -t a=callback,b=callback
  bench run ping -t callback --url mine=http://127.0.0.1:8080
  bench run io-heavy -t all
  bench run file-pool --pool 4,40,512
  bench run mixed --profile syscalls
  bench run io-heavy --chart ratios,latency-by-percentile
  bench run ping --url api=http://api.test:8080 --nats tls://hub.test:4222 --generators 4
  bench run --preset node-or-fastapi           one question, seven workloads, one page
  bench run --resume results/runs/…-io-heavy    continue one that was killed

All targets get the same seeded load and take turns (A B B A) in short samples; their processes are restarted several \
times. The record, charts and a report go to results/runs/<time>-<scenario>/."
)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) experiment: ExperimentArgs,

    /// Connections
    ///
    /// [default: the scenario's]
    #[arg(long, short, value_name = "N")]
    pub(crate) connections: Option<NonZeroU32>,

    /// Requests a second, as `1000` or `20k`
    ///
    /// [default: as the scenario says]
    #[arg(long, short = 'R', value_name = "RATE")]
    pub(crate) rate: Option<Rate>,

    /// Measured time of each target, over all of its samples.
    #[arg(long, short, visible_short_alias = 'z', value_name = "TIME", value_parser = parse_duration)]
    pub(crate) duration: Option<Duration>,

    /// Warm-up of each target after each restart
    ///
    /// [default: until its response time is steady, within bounds]
    #[arg(long, short, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) warmup: Option<Duration>,

    /// How often the processes of the targets are started anew.
    #[arg(long, value_name = "N")]
    pub(crate) rounds: Option<NonZeroU32>,

    #[command(flatten)]
    pub(crate) effort: EffortArgs,

    /// Measure the first target twice, as two targets: a difference between them is a false alarm. The rate of false alarms
    /// on this machine is kept in bench's cache directory and reported.
    #[arg(long)]
    pub(crate) aa: bool,

    /// Profile each target after its measurement, under 3 seconds of light load; no other figure is affected.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) profile: Option<ProfileName>,

    #[command(flatten)]
    pub(crate) instrument: InstrumentArgs,

    #[command(flatten)]
    pub(crate) machines: MachinesArgs,

    /// Directory for the files of this run, new or empty
    ///
    /// [default: results/runs/TIME-SCENARIO]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Ask several scenarios one question, and answer it on one page: `node-or-fastapi`, or a TOML file. Other targets are compared with `--target`.
    #[arg(
        long,
        value_name = "NAME|FILE",
        conflicts_with_all = ["named", "scenario", "connections", "rate", "rounds", "aa", "profile", "chart", "history", "tui", "base", "url", "pid", "pool", "workers", "warmup", "clock", "generators", "probe", "servers_on"]
    )]
    pub(crate) preset: Option<String>,

    /// Continue the run in this directory, with the options that it began with: what is missing is measured.
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with_all = [
            "named", "scenario", "preset", "out", "target", "base", "url", "connections", "rate", "duration", "warmup", "rounds", "quick",
            "thorough", "aa", "pool", "pid", "cacert", "insecure", "cert", "connect_to", "profile", "server_cpus", "load_cpus",
            "clock", "postgres", "redis", "database_connections", "seed", "generators", "probe", "servers_on",
        ]
    )]
    pub(crate) resume: Option<PathBuf>,

    /// Draw only these charts into charts/; report.html has all of them
    ///
    /// [default: all that the run has data for]
    #[arg(long, value_name = "NAME[,NAME…]", value_delimiter = ',', value_parser = charts())]
    pub(crate) chart: Vec<Chart>,

    /// Add the run to this history file, for `bench history`.
    #[arg(long, value_name = "FILE")]
    pub(crate) history: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) shown: ShownArgs,

    /// Show progress on the full screen: percentiles, samples and spread of every target. Keys: p pauses at the next
    /// opportunity, q stops and keeps what was measured, Tab changes the view, ? shows help.
    #[arg(long)]
    pub(crate) tui: bool,
}

impl RunArgs {
    /// What is measured, and how.
    pub(crate) fn request(&self) -> Result<Request, Failure> {
        let scenario = self.experiment.scenario()?;
        let mut targets = self.experiment.targets()?;
        if self.aa {
            targets.push(second_self(&targets[0])?);
            target::unique(&targets).map_err(Failure::usage_of)?;
        }
        let effort = self.effort.or(Effort::Default);
        let choices = Choices {
            connections: self.connections,
            rate: self.rate,
            rounds: self.rounds,
            duration: self.duration,
            warmup: self.warmup,
            aa: self.aa,
            profile: self.profile.map(Into::into),
            ..self.instrument.choices(effort)?
        };
        let choices = self.machines.applied_to(choices, &self.instrument)?;
        Request::new(scenario, targets, choices)
    }
}

/// A target once more, as an A/A comparison needs it.
fn second_self(first: &TargetSpec) -> Result<TargetSpec, Failure> {
    let name = format!("{}{}", first.name, aa::SUFFIX);
    first.renamed(&name).map_err(Failure::usage_of)
}

/// What is profiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProfileName {
    /// System calls per request, by name. Needs strace, and permission to trace processes.
    Syscalls,
}

impl From<ProfileName> for Profile {
    fn from(ProfileName::Syscalls: ProfileName) -> Self {
        Self::Syscalls
    }
}
