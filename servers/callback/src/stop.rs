//! Asking the loops to stop, from other threads.
//!
//! Knows signals and how to wake loops. Must never know what a loop does about it.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use libuv::{Remote, Wakeup};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

/// Stops all loops of one server, those that are made later too. Clones stop the same ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stopper {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    stopped: bool,
    loops: Vec<(Remote, Wakeup)>,
}

impl Stopper {
    /// Adds a loop that comes to its end when it is woken so.
    pub(crate) fn add(&self, remote: Remote, wakeup: Wakeup) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.stopped {
            wake(&remote, wakeup);
        }
        shared.loops.push((remote, wakeup));
    }

    pub(crate) fn stop(&self) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.stopped = true;
        for (remote, wakeup) in &shared.loops {
            wake(remote, *wakeup);
        }
    }
}

fn wake(remote: &Remote, wakeup: Wakeup) {
    // A loop that has ended already needs no more telling.
    let _ = remote.wake(wakeup);
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
