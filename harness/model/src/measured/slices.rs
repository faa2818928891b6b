//! Slices: the distribution of what is timed in one part of the measured time after another.
//!
//! The histogram of a whole run can't say what one minute of it was like, and one for each interval of the time series would
//! make the record of an hour many times as long. So a record keeps a bounded number of them: one for each interval while those
//! are few, and joined neighbours where they are many, within an epoch first and then whole epochs. Values are distinguished
//! by their first six binary digits, so that joining is adding counts, no count is ever lost, and each value is known to
//! 1.6 %. This module knows counts and times; it must never know how they are drawn.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::measured::clock::Clock;
use crate::measured::recording::{
    Counts, Interval, MAX_RECORDABLE_NS, Recording, counts, merged_counts,
};
use crate::units::{NANOS_PER_S, Nanos};

/// Most slices of one target.
pub const MAX_SLICES: usize = 128;

/// Most buckets with a count in them that the slices of one target have together. A record holds each in about two
/// characters, so that a target's slices never take much more than its time series in a run of the usual length.
pub const MAX_SLICE_BUCKETS: usize = 8_192;

/// Buckets of each doubling of the values: the first six binary digits are kept, and the first of them is always 1.
const BUCKETS_PER_DOUBLING: u64 = 32;

/// The longest list of counts that is read, as base64: a number of eight bytes for every bucket that there is.
pub const MAX_COUNTS_BASE64_BYTES: usize = {
    let buckets = bucket_of(MAX_RECORDABLE_NS) + 1;
    #[expect(clippy::cast_possible_truncation, reason = "there are 1,500 buckets")]
    let bytes = buckets as usize * 8;
    bytes.div_ceil(3) * 4
};

/// The largest sum of counts that is read: up to there a script's numbers are exact, and no run comes near it.
pub const MAX_COUNT: u64 = 1 << 53;

/// A part of the measured time of a target, with the distribution of what is timed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct SliceRecord {
    /// Seconds since the run began.
    pub start_s: f64,
    /// Its length in seconds; other targets' turns may lie within.
    pub duration_s: f64,
    /// How often each value occurred of what is timed, in base64: numbers of seven bits a byte, lowest first, all but the last
    /// byte with the highest bit set. An even number is twice the count of the next bucket, an odd one twice the number of empty
    /// buckets that follow, and one. The first 64 buckets are a nanosecond wide, and from there on each doubling has 32 of equal
    /// width.
    pub counts_base64: String,
}

impl SliceRecord {
    /// The counts, at the lowest value of each bucket.
    pub fn counts(&self) -> Result<Counts, SliceError> {
        read(&self.counts_base64)
    }
}

/// Why the counts of a slice can't be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SliceError {
    /// Longer than any of ours.
    #[error(
        "the counts of a slice take {bytes} bytes, and never more than {MAX_COUNTS_BASE64_BYTES}: the record is damaged"
    )]
    TooLong {
        /// Their length as base64.
        bytes: usize,
    },
    /// More slices than a target has.
    #[error(
        "it has {slices} slices, and a target at most {MAX_SLICES}: the record is damaged, or was written by another tool"
    )]
    TooMany {
        /// How many.
        slices: usize,
    },
    /// Not base64.
    #[error("the counts of a slice are not base64: the record is damaged")]
    NotBase64,
    /// Not numbers as they are written, or more of them than there are buckets.
    #[error("the counts of a slice are no list of counts: the record is damaged")]
    NotCounts,
}

/// Checks that a target's slices are such as are written: no more of them than there can be, and each with counts.
pub fn check(slices: &[SliceRecord]) -> Result<(), SliceError> {
    if slices.len() > MAX_SLICES {
        return Err(SliceError::TooMany {
            slices: slices.len(),
        });
    }
    slices.iter().try_for_each(|slice| slice.counts().map(drop))
}

/// Every value's bucket, named by the lowest value in it. Buckets of an HdrHistogram with three significant digits lie each in
/// one of these.
fn lowest_ns(value_ns: Nanos) -> Nanos {
    lowest_of(bucket_of(value_ns))
}

/// The middle of the bucket in which a value lies: at most 1.6 % away from it.
pub fn middle_ns(value_ns: Nanos) -> f64 {
    let bucket = bucket_of(value_ns);
    let widest = lowest_of(bucket + 1) - 1;
    f64::midpoint(lowest_of(bucket) as f64, widest as f64)
}

