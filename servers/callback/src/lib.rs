//! The callback server: the work contract on a loop like libuv's, or on one like asyncio's.
//!
//! Written the way programs on libuv are: a read callback per connection, its state in a struct that the callbacks share, and
//! for whatever has to be waited for another callback that goes on from there. What routes answer comes from `spec`, what goes
//! over the wire from `http1`; this crate adds only the callbacks. The same callbacks run on either loop, each compiled for it. `routes` is the part
//! to read beside the coroutine server's.
//!
//! | file | what |
//! |---|---|
//! | `event_loop` | what is needed of a loop, and who has it: libuv, asyncio |
//! | `connection` | one client's requests and answers |
//! | `routes` | what each route does, a file each |
//! | `room` | the chat's room, over all loops |
//! | `upstream` | kept-alive connections to the backend |
//! | `database`, `cache` | connections to PostgreSQL, the one to Redis |
//! | `semaphore` | so many at once |
//! | `census` | what all loops have done |
//! | `heartbeat` | loop lag, the date, limits, signals |
//! | `stop` | what ends the loops |

#![allow(
    clippy::disallowed_methods,
    reason = "a server is at the rim: it reads the clock for its dates"
)]

mod cache;
mod census;
mod connection;
mod database;
mod event_loop;
mod heartbeat;
mod room;
mod routes;
mod semaphore;
mod stop;
mod upstream;

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use asyncio::Runner;
use http1::Date;
use libuv::Loop;
use serving::{LagRecorder, Pool};
use slab::Slab;
use spec::{
    LimitCounts, Limits, LoopWork, MAX_UPSTREAM_CONNECTIONS, READ_BUFFER_BYTES, Round, Settings,
    Stats,
};

use crate::cache::Cache;
use crate::census::{Census, LocalCensus};
use crate::connection::Connection;
use crate::database::Database;
use crate::event_loop::{Asyncio, EventLoop};
use crate::room::{LocalRoom, SharedRoom};
use crate::semaphore::Semaphore;
use crate::stop::Stopper;
use crate::upstream::Upstream;

/// Which loops serve, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loops {
    /// One like libuv's, on the calling thread, whatever [`Settings::workers`] says.
    One,
    /// [`Settings::workers`] like libuv's, each on a thread with a listener and upstream connections of its own; the pool is one for all. The
    /// kernel shares new connections out among the listeners (`SO_REUSEPORT`) by a hash of their addresses, so the loops'
    /// shares differ. The chat is one room over all of them.
    Cluster,
    /// One like asyncio's, on the calling thread.
    Asyncio,
}

/// Serves until SIGTERM or SIGINT, then stops accepting, lets the requests in flight finish (for
/// [`Settings::grace_ms`] at most) and returns. `on_listening` gets the bound address once connections are accepted.
/// Computation that is under way in a pool then is waited for; what only waits there is dropped.
///
/// Fails where a loop or its thread can't be made, the address can't be bound or the signals can't be caught. Whatever happens to a
/// single connection is no failure of the server.
pub fn serve(
    settings: &Settings,
    loops: Loops,
    on_listening: impl FnOnce(SocketAddr),
) -> io::Result<()> {
    serve_until(settings, loops, on_listening, |stopper| {
        stop::on_signal(&stopper)
    })
}

/// [`serve`], with the reason to stop as a parameter. `arrange_stop` is called before `on_listening`, so that a caller that waits
/// for the address may ask for the stop at once; what it returns lives as long as the server.
fn serve_until<G>(
    settings: &Settings,
    loops: Loops,
    on_listening: impl FnOnce(SocketAddr),
    arrange_stop: impl FnOnce(Stopper) -> io::Result<G>,
) -> io::Result<()> {
    // Of one loop none: with the first that ever ran, system calls cost two atomic operations more (glibc's points of cancellation).
    serving::try_threads(loops.count(settings) - 1)?;
    let mut listeners = serving::bind(settings, loops.count(settings))?;
    let addr = listeners[0].local_addr()?;
    let stopper = Stopper::default();
    let shared = Shared::new(settings);
    let _guard = arrange_stop(stopper.clone())?;
    on_listening(addr);
    let others = listeners.split_off(1);
    thread::scope(|scope| {
        let others: Vec<_> = others
            .into_iter()
            .map(|listener| scope.spawn(|| run_loop(settings, loops, listener, &shared, &stopper)))
            .collect();
        let own = listeners
            .into_iter()
            .map(|listener| run_loop(settings, loops, listener, &shared, &stopper));
        let own = own.collect::<io::Result<()>>();
        others.into_iter().fold(own, |outcome, other| {
            let other = other.join().expect("a loop's panic is the server's");
            outcome.and(other)
        })
    })
}

