//! The figures of a truth: what each is called, its unit, and where it is read.

use load::truth::TruthStats;
use model::measured::clock::Clock;
use model::measured::recording::Recording;
use model::measured::summary::{Summary, value_at};
use model::percentiles::PERCENTILES;
use model::record::load_report::LoadReport;
use model::spec::truth::in_flight;
use model::units::{NANOS_PER_S, Nanos};
use stats::nearest_rank::value_at_counts;

use crate::way::Way;

/// One figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// Scheduled requests.
    Scheduled,
    /// Requests unanswered at the end.
    Unfinished,
    /// Answers a second.
    Throughput,
    /// Requests on the wire, counted again and again.
    InFlightCounted,
    /// Requests in flight by Little's law: rate × response time.
    InFlightByLaw,
    /// The mean of a time.
    Mean(Clock),
    /// The longest.
    Max(Clock),
    /// A quantile of a time.
    Quantile {
        /// Which time.
        clock: Clock,
        /// Which quantile, in ten-thousandths.
        per_10_000: u64,
    },
    /// The median response time of those answered in the interval that begins there.
    MedianOfInterval {
        /// From when on.
        start_ns: Nanos,
    },
    /// Whether the run was flagged for its send lag: 1 or 0.
    Flagged,
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds.
    Nanos,
    /// A second.
    PerSecond,
    /// A number of requests.
    Requests,
    /// Requests, on average.
    RequestsMean,
    /// 1 or 0.
    YesOrNo,
}