const fn bucket_of(value_ns: Nanos) -> u64 {
    if value_ns < 2 * BUCKETS_PER_DOUBLING {
        return value_ns;
    }
    let dropped = value_ns.ilog2() - BUCKETS_PER_DOUBLING.ilog2();
    dropped as u64 * BUCKETS_PER_DOUBLING + (value_ns >> dropped)
}

const fn lowest_of(bucket: u64) -> Nanos {
    if bucket < 2 * BUCKETS_PER_DOUBLING {
        return bucket;
    }
    let dropped = bucket / BUCKETS_PER_DOUBLING - 1;
    (bucket - dropped * BUCKETS_PER_DOUBLING) << dropped
}

/// A part of the measured time: so far an interval of an epoch, or several that were joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// When it began, in nanoseconds since the run did.
    pub start_ns: Nanos,
    /// When it ended.
    pub end_ns: Nanos,
    /// How much of that time was this target's.
    pub measured_ns: Nanos,
    /// How often each value occurred, at the lowest value of its bucket.
    pub counts: Counts,
}

impl Slice {
    /// A slice that was this target's throughout, with these values.
    pub fn new(start_ns: Nanos, length_ns: Nanos, counts: &[(Nanos, u64)]) -> Self {
        Self {
            start_ns,
            end_ns: start_ns + length_ns,
            measured_ns: length_ns,
            counts: coarse(counts),
        }
    }

    fn join(&mut self, next: &Self) {
        self.end_ns = next.end_ns;
        self.measured_ns += next.measured_ns;
        self.counts = merged_counts(&self.counts, &next.counts);
    }

    fn record(&self) -> SliceRecord {
        let seconds = |ns| ns as f64 / NANOS_PER_S as f64;
        SliceRecord {
            start_s: seconds(self.start_ns),
            duration_s: seconds(self.end_ns - self.start_ns),
            counts_base64: written(&self.counts),
        }
    }
}

/// The slices of a target while it is measured epoch by epoch, in bounded memory.
///
/// When they are too many, all neighbours that together are no longer than twice the longest are joined, and so is what
/// comes later.
#[derive(Debug, Clone, Default)]
pub struct Slices {
    /// What may be joined with each other: the slices of an epoch, or one slice of several whole epochs.
    groups: Vec<Vec<Slice>>,
    /// How long a slice may get by being joined, in measured time.
    longest_ns: Nanos,
}

impl Slices {
    /// Adds an epoch whose measured part began `offset_ns` after the run.
    pub fn take(&mut self, recording: &Recording, clock: Clock, offset_ns: Nanos) {
        self.append(of_epoch(recording, clock, offset_ns));
    }

    /// Adds the slices of an epoch, oldest first.
    pub fn append(&mut self, epoch: Vec<Slice>) {
        self.push(epoch);
        while self.is_full() {
            let measured = self.groups.iter().flatten().map(|slice| slice.measured_ns);
            self.longest_ns = 2 * measured.max().unwrap_or(0);
            for group in std::mem::take(&mut self.groups) {
                self.push(group);
            }
        }
    }

    fn push(&mut self, epoch: Vec<Slice>) {
        let epoch = joined(epoch, self.longest_ns);
        match (self.groups.last_mut().map(Vec::as_mut_slice), &*epoch) {
            (_, []) => {}
            (Some([last]), [only]) if last.measured_ns + only.measured_ns <= self.longest_ns => {
                last.join(only);
            }
            _ => self.groups.push(epoch),
        }
    }

    fn is_full(&self) -> bool {
        let slices = self.groups.iter().flatten();
        let buckets: usize = slices.clone().map(|slice| slice.counts.len()).sum();
        slices.count() > MAX_SLICES || buckets > MAX_SLICE_BUCKETS
    }

    /// The slices, oldest first, as a record holds them; none where nothing was timed.
    pub fn record(&self) -> Vec<SliceRecord> {
        let slices = || self.groups.iter().flatten();
        if slices().all(|slice| slice.counts.is_empty()) {
            return Vec::new();
        }
        slices().map(Slice::record).collect()
    }
}

