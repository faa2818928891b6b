//! What happens at fixed intervals: the loop's lag is measured, the second is noted for the dates, clients that are waited for
//! are looked at, and whether a signal has come.
//!
//! A timer asks to be called after [`LAG_SAMPLE_MS`] and looks how late it was. On a loop that somebody else blocks it
//! comes late; that is the lag that every other callback on it suffers.

use std::rc::Rc;
use std::time::{Duration, Instant};

use spec::LAG_SAMPLE_MS;

use crate::Server;
use crate::event_loop::EventLoop;
use crate::stop::Stopper;

/// Beats for as long as the loop runs.
pub(crate) fn start<L: EventLoop>(event_loop: &mut L, server: &Rc<Server<L>>, stopper: Stopper) {
    let beating = Rc::clone(server);
    let mut due = Instant::now() + INTERVAL;
    let timer = event_loop.add_timer(move |event_loop| {
        beating.lag.borrow_mut().record(due, Instant::now());
        beating.now_s.set(serving::now_s());
        beating.look(event_loop);
        if stopper.is_signalled() {
            beating.stop(event_loop);
        }
        due = Instant::now() + INTERVAL;
        if let Some(timer) = &*beating.heartbeat.borrow() {
            event_loop.start_timer(timer, LAG_SAMPLE_MS);
        }
    });
    event_loop.start_timer(&timer, LAG_SAMPLE_MS);
    server.heartbeat.replace(Some(timer));
}

const INTERVAL: Duration = Duration::from_millis(LAG_SAMPLE_MS);
