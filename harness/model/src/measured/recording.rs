//! What one drive of load recorded: three clocks a request, the accounting, and a time series.
//!
//! *Response time* runs from the moment the schedule meant to send, *service time* from the moment the request was
//! sent, *send lag* between the two. They are never mixed and never corrected afterwards.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::measured::accounting::{Accounting, ErrorCounts, ErrorKind, Fate, add_each, by_status};
use crate::measured::clock::{Clock, Clocks};
use crate::measured::histogram;
pub use crate::measured::histogram::{MAX_RECORDABLE_NS, SIGNIFICANT_DIGITS, empty_histogram};
use crate::measured::receive::ReceiveTimes;
use crate::measured::stalls::Stalls;
use crate::spec::load::MAX_REQUESTS;
use crate::units::Nanos;

/// How often requests in flight are counted. The golden ratio's digits: no period of arrivals or timers is a small multiple
/// or part of it, so that the counts never fall into step with the load.
pub const IN_FLIGHT_EVERY_NS: Nanos = 618_034;

/// Most intervals of one drive: an hour of seconds. A longer one goes on with longer intervals. Even, so that neighbours
/// pair up.
pub const MAX_INTERVALS: usize = 3_600;

/// Most distinct times that the intervals of one drive hold together, in sixteen bytes each; beyond it, too,
/// intervals grow longer. One further interval may be held until it finds a neighbour to pair with.
pub const MAX_INTERVAL_VALUES: usize = 1_000_000;

/// Everything that was measured over one drive, or over several merged ones.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Recording {
    /// The distribution of each clock.
    #[serde(with = "histogram::by_clock")]
    #[cfg_attr(
        any(test, feature = "schema"),
        schemars(with = "std::collections::BTreeMap<Clock, String>")
    )]
    pub times: Clocks<Histogram<u64>>,
    /// What streams of events brought; nothing where no request was one.
    pub streams: StreamCounts,
    /// What became of messages of a chat; nothing where no request was one.
    pub messages: MessageCounts,
    /// The fates of all requests that were scheduled while measured.
    pub accounting: Accounting,
    /// Failures by kind.
    pub errors: ErrorCounts,
    /// Replies by their status, those of requests that failed after it included. Only 100 to 599 are statuses, so there are
    /// at most 500.
    #[serde(default, deserialize_with = "by_status")]
    pub statuses: BTreeMap<u16, u64>,
    /// Bytes of replies that were read, with all of HTTP and without TLS; 0 in older records.
    #[serde(default)]
    pub received_bytes: u64,
    /// The same requests kind by kind, in the order of the mix; empty where there is but one kind.
    pub kinds: Vec<KindRecording>,
    /// Connections over the whole drive, its warm-up included.
    pub connections: ConnectionCounts,
    /// Requests on the wire over the measured part.
    pub in_flight: InFlight,
    /// Whose clock said when replies arrived.
    #[serde(default)]
    pub receive: ReceiveTimes,
    /// What the generator spent over the measured part.
    pub generator: GeneratorUse,
    /// Requests that succeeded within the limits of [`Goodput`](crate::spec::load::Goodput); none where there are no limits.
    #[serde(default)]
    pub in_time: Option<u64>,
    /// How long the target took to recover from more load than it could take, in nanoseconds: see [`recovery_ns`]; the longest of
    /// several epochs. None where no load eased, or nobody says what is in time.
    #[serde(default)]
    pub recovery_ns: Option<Nanos>,
    /// Messages of a chat that several generators share, as long as it is not known what became of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared: Vec<SharedMessage>,
    /// What ended the arrivals.
    pub ended_by: EndedBy,
    /// How long arrivals were measured, in nanoseconds.
    pub measured_ns: Nanos,
    /// For how long after that replies were waited for, in nanoseconds, on average over all connections, where every
    /// connection was busy when arrivals ended; otherwise 0. See [`Self::replying_ns`].
    pub overtime_ns: Nanos,
    /// The first replies of a closed loop; nothing otherwise. See [`LeadIn`].
    #[serde(default)]
    pub lead_in: LeadIn,
    /// The time series, oldest first; times count from the start of the measured part. The intervals of one drive are of
    /// one length, but for the last. That length is a power of two times the one asked for: see [`MAX_INTERVALS`].
    pub intervals: Vec<Interval>,
}

/// What one of several generators that share a chat saw of a message: only all of them together know what became of it. Times are in nanoseconds
/// since the start of the measured part, by each one's own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct SharedMessage {
    /// Its place in the schedule of all generators, from 0.
    pub number: u64,
    /// When it was due.
    pub due_ns: Nanos,
    /// When it was sent; none where another generator did that.
    pub sent_ns: Option<Nanos>,
    /// When it first reached a member here.
    pub first_ns: Option<Nanos>,
    /// When it last reached a member here who had not had it.
    pub last_ns: Option<Nanos>,
    /// Members here from whom it was still awaited when it was given up.
    pub awaited: u32,
    /// When it met its fate here.
    pub at_ns: Nanos,
    /// It was given up because the drive was over.
    pub is_over: bool,
    /// The gravest thing that happened to it here.
    pub wrong: Option<ErrorKind>,
}

/// The first replies of a closed loop, as many as it has connections.
///
/// All connections ask at once when it starts. A server that takes one request after the other has an empty queue then, and as many requests in
/// it at the end, whose replies count: over the whole time it seems to answer more than it does, the more the longer it takes. So throughput is
/// that of the replies after the first ones, over the time that follows them, which is true of a server that answers all connections side by
/// side as well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct LeadIn {
    /// How many there are.
    pub replies: u64,
    /// When they came, in nanoseconds since the start of the measured part, on average over all connections.
    pub ns: Nanos,
}

/// What was measured of the requests of one kind.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct KindRecording {
    /// Their fates.
    pub accounting: Accounting,
    /// As [`Clock::ResponseTime`], with the same lower bounds.
    #[serde(with = "histogram::as_text")]
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "String"))]
    pub response_time: Histogram<u64>,
}

impl KindRecording {
    fn empty() -> Self {
        Self {
            accounting: Accounting::default(),
            response_time: empty_histogram(),
        }
    }

    fn merge(&mut self, other: &Self) {
        self.accounting.merge(&other.accounting);
        self.response_time
            .add(&other.response_time)
            .expect("all histograms share their bounds");
    }
}

/// Connections opened and lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct ConnectionCounts {
    /// Opened in all.
    pub opened: u64,
    /// Opened again in place of one that had ended, by either side.
    pub reopened: u64,
    /// Those of them that the peer had closed or reset without having announced it.
    pub lost: u64,
    /// Those of them that the generator had closed: after a time-out, a malformed reply, or a request sent in part.
    #[serde(default)]
    pub given_up: u64,
    /// How many there were to be at a time, each counted once a drive.
    #[serde(default)]
    pub places: u64,
    /// Connections that never carried a measured reply.
    pub never_served: u64,
    /// How evenly measured replies fell on the connections; none where there was no connection.
    pub served: Option<Served>,
    /// Connections beside them that were opened to carry nothing.
    pub idle: u64,
    /// Those of them that were lost.
    pub idle_lost: u64,
}

