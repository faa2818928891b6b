//! The tables that every report has, as text cell by cell: HTML, Markdown and the terminal only put lines around them.

pub mod answer;
pub mod history;
pub mod loads;
pub mod sweep;

use crate::words::terms;
use analysis::between::RunComparison;
use analysis::compare::paired_figures;
use analysis::warmup::rounds_of;
use model::measured::clock::Clock;
use model::measured::summary::Times;
use model::measured::workload::WorkloadKind;
use model::record::comparison::Comparison;
use model::record::errors::{ErrorComparison, ErrorShare};
use model::record::load_report::{KindRecord, LoadReport};
use model::record::metric::Metric;
use model::record::run::{PlanRecord, RunRecord};
use model::record::surroundings::{BackendRecord, Environment, Pinning};
use model::record::sweep::whole::SweepRecord;
use model::record::target::TargetRecord;
use model::record::warmup::WarmupOutcome;
use model::spec::services::Service;

use crate::look::colours;
use crate::words::figures::{
    NONE, count, figure, kib, maybe_time, mib, per_s, percent, plural, seconds, time,
};
use crate::words::{effects, failures, sentences};

/// How much room a table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// That of a page, which scrolls.
    Page,
    /// The 80 columns of a terminal.
    Screen,
}

/// The targets of a run and their figures.
#[derive(Debug)]
pub struct Targets {
    /// What stands above each of the figures.
    pub columns: Vec<String>,
    /// In the order asked for.
    pub rows: Vec<TargetRow>,
}

/// One target's figures.
#[derive(Debug)]
pub struct TargetRow {
    /// Its name.
    pub name: String,
    /// `#005096`, as in the charts.
    pub colour: String,
    /// What it is, in a line.
    pub manifest: String,
    /// In the order of [`Targets::columns`].
    pub figures: Vec<String>,
}

/// A column of the table of targets.
struct Column {
    /// What stands above it on a page; `{}` stands for what throughput and cost are counted by.
    name: &'static str,
    /// The same on a screen, where there is room for it.
    brief: Option<&'static str>,
    shown: Shown,
    /// A figure of a target, where it has one.
    figure: fn(&TargetRecord, WorkloadKind) -> Option<String>,
}

/// When a column is shown.
#[derive(Clone, Copy)]
enum Shown {
    Always,
    /// On a screen, where something failed. A page has a column of its own, so that none is seen to have failed.
    WhereFailed,
    /// Where some target has a figure: what only some scenarios measure.
    WhereKnown,
}

