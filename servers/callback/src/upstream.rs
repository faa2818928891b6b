//! Kept-alive connections to the backend.
//!
//! Knows which connection a call uses and when one is opened, kept or given up. What goes over it is
//! [`spec::Exchange`]'s.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;

use slab::Slab;
use spec::{Call, Exchange, MAX_CALL_ATTEMPTS, Progress, UpstreamError};

use crate::event_loop::{EventLoop, Read};

/// Makes one call; `on_called` gets the number of the reply, or why there is none, never from inside this call. It is not called
/// once the call is [cancelled](Upstream::cancel).
pub(crate) fn call<L: EventLoop>(
    event_loop: &mut L,
    upstream: &Rc<Upstream<L>>,
    call: Call,
    on_called: impl FnOnce(&mut L, Result<u64, UpstreamError>) + 'static,
) -> Ticket {
    let ticket = Ticket(upstream.next_ticket.get());
    upstream.next_ticket.set(ticket.0 + 1);
    let deadline_ms = event_loop.now_ms().saturating_add(call.limit_ms());
    let asked = Asked {
        ticket,
        call,
        deadline_ms,
        attempt: 1,
        on_called: Box::new(on_called),
    };
    upstream.start(event_loop, asked);
    ticket
}

/// Names a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

pub(crate) struct Upstream<L: EventLoop> {
    addr: SocketAddr,
    host: String,
    nodelay: bool,
    max_connections: usize,
    /// Last in, first out: the one used a moment ago is the least likely to have been closed meanwhile.
    idle: RefCell<Vec<Rc<Connection<L>>>>,
    /// Those in use and those idle.
    open: RefCell<Slab<Rc<Connection<L>>>>,
    /// Calls that wait for a connection to come free, first come, first served.
    waiting: RefCell<VecDeque<Waiting<L>>>,
    next_ticket: Cell<u64>,
}

type OnCalled<L> = Box<dyn FnOnce(&mut L, Result<u64, UpstreamError>)>;

/// A call on its way.
struct Asked<L> {
    ticket: Ticket,
    call: Call,
    /// When it counts as failed, in loop time.
    deadline_ms: u64,
    /// Which try this is, from 1.
    attempt: u32,
    on_called: OnCalled<L>,
}

struct Waiting<L: EventLoop> {
    asked: Asked<L>,
    /// Fires at the deadline.
    timer: L::Timer,
}

/// Callbacks share it, and it is made before them.
struct Connection<L: EventLoop> {
    /// Where the list of open ones has it.
    place: usize,
    /// Both of these are set once, when it is opened.
    tcp: OnceCell<L::Tcp>,
    /// Fires at the deadline of the call that uses the connection.
    timer: OnceCell<L::Timer>,
    exchange: RefCell<Exchange>,
    out: RefCell<Vec<u8>>,
    /// The call that uses the connection; none while it is idle.
    asked: Cell<Option<Asked<L>>>,
    /// Whether the connection had been idle when its call got it, so that the upstream may have closed it.
    was_idle: Cell<bool>,
    closed: Cell<bool>,
}

impl<L: EventLoop> Upstream<L> {
    /// Of at most so many connections.
    pub(crate) fn new(addr: SocketAddr, nodelay: bool, max_connections: usize) -> Self {
        Self {
            addr,
            host: addr.to_string(),
            nodelay,
            max_connections,
            idle: RefCell::default(),
            open: RefCell::default(),
            waiting: RefCell::default(),
            next_ticket: Cell::default(),
        }
    }

    /// Drops the calls that wait and all connections, for the end of the loop.
    pub(crate) fn let_go(&self) {
        self.waiting.take();
        self.idle.take();
        self.open.take();
    }

