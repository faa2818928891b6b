//! Listening sockets.
//!
//! Knows how connections are accepted, and how many at a time; must never know what is said on them.

use crate::event_loop::Loop;
use crate::handles::{Handle, Key};
use crate::poll::{Ready, listener_token};
use crate::tcp::Tcp;
use crate::timers::Timer;
use mio::Interest;
use socket2::{Domain, Protocol, Socket, Type};
use std::fmt;
use std::io;
use std::net::SocketAddr;

/// Connections accepted from one listener in one turn, so that a burst of them can't keep those who are
/// connected waiting. The rest are accepted in the next turn.
pub const MAX_ACCEPTS_PER_TURN: usize = 64;

/// For how long accepting pauses after it failed for want of descriptors or memory. Clients wait in the backlog.
pub const ACCEPT_BACKOFF_MS: u64 = 100;

/// Names a listening socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Listener(pub(crate) Key);

/// Where to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BindSettings {
    /// The address; port 0 has the system choose.
    pub addr: SocketAddr,
    /// Connections that may wait to be accepted.
    pub backlog: u32,
    /// Whether other sockets, so marked too, may listen on the same address and share its connections
    /// (`SO_REUSEPORT`).
    pub reuse_port: bool,
}

/// A listening socket, set up as libuv would: `SO_REUSEADDR`, non-blocking. It can be handed to another thread's loop.
pub fn bind(settings: &BindSettings) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(
        Domain::for_address(settings.addr),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    if settings.reuse_port {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&settings.addr.into())?;
    socket.listen(i32::try_from(settings.backlog).unwrap_or(i32::MAX))?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

impl Loop {
    /// Calls `on_connection` with every connection accepted on `listener`, which is made non-blocking.
    pub fn listen(
        &mut self,
        listener: std::net::TcpListener,
        on_connection: impl FnMut(&mut Loop, Tcp) + 'static,
    ) -> io::Result<Listener> {
        listener.set_nonblocking(true)?;
        let mut socket = mio::net::TcpListener::from_std(listener);
        let key = self.handles.listeners.insert(ListenerState {
            socket: None,
            on_connection: Some(Box::new(on_connection)),
            left_over: false,
            backoff: None,
        });
        let registered = self.poll.registry().register(
            &mut socket,
            listener_token(key.index()),
            Interest::READABLE,
        );
        if let Err(error) = registered {
            self.handles.listeners.remove(key);
            return Err(error);
        }
        if let Some(state) = self.handles.listeners.open_mut(key) {
            state.socket = Some(socket);
        }
        self.handles
            .set_active(Handle::Listener(Listener(key)), true);
        Ok(Listener(key))
    }

    pub(crate) fn on_listener_event(&mut self, index: usize) {
        let Some(key) = self.handles.listeners.key_at(index) else {
            return;
        };
        // One on the list of those with input left over has its share of the turn to come.
        if self
            .handles
            .listeners
            .open(key)
            .is_some_and(|state| !state.left_over && state.backoff.is_none())
        {
            self.accept_share(Listener(key));
        }
    }

    pub(crate) fn continue_accepting(&mut self, listener: Listener) {
        if let Some(state) = self.handles.listeners.open_mut(listener.0) {
            state.left_over = false;
            self.accept_share(listener);
        }
    }

    fn accept_share(&mut self, listener: Listener) {
        for _ in 0..MAX_ACCEPTS_PER_TURN {
            let Some(socket) = self
                .handles
                .listeners
                .open(listener.0)
                .and_then(|state| state.socket.as_ref())
            else {
                return;
            };
            match socket.accept() {
                Ok((stream, _)) => match self.add_accepted(stream) {
                    Ok(tcp) => self.announce(listener, tcp),
                    Err(_) => return self.pause_accepting(listener),
                },
                Err(error) => match after_accept_error(&error) {
                    AfterError::Drained => return,
                    AfterError::TryNext => {}
                    AfterError::Pause => return self.pause_accepting(listener),
                },
            }
        }
        if let Some(state) = self.handles.listeners.open_mut(listener.0) {
            state.left_over = true;
            self.still_ready.push_back(Ready::Listener(listener));
        }
    }

    fn announce(&mut self, listener: Listener, tcp: Tcp) {
        let state = self.handles.listeners.open_mut(listener.0);
        if let Some(mut on_connection) = state.and_then(|state| state.on_connection.take()) {
            self.metrics.callbacks += 1;
            on_connection(self, tcp);
            if let Some(state) = self.handles.listeners.open_mut(listener.0) {
                state.on_connection = Some(on_connection);
            }
        }
    }

    fn pause_accepting(&mut self, listener: Listener) {
        self.metrics.accept_pauses += 1;
        let backoff = self.add_timer(move |event_loop, timer| {
            event_loop.close(timer);
            if let Some(state) = event_loop.handles.listeners.open_mut(listener.0) {
                state.backoff = None;
                state.left_over = true;
                event_loop.still_ready.push_back(Ready::Listener(listener));
            }
        });
        self.unref(backoff);
        self.start_timer(backoff, ACCEPT_BACKOFF_MS, 0);
        if let Some(state) = self.handles.listeners.open_mut(listener.0) {
            state.backoff = Some(backoff);
        }
    }

    /// Closes what a closing listener holds.
    pub(crate) fn release_listener(&mut self, listener: Listener) {
        let Some(state) = self.handles.listeners.open_mut(listener.0) else {
            return;
        };
        let backoff = state.backoff.take();
        if let Some(mut socket) = state.socket.take() {
            // It fails only for a descriptor that isn't registered, and this one goes now either way.
            let _ = self.poll.registry().deregister(&mut socket);
        }
        if let Some(backoff) = backoff {
            self.close(backoff);
        }
    }
}

type ConnectionCallback = Box<dyn FnMut(&mut Loop, Tcp)>;

pub(crate) struct ListenerState {
    socket: Option<mio::net::TcpListener>,
    /// Taken out while it runs.
    on_connection: Option<ConnectionCallback>,
    /// Whether the listener is on the loop's list of those with input left over.
    left_over: bool,
    /// Runs while accepting pauses.
    backoff: Option<Timer>,
}

impl fmt::Debug for ListenerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ListenerState {{ socket: {:?} }}", self.socket)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum AfterError {
    /// Nobody waits to be accepted.
    Drained,
    /// The error was that connection's own (accept(2): errors already pending on it).
    TryNext,
    /// The machine ran out of something: trying again at once would fail again.
    Pause,
}

fn after_accept_error(error: &io::Error) -> AfterError {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::WouldBlock => AfterError::Drained,
        Kind::Interrupted
        | Kind::ConnectionAborted
        | Kind::ConnectionReset
        | Kind::ConnectionRefused
        | Kind::NetworkDown
        | Kind::NetworkUnreachable
        | Kind::HostUnreachable
        | Kind::TimedOut => AfterError::TryNext,
        _ => AfterError::Pause,
    }
}
