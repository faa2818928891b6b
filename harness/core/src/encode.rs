//! Encoders: a run as the files that other tools read.
//!
//! Pure functions from a record or a recording to text. HdrHistogram's formats are written as its Java library writes
//! them, so that its tools (`HistogramLogProcessor`, the plotter) read them.

use std::fmt::Write as _;
use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer as _, V2DeflateSerializer};
use thiserror::Error;

use crate::names;
use crate::record::RunRecord;
use crate::recording::{Interval, MAX_RECORDABLE_NS, SIGNIFICANT_DIGITS, empty_histogram};
use crate::summary::Times;
use crate::units::NANOS_PER_S;

/// Nanoseconds in a millisecond: the usual scale of a percentile table.
pub const NANOS_PER_MS: f64 = 1e6;
/// Steps of a percentile table on each halving of the distance to 100 %: what Java's tools print by default.
pub const TICKS_PER_HALF_DISTANCE: u32 = 5;
/// The longest histogram that is read, as base64. Each of the 39,936 counts that our bounds allow takes at most nine
/// bytes before it is deflated.
pub const MAX_HISTOGRAM_BASE64_BYTES: usize = 512 * 1024;

/// `summary.csv`: one line a target, units in the column names, an empty cell for what is not known.
pub fn summary_csv(record: &RunRecord) -> String {
    let mut table = Table::new();
    let times = ["response_time_ns", "service_time_ns", "send_lag_ns"];
    let percentiles = ["mean", "p50", "p90", "p95", "p99", "p99_9", "p99_99", "max"];
    let columns = times.iter().flat_map(|clock| {
        percentiles
            .iter()
            .map(move |percentile| format!("{clock}_{percentile}"))
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
        "throughput_per_s",
    ];
    let after = [
        "server_cpu_us_per_request",
        "server_rss_bytes_max",
        "generator_cpu_share",
        "verdict",
    ];
    table.row(
        before
            .iter()
            .map(ToString::to_string)
            .chain(columns)
            .chain(after.iter().map(ToString::to_string)),
    );
    for target in &record.targets {
        let report = &target.report;
        let manifest = &target.manifest;
        let clock = |times: &Times| percentiles.map(|percentile| cell(times.named(percentile)));
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
            report.throughput_per_s.to_string(),
        ];
        row.extend(
            [
                &report.response_time_ns,
                &report.service_time_ns,
                &report.send_lag_ns,
            ]
            .into_iter()
            .flat_map(clock),
        );
        row.extend([
            cell(target.server.cpu_us_per_request),
            cell(target.server.rss_bytes_max),
            report.generator.cpu_share.to_string(),
            if report.validity.is_valid() {
                "valid".to_owned()
            } else {
                "invalid".to_owned()
            },
        ]);
        table.row(row);
    }
    table.finish()
}

/// `intervals.csv`: one line an interval and target, units in the column names, an empty cell for what is not known.
pub fn intervals_csv(record: &RunRecord) -> String {
    let mut table = Table::new();
    let columns = [
        "target",
        "start_s",
        "duration_s",
        "ok",
        "failed",
        "response_time_ns_p50",
        "response_time_ns_p99",
        "response_time_ns_max",
    ];
    table.row(columns.map(str::to_owned));
    for target in &record.targets {
        for interval in &target.intervals {
            table.row([
                target.name.clone(),
                interval.start_s.to_string(),
                interval.duration_s.to_string(),
                interval.ok.to_string(),
                interval.failed.to_string(),
                cell(interval.response_time_ns_p50),
                cell(interval.response_time_ns_p99),
                cell(interval.response_time_ns_max),
            ]);
        }
    }
    table.finish()
}

