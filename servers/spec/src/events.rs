//! The stream that `/events` answers with, step by step.
//!
//! Knows the bytes of events and their order. Must never know how a part is sent, nor how the time between two passes.

use alloc::vec::Vec;

use http1::server::ResponseHead;

use crate::MAX_BATCH_BYTES;
use crate::answer::EVENTS;
use crate::job::Step;
use crate::route::MAX_EVENTS;

/// Events that are due at once share a part; this is the longest of them: `data: 10000\n\n`.
const MAX_EVENT_BYTES: usize = 13;
const _: () = assert!(MAX_EVENTS == 10_000 && MAX_EVENT_BYTES <= MAX_BATCH_BYTES);

const HEAD: ResponseHead<'static> = ResponseHead {
    status: 200,
    content_type: EVENTS,
    headers: &[("Cache-Control", "no-cache")],
};

/// A stream of events on its way.
#[derive(Debug)]
pub(crate) struct Events {
    /// How many there are; 0 to a client that asked by HEAD.
    n: u32,
    ms: u32,
    /// Events that went out.
    sent: u32,
    /// What is to be done next or, once it was handed out, is being done.
    step: Doing,
    is_handed_out: bool,
    /// The events of the present part.
    part: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Begin,
    Emit,
    Sleep,
    End,
}

impl Events {
    pub(crate) fn new(n: u32, ms: u32) -> Self {
        Self {
            n,
            ms,
            sent: 0,
            step: Doing::Begin,
            is_handed_out: false,
            part: Vec::new(),
        }
    }

    pub(crate) fn next_step(&mut self) -> Option<Step> {
        if self.is_handed_out {
            return None;
        }
        let step = match self.step {
            Doing::Begin => Step::Begin(HEAD),
            Doing::Emit => {
                self.fill_part();
                Step::Emit
            }
            Doing::Sleep => Step::Sleep { ms: self.ms },
            Doing::End => return None,
        };
        self.is_handed_out = true;
        Some(step)
    }

    /// The bytes of the part that is being emitted.
    pub(crate) fn part(&self) -> &[u8] {
        &self.part
    }

    pub(crate) fn on_begun(&mut self) {
        self.finish(Doing::Begin);
        self.step = self.when_sent(Doing::Emit);
    }

    pub(crate) fn on_emitted(&mut self) {
        self.finish(Doing::Emit);
        let is_due = self.ms == 0;
        self.step = self.when_sent(if is_due { Doing::Emit } else { Doing::Sleep });
    }

    pub(crate) fn on_slept(&mut self) {
        self.finish(Doing::Sleep);
        self.step = Doing::Emit;
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.step == Doing::End
    }

    /// Whether the head has gone out, so that nothing else can be answered.
    pub(crate) fn is_begun(&self) -> bool {
        self.step != Doing::Begin
    }

    fn finish(&mut self, step: Doing) {
        assert!(
            self.is_handed_out && self.step == step,
            "only what was begun ends: {step:?} of {self:?}"
        );
        self.is_handed_out = false;
    }

    fn when_sent(&self, more: Doing) -> Doing {
        if self.sent < self.n { more } else { Doing::End }
    }

    /// The next event or, where all are due at once, as many as a batch holds.
    fn fill_part(&mut self) {
        self.part.clear();
        loop {
            self.sent += 1;
            append(self.sent, &mut self.part);
            let is_full = self.part.len() + MAX_EVENT_BYTES > MAX_BATCH_BYTES;
            if self.ms > 0 || self.sent == self.n || is_full {
                break;
            }
        }
    }
}

/// Appends the event of this number.
pub(crate) fn append(event: u32, out: &mut Vec<u8>) {
    let mut digits = itoa::Buffer::new();
    for part in ["data: ", digits.format(event), "\n\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::route::Route;

    /// Every step as it comes, and all parts.
    fn run(n: u32, ms: u32) -> (Vec<Step>, Vec<Vec<u8>>) {
        let (mut steps, mut parts) = (Vec::new(), Vec::new());
        let mut events = Events::new(n, ms);
        while let Some(step) = events.next_step() {
            assert_eq!(events.next_step(), None, "one step at a time");
            assert!(!events.is_at_end());
            match step {
                Step::Begin(_) => events.on_begun(),
                Step::Emit => {
                    parts.push(events.part().to_vec());
                    events.on_emitted();
                }
                Step::Sleep { .. } => events.on_slept(),
                _ => panic!("{step:?} is no step of a stream"),
            }
            steps.push(step);
        }
        assert!(events.is_at_end());
        (steps, parts)
    }

    #[test]
    fn the_first_event_is_due_at_once_and_each_further_one_after_its_time() {
        let begin = Step::Begin(HEAD);
        let sleep = Step::Sleep { ms: 7 };
        let (steps, parts) = run(3, 7);
        assert_eq!(
            steps,
            [begin, Step::Emit, sleep, Step::Emit, sleep, Step::Emit]
        );
        assert_eq!(parts, [b"data: 1\n\n", b"data: 2\n\n", b"data: 3\n\n"]);
        assert_eq!(run(1, 7).0, [begin, Step::Emit]);
        assert_eq!(run(0, 7).0, [begin]);
    }

    #[test]
    fn events_that_are_all_due_share_parts_of_at_most_a_batch() {
        let (steps, parts) = run(MAX_EVENTS, 0);
        assert_eq!(steps.len(), 1 + parts.len());
        let route = Route::Events {
            n: MAX_EVENTS,
            ms: 0,
        };
        assert_eq!(Some(parts.concat().into()), route.expected_body());
        let (last, full) = parts.split_last().unwrap();
        assert!(!full.is_empty(), "they don't all fit one");
        for part in full {
            let room = MAX_BATCH_BYTES.checked_sub(part.len());
            assert!(room.is_some_and(|room| room < MAX_EVENT_BYTES), "{room:?}");
        }
        assert!(!last.is_empty() && last.len() <= MAX_BATCH_BYTES);
    }

    #[test]
    fn the_longest_event_is_as_long_as_is_allowed_for() {
        let mut longest = vec![];
        append(MAX_EVENTS, &mut longest);
        assert_eq!(longest, b"data: 10000\n\n");
        assert_eq!(longest.len(), MAX_EVENT_BYTES);
    }

    #[test]
    #[should_panic(expected = "only what was begun ends")]
    fn an_event_that_was_not_asked_for_is_a_bug() {
        Events::new(1, 0).on_emitted();
    }
}
