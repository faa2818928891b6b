//! Asking the loops to stop, from other threads.
//!
//! Knows signals and how to wake loops. Must never know what a loop does about it.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{SigId, flag, low_level};

use crate::event_loop::Wake;

/// Stops all loops of one server, those that are made later too. Clones stop the same ones.
#[derive(Clone, Default)]
pub(crate) struct Stopper {
    shared: Arc<Mutex<Shared>>,
    signalled: Arc<AtomicBool>,
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

    /// Whether a signal has come.
    pub(crate) fn is_signalled(&self) -> bool {
        self.signalled.load(Ordering::Relaxed)
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
/// running. Loops look for it at each beat: a thread that waited for signals would have the process be one of several threads,
/// whose system calls cost two atomic operations each (glibc's points of cancellation).
pub(crate) fn on_signal(stopper: &Stopper) -> io::Result<SignalGuard> {
    let mut guard = SignalGuard(Vec::new());
    for signal in [SIGTERM, SIGINT] {
        let asked = Arc::clone(&stopper.signalled);
        guard.0.push(flag::register(signal, asked)?);
    }
    Ok(guard)
}

/// Catches no more signals when dropped.
pub(crate) struct SignalGuard(Vec<SigId>);

impl Drop for SignalGuard {
    fn drop(&mut self) {
        for signal in self.0.drain(..) {
            low_level::unregister(signal);
        }
    }
}
