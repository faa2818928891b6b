//! Driving load: the threads of one drive, from opening connections to the merged recording.

use std::io;
use std::net::SocketAddr;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use bench_core::load::Load;
use bench_core::recording::Recording;
use thiserror::Error;

use crate::clock::Clock;
use crate::control::Control;
use crate::worker::{self, Share};
use crate::workload::Workload;

/// How long opening the connections may take before the drive gives up.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How the generator uses the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// One generator thread a core, pinned to it; empty: one thread, wherever the system puts it.
    pub cpus: Vec<u32>,
    /// Spin for a due time that is near. Only on cores that nothing else needs: a spinning generator starves whoever
    /// shares its core.
    pub spin: bool,
}

/// Drives one load at one address and returns what was recorded.
///
/// Connections are opened first; the schedule begins when all of them are. The drive ends after `load.warmup +
/// load.duration`, when `load.request_limit` requests have been scheduled, or when `control` says so, and then waits at
/// most `load.drain` for replies still out.
pub fn drive(
    load: &Load,
    workload: &Workload,
    addr: SocketAddr,
    options: &Options,
    control: &Control,
) -> Result<Recording, DriveError> {
    let wanted = load.connections.get();
    let cpus: Vec<Option<u32>> = if options.cpus.is_empty() {
        vec![None]
    } else {
        options.cpus.iter().copied().map(Some).collect()
    };
    // A thread without a connection could never send what its schedule holds.
    let threads = u32::try_from(cpus.len()).unwrap_or(u32::MAX).min(wanted);
    let clock = Clock::start();
    let start = StartLine::new(threads);
    let recordings: Vec<Result<Option<Recording>, DriveError>> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|thread| {
                let share = Share {
                    thread,
                    threads,
                    connections: wanted / threads + u32::from(thread < wanted % threads),
                    cpu: cpus[thread as usize],
                    spin: options.spin,
                };
                let start = &start;
                std::thread::Builder::new()
                    .name(format!("load-{thread}"))
                    .spawn_scoped(scope, move || {
                        worker::run(load, workload, addr, &share, clock, start, control)
                    })
                    .map_err(|source| {
                        start.give_up();
                        DriveError::Thread { source }
                    })
            })
            .collect();
        handles
            .into_iter()
            .map(|handle| {
                handle?
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    });
    let mut merged: Option<Recording> = None;
    for recording in recordings {
        // A thread that was let go by another's failure has recorded nothing.
        let Some(recording) = recording? else {
            continue;
        };
        match &mut merged {
            Some(merged) => merged.merge_thread(&recording),
            None => merged = Some(recording),
        }
    }
    let merged = merged.expect("there is at least one thread");
    assert!(
        merged.ledger.balances(),
        "every scheduled request has exactly one fate: {:?}",
        merged.ledger
    );
    Ok(merged)
}

/// Where the threads of a drive wait for one another: the schedule begins when the last connection is open.
pub(crate) struct StartLine {
    /// Threads still to arrive; `None` once a thread gave up.
    missing: Mutex<Option<u32>>,
    changed: Condvar,
}

impl StartLine {
    fn new(threads: u32) -> Self {
        Self {
            missing: Mutex::new(Some(threads)),
            changed: Condvar::new(),
        }
    }

    /// Waits for the other threads. False where one of them gave up.
    pub(crate) fn arrive(&self) -> bool {
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        *missing = missing.map(|count| count - 1);
        self.changed.notify_all();
        let missing = self
            .changed
            .wait_while(missing, |missing| missing.is_some_and(|count| count > 0));
        missing.unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// This thread will never arrive: lets the others go.
    pub(crate) fn give_up(&self) {
        *self.missing.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.changed.notify_all();
    }
}

/// Why load could not be driven at all. Whatever happens after the first request is data in the recording instead.
#[derive(Debug, Error)]
pub enum DriveError {
    /// The connections could not be opened.
    #[error("could open only {opened} of {wanted} connections to {addr}: {source}")]
    Connect {
        /// Where to.
        addr: SocketAddr,
        /// How many were open when it failed.
        opened: u32,
        /// How many were wanted by this thread.
        wanted: u32,
        /// What the system said last.
        source: io::Error,
    },
    /// A generator thread could not be started.
    #[error("could not start a generator thread: {source}")]
    Thread {
        /// What the system said.
        source: io::Error,
    },
    /// A generator thread could not be pinned.
    #[error(
        "could not pin a generator thread to core {cpu}: {source}; choose cores that `bench doctor` lists"
    )]
    Pin {
        /// The core.
        cpu: u32,
        /// What the system said.
        source: io::Error,
    },
    /// The readiness interface failed.
    #[error("epoll failed: {source}; the instrument needs Linux 5.11 or later")]
    Epoll {
        /// What the system said.
        source: io::Error,
    },
}
