//! What may be typed: a module a command. Nothing here acts; each command turns its arguments into what they mean.

pub(crate) mod agent;
pub(crate) mod agents;
pub(crate) mod bisect;
pub(crate) mod calibrate;
pub(crate) mod chart;
pub(crate) mod check;
pub(crate) mod claims;
pub(crate) mod compare;
pub(crate) mod completions;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod gate;
pub(crate) mod history;
pub(crate) mod hold;
pub(crate) mod init;
pub(crate) mod list;
pub(crate) mod load;
pub(crate) mod man;
pub(crate) mod other_tools;
pub(crate) mod report;
pub(crate) mod rerun;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod setup;
pub(crate) mod shared;
pub(crate) mod supervise;
pub(crate) mod sweep;
pub(crate) mod version_of;

use agent::AgentArgs;
use agents::AgentsArgs;
use bisect::BisectArgs;
use calibrate::CalibrateArgs;
use chart::ChartArgs;
use check::CheckArgs;
use claims::ClaimsArgs;
use clap::{Parser, Subcommand, ValueEnum};
use compare::CompareArgs;
use completions::CompletionsArgs;
use doctor::DoctorArgs;
use explain::ExplainArgs;
use export::ExportArgs;
use gate::GateArgs;
use history::HistoryArgs;
use hold::HoldArgs;
use init::InitArgs;
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

/// Compare servers that differ only in their concurrency model, and see how certain the answer is.
#[derive(Debug, Parser)]
#[command(
    name = "bench",
    version,
    propagate_version = true,
    after_long_help = "Examples:
  bench run io-heavy                         compare callback and coroutine
  bench run ping -t callback,node --quick    two others, in about 20 seconds
  bench load http://127.0.0.1:8080/ -R 1000  load any address, as with wrk2
  bench list scenarios                       what can be run
  bench explain coordinated omission         what a term means

Exit codes:
  0    success
  1    internal error
  2    wrong usage, or a bad input file
  3    the measurement is invalid
  4    inconclusive, where a verdict was required
  5    a target failed, or failed most requests
  99   regression, SLO not met, or more failed requests
  130  interrupted; what was measured is kept"
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
    /// Find the highest request rate at which each target meets its SLO.
    Sweep(SweepArgs),
    /// Send load to one URL and print latency and throughput.
    Load(LoadArgs),
    /// List scenarios, targets and routes.
    List(ListArgs),
    /// Check that targets answer every route correctly and survive malformed input.
    Check(CheckArgs),
    /// Write the report of an earlier run again, or one report of several runs.
    Report(ReportArgs),
    /// Draw charts of a run or a sweep again.
    Chart(ChartArgs),
    /// Compare targets of two runs, or of one.
    Compare(CompareArgs),
    /// Convert a run to a format that another tool reads.
    Export(ExportArgs),
    /// Fail if the code got slower (for CI).
    Gate(GateArgs),
    /// Write the files with which a project of yours is measured, and measure it once.
    Init(InitArgs),
    /// Find the commit with which something got slower.
    Bisect(BisectArgs),
    /// Test what people claim about servers.
    Claims(ClaimsArgs),
    /// Show results over time, and at which run they changed.
    History(HistoryArgs),
    /// Test the load generator against servers with known response times.
    Calibrate(CalibrateArgs),
    /// Show what on this machine disturbs measurements.
    Doctor(DoctorArgs),
    /// Explain a term: p99, service time, coordinated omission.
    Explain(ExplainArgs),
    /// Start one server: a target, the upstream backend, or one with known response times.
    Serve(ServeArgs),
    /// Drive load for runs on other machines, which find this one at a NATS server.
    Agent(AgentArgs),
    /// List agents on other machines and how far their clocks are from this one's, or start some.
    Agents(AgentsArgs),
    /// Keep idle connections open until standard input ends.
    #[command(hide = true)]
    Hold(HoldArgs),
    /// Print a completion script for a shell.
    Completions(CompletionsArgs),
    /// Write manual pages.
    Man(ManArgs),
    /// Install what targets need: packages for Node.js, a virtual environment for Python.
    Setup(SetupArgs),
    /// Start a program, and end all that it started when bench ends.
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
