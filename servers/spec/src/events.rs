//! The stream that `/events` answers with.
//!
//! Knows the bytes of events and their order. Must never know how a part is sent, nor how the time between two passes.

use alloc::vec::Vec;

use http1::server::ResponseHead;

use crate::bodies::EVENTS;
use crate::bounds::{MAX_BATCH_BYTES, MAX_EVENTS};

/// Events that are due at once share a part; this is the longest of them: `data: 10000\n\n`.
const MAX_EVENT_BYTES: usize = 13;
const _: () = assert!(MAX_EVENTS == 10_000 && MAX_EVENT_BYTES <= MAX_BATCH_BYTES);

/// A stream of events on its way: which are out, and which is due next.
#[derive(Debug, Clone, Copy)]
pub struct Events {
    /// How many there are; 0 to a client that asked by HEAD.
    n: u32,
    ms: u32,
    /// Events that went out.
    sent: u32,
}

impl Events {
    /// The head of the answer.
    pub const HEAD: ResponseHead<'static> = ResponseHead {
        status: 200,
        content_type: EVENTS,
        headers: &[("Cache-Control", "no-cache")],
    };

    pub(crate) fn new(n: u32, ms: u32) -> Self {
        Self { n, ms, sent: 0 }
    }

    /// Whether all went out.
    pub fn is_over(&self) -> bool {
        self.sent == self.n
    }

    /// Milliseconds from one part to the next; 0 where all events are due at once.
    pub fn ms(&self) -> u32 {
        self.ms
    }

    /// Appends what is due next: an event or, where all are due at once, as many as a batch has room for. It must be on its way
    /// before the wait for the next begins.
    pub fn append_due(&mut self, part: &mut Vec<u8>) {
        while !self.is_over() {
            self.sent += 1;
            append(self.sent, part);
            if self.ms > 0 || part.len() + MAX_EVENT_BYTES > MAX_BATCH_BYTES {
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

    fn parts_of(n: u32, ms: u32) -> Vec<Vec<u8>> {
        let (mut events, mut parts) = (Events::new(n, ms), Vec::new());
        while !events.is_over() {
            let mut part = Vec::new();
            events.append_due(&mut part);
            parts.push(part);
        }
        parts
    }

    #[test]
    fn events_that_are_not_due_at_once_have_a_part_each() {
        assert_eq!(
            parts_of(3, 7),
            [b"data: 1\n\n", b"data: 2\n\n", b"data: 3\n\n"]
        );
        assert!(parts_of(0, 7).is_empty());
    }

    #[test]
    fn events_that_are_all_due_share_parts_of_at_most_a_batch() {
        let parts = parts_of(MAX_EVENTS, 0);
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
}
