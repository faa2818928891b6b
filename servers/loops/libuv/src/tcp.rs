//! Streams: connecting, reading, writing, shutting down, closing.
//!
//! Follows libuv's src/unix/stream.c as seen through mio, whose sockets are edge-triggered: a stream is registered once,
//! and remembers what its last event promised. A small request costs one read and a small answer one write.
//! Knows bytes; must never know what they mean.

use crate::event_loop::Loop;
use crate::handles::{Handle, Key};
use crate::pending::Pending;
use crate::poll::tcp_token;
use crate::write_queue::WriteQueue;
use mio::Interest;
use mio::net::TcpStream;
use std::fmt;
use std::io::{self, Read as _};
use std::mem;
use std::net::{Shutdown, SocketAddr};

/// Reads from one stream in one turn, as in libuv: one fast sender must not starve the others. What is left is read
/// in the next turn.
pub const MAX_READS_PER_TURN: usize = 32;

/// The size of the buffer that all streams of a loop read into, libuv's suggestion to its `alloc_cb`.
pub const READ_BUFFER_BYTES: usize = 64 * 1024;

/// Names a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tcp(pub(crate) Key);

/// What a read came to.
#[derive(Debug)]
pub enum Read<'a> {
    /// Bytes, never none of them. They are gone when the callback returns.
    Data(&'a [u8]),
    /// The peer will send no more. Reading has stopped; writing may go on.
    End,
    /// The connection is broken. Reading has stopped; what is left is to close the stream.
    Failed(io::Error),
}

impl Loop {
    /// Connects to `addr`; `on_connected` says how it went, never from inside this call. Bytes may be written
    /// at once and are sent when connected. The stream must be closed even if connecting fails.
    pub fn connect(
        &mut self,
        addr: SocketAddr,
        on_connected: impl FnOnce(&mut Loop, Tcp, io::Result<()>) + 'static,
    ) -> Tcp {
        let opened = TcpStream::connect(addr);
        let tcp = self.insert_tcp(WriteQueue::new_blocked());
        let registered = opened.and_then(|stream| self.register_tcp(tcp, stream));
        if let Some(state) = self.handles.tcps.open_mut(tcp.0) {
            state.connecting = Some(Box::new(on_connected));
            state.connect_failed = registered.err();
            if state.connect_failed.is_some() {
                self.feed_tcp(tcp);
            }
        }
        self.settle_tcp(tcp);
        tcp
    }

