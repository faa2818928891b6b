//! What figures mean, in words: one wording for the terminal, the HTML report and the Markdown summary.
//!
//! This module knows how a comparison is said. It must never decide one: verdicts, intervals and warnings are in the record.

use crate::words::failures;
use crate::words::terms;
use crate::words::warnings;
use analysis::aa::MIN_RUNS;
use analysis::compare::POWER;
use model::measured::clock::Clock;
use model::measured::receive::ReceiveTimes;
use model::measured::recording::EndedBy;
use model::measured::workload::WorkloadKind;
use model::record::aa::FalseAlarms;
use model::record::comparison::Comparison;
use model::record::detectable::DetectableRecord;
use model::record::load_report::{LoadRecord, LoadReport};
use model::record::metric::{Metric, Rank};
use model::record::run::{Completion, RunRecord};
use model::record::target::TargetRecord;
use model::record::verdict::ComparisonVerdict;
use model::spec::load::Connect;
use model::spec::scenario::ObjectiveRecord;
use model::words::listed;

use crate::words::figures::{
    count, figure, mib, per_s, percentile, plural, separated, time, times, whole_percent,
};

/// From this ratio on, and from its inverse down, people say `2.40×` rather than `140 % more`.
const TIMES_FROM: f64 = 2.0;

/// A comparison as a sentence: who, against whom, how much, how sure.
///
/// `coroutine used 18 % less server CPU per request than callback (95 % interval: 15 to 21 %).` Where no difference was
/// found it says how large a difference the run would have found.
pub fn sentence(comparison: &Comparison, workload: WorkloadKind) -> String {
    let Comparison {
        head, base, metric, ..
    } = comparison;
    match comparison.verdict {
        ComparisonVerdict::Faster
        | ComparisonVerdict::Slower
        | ComparisonVerdict::Less
        | ComparisonVerdict::More => {
            format!(
                "{} ({}).",
                claim(comparison, workload, name, ""),
                interval_phrase(comparison)
            )
        }
        ComparisonVerdict::Equivalent if comparison.slight().is_some() => format!(
            "{} ({}): a small but certain difference.",
            claim(comparison, workload, name, ""),
            interval_phrase(comparison)
        ),
        ComparisonVerdict::Equivalent => format!(
            "{head} and {base} are equivalent in {}: any difference is too small to matter ({}).",
            name(*metric, workload),
            interval_phrase(comparison)
        ),
        // A ratio of 1 outside the interval is a difference, only not one that the test or the margin lets pass.
        ComparisonVerdict::Inconclusive if comparison.leaves_equality_out() => {
            format!(
                "{} ({}), which is too small or too uncertain to call a difference.",
                claim(comparison, workload, name, "probably "),
                interval_phrase(comparison)
            )
        }
        ComparisonVerdict::Inconclusive => format!(
            "No difference in {} found between {head} and {base} ({}); this run could have detected {}.",
            name(*metric, workload),
            interval_phrase(comparison),
            detectable(comparison.smallest_detectable)
        ),
    }
}

/// The metrics that answer most questions: what is timed, throughput, CPU and memory. Service time is in the tables: where the
/// generator was not at fault it says what response time says.
pub(crate) fn reported(workload: WorkloadKind) -> impl Iterator<Item = Metric> {
    let is_shown = |metric: &Metric| {
        !matches!(
            metric,
            Metric::Time(Clock::ServiceTime, Rank::P50 | Rank::P99)
        )
    };
    Metric::with_optional(workload).filter(is_shown)
}

/// What failed, which comes first, and the comparisons that answer most questions. The record's table has the rest.
///
/// Two targets get a sentence a metric. More get one too, in which those with the same verdict stand together; a
/// sentence for each pair would bury what matters.
pub fn headlines(record: &RunRecord) -> Vec<String> {
    let workload = record.workload();
    let each = reported(workload).filter_map(|metric| match of(record, metric).as_slice() {
        [] => None,
        [one] => Some(sentence(one, workload)),
        many => Some(grouped(name, workload, &against(many[0]), many)),
    });
    failures::headlines(record)
        .into_iter()
        .chain(each)
        .collect()
}

/// The same where there is little room, and tables stand below: what differs, in a sentence each; then in one what is equal, and
/// in one what is not known.
pub fn verdicts(record: &RunRecord) -> Vec<String> {
    let workload = record.workload();
    let failed = failures::verdict(record);
    let of_each: Vec<Vec<&Comparison>> = reported(workload)
        .map(|metric| of(record, metric))
        .collect();
    if of_each.iter().any(|comparisons| comparisons.len() > 1) {
        return failed
            .into_iter()
            .chain(of_many(&of_each, workload))
            .collect();
    }
    let reported = || of_each.iter().flatten().copied();
    let differences = reported()
        .filter(|comparison| comparison.verdict.is_different())
        .map(|comparison| format!("{}.", claim(comparison, workload, short_name, "")));
    let alike = reported().filter(|comparison| !comparison.verdict.is_different());
    let lists = by_verdict(alike).into_iter().map(|(word, members)| {
        let named = members.iter().map(|member| {
            let name = short_name(member.metric, workload);
            // Of what is certain the reader wants to know how much, and of what is not, how much could have been seen.
            match (member.verdict, member.slight()) {
                (ComparisonVerdict::Inconclusive, _) => format!(
                    "{name} (detectable: {})",
                    detectable(member.smallest_detectable)
                ),
                (_, Some(_)) => format!("{name} ({})", change(member.ratio)),
                (_, None) => name,
            }
        });
        format!(
            "{}: {}.",
            capitalised(word),
            named.collect::<Vec<_>>().join(", ")
        )
    });
    failed.into_iter().chain(differences).chain(lists).collect()
}

