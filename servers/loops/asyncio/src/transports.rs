//! Protocols on transports (CPython 3.11, `selector_events.py`'s `_SelectorSocketTransport`, `transports.py`'s
//! `_FlowControlMixin`).
//!
//! Knows bytes, when they are read and written, and when a writer should wait; must never know what they mean.

use crate::event_loop::EventLoop;
use crate::futures::Future;
use crate::remote::Remote;
use mio::net::TcpStream;
use reactor::Backlog;
use reactor::coroutines::{Direction, Registered, SocketKey};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::rc::Rc;

/// Above so many bytes that the socket hasn't taken a protocol is to pause writing, as in CPython.
pub const HIGH_WATER_BYTES: usize = 64 * 1024;

/// At so many or fewer it may go on.
pub const LOW_WATER_BYTES: usize = HIGH_WATER_BYTES / 4;

/// What a transport calls (`asyncio.Protocol`), one call at a time, on the loop's thread. A call may come from inside one of the transport's
/// methods ([`Protocol::pause_writing`] from inside [`Transport::write`]), hence the shared reference.
pub trait Protocol {
    /// There is a connection. It is read from in the same turn on.
    fn connection_made(&self, transport: &Transport) {
        let _ = transport;
    }

    /// Bytes, never none of them; they are gone when this returns.
    fn data_received(&self, data: &[u8]);

    /// The peer will send no more. Returns whether the transport stays open, for what is still to be written.
    fn eof_received(&self) -> bool {
        false
    }

    /// The connection is over: by an error, or because it was closed, aborted or ended by the peer. The last call.
    fn connection_lost(&self, error: Option<io::Error>) {
        let _ = error;
    }

    /// More bytes wait than [`HIGH_WATER_BYTES`], or the limit that was set.
    fn pause_writing(&self) {}

    /// No more bytes wait than [`LOW_WATER_BYTES`], or the limit that was set.
    fn resume_writing(&self) {}
}

/// One end of a connection (`asyncio.Transport`). Clones are the same.
#[derive(Clone)]
pub struct Transport {
    inner: Rc<Inner>,
}

struct Inner {
    event_loop: EventLoop,
    /// None once the connection is lost.
    protocol: RefCell<Option<Rc<dyn Protocol>>>,
    /// None once the connection is lost.
    socket: RefCell<Option<Registered<TcpStream, Remote>>>,
    key: SocketKey,
    backlog: RefCell<Backlog>,
    /// [`Protocol::connection_lost`] has been called for.
    is_lost: Cell<bool>,
    is_closing: Cell<bool>,
    is_paused: Cell<bool>,
    has_written_eof: Cell<bool>,
    /// The protocol has been asked to pause.
    protocol_is_paused: Cell<bool>,
    high_water: Cell<usize>,
    low_water: Cell<usize>,
}

impl Transport {
    /// A transport on a connected socket: its protocol is called in the next turn, and then `waiter` has its result.
    pub(crate) fn new(
        event_loop: &EventLoop,
        socket: Registered<TcpStream, Remote>,
        protocol: Rc<dyn Protocol>,
        waiter: Future<()>,
    ) -> Self {
        // It fails for a connection that is gone already, which will be read.
        let _ = socket.socket.set_nodelay(true);
        let transport = Self {
            inner: Rc::new(Inner {
                event_loop: event_loop.clone(),
                protocol: RefCell::new(Some(Rc::clone(&protocol))),
                key: socket.key(),
                socket: RefCell::new(Some(socket)),
                backlog: RefCell::default(),
                is_lost: Cell::new(false),
                is_closing: Cell::new(false),
                is_paused: Cell::new(false),
                has_written_eof: Cell::new(false),
                protocol_is_paused: Cell::new(false),
                high_water: Cell::new(HIGH_WATER_BYTES),
                low_water: Cell::new(LOW_WATER_BYTES),
            }),
        };
        let made = transport.clone();
        event_loop.call_soon(move || protocol.connection_made(&made));
        // It is read from only when that has been called.
        let reads = transport.clone();
        event_loop.call_soon(move || reads.add_reader());
        event_loop.call_soon(move || waiter.set_result(()));
        transport
    }

