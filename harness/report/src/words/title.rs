//! What was found, in a line: the title of a page, for somebody who reads nothing else of it.
//!
//! It knows which of a record's verdicts come first. It must never decide one, nor name a difference that the record does not
//! call certain.

use analysis::compare::{block_values, geometric_mean};
use model::measured::workload::WorkloadKind;
use model::record::comparison::Comparison;
use model::record::load_report::{LoadRecord, LoadReport};
use model::record::metric::{Metric, Rank};
use model::record::run::RunRecord;
use model::record::sweep::knee::Known;
use model::record::sweep::whole::{SweepRecord, TargetResult};
use model::record::target::TargetRecord;
use model::record::verdict::ComparisonVerdict;
use model::words::listed;

use crate::words::figures::{per_s, plural, time, times};
use crate::words::{failures, sentences, terms};

/// Figures of a title about one target.
const FIGURES_MAX: usize = 3;
/// Of more targets than this a sweep's title names the first and the last.
const NAMED_MAX: usize = 3;

/// What a run found: `fastapi's p99 is 1.75× node's at 1,000 requests/s; CPU 2.17×, memory 0.483×`.
///
/// Of two targets it is every certain difference, of more the smallest and the largest of each metric, and of one its figures. What
/// makes a run unusable comes in its place.
pub fn of_run(record: &RunRecord) -> String {
    let named = |is: fn(&TargetRecord) -> bool| -> Vec<&str> {
        let targets = record.targets.iter().filter(|target| is(target));
        targets.map(|target| target.name.as_str()).collect()
    };
    let failed = named(|target| target.failure.is_some());
    let unmeasured = named(|target| !target.report.validity.is_valid());
    if !failed.is_empty() {
        return format!("{} failed before the end of the run", listed(&failed));
    }
    if named(|target| target.report.requests.ok > 0).is_empty() {
        return sentences::NOTHING_MEASURED.trim_end_matches('.').to_owned();
    }
    if !record.validity.is_valid() {
        return "The measurement is not valid".to_owned();
    }
    if !unmeasured.is_empty() {
        return format!("The measurement of {} is not valid", listed(&unmeasured));
    }
    match record.targets.as_slice() {
        [target] => of_one(target, &metrics(record)),
        [_, _] => of_two(record),
        _ => of_many(record),
    }
}

/// The metrics of a run, with what was asked first: the tail of what is timed, or throughput where nothing limits it.
fn metrics(record: &RunRecord) -> Vec<Metric> {
    let own = record.workload().clock();
    let is_closed = rate(record).is_none();
    let mut metrics: Vec<Metric> = sentences::reported(record.workload()).collect();
    metrics.sort_by_key(|metric| match metric {
        // Who asks for goodput asks for nothing else first.
        Metric::GoodputPerS | Metric::RecoveryNs => 0,
        Metric::ThroughputPerS if is_closed => 0,
        Metric::Time(clock, Rank::P99) if *clock == own => 1,
        Metric::Time(clock, _) if *clock == own => 2,
        _ => 3,
    });
    metrics
}

fn rate(record: &RunRecord) -> Option<f64> {
    record.targets.first()?.report.load.rate_per_s
}

/// What a load found: `p99 15.8 ms, p50 15.2 ms at 1,000 requests/s`.
pub fn of_load(report: &LoadReport) -> String {
    if report.requests.ok == 0 {
        return sentences::NOTHING_MEASURED.trim_end_matches('.').to_owned();
    }
    if !report.validity.is_valid() {
        return "The measurement is not valid".to_owned();
    }
    let times = report.times(report.workload.clock());
    let rate = report
        .load
        .rate_per_s
        .is_none()
        .then_some(report.throughput_per_s);
    let figures = [
        rate.map(per_s),
        times.p99.map(|ns| format!("p99 {}", time(ns as f64))),
        times.p50.map(|ns| format!("p50 {}", time(ns as f64))),
    ];
    let figures: Vec<String> = figures.into_iter().flatten().collect();
    format!("{} {}", figures.join(", "), under(&report.load))
}