/// `.hgrm`: the table that Java's `AbstractHistogram.outputPercentileDistribution` prints, which the HdrHistogram plotter
/// reads.
///
/// `scale`: what values are divided by, as [`NANOS_PER_MS`] to print nanoseconds in milliseconds.
pub fn hgrm(histogram: &Histogram<u64>, scale: f64) -> String {
    let digits = usize::from(SIGNIFICANT_DIGITS);
    let mut text = String::new();
    let mut line = |arguments: std::fmt::Arguments<'_>| {
        text.write_fmt(arguments)
            .expect("a string takes all that is written")
    };
    line(format_args!(
        "{:>12} {:>14} {:>10} {:>14}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    ));
    let mut seen = 0;
    for step in histogram.iter_quantiles(TICKS_PER_HALF_DISTANCE) {
        seen += step.count_since_last_iteration();
        let value = histogram.highest_equivalent(step.value_iterated_to()) as f64 / scale;
        let quantile = step.quantile_iterated_to();
        line(format_args!("{value:12.digits$} {quantile:2.12} {seen:10}"));
        if quantile < 1.0 {
            line(format_args!(" {:14.2}", 1.0 / (1.0 - quantile)));
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
        "#[Mean    = {:12.digits$}, StdDeviation   = {:12.digits$}]\n",
        mean / scale,
        deviation / scale
    ));
    line(format_args!(
        "#[Max     = {:12.digits$}, Total count    = {:12}]\n",
        histogram.max() as f64 / scale,
        histogram.len()
    ));
    line(format_args!(
        "#[Buckets = {:12}, SubBuckets     = {:12}]\n",
        histogram.buckets(),
        sub_buckets()
    ));
    text
}

/// `.hlog`: the interval log that Java's `HistogramLogReader` reads, one line an interval that holds a value.
///
/// `start_epoch_s`: seconds since 1970-01-01T00:00:00Z at which the measured part began. `tag`: the name of the target, as
/// [`names::check`] allows it, so that it holds no comma, space or line break. Values are nanoseconds, and the maximum
/// beside each histogram is in milliseconds, as Java's writer has it.
pub fn hlog(start_epoch_s: f64, intervals: &[Interval], tag: &str) -> String {
    assert!(names::check(tag).is_ok(), "a tag is the name of a target");
    let mut text = String::from("#[Histogram log format version 1.3]\n");
    let mut line = |arguments: std::fmt::Arguments<'_>| {
        text.write_fmt(arguments)
            .expect("a string takes all that is written")
    };
    line(format_args!(
        "#[StartTime: {start_epoch_s:.3} (seconds since epoch), {}]\n",
        java_date(start_epoch_s)
    ));
    line(format_args!(
        "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n"
    ));
    let mut histogram = empty_histogram();
    for interval in intervals
        .iter()
        .filter(|interval| !interval.response_time.is_empty())
    {
        histogram.reset();
        for &(value_ns, count) in &interval.response_time {
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

/// A histogram in HdrHistogram's V2 format, deflated, in base64: `HISTFAAAA…`, as in an `.hlog`.
pub fn histogram_base64(histogram: &Histogram<u64>) -> String {
    let mut bytes = Vec::new();
    V2DeflateSerializer::new()
        .serialize(histogram, &mut bytes)
        .expect("a vector takes all that is written");
    STANDARD.encode(bytes)
}

/// Reads what [`histogram_base64`] wrote. Accepts histograms of our own bounds only, so that merging never fails and a
/// damaged record can't ask for more memory than a sound one.
pub fn histogram_from_base64(text: &str) -> Result<Histogram<u64>, HistogramError> {
    if text.len() > MAX_HISTOGRAM_BASE64_BYTES {
        return Err(HistogramError::TooLong { bytes: text.len() });
    }
    let deflated = STANDARD
        .decode(text)
        .map_err(|_| HistogramError::NotBase64)?;
    let plain = inflate(&deflated).ok_or(HistogramError::NotV2)?;
    check_header(&plain)?;
    let read: Histogram<u64> = Deserializer::new()
        .deserialize(&mut plain.as_slice())
        .map_err(|_| HistogramError::NotV2)?;
    // Added to an empty one of ours it has the bounds that every other has.
    let mut histogram = empty_histogram();
    histogram
        .add(&read)
        .map_err(|_| HistogramError::OtherBounds)?;
    Ok(histogram)
}

/// Why a histogram can't be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HistogramError {
    /// Longer than any of ours.
    #[error(
        "a histogram of {bytes} bytes is longer than the {MAX_HISTOGRAM_BASE64_BYTES} that one can have: the record is damaged"
    )]
    TooLong {
        /// Its length as base64.
        bytes: usize,
    },
    /// Not base64.
    #[error("a histogram is not base64: the record is damaged")]
    NotBase64,
    /// Not HdrHistogram's format.
    #[error("a histogram is not in HdrHistogram's deflated V2 format: the record is damaged")]
    NotV2,
    /// Not one of ours.
    #[error("a histogram has other bounds than bench gives: it was written by another tool")]
    OtherBounds,
}

/// The first four bytes of the deflated V2 format (`EncodableHistogram` in the Java library; the low nibble of the base
/// cookie's second byte holds the word size of 1, for variable lengths).
const V2_DEFLATED_COOKIE: [u8; 4] = 0x1c84_9314_u32.to_be_bytes();
/// The first four bytes of the plain V2 format.
const V2_COOKIE: [u8; 4] = 0x1c84_9313_u32.to_be_bytes();
/// Cookie, payload length, normalising offset, digits, lowest and highest value, conversion ratio.
const V2_HEADER_BYTES: usize = 40;

/// The plain V2 bytes within deflated ones, where they are such and not longer than any of ours.
fn inflate(deflated: &[u8]) -> Option<Vec<u8>> {
    let stream = deflated.strip_prefix(&V2_DEFLATED_COOKIE)?.get(4..)?;
    let longest = V2_HEADER_BYTES + 9 * empty_histogram().distinct_values();
    let mut plain = Vec::new();
    flate2::read::ZlibDecoder::new(stream)
        .take(longest as u64 + 1)
        .read_to_end(&mut plain)
        .ok()?;
    (plain.len() <= longest).then_some(plain)
}

/// Checks what the library would allocate by before it does.
fn check_header(plain: &[u8]) -> Result<(), HistogramError> {
    let field = |from: usize, length: usize| {
        let bytes = plain
            .get(from..from + length)
            .ok_or(HistogramError::NotV2)?;
        Ok(bytes
            .iter()
            .fold(0_u64, |number, &byte| number << 8 | u64::from(byte)))
    };
    if !plain.starts_with(&V2_COOKIE)
        || field(4, 4)? != plain.len().saturating_sub(V2_HEADER_BYTES) as u64
    {
        return Err(HistogramError::NotV2);
    }
    let bounds = (field(12, 4)?, field(16, 8)?);
    if bounds != (u64::from(SIGNIFICANT_DIGITS), 1)
        || !(2..=MAX_RECORDABLE_NS).contains(&field(24, 8)?)
    {
        return Err(HistogramError::OtherBounds);
    }
    Ok(())
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
