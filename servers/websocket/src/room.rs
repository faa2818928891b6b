//! The room: everyone who is in hears everything that is said, in the same order.
//!
//! Knows members and what waits for each; that a message is a [`Frame`] costs it a count a member, not a copy. Must never know
//! how a member is reached: each member leaves a signal, and takes what waits when it suits.
//!
//! A member of a [`Room`] may be a client, or a loop with clients of its own. [`Backlog`] is what waits for one of them.

use std::collections::VecDeque;
use std::mem;

use slab::Slab;

use crate::frame::Frame;

/// Most that may wait for someone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Messages.
    pub messages: usize,
    /// Their bytes on the wire.
    pub bytes: usize,
}

impl Bounds {
    /// For a client: one that lets more wait is disconnected, so that it does not cost the others.
    pub const CLIENT: Self = Self {
        messages: 1_024,
        bytes: 1024 * 1024,
    };
    /// For a loop or a task with clients of its own, which takes what waits at each turn: only one that is blocked for long lets so
    /// much wait, and then loses its clients, as each of them would have been lost. A client that floods is read once a turn, which
    /// is at most 64 KiB, or 9,362 messages of a byte: these bounds have room for those of a dozen clients.
    pub const LOOP: Self = Self {
        messages: 128 * Self::CLIENT.messages,
        bytes: 16 * Self::CLIENT.bytes,
    };
}

/// More was said than may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overrun;

/// Messages that wait for someone, in the order in which they were said.
#[derive(Debug)]
pub struct Backlog {
    bounds: Bounds,
    frames: VecDeque<Frame>,
    bytes: usize,
    is_overrun: bool,
}

impl Backlog {
    /// Nothing waits.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            frames: VecDeque::new(),
            bytes: 0,
            is_overrun: false,
        }
    }

    /// Has one more message wait. Beyond the bounds everything that waits is dropped, and nothing waits any more.
    pub fn push(&mut self, frame: Frame) -> Result<(), Overrun> {
        let bytes = self.bytes + frame.as_bytes().len();
        let fits = self.frames.len() < self.bounds.messages && bytes <= self.bounds.bytes;
        if self.is_overrun || !fits {
            self.is_overrun = true;
            self.frames = VecDeque::new();
            self.bytes = 0;
            return Err(Overrun);
        }
        self.frames.push_back(frame);
        self.bytes = bytes;
        Ok(())
    }

    /// Takes the message that waits longest.
    pub fn pop(&mut self) -> Option<Frame> {
        let frame = self.frames.pop_front()?;
        self.bytes -= frame.as_bytes().len();
        Some(frame)
    }

    /// Moves messages to the end of `out`, those that wait longest first, until it holds `enough_bytes` or nothing waits.
    pub fn drain_into(&mut self, out: &mut Vec<u8>, enough_bytes: usize) {
        while out.len() < enough_bytes
            && let Some(frame) = self.pop()
        {
            out.extend_from_slice(frame.as_bytes());
        }
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }
}

/// Who is in, and what waits for each. `S` is the signal that says that something does.
#[derive(Debug)]
pub struct Room<S> {
    bounds: Bounds,
    members: Slab<(S, Backlog)>,
}

/// Names a member of one room, until it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Member(usize);