const COLUMNS: [Column; 15] = [
    Column {
        name: "p50",
        brief: Some("p50"),
        shown: Shown::Always,
        figure: |target, workload| time_at(target, workload, "p50"),
    },
    Column {
        name: "p99",
        brief: Some("p99"),
        shown: Shown::Always,
        figure: |target, workload| time_at(target, workload, "p99"),
    },
    Column {
        name: "p99.9",
        brief: Some("p99.9"),
        shown: Shown::Always,
        figure: |target, workload| time_at(target, workload, "p99_9"),
    },
    Column {
        name: "max",
        brief: None,
        shown: Shown::Always,
        figure: |target, workload| time_at(target, workload, "max"),
    },
    Column {
        name: "answered",
        brief: Some("{}s/s"),
        shown: Shown::Always,
        figure: |target, _| measured(target).map(|report| per_s(report.throughput_per_s)),
    },
    Column {
        name: "failed (95 % interval)",
        brief: None,
        shown: Shown::Always,
        figure: |target, _| measured(target).map(|report| failed(&report.error_share)),
    },
    Column {
        name: "failed",
        brief: Some("failed"),
        shown: Shown::WhereFailed,
        figure: |target, _| {
            measured(target).map(|report| failures::percent(report.error_share.share))
        },
    },
    Column {
        name: "unfinished",
        brief: None,
        shown: Shown::Always,
        figure: |target, _| measured(target).map(|report| count(report.requests.unfinished)),
    },
    Column {
        name: "server CPU per {}",
        brief: Some("CPU/{}"),
        shown: Shown::Always,
        figure: |target, _| target.server.cpu_us_per_request.map(|us| time(us * 1e3)),
    },
    Column {
        name: "peak memory",
        brief: Some("memory"),
        shown: Shown::Always,
        figure: |target, _| target.server.rss_bytes_max.map(|bytes| mib(bytes as f64)),
    },
    Column {
        name: "memory per idle connection",
        brief: Some("per idle"),
        shown: Shown::WhereKnown,
        figure: |target, _| target.server.rss_bytes_per_idle_connection.map(kib),
    },
    Column {
        name: "first event p99",
        brief: Some("first p99"),
        shown: Shown::WhereKnown,
        figure: |target, workload| {
            // Where streams are what is timed, it stands above already.
            if workload == WorkloadKind::Streams {
                return None;
            }
            let times = target.report.times(Clock::FirstEventTime);
            Some(time(times.p99? as f64))
        },
    },
    Column {
        name: "event gap late by, p99",
        brief: Some("gap p99"),
        shown: Shown::WhereKnown,
        figure: |target, _| {
            let ns = target.report.times(Clock::EventGapLateness).p99?;
            Some(time(ns as f64))
        },
    },
    Column {
        name: "events lost, twice, out of order",
        brief: None,
        shown: Shown::WhereKnown,
        figure: |target, _| {
            let streams = target.report.streams?;
            let wrong = [
                streams.events_lost,
                streams.events_duplicated,
                streams.events_out_of_order,
            ];
            Some(wrong.map(count).join(", "))
        },
    },
    Column {
        name: "deliveries lost, twice, out of order",
        brief: None,
        shown: Shown::WhereKnown,
        figure: |target, _| {
            let messages = target.report.messages?;
            let wrong = [
                messages.deliveries_lost,
                messages.deliveries_duplicated,
                messages.deliveries_out_of_order,
            ];
            Some(wrong.map(count).join(", "))
        },
    },
];

impl Column {
    fn name(&self, room: Room) -> Option<&'static str> {
        match room {
            Room::Page => Some(self.name),
            Room::Screen => self.brief,
        }
    }

    fn applies(&self, record: &RunRecord, room: Room) -> bool {
        let workload = record.workload();
        let some = |has: &dyn Fn(&TargetRecord) -> bool| record.targets.iter().any(has);
        match self.shown {
            Shown::Always => true,
            Shown::WhereFailed => {
                room == Room::Screen && some(&|target| target.report.error_share.failed > 0)
            }
            Shown::WhereKnown => some(&|target| (self.figure)(target, workload).is_some()),
        }
    }
}

/// The targets, and the figures that this run gives of them.
pub fn targets(record: &RunRecord, room: Room) -> Targets {
    let workload = record.workload();
    let columns: Vec<(&str, &Column)> = COLUMNS
        .iter()
        .filter(|column| column.applies(record, room))
        .filter_map(|column| Some((column.name(room)?, column)))
        .collect();
    let row = |(target, colour): (&TargetRecord, String)| TargetRow {
        name: target.name.clone(),
        colour,
        manifest: target.manifest.legend(),
        figures: columns
            .iter()
            .map(|(_, column)| (column.figure)(target, workload).unwrap_or_else(|| NONE.to_owned()))
            .collect(),
    };
    let names = record.targets.iter().map(|target| target.name.as_str());
    let names: Vec<&str> = names.collect();
    Targets {
        rows: record
            .targets
            .iter()
            .zip(colours(&names))
            .map(row)
            .collect(),
        columns: columns
            .iter()
            .map(|(name, _)| name.replace("{}", terms::noun(workload)))
            .collect(),
    }
}

fn time_at(target: &TargetRecord, workload: WorkloadKind, percentile: &str) -> Option<String> {
    let ns = target.report.times(workload.clock()).named(percentile)?;
    Some(time(ns as f64))
}

/// The report of a target of which something was measured.
fn measured(target: &TargetRecord) -> Option<&LoadReport> {
    (target.report.requests.scheduled > 0).then_some(&target.report)
}

