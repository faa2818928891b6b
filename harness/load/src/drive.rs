//! Driving load: the threads of one drive, from opening connections to the merged recording.

use std::io;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use model::measured::recording::Recording;
use model::spec::load::Load;
use rustix::io::Errno;
use thiserror::Error;

use crate::clock::Clock;
use crate::control::Control;
use crate::dial;
use crate::meeting::Meeting;
use crate::tls::{HandshakeError, Secured, Tls};
use crate::transport::Plain;
use crate::upgrade::UpgradeError;
use crate::worker::{self, Members, Requests, Share, Talk};
use crate::workload::{Said, Workload};

/// How long opening one connection may take, its TLS handshake included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How much longer opening all of them may take, for each of them, before the drive gives up: a server that accepts 500 a
/// second is slow, and in time.
pub const CONNECT_TIMEOUT_EACH: Duration = Duration::from_millis(2);

/// How the generator uses the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// One generator thread a core, pinned to it; empty: one thread, wherever the system puts it. A chat has one thread
    /// whatever stands here, on the first of these cores.
    pub cpus: Vec<u32>,
    /// Spin, in an open loop, for a due time that is near and while a reply is awaited. Only on cores that nothing else
    /// needs: a spinning generator starves whoever shares its core.
    pub spin: bool,
}

/// Where to, and how.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The address.
    pub addr: SocketAddr,
    /// Speak TLS.
    pub tls: Option<Tls>,
}

impl From<SocketAddr> for Endpoint {
    /// Without TLS.
    fn from(addr: SocketAddr) -> Self {
        Self { addr, tls: None }
    }
}

/// Drives one load at one server and returns what was recorded.
///
/// Connections are opened first, unless each request opens its own; the schedule begins when all of them are. The drive ends after `load.warmup +
/// load.duration`, when `load.request_limit` requests have been scheduled, or when `control` says so, and then waits at
/// most `load.drain` for replies still out.
pub fn drive(
    load: &Load,
    workload: &Workload,
    endpoint: impl Into<Endpoint>,
    options: &Options,
    control: &Control,
) -> Result<Recording, DriveError> {
    let wanted = load.connections.get();
    let cpus: Vec<Option<u32>> = if options.cpus.is_empty() {
        vec![None]
    } else {
        options.cpus.iter().copied().map(Some).collect()
    };
    let most_threads = match &workload.0 {
        // A thread without a connection could never send what its schedule holds.
        Said::Requests(_) => wanted,
        // What one member says all others hear: its thread must know them all.
        Said::Chat(_) => 1,
    };
    let threads = u32::try_from(cpus.len())
        .unwrap_or(u32::MAX)
        .min(most_threads);
    let Endpoint { addr, tls } = endpoint.into();
    let common = Common {
        load,
        addr,
        control,
        clock: Clock::start(),
        meeting: Meeting::new(threads),
        local_ports: dial::local_ports(),
    };
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
                let (common, tls) = (&common, tls.as_ref());
                std::thread::Builder::new()
                    .name(format!("load-{thread}"))
                    .spawn_scoped(scope, move || match &workload.0 {
                        Said::Requests(requests) => {
                            talk(common, tls, &share, Requests::new(requests, load, &share))
                        }
                        Said::Chat(chat) => talk(common, tls, &share, Members::new(chat, &share)),
                    })
                    .map_err(|source| {
                        common.meeting.give_up();
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
    let kinds = merged.kinds.iter().map(|kind| kind.ledger.scheduled);
    assert!(
        merged.kinds.is_empty() || kinds.sum::<u64>() == merged.ledger.scheduled,
        "every scheduled request is of exactly one kind: {:?}",
        merged.kinds
    );
    Ok(merged)
}

/// A thread's part of a drive, with or without TLS.
fn talk<C: Talk<Plain> + Talk<Secured>>(
    common: &Common<'_>,
    tls: Option<&Tls>,
    share: &Share,
    talk: C,
) -> Result<Option<Recording>, DriveError> {
    match tls {
        None => worker::run::<Plain>(common, &(), share, talk),
        Some(tls) => worker::run::<Secured>(common, tls, share, talk),
    }
}

/// How long opening that many connections may take.
pub(crate) fn time_to_open(connections: u32) -> Duration {
    CONNECT_TIMEOUT.saturating_add(CONNECT_TIMEOUT_EACH.saturating_mul(connections))
}

/// What all threads of a drive share.
pub(crate) struct Common<'a> {
    pub(crate) load: &'a Load,
    pub(crate) addr: SocketAddr,
    pub(crate) control: &'a Control,
    pub(crate) clock: Clock,
    pub(crate) meeting: Meeting,
    pub(crate) local_ports: RangeInclusive<u16>,
}

/// Why load could not be driven at all. Whatever happens after the first request is data in the recording instead.
#[derive(Debug, Error)]
pub enum DriveError {
    /// The connections could not be opened.
    #[error("could open only {opened} of {wanted} connections to {addr}: {source}; {}", connect_remedy(.source))]
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
    /// The connections were established, and the TLS handshake failed.
    #[error("the TLS handshake with {addr} failed: {source}; {}", .source.remedy())]
    Handshake {
        /// With whom.
        addr: SocketAddr,
        /// What either side said.
        source: HandshakeError,
    },
    /// The connections were established, and the WebSocket handshake failed.
    #[error(
        "the WebSocket handshake with {addr} failed: {source}; check that it serves `GET /chat`"
    )]
    Upgrade {
        /// With whom.
        addr: SocketAddr,
        /// What it said.
        source: UpgradeError,
    },
    /// A generator thread could not be started.
    #[error(
        "could not start a generator thread: {source}; name fewer cores, or raise the limit with `ulimit -u`"
    )]
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
    #[error("epoll failed: {source}; {}", epoll_remedy(.source))]
    Epoll {
        /// What the system said.
        source: io::Error,
    },
}

