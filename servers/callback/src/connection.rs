//! One client's requests and answers.
//!
//! Knows when to read, to answer and to write. Must never know what a route does or how HTTP is spelled.
//!
//! A small request costs one `read` and one `write`: everything that one read brought is answered before anything is
//! written, and the loop does not read again where the last read left room in the buffer. A reader that is slow stops the
//! reading of further requests once [`MAX_QUEUED_BYTES`] wait for it, and a client that pipelines gets its share of a turn. A client
//! that resets its connection in the middle of a request is let go at once; one that only says it will send no more still gets
//! its answer, but for the rest of a stream.

use std::cell::{Cell, OnceCell, RefCell};
use std::mem;
use std::rc::Rc;

use database::{CacheCommand, Rows, Session, Statement, ToSql, Transaction};
use http1::server::{Poll, ResponseHead};
use spec::{
    Answer, Asked, Call, DatabaseError, Failure, KEPT_OUTPUT_BYTES, LINGER_BYTES, LINGER_MS,
    MAX_BATCH_BYTES, MAX_REFUSED_CONNECTIONS, MAX_REQUESTS_PER_TURN, Overdue, UpstreamError,
    Waiting, Watch,
};

use crate::Server;
use crate::database::Lease;
use crate::event_loop::{EventLoop, Read};
use crate::routes::{self, Chat};
use crate::upstream::{self, Ticket};

/// While more bytes than these wait for a client to take them, its further requests are neither read nor begun.
pub(crate) const MAX_QUEUED_BYTES: usize = MAX_BATCH_BYTES;

/// Serves a connection that was accepted, to its end. The server's list holds it until then.
pub(crate) fn accept<L: EventLoop>(event_loop: &mut L, server: &Rc<Server<L>>, tcp: &L::Tcp) {
    event_loop.set_nodelay(tcp, server.nodelay);
    let mut connections = server.connections.borrow_mut();
    let others = connections.len();
    if others >= server.limits.connections + MAX_REFUSED_CONNECTIONS {
        return event_loop.close_tcp(tcp);
    }
    let entry = connections.vacant_entry();
    let connection = Rc::new(Connection::new(Rc::clone(server), tcp.clone(), entry.key()));
    entry.insert(Rc::clone(&connection));
    drop(connections);
    let reader = Rc::clone(&connection);
    event_loop.read_start(tcp, move |event_loop, read| {
        reader.on_read(event_loop, &read);
    });
    if others >= server.limits.connections {
        connection.turn_away(event_loop);
    }
}

pub(crate) struct Connection<L: EventLoop> {
    pub(crate) server: Rc<Server<L>>,
    pub(crate) tcp: L::Tcp,
    /// Where the server's list holds it.
    place: usize,
    /// Made when first needed: for a request that sleeps, or for the end of a refused connection.
    timer: OnceCell<L::Timer>,
    /// What the timer is started for.
    on_timer: Cell<Option<Callback<L>>>,
    /// What the part of a stream waits for: that the client has taken what went before.
    on_taken: Cell<Option<Callback<L>>>,
    /// The connection to the database that the request uses.
    lease: RefCell<Option<Lease<L>>>,
    /// Never borrowed while something is called that could come back here.
    pub(crate) state: RefCell<State>,
}

type Callback<L> = Box<dyn FnOnce(&mut L)>;

#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and they combine freely"
)]
pub(crate) struct State {
    pub(crate) http: http1::server::Connection,
    /// Answers that wait to be written.
    pub(crate) out: Vec<u8>,
    pub(crate) phase: Phase,
    /// The number of the request that is being worked on, or of the next.
    request: u32,
    /// A request is being worked on.
    busy: bool,
    /// Its answer is a stream that was begun.
    streaming: bool,
    /// Calls to the upstream that were begun for it; some may be answered already.
    calls: Vec<Ticket>,
    /// Requests are being answered right now, further down the stack.
    serving: bool,
    /// The client has had its share of this turn; its next requests wait for the next.
    put_off: bool,
    reading: bool,
    /// How often something was read.
    reads: u32,
    /// The client has said that it will send no more.
    pub(crate) has_ended: bool,
    /// More than [`MAX_QUEUED_BYTES`] wait for the client.
    pub(crate) blocked: bool,
    /// Bytes that waited for the client when something was last written, counted in the server's sum.
    queued_bytes: usize,
    /// How long the client was waited for.
    watch: Watch,
    /// Set while the phase is [`Phase::Chatting`].
    pub(crate) chat: Option<Box<Chat>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Serving,
    /// A request could not be taken; of what the client still sends so much is thrown away before it is closed.
    Lingering {
        left_bytes: usize,
    },
    /// The connection is a WebSocket.
    Chatting,
    /// The last answer was given, but not all of it taken.
    Ending,
    Closed,
}

/// What there is to do next.
enum Next {
    /// To wait: for input, for the work on a request, or for the client to take its answers.
    Wait,
    /// To answer a request, or to begin the work on it.
    Begin(Asked),
    /// To end the connection, as its last answer or the client said.
    End,
    /// To end the connection because of a request that could not be taken, of which more may be under way.
    Refuse,
}