    /// Has `on_read` called with all that arrives, in the poll phase, until [`Loop::read_stop`], the end or an error.
    pub fn read_start(
        &mut self,
        tcp: Tcp,
        on_read: impl FnMut(&mut Loop, Tcp, Read<'_>) + 'static,
    ) {
        if let Some(state) = self.handles.tcps.open_mut(tcp.0) {
            state.on_read = Some(Box::new(on_read));
            self.read_resume(tcp);
        }
    }

    /// Stops reading: the peer will be held up once the buffers between are full.
    pub fn read_stop(&mut self, tcp: Tcp) {
        if let Some(state) = self
            .handles
            .tcps
            .open_mut(tcp.0)
            .filter(|state| state.reading)
        {
            state.reading = false;
            self.handles.set_active(Handle::Tcp(tcp), false);
        }
    }

    /// Reads on after [`Loop::read_stop`], with the same callback.
    pub fn read_resume(&mut self, tcp: Tcp) {
        let Some(state) = self
            .handles
            .tcps
            .open_mut(tcp.0)
            .filter(|state| !state.reading && !state.ended)
        else {
            return;
        };
        state.reading = true;
        if state.readable {
            self.rearm_tcp(tcp);
        }
        self.handles.set_active(Handle::Tcp(tcp), true);
    }

    /// Sends what is in `buffer`, which is empty then: what the socket takes at once, and the rest as it can. A large rest is not copied, but
    /// the buffer taken over. Returns how many bytes are queued now; a caller who cares for memory stops at some number of them until
    /// [`Loop::on_drained`] calls.
    pub fn write(&mut self, tcp: Tcp, buffer: &mut Vec<u8>) -> usize {
        let Some(state) = self.handles.tcps.open_mut(tcp.0) else {
            buffer.clear();
            return 0;
        };
        match &mut state.stream {
            Some(stream) => state.writes.offer(stream, buffer),
            None => state.writes.fail(&io::ErrorKind::NotConnected.into()),
        }
        let queued = state.writes.len();
        if !state.writes.is_settled() {
            if state.writes.has_news() {
                self.feed_tcp(tcp);
            }
            self.settle_tcp(tcp);
        }
        queued
    }

    /// Sends `bytes` like [`Loop::write`], and has `on_written` called once all of them were taken by the socket or can't be,
    /// never from inside this call.
    pub fn write_then(
        &mut self,
        tcp: Tcp,
        bytes: &[u8],
        on_written: impl FnOnce(&mut Loop, io::Result<()>) + 'static,
    ) -> usize {
        let queued = self.write(tcp, &mut bytes.to_vec());
        if let Some(state) = self.handles.tcps.open_mut(tcp.0) {
            state.writes.wait(Box::new(on_written));
            if state.writes.has_news() {
                self.feed_tcp(tcp);
            }
            self.settle_tcp(tcp);
        }
        queued
    }

    /// Has `on_drained` called each time that queued bytes have all been taken, and with the error when sending
    /// fails. A write that is taken at once isn't told.
    pub fn on_drained(
        &mut self,
        tcp: Tcp,
        on_drained: impl FnMut(&mut Loop, Tcp, io::Result<()>) + 'static,
    ) {
        if let Some(state) = self.handles.tcps.open_mut(tcp.0) {
            state.on_drained = Some(Box::new(on_drained));
        }
    }

    /// Bytes written that the socket hasn't taken.
    pub fn write_queue_bytes(&self, tcp: Tcp) -> usize {
        self.handles
            .tcps
            .open(tcp.0)
            .map_or(0, |state| state.writes.len())
    }

    /// Tells the peer, after all that is queued, that no more will be sent (`uv_shutdown`). Reading goes on.
    pub fn shutdown(
        &mut self,
        tcp: Tcp,
        on_shut: impl FnOnce(&mut Loop, io::Result<()>) + 'static,
    ) {
        if let Some(state) = self.handles.tcps.open_mut(tcp.0) {
            state.shutting = Some(Box::new(on_shut));
            if state.writes.is_empty() {
                self.feed_tcp(tcp);
            }
            self.settle_tcp(tcp);
        }
    }

    /// Sends small writes at once (`TCP_NODELAY`) rather than gathering them.
    pub fn set_nodelay(&mut self, tcp: Tcp, nodelay: bool) -> io::Result<()> {
        match self
            .handles
            .tcps
            .open(tcp.0)
            .and_then(|state| state.stream.as_ref())
        {
            Some(stream) => stream.set_nodelay(nodelay),
            None => Ok(()),
        }
    }

    /// A handle for a connection that a listener accepted.
    pub(crate) fn add_accepted(&mut self, stream: TcpStream) -> io::Result<Tcp> {
        let tcp = self.insert_tcp(WriteQueue::default());
        let registered = self.register_tcp(tcp, stream);
        if registered.is_err() {
            self.handles.tcps.remove(tcp.0);
        }
        registered.map(|()| tcp)
    }

    /// Handles an event, and returns whether the stream waited for it: it may have been for one that is paused.
    pub(crate) fn on_tcp_event(&mut self, index: usize, event: &mio::event::Event) -> bool {
        let Some(tcp) = self.handles.tcps.key_at(index).map(Tcp) else {
            return false;
        };
        let Some(state) = self.handles.tcps.open_mut(tcp.0) else {
            return false;
        };
        let broken = event.is_error();
        let readable = event.is_readable() || event.is_read_closed() || broken;
        if readable {
            state.readable = true;
            state.hung_up |= event.is_read_closed() || broken;
        }
        let writable = event.is_writable() || event.is_write_closed() || broken;
        if state.connecting.is_some() {
            if writable {
                self.finish_connecting(tcp);
            }
            return writable;
        }
        let waited = readable && state.reading || writable && state.writes.is_blocked();
        self.read_if_ready(tcp);
        if writable {
            self.unblock_writes(tcp);
        }
        waited || broken
    }

    /// Tells of all operations that have ended: in the pending phase those that ended while they were asked for, in
    /// the poll phase those that an event has ended.
    pub(crate) fn finish_tcp_operations(&mut self, tcp: Tcp) {
        if let Some(state) = self.handles.tcps.open_mut(tcp.0) {
            state.fed = false;
        }
        self.tell_connect_failed(tcp);
        self.tell_written(tcp);
        self.tell_drained(tcp);
        self.shut_if_drained(tcp);
        self.settle_tcp(tcp);
    }

    /// Lets go of a closing stream's descriptor. Its callbacks are told in the closing phase.
    pub(crate) fn release_tcp(&mut self, tcp: Tcp) {
        let stream = self
            .handles
            .tcps
            .open_mut(tcp.0)
            .and_then(|state| state.stream.take());
        if let Some(mut stream) = stream {
            // It fails only for a descriptor that isn't registered, and this one goes now either way.
            let _ = self.poll.registry().deregister(&mut stream);
        }
    }

    pub(crate) fn finish_closing_tcp(&mut self, tcp: Tcp) {
        let Some(state) = self.handles.tcps.any_mut(tcp.0) else {
            return;
        };
        let connecting = state.connecting.take();
        let waiting = state.writes.take_waiting();
        let shutting = state.shutting.take();
        if let Some(on_connected) = connecting {
            self.metrics.callbacks += 1;
            on_connected(self, tcp, Err(closed_meanwhile()));
        }
        for on_ended in waiting.chain(shutting) {
            self.metrics.callbacks += 1;
            on_ended(self, Err(closed_meanwhile()));
        }
        if let Some(state) = self.handles.tcps.remove(tcp.0) {
            self.requests -= usize::from(state.busy);
        }
    }

    fn insert_tcp(&mut self, writes: WriteQueue) -> Tcp {
        Tcp(self.handles.tcps.insert(TcpState {
            stream: None,
            on_read: None,
            reading: false,
            readable: false,
            hung_up: false,
            ended: false,
            connecting: None,
            connect_failed: None,
            writes,
            on_drained: None,
            shutting: None,
            fed: false,
            busy: false,
        }))
    }

    fn register_tcp(&mut self, tcp: Tcp, mut stream: TcpStream) -> io::Result<()> {
        self.poll
            .registry()
            .register(&mut stream, tcp_token(tcp.0.index()), BOTH)?;
        if let Some(state) = self.handles.tcps.open_mut(tcp.0) {
            state.stream = Some(stream);
        }
        Ok(())
    }

    fn finish_connecting(&mut self, tcp: Tcp) {
        let Some(state) = self.handles.tcps.open_mut(tcp.0) else {
            return;
        };
        let Some(stream) = &state.stream else { return };
        let outcome = match stream.take_error() {
            Ok(None) => stream.peer_addr().map(drop),
            Ok(Some(error)) | Err(error) => Err(error),
        };
        if outcome
            .as_ref()
            .is_err_and(|error| error.kind() == io::ErrorKind::NotConnected)
        {
            // An event that came too early; another will follow.
            return;
        }
        let failed = outcome.is_err();
        match &outcome {
            Ok(()) => state.writes.connected(),
            Err(error) => state.writes.fail(error),
        }
        if let Some(on_connected) = state.connecting.take() {
            self.metrics.callbacks += 1;
            on_connected(self, tcp, outcome);
        }
        if failed {
            return self.finish_tcp_operations(tcp);
        }
        self.settle_tcp(tcp);
        // What has come meanwhile, and what was queued before, is for the next poll, as in libuv (`uv__stream_connect`).
        let state = self.handles.tcps.open(tcp.0);
        if state.is_some_and(|state| state.reading && state.readable || !state.writes.is_empty()) {
            self.rearm_tcp(tcp);
        }
    }

    /// Asks for the stream's events anew (`EPOLL_CTL_MOD`): what it is ready for comes with the next poll's.
    fn rearm_tcp(&mut self, tcp: Tcp) {
        let state = self.handles.tcps.open_mut(tcp.0);
        if let Some(stream) = state.and_then(|state| state.stream.as_mut()) {
            let token = tcp_token(tcp.0.index());
            let rearmed = self.poll.registry().reregister(stream, token, BOTH);
            rearmed.expect("a stream is registered for as long as it is open");
        }
    }

    /// Reads a stream's share of the turn, if it is reading and an event has promised something.
    fn read_if_ready(&mut self, tcp: Tcp) {
        let Some(state) = self.handles.tcps.open_mut(tcp.0) else {
            return;
        };
        if !state.readable || !state.reading {
            return;
        }
        let Some(mut on_read) = state.on_read.take() else {
            return;
        };
        let mut buf = mem::take(&mut self.read_buffer);
        for _ in 0..MAX_READS_PER_TURN {
            if !self.read_once(tcp, &mut buf, &mut on_read) {
                break;
            }
        }
        self.read_buffer = buf;
        let Some(state) = self.handles.tcps.open_mut(tcp.0) else {
            return;
        };
        // A callback that started reading anew has put another in its own place.
        state.on_read.get_or_insert(on_read);
        if state.reading && state.readable {
            self.rearm_tcp(tcp);
        }
    }

    /// Reads once and tells; returns whether to read again.
    fn read_once(&mut self, tcp: Tcp, buf: &mut [u8], on_read: &mut ReadCallback) -> bool {
        let Some(state) = self.handles.tcps.open_mut(tcp.0) else {
            return false;
        };
        // Another callback in its place means that reading was started anew.
        let Some(stream) = state
            .stream
            .as_mut()
            .filter(|_| state.reading && state.on_read.is_none())
        else {
            return false;
        };
        let room = buf.len();
        let read = match stream.read(buf) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                state.readable = false;
                return false;
            }
            Err(error) => Read::Failed(error),
            Ok(0) => Read::End,
            Ok(len) => Read::Data(&buf[..len]),
        };
        let mut filled = false;
        match &read {
            // A short read has drained the socket (epoll(7)), but not of an end that was already announced.
            Read::Data(bytes) => {
                filled = bytes.len() == room;
                state.readable = state.hung_up || filled;
            }
            Read::End | Read::Failed(_) => {
                state.readable = false;
                state.reading = false;
                state.ended = true;
                self.handles.set_active(Handle::Tcp(tcp), false);
            }
        }
        self.metrics.callbacks += 1;
        on_read(self, tcp, read);
        filled
    }

    fn unblock_writes(&mut self, tcp: Tcp) {
        let Some(state) = self.handles.tcps.open_mut(tcp.0) else {
            return;
        };
        if let Some(stream) = state
            .stream
            .as_mut()
            .filter(|_| state.connecting.is_none() && state.writes.is_blocked())
        {
            state.writes.unblock(stream);
            self.finish_tcp_operations(tcp);
        }
    }

    fn tell_connect_failed(&mut self, tcp: Tcp) {
        let Some(state) = self.handles.tcps.open_mut(tcp.0) else {
            return;
        };
        if let Some(error) = state.connect_failed.take() {
            state.writes.fail(&error);
            if let Some(on_connected) = state.connecting.take() {
                self.metrics.callbacks += 1;
                on_connected(self, tcp, Err(error));
            }
        }
    }

    /// Those whose writes have ended by now; what they write themselves is for later (`uv__write_callbacks`).
    fn tell_written(&mut self, tcp: Tcp) {
        let state = self.handles.tcps.open(tcp.0);
        for _ in 0..state.map_or(0, |state| state.writes.waiting_len()) {
            let state = self.handles.tcps.open_mut(tcp.0);
            let Some((on_written, outcome)) = state.and_then(|state| state.writes.pop_ended())
            else {
                break;
            };
            self.metrics.callbacks += 1;
            on_written(self, outcome);
        }
    }

    fn tell_drained(&mut self, tcp: Tcp) {
        let Some(state) = self.handles.tcps.open_mut(tcp.0) else {
            return;
        };
        let Some(outcome) = state.writes.take_drained() else {
            return;
        };
        if let Some(mut on_drained) = state.on_drained.take() {
            self.metrics.callbacks += 1;
            on_drained(self, tcp, outcome);
            if let Some(state) = self.handles.tcps.open_mut(tcp.0) {
                state.on_drained.get_or_insert(on_drained);
            }
        }
    }

    fn shut_if_drained(&mut self, tcp: Tcp) {
        let Some(state) = self.handles.tcps.open_mut(tcp.0) else {
            return;
        };
        if !state.writes.is_empty() || state.connecting.is_some() {
            return;
        }
        if let Some(on_shut) = state.shutting.take() {
            let shut = |stream: &TcpStream| stream.shutdown(Shutdown::Write);
            let not_connected = Err(io::ErrorKind::NotConnected.into());
            let outcome = state
                .writes
                .outcome()
                .and_then(|()| state.stream.as_ref().map_or(not_connected, shut));
            self.metrics.callbacks += 1;
            on_shut(self, outcome);
        }
    }

    /// Puts the stream on the pending queue, once (`uv__io_feed`).
    fn feed_tcp(&mut self, tcp: Tcp) {
        if let Some(state) = self.handles.tcps.open_mut(tcp.0)
            && !mem::replace(&mut state.fed, true)
        {
            self.pending.push_back(Pending::Tcp(tcp));
        }
    }

    /// Counts the stream as one operation under way as long as it owes anything.
    fn settle_tcp(&mut self, tcp: Tcp) {
        if let Some(state) = self.handles.tcps.open_mut(tcp.0) {
            let busy = state.connecting.is_some()
                || state.shutting.is_some()
                || !state.writes.is_settled();
            self.requests = self.requests + usize::from(busy)
                - usize::from(mem::replace(&mut state.busy, busy));
        }
    }
}