/// Measured replies of the connection that carried fewest and of the one that carried most, over one epoch. A connection
/// that was lost and opened again is one and the same. Merging, over threads as over epochs, keeps the extremes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Served {
    /// The fewest.
    pub min: u64,
    /// The most.
    pub max: u64,
}

/// Streams of events that were scheduled while measured, and their events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct StreamCounts {
    /// Requests for a stream that were sent.
    pub streams: u64,
    /// Events that came, each counted once.
    pub events: u64,
    /// Events that streams which ended did not bring.
    pub lost: u64,
    /// Events that came again.
    pub duplicated: u64,
    /// Events that came after a later one; they count among `events` as well.
    pub out_of_order: u64,
}

impl StreamCounts {
    /// Adds other counts.
    pub fn add(&mut self, other: &Self) {
        self.streams += other.streams;
        self.events += other.events;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.out_of_order += other.out_of_order;
    }
}

/// Messages of a chat that were scheduled while measured, and their deliveries: one for each message and each member that was in
/// the room when it was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct MessageCounts {
    /// Messages that were sent.
    pub sent: u64,
    /// Deliveries, each counted once.
    pub deliveries: u64,
    /// Deliveries that can't come any more: the member's connection was lost, or it had what the room said later.
    pub lost: u64,
    /// Deliveries that came again.
    pub duplicated: u64,
    /// Deliveries that came after a later message's; they count among `deliveries` as well.
    pub out_of_order: u64,
}

impl MessageCounts {
    /// Adds other counts.
    pub fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.deliveries += other.deliveries;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.out_of_order += other.out_of_order;
    }
}

/// How many requests were on the wire, counted every [`IN_FLIGHT_EVERY_NS`]: sent, and neither answered, failed nor given
/// up. What the warm-up left on the wire counts too.
///
/// It is counted, not computed from the times of the requests, so that Little's law (in flight = rate × service time) can
/// be held against both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct InFlight {
    /// How often they were counted.
    pub samples: u64,
    /// The mean of the counts.
    pub mean: f64,
}

impl InFlight {
    /// Adds another thread's part of the same time: their means add up. Threads end within a moment of each other, so the
    /// smaller number of samples is that of the sum; where one has none, the sum is not known.
    fn merge_thread(&mut self, other: Self) {
        self.samples = self.samples.min(other.samples);
        self.mean = if self.samples == 0 {
            0.0
        } else {
            self.mean + other.mean
        };
    }

    /// Adds another stretch of time: its samples stand beside these.
    fn append_epoch(&mut self, other: Self) {
        let samples = self.samples + other.samples;
        if samples > 0 {
            let sum = self.mean * self.samples as f64 + other.mean * other.samples as f64;
            self.mean = sum / samples as f64;
        }
        self.samples = samples;
    }
}

impl Served {
    /// The extremes of these counts, one a connection.
    pub fn of(counts: impl IntoIterator<Item = u64>) -> Option<Self> {
        counts
            .into_iter()
            .map(|count| Self {
                min: count,
                max: count,
            })
            .reduce(Self::merged)
    }

    fn merged(self, other: Self) -> Self {
        Self {
            min: self.min.min(other.min),
            max: self.max.max(other.max),
        }
    }
}

impl ConnectionCounts {
    /// Adds those of another thread or epoch.
    fn merge(&mut self, other: &Self) {
        self.opened += other.opened;
        self.reopened += other.reopened;
        self.lost += other.lost;
        self.given_up += other.given_up;
        self.places += other.places;
        self.never_served += other.never_served;
        self.idle += other.idle;
        self.idle_lost += other.idle_lost;
        self.served = match (self.served, other.served) {
            (Some(ours), Some(theirs)) => Some(ours.merged(theirs)),
            (ours, theirs) => ours.or(theirs),
        };
    }
}

/// What the generator itself spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct GeneratorUse {
    /// CPU time of all generator threads in nanoseconds, waiting by spinning included.
    pub cpu_ns: Nanos,
    /// The part of `cpu_ns` that was spent spinning for a due time, in nanoseconds.
    pub spin_ns: Nanos,
    /// Generator threads.
    pub threads: u32,
    /// When they stood still, all threads together.
    #[serde(default)]
    pub stalls: Stalls,
}

/// What ended the arrivals of a drive. Of several threads or epochs it is the gravest, which is the last here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// As many requests as were asked for had been sent.
    #[default]
    Requests,
    /// The time was up.
    Duration,
    /// It was stopped from outside.
    Interrupt,
}

/// One interval of the time series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Interval {
    /// When it began, in nanoseconds since the measured part began.
    pub start_ns: Nanos,
    /// How long it was.
    pub length_ns: Nanos,
    /// Requests that ended well in it.
    pub ok: u64,
    /// Requests that failed in it.
    pub failed: u64,
    /// Those of `ok` that were within the limits of goodput; 0 where there are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub in_time: u64,
    /// The times of what ended, began or was delivered in it, of [`Clock::IN_SERIES`]; nothing of the others.
    #[cfg_attr(
        any(test, feature = "schema"),
        schemars(with = "std::collections::BTreeMap<Clock, Counts>")
    )]
    pub times: Clocks<Counts>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A target has recovered where this share of the requests that end in an interval are in time.
pub const RECOVERED_SHARE: f64 = 0.99;

/// From `eased_ns`, when the load fell below what the target can take, to the end of the first interval that begins then or later and in
/// which [`RECOVERED_SHARE`] of the requests that ended were in time, in nanoseconds. A lower bound, the time to the end, where
/// there is no such interval. None where no interval begins so late.
pub fn recovery_ns(intervals: &[Interval], eased_ns: Nanos) -> Option<Nanos> {
    let after = || {
        let intervals = intervals.iter();
        intervals.filter(|interval| interval.start_ns >= eased_ns)
    };
    let has_recovered = |interval: &&Interval| {
        let ended = interval.ok + interval.failed;
        ended > 0 && interval.in_time as f64 >= RECOVERED_SHARE * ended as f64
    };
    let interval = after()
        .find(has_recovered)
        .or_else(|| after().next_back())?;
    Some(interval.start_ns + interval.length_ns - eased_ns)
}

/// Times in nanoseconds with their counts, ascending.
pub type Counts = Vec<(Nanos, u64)>;

/// The counts of a histogram.
pub fn counts<C: hdrhistogram::Counter>(histogram: &Histogram<C>) -> Counts {
    histogram
        .iter_recorded()
        .map(|step| (step.value_iterated_to(), step.count_since_last_iteration()))
        .collect()
}

