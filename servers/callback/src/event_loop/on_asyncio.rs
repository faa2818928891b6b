//! The loop like asyncio's: a connection is a protocol on a transport, as in Uvicorn, with the transport's marks of high and low water
//! for flow control.

use std::cell::{Cell, OnceCell, RefCell};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use asyncio::{Handle, Protocol, Transport};
use slab::Slab;
use spec::{Stats, accept_retry_ms};

use super::{EventLoop, PoolRefused, Read, Wake};

/// The loop as its callbacks get it. Clones are the same.
#[derive(Clone)]
pub(crate) struct Asyncio {
    event_loop: asyncio::EventLoop,
    /// Done when the loop is to stop.
    stopped: asyncio::Future<()>,
}

impl Asyncio {
    /// The loop that runs on this thread, and what is done when it is to stop.
    pub(crate) fn running() -> (Self, asyncio::Future<()>) {
        let event_loop = asyncio::get_running_loop();
        let stopped = event_loop.create_future();
        let itself = Self {
            event_loop,
            stopped: stopped.clone(),
        };
        (itself, stopped)
    }

    /// Has nothing called any more by other threads, for the end of the loop of this one.
    pub(crate) fn forget_wakes() {
        let wakes = WAKES.take();
        drop(wakes);
    }
}

type Callback = Box<dyn FnMut(&mut Asyncio)>;
type OnRead = Box<dyn FnMut(&mut Asyncio, Read<'_>)>;
type OnWritable = Box<dyn FnMut(&mut Asyncio, bool)>;
type Once = Box<dyn FnOnce(&mut Asyncio)>;

/// A timer: asyncio's can't be started again, so it asks for another each time.
pub(crate) struct Timer {
    /// None while it is being called, and once the timer is closed.
    callback: RefCell<Option<Callback>>,
    is_closed: Cell<bool>,
    handle: Cell<Option<Handle>>,
}

/// A connection as its transport calls it.
pub(crate) struct Connection {
    event_loop: Asyncio,
    /// Not set while it is being connected.
    transport: OnceCell<Transport>,
    /// What was written before that.
    early: RefCell<Vec<u8>>,
    on_read: RefCell<Option<OnRead>>,
    on_writable: RefCell<Option<OnWritable>>,
    on_shut: Cell<Option<Once>>,
    on_accepted: Cell<Option<Once>>,
    is_closed: Cell<bool>,
}

thread_local! {
    /// What other threads can have called on this one.
    static WAKES: RefCell<Slab<Rc<dyn Fn()>>> = const { RefCell::new(Slab::new()) };
}

impl EventLoop for Asyncio {
    type Tcp = Rc<Connection>;
    type Timer = Rc<Timer>;
    type Listener = asyncio::Server;

    fn stats(&self) -> Stats {
        let metrics = self.event_loop.metrics();
        Stats {
            runtime: concat!("asyncio-shaped ", env!("CARGO_PKG_VERSION")),
            loop_turns: Some(metrics.turns),
            longest_blocked_us: Some(metrics.longest_blocked_ns / 1_000),
            tasks_run: Some(metrics.handles_run),
            run_queue_depth: u64::try_from(self.event_loop.ready_len()).ok(),
            worker_parks: Some(metrics.parks),
            workers_busy_us: Some(metrics.busy_ns / 1_000),
            blocked_us_counts: Some(serving::counts(&metrics.blocked_ns, 1_000)),
            ..Stats::default()
        }
    }

    fn stop(&mut self) {
        if !self.stopped.done() {
            self.stopped.set_result(());
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.event_loop.time().as_millis()).unwrap_or(u64::MAX)
    }

    fn soon(&mut self, callback: impl FnOnce(&mut Self) + 'static) {
        let mut itself = self.clone();
        self.event_loop.call_soon(move || callback(&mut itself));
    }

    fn add_timer(&mut self, callback: impl FnMut(&mut Self) + 'static) -> Rc<Timer> {
        Rc::new(Timer {
            callback: RefCell::new(Some(Box::new(callback))),
            is_closed: Cell::default(),
            handle: Cell::default(),
        })
    }

    fn start_timer(&mut self, timer: &Rc<Timer>, after_ms: u64) {
        Timer::start(timer, self, Duration::from_millis(after_ms));
    }

    fn stop_timer(&mut self, timer: &Rc<Timer>) {
        timer.stop();
    }

    fn close_timer(&mut self, timer: &Rc<Timer>) {
        timer.stop();
        timer.is_closed.set(true);
        let callback = timer.callback.take();
        drop(callback);
    }

    fn add_wake(&mut self, callback: impl FnMut(&mut Self) + 'static) -> Wake {
        let callback = RefCell::new(callback);
        let itself = self.clone();
        let call = Rc::new(move || callback.borrow_mut()(&mut itself.clone()));
        let key = WAKES.with_borrow_mut(|wakes| wakes.insert(call));
        let remote = self.event_loop.remote();
        Arc::new(move || {
            let called = remote.call_soon_threadsafe(move || {
                let call = WAKES.with_borrow(|wakes| wakes.get(key).map(Rc::clone));
                if let Some(call) = call {
                    call();
                }
            });
            called.is_ok()
        })
    }

    fn queue_work<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
        after: impl FnOnce(&mut Self, T) + 'static,
    ) -> Result<(), PoolRefused> {
        let mut itself = self.clone();
        self.event_loop
            .run_in_executor_then(work, move |result| after(&mut itself, result))
            .map_err(|_| PoolRefused)
    }

    fn listen(
        &mut self,
        listener: TcpListener,
        on_connection: impl FnMut(&mut Self, Rc<Connection>) + 'static,
    ) -> io::Result<asyncio::Server> {
        let on_connection = Rc::new(RefCell::new(on_connection));
        let itself = self.clone();
        let protocol_factory = move || -> Rc<dyn Protocol> {
            let connection = Rc::new(Connection::new(itself.clone()));
            let accepted = Rc::clone(&connection);
            let on_connection = Rc::clone(&on_connection);
            connection.on_accepted.set(Some(Box::new(move |event_loop| {
                on_connection.borrow_mut()(event_loop, accepted);
            })));
            connection
        };
        self.event_loop
            .create_server(listener, accept_retry_ms, protocol_factory)
    }

    fn close_listener(&mut self, listener: asyncio::Server) {
        listener.close();
    }

    fn connect(
        &mut self,
        addr: SocketAddr,
        on_failed: impl FnOnce(&mut Self) + 'static,
    ) -> Rc<Connection> {
        let connection = Rc::new(Connection::new(self.clone()));
        let protocol = Rc::clone(&connection);
        let mut itself = self.clone();
        self.event_loop.create_task(async move {
            let connecting = Rc::clone(&protocol);
            let event_loop = itself.event_loop.clone();
            let connected = event_loop.create_connection(addr, || connecting).await;
            if connected.is_err() && !protocol.is_closed.get() {
                on_failed(&mut itself);
            }
        });
        connection
    }

    /// asyncio's transports set it by themselves.
    fn set_nodelay(&mut self, _: &Rc<Connection>, _: bool) {}

    fn read_start(
        &mut self,
        tcp: &Rc<Connection>,
        on_read: impl FnMut(&mut Self, Read<'_>) + 'static,
    ) {
        tcp.on_read.replace(Some(Box::new(on_read)));
    }

    fn read_stop(&mut self, tcp: &Rc<Connection>) {
        if let Some(transport) = tcp.transport.get() {
            transport.pause_reading();
        }
    }

    fn read_resume(&mut self, tcp: &Rc<Connection>) {
        if let Some(transport) = tcp.transport.get() {
            transport.resume_reading();
        }
    }

    fn write(&mut self, tcp: &Rc<Connection>, buffer: &mut Vec<u8>) -> usize {
        if let Some(transport) = tcp.transport.get() {
            if !tcp.is_closed.get() {
                transport.write(buffer);
            }
        } else {
            tcp.early.borrow_mut().extend_from_slice(buffer);
        }
        buffer.clear();
        self.queued_bytes(tcp)
    }

    fn queued_bytes(&self, tcp: &Rc<Connection>) -> usize {
        tcp.transport.get().map_or(0, Transport::write_buffer_size)
    }

    fn on_writable(
        &mut self,
        tcp: &Rc<Connection>,
        on_writable: impl FnMut(&mut Self, bool) + 'static,
    ) {
        tcp.on_writable.replace(Some(Box::new(on_writable)));
    }

    fn shutdown(&mut self, tcp: &Rc<Connection>, on_shut: impl FnOnce(&mut Self) + 'static) {
        let Some(transport) = tcp.transport.get() else {
            return;
        };
        transport.write_eof();
        tcp.on_shut.set(Some(Box::new(on_shut)));
        if transport.write_buffer_size() == 0 {
            let tcp = Rc::clone(tcp);
            self.event_loop.call_soon(move || tcp.tell_shut());
        } else {
            // So that the transport says when everything is taken.
            transport.set_write_buffer_limits(0, 0);
        }
    }

    fn close_tcp(&mut self, tcp: &Rc<Connection>) {
        tcp.is_closed.set(true);
        // Dropped after that: they may hold the last of what holds them.
        let callbacks = (
            tcp.on_read.take(),
            tcp.on_writable.take(),
            tcp.on_shut.take(),
            tcp.on_accepted.take(),
        );
        if let Some(transport) = tcp.transport.get() {
            transport.abort();
        }
        self.event_loop.call_soon(move || drop(callbacks));
    }
}

impl Timer {
    fn start(timer: &Rc<Self>, event_loop: &Asyncio, after: Duration) {
        timer.stop();
        let due = Rc::clone(timer);
        let mut itself = event_loop.clone();
        let handle = event_loop.event_loop.call_later(after, move || {
            due.handle.take();
            let Some(mut callback) = due.callback.take() else {
                return;
            };
            callback(&mut itself);
            if !due.is_closed.get() {
                due.callback.replace(Some(callback));
            }
        });
        timer.handle.set(Some(handle));
    }

    fn stop(&self) {
        if let Some(handle) = self.handle.take() {
            handle.cancel();
        }
    }
}

impl Connection {
    fn new(event_loop: Asyncio) -> Self {
        Self {
            event_loop,
            transport: OnceCell::new(),
            early: RefCell::default(),
            on_read: RefCell::default(),
            on_writable: RefCell::default(),
            on_shut: Cell::default(),
            on_accepted: Cell::default(),
            is_closed: Cell::default(),
        }
    }

    fn tell_read(&self, read: Read<'_>) {
        let Some(mut on_read) = self.on_read.take() else {
            return;
        };
        on_read(&mut self.event_loop.clone(), read);
        if !self.is_closed.get() {
            self.on_read.borrow_mut().get_or_insert(on_read);
        }
    }

    fn tell_writable(&self) {
        let Some(mut on_writable) = self.on_writable.take() else {
            return;
        };
        on_writable(&mut self.event_loop.clone(), true);
        if !self.is_closed.get() {
            self.on_writable.borrow_mut().get_or_insert(on_writable);
        }
    }

    fn tell_shut(&self) {
        if let Some(on_shut) = self.on_shut.take() {
            on_shut(&mut self.event_loop.clone());
        }
    }
}

impl Protocol for Connection {
    fn connection_made(&self, transport: &Transport) {
        // Made once.
        let _ = self.transport.set(transport.clone());
        if self.is_closed.get() {
            return transport.abort();
        }
        let early = self.early.take();
        transport.write(&early);
        if let Some(on_accepted) = self.on_accepted.take() {
            on_accepted(&mut self.event_loop.clone());
        }
    }

    fn data_received(&self, data: &[u8]) {
        self.tell_read(Read::Data(data));
    }

    /// The transport stays open, for the answers that are owed.
    fn eof_received(&self) -> bool {
        self.tell_read(Read::End);
        true
    }

    fn connection_lost(&self, _: Option<io::Error>) {
        self.tell_read(Read::Failed);
    }

    fn resume_writing(&self) {
        match self.on_shut.take() {
            Some(on_shut) => on_shut(&mut self.event_loop.clone()),
            None => self.tell_writable(),
        }
    }
}
