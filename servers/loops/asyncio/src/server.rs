//! Servers and clients of protocols (CPython 3.11, `base_events.py`'s `create_server` and `create_connection`,
//! `selector_events.py`'s `_accept_connection`).
//!
//! Knows how connections come about; must never know what is said on them.

use crate::event_loop::EventLoop;
use crate::handles::Handle;
use crate::remote::{MAX_ACCEPTS_PER_TURN, Remote};
use crate::transports::{Protocol, Transport};
use crate::{TcpStream, get_running_loop};
use mio::net::TcpListener;
use reactor::coroutines::{Direction, Registered};
use reactor::{AcceptRetry, AfterAcceptError, after_accept_error};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// A listening socket whose connections each get a protocol. It listens until it is closed or its loop ends.
#[derive(Clone)]
pub struct Server {
    inner: Rc<Inner>,
}

struct Inner {
    event_loop: EventLoop,
    /// None once closed.
    socket: RefCell<Option<Registered<TcpListener, Remote>>>,
    protocol_factory: Box<dyn Fn() -> Rc<dyn Protocol>>,
    retry_ms: AcceptRetry,
    /// Times in a row that accepting has failed for want of something.
    failures: Cell<u32>,
    /// Runs while accepting pauses.
    retry: RefCell<Option<Handle>>,
}

impl EventLoop {
    /// Gives every connection that comes to `listener` a protocol and a transport, as tasks of the running loop. Where descriptors or
    /// memory run out, accepting pauses as `retry_ms` says (CPython waits a second, `ACCEPT_RETRY_DELAY`).
    pub fn create_server(
        &self,
        listener: std::net::TcpListener,
        retry_ms: AcceptRetry,
        protocol_factory: impl Fn() -> Rc<dyn Protocol> + 'static,
    ) -> io::Result<Server> {
        listener.set_nonblocking(true)?;
        let socket = Registered::new(TcpListener::from_std(listener), false)?;
        let server = Server {
            inner: Rc::new(Inner {
                event_loop: self.clone(),
                socket: RefCell::new(Some(socket)),
                protocol_factory: Box::new(protocol_factory),
                retry_ms,
                failures: Cell::new(0),
                retry: RefCell::new(None),
            }),
        };
        server.start_serving();
        Ok(server)
    }

    /// Connects to `addr`, and gives the connection a protocol and a transport.
    pub async fn create_connection<P: Protocol + 'static>(
        &self,
        addr: SocketAddr,
        protocol_factory: impl FnOnce() -> Rc<P>,
    ) -> io::Result<(Transport, Rc<P>)> {
        let socket = TcpStream::connect(addr).await?.into_registered();
        let protocol = protocol_factory();
        let waiter = self.create_future();
        let known: Rc<dyn Protocol> = Rc::<P>::clone(&protocol);
        let transport = Transport::new(self, socket, known, waiter.clone());
        match waiter.await {
            Ok(()) => Ok((transport, protocol)),
            Err(cancelled) => Err(io::Error::other(cancelled)),
        }
    }
}

impl Server {
    /// Stops listening. Connections go on.
    pub fn close(&self) {
        let socket = self.inner.socket.take();
        drop(socket);
        if let Some(retry) = self.inner.retry.take() {
            retry.cancel();
        }
    }

    /// Whether it isn't closed.
    pub fn is_serving(&self) -> bool {
        self.inner.socket.borrow().is_some()
    }

    fn start_serving(&self) {
        let server = self.clone();
        self.set_reader(Some(Rc::new(move || server.accept_connections())));
    }

    fn set_reader(&self, reader: Option<Rc<dyn Fn()>>) {
        if let Some(socket) = self.inner.socket.borrow().as_ref() {
            let sockets = &self.inner.event_loop.inner.shared.sockets;
            let before = sockets
                .borrow_mut()
                .set_callback(socket.key(), Direction::Read, reader);
            drop(before);
        }
    }

    /// The listener's reader (`_accept_connection`).
    fn accept_connections(&self) {
        let inner = &*self.inner;
        let sockets = &inner.event_loop.inner.shared.sockets;
        let socket = inner.socket.borrow();
        let Some(listener) = socket.as_ref() else {
            return;
        };
        for _ in 0..MAX_ACCEPTS_PER_TURN {
            let accepted = listener
                .socket
                .accept()
                .and_then(|(stream, _)| Registered::new(stream, true));
            match accepted {
                Ok(stream) => {
                    inner.failures.set(0);
                    let server = self.clone();
                    inner
                        .event_loop
                        .create_task(async move { server.accept_connection(stream).await });
                }
                Err(error) => match after_accept_error(&error) {
                    AfterAcceptError::Drained => {
                        return sockets
                            .borrow_mut()
                            .set_blocked(listener.key(), Direction::Read);
                    }
                    AfterAcceptError::TryNext => {}
                    AfterAcceptError::Pause => {
                        drop(socket);
                        return self.pause_accepting();
                    }
                },
            }
        }
        sockets.borrow_mut().after_read(listener.key(), false);
    }

    /// The task of a new connection (`_accept_connection2`).
    async fn accept_connection(self, socket: Registered<mio::net::TcpStream, Remote>) {
        let protocol = (self.inner.protocol_factory)();
        let event_loop = get_running_loop();
        let waiter = event_loop.create_future();
        Transport::new(&event_loop, socket, protocol, waiter.clone());
        // Nobody cancels it; a loop that ends drops this task.
        let _ = waiter.await;
    }

    fn pause_accepting(&self) {
        let inner = &*self.inner;
        inner.failures.set(inner.failures.get().saturating_add(1));
        inner.event_loop.inner.metrics.borrow_mut().accept_pauses += 1;
        self.set_reader(None);
        let wait = Duration::from_millis((inner.retry_ms)(inner.failures.get()));
        let server = self.clone();
        let retry = inner
            .event_loop
            .call_later(wait, move || server.start_serving());
        inner.retry.replace(Some(retry));
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server {{ is_serving: {} }}", self.is_serving())
    }
}
