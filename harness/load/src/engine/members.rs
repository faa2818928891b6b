//! A chat over a worker's connections: each is a member, and a message is answered once every member has it.
//!
//! A member is in the room once its WebSocket handshake is answered. It may speak again once its own message has come back to
//! it, so that the member that is longest free speaks next, and it hears what all others say. Members are matched with one another's
//! messages without a lock: all members of a drive live in one thread. Where other generators have members in the same room, each awaits
//! from its own what the others say, which the schedule tells, and what became of a message is found out behind the drive (see `shared`).
//!
//! The steady state costs one `send` a message and one `recv` a delivery, or fewer where several come together, and no
//! allocation.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use model::measured::accounting::ErrorKind;
use model::measured::recording::{MessageCounts, Served, SharedMessage};
use model::spec::part::Part;
use model::units::{Nanos, duration_ns};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use websocket::{MAX_MESSAGE_BYTES, Message, Poll, Role, Socket, Text, encode};

use crate::engine::common::Share;
use crate::engine::core::{Arrival, Core, Ended, Opened};
use crate::engine::error::CONNECT_TIMEOUT;
use crate::engine::protocol::Protocol;
use crate::engine::shared::Others;
use crate::line::Line;
use crate::protocol::messages::{Delivery, GivenUp, MAX_IN_FLIGHT, Messages, Received, Settled};
use crate::protocol::upgrade::{Upgrade, UpgradeError};
use crate::protocol::workload::Chat;
use crate::reactor::Ready;
use crate::transport::link::{RecvError, Transport};

/// Most bytes that wait for a peer which does not read: a message, and as much again in pongs. A peer that asks for more pongs
/// without reading them is left.
const MAX_UNSENT_BYTES: usize = 2 * MAX_MESSAGE_BYTES + 64;

/// The chat of a drive.
pub(crate) struct Members<'a> {
    chat: &'a Chat,
    messages: Messages,
    turns: Vec<Turn>,
    /// Sessions whose handshake is not answered, those that wait longest first.
    greeting: Line,
    /// Members that could speak, but as many messages as may be are out already; longest first.
    waiting: Line,
    /// Members in the room.
    joined: u32,
    /// The number of the first measured message, once it is sent.
    first_measured: Option<u64>,
    /// The first handshake that was refused.
    refused: Option<UpgradeError>,
    /// Connections that took no more bytes, and which of those that had this place they are.
    broken: Vec<(usize, u32)>,
    /// Scratch: what met its fate when a member left.
    settled: Vec<Settled>,
    /// What others say in the same room, once the schedule begins; none where all members are here.
    others: Option<Others>,
    /// What members heard of others whose schedules began a moment before this one.
    early: Vec<(usize, Text, Arrival)>,
    /// What of the load is spoken here.
    part: Part,
    /// Masks frames and makes keys (RFC 6455 §5.3 and §4.1).
    random: Xoshiro256PlusPlus,
}

/// A session's part in the chat.
struct Turn {
    at: At,
    /// Once it is in the room.
    socket: Option<Socket>,
    /// What is still to be sent, and how much of it has left.
    out: Vec<u8>,
    written: usize,
    /// Deliveries of measured messages.
    served: u64,
}

/// How far a session has come.
enum At {
    /// It has no connection.
    Out,
    /// It has asked for a WebSocket, then.
    Greeting { since_ns: Nanos, upgrade: Upgrade },
    /// It is in the room,
    /// and may speak: it stands among the free.
    Free,
    /// and may not speak yet: it stands among those that wait.
    Waiting,
    /// and waits for its own message.
    Speaking,
}

impl<'a> Members<'a> {
    /// All members of a drive here; `share` has all of its connections.
    pub(crate) fn new(chat: &'a Chat, share: &Share) -> Self {
        let turns = (0..share.connections).map(|_| Turn {
            at: At::Out,
            socket: None,
            out: Vec::new(),
            written: 0,
            served: 0,
        });
        // Not from the load's seed: two epochs with the same arrivals must not take each other's messages for their own.
        let mut random =
            Xoshiro256PlusPlus::seed_from_u64(RandomState::new().build_hasher().finish());
        let (members, bytes) = (share.connections, chat.message_bytes());
        Self {
            chat,
            messages: if share.part.is_whole() {
                Messages::new(members, bytes, random.next_u64())
            } else {
                Messages::shared(members, bytes, share.room)
            },
            others: None,
            early: Vec::new(),
            part: share.part,
            turns: turns.collect(),
            greeting: Line::new(share.connections),
            waiting: Line::new(share.connections),
            joined: 0,
            first_measured: None,
            refused: None,
            broken: Vec::new(),
            settled: Vec::new(),
            random,
        }
    }