/// What differs of many targets against the same base, a sentence a metric; then in one what is equivalent for all, and in one where
/// it is not known. The table has the figures.
///
/// `of_each`: the comparisons of each metric.
fn of_many(of_each: &[Vec<&Comparison>], workload: WorkloadKind) -> Vec<String> {
    let compared = || of_each.iter().filter(|comparisons| !comparisons.is_empty());
    let different = compared().filter_map(|comparisons| {
        let mut different = comparisons.clone();
        different.retain(|comparison| comparison.verdict.is_different());
        (!different.is_empty()).then_some(different)
    });
    let differences = different
        .map(|comparisons| grouped(short_name, workload, &against(comparisons[0]), &comparisons));
    let name = |comparison: &Comparison| short_name(comparison.metric, workload);
    let is = |comparison: &&&Comparison, verdict| comparison.verdict == verdict;
    let alike = compared().filter(|comparisons| {
        let mut all = comparisons.iter();
        all.all(|comparison| is(&comparison, ComparisonVerdict::Equivalent))
    });
    let alike: Vec<String> = alike.map(|comparisons| name(comparisons[0])).collect();
    let unknown = compared().filter_map(|comparisons| {
        let unknown = comparisons
            .iter()
            .filter(|comparison| is(comparison, ComparisonVerdict::Inconclusive));
        let heads: Vec<&str> = unknown.map(|comparison| comparison.head.as_str()).collect();
        (!heads.is_empty()).then(|| format!("{} of {}", name(comparisons[0]), listed(&heads)))
    });
    let unknown: Vec<String> = unknown.collect();
    let all = [("Equivalent for all", alike), ("Inconclusive", unknown)];
    let lists = all.into_iter().filter(|(_, named)| !named.is_empty());
    differences
        .chain(lists.map(|(word, named)| format!("{word}: {}.", named.join("; "))))
        .collect()
}

/// Comparisons by what their verdict is called, the plainest differences first.
fn by_verdict<'a>(
    comparisons: impl Iterator<Item = &'a Comparison>,
) -> Vec<(&'static str, Vec<&'a Comparison>)> {
    let mut sorted: Vec<&Comparison> = comparisons.collect();
    // Small but certain differences stand first among what is equivalent.
    sorted.sort_by_key(|comparison| {
        (
            comparison.verdict,
            comparison.slight().is_none(),
            comparison.slight(),
        )
    });
    let groups = sorted.chunk_by(|one, other| one.verdict == other.verdict);
    groups
        .map(|group| (group[0].verdict.name(), group.to_vec()))
        .collect()
}

fn of(record: &RunRecord, metric: Metric) -> Vec<&Comparison> {
    record
        .comparisons
        .iter()
        .filter(|comparison| comparison.metric == metric)
        .collect()
}

/// Against whom a comparison is, behind a metric's name.
fn against(comparison: &Comparison) -> String {
    format!(", against {}", comparison.base)
}

/// One metric of many targets against the same base: `Peak memory, against callback: less: a (−18 %); more: b (+22 %).`
///
/// `name`: what metrics are called, [`name`] or [`short_name`]. `against`: what follows the name.
fn grouped(
    name: fn(Metric, WorkloadKind) -> String,
    workload: WorkloadKind,
    against: &str,
    comparisons: &[&Comparison],
) -> String {
    let label = |member: &Comparison| format!("{} ({})", member.head, change(member.ratio));
    let groups = by_verdict_with(comparisons.iter().copied(), label);
    let name = capitalised(name(comparisons[0].metric, workload));
    format!("{name}{against}: {groups}.")
}

/// Comparisons by their verdicts: `less: a (−18 %); more: b (+22 %)`.
///
/// `label`: how each stands there.
pub(crate) fn by_verdict_with<'a>(
    comparisons: impl Iterator<Item = &'a Comparison>,
    label: impl Fn(&Comparison) -> String,
) -> String {
    let groups = by_verdict(comparisons).into_iter().map(|(word, members)| {
        let members: Vec<String> = members.iter().map(|member| label(member)).collect();
        format!("{word}: {}", members.join(", "))
    });
    groups.collect::<Vec<_>>().join("; ")
}

/// The same with a capital letter: what begins a sentence, or a title.
pub fn capitalised(words: impl AsRef<str>) -> String {
    let mut letters = words.as_ref().chars();
    letters
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
        .unwrap_or_default()
}

/// From when to when the times of a run count.
pub(crate) fn counted(workload: WorkloadKind) -> &'static str {
    match workload {
        WorkloadKind::Requests => {
            "response time, from the moment the schedule meant to send to the last byte"
        }
        WorkloadKind::Streams => {
            "first event time, from the moment the schedule meant to send to the first event of the stream"
        }
        WorkloadKind::Messages => {
            "delivery time, from the moment the schedule meant to send a message to the moment a member had it"
        }
    }
}

/// How much of an interrupted run is kept; nothing of one that went on to its end.
pub fn kept(record: &RunRecord) -> Option<String> {
    let of_aa = record.aa.iter().map(|aa| &aa.target);
    let targets = record.targets.iter().chain(of_aa);
    let measured: usize = targets.map(|target| target.epochs.len()).sum();
    let planned: usize = record.plan.order.iter().map(Vec::len).sum();
    (record.completion == Completion::Interrupted).then(|| {
        format!(
            "Interrupted: what was measured until then is kept, {} of {}.",
            count(measured as u64),
            plural(planned as u64, "sample", "samples")
        )
    })
}

