//! Encoders: a run as the files that other tools read.
//!
//! Pure functions from a record or a recording to text. HdrHistogram's formats are written as its Java library writes
//! them, so that its tools (`HistogramLogProcessor`, the plotter) read them. What CI services read has a module a format; those
//! that tell what passed and what failed take [`Finding`](crate::finding::Finding)s, which runs, comparisons and gates all have.

pub mod annotations;
pub mod bencher;
pub mod benchmark_action;
pub mod junit;
pub mod level;
pub mod openmetrics;
pub mod steps;

use crate::words::terms;
use model::measured::clock::Clock;
use std::fmt::Write as _;

use analysis::compare::{block_values, geometric_mean};
use hdrhistogram::Histogram;

use model::measured::histogram::histogram_base64;
use model::measured::recording::{Interval, SIGNIFICANT_DIGITS, empty_histogram};
use model::measured::workload::WorkloadKind;
use model::names;
use model::record::errors::ErrorShare;
use model::record::load_report::{LoadReport, MessageRecord, StreamRecord};
use model::record::metric::Metric;
use model::record::run::RunRecord;
use model::record::target::{IntervalTimes, TargetRecord};
use model::units::NANOS_PER_S;

/// Nanoseconds in a millisecond: the usual scale of a percentile table.
pub const NANOS_PER_MS: f64 = 1e6;
/// Steps of a percentile table on each halving of the distance to 100 %: what Java's tools print by default.
pub const TICKS_PER_HALF_DISTANCE: u32 = 5;
/// `summary.csv`: one line a target, units in the column names, an empty cell for what is not known.
pub fn summary_csv(record: &RunRecord) -> String {
    let mut table = Table::new();
    // What only some scenarios measure has columns where there is a figure.
    let clocks: Vec<Clock> = Clock::ALL
        .into_iter()
        .filter(|clock| has(record, |report| report.times_ns.contains_key(clock)))
        .collect();
    let times = clocks.iter().flat_map(|clock| {
        let column = |percentile| format!("{}_ns_{percentile}", clock.name());
        PERCENTILE_COLUMNS.map(column)
    });
    let before = [
        "run",
        "scenario",
        "target",
        "kind",
        "runtime",
        "version",
        "event_loop",
        "workers",
        "arrival",
        "rate_per_s",
        "connections",
        "duration_s",
        "scheduled",
        "ok",
        "error",
        "timeout",
        "unfinished",
        "error_share",
        "error_share_ci_low",
        "error_share_ci_high",
        "throughput_per_s",
    ];
    let metrics = metrics(record);
    let means = metrics
        .iter()
        .map(|metric| format!("geometric_mean_{}", metric.name()));
    let has_streams = has(record, |report| report.streams.is_some());
    let has_messages = has(record, |report| report.messages.is_some());
    let streams: &[&str] = if has_streams { &STREAM_COLUMNS } else { &[] };
    let messages: &[&str] = if has_messages { &MESSAGE_COLUMNS } else { &[] };
    let after = [
        "server_cpu_us_per_request",
        "server_rss_bytes_max",
        "idle_connections",
        "server_rss_bytes_per_idle_connection",
        "generator_cpu_share",
        "verdict",
    ];
    table.row(
        before
            .iter()
            .map(ToString::to_string)
            .chain(times)
            .chain(streams.iter().chain(messages).map(ToString::to_string))
            .chain(after.iter().map(ToString::to_string))
            .chain(means),
    );
    for target in &record.targets {
        table.row(summary_row(
            record,
            target,
            &clocks,
            has_streams,
            has_messages,
            &metrics,
        ));
    }
    table.finish()
}

/// The metrics that a run compares, as far as some target has them. Their columns are what its differences are made of: geometric means
/// over the blocks, in the metric's unit.
fn metrics(record: &RunRecord) -> Vec<Metric> {
    let metrics = Metric::with_optional(record.workload());
    let is_known = |metric: &Metric| {
        let mut targets = record.targets.iter();
        targets.any(|target| !block_values(&target.epochs, *metric).is_empty())
    };
    metrics.filter(is_known).collect()
}

