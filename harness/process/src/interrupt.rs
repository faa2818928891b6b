//! Ctrl-C: the first ends the run in order, the second at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use crate::failure::{Explain, Failure, no_thread};

/// The exit code of a program that was interrupted: what shells report of one that SIGINT ended.
pub const INTERRUPTED: i32 = 130;

/// What asks this program to end.
const SIGNALS: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// How long things may take to be put in order before the end: a terminal that takes nothing would keep the program for ever.
const ORDER_TIMEOUT: Duration = Duration::from_secs(2);

/// Whether the user, or the system, asked this program to end.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Catches SIGINT, SIGTERM and SIGHUP from here on. A second one ends the process at once, and with it every child,
    /// because children die with their parent.
    pub fn catch() -> Result<Self, Failure> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in SIGNALS {
            // In this order: the second action is set off by a flag that the first signal has already raised.
            flag::register_conditional_shutdown(signal, INTERRUPTED, Arc::clone(&asked))
                .and_then(|_| flag::register(signal, Arc::clone(&asked)))
                .or_internal(cannot_catch)?;
        }
        Ok(Self(asked))
    }

    /// The same where something must be put in order before the process ends at once: a handler of signals could not, so a
    /// thread of its own hears them.
    pub fn catch_and(before_end: fn()) -> Result<Self, Failure> {
        let interrupt = Self::default();
        let mut signals = Signals::new(SIGNALS).or_internal(cannot_catch)?;
        let ours = interrupt.clone();
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                for _ in signals.forever() {
                    if ours.is_asked() {
                        let (tell, is_in_order) = mpsc::channel();
                        // Without a thread more there is nothing to wait for: the sender is gone.
                        let _ = std::thread::Builder::new().spawn(move || {
                            before_end();
                            // Nobody listens any more where it took too long.
                            let _ = tell.send(());
                        });
                        let _ = is_in_order.recv_timeout(ORDER_TIMEOUT);
                        end_at_once();
                    }
                    ours.ask();
                }
            })
            .map_err(|error| no_thread(&error))?;
        Ok(interrupt)
    }

    /// Whether to end.
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Asks this program to end, as the first signal does.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Ends the process as the second signal does, and with it every child.
pub fn end_at_once() -> ! {
    std::process::exit(INTERRUPTED)
}

fn cannot_catch() -> String {
    "cannot catch signals".to_owned()
}
