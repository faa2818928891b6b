//! What one drive of load recorded: three clocks a request, the ledger, and a time series.
//!
//! *Response time* runs from the moment the schedule meant to send, *service time* from the moment the request was
//! sent, *send lag* between the two. They are never mixed and never corrected afterwards.

use hdrhistogram::Histogram;

use crate::ledger::{ErrorCounts, ErrorKind, Ledger};
use crate::units::{MAX_DURATION, NANOS_PER_S, Nanos};

/// Significant decimal digits that every histogram keeps.
pub const SIGNIFICANT_DIGITS: u8 = 3;

/// The longest time that can be recorded: no run is longer, so nothing is ever clamped.
pub const MAX_RECORDABLE_NS: Nanos = MAX_DURATION.as_secs() * NANOS_PER_S;

/// An empty histogram of times in nanoseconds.
pub fn empty_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, MAX_RECORDABLE_NS, SIGNIFICANT_DIGITS)
        .expect("the bounds are constants that hdrhistogram accepts")
}

/// Everything that was measured over one drive, or over several merged ones.
#[derive(Debug, Clone)]
pub struct Recording {
    /// From the moment the schedule meant to send to the last byte of the reply. Unfinished requests and timeouts
    /// stand in it as lower bounds.
    pub response_time: Histogram<u64>,
    /// From the moment the request was sent to the last byte of the reply; lower bounds as above, for those sent.
    pub service_time: Histogram<u64>,
    /// From the moment the schedule meant to send to the moment the request was sent.
    pub send_lag: Histogram<u64>,
    /// The part of the send lag that is the generator's own fault: from the moment that a request was due *and* a
    /// connection was free to the moment it was sent.
    pub generator_lag: Histogram<u64>,
    /// From `connect` to the connection being usable, for every connection opened.
    pub connect_time: Histogram<u64>,
    /// The fates of all requests that fell due while measured.
    pub ledger: Ledger,
    /// Failures by kind.
    pub errors: ErrorCounts,
    /// Connections over the whole drive, warm-up included.
    pub connections: ConnectionCounts,
    /// What the generator spent over the measured part.
    pub generator: GeneratorUse,
    /// How long arrivals were measured, in nanoseconds.
    pub measured_ns: Nanos,
    /// The time series, oldest first; times count from the start of the measured part.
    pub intervals: Vec<Interval>,
}

/// Connections opened and lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConnectionCounts {
    /// Opened in all.
    pub opened: u64,
    /// Lost, or given up after a timeout, and so opened again.
    pub reopened: u64,
    /// Connections that never carried a measured reply.
    pub never_served: u64,
}

/// What the generator itself spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GeneratorUse {
    /// CPU time of all generator threads in nanoseconds, waiting by spinning included.
    pub cpu_ns: Nanos,
    /// The part of `cpu_ns` that was spent spinning for a due time, in nanoseconds.
    pub spin_ns: Nanos,
    /// Generator threads.
    pub threads: u32,
}

/// One interval of the time series.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    /// When it began, in nanoseconds since the measured part began.
    pub start_ns: Nanos,
    /// How long it was.
    pub length_ns: Nanos,
    /// Requests that ended well in it.
    pub ok: u64,
    /// Requests that failed in it.
    pub failed: u64,
    /// The response times of those that ended in it: value in nanoseconds and count, ascending.
    pub response_time: Vec<(Nanos, u64)>,
}

impl Recording {
    /// A recording of nothing.
    pub fn empty() -> Self {
        Self {
            response_time: empty_histogram(),
            service_time: empty_histogram(),
            send_lag: empty_histogram(),
            generator_lag: empty_histogram(),
            connect_time: empty_histogram(),
            ledger: Ledger::default(),
            errors: ErrorCounts::default(),
            connections: ConnectionCounts::default(),
            generator: GeneratorUse::default(),
            measured_ns: 0,
            intervals: Vec::new(),
        }
    }

    /// Adds what another generator thread recorded over the same time.
    pub fn merge_thread(&mut self, other: &Self) {
        self.merge_counts(other);
        self.generator.threads += other.generator.threads;
        self.measured_ns = self.measured_ns.max(other.measured_ns);
        for theirs in &other.intervals {
            match self
                .intervals
                .iter_mut()
                .find(|ours| ours.start_ns == theirs.start_ns)
            {
                Some(ours) => ours.merge(theirs),
                None => self.intervals.push(theirs.clone()),
            }
        }
        self.intervals.sort_by_key(|interval| interval.start_ns);
    }

