//! A stream of server-sent events, read and checked event by event as it comes. No socket and no clock.
//!
//! The work contract numbers the events of a stream from 1: `data: 1`, an empty line, `data: 2`, an empty line. So each says
//! itself whether one is missing, came twice or came late. Whatever is not written so is a wrong body: comments, other
//! fields and other line ends, which server-sent events allow elsewhere, are no part of the contract.

use model::measured::accounting::ErrorKind;
use model::measured::recording::StreamCounts;
use model::spec::load::StreamTimes;
use model::units::Nanos;

/// What every event begins with.
const FIELD: &[u8] = b"data: ";

/// Most digits of an event's number: one that has more is no event of any stream.
const MAX_DIGITS: u8 = 9;

/// A moment worth recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The first event came.
    First,
    /// Another one came, this much later after the one before than it should have.
    Gap {
        /// In nanoseconds; zero where it was in time.
        lateness_ns: Nanos,
    },
}

/// The events of one stream. Made once a connection and begun anew for every request; the steady state allocates nothing.
#[derive(Debug)]
pub struct EventStream {
    /// Events that it must bring: 1 to this.
    count: u32,
    /// How long after the one before each is due, in nanoseconds.
    gap_ns: Nanos,
    at: At,
    /// A bit for each event that came.
    seen: Vec<u64>,
    highest: u32,
    first_ns: Option<Nanos>,
    last_ns: Option<Nanos>,
    longest_gap_ns: Option<Nanos>,
    events: u32,
    duplicated: u64,
    out_of_order: u64,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// The rest of [`FIELD`], after so many of its bytes.
    Field(usize),
    /// A digit, or the end of the line.
    Number { value: u32, digits: u8 },
    /// The empty line.
    Blank { value: u32 },
}

/// Bytes that are no event of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoEvent;

impl EventStream {
    /// A stream that waits to be begun.
    pub fn new() -> Self {
        Self {
            count: 0,
            gap_ns: 0,
            at: At::Field(0),
            seen: Vec::new(),
            highest: 0,
            first_ns: None,
            last_ns: None,
            longest_gap_ns: None,
            events: 0,
            duplicated: 0,
            out_of_order: 0,
        }
    }

    /// A stream of `count` events begins, each due `gap_ns` after the one before.
    pub fn begin(&mut self, count: u32, gap_ns: Nanos) {
        let Self { seen, .. } = self;
        let mut seen = std::mem::take(seen);
        seen.clear();
        seen.resize(count as usize / 64 + 1, 0);
        *self = Self {
            count,
            gap_ns,
            seen,
            ..Self::new()
        };
    }

    /// Takes bytes of the body that arrived at `now_ns`, in their order, and tells each moment to `on_moment`.
    ///
    /// The error is final: the rest of the stream is of no interest.
    pub fn receive(
        &mut self,
        bytes: &[u8],
        now_ns: Nanos,
        on_moment: &mut impl FnMut(Moment),
    ) -> Result<(), NoEvent> {
        for &byte in bytes {
            self.at = match (self.at, byte) {
                (At::Field(matched), byte) if byte == FIELD[matched] => {
                    if matched + 1 == FIELD.len() {
                        At::Number {
                            value: 0,
                            digits: 0,
                        }
                    } else {
                        At::Field(matched + 1)
                    }
                }
                // A number has no leading zero.
                (At::Number { digits: 0, .. }, b'0') => return Err(NoEvent),
                (At::Number { value, digits }, b'0'..=b'9') if digits < MAX_DIGITS => At::Number {
                    value: value * 10 + u32::from(byte - b'0'),
                    digits: digits + 1,
                },
                (At::Number { value, digits: 1.. }, b'\n') => At::Blank { value },
                (At::Blank { value }, b'\n') => {
                    self.on_event(value, now_ns, on_moment)?;
                    At::Field(0)
                }
                _ => return Err(NoEvent),
            };
        }
        Ok(())
    }