/// Whether a figure is there for any target.
fn has(record: &RunRecord, measured: impl Fn(&LoadReport) -> bool) -> bool {
    let mut reports = record.targets.iter().map(|target| &target.report);
    reports.any(measured)
}

/// A target's line of `summary.csv`.
fn summary_row(
    record: &RunRecord,
    target: &TargetRecord,
    clocks: &[Clock],
    has_streams: bool,
    has_messages: bool,
    metrics: &[Metric],
) -> Vec<String> {
    let report = &target.report;
    let manifest = &target.manifest;
    let mut row = vec![
        record.id.clone(),
        record.scenario.name.clone(),
        target.name.clone(),
        manifest.kind.clone(),
        manifest.runtime.clone(),
        manifest.version.clone(),
        manifest.event_loop.clone(),
        manifest.workers.to_string(),
        report.load.arrival.clone(),
        cell(report.load.rate_per_s),
        report.load.connections.to_string(),
        report.load.duration_s.to_string(),
        report.requests.scheduled.to_string(),
        report.requests.ok.to_string(),
        report.requests.error.to_string(),
        report.requests.timeout.to_string(),
        report.requests.unfinished.to_string(),
    ];
    row.extend(error_cells(&report.error_share));
    row.push(report.throughput_per_s.to_string());
    row.extend(clocks.iter().flat_map(|clock| {
        let times = report.times(*clock);
        PERCENTILE_COLUMNS.map(|percentile| cell(times.named(percentile)))
    }));
    if has_streams {
        row.extend(stream_cells(report.streams.as_ref()));
    }
    if has_messages {
        row.extend(message_cells(report.messages.as_ref()));
    }
    row.extend([
        cell(target.server.cpu_us_per_request),
        cell(target.server.rss_bytes_max),
        report.load.idle_connections.to_string(),
        cell(target.server.rss_bytes_per_idle_connection),
        report.generator.cpu_share.to_string(),
        if report.validity.is_valid() {
            "valid".to_owned()
        } else {
            "invalid".to_owned()
        },
    ]);
    let means = metrics.iter();
    row.extend(means.map(|&metric| cell(geometric_mean(&block_values(&target.epochs, metric)))));
    row
}

/// The columns of each clock in `summary.csv`.
const PERCENTILE_COLUMNS: [&str; 8] =
    ["mean", "p50", "p90", "p95", "p99", "p99_9", "p99_99", "max"];

/// The columns of streams of events in `summary.csv`.
const STREAM_COLUMNS: [&str; 4] = [
    "events",
    "events_lost",
    "events_duplicated",
    "events_out_of_order",
];

/// A target's cells below [`STREAM_COLUMNS`].
fn stream_cells(streams: Option<&StreamRecord>) -> [String; STREAM_COLUMNS.len()] {
    let Some(streams) = streams else {
        return STREAM_COLUMNS.map(|_| String::new());
    };
    [
        Some(streams.events),
        Some(streams.events_lost),
        Some(streams.events_duplicated),
        Some(streams.events_out_of_order),
    ]
    .map(cell)
}

/// The columns of a chat's messages in `summary.csv`.
const MESSAGE_COLUMNS: [&str; 4] = [
    "deliveries",
    "deliveries_lost",
    "deliveries_duplicated",
    "deliveries_out_of_order",
];

/// A target's cells below [`MESSAGE_COLUMNS`].
fn message_cells(messages: Option<&MessageRecord>) -> [String; MESSAGE_COLUMNS.len()] {
    let Some(messages) = messages else {
        return MESSAGE_COLUMNS.map(|_| String::new());
    };
    [
        Some(messages.deliveries),
        Some(messages.deliveries_lost),
        Some(messages.deliveries_duplicated),
        Some(messages.deliveries_out_of_order),
    ]
    .map(cell)
}