/// Serves one listener on this thread. A loop that fails takes the others with it.
fn run_loop(
    settings: &Settings,
    loops: Loops,
    listener: TcpListener,
    shared: &Shared,
    stopper: &Stopper,
) -> io::Result<()> {
    let outcome = match loops {
        Loops::One | Loops::Cluster => run_libuv(settings, loops, listener, shared, stopper),
        Loops::Asyncio => run_asyncio(settings, listener, shared, stopper),
    };
    if outcome.is_err() {
        stopper.stop();
    }
    outcome
}

fn run_libuv(
    settings: &Settings,
    loops: Loops,
    listener: TcpListener,
    shared: &Shared,
    stopper: &Stopper,
) -> io::Result<()> {
    let mut event_loop = Loop::new(libuv::Settings {
        pool: shared.pool.clone(),
        timer_rule: serving::timer_rule(settings),
        ..libuv::Settings::default()
    })?;
    let server = Server::start(&mut event_loop, settings, loops, listener, shared, stopper)?;
    let ended = event_loop.run();
    server.end(&mut event_loop);
    ended.map(drop)
}

fn run_asyncio(
    settings: &Settings,
    listener: TcpListener,
    shared: &Shared,
    stopper: &Stopper,
) -> io::Result<()> {
    let mut runner = Runner::new(asyncio::Settings {
        pool: shared.pool.clone(),
        read_bytes: READ_BUFFER_BYTES,
        timer_rule: serving::timer_rule(settings),
        ..asyncio::Settings::default()
    })?;
    runner.run(async {
        let (mut event_loop, end) = Asyncio::running();
        let loops = Loops::Asyncio;
        let server = Server::start(&mut event_loop, settings, loops, listener, shared, stopper)?;
        // Nobody cancels it.
        let _ = end.await;
        server.end(&mut event_loop);
        // Transports close their sockets in the turn after.
        asyncio::sleep(Duration::ZERO).await;
        Asyncio::forget_wakes();
        Ok(())
    })?
}

impl Loops {
    fn count(self, settings: &Settings) -> usize {
        match self {
            Self::One | Self::Asyncio => 1,
            Self::Cluster => settings.workers.get(),
        }
    }
}

/// What all loops of one server share.
struct Shared {
    room: SharedRoom,
    census: Census,
    pool: Pool,
}

impl Shared {
    fn new(settings: &Settings) -> Self {
        Self {
            room: SharedRoom::default(),
            census: Census::default(),
            pool: Pool::new(settings.pool_threads.get()),
        }
    }
}

/// What all connections of one loop share.
struct Server<L: EventLoop> {
    nodelay: bool,
    data_dir: Arc<Path>,
    grace_ms: u64,
    /// This loop's share of the server's.
    limits: Limits,
    limits_met: RefCell<LimitCounts>,
    /// Which connections are looked at next.
    round: Cell<Round>,
    /// Bytes of answers that wait for clients.
    queued_bytes: Cell<usize>,
    /// None where the settings name none; `/upstream` then fails.
    upstream: Option<Rc<Upstream<L>>>,
    /// These two likewise, for `/db`.
    database: Option<Rc<Database<L>>>,
    cache: Option<Rc<Cache<L>>>,
    /// Who reads a large file, or has read it and not yet handed it to its connection.
    large_files: Semaphore<L>,
    room: LocalRoom<L>,
    census: LocalCensus<L>,
    pool: Pool,
    lag: RefCell<LagRecorder>,
    /// Set while the loop runs.
    heartbeat: RefCell<Option<L::Timer>>,
    /// The second since 1970, for dates and tokens.
    now_s: Cell<u64>,
    /// What blocked the loop.
    work: RefCell<LoopWork>,
    /// The part of a stream that is being made; kept for its memory.
    part: RefCell<Vec<u8>>,
    connections: RefCell<Slab<Rc<Connection<L>>>>,
    /// None before the start and once the server is to stop.
    listener: Cell<Option<L::Listener>>,
    stopping: Cell<bool>,
}

