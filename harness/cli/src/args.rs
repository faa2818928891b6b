//! What may be typed. Nothing here acts; each command turns its arguments into what they mean.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use analysis::sweep::search;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args as ClapArgs, Parser, Subcommand, ValueEnum};
use model::record::run::Pinning;
use model::record::sweep::objective;
use model::spec::load::Process;
use model::spec::scenario::ObjectiveRecord;
use model::spec::target::Pools;
use model::spec::truth::Behaviour;
use model::units::{Rate, parse_duration};
use report::charts::Chart;

use crate::picture::{Format as PictureFormat, Picture};
use process::cores::{self, CpuList};
use process::failure::Failure;
use runner::history_file::HISTORY;
use runner::request::Profile;

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

#[derive(Debug, ClapArgs)]
#[command(
    group = ArgGroup::new("effort").args(["quick", "thorough"]),
    group = ArgGroup::new("what").args(["scenario", "resume"]).required(true),
    after_long_help = "Examples:
  bench run --scenario io-heavy
  bench run --scenario cpu-heavy --target callback --target coroutine-single --quick
  bench run --scenario ./mine.toml --target a=callback --target b=callback
  bench run --scenario ping --target callback --url mine=http://127.0.0.1:8080
  bench run --scenario io-heavy --target all
  bench run --scenario file-pool --pool 4,40,512
  bench run --scenario mixed --profile syscalls
  bench run --scenario io-heavy --chart ratios,latency-by-percentile
  bench run --resume results/runs/…-io-heavy        go on with one that was cut off

Every target gets the same seeded load in alternating epochs (A B B A), each round with fresh
processes. The record, its charts and a report go to results/runs/<time>-<scenario>/."
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag as it is typed; `commands::run` says what they mean"
)]
pub(crate) struct RunArgs {
    /// A built-in scenario, a TOML file, or `-` for standard input.
    #[arg(long, short, value_name = "NAME|FILE")]
    pub(crate) scenario: Option<String>,

    /// A target: NAME, or a manifest as ./mine.toml; ALIAS=NAME measures it under another name; `all` is every built-in one,
    /// `reference` is each of this program's. May be repeated; the first is the base of all comparisons. [default: callback and
    /// coroutine]
    #[arg(long, short, value_name = "[ALIAS=]NAME|FILE")]
    pub(crate) target: Vec<String>,

    /// A server that runs already. May be repeated.
    #[arg(long, value_name = "NAME=URL")]
    pub(crate) url: Vec<String>,

    /// Connections, instead of the scenario's.
    #[arg(long, short, value_name = "N")]
    pub(crate) connections: Option<NonZeroU32>,

    /// Requests a second, instead of the scenario's arrivals: `1000`, `20k`.
    #[arg(long, short = 'R', value_name = "RATE")]
    pub(crate) rate: Option<Rate>,

    /// Measured time per target, over all of its epochs.
    #[arg(long, short, visible_short_alias = 'z', value_name = "TIME", value_parser = parse_duration)]
    pub(crate) duration: Option<Duration>,

    /// Warm-up of each target in each round. [default: until its response time is steady, within bounds]
    #[arg(long, short, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) warmup: Option<Duration>,

    /// Rounds; each starts its targets afresh.
    #[arg(long, value_name = "N")]
    pub(crate) rounds: Option<NonZeroU32>,

    /// At most 20 seconds for the default pair; less sure.
    #[arg(long)]
    pub(crate) quick: bool,

    /// As long as the statistics ask for; several minutes.
    #[arg(long)]
    pub(crate) thorough: bool,

    /// Measure the first target a second time, as another target, and compare it with itself: what differs there is a false
    /// alarm. Results are kept in bench's cache directory, and their share on this machine is told.
    #[arg(long)]
    pub(crate) aa: bool,

    /// Threads of each target's pool for blocking work. A list measures each target at each size, as callback-pool-4 and
    /// callback-pool-40, side by side.
    #[arg(long, value_name = "N[,N…]", default_value_t)]
    pub(crate) pool: Pools,

    /// Look at each target once more after it was measured, in 3 seconds of few requests that no other figure is of.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) profile: Option<ProfileName>,

    #[command(flatten)]
    pub(crate) place: PlaceArgs,