/// `intervals.csv`: one line an interval and target, units in the column names, an empty cell for what is not known.
pub fn intervals_csv(record: &RunRecord) -> String {
    let mut table = Table::new();
    let clocks: Vec<Clock> = Clock::IN_SERIES
        .into_iter()
        .filter(|clock| {
            let mut intervals = record.targets.iter().flat_map(|target| &target.intervals);
            intervals.any(|interval| interval.times_ns.contains_key(clock))
        })
        .collect();
    let times = clocks
        .iter()
        .flat_map(|clock| ["p50", "p99", "max"].map(|of| format!("{}_ns_{of}", clock.name())));
    let columns = ["target", "start_s", "duration_s", "ok", "failed"];
    table.row(columns.map(str::to_owned).into_iter().chain(times));
    for target in &record.targets {
        for interval in &target.intervals {
            let times = clocks.iter().flat_map(|clock| {
                let IntervalTimes { p50, p99, max } = interval.times(*clock);
                [p50, p99, max].map(cell)
            });
            let row = [
                target.name.clone(),
                interval.start_s.to_string(),
                interval.duration_s.to_string(),
                interval.ok.to_string(),
                interval.failed.to_string(),
            ];
            table.row(row.into_iter().chain(times));
        }
    }
    table.finish()
}

/// `.hgrm`: the table that Java's `AbstractHistogram.outputPercentileDistribution` prints, which the HdrHistogram plotter
/// reads.
///
/// `scale`: what values are divided by, as [`NANOS_PER_MS`] to print nanoseconds in milliseconds.
pub fn hgrm(histogram: &Histogram<u64>, scale: f64) -> String {
    let scaled = |value: f64| java_fixed(value / scale, usize::from(SIGNIFICANT_DIGITS));
    let mut text = String::new();
    let mut line = |arguments: std::fmt::Arguments<'_>| {
        text.write_fmt(arguments)
            .expect("a string takes all that is written");
    };
    line(format_args!(
        "{:>12} {:>14} {:>10} {:>14}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    ));
    for step in percentile_steps(histogram) {
        let share = step.percent / 100.0;
        line(format_args!(
            "{:>12} {} {:>10}",
            scaled(step.value_ns as f64),
            java_fixed(share, 12),
            step.seen
        ));
        if share < 1.0 {
            line(format_args!(" {:>14}", java_fixed(1.0 / (1.0 - share), 2)));
        }
        line(format_args!("\n"));
    }
    // Java's mean of nothing is 0.
    let (mean, deviation) = if histogram.is_empty() {
        (0.0, 0.0)
    } else {
        (histogram.mean(), histogram.stdev())
    };
    line(format_args!(
        "#[Mean    = {:>12}, StdDeviation   = {:>12}]\n",
        scaled(mean),
        scaled(deviation)
    ));
    line(format_args!(
        "#[Max     = {:>12}, Total count    = {:>12}]\n",
        scaled(histogram.max() as f64),
        histogram.len()
    ));
    line(format_args!(
        "#[Buckets = {:>12}, SubBuckets     = {:>12}]\n",
        histogram.buckets(),
        sub_buckets()
    ));
    text
}

/// A line that names the time in such a table; who reads one skips it.
pub fn hgrm_time(workload: WorkloadKind) -> String {
    format!("#[Time    = {}, in ms]\n", terms::time(workload))
}

/// `.hlog`: the interval log that Java's `HistogramLogReader` reads, one line an interval that holds a value of what is
/// `timed`, with a comment that names it.
///
/// `start_epoch_s`: seconds since 1970-01-01T00:00:00Z at which the measured part began. `tag`: the name of the target, as
/// [`names::check`] allows it, so that it holds no comma, space or line break. Values are nanoseconds, and the maximum
/// beside each histogram is in milliseconds, as Java's writer has it.
pub fn hlog(
    start_epoch_s: f64,
    intervals: &[Interval],
    workload: WorkloadKind,
    tag: &str,
) -> String {
    assert!(names::check(tag).is_ok(), "a tag is the name of a target");
    let mut text = String::from("#[Histogram log format version 1.3]\n");
    let mut line = |arguments: std::fmt::Arguments<'_>| {
        text.write_fmt(arguments)
            .expect("a string takes all that is written");
    };
    line(format_args!(
        "#[StartTime: {start_epoch_s:.3} (seconds since epoch), {}]\n",
        java_date(start_epoch_s)
    ));
    line(format_args!("#[Time: {}, in ns]\n", terms::time(workload)));
    line(format_args!(
        "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n"
    ));
    let mut histogram = empty_histogram();
    for interval in intervals
        .iter()
        .filter(|interval| !interval.times[workload.clock()].is_empty())
    {
        histogram.reset();
        for &(value_ns, count) in &interval.times[workload.clock()] {
            histogram
                .record_n(value_ns, count)
                .expect("an interval holds values of a histogram of the same bounds");
        }
        let seconds = |ns| ns as f64 / NANOS_PER_S as f64;
        line(format_args!(
            "Tag={tag},{:.3},{:.3},{:.3},{}\n",
            start_epoch_s + seconds(interval.start_ns),
            seconds(interval.length_ns),
            histogram.max() as f64 / NANOS_PER_MS,
            histogram_base64(&histogram)
        ));
    }
    text
}