    /// The body is complete: what it lacked.
    pub fn fate(&self) -> Result<(), ErrorKind> {
        if self.at != At::Field(0) {
            Err(ErrorKind::WrongBody)
        } else if self.events < self.count {
            Err(ErrorKind::EventsLost)
        } else if self.duplicated > 0 {
            Err(ErrorKind::EventsDuplicated)
        } else if self.out_of_order > 0 {
            Err(ErrorKind::EventsOutOfOrder)
        } else {
            Ok(())
        }
    }

    /// What it brought. `has_ended`: nothing more can come, so that what is missing is lost.
    pub fn counts(&self, has_ended: bool) -> StreamCounts {
        StreamCounts {
            streams: 1,
            events: u64::from(self.events),
            lost: if has_ended {
                u64::from(self.count - self.events)
            } else {
                0
            },
            duplicated: self.duplicated,
            out_of_order: self.out_of_order,
        }
    }

    /// What goodput looks at, of a stream that was due at `due_ns`.
    pub fn times(&self, due_ns: Nanos) -> StreamTimes {
        StreamTimes {
            first_event_ns: self
                .first_ns
                .map(|first_ns| first_ns.saturating_sub(due_ns)),
            longest_gap_ns: self.longest_gap_ns,
        }
    }

    /// Whether no event has come yet.
    pub fn is_silent(&self) -> bool {
        self.events == 0
    }

    /// How late the event that is awaited is by `now_ns`, where it is.
    pub fn overdue_ns(&self, now_ns: Nanos) -> Option<Nanos> {
        if self.events == self.count {
            return None;
        }
        let due_ns = self.last_ns? + self.gap_ns;
        now_ns.checked_sub(due_ns).filter(|&late_ns| late_ns > 0)
    }

    fn on_event(
        &mut self,
        number: u32,
        now_ns: Nanos,
        on_moment: &mut impl FnMut(Moment),
    ) -> Result<(), NoEvent> {
        if number > self.count {
            return Err(NoEvent);
        }
        let (word, bit) = (number as usize / 64, 1_u64 << (number % 64));
        if self.seen[word] & bit != 0 {
            self.duplicated += 1;
            return Ok(());
        }
        self.seen[word] |= bit;
        self.events += 1;
        if number < self.highest {
            self.out_of_order += 1;
        }
        self.highest = self.highest.max(number);
        on_moment(match self.last_ns {
            None => {
                self.first_ns = Some(now_ns);
                Moment::First
            }
            Some(last_ns) => {
                let gap_ns = now_ns.saturating_sub(last_ns);
                self.longest_gap_ns = self.longest_gap_ns.max(Some(gap_ns));
                Moment::Gap {
                    lateness_ns: gap_ns.saturating_sub(self.gap_ns),
                }
            }
        });
        self.last_ns = Some(now_ns);
        Ok(())
    }
}

impl Default for EventStream {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Nanos = 1_000_000;

    fn body(numbers: impl IntoIterator<Item = u32>) -> Vec<u8> {
        let events = numbers
            .into_iter()
            .map(|number| format!("data: {number}\n\n"));
        events.collect::<String>().into_bytes()
    }

    /// Reads a stream of `count` events from pieces with their times of arrival in ms: the moments reported, and the stream.
    fn read(
        count: u32,
        gap_ms: u64,
        pieces: &[(u64, &[u8])],
    ) -> (Vec<Moment>, Result<EventStream, NoEvent>) {
        let mut stream = EventStream::new();
        let mut moments = Vec::new();
        stream.begin(count, gap_ms * MS);
        for (at_ms, bytes) in pieces {
            if stream
                .receive(bytes, at_ms * MS, &mut |moment| moments.push(moment))
                .is_err()
            {
                return (moments, Err(NoEvent));
            }
        }
        (moments, Ok(stream))
    }

    fn check(numbers: &[u32], fate: Result<(), ErrorKind>, counts: [u64; 4]) {
        let (_, stream) = read(5, 0, &[(0, &body(numbers.iter().copied()))]);
        let stream = stream.unwrap();
        let StreamCounts {
            events,
            lost,
            duplicated,
            out_of_order,
            ..
        } = stream.counts(true);
        assert_eq!(
            (stream.fate(), [events, lost, duplicated, out_of_order]),
            (fate, counts),
            "{numbers:?}"
        );
        assert_eq!(stream.counts(false).lost, 0, "more may come");
    }

