//! The callback server: the work contract on a libuv-style loop.
//!
//! Written the way programs on libuv are: a read callback per connection, its state in a struct that the callbacks share, and
//! for whatever has to be waited for another callback that goes on from there. What the routes do comes from `spec`, what goes
//! over the wire from `http1`, and the loop from `libuv`; this crate adds only the callbacks. `interpreter` is the part
//! to read beside the coroutine server's.
//!
//! | file | what |
//! |---|---|
//! | `listener` | binding |
//! | `connection` | one client's requests and answers; `chat` in it: what it is as a WebSocket |
//! | `interpreter` | one function per kind of step |
//! | `room` | the chat's room, over all loops |
//! | `upstream` | kept-alive connections to the backend |
//! | `census` | what all loops have done |
//! | `heartbeat` | the date, and loop lag |
//! | `stop` | what ends the loops: signals |

#![allow(
    clippy::disallowed_methods,
    reason = "a server is at the rim: it reads the clock for its dates"
)]

mod census;
mod connection;
mod heartbeat;
mod interpreter;
mod listener;
mod room;
mod stop;
mod upstream;

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use libuv::{Clock, Listener, Loop, Pool};
use slab::Slab;
use spec::{LoopWork, Settings, Stats, Work, accept_retry_ms};

use crate::census::{Census, LocalCensus};
use crate::connection::Connection;
use crate::heartbeat::Heartbeat;
use crate::room::{LocalRoom, SharedRoom};
use crate::stop::Stopper;
use crate::upstream::Upstream;

/// How many loops serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loops {
    /// One, on the calling thread, whatever [`Settings::workers`] says.
    One,
    /// [`Settings::workers`] of them, each on a thread with a listener, a pool and upstream connections of its own. The
    /// kernel shares new connections out among the listeners (`SO_REUSEPORT`) by a hash of their addresses, so the loops'
    /// shares differ. The chat is one room over all of them.
    Cluster,
}

/// Serves until SIGTERM or SIGINT, then stops accepting, lets the requests in flight finish (for
/// [`Settings::grace_ms`] at most) and returns. `on_listening` gets the bound address once connections are accepted.
/// Computation that is under way in a pool then is waited for; what only waits there is dropped.
///
/// Fails where a loop can't be made, the address can't be bound or the signals can't be caught. Whatever happens to a
/// single connection is no failure of the server.
pub fn serve(
    settings: &Settings,
    loops: Loops,
    on_listening: impl FnOnce(SocketAddr),
) -> io::Result<()> {
    serve_until(settings, loops, on_listening, stop::on_signal)
}

/// [`serve`], with the reason to stop as a parameter. `arrange_stop` is called before `on_listening`, so that whoever waits
/// for the address may ask for the stop at once; what it returns lives as long as the server.
fn serve_until<G>(
    settings: &Settings,
    loops: Loops,
    on_listening: impl FnOnce(SocketAddr),
    arrange_stop: impl FnOnce(Stopper) -> io::Result<G>,
) -> io::Result<()> {
    let mut listeners = listener::bind(settings, loops.count(settings))?;
    let addr = listeners[0].local_addr()?;
    let stopper = Stopper::default();
    let shared = Shared::default();
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
    let run = || {
        let mut event_loop = Loop::new(libuv::Settings {
            pool: Pool::new(settings.pool_threads.get()),
            clock: Clock::default(),
        })?;
        let server = Rc::new(Server::new(settings, loops, shared));
        server.start(&mut event_loop, listener)?;
        let told = Rc::clone(&server);
        let wakeup = event_loop.add_wakeup(move |event_loop, _| told.stop(event_loop));
        stopper.add(event_loop.remote(), wakeup);
        let ended = event_loop.run();
        server.census.end(&mut event_loop, &server);
        server.let_go();
        ended.map(drop)
    };
    let outcome = run();
    if outcome.is_err() {
        stopper.stop();
    }
    outcome
}

impl Loops {
    fn count(self, settings: &Settings) -> usize {
        match self {
            Self::One => 1,
            Self::Cluster => settings.workers.get(),
        }
    }

    /// What `/stats` calls it.
    fn name(self) -> &'static str {
        match self {
            Self::One => concat!("libuv-shaped ", env!("CARGO_PKG_VERSION")),
            Self::Cluster => concat!("libuv-shaped ", env!("CARGO_PKG_VERSION"), " cluster"),
        }
    }
}

/// What all loops of one server share.
#[derive(Default)]
struct Shared {
    room: SharedRoom,
    census: Census,
}