/// Requests that failed, in a cell: how many, their share and its interval.
pub(crate) fn failed(errors: &ErrorShare) -> String {
    let percent = failures::percent;
    let low = figure(errors.ci_low * 100.0);
    match errors.failed {
        0 => format!("0 (≤ {})", percent(errors.ci_high)),
        failed => format!(
            "{}: {} ({low} to {})",
            count(failed),
            percent(errors.share),
            percent(errors.ci_high)
        ),
    }
}

/// One target's times by one clock.
pub(crate) struct ClockRow {
    pub(crate) name: String,
    pub(crate) clock: &'static str,
    /// Mean, p50, p90, p99, p99.9, p99.99, max.
    pub(crate) figures: Vec<String>,
}

/// A row for each target and each clock.
pub(crate) fn clocks(record: &RunRecord) -> Vec<ClockRow> {
    let rows = record.targets.iter().flat_map(|target| {
        let report = &target.report;
        report.times_ns.iter().map(|(clock, times)| ClockRow {
            name: target.name.clone(),
            clock: terms::clock(*clock),
            figures: [
                times.mean,
                times.p50,
                times.p90,
                times.p99,
                times.p99_9,
                times.p99_99,
                times.max,
            ]
            .map(maybe_time)
            .to_vec(),
        })
    });
    rows.collect()
}

/// One target's response times for one kind of request.
pub(crate) struct KindRow {
    pub(crate) request: String,
    pub(crate) name: String,
    /// Succeeded, failed, unfinished; p50, p90, p99, p99.9, max.
    pub(crate) figures: Vec<String>,
}

/// A row for each kind of request and each target, kind by kind; none where there is but one kind.
pub(crate) fn kinds(record: &RunRecord) -> Vec<KindRow> {
    let of_kind = |index: usize| {
        let measured = |target: &TargetRecord| {
            let kind = target.report.by_request.get(index)?;
            Some(kind_row(&target.name, kind))
        };
        record.targets.iter().filter_map(measured).collect()
    };
    let rows: Vec<Vec<KindRow>> = (0..record.scenario.requests.len()).map(of_kind).collect();
    rows.into_iter().flatten().collect()
}

fn kind_row(name: &str, kind: &KindRecord) -> KindRow {
    let requests = &kind.requests;
    let counts = [
        count(requests.ok),
        failed(&kind.error_share),
        count(requests.unfinished),
    ];
    let times = &kind.response_time_ns;
    let times = [times.p50, times.p90, times.p99, times.p99_9, times.max].map(maybe_time);
    KindRow {
        request: kind.request.clone(),
        name: name.to_owned(),
        figures: counts.into_iter().chain(times).collect(),
    }
}

/// One comparison.
#[derive(Debug)]
pub struct ComparisonRow {
    /// The target compared.
    pub head: String,
    /// The target compared against.
    pub base: String,
    /// What was compared.
    pub metric: String,
    /// The same where there is little room.
    pub short: String,
    /// The figures of base and head that `change` is between: see [`answer::FIGURES`].
    pub figures: [String; 2],
    /// Head over base, as a change.
    pub change: String,
    /// The 95 % interval of that.
    pub interval: String,
    /// The p-value, adjusted.
    pub p_value: String,
    /// The smallest difference that could have been detected.
    pub detectable: String,
    /// Blocks that were paired.
    pub blocks: String,
    /// The verdict on it.
    pub verdict: &'static str,
}

/// A row for each comparison, target by target in the order of the record, that of failed requests first.
pub fn comparisons(record: &RunRecord) -> Vec<ComparisonRow> {
    let workload = record.workload();
    let errors = record.error_comparisons.iter();
    let errors = errors.map(|each| error_comparison(each, workload));
    let metrics = record.comparisons.iter();
    let metrics = metrics.map(|each| ComparisonRow {
        figures: figures(record, each),
        ..comparison(each, workload)
    });
    let mut rows: Vec<ComparisonRow> = errors.chain(metrics).collect();
    let targets = record.targets.iter();
    rows.sort_by_key(|row| targets.clone().position(|target| target.name == row.head));
    rows
}