    /// Seeds the order of targets, the arrivals and the mix of requests.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,

    /// Directory for this run's files, new or empty; otherwise one below results/runs, named for the time and the scenario.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Go on with the run in this directory, by the plan that it began with: the blocks that are missing are measured.
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with_all = [
            "out", "target", "url", "connections", "rate", "duration", "warmup", "rounds", "quick", "thorough", "aa", "pool",
            "profile", "server_cpus", "load_cpus", "seed",
        ]
    )]
    pub(crate) resume: Option<PathBuf>,

    /// Draw only these charts into charts/; report.html has them all. [default: all that the run has something to show in]
    #[arg(long, value_name = "NAME[,NAME…]", value_delimiter = ',', value_parser = charts())]
    pub(crate) chart: Vec<Chart>,

    /// Add the run to this history, for `bench history`.
    #[arg(long, value_name = "FILE")]
    pub(crate) history: Option<PathBuf>,

    /// Print the run record to standard output.
    #[arg(long)]
    pub(crate) json: bool,

    /// Show the run on the full screen while it goes: percentiles, epochs and spread of every target so far. Keys: p pauses at the
    /// end of a block, q stops and keeps what was measured, Tab changes the view, ? helps.
    #[arg(long)]
    pub(crate) tui: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench rerun results/runs/20261123T101500Z-io-heavy
  bench rerun run.json --out again

Scenario, manifests, seed, order and cores are those of the record, whatever the files say now; programs that manifests start are
those that are there now.")]
pub(crate) struct RerunArgs {
    /// A run directory, or a run.json.
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,

    /// Directory for the new run's files, new or empty; otherwise one below results/runs.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Compare even runs that are not valid.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, ClapArgs)]
#[command(
    group = ArgGroup::new("what").args(["scenario", "resume"]).required(true),
    after_long_help = "Examples:
  bench sweep --scenario io-heavy                     callback and coroutine, within five minutes
  bench sweep --scenario ping --objective p99=2ms     where the scenario has no objective, or another
  bench sweep --scenario io-heavy --from 2k --to 20k  between these rates
  bench sweep --resume results/runs/…-io-heavy-sweep  go on with one that was interrupted

The rate climbs in steps of 41 % until each target was beyond the objective twice in a row, and comes down again; then rounds
of fresh processes go over the rates around each knee, up and down, in steps of 6 %. Targets take turns in every step, with the
same arrivals. The record and its chart go to results/runs/<time>-<scenario>-sweep/; steps are kept there as they come, and
the same command goes on with a sweep that was interrupted."
)]
pub(crate) struct SweepArgs {
    /// A built-in scenario, a TOML file, or `-` for standard input.
    #[arg(long, short, value_name = "NAME|FILE")]
    pub(crate) scenario: Option<String>,

    /// A target: NAME, or a manifest as ./mine.toml; ALIAS=NAME measures it under another name; `all` is every built-in one,
    /// `reference` is each of this program's. May be repeated; the first is the base of all comparisons. [default: callback and
    /// coroutine]
    #[arg(long, short, value_name = "[ALIAS=]NAME|FILE")]
    pub(crate) target: Vec<String>,

    /// A server that runs already. May be repeated.
    #[arg(long, value_name = "NAME=URL")]
    pub(crate) url: Vec<String>,

    /// Connections. [default: the scenario's, and at least 1,024: few of them would be the limit]
    #[arg(long, short, value_name = "N")]
    pub(crate) connections: Option<NonZeroU32>,

    /// What targets have to keep within, instead of the scenario's objective: `p99=20ms`. May be repeated. [default, where the
    /// scenario has none: 5 times the p99 of the fastest target under a light load]
    #[arg(long, value_name = "PERCENTILE=TIME", value_parser = objective::parse)]
    pub(crate) objective: Vec<ObjectiveRecord>,

    /// The rate to begin at: `500`, `2k`. [default: the scenario's, or a light load]
    #[arg(long, value_name = "RATE")]
    pub(crate) from: Option<Rate>,

    /// The highest rate that is offered.
    #[arg(long, value_name = "RATE", default_value = "1M")]
    pub(crate) to: Rate,

