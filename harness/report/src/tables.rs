//! The tables that every written report has, as text cell by cell: HTML and Markdown only put lines around them.

use bench_core::compare::{Comparison, Metric};
use bench_core::record::{
    EpochRecord, KindRecord, LoadReport, PlanRecord, RunRecord, TargetRecord,
};
use bench_core::warmup::WarmupOutcome;

use crate::charts::colours;
use crate::figures::{
    NONE, count, figure, kib, maybe_time, mib, per_s, percent, plural, seconds, time,
};
use crate::sentences;

/// The targets of a run and their figures.
pub(crate) struct Targets {
    /// What stands above each of the figures.
    pub(crate) columns: Vec<&'static str>,
    /// In the order asked for.
    pub(crate) rows: Vec<TargetRow>,
}

/// One target's figures.
pub(crate) struct TargetRow {
    pub(crate) name: String,
    /// `#0072b2`, as in the charts.
    pub(crate) colour: String,
    pub(crate) manifest: String,
    /// In the order of [`Targets::columns`].
    pub(crate) figures: Vec<String>,
}

/// A figure of a target, where it has one.
type Figure = fn(&TargetRecord) -> Option<String>;

/// The figures that every run has.
const ALWAYS: [(&str, Figure); 9] = [
    ("p50", |target| response(target, "p50")),
    ("p99", |target| response(target, "p99")),
    ("p99.9", |target| response(target, "p99_9")),
    ("max", |target| response(target, "max")),
    ("answered", |target| {
        measured(target).map(|report| per_s(report.throughput_per_s))
    }),
    ("failed", |target| {
        measured(target).map(|report| count(report.requests.failed()))
    }),
    ("unfinished", |target| {
        measured(target).map(|report| count(report.requests.unfinished))
    }),
    ("server CPU per request", |target| {
        target.server.cpu_us_per_request.map(|us| time(us * 1e3))
    }),
    ("peak memory", |target| {
        target.server.rss_bytes_max.map(|bytes| mib(bytes as f64))
    }),
];

/// The figures that only some scenarios give: their columns are left out where no target has one.
const SOMETIMES: [(&str, Figure); 6] = [
    ("memory per idle connection", |target| {
        target.server.rss_bytes_per_idle_connection.map(kib)
    }),
    ("first event p99", |target| {
        let ns = target.report.streams?.first_event_time_ns.p99?;
        Some(time(ns as f64))
    }),
    ("event gap late by, p99", |target| {
        let ns = target.report.streams?.event_gap_lateness_ns.p99?;
        Some(time(ns as f64))
    }),
    ("events lost, twice, out of order", |target| {
        let streams = target.report.streams?;
        let wrong = [
            streams.events_lost,
            streams.events_duplicated,
            streams.events_out_of_order,
        ];
        Some(wrong.map(count).join(", "))
    }),
    ("delivery p99", |target| {
        let ns = target.report.messages?.delivery_time_ns.p99?;
        Some(time(ns as f64))
    }),
    ("deliveries lost, twice, out of order", |target| {
        let messages = target.report.messages?;
        let wrong = [
            messages.deliveries_lost,
            messages.deliveries_duplicated,
            messages.deliveries_out_of_order,
        ];
        Some(wrong.map(count).join(", "))
    }),
];