/// The figures of base and head that a comparison's ratio is the quotient of.
fn figures(record: &RunRecord, of: &Comparison) -> [String; 2] {
    let epochs = |name: &str| {
        let mut targets = record.targets.iter();
        targets
            .find(|target| target.name == name)
            .map_or(&[][..], |target| &target.epochs)
    };
    paired_figures(epochs(&of.base), epochs(&of.head), of.metric).map_or_else(
        || [NONE; 2].map(str::to_owned),
        |pair| pair.map(|figure| sentences::value(of.metric, figure)),
    )
}

/// A row for each effect and metric, those that were not compared included; heads are what effects are called, and bases what their
/// ratios are of.
pub fn effects(record: &RunRecord) -> Vec<ComparisonRow> {
    let workload = record.workload();
    let rows = record.effects.iter().flat_map(|of| {
        let compared = of.comparisons.iter();
        let compared = compared.map(|each| comparison(each, workload));
        let left_out = of.not_compared.iter();
        let left_out = left_out.map(|each| not_compared(each.metric, workload));
        compared.chain(left_out).map(|row| ComparisonRow {
            head: effects::title(of.effect).to_owned(),
            base: effects::ratio_of(of.effect).to_owned(),
            ..row
        })
    });
    rows.collect()
}

/// The row of what was not compared.
fn not_compared(metric: Metric, workload: WorkloadKind) -> ComparisonRow {
    let none = || NONE.to_owned();
    ComparisonRow {
        head: String::new(),
        base: String::new(),
        metric: sentences::name(metric, workload),
        short: sentences::short_name(metric, workload),
        figures: [none(), none()],
        change: none(),
        interval: none(),
        p_value: none(),
        detectable: none(),
        blocks: none(),
        verdict: "not compared",
    }
}

/// A row for each comparison, those of failed requests first.
pub fn of_runs(reported: &RunComparison) -> Vec<ComparisonRow> {
    let errors = reported.error_comparisons.iter();
    let errors = errors.map(|each| error_comparison(each, reported.workload));
    let metrics = reported.comparisons.iter();
    let metrics = metrics.map(|each| comparison(each, reported.workload));
    errors.chain(metrics).collect()
}

/// How two targets compare in failed requests, as a row: shares are not divided, since one of them may be zero.
fn error_comparison(of: &ErrorComparison, workload: WorkloadKind) -> ComparisonRow {
    let none = || NONE.to_owned();
    let metric = format!("failed {}s", terms::noun(workload));
    let points = |share: f64| sentences::signed_figure(share * 100.0);
    ComparisonRow {
        head: of.head.clone(),
        base: of.base.clone(),
        short: metric.clone(),
        metric,
        figures: [&of.base_errors, &of.head_errors].map(|errors| failures::percent(errors.share)),
        change: format!("{} points", points(of.difference)),
        interval: format!("{} to {}", points(of.ci_low), points(of.ci_high)),
        p_value: none(),
        detectable: none(),
        blocks: none(),
        verdict: of.verdict.name(),
    }
}

/// A comparison as a row.
pub fn comparison(comparison: &Comparison, workload: WorkloadKind) -> ComparisonRow {
    ComparisonRow {
        head: comparison.head.clone(),
        base: comparison.base.clone(),
        metric: sentences::name(comparison.metric, workload),
        short: sentences::short_name(comparison.metric, workload),
        figures: [NONE; 2].map(str::to_owned),
        change: sentences::change(comparison.ratio),
        interval: sentences::interval(comparison.ci_low, comparison.ci_high),
        // Below a thousandth the test itself has no more to tell.
        p_value: if comparison.p_value < 0.001 {
            "< 0.001".to_owned()
        } else {
            format!("{:.3}", comparison.p_value)
        },
        detectable: sentences::detectable(comparison.smallest_detectable),
        blocks: count(u64::from(comparison.blocks)),
        verdict: comparison.verdict.name(),
    }
}

/// How far the epochs of one target lie apart in one metric.
pub(crate) struct SpreadRow {
    pub(crate) name: String,
    pub(crate) metric: String,
    pub(crate) epochs: String,
    pub(crate) min: String,
    pub(crate) median: String,
    pub(crate) max: String,
    /// The largest over the smallest, as a change.
    pub(crate) apart: String,
}