impl<L: EventLoop> Connection<L> {
    fn new(server: Rc<Server<L>>, tcp: L::Tcp, place: usize) -> Self {
        let state = State {
            http: http1::server::Connection::new(),
            out: Vec::new(),
            phase: Phase::Serving,
            request: 0,
            busy: false,
            streaming: false,
            calls: Vec::new(),
            serving: false,
            put_off: false,
            reading: true,
            reads: 0,
            has_ended: false,
            blocked: false,
            queued_bytes: 0,
            watch: Watch::new(),
            chat: None,
        };
        Self {
            server,
            tcp,
            place,
            timer: OnceCell::new(),
            on_timer: Cell::default(),
            on_taken: Cell::default(),
            lease: RefCell::default(),
            state: RefCell::new(state),
        }
    }

    /// Has `callback` called once, so many milliseconds from now, unless the connection is closed before. There is one timer:
    /// a connection never waits for two.
    pub(crate) fn after(
        self: &Rc<Self>,
        event_loop: &mut L,
        ms: u64,
        callback: impl FnOnce(&mut L) + 'static,
    ) {
        if self.state.borrow().phase == Phase::Closed {
            return;
        }
        self.on_timer.set(Some(Box::new(callback)));
        let timer = self.timer.get_or_init(|| {
            let client = Rc::clone(self);
            event_loop.add_timer(move |event_loop| {
                if let Some(callback) = client.on_timer.take() {
                    callback(event_loop);
                }
            })
        });
        event_loop.start_timer(timer, ms);
    }

    /// Makes the next answer the last; a connection without a request ends at once, and a chat says goodbye.
    pub(crate) fn retire(self: &Rc<Self>, event_loop: &mut L) {
        self.state.borrow_mut().http.close_after_response();
        self.say_goodbye(event_loop);
        self.serve(event_loop);
    }

    /// Looks whether the client has been waited for too long, and ends the connection if so.
    pub(crate) fn look(self: &Rc<Self>, event_loop: &mut L) {
        let overdue = {
            let state = &mut *self.state.borrow_mut();
            let queued_bytes = event_loop.queued_bytes(&self.tcp);
            let waiting = if queued_bytes > 0 {
                Waiting::Reader(u32::try_from(queued_bytes).unwrap_or(u32::MAX))
            } else if state.phase == Phase::Serving && !state.put_off {
                Waiting::to_read(&state.http, state.request, state.reads)
            } else {
                Waiting::Server
            };
            let now_ms = event_loop.now_ms();
            state.watch.look(now_ms, waiting, &self.server.limits)
        };
        let Some(overdue) = overdue else { return };
        self.server.limits_met.borrow_mut().count(overdue);
        match overdue {
            Overdue::Idle | Overdue::Reader => self.close(event_loop),
            Overdue::Head | Overdue::Body => {
                {
                    let state = &mut *self.state.borrow_mut();
                    state.http.time_out(&self.server.date(), &mut state.out);
                }
                self.refuse(event_loop);
            }
        }
    }

    fn on_read(self: &Rc<Self>, event_loop: &mut L, read: &Read<'_>) {
        let mut state = self.state.borrow_mut();
        state.reads = state.reads.wrapping_add(1);
        let is_streaming = state.streaming;
        match (read, &mut state.phase) {
            (Read::Data(bytes), Phase::Serving) => state.http.receive(bytes),
            (Read::End, Phase::Serving) if !is_streaming => {
                state.http.receive_eof();
                state.reading = false;
                state.has_ended = true;
            }
            (Read::Data(bytes), Phase::Lingering { left_bytes }) if bytes.len() < *left_bytes => {
                *left_bytes -= bytes.len();
                return;
            }
            (Read::Data(bytes), Phase::Chatting) => {
                drop(state);
                return self.on_chat_data(event_loop, bytes);
            }
            // Nobody listens any more, or has been listened to long enough.
            (_, _) => {
                drop(state);
                return self.close(event_loop);
            }
        }
        drop(state);
        self.serve(event_loop);
    }

    /// Answers every request that has come whole, up to one that has to be waited for or to the end of the client's share, and
    /// writes the answers together.
    pub(crate) fn serve(self: &Rc<Self>, event_loop: &mut L) {
        if mem::replace(&mut self.state.borrow_mut().serving, true) {
            // A request was answered at once, while its work was being begun: what began it goes on.
            return;
        }
        let mut share = MAX_REQUESTS_PER_TURN;
        let end = loop {
            if share == 0 && self.has_more() {
                self.put_off(event_loop);
            }
            match self.next() {
                Next::Begin(Asked::Answer(answer)) => {
                    self.respond(&answer);
                    self.flush_batch(event_loop);
                    share = share.saturating_sub(1);
                }
                Next::Begin(asked) => {
                    // Those who were answered before need not wait for this one.
                    self.flush(event_loop);
                    let computes = matches!(asked, Asked::Compute { offload: false, .. });
                    share = if computes { 0 } else { share.saturating_sub(1) };
                    routes::begin(event_loop, &Request::of(self), asked);
                }
                end => break end,
            }
        };
        self.state.borrow_mut().serving = false;
        match end {
            Next::End => self.end(event_loop),
            Next::Refuse => self.refuse(event_loop),
            Next::Wait | Next::Begin(_) => {
                self.flush(event_loop);
                self.regulate_reading(event_loop);
            }
        }
    }

    /// Whether a further request may be here that could be begun now.
    fn has_more(&self) -> bool {
        let state = self.state.borrow();
        !state.busy && !state.blocked && state.phase == Phase::Serving && state.http.is_in_head()
    }

    /// Has the client's further requests wait until everyone else has had a turn.
    fn put_off(self: &Rc<Self>, event_loop: &mut L) {
        self.state.borrow_mut().put_off = true;
        let client = Rc::clone(self);
        event_loop.soon(move |event_loop| {
            client.state.borrow_mut().put_off = false;
            client.serve(event_loop);
        });
    }

