//! Messages of a chat: who has had which of them, and in which order. No socket and no clock.
//!
//! A message says itself which one it is, so that what others say, and what comes late from an earlier drive, is nobody's
//! loss. It is awaited from everyone who was in the room when it was sent, and has met its fate once nobody is awaited any
//! more.
//!
//! The room's order is the one in which messages first reached anybody, and a message that reaches a member after a later one
//! is out of order. Where members have different orders, or one of them lost a message, it is the member that was looked at first that
//! counts as right; where all have one order nothing is ever taken for wrong. Who has come in between knows only a part of
//! that order: it is not asked before all that was sent without it has a place, and all that it has had unasked.

use std::collections::HashMap;

use model::measured::accounting::ErrorKind;
use model::measured::recording::MessageCounts;
use model::units::Nanos;

use crate::line::Line;

/// Most messages that are awaited at a time: who could speak beyond it waits. As many as a member of a room that keeps to
/// the contract can be behind (1,024, beside what fits into sockets) with room to spare.
pub const MAX_IN_FLIGHT: u32 = 8_192;

/// The shortest message, in bytes: as much as it takes to say which one it is.
pub const MIN_MESSAGE_BYTES: usize = DRIVE_DIGITS + SLOT_DIGITS + NUMBER_DIGITS;

/// Hexadecimal digits of what a message begins with: which drive said it,
const DRIVE_DIGITS: usize = 16;
/// where it is kept,
const SLOT_DIGITS: usize = 4;
/// and the how many-th it is.
const NUMBER_DIGITS: usize = 12;

const _: () = assert!(
    MIN_MESSAGE_BYTES == model::spec::scenario::MIN_MESSAGE_BYTES as usize,
    "a scenario's shortest message is ours"
);

/// What fills a message up.
const FILLER: &str = ".";

/// The messages of one drive, and its members. The steady state allocates nothing.
#[derive(Debug)]
pub struct Messages {
    /// Tells this drive's messages from all others.
    drive: u64,
    /// What every message ends with.
    filler: String,
    /// The message that was sent last.
    text: String,
    members: Vec<Member>,
    /// A bit for each member that is in.
    present: Vec<u64>,
    present_count: u32,
    slots: Vec<Slot>,
    /// A bit for each member that a message is awaited from: as many words a slot as `present` has.
    awaited: Vec<u64>,
    /// Slots without a message in flight.
    vacant: Vec<usize>,
    /// Slots of messages in flight, the one sent first first.
    in_flight: Line,
    /// Those of them that have no place in the room's order yet.
    unplaced: Line,
    next_number: u64,
    next_place: u64,
    /// Where messages are kept by their numbers, where other drives speak in the same room; none where this one says all.
    kept: Option<HashMap<u64, usize>>,
    /// Messages of other drives that are in flight.
    of_others: u32,
}

/// What is known of a member.
#[derive(Debug, Clone, Copy)]
struct Member {
    /// The first message that it must have; none while it is out.
    first_number: u64,
    /// Of its order it is asked once all messages before this one have a place.
    asked_after: u64,
    /// The last place in the room's order that it has reached.
    last_place: Option<u64>,
    /// Messages that were given up while they were awaited from it: they may come yet.
    owed: u64,
}

/// A message in flight, or one that was.
#[derive(Debug)]
struct Slot {
    number: u64,
    is_in_flight: bool,
    /// None of another drive's.
    sender: Option<usize>,
    due_ns: Nanos,
    sent_ns: Nanos,
    first_ns: Option<Nanos>,
    last_ns: Option<Nanos>,
    /// In the room's order.
    place: Option<u64>,
    /// Members from whom it is awaited.
    awaited: u32,
    counts: MessageCounts,
    /// The gravest thing that happened to it.
    wrong: Option<ErrorKind>,
}

/// What a text that reached a member is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// Nobody awaits it: said by someone else or in an earlier drive, sent before the member was in, or given up since.
    Stray,
    /// The member has had this message, which is still in flight.
    Again,
    /// The member has had the message of this number, which has met its fate.
    AgainAfterFate(u64),
    /// As awaited.
    Awaited(Delivery),
}

/// A message reached a member from whom it was awaited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// When the message was due.
    pub due_ns: Nanos,
    /// The member said it itself.
    pub is_own: bool,
    /// It came unchanged; otherwise it counts as lost.
    pub is_whole: bool,
    /// Nobody else is awaited: this became of the message.
    pub settled: Option<Settled>,
}

/// A message that has met its fate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The how many-th it is.
    pub number: u64,
    /// Who said it; none of another drive's.
    pub sender: Option<usize>,
    /// When it was due.
    pub due_ns: Nanos,
    /// When it was sent.
    pub sent_ns: Nanos,
    /// When it first reached anybody.
    pub first_ns: Option<Nanos>,
    /// When it last reached anybody who had not had it.
    pub last_ns: Option<Nanos>,
    /// Its deliveries.
    pub counts: MessageCounts,
    /// What went wrong, the gravest first: changed, lost, twice, out of order.
    pub fate: Result<(), ErrorKind>,
}

