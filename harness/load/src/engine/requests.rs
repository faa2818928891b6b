//! HTTP over a worker's connections: one request a time on each, and its reply checked as it comes.
//!
//! The steady state costs one `send` and one `recv` a request, and one `epoll_wait` for all that became ready together.
//! Where each request opens a connection of its own, a free session is one without a connection, and a request is on the
//! wire from the moment of connecting on.

use std::collections::VecDeque;

use http1::Method;
use model::measured::accounting::{ErrorKind, Fate};
use model::measured::recording::Served;
use model::spec::load::{Connect, Goodput, Load};
use model::spec::part::Turns;
use model::spec::schedule::Mix;
use model::units::Nanos;

use crate::engine::backoff::FIRST_PAUSE_NS;
use crate::engine::common::Share;
use crate::engine::control::Reply;
use crate::engine::core::{Arrival, Core, Ended, Opened};
use crate::engine::protocol::Protocol;
use crate::line::Line;
use crate::protocol::events::Moment;
use crate::protocol::exchange::{Exchange, Malformation, Progress};
use crate::protocol::template::Filling;
use crate::protocol::upgrade::UpgradeError;
use crate::protocol::workload::{ExpectBody, Request};
use crate::reactor::Ready;
use crate::transport::link::{RecvError, Transport};

/// The requests of one worker.
pub(crate) struct Requests<'a> {
    /// The kinds there are, by their number in the mix.
    kinds: &'a [Request],
    mix: Mix,
    /// Which of those that are chosen are sent here.
    parts: Turns,
    connect: Connect,
    turns: Vec<Turn>,
    /// Sessions that carry a request, the one sent first first: time-outs come in this order.
    busy: Line,
    /// Sessions that could not open a connection for their request, and when they are free again, soonest first: a closed
    /// loop would try again and again without a breath.
    resting: VecDeque<(usize, Nanos)>,
    filler: Filler,
}

/// What the holes of requests are filled with, beside what was taken of replies.
struct Filler {
    seed: u64,
    /// This thread, of how many, and the place of its next request with holes among those of this thread: a request's number follows
    /// from these. In an open loop it is its place in the schedule.
    thread: u64,
    threads: u64,
    place: u64,
    /// From the place of one request to that of the next, beside those of others that are passed by.
    step: u64,
    /// For bodies, of which the length is sent first.
    scratch: Vec<u8>,
    /// Steps of sessions that were never sent, to be spread evenly.
    never_sent: usize,
}

/// A session's part in it.
struct Turn {
    carried: Option<InFlight>,
    exchange: Exchange,
    /// Measured requests that succeeded.
    served: u64,
    /// Requests that were sent.
    sent: u64,
    /// The request that follows in its session, if it is in one.
    next: Option<usize>,
    /// What was taken of replies in its session.
    values: Vec<Vec<u8>>,
    /// The request on the wire, where something was filled in, and its method.
    filled: Vec<u8>,
    method: Method,
    /// Its number.
    seq: u64,
}

/// How many requests of a connection there are to each of which the reply is parsed to look for what must stand in it: parsing JSON may
/// cost more than sending and receiving it, and a generator that does it each time measures itself. The first one always is.
const READ_EACH: u64 = 64;

/// A request on the wire.
#[derive(Clone, Copy)]
struct InFlight {
    due_ns: Nanos,
    sent_ns: Nanos,
    /// When the first byte of the reply came.
    first_byte_ns: Option<Nanos>,
    request: usize,
    /// How many of its bytes have left.
    written: usize,
}

/// Why a connection is read.
#[derive(Clone, Copy)]
enum Cause {
    /// It was reported ready.
    Ready(Ready),
    /// It took no more bytes, and will never be reported again.
    Lost,
}

impl Cause {
    /// Why a connection can't carry another request after a reply that is complete, where it can't. `is_sent`: all of the
    /// request has left. Otherwise the peer would take the next request for the rest of this one (RFC 9112 §9.3).
    fn ended(self, fate: Result<(), ErrorKind>, reusable: bool, is_sent: bool) -> Option<Ended> {
        match (reusable, fate, self) {
            (false, Err(ErrorKind::Malformed), _) => Some(Ended::GivenUp),
            (false, ..) => Some(Ended::Announced),
            (true, ..) if !is_sent => Some(Ended::GivenUp),
            (true, _, Self::Lost) => Some(Ended::Lost),
            // After a hang-up no further report would come for this socket.
            (true, _, Self::Ready(ready)) => ready.is_hangup().then_some(Ended::Lost),
        }
    }