    fn next(&self) -> Next {
        let state = &mut *self.state.borrow_mut();
        if state.busy || state.blocked || state.put_off || state.phase != Phase::Serving {
            return Next::Wait;
        }
        let said = state.out.len();
        let asked = match state.http.poll(&self.server.date(), &mut state.out) {
            Poll::Request(request) => spec::asked(&request, self.server.now_s.get()),
            Poll::NeedInput | Poll::Upgraded => return Next::Wait,
            Poll::Closing if state.out.len() > said => return Next::Refuse,
            Poll::Closing => return Next::End,
        };
        state.busy = !matches!(asked, Asked::Answer(_));
        if !state.busy {
            state.request = state.request.wrapping_add(1);
        }
        Next::Begin(asked)
    }

    fn respond(&self, answer: &Answer) {
        let state = &mut *self.state.borrow_mut();
        let date = self.server.date();
        state
            .http
            .respond(&answer.response(), &date, &mut state.out);
    }

    /// Writes what is there, if that is as much as goes out together.
    pub(crate) fn flush_batch(self: &Rc<Self>, event_loop: &mut L) {
        if self.state.borrow().out.len() >= MAX_BATCH_BYTES {
            self.flush(event_loop);
        }
    }

    /// Writes what is there.
    pub(crate) fn flush(self: &Rc<Self>, event_loop: &mut L) {
        let queued_bytes = {
            let state = &mut *self.state.borrow_mut();
            if state.out.is_empty() {
                return;
            }
            let queued_bytes = event_loop.write(&self.tcp, &mut state.out);
            state.out.shrink_to(KEPT_OUTPUT_BYTES);
            if queued_bytes == 0 && state.queued_bytes == 0 {
                return;
            }
            state.blocked |= queued_bytes > MAX_QUEUED_BYTES;
            queued_bytes
        };
        self.count_queued(queued_bytes);
        if self.server.queued_bytes.get() > self.server.limits.buffered_bytes {
            self.server.limits_met.borrow_mut().buffered_bytes += 1;
            return self.close(event_loop);
        }
        self.watch_writes(event_loop);
    }

    /// So many bytes wait for the client now.
    fn count_queued(&self, bytes: usize) {
        let before = mem::replace(&mut self.state.borrow_mut().queued_bytes, bytes);
        let sum = &self.server.queued_bytes;
        sum.set(sum.get() - before + bytes);
    }

    /// Has the loop say when the client has taken what waited for it, and when it can't be written to.
    pub(crate) fn watch_writes(self: &Rc<Self>, event_loop: &mut L) {
        let client = Rc::clone(self);
        event_loop.on_writable(&self.tcp, move |event_loop, is_well| {
            if is_well {
                client.on_drained(event_loop);
            } else {
                client.close(event_loop);
            }
        });
    }

    fn on_drained(self: &Rc<Self>, event_loop: &mut L) {
        self.count_queued(0);
        self.state.borrow_mut().blocked = false;
        if let Some(callback) = self.on_taken.take() {
            callback(event_loop);
        }
        self.send_backlog(event_loop);
        self.serve(event_loop);
    }

    /// Reads while there is use for it.
    pub(crate) fn regulate_reading(&self, event_loop: &mut L) {
        let mut state = self.state.borrow_mut();
        let wanted = match state.phase {
            Phase::Serving => state.http.wants_input() && !state.blocked && !state.put_off,
            Phase::Lingering { .. } => true,
            Phase::Chatting => !state.blocked,
            Phase::Ending | Phase::Closed => false,
        };
        if wanted != state.reading {
            state.reading = wanted;
            if wanted {
                event_loop.read_resume(&self.tcp);
            } else {
                event_loop.read_stop(&self.tcp);
            }
        }
    }

    /// Closes the connection when the client has taken everything.
    pub(crate) fn end(self: &Rc<Self>, event_loop: &mut L) {
        self.flush(event_loop);
        if event_loop.queued_bytes(&self.tcp) == 0 {
            return self.close(event_loop);
        }
        self.state.borrow_mut().phase = Phase::Ending;
        let client = Rc::clone(self);
        event_loop.shutdown(&self.tcp, move |event_loop| client.close(event_loop));
        self.regulate_reading(event_loop);
    }

    /// Says that there are too many connections.
    fn turn_away(self: &Rc<Self>, event_loop: &mut L) {
        self.server.limits_met.borrow_mut().connections += 1;
        {
            let state = &mut *self.state.borrow_mut();
            state.http.overload(&self.server.date(), &mut state.out);
        }
        self.refuse(event_loop);
    }

    /// Closing while the client still sends would make its kernel throw the refusal away before it is read
    /// (RFC 9112 §9.6): say that nothing more will come, and listen a little longer.
    fn refuse(self: &Rc<Self>, event_loop: &mut L) {
        self.flush(event_loop);
        self.state.borrow_mut().phase = Phase::Lingering {
            left_bytes: LINGER_BYTES,
        };
        // A client that is gone is found out by reading.
        event_loop.shutdown(&self.tcp, |_| {});
        let client = Rc::clone(self);
        self.after(event_loop, LINGER_MS, move |event_loop| {
            client.close(event_loop);
        });
        self.regulate_reading(event_loop);
    }

