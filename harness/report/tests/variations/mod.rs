//! Records of every kind that a report has to bear: what the tests check and the example draws.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::assigning_clones,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "fixed data, shared by tests and an example, each of which sees its own copy"
)]

use hdrhistogram::Histogram;
use model::measured::clock::Clock;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use model::measured::accounting::{Accounting, ErrorCounts, ErrorKind};
use model::measured::histogram::histogram_base64;
use model::measured::recording::{MAX_RECORDABLE_NS, Recording, empty_histogram};
use model::record::errors::ErrorShare;
use model::record::run::{Completion, RunRecord};
use model::record::target::{
    EpochRecord, Failure, IntervalRecord, IntervalTimes, Manifest, ServerRecord, TargetRecord,
};
use model::spec::scenario::ObjectiveRecord;

use model::measured::slices::{Slice, Slices, middle_ns};
use model::measured::summary::Times;
use model::record::warning::{Fact, Validity, Warning};

/// Every variation with its name.
pub fn all() -> Vec<(&'static str, RunRecord)> {
    vec![
        ("two", two()),
        ("eleven", eleven()),
        ("forty", forty()),
        ("one", one()),
        ("failed", failed()),
        ("empty", empty()),
        ("extreme", extreme()),
        ("failures", failures()),
        ("interrupted", interrupted()),
        ("invalid", invalid()),
        ("hostile", hostile()),
        ("close", close()),
        ("streams", streams()),
        ("chat", chat()),
        ("reference", reference()),
    ]
}

/// The sample as it is: `callback` and `coroutine`, nothing wrong.
pub fn two() -> RunRecord {
    // Made once: it takes a while without optimisation.
    static SAMPLE: LazyLock<RunRecord> = LazyLock::new(samples::run_record);
    SAMPLE.clone()
}

/// Streams of events, which are reported by their first event, with an objective that bounds it.
pub fn streams() -> RunRecord {
    static SAMPLE: LazyLock<RunRecord> = LazyLock::new(samples::stream_record);
    let mut record = SAMPLE.clone();
    record.scenario.objectives = vec![ObjectiveRecord {
        percentile: "p99".to_owned(),
        at_most_ns: 1_000_000,
    }];
    record
}

/// A chat, which is reported by the time until everybody has a message.
pub fn chat() -> RunRecord {
    static SAMPLE: LazyLock<RunRecord> = LazyLock::new(samples::chat_record);
    SAMPLE.clone()
}

/// The reference servers, which end with effects.
pub fn reference() -> RunRecord {
    static SAMPLE: LazyLock<RunRecord> = LazyLock::new(samples::reference_record);
    SAMPLE.clone()
}

/// One target, and so no comparison.
pub fn one() -> RunRecord {
    let mut record = two();
    record.targets.truncate(1);
    record.comparisons.clear();
    record
}

/// The eleven built-in targets, in turn.
pub fn eleven() -> RunRecord {
    let names = [
        ("callback", "evloop", "0.1.0", "evloop on mio", 1),
        ("callback-cluster", "evloop", "0.1.0", "evloop on mio", 2),
        ("coroutine", "tokio", "1.54.0", "tokio multi_thread", 2),
        (
            "coroutine-single",
            "tokio",
            "1.54.0",
            "tokio current_thread",
            1,
        ),
        (
            "coroutine-asyncio",
            "asyncio-shaped scheduler",
            "0.1.0",
            "ready queue and timer heap on mio",
            1,
        ),
        ("node", "Node.js", "v24.11.1", "libuv 1.51.0", 1),
        ("node-cluster", "Node.js", "v24.11.1", "libuv 1.51.0", 2),
        (
            "fastapi",
            "CPython",
            "3.14.0, FastAPI 0.121.3",
            "asyncio",
            1,
        ),
        (
            "fastapi-uvloop",
            "CPython",
            "3.14.0, FastAPI 0.121.3",
            "uvloop 0.22.1",
            1,
        ),
        ("uvicorn", "CPython", "3.14.0, Uvicorn 0.38.0", "asyncio", 1),
        (
            "uvicorn-uvloop",
            "CPython",
            "3.14.0, Uvicorn 0.38.0",
            "uvloop 0.22.1",
            1,
        ),
    ];
    let mut record = two();
    let template = record.targets.clone();
    let compared = record.comparisons.clone();
    record.targets.clear();
    record.comparisons.clear();
    for (index, (name, runtime, version, event_loop, workers)) in names.into_iter().enumerate() {
        let manifest = Manifest {
            kind: name.to_owned(),
            runtime: runtime.to_owned(),
            version: version.to_owned(),
            event_loop: event_loop.to_owned(),
            workers,
            pool_threads: 4,
            factors: None,
            versions: BTreeMap::new(),
            source: String::new(),
        };
        record.targets.push(slowed(
            &template[index % 2],
            name,
            manifest,
            1.0 + 0.35 * index as f64,
        ));
        if index > 0 {
            record
                .comparisons
                .extend(compared.iter().cloned().map(|mut comparison| {
                    name.clone_into(&mut comparison.head);
                    comparison
                }));
        }
    }
    record
}