    /// Asks for a WebSocket.
    fn greet<T: Transport>(&mut self, core: &mut Core<'_, T>, index: usize, now: Nanos) {
        let mut nonce = [0; 16];
        self.random.fill_bytes(&mut nonce);
        let turn = &mut self.turns[index];
        turn.at = At::Greeting {
            since_ns: now,
            upgrade: Upgrade::ask(self.chat.target(), self.chat.host(), nonce, &mut turn.out),
        };
        self.greeting.push_back(index);
        self.flush(core, index);
    }

    /// The handshake is answered: the member is in.
    fn join<T: Transport>(&mut self, core: &mut Core<'_, T>, index: usize, now: Nanos) {
        self.greeting.remove(index);
        self.joined += 1;
        if core.sessions[index].backoff.on_used() {
            core.pace.on_used();
        }
        self.messages.join(index);
        self.turns[index].socket = Some(Socket::new(Role::Client));
        self.release(core, index, now);
    }

    /// The member may speak, as far as messages may be out; in a closed loop it does at once.
    fn release<T: Transport>(&mut self, core: &mut Core<'_, T>, index: usize, now: Nanos) {
        if core.free.len() + self.messages.in_flight() >= MAX_IN_FLIGHT {
            self.turns[index].at = At::Waiting;
            self.waiting.push_back(index);
        } else if let Some(due_ns) = core.follows() {
            core.sessions[index].free_since_ns = now;
            self.send_at(core, index, due_ns, due_ns);
        } else {
            self.turns[index].at = At::Free;
            core.set_free(index, now);
        }
    }

    /// A message is out no more: another one may be.
    fn release_waiting<T: Transport>(&mut self, core: &mut Core<'_, T>, now: Nanos) {
        if let Some(index) = self.waiting.pop_front() {
            self.release(core, index, now);
        }
    }

    fn send_at<T: Transport>(
        &mut self,
        core: &mut Core<'_, T>,
        index: usize,
        due_ns: Nanos,
        sent_ns: Nanos,
    ) {
        let others = self.others.as_mut();
        let number = others.map_or(self.messages.next_number(), Others::next_number);
        if due_ns >= core.recorders.measured_from_ns {
            self.first_measured.get_or_insert(number);
        }
        core.recorders
            .count_in_flight(self.messages.in_flight(), sent_ns);
        let text = self.messages.send(index, number, due_ns, sent_ns);
        let mask = self.random.next_u32().to_ne_bytes();
        let turn = &mut self.turns[index];
        turn.at = At::Speaking;
        encode(Message::Text(text), Some(mask), &mut turn.out);
        core.count_sent(index, due_ns, sent_ns);
        self.flush(core, index);
    }

    /// Writes what is still to be sent. That a connection takes no more is seen to where nothing else is going on.
    fn flush<T: Transport>(&mut self, core: &mut Core<'_, T>, index: usize) {
        let turn = &mut self.turns[index];
        match core.write(index, &turn.out, &mut turn.written) {
            Ok(true) => {
                turn.out.clear();
                turn.written = 0;
            }
            Ok(false) if turn.out.len() <= MAX_UNSENT_BYTES => {}
            Ok(false) | Err(_) => self.broken.push((index, core.sessions[index].generation)),
        }
    }

    fn leave_broken<T: Transport>(&mut self, core: &mut Core<'_, T>, now: Nanos) {
        while let Some((index, generation)) = self.broken.pop() {
            if core.sessions[index].generation == generation {
                self.lose(core, index, UpgradeError::Closed, now);
            }
        }
    }

    fn read<T: Transport>(
        &mut self,
        core: &mut Core<'_, T>,
        index: usize,
        ready: Ready,
        woken_ns: Nanos,
    ) {
        // What was readable when epoll returned had arrived by then; what else is read may have come since.
        let mut arrived_ns = woken_ns;
        loop {
            match core.recv(index) {
                Err(RecvError::WouldBlock) => return,
                Ok(0) | Err(RecvError::Lost) => {
                    return self.lose(core, index, UpgradeError::Closed, arrived_ns);
                }
                Err(RecvError::Malformed | RecvError::Alert(_)) => {
                    return self.lose(core, index, UpgradeError::Malformed, arrived_ns);
                }
                Ok(count) => {
                    let since_ns = core.sessions[index].open_since_ns.unwrap_or_default();
                    let arrival = core.arrival(since_ns, arrived_ns);
                    let buffer = std::mem::take(&mut core.read_buffer);
                    let heard = self.hear(core, index, &buffer[..count], arrival);
                    core.read_buffer = buffer;
                    if let Err(why) = heard {
                        return self.lose(core, index, why, core.clock.now());
                    }
                    // One that is left now may go on talking without an end.
                    let is_broken = self.broken.iter().any(|(broken, _)| *broken == index);
                    if is_broken || Core::<T>::is_emptied(count, ready) {
                        return;
                    }
                }
            }
            arrived_ns = core.clock.now();
        }
    }

