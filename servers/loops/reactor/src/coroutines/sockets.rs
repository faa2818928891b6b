//! Who waits for which socket.
//!
//! Knows what an event has promised and whom to tell; must never know what is read or written. A socket is registered once, for
//! both directions, and edge-triggered: what is left after a share of a turn is asked for anew ([`Sockets::rearm`]), so that it
//! comes with the next poll's events, as it would from a level-triggered one.

use super::{Home, Shared};
use mio::event::{Event, Source};
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use slotmap::{DefaultKey, Key, KeyData, SlotMap};
use std::fmt;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, RawFd};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Names a registered socket.
pub type SocketKey = DefaultKey;

/// One of the two ways of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// What comes in.
    Read,
    /// What goes out.
    Write,
}

/// Who is to be told that a socket is ready.
#[derive(Clone)]
pub enum Waiter {
    /// A task, once.
    Task(Waker),
    /// A callback, each time, until it is taken away.
    Callback(Rc<dyn Fn()>),
}

/// The outcome of a read or a write.
#[derive(Debug)]
pub struct Tried<T> {
    /// What was read, or how much was written.
    pub value: T,
    /// It was less than there was room for, or than was offered: the next try would block (epoll(7)).
    pub drained: bool,
}

/// The registered sockets of one loop.
pub struct Sockets {
    registry: Registry,
    slots: SlotMap<SocketKey, Socket>,
}

/// A socket, as events and reads have left it.
struct Socket {
    fd: RawFd,
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
    /// An event has promised something, and nobody has found the end of it since.
    is_ready: bool,
    waiter: Option<Waiter>,
}

impl Sockets {
    pub(super) fn new(registry: Registry) -> Self {
        Self {
            registry,
            slots: SlotMap::new(),
        }
    }

    /// Begins to look for a socket's events; `is_writable` says whether it may be written to before the first.
    pub fn register<S: Source + AsRawFd>(
        &mut self,
        source: &mut S,
        is_writable: bool,
    ) -> io::Result<SocketKey> {
        let mut socket = Socket {
            fd: source.as_raw_fd(),
            reader: Side::default(),
            writer: Side::default(),
            hung_up: false,
            turn: 0,
            reads: 0,
        };
        socket.writer.is_ready = is_writable;
        let key = self.slots.insert(socket);
        let registered = self.registry.register(source, token(key), BOTH);
        if registered.is_err() {
            self.slots.remove(key);
        }
        registered.map(|()| key)
    }

    /// Ends looking for a socket's events. What is given back is dropped without a borrow.
    #[must_use]
    pub fn deregister(&mut self, key: SocketKey, source: &mut impl Source) -> [Option<Waiter>; 2] {
        // It fails only for a descriptor that isn't registered, and this one goes now either way.
        let _ = self.registry.deregister(source);
        self.forget(key)
    }

    /// Forgets a socket whose descriptor is closed. What is given back is dropped without a borrow.
    #[must_use]
    pub fn forget(&mut self, key: SocketKey) -> [Option<Waiter>; 2] {
        let socket = self.slots.remove(key);
        socket.map_or([None, None], |socket| {
            [socket.reader.waiter, socket.writer.waiter]
        })
    }

    /// Notes what an event promises. Gives whose it is and in which directions, reading first, somebody waits for it; of others'
    /// tokens, nothing.
    pub fn note(&mut self, event: &Event) -> Option<(SocketKey, [Option<Direction>; 2])> {
        let key = key(event.token());
        let socket = self.slots.get_mut(key)?;
        let is_broken = event.is_error();
        let mut waited_for = [None, None];
        if event.is_readable() || event.is_read_closed() || is_broken {
            socket.hung_up |= event.is_read_closed() || is_broken;
            socket.reader.is_ready = true;
            waited_for[0] = socket.reader.waiter.as_ref().map(|_| Direction::Read);
        }
        if event.is_writable() || event.is_write_closed() || is_broken {
            socket.writer.is_ready = true;
            waited_for[1] = socket.writer.waiter.as_ref().map(|_| Direction::Write);
        }
        Some((key, waited_for))
    }