/// A message that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp {
    /// What became of it until then.
    pub settled: Settled,
    /// Members that may have it yet.
    pub awaited: u32,
    /// Its sender has not had it.
    pub is_own_awaited: bool,
}

impl Messages {
    /// Nobody is in yet of `members`, and nothing is said. `message_bytes`: at least [`MIN_MESSAGE_BYTES`]. `drive`: a
    /// number that no other drive has.
    pub fn new(members: u32, message_bytes: usize, drive: u64) -> Self {
        assert!(
            message_bytes >= MIN_MESSAGE_BYTES,
            "a message has room to say which one it is"
        );
        let out = Member {
            first_number: u64::MAX,
            asked_after: u64::MAX,
            last_place: None,
            owed: 0,
        };
        let members = vec![out; members as usize];
        Self {
            drive,
            filler: FILLER.repeat(message_bytes - MIN_MESSAGE_BYTES),
            text: String::with_capacity(message_bytes),
            present: vec![0; members.len().div_ceil(64)],
            members,
            present_count: 0,
            slots: Vec::new(),
            awaited: Vec::new(),
            vacant: Vec::new(),
            in_flight: Line::new(MAX_IN_FLIGHT),
            unplaced: Line::new(MAX_IN_FLIGHT),
            next_number: 0,
            next_place: 0,
            kept: None,
            of_others: 0,
        }
    }

    /// The same, where other drives speak in the same room: `drive` is a number that they have too, and messages are numbered by their places
    /// in a schedule of all.
    pub fn shared(members: u32, message_bytes: usize, drive: u64) -> Self {
        // This drive's own and others'.
        let lines = || Line::new(2 * MAX_IN_FLIGHT);
        Self {
            in_flight: lines(),
            unplaced: lines(),
            kept: Some(HashMap::with_capacity(MAX_IN_FLIGHT as usize)),
            ..Self::new(members, message_bytes, drive)
        }
    }

    /// A member that was out is in: every message that is sent from here on must reach it.
    pub fn join(&mut self, member: usize) {
        assert!(!self.is_present(member), "nobody is in twice");
        let (word, bit) = place_of(member);
        self.present[word] |= bit;
        self.present_count += 1;
        self.members[member] = Member {
            first_number: self.next_number,
            asked_after: self.next_number,
            last_place: None,
            owed: 0,
        };
    }

    /// A member that was in is out: what was awaited from it is lost. Adds the messages that meet their fate with it.
    pub fn leave(&mut self, member: usize, settled: &mut Vec<Settled>) {
        assert!(self.is_present(member), "only who is in can leave");
        let (word, bit) = place_of(member);
        self.present[word] &= !bit;
        self.present_count -= 1;
        self.members[member].first_number = u64::MAX;
        for index in 0..self.slots.len() {
            let awaited = &mut self.awaited[index * self.present.len() + word];
            let slot = &mut self.slots[index];
            if !slot.is_in_flight || *awaited & bit == 0 {
                continue;
            }
            *awaited &= !bit;
            slot.awaited -= 1;
            slot.counts.lost += 1;
            slot.goes_wrong(ErrorKind::DeliveriesLost);
            if slot.awaited == 0 {
                settled.push(self.settle(index));
            }
        }
    }

    /// A member that is in sends a message of this number: its text. That is [`Self::next_number`], or where the room is shared its place in a
    /// schedule of all drives that speak there. At most [`MAX_IN_FLIGHT`] are out at a time.
    pub fn send(&mut self, sender: usize, number: u64, due_ns: Nanos, sent_ns: Nanos) -> &str {
        assert!(self.is_present(sender), "only who is in can speak");
        let index = self.put(number, Some(sender), due_ns, sent_ns);
        self.text.clear();
        push_hex(&mut self.text, self.drive, DRIVE_DIGITS);
        push_hex(&mut self.text, index as u64, SLOT_DIGITS);
        push_hex(&mut self.text, number, NUMBER_DIGITS);
        self.text.push_str(&self.filler);
        &self.text
    }

    /// Another drive's message of this number is due, and awaited from all who are in. False where more than [`MAX_IN_FLIGHT`] would be: it
    /// is not awaited then. Only where the room is shared.
    pub fn expect(&mut self, number: u64, due_ns: Nanos) -> bool {
        // From nobody nothing is awaited.
        let has_room = self.of_others < MAX_IN_FLIGHT || self.present_count == 0;
        if has_room && self.present_count > 0 {
            self.of_others += 1;
            self.put(number, None, due_ns, due_ns);
        }
        has_room
    }