impl<L: EventLoop> Server<L> {
    fn new(settings: &Settings, loops: Loops, shared: &Shared) -> Self {
        // What bounds the server is shared out among its loops, so that nothing has to be counted across threads.
        let share = |bound: usize| (bound / loops.count(settings)).max(1);
        let limits = Limits {
            connections: share(settings.limits.connections),
            buffered_bytes: share(settings.limits.buffered_bytes),
            ..settings.limits
        };
        let upstream = |addr| {
            let bound = share(MAX_UPSTREAM_CONNECTIONS);
            Rc::new(Upstream::new(addr, settings.nodelay, bound))
        };
        let database = |access| {
            let bound = share(settings.postgres_connections.get());
            Rc::new(Database::new(access, settings.nodelay, bound))
        };
        let cache = |access| Rc::new(Cache::new(access, settings.nodelay));
        Self {
            nodelay: settings.nodelay,
            data_dir: Path::new(&settings.data_dir).into(),
            grace_ms: settings.grace_ms,
            limits,
            limits_met: RefCell::default(),
            round: Cell::default(),
            queued_bytes: Cell::default(),
            upstream: settings.upstream.map(upstream),
            database: settings.postgres.as_ref().map(database),
            cache: settings.redis.as_ref().map(cache),
            large_files: Semaphore::new(share(settings.pool_threads.get())),
            room: LocalRoom::new(shared.room.clone()),
            census: LocalCensus::new(shared.census.clone()),
            pool: shared.pool.clone(),
            lag: RefCell::default(),
            heartbeat: RefCell::default(),
            now_s: Cell::new(serving::now_s()),
            work: RefCell::default(),
            part: RefCell::default(),
            connections: RefCell::default(),
            listener: Cell::default(),
            stopping: Cell::default(),
        }
    }

    /// A server that accepts connections, and ends when `stopper` says so.
    fn start(
        event_loop: &mut L,
        settings: &Settings,
        loops: Loops,
        listener: TcpListener,
        shared: &Shared,
        stopper: &Stopper,
    ) -> io::Result<Rc<Self>> {
        let itself = Rc::new(Self::new(settings, loops, shared));
        let server = Rc::clone(&itself);
        let accept = move |event_loop: &mut L, tcp| connection::accept(event_loop, &server, &tcp);
        itself
            .listener
            .set(Some(event_loop.listen(listener, accept)?));
        heartbeat::start(event_loop, &itself, stopper.clone());
        itself.census.start(event_loop, &itself);
        let server = Rc::clone(&itself);
        stopper.add(event_loop.add_wake(move |event_loop| server.stop(event_loop)));
        Ok(itself)
    }

    /// The loop ends: closes what has outlived the grace. Server, connections, the room and waiting calls know each other: without
    /// this, they would for ever.
    fn end(&self, event_loop: &mut L) {
        self.census.end(event_loop, self);
        if let Some(timer) = self.heartbeat.take() {
            event_loop.close_timer(&timer);
        }
        for connection in self.all_connections() {
            connection.close(event_loop);
        }
        self.room.let_go();
        self.large_files.let_go();
        if let Some(upstream) = &self.upstream {
            upstream.let_go();
        }
        if let Some(database) = &self.database {
            database.end(event_loop);
        }
        if let Some(cache) = &self.cache {
            cache.end(event_loop);
        }
    }

    /// Tells the listener and all connections to come to an end; the loop ends with the last of them, or after the grace.
    fn stop(&self, event_loop: &mut L) {
        if self.stopping.replace(true) {
            return;
        }
        if let Some(listener) = self.listener.take() {
            event_loop.close_listener(listener);
        }
        self.room.deliver(event_loop);
        let grace = event_loop.add_timer(L::stop);
        event_loop.start_timer(&grace, self.grace_ms);
        // Retiring closes those that are idle, which changes the list.
        for connection in self.all_connections() {
            connection.retire(event_loop);
        }
        self.stop_if_deserted(event_loop);
    }

    /// Those that are open now.
    fn all_connections(&self) -> Vec<Rc<Connection<L>>> {
        let connections = self.connections.borrow();
        connections
            .iter()
            .map(|(_, connection)| Rc::clone(connection))
            .collect()
    }

    fn forget(&self, event_loop: &mut L, place: usize) {
        self.connections.borrow_mut().remove(place);
        self.stop_if_deserted(event_loop);
    }

    fn stop_if_deserted(&self, event_loop: &mut L) {
        if self.stopping.get() && self.connections.borrow().is_empty() {
            event_loop.stop();
        }
    }

    fn date(&self) -> Date {
        serving::date(self.now_s.get())
    }

    /// Looks at some of the connections, whether their clients keep them waiting for too long.
    fn look(&self, event_loop: &mut L) {
        let places = self.connections.borrow().capacity();
        let mut round = self.round.get();
        let share = round.share(places);
        self.round.set(round);
        for place in share {
            let connection = self.connections.borrow().get(place).map(Rc::clone);
            if let Some(connection) = connection {
                connection.look(event_loop);
            }
        }
    }

    /// What is known of this loop. The pool is not its own.
    fn stats(&self, event_loop: &L) -> Stats {
        self.lag.borrow().stats(Stats {
            loop_work_us_counts: Some(self.work.borrow().clone()),
            limits_met: Some(*self.limits_met.borrow()),
            ..event_loop.stats()
        })
    }
}
