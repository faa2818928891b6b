//! Whether a server can have its threads.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Fails where the operating system does not allow so many threads at once, and says so: found out later, it would be a panic. They all
/// end before this returns.
pub fn try_threads(count: usize) -> io::Result<()> {
    let gate = Mutex::new(());
    let closed = gate.lock();
    let pass = || drop(gate.lock().unwrap_or_else(PoisonError::into_inner));
    let started = thread::scope(|scope| {
        let started =
            (0..count).try_for_each(|_| thread::Builder::new().spawn_scoped(scope, pass).map(drop));
        drop(closed);
        started
    });
    started.map_err(|error| {
        io::Error::new(
            error.kind(),
            format!(
                "can't start {count} threads at once: {error}; take fewer workers, or raise the limit on processes (ulimit -u)"
            ),
        )
    })
}
