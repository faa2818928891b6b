//! What may be typed: a module a command. Nothing here acts; each command turns its arguments into what they mean.

pub(crate) mod calibrate;
pub(crate) mod chart;
pub(crate) mod check;
pub(crate) mod compare;
pub(crate) mod completions;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod gate;
pub(crate) mod history;
pub(crate) mod hold;
pub(crate) mod list;
pub(crate) mod load;
pub(crate) mod man;
pub(crate) mod report;
pub(crate) mod rerun;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod setup;
pub(crate) mod shared;
pub(crate) mod supervise;
pub(crate) mod sweep;
pub(crate) mod version_of;

use calibrate::CalibrateArgs;
use chart::ChartArgs;
use check::CheckArgs;
use clap::{Parser, Subcommand, ValueEnum};
use compare::CompareArgs;
use completions::CompletionsArgs;
use doctor::DoctorArgs;
use explain::ExplainArgs;
use export::ExportArgs;
use gate::GateArgs;
use history::HistoryArgs;
use hold::HoldArgs;
use list::ListArgs;
use load::LoadArgs;
use man::ManArgs;
use report::ReportArgs;
use rerun::RerunArgs;
use run::RunArgs;
use serve::ServeArgs;
use setup::SetupArgs;
use supervise::SuperviseArgs;
use supervise::TiedArgs;
use sweep::SweepArgs;
use version_of::VersionOfArgs;

/// Compare servers that differ only in their concurrency model, and see how sure the answer is.
#[derive(Debug, Parser)]
#[command(
    name = "bench",
    version,
    propagate_version = true,
    after_long_help = "Examples:
  bench run --scenario io-heavy                    compare callback and coroutine
  bench run --scenario ping --quick                the same within 20 seconds, less sure
  bench load http://127.0.0.1:8080/ -R 1000        load any address, as with wrk2
  bench list scenarios                             what can be run
  bench explain coordinated omission               what a word means here

Exit codes: 0 fine, 1 internal error, 2 usage or bad input file, 3 invalid measurement,
4 no verdict where one was asked for, 5 a target failed, 99 regression or broken objective,
130 interrupted (what was measured is kept)."
)]
pub(crate) struct Args {
    /// Colour the output.
    #[arg(long, value_enum, default_value_t, global = true)]
    pub(crate) color: Color,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a scenario against two or more targets and compare them.
    Run(RunArgs),
    /// Measure again what a record describes, and compare the two.
    Rerun(RerunArgs),
    /// Raise the load to the knee, and find the highest rate at which targets keep within the objective.
    Sweep(SweepArgs),
    /// Load one address and print what it took.
    Load(LoadArgs),
    /// Show what there is: scenarios, targets, routes.
    List(ListArgs),
    /// Prove that a target serves every route rightly and withstands hostile input.
    Check(CheckArgs),
    /// Draw the report of an earlier run again, or one of several runs.
    Report(ReportArgs),
    /// Draw charts of a run or a sweep again.
    Chart(ChartArgs),
    /// Compare targets of two runs, or of one.
    Compare(CompareArgs),
    /// Write a run as another tool reads it.
    Export(ExportArgs),
    /// Fail where the code got slower: for CI.
    Gate(GateArgs),
    /// Follow a benchmark from run to run, and say with which run it changed.
    History(HistoryArgs),
    /// Hold this instrument against servers whose every answer time is known.
    Calibrate(CalibrateArgs),
    /// Say what about this machine disturbs measurements.
    Doctor(DoctorArgs),
    /// Say what a word means here: service time, coordinated omission, knee.
    Explain(ExplainArgs),
    /// Start one server alone: a target, the upstream backend, or one whose every answer time is known.
    Serve(ServeArgs),
    /// Hold idle connections until standard input ends.
    #[command(hide = true)]
    Hold(HoldArgs),
    /// Print a completion script for a shell.
    Completions(CompletionsArgs),
    /// Write manual pages.
    Man(ManArgs),
    /// Make ready what targets need: packages for Node.js, a virtual environment for Python.
    Setup(SetupArgs),
    /// Start a program, and end all that it started when bench does.
    #[command(hide = true)]
    Supervise(SuperviseArgs),
    /// Become a process that ends with its parent.
    #[command(hide = true)]
    Tied(TiedArgs),
    /// Print the version of a library that this program was built with.
    #[command(hide = true)]
    VersionOf(VersionOfArgs),
}

/// When to colour the output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Sets the choice for everything that is printed from here on.
    pub(crate) fn apply(self) {
        match self {
            Self::Auto => {}
            Self::Always => anstream::ColorChoice::Always.write_global(),
            Self::Never => anstream::ColorChoice::Never.write_global(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use ::report::charts::Chart;

    use super::*;

    #[test]
    fn definitions_are_whole() {
        Args::command().debug_assert();
    }

    #[test]
    fn an_unknown_chart_is_answered_with_those_that_there_are() {
        let error = Args::try_parse_from([
            "bench",
            "chart",
            "run.json",
            "--chart",
            "ratios,throughputt",
        ])
        .unwrap_err();
        let text = error.to_string();
        for chart in Chart::ALL {
            assert!(text.contains(chart.file_stem()), "{text}");
        }
        assert!(
            text.contains("a similar value exists: 'throughput'"),
            "{text}"
        );
    }
}