impl Recording {
    /// A recording of nothing.
    pub fn empty() -> Self {
        Self {
            times: Clocks::new(|_| empty_histogram()),
            streams: StreamCounts::default(),
            messages: MessageCounts::default(),
            accounting: Accounting::default(),
            errors: ErrorCounts::default(),
            statuses: BTreeMap::new(),
            kinds: Vec::new(),
            connections: ConnectionCounts::default(),
            in_flight: InFlight::default(),
            receive: ReceiveTimes::default(),
            generator: GeneratorUse::default(),
            in_time: None,
            recovery_ns: None,
            shared: Vec::new(),
            ended_by: EndedBy::default(),
            measured_ns: 0,
            overtime_ns: 0,
            lead_in: LeadIn::default(),
            received_bytes: 0,
            intervals: Vec::new(),
        }
    }

    /// The time in which the replies could come that a rate of replies counts, which are all but those of the lead-in.
    ///
    /// Where connections are what bounds the load (a closed loop, or an open one that fell behind), each is busy when arrivals
    /// end, and its last reply comes later: the reply counts, and so must the time until it. Where connections were free,
    /// arrivals bound the load, and the time is theirs.
    pub fn replying_ns(&self) -> Nanos {
        (self.measured_ns + self.overtime_ns).saturating_sub(self.lead_in.ns)
    }

    /// Adds what another generator thread recorded over the same time. Overtime adds up, since each thread's is its
    /// connections' part of an average over all.
    pub fn merge_thread(&mut self, other: &Self) {
        self.merge_counts(other);
        self.in_flight.merge_thread(other.in_flight);
        self.receive.merge_thread(&other.receive);
        self.generator.threads += other.generator.threads;
        self.measured_ns = self.measured_ns.max(other.measured_ns);
        self.overtime_ns += other.overtime_ns;
        self.lead_in.replies += other.lead_in.replies;
        self.lead_in.ns += other.lead_in.ns;
        // Threads may have reached different lengths; each is a multiple of every shorter one.
        let length_ns = [&self.intervals, &other.intervals]
            .into_iter()
            .filter_map(|intervals| intervals.first())
            .map(|first| first.length_ns)
            .max();
        let mut both = std::mem::take(&mut self.intervals);
        both.extend(other.intervals.iter().cloned());
        both.sort_by_key(|interval| interval.start_ns);
        for theirs in both {
            let place = |interval: &Interval| length_ns.map(|length| interval.start_ns / length);
            match self.intervals.last_mut() {
                Some(ours) if place(ours) == place(&theirs) => ours.merge(&theirs),
                _ => self.intervals.push(theirs),
            }
        }
    }

    /// Adds what was recorded over another stretch of time (an epoch): measured times add up, and its intervals are
    /// moved to begin at `offset_ns`.
    pub fn append_epoch(&mut self, other: &Self, offset_ns: Nanos) {
        self.merge_counts(other);
        self.in_flight.append_epoch(other.in_flight);
        self.receive.append_epoch(&other.receive);
        self.generator.threads = self.generator.threads.max(other.generator.threads);
        self.measured_ns += other.measured_ns;
        self.overtime_ns += other.overtime_ns;
        self.lead_in.replies += other.lead_in.replies;
        self.lead_in.ns += other.lead_in.ns;
        self.intervals
            .extend(other.intervals.iter().map(|interval| Interval {
                start_ns: interval.start_ns + offset_ns,
                ..interval.clone()
            }));
    }

    fn merge_counts(&mut self, other: &Self) {
        for (clock, ours) in self.times.iter_mut() {
            ours.add(&other.times[clock])
                .expect("all histograms share their bounds");
        }
        self.streams.add(&other.streams);
        self.messages.add(&other.messages);
        self.ended_by = self.ended_by.max(other.ended_by);
        self.accounting.merge(&other.accounting);
        self.errors.merge(&other.errors);
        add_each(&mut self.statuses, &other.statuses);
        self.received_bytes += other.received_bytes;
        self.in_time = match (self.in_time, other.in_time) {
            (Some(ours), Some(theirs)) => Some(ours + theirs),
            (ours, theirs) => ours.or(theirs),
        };
        self.recovery_ns = self.recovery_ns.max(other.recovery_ns);
        if self.kinds.is_empty() {
            self.kinds.clone_from(&other.kinds);
        } else {
            for (ours, theirs) in self.kinds.iter_mut().zip(&other.kinds) {
                ours.merge(theirs);
            }
        }
        self.connections.merge(&other.connections);
        self.generator.cpu_ns += other.generator.cpu_ns;
        self.generator.spin_ns += other.generator.spin_ns;
        self.generator.stalls.add(&other.generator.stalls);
    }
}

impl Interval {
    /// Adds another part of the same interval: another thread's, or what followed within it.
    fn merge(&mut self, other: &Self) {
        let start_ns = self.start_ns.min(other.start_ns);
        let end_ns = (self.start_ns + self.length_ns).max(other.start_ns + other.length_ns);
        self.start_ns = start_ns;
        self.length_ns = end_ns - start_ns;
        self.ok += other.ok;
        self.failed += other.failed;
        self.in_time += other.in_time;
        for clock in Clock::IN_SERIES {
            self.times[clock] = merged_counts(&self.times[clock], &other.times[clock]);
        }
    }

    /// Distinct times in it.
    fn values(&self) -> usize {
        Clock::IN_SERIES
            .map(|clock| self.times[clock].len())
            .iter()
            .sum()
    }
}

/// Two lists of ascending values and their counts as one.
pub(crate) fn merged_counts(ours: &[(Nanos, u64)], theirs: &[(Nanos, u64)]) -> Counts {
    let mut merged = Counts::with_capacity(ours.len().max(theirs.len()));
    let (mut ours, mut theirs) = (ours.iter().peekable(), theirs.iter().peekable());
    loop {
        let next = match (ours.peek(), theirs.peek()) {
            (Some(&&(our_ns, _)), Some(&&(their_ns, _))) if our_ns > their_ns => theirs.next(),
            (Some(_), _) => ours.next(),
            (None, _) => theirs.next(),
        };
        let Some(&(value_ns, count)) = next else {
            break;
        };
        match merged.last_mut() {
            Some((last_ns, total)) if *last_ns == value_ns => *total += count,
            _ => merged.push((value_ns, count)),
        }
    }
    merged.shrink_to_fit();
    merged
}

/// The time series of one drive while it grows, in bounded memory.
///
/// When it is full, the length of an interval doubles, and from then on each new interval makes room for itself by merging
/// the oldest pair of short ones: no moment of a drive has to merge them all. No count is ever lost.
#[derive(Debug)]
struct Series {
    intervals: Vec<Interval>,
    /// The length of the interval that is being filled.
    interval_ns: Nanos,
    /// Distinct times in all intervals.
    values: usize,
    /// Pairs of short intervals still to be merged, and where the first of them stands.
    short_pairs: usize,
    first_short: usize,
}