    /// Lets go of the connection, whatever is under way.
    pub(crate) fn close(&self, event_loop: &mut L) {
        let calls = {
            let mut state = self.state.borrow_mut();
            if state.phase == Phase::Closed {
                return;
            }
            state.phase = Phase::Closed;
            state.finish_request()
        };
        self.count_queued(0);
        self.cancel(event_loop, &calls);
        self.leave_room();
        self.state.borrow_mut().chat = None;
        event_loop.close_tcp(&self.tcp);
        if let Some(timer) = self.timer.get() {
            event_loop.close_timer(timer);
        }
        self.on_timer.take();
        self.on_taken.take();
        self.server.forget(event_loop, self.place);
    }

    fn cancel(&self, event_loop: &mut L, calls: &[Ticket]) {
        if let Some(upstream) = self.server.upstream.as_ref().filter(|_| !calls.is_empty()) {
            upstream.cancel(event_loop, calls);
        }
        let lease = self.lease.take();
        if let Some(lease) = lease {
            lease.close(event_loop);
        }
    }
}

impl State {
    /// The request is answered, or is of no use any more. Gives the calls that were begun for it.
    fn finish_request(&mut self) -> Vec<Ticket> {
        self.request = self.request.wrapping_add(1);
        self.busy = false;
        self.streaming = false;
        mem::take(&mut self.calls)
    }
}

/// A request that is being worked on, as routes know it. It may be over before they are called back: then whatever they do
/// about it does nothing.
pub(crate) struct Request<L: EventLoop> {
    client: Rc<Connection<L>>,
    number: u32,
}

impl<L: EventLoop> Clone for Request<L> {
    fn clone(&self) -> Self {
        Self {
            client: Rc::clone(&self.client),
            number: self.number,
        }
    }
}

impl<L: EventLoop> Request<L> {
    fn of(client: &Rc<Connection<L>>) -> Self {
        Self {
            client: Rc::clone(client),
            number: client.state.borrow().request,
        }
    }

    pub(crate) fn server(&self) -> &Rc<Server<L>> {
        &self.client.server
    }

    /// Whether it waits for its answer, and its client is there.
    pub(crate) fn is_open(&self) -> bool {
        let state = self.client.state.borrow();
        state.busy && state.request == self.number
    }

    /// Answers it, and goes on with those behind it.
    pub(crate) fn answer(&self, event_loop: &mut L, answer: &Answer) {
        if self.is_open() {
            self.client.respond(answer);
            self.finish(event_loop);
        }
    }

    /// Answers it with a failure; calls that are still under way for it are cancelled.
    pub(crate) fn fail(&self, event_loop: &mut L, failure: &Failure) {
        if self.is_open() {
            let calls = mem::take(&mut self.client.state.borrow_mut().calls);
            self.client.cancel(event_loop, &calls);
            self.answer(event_loop, &failure.answer());
        }
    }

    fn finish(&self, event_loop: &mut L) {
        let limited = self.client.on_timer.take();
        if let Some(timer) = self.client.timer.get().filter(|_| limited.is_some()) {
            event_loop.stop_timer(timer);
        }
        self.client.state.borrow_mut().finish_request();
        self.client.flush_batch(event_loop);
        self.client.serve(event_loop);
    }

    /// Makes a call to the upstream; `on_called` gets the number of the reply, or why there is none. It is cancelled with the
    /// request.
    pub(crate) fn call(
        &self,
        event_loop: &mut L,
        call: Call,
        on_called: impl FnOnce(&mut L, Result<u64, UpstreamError>) + 'static,
    ) {
        let Some(upstream) = &self.server().upstream else {
            return self.fail(event_loop, &Failure::NoUpstream);
        };
        let ticket = upstream::call(event_loop, upstream, call, on_called);
        self.client.state.borrow_mut().calls.push(ticket);
    }

    /// Has it fail unless it is answered within so many milliseconds.
    pub(crate) fn limit(&self, event_loop: &mut L, ms: u64, failure: Failure) {
        let later = self.clone();
        let fail = move |event_loop: &mut L| later.fail(event_loop, &failure);
        self.client.after(event_loop, ms, fail);
    }

    /// Has `begin` called once the request has a connection to the database, which it has until it
    /// [puts it back](Request::put_back). One that ends before then closes it.
    pub(crate) fn with_database(&self, event_loop: &mut L, begin: impl FnOnce(&mut L) + 'static) {
        let Some(database) = &self.server().database else {
            return self.fail(event_loop, &DatabaseError::NoPostgres.into());
        };
        let (later, itself) = (self.clone(), Rc::clone(database));
        database.turn(event_loop, move |event_loop| {
            if !later.is_open() {
                return false;
            }
            let lease = itself.connection(event_loop);
            later.client.lease.replace(Some(lease.clone()));
            let on_ready = later.or_fail(|event_loop, _| begin(event_loop));
            lease.when_ready(event_loop, on_ready);
            true
        });
    }

    /// Asks its connection for a statement; `on_done` gets the rows.
    pub(crate) fn execute(
        &self,
        event_loop: &mut L,
        statement: Statement,
        parameters: &[&dyn ToSql],
        on_done: impl FnOnce(&mut L, Rows) + 'static,
    ) {
        let execute = |session: &mut Session, out: &mut Vec<u8>| {
            session.execute(statement, parameters, out);
        };
        self.ask(event_loop, execute, on_done);
    }