    /// Whether a read of so many bytes has left nothing to read.
    fn is_emptied<T: Transport>(self, count: usize) -> bool {
        match self {
            Self::Ready(ready) => Core::<T>::is_emptied(count, ready),
            Self::Lost => false,
        }
    }
}

/// What is sent of a request of this kind. `filled`: what its session filled in, where something was.
fn bytes<'a>(kind: &'a Request, filled: &'a [u8]) -> &'a [u8] {
    if kind.has_holes() {
        filled
    } else {
        &kind.bytes
    }
}

impl InFlight {
    /// From the moment of sending to the first byte; a lower bound at `now` where none has come.
    fn until_first_byte_ns(&self, now: Nanos) -> Nanos {
        self.first_byte_ns.unwrap_or(now) - self.sent_ns
    }
}

impl<'a> Requests<'a> {
    /// The requests of one thread's share of these kinds.
    pub(crate) fn new(kinds: &'a [Request], load: &Load, share: &Share) -> Self {
        let weight = |kind: &Request| if kind.follows { 0 } else { kind.weight };
        let weights: Vec<u32> = kinds.iter().map(weight).collect();
        let part = share.part;
        // Where steps follow one another, who sends what depends on the replies: each part then has numbers of its own.
        let (place, step) = if kinds.iter().any(|kind| kind.follows) {
            (part.index(), part.of())
        } else {
            (0, 1)
        };
        let turns = (0..share.connections).map(|_| Turn {
            carried: None,
            exchange: Exchange::new(),
            served: 0,
            sent: 0,
            next: None,
            values: Vec::new(),
            filled: Vec::new(),
            method: Method::Get,
            seq: 1,
        });
        Self {
            kinds,
            mix: Mix::new(&weights, load.seed, share.thread),
            parts: part.turns(),
            connect: load.connect,
            turns: turns.collect(),
            busy: Line::new(share.connections),
            resting: VecDeque::new(),
            filler: Filler {
                seed: load.seed,
                thread: share.thread.into(),
                threads: share.threads.into(),
                place: place.into(),
                step: step.into(),
                scratch: Vec::new(),
                never_sent: 0,
            },
        }
    }

    /// Chooses the next request of a session, and fills in what is to be: before the moment of sending is read, since it is the
    /// generator's time.
    fn prepare_next(&mut self, index: usize) -> usize {
        let next = self.turns[index].next.take();
        let request = next.unwrap_or_else(|| self.choose());
        let turn = &mut self.turns[index];
        let kind = &self.kinds[request];
        if kind.has_holes() {
            let filler = &mut self.filler;
            let seq = filler.place * filler.threads + filler.thread + 1;
            filler.place += filler.step;
            let filling = Filling {
                seq,
                seed: filler.seed,
                values: &turn.values,
            };
            turn.method = kind.method_of(seq);
            turn.seq = seq;
            kind.fill(&filling, &mut filler.scratch, &mut turn.filled);
        }
        request
    }

    /// The kind of the next request that this part sends; those between are of other parts, and only counted.
    fn choose(&mut self) -> usize {
        for _ in 0..self.parts.take() {
            let of_others = self.mix.choose();
            if self.filler.step == 1 && self.kinds[of_others].has_holes() {
                self.filler.place += 1;
            }
        }
        self.mix.choose()
    }

    /// The session may carry another request; in a closed loop it does at once.
    fn release<T: Transport>(&mut self, core: &mut Core<'_, T>, index: usize, now: Nanos) {
        if let Some(due_ns) = core.follows() {
            core.sessions[index].free_since_ns = now;
            let request = self.prepare_next(index);
            self.send_at(core, index, request, due_ns, due_ns);
        } else {
            core.set_free(index, now);
        }
    }

    /// Sends a request that was prepared.
    fn send_at<T: Transport>(
        &mut self,
        core: &mut Core<'_, T>,
        index: usize,
        request: usize,
        due_ns: Nanos,
        sent_ns: Nanos,
    ) {
        let turn = &mut self.turns[index];
        let kind = &self.kinds[request];
        let method = if kind.has_holes() {
            turn.method
        } else {
            kind.method
        };
        turn.exchange.begin(method, &kind.expect, turn.seq);
        let is_looked_into = !kind.reading.is_nothing()
            && (!kind.reading.takes.is_empty() || turn.sent.is_multiple_of(READ_EACH));
        if is_looked_into || core.common.control.hears() {
            turn.exchange.keep();
        }
        turn.sent += 1;
        turn.carried = Some(InFlight {
            due_ns,
            sent_ns,
            first_byte_ns: None,
            request,
            written: 0,
        });
        core.recorders.count_in_flight(self.busy.len(), sent_ns);
        self.busy.push_back(index);
        core.count_sent(index, due_ns, sent_ns);
        match self.connect {
            Connect::Once => self.flush(core, index),
            Connect::PerRequest => {
                if let Err(why) = core.open(index, sent_ns) {
                    self.on_open_failed(core, index, why.kind(), sent_ns);
                }
            }
        }
    }