impl<S> Room<S> {
    /// Nobody is in. `bounds` hold for each member.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            members: Slab::new(),
        }
    }

    /// Lets someone in, who hears what is said from here on.
    pub fn join(&mut self, signal: S) -> Member {
        Member(self.members.insert((signal, Backlog::new(self.bounds))))
    }

    /// Lets a member go, and with it what waits for it.
    pub fn leave(&mut self, member: Member) {
        self.members.remove(member.0);
    }

    /// Has everyone hear `frame`. `signal` is called for each member who had nothing to take before and now has, or has been
    /// overrun: once for each time that it takes.
    pub fn say(&mut self, frame: &Frame, mut signal: impl FnMut(&S)) {
        for (_, (reached, backlog)) in &mut self.members {
            let knows = !backlog.is_empty() || backlog.is_overrun;
            // Of an overrun it hears when it takes.
            let _ = backlog.push(frame.clone());
            if !knows {
                signal(reached);
            }
        }
    }

    /// Takes all that waits for a member, in place of what `taken` held. Once it was overrun, that is all there will be.
    pub fn take(&mut self, member: Member, taken: &mut VecDeque<Frame>) -> Result<(), Overrun> {
        taken.clear();
        let (_, backlog) = &mut self.members[member.0];
        if backlog.is_overrun {
            return Err(Overrun);
        }
        backlog.bytes = 0;
        mem::swap(&mut backlog.frames, taken);
        Ok(())
    }

    /// How many are in.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether nobody is in.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::prelude::*;

    use super::*;

    fn frame(text: &str) -> Frame {
        Frame::text(text)
    }

    /// A frame of so many bytes on the wire.
    fn frame_of(bytes: usize) -> Frame {
        let header = Frame::text(&"a".repeat(bytes)).as_bytes().len() - bytes;
        let frame = Frame::text(&"a".repeat(bytes - header));
        assert_eq!(frame.as_bytes().len(), bytes);
        frame
    }

    fn drained(backlog: &mut Backlog, enough_bytes: usize) -> Vec<u8> {
        let mut out = Vec::new();
        backlog.drain_into(&mut out, enough_bytes);
        out
    }

    #[test]
    fn a_clients_backlog_holds_so_many_messages() {
        let mut backlog = Backlog::new(Bounds::CLIENT);
        for _ in 0..Bounds::CLIENT.messages {
            assert_eq!(backlog.push(frame("a")), Ok(()));
        }
        assert_eq!(backlog.push(frame("a")), Err(Overrun));
        assert!(backlog.is_empty(), "what waited is dropped");
        assert_eq!(backlog.push(frame("a")), Err(Overrun), "and stays so");
    }

    #[test]
    fn a_clients_backlog_holds_so_many_bytes() {
        let at_limit = [1_000, Bounds::CLIENT.bytes - 1_000];
        let mut backlog = Backlog::new(Bounds::CLIENT);
        for bytes in at_limit {
            assert_eq!(backlog.push(frame_of(bytes)), Ok(()));
        }
        assert_eq!(backlog.push(frame("")), Err(Overrun));

        // What was taken makes room.
        let mut backlog = Backlog::new(Bounds::CLIENT);
        for bytes in at_limit {
            assert_eq!(backlog.push(frame_of(bytes)), Ok(()));
        }
        assert_eq!(backlog.pop(), Some(frame_of(1_000)));
        assert_eq!(backlog.push(frame_of(1_000)), Ok(()));
        assert_eq!(backlog.push(frame("")), Err(Overrun));
    }

    #[test]
    fn batches_end_with_the_message_that_fills_them() {
        let mut backlog = Backlog::new(Bounds::CLIENT);
        for text in ["one", "two", "three"] {
            backlog.push(frame(text)).unwrap();
        }
        assert_eq!(drained(&mut backlog, 0), b"");
        assert_eq!(drained(&mut backlog, 6), b"\x81\x03one\x81\x03two");
        assert_eq!(drained(&mut backlog, 1), b"\x81\x05three");
        assert!(backlog.is_empty());
        assert_eq!(drained(&mut backlog, 1), b"");
    }

    #[test]
    fn everyone_hears_what_is_said_while_they_are_in() {
        let mut room = Room::new(Bounds::CLIENT);
        let mut heard = VecDeque::new();
        let ada = room.join("ada");
        room.say(&frame("1"), |_| ());
        let bob = room.join("bob");
        room.say(&frame("2"), |_| ());
        assert_eq!(room.take(ada, &mut heard), Ok(()));
        assert_eq!(heard, [frame("1"), frame("2")]);
        assert_eq!(room.take(bob, &mut heard), Ok(()));
        assert_eq!(heard, [frame("2")], "what was in the list is gone");

        room.leave(ada);
        assert_eq!(room.len(), 1);
        let mut signalled = Vec::new();
        room.say(&frame("3"), |name| signalled.push(*name));
        assert_eq!(signalled, ["bob"]);
        assert_eq!(room.take(bob, &mut heard), Ok(()));
        assert_eq!(heard, [frame("3")]);
        room.leave(bob);
        assert!(room.is_empty());
    }

    #[test]
    fn a_member_is_signalled_once_until_it_takes() {
        let mut room = Room::new(Bounds::CLIENT);
        let signals = Cell::new(0);
        let mut heard = VecDeque::new();
        let member = room.join(());
        for round in 1..=3 {
            for _ in 0..10 {
                room.say(&frame("a"), |()| signals.set(signals.get() + 1));
            }
            assert_eq!(signals.get(), round);
            room.take(member, &mut heard).unwrap();
            assert_eq!(heard.len(), 10);
        }
    }

    #[test]
    fn one_who_takes_nothing_is_overrun_and_costs_the_others_nothing() {
        for bounds in [Bounds::CLIENT, Bounds::LOOP] {
            let mut room = Room::new(bounds);
            let signals = Cell::new(0);
            let mut taken = VecDeque::new();
            let slow = room.join("slow");
            let quick = room.join("quick");
            for _ in 0..=bounds.messages {
                room.say(&frame("a"), |name| {
                    signals.set(signals.get() + u32::from(*name == "slow"));
                });
                room.take(quick, &mut taken).unwrap();
                assert_eq!(taken, [frame("a")]);
            }
            assert_eq!(signals.get(), 1, "of which it hears when it takes");
            assert_eq!(room.take(slow, &mut taken), Err(Overrun));
            assert!(taken.is_empty());
            room.leave(slow);
        }
    }

    #[test]
    fn a_frame_that_is_too_much_by_itself_is_signalled() {
        let mut room = Room::new(Bounds {
            messages: 1,
            bytes: 1,
        });
        let member = room.join(());
        let signals = Cell::new(0);
        room.say(&frame("a"), |()| signals.set(signals.get() + 1));
        assert_eq!(signals.get(), 1);
        assert_eq!(room.take(member, &mut VecDeque::new()), Err(Overrun));
    }

    proptest! {
        /// Whoever takes at whichever moments hears the same.
        #[test]
        fn all_hear_the_same_in_the_same_order(takes in prop::collection::vec(prop::collection::vec(any::<bool>(), 3), 1..60)) {
            let mut room = Room::new(Bounds::CLIENT);
            let members = [room.join(()), room.join(()), room.join(())];
            let mut heard = [const { Vec::new() }; 3];
            let mut taken = VecDeque::new();
            let mut hear = |room: &mut Room<()>, member: usize| {
                room.take(members[member], &mut taken).unwrap();
                heard[member].extend(taken.drain(..));
            };
            for (number, takes) in takes.iter().enumerate() {
                room.say(&frame(&number.to_string()), |()| ());
                for (member, _) in takes.iter().enumerate().filter(|(_, takes)| **takes) {
                    hear(&mut room, member);
                }
            }
            for member in 0..3 {
                hear(&mut room, member);
            }
            let said: Vec<_> = (0..takes.len()).map(|number| frame(&number.to_string())).collect();
            for heard in heard {
                prop_assert_eq!(&heard, &said);
            }
        }
    }
}