    /// Adds what was recorded over another stretch of time (an epoch): measured times add up, and its intervals are
    /// moved to begin at `offset_ns`.
    pub fn append_epoch(&mut self, other: &Self, offset_ns: Nanos) {
        self.merge_counts(other);
        self.generator.threads = self.generator.threads.max(other.generator.threads);
        self.measured_ns += other.measured_ns;
        self.intervals
            .extend(other.intervals.iter().map(|interval| Interval {
                start_ns: interval.start_ns + offset_ns,
                ..interval.clone()
            }));
    }

    fn merge_counts(&mut self, other: &Self) {
        let pairs = [
            (&mut self.response_time, &other.response_time),
            (&mut self.service_time, &other.service_time),
            (&mut self.send_lag, &other.send_lag),
            (&mut self.generator_lag, &other.generator_lag),
            (&mut self.connect_time, &other.connect_time),
        ];
        for (ours, theirs) in pairs {
            ours.add(theirs).expect("all histograms share their bounds");
        }
        self.ledger.merge(&other.ledger);
        self.errors.merge(&other.errors);
        self.connections.opened += other.connections.opened;
        self.connections.reopened += other.connections.reopened;
        self.connections.never_served += other.connections.never_served;
        self.generator.cpu_ns += other.generator.cpu_ns;
        self.generator.spin_ns += other.generator.spin_ns;
    }
}

impl Interval {
    /// Adds another thread's part of the same interval.
    fn merge(&mut self, other: &Self) {
        self.length_ns = self.length_ns.max(other.length_ns);
        self.ok += other.ok;
        self.failed += other.failed;
        let mut counts: std::collections::BTreeMap<Nanos, u64> =
            self.response_time.iter().copied().collect();
        for &(value_ns, count) in &other.response_time {
            *counts.entry(value_ns).or_default() += count;
        }
        self.response_time = counts.into_iter().collect();
    }
}

/// Writes a recording while load is driven: one call per fate, no allocation but one per interval.
///
/// All times are nanoseconds on the caller's clock. Calls must come with times that never decrease.
#[derive(Debug)]
pub struct Recorder {
    recording: Recording,
    start_ns: Nanos,
    interval_ns: Nanos,
    /// The latest time seen: replies may still come while the drive drains, after its end.
    latest_ns: Nanos,
    current: Current,
}

/// The interval being filled.
#[derive(Debug)]
struct Current {
    start_ns: Nanos,
    ok: u64,
    failed: u64,
    response_time: Histogram<u32>,
}

impl Recorder {
    /// A recorder whose measured part begins at `start_ns`, with intervals of `interval_ns` (above zero).
    pub fn new(start_ns: Nanos, interval_ns: Nanos) -> Self {
        assert!(interval_ns > 0, "an interval has a length");
        Self {
            recording: Recording::empty(),
            start_ns,
            interval_ns,
            latest_ns: start_ns,
            current: Current {
                start_ns,
                ok: 0,
                failed: 0,
                response_time: Histogram::new_with_bounds(1, MAX_RECORDABLE_NS, SIGNIFICANT_DIGITS)
                    .expect("the bounds are constants that hdrhistogram accepts"),
            },
        }
    }

    /// The measured part begins at `start_ns` after all. Until then connections may have been opened, and nothing else
    /// may have been recorded.
    pub fn start_at(&mut self, start_ns: Nanos) {
        assert_eq!(
            self.recording.ledger.scheduled, 0,
            "the measured part begins before its first request"
        );
        self.start_ns = start_ns;
        self.latest_ns = start_ns;
        self.current.start_ns = start_ns;
    }

    /// A request fell due.
    pub fn on_scheduled(&mut self, count: u64) {
        self.recording.ledger.scheduled += count;
    }

    /// A request was sent `lag_ns` after it was due and a connection was free for it.
    pub fn on_sent(&mut self, lag_ns: Nanos) {
        record(&mut self.recording.generator_lag, lag_ns);
    }

    /// A request was answered rightly.
    pub fn on_ok(&mut self, due_ns: Nanos, sent_ns: Nanos, received_ns: Nanos) {
        self.rotate(received_ns);
        self.recording.ledger.ok += 1;
        self.current.ok += 1;
        self.record_ended(due_ns, sent_ns, received_ns);
    }

    /// A request failed: counted by its kind, in no latency.
    pub fn on_error(&mut self, kind: ErrorKind, now_ns: Nanos) {
        self.rotate(now_ns);
        self.recording.ledger.error += 1;
        self.current.failed += 1;
        self.recording.errors.count(kind);
    }

    /// An attempt to connect failed; no request is concerned.
    pub fn on_connect_failed(&mut self, kind: ErrorKind) {
        self.recording.errors.count(kind);
    }