    /// Who is to be told now: a task is taken out, a callback stays.
    pub fn waiter(&mut self, key: SocketKey, direction: Direction) -> Option<Waiter> {
        let side = self.slots.get_mut(key)?.side(direction);
        match &side.waiter {
            Some(Waiter::Callback(callback)) => Some(Waiter::Callback(Rc::clone(callback))),
            _ => side.waiter.take(),
        }
    }

    /// Has a callback called whenever the socket is ready, or none any more; what an event has promised before comes with the next
    /// poll. Gives back whom it replaces, to be dropped without a borrow.
    #[must_use]
    pub fn set_callback(
        &mut self,
        key: SocketKey,
        direction: Direction,
        callback: Option<Rc<dyn Fn()>>,
    ) -> Option<Waiter> {
        let side = self.slots.get_mut(key)?.side(direction);
        let waits = callback.is_some();
        let before = mem::replace(&mut side.waiter, callback.map(Waiter::Callback));
        if waits && side.is_ready {
            self.rearm(key);
        }
        before
    }

    /// A read outside of [`Sockets::poll_read`] has drained the socket or not: what is left comes with the next poll.
    pub fn after_read(&mut self, key: SocketKey, drained: bool) {
        let Some(socket) = self.slots.get_mut(key) else {
            return;
        };
        socket.reader.is_ready = !drained || socket.hung_up;
        if socket.reader.is_ready {
            self.rearm(key);
        }
    }

    /// A read or write outside of [`Sockets::poll_read`] and [`Sockets::poll_write`] would have blocked: an event will say when it
    /// won't.
    pub fn set_blocked(&mut self, key: SocketKey, direction: Direction) {
        if let Some(socket) = self.slots.get_mut(key) {
            socket.side(direction).is_ready = false;
        }
    }

    /// Takes away all who wait, for the caller to drop without a borrow.
    pub fn take_waiters(&mut self) -> Vec<Waiter> {
        let sides = self
            .slots
            .values_mut()
            .flat_map(|socket| [&mut socket.reader, &mut socket.writer]);
        sides.filter_map(|side| side.waiter.take()).collect()
    }

    /// Reads by `attempt`, up to `share` times in `turn`; has the task woken when there may be something to read. The waker that is
    /// given back is dropped without a borrow.
    pub fn poll_read<T>(
        &mut self,
        key: SocketKey,
        (share, turn): (usize, u64),
        cx: &Context<'_>,
        mut attempt: impl FnMut() -> io::Result<Tried<T>>,
    ) -> (Poll<io::Result<T>>, Option<Waiter>) {
        let socket = self.slots.get_mut(key).expect(REGISTERED);
        if mem::replace(&mut socket.turn, turn) != turn {
            socket.reads = 0;
        }
        while socket.reader.is_ready {
            if socket.reads == share {
                self.rearm(key);
                break;
            }
            match attempt() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    socket.reader.is_ready = false;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => {
                    socket.reads += 1;
                    let drained = result.as_ref().is_ok_and(|tried| tried.drained);
                    socket.reader.is_ready = !drained || socket.hung_up;
                    return (Poll::Ready(result.map(|tried| tried.value)), None);
                }
            }
        }
        (Poll::Pending, self.wait(key, Direction::Read, cx))
    }

    /// Writes by `attempt`; has the task woken when there may be room. The waker that is given back is dropped without a borrow.
    pub fn poll_write<T>(
        &mut self,
        key: SocketKey,
        cx: &Context<'_>,
        mut attempt: impl FnMut() -> io::Result<Tried<T>>,
    ) -> (Poll<io::Result<T>>, Option<Waiter>) {
        let socket = self.slots.get_mut(key).expect(REGISTERED);
        while socket.writer.is_ready {
            match attempt() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    socket.writer.is_ready = false;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => {
                    socket.writer.is_ready = !result.as_ref().is_ok_and(|tried| tried.drained);
                    return (Poll::Ready(result.map(|tried| tried.value)), None);
                }
            }
        }
        (Poll::Pending, self.wait(key, Direction::Write, cx))
    }

    fn wait(&mut self, key: SocketKey, direction: Direction, cx: &Context<'_>) -> Option<Waiter> {
        let side = self.slots.get_mut(key)?.side(direction);
        match &side.waiter {
            Some(Waiter::Task(known)) if known.will_wake(cx.waker()) => None,
            _ => side.waiter.replace(Waiter::Task(cx.waker().clone())),
        }
    }

    /// Asks for the socket's events anew (`EPOLL_CTL_MOD`): what is ready comes with the next poll.
    fn rearm(&self, key: SocketKey) {
        let fd = self.slots[key].fd;
        let rearmed = self
            .registry
            .reregister(&mut SourceFd(&fd), token(key), BOTH);
        rearmed.expect(REGISTERED);
    }
}

