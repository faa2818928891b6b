//! Waiting for sockets, whose readers and writers join the ready queue (`selector_events.py`).
//!
//! Knows who waits for which socket; must never know what is read or written.

use crate::event_loop::{EventLoop, Ready};
use crate::remote::Letter;
use mio::event::Source;
use mio::{Interest, Token};
use reactor::{Clock, MAX_EVENTS_PER_POLL, Mailbox, Poll, WAKE_TOKEN};
use slotmap::{DefaultKey, Key, KeyData, SlotMap};
use std::io;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll as Polled, Waker};
use std::time::Duration;

/// The selector waits for a timer no longer than this at a time (`MAXIMUM_SELECT_TIMEOUT`).
pub const MAX_SELECT_TIMEOUT: Duration = Duration::from_hours(24);

impl EventLoop {
    /// Waits until a socket is ready, a letter came or the time is over.
    pub(crate) fn select(&self, now_ns: u64, timeout_ns: Option<u64>) -> io::Result<()> {
        let parks = timeout_ns != Some(0);
        let timeout = timeout_ns.map(|ns| Duration::from_nanos(ns).min(MAX_SELECT_TIMEOUT));
        let metrics = &self.inner.metrics;
        metrics.borrow_mut().on_select(now_ns, parks);
        let selector = &mut *self.inner.selector.borrow_mut();
        selector.poll.wait(&mut selector.events, timeout)?;
        metrics.borrow_mut().on_selected(selector.now_ns(), parks);
        Ok(())
    }

    /// What other threads called for joins the ready queue, and then the readers and writers of the sockets that are ready.
    pub(crate) fn process_events(&self) {
        let letters = self.inner.selector.borrow().letters();
        for letter in letters {
            self.open_letter(letter);
        }
        let selector = &mut *self.inner.selector.borrow_mut();
        let mut ready = self.inner.ready.borrow_mut();
        for event in &selector.events {
            let key = key(event.token());
            // The waker's token is nobody's key.
            let Some(io) = selector.ios.get_mut(key) else {
                continue;
            };
            let is_broken = event.is_error();
            if event.is_readable() || event.is_read_closed() || is_broken {
                io.hung_up |= event.is_read_closed() || is_broken;
                io.reader.is_ready = true;
                if io.reader.waker.is_some() {
                    ready.push_back(Ready::Reader(key));
                }
            }
            if event.is_writable() || event.is_write_closed() || is_broken {
                io.writer.is_ready = true;
                if io.writer.waker.is_some() {
                    ready.push_back(Ready::Writer(key));
                }
            }
        }
    }

    pub(crate) fn run_reader(&self, key: IoKey) {
        self.wake_side(key, |io| &mut io.reader);
    }

    pub(crate) fn run_writer(&self, key: IoKey) {
        self.wake_side(key, |io| &mut io.writer);
    }

    /// Begins to look for a socket's events; `is_writable` says whether it may be written to before the first.
    pub(crate) fn register(
        &self,
        source: &mut impl Source,
        is_writable: bool,
    ) -> io::Result<IoKey> {
        let mut selector = self.inner.selector.borrow_mut();
        let mut io = Io::default();
        io.writer.is_ready = is_writable;
        let key = selector.ios.insert(io);
        let both = Interest::READABLE | Interest::WRITABLE;
        let registry = selector.poll.registry();
        let registered = registry.register(source, token(key), both);
        if registered.is_err() {
            selector.ios.remove(key);
        }
        registered.map(|()| key)
    }

    /// Ends looking for a socket's events.
    pub(crate) fn deregister(&self, key: IoKey, source: &mut impl Source) {
        // It fails only for a descriptor that isn't registered, and this one goes now either way.
        let _ = self
            .inner
            .selector
            .borrow()
            .poll
            .registry()
            .deregister(source);
        self.forget_io(key);
    }

    /// Forgets a socket whose descriptor is closed.
    pub(crate) fn forget_io(&self, key: IoKey) {
        let io = self.inner.selector.borrow_mut().ios.remove(key);
        // With the borrow over: whoever waited may be dropped with its waker.
        drop(io);
    }