/// A row for each target and each metric that its epochs have.
pub(crate) fn spread(record: &RunRecord) -> Vec<SpreadRow> {
    let workload = record.workload();
    let rows = record
        .targets
        .iter()
        .flat_map(|target| Metric::with_optional(workload).map(move |metric| (target, metric)));
    rows.filter_map(|(target, metric)| spread_row(target, metric, workload))
        .collect()
}

fn spread_row(target: &TargetRecord, metric: Metric, workload: WorkloadKind) -> Option<SpreadRow> {
    let known = target
        .epochs
        .iter()
        .filter_map(|epoch| epoch.metrics.get(metric.name()).copied());
    let mut values: Vec<f64> = known.filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    let (&min, &max) = (values.first()?, values.last()?);
    let written = |value: f64| sentences::value(metric, value);
    Some(SpreadRow {
        name: target.name.clone(),
        metric: sentences::name(metric, workload),
        epochs: count(values.len() as u64),
        min: written(min),
        median: written(values[values.len() / 2]),
        max: written(max),
        apart: if min > 0.0 {
            sentences::change(max / min)
        } else {
            NONE.to_owned()
        },
    })
}

/// One target's requests by their fate, and its failures by kind.
pub(crate) struct AccountingRow {
    pub(crate) name: String,
    /// Scheduled, ok, error, timeout, unfinished.
    pub(crate) counts: Vec<String>,
    /// `wrong_body 4, reset 2`.
    pub(crate) kinds: String,
    pub(crate) balances: bool,
}

/// A row for each target.
pub(crate) fn accounting(record: &RunRecord) -> Vec<AccountingRow> {
    record
        .targets
        .iter()
        .map(|target| {
            let requests = &target.report.requests;
            let kinds = target.report.errors.kinds.iter().map(|(kind, number)| {
                // The name that the record gives it.
                let kind = serde_json::to_value(kind)
                    .ok()
                    .and_then(|name| name.as_str().map(str::to_owned))
                    .unwrap_or_default();
                format!("{} {}", kind.replace('_', " "), count(*number))
            });
            let kinds: Vec<String> = kinds.collect();
            AccountingRow {
                name: target.name.clone(),
                counts: [
                    requests.scheduled,
                    requests.ok,
                    requests.error,
                    requests.timeout,
                    requests.unfinished,
                ]
                .map(count)
                .to_vec(),
                kinds: if kinds.is_empty() {
                    NONE.to_owned()
                } else {
                    kinds.join(", ")
                },
                balances: requests.balances(),
            }
        })
        .collect()
}

/// How long a plan has its targets warmed up: `1 s`, `0.8 to 4 s` where that was found.
fn warmup(plan: &PlanRecord) -> String {
    let most = plan.warmup_s_max.filter(|&most| most > plan.warmup_s);
    let shortest = most.map_or_else(String::new, |_| format!("{} to ", figure(plan.warmup_s)));
    shortest + &seconds(most.unwrap_or(plan.warmup_s))
}

/// How long a target was warmed up, over the rounds, and whether it was steady then; none where no record was kept.
fn warmed_up(target: &TargetRecord) -> Option<String> {
    let lengths = target.warmups.iter().map(|warmup| warmup.duration_s);
    let shortest = lengths.clone().min_by(f64::total_cmp)?;
    let longest = lengths.max_by(f64::total_cmp)?;
    let range = if shortest < longest {
        format!("{} to ", figure(shortest))
    } else {
        String::new()
    };
    let rounds = |count| plural(count, "round", "rounds");
    let doubts = [
        (WarmupOutcome::Unsteady, "not steady"),
        (WarmupOutcome::TooFewReplies, "too few replies to tell"),
    ]
    .map(|(outcome, words)| (rounds_of(&target.warmups, outcome), words))
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, words)| format!(", {words} in {}", rounds(count)));
    Some(format!(
        "{}: {range}{}{}",
        target.name,
        seconds(longest),
        doubts.collect::<String>()
    ))
}