    #[test]
    fn goodput_looks_at_the_first_event_and_at_the_longest_gap() {
        let pieces = [(30, body([1])), (45, body([2])), (50, body([3]))];
        let pieces = pieces.each_ref().map(|(at, bytes)| (*at, bytes.as_slice()));
        let times = read(3, 10, &pieces).1.unwrap().times(10 * MS);
        assert_eq!(times.first_event_ns, Some(20 * MS));
        assert_eq!(times.longest_gap_ns, Some(15 * MS));
        let none = read(3, 10, &[]).1.unwrap().times(0);
        assert_eq!(none, StreamTimes::default());
    }

    #[test]
    fn each_way_to_go_wrong_has_its_own_count() {
        check(&[1, 2, 3, 4, 5], Ok(()), [5, 0, 0, 0]);
        check(&[1, 2, 4, 5], Err(ErrorKind::EventsLost), [4, 1, 0, 0]);
        check(&[2, 3], Err(ErrorKind::EventsLost), [2, 3, 0, 0]);
        check(&[], Err(ErrorKind::EventsLost), [0, 5, 0, 0]);
        check(
            &[1, 2, 2, 3, 4, 5],
            Err(ErrorKind::EventsDuplicated),
            [5, 0, 1, 0],
        );
        check(
            &[1, 1, 1, 2, 3, 4, 5],
            Err(ErrorKind::EventsDuplicated),
            [5, 0, 2, 0],
        );
        check(
            &[1, 3, 2, 4, 5],
            Err(ErrorKind::EventsOutOfOrder),
            [5, 0, 0, 1],
        );
        check(
            &[5, 1, 2, 3, 4],
            Err(ErrorKind::EventsOutOfOrder),
            [5, 0, 0, 4],
        );
        // All at once: each is counted, and the gravest is the stream's fate.
        check(&[1, 3, 3, 2, 5], Err(ErrorKind::EventsLost), [4, 1, 1, 1]);
        check(
            &[1, 3, 3, 2, 4, 5],
            Err(ErrorKind::EventsDuplicated),
            [5, 0, 1, 1],
        );
    }

    #[test]
    fn gaps_are_late_by_what_they_are_too_long() {
        let one = |number| body([number]);
        let (moments, stream) = read(
            5,
            10,
            &[
                (100, &one(1)),
                (110, &one(2)),
                (123, &one(3)),
                (125, &one(4)),
                (140, &one(5)),
            ],
        );
        let gap = |late_ms| Moment::Gap {
            lateness_ns: late_ms * MS,
        };
        assert_eq!(moments, [Moment::First, gap(0), gap(3), gap(0), gap(5)]);
        let stream = stream.unwrap();
        assert_eq!(stream.overdue_ns(1_000 * MS), None, "all have come");
    }

    #[test]
    fn an_event_counts_when_its_last_byte_has_come() {
        let (moments, _) = read(
            2,
            10,
            &[(0, b"data: 1\n"), (7, b"\nda"), (30, b"ta: 2\n\n")],
        );
        assert_eq!(
            moments,
            [
                Moment::First,
                Moment::Gap {
                    lateness_ns: 13 * MS
                }
            ]
        );
    }

    #[test]
    fn a_repeated_event_is_no_gap_and_a_missing_one_makes_it_longer() {
        let (moments, _) = read(
            3,
            10,
            &[
                (0, &body([1])),
                (9, &body([1])),
                (20, &body([3])),
                (30, &body([2])),
            ],
        );
        let gap = |late_ms| Moment::Gap {
            lateness_ns: late_ms * MS,
        };
        assert_eq!(moments, [Moment::First, gap(10), gap(0)]);
    }

