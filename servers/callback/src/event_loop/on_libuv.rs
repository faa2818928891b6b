//! The loop like libuv's: handles, and callbacks that are given to it.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use libuv::{Loop, Phase};
use spec::{Stats, accept_retry_ms};

use super::{EventLoop, PoolRefused, Read, Wake};

impl EventLoop for Loop {
    type Tcp = libuv::Tcp;
    type Timer = libuv::Timer;
    type Listener = libuv::Listener;

    /// It has callbacks and no tasks, so what is about tasks stays null.
    fn stats(&self) -> Stats {
        let metrics = self.metrics();
        Stats {
            runtime: concat!("libuv-shaped ", env!("CARGO_PKG_VERSION")),
            loop_turns: Some(metrics.turns),
            longest_blocked_us: Some(metrics.longest_blocked_ns / 1_000),
            tasks_run: Some(metrics.callbacks),
            workers_busy_us: Some(metrics.busy_ns / 1_000),
            blocked_us_counts: Some(serving::counts(&metrics.blocked_ns, 1_000)),
            ..Stats::default()
        }
    }

    fn stop(&mut self) {
        Loop::stop(self);
    }

    fn now_ms(&self) -> u64 {
        Loop::now_ms(self)
    }

    /// An idle handle that closes itself: while it is active, the loop polls without waiting.
    fn soon(&mut self, callback: impl FnOnce(&mut Self) + 'static) {
        let mut callback = Some(callback);
        let idle = self.add_watcher(Phase::Idle, move |event_loop, itself| {
            event_loop.close(itself);
            if let Some(callback) = callback.take() {
                callback(event_loop);
            }
        });
        self.start_watcher(idle);
    }

    fn add_timer(&mut self, mut callback: impl FnMut(&mut Self) + 'static) -> libuv::Timer {
        Loop::add_timer(self, move |event_loop, _| callback(event_loop))
    }

    fn start_timer(&mut self, timer: &libuv::Timer, after_ms: u64) {
        Loop::start_timer(self, *timer, after_ms, 0);
    }

    fn stop_timer(&mut self, timer: &libuv::Timer) {
        Loop::stop_timer(self, *timer);
    }

    fn close_timer(&mut self, timer: &libuv::Timer) {
        self.close(*timer);
    }

    fn add_wake(&mut self, mut callback: impl FnMut(&mut Self) + 'static) -> Wake {
        let wakeup = self.add_wakeup(move |event_loop, _| callback(event_loop));
        let remote = self.remote();
        Arc::new(move || remote.wake(wakeup).is_ok())
    }

    fn queue_work<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
        after: impl FnOnce(&mut Self, T) + 'static,
    ) -> Result<(), PoolRefused> {
        Loop::queue_work(self, work, after).map_err(|_| PoolRefused)
    }

    fn listen(
        &mut self,
        listener: TcpListener,
        mut on_connection: impl FnMut(&mut Self, libuv::Tcp) + 'static,
    ) -> io::Result<libuv::Listener> {
        let on_connection = move |event_loop: &mut Self, _, tcp| on_connection(event_loop, tcp);
        Loop::listen(self, listener, accept_retry_ms, on_connection)
    }

    fn close_listener(&mut self, listener: libuv::Listener) {
        self.close(listener);
    }

    fn connect(
        &mut self,
        addr: SocketAddr,
        on_failed: impl FnOnce(&mut Self) + 'static,
    ) -> libuv::Tcp {
        Loop::connect(self, addr, move |event_loop, _, outcome| {
            if outcome.is_err() {
                on_failed(event_loop);
            }
        })
    }

    fn set_nodelay(&mut self, tcp: &libuv::Tcp, nodelay: bool) {
        // Without the option the connection is slower, but not wrong.
        let _ = Loop::set_nodelay(self, *tcp, nodelay);
    }

    fn read_start(
        &mut self,
        tcp: &libuv::Tcp,
        mut on_read: impl FnMut(&mut Self, Read<'_>) + 'static,
    ) {
        Loop::read_start(self, *tcp, move |event_loop, _, read| {
            let read = match read {
                libuv::Read::Data(bytes) => Read::Data(bytes),
                libuv::Read::End => Read::End,
                libuv::Read::Failed(_) => Read::Failed,
            };
            on_read(event_loop, read);
        });
    }

    fn read_stop(&mut self, tcp: &libuv::Tcp) {
        Loop::read_stop(self, *tcp);
    }

    fn read_resume(&mut self, tcp: &libuv::Tcp) {
        Loop::read_resume(self, *tcp);
    }

    fn write(&mut self, tcp: &libuv::Tcp, buffer: &mut Vec<u8>) -> usize {
        Loop::write(self, *tcp, buffer)
    }

    fn queued_bytes(&self, tcp: &libuv::Tcp) -> usize {
        self.write_queue_bytes(*tcp)
    }

    fn on_writable(
        &mut self,
        tcp: &libuv::Tcp,
        mut on_writable: impl FnMut(&mut Self, bool) + 'static,
    ) {
        self.on_drained(*tcp, move |event_loop, _, outcome| {
            on_writable(event_loop, outcome.is_ok());
        });
    }

    fn shutdown(&mut self, tcp: &libuv::Tcp, on_shut: impl FnOnce(&mut Self) + 'static) {
        Loop::shutdown(self, *tcp, |event_loop, _| on_shut(event_loop));
    }

    fn close_tcp(&mut self, tcp: &libuv::Tcp) {
        self.close(*tcp);
    }
}