    /// A request was given up: its time so far is a lower bound.
    pub fn on_timeout(&mut self, due_ns: Nanos, sent_ns: Nanos, now_ns: Nanos) {
        self.rotate(now_ns);
        self.recording.ledger.timeout += 1;
        self.current.failed += 1;
        self.record_ended(due_ns, sent_ns, now_ns);
    }

    /// The run ended before the request did, sent or not: its time so far is a lower bound.
    pub fn on_unfinished(&mut self, due_ns: Nanos, sent_ns: Option<Nanos>, now_ns: Nanos) {
        self.recording.ledger.unfinished += 1;
        self.record_times(due_ns, sent_ns, now_ns);
    }

    /// A connection became usable `elapsed_ns` after `connect`.
    pub fn on_connected(&mut self, elapsed_ns: Nanos) {
        record(&mut self.recording.connect_time, elapsed_ns);
    }

    /// The measured part ends at `now_ns`. `connections` and `generator` are the caller's own counts.
    pub fn finish(
        mut self,
        now_ns: Nanos,
        connections: ConnectionCounts,
        generator: GeneratorUse,
    ) -> Recording {
        let last_ns = now_ns.max(self.latest_ns);
        self.rotate(last_ns);
        self.close_interval(last_ns);
        self.recording.measured_ns = now_ns.saturating_sub(self.start_ns);
        self.recording.connections = connections;
        self.recording.generator = generator;
        self.recording
    }

    /// The ledger so far.
    pub fn ledger(&self) -> &Ledger {
        &self.recording.ledger
    }

    /// The intervals that are complete so far.
    pub fn intervals(&self) -> &[Interval] {
        &self.recording.intervals
    }

    /// Closes every interval that ended by `now_ns`; called for each fate, and by the caller while nothing happens.
    pub fn rotate(&mut self, now_ns: Nanos) {
        self.latest_ns = self.latest_ns.max(now_ns);
        while now_ns >= self.current.start_ns + self.interval_ns {
            let end_ns = self.current.start_ns + self.interval_ns;
            self.close_interval(end_ns);
            self.current.start_ns = end_ns;
        }
    }

    fn close_interval(&mut self, end_ns: Nanos) {
        let length_ns = end_ns.saturating_sub(self.current.start_ns);
        let empty = self.current.ok == 0 && self.current.failed == 0;
        if length_ns == 0 && empty {
            return;
        }
        let response_time = if empty {
            Vec::new()
        } else {
            self.current
                .response_time
                .iter_recorded()
                .map(|step| (step.value_iterated_to(), step.count_since_last_iteration()))
                .collect()
        };
        self.recording.intervals.push(Interval {
            start_ns: self.current.start_ns.saturating_sub(self.start_ns),
            length_ns,
            ok: std::mem::take(&mut self.current.ok),
            failed: std::mem::take(&mut self.current.failed),
            response_time,
        });
        if !empty {
            self.current.response_time.reset();
        }
    }

    /// A request that ended belongs to the interval in which it did; an unfinished one ended in none.
    fn record_ended(&mut self, due_ns: Nanos, sent_ns: Nanos, end_ns: Nanos) {
        record(
            &mut self.current.response_time,
            end_ns.saturating_sub(due_ns),
        );
        self.record_times(due_ns, Some(sent_ns), end_ns);
    }

    fn record_times(&mut self, due_ns: Nanos, sent_ns: Option<Nanos>, end_ns: Nanos) {
        record(
            &mut self.recording.response_time,
            end_ns.saturating_sub(due_ns),
        );
        if let Some(sent_ns) = sent_ns {
            record(
                &mut self.recording.service_time,
                end_ns.saturating_sub(sent_ns),
            );
            record(&mut self.recording.send_lag, sent_ns.saturating_sub(due_ns));
        }
    }
}