/// Where and how a run was measured: name and value.
pub(crate) fn circumstances(record: &RunRecord) -> Vec<(&'static str, String)> {
    let plan = &record.plan;
    let mut facts = vec![
        ("started", record.started_at.clone()),
        ("took", crate::words::figures::seconds(record.elapsed_s)),
        ("bench", record.bench_version.clone()),
        ("seed", record.seed.to_string()),
        (
            "plan",
            format!(
                "{}: {} of {}, {} of each target in each, {} a sample after {} of warm-up a round",
                plan.effort,
                crate::words::figures::plural(u64::from(plan.rounds), "round", "rounds"),
                crate::words::figures::plural(u64::from(plan.blocks_per_round), "block", "blocks"),
                crate::words::figures::plural(
                    u64::from(plan.epochs_per_block),
                    "sample",
                    "samples"
                ),
                crate::words::figures::seconds(plan.epoch_s),
                warmup(plan),
            ),
        ),
    ];
    facts.extend(machine(&record.environment, &record.pinning));
    facts.extend(servers(&record.environment));
    facts.extend(generators(&record.environment));
    facts.extend(record.targets.iter().flat_map(generators_measured));
    facts.extend(services(&record.environment, &record.pinning));
    facts.extend(record.targets.iter().flat_map(services_cost));
    facts.extend(record.backend.as_ref().map(backend));
    let warmups = record.targets.iter().filter_map(warmed_up);
    facts.extend(warmups.map(|reported| ("warm-up a round", reported)));
    for target in &record.targets {
        let generator = &target.report.generator;
        let per_request = generator
            .cpu_us_per_request
            .map_or_else(|| NONE.to_owned(), |us| time(us * 1e3));
        let lags: Vec<String> = [Clock::SendLag, Clock::ReceiveLag]
            .into_iter()
            .filter_map(|clock| Some((clock, target.report.times(clock).p99?)))
            .map(|(clock, p99)| format!(", p99 of {} {}", terms::clock(clock), time(p99 as f64)))
            .collect();
        facts.extend(target.report.receive.map(|receive| {
            let clock = sentences::receive_clock(&receive);
            ("clock", format!("against {}: {clock}", target.name))
        }));
        facts.push((
            "generator",
            format!(
                "against {}: {per_request} of CPU per request, {} of its cores ({} of that spinning){}",
                target.name,
                percent(generator.cpu_share),
                percent(generator.spin_share),
                lags.concat(),
            ),
        ));
    }
    facts
}

/// Where and how a sweep was measured: names with what stands beside them.
pub(crate) fn sweep_circumstances(record: &SweepRecord) -> Vec<(&'static str, String)> {
    let plan = &record.plan;
    let design = &plan.design;
    let mut facts = vec![
        ("started", plan.started_at.clone()),
        ("took", crate::words::figures::seconds(record.elapsed_s)),
        ("bench", plan.bench_version.clone()),
        ("seed", plan.seed.to_string()),
        (
            "plan",
            format!(
                "from {} up to {} at most, then {} around the knees, in {} of measuring at most",
                crate::words::figures::per_s(design.ladder.from_per_s),
                crate::words::figures::per_s(design.ladder.to_per_s),
                crate::words::figures::plural(u64::from(design.rounds), "round", "rounds"),
                crate::words::figures::seconds(design.time_limit_s),
            ),
        ),
    ];
    let targets = plan.targets.iter();
    facts.extend(targets.map(|target| {
        let reported = format!("{}, {}", target.name, target.manifest.legend());
        ("target", reported)
    }));
    facts.extend(machine(&plan.environment, &plan.pinning));
    facts.extend(services(&plan.environment, &plan.pinning));
    facts.extend(record.backend.as_ref().map(backend));
    facts
}