/// A line of a percentile table: so many samples are at most this value.
struct Step {
    value_ns: u64,
    percent: f64,
    seen: u64,
}

/// The steps of Java's `PercentileIterator`, in its arithmetic: it counts in per cent and adds up its levels, and what
/// counts in shares instead rounds some levels to the other side of a value.
fn percentile_steps(histogram: &Histogram<u64>) -> Vec<Step> {
    let total = histogram.len();
    let mut steps = Vec::new();
    let mut level = 0.0;
    let mut seen = 0;
    for bucket in histogram.iter_recorded() {
        seen += bucket.count_since_last_iteration();
        let value_ns = histogram.highest_equivalent(bucket.value_iterated_to());
        while 100.0 * seen as f64 / total as f64 >= level {
            steps.push(Step {
                value_ns,
                percent: level,
                seen,
            });
            let next = next_level(level);
            // The last value ends the table; so does a level so near 100 that a float has none beyond it.
            if seen == total || next <= level || next >= 100.0 {
                steps.push(Step {
                    value_ns: histogram.max(),
                    percent: 100.0,
                    seen: total,
                });
                return steps;
            }
            level = next;
        }
    }
    steps
}

/// The level after this one, in per cent: as many steps on each halving of the distance to 100 %.
fn next_level(level: f64) -> f64 {
    let halvings = ((100.0 / (100.0 - level)).ln() / std::f64::consts::LN_2).floor();
    level + 100.0 / (f64::from(TICKS_PER_HALF_DISTANCE) * (halvings + 1.0).exp2())
}

/// A number with so many decimals, as Java's `%.3f` rounds it: the shortest decimal that stands for the float, half up.
/// Rust rounds the float's exact value instead, and so half of all ties the other way.
///
/// `value`: finite and not negative.
fn java_fixed(value: f64, decimals: usize) -> String {
    let shortest = value.to_string();
    let (whole, fraction) = shortest.split_once('.').unwrap_or((&shortest, ""));
    if fraction.len() <= decimals {
        return format!("{whole}.{fraction:0<decimals$}");
    }
    let mut digits: Vec<u8> = [whole, &fraction[..decimals]].concat().into_bytes();
    if fraction.as_bytes()[decimals] >= b'5' {
        let nines = digits
            .iter()
            .rev()
            .take_while(|&&digit| digit == b'9')
            .count();
        let carried = digits.len() - nines;
        digits[carried..].fill(b'0');
        match carried {
            0 => digits.insert(0, b'1'),
            _ => digits[carried - 1] += 1,
        }
    }
    digits.insert(digits.len() - decimals, b'.');
    String::from_utf8(digits).expect("digits and a point")
}