    /// Begins or ends a transaction on its connection.
    pub(crate) fn transact(
        &self,
        event_loop: &mut L,
        transaction: Transaction,
        on_done: impl FnOnce(&mut L) + 'static,
    ) {
        let transact =
            |session: &mut Session, out: &mut Vec<u8>| session.transact(transaction, out);
        self.ask(event_loop, transact, |event_loop, _| on_done(event_loop));
    }

    fn ask(
        &self,
        event_loop: &mut L,
        begin: impl FnOnce(&mut Session, &mut Vec<u8>),
        on_done: impl FnOnce(&mut L, Rows) + 'static,
    ) {
        let lease = self.client.lease.borrow().clone();
        if let Some(lease) = lease.filter(|_| self.is_open()) {
            lease.ask(event_loop, begin, self.or_fail(on_done));
        }
    }

    /// Puts its connection to the database back for others.
    pub(crate) fn put_back(&self, event_loop: &mut L) {
        let lease = self.is_open().then(|| self.client.lease.take());
        if let Some(lease) = lease.flatten() {
            lease.put_back(event_loop);
        }
    }

    /// Asks the cache; `on_reply` gets what it has.
    pub(crate) fn ask_cache(
        &self,
        event_loop: &mut L,
        command: CacheCommand<'_>,
        on_reply: impl FnOnce(&mut L, Option<Vec<u8>>) + 'static,
    ) {
        let Some(cache) = &self.server().cache else {
            return self.fail(event_loop, &DatabaseError::NoRedis.into());
        };
        cache.ask(event_loop, command, self.or_fail(on_reply));
    }