    /// Takes what has come in. The error is the connection's end.
    fn hear<T: Transport>(
        &mut self,
        core: &mut Core<'_, T>,
        index: usize,
        bytes: &[u8],
        arrival: Arrival,
    ) -> Result<(), UpgradeError> {
        let At::Greeting { upgrade, .. } = &mut self.turns[index].at else {
            return self.hear_messages(core, index, bytes, arrival);
        };
        let Some(behind) = upgrade.receive(bytes)? else {
            return Ok(());
        };
        self.join(core, index, arrival.at_ns);
        self.hear_messages(core, index, &behind, arrival)
    }

    fn hear_messages<T: Transport>(
        &mut self,
        core: &mut Core<'_, T>,
        index: usize,
        mut bytes: &[u8],
        mut arrival: Arrival,
    ) -> Result<(), UpgradeError> {
        loop {
            let Turn { socket, out, .. } = &mut self.turns[index];
            let socket = socket.as_mut().expect("a member in the room has a socket");
            match socket.poll(&mut bytes, out) {
                Poll::NeedInput => break,
                Poll::Text(text) => {
                    if let Some(number) = self.messages.number_of(&text) {
                        if self.others.is_none() {
                            // So many can't be said in the moment by which clocks differ.
                            if self.early.len() < MAX_IN_FLIGHT as usize {
                                self.early.push((index, text, arrival));
                            }
                            continue;
                        }
                        // By this clock it may not be due yet.
                        let room = (&mut self.others, &mut self.messages);
                        Self::expect(room, core, arrival.at_ns, Some(number));
                    }
                    let received = self.messages.receive(index, &text, arrival.at_ns);
                    self.on_received(core, index, received, arrival);
                    // What the kernel stamped had arrived by then, however long it takes to go through it.
                    if arrival.lag_ns.is_none() {
                        arrival.at_ns = core.clock.now();
                    }
                }
                Poll::Pong(_) => {}
                Poll::Refused(_) | Poll::Closed(_) => {
                    // The answer, as far as the socket takes it.
                    self.flush(core, index);
                    return Err(UpgradeError::Closed);
                }
            }
        }
        if !self.turns[index].out.is_empty() {
            self.flush(core, index);
        }
        Ok(())
    }

    fn on_received<T: Transport>(
        &mut self,
        core: &mut Core<'_, T>,
        index: usize,
        received: Received,
        arrival: Arrival,
    ) {
        let now = arrival.at_ns;
        match received {
            Received::Stray | Received::Again => {}
            Received::AgainAfterFate(number) => {
                let is_measured = self.first_measured.is_some_and(|first| number >= first);
                if is_measured {
                    core.recorders.measured.on_messages(&MessageCounts {
                        duplicated: 1,
                        ..MessageCounts::default()
                    });
                }
            }
            Received::Awaited(Delivery {
                due_ns,
                is_own,
                is_whole,
                settled,
            }) => {
                if is_whole {
                    let recorder = core.recorders.for_due(due_ns);
                    recorder.on_delivery(due_ns, now);
                    core.count_read(due_ns, arrival.lag_ns);
                    self.turns[index].served +=
                        u64::from(due_ns >= core.recorders.measured_from_ns);
                }
                if let Some(settled) = settled {
                    self.settle(core, &settled, now);
                }
                if is_own {
                    self.release(core, index, now);
                }
            }
        }
    }

    /// Awaits what others say by `now`, or up to the message of this number.
    fn expect<T: Transport>(
        (others, messages): (&mut Option<Others>, &mut Messages),
        core: &mut Core<'_, T>,
        now: Nanos,
        heard: Option<u64>,
    ) {
        let Some(others) = others else {
            return;
        };
        while let Some((number, due_ns)) = others.next_due(now, heard) {
            if !messages.expect(number, due_ns) && due_ns >= core.recorders.measured_from_ns {
                let due_ns = due_ns - core.recorders.measured_from_ns;
                core.shared.push(SharedMessage {
                    number,
                    due_ns,
                    sent_ns: None,
                    first_ns: None,
                    last_ns: None,
                    awaited: 0,
                    at_ns: due_ns,
                    is_over: false,
                    wrong: Some(ErrorKind::DeliveriesLost),
                });
            }
        }
    }