/// Under which load: `at 1,000 requests/s`, `on 64 connections`.
pub(super) fn under(load: &LoadRecord) -> String {
    match load.rate_per_s {
        Some(rate) => format!("at {}", per_s(rate).replace("/s", " requests/s")),
        None => format!("on {}", sentences::connections(load)),
    }
}

/// A metric without its unit; a percentile is of response time where nothing else is said.
fn name(metric: Metric, workload: WorkloadKind) -> String {
    match metric {
        Metric::ServerCpuUsPerRequest => "CPU".to_owned(),
        Metric::ServerRssBytesMax => "memory".to_owned(),
        Metric::Time(clock, rank) if clock == WorkloadKind::Requests.clock() => match rank {
            Rank::P50 => "p50".to_owned(),
            Rank::P99 => "p99".to_owned(),
        },
        _ => sentences::short_name(metric, workload),
    }
}

fn of_one(target: &TargetRecord, metrics: &[Metric]) -> String {
    let workload = target.report.workload;
    let figures = metrics.iter().filter_map(|&metric| {
        let value = geometric_mean(&block_values(&target.epochs, metric))?;
        let figure = sentences::value(metric, value);
        Some(format!("{} {figure}", name(metric, workload)))
    });
    let figures: Vec<String> = figures.take(FIGURES_MAX).collect();
    format!(
        "{} {}: {}",
        target.name,
        under(&target.report.load),
        figures.join(", ")
    )
}

fn of_two(record: &RunRecord) -> String {
    let workload = record.workload();
    let [one, other] = record.targets.as_slice() else {
        unreachable!("it is asked of two targets");
    };
    let of = |metric| {
        record
            .comparisons
            .iter()
            .find(move |each| each.metric == metric)
    };
    let order = metrics(record);
    let compared: Vec<&Comparison> = order.iter().filter_map(|&metric| of(metric)).collect();
    let mut found = Vec::from_iter(failed_more(record));
    let mut different = compared.iter().filter(|each| each.verdict.is_different());
    if let Some(first) = different.next() {
        let Comparison { head, base, .. } = first;
        found.push(format!(
            "{head}'s {} is {} {base}'s {}",
            name(first.metric, workload),
            times(first.ratio),
            under(&one.report.load)
        ));
        let mut further: Vec<String> = different
            .map(|each| format!("{} {}", name(each.metric, workload), times(each.ratio)))
            .collect();
        // That the cost differs says nothing of what was asked first.
        let asked = compared[0];
        if !asked.verdict.is_different() {
            let verdict = asked.verdict.name();
            further.push(format!("{} {verdict}", name(asked.metric, workload)));
        }
        found.extend((!further.is_empty()).then(|| further.join(", ")));
    } else if found.is_empty() {
        let both = format!("{} and {}", one.name, other.name);
        let is_equivalent = |each: &&Comparison| each.verdict == ComparisonVerdict::Equivalent;
        found.push(match compared.as_slice() {
            [] => format!("{both} could not be compared"),
            all if all.iter().all(is_equivalent) => {
                format!("{both} are equivalent {}", under(&one.report.load))
            }
            _ => format!(
                "No certain difference between {both} {}",
                under(&one.report.load)
            ),
        });
    }
    found.join("; ")
}

fn of_many(record: &RunRecord) -> String {
    let workload = record.workload();
    let load = under(&record.targets[0].report.load);
    let count = record.targets.len() as u64;
    let Some(Comparison { base, .. }) = record.comparisons.first() else {
        return format!(
            "{}, none compared, {load}",
            plural(count, "target", "targets")
        );
    };
    let found = metrics(record).into_iter().filter_map(|metric| {
        let found = extremes(record, metric)?;
        Some(format!("{} {found}", name(metric, workload)))
    });
    let found: Vec<String> = failed_more(record).into_iter().chain(found).collect();
    if found.is_empty() {
        return format!("No certain difference from {base} among {count} targets {load}");
    }
    format!("Against {base} {load}: {}", found.join("; "))
}