/// Neighbours joined where together they are no longer than this.
fn joined(slices: Vec<Slice>, longest_ns: Nanos) -> Vec<Slice> {
    let mut joined: Vec<Slice> = Vec::with_capacity(slices.len());
    for slice in slices {
        match joined.last_mut() {
            Some(last) if last.measured_ns + slice.measured_ns <= longest_ns => last.join(&slice),
            _ => joined.push(slice),
        }
    }
    joined
}

/// A slice for each interval of an epoch. What the epoch's end cut off stands in its distribution, as a lower bound, and in no
/// interval: here it ended with the last.
fn of_epoch(recording: &Recording, clock: Clock, offset_ns: Nanos) -> Vec<Slice> {
    let slice = |interval: &Interval| {
        let start_ns = offset_ns + interval.start_ns;
        Slice::new(start_ns, interval.length_ns, &interval.times[clock])
    };
    let mut slices: Vec<Slice> = recording.intervals.iter().map(slice).collect();
    let whole = coarse(&counts(&recording.times[clock]));
    let rest = without(whole, slices.iter().flat_map(|slice| &slice.counts));
    match slices.last_mut() {
        Some(last) => last.counts = merged_counts(&last.counts, &rest),
        None if rest.is_empty() => {}
        None => slices.push(Slice::new(offset_ns, recording.measured_ns, &rest)),
    }
    slices
}

/// Counts by bucket.
fn coarse(fine: &[(Nanos, u64)]) -> Counts {
    let mut coarse = Counts::new();
    for &(value_ns, count) in fine {
        let lowest_ns = lowest_ns(value_ns);
        match coarse.last_mut() {
            Some((last_ns, total)) if *last_ns == lowest_ns => *total += count,
            _ => coarse.push((lowest_ns, count)),
        }
    }
    coarse
}

/// What is left of counts without others that are among them.
fn without<'a>(whole: Counts, others: impl Iterator<Item = &'a (Nanos, u64)>) -> Counts {
    let mut rest: BTreeMap<Nanos, u64> = whole.into_iter().collect();
    for (value_ns, count) in others {
        let left = rest.get_mut(value_ns).filter(|left| **left >= *count);
        *left.expect("what stands in an interval stands in the whole as well") -= count;
    }
    rest.retain(|_, count| *count > 0);
    rest.into_iter().collect()
}

fn written(counts: &[(Nanos, u64)]) -> String {
    let mut bytes = Vec::new();
    let mut next = 0;
    for &(value_ns, count) in counts {
        let bucket = bucket_of(value_ns);
        if bucket > next {
            write_number(&mut bytes, (bucket - next) << 1 | 1);
        }
        write_number(&mut bytes, count << 1);
        next = bucket + 1;
    }
    STANDARD.encode(bytes)
}

/// Bits of a number that a byte holds; the eighth says whether another byte follows.
const BITS_PER_BYTE: u32 = 7;
const MORE: u8 = 1 << BITS_PER_BYTE;

fn write_number(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= BITS_PER_BYTE;
        if number == 0 {
            return bytes.push(low);
        }
        bytes.push(low | MORE);
    }
}

/// Reads what [`written`] wrote; whatever a damaged record holds ends in an error, and costs no more than a sound one.
fn read(text: &str) -> Result<Counts, SliceError> {
    if text.len() > MAX_COUNTS_BASE64_BYTES {
        return Err(SliceError::TooLong { bytes: text.len() });
    }
    let bytes = STANDARD.decode(text).map_err(|_| SliceError::NotBase64)?;
    let mut bytes = bytes.as_slice();
    let mut counts = Counts::new();
    let (mut next, mut total) = (0_u64, 0_u64);
    while !bytes.is_empty() {
        let (number, rest) = read_number(bytes).ok_or(SliceError::NotCounts)?;
        bytes = rest;
        let value = number >> 1;
        if number & 1 == 1 {
            next = next.saturating_add(value);
            continue;
        }
        total = total.saturating_add(value);
        if next > bucket_of(MAX_RECORDABLE_NS) || total > MAX_COUNT {
            return Err(SliceError::NotCounts);
        }
        if value > 0 {
            counts.push((lowest_of(next), value));
        }
        next += 1;
    }
    Ok(counts)
}