    /// What goes on with what came of something, or answers the request with why nothing did.
    fn or_fail<T>(
        &self,
        go_on: impl FnOnce(&mut L, T) + 'static,
    ) -> impl FnOnce(&mut L, Result<T, DatabaseError>) + 'static {
        let later = self.clone();
        move |event_loop: &mut L, outcome: Result<T, DatabaseError>| match outcome {
            Ok(value) => go_on(event_loop, value),
            Err(error) => later.fail(event_loop, &error.into()),
        }
    }

    /// Answers it with what `work` gives on a thread of the pool, and calls `then`. Whether the pool has taken the work: else it is
    /// answered so, and nothing is called.
    pub(crate) fn answer_from_pool(
        &self,
        event_loop: &mut L,
        work: impl FnOnce() -> Answer + Send + 'static,
        then: impl FnOnce(&mut L) + 'static,
    ) -> bool {
        let later = self.clone();
        let queued = event_loop.queue_work(work, move |event_loop, answer| {
            later.answer(event_loop, &answer);
            then(event_loop);
        });
        if queued.is_err() {
            self.fail(event_loop, &Failure::Pool);
        }
        queued.is_ok()
    }

    /// Has `callback` called after so many milliseconds. What a stream has given so far is on its way before; where its client has
    /// left, nothing is worth waiting for.
    pub(crate) fn after(
        &self,
        event_loop: &mut L,
        ms: u32,
        callback: impl FnOnce(&mut L) + 'static,
    ) {
        if self.is_deserted() {
            return self.client.close(event_loop);
        }
        self.client.flush(event_loop);
        self.client.after(event_loop, ms.into(), callback);
    }

    /// Begins a streamed answer.
    pub(crate) fn begin_stream(&self, event_loop: &mut L, head: &ResponseHead<'_>) {
        {
            let state = &mut *self.client.state.borrow_mut();
            let date = self.client.server.date();
            state.http.begin_stream(head, &date, &mut state.out);
            state.streaming = true;
        }
        // A client that is gone is found out by writing.
        self.client.watch_writes(event_loop);
    }

    /// Whether so much waits for the client that a stream should not go on.
    pub(crate) fn is_blocked(&self) -> bool {
        self.client.state.borrow().blocked
    }

    /// Has `callback` called once the client has taken all that waits for it, unless it leaves before.
    pub(crate) fn when_taken(&self, event_loop: &mut L, callback: impl FnOnce(&mut L) + 'static) {
        if self.is_deserted() {
            return self.client.close(event_loop);
        }
        self.client.on_taken.set(Some(Box::new(callback)));
    }

    /// Streams what `make` appends to the part that it is given. It goes out with the next flush.
    pub(crate) fn stream(&self, event_loop: &mut L, make: impl FnOnce(&mut Vec<u8>)) {
        if !self.is_open() {
            return;
        }
        {
            let mut part = self.server().part.borrow_mut();
            part.clear();
            make(&mut part);
            let state = &mut *self.client.state.borrow_mut();
            state.http.stream_part(&part, &mut state.out);
        }
        self.client.flush_batch(event_loop);
    }

    /// Ends the stream, and goes on with the requests behind it.
    pub(crate) fn end_stream(&self, event_loop: &mut L) {
        if self.is_open() {
            {
                let state = &mut *self.client.state.borrow_mut();
                state.http.end_stream(&mut state.out);
            }
            self.finish(event_loop);
        }
    }

    /// Leaves HTTP: the connection is the route's own from here on.
    pub(crate) fn take_connection(&self) -> Rc<Connection<L>> {
        self.client.state.borrow_mut().finish_request();
        Rc::clone(&self.client)
    }

    /// Whether the client of a stream has left, so that nothing is worth waiting for.
    fn is_deserted(&self) -> bool {
        let state = self.client.state.borrow();
        state.streaming && state.has_ended
    }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read as _, Write};
    use std::net::{Shutdown, TcpListener, TcpStream};
    use std::time::Duration;

    use libuv::{Clock, Loop, ManualClock, Phase as LoopPhase};
    use socket2::SockRef;
    use spec::{DATABASE_LIMIT_MS, PostgresAccess, Settings};
    use websocket::Bounds;

    use super::*;
    use crate::{Loops, Shared};

    /// A server on a loop of virtual time that runs when the test says so, on the test's own thread.
    struct Bench {
        event_loop: Loop,
        server: Rc<Server<Loop>>,
        clock: ManualClock,
    }

    impl Bench {
        fn new() -> Self {
            Self::with(|_| ())
        }

        fn with(change: impl FnOnce(&mut Settings)) -> Self {
            let clock = ManualClock::new();
            let mut event_loop = Loop::new(libuv::Settings {
                clock: Clock::Manual(clock.clone()),
                pool: libuv::Pool::new(1),
                ..libuv::Settings::default()
            })
            .unwrap();
            let mut settings = Settings::new(([127, 0, 0, 1], 0).into());
            settings.upstream = Some(([127, 0, 0, 1], 1).into());
            change(&mut settings);
            let server = Rc::new(Server::new(&settings, Loops::One, &Shared::new(&settings)));
            // A turn a run, whether or not anything has happened.
            let idle = event_loop.add_watcher(LoopPhase::Idle, |event_loop, _| event_loop.stop());
            event_loop.start_watcher(idle);
            Self {
                event_loop,
                server,
                clock,
            }
        }

        fn connect(&mut self) -> TcpStream {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let accepting = Rc::clone(&self.server);
            let accept = move |event_loop: &mut Loop, listener, tcp| {
                event_loop.close(listener);
                accept(event_loop, &accepting, &tcp);
            };
            self.event_loop.listen(listener, |_| 0, accept).unwrap();
            let connected = self.server.connections.borrow().len() + 1;
            self.turn_until("the connection is accepted", |bench| {
                bench.server.connections.borrow().len() == connected
            });
            client
        }

        fn connection(&self) -> Rc<Connection<Loop>> {
            let connections = self.server.connections.borrow();
            Rc::clone(connections.iter().next().expect("one is connected").1)
        }

        fn turn(&mut self) {
            self.event_loop.run().unwrap();
        }

        /// Turns far more often than the kernel or another thread takes to do its part.
        fn turn_until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
            for _ in 0..10_000_000 {
                if is_so(self) {
                    return;
                }
                self.turn();
            }
            panic!("waited in vain until {what}");
        }
    }

    fn get(target: &str) -> String {
        format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n")
    }

    fn upgrade(target: &str) -> String {
        let fields = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        get(target).replace("\r\n\r\n", &format!("\r\n{fields}\r\n"))
    }

    #[test]
    fn a_client_that_takes_nothing_is_not_read_from_and_what_waits_for_it_is_bounded() {
        let mut bench = Bench::new();
        let mut client = bench.connect();
        let connection = bench.connection();
        client.set_nonblocking(true).unwrap();
        let requests = get("/plaintext").repeat(1_000);
        let mut send_some = |bench: &mut Bench| {
            match client.write(requests.as_bytes()) {
                Ok(_) => {}
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
            bench.turn();
        };
        for _ in 0..100_000 {
            send_some(&mut bench);
            if connection.state.borrow().blocked {
                break;
            }
        }
        assert!(
            connection.state.borrow().blocked,
            "the kernel can't have taken all of that"
        );
        for _ in 0..1_000 {
            send_some(&mut bench);
        }
        let queued_bytes = bench.event_loop.write_queue_bytes(connection.tcp);
        let one_answer_bytes = 200;
        let bounds = MAX_QUEUED_BYTES + 1..MAX_QUEUED_BYTES + MAX_BATCH_BYTES + one_answer_bytes;
        assert!(bounds.contains(&queued_bytes), "{queued_bytes} bytes wait");
        assert!(
            !bench.event_loop.is_active(connection.tcp),
            "nothing is read"
        );
        assert!(connection.state.borrow().out.is_empty());
    }

    #[test]
    fn a_stream_stands_still_while_its_client_is_slow() {
        let mut bench = Bench::new();
        let mut client = bench.connect();
        client.set_nonblocking(true).unwrap();
        let connection = bench.connection();
        let mut received = Vec::new();
        let mut events = |bench: &mut Bench| {
            // The kernel has handed on what was written a turn ago.
            for _ in 0..100 {
                bench.turn();
                let _ = client.read_to_end(&mut received);
            }
            received.windows(6).filter(|part| part == b"data: ").count()
        };
        connection
            .state
            .borrow_mut()
            .http
            .receive(get("/events?n=5&ms=10").as_bytes());
        connection.serve(&mut bench.event_loop);
        assert_eq!(events(&mut bench), 1, "the first is due at once");
        bench.clock.advance_ms(9);
        assert_eq!(events(&mut bench), 1);
        bench.clock.advance_ms(1);
        assert_eq!(events(&mut bench), 2);

        connection.state.borrow_mut().blocked = true;
        for _ in 0..10 {
            bench.clock.advance_ms(10);
            assert_eq!(events(&mut bench), 2);
        }
        let timer = *connection.timer.get().unwrap();
        assert!(!bench.event_loop.is_active(timer), "no timer runs for it");
        assert!(connection.state.borrow().out.is_empty(), "nothing is made");

        connection.on_drained(&mut bench.event_loop);
        assert_eq!(events(&mut bench), 3, "one event, not those missed");
        assert!(bench.event_loop.is_active(timer));
        for expected in [4, 5] {
            bench.clock.advance_ms(10);
            assert_eq!(events(&mut bench), expected);
        }
        assert!(connection.state.borrow().http.is_idle());
    }

    #[test]
    fn a_client_that_takes_no_event_costs_so_much_memory() {
        let mut bench = Bench::new();
        let _client = bench.connect();
        let connection = bench.connection();
        // In all far more than the kernel takes.
        let requests = get("/events?n=10000&ms=0").repeat(1_000);
        connection
            .state
            .borrow_mut()
            .http
            .receive(requests.as_bytes());
        connection.serve(&mut bench.event_loop);
        for _ in 0..1_000 {
            bench.turn();
        }
        assert!(connection.state.borrow().blocked);
        let queued_bytes = bench.event_loop.write_queue_bytes(connection.tcp);
        let bounds = MAX_QUEUED_BYTES + 1..MAX_QUEUED_BYTES + 2 * MAX_BATCH_BYTES;
        assert!(bounds.contains(&queued_bytes), "{queued_bytes} bytes wait");
        assert!(connection.state.borrow().out.len() <= MAX_BATCH_BYTES);
    }

    #[test]
    fn a_large_output_buffer_is_given_back() {
        let mut bench = Bench::new();
        let _client = bench.connect();
        let connection = bench.connection();
        for bytes in [KEPT_OUTPUT_BYTES, KEPT_OUTPUT_BYTES * 4] {
            connection.state.borrow_mut().out = vec![0; bytes];
            connection.flush(&mut bench.event_loop);
            assert_eq!(
                connection.state.borrow().out.capacity(),
                KEPT_OUTPUT_BYTES,
                "after {bytes} bytes"
            );
        }
    }

    /// A member of the chat, and its client.
    fn join(bench: &mut Bench) -> (Rc<Connection<Loop>>, TcpStream) {
        let mut client = bench.connect();
        let connections = bench.server.connections.borrow();
        let (_, connection) = connections.iter().next_back().expect("one is connected");
        let connection = Rc::clone(connection);
        drop(connections);
        client.write_all(upgrade("/chat").as_bytes()).unwrap();
        bench.turn_until("it is a member", |_| {
            connection.state.borrow().phase == Phase::Chatting
        });
        (connection, client)
    }

    #[test]
    fn what_waits_for_a_slow_member_is_bounded_and_then_it_is_disconnected() {
        let mut bench = Bench::new();
        let (slow, _slow_client) = join(&mut bench);
        let (quick, quick_client) = join(&mut bench);
        let mut reader = quick_client.try_clone().unwrap();
        let received =
            std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()).unwrap());
        let text = "a".repeat(10_000);
        let mut said_bytes = 0;
        while slow.state.borrow().phase != Phase::Closed {
            bench.server.room.say(&text);
            bench.server.room.deliver(&mut bench.event_loop);
            said_bytes += text.len();
            let queued_bytes = bench.event_loop.write_queue_bytes(slow.tcp);
            let most = MAX_QUEUED_BYTES + MAX_BATCH_BYTES + text.len();
            assert!(queued_bytes <= most, "{queued_bytes} bytes wait");
            bench.turn_until("the other has heard it", |bench| {
                bench.event_loop.write_queue_bytes(quick.tcp) == 0
            });
        }
        assert!(said_bytes > Bounds::CLIENT.bytes);
        assert_eq!(quick.state.borrow().phase, Phase::Chatting);
        quick.close(&mut bench.event_loop);
        assert!(received.join().unwrap() > said_bytes as u64);
    }

    #[test]
    fn a_loop_that_was_held_up_for_too_long_loses_its_members_and_goes_on() {
        let mut bench = Bench::new();
        let (first, _client) = join(&mut bench);
        for _ in 0..=Bounds::LOOP.messages {
            bench.server.room.say("a");
        }
        bench.server.room.deliver(&mut bench.event_loop);
        assert_eq!(first.state.borrow().phase, Phase::Closed);

        let (second, mut client) = join(&mut bench);
        bench.server.room.say("again");
        bench.server.room.deliver(&mut bench.event_loop);
        assert_eq!(second.state.borrow().phase, Phase::Chatting);
        second.close(&mut bench.event_loop);
        bench.turn();
        let mut received = Vec::new();
        client.read_to_end(&mut received).unwrap();
        assert!(received.ends_with(b"\x81\x05again"));
    }

    #[test]
    fn a_goodbye_comes_after_what_was_said_before() {
        let mut bench = Bench::new();
        let (member, mut client) = join(&mut bench);
        member.state.borrow_mut().blocked = true;
        for text in ["one", "two"] {
            bench.server.room.say(text);
            bench.server.room.deliver(&mut bench.event_loop);
        }
        member.retire(&mut bench.event_loop);
        bench.turn();
        let mut received = Vec::new();
        client.read_to_end(&mut received).unwrap();
        assert!(received.ends_with(b"\x81\x03one\x81\x03two\x88\x02\x03\xe9"));
    }

    #[test]
    fn a_member_is_listened_to_for_so_long_after_a_goodbye() {
        let mut bench = Bench::new();
        let (member, mut client) = join(&mut bench);
        member.retire(&mut bench.event_loop);
        bench.clock.advance_ms(LINGER_MS - 1);
        client.write_all(b"\x81\x81\0\0\0\0a").unwrap();
        bench.turn();
        assert_eq!(member.state.borrow().phase, Phase::Chatting);
        bench.clock.advance_ms(1);
        bench.turn();
        assert_eq!(member.state.borrow().phase, Phase::Closed);
    }

    #[test]
    fn a_member_is_listened_to_for_so_many_bytes_after_a_goodbye() {
        let mut bench = Bench::new();
        let (member, _client) = join(&mut bench);
        member.retire(&mut bench.event_loop);
        for (bytes, is_last) in [(LINGER_BYTES - 1, false), (1, true)] {
            // Of nothing but zeros no close comes.
            member.on_read(&mut bench.event_loop, &Read::Data(&vec![0; bytes]));
            assert_eq!(member.state.borrow().phase == Phase::Closed, is_last);
        }
    }

    #[test]
    fn steps_that_end_at_once_do_not_nest() {
        const REQUESTS: usize = 100_000;
        let mut bench = Bench::new();
        let client = bench.connect();
        let connection = bench.connection();
        // Nested, so many answers would take more stack than there is.
        let requests = get("/cpu/0").repeat(REQUESTS);
        let mut reader = client.try_clone().unwrap();
        let received =
            std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()).unwrap());
        connection
            .state
            .borrow_mut()
            .http
            .receive(requests.as_bytes());
        connection.serve(&mut bench.event_loop);
        bench.turn_until("all are answered", |bench| {
            connection.state.borrow().http.is_idle()
                && bench.event_loop.write_queue_bytes(connection.tcp) == 0
        });
        client.shutdown(Shutdown::Write).unwrap();
        bench.turn_until("the connection ends", |bench| {
            bench.server.connections.borrow().is_empty()
        });
        assert!(received.join().unwrap() > 100 * REQUESTS as u64);
    }

    #[test]
    fn clients_that_disappear_in_the_middle_leave_nothing_behind() {
        for target in [
            "/plaintext",
            "/sleep/60000",
            "/upstream?calls=3&ms=5",
            "/file/1",
            "/cpu/1000?offload=1",
            "/stats",
            "/events?n=10000&ms=60000",
            "/chat",
        ] {
            for request in [get(target), upgrade(target), get(target)[..10].to_owned()] {
                for is_reset in [false, true] {
                    let mut bench = Bench::new();
                    let mut client = bench.connect();
                    client.write_all(request.as_bytes()).unwrap();
                    bench.turn();
                    if is_reset {
                        SockRef::from(&client)
                            .set_linger(Some(Duration::ZERO))
                            .unwrap();
                    }
                    drop(client);
                    if is_reset {
                        bench
                            .turn_until("it is closed, without waiting for the request", |bench| {
                                bench.server.connections.borrow().is_empty()
                            });
                    }
                    bench.clock.advance_ms(60_000);
                    bench.turn_until("it is closed", |bench| {
                        bench.server.connections.borrow().is_empty()
                    });
                    drop(bench.event_loop);
                    assert_eq!(
                        Rc::strong_count(&bench.server),
                        1,
                        "{request:?}, reset: {is_reset}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_database_that_says_nothing_is_given_up_at_the_limit() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut bench = Bench::with(|settings| {
            settings.postgres = Some(PostgresAccess {
                addr: silent.local_addr().unwrap(),
                user: "bench".into(),
                password: String::new(),
                database: "bench".into(),
            });
        });
        let mut client = bench.connect();
        let request = b"GET /db/product/1 HTTP/1.1\r\nHost: x\r\n\r\n";
        // The second time, the timer is another request's.
        for _ in 0..2 {
            client.write_all(request).unwrap();
            let connection = bench.connection();
            let is_busy = || connection.state.borrow().busy;
            bench.turn_until("it is begun", |_| is_busy());
            bench.clock.advance_ms(DATABASE_LIMIT_MS - 1);
            bench.turn();
            assert!(is_busy());
            bench.clock.advance_ms(1);
            bench.turn_until("it is given up", |_| !is_busy());
            let mut answer = [0; 1024];
            let read = client.read(&mut answer).unwrap();
            let answer = String::from_utf8_lossy(&answer[..read]);
            assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
            assert!(answer.contains("longer than 10000 ms"), "{answer}");
            assert!(connection.lease.borrow().is_none());
        }
    }

    #[test]
    fn a_refused_client_is_listened_to_for_so_long() {
        let mut bench = Bench::new();
        let mut client = bench.connect();
        client.write_all(b"nonsense\r\n\r\n").unwrap();
        let connection = bench.connection();
        let is_lingering = || matches!(connection.state.borrow().phase, Phase::Lingering { .. });
        bench.turn_until("it is refused", |_| is_lingering());
        bench.clock.advance_ms(LINGER_MS - 1);
        client.write_all(b"more").unwrap();
        bench.turn();
        assert!(is_lingering());
        bench.clock.advance_ms(1);
        bench.turn();
        assert_eq!(connection.state.borrow().phase, Phase::Closed);
    }

    #[test]
    fn a_refused_client_is_listened_to_for_so_many_bytes() {
        let mut bench = Bench::new();
        let mut client = bench.connect();
        client.write_all(b"nonsense\r\n\r\n").unwrap();
        let connection = bench.connection();
        bench.turn_until("it is refused", |_| {
            connection.state.borrow().phase != Phase::Serving
        });
        for (bytes, is_last) in [(LINGER_BYTES - 1, false), (1, true)] {
            connection.on_read(&mut bench.event_loop, &Read::Data(&vec![0; bytes]));
            assert_eq!(connection.state.borrow().phase == Phase::Closed, is_last);
        }
    }
}