/// What all connections of one loop share.
struct Server {
    loops: Loops,
    nodelay: bool,
    data_dir: PathBuf,
    grace_ms: u64,
    /// None where the settings name none; `/upstream` then fails.
    upstream: Option<Rc<Upstream>>,
    room: LocalRoom,
    census: LocalCensus,
    heartbeat: Heartbeat,
    /// What held the loop.
    work: RefCell<LoopWork>,
    connections: RefCell<Slab<Rc<Connection>>>,
    /// None before the start and once the server is to stop.
    listener: Cell<Option<Listener>>,
    stopping: Cell<bool>,
}

impl Server {
    fn new(settings: &Settings, loops: Loops, shared: &Shared) -> Self {
        Self {
            loops,
            nodelay: settings.nodelay,
            data_dir: PathBuf::from(&settings.data_dir),
            grace_ms: settings.grace_ms,
            upstream: settings
                .upstream
                .map(|addr| Rc::new(Upstream::new(addr, settings.nodelay))),
            room: LocalRoom::new(shared.room.clone()),
            census: LocalCensus::new(shared.census.clone()),
            heartbeat: Heartbeat::default(),
            work: RefCell::default(),
            connections: RefCell::default(),
            listener: Cell::default(),
            stopping: Cell::default(),
        }
    }

    fn start(self: &Rc<Self>, event_loop: &mut Loop, listener: TcpListener) -> io::Result<()> {
        let server = Rc::clone(self);
        let accept =
            move |event_loop: &mut Loop, _, tcp| connection::accept(event_loop, &server, tcp);
        self.listener.set(Some(event_loop.listen(
            listener,
            accept_retry_ms,
            accept,
        )?));
        heartbeat::start(event_loop, self);
        self.census.start(event_loop, self);
        Ok(())
    }

    /// Tells the listener and all connections to come to an end; the loop ends with the last of them, or after the grace.
    fn stop(&self, event_loop: &mut Loop) {
        if self.stopping.replace(true) {
            return;
        }
        if let Some(listener) = self.listener.take() {
            event_loop.close(listener);
        }
        self.room.deliver(event_loop);
        let grace = event_loop.add_timer(|event_loop, _| event_loop.stop());
        event_loop.start_timer(grace, self.grace_ms, 0);
        // Retiring closes those that are idle, which changes the list.
        let connections: Vec<_> = self
            .connections
            .borrow()
            .iter()
            .map(|(_, connection)| Rc::clone(connection))
            .collect();
        for connection in connections {
            connection.retire(event_loop);
        }
        self.stop_if_deserted(event_loop);
    }

    /// Server, connections, the room and waiting calls know each other: without this, whoever outlives the grace would for ever.
    fn let_go(&self) {
        self.connections.take();
        self.room.let_go();
        if let Some(upstream) = &self.upstream {
            upstream.let_go();
        }
    }

    fn forget(&self, event_loop: &mut Loop, place: usize) {
        self.connections.borrow_mut().remove(place);
        self.stop_if_deserted(event_loop);
    }

    fn stop_if_deserted(&self, event_loop: &mut Loop) {
        if self.stopping.get() && self.connections.borrow().is_empty() {
            event_loop.stop();
        }
    }

    /// A computation held the loop. It costs two readings of the clock and a count, some 100 ns, on routes that compute.
    fn on_held(&self, work: Work, time: Duration) {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.work.borrow_mut().add(work, us);
    }

    /// What this loop tells of itself. It has callbacks and no tasks, so what is about tasks stays null.
    fn stats(&self, event_loop: &Loop) -> Stats {
        let metrics = event_loop.metrics();
        let holds = metrics.hold_ns.iter_recorded();
        let waits_us = event_loop.pool().waits_us();
        Stats {
            runtime: self.loops.name(),
            loop_turns: Some(metrics.turns),
            longest_hold_us: Some(metrics.longest_hold_ns / 1_000),
            loop_lag_us: self.heartbeat.lag(),
            pool_queue_depth: u64::try_from(event_loop.pool().depth()).ok(),
            pool_queue_depth_max: u64::try_from(event_loop.pool().depth_max()).ok(),
            tasks_run: Some(metrics.callbacks),
            workers_busy_us: Some(metrics.held_ns / 1_000),
            loop_lag_us_counts: Some(self.heartbeat.lag_counts()),
            hold_us_counts: Some(
                holds
                    .map(|held| (held.value_iterated_to() / 1_000, held.count_at_value()))
                    .collect(),
            ),
            pool_wait_us_counts: Some(
                waits_us
                    .iter_recorded()
                    .map(|waited| (waited.value_iterated_to(), waited.count_at_value()))
                    .collect(),
            ),
            loop_work_us_counts: Some(self.work.borrow().clone()),
            ..Stats::default()
        }
    }
}