impl Series {
    fn new(interval_ns: Nanos) -> Self {
        Self {
            intervals: Vec::new(),
            interval_ns,
            values: 0,
            short_pairs: 0,
            first_short: 0,
        }
    }

    /// Adds the interval that just ended, and makes room for the next.
    fn push(&mut self, interval: Interval) {
        self.values += interval.values();
        self.intervals.push(interval);
        while self.is_full() && (self.short_pairs > 0 || self.lengthen()) {
            self.merge_pair();
        }
    }

    fn is_full(&self) -> bool {
        self.intervals.len() >= MAX_INTERVALS || self.values > MAX_INTERVAL_VALUES
    }

    /// Doubles the length of an interval, where all so far pair up: the next one then begins at a multiple of it.
    fn lengthen(&mut self) -> bool {
        let count = self.intervals.len();
        let can = count > 0 && count.is_multiple_of(2);
        if can {
            self.interval_ns *= 2;
            self.short_pairs = count / 2;
            self.first_short = 0;
        }
        can
    }

    fn merge_pair(&mut self) {
        let second = self.intervals.remove(self.first_short + 1);
        let first = &mut self.intervals[self.first_short];
        let before = first.values() + second.values();
        first.merge(&second);
        self.values -= before - first.values();
        self.first_short += 1;
        self.short_pairs -= 1;
    }

    /// The intervals, of one length but for the last.
    fn finish(mut self) -> Vec<Interval> {
        while self.short_pairs > 0 {
            self.merge_pair();
        }
        self.intervals
    }
}

/// Writes a recording while load is driven: one call per fate, no allocation but one per interval, and no more memory for a
/// day than for an hour.
///
/// All times are nanoseconds on the caller's clock. Calls must come with times that never decrease.
#[derive(Debug)]
pub struct Recorder {
    /// All but the time series.
    recording: Recording,
    series: Series,
    start_ns: Nanos,
    /// The latest time seen: replies may still come while the drive drains, after its end.
    latest_ns: Nanos,
    /// When requests in flight are counted next.
    next_count_ns: Nanos,
    in_flight_samples: u64,
    in_flight_sum: u64,
    /// How many of the first replies are still to come, and when those that came did, summed over them.
    first_to_come: u64,
    first_sum_ns: Nanos,
    current: Current,
    /// The interval before, where it is not in the series yet, and when it ended.
    ended: Option<(Current, Nanos)>,
    /// Empty, to be filled next.
    spare: Option<Current>,
}

/// The interval being filled.
#[derive(Debug)]
struct Current {
    start_ns: Nanos,
    ok: u64,
    failed: u64,
    in_time: u64,
    /// In the order of [`Clock::IN_SERIES`].
    times: [Histogram<u32>; Clock::IN_SERIES.len()],
}

impl Current {
    fn starting_at(start_ns: Nanos) -> Self {
        let empty = || -> Histogram<u32> {
            Histogram::new_with_bounds(1, MAX_RECORDABLE_NS, SIGNIFICANT_DIGITS)
                .expect("the bounds are constants that hdrhistogram accepts")
        };
        Self {
            start_ns,
            ok: 0,
            failed: 0,
            in_time: 0,
            times: Clock::IN_SERIES.map(|_| empty()),
        }
    }
}

/// Where the clocks of the series stand in [`Current::times`].
const RESPONSE: usize = 0;
const FIRST_EVENT: usize = 1;
const DELIVERY: usize = 2;

impl Recorder {
    /// A recorder whose measured part begins at `start_ns`, with intervals of `interval_ns` (above zero).
    pub fn new(start_ns: Nanos, interval_ns: Nanos) -> Self {
        assert!(interval_ns > 0, "an interval has a length");
        Self {
            recording: Recording::empty(),
            series: Series::new(interval_ns),
            start_ns,
            latest_ns: start_ns,
            next_count_ns: start_ns,
            in_flight_samples: 0,
            in_flight_sum: 0,
            first_to_come: 0,
            first_sum_ns: 0,
            current: Current::starting_at(start_ns),
            ended: None,
            spare: Some(Current::starting_at(start_ns)),
        }
    }

    /// The measured part begins at `start_ns` after all. Until then connections may have been opened, and nothing else
    /// may have been recorded.
    pub fn start_at(&mut self, start_ns: Nanos) {
        assert_eq!(
            self.recording.accounting.scheduled, 0,
            "the measured part begins before its first request"
        );
        self.start_ns = start_ns;
        self.latest_ns = start_ns;
        self.next_count_ns = start_ns;
        self.current.start_ns = start_ns;
    }

    /// From here on so many kinds of request, at most [`MAX_REQUESTS`], are distinguished. A single one has nothing of its own.
    pub fn tell_apart(&mut self, kinds: usize) {
        assert!(
            kinds <= MAX_REQUESTS,
            "{kinds} kinds of request, and no scenario has more than {MAX_REQUESTS}"
        );
        if kinds > 1 {
            self.recording.kinds = vec![KindRecording::empty(); kinds];
        }
    }

    /// A request of the kind at that place of the mix was due at `due_ns` and met its fate at `end_ns`.
    pub fn on_kind(&mut self, kind: usize, fate: Fate, due_ns: Nanos, end_ns: Nanos) {
        if self.recording.kinds.is_empty() {
            return;
        }
        let kind = &mut self.recording.kinds[kind];
        kind.accounting.enter(fate);
        if fate != Fate::Error {
            record(&mut kind.response_time, end_ns.saturating_sub(due_ns));
        }
    }

    /// A request was due.
    pub fn on_scheduled(&mut self, count: u64) {
        self.recording.accounting.scheduled += count;
    }

    /// A request was sent `lag_ns` after it was due and a connection was free for it.
    pub fn on_sent(&mut self, lag_ns: Nanos) {
        record(&mut self.recording.times[Clock::GeneratorLag], lag_ns);
    }

    /// A request succeeded.
    pub fn on_ok(&mut self, due_ns: Nanos, sent_ns: Nanos, received_ns: Nanos) {
        self.rotate(received_ns);
        if self.first_to_come > 0 {
            self.first_to_come -= 1;
            self.first_sum_ns += received_ns.saturating_sub(self.start_ns);
        }
        self.recording.accounting.ok += 1;
        self.current.ok += 1;
        self.record_ended(due_ns, sent_ns, received_ns);
    }

    /// So many replies are the first ones. To be called before any came.
    pub fn expect_first(&mut self, replies: u64) {
        self.first_to_come = replies;
    }

    /// When the first replies came, summed over all that were expected; none where some did not come.
    pub fn first_sum_ns(&self) -> Option<Nanos> {
        (self.first_to_come == 0).then_some(self.first_sum_ns)
    }

    /// From here on requests are counted that are in time.
    pub fn count_in_time(&mut self) {
        self.recording.in_time = Some(0);
    }

