//! A chat that several generators share: each has its members, speaks its part of the schedule, and knows when all others do. What became of a
//! message is known once all have said what they saw of it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::iter::{Enumerate, Peekable};

use model::measured::accounting::ErrorKind;
use model::measured::recording::{
    ConnectionCounts, GeneratorUse, Recorder, Recording, SharedMessage,
};
use model::spec::load::Load;
use model::spec::part::Part;
use model::spec::schedule::Schedule;
use model::units::{Nanos, duration_ns};

/// What other generators say, and how far this one has come.
pub(crate) struct Others {
    /// The whole schedule.
    whole: Peekable<Enumerate<Schedule>>,
    part: Part,
    /// When it begins.
    start_ns: Nanos,
    /// Nothing is due from then on, from the start.
    length_ns: Nanos,
    /// Messages that were sent here.
    sent: u64,
}

impl Others {
    /// What is said beside a part of this load, in an open loop: in a closed one nobody knows when others speak.
    pub(crate) fn of(load: &Load, part: Part, start_ns: Nanos) -> Option<Self> {
        Some(Self {
            whole: Schedule::new(load, 0, 1)?.enumerate().peekable(),
            part,
            start_ns,
            length_ns: duration_ns(load.warmup) + duration_ns(load.duration),
            sent: 0,
        })
    }

    /// The next message of another generator that is due by `now`, or has a number up to `heard`: its number, and when it is due.
    pub(crate) fn next_due(&mut self, now: Nanos, heard: Option<u64>) -> Option<(u64, Nanos)> {
        loop {
            let (start_ns, length_ns) = (self.start_ns, self.length_ns);
            let (number, due_ns) = self.whole.next_if(|&(number, due_ns)| {
                let is_heard = heard.is_some_and(|heard| number as u64 <= heard);
                due_ns < length_ns && (is_heard || start_ns + due_ns <= now)
            })?;
            if number as u64 % u64::from(self.part.of()) != u64::from(self.part.index()) {
                return Some((number as u64, start_ns + due_ns));
            }
        }
    }

    /// The number of the message that is sent here now.
    pub(crate) fn next_number(&mut self) -> u64 {
        let number = self.sent * u64::from(self.part.of()) + u64::from(self.part.index());
        self.sent += 1;
        number
    }

    /// When the last message has been due.
    pub(crate) fn end_ns(&self) -> Nanos {
        self.start_ns + self.length_ns
    }
}

/// A message, by all that was seen of it.
#[derive(Debug, Clone, Copy)]
struct Fate {
    due_ns: Nanos,
    sent_ns: Option<Nanos>,
    first_ns: Option<Nanos>,
    last_ns: Option<Nanos>,
    awaited: u32,
    at_ns: Nanos,
    is_over: bool,
    wrong: Option<ErrorKind>,
}

impl Fate {
    fn of(seen: &SharedMessage) -> Self {
        Self {
            due_ns: seen.due_ns,
            sent_ns: seen.sent_ns,
            first_ns: seen.first_ns,
            last_ns: seen.last_ns,
            awaited: seen.awaited,
            at_ns: seen.at_ns,
            is_over: seen.is_over,
            wrong: seen.wrong,
        }
    }

    fn and(self, other: Self) -> Self {
        let either = |one: Option<Nanos>, other: Option<Nanos>, of: fn(Nanos, Nanos) -> Nanos| {
            one.zip(other)
                .map(|(one, other)| of(one, other))
                .or(one)
                .or(other)
        };
        Self {
            // That of who sent it.
            due_ns: if self.sent_ns.is_some() {
                self.due_ns
            } else {
                other.due_ns
            },
            sent_ns: self.sent_ns.or(other.sent_ns),
            first_ns: either(self.first_ns, other.first_ns, Nanos::min),
            last_ns: either(self.last_ns, other.last_ns, Nanos::max),
            awaited: self.awaited + other.awaited,
            at_ns: self.at_ns.max(other.at_ns),
            is_over: self.is_over || other.is_over,
            wrong: match (self.wrong, other.wrong) {
                // Kinds of errors are in the order of their gravity.
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            },
        }
    }