fn record<C: hdrhistogram::Counter>(histogram: &mut Histogram<C>, value_ns: Nanos) {
    histogram
        .record(value_ns)
        .expect("no time is longer than MAX_RECORDABLE_NS, because no run is");
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Nanos = 1_000_000;

    fn recorder() -> Recorder {
        Recorder::new(1_000 * MS, 100 * MS)
    }

    fn finish(recorder: Recorder, now_ns: Nanos) -> Recording {
        recorder.finish(
            now_ns,
            ConnectionCounts::default(),
            GeneratorUse {
                threads: 1,
                ..GeneratorUse::default()
            },
        )
    }

    #[test]
    fn the_three_clocks_are_kept_apart() {
        let mut recorder = recorder();
        recorder.on_scheduled(1);
        recorder.on_ok(1_000 * MS, 1_002 * MS, 1_005 * MS);
        let recording = finish(recorder, 1_100 * MS);
        let near =
            |histogram: &Histogram<u64>, ms: u64| histogram.equivalent(histogram.max(), ms * MS);
        assert!(near(&recording.response_time, 5));
        assert!(near(&recording.service_time, 3));
        assert!(near(&recording.send_lag, 2));
        assert!(recording.ledger.balances());
    }

    #[test]
    fn an_unsent_request_is_a_lower_bound_of_response_time_only() {
        let mut recorder = recorder();
        recorder.on_scheduled(2);
        recorder.on_unfinished(1_000 * MS, None, 1_400 * MS);
        recorder.on_unfinished(1_100 * MS, Some(1_150 * MS), 1_400 * MS);
        let recording = finish(recorder, 1_400 * MS);
        assert_eq!(
            (recording.response_time.len(), recording.service_time.len()),
            (2, 1)
        );
        assert_eq!(recording.ledger.unfinished, 2);
        assert!(recording.ledger.balances());
    }

    #[test]
    fn an_error_is_no_latency() {
        let mut recorder = recorder();
        recorder.on_scheduled(1);
        recorder.on_error(ErrorKind::WrongBody, 1_010 * MS);
        let recording = finish(recorder, 1_100 * MS);
        assert_eq!(recording.response_time.len(), 0);
        assert_eq!(
            (
                recording.ledger.error,
                recording.errors.body,
                recording.intervals[0].failed
            ),
            (1, 1, 1)
        );
    }

    #[test]
    fn quiet_intervals_are_kept_and_a_fate_on_the_boundary_belongs_to_the_next() {
        let mut recorder = recorder();
        recorder.on_scheduled(2);
        recorder.on_ok(1_000 * MS, 1_000 * MS, 1_099 * MS);
        recorder.on_ok(1_000 * MS, 1_000 * MS, 1_300 * MS);
        let recording = finish(recorder, 1_350 * MS);
        let series: Vec<_> = recording
            .intervals
            .iter()
            .map(|i| (i.start_ns / MS, i.length_ns / MS, i.ok))
            .collect();
        assert_eq!(
            series,
            [(0, 100, 1), (100, 100, 0), (200, 100, 0), (300, 50, 1)]
        );
    }

    #[test]
    fn replies_while_draining_lengthen_the_series_and_not_the_measured_time() {
        let mut recorder = recorder();
        recorder.on_scheduled(1);
        recorder.on_ok(1_090 * MS, 1_090 * MS, 1_120 * MS);
        let recording = finish(recorder, 1_100 * MS);
        let series: Vec<_> = recording
            .intervals
            .iter()
            .map(|i| (i.start_ns / MS, i.length_ns / MS, i.ok))
            .collect();
        assert_eq!(
            (series.as_slice(), recording.measured_ns),
            ([(0, 100, 0), (100, 20, 1)].as_slice(), 100 * MS)
        );
    }

    #[test]
    fn connections_opened_before_the_start_are_kept() {
        let mut recorder = Recorder::new(0, 100 * MS);
        recorder.on_connected(MS);
        recorder.start_at(1_000 * MS);
        recorder.on_scheduled(1);
        recorder.on_ok(1_000 * MS, 1_000 * MS, 1_010 * MS);
        let recording = finish(recorder, 1_100 * MS);
        assert_eq!(
            (
                recording.connect_time.len(),
                recording.measured_ns,
                recording.intervals.len()
            ),
            (1, 100 * MS, 1)
        );
    }

    #[test]
    fn a_week_is_recorded_and_not_clamped() {
        let mut recorder = Recorder::new(0, MAX_RECORDABLE_NS);
        recorder.on_scheduled(1);
        recorder.on_unfinished(0, None, MAX_RECORDABLE_NS);
        let recording = finish(recorder, MAX_RECORDABLE_NS);
        assert!(
            recording
                .response_time
                .equivalent(recording.response_time.max(), MAX_RECORDABLE_NS)
        );
    }

    #[test]
    fn threads_share_intervals_and_epochs_follow_one_another() {
        let one = || {
            let mut recorder = recorder();
            recorder.on_scheduled(1);
            recorder.on_ok(1_000 * MS, 1_000 * MS, 1_010 * MS);
            finish(recorder, 1_100 * MS)
        };
        let mut threads = one();
        threads.merge_thread(&one());
        assert_eq!(
            (
                threads.intervals.len(),
                threads.intervals[0].ok,
                threads.measured_ns,
                threads.generator.threads
            ),
            (1, 2, 100 * MS, 2)
        );
        let mut epochs = one();
        epochs.append_epoch(&one(), 500 * MS);
        assert_eq!(
            (
                epochs.intervals.len(),
                epochs.intervals[1].start_ns,
                epochs.measured_ns,
                epochs.generator.threads
            ),
            (2, 500 * MS, 200 * MS, 1)
        );
    }
}