    /// The request that succeeded last was in time. Only after [`Self::count_in_time`].
    pub fn on_in_time(&mut self) {
        *self.recording.in_time.get_or_insert_default() += 1;
        self.current.in_time += 1;
    }

    /// So many bytes of replies were read.
    pub fn on_bytes(&mut self, count: u64) {
        self.recording.received_bytes += count;
    }

    /// The median and the 99th percentile of response time in the last whole interval, and when that began; none where it has no
    /// reply, or there is none yet.
    pub fn latest(&self) -> Option<(Nanos, [Nanos; 2])> {
        let (ended, _) = self.ended.as_ref()?;
        let times = &ended.times[RESPONSE];
        (!times.is_empty()).then(|| {
            let at = |quantile| times.value_at_quantile(quantile);
            (ended.start_ns, [at(0.5), at(0.99)])
        })
    }

    /// A reply was read `lag_ns` after it arrived; none where the kernel did not say when that was.
    pub fn on_read(&mut self, lag_ns: Option<Nanos>) {
        match lag_ns {
            Some(lag_ns) => record(&mut self.recording.times[Clock::ReceiveLag], lag_ns),
            None => self.recording.receive.unstamped += 1,
        }
    }

    /// A turn of the generator's loop took `length_ns`.
    pub fn on_turn(&mut self, length_ns: Nanos) {
        record(&mut self.recording.times[Clock::TurnLength], length_ns);
    }

    /// A request failed: counted by its kind, in no latency.
    pub fn on_error(&mut self, kind: ErrorKind, now_ns: Nanos) {
        self.rotate(now_ns);
        self.recording.accounting.error += 1;
        self.current.failed += 1;
        self.recording.errors.count(kind);
    }

    /// The reply to a request that has met its fate had this status; `is_wrong`: and should have had another.
    pub fn on_status(&mut self, status: u16, is_wrong: bool) {
        *self.recording.statuses.entry(status).or_default() += 1;
        if is_wrong {
            *self.recording.errors.statuses.entry(status).or_default() += 1;
        }
    }

    /// A request failed because this was wrong with its reply.
    pub fn on_malformed(&mut self, why: &str) {
        self.recording.errors.count_malformed(why);
    }

    /// An attempt to connect failed; no request is concerned.
    pub fn on_connect_failed(&mut self, kind: ErrorKind) {
        self.recording.errors.count(kind);
    }

    /// A request was given up while its reply was coming.
    pub fn on_cut_off(&mut self) {
        self.recording.errors.cut_off += 1;
    }

    /// A request was given up: its time so far is a lower bound.
    pub fn on_timeout(&mut self, due_ns: Nanos, sent_ns: Nanos, now_ns: Nanos) {
        self.rotate(now_ns);
        self.recording.accounting.timeout += 1;
        self.current.failed += 1;
        self.record_ended(due_ns, sent_ns, now_ns);
    }

    /// The run ended before the request did, sent or not: its time so far is a lower bound.
    pub fn on_unfinished(&mut self, due_ns: Nanos, sent_ns: Option<Nanos>, now_ns: Nanos) {
        self.recording.accounting.unfinished += 1;
        self.record_times(due_ns, sent_ns, now_ns);
    }

    /// A request whose service time is recorded got its first byte, or ended without one, `elapsed_ns` after it was sent.
    pub fn on_first_byte(&mut self, elapsed_ns: Nanos) {
        record(&mut self.recording.times[Clock::FirstByteTime], elapsed_ns);
    }

    /// The first event of a stream that was due at `due_ns` came, or its request ended without one.
    pub fn on_first_event(&mut self, due_ns: Nanos, now_ns: Nanos) {
        self.rotate(now_ns);
        let elapsed_ns = now_ns.saturating_sub(due_ns);
        record(&mut self.current.times[FIRST_EVENT], elapsed_ns);
        record(&mut self.recording.times[Clock::FirstEventTime], elapsed_ns);
    }

    /// The gap between two events of a stream was `lateness_ns` longer than it should have been.
    pub fn on_event_gap(&mut self, lateness_ns: Nanos) {
        record(
            &mut self.recording.times[Clock::EventGapLateness],
            lateness_ns,
        );
    }

    /// A request for a stream met its fate, and this is what the stream brought.
    pub fn on_stream(&mut self, counts: &StreamCounts) {
        self.recording.streams.add(counts);
    }

    /// A member had a message that was due at `due_ns`, or was still awaited when the message was given up.
    pub fn on_delivery(&mut self, due_ns: Nanos, now_ns: Nanos) {
        self.rotate(now_ns);
        let elapsed_ns = now_ns.saturating_sub(due_ns);
        record(&mut self.current.times[DELIVERY], elapsed_ns);
        record(&mut self.recording.times[Clock::DeliveryTime], elapsed_ns);
    }

    /// This became of messages.
    pub fn on_messages(&mut self, counts: &MessageCounts) {
        self.recording.messages.add(counts);
    }

    /// Since the last call, and up to `now_ns`, `in_flight` requests were on the wire: counts them at every moment of
    /// counting in between. To be called before their number changes, and at the end of the measured part.
    pub fn count_in_flight(&mut self, in_flight: u32, now_ns: Nanos) {
        let Some(since_ns) = now_ns.checked_sub(self.next_count_ns) else {
            return;
        };
        let samples = since_ns / IN_FLIGHT_EVERY_NS + 1;
        self.in_flight_samples += samples;
        self.in_flight_sum += samples * u64::from(in_flight);
        self.next_count_ns += samples * IN_FLIGHT_EVERY_NS;
    }

    /// A connection was established `elapsed_ns` after `connect`.
    pub fn on_connected(&mut self, elapsed_ns: Nanos) {
        record(&mut self.recording.times[Clock::ConnectTime], elapsed_ns);
    }

    /// The TLS handshake of a connection ended `elapsed_ns` after the connection was established.
    pub fn on_handshake(&mut self, elapsed_ns: Nanos) {
        record(&mut self.recording.times[Clock::HandshakeTime], elapsed_ns);
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
        self.tidy();
        self.close_interval(last_ns);
        self.tidy();
        self.recording.intervals = self.series.finish();
        self.recording.measured_ns = now_ns.saturating_sub(self.start_ns);
        self.recording.connections = connections;
        self.recording.in_flight = InFlight {
            samples: self.in_flight_samples,
            mean: self.in_flight_sum as f64 / self.in_flight_samples.max(1) as f64,
        };
        self.recording.generator = generator;
        self.recording
    }

    /// The accounting so far.
    pub fn accounting(&self) -> &Accounting {
        &self.recording.accounting
    }

    /// Closes every interval that ended by `now_ns`; called for each fate, and by the caller while nothing happens.
    pub fn rotate(&mut self, now_ns: Nanos) {
        self.latest_ns = self.latest_ns.max(now_ns);
        while now_ns.saturating_sub(self.current.start_ns) >= self.series.interval_ns {
            // It may make intervals longer, this one too.
            if self.tidy() {
                continue;
            }
            let end_ns = self.current.start_ns + self.series.interval_ns;
            self.close_interval(end_ns);
        }
    }