    /// Sends `data`: what the socket takes at once, and the rest as it can. Ignored once the connection is lost.
    ///
    /// Panics after [`Transport::write_eof`].
    pub fn write(&self, data: &[u8]) {
        let inner = &*self.inner;
        assert!(!inner.has_written_eof.get(), "write_eof() comes last");
        if data.is_empty() || inner.is_lost.get() {
            return;
        }
        let mut taken = 0;
        if inner.backlog.borrow().is_empty() {
            match inner.send(data) {
                Ok(len) => taken = len,
                Err(error) => return self.fatal_error(error),
            }
            if taken == data.len() {
                return;
            }
            let writer = self.clone();
            inner.set_callback(
                Direction::Write,
                Some(Rc::new(move || writer.write_ready())),
            );
        }
        inner.backlog.borrow_mut().push(&data[taken..]);
        self.maybe_pause_protocol();
    }

    /// Tells the peer, after all that waits, that no more will be sent.
    pub fn write_eof(&self) {
        let inner = &*self.inner;
        if inner.is_closing.get() || inner.has_written_eof.replace(true) {
            return;
        }
        if inner.backlog.borrow().is_empty() {
            inner.shut_down();
        }
    }

    /// Bytes that the socket hasn't taken.
    pub fn write_buffer_size(&self) -> usize {
        self.inner.backlog.borrow().len()
    }

    /// Sets at how many waiting bytes the protocol is to pause, and to go on.
    ///
    /// Panics where `low` is above `high`.
    pub fn set_write_buffer_limits(&self, high: usize, low: usize) {
        assert!(low <= high, "the low-water mark is at most the high one");
        self.inner.high_water.set(high);
        self.inner.low_water.set(low);
        self.maybe_pause_protocol();
    }

    /// Reads no more: the peer will have to wait once the buffers between are full.
    pub fn pause_reading(&self) {
        if self.is_reading() {
            self.inner.is_paused.set(true);
            self.inner.set_callback(Direction::Read, None);
        }
    }

    /// Reads on after [`Transport::pause_reading`].
    pub fn resume_reading(&self) {
        if !self.inner.is_closing.get() && self.inner.is_paused.replace(false) {
            self.add_reader();
        }
    }

    /// Whether it is neither closing nor paused.
    pub fn is_reading(&self) -> bool {
        !self.inner.is_closing.get() && !self.inner.is_paused.get()
    }

    /// Whether it is closed or closing.
    pub fn is_closing(&self) -> bool {
        self.inner.is_closing.get()
    }

    /// Closes it once all that waits is sent. Nothing is read any more.
    pub fn close(&self) {
        let inner = &*self.inner;
        if inner.is_closing.replace(true) {
            return;
        }
        inner.set_callback(Direction::Read, None);
        if inner.backlog.borrow().is_empty() {
            self.lose_soon(None);
        }
    }

    /// Closes it at once; what waits is dropped.
    pub fn abort(&self) {
        self.force_close(None);
    }