/// The smallest and the largest certain difference in a metric, as ratios with their targets.
fn extremes(record: &RunRecord, metric: Metric) -> Option<String> {
    let mut different: Vec<&Comparison> = record
        .comparisons
        .iter()
        .filter(|each| each.metric == metric && each.verdict.is_different())
        .collect();
    different.sort_by(|one, other| one.ratio.total_cmp(&other.ratio));
    let named = |each: &Comparison| format!("{} ({})", times(each.ratio), each.head);
    match different.as_slice() {
        [] => None,
        [one] => Some(named(one)),
        [low, .., high] | [low, high] if low.ratio < 1.0 && high.ratio > 1.0 => {
            Some(format!("{} to {}", named(low), named(high)))
        }
        [low, ..] if low.ratio < 1.0 => Some(format!("down to {}", named(low))),
        [.., high] => Some(format!("up to {}", named(high))),
    }
}

/// Who failed more requests than the target compared against.
fn failed_more(record: &RunRecord) -> Option<String> {
    let worse = record.error_comparisons.iter();
    let worse = worse.filter(|each| each.verdict.is_different());
    let share = |name: &str| {
        let target = record.targets.iter().find(|target| target.name == name)?;
        Some(match &target.report.error_share {
            share if share.failed == 0 => format!("{name} none"),
            share => format!("{name} {}", failures::percent(share.share)),
        })
    };
    let mut shares: Vec<String> = worse.clone().filter_map(|each| share(&each.head)).collect();
    let base = worse.clone().next()?;
    shares.extend(share(&base.base));
    Some(format!(
        "failed {}s: {}",
        terms::noun(record.workload()),
        shares.join(", ")
    ))
}

/// What a sweep found: `coroutine sustains 0.958× callback's load within the SLO: 22,497/s against 23,493/s`.
pub fn of_sweep(record: &SweepRecord) -> String {
    let failed = record
        .results
        .iter()
        .filter(|result| result.failure.is_some());
    let failed: Vec<&str> = failed.map(|result| result.target.as_str()).collect();
    if !failed.is_empty() {
        return format!("{} failed before the end of the sweep", listed(&failed));
    }
    if !record.validity.is_valid() {
        return "The sweep is not valid".to_owned();
    }
    let mut known: Vec<&TargetResult> = record
        .results
        .iter()
        .filter(|result| result.knee.rate_per_s.is_some())
        .collect();
    if let ([base, head], [compared]) = (known.as_slice(), record.comparisons.as_slice()) {
        let (of_base, of_head) = (knee(base), knee(head));
        let both = format!("{} and {}", compared.base, compared.head);
        return match compared.verdict {
            verdict if verdict.is_different() => format!(
                "{} sustains {} {}'s load within the SLO: {of_head} against {of_base}",
                compared.head,
                times(compared.ratio),
                compared.base
            ),
            ComparisonVerdict::Equivalent => {
                format!("{both} sustain an equivalent load within the SLO: {of_base} and {of_head}")
            }
            _ => format!(
                "No certain difference in the load that {both} sustain within the SLO: {of_base} and {of_head}"
            ),
        };
    }
    known.sort_by(|one, other| {
        other
            .knee
            .rate_per_s
            .partial_cmp(&one.knee.rate_per_s)
            .expect("a rate is a number")
    });
    let each = |result: &&TargetResult| format!("{} {}", result.target, knee(result));
    match known.as_slice() {
        [] => "How much load is sustained is not known".to_owned(),
        few if few.len() <= NAMED_MAX => {
            let few: Vec<String> = few.iter().map(each).collect();
            format!("Sustained within the SLO: {}", listed(&few))
        }
        [most, .., least] => format!(
            "Of {} targets {} sustains most within the SLO, {}, and {} least, {}",
            known.len(),
            most.target,
            knee(most),
            least.target,
            knee(least)
        ),
        [_] => unreachable!("one is few"),
    }
}