const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

const REGISTERED: &str = "a socket is registered for as long as it lives";

impl Socket {
    fn side(&mut self, direction: Direction) -> &mut Side {
        match direction {
            Direction::Read => &mut self.reader,
            Direction::Write => &mut self.writer,
        }
    }
}

impl fmt::Debug for Sockets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sockets {{ len: {} }}", self.slots.len())
    }
}

fn token(key: SocketKey) -> Token {
    let bits = key.data().as_ffi();
    Token(usize::try_from(bits).expect("sockets are polled on machines of 64 bits"))
}

fn key(token: Token) -> SocketKey {
    KeyData::from_ffi(token.0 as u64).into()
}

/// A socket whose events the loop looks for until it is dropped.
#[derive(Debug)]
pub struct Registered<S: Source, H: Home> {
    /// The socket.
    pub socket: S,
    key: SocketKey,
    home: H,
}

impl<S: Source + AsRawFd, H: Home> Registered<S, H> {
    /// Registers it with the running loop. `is_writable` says whether it may be written to at once.
    pub fn new(mut socket: S, is_writable: bool) -> io::Result<Self> {
        let home = H::running();
        let registered = home.local(|shared| {
            let mut sockets = shared.sockets.borrow_mut();
            sockets.register(&mut socket, is_writable)
        });
        let key = registered.expect("the running loop is this thread's")?;
        Ok(Self { socket, key, home })
    }
}

impl<S: Source, H: Home> Registered<S, H> {
    /// Its name among its loop's sockets.
    pub fn key(&self) -> SocketKey {
        self.key
    }

    /// Reads, as often in a turn as `share` says, or has the task woken when there may be something to read.
    pub fn poll_read<T>(
        &self,
        share: usize,
        cx: &Context<'_>,
        mut read: impl FnMut(&S) -> io::Result<Tried<T>>,
    ) -> Poll<io::Result<T>> {
        self.attempt(|shared| {
            let mut sockets = shared.sockets.borrow_mut();
            let share = (share, shared.turn.get());
            sockets.poll_read(self.key, share, cx, || read(&self.socket))
        })
    }

    /// Writes, or has the task woken when there may be room.
    pub fn poll_write<T>(
        &self,
        cx: &Context<'_>,
        mut write: impl FnMut(&S) -> io::Result<Tried<T>>,
    ) -> Poll<io::Result<T>> {
        self.attempt(|shared| {
            let mut sockets = shared.sockets.borrow_mut();
            sockets.poll_write(self.key, cx, || write(&self.socket))
        })
    }

    fn attempt<T>(
        &self,
        attempt: impl FnOnce(&Shared) -> (Poll<io::Result<T>>, Option<Waiter>),
    ) -> Poll<io::Result<T>> {
        let attempted = self.home.local(attempt);
        let (polled, _before) = attempted.expect("a socket is used on its own loop");
        polled
    }
}

impl<S: Source, H: Home> Drop for Registered<S, H> {
    fn drop(&mut self) {
        let Self { socket, key, home } = self;
        let deregistered =
            home.local(|shared| shared.sockets.borrow_mut().deregister(*key, socket));
        if deregistered.is_none() {
            // The descriptor is closed right after this, which takes it out of the poll.
            home.forget(*key);
        }
    }
}