/// The verdict on what measured no request that succeeded.
pub(crate) const NOTHING_MEASURED: &str = "Nothing was measured: no request succeeded.";

/// Whether the run measured all of its targets to its end, or to where it was interrupted.
pub fn is_believed(record: &RunRecord) -> bool {
    let is_measured = |target: &TargetRecord| {
        target.failure.is_none()
            && target.report.requests.ok > 0
            && target.report.validity.is_valid()
    };
    record.validity.is_valid() && record.targets.iter().all(is_measured)
}

/// Whether to believe a measurement, in a sentence.
fn believed(is_valid: bool, warnings: usize, is_nothing_measured: bool) -> String {
    match (is_valid, warnings) {
        _ if is_nothing_measured => NOTHING_MEASURED.to_owned(),
        (true, 0) => "The measurement is valid, and nothing speaks against it.".to_owned(),
        (true, _) => format!(
            "The measurement is valid, with {}.",
            plural(warnings as u64, "warning", "warnings")
        ),
        (false, _) => {
            "The measurement is not valid: its figures do not measure the targets.".to_owned()
        }
    }
}

/// Whether to believe a load, in a sentence.
pub fn belief_of_load(report: &LoadReport) -> String {
    let warnings = report.validity.warnings.len();
    believed(
        report.validity.is_valid(),
        warnings,
        report.requests.ok == 0,
    )
}

/// Whether to believe the run, and whether it is whole, in sentences.
pub fn belief(record: &RunRecord) -> String {
    let mut sentences = Vec::new();
    let noted = warnings::of_run(record).len();
    let is_nothing_measured = record
        .targets
        .iter()
        .all(|target| target.report.requests.ok == 0);
    sentences.push(believed(
        record.validity.is_valid(),
        noted,
        is_nothing_measured,
    ));
    for target in record
        .targets
        .iter()
        .filter(|target| !is_nothing_measured && !target.report.validity.is_valid())
    {
        sentences.push(format!("The figures of {} do not measure it.", target.name));
    }
    match record.completion {
        Completion::Complete => {}
        Completion::Interrupted => sentences
            .push("The run was interrupted: what was measured until then is shown.".to_owned()),
        Completion::TargetFailed => {
            sentences.push("A target failed: its figures end where it did.".to_owned());
        }
    }
    sentences.join(" ")
}

/// What was driven at the targets: `Open loop: 1,000 requests/s (poisson) on 256 connections, 24 s measured per target.`
///
/// `measured`: what stands behind the measured time.
pub fn load(load: &LoadRecord, measured: &str) -> String {
    let connections = connections(load);
    let measured = format!(
        "{} {measured}",
        crate::words::figures::seconds(load.duration_s)
    );
    match load.rate_per_s {
        Some(rate) => format!(
            "Open loop: {} requests/s ({}) on {connections}, {measured}.",
            figure(rate),
            load.arrival
        ),
        None => format!(
            "Closed loop: {connections}, each request sent once the one before was answered, {measured}."
        ),
    }
}

/// Whose clock said when replies arrived.
pub fn receive_clock(receive: &ReceiveTimes) -> String {
    const KERNEL: &str = "a reply ends when it arrives, by the kernel's clock";
    const USER: &str = "a reply ends when the load generator is woken for it, by its own clock";
    match (receive.kernel, receive.distrust) {
        (true, None) => KERNEL.to_owned(),
        (false, None) => USER.to_owned(),
        (false, Some(why)) => format!("{USER}: {}", why.sentence()),
        (true, Some(why)) => format!(
            "{KERNEL}, in some samples by the load generator's: {}",
            why.sentence()
        ),
    }
}

/// What carried the requests: `256 connections`, `up to 256 connections, one a request`, `100 connections beside 10,000
/// idle`.
pub fn connections(load: &LoadRecord) -> String {
    let connections = plural(u64::from(load.connections), "connection", "connections");
    let connections = match load.connect {
        Connect::Once => connections,
        Connect::PerRequest => format!("up to {connections}, one a request"),
    };
    match load.idle_connections {
        0 => connections,
        idle => format!("{connections} beside {} idle", count(u64::from(idle))),
    }
}

/// Why fewer requests were sent than were asked for, where that is so: `stopped by -d after 2 of 20 requests`.
pub fn ended_early(report: &LoadReport) -> Option<String> {
    let how = match report.ended_by? {
        EndedBy::Requests => return None,
        EndedBy::Duration => "stopped by -d",
        EndedBy::Interrupt => "interrupted",
    };
    let sent = count(report.requests.scheduled);
    match report.load.requests {
        Some(asked) => Some(format!(
            "{how} after {sent} of {}",
            plural(asked, "request", "requests")
        )),
        None if report.ended_by == Some(EndedBy::Interrupt) => {
            Some(format!("{how} after {:.3} s", report.load.duration_s))
        }
        None => None,
    }
}

/// Each objective of the scenario: who meets it, who misses it, and for whom it is not known.
pub fn objectives(record: &RunRecord) -> Vec<String> {
    record
        .scenario
        .objectives
        .iter()
        .map(|bound| objective(bound, record.workload(), &record.targets))
        .collect()
}