/// What the generator said.
#[derive(Debug, Clone, Copy)]
pub enum Reading<'a> {
    /// A drive in this process.
    Recording(&'a Recording),
    /// `bench load --json` in another.
    Report(&'a LoadReport),
}

impl Figure {
    /// Its name in the result, without its unit: `response_time_p98_9`.
    pub fn key(self) -> String {
        match self {
            Self::Scheduled => "scheduled".to_owned(),
            Self::Unfinished => "unfinished".to_owned(),
            Self::Throughput => "throughput".to_owned(),
            Self::InFlightCounted => "in_flight_counted".to_owned(),
            Self::InFlightByLaw => "in_flight_by_law".to_owned(),
            Self::Mean(clock) => format!("{}_mean", clock.name()),
            Self::Max(clock) => format!("{}_max", clock.name()),
            Self::Quantile { clock, per_10_000 } => {
                format!("{}_{}", clock.name(), percentile_key(per_10_000))
            }
            Self::MedianOfInterval { start_ns } => {
                let start_s = start_ns as f64 / NANOS_PER_S as f64;
                format!("response_time_p50_from_{start_s}s")
            }
            Self::Flagged => "flagged_for_send_lag".to_owned(),
        }
    }

    /// Its name for people: `response time p98.9`.
    pub fn words(self) -> String {
        match self {
            Self::Scheduled => "requests scheduled".to_owned(),
            Self::Unfinished => "requests unfinished".to_owned(),
            Self::InFlightCounted => "in flight, counted".to_owned(),
            Self::InFlightByLaw => "in flight, rate × time".to_owned(),
            Self::Throughput => "throughput".to_owned(),
            Self::Mean(clock) => format!("{} mean", report::words::terms::clock(clock)),
            Self::Max(clock) => format!("{} max", report::words::terms::clock(clock)),
            Self::Quantile { clock, per_10_000 } => format!(
                "{} {}",
                report::words::terms::clock(clock),
                report::words::figures::percentile(&percentile_key(per_10_000))
            ),
            Self::MedianOfInterval { start_ns } => {
                let start_s = start_ns as f64 / NANOS_PER_S as f64;
                format!("response time p50 at {start_s} s")
            }
            Self::Flagged => "flagged for send lag".to_owned(),
        }
    }

    /// What it is counted in.
    pub fn unit(self) -> Unit {
        match self {
            Self::Scheduled | Self::Unfinished => Unit::Requests,
            Self::InFlightCounted | Self::InFlightByLaw => Unit::RequestsMean,
            Self::Throughput => Unit::PerSecond,
            Self::Mean(_)
            | Self::Max(_)
            | Self::Quantile { .. }
            | Self::MedianOfInterval { .. } => Unit::Nanos,
            Self::Flagged => Unit::YesOrNo,
        }
    }

    /// Whether requests that are held up make it larger.
    pub fn grows_with_delay(self) -> bool {
        self != Self::Throughput
    }

    /// The share of all requests that must have been held up for this figure to move, 0 to 1: a tail moves easily.
    pub fn moved_by_share(self) -> f64 {
        match self {
            Self::Quantile { per_10_000, .. } => 1.0 - per_10_000 as f64 / 1e4,
            Self::MedianOfInterval { .. } => 0.5,
            // One request is enough, and a mean is moved by few that wait long.
            Self::Max(_) => 0.0,
            Self::Mean(_) | Self::Throughput | Self::InFlightCounted | Self::InFlightByLaw => 0.1,
            // Counts are exact, whatever waits.
            Self::Scheduled | Self::Unfinished | Self::Flagged => 1.0,
        }
    }

    /// As the generator read it; none where it did not.
    pub fn read(self, reading: Reading<'_>) -> Option<f64> {
        match reading {
            Reading::Recording(recording) => self.of_recording(recording),
            Reading::Report(report) => self.of_report(report),
        }
    }

    fn of_recording(self, recording: &Recording) -> Option<f64> {
        let per_s = Summary::of(recording).throughput_per_s;
        let times = |clock| &recording.times[clock];
        match self {
            Self::Scheduled => Some(recording.accounting.scheduled as f64),
            Self::Unfinished => Some(recording.accounting.unfinished as f64),
            Self::Throughput => Some(per_s),
            Self::InFlightCounted => {
                (recording.in_flight.samples > 0).then_some(recording.in_flight.mean)
            }
            Self::InFlightByLaw => Some(in_flight(
                per_s,
                recording.times[Clock::ResponseTime].mean(),
            )),
            Self::Mean(clock) => Some(times(clock).mean()),
            Self::Max(clock) => Some(times(clock).max() as f64),
            Self::Quantile { clock, per_10_000 } => {
                value_at(times(clock), per_10_000).map(|ns| ns as f64)
            }
            Self::MedianOfInterval { start_ns } => recording
                .intervals
                .iter()
                .find(|interval| interval.start_ns == start_ns)
                .and_then(|interval| value_at_counts(&interval.times[Clock::ResponseTime], 5_000))
                .map(|ns| ns as f64),
            Self::Flagged => None,
        }
    }

    fn of_report(self, report: &LoadReport) -> Option<f64> {
        let times = |clock| report.times(clock);
        match self {
            Self::Scheduled => Some(report.requests.scheduled as f64),
            Self::Unfinished => Some(report.requests.unfinished as f64),
            Self::Throughput => Some(report.throughput_per_s),
            Self::InFlightCounted => report.in_flight_mean,
            Self::InFlightByLaw => times(Clock::ResponseTime)
                .mean
                .map(|mean_ns| in_flight(report.throughput_per_s, mean_ns as f64)),
            Self::Mean(clock) => times(clock).mean.map(|ns| ns as f64),
            Self::Max(clock) => times(clock).max.map(|ns| ns as f64),
            Self::Quantile { clock, per_10_000 } => PERCENTILES
                .iter()
                .find(|percentile| percentile.per_10_000 == per_10_000)
                .and_then(|percentile| times(clock).named(percentile.name))
                .map(|ns| ns as f64),
            Self::MedianOfInterval { .. } => None,
            Self::Flagged => {
                let mut warnings = report.validity.warnings.iter();
                let is_flagged = warnings.any(|warning| warning.code() == "send_lag");
                Some(f64::from(u8::from(is_flagged)))
            }
        }
    }

    /// As it stands in the server's own books: from arrival to answer, by the server's clock. None where they hold nothing
    /// of the kind.
    pub fn in_books(self, books: &TruthStats) -> Option<f64> {
        match self {
            Self::Throughput => books.answered_per_s(),
            Self::InFlightCounted | Self::InFlightByLaw => Some(in_flight(
                books.answered_per_s()?,
                books.did_ns.mean? as f64,
            )),
            Self::Mean(Clock::ResponseTime | Clock::ServiceTime) => {
                books.did_ns.mean.map(|ns| ns as f64)
            }
            Self::Max(Clock::ResponseTime | Clock::ServiceTime) => {
                books.did_ns.max.map(|ns| ns as f64)
            }
            Self::Quantile {
                clock: Clock::ResponseTime | Clock::ServiceTime,
                per_10_000,
            } => value_at_counts(&books.did_ns_counts, per_10_000).map(|ns| ns as f64),
            _ => None,
        }
    }
}

impl Figure {
    /// What the way there and back adds to the server's books, in this figure's unit.
    pub fn way(self, way: &Way, books: &TruthStats) -> f64 {
        match self {
            Self::Quantile {
                clock: Clock::ResponseTime | Clock::ServiceTime,
                per_10_000,
            } => way.at(per_10_000) as f64,
            Self::Mean(Clock::ResponseTime | Clock::ServiceTime) => way.mean(),
            Self::InFlightCounted | Self::InFlightByLaw => {
                in_flight(books.answered_per_s().unwrap_or_default(), way.mean())
            }
            // The server's own rate has the way in it, and other figures stand in no books.
            _ => 0.0,
        }
    }
}

impl Reading<'_> {
    /// Requests that left the generator.
    pub fn sent(self) -> u64 {
        match self {
            Self::Recording(recording) => {
                recording.times[Clock::ServiceTime].len() + recording.accounting.error
            }
            // Of the unfinished it does not say how many were sent; a load that ends in order has none.
            Self::Report(report) => report.requests.scheduled - report.requests.unfinished,
        }
    }
}