const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

type ReadCallback = Box<dyn FnMut(&mut Loop, Tcp, Read<'_>)>;
type ConnectCallback = Box<dyn FnOnce(&mut Loop, Tcp, io::Result<()>)>;
type DrainedCallback = Box<dyn FnMut(&mut Loop, Tcp, io::Result<()>)>;
type ShutdownCallback = Box<dyn FnOnce(&mut Loop, io::Result<()>)>;

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent fact that an event or a call has left behind"
)]
pub(crate) struct TcpState {
    /// None once closing, or where connecting failed before there was a socket.
    stream: Option<TcpStream>,
    /// Taken out while it runs.
    on_read: Option<ReadCallback>,
    reading: bool,
    /// An event has promised input, and no read has found the end of it since.
    readable: bool,
    /// An event has announced the end of input, so that a short read isn't the last one.
    hung_up: bool,
    /// The end of input, or an error, has been told.
    ended: bool,
    connecting: Option<ConnectCallback>,
    /// Connecting failed while it was asked for; to be told in the pending phase.
    connect_failed: Option<io::Error>,
    writes: WriteQueue,
    /// Taken out while it runs.
    on_drained: Option<DrainedCallback>,
    shutting: Option<ShutdownCallback>,
    /// Whether the stream is on the pending queue.
    fed: bool,
    /// Whether the stream is counted among the operations under way.
    busy: bool,
}