    /// Rounds around the knee; each starts its targets afresh.
    #[arg(long, value_name = "N", default_value_t = search::ROUNDS, value_parser = clap::value_parser!(u32).range(0..=i64::from(search::MAX_ROUNDS)))]
    pub(crate) rounds: u32,

    /// How long it may take: no step is begun that would end later. [default: 2m20s for each target]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) time_limit: Option<Duration>,

    /// Warm-up of each target in each round. [default: until its response time is steady, within bounds]
    #[arg(long, short, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) warmup: Option<Duration>,

    /// Threads of each target's pool for blocking work. A list measures each target at each size, side by side.
    #[arg(long, value_name = "N[,N…]", default_value_t)]
    pub(crate) pool: Pools,

    #[command(flatten)]
    pub(crate) place: PlaceArgs,

    /// Seeds the order of targets, the arrivals and the mix of requests.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,

    /// Directory for this sweep's files: new, empty, or that of a sweep to go on with.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Go on with the sweep in this directory, by the plan in its log.
    #[arg(long, value_name = "DIR", conflicts_with = "out")]
    pub(crate) resume: Option<PathBuf>,

    /// Print the record to standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench load http://127.0.0.1:8080/                     as fast as it goes, for 10 seconds
  bench load http://127.0.0.1:8080/ -c 100 -R 1000      1,000 requests a second, whatever the server does
  bench load http://127.0.0.1:8080/ -n 10000 --json     10,000 requests, the result as JSON
  bench load https://127.0.0.1:8443/ --insecure         whatever its certificate says

Without -R the loop is closed: the next request follows the reply, which measures capacity. With -R requests fall
due on a schedule made beforehand, and response time counts from the moment they were due: that measures latency.
Connections, and TLS handshakes with them, are opened before the first request and have times of their own.")]
pub(crate) struct LoadArgs {
    /// What to request, as http://host:port/path?query, or https://.
    #[arg(value_name = "URL")]
    pub(crate) url: String,

    /// Connections.
    #[arg(long, short, value_name = "N", default_value = "50")]
    pub(crate) connections: NonZeroU32,

    /// Requests a second on a schedule: `1000`, `20k`. Without it the loop is closed.
    #[arg(long, short = 'R', value_name = "RATE")]
    pub(crate) rate: Option<Rate>,

    /// How long to measure. [default: 10s, or as long as all requests of -n take]
    #[arg(long, short, visible_short_alias = 'z', value_name = "TIME", value_parser = parse_duration)]
    pub(crate) duration: Option<Duration>,

    /// Load before the measurement that is not recorded.
    #[arg(long, short, value_name = "TIME", value_parser = parse_duration, default_value = "0s")]
    pub(crate) warmup: Duration,

    /// Send this many requests; with -d, stop after that time at the latest.
    #[arg(long, short = 'n', value_name = "N")]
    pub(crate) requests: Option<NonZeroU64>,

    /// Open a connection for each request and close it after the reply; -c is then how many may be open at a time.
    #[arg(long)]
    pub(crate) disable_keepalive: bool,

    /// How the gaps between scheduled requests are distributed.
    #[arg(long, value_enum, default_value = "constant", requires = "rate")]
    pub(crate) arrival: ArrivalName,

    /// A request unanswered for this long has failed.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "5s")]
    pub(crate) timeout: Duration,

    /// Request method.
    #[arg(long, short = 'X', value_name = "METHOD", default_value = "GET")]
    pub(crate) method: MethodName,

    /// A request header, as `Name: value`. May be repeated.
    #[arg(long, short = 'H', value_name = "NAME: VALUE")]
    pub(crate) header: Vec<String>,

    /// Request body; `@FILE` reads it from a file, `@-` from standard input.
    #[arg(long, short = 'D', value_name = "TEXT|@FILE")]
    pub(crate) body: Option<String>,

    /// Accept only this status. [default: 200 to 399]
    #[arg(long, value_name = "STATUS", value_parser = clap::value_parser!(u16).range(100..=599))]
    pub(crate) expect_status: Option<u16>,

    /// Believe the certificates of these authorities (PEM) instead of the system's.
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    pub(crate) cacert: Option<PathBuf>,

    /// Believe any certificate.
    #[arg(long, short = 'k')]
    pub(crate) insecure: bool,