    /// A message is in flight from now on; in this slot.
    fn put(&mut self, number: u64, sender: Option<usize>, due_ns: Nanos, sent_ns: Nanos) -> usize {
        self.next_number = self.next_number.max(number + 1);
        let slot = Slot {
            number,
            is_in_flight: true,
            sender,
            due_ns,
            sent_ns,
            first_ns: None,
            last_ns: None,
            place: None,
            awaited: self.present_count,
            counts: MessageCounts {
                sent: u64::from(sender.is_some()),
                ..MessageCounts::default()
            },
            wrong: None,
        };
        let index = self.vacant.pop().unwrap_or(self.slots.len());
        let words = self.present.len();
        if index == self.slots.len() {
            self.slots.push(slot);
            self.awaited.extend_from_slice(&self.present);
        } else {
            self.slots[index] = slot;
            self.awaited[index * words..][..words].copy_from_slice(&self.present);
        }
        self.in_flight.push_back(index);
        self.unplaced.push_back(index);
        if let Some(kept) = &mut self.kept {
            kept.insert(number, index);
        }
        index
    }

    /// A text reached a member that is in, at `now_ns`.
    pub fn receive(&mut self, member: usize, text: &str, now_ns: Nanos) -> Received {
        let Some((index, number)) = self.named(text) else {
            return Received::Stray;
        };
        let Member { first_number, .. } = self.members[member];
        if !(first_number..self.next_number).contains(&number) {
            return Received::Stray;
        }
        let words = self.present.len();
        let (word, bit) = place_of(member);
        let slot = match self.slots.get_mut(index) {
            Some(slot) if slot.is_in_flight && slot.number == number => slot,
            _ => return self.receive_late(member, number),
        };
        let awaited = &mut self.awaited[index * words + word];
        if *awaited & bit == 0 {
            slot.counts.duplicated += 1;
            slot.goes_wrong(ErrorKind::DeliveriesDuplicated);
            return Received::Again;
        }
        *awaited &= !bit;
        slot.awaited -= 1;
        let due_ns = slot.due_ns;
        let is_own = slot.sender == Some(member);
        let is_last = slot.awaited == 0;
        let is_whole = text[MIN_MESSAGE_BYTES..] == self.filler;
        if is_whole {
            slot.counts.deliveries += 1;
            // Who is looked at later may have had it earlier.
            slot.first_ns = Some(slot.first_ns.unwrap_or(now_ns).min(now_ns));
            slot.last_ns = slot.last_ns.max(Some(now_ns));
        } else {
            slot.counts.lost += 1;
            slot.goes_wrong(ErrorKind::WrongBody);
        }
        self.judge_order(member, index);
        Received::Awaited(Delivery {
            due_ns,
            is_own,
            is_whole,
            settled: is_last.then(|| self.settle(index)),
        })
    }

    /// When the message was sent that is out longest.
    pub fn oldest_sent_ns(&self) -> Option<Nanos> {
        self.in_flight
            .front()
            .map(|index| self.slots[index].sent_ns)
    }

    /// Gives up the message that is out longest. What a member can't have any more, because it has had what the room said
    /// later, is lost.
    pub fn give_up_oldest(&mut self) -> Option<GivenUp> {
        let index = self.in_flight.front()?;
        let words = self.present.len();
        let slot = &mut self.slots[index];
        let is_own_awaited = slot.sender.is_some_and(|sender| {
            let (word, bit) = place_of(sender);
            self.awaited[index * words + word] & bit != 0
        });
        let mut awaited = 0;
        for (word, bits) in self.awaited[index * words..][..words].iter().enumerate() {
            for member in ones(*bits).map(|bit| word * 64 + bit) {
                let Member {
                    last_place, owed, ..
                } = &mut self.members[member];
                *owed += 1;
                let is_overtaken = slot.place.zip(*last_place).is_some_and(|(it, at)| it < at);
                if is_overtaken {
                    slot.counts.lost += 1;
                    slot.goes_wrong(ErrorKind::DeliveriesLost);
                } else {
                    awaited += 1;
                }
            }
        }
        Some(GivenUp {
            settled: self.settle(index),
            awaited,
            is_own_awaited,
        })
    }