    /// Writes what remains of a request.
    fn flush<T: Transport>(&mut self, core: &mut Core<'_, T>, index: usize) {
        let Turn {
            carried, filled, ..
        } = &mut self.turns[index];
        let carried = carried
            .as_mut()
            .expect("only a busy session has something to write");
        let bytes = bytes(&self.kinds[carried.request], filled);
        if core.write(index, bytes, &mut carried.written).is_err() {
            // The peer may have replied before it went: the system keeps what has come.
            let now = core.clock.now();
            self.read(core, index, Cause::Lost, now);
        }
    }

    fn read<T: Transport>(
        &mut self,
        core: &mut Core<'_, T>,
        index: usize,
        cause: Cause,
        woken_ns: Nanos,
    ) {
        // What was readable when epoll returned had arrived by then; later reads of a long reply read the clock anew.
        let mut arrival = Arrival {
            at_ns: woken_ns,
            lag_ns: None,
        };
        loop {
            let Turn {
                carried,
                exchange,
                filled,
                ..
            } = &mut self.turns[index];
            let carried = carried.as_mut().expect("read is for busy sessions");
            let kind = &self.kinds[carried.request];
            let expect = &kind.expect;
            let length = bytes(kind, filled).len();
            let (fate, ended) = match core.recv(index) {
                Ok(0) => match (exchange.eof(expect), cause) {
                    (Err(ErrorKind::Closed), Cause::Lost) => {
                        (Err(ErrorKind::Reset), Some(Ended::Lost))
                    }
                    (Err(kind @ (ErrorKind::Closed | ErrorKind::ShortBody)), _) => {
                        (Err(kind), Some(Ended::Lost))
                    }
                    // A reply without a length announces that the connection ends with it.
                    (fate, _) => (fate, Some(Ended::Announced)),
                },
                Ok(count) => {
                    arrival = core.arrival(carried.sent_ns, arrival.at_ns);
                    let arrived_ns = arrival.at_ns;
                    carried.first_byte_ns.get_or_insert(arrived_ns);
                    let due_ns = carried.due_ns;
                    let recorder = core.recorders.for_due(due_ns);
                    let mut on_moment = |moment| match moment {
                        Moment::First => recorder.on_first_event(due_ns, arrived_ns),
                        Moment::Gap { lateness_ns } => recorder.on_event_gap(lateness_ns),
                    };
                    let received = &core.read_buffer[..count];
                    match exchange.receive(received, expect, arrived_ns, &mut on_moment) {
                        Progress::Done { fate, reusable } => {
                            let is_sent = carried.written == length && !core.has_unsent(index);
                            (fate, cause.ended(fate, reusable, is_sent))
                        }
                        Progress::NeedInput if cause.is_emptied::<T>(count) => return,
                        Progress::NeedInput => {
                            arrival = Arrival {
                                at_ns: core.clock.now(),
                                lag_ns: None,
                            };
                            continue;
                        }
                    }
                }
                Err(RecvError::WouldBlock) if matches!(cause, Cause::Ready(_)) => return,
                Err(RecvError::WouldBlock | RecvError::Lost) => {
                    (Err(ErrorKind::Reset), Some(Ended::Lost))
                }
                Err(RecvError::Alert(description)) => {
                    let why = Malformation::Alert(description);
                    (Err(exchange.fail(why)), Some(Ended::Lost))
                }
                Err(RecvError::Malformed) => {
                    let why = Malformation::Undecryptable;
                    (Err(exchange.fail(why)), Some(Ended::GivenUp))
                }
            };
            return self.complete(core, index, fate, ended, arrival);
        }
    }