    /// Where the room is shared, keeps what was seen of a message that has met its fate here, and leaves the rest to who knows what all saw.
    fn share<T: Transport>(
        &self,
        core: &mut Core<'_, T>,
        settled: &Settled,
        (awaited, is_over): (u32, bool),
        now: Nanos,
    ) -> bool {
        if self.others.is_none() {
            return false;
        }
        let from_ns = core.recorders.measured_from_ns;
        if settled.due_ns >= from_ns {
            let since = |at_ns: Nanos| at_ns.saturating_sub(from_ns);
            core.shared.push(SharedMessage {
                number: settled.number,
                due_ns: since(settled.due_ns),
                sent_ns: settled.sender.map(|_| since(settled.sent_ns)),
                first_ns: settled.first_ns.map(since),
                last_ns: settled.last_ns.map(since),
                awaited,
                at_ns: since(now),
                is_over,
                wrong: settled.fate.err(),
            });
        }
        true
    }

    /// A message has met its fate.
    fn settle<T: Transport>(&mut self, core: &mut Core<'_, T>, settled: &Settled, now: Nanos) {
        let recorder = core.recorders.for_due(settled.due_ns);
        recorder.on_messages(&settled.counts);
        if self.share(core, settled, (0, false), now) {
            return self.release_waiting(core, now);
        }
        let recorder = core.recorders.for_due(settled.due_ns);
        match settled.fate {
            Ok(()) => {
                recorder.on_first_byte(settled.until_first_ns(now));
                let last_ns = settled.last_ns.unwrap_or(now);
                recorder.on_ok(settled.due_ns, settled.sent_ns, last_ns);
            }
            Err(kind) => recorder.on_error(kind, now),
        }
        self.release_waiting(core, now);
    }

    /// Gives up the message that is out longest; `is_over`: because the drive is, and not because it took too long. Returns
    /// who said it, where that member still waits for it.
    fn give_up_oldest<T: Transport>(
        &mut self,
        core: &mut Core<'_, T>,
        is_over: bool,
        now: Nanos,
    ) -> Option<usize> {
        let GivenUp {
            settled,
            awaited,
            is_own_awaited,
        } = self.messages.give_up_oldest()?;
        let Settled {
            sender,
            due_ns,
            sent_ns,
            ..
        } = settled;
        let waiting = sender.filter(|_| is_own_awaited);
        let recorder = core.recorders.for_due(due_ns);
        recorder.on_messages(&settled.counts);
        // Of what others were to say it is not known whether they did.
        if self.share(core, &settled, (awaited, is_over), now) {
            return waiting;
        }
        let recorder = core.recorders.for_due(due_ns);
        for _ in 0..awaited {
            recorder.on_delivery(due_ns, now);
        }
        if let Err(kind) = settled.fate {
            recorder.on_error(kind, now);
        } else {
            recorder.on_first_byte(settled.until_first_ns(now));
            if is_over {
                recorder.on_unfinished(due_ns, Some(sent_ns), now);
            } else {
                recorder.on_timeout(due_ns, sent_ns, now);
            }
        }
        waiting
    }

    /// The connection is of no more use: what was awaited over it is lost, and it is opened again.
    fn lose<T: Transport>(
        &mut self,
        core: &mut Core<'_, T>,
        index: usize,
        why: UpgradeError,
        now: Nanos,
    ) {
        match std::mem::replace(&mut self.turns[index].at, At::Out) {
            At::Out => unreachable!("only a connection can be lost"),
            At::Greeting { .. } => {
                self.refused.get_or_insert(why);
                return self.fail_greeting(core, index, ErrorKind::UpgradeFailed, now);
            }
            At::Free => core.free.remove(index),
            At::Waiting => self.waiting.remove(index),
            At::Speaking => {}
        }
        self.joined -= 1;
        self.forget(index);
        core.reopen(index, Ended::Lost, now);
        let mut settled = std::mem::take(&mut self.settled);
        self.messages.leave(index, &mut settled);
        for settled in settled.drain(..) {
            self.settle(core, &settled, now);
        }
        self.settled = settled;
        // One of the free has gone, too.
        self.release_waiting(core, now);
    }