/// What it ran on.
fn machine(environment: &Environment, pinning: &Pinning) -> Vec<(&'static str, String)> {
    let cpus = |cpus: &[u32]| match cpus {
        [] => "not pinned".to_owned(),
        cpus => cpus
            .iter()
            .map(u32::to_string)
            .collect::<Vec<_>>()
            .join(", "),
    };
    let unknown = || "unknown".to_owned();
    vec![
        (
            "processor",
            format!(
                "{}, {}",
                environment.processor(),
                crate::words::figures::plural(u64::from(environment.cores), "core", "cores")
            ),
        ),
        (
            "servers on cores",
            match &pinning.servers_on {
                Some(name) => format!("{} of {name}", cpus(&pinning.server_cpus)),
                None => cpus(&pinning.server_cpus),
            },
        ),
        ("generator on cores", cpus(&pinning.load_cpus)),
        ("kernel", environment.kernel.clone()),
        ("memory", mib(environment.memory_bytes as f64)),
        (
            "frequency governor",
            environment.governor.clone().unwrap_or_else(unknown),
        ),
        ("open files at most", count(environment.open_files_max)),
        (
            "load average before",
            environment.load_average.map_or_else(unknown, figure),
        ),
        (
            "stolen by the hypervisor",
            environment.steal_share.map_or_else(unknown, percent),
        ),
        (
            "throttled periods",
            environment.throttled_periods.map_or_else(unknown, count),
        ),
        (
            "CPU quota",
            environment.cpu_quota_cores.map_or_else(
                || "none seen".to_owned(),
                |cores| format!("{} cores", figure(cores)),
            ),
        ),
        (
            "virtualization",
            environment
                .virtualization
                .clone()
                .unwrap_or_else(|| "none seen".to_owned()),
        ),
        ("SHA-256 of bench", environment.binary_sha256.clone()),
    ]
}