    /// The request on this session has met its fate; why its connection can't carry another one, where it can't.
    fn complete<T: Transport>(
        &mut self,
        core: &mut Core<'_, T>,
        index: usize,
        fate: Result<(), ErrorKind>,
        ended: Option<Ended>,
        arrival: Arrival,
    ) {
        let now = arrival.at_ns;
        let turn = &mut self.turns[index];
        let sent = turn.carried.take().expect("only a busy session completes");
        let mut fate = fate;
        if let Some((head, body)) = turn.exchange.kept() {
            let reading = &self.kinds[sent.request].reading;
            if fate.is_ok() && reading.read(head, body, &mut turn.values).is_err() {
                fate = Err(ErrorKind::WrongBody);
            }
            core.common.control.replied(&Reply {
                request: sent.request,
                fate,
                status: turn.exchange.status(),
                malformation: turn.exchange.malformation(),
                head,
                body,
                body_bytes: turn.exchange.body_bytes(),
            });
        }
        let after = sent.request + 1;
        let goes_on = fate.is_ok() && self.kinds.get(after).is_some_and(|kind| kind.follows);
        turn.next = goes_on.then_some(after);
        if fate.is_ok() && sent.due_ns >= core.recorders.measured_from_ns {
            turn.served += 1;
        }
        self.count_stream(core, index, sent, true, now);
        let goodput = core.common.load.goodput;
        let recorder = core.recorders.for_due(sent.due_ns);
        let exchange = &self.turns[index].exchange;
        if let Some(status) = exchange.status() {
            recorder.on_status(status, fate == Err(ErrorKind::Status));
        }
        if let Some(why) = exchange.malformation() {
            recorder.on_malformed(&why.to_string());
        }
        match fate {
            Ok(()) => {
                recorder.on_first_byte(sent.until_first_byte_ns(now));
                recorder.on_ok(sent.due_ns, sent.sent_ns, now);
                let is_in_time = |limits: Goodput| {
                    let response_ns = now.saturating_sub(sent.due_ns);
                    limits.is_kept(response_ns, exchange.events().times(sent.due_ns))
                };
                if goodput.is_some_and(is_in_time) {
                    recorder.on_in_time();
                }
            }
            Err(kind) => recorder.on_error(kind, now),
        }
        let is_ok = fate.is_ok();
        let fate = fate.map_or(Fate::Error, |()| Fate::Ok);
        recorder.on_kind(sent.request, fate, sent.due_ns, now);
        if is_ok {
            core.count_read(sent.due_ns, arrival.lag_ns);
        }
        self.busy.remove(index);
        self.move_on(core, index, ended, now);
    }

    /// Enters what a stream of events brought by `now`, where the request on this session was for one. `has_ended`: nothing
    /// more can come. Otherwise what is awaited stands as a lower bound in the clock that it would have stopped.
    fn count_stream<T: Transport>(
        &self,
        core: &mut Core<'_, T>,
        index: usize,
        sent: InFlight,
        has_ended: bool,
        now: Nanos,
    ) {
        let expect = &self.kinds[sent.request].expect;
        if !matches!(expect.body, ExpectBody::Events { .. }) {
            return;
        }
        let events = self.turns[index].exchange.events();
        let recorder = core.recorders.for_due(sent.due_ns);
        recorder.on_stream(&events.counts(has_ended));
        if has_ended {
            return;
        }
        if events.is_silent() {
            recorder.on_first_event(sent.due_ns, now);
        } else if let Some(late_ns) = events.overdue_ns(now) {
            recorder.on_event_gap(late_ns);
        }
    }

    /// The request on this session is over; its connection may carry another one, or has ended.
    fn move_on<T: Transport>(
        &mut self,
        core: &mut Core<'_, T>,
        index: usize,
        ended: Option<Ended>,
        now: Nanos,
    ) {
        match (self.connect, ended) {
            (Connect::Once, None) => self.release(core, index, now),
            (Connect::Once, Some(ended)) => core.reopen(index, ended, now),
            (Connect::PerRequest, _) => {
                core.close(index);
                self.release(core, index, now);
            }
        }
    }
}

