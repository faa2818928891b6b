//! The arguments of `bench sweep`.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use analysis::sweep::search;
use analysis::sweep::search::TIME_PER_TARGET;
use clap::{ArgGroup, Args as ClapArgs};
use model::record::log::{SweepAsk, SweepFrom};
use model::record::sweep::objective;
use model::record::sweep::objective::{Origin, SweepObjective};
use model::spec::load::Process;
use model::spec::plan::Effort;
use model::spec::scenario::{ArrivalSpec, ObjectiveRecord, Pace, Scenario};
use model::spec::target::TargetSpec;
use model::units::{Rate, parse_duration};
use process::failure::Failure;
use runner::measure::sweep::SweepRequest;
use runner::request::{Choices, Request};
use runner::workload::Routes;

use crate::args::shared::{ExperimentArgs, InstrumentArgs, MachinesArgs, ShownArgs};

/// The fewest connections by default. A scenario has enough for its own rate, and a sweep goes far beyond: at
/// the knee of io-heavy 400 requests are on the wire at a time.
const CONNECTIONS_MIN: u32 = 1_024;

/// Where no SLO is given, it follows from a light load: this share of the scenario's rate.
const UNLOADED_SHARE: f64 = 0.25;

/// Where a scenario has no rate of its own, a sweep begins at this share of the capacity of the weakest target.
const FROM_SHARE: f64 = 0.125;

#[derive(Debug, ClapArgs)]
#[command(
    group = ArgGroup::new("what").args(["named", "scenario", "resume"]).required(true).multiple(true),
    override_usage = "bench sweep [OPTIONS] <SCENARIO>\n       bench sweep [OPTIONS] --resume <DIR>",
    after_long_help = "Examples:
  bench sweep io-heavy                     callback and coroutine, in 5 minutes
  bench sweep ping --objective p99=2ms     with this SLO
  bench sweep io-heavy --from 2k --to 20k  between these rates
  bench sweep --resume results/runs/…-io-heavy-sweep

The rate rises in steps of 41 % until each target has missed its SLO twice in a row, and falls again. Then the rates \
around each knee are measured again with restarted processes, upwards and downwards, in steps of 6 %. Targets take \
turns at every rate, with the same arrivals. The record and its chart go to results/runs/<time>-<scenario>-sweep/. \
Steps are saved as they are measured: the same command continues an interrupted sweep."
)]
pub(crate) struct SweepArgs {
    #[command(flatten)]
    pub(crate) experiment: ExperimentArgs,

    /// Connections
    ///
    /// [default: the scenario's, and at least 1,024 so that they are not the limit]
    #[arg(long, short, value_name = "N")]
    pub(crate) connections: Option<NonZeroU32>,

    /// The SLO that targets have to meet, as `p99=20ms`. May be repeated
    ///
    /// [default: the scenario's; if it has none, 5× the p99 of the fastest target under light load]
    #[arg(long, value_name = "PERCENTILE=TIME", value_parser = objective::parse)]
    pub(crate) objective: Vec<ObjectiveRecord>,

    /// The lowest rate, as `500` or `2k`
    ///
    /// [default: the scenario's, or a light load]
    #[arg(long, value_name = "RATE")]
    pub(crate) from: Option<Rate>,

    /// The highest rate.
    #[arg(long, value_name = "RATE", default_value = "1M")]
    pub(crate) to: Rate,

    /// How often the rates around the knee are measured again; each time with restarted processes.
    #[arg(long, value_name = "N", default_value_t = search::ROUNDS, value_parser = clap::value_parser!(u32).range(0..=i64::from(search::MAX_ROUNDS)))]
    pub(crate) rounds: u32,

    /// How long the sweep may take: no step is begun that would end later
    ///
    /// [default: 2m20s for each target]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) time_limit: Option<Duration>,

    /// Warm-up of each target after each restart
    ///
    /// [default: until its response time is steady, within bounds]
    #[arg(long, short, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) warmup: Option<Duration>,

    #[command(flatten)]
    pub(crate) instrument: InstrumentArgs,