impl Unit {
    /// Its name in the result.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nanos => "ns",
            Self::PerSecond => "per_s",
            Self::Requests => "requests",
            Self::RequestsMean => "requests_mean",
            Self::YesOrNo => "yes_or_no",
        }
    }
}

/// `p98_9` for 9,890.
fn percentile_key(per_10_000: u64) -> String {
    let (whole, rest) = (per_10_000 / 100, per_10_000 % 100);
    match rest {
        0 => format!("p{whole}"),
        rest if rest % 10 == 0 => format!("p{whole}_{}", rest / 10),
        rest => format!("p{whole}_{rest:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use model::measured::summary::Times;

    fn quantile(clock: Clock, per_10_000: u64) -> Figure {
        Figure::Quantile { clock, per_10_000 }
    }

    #[test]
    fn percentiles_are_named_as_everywhere() {
        for percentile in PERCENTILES {
            assert_eq!(percentile_key(percentile.per_10_000), percentile.name);
        }
        assert_eq!(percentile_key(9_890), "p98_9");
        assert_eq!(
            quantile(Clock::ServiceTime, 9_910).words(),
            "service time p99.1"
        );
    }

    #[test]
    fn a_report_is_read_by_the_names_of_its_percentiles() {
        let mut report = samples::run_record().targets[0].report.clone();
        report.times_ns.entry(Clock::SendLag).or_default().p99 = Some(7);
        let reading = Reading::Report(&report);
        assert_eq!(quantile(Clock::SendLag, 9_900).read(reading), Some(7.0));
        assert_eq!(quantile(Clock::SendLag, 9_890).read(reading), None);
        assert_eq!(Figure::Flagged.read(reading), Some(0.0));
    }

    #[test]
    fn books_speak_of_what_the_server_did_and_of_nothing_else() {
        let books = TruthStats {
            behaviour: String::new(),
            arrived: 30,
            answered: 30,
            abandoned: 0,
            owed: 0,
            span_ns: 100_000_000,
            lateness_ns: Times::default(),
            meant_ns: Times::default(),
            did_ns: Times {
                mean: Some(10_000_000),
                ..Times::default()
            },
            did_ns_counts: vec![(9_000_000, 20), (12_000_000, 10)],
        };
        let read = |figure: Figure| figure.in_books(&books);
        assert_eq!(read(Figure::Throughput), Some(300.0));
        assert_eq!(read(Figure::InFlightByLaw), Some(3.0));
        assert_eq!(read(quantile(Clock::ResponseTime, 5_000)), Some(9e6));
        assert_eq!(read(quantile(Clock::SendLag, 5_000)), None);
        assert_eq!(read(Figure::Scheduled), None);
    }
}