/// What a plan can detect, before it is measured, and what that is based on.
pub fn foresight(record: &DetectableRecord) -> String {
    let power = format!("four times in five ({} power)", whole_percent(POWER));
    if let Some(deviation) = record.assumed_deviation {
        let largest = record.metrics.values().copied().fold(0.0, f64::max);
        return format!(
            "this plan detects a difference of {} {power}, if blocks differ by {} as is assumed: there is no earlier run like it here",
            detectable(largest),
            share(deviation)
        );
    }
    let has_its_own = |workload: &WorkloadKind| {
        record
            .metrics
            .contains_key(Metric::of_workload(*workload)[0].name())
    };
    let workload = WorkloadKind::ALL
        .into_iter()
        .find(has_its_own)
        .unwrap_or_default();
    let own = Metric::of_workload(workload)[..2].iter().copied();
    let effects = own
        .chain([Metric::ServerCpuUsPerRequest])
        .filter_map(|metric| {
            let effect = record.metrics.get(metric.name())?;
            Some(format!(
                "{} in {}",
                detectable(*effect),
                name(metric, workload)
            ))
        });
    format!(
        "this plan detects a difference of {} {power}, as {} like it on this machine showed",
        listed(&effects.collect::<Vec<_>>()),
        plural(record.runs.len() as u64, "earlier run", "earlier runs")
    )
}

/// What came of comparing the first target with itself, in this run and on this machine so far; nothing where that was not
/// asked for.
pub fn aa(record: &RunRecord) -> Vec<String> {
    let Some(aa) = &record.aa else {
        return Vec::new();
    };
    let workload = record.workload();
    let first = record
        .targets
        .first()
        .map_or("", |target| target.name.as_str());
    let called: Vec<String> = aa
        .different()
        .map(|comparison| {
            format!(
                "{} ({})",
                name(comparison.metric, workload),
                change(comparison.ratio)
            )
        })
        .collect();
    let own = if aa.comparisons.is_empty() {
        format!("A/A: {first} could not be compared with itself.")
    } else if called.is_empty() {
        format!(
            "A/A: {first} against itself: no difference called in {}.",
            plural(aa.comparisons.len() as u64, "metric", "metrics")
        )
    } else {
        format!(
            "A/A: {first} against itself was called different in {}: a false alarm.",
            listed(&called)
        )
    };
    [own]
        .into_iter()
        .chain(aa.machine.as_ref().map(false_alarms))
        .collect()
}

/// How often targets were called different from themselves on this machine.
fn false_alarms(machine: &FalseAlarms) -> String {
    let counted = format!(
        "{} of {} on this machine called different",
        count(machine.different),
        plural(machine.runs, "A/A comparison", "A/A comparisons")
    );
    if machine.runs < MIN_RUNS {
        return format!("{counted}: fewer than {MIN_RUNS} are too few to tell how often.");
    }
    format!(
        "{counted}: {} (95 % interval: {:.1} to {:.1} %).",
        share(machine.different as f64 / machine.runs as f64),
        machine.share_low * 100.0,
        machine.share_high * 100.0
    )
}

fn objective(bound: &ObjectiveRecord, workload: WorkloadKind, targets: &[TargetRecord]) -> String {
    let (mut met, mut missed, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    let mut not_measured = Vec::new();
    for target in targets {
        // Whose fault a time is that does not measure the target can't be said.
        if !target.report.validity.is_valid() {
            not_measured.push(target.name.clone());
            continue;
        }
        match target
            .report
            .times(workload.clock())
            .named(&bound.percentile)
        {
            Some(found) if found <= bound.at_most_ns => {
                met.push(format!("{} ({})", target.name, time(found as f64)));
            }
            Some(found) => missed.push(format!("{} ({})", target.name, time(found as f64))),
            None => unknown.push(target.name.clone()),
        }
    }
    let want = format!("unknown (too few {}) of", terms::samples(workload));
    let groups = [
        ("met by", met),
        ("missed by", missed),
        (want.as_str(), unknown),
        (
            "unknown (not measured, see what makes it invalid) of",
            not_measured,
        ),
    ];
    let reported = groups.into_iter().filter(|(_, names)| !names.is_empty());
    let reported: Vec<String> = reported
        .map(|(fate, names)| format!("{fate} {}", names.join(", ")))
        .collect();
    let reported = if reported.is_empty() {
        "no target was measured against it".to_owned()
    } else {
        reported.join("; ")
    };
    format!(
        "{} over all {}: {reported}.",
        capitalised(objective_words(bound, workload)),
        terms::samples(workload)
    )
}

/// Whether a load keeps to an SLO, as a sentence without its stop, and as an answer; none where too few requests were timed.
pub fn slo_of_load(report: &LoadReport, slo: &ObjectiveRecord) -> (String, Option<bool>) {
    let found = report.times(report.workload.clock()).named(&slo.percentile);
    let met = found.map(|found| found <= slo.at_most_ns);
    let verdict = match (met, found) {
        (Some(true), Some(found)) => format!("met ({})", time(found as f64)),
        (_, Some(found)) => format!("missed ({})", time(found as f64)),
        (_, None) => format!("unknown: too few {}", terms::samples(report.workload)),
    };
    let bound = objective_words(slo, report.workload);
    (format!("{bound}: {verdict}"), met)
}

/// What a closed loop does not see.
pub const COORDINATED_OMISSION: &str = "Closed loop: while the server stalls no request is sent, so a stall counts once. Percentiles that \
                                        users would see take a rate (-R).";

/// `objective p99 ≤ 40.0 ms`, and of which time where it is not the response time.
pub fn objective_words(bound: &ObjectiveRecord, workload: WorkloadKind) -> String {
    let of = match workload {
        WorkloadKind::Requests => String::new(),
        WorkloadKind::Streams | WorkloadKind::Messages => format!(" of {}", terms::time(workload)),
    };
    format!(
        "SLO {}{of} ≤ {}",
        percentile(&bound.percentile),
        time(bound.at_most_ns as f64)
    )
}

/// The smallest difference that a run could have detected: a share as a percentage, to a tenth and never less than one.
pub fn detectable(share: f64) -> String {
    self::share(share.max(0.001))
}

/// A metric in a sentence; what throughput and cost are counted by follows from the workload.
pub fn name(metric: Metric, workload: WorkloadKind) -> String {
    match metric {
        Metric::Time(clock, Rank::P50) => format!("median {}", terms::clock(clock)),
        Metric::Time(clock, Rank::P99) => format!("99th percentile of {}", terms::clock(clock)),
        _ => short_name(metric, workload),
    }
}

/// The same where there is little room.
pub fn short_name(metric: Metric, workload: WorkloadKind) -> String {
    match metric {
        Metric::ServerCpuUsPerRequest => format!("server CPU per {}", terms::noun(workload)),
        _ => terms::metric(metric),
    }
}

/// A metric's value with its unit, from the unit that records keep it in.
pub fn value(metric: Metric, value: f64) -> String {
    match metric {
        Metric::Time(..) | Metric::RecoveryNs => time(value),
        Metric::ThroughputPerS | Metric::GoodputPerS => per_s(value),
        Metric::ServerCpuUsPerRequest => time(value * 1e3),
        Metric::ServerRssBytesMax => mib(value),
    }
}

/// A ratio as a change: `−18 %`, `+6.3 %`, `2.40×`.
pub fn change(ratio: f64) -> String {
    if in_times(ratio) {
        return times(ratio);
    }
    let percent = (ratio - 1.0) * 100.0;
    format!("{} %", signed(percent, decimals(percent)))
}

/// An interval of ratios as changes: `−21 to −15 %`, `2.10× to 2.70×`.
pub fn interval(low: f64, high: f64) -> String {
    if in_times(low) || in_times(high) {
        return format!("{} to {}", times(low), times(high));
    }
    let (low, high) = ((low - 1.0) * 100.0, (high - 1.0) * 100.0);
    let decimals = decimals_between(low, high);
    format!("{} to {} %", signed(low, decimals), signed(high, decimals))
}

/// A target's request accounting in a sentence: every request with its one fate.
pub fn accounting(target: &TargetRecord) -> String {
    let requests = &target.report.requests;
    let mut fates = vec![format!("{} succeeded", count(requests.ok))];
    let rest = [
        (requests.error, "wrong or lost"),
        (requests.timeout, "timed out"),
        (requests.unfinished, "unfinished at the end"),
    ];
    fates.extend(
        rest.iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, fate)| format!("{} {fate}", count(*number))),
    );
    let balance = if requests.balances() {
        ""
    } else {
        ", which does not add up: please report this as a bug"
    };
    format!(
        "{}: {} scheduled, {}{balance}.",
        target.name,
        plural(requests.scheduled, "request", "requests"),
        fates.join(", ")
    )
}