    /// How many messages that were sent here are in flight.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.len() - self.of_others
    }

    /// How many messages are awaited, other drives' included.
    pub fn awaited(&self) -> u32 {
        self.in_flight.len()
    }

    /// The number of a message of a room that is shared; none of any other text.
    pub fn number_of(&self, text: &str) -> Option<u64> {
        self.kept.as_ref()?;
        Some(self.numbers(text)?.1)
    }

    /// The number of the message that is sent next: they count from 0.
    pub fn next_number(&self) -> u64 {
        self.next_number
    }

    fn is_present(&self, member: usize) -> bool {
        let (word, bit) = place_of(member);
        self.present[word] & bit != 0
    }

    /// The slot and the number of a message that is awaited here, or was; another slot where it was.
    fn named(&self, text: &str) -> Option<(usize, u64)> {
        let (slot, number) = self.numbers(text)?;
        let Some(kept) = &self.kept else {
            return Some((slot, number));
        };
        // The slot is that of who said it.
        Some((kept.get(&number).copied().unwrap_or(usize::MAX), number))
    }

    /// The slot and the number that a message says of itself.
    fn numbers(&self, text: &str) -> Option<(usize, u64)> {
        let (drive, rest) = text.as_bytes().split_at_checked(DRIVE_DIGITS)?;
        let (slot, rest) = rest.split_at_checked(SLOT_DIGITS)?;
        let (number, _) = rest.split_at_checked(NUMBER_DIGITS)?;
        let is_ours = hex(drive)? == self.drive;
        let slot = usize::try_from(hex(slot)?).ok()?;
        is_ours.then_some((slot, hex(number)?))
    }

    /// A message that has met its fate: it was given up while it was awaited from this member, or the member has had it.
    fn receive_late(&mut self, member: usize, number: u64) -> Received {
        let owed = &mut self.members[member].owed;
        if *owed > 0 {
            *owed -= 1;
            return Received::Stray;
        }
        Received::AgainAfterFate(number)
    }

    /// The message of this slot has just reached a member.
    fn judge_order(&mut self, member: usize, index: usize) {
        let Member {
            asked_after,
            last_place,
            ..
        } = &mut self.members[member];
        let oldest_unplaced = self.unplaced.front().map(|index| self.slots[index].number);
        if oldest_unplaced.is_some_and(|number| number < *asked_after) {
            // Others may get this one after what it hears next, and would seem to be wrong.
            *asked_after = (*asked_after).max(self.slots[index].number + 1);
            return;
        }
        let slot = &mut self.slots[index];
        let place = *slot.place.get_or_insert_with(|| {
            self.unplaced.remove(index);
            self.next_place += 1;
            self.next_place
        });
        if last_place.is_some_and(|last| place < last) {
            slot.counts.out_of_order += 1;
            slot.goes_wrong(ErrorKind::DeliveriesOutOfOrder);
        } else {
            *last_place = Some(place);
        }
    }

    /// The message of this slot is out no more.
    fn settle(&mut self, index: usize) -> Settled {
        let slot = &mut self.slots[index];
        slot.is_in_flight = false;
        self.in_flight.remove(index);
        if slot.place.is_none() {
            self.unplaced.remove(index);
        }
        self.vacant.push(index);
        if let Some(kept) = &mut self.kept {
            kept.remove(&slot.number);
            self.of_others -= u32::from(slot.sender.is_none());
        }
        Settled {
            number: slot.number,
            sender: slot.sender,
            due_ns: slot.due_ns,
            sent_ns: slot.sent_ns,
            first_ns: slot.first_ns,
            last_ns: slot.last_ns,
            counts: slot.counts,
            fate: slot.wrong.map_or(Ok(()), Err),
        }
    }
}

impl Settled {
    /// From the moment of sending to the first delivery; a lower bound at `now_ns` where there was none.
    pub fn until_first_ns(&self, now_ns: Nanos) -> Nanos {
        self.first_ns.unwrap_or(now_ns).saturating_sub(self.sent_ns)
    }
}

impl Slot {
    /// Kinds of errors are in the order of their gravity.
    fn goes_wrong(&mut self, kind: ErrorKind) {
        self.wrong = Some(self.wrong.map_or(kind, |wrong| wrong.min(kind)));
    }
}

/// A member's word and its bit in it.
fn place_of(member: usize) -> (usize, u64) {
    (member / 64, 1 << (member % 64))
}

/// The places of the ones in a word, from the lowest.
fn ones(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = (bits != 0).then(|| bits.trailing_zeros() as usize)?;
        bits &= bits - 1;
        Some(place)
    })
}

fn push_hex(text: &mut String, number: u64, digits: usize) {
    debug_assert!(
        digits == 16 || number >> (4 * digits) == 0,
        "bounded by its digits"
    );
    for digit in (0..digits).rev() {
        let nibble = u32::try_from(number >> (4 * digit) & 0xf).expect("four bits");
        text.push(char::from_digit(nibble, 16).expect("below 16"));
    }
}