    /// Cores of the generator, one thread each, as in `0` or `0-3`. [default: one thread, not pinned]
    #[arg(long, value_name = "LIST")]
    pub(crate) load_cpus: Option<CpuList>,

    /// Spin, in an open loop, for due times and replies: exact to a microsecond, and needs cores that nobody else uses, the
    /// server least of all. `auto` spins where --load-cpus names the generator's cores; that the server keeps off them is yours to see to.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) spin: SpinChoice,

    /// Seeds the arrivals.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,

    /// Print the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,

    /// End with this process, however it ends. Set by `bench calibrate`.
    #[arg(long, value_name = "PID", hide = true)]
    pub(crate) parent: Option<i32>,
}

/// What is profiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProfileName {
    /// System calls a request, by name. Needs strace, and leave to trace other processes.
    Syscalls,
}

impl From<ProfileName> for Profile {
    fn from(ProfileName::Syscalls: ProfileName) -> Self {
        Self::Syscalls
    }
}

/// Where servers and load run.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct PlaceArgs {
    /// Cores of the servers, as in `1` or `2-3`. [default: the upper half of those there are]
    #[arg(long, value_name = "LIST")]
    server_cpus: Option<CpuList>,

    /// Cores of the generator and the backend. [default: the lower half]
    #[arg(long, value_name = "LIST")]
    load_cpus: Option<CpuList>,
}

impl PlaceArgs {
    /// The cores of this machine, divided as asked.
    pub(crate) fn pinning(&self) -> Result<Pinning, Failure> {
        let (servers, load) = (self.server_cpus.as_ref(), self.load_cpus.as_ref());
        cores::divide(&cores::available(), servers, load).map_err(Failure::usage_of)
    }
}

/// The arrival processes of an open loop, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ArrivalName {
    /// Equal gaps.
    Constant,
    /// Exponential gaps, as of many independent users.
    Poisson,
}

impl From<ArrivalName> for Process {
    fn from(name: ArrivalName) -> Self {
        match name {
            ArrivalName::Constant => Self::Constant,
            ArrivalName::Poisson => Self::Poisson,
        }
    }
}

/// The request methods that can be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub(crate) enum MethodName {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Options,
}

impl From<MethodName> for http1::Method {
    fn from(name: MethodName) -> Self {
        match name {
            MethodName::Get => Self::Get,
            MethodName::Head => Self::Head,
            MethodName::Post => Self::Post,
            MethodName::Put => Self::Put,
            MethodName::Delete => Self::Delete,
            MethodName::Options => Self::Options,
        }
    }
}

/// Whether the generator may spin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SpinChoice {
    /// Only where --load-cpus gives the generator cores of its own.
    #[default]
    Auto,
    /// Never: sleep until a request is due.
    Never,
    /// Always, even beside the server.
    Always,
}

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench list                  scenarios, targets, routes
  bench list targets
  bench list cases            what `bench check` asks")]
pub(crate) struct ListArgs {
    /// What to list; everything but the cases if left out.
    #[arg(value_enum)]
    pub(crate) what: Option<Listing>,
}

/// What can be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Listing {
    /// The built-in scenarios and the questions they answer.
    Scenarios,
    /// The built-in targets.
    Targets,
    /// The routes that every target serves.
    Routes,
    /// The cases of `bench check`, only if asked for: there are hundreds.
    Cases,
}

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench check callback
  bench check callback coroutine
  bench check all
  bench check --url mine=http://127.0.0.1:8080")]
#[command(group = ArgGroup::new("which").args(["target", "url"]).required(true).multiple(true))]
pub(crate) struct CheckArgs {
    /// Targets to check: NAME, ALIAS=NAME, `all` for every built-in one, `reference` for this program's, or a manifest as ./mine.toml.
    #[arg(value_name = "TARGET")]
    pub(crate) target: Vec<String>,

    /// A server that runs already. May be repeated.
    #[arg(long, value_name = "NAME=URL")]
    pub(crate) url: Vec<String>,
}

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench report results/runs/20261123T101500Z-io-heavy     draw its charts and report.html again
  bench report A B -o both.html                           two runs on one page
  bench report results/runs/20261123T101500Z-io-heavy-sweep   the page of a sweep
  bench report RUN --markdown                             a summary to paste into a document")]