    /// The handshake failed; it is tried again.
    fn fail_greeting<T: Transport>(
        &mut self,
        core: &mut Core<'_, T>,
        index: usize,
        kind: ErrorKind,
        now: Nanos,
    ) {
        self.greeting.remove(index);
        self.forget(index);
        core.close(index);
        core.recorders.measured.on_connect_failed(kind);
        core.open_later(index, now);
    }

    /// Nothing of a connection is left but its memory.
    fn forget(&mut self, index: usize) {
        let turn = &mut self.turns[index];
        turn.at = At::Out;
        turn.socket = None;
        turn.out.clear();
        turn.written = 0;
    }
}

impl<T: Transport> Protocol<T> for Members<'_> {
    fn prepare(&mut self, core: &mut Core<'_, T>) {
        core.open_each(0..self.turns.len());
    }

    fn on_open(&mut self, core: &mut Core<'_, T>, index: usize, opened: Opened, now: Nanos) {
        core.count_opened(opened, Nanos::MAX);
        self.greet(core, index, now);
    }

    fn on_open_failed(
        &mut self,
        core: &mut Core<'_, T>,
        index: usize,
        kind: ErrorKind,
        now: Nanos,
    ) {
        core.recorders.measured.on_connect_failed(kind);
        core.open_later(index, now);
    }

    fn is_ready(&self, _: &Core<'_, T>) -> Result<bool, UpgradeError> {
        match self.refused {
            Some(why) => Err(why),
            None => Ok(self.joined as usize == self.turns.len()),
        }
    }

    fn begin(&mut self, core: &mut Core<'_, T>, now: Nanos) {
        if !self.part.is_whole() {
            self.others = Others::of(core.common.load, self.part, now);
        }
        for _ in 0..core.free.len() {
            let index = core.free.pop_front().expect("as many as there were");
            self.release(core, index, now);
        }
        for (index, text, arrival) in std::mem::take(&mut self.early) {
            let number = self.messages.number_of(&text);
            let room = (&mut self.others, &mut self.messages);
            Self::expect(room, core, now, number);
            let received = self.messages.receive(index, &text, arrival.at_ns);
            self.on_received(core, index, received, arrival);
        }
    }

    fn send(&mut self, core: &mut Core<'_, T>, index: usize, due_ns: Nanos) {
        let sent_ns = core.clock.now();
        self.send_at(core, index, due_ns, sent_ns);
    }

    fn on_ready(&mut self, core: &mut Core<'_, T>, index: usize, ready: Ready, now: Nanos) {
        let has_unsent = !self.turns[index].out.is_empty() || core.has_unsent(index);
        if ready.is_writable() && has_unsent {
            self.flush(core, index);
        }
        if ready.is_readable() {
            self.read(core, index, ready, now);
        }
        self.leave_broken(core, now);
    }

    fn time_out(&mut self, core: &mut Core<'_, T>, now: Nanos) {
        Self::expect((&mut self.others, &mut self.messages), core, now, None);
        while let Some(index) = self.greeting.front() {
            let At::Greeting { since_ns, .. } = self.turns[index].at else {
                unreachable!("only who greets stands in line for an answer")
            };
            if since_ns + duration_ns(CONNECT_TIMEOUT) > now {
                break;
            }
            self.fail_greeting(core, index, ErrorKind::ConnectTimeout, now);
        }
        while let Some(sent_ns) = self.messages.oldest_sent_ns()
            && sent_ns + core.timeout_ns <= now
        {
            // A member that waits for its own message may speak again; what it awaits may come yet.
            let waiting = self.give_up_oldest(core, false, now);
            self.release_waiting(core, now);
            if let Some(index) = waiting {
                self.release(core, index, now);
            }
        }
        self.leave_broken(core, now);
    }

    fn in_flight(&self) -> u32 {
        self.messages.in_flight()
    }

    fn awaited(&self) -> u32 {
        self.messages.awaited()
    }

    fn arrivals_ended(&mut self, core: &mut Core<'_, T>) {
        let end_ns = self.others.as_ref().map(Others::end_ns);
        let room = (&mut self.others, &mut self.messages);
        Self::expect(room, core, end_ns.unwrap_or_default(), None);
    }

    fn finish(&mut self, core: &mut Core<'_, T>, now: Nanos) {
        while self.messages.awaited() > 0 {
            self.give_up_oldest(core, true, now);
        }
        let served = || self.turns.iter().map(|turn| turn.served);
        core.connections.never_served = served().filter(|&served| served == 0).count() as u64;
        core.connections.served = Served::of(served());
    }
}