/// Who did what, how much more or less than whom.
///
/// `name`: what metrics are called, [`name`] or [`short_name`].
fn claim(
    comparison: &Comparison,
    workload: WorkloadKind,
    name: fn(Metric, WorkloadKind) -> String,
    hedge: &str,
) -> String {
    let Comparison {
        head,
        base,
        metric,
        ratio,
        ..
    } = comparison;
    let ratio = *ratio;
    let (more, large) = (ratio > 1.0, in_times(ratio));
    let amount = if large {
        times(ratio)
    } else {
        share((ratio - 1.0).abs())
    };
    let than = |more_word: &str, less_word: &str| {
        if more {
            more_word.to_owned()
        } else {
            less_word.to_owned()
        }
    };
    match metric {
        Metric::Time(..) => {
            let what = name(*metric, workload);
            if large {
                format!("The {what} of {head} was {hedge}{amount} that of {base}")
            } else {
                format!(
                    "The {what} of {head} was {hedge}{amount} {} than that of {base}",
                    than("longer", "shorter")
                )
            }
        }
        Metric::ThroughputPerS => said(
            head,
            hedge,
            match workload {
                WorkloadKind::Requests => "answered",
                WorkloadKind::Streams => "served",
                WorkloadKind::Messages => "delivered",
            },
            &amount,
            large,
            &than("more", "fewer"),
            "as many",
            &format!("{}s a second", terms::noun(workload)),
            base,
        ),
        Metric::ServerCpuUsPerRequest => said(
            head,
            hedge,
            "used",
            &amount,
            large,
            &than("more", "less"),
            "as much",
            &name(*metric, workload),
            base,
        ),
        Metric::GoodputPerS => said(
            head,
            hedge,
            "answered",
            &amount,
            large,
            &than("more", "fewer"),
            "as many",
            &format!("{}s in time a second", terms::noun(workload)),
            base,
        ),
        Metric::RecoveryNs => said(
            head,
            hedge,
            "took",
            &amount,
            large,
            &than("longer", "shorter"),
            "as long",
            "to recover",
            base,
        ),
        Metric::ServerRssBytesMax => said(
            head,
            hedge,
            "used",
            &amount,
            large,
            &than("more", "less"),
            "as much",
            "memory at its peak",
            base,
        ),
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "the parts of one sentence, in its order"
)]
fn said(
    head: &str,
    hedge: &str,
    verb: &str,
    amount: &str,
    times: bool,
    more: &str,
    as_much: &str,
    what: &str,
    base: &str,
) -> String {
    if times {
        format!("{head} {hedge}{verb} {amount} {as_much} {what} as {base}")
    } else {
        format!("{head} {hedge}{verb} {amount} {more} {what} than {base}")
    }
}