/// The targets, and the figures that this run gives of them.
pub(crate) fn targets(record: &RunRecord) -> Targets {
    let applies = |(_, figure): &(&str, Figure)| record.targets.iter().any(|t| figure(t).is_some());
    let columns: Vec<(&'static str, Figure)> = ALWAYS
        .into_iter()
        .chain(SOMETIMES.into_iter().filter(applies))
        .collect();
    let row = |(target, colour): (&TargetRecord, String)| TargetRow {
        name: target.name.clone(),
        colour,
        manifest: target.manifest.legend(),
        figures: columns
            .iter()
            .map(|(_, figure)| figure(target).unwrap_or_else(|| NONE.to_owned()))
            .collect(),
    };
    Targets {
        rows: record
            .targets
            .iter()
            .zip(colours(record))
            .map(row)
            .collect(),
        columns: columns.iter().map(|(name, _)| *name).collect(),
    }
}

fn response(target: &TargetRecord, percentile: &str) -> Option<String> {
    let ns = target.report.response_time_ns.named(percentile)?;
    Some(time(ns as f64))
}

/// The report of a target of which something was measured.
fn measured(target: &TargetRecord) -> Option<&LoadReport> {
    (target.report.requests.scheduled > 0).then_some(&target.report)
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
        let clocks = [
            ("response time", &report.response_time_ns),
            ("service time", &report.service_time_ns),
            ("send lag", &report.send_lag_ns),
            ("connect time", &report.connect_time_ns),
        ];
        let of_streams = report.streams.iter().flat_map(|streams| {
            [
                ("first event", &streams.first_event_time_ns),
                ("event gap lateness", &streams.event_gap_lateness_ns),
            ]
        });
        let of_messages = report
            .messages
            .iter()
            .map(|messages| ("delivery", &messages.delivery_time_ns));
        clocks
            .into_iter()
            .chain(of_streams)
            .chain(of_messages)
            .map(|(clock, times)| ClockRow {
                name: target.name.clone(),
                clock,
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
    /// Answered rightly, failed, unfinished; p50, p90, p99, p99.9, max.
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
    let counts = [requests.ok, requests.failed(), requests.unfinished].map(count);
    let times = &kind.response_time_ns;
    let times = [times.p50, times.p90, times.p99, times.p99_9, times.max].map(maybe_time);
    KindRow {
        request: kind.request.clone(),
        name: name.to_owned(),
        figures: counts.into_iter().chain(times).collect(),
    }
}

/// One comparison.
pub(crate) struct ComparisonRow {
    pub(crate) head: String,
    pub(crate) base: String,
    pub(crate) metric: &'static str,
    pub(crate) change: String,
    pub(crate) interval: String,
    pub(crate) p_value: String,
    pub(crate) mde: String,
    pub(crate) blocks: String,
    pub(crate) verdict: &'static str,
}

/// A row for each comparison, in the record's order.
pub(crate) fn comparisons(record: &RunRecord) -> Vec<ComparisonRow> {
    let row = |comparison: &Comparison| ComparisonRow {
        head: comparison.head.clone(),
        base: comparison.base.clone(),
        metric: sentences::name(comparison.metric),
        change: sentences::change(comparison.ratio),
        interval: sentences::interval(comparison.ci_low, comparison.ci_high),
        // Below a thousandth the test itself has no more to tell.
        p_value: if comparison.p_value < 0.001 {
            "< 0.001".to_owned()
        } else {
            format!("{:.3}", comparison.p_value)
        },
        mde: sentences::detectable(comparison.mde),
        blocks: count(u64::from(comparison.blocks)),
        verdict: sentences::verdict(comparison.verdict),
    };
    record.comparisons.iter().map(row).collect()
}

/// How far the epochs of one target lie apart in one metric.
pub(crate) struct SpreadRow {
    pub(crate) name: String,
    pub(crate) metric: &'static str,
    pub(crate) epochs: String,
    pub(crate) min: String,
    pub(crate) median: String,
    pub(crate) max: String,
    /// The largest over the smallest, as a change.
    pub(crate) apart: String,
}

/// A row for each target and each metric that its epochs have.
pub(crate) fn spread(record: &RunRecord) -> Vec<SpreadRow> {
    let rows = record
        .targets
        .iter()
        .flat_map(|target| Metric::ALL.into_iter().map(move |metric| (target, metric)));
    rows.filter_map(|(target, metric)| spread_row(&target.name, metric, &target.epochs))
        .collect()
}

fn spread_row(name: &str, metric: Metric, epochs: &[EpochRecord]) -> Option<SpreadRow> {
    let known = epochs
        .iter()
        .filter_map(|epoch| epoch.metrics.get(metric.name()).copied());
    let mut values: Vec<f64> = known.filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    let (&min, &max) = (values.first()?, values.last()?);
    let written = |value: f64| sentences::value(metric, value);
    Some(SpreadRow {
        name: name.to_owned(),
        metric: sentences::name(metric),
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
pub(crate) struct LedgerRow {
    pub(crate) name: String,
    /// Scheduled, ok, error, timeout, unfinished.
    pub(crate) counts: Vec<String>,
    /// `wrong_body 4, reset 2`.
    pub(crate) kinds: String,
    pub(crate) balances: bool,
}

/// A row for each target.
pub(crate) fn ledger(record: &RunRecord) -> Vec<LedgerRow> {
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
            LedgerRow {
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
    let count = |outcome| {
        let of_outcome = target
            .warmups
            .iter()
            .filter(|warmup| warmup.outcome == outcome);
        of_outcome.count() as u64
    };
    let rounds = |count| plural(count, "round", "rounds");
    let doubts = [
        (WarmupOutcome::Unsteady, "not steady"),
        (WarmupOutcome::TooFewReplies, "too few replies to tell"),
    ]
    .map(|(outcome, words)| (count(outcome), words))
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
    let environment = &record.environment;
    let plan = &record.plan;
    let cpus = |cpus: &[u32]| match cpus {
        [] => "not pinned".to_owned(),
        cpus => cpus
            .iter()
            .map(u32::to_string)
            .collect::<Vec<_>>()
            .join(", "),
    };
    let unknown = || "unknown".to_owned();
    let mut facts = vec![
        ("started", record.started_at.clone()),
        ("took", crate::figures::seconds(record.elapsed_s)),
        ("bench", record.bench_version.clone()),
        ("seed", record.seed.to_string()),
        (
            "plan",
            format!(
                "{}: {} of {}, {} of each target in each, {} an epoch after {} of warm-up a round",
                plan.effort,
                crate::figures::plural(u64::from(plan.rounds), "round", "rounds"),
                crate::figures::plural(u64::from(plan.blocks_per_round), "block", "blocks"),
                crate::figures::plural(u64::from(plan.epochs_per_block), "epoch", "epochs"),
                crate::figures::seconds(plan.epoch_s),
                warmup(plan),
            ),
        ),
        (
            "processor",
            format!(
                "{}, {}",
                environment.cpu_model,
                crate::figures::plural(u64::from(environment.cores), "core", "cores")
            ),
        ),
        ("servers on cores", cpus(&record.pinning.server_cpus)),
        ("generator on cores", cpus(&record.pinning.load_cpus)),
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
            "virtualization",
            environment
                .virtualization
                .clone()
                .unwrap_or_else(|| "none seen".to_owned()),
        ),
        ("SHA-256 of bench", environment.binary_sha256.clone()),
    ];
    if let Some(backend) = &record.backend {
        let late = maybe_time(backend.lateness_ns.p99);
        facts.push((
            "upstream backend",
            format!(
                "{} answered, 99 % of them at most {late} late",
                crate::figures::plural(backend.calls, "call", "calls")
            ),
        ));
    }
    let warmups = record.targets.iter().filter_map(warmed_up);
    facts.extend(warmups.map(|told| ("warm-up a round", told)));
    for target in &record.targets {
        let generator = &target.report.generator;
        let per_request = generator
            .cpu_us_per_request
            .map_or_else(|| NONE.to_owned(), |us| time(us * 1e3));
        let lag = maybe_time(target.report.send_lag_ns.p99);
        facts.push((
            "generator",
            format!(
                "against {}: {per_request} of CPU per request, {} of its cores ({} of that spinning), p99 of send lag {lag}",
                target.name,
                percent(generator.cpu_share),
                percent(generator.spin_share),
            ),
        ));
    }
    facts
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
    use bench_core::sample::run_record;

    #[test]
    fn every_row_has_a_cell_for_every_column_and_only_what_applies_has_one() {
        let mut record = run_record();
        let Targets { columns, rows } = targets(&record);
        assert_eq!((rows.len(), columns.len()), (2, ALWAYS.len()));
        assert!(rows.iter().all(|row| row.figures.len() == columns.len()));
        record.targets[1].server.rss_bytes_per_idle_connection = Some(5.5 * 1024.0);
        let Targets { columns, rows } = targets(&record);
        assert_eq!(columns.last(), Some(&"memory per idle connection"));
        let cells: Vec<_> = rows.iter().map(|row| row.figures.last().unwrap()).collect();
        assert_eq!(cells, ["–", "5.50 KiB"]);
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
            (row.name.as_str(), row.metric, row.epochs.as_str()),
            ("callback", "median response time", "20")
        );
        assert!(row.apart.starts_with('+'), "{}", row.apart);
    }
}