    /// Adds the interval before to the series, where that is not done: tens of microseconds, for which the caller has time. Where
    /// it never has, it is done when the next interval ends. Returns whether there was something to do.
    pub fn tidy(&mut self) -> bool {
        let Some((mut ended, end_ns)) = self.ended.take() else {
            return false;
        };
        let [response, first_event, delivery] = ended.times.each_mut().map(taken);
        let mut times = Clocks::new(|_| Counts::new());
        times[Clock::ResponseTime] = response;
        times[Clock::FirstEventTime] = first_event;
        times[Clock::DeliveryTime] = delivery;
        self.series.push(Interval {
            start_ns: ended.start_ns.saturating_sub(self.start_ns),
            length_ns: end_ns.saturating_sub(ended.start_ns),
            ok: std::mem::take(&mut ended.ok),
            failed: std::mem::take(&mut ended.failed),
            in_time: std::mem::take(&mut ended.in_time),
            times,
        });
        self.spare = Some(ended);
        true
    }

    /// The current interval ends, and the next begins. The one before is in the series.
    fn close_interval(&mut self, end_ns: Nanos) {
        let current = &self.current;
        let empty =
            current.ok == 0 && current.failed == 0 && current.times.iter().all(Histogram::is_empty);
        if end_ns <= current.start_ns && empty {
            return;
        }
        let mut next = self.spare.take().expect("the interval before is tidied up");
        next.start_ns = end_ns;
        let ended = std::mem::replace(&mut self.current, next);
        self.ended = Some((ended, end_ns));
    }

    /// A request that ended belongs to the interval in which it did; an unfinished one ended in none.
    fn record_ended(&mut self, due_ns: Nanos, sent_ns: Nanos, end_ns: Nanos) {
        record(
            &mut self.current.times[RESPONSE],
            end_ns.saturating_sub(due_ns),
        );
        self.record_times(due_ns, Some(sent_ns), end_ns);
    }

    fn record_times(&mut self, due_ns: Nanos, sent_ns: Option<Nanos>, end_ns: Nanos) {
        record(
            &mut self.recording.times[Clock::ResponseTime],
            end_ns.saturating_sub(due_ns),
        );
        if let Some(sent_ns) = sent_ns {
            record(
                &mut self.recording.times[Clock::ServiceTime],
                end_ns.saturating_sub(sent_ns),
            );
            record(
                &mut self.recording.times[Clock::SendLag],
                sent_ns.saturating_sub(due_ns),
            );
        }
    }
}