    /// Gives up these calls, as far as they are not answered. What is under way over a connection can't be taken back, so the
    /// connection is closed.
    pub(crate) fn cancel(self: &Rc<Self>, event_loop: &mut L, tickets: &[Ticket]) {
        self.waiting.borrow_mut().retain(|waiting| {
            let is_kept = !tickets.contains(&waiting.asked.ticket);
            if !is_kept {
                event_loop.close_timer(&waiting.timer);
            }
            is_kept
        });
        let connections: Vec<_> = self
            .open
            .borrow()
            .iter()
            .filter(|(_, connection)| connection.is_used_by(tickets))
            .map(|(_, connection)| Rc::clone(connection))
            .collect();
        for connection in connections {
            connection.asked.take();
            self.close(event_loop, &connection);
        }
        self.serve_waiting(event_loop);
    }

    /// Gives the call an idle connection, or a new one, or has it wait.
    fn start(self: &Rc<Self>, event_loop: &mut L, asked: Asked<L>) {
        // Where an idle connection turned out to be closed, its neighbours likely are too.
        let idle = if asked.attempt == 1 {
            self.idle.borrow_mut().pop()
        } else {
            None
        };
        if let Some(connection) = idle {
            connection.was_idle.set(true);
            connection.send(event_loop, &self.host, asked);
        } else if self.open.borrow().len() < self.max_connections {
            self.open(event_loop).send(event_loop, &self.host, asked);
        } else {
            self.wait(event_loop, asked);
        }
    }

    fn open(self: &Rc<Self>, event_loop: &mut L) -> Rc<Connection<L>> {
        let connection = {
            let mut open = self.open.borrow_mut();
            let entry = open.vacant_entry();
            let place = entry.key();
            Rc::clone(entry.insert(Rc::new(Connection::new(place))))
        };

        let (upstream, client) = (Rc::clone(self), Rc::clone(&connection));
        connection.timer.get_or_init(|| {
            event_loop.add_timer(move |event_loop| {
                upstream.fail(event_loop, &client, UpstreamError::Silent);
            })
        });

        let (upstream, client) = (Rc::clone(self), Rc::clone(&connection));
        let tcp = event_loop.connect(self.addr, move |event_loop| {
            upstream.fail(event_loop, &client, UpstreamError::Unreachable);
        });
        event_loop.set_nodelay(&tcp, self.nodelay);

        let (upstream, client) = (Rc::clone(self), Rc::clone(&connection));
        event_loop.read_start(&tcp, move |event_loop, read| {
            upstream.on_read(event_loop, &client, &read);
        });
        connection.tcp.get_or_init(|| tcp);
        connection
    }

    fn on_read(
        self: &Rc<Self>,
        event_loop: &mut L,
        connection: &Rc<Connection<L>>,
        read: &Read<'_>,
    ) {
        // Dropped before anything is called: a callback may make the next call, over this very connection.
        let progress = {
            let mut exchange = connection.exchange.borrow_mut();
            match read {
                Read::Data(bytes) => exchange.receive(bytes),
                Read::End => exchange.receive_eof().map(|()| Progress::Complete),
                Read::Failed => Err(UpstreamError::Lost),
            }
        };
        match (progress, connection.asked.take()) {
            (Ok(Progress::Complete), Some(asked)) => self.finish(event_loop, connection, asked),
            (Ok(Progress::Partial), asked @ Some(_)) => connection.asked.set(asked),
            (Err(error), asked @ Some(_)) => {
                connection.asked.set(asked);
                self.fail(event_loop, connection, error);
            }
            // An idle connection that ends, or that says something nobody asked for.
            (_, None) => self.close(event_loop, connection),
        }
    }

    /// The reply is complete: the connection is free before the caller is called back, who may want it again.
    fn finish(
        self: &Rc<Self>,
        event_loop: &mut L,
        connection: &Rc<Connection<L>>,
        asked: Asked<L>,
    ) {
        event_loop.stop_timer(connection.timer());
        let (number, is_reusable) = {
            let exchange = connection.exchange.borrow();
            (exchange.number(), exchange.is_reusable())
        };
        if is_reusable {
            self.idle.borrow_mut().push(Rc::clone(connection));
        } else {
            self.close(event_loop, connection);
        }
        self.serve_waiting(event_loop);
        (asked.on_called)(event_loop, number);
    }