/// A number in lower-case hexadecimal digits.
fn hex(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number, digit| {
        let nibble = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u64::from(nibble))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    const DRIVE: u64 = 0x1234_5678_9abc_def0;

    /// So many members, all in.
    fn room(members: u32) -> Messages {
        let mut messages = Messages::new(members, 64, DRIVE);
        (0..members as usize).for_each(|member| messages.join(member));
        messages
    }

    fn say(messages: &mut Messages, sender: usize) -> String {
        messages
            .send(sender, messages.next_number(), 10, 20)
            .to_owned()
    }

    /// What became of each message that met its fate while these members had these texts, one after the other.
    fn hear(messages: &mut Messages, heard: &[(usize, &str)]) -> Vec<Settled> {
        let settled =
            heard
                .iter()
                .filter_map(|(member, text)| match messages.receive(*member, text, 30) {
                    Received::Awaited(delivery) => delivery.settled,
                    _ => None,
                });
        settled.collect()
    }

    fn counts(deliveries: u64, [lost, duplicated, out_of_order]: [u64; 3]) -> MessageCounts {
        MessageCounts {
            sent: 1,
            deliveries,
            lost,
            duplicated,
            out_of_order,
        }
    }

    /// Three members hear `a` and `b`, which member 0 and 1 said, in these orders: the fates and the counts of both, once all
    /// that is still out was given up.
    #[track_caller]
    fn check(
        heard: [&str; 3],
        a: (Result<(), ErrorKind>, MessageCounts),
        b: (Result<(), ErrorKind>, MessageCounts),
    ) {
        let mut messages = room(3);
        let texts = [say(&mut messages, 0), say(&mut messages, 1)];
        let heard: Vec<(usize, &str)> = heard
            .iter()
            .enumerate()
            .flat_map(|(member, names)| {
                let of = |name| texts[usize::from(name == 'b')].as_str();
                names.chars().map(move |name| (member, of(name)))
            })
            .collect();
        let mut settled = hear(&mut messages, &heard);
        while let Some(given_up) = messages.give_up_oldest() {
            settled.push(given_up.settled);
        }
        settled.sort_by_key(|settled| settled.sender);
        let found: Vec<_> = settled.iter().map(|it| (it.fate, it.counts)).collect();
        assert_eq!(found, [a, b], "{heard:?}");
    }

    #[test]
    fn each_way_to_go_wrong_has_its_own_count() {
        let well = (Ok(()), counts(3, [0, 0, 0]));
        check(["ab", "ab", "ab"], well, well);
        check(["ba", "ba", "ba"], well, well);
        let lost = (Err(ErrorKind::DeliveriesLost), counts(2, [1, 0, 0]));
        check(["ab", "ab", "b"], lost, well);
        let twice = (Err(ErrorKind::DeliveriesDuplicated), counts(3, [0, 1, 0]));
        check(["aab", "ab", "ab"], twice, well);
        let swapped = (Err(ErrorKind::DeliveriesOutOfOrder), counts(3, [0, 0, 1]));
        check(["ab", "ab", "ba"], swapped, well);
        check(["ba", "ab", "ba"], well, swapped);
        // All at once: each is counted, and the gravest is the message's fate.
        let all = (Err(ErrorKind::DeliveriesLost), counts(2, [1, 1, 1]));
        check(["aab", "ba", "b"], all, well);
        // Nothing came after it: it may come yet.
        let awaited = (Ok(()), counts(2, [0, 0, 0]));
        check(["ab", "ab", "a"], well, awaited);
        check(
            ["", "", ""],
            (Ok(()), counts(0, [0; 3])),
            (Ok(()), counts(0, [0; 3])),
        );
    }

    #[test]
    fn a_message_is_whole_once_the_last_member_has_it() {
        let mut messages = room(2);
        let text = say(&mut messages, 1);
        assert_eq!(
            (messages.in_flight(), messages.oldest_sent_ns()),
            (1, Some(20))
        );
        let delivery = |member: usize, settled: Option<Settled>| {
            Received::Awaited(Delivery {
                due_ns: 10,
                is_own: member == 1,
                is_whole: true,
                settled,
            })
        };
        assert_eq!(messages.receive(0, &text, 33), delivery(0, None));
        let settled = Settled {
            number: 0,
            sender: Some(1),
            due_ns: 10,
            sent_ns: 20,
            first_ns: Some(33),
            last_ns: Some(40),
            counts: counts(2, [0; 3]),
            fate: Ok(()),
        };
        assert_eq!(messages.receive(1, &text, 40), delivery(1, Some(settled)));
        assert_eq!((messages.in_flight(), messages.oldest_sent_ns()), (0, None));
        let text = say(&mut messages, 1);
        messages.receive(0, &text, 60);
        let Received::Awaited(Delivery {
            settled: Some(settled),
            ..
        }) = messages.receive(1, &text, 55)
        else {
            panic!("nobody else is awaited")
        };
        let ends = (settled.first_ns, settled.last_ns);
        assert_eq!(ends, (Some(55), Some(60)), "not in the order of looking");
        assert_eq!(messages.receive(0, &text, 70), Received::AgainAfterFate(1));
    }

    #[test]
    fn what_others_say_and_what_was_given_up_is_nobodys() {
        let mut messages = room(2);
        let text = say(&mut messages, 0);
        let name = &text[..MIN_MESSAGE_BYTES];
        let mut other = Messages::new(1, 64, DRIVE + 1);
        other.join(0);
        let others = say(&mut other, 0);
        let unsent = format!(
            "{}1{}",
            &name[..MIN_MESSAGE_BYTES - 1],
            &text[MIN_MESSAGE_BYTES..]
        );
        let upper = text.to_uppercase();
        let signed = text.replacen('1', "+", 1);
        for stray in [
            "",
            "hello",
            "ä",
            &name[1..],
            &others,
            &unsent,
            &upper,
            &signed,
        ] {
            assert_eq!(messages.receive(0, stray, 30), Received::Stray, "{stray:?}");
        }
        let given_up = messages.give_up_oldest().unwrap();
        assert_eq!((given_up.awaited, given_up.is_own_awaited), (2, true));
        assert_eq!(messages.receive(0, &text, 30), Received::Stray);
        assert_eq!(messages.receive(0, &text, 30), Received::AgainAfterFate(0));
        assert_eq!(messages.receive(1, &text, 30), Received::Stray);
        assert_eq!(messages.give_up_oldest(), None);
    }

    #[test]
    fn a_message_that_came_changed_did_not_come() {
        let changes: [fn(&str) -> String; 3] = [
            |text| format!("{text}."),
            |text| text[..40].to_owned(),
            |text| text.replace("...", "..,"),
        ];
        for changed in changes {
            let mut messages = room(2);
            let text = say(&mut messages, 0);
            let settled = hear(&mut messages, &[(0, &text), (1, &changed(&text))]);
            assert_eq!(settled[0].fate, Err(ErrorKind::WrongBody));
            assert_eq!(settled[0].counts, counts(1, [1, 0, 0]));
        }
    }

    #[test]
    fn who_leaves_loses_what_was_awaited_and_who_comes_awaits_only_what_is_sent_from_then_on() {
        let mut messages = room(3);
        let (a, b) = (say(&mut messages, 0), say(&mut messages, 1));
        assert_eq!(
            hear(&mut messages, &[(0, &a), (1, &a), (2, &a), (0, &b)]).len(),
            1
        );
        let mut settled = Vec::new();
        messages.leave(2, &mut settled);
        assert_eq!(settled, [], "member 1 is still awaited");
        messages.join(2);
        assert_eq!(
            messages.receive(2, &b, 30),
            Received::Stray,
            "sent before it came"
        );
        let c = say(&mut messages, 2);
        assert!(c.len() == 64 && messages.in_flight() == 2);
        messages.leave(1, &mut settled);
        assert_eq!(settled.len(), 1);
        assert_eq!(settled[0].fate, Err(ErrorKind::DeliveriesLost));
        assert_eq!(settled[0].counts, counts(1, [2, 0, 0]));
        let whole = hear(&mut messages, &[(2, &c), (0, &c)]);
        assert_eq!(whole[0].fate, Err(ErrorKind::DeliveriesLost));
        assert_eq!(whole[0].counts, counts(2, [1, 0, 0]));
    }

    #[test]
    fn who_has_just_come_is_not_asked_for_an_order_that_it_cannot_know() {
        let mut messages = room(3);
        messages.leave(2, &mut Vec::new());
        let a = say(&mut messages, 0);
        messages.join(2);
        let b = say(&mut messages, 1);
        // The room said `a` first, but the instrument looked at the newcomer first, who was not there then.
        let settled = hear(
            &mut messages,
            &[(2, &b), (0, &a), (0, &b), (1, &a), (1, &b)],
        );
        assert!(settled.iter().all(|settled| settled.fate.is_ok()));
        // From then on it is.
        let (c, d) = (say(&mut messages, 0), say(&mut messages, 1));
        let settled = hear(
            &mut messages,
            &[(2, &c), (2, &d), (0, &d), (0, &c), (1, &c), (1, &d)],
        );
        let fates: Vec<_> = settled.iter().map(|settled| settled.fate).collect();
        assert_eq!(fates, [Err(ErrorKind::DeliveriesOutOfOrder), Ok(())]);
    }

    #[test]
    fn what_a_newcomer_had_unasked_is_not_late_for_others() {
        let mut messages = room(2);
        messages.leave(1, &mut Vec::new());
        let a = say(&mut messages, 0);
        messages.join(1);
        let (b, c) = (say(&mut messages, 0), say(&mut messages, 0));
        // The newcomer had `b` before `a` had a place, and has `c` before the other has `b`.
        let heard = [(1, &b), (0, &a), (1, &c), (0, &b), (0, &c)];
        let heard = heard.map(|(member, text)| (member, text.as_str()));
        let settled = hear(&mut messages, &heard);
        assert_eq!(settled.len(), 3);
        assert!(settled.iter().all(|settled| settled.fate.is_ok()));
    }

    #[test]
    fn memory_is_reused() {
        let mut messages = room(100);
        for _ in 0..3 {
            let texts: Vec<String> = (0..100).map(|member| say(&mut messages, member)).collect();
            for text in &texts {
                for member in 0..100 {
                    messages.receive(member, text, 30);
                }
            }
            assert_eq!((messages.in_flight(), messages.slots.len()), (0, 100));
        }
        assert_eq!(
            messages.awaited.len(),
            100 * 2,
            "two words for a hundred members"
        );
    }

    #[test]
    fn of_a_shared_room_what_others_say_is_awaited_by_its_number() {
        let shared = || {
            let mut messages = Messages::shared(2, 64, DRIVE);
            messages.join(0);
            messages.join(1);
            messages
        };
        // The first says what is even, the second what is odd.
        let (mut first, mut second) = (shared(), shared());
        let zero = first.send(0, 0, 10, 20).to_owned();
        let one = second.send(1, 1, 15, 20).to_owned();
        assert!(first.expect(1, 15) && second.expect(0, 10));
        assert_eq!((first.in_flight(), first.awaited()), (1, 2));
        assert_eq!(first.number_of(&one), Some(1));
        let settled = hear(&mut first, &[(0, &zero), (1, &zero), (0, &one), (1, &one)]);
        let known: Vec<_> = settled
            .iter()
            .map(|it| (it.number, it.sender, it.counts.sent, it.counts.deliveries))
            .collect();
        assert_eq!(known, [(0, Some(0), 1, 2), (1, None, 0, 2)]);
        assert_eq!(first.awaited(), 0);
        // What is not due yet by this clock, or has met its fate, is nobody's.
        let late = second.send(0, 3, 30, 30).to_owned();
        assert_eq!(first.receive(0, &late, 40), Received::Stray);
        // Of what never came it is known who lacks it.
        assert!(second.expect(2, 25));
        hear(&mut second, &[(0, &zero), (1, &zero), (0, &one), (1, &one)]);
        let given_up = second.give_up_oldest().unwrap();
        assert_eq!((given_up.settled.number, given_up.awaited), (3, 2));
        let given_up = second.give_up_oldest().unwrap();
        assert_eq!((given_up.settled.number, given_up.awaited), (2, 2));
        assert!(!given_up.is_own_awaited);
    }

    #[test]
    fn of_a_shared_room_as_many_of_others_are_awaited_as_the_bound_says() {
        let mut messages = Messages::shared(1, 64, DRIVE);
        assert!(
            messages.expect(0, 1) && messages.awaited() == 0,
            "nobody is in"
        );
        messages.join(0);
        for number in 0..u64::from(MAX_IN_FLIGHT) {
            assert!(messages.expect(number, number));
        }
        assert!(!messages.expect(MAX_IN_FLIGHT.into(), 1));
        for number in 0..u64::from(MAX_IN_FLIGHT) {
            messages.send(0, 1 << 20 | number, 1, 1);
        }
        assert_eq!(messages.in_flight(), MAX_IN_FLIGHT);
        assert_eq!(messages.awaited(), 2 * MAX_IN_FLIGHT);
    }

    #[test]
    fn as_many_as_the_bound_are_in_flight() {
        let mut messages = room(1);
        for _ in 0..MAX_IN_FLIGHT {
            say(&mut messages, 0);
        }
        assert_eq!(messages.in_flight(), MAX_IN_FLIGHT);
        let last = messages.text.clone();
        assert!(matches!(
            messages.receive(0, &last, 30),
            Received::Awaited(_)
        ));
    }

    #[test]
    #[should_panic(expected = "room to say which one it is")]
    fn a_message_too_short_for_its_name_is_a_bug() {
        Messages::new(1, MIN_MESSAGE_BYTES - 1, DRIVE);
    }

    #[test]
    fn the_shortest_message_is_its_name() {
        let mut messages = Messages::new(1, MIN_MESSAGE_BYTES, DRIVE);
        messages.join(0);
        let text = say(&mut messages, 0);
        assert_eq!(text, "123456789abcdef00000000000000000");
        assert_eq!(hear(&mut messages, &[(0, &text)])[0].fate, Ok(()));
    }

    /// What happens in a room that keeps to the contract.
    #[derive(Debug, Clone)]
    enum Move {
        /// Someone who is in sends a message, which the room has not heard yet.
        Send(usize),
        /// The room says the message that it has not said for longest.
        Say,
        /// A member has what it has not had for longest.
        Hear(usize),
        /// A member leaves, or comes back.
        Turn(usize),
        GiveUp,
    }

    fn moves() -> impl Strategy<Value = Vec<Move>> {
        let member = 0_usize..4;
        let one = prop_oneof![
            4 => member.clone().prop_map(Move::Send),
            5 => Just(Move::Say),
            16 => member.clone().prop_map(Move::Hear),
            1 => member.prop_map(Move::Turn),
            1 => Just(Move::GiveUp),
        ];
        prop::collection::vec(one, 0..200)
    }

    proptest! {
        #[test]
        fn a_room_that_keeps_to_the_contract_does_nothing_wrong_however_it_is_looked_at(moves in moves()) {
            let mut messages = room(4);
            let mut is_in = [true; 4];
            let mut unsaid = VecDeque::new();
            let mut queues = vec![VecDeque::new(); 4];
            let (mut awaited, mut all) = (0, MessageCounts::default());
            let mut take = |settled: &Settled| {
                let wrong = [settled.counts.duplicated, settled.counts.out_of_order];
                assert_eq!(wrong, [0, 0]);
                all.add(&settled.counts);
            };
            let mut given_up = 0;
            for one in moves {
                match one {
                    Move::Send(member) if is_in[member] => {
                        awaited += u64::from(messages.present_count);
                        unsaid.push_back(say(&mut messages, member));
                    }
                    Move::Say => {
                        let Some(text) = unsaid.pop_front() else { continue };
                        for (queue, _) in queues.iter_mut().zip(is_in).filter(|(_, is_in)| *is_in) {
                            queue.push_back(text.clone());
                        }
                    }
                    Move::Hear(member) => {
                        let Some(text) = queues[member].pop_front() else { continue };
                        match messages.receive(member, &text, 30) {
                            Received::Awaited(delivery) => delivery.settled.iter().for_each(&mut take),
                            received => prop_assert_eq!(received, Received::Stray),
                        }
                    }
                    Move::Turn(member) if is_in[member] => {
                        is_in[member] = false;
                        queues[member].clear();
                        let mut settled = Vec::new();
                        messages.leave(member, &mut settled);
                        settled.iter().for_each(&mut take);
                    }
                    Move::Turn(member) => {
                        is_in[member] = true;
                        messages.join(member);
                    }
                    Move::GiveUp => {
                        if let Some(it) = messages.give_up_oldest() {
                            given_up += u64::from(it.awaited);
                            take(&it.settled);
                        }
                    }
                    Move::Send(_) => {}
                }
            }
            while let Some(it) = messages.give_up_oldest() {
                given_up += u64::from(it.awaited);
                take(&it.settled);
            }
            prop_assert_eq!(all.deliveries + all.lost + given_up, awaited);
        }

        #[test]
        fn counts_agree_with_a_plain_look_at_what_was_heard(heard in prop::collection::vec((0_usize..3, 0_usize..5), 0..40)) {
            let mut messages = room(3);
            let texts: Vec<String> = (0..5).map(|_| say(&mut messages, 0)).collect();
            let mut all = MessageCounts::default();
            for (member, text) in &heard {
                match messages.receive(*member, &texts[*text], 30) {
                    Received::Awaited(Delivery { settled: Some(settled), .. }) => all.add(&settled.counts),
                    Received::AgainAfterFate(_) => all.duplicated += 1,
                    _ => {}
                }
            }
            let mut awaited = 0;
            while let Some(given_up) = messages.give_up_oldest() {
                all.add(&given_up.settled.counts);
                awaited += u64::from(given_up.awaited);
            }
            let firsts: Vec<usize> = (0..heard.len()).filter(|&index| !heard[..index].contains(&heard[index])).collect();
            let mut order: Vec<usize> = Vec::new();
            for (_, text) in &heard {
                if !order.contains(text) {
                    order.push(*text);
                }
            }
            let place = |text: usize| order.iter().position(|other| *other == text);
            let late = firsts.iter().filter(|&&index| {
                let (member, text) = heard[index];
                heard[..index].iter().any(|&(other, before)| other == member && place(before) > place(text))
            });
            let skipped = (0..3).flat_map(|member| (0..5).map(move |text| (member, text)))
                .filter(|(member, text)| !heard.contains(&(*member, *text)) && place(*text).is_some())
                .filter(|(member, text)| heard.iter().any(|&(other, had)| other == *member && place(had) > place(*text)));
            prop_assert_eq!(all.deliveries, firsts.len() as u64);
            prop_assert_eq!(all.duplicated, (heard.len() - firsts.len()) as u64);
            prop_assert_eq!(all.out_of_order, late.count() as u64);
            prop_assert_eq!(all.lost, skipped.count() as u64);
            prop_assert_eq!(all.deliveries + all.lost + awaited, 15);
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,80}", member in 0_usize..2) {
            let mut messages = room(2);
            let sent = say(&mut messages, 0);
            messages.receive(member, &text, 30);
            let cut = text.chars().take(8).collect::<String>();
            messages.receive(member, &format!("{}{cut}", &sent[..28]), 30);
        }
    }
}