/// What to do where epoll fails.
fn epoll_remedy(error: &io::Error) -> &'static str {
    match Errno::from_io_error(error) {
        Some(errno @ (Errno::MFILE | Errno::NFILE)) => connect_remedy(&errno.into()),
        _ => "the instrument needs Linux 5.11 or later",
    }
}

/// What to do where connections could not be opened.
fn connect_remedy(error: &io::Error) -> &'static str {
    match Errno::from_io_error(error) {
        Some(Errno::CONNREFUSED) => "check that the server runs and listens there",
        Some(Errno::ADDRNOTAVAIL) => {
            "no local port is free: lower the number of connections, wait a minute for old ones to go, or widen net.ipv4.ip_local_port_range"
        }
        Some(Errno::MFILE | Errno::NFILE) => {
            "no file descriptor is free: lower the number of connections, or raise the limit with `ulimit -n`"
        }
        _ if error.kind() == io::ErrorKind::TimedOut => {
            "it accepts too slowly: lower the number of connections, or look at its backlog"
        }
        _ => "check the address, and the way there",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_connections_get_more_time_to_open() {
        assert_eq!(time_to_open(1), Duration::from_millis(5_002));
        assert_eq!(time_to_open(10_000), Duration::from_secs(25));
        assert!(time_to_open(u32::MAX) < Duration::MAX);
    }

    #[test]
    fn what_the_system_says_has_a_remedy() {
        let remedies = [Errno::CONNREFUSED, Errno::ADDRNOTAVAIL, Errno::MFILE]
            .map(|errno| connect_remedy(&errno.into()));
        let ours = connect_remedy(&io::ErrorKind::TimedOut.into());
        assert_eq!(connect_remedy(&Errno::TIMEDOUT.into()), ours);
        for (remedy, part) in remedies.iter().chain([&ours]).zip([
            "server runs",
            "ip_local_port_range",
            "ulimit -n",
            "backlog",
        ]) {
            assert!(remedy.contains(part), "{remedy}");
        }
    }
}
