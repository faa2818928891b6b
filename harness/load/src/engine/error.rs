//! Why load could not be driven at all, and how long it is tried.

use std::io;
use std::time::Duration;

use model::measured::receive::Distrust;
use rustix::io::Errno;
use thiserror::Error;

use crate::protocol::upgrade::UpgradeError;
use crate::transport::dial::Peer;
use crate::transport::link::HandshakeError;

/// How long opening one connection may take, its TLS handshake included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How much longer opening all of them may take, for each of them, before the drive gives up: a server that accepts 500 a
/// second is slow, and in time.
pub const CONNECT_TIMEOUT_EACH: Duration = Duration::from_millis(2);

/// How long opening that many connections may take.
pub(crate) fn time_to_open(connections: u32) -> Duration {
    CONNECT_TIMEOUT.saturating_add(CONNECT_TIMEOUT_EACH.saturating_mul(connections))
}

/// Why load could not be driven at all. Whatever happens after the first request is data in the recording instead.
#[derive(Debug, Error)]
pub enum DriveError {
    /// The connections could not be opened.
    #[error("could open only {opened} of {wanted} connections to {peer}: {source}; {}", connect_remedy(.source))]
    Connect {
        /// Where to.
        peer: Peer,
        /// How many were open when it failed.
        opened: u32,
        /// How many were wanted by this thread.
        wanted: u32,
        /// What the system said last.
        source: io::Error,
    },
    /// Connections ended before they were used.
    #[error(
        "could keep only {opened} of {wanted} connections to {peer} open: the server closed connections {ended} times before a \
         request was sent; look at its own output, at its limit of connections, and, over TLS, whether it wants a client \
         certificate (--cert, --key)"
    )]
    Unkept {
        /// Where to.
        peer: Peer,
        /// How many were open in the end.
        opened: u32,
        /// How many were wanted by this thread.
        wanted: u32,
        /// How many ended.
        ended: u64,
    },
    /// The connections were established, and the TLS handshake failed.
    #[error("the TLS handshake with {peer} failed: {source}; {}", .source.remedy())]
    Handshake {
        /// With whom.
        peer: Peer,
        /// What either side said.
        source: HandshakeError,
    },
    /// The connections were established, and the WebSocket handshake failed.
    #[error(
        "the WebSocket handshake with {peer} failed: {source}; check that it serves `GET /chat`"
    )]
    Upgrade {
        /// With whom.
        peer: Peer,
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
    /// The kernel's clock was asked for, and its stamps can't be trusted.
    #[error(
        "the kernel's clock can't say when replies arrive: {}; use --clock user, or --clock auto, which uses the kernel's only where it \
         can be trusted", .distrust.sentence()
    )]
    Distrusted {
        /// Why.
        distrust: Distrust,
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
        Some(Errno::CONNREFUSED | Errno::NOENT) => "check that the server runs and listens there",
        Some(Errno::ADDRNOTAVAIL) => {
            "no local port is free: lower the number of connections, wait a minute for old ones to go, or widen net.ipv4.ip_local_port_range"
        }
        Some(Errno::MFILE | Errno::NFILE) => {
            "no file descriptor is free: lower the number of connections, or raise the limit with `ulimit -n`"
        }
        _ if error.kind() == io::ErrorKind::TimedOut => {
            "it accepts too slowly: lower the number of connections (-c 1 where it serves one after the other), or look at its backlog"
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