    /// The call over this connection gets no reply; if it may, it is made once more.
    fn fail(
        self: &Rc<Self>,
        event_loop: &mut L,
        connection: &Rc<Connection<L>>,
        error: UpstreamError,
    ) {
        let asked = connection.asked.take();
        let may_retry = connection.was_idle.get() && connection.exchange.borrow().may_retry();
        self.close(event_loop, connection);
        let Some(mut asked) = asked else { return };
        if may_retry && error == UpstreamError::Lost && asked.attempt < MAX_CALL_ATTEMPTS {
            asked.attempt += 1;
            self.start(event_loop, asked);
        } else {
            (asked.on_called)(event_loop, Err(error));
        }
        self.serve_waiting(event_loop);
    }

    fn close(&self, event_loop: &mut L, connection: &Rc<Connection<L>>) {
        if connection.closed.replace(true) {
            return;
        }
        event_loop.close_tcp(connection.tcp());
        event_loop.close_timer(connection.timer());
        self.idle
            .borrow_mut()
            .retain(|idle| !Rc::ptr_eq(idle, connection));
        self.open.borrow_mut().remove(connection.place);
    }

    /// Has the call wait for a connection, and no longer than for its reply.
    fn wait(self: &Rc<Self>, event_loop: &mut L, asked: Asked<L>) {
        let ticket = asked.ticket;
        let upstream = Rc::clone(self);
        let timer = event_loop.add_timer(move |event_loop| {
            let place = upstream
                .waiting
                .borrow()
                .iter()
                .position(|waiting| waiting.asked.ticket == ticket);
            if let Some(given_up) =
                place.and_then(|place| upstream.waiting.borrow_mut().remove(place))
            {
                event_loop.close_timer(&given_up.timer);
                (given_up.asked.on_called)(event_loop, Err(UpstreamError::Silent));
            }
        });
        event_loop.start_timer(
            &timer,
            asked.deadline_ms.saturating_sub(event_loop.now_ms()),
        );
        self.waiting
            .borrow_mut()
            .push_back(Waiting { asked, timer });
    }

    /// Starts waiting calls as long as there is a connection for them.
    fn serve_waiting(self: &Rc<Self>, event_loop: &mut L) {
        while !self.idle.borrow().is_empty() || self.open.borrow().len() < self.max_connections {
            let Some(waiting) = self.waiting.borrow_mut().pop_front() else {
                break;
            };
            event_loop.close_timer(&waiting.timer);
            self.start(event_loop, waiting.asked);
        }
    }
}

impl<L: EventLoop> Connection<L> {
    fn new(place: usize) -> Self {
        Self {
            place,
            tcp: OnceCell::new(),
            timer: OnceCell::new(),
            exchange: RefCell::default(),
            out: RefCell::default(),
            asked: Cell::default(),
            was_idle: Cell::default(),
            closed: Cell::default(),
        }
    }

    fn tcp(&self) -> &L::Tcp {
        self.tcp.get().expect("set when it was opened")
    }

    fn timer(&self) -> &L::Timer {
        self.timer.get().expect("set when it was opened")
    }

    fn is_used_by(&self, tickets: &[Ticket]) -> bool {
        let asked = self.asked.take();
        let is_used = asked
            .as_ref()
            .is_some_and(|asked| tickets.contains(&asked.ticket));
        self.asked.set(asked);
        is_used
    }