    #[command(flatten)]
    pub(crate) machines: MachinesArgs,

    /// Directory for the files of this sweep: new, empty, or that of a sweep to continue
    ///
    /// [default: results/runs/TIME-SCENARIO-sweep]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Continue the sweep in this directory, with the options that it began with.
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with_all = [
            "named", "scenario", "out", "target", "base", "url", "pid", "cacert", "insecure", "cert", "connect_to", "pool", "connections",
            "objective", "from", "to", "rounds", "time_limit", "warmup", "server_cpus", "load_cpus", "clock", "postgres", "redis", "database_connections", "seed", "generators", "probe", "servers_on",
        ]
    )]
    pub(crate) resume: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) shown: ShownArgs,
}

impl SweepArgs {
    /// What is swept, and how.
    pub(crate) fn request(&self) -> Result<SweepRequest, Failure> {
        let scenario = self.experiment.scenario()?;
        let targets = self.experiment.targets()?;
        let routes = Routes::of(&scenario)?;
        let asked = self.asked_objective(&scenario);
        let (from, process) = self.from(&scenario, asked.is_some())?;
        let usual = scenario.connections.max(
            CONNECTIONS_MIN
                .try_into()
                .expect("the constant is above zero"),
        );
        // A chat's connections are its members: more of them would be another chat.
        let usual = if routes.are_chat() {
            scenario.connections
        } else {
            usual
        };
        let choices = Choices {
            connections: Some(self.connections.unwrap_or(usual)),
            rounds: std::num::NonZeroU32::new(self.rounds + 1),
            warmup: self.warmup,
            ..self.instrument.choices(Effort::Default)?
        };
        let choices = self.machines.applied_to(choices, &self.instrument)?;
        let time_limit = self.time_limit.unwrap_or(time_for(&targets));
        let ask = SweepAsk {
            from,
            to_per_s: self.to.as_per_s(),
            process,
            rounds: self.rounds,
            time_limit_s: time_limit.as_secs_f64(),
            objective: asked,
        };
        SweepRequest::new(Request::new(scenario, targets, choices)?, ask)
    }

    /// What targets have to keep within, where the command or the scenario says so.
    fn asked_objective(&self, scenario: &Scenario) -> Option<SweepObjective> {
        let (origin, bounds) = if self.objective.is_empty() {
            (Origin::Scenario, scenario.record().objectives)
        } else {
            (Origin::Asked, self.objective.clone())
        };
        (!bounds.is_empty()).then_some(SweepObjective { origin, bounds })
    }

    /// Where the sweep begins, and how the gaps between arrivals are distributed.
    fn from(
        &self,
        scenario: &Scenario,
        has_objective: bool,
    ) -> Result<(SweepFrom, Process), Failure> {
        let at = |rate: Rate| SweepFrom::RatePerS(rate.as_per_s());
        let (process, of_scenario) = match &scenario.arrival {
            ArrivalSpec::Closed => (Process::Poisson, SweepFrom::CapacityShare(FROM_SHARE)),
            ArrivalSpec::Open { pace, process } => {
                let from = match pace {
                    Pace::Rate(rate) if has_objective => at(*rate),
                    Pace::Rate(rate) => SweepFrom::RatePerS(rate.as_per_s() * UNLOADED_SHARE),
                    Pace::CapacityShare(_) => SweepFrom::CapacityShare(FROM_SHARE),
                    Pace::Stages(_) | Pace::CapacityStages(_) => {
                        return Err(Failure::usage(miette::miette!(
                            help = "sweep another scenario, or a copy of this one with rate_per_s instead of its stages",
                            "{} changes its rate as it goes, and a sweep holds it for each of its steps",
                            scenario.name
                        )));
                    }
                };
                (*process, from)
            }
        };
        Ok((self.from.map_or(of_scenario, at), process))
    }
}

fn time_for(targets: &[TargetSpec]) -> std::time::Duration {
    TIME_PER_TARGET * u32::try_from(targets.len()).unwrap_or(u32::MAX)
}
