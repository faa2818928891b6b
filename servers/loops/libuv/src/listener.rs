//! Listening sockets.
//!
//! Knows how connections are accepted, and how many at a time; must never know what is said on them.

use crate::event_loop::Loop;
use crate::handles::{Handle, Key};
use crate::poll::listener_token;
use crate::tcp::Tcp;
use crate::timers::Timer;
use mio::Interest;
use reactor::{AcceptRetry, AfterAcceptError, after_accept_error};
use socket2::{Domain, Protocol, Socket, Type};
use std::fmt;
use std::io;
use std::net::SocketAddr;

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
        retry_ms: AcceptRetry,
        on_connection: impl FnMut(&mut Loop, Listener, Tcp) + 'static,
    ) -> io::Result<Listener> {
        listener.set_nonblocking(true)?;
        let mut socket = mio::net::TcpListener::from_std(listener);
        let key = self.handles.listeners.insert(ListenerState {
            socket: None,
            on_connection: Some(Box::new(on_connection)),
            retry_ms,
            failures: 0,
            retry: None,
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

    /// Accepts one connection, as libuv does since 1.45 (`uv__server_io`), so that a burst of them can't keep those who are connected
    /// waiting. Others that wait come with the next poll's events.
    pub(crate) fn on_listener_event(&mut self, index: usize) {
        let Some(listener) = self.handles.listeners.key_at(index).map(Listener) else {
            return;
        };
        let state = self.handles.listeners.open(listener.0);
        let Some(socket) = state
            .filter(|state| state.retry.is_none())
            .and_then(|state| state.socket.as_ref())
        else {
            return;
        };
        match socket.accept() {
            Ok((stream, _)) => {
                self.rearm_listener(listener);
                match self.add_accepted(stream) {
                    Ok(tcp) => self.announce(listener, tcp),
                    Err(_) => self.pause_accepting(listener),
                }
            }
            Err(error) => match after_accept_error(&error) {
                AfterAcceptError::Drained => {}
                AfterAcceptError::TryNext => self.rearm_listener(listener),
                AfterAcceptError::Pause => self.pause_accepting(listener),
            },
        }
    }

    /// Asks for the listener's events anew (`EPOLL_CTL_MOD`): where a connection waits, the next poll says so.
    fn rearm_listener(&mut self, listener: Listener) {
        let state = self.handles.listeners.open_mut(listener.0);
        if let Some(socket) = state.and_then(|state| state.socket.as_mut()) {
            let token = listener_token(listener.0.index());
            let registry = self.poll.registry();
            let rearmed = registry.reregister(socket, token, Interest::READABLE);
            rearmed.expect("a listener is registered for as long as it is open");
        }
    }

    fn announce(&mut self, listener: Listener, tcp: Tcp) {
        let Some(state) = self.handles.listeners.open_mut(listener.0) else {
            return;
        };
        state.failures = 0;
        if let Some(mut on_connection) = state.on_connection.take() {
            self.metrics.callbacks += 1;
            on_connection(self, listener, tcp);
            if let Some(state) = self.handles.listeners.open_mut(listener.0) {
                state.on_connection = Some(on_connection);
            }
        }
    }

    fn pause_accepting(&mut self, listener: Listener) {
        let Some(state) = self.handles.listeners.open_mut(listener.0) else {
            return;
        };
        state.failures = state.failures.saturating_add(1);
        let wait_ms = (state.retry_ms)(state.failures);
        self.metrics.accept_pauses += 1;
        let retry = self.add_timer(move |event_loop, itself| {
            event_loop.close(itself);
            if let Some(state) = event_loop.handles.listeners.open_mut(listener.0) {
                state.retry = None;
                event_loop.rearm_listener(listener);
            }
        });
        self.unref(retry);
        self.start_timer(retry, wait_ms, 0);
        if let Some(state) = self.handles.listeners.open_mut(listener.0) {
            state.retry = Some(retry);
        }
    }

    /// Closes what a closing listener holds.
    pub(crate) fn release_listener(&mut self, listener: Listener) {
        let Some(state) = self.handles.listeners.open_mut(listener.0) else {
            return;
        };
        let retry = state.retry.take();
        if let Some(mut socket) = state.socket.take() {
            // It fails only for a descriptor that isn't registered, and this one goes now either way.
            let _ = self.poll.registry().deregister(&mut socket);
        }
        if let Some(retry) = retry {
            self.close(retry);
        }
    }
}

type ConnectionCallback = Box<dyn FnMut(&mut Loop, Listener, Tcp)>;

pub(crate) struct ListenerState {
    socket: Option<mio::net::TcpListener>,
    /// Taken out while it runs.
    on_connection: Option<ConnectionCallback>,
    retry_ms: AcceptRetry,
    /// Times in a row that accepting has failed for want of something.
    failures: u32,
    /// Runs while accepting pauses.
    retry: Option<Timer>,
}

impl fmt::Debug for ListenerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ListenerState {{ socket: {:?} }}", self.socket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Clock, ManualClock, Settings};
    use std::cell::Cell;
    use std::net::TcpStream;
    use std::rc::Rc;

    #[test]
    fn accepting_goes_on_after_pauses_that_know_how_many_came_before() {
        let (mut event_loop, socket) = loop_and_socket();
        let client = TcpStream::connect(socket.local_addr().unwrap()).unwrap();
        let accepted_ms = Rc::new(Cell::new(None));
        let seen = Rc::clone(&accepted_ms);
        let retry_ms = |failures| u64::from(failures) * 10;
        let on_connection = move |event_loop: &mut Loop, _, _| {
            seen.set(Some(event_loop.now_ms()));
            event_loop.stop();
        };
        let listener = event_loop.listen(socket, retry_ms, on_connection).unwrap();
        event_loop.pause_accepting(listener);
        if let Some(retry) = event_loop
            .handles
            .listeners
            .open_mut(listener.0)
            .unwrap()
            .retry
            .take()
        {
            event_loop.close(retry);
        }
        event_loop.pause_accepting(listener);
        event_loop.run().unwrap();
        drop(client);
        assert_eq!(accepted_ms.get(), Some(20));
        assert_eq!(event_loop.metrics().accept_pauses, 2);
        let state = event_loop.handles.listeners.open(listener.0).unwrap();
        assert_eq!(state.failures, 0, "one that is accepted ends the row");
    }

    #[test]
    fn a_listener_closed_during_a_pause_leaves_nothing_behind() {
        let (mut event_loop, socket) = loop_and_socket();
        let listener = event_loop.listen(socket, |_| 10, |_, _, _| {}).unwrap();
        event_loop.pause_accepting(listener);
        event_loop.close(listener);
        assert!(!event_loop.run().unwrap());
        assert_eq!(event_loop.now_ms(), 0);
    }

    fn loop_and_socket() -> (Loop, std::net::TcpListener) {
        let clock = Clock::Manual(ManualClock::new());
        let event_loop = Loop::new(Settings {
            clock,
            ..Settings::default()
        })
        .unwrap();
        let addr = SocketAddr::from(([127, 0, 0, 1], 0));
        let socket = bind(&BindSettings {
            addr,
            backlog: 8,
            reuse_port: false,
        })
        .unwrap();
        (event_loop, socket)
    }
}