/// More targets than a legend holds.
pub fn forty() -> RunRecord {
    let mut record = one();
    let template = record.targets[0].clone();
    let manifest = template.manifest.clone();
    record.targets = (0..40)
        .map(|index| {
            slowed(
                &template,
                &format!("mine-{index}"),
                manifest.clone(),
                1.0 + f64::from(index) * 0.05,
            )
        })
        .collect();
    record
}

/// The second target failed before anything was measured.
pub fn failed() -> RunRecord {
    let mut record = two();
    record.completion = Completion::TargetFailed;
    record.comparisons.clear();
    nothing_measured(&mut record.targets[1]);
    record.targets[1].failure = Some(Failure {
        what: "coroutine ended with exit code 1 before it was ready".to_owned(),
        last_output: "Error: address already in use (os error 98)\n".to_owned(),
    });
    record.validity = Validity::of(vec![text(
        "target_failed",
        "coroutine failed before it was measured",
        false,
    )]);
    record
}

/// A record of nothing.
pub fn empty() -> RunRecord {
    let mut record = two();
    record.targets.clear();
    record.comparisons.clear();
    record.backend = None;
    record.completion = Completion::Interrupted;
    record
}

/// From a nanosecond to the longest time that can be recorded.
pub fn extreme() -> RunRecord {
    let mut record = two();
    for (target, values) in record
        .targets
        .iter_mut()
        .zip([[1, 2, 5], [1_000, 3_600_000_000_000 * 5, MAX_RECORDABLE_NS]])
    {
        let mut histogram = empty_histogram();
        for (value, count) in values.into_iter().zip([100_000, 500, 5]) {
            histogram.record_n(value, count).unwrap();
        }
        set_response_time(target, &histogram);
        target.slices.clear();
        target.intervals = (0..3)
            .map(|index| IntervalRecord {
                start_s: f64::from(index) * 86_400.0,
                duration_s: 86_400.0,
                ok: u64::from(u32::MAX),
                failed: 0,
                times_ns: [(
                    Clock::ResponseTime,
                    IntervalTimes {
                        p50: Some(values[0]),
                        p99: Some(values[1]),
                        max: Some(values[2]),
                    },
                )]
                .into(),
            })
            .collect();
        target
            .server
            .samples
            .iter_mut()
            .for_each(|sample| sample.rss_bytes = 64 << 40);
        target.epochs.clear();
    }
    record
}

/// Requests failed at one target, while it was slow.
pub fn failures() -> RunRecord {
    let mut record = two();
    let target = &mut record.targets[1];
    let third = target.intervals.len() / 3;
    let mut failed = 0;
    for interval in &mut target.intervals[third..third + 8] {
        interval.failed = 12;
        interval.ok = interval.ok.saturating_sub(12);
        failed += 12;
    }
    let Accounting { scheduled, ok, .. } = target.report.requests;
    target.report.requests = Accounting {
        scheduled,
        ok: ok - failed,
        error: failed - 10,
        timeout: 10,
        unfinished: 0,
    };
    target.report.error_share = ErrorShare::of(&[target.report.requests]);
    let mut errors = ErrorCounts::default();
    for index in 0..failed - 10 {
        errors.count(if index % 3 == 0 {
            ErrorKind::WrongBody
        } else {
            ErrorKind::Reset
        });
    }
    target.report.errors = errors;
    record.scenario.objectives = vec![
        ObjectiveRecord {
            percentile: "p99".to_owned(),
            at_most_ns: 24_000_000,
        },
        ObjectiveRecord {
            percentile: "p99_9".to_owned(),
            at_most_ns: 2_000_000_000,
        },
    ];
    record.validity = Validity::of(vec![text(
        "failures",
        "96 of 5,000 requests to coroutine failed (1.9 %)",
        false,
    )]);
    record
}

/// Interrupted in the middle.
pub fn interrupted() -> RunRecord {
    let mut record = two();
    record.completion = Completion::Interrupted;
    for target in &mut record.targets {
        target.intervals.truncate(12);
        target.slices.truncate(4);
        target.server.samples.truncate(12);
        target.epochs.truncate(1);
    }
    record.comparisons.clear();
    record.validity = Validity::of(vec![text(
        "partial",
        "interrupted after 2 of 20 epochs",
        false,
    )]);
    record
}

/// The generator was the bottleneck.
pub fn invalid() -> RunRecord {
    let mut record = two();
    record.validity = Validity::of(vec![
        text(
            "steal_time",
            "the hypervisor took 2.1 % of the processor away (at most 1 % is fine)",
            false,
        ),
        text(
            "generator_saturated",
            "the generator used 99 % of its core (at most 90 % is fine)",
            true,
        ),
    ]);
    record
}