impl fmt::Debug for TcpState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "TcpState {{ stream: {:?}, reading: {}, writes: {:?} }}",
            self.stream, self.reading, self.writes
        )
    }
}

fn closed_meanwhile() -> io::Error {
    io::Error::new(
        io::ErrorKind::ConnectionAborted,
        "the stream was closed before the operation ended",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BindSettings, Clock, ManualClock, Settings, bind};
    use std::cell::RefCell;
    use std::io::Write as _;
    use std::net::TcpStream as StdStream;
    use std::rc::Rc;

    /// With a buffer of 16 bytes, a share of a turn is 32 reads of 16 bytes.
    #[test]
    fn a_stream_with_much_to_read_gets_32_reads_a_turn_and_others_get_theirs() {
        const BUF_BYTES: usize = 16;
        let clock = Clock::Manual(ManualClock::new());
        let mut event_loop = Loop::new(Settings {
            clock,
            ..Settings::default()
        })
        .unwrap();
        event_loop.read_buffer = vec![0; BUF_BYTES];
        let addr = SocketAddr::from(([127, 0, 0, 1], 0));
        let socket = bind(&BindSettings {
            addr,
            backlog: 8,
            reuse_port: false,
        })
        .unwrap();
        let mut clients = [0; 2].map(|_| StdStream::connect(socket.local_addr().unwrap()).unwrap());
        clients[0]
            .write_all(&[7; 2 * MAX_READS_PER_TURN * BUF_BYTES + 1])
            .unwrap();
        clients[1].write_all(&[8]).unwrap();
        let reads: Rc<RefCell<Vec<(u64, u8, usize)>>> = Rc::default();
        let seen = Rc::clone(&reads);
        let (mut accepted, clients_expected) = (0, clients.len());
        event_loop
            .listen(
                socket,
                |_| 0,
                move |event_loop, listener, tcp| {
                    accepted += 1;
                    if accepted == clients_expected {
                        event_loop.close(listener);
                    }
                    let seen = Rc::clone(&seen);
                    event_loop.read_start(tcp, move |event_loop, tcp, read| match read {
                        Read::Data(bytes) => {
                            seen.borrow_mut().push((
                                event_loop.metrics().turns,
                                bytes[0],
                                bytes.len(),
                            ));
                        }
                        Read::End => event_loop.close(tcp),
                        Read::Failed(error) => panic!("{error}"),
                    });
                },
            )
            .unwrap();
        for client in &clients {
            client.shutdown(Shutdown::Write).unwrap();
        }
        assert!(!event_loop.run().unwrap());

        let reads = reads.borrow();
        let (large, small): (Vec<_>, Vec<_>) = reads.iter().copied().partition(|read| read.1 == 7);
        let first_turn = large[0].0;
        let in_turn = |turn| {
            large
                .iter()
                .filter(|read| read.0 == first_turn + turn)
                .count()
        };
        assert_eq!(
            [0, 1, 2].map(in_turn),
            [MAX_READS_PER_TURN, MAX_READS_PER_TURN, 1]
        );
        assert!(
            small[0].0 <= first_turn + 1,
            "the other stream waits for one share at most"
        );
        assert_eq!(
            large.iter().map(|read| read.2).sum::<usize>(),
            2 * MAX_READS_PER_TURN * BUF_BYTES + 1
        );
    }
}