/// Java's count of sub-buckets: the power of two that resolves twice ten to the significant digits.
fn sub_buckets() -> u64 {
    (2 * 10_u64.pow(u32::from(SIGNIFICANT_DIGITS))).next_power_of_two()
}

/// A time as Java's `Date.toString` prints it, in UTC.
fn java_date(epoch_s: f64) -> String {
    let timestamp = jiff::SignedDuration::try_from_secs_f64(epoch_s)
        .ok()
        .and_then(|since| jiff::Timestamp::from_duration(since).ok());
    timestamp
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .strftime("%a %b %d %H:%M:%S UTC %Y")
        .to_string()
}

/// A share of failed requests, and the ends of its interval; nothing of no request.
fn error_cells(errors: &ErrorShare) -> [String; 3] {
    let known = [errors.share, errors.ci_low, errors.ci_high];
    known.map(|value| cell((errors.requests > 0).then_some(value)))
}

/// A number, or nothing.
fn cell(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// A CSV file in memory, quoted as RFC 4180 says.
struct Table(csv::Writer<Vec<u8>>);

impl Table {
    fn new() -> Self {
        Self(csv::Writer::from_writer(Vec::new()))
    }

    fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.0
            .write_record(cells)
            .expect("every line has as many cells as the first, and memory takes them");
    }

    fn finish(self) -> String {
        let bytes = self
            .0
            .into_inner()
            .expect("memory takes all that is written");
        String::from_utf8(bytes).expect("the cells were strings")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::measured::recording::{ConnectionCounts, GeneratorUse, Recorder};

    use model::measured::histogram::histogram_from_base64;

    /// Histograms, and the table that Java's library prints of each; see `tests/reference/HdrReference.java`.
    const HISTOGRAMS: &str = include_str!("../../tests/reference/histograms.txt");
    const TABLES: [(&str, &str); 9] = [
        ("empty", include_str!("../../tests/reference/empty.hgrm")),
        ("one", include_str!("../../tests/reference/one.hgrm")),
        ("zero", include_str!("../../tests/reference/zero.hgrm")),
        ("same", include_str!("../../tests/reference/same.hgrm")),
        ("two", include_str!("../../tests/reference/two.hgrm")),
        ("ramp", include_str!("../../tests/reference/ramp.hgrm")),
        ("week", include_str!("../../tests/reference/week.hgrm")),
        (
            "first9999",
            include_str!("../../tests/reference/first9999.hgrm"),
        ),
        ("random", include_str!("../../tests/reference/random.hgrm")),
    ];

    #[test]
    fn percentile_tables_are_javas_byte_for_byte() {
        let encoded: Vec<(&str, &str)> = HISTOGRAMS
            .lines()
            .filter_map(|line| line.split_once(' '))
            .collect();
        assert_eq!(encoded.len(), TABLES.len());
        for ((name, base64), (file, table)) in encoded.into_iter().zip(TABLES) {
            assert_eq!(name, file);
            assert_eq!(
                hgrm(&histogram_from_base64(base64).unwrap(), NANOS_PER_MS),
                table,
                "{name}"
            );
        }
    }

    #[test]
    fn numbers_round_as_java_rounds_them() {
        let cases = [
            (0.0, "0.000"),
            (1.0, "1.000"),
            (1.0005, "1.001"),
            (1.000_499, "1.000"),
            (9.9995, "10.000"),
            (999.999_9, "1000.000"),
            (0.0004, "0.000"),
            (0.0995, "0.100"),
        ];
        for (value, text) in cases {
            assert_eq!(java_fixed(value, 3), text);
        }
    }

    #[test]
    fn an_interval_log_is_what_java_read() {
        let mut recorder = Recorder::new(0, 100_000_000);
        for request in 0..1000 {
            let due_ns = request * 300_000;
            recorder.on_ok(due_ns, due_ns, due_ns + 1_000_000 + request);
        }
        let recording = recorder.finish(
            500_000_000,
            ConnectionCounts::default(),
            GeneratorUse::default(),
        );
        assert_eq!(
            recording.intervals.len(),
            5,
            "the last is empty and left out of the log"
        );
        let log = hlog(
            1_795_428_900.25,
            &recording.intervals,
            WorkloadKind::Requests,
            "callback",
        );
        assert_eq!(log, include_str!("../../tests/reference/intervals.hlog"));
        let read: Vec<String> = recording
            .intervals
            .iter()
            .filter(|interval| interval.ok > 0)
            .map(|interval| {
                format!(
                    "{} {}",
                    interval.ok,
                    interval.times[Clock::ResponseTime].last().unwrap().0
                )
            })
            .collect();
        let java: Vec<&str> = include_str!("../../tests/reference/intervals.read")
            .lines()
            .map(|line| line.splitn(4, ' ').last().unwrap())
            .collect();
        assert_eq!(read, java);
    }

    #[test]
    fn a_summary_has_a_line_a_target_and_names_its_units() {
        let mut record = samples::run_record();
        record.targets[1].manifest.runtime = "tokio, \"quoted\"".to_owned();
        record.targets[1].report.load.rate_per_s = None;
        insta::assert_snapshot!(summary_csv(&record));
    }

    #[test]
    fn streams_have_columns_where_there_are_some() {
        let mut record = samples::run_record();
        record.targets[1].report.streams = Some(StreamRecord {
            sent: 10,
            events: 99,
            events_lost: 1,
            ..StreamRecord::default()
        });
        let text = summary_csv(&record);
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
        let column = lines[0].iter().position(|name| *name == "events").unwrap();
        assert_eq!((lines[1][column], lines[1][column + 1]), ("", ""));
        assert_eq!((lines[2][column], lines[2][column + 1]), ("99", "1"));
    }

    #[test]
    fn a_clock_has_columns_where_a_target_has_values_of_it() {
        let columns = |record: &RunRecord| summary_csv(record).lines().next().unwrap().to_owned();
        let (run, streams) = (
            columns(&samples::run_record()),
            columns(&samples::stream_record()),
        );
        let column = "event_gap_lateness_ns_p99";
        assert!(
            !run.contains(column) && streams.contains(column),
            "{streams}"
        );
    }

    #[test]
    fn messages_have_columns_where_there_are_some() {
        let mut record = samples::run_record();
        record.targets[1].report.messages = Some(MessageRecord {
            sent: 10,
            deliveries: 99,
            deliveries_lost: 1,
            ..MessageRecord::default()
        });
        let text = summary_csv(&record);
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
        let column = lines[0]
            .iter()
            .position(|name| *name == "deliveries")
            .unwrap();
        assert_eq!((lines[1][column], lines[1][column + 1]), ("", ""));
        assert_eq!((lines[2][column], lines[2][column + 1]), ("99", "1"));
        assert!(!lines[0].contains(&"events"), "no streams, no columns");
    }

    #[test]
    fn intervals_have_a_line_each_and_empty_cells_for_what_is_not_known() {
        let mut record = samples::run_record();
        for target in &mut record.targets {
            target.intervals.truncate(2);
        }
        record.targets[0].intervals[1]
            .times_ns
            .get_mut(&Clock::ResponseTime)
            .unwrap()
            .p50 = None;
        insta::assert_snapshot!(intervals_csv(&record), @r"
        target,start_s,duration_s,ok,failed,response_time_ns_p50,response_time_ns_p99,response_time_ns_max
        callback,2.5,0.1,90,0,15163391,,23117823
        callback,2.6,0.1,109,0,,,15564799
        coroutine,3.75,0.1,90,0,15171583,,16908287
        coroutine,3.85,0.1,109,0,15196159,,15802367
        ");
    }
}