pub(crate) struct ReportArgs {
    /// Run directories, or run.json files, or one of a sweep; `-` reads one from standard input.
    #[arg(value_name = "RUN", required = true)]
    pub(crate) runs: Vec<PathBuf>,

    /// Write the report here (`-` is standard output). [default: of one run, beside it; of several, report.html in this
    /// directory]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Print a Markdown summary instead.
    #[arg(long, conflicts_with = "output")]
    pub(crate) markdown: bool,

    /// Draw only these charts into charts/; report.html has them all. [default: all that a run has something to show in]
    #[arg(long, value_name = "NAME[,NAME…]", value_delimiter = ',', value_parser = charts(), conflicts_with_all = ["output", "markdown"])]
    pub(crate) chart: Vec<Chart>,
}

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench chart results/runs/20261123T101500Z-io-heavy      all of its charts, into its charts directory
  bench chart RUN --chart ratios --out ratios.png         one, as its ending says
  bench chart RUN --chart latency-by-percentile,throughput --out figures --format svg
  bench chart RUN --chart ratios --out - > ratios.svg
  bench chart results/runs/20261123T101500Z-io-heavy-sweep --out knee.png   of a sweep, which has one

`bench compare A B --chart FILE` draws the ratios of two runs, and `bench history --out DIR` figures from run to run.")]
pub(crate) struct ChartArgs {
    /// A directory of a run or a sweep, or a run.json or sweep.json; `-` reads one from standard input.
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,

    /// Only these charts. [default: all that the run has something to show in]
    #[arg(long, value_name = "NAME[,NAME…]", value_delimiter = ',', value_parser = charts())]
    pub(crate) chart: Vec<Chart>,

    /// A file for one chart, a directory for any number, or `-` for standard output. [default: charts/ beside the record]
    #[arg(long, short, value_name = "FILE|DIR")]
    pub(crate) out: Option<PathBuf>,

    /// How to draw. [default: as the file's ending says; both into a directory, svg to standard output]
    #[arg(long, value_enum)]
    pub(crate) format: Option<PictureFormat>,
}

/// The charts of a run by their names.
fn charts() -> impl TypedValueParser<Value = Chart> {
    PossibleValuesParser::new(Chart::ALL.map(Chart::file_stem)).map(|name| {
        let mut charts = Chart::ALL.into_iter();
        charts
            .find(|chart| chart.file_stem() == name)
            .expect("only names of charts are let through")
    })
}

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