    /// The other end's address; none once the connection is lost.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        let socket = self.inner.socket.borrow();
        socket.as_ref()?.socket.peer_addr().ok()
    }

    fn add_reader(&self) {
        if self.is_reading() {
            let reader = self.clone();
            let callback = Rc::new(move || reader.read_ready());
            self.inner.set_callback(Direction::Read, Some(callback));
        }
    }

    /// The reader (`_read_ready__data_received`): one read an event.
    fn read_ready(&self) {
        let inner = &*self.inner;
        if inner.is_lost.get() {
            return;
        }
        // The buffer is all transports'; one that a protocol makes of its own loop's inside finds none, and makes do with another.
        let mut buf = inner.event_loop.inner.read_buffer.take();
        buf.resize(inner.event_loop.inner.read_bytes, 0);
        let received = inner.receive(&mut buf);
        let protocol = inner.protocol.borrow().clone();
        match (received, protocol) {
            (Ok(Some(0)), Some(protocol)) => {
                if protocol.eof_received() {
                    inner.set_callback(Direction::Read, None);
                } else {
                    self.close();
                }
            }
            (Ok(Some(len)), Some(protocol)) => protocol.data_received(&buf[..len]),
            (Err(error), _) => self.fatal_error(error),
            _ => {}
        }
        inner.event_loop.inner.read_buffer.replace(buf);
    }

    /// The writer (`_write_ready`).
    fn write_ready(&self) {
        let inner = &*self.inner;
        if inner.is_lost.get() {
            return;
        }
        let sent = inner.send(inner.backlog.borrow().unsent());
        match sent {
            Err(error) => {
                inner.set_callback(Direction::Write, None);
                inner.backlog.borrow_mut().clear();
                return self.fatal_error(error);
            }
            Ok(len) => inner.backlog.borrow_mut().advance(len),
        }
        // It may add to what waits.
        self.maybe_resume_protocol();
        if inner.backlog.borrow().is_empty() {
            inner.set_callback(Direction::Write, None);
            if inner.is_closing.get() {
                inner.is_lost.set(true);
                self.connection_lost(None);
            } else if inner.has_written_eof.get() {
                inner.shut_down();
            }
        }
    }

    fn maybe_pause_protocol(&self) {
        let inner = &*self.inner;
        if self.write_buffer_size() > inner.high_water.get()
            && !inner.protocol_is_paused.replace(true)
            && let Some(protocol) = inner.protocol.borrow().clone()
        {
            protocol.pause_writing();
        }
    }

    fn maybe_resume_protocol(&self) {
        let inner = &*self.inner;
        if inner.protocol_is_paused.get() && self.write_buffer_size() <= inner.low_water.get() {
            inner.protocol_is_paused.set(false);
            let protocol = inner.protocol.borrow().clone();
            if let Some(protocol) = protocol {
                protocol.resume_writing();
            }
        }
    }

    fn fatal_error(&self, error: io::Error) {
        self.force_close(Some(error));
    }

    fn force_close(&self, error: Option<io::Error>) {
        let inner = &*self.inner;
        if inner.is_lost.get() {
            return;
        }
        inner.backlog.borrow_mut().clear();
        if !inner.is_closing.replace(true) {
            inner.set_callback(Direction::Read, None);
        }
        self.lose_soon(error);
    }

    fn lose_soon(&self, error: Option<io::Error>) {
        self.inner.is_lost.set(true);
        self.inner.set_callback(Direction::Write, None);
        let lost = self.clone();
        self.inner
            .event_loop
            .call_soon(move || lost.connection_lost(error));
    }

    fn connection_lost(&self, error: Option<io::Error>) {
        let protocol = self.inner.protocol.take();
        if let Some(protocol) = protocol {
            protocol.connection_lost(error);
        }
        let socket = self.inner.socket.take();
        drop(socket);
    }
}

impl Inner {
    /// Sends what the socket takes; none where it is full. With less than all taken, an event will say when there is room.
    fn send(&self, data: &[u8]) -> io::Result<usize> {
        let socket = self.socket.borrow();
        let Some(socket) = socket.as_ref() else {
            return Ok(data.len());
        };
        let sent = match (&socket.socket).write(data) {
            Err(error) if is_nothing(&error) => 0,
            sent => sent?,
        };
        if sent < data.len() {
            let sockets = &self.event_loop.inner.shared.sockets;
            sockets.borrow_mut().set_blocked(self.key, Direction::Write);
        }
        Ok(sent)
    }

    /// Reads once; `None` where nothing has come.
    fn receive(&self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        let socket = self.socket.borrow();
        let Some(socket) = socket.as_ref() else {
            return Ok(None);
        };
        let sockets = &self.event_loop.inner.shared.sockets;
        match (&socket.socket).read(buf) {
            Err(error) if is_nothing(&error) => {
                sockets.borrow_mut().set_blocked(self.key, Direction::Read);
                Ok(None)
            }
            Ok(len) => {
                if len > 0 {
                    sockets.borrow_mut().after_read(self.key, len < buf.len());
                }
                Ok(Some(len))
            }
            Err(error) => Err(error),
        }
    }

    fn set_callback(&self, direction: Direction, callback: Option<Rc<dyn Fn()>>) {
        let sockets = &self.event_loop.inner.shared.sockets;
        let before = sockets
            .borrow_mut()
            .set_callback(self.key, direction, callback);
        drop(before);
    }

    fn shut_down(&self) {
        if let Some(socket) = self.socket.borrow().as_ref() {
            // It fails for a connection that is gone already, which will be read.
            let _ = socket.socket.shutdown(Shutdown::Write);
        }
    }
}

fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Transport {{ is_closing: {}, write_buffer_size: {} }}",
            self.is_closing(),
            self.write_buffer_size()
        )
    }
}