fn knee(result: &TargetResult) -> String {
    let rate = result.knee.rate_per_s.map_or_else(String::new, per_s);
    match result.knee.known {
        Known::AtLeast => format!("at least {rate}"),
        Known::Below => format!("less than {rate}"),
        Known::Found | Known::Unknown => rate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::record::errors::ErrorComparison;
    use model::record::target::Failure;
    use model::record::warning::{Fact, Validity, Warning};

    /// A metric, its ratio and the verdict on it.
    type Came = (&'static str, f64, ComparisonVerdict);

    /// Two targets whose comparisons came out like this; of each metric that is not named nothing is known.
    fn two(compared: &[Came]) -> RunRecord {
        let mut record = samples::run_record();
        let like = record.comparisons[0].clone();
        let of = |&(name, ratio, verdict): &Came| Comparison {
            metric: Metric::of_workload(WorkloadKind::Requests)
                .iter()
                .copied()
                .find(|metric| metric.name() == name)
                .unwrap(),
            ratio,
            verdict,
            ..like.clone()
        };
        record.comparisons = compared.iter().map(of).collect();
        record
    }

    fn invalid() -> Validity {
        Validity::of(vec![Warning {
            voids: true,
            ..Warning::note(Fact::StealTime { share: 0.5 })
        }])
    }

    const P50: &str = "response_time_ns_p50";
    const P99: &str = "response_time_ns_p99";
    const CPU: &str = "server_cpu_us_per_request";
    const THROUGHPUT: &str = "throughput_per_s";

    #[test]
    fn of_two_targets_every_certain_difference_is_named_the_tail_first() {
        use ComparisonVerdict::{Equivalent, Faster, Inconclusive, More, Slower};
        let cases: [(&[Came], &str); 7] = [
            (
                &[(P50, 1.2, Slower), (P99, 1.9, Slower), (CPU, 1.2, More)],
                "coroutine's p99 is 1.90× callback's at 1,000 requests/s; p50 1.20×, CPU 1.20×",
            ),
            (
                &[(P99, 0.5, Faster), (P50, 0.98, Equivalent)],
                "coroutine's p99 is 0.500× callback's at 1,000 requests/s",
            ),
            (
                &[(P99, 1.01, Equivalent), (CPU, 1.2, More)],
                "coroutine's CPU is 1.20× callback's at 1,000 requests/s; p99 equivalent",
            ),
            (
                &[(P99, 1.3, Inconclusive), (CPU, 1.2, More)],
                "coroutine's CPU is 1.20× callback's at 1,000 requests/s; p99 inconclusive",
            ),
            (
                &[(P50, 1.0, Equivalent), (P99, 1.01, Equivalent)],
                "callback and coroutine are equivalent at 1,000 requests/s",
            ),
            (
                &[(P50, 1.0, Equivalent), (P99, 1.3, Inconclusive)],
                "No certain difference between callback and coroutine at 1,000 requests/s",
            ),
            (&[], "callback and coroutine could not be compared"),
        ];
        for (compared, title) in cases {
            assert_eq!(of_run(&two(compared)), title);
        }
    }

    #[test]
    fn where_nothing_limits_it_throughput_comes_first() {
        let mut record = two(&[
            (P99, 1.9, ComparisonVerdict::Slower),
            (THROUGHPUT, 0.6, ComparisonVerdict::Slower),
        ]);
        for target in &mut record.targets {
            target.report.load.rate_per_s = None;
        }
        assert_eq!(
            of_run(&record),
            "coroutine's throughput is 0.600× callback's on 256 connections; p99 1.90×"
        );
        record.targets.truncate(1);
        assert_eq!(
            of_run(&record),
            "callback on 256 connections: throughput 1,008/s, p99 15.8 ms, p50 15.2 ms"
        );
    }

    #[test]
    fn failed_requests_come_before_everything_that_was_timed() {
        let mut record = two(&[(P99, 0.5, ComparisonVerdict::Faster)]);
        let share = &mut record.targets[1].report.error_share;
        (share.failed, share.share) = (500, 0.021);
        let [base, head] = [0, 1].map(|index| record.targets[index].report.error_share);
        record.error_comparisons = vec![ErrorComparison {
            base: "callback".to_owned(),
            head: "coroutine".to_owned(),
            base_errors: base,
            head_errors: head,
            difference: 0.021,
            ci_low: 0.02,
            ci_high: 0.022,
            verdict: ComparisonVerdict::More,
        }];
        assert_eq!(
            of_run(&record),
            "failed requests: coroutine 2.10 %, callback none; coroutine's p99 is 0.500× callback's at 1,000 requests/s"
        );
    }

    #[test]
    fn of_many_targets_the_extremes_are_named() {
        let mut record = samples::reference_record();
        assert_eq!(
            of_run(&record),
            "Against callback at 1,000 requests/s: CPU up to 1.46× (coroutine-asyncio); memory up to 1.38× (callback-cluster)"
        );
        record.comparisons[0].ratio = 0.5;
        record.comparisons[0].verdict = ComparisonVerdict::Faster;
        assert!(
            of_run(&record).contains("p50 0.500× (coroutine-libuv); CPU"),
            "{}",
            of_run(&record)
        );
        for each in &mut record.comparisons {
            each.verdict = ComparisonVerdict::Inconclusive;
        }
        assert_eq!(
            of_run(&record),
            "No certain difference from callback among 7 targets at 1,000 requests/s"
        );
        record.comparisons.clear();
        assert_eq!(
            of_run(&record),
            "7 targets, none compared, at 1,000 requests/s"
        );
    }

    #[test]
    fn what_makes_a_run_unusable_stands_in_the_place_of_what_it_found() {
        let different = || two(&[(P99, 1.9, ComparisonVerdict::Slower)]);
        let mut record = different();
        record.validity = invalid();
        assert_eq!(of_run(&record), "The measurement is not valid");
        let mut record = different();
        record.targets[1].report.validity = invalid();
        assert_eq!(of_run(&record), "The measurement of coroutine is not valid");
        record.targets[1].failure = Some(Failure {
            what: "it died".to_owned(),
            last_output: String::new(),
        });
        assert_eq!(
            of_run(&record),
            "coroutine failed before the end of the run"
        );
        let mut record = different();
        for target in &mut record.targets {
            target.report.requests.ok = 0;
        }
        assert_eq!(
            of_run(&record),
            "Nothing was measured: no request succeeded"
        );
    }

    #[test]
    fn a_sweep_says_how_much_is_sustained_and_by_whom() {
        let record = samples::sweep_record();
        assert_eq!(
            of_sweep(&record),
            "coroutine sustains 0.834× callback's load within the SLO: 20,393/s against 24,463/s"
        );
        let judged = |verdict| {
            let mut record = record.clone();
            record.comparisons[0].verdict = verdict;
            of_sweep(&record)
        };
        assert_eq!(
            judged(ComparisonVerdict::Equivalent),
            "callback and coroutine sustain an equivalent load within the SLO: 24,463/s and 20,393/s"
        );
        assert_eq!(
            judged(ComparisonVerdict::Inconclusive),
            "No certain difference in the load that callback and coroutine sustain within the SLO: 24,463/s and 20,393/s"
        );
        let mut one = record.clone();
        one.results.truncate(1);
        one.results[0].knee.known = Known::AtLeast;
        assert_eq!(
            of_sweep(&one),
            "Sustained within the SLO: callback at least 24,463/s"
        );
        let mut many = record.clone();
        many.results = record.results.iter().cycle().take(4).cloned().collect();
        assert_eq!(
            of_sweep(&many),
            "Of 4 targets callback sustains most within the SLO, 24,463/s, and coroutine least, 20,393/s"
        );
        let mut failed = record.clone();
        for result in &mut failed.results {
            result.knee.rate_per_s = None;
        }
        assert_eq!(of_sweep(&failed), "How much load is sustained is not known");
        failed.validity = invalid();
        assert_eq!(of_sweep(&failed), "The sweep is not valid");
        failed.results[1].failure = Some(Failure {
            what: "it died".to_owned(),
            last_output: String::new(),
        });
        assert_eq!(
            of_sweep(&failed),
            "coroutine failed before the end of the sweep"
        );
    }

    #[test]
    fn a_load_is_named_by_its_tail_or_by_what_was_answered_where_nothing_limits_it() {
        let mut report = samples::run_record().targets.remove(0).report;
        assert_eq!(
            of_load(&report),
            "p99 15.8 ms, p50 15.2 ms at 1,000 requests/s"
        );
        report.load.rate_per_s = None;
        assert_eq!(
            of_load(&report),
            "1,008/s, p99 15.8 ms, p50 15.2 ms on 256 connections"
        );
        report.validity = invalid();
        assert_eq!(of_load(&report), "The measurement is not valid");
        report.requests.ok = 0;
        assert_eq!(
            of_load(&report),
            "Nothing was measured: no request succeeded"
        );
    }
}