/// A number and the bytes after it.
fn read_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    for (place, &byte) in bytes.iter().enumerate() {
        let bits = u64::from(byte & (MORE - 1));
        let shift = u32::try_from(place).ok()? * BITS_PER_BYTE;
        // What does not fit is no number of ours.
        if shift + (u64::BITS - bits.leading_zeros()) > u64::BITS {
            return None;
        }
        number |= bits << shift;
        if byte & MORE == 0 {
            return Some((number, &bytes[place + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;
    use proptest::prelude::*;

    use super::*;
    use crate::measured::recording::{
        ConnectionCounts, GeneratorUse, MessageCounts, Recorder, StreamCounts, empty_histogram,
    };

    const MS: Nanos = 1_000_000;
    const INTERVAL_NS: Nanos = 100 * MS;

    /// So many slices of 100 ms, with a value of its own each.
    fn epoch(start_ns: Nanos, slices: u64) -> Vec<Slice> {
        let each = (0..slices).map(|index| {
            let start_ns = start_ns + index * INTERVAL_NS;
            Slice::new(start_ns, INTERVAL_NS, &[(lowest_of(index), 1)])
        });
        each.collect()
    }

    fn read_all(slices: &Slices) -> Vec<Counts> {
        let records = slices.record();
        records
            .iter()
            .map(|slice| slice.counts().unwrap())
            .collect()
    }

    /// Start and length of every slice, in milliseconds.
    fn times(slices: &Slices) -> Vec<(u64, u64)> {
        let of = |slice: &Slice| (slice.start_ns / MS, (slice.end_ns - slice.start_ns) / MS);
        slices.groups.iter().flatten().map(of).collect()
    }

    #[test]
    fn a_value_is_known_to_1_6_percent_and_no_bucket_of_a_recording_is_cut() {
        let fine = empty_histogram();
        let mut value_ns = 0;
        while value_ns <= MAX_RECORDABLE_NS {
            let (low, middle) = (lowest_ns(value_ns), middle_ns(value_ns));
            assert!(low <= value_ns, "{value_ns}");
            assert!(
                (middle - value_ns as f64).abs() <= 0.016 * value_ns as f64,
                "{value_ns}: {middle}"
            );
            let ends = [
                fine.lowest_equivalent(value_ns),
                fine.highest_equivalent(value_ns),
            ];
            assert_eq!(ends.map(lowest_ns), [low, low], "{value_ns}");
            assert_eq!(lowest_of(bucket_of(low)), low);
            value_ns += 1 + value_ns / 700;
        }
        for (value_ns, bucket) in [(0, 0), (63, 63), (64, 64), (65, 64), (127, 95), (128, 96)] {
            assert_eq!(bucket_of(value_ns), bucket, "{value_ns}");
        }
    }

    /// What a thread does with one request, of which it is the last.
    #[derive(Debug, Clone, Copy)]
    enum Fate {
        Ok,
        TimedOut,
        Unfinished,
    }

    /// An epoch of these requests, each with what became of it, how long it took and when it ended, in microseconds; each is
    /// a stream and a message of a chat as well.
    fn recorded(requests: &[(Fate, u64, u64)]) -> Recording {
        let mut requests = requests.to_vec();
        requests.sort_by_key(|&(_, _, end_us)| end_us);
        let mut recorder = Recorder::new(0, INTERVAL_NS);
        recorder.on_scheduled(requests.len() as u64);
        let mut unfinished = Vec::new();
        let mut end_ns = 0;
        for (fate, took_us, end_us) in requests {
            end_ns = end_us * 1_000;
            let due_ns = end_ns - (took_us * 1_000).min(end_ns);
            match fate {
                Fate::Ok => recorder.on_ok(due_ns, due_ns, end_ns),
                Fate::TimedOut => recorder.on_timeout(due_ns, due_ns, end_ns),
                Fate::Unfinished => unfinished.push(due_ns),
            }
            recorder.on_first_event(due_ns, end_ns);
            recorder.on_delivery(due_ns, end_ns);
        }
        for due_ns in unfinished {
            recorder.on_unfinished(due_ns, None, end_ns);
        }
        recorder.on_stream(&StreamCounts::default());
        recorder.on_messages(&MessageCounts::default());
        recorder.finish(end_ns, ConnectionCounts::default(), GeneratorUse::default())
    }

    /// All slices of these epochs together hold exactly what the whole holds, counted at the middles of buckets; and so each
    /// percentile to 1.6 %.
    fn check_whole(epochs: &[Recording]) {
        for clock in Clock::IN_SERIES {
            let mut slices = Slices::default();
            let mut whole = Recording::empty();
            for (index, recording) in (0..).zip(epochs) {
                slices.take(recording, clock, index * 3_600 * NANOS_PER_S);
                whole.append_epoch(recording, 0);
            }
            let sum = read_all(&slices)
                .iter()
                .fold(Counts::new(), |sum, next| merged_counts(&sum, next));
            let fine: &Histogram<u64> = &whole.times[clock];
            assert_eq!(sum, coarse(&counts(fine)), "{clock:?}");
            let mut seen = 0;
            for &(value_ns, count) in &sum {
                seen += count;
                // A hair below, so that the last bit asks for no later rank.
                let share = 100.0 * seen as f64 / fine.len() as f64 - 1e-9;
                let exact_ns = fine.value_at_percentile(share) as f64;
                let reported_ns = middle_ns(value_ns);
                assert!(
                    (reported_ns - exact_ns).abs() <= 0.017 * exact_ns,
                    "{clock:?}, {share} %: {reported_ns} for {exact_ns}"
                );
            }
            assert!(slices.record().len() <= MAX_SLICES);
        }
    }

    proptest! {
        // Each case makes and adds up several recordings, of some megabytes.
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn the_whole_is_the_sum_of_all_slices(
            epochs in prop::collection::vec(
                prop::collection::vec(
                    (
                        prop::sample::select(vec![Fate::Ok, Fate::TimedOut, Fate::Unfinished]),
                        0_u64..3_000_000,
                        0_u64..3_000_000,
                    ),
                    0..60,
                ),
                0..12,
            ),
        ) {
            let epochs: Vec<Recording> = epochs.iter().map(|epoch| recorded(epoch)).collect();
            check_whole(&epochs);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            counts in prop::collection::btree_map(0..=bucket_of(MAX_RECORDABLE_NS), 1_u64..1 << 40, 0..300),
        ) {
            let counts: Counts = counts.into_iter().map(|(bucket, count)| (lowest_of(bucket), count)).collect();
            prop_assert_eq!(read(&written(&counts)), Ok(counts));
        }

        #[test]
        fn whatever_is_read_ends_in_counts_or_in_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(counts) = read(&STANDARD.encode(bytes)) {
                prop_assert_eq!(read(&written(&counts)), Ok(counts));
            }
        }
    }

    #[test]
    fn what_the_end_of_an_epoch_cut_off_ended_with_its_last_slice() {
        let requests = [
            (Fate::Ok, 5_000, 50_000),
            (Fate::Unfinished, 120_000, 60_000),
            (Fate::Ok, 5_000, 250_000),
        ];
        let mut slices = Slices::default();
        slices.take(&recorded(&requests), Clock::ResponseTime, 7 * NANOS_PER_S);
        let seen: Vec<u64> = read_all(&slices)
            .iter()
            .map(|counts| counts.iter().map(|&(_, count)| count).sum())
            .collect();
        assert_eq!(seen, [1, 0, 2]);
        assert_eq!(times(&slices), [(7_000, 100), (7_100, 100), (7_200, 50)]);
    }

    #[test]
    fn an_epoch_without_an_interval_is_a_slice_of_its_own() {
        let mut recorder = Recorder::new(0, INTERVAL_NS);
        recorder.on_scheduled(1);
        recorder.on_unfinished(0, None, 0);
        let recording = recorder.finish(0, ConnectionCounts::default(), GeneratorUse::default());
        assert!(recording.intervals.is_empty());
        check_whole(&[recording]);
    }

    #[test]
    fn at_the_bound_slices_stay_as_they_are_and_past_it_neighbours_join() {
        let slices = MAX_SLICES as u64;
        let mut at = Slices::default();
        at.append(epoch(0, slices));
        assert_eq!(at.record().len(), MAX_SLICES);
        let mut past = Slices::default();
        past.append(epoch(0, slices + 1));
        assert_eq!(times(&past).len(), MAX_SLICES / 2 + 1);
        assert_eq!(times(&past)[..2], [(0, 200), (200, 200)]);
        let values = read_all(&past).concat();
        assert_eq!(values.len(), MAX_SLICES + 1, "no count is lost");
    }

    #[test]
    fn slices_full_of_different_values_join_before_there_are_many() {
        let values = MAX_SLICE_BUCKETS as u64 / 16;
        let full = |start_ns| {
            let counts: Counts = (0..values).map(|bucket| (lowest_of(bucket), 1)).collect();
            vec![Slice::new(start_ns, INTERVAL_NS, &counts)]
        };
        let mut slices = Slices::default();
        for index in 0..16 {
            slices.append(full(index * NANOS_PER_S));
        }
        assert_eq!(slices.record().len(), 16);
        slices.append(vec![Slice::new(16 * NANOS_PER_S, INTERVAL_NS, &[(0, 1)])]);
        assert_eq!(slices.record().len(), 9);
        assert_eq!(read_all(&slices)[0][0], (0, 2), "counts add up");
        assert_eq!(
            times(&slices)[0],
            (0, 1_100),
            "from the first to the end of the last"
        );
    }

    #[test]
    fn slices_join_within_their_epoch_first_and_then_whole_epochs() {
        // Each epoch is of 500 ms, in which another target's turn follows.
        let taken = |epochs: u64| {
            let mut slices = Slices::default();
            for index in 0..epochs {
                slices.append(epoch(index * 1_000 * MS, 5));
            }
            times(&slices)
        };
        assert_eq!(
            taken(25)[..6],
            [
                (0, 100),
                (100, 100),
                (200, 100),
                (300, 100),
                (400, 100),
                (1_000, 100)
            ]
        );
        assert_eq!(
            taken(26)[..4],
            [(0, 200), (200, 200), (400, 100), (1_000, 200)]
        );
        assert_eq!(taken(43)[..3], [(0, 400), (400, 100), (1_000, 400)]);
        assert_eq!(taken(65)[..2], [(0, 500), (1_000, 500)]);
        assert_eq!(taken(129)[..2], [(0, 1_500), (2_000, 1_500)]);
        let many = taken(5_000);
        assert!(
            many.len() <= MAX_SLICES && many.len() > MAX_SLICES / 3,
            "{}",
            many.len()
        );
    }

    #[test]
    fn where_nothing_was_timed_there_are_no_slices() {
        let mut slices = Slices::default();
        assert!(slices.record().is_empty());
        slices.append(vec![Slice::new(0, INTERVAL_NS, &[])]);
        assert!(slices.record().is_empty());
    }

    #[test]
    fn counts_that_nobody_wrote_are_refused() {
        let number = |number| {
            let mut bytes = Vec::new();
            write_number(&mut bytes, number);
            STANDARD.encode(bytes)
        };
        let last = bucket_of(MAX_RECORDABLE_NS);
        let beyond = written(&[(lowest_of(last + 1), 1)]);
        let cases = [
            (
                "A".repeat(MAX_COUNTS_BASE64_BYTES + 1),
                SliceError::TooLong {
                    bytes: MAX_COUNTS_BASE64_BYTES + 1,
                },
            ),
            ("no base64!".to_owned(), SliceError::NotBase64),
            (STANDARD.encode([MORE]), SliceError::NotCounts),
            (STANDARD.encode([u8::MAX; 11]), SliceError::NotCounts),
            (number((MAX_COUNT + 1) << 1), SliceError::NotCounts),
            (beyond, SliceError::NotCounts),
        ];
        for (text, error) in cases {
            assert_eq!(read(&text), Err(error), "{text:.20}");
        }
        assert_eq!(read(&number(MAX_COUNT << 1)), Ok(vec![(0, MAX_COUNT)]));
        let last_alone = vec![(lowest_of(last), 1)];
        assert_eq!(read(&written(&last_alone)), Ok(last_alone));
        assert_eq!(read(""), Ok(Counts::new()));
        assert_eq!(check(&vec![SliceRecord::default(); MAX_SLICES]), Ok(()));
        let slices = MAX_SLICES + 1;
        assert_eq!(
            check(&vec![SliceRecord::default(); slices]),
            Err(SliceError::TooMany { slices })
        );
    }
}