/// The counts of a histogram, which is empty thereafter. One that is empty already is not swept.
fn taken(histogram: &mut Histogram<u32>) -> Counts {
    if histogram.is_empty() {
        return Counts::new();
    }
    let counts = counts(histogram);
    histogram.reset();
    counts
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

    /// The times of an interval: each of these response times once.
    fn response_times(ascending: impl Iterator<Item = Nanos>) -> Clocks<Counts> {
        let mut times = Clocks::new(|_| Counts::new());
        times[Clock::ResponseTime] = ascending.map(|time_ns| (time_ns, 1)).collect();
        times
    }

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
        assert!(near(&recording.times[Clock::ResponseTime], 5));
        assert!(near(&recording.times[Clock::ServiceTime], 3));
        assert!(near(&recording.times[Clock::SendLag], 2));
        assert!(recording.accounting.balances());
    }

    #[test]
    fn intervals_are_the_same_whenever_they_are_tidied_up() {
        let intervals = |tidies: bool| {
            let mut recorder = recorder();
            // Longer than a drive's intervals are many, so that they grow.
            for at in 0..2 * MAX_INTERVALS as u64 + 7 {
                let due_ns = 1_000 * MS + at * 101 * MS;
                recorder.on_scheduled(1);
                recorder.on_ok(due_ns, due_ns, due_ns + at % 3 * MS);
                if tidies {
                    recorder.tidy();
                    assert!(!recorder.tidy(), "nothing is left to do");
                }
            }
            finish(recorder, 1_000 * MS + 800_000 * MS).intervals
        };
        let late = intervals(false);
        assert_eq!(late, intervals(true));
        assert_eq!(late.iter().map(|interval| interval.ok).sum::<u64>(), 7_207);
        assert!(late[0].length_ns > 100 * MS);
    }

    #[test]
    fn an_unsent_request_is_a_lower_bound_of_response_time_only() {
        let mut recorder = recorder();
        recorder.on_scheduled(2);
        recorder.on_unfinished(1_000 * MS, None, 1_400 * MS);
        recorder.on_unfinished(1_100 * MS, Some(1_150 * MS), 1_400 * MS);
        let recording = finish(recorder, 1_400 * MS);
        assert_eq!(
            (
                recording.times[Clock::ResponseTime].len(),
                recording.times[Clock::ServiceTime].len()
            ),
            (2, 1)
        );
        assert_eq!(recording.accounting.unfinished, 2);
        assert!(recording.accounting.balances());
    }

    #[test]
    fn an_error_is_no_latency() {
        let mut recorder = recorder();
        recorder.on_scheduled(1);
        recorder.on_error(ErrorKind::WrongBody, 1_010 * MS);
        let recording = finish(recorder, 1_100 * MS);
        assert_eq!(recording.times[Clock::ResponseTime].len(), 0);
        assert_eq!(
            (
                recording.accounting.error,
                recording.errors.body,
                recording.intervals[0].failed
            ),
            (1, 1, 1)
        );
    }

    #[test]
    fn kinds_of_request_are_distinguished_and_stay_so_in_threads_and_epochs() {
        let mut recorder = recorder();
        recorder.tell_apart(2);
        recorder.on_kind(0, Fate::Ok, 0, MS);
        recorder.on_kind(1, Fate::Ok, 0, 9 * MS);
        recorder.on_kind(1, Fate::Error, 0, 9 * MS);
        recorder.on_kind(1, Fate::Timeout, 0, 5_000 * MS);
        recorder.on_kind(1, Fate::Unfinished, 0, 70 * MS);
        let thread = finish(recorder, 1_100 * MS);
        let mut whole = Recording::empty();
        whole.append_epoch(&thread, 0);
        whole.append_epoch(&thread, 0);
        let mut both = thread.clone();
        both.merge_thread(&thread);
        for merged in [whole, both] {
            let accountings: Vec<_> = merged.kinds.iter().map(|kind| kind.accounting).collect();
            assert_eq!((accountings[0].scheduled, accountings[0].ok), (2, 2));
            assert_eq!((accountings[1].scheduled, accountings[1].ok), (8, 2));
            assert!(accountings.iter().all(Accounting::balances));
            let counts = merged.kinds.iter().map(|kind| kind.response_time.len());
            assert!(counts.eq([2, 6]), "an error is no latency");
        }
    }

    #[test]
    fn one_kind_has_nothing_of_its_own() {
        for kinds in [0, 1] {
            let mut recorder = recorder();
            recorder.tell_apart(kinds);
            recorder.on_kind(0, Fate::Ok, 0, MS);
            assert!(finish(recorder, 1_100 * MS).kinds.is_empty());
        }
    }

    #[test]
    fn as_many_kinds_are_distinguished_as_a_scenario_has() {
        let mut at_limit = recorder();
        at_limit.tell_apart(MAX_REQUESTS);
        at_limit.on_kind(MAX_REQUESTS - 1, Fate::Ok, 0, MS);
        assert_eq!(finish(at_limit, 1_100 * MS).kinds.len(), MAX_REQUESTS);
        let beyond = std::panic::catch_unwind(|| recorder().tell_apart(MAX_REQUESTS + 1));
        assert!(beyond.is_err());
    }

    #[test]
    fn a_target_has_recovered_with_the_first_interval_of_which_almost_all_is_in_time() {
        let interval = |index: u64, ok, failed, in_time| Interval {
            start_ns: index * 100 * MS,
            length_ns: 100 * MS,
            ok,
            failed,
            in_time,
            times: Clocks::new(|_| Counts::new()),
        };
        let recovery = |intervals: &[Interval]| recovery_ns(intervals, 200 * MS).map(|ns| ns / MS);
        let before = [interval(0, 100, 0, 100), interval(1, 100, 0, 100)];
        let after = |rest: &[Interval]| {
            let all: Vec<_> = before.iter().chain(rest).cloned().collect();
            recovery(&all)
        };
        assert_eq!(after(&[interval(2, 100, 0, 99)]), Some(100));
        let slow = [interval(2, 100, 0, 98), interval(3, 99, 1, 99)];
        assert_eq!(after(&slow), Some(200));
        // A lower bound: it was silent, or had not recovered when the load ended.
        assert_eq!(
            after(&[interval(2, 0, 0, 0), interval(3, 98, 2, 98)]),
            Some(200)
        );
        assert_eq!(after(&[]), None);
    }

    #[test]
    fn what_is_in_time_is_counted_only_where_somebody_says_what_that_is() {
        let mut recorder = recorder();
        recorder.on_scheduled(1);
        recorder.on_ok(1_000 * MS, 1_000 * MS, 1_010 * MS);
        assert_eq!(finish(recorder, 1_100 * MS).in_time, None);
        let mut recorder = self::recorder();
        recorder.count_in_time();
        recorder.on_scheduled(2);
        recorder.on_ok(1_000 * MS, 1_000 * MS, 1_010 * MS);
        recorder.on_in_time();
        recorder.on_ok(1_000 * MS, 1_000 * MS, 1_110 * MS);
        let recording = finish(recorder, 1_200 * MS);
        let by_interval = recording.intervals.iter().map(|each| each.in_time);
        assert_eq!(by_interval.collect::<Vec<_>>(), [1, 0]);
        let mut both = Recording::empty();
        both.append_epoch(&recording, 0);
        both.append_epoch(&recording, 0);
        assert_eq!(both.in_time, Some(2));
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

    /// The series of a drive of `count` ms that asked for intervals of 1 ms, with a reply in each and 500 different response
    /// times.
    fn series(count: u64) -> Vec<Interval> {
        let mut series = Series::new(MS);
        let mut at = 0;
        while at < count {
            let length = (series.interval_ns / MS).min(count - at);
            let mut times: Vec<u64> = (at..at + length).map(|reply| 1 + reply % 500).collect();
            times.sort_unstable();
            series.push(Interval {
                start_ns: at * MS,
                length_ns: length * MS,
                ok: length,
                failed: 0,
                in_time: 0,
                times: response_times(times.into_iter()),
            });
            at += length;
        }
        series.finish()
    }

    #[test]
    fn a_recorder_bounds_its_series() {
        let end_ns = (MAX_INTERVALS as u64 + 1) * MS;
        let mut recorder = Recorder::new(0, MS);
        recorder.on_scheduled(2);
        recorder.on_ok(0, 0, MS / 2);
        recorder.on_ok(0, 0, end_ns - MS / 2);
        let intervals = finish(recorder, end_ns).intervals;
        let (first, last) = (&intervals[0], &intervals[intervals.len() - 1]);
        assert_eq!(intervals.len(), MAX_INTERVALS / 2 + 1);
        assert_eq!((first.length_ns, first.ok), (2 * MS, 1));
        assert_eq!(
            (last.start_ns, last.length_ns, last.ok),
            (end_ns - MS, MS, 1)
        );
    }

    #[test]
    fn a_long_drive_goes_on_with_longer_intervals_and_loses_no_count() {
        let limit = MAX_INTERVALS as u64;
        let cases = [
            (limit - 1, 1),
            (limit, 2),
            (limit + 1, 2),
            (2 * limit - 2, 2),
            (2 * limit - 1, 4),
            (2 * limit, 4),
            (11 * limit + 3, 16),
        ];
        for (count, length_ms) in cases {
            let series = series(count);
            assert!(series.len() < MAX_INTERVALS, "{count}: {}", series.len());
            let (last, whole) = series.split_last().unwrap();
            assert!(
                whole.iter().all(
                    |interval| interval.length_ns == length_ms * MS && interval.ok == length_ms
                ),
                "{count}"
            );
            assert_eq!(
                last.start_ns + last.length_ns,
                count * MS,
                "{count}: nothing is missing at the end"
            );
            assert!(
                series
                    .windows(2)
                    .all(|pair| pair[0].start_ns + pair[0].length_ns == pair[1].start_ns),
                "{count}"
            );
            assert_eq!(
                series.iter().map(|interval| interval.ok).sum::<u64>(),
                count
            );
            let times = series
                .iter()
                .flat_map(|interval| &interval.times[Clock::ResponseTime]);
            assert_eq!(times.map(|&(_, replies)| replies).sum::<u64>(), count);
        }
    }

    #[test]
    fn intervals_full_of_different_times_grow_longer_before_there_are_many() {
        let interval = |index: u64, values: u64| Interval {
            start_ns: index * MS,
            length_ns: MS,
            ok: values,
            failed: 0,
            in_time: 0,
            times: response_times(1..=values),
        };
        let mut series = Series::new(MS);
        let values = MAX_INTERVAL_VALUES as u64 / 10;
        for index in 0..10 {
            series.push(interval(index, values));
        }
        assert_eq!(
            (series.values, series.interval_ns),
            (MAX_INTERVAL_VALUES, MS)
        );
        // One more can't pair up, the next can.
        series.push(interval(10, 1));
        series.push(interval(11, 1));
        assert_eq!(series.interval_ns, 2 * MS);
        assert!(series.values <= MAX_INTERVAL_VALUES);
        let intervals = series.finish();
        let counts: Vec<u64> = intervals.iter().map(|interval| interval.ok).collect();
        assert_eq!(
            counts,
            [[2 * values].repeat(5), vec![2]].concat(),
            "counts add up"
        );
        assert_eq!(
            intervals[0].times[Clock::ResponseTime].last(),
            Some(&(values, 2))
        );
    }

    #[test]
    fn threads_whose_intervals_differ_in_length_merge_at_the_longer() {
        let recording = |intervals| Recording {
            intervals,
            ..Recording::empty()
        };
        let short = series(MAX_INTERVALS as u64 - 2);
        let long = series(MAX_INTERVALS as u64);
        let mut merged = recording(short);
        merged.merge_thread(&recording(long));
        assert_eq!(merged.intervals.len(), MAX_INTERVALS / 2);
        let counts: Vec<u64> = merged
            .intervals
            .iter()
            .map(|interval| interval.ok)
            .collect();
        assert_eq!(counts, [vec![4; MAX_INTERVALS / 2 - 1], vec![2]].concat());
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
    fn requests_in_flight_are_counted_out_of_step_with_the_load() {
        // A request every millisecond for 10 s, each on the wire for 5.25 ms: what a count in step with the arrivals would
        // take for 5 or for 6 is 5.25 (Little's law).
        let (mut recorder, mut in_flight) = (recorder(), 0);
        for quarter in 0..40_000_u64 {
            let now_ns = 1_000 * MS + quarter * MS / 4;
            let is_sent = quarter % 4 == 0;
            let is_answered = quarter >= 21 && (quarter - 21) % 4 == 0;
            recorder.count_in_flight(in_flight, now_ns);
            in_flight += u32::from(is_sent);
            in_flight -= u32::from(is_answered);
        }
        recorder.count_in_flight(in_flight, 11_000 * MS);
        let recording = finish(recorder, 11_000 * MS);
        let InFlight { samples, mean } = recording.in_flight;
        assert_eq!(samples, 10_000 * MS / IN_FLIGHT_EVERY_NS + 1);
        assert!((mean - 5.25).abs() < 0.01, "{mean}");
    }

    #[test]
    fn requests_in_flight_add_up_over_threads_and_average_over_epochs() {
        let counted = |in_flight, ms: u64| {
            let mut recorder = recorder();
            recorder.count_in_flight(in_flight, (1_000 + ms) * MS);
            finish(recorder, (1_000 + ms) * MS)
        };
        let mut threads = counted(3, 100);
        threads.merge_thread(&counted(5, 100));
        assert!((threads.in_flight.mean - 8.0).abs() < 1e-9);
        let mut epochs = Recording::empty();
        epochs.append_epoch(&counted(4, 100), 0);
        epochs.append_epoch(&counted(8, 300), 0);
        // Three parts of the time with 8 requests and one with 4, but for the sample at each beginning.
        assert!(
            (epochs.in_flight.mean - 7.0).abs() < 0.02,
            "{:?}",
            epochs.in_flight
        );
        threads.merge_thread(&Recording::empty());
        assert_eq!(threads.in_flight, InFlight::default(), "a part is unknown");
    }

    #[test]
    fn the_first_byte_has_a_clock_of_its_own() {
        let mut recorder = recorder();
        recorder.on_scheduled(1);
        recorder.on_first_byte(MS);
        recorder.on_ok(1_000 * MS, 1_000 * MS, 1_005 * MS);
        let recording = finish(recorder, 1_100 * MS);
        let first = &recording.times[Clock::FirstByteTime];
        assert!(first.len() == 1 && first.equivalent(first.max(), MS));
        let mut merged = Recording::empty();
        merged.append_epoch(&recording, 0);
        assert_eq!(merged.times[Clock::FirstByteTime].len(), 1);
    }

    #[test]
    fn streams_have_clocks_of_their_own() {
        let one = |lateness_ns| {
            let mut recorder = recorder();
            recorder.on_first_event(1_000 * MS, 1_002 * MS);
            recorder.on_event_gap(lateness_ns);
            recorder.on_stream(&StreamCounts {
                streams: 1,
                events: 2,
                lost: 3,
                duplicated: 4,
                out_of_order: 5,
            });
            finish(recorder, 1_100 * MS)
        };
        let mut merged = one(0);
        merged.merge_thread(&one(MS));
        merged.append_epoch(&one(MS), 0);
        assert_eq!(merged.times[Clock::FirstEventTime].len(), 3);
        let of_intervals: Vec<&Counts> = merged
            .intervals
            .iter()
            .map(|interval| &interval.times[Clock::FirstEventTime])
            .collect();
        let value_ns = merged.times[Clock::FirstEventTime].max();
        let value_ns = merged.times[Clock::FirstEventTime].highest_equivalent(value_ns);
        assert_eq!(of_intervals, [&[(value_ns, 2)], &[(value_ns, 1)]]);
        let gaps = &merged.times[Clock::EventGapLateness];
        assert_eq!((gaps.count_at(0), gaps.count_at(MS)), (1, 2));
        let all = StreamCounts {
            streams: 3,
            events: 6,
            lost: 9,
            duplicated: 12,
            out_of_order: 15,
        };
        assert_eq!(merged.streams, all);
    }

    #[test]
    fn messages_have_a_clock_of_their_own() {
        let one = |elapsed_ns| {
            let mut recorder = recorder();
            recorder.on_delivery(1_000 * MS, 1_000 * MS + elapsed_ns);
            recorder.on_messages(&MessageCounts {
                sent: 1,
                deliveries: 2,
                lost: 3,
                duplicated: 4,
                out_of_order: 5,
            });
            finish(recorder, 1_100 * MS)
        };
        let mut merged = one(MS);
        merged.merge_thread(&one(2 * MS));
        merged.append_epoch(&one(2 * MS), 0);
        let times = &merged.times[Clock::DeliveryTime];
        assert_eq!((times.count_at(MS), times.count_at(2 * MS)), (1, 2));
        let all = MessageCounts {
            sent: 3,
            deliveries: 6,
            lost: 9,
            duplicated: 12,
            out_of_order: 15,
        };
        assert_eq!(merged.messages, all);
    }

    #[test]
    fn served_counts_keep_their_extremes() {
        assert_eq!(Served::of([]), None);
        let of = |counts: &[u64]| Recording {
            connections: ConnectionCounts {
                served: Served::of(counts.iter().copied()),
                ..ConnectionCounts::default()
            },
            ..Recording::empty()
        };
        let mut merged = of(&[]);
        for part in [of(&[7, 3, 5]), of(&[]), of(&[4, 9])] {
            merged.append_epoch(&part, 0);
        }
        assert_eq!(merged.connections.served, Some(Served { min: 3, max: 9 }));
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
                recording.times[Clock::ConnectTime].len(),
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
        assert!(recording.times[Clock::ResponseTime].equivalent(
            recording.times[Clock::ResponseTime].max(),
            MAX_RECORDABLE_NS
        ));
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