#[derive(Debug, ClapArgs)]
#[command(
    args_conflicts_with_subcommands = true,
    after_long_help = "Examples:
  bench run --scenario io-heavy --history results/history.ndjson
  bench history add results/runs/*                  earlier runs
  bench history                                     where every figure stands, and with which run it changed
  bench history --metric response_time_ns_p99 --out charts
  bench history --markdown

What is followed is the ratio of the targets of a run, which a change of the machine leaves alone; runs of one target are
followed on one kind of machine. A change is told where the best of all splits is better than those of shuffled series
(E-divisive), from 10 runs on; of histories in which nothing changed, one in two hundred is said to have."
)]
pub(crate) struct HistoryArgs {
    #[command(subcommand)]
    pub(crate) command: Option<HistoryCommand>,

    #[command(flatten)]
    pub(crate) show: HistoryShowArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HistoryCommand {
    /// Add runs to a history. It keeps the last 1,000.
    Add(HistoryAddArgs),
    /// Show a history, as without a command.
    Show(HistoryShowArgs),
}

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench history add results/runs/20261123T101500Z-io-heavy
  bench history add before.json after.json --history mine.ndjson --revision 4f2a91c")]
pub(crate) struct HistoryAddArgs {
    /// Run directories, or run.json files, in the order in which they were measured; `-` reads one from standard input.
    #[arg(value_name = "RUN", required = true)]
    pub(crate) runs: Vec<PathBuf>,

    /// The history; made where there is none.
    #[arg(long, value_name = "FILE", default_value = HISTORY)]
    pub(crate) history: PathBuf,

    /// What was measured. [default: the revision that git has checked out here, if any]
    #[arg(long, value_name = "REV")]
    pub(crate) revision: Option<String>,
}

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench history show --scenario io-heavy
  bench history show --metric response_time_ns_p99 --out charts")]
pub(crate) struct HistoryShowArgs {
    /// The history; `-` is standard input.
    #[arg(long, value_name = "FILE", default_value = HISTORY)]
    pub(crate) history: PathBuf,

    /// Only this scenario. May be repeated.
    #[arg(long, short, value_name = "NAME")]
    pub(crate) scenario: Vec<String>,

    /// Only this metric, by its name in records. May be repeated.
    #[arg(long, value_name = "NAME")]
    pub(crate) metric: Vec<String>,

    /// Draw a chart of every figure into this directory, as SVG and PNG.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Print as JSON.
    #[arg(long)]
    pub(crate) json: bool,

    /// Print as Markdown.
    #[arg(long, conflicts_with = "json")]
    pub(crate) markdown: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench compare results/runs/BEFORE results/runs/AFTER    what changed between two runs
  bench compare A B --base callback --head coroutine      any target of the one with any of the other
  bench compare A A --base node                           two targets of one run, block by block
  bench compare A B --reference node                      by the ratios to node, measured in both
  bench compare A B --chart ratios.svg                    a chart of the ratios with their intervals

Two runs are not measured beside each other. Where both have a target that did not change (the reference), each other target is
compared by its ratio to that, so that what the machine did between the runs cancels; without one it is in the difference,
which is then said. Measuring both in one run is better still.")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag that may be typed"
)]
pub(crate) struct CompareArgs {
    /// The run of the base: a directory, or a run.json.
    #[arg(value_name = "A")]
    pub(crate) base_run: PathBuf,

    /// The run of the head; the same one compares its targets with each other.
    #[arg(value_name = "B")]
    pub(crate) head_run: PathBuf,

    /// A target of A. [default: every target that both have]
    #[arg(long, value_name = "NAME")]
    pub(crate) base: Option<String>,

    /// A target of B.
    #[arg(long, value_name = "NAME")]
    pub(crate) head: Option<String>,

    /// The target of both to hold the others against. [default: the first that both have and that did not change]
    #[arg(long, value_name = "NAME")]
    pub(crate) reference: Option<String>,

    /// Compare figures as they are, whatever the machine did between the runs.
    #[arg(long, conflicts_with = "reference")]
    pub(crate) no_reference: bool,

    /// The smallest difference that matters, in per cent.
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0)]
    pub(crate) margin: f64,

    /// Compare even other scenarios, other loads, or measurements that are not valid.
    #[arg(long)]
    pub(crate) force: bool,

    /// End with exit code 4 where any metric is left without a verdict.
    #[arg(long)]
    pub(crate) require_verdict: bool,

    /// Draw the ratios with their intervals into this file, an .svg or a .png.
    #[arg(long, value_name = "FILE")]
    pub(crate) chart: Option<Picture>,

    /// Print the comparison as JSON.
    #[arg(long, conflicts_with = "markdown")]
    pub(crate) json: bool,

    /// Print it as Markdown.
    #[arg(long)]
    pub(crate) markdown: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench export RUN --format markdown >> $GITHUB_STEP_SUMMARY
  bench export RUN --format annotations                   what the job page shows
  bench export RUN --format junit -o report.xml
  bench export RUN --format bencher | bencher run --adapter json
  bench export RUN --format openmetrics -o run.prom")]
pub(crate) struct ExportArgs {
    /// A run directory, or a run.json; `-` reads one from standard input.
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,

    /// For whom.
    #[arg(long, short, value_enum)]
    pub(crate) format: Format,

    /// Write it here; `-` is standard output.
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    pub(crate) output: PathBuf,
}

/// What other tools read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A summary, at most as long as GitHub takes one for a step.
    Markdown,
    /// GitHub's annotations, as a step prints them.
    Annotations,
    /// JUnit's XML: objectives, validity and verdicts as tests.
    Junit,
    /// Bencher Metric Format.
    Bencher,
    /// github-action-benchmark's customSmallerIsBetter: times and costs.
    CustomSmallerIsBetter,
    /// github-action-benchmark's customBiggerIsBetter: rates.
    CustomBiggerIsBetter,
    /// OpenMetrics text, for Prometheus.
    Openmetrics,
}

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

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench doctor
  bench doctor --json         the findings, for a program to read")]
pub(crate) struct DoctorArgs {
    /// Print the findings as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench serve backend --port 9000
  bench serve callback --port 8080 --upstream 127.0.0.1:9000
  bench serve coroutine --port 0 --workers 2
  bench serve truth --behaviour fixed:delay=5ms
  bench serve truth --behaviour stall:delay=1ms,stall=1s,every=10s
  bench serve truth --behaviour bimodal:nth=100,slow=100ms,fast=1ms
  bench serve truth --behaviour queue:service=5ms
  bench serve truth --behaviour queue:mean=500us,seed=1      exponential service times")]
pub(crate) struct ServeArgs {
    /// callback, callback-asyncio, callback-cluster, coroutine, coroutine-single, coroutine-asyncio, coroutine-libuv, backend or
    /// truth.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// Port on 127.0.0.1; 0 takes a free one and prints it.
    #[arg(long, value_name = "N", default_value_t = 8080)]
    pub(crate) port: u16,

    /// Directory with the files of /file/{kib}; made where it doesn't exist. [default: bench's cache directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Threads for blocking work.
    #[arg(long, value_name = "N")]
    pub(crate) pool: Option<NonZeroUsize>,

    /// Threads that serve. [default: 1, for callback-cluster and coroutine one for each core]
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<NonZeroUsize>,

    /// When `truth` answers: see the examples.
    #[arg(long, value_name = "BEHAVIOUR", required_if_eq("name", "truth"))]
    pub(crate) behaviour: Option<Behaviour>,

    /// Have `truth` look at the clock for the last moments before an answer: exact, and needs a core that nobody else uses.
    #[arg(long, requires = "behaviour")]
    pub(crate) spin: bool,

    /// Have `backend` answer so much later than it is asked to: slows whoever calls it by a known time.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) late: Option<Duration>,

    /// Address of the backend that /upstream calls.
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) upstream: Option<std::net::SocketAddr>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SuperviseArgs {
    /// The cores that the program may use.
    #[arg(long, value_name = "LIST")]
    pub(crate) cpus: Option<CpuList>,

    /// What to start.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct TiedArgs {
    /// The process to end with.
    #[arg(long, value_name = "PID")]
    pub(crate) parent: i32,

    /// What to become.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct VersionOfArgs {
    /// The library's name.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench setup                 what the built-in targets need
  bench setup fastapi         only what this one needs
  bench setup --list          what is there already

Everything goes to bench's cache directory; nothing is installed anywhere else. `bench run` and `bench check` do the same
when such a target is first chosen. BENCH_NODE and BENCH_PYTHON name other interpreters than those on the PATH.")]
pub(crate) struct SetupArgs {
    /// Targets, as `bench run` takes them; all built-in ones if left out.
    #[arg(value_name = "TARGET")]
    pub(crate) target: Vec<String>,

    /// Say what is there, and do nothing.
    #[arg(long)]
    pub(crate) list: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct HoldArgs {
    /// To whom.
    #[arg(value_name = "HOST:PORT")]
    pub(crate) addr: std::net::SocketAddr,

    /// How many.
    #[arg(long, short, value_name = "N")]
    pub(crate) connections: NonZeroU32,

    /// End with this process, however it ends. Set by `bench run`.
    #[arg(long, value_name = "PID", hide = true)]
    pub(crate) parent: Option<i32>,
}

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench completions bash > ~/.local/share/bash-completion/completions/bench
  bench completions zsh > ~/.zfunc/_bench
  bench completions fish > ~/.config/fish/completions/bench.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench man --out ~/.local/share/man/man1
  bench man --out man                     and then `man -l man/bench-run.1`")]
pub(crate) struct ManArgs {
    /// The directory for a page of each command, as bench.1 and bench-run.1; made where it doesn't exist.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Examples:
  bench explain                           every term
  bench explain service time
  bench explain MDE")]
pub(crate) struct ExplainArgs {
    /// A term of the glossary; all of them if left out.
    #[arg(value_name = "TERM")]
    pub(crate) term: Vec<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

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