/// `95 % interval: 15 to 21 %`. Signs are left out where both ends go the way that the sentence has said already.
fn interval_phrase(comparison: &Comparison) -> String {
    let Comparison {
        ratio,
        ci_low,
        ci_high,
        verdict,
        ..
    } = *comparison;
    let one_way = (ci_low > 1.0 && ratio > 1.0) || (ci_high < 1.0 && ratio < 1.0);
    let is_claimed = verdict != ComparisonVerdict::Equivalent || comparison.slight().is_some();
    let spoken = is_claimed && one_way && ![ratio, ci_low, ci_high].into_iter().any(in_times);
    if !spoken {
        return format!("95 % interval: {}", interval(ci_low, ci_high));
    }
    let (near, far) = if ratio > 1.0 {
        (ci_low - 1.0, ci_high - 1.0)
    } else {
        (1.0 - ci_high, 1.0 - ci_low)
    };
    let (near, far) = (near * 100.0, far * 100.0);
    let decimals = decimals_between(near, far);
    format!(
        "95 % interval: {} to {} %",
        separated(near, decimals),
        separated(far, decimals)
    )
}

fn in_times(ratio: f64) -> bool {
    ratio >= TIMES_FROM
}

/// A share as a percentage with the precision that an estimate deserves: `0.4 %`, `6.3 %`, `18 %`.
fn share(share: f64) -> String {
    let percent = share * 100.0;
    format!("{} %", separated(percent, decimals(percent)))
}

/// A number to three significant digits, with its sign.
pub(crate) fn signed_figure(value: f64) -> String {
    let sign = if value > 0.0 { "+" } else { "" };
    format!("{sign}{}", figure(value))
}

/// A number with its sign, unless it is written as zero.
fn signed(value: f64, decimals: usize) -> String {
    let written = separated(value, decimals);
    let sign = if value > 0.0 && written.chars().any(|c| matches!(c, '1'..='9')) {
        "+"
    } else {
        ""
    };
    format!("{sign}{written}")
}

fn decimals(percent: f64) -> usize {
    usize::from(percent.abs() < 9.95)
}