impl<T: Transport> Protocol<T> for Requests<'_> {
    fn prepare(&mut self, core: &mut Core<'_, T>) {
        let kinds = self.kinds.len();
        core.recorders.measured.tell_apart(kinds);
        let sessions = core.sessions.len();
        match self.connect {
            Connect::Once => core.open_each(0..sessions),
            // The first is opened, and closed again, to see that somebody is there.
            Connect::PerRequest => {
                core.open_each([0]);
                (1..sessions).for_each(|index| core.free.push_back(index));
            }
        }
    }

    fn on_open(&mut self, core: &mut Core<'_, T>, index: usize, opened: Opened, now: Nanos) {
        match (self.connect, self.turns[index].carried) {
            (Connect::Once, _) => {
                core.count_opened(opened, Nanos::MAX);
                self.release(core, index, now);
            }
            (Connect::PerRequest, Some(carried)) => {
                core.count_opened(opened, carried.due_ns);
                self.flush(core, index);
            }
            (Connect::PerRequest, None) => {
                core.close(index);
                core.set_free(index, now);
            }
        }
    }

    fn on_open_failed(
        &mut self,
        core: &mut Core<'_, T>,
        index: usize,
        kind: ErrorKind,
        now: Nanos,
    ) {
        let Some(sent) = self.turns[index].carried.take() else {
            core.recorders.measured.on_connect_failed(kind);
            core.open_later(index, now);
            return;
        };
        let recorder = core.recorders.for_due(sent.due_ns);
        recorder.on_error(kind, now);
        recorder.on_kind(sent.request, Fate::Error, sent.due_ns, now);
        self.busy.remove(index);
        self.resting.push_back((index, now + FIRST_PAUSE_NS));
    }

    fn is_ready(&self, core: &Core<'_, T>) -> Result<bool, UpgradeError> {
        Ok(core.free.len() as usize == core.sessions.len())
    }

    fn begin(&mut self, core: &mut Core<'_, T>, now: Nanos) {
        // Those that may not send, because the schedule does or the load's number of requests is reached, stay free.
        for _ in 0..core.free.len() {
            let index = core.free.pop_front().expect("as many as there were");
            self.release(core, index, now);
        }
    }

    fn send(&mut self, core: &mut Core<'_, T>, index: usize, due_ns: Nanos) {
        let request = self.prepare_next(index);
        let sent_ns = core.clock.now();
        self.send_at(core, index, request, due_ns, sent_ns);
    }

    fn on_ready(&mut self, core: &mut Core<'_, T>, index: usize, ready: Ready, now: Nanos) {
        let Some(carried) = self.turns[index].carried else {
            // Free: an end, or bytes that nobody asked for. Either way the connection is of no more use.
            if ready.is_readable() && (ready.is_hangup() || !core.is_silent(index)) {
                core.free.remove(index);
                let ended = if ready.is_hangup() {
                    Ended::Lost
                } else {
                    Ended::GivenUp
                };
                core.reopen(index, ended, now);
            }
            return;
        };
        let length = bytes(&self.kinds[carried.request], &self.turns[index].filled).len();
        if ready.is_writable() && (carried.written < length || core.has_unsent(index)) {
            self.flush(core, index);
        }
        if ready.is_readable() && self.turns[index].carried.is_some() {
            self.read(core, index, Cause::Ready(ready), now);
        }
    }

    fn time_out(&mut self, core: &mut Core<'_, T>, now: Nanos) {
        while let Some(index) = self.busy.front() {
            let carried = &mut self.turns[index].carried;
            let sent = carried.expect("only busy sessions stand in line for a time-out");
            if sent.sent_ns + core.timeout_ns > now {
                break;
            }
            *carried = None;
            self.count_stream(core, index, sent, false, now);
            let recorder = core.recorders.for_due(sent.due_ns);
            recorder.on_first_byte(sent.until_first_byte_ns(now));
            if sent.first_byte_ns.is_some() {
                recorder.on_cut_off();
            }
            recorder.on_timeout(sent.due_ns, sent.sent_ns, now);
            recorder.on_kind(sent.request, Fate::Timeout, sent.due_ns, now);
            self.busy.remove(index);
            self.move_on(core, index, Some(Ended::GivenUp), now);
        }
        while let Some((index, _)) = self.resting.pop_front_if(|(_, until_ns)| *until_ns <= now) {
            self.release(core, index, now);
        }
    }

    fn in_flight(&self) -> u32 {
        self.busy.len()
    }

    fn next_kind(&mut self) -> usize {
        let first = self.choose();
        let follow = |kind: &&Request| kind.follows;
        let steps = 1 + self.kinds[first + 1..].iter().take_while(follow).count();
        self.filler.never_sent += 1;
        first + self.filler.never_sent % steps
    }

    fn finish(&mut self, core: &mut Core<'_, T>, now: Nanos) {
        for index in 0..self.turns.len() {
            let Some(sent) = self.turns[index].carried else {
                continue;
            };
            self.count_stream(core, index, sent, false, now);
            let recorder = core.recorders.for_due(sent.due_ns);
            recorder.on_first_byte(sent.until_first_byte_ns(now));
            recorder.on_unfinished(sent.due_ns, Some(sent.sent_ns), now);
            recorder.on_kind(sent.request, Fate::Unfinished, sent.due_ns, now);
        }
        if self.connect == Connect::PerRequest {
            return;
        }
        let served = || self.turns.iter().map(|turn| turn.served);
        core.connections.never_served = served().filter(|&served| served == 0).count() as u64;
        core.connections.served = Served::of(served());
    }
}