/// Text from a user's own files, made to break out of wherever it is put.
pub fn hostile() -> RunRecord {
    let mut record = two();
    let evil =
        "</script><script>alert(1)</script>\"'&]]>\u{0}\u{1b}[31m|`*_ http://example.invalid/x.js";
    record.scenario.name = evil.to_owned();
    record.scenario.question = evil.to_owned();
    record.scenario.description = evil.to_owned();
    record.environment.cpu_model = evil.to_owned();
    record.command.push(evil.to_owned());
    for target in &mut record.targets {
        target.name = format!("{} {evil}", target.name);
        target.manifest.runtime = evil.to_owned();
    }
    record.targets[0].failure = Some(Failure {
        what: evil.to_owned(),
        last_output: evil.to_owned(),
    });
    for comparison in &mut record.comparisons {
        comparison.base.clone_from(&record.targets[0].name);
        comparison.head.clone_from(&record.targets[1].name);
    }
    record.validity = Validity::of(vec![text("failures", evil, true)]);
    record
}

/// Two targets that differ by almost nothing.
pub fn close() -> RunRecord {
    let mut record = two();
    for (target, offset) in record.targets.iter_mut().zip([0, 20_000]) {
        let mut histogram = empty_histogram();
        for index in 0..20_000_u64 {
            histogram
                .record(5_000_000 + offset + (index * index) % 150_000)
                .unwrap();
        }
        set_response_time(target, &histogram);
        target.slices.clear();
        target.epochs.clear();
    }
    record
}

/// The response time of a target, whatever else was measured of it.
fn set_response_time(target: &mut TargetRecord, histogram: &Histogram<u64>) {
    let clock = Clock::ResponseTime;
    target.report.times_ns.insert(clock, Times::of(histogram));
    let text = histogram_base64(histogram);
    target.histograms_v2_base64.insert(clock, text);
}

/// A warning of an earlier version, with some advice.
pub fn text(kind: &str, detail: &str, voids: bool) -> Warning {
    let fact = Fact::Text {
        kind: kind.to_owned(),
        detail: detail.to_owned(),
        advice: "Run again on a quiet machine, or give the generator a core of its own.".to_owned(),
    };
    Warning {
        voids,
        ..Warning::note(fact)
    }
}

/// A target like another, with times `factor` as long.
fn slowed(template: &TargetRecord, name: &str, manifest: Manifest, factor: f64) -> TargetRecord {
    let times = |ns: u64| (ns as f64 * factor) as u64;
    let mut target = template.clone();
    target.name = name.to_owned();
    target.manifest = manifest;
    let histogram = model::measured::histogram::histogram_from_base64(
        template.whole_distribution(Clock::ResponseTime),
    )
    .unwrap();
    let mut slow = empty_histogram();
    for step in histogram.iter_recorded() {
        slow.record_n(
            times(step.value_iterated_to()),
            step.count_since_last_iteration(),
        )
        .unwrap();
    }
    for kind in &mut target.report.by_request {
        let Times {
            mean,
            p50,
            p90,
            p95,
            p99,
            p99_9,
            p99_99,
            max,
        } = &mut kind.response_time_ns;
        for ns in [mean, p50, p90, p95, p99, p99_9, p99_99, max] {
            *ns = ns.map(times);
        }
    }
    set_response_time(&mut target, &slow);
    let mut slices = Slices::default();
    for slice in &template.slices {
        let counts = slice.counts().unwrap();
        let slow = counts
            .into_iter()
            .map(|(value_ns, count)| ((middle_ns(value_ns) * factor) as u64, count));
        let ns = |seconds: f64| (seconds * 1e9).round() as u64;
        let slow: Vec<(u64, u64)> = slow.collect();
        slices.append(vec![Slice::new(
            ns(slice.start_s),
            ns(slice.duration_s),
            &slow,
        )]);
    }
    target.slices = slices.record();
    for interval in &mut target.intervals {
        for of_clock in interval.times_ns.values_mut() {
            let IntervalTimes { p50, p99, max } = of_clock;
            for ns in [p50, p99, max] {
                *ns = ns.map(times);
            }
        }
    }
    for epoch in &mut target.epochs {
        let slower = |(name, value): (&String, &f64)| {
            (
                name.clone(),
                if name.contains("_ns_") {
                    value * factor
                } else {
                    *value
                },
            )
        };
        epoch.metrics = epoch.metrics.iter().map(slower).collect();
    }
    for sample in &mut target.server.samples {
        sample.cpu_share *= factor;
        sample.rss_bytes = times(sample.rss_bytes);
    }
    target.server.cpu_us_per_request = target.server.cpu_us_per_request.map(|us| us * factor);
    target.server.rss_bytes_max = target.server.rss_bytes_max.map(times);
    target
}

fn nothing_measured(target: &mut TargetRecord) {
    let none = Recording::empty();
    target.report.requests = none.accounting;
    target.report.errors = none.errors;
    target.report.by_request.clear();
    target.report.throughput_per_s = 0.0;
    target.report.times_ns.clear();
    target.server = ServerRecord::default();
    target.epochs = Vec::<EpochRecord>::new();
    target.intervals.clear();
    target.slices.clear();
    target.histograms_v2_base64.clear();
}