/// Both ends of an interval are written alike, and finely enough to differ where the interval is narrow.
fn decimals_between(low: f64, high: f64) -> usize {
    decimals(low.abs().max(high.abs())).max(usize::from((high - low).abs() < 2.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::record::aa::AaRecord;
    use samples::run_record;

    #[test]
    fn what_a_plan_detects_is_reported_with_what_that_is_based_on() {
        let effects = [0.0513, 0.1, 0.021].into_iter();
        let names = [
            "response_time_ns_p50",
            "response_time_ns_p99",
            "server_cpu_us_per_request",
        ];
        let mut record = DetectableRecord {
            runs: vec!["a".to_owned(), "b".to_owned()],
            assumed_deviation: None,
            metrics: names.map(str::to_owned).into_iter().zip(effects).collect(),
        };
        assert_eq!(
            foresight(&record),
            "this plan detects a difference of 5.1 % in median response time, 10 % in 99th percentile of response time and \
             2.1 % in server CPU per request four times in five (80 % power), as 2 earlier runs like it on this machine showed"
        );
        record.metrics.remove("response_time_ns_p99");
        assert!(foresight(&record).contains("response time and 2.1 %"));
        record = DetectableRecord {
            runs: Vec::new(),
            assumed_deviation: Some(0.05),
            ..record
        };
        assert_eq!(
            foresight(&record),
            "this plan detects a difference of 5.1 % four times in five (80 % power), if blocks differ by 5.0 % as is assumed: \
             there is no earlier run like it here"
        );
    }

    #[test]
    fn a_target_against_itself_is_distinguished_from_all_comparisons() {
        let mut record = run_record();
        assert!(aa(&record).is_empty());
        let headlines_before = headlines(&record);
        let mut comparisons = record.comparisons.clone();
        for comparison in &mut comparisons {
            comparison.verdict = ComparisonVerdict::Inconclusive;
        }
        let of_machine = |different, runs| FalseAlarms {
            runs,
            different,
            share_low: 0.00596,
            share_high: 0.16533,
        };
        let mut check = |comparisons: &[Comparison], machine, expected: &[&str]| {
            record.aa = Some(AaRecord {
                target: record.targets[0].clone(),
                comparisons: comparisons.to_vec(),
                machine,
            });
            assert_eq!(aa(&record), expected);
            assert_eq!(headlines(&record), headlines_before);
        };
        check(
            &[],
            None,
            &["A/A: callback could not be compared with itself."],
        );
        check(
            &comparisons,
            Some(of_machine(2, 41)),
            &[
                "A/A: callback against itself: no difference called in 7 metrics.",
                "2 of 41 A/A comparisons on this machine called different: 4.9 % (95 % interval: 0.6 to 16.5 %).",
            ],
        );
        comparisons[0].verdict = ComparisonVerdict::Slower;
        comparisons[0].ratio = 1.08;
        check(
            &comparisons,
            Some(of_machine(1, 1)),
            &[
                "A/A: callback against itself was called different in median response time (+8.0 %): a false alarm.",
                "1 of 1 A/A comparison on this machine called different: fewer than 20 are too few to tell how often.",
            ],
        );
    }

    fn comparison(
        metric: Metric,
        [ratio, ci_low, ci_high]: [f64; 3],
        verdict: ComparisonVerdict,
    ) -> Comparison {
        Comparison {
            metric,
            base: "callback".to_owned(),
            head: "coroutine".to_owned(),
            ratio,
            ci_low,
            ci_high,
            p_value: 0.01,
            smallest_detectable: 0.06,
            verdict,
            blocks: 10,
            cliffs_delta: None,
        }
    }

    fn check(metric: Metric, ratios: [f64; 3], verdict: ComparisonVerdict, text: &str) {
        check_of(WorkloadKind::Requests, metric, ratios, verdict, text);
    }

    fn check_of(
        workload: WorkloadKind,
        metric: Metric,
        ratios: [f64; 3],
        verdict: ComparisonVerdict,
        text: &str,
    ) {
        assert_eq!(
            sentence(&comparison(metric, ratios, verdict), workload),
            text
        );
    }

    #[test]
    fn a_difference_names_who_and_how_much() {
        check(
            Metric::ServerCpuUsPerRequest,
            [0.82, 0.79, 0.85],
            ComparisonVerdict::Less,
            "coroutine used 18 % less server CPU per request than callback (95 % interval: 15 to 21 %).",
        );
        check(
            Metric::RESPONSE_TIME_P99,
            [1.083, 1.061, 1.1],
            ComparisonVerdict::Slower,
            "The 99th percentile of response time of coroutine was 8.3 % longer than that of callback (95 % interval: 6 to 10 %).",
        );
        check(
            Metric::ThroughputPerS,
            [1.2, 1.1, 1.3],
            ComparisonVerdict::Faster,
            "coroutine answered 20 % more requests a second than callback (95 % interval: 10 to 30 %).",
        );
    }

    #[test]
    fn a_slight_difference_is_reported_with_why_it_is_no_more() {
        check(
            Metric::RESPONSE_TIME_P50,
            [1.03, 1.029, 1.031],
            ComparisonVerdict::Equivalent,
            "The median response time of coroutine was 3.0 % longer than that of callback (95 % interval: 2.9 to 3.1 %): \
             a small but certain difference.",
        );
        check(
            Metric::ServerRssBytesMax,
            [0.98, 0.97, 0.985],
            ComparisonVerdict::Equivalent,
            "coroutine used 2.0 % less memory at its peak than callback (95 % interval: 1.5 to 3.0 %): \
             a small but certain difference.",
        );
    }

    #[test]
    fn streams_are_reported_of_as_streams() {
        check_of(
            WorkloadKind::Streams,
            Metric::Time(Clock::FirstEventTime, Rank::P50),
            [0.82, 0.79, 0.85],
            ComparisonVerdict::Faster,
            "The median first event time of coroutine was 18 % shorter than that of callback (95 % interval: 15 to 21 %).",
        );
        check_of(
            WorkloadKind::Streams,
            Metric::Time(Clock::EventGapLateness, Rank::P99),
            [2.4, 2.1, 2.7],
            ComparisonVerdict::Slower,
            "The 99th percentile of event gap lateness of coroutine was 2.40× that of callback (95 % interval: 2.10× to 2.70×).",
        );
        check_of(
            WorkloadKind::Streams,
            Metric::ThroughputPerS,
            [1.2, 1.1, 1.3],
            ComparisonVerdict::Faster,
            "coroutine served 20 % more streams a second than callback (95 % interval: 10 to 30 %).",
        );
        check_of(
            WorkloadKind::Streams,
            Metric::ServerCpuUsPerRequest,
            [0.82, 0.79, 0.85],
            ComparisonVerdict::Less,
            "coroutine used 18 % less server CPU per stream than callback (95 % interval: 15 to 21 %).",
        );
    }

    #[test]
    fn a_chat_is_reported_of_by_its_messages() {
        check_of(
            WorkloadKind::Messages,
            Metric::Time(Clock::DeliveryTime, Rank::P99),
            [1.083, 1.061, 1.1],
            ComparisonVerdict::Slower,
            "The 99th percentile of delivery time of coroutine was 8.3 % longer than that of callback (95 % interval: 6 to 10 %).",
        );
        check_of(
            WorkloadKind::Messages,
            Metric::ThroughputPerS,
            [1.2, 1.1, 1.3],
            ComparisonVerdict::Faster,
            "coroutine delivered 20 % more messages a second than callback (95 % interval: 10 to 30 %).",
        );
    }

    #[test]
    fn a_screen_tells_differences_one_by_one_and_the_rest_in_a_list() {
        let mut record = run_record();
        let with = |metric, ratio, verdict| comparison(metric, [ratio, ratio, ratio], verdict);
        record.comparisons = vec![
            with(Metric::ServerRssBytesMax, 0.5, ComparisonVerdict::Less),
            with(
                Metric::RESPONSE_TIME_P50,
                1.0,
                ComparisonVerdict::Equivalent,
            ),
            with(
                Metric::RESPONSE_TIME_P99,
                1.1,
                ComparisonVerdict::Inconclusive,
            ),
            with(
                Metric::Time(Clock::ServiceTime, Rank::P50),
                1.3,
                ComparisonVerdict::Slower,
            ),
            with(Metric::ThroughputPerS, 1.0, ComparisonVerdict::Equivalent),
            with(Metric::ServerCpuUsPerRequest, 1.2, ComparisonVerdict::More),
        ];
        assert_eq!(
            verdicts(&record),
            [
                "coroutine used 20 % more server CPU per request than callback.",
                "coroutine used 50 % less memory at its peak than callback.",
                "Equivalent: response time p50, throughput.",
                "Inconclusive: response time p99 (detectable: 6.0 %).",
            ]
        );
        // What is certain and within the margin is neither.
        record.comparisons[1].ratio = 1.03;
        (record.comparisons[1].ci_low, record.comparisons[1].ci_high) = (1.02, 1.04);
        assert_eq!(
            verdicts(&record)[2..],
            [
                "Equivalent: response time p50 (+3.0 %), throughput.",
                "Inconclusive: response time p99 (detectable: 6.0 %).",
            ]
        );
        record.comparisons.clear();
        assert!(verdicts(&record).is_empty());
    }

    #[test]
    fn an_objective_of_streams_bounds_the_first_event() {
        let mut record = samples::stream_record();
        record.targets.truncate(1);
        record.scenario.objectives = vec![ObjectiveRecord {
            percentile: "p99".to_owned(),
            at_most_ns: 100_000_000,
        }];
        let reported = objectives(&record);
        assert!(
            reported[0].starts_with(
                "SLO p99 of first event time ≤ 100 ms over all streams: met by callback ("
            ),
            "{}",
            reported[0]
        );
    }

    #[test]
    fn large_ratios_are_said_in_times() {
        check(
            Metric::ServerRssBytesMax,
            [2.4, 2.1, 2.7],
            ComparisonVerdict::More,
            "coroutine used 2.40× as much memory at its peak as callback (95 % interval: 2.10× to 2.70×).",
        );
        check(
            Metric::RESPONSE_TIME_P50,
            [2.2, 1.9, 2.5],
            ComparisonVerdict::Slower,
            "The median response time of coroutine was 2.20× that of callback (95 % interval: 1.90× to 2.50×).",
        );
    }

    #[test]
    fn no_difference_says_what_could_have_been_found() {
        check(
            Metric::RESPONSE_TIME_P99,
            [1.02, 0.96, 1.09],
            ComparisonVerdict::Inconclusive,
            "No difference in 99th percentile of response time found between coroutine and callback (95 % interval: −4.0 to +9.0 %); \
             this run could have detected 6.0 %.",
        );
        check(
            Metric::ThroughputPerS,
            [1.001, 0.998, 1.004],
            ComparisonVerdict::Equivalent,
            "coroutine and callback are equivalent in throughput: any difference is too small to matter \
             (95 % interval: −0.2 to +0.4 %).",
        );
    }

    #[test]
    fn a_difference_within_the_margin_is_not_called_none() {
        check(
            Metric::ServerCpuUsPerRequest,
            [1.06, 1.03, 1.09],
            ComparisonVerdict::Inconclusive,
            "coroutine probably used 6.0 % more server CPU per request than callback (95 % interval: 3.0 to 9.0 %), which is too small \
             or too uncertain to call a difference.",
        );
    }

    #[test]
    fn changes_carry_their_sign() {
        let cases = [
            (0.82, "−18 %"),
            (1.063, "+6.3 %"),
            (1.0, "0.0 %"),
            (1.0001, "0.0 %"),
            (3.456, "3.46×"),
            (0.1, "−90 %"),
        ];
        for (ratio, text) in cases {
            assert_eq!(change(ratio), text, "{ratio}");
        }
        assert_eq!(
            (detectable(0.0), detectable(0.063)),
            ("0.1 %".to_owned(), "6.3 %".to_owned())
        );
    }

    #[test]
    fn many_targets_share_a_sentence_a_metric() {
        let mut record = run_record();
        assert!(
            headlines(&record)[3].starts_with("coroutine used "),
            "{}",
            headlines(&record)[3]
        );
        let with = |head: &str, ratio, verdict| Comparison {
            head: head.to_owned(),
            ..comparison(Metric::ServerRssBytesMax, [ratio, ratio, ratio], verdict)
        };
        record.comparisons = vec![
            with("a", 2.5, ComparisonVerdict::More),
            with("b", 0.8, ComparisonVerdict::Less),
            with("c", 1.3, ComparisonVerdict::More),
            with("d", 1.01, ComparisonVerdict::Inconclusive),
        ];
        assert_eq!(
            headlines(&record),
            [
                "Peak memory, against callback: less: b (−20 %); more: a (2.50×), c (+30 %); inconclusive: d (+1.0 %)."
            ]
        );
    }

    #[test]
    fn an_objective_is_met_missed_or_unknown() {
        let mut record = run_record();
        record.targets.truncate(1);
        let objective = |percentile: &str, at_most_ns| model::spec::scenario::ObjectiveRecord {
            percentile: percentile.to_owned(),
            at_most_ns,
        };
        record.scenario.objectives = vec![
            objective("p50", 1_000_000_000),
            objective("p50", 1_000),
            objective("p99_99", 1_000),
        ];
        record.targets[0]
            .report
            .times_ns
            .get_mut(&Clock::ResponseTime)
            .unwrap()
            .p99_99 = None;
        let reported = objectives(&record);
        assert!(
            reported[0].starts_with("SLO p50 ≤ 1.00 s over all requests: met by callback ("),
            "{}",
            reported[0]
        );
        assert!(
            reported[1].starts_with("SLO p50 ≤ 1.00 µs over all requests: missed by callback ("),
            "{}",
            reported[1]
        );
        assert_eq!(
            reported[2],
            "SLO p99.99 ≤ 1.00 µs over all requests: unknown (too few requests) of callback."
        );
        record.targets.clear();
        assert_eq!(
            objectives(&record)[0],
            "SLO p50 ≤ 1.00 s over all requests: no target was measured against it."
        );
    }

    #[test]
    fn an_accounting_names_only_the_fates_that_occurred() {
        let mut record = run_record();
        let target = &mut record.targets[0];
        target.report.requests = model::measured::accounting::Accounting {
            scheduled: 1_000,
            ok: 990,
            error: 0,
            timeout: 4,
            unfinished: 6,
        };
        assert_eq!(
            accounting(target),
            "callback: 1,000 requests scheduled, 990 succeeded, 4 timed out, 6 unfinished at the end."
        );
        target.report.requests.ok = 1;
        assert!(accounting(target).contains("does not add up"));
    }
}