    fn send(&self, event_loop: &mut L, host: &str, asked: Asked<L>) {
        event_loop.start_timer(
            self.timer(),
            asked.deadline_ms.saturating_sub(event_loop.now_ms()),
        );
        let mut out = self.out.borrow_mut();
        self.exchange.borrow_mut().begin(asked.call, host, &mut out);
        self.asked.set(Some(asked));
        event_loop.write(self.tcp(), &mut out);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread;

    use libuv::{Clock, Loop, ManualClock, Settings};

    use super::*;

    const CALL: Call = Call { number: 7, ms: 1 };
    const REPLY: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n7";

    type Replies = Rc<RefCell<Vec<Result<u64, UpstreamError>>>>;

    /// An upstream whose every connection gives `replies` and is closed then, and a count of its connections.
    fn upstream_that_gives(
        replies: usize,
        max_connections: usize,
    ) -> (Rc<Upstream<Loop>>, Arc<AtomicU32>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let upstream = Upstream::new(addr, true, max_connections);
        let connections = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&connections);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                count.fetch_add(1, Ordering::Relaxed);
                thread::spawn(move || {
                    for _ in 0..replies {
                        // One read brings a whole call: it is small, and the next comes after its reply.
                        if stream.read(&mut [0; 1024]).unwrap() == 0 {
                            break;
                        }
                        stream.write_all(REPLY).unwrap();
                    }
                });
            }
        });
        (Rc::new(upstream), connections)
    }

    /// Makes so many calls at once and waits for all; the loop's time stands still meanwhile.
    fn make_calls(
        event_loop: &mut Loop,
        upstream: &Rc<Upstream<Loop>>,
        calls: usize,
    ) -> Vec<Result<u64, UpstreamError>> {
        let replies = Replies::default();
        for _ in 0..calls {
            let replies = Rc::clone(&replies);
            call(event_loop, upstream, CALL, move |event_loop, reply| {
                replies.borrow_mut().push(reply);
                if replies.borrow().len() == calls {
                    event_loop.stop();
                }
            });
        }
        event_loop.run().unwrap();
        replies.take()
    }

    fn real_loop() -> Loop {
        Loop::new(Settings::default()).unwrap()
    }

    #[test]
    fn at_the_bound_calls_wait_for_a_connection() {
        let (upstream, connections) = upstream_that_gives(usize::MAX, 2);
        let replies = make_calls(&mut real_loop(), &upstream, 10);
        assert_eq!(replies, vec![Ok(7); 10]);
        assert_eq!(connections.load(Ordering::Relaxed), 2);
        assert_eq!(
            (upstream.open.borrow().len(), upstream.idle.borrow().len()),
            (2, 2)
        );
    }

    #[test]
    fn a_call_is_made_once_more_and_not_again() {
        let (upstream, connections) = upstream_that_gives(1, 1);
        let mut event_loop = real_loop();
        for _ in 0..2 {
            // The idle connection is closed by now, or is when the call finds out; a new one serves the call.
            assert_eq!(make_calls(&mut event_loop, &upstream, 1), [Ok(7)]);
        }
        assert_eq!(connections.load(Ordering::Relaxed), 2);

        // New connections are closed at once: those get no second try.
        let (upstream, connections) = upstream_that_gives(0, 1);
        assert_eq!(
            make_calls(&mut event_loop, &upstream, 1),
            [Err(UpstreamError::Lost)]
        );
        assert_eq!(connections.load(Ordering::Relaxed), 1);
        assert_eq!(upstream.open.borrow().len(), 0);
    }

    #[test]
    fn an_upstream_that_never_answers_is_given_up_at_the_limit_also_by_those_who_wait() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let upstream = Rc::new(Upstream::new(addr, true, 1));
        let clock = Clock::Manual(ManualClock::new());
        let mut event_loop = Loop::new(Settings {
            clock,
            ..Settings::default()
        })
        .unwrap();
        let replies = make_calls(&mut event_loop, &upstream, 3);
        assert_eq!(replies, vec![Err(UpstreamError::Silent); 3]);
        assert_eq!(event_loop.now_ms(), CALL.limit_ms());
        assert_eq!(
            (
                upstream.open.borrow().len(),
                upstream.waiting.borrow().len()
            ),
            (0, 0)
        );
    }
}
