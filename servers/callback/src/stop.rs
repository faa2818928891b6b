//! Asking the loops to stop, from other threads.
//!
//! Knows signals and how to wake loops. Must never know what a loop does about it.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use crate::event_loop::Wake;

/// Stops all loops of one server, those that are made later too. Clones stop the same ones.
#[derive(Clone, Default)]
pub(crate) struct Stopper {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    stopped: bool,
    loops: Vec<Wake>,
}

impl Stopper {
    /// Adds a loop that ends when it is woken so.
    pub(crate) fn add(&self, wake: Wake) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        // A loop that has ended already needs no waking, here and below.
        let _ = shared.stopped && wake();
        shared.loops.push(wake);
    }

    pub(crate) fn stop(&self) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.stopped = true;
        for wake in &shared.loops {
            let _ = wake();
        }
    }
}

/// Stops the server at the first SIGTERM or SIGINT, for as long as the guard lives. Later ones change nothing: the grace is
/// running.
pub(crate) fn on_signal(stopper: Stopper) -> io::Result<SignalGuard> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let handle = signals.handle();
    let waiter = thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            for _ in signals.forever() {
                stopper.stop();
            }
        })?;
    Ok(SignalGuard {
        handle,
        waiter: Some(waiter),
    })
}

/// Ends the thread that waits for signals when dropped.
pub(crate) struct SignalGuard {
    handle: Handle,
    /// None only while it is being dropped.
    waiter: Option<JoinHandle<()>>,
}

impl Drop for SignalGuard {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(waiter) = self.waiter.take() {
            waiter.join().expect("waiting for signals doesn't panic");
        }
    }
}