    /// Reads by `attempt`, up to `share` times a turn; has the task woken when there may be something to read.
    pub(crate) fn poll_read<T>(
        &self,
        key: IoKey,
        share: usize,
        cx: &Context<'_>,
        mut attempt: impl FnMut() -> io::Result<Tried<T>>,
    ) -> Polled<io::Result<T>> {
        let turn = self.inner.metrics.borrow().turns;
        let mut selector = self.inner.selector.borrow_mut();
        let io = selector.io_mut(key);
        if mem::replace(&mut io.turn, turn) != turn {
            io.reads = 0;
        }
        while io.reader.is_ready {
            if io.reads == share {
                self.push(Ready::Reader(key));
                break;
            }
            match attempt() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    io.reader.is_ready = false;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => {
                    io.reads += 1;
                    let drained = result.as_ref().is_ok_and(|tried| tried.drained);
                    io.reader.is_ready = !drained || io.hung_up;
                    return Polled::Ready(result.map(|tried| tried.value));
                }
            }
        }
        let before = io.reader.wait(cx.waker());
        drop(selector);
        drop(before);
        Polled::Pending
    }

    /// Writes by `attempt`; has the task woken when there may be room.
    pub(crate) fn poll_write<T>(
        &self,
        key: IoKey,
        cx: &Context<'_>,
        mut attempt: impl FnMut() -> io::Result<T>,
    ) -> Polled<io::Result<T>> {
        let mut selector = self.inner.selector.borrow_mut();
        let io = selector.io_mut(key);
        while io.writer.is_ready {
            match attempt() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    io.writer.is_ready = false;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return Polled::Ready(result),
            }
        }
        let before = io.writer.wait(cx.waker());
        drop(selector);
        drop(before);
        Polled::Pending
    }

    fn wake_side(&self, key: IoKey, side: impl FnOnce(&mut Io) -> &mut Side) {
        let mut selector = self.inner.selector.borrow_mut();
        // One that is gone has cancelled its readers and writers.
        let waker = selector
            .ios
            .get_mut(key)
            .and_then(|io| side(io).waker.take());
        drop(selector);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Names a registered socket.
pub(crate) type IoKey = DefaultKey;

/// What a read came to.
pub(crate) struct Tried<T> {
    pub(crate) value: T,
    /// Less came than there was room for, which drained the socket (epoll(7)).
    pub(crate) drained: bool,
}

pub(crate) struct Selector {
    poll: Poll,
    events: mio::Events,
    ios: SlotMap<IoKey, Io>,
    mailbox: Arc<Mailbox<Letter>>,
}

/// A socket, as events and reads have left it.
#[derive(Default)]
struct Io {
    reader: Side,
    writer: Side,
    /// An event has announced the end of input, so that a short read isn't the last one.
    hung_up: bool,
    /// The turn of the last read, and how many it had.
    turn: u64,
    reads: usize,
}

/// One direction of a socket.
#[derive(Default)]
struct Side {
    /// An event has promised something, and nobody has found the end of it since. mio is edge-triggered and will not say so
    /// again.
    is_ready: bool,
    /// Who waits for it.
    waker: Option<Waker>,
}

impl Side {
    /// Has this task woken, and gives back who was to be woken before.
    fn wait(&mut self, waker: &Waker) -> Option<Waker> {
        if self
            .waker
            .as_ref()
            .is_some_and(|known| known.will_wake(waker))
        {
            return None;
        }
        self.waker.replace(waker.clone())
    }
}

impl Selector {
    /// A selector without sockets, and the mailbox whose letters wake it.
    pub(crate) fn new(clock: Clock) -> io::Result<(Self, Arc<Mailbox<Letter>>)> {
        let poll = Poll::new(clock)?;
        let mailbox = Arc::new(Mailbox::new(poll.waker()?));
        let selector = Self {
            poll,
            events: mio::Events::with_capacity(MAX_EVENTS_PER_POLL),
            ios: SlotMap::new(),
            mailbox: Arc::clone(&mailbox),
        };
        Ok((selector, mailbox))
    }

    pub(crate) fn now_ns(&self) -> u64 {
        self.poll.now_ns()
    }

    fn letters(&self) -> Vec<Letter> {
        if self.events.iter().any(|event| event.token() == WAKE_TOKEN) {
            self.mailbox.take()
        } else {
            Vec::new()
        }
    }

    fn io_mut(&mut self, key: IoKey) -> &mut Io {
        self.ios
            .get_mut(key)
            .expect("a socket is registered for as long as it lives")
    }
}

fn token(key: IoKey) -> Token {
    let bits = key.data().as_ffi();
    Token(usize::try_from(bits).expect("sockets are polled on machines of 64 bits"))
}

fn key(token: Token) -> IoKey {
    KeyData::from_ffi(token.0 as u64).into()
}