    /// When it met its fate.
    fn end_ns(&self) -> Nanos {
        match self.last_ns {
            Some(last_ns) if self.wrong.is_none() && self.awaited == 0 => last_ns,
            _ => self.at_ns,
        }
    }
}

/// Adds what became of messages, by what generators saw of them, to what was recorded otherwise.
pub(crate) fn with_fates(load: &Load, recording: Recording, seen: &[SharedMessage]) -> Recording {
    if seen.is_empty() {
        return recording;
    }
    let mut fates: BTreeMap<u64, Fate> = BTreeMap::new();
    for message in seen {
        let fate = Fate::of(message);
        match fates.entry(message.number) {
            Entry::Vacant(entry) => {
                entry.insert(fate);
            }
            Entry::Occupied(mut entry) => {
                let both = entry.get().and(fate);
                entry.insert(both);
            }
        }
    }
    let mut fates: Vec<Fate> = fates.into_values().collect();
    fates.sort_by_key(Fate::end_ns);
    let mut recorder = Recorder::new(0, duration_ns(load.interval));
    for fate in &fates {
        // What was never sent was not awaited either, but by others.
        let Some(sent_ns) = fate.sent_ns else {
            continue;
        };
        let end_ns = fate.end_ns();
        for _ in 0..fate.awaited {
            recorder.on_delivery(fate.due_ns, end_ns);
        }
        let until_first_ns = fate.first_ns.unwrap_or(end_ns).saturating_sub(sent_ns);
        if let Some(kind) = fate.wrong {
            recorder.on_error(kind, end_ns);
            continue;
        }
        recorder.on_first_byte(until_first_ns);
        if fate.awaited == 0 {
            recorder.on_ok(fate.due_ns, sent_ns, end_ns);
        } else if fate.is_over {
            recorder.on_unfinished(fate.due_ns, Some(sent_ns), end_ns);
        } else {
            recorder.on_timeout(fate.due_ns, sent_ns, end_ns);
        }
    }
    let fates = recorder.finish(
        recording.measured_ns,
        ConnectionCounts::default(),
        GeneratorUse::default(),
    );
    let (in_flight, receive) = (recording.in_flight, recording.receive);
    let mut whole = recording;
    whole.merge_thread(&fates);
    Recording {
        in_flight,
        receive,
        shared: Vec::new(),
        ..whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(number: u64, sent_ns: Option<Nanos>, last_ns: Nanos) -> SharedMessage {
        SharedMessage {
            number,
            due_ns: 100,
            sent_ns,
            first_ns: Some(last_ns - 50),
            last_ns: Some(last_ns),
            awaited: 0,
            at_ns: last_ns,
            is_over: false,
            wrong: None,
        }
    }

    #[test]
    fn a_message_has_the_fate_that_all_who_saw_it_say_together() {
        let fate = |one: SharedMessage, other: SharedMessage| {
            let both = Fate::of(&one).and(Fate::of(&other));
            let turned = Fate::of(&other).and(Fate::of(&one));
            assert_eq!(format!("{both:?}"), format!("{turned:?}"));
            both
        };
        let (own, theirs) = (seen(0, Some(120), 400), seen(0, None, 900));
        let whole = fate(
            own,
            SharedMessage {
                due_ns: 103,
                ..theirs
            },
        );
        assert_eq!((whole.due_ns, whole.sent_ns), (100, Some(120)));
        assert_eq!((whole.first_ns, whole.end_ns()), (Some(350), 900));
        let late = SharedMessage {
            awaited: 2,
            at_ns: 5_000,
            ..theirs
        };
        assert_eq!(
            (fate(own, late).awaited, fate(own, late).end_ns()),
            (2, 5_000)
        );
        let wrong = SharedMessage {
            wrong: Some(ErrorKind::DeliveriesLost),
            ..late
        };
        assert_eq!(fate(own, wrong).wrong, Some(ErrorKind::DeliveriesLost));
    }
}