/// The machine that ran the servers, where it was not this one.
fn servers(environment: &Environment) -> impl Iterator<Item = (&'static str, String)> + '_ {
    let words = environment.servers_words().into_iter();
    words.map(|words| ("machine of the servers", words))
}

/// The machines that drove the load, where it was not this one.
fn generators(environment: &Environment) -> impl Iterator<Item = (&'static str, String)> + '_ {
    environment.generators.iter().map(|site| {
        let cores = plural(site.cpus.len() as u64, "core", "cores");
        let what = if site.is_probe {
            "probe"
        } else {
            "load generator"
        };
        let reported = format!(
            "{}: {cores} of {}, {}",
            site.name, site.processor, site.kernel
        );
        (what, reported)
    })
}

/// What each of them measured of a target by itself.
fn generators_measured(target: &TargetRecord) -> impl Iterator<Item = (&'static str, String)> + '_ {
    let generators = target.generators.iter().chain(&target.probe);
    generators.map(|generator| {
        let requests = plural(generator.accounting.scheduled, "request", "requests");
        let Times { p50, p99, .. } = generator.response_time_ns;
        let reported = format!(
            "{} against {}: {requests}, p50 {}, p99 {}; its clock was known to {}",
            generator.name,
            target.name,
            maybe_time(p50),
            maybe_time(p99),
            time(generator.clock_bound_ns as f64)
        );
        ("measured by", reported)
    })
}

/// The services that targets needed: who they are, where they ran, and how they were set.
fn services<'a>(
    environment: &'a Environment,
    pinning: &'a Pinning,
) -> impl Iterator<Item = (&'static str, String)> + 'a {
    environment.services.iter().map(|record| {
        let place = match &record.url {
            Some(url) => format!("at {url}, which ran already"),
            None if record.cpus == pinning.load_cpus => "on the load generator's cores".to_owned(),
            None => format!(
                "on cores of its own ({})",
                record
                    .cpus
                    .iter()
                    .map(u32::to_string)
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        };
        let connections = record.connections.map(|count| {
            let many = crate::words::figures::plural(u64::from(count), "connection", "connections");
            format!("; {many} for each target at most")
        });
        let settings = record.settings.iter();
        let settings: Vec<String> = settings
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        let set = if settings.is_empty() {
            String::new()
        } else {
            format!("; {}", settings.join(", "))
        };
        (
            service_noun(record.service),
            format!(
                "{} {} {place}{}{set}",
                record.service,
                record.version,
                connections.unwrap_or_default()
            ),
        )
    })
}

/// What services spent on a target's requests.
fn services_cost(target: &TargetRecord) -> impl Iterator<Item = (&'static str, String)> + '_ {
    target.server.services.iter().map(|(service, cost)| {
        let per_request = cost
            .cpu_us_per_request
            .map_or_else(|| NONE.to_owned(), |us| time(us * 1e3));
        (
            service_noun(*service),
            format!(
                "for {}: {per_request} of CPU per request, {} of a core",
                target.name,
                percent(cost.cpu_share)
            ),
        )
    })
}

fn service_noun(service: Service) -> &'static str {
    match service {
        Service::Postgres => "database",
        Service::Redis => "cache",
    }
}

/// What the upstream backend did.
fn backend(backend: &BackendRecord) -> (&'static str, String) {
    let late = maybe_time(backend.lateness_ns.p99);
    (
        "upstream backend",
        format!(
            "{} answered, 99 % of them at most {late} late",
            crate::words::figures::plural(backend.calls, "call", "calls")
        ),
    )
}

/// The command that repeats the run, as a shell reads it.
pub(crate) fn command_line(words: &[String]) -> String {
    let plain = |word: &str| {
        !word.is_empty()
            && word
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c))
    };
    let quoted = |word: &String| {
        if plain(word) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use samples::{run_record, stream_record};

    fn shown(record: &RunRecord, room: Room) -> Vec<String> {
        let Targets { columns, rows } = targets(record, room);
        assert!(rows.iter().all(|row| row.figures.len() == columns.len()));
        columns
    }

    #[test]
    fn every_row_has_a_cell_for_every_column_and_only_what_applies_has_one() {
        let mut record = run_record();
        assert_eq!(shown(&record, Room::Page).len(), 9);
        record.targets[1].server.rss_bytes_per_idle_connection = Some(5.5 * 1024.0);
        assert_eq!(
            shown(&record, Room::Page).last().unwrap(),
            "memory per idle connection"
        );
        let rows = targets(&record, Room::Page).rows;
        let cells: Vec<_> = rows.iter().map(|row| row.figures.last().unwrap()).collect();
        assert_eq!(cells, ["–", "5.50 KiB"]);
    }

    #[test]
    fn a_screen_has_room_for_failures_only_where_there_are_some() {
        let mut record = run_record();
        let usual = ["p50", "p99", "p99.9", "requests/s", "CPU/request", "memory"];
        assert_eq!(shown(&record, Room::Screen), usual);
        record.targets[1].report.error_share.failed = 1;
        assert_eq!(shown(&record, Room::Screen)[4], "failed");
    }

    #[test]
    fn the_first_event_stands_where_the_response_time_stands_unless_most_requests_are_others() {
        let mut record = stream_record();
        let columns = shown(&record, Room::Screen);
        assert_eq!(columns[4..], ["CPU/stream", "memory", "gap p99"]);
        let first = record.targets[0].report.times(Clock::FirstEventTime);
        let reported =
            |record: &RunRecord| targets(record, Room::Screen).rows[0].figures[1].clone();
        assert_eq!(reported(&record), time(first.p99.unwrap() as f64));
        for target in &mut record.targets {
            target.report.workload = WorkloadKind::Requests;
        }
        assert!(shown(&record, Room::Screen).contains(&"first p99".to_owned()));
        assert_ne!(reported(&record), time(first.p99.unwrap() as f64));
    }

    #[test]
    fn words_are_quoted_as_a_shell_needs_them() {
        let words = ["bench", "run", "--scenario=io-heavy", "a b", "it's", ""].map(str::to_owned);
        assert_eq!(
            command_line(&words),
            r"bench run --scenario=io-heavy 'a b' 'it'\''s' ''"
        );
    }

    #[test]
    fn spread_names_the_extremes_of_the_epochs() {
        let record = run_record();
        let row = &spread(&record)[0];
        assert_eq!(
            (row.name.as_str(), row.metric.as_str(), row.epochs.as_str()),
            ("callback", "median response time", "20")
        );
        assert!(row.apart.starts_with('+'), "{}", row.apart);
    }
}