    #[test]
    fn an_event_that_does_not_come_is_late_from_its_due_time_on() {
        let (_, stream) = read(3, 10, &[(100, &body([1]))]);
        let stream = stream.unwrap();
        assert!(!stream.is_silent());
        assert_eq!(stream.overdue_ns(105 * MS), None);
        assert_eq!(stream.overdue_ns(110 * MS), None);
        assert_eq!(stream.overdue_ns(113 * MS), Some(3 * MS));
        let (_, silent) = read(3, 10, &[]);
        let silent = silent.unwrap();
        assert_eq!(
            (silent.is_silent(), silent.overdue_ns(500 * MS)),
            (true, None)
        );
    }

    #[test]
    fn what_is_not_written_as_the_contract_has_it_is_no_event() {
        for wrong in [
            "data:1\n\n",
            "data: 1\r\n\r\n",
            "data: 01\n\n",
            "data: 0\n\n",
            "data: 6\n\n",
            "data: \n\n",
            "data: 1\n\n\n",
            "data: 1 \n\n",
            "data: +1\n\n",
            ": comment\n\n",
            "id: 1\ndata: 1\n\n",
            "data: 1234567890\n\n",
            "data: 99999999999999999999\n\n",
        ] {
            assert!(read(5, 0, &[(0, wrong.as_bytes())]).1.is_err(), "{wrong:?}");
        }
        // One that breaks off is wrong once the body is complete.
        for cut in ["data: 1\n\nd", "data: 1\n\ndata: 2", "data: 1\n"] {
            let (_, stream) = read(5, 0, &[(0, cut.as_bytes())]);
            assert_eq!(stream.unwrap().fate(), Err(ErrorKind::WrongBody), "{cut:?}");
        }
    }

    #[test]
    fn a_stream_forgets_the_one_before_and_keeps_its_memory() {
        let mut stream = EventStream::new();
        let mut ignore = |_| {};
        stream.begin(10_000, MS);
        stream.receive(&body(1..=9_999), 0, &mut ignore).unwrap();
        let capacity = stream.seen.capacity();
        for _ in 0..3 {
            stream.begin(3, MS);
            stream.receive(b"data: 1\n\ndat", 5, &mut ignore).unwrap();
            stream.begin(10_000, MS);
            stream.receive(&body(1..=10_000), 5, &mut ignore).unwrap();
            assert_eq!(
                (stream.fate(), stream.counts(true).events),
                (Ok(()), 10_000)
            );
        }
        assert_eq!(stream.seen.capacity(), capacity);
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_the_body_was_cut(numbers in prop::collection::vec(1_u32..20, 0..40), piece in 1_usize..12) {
            let body = body(numbers.iter().copied());
            let whole = read(20, 0, &[(3, &body)]);
            let pieces: Vec<(u64, &[u8])> = body.chunks(piece).map(|piece| (3, piece)).collect();
            let cut = read(20, 0, &pieces);
            prop_assert_eq!(&whole.0, &cut.0);
            let (whole, cut) = (whole.1.unwrap(), cut.1.unwrap());
            prop_assert_eq!(whole.fate(), cut.fate());
            prop_assert_eq!(whole.counts(true), cut.counts(true));
        }

        #[test]
        fn counts_agree_with_a_plain_look_at_the_numbers(numbers in prop::collection::vec(1_u32..=12, 0..30)) {
            let (_, stream) = read(12, 0, &[(0, &body(numbers.iter().copied()))]);
            let counts = stream.unwrap().counts(true);
            let first = |index: usize| !numbers[..index].contains(&numbers[index]);
            let firsts: Vec<usize> = (0..numbers.len()).filter(|&index| first(index)).collect();
            let late = firsts.iter().filter(|&&index| numbers[..index].iter().any(|&before| before > numbers[index]));
            prop_assert_eq!(counts.events, firsts.len() as u64);
            prop_assert_eq!(counts.lost, 12 - firsts.len() as u64);
            prop_assert_eq!(counts.duplicated, (numbers.len() - firsts.len()) as u64);
            prop_assert_eq!(counts.out_of_order, late.count() as u64);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), count in 0_u32..100) {
            let _ = read(count, 1, &[(0, &bytes)]);
        }
    }
}
