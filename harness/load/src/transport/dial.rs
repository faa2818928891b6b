//! Sockets on their way to a server: from another local address where the ports of one are used up.

use std::fmt;
use std::net::{AddrParseError, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use nix::sys::socket::{setsockopt, sockopt::IpBindAddressNoPort};
use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};

use crate::transport::receiver;
use crate::transport::sources::{self, Sources};

/// Most connections of a thread that are being opened at once: a server's queue of connections to accept is short.
pub(crate) const MAX_CONNECTING: u32 = 128;

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// At a TCP port.
    Tcp(SocketAddr),
    /// At a Unix socket.
    Socket(PathBuf),
}

impl From<SocketAddr> for Peer {
    fn from(addr: SocketAddr) -> Self {
        Self::Tcp(addr)
    }
}

impl FromStr for Peer {
    type Err = AddrParseError;

    /// As it is displayed.
    fn from_str(text: &str) -> Result<Self, AddrParseError> {
        match text.strip_prefix("unix:") {
            Some(path) => Ok(Self::Socket(path.into())),
            None => text.parse().map(Self::Tcp),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addr) => addr.fmt(f),
            Self::Socket(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Connections to one server.
pub(crate) enum Dial {
    Tcp {
        addr: SocketAddr,
        sources: Sources,
        is_stamped: bool,
    },
    Socket(PathBuf),
}

impl Dial {
    /// Connections to `peer`, where `threads` share the system's local ports.
    pub(crate) fn new(peer: &Peer, local_ports: &RangeInclusive<u16>, threads: u32) -> Self {
        match peer {
            Peer::Tcp(addr) => Self::Tcp {
                addr: *addr,
                sources: Sources::new(*addr, local_ports, threads),
                is_stamped: false,
            },
            Peer::Socket(path) => Self::Socket(path.clone()),
        }
    }

    /// The same, where the kernel stamps what arrives if `wanted`; what comes over a Unix socket it never stamps.
    pub(crate) fn stamped(mut self, wanted: bool) -> Self {
        if let Self::Tcp { is_stamped, .. } = &mut self {
            *is_stamped = wanted;
        }
        self
    }

    /// A socket that connects. `AGAIN`: the queue of a Unix socket is full, which says so instead of waiting (connect(2)).
    pub(crate) fn next(&mut self) -> Result<OwnedFd, Errno> {
        let (addr, sources, is_stamped) = match self {
            Self::Tcp {
                addr,
                sources,
                is_stamped,
            } => (*addr, sources, *is_stamped),
            Self::Socket(path) => return connect_socket(path),
        };
        for _ in 1..sources::MAX_ATTEMPTS {
            match connect(addr, sources.next(), is_stamped) {
                Err(Errno::ADDRNOTAVAIL) if sources.give_up() => {}
                connecting => return connecting,
            }
        }
        connect(addr, sources.next(), is_stamped)
    }
}

/// The local ports that the system gives out.
pub(crate) fn local_ports() -> RangeInclusive<u16> {
    std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|text| sources::parse_ports(&text))
        .unwrap_or(sources::USUAL_PORTS)
}

/// How a socket that became writable has fared: connected, or why not.
pub(crate) fn outcome(socket: &OwnedFd) -> Result<(), Errno> {
    sockopt::socket_error(socket).unwrap_or_else(Err)
}

/// What every socket of a load is made with.
const FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);

/// A socket that is connected to the one at `path`.
fn connect_socket(path: &Path) -> Result<OwnedFd, Errno> {
    let socket = net::socket_with(AddressFamily::UNIX, SocketType::STREAM, FLAGS, None)?;
    net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket)
}

/// A socket that connects to `addr`, from `source` where that is given.
fn connect(addr: SocketAddr, source: Option<Ipv4Addr>, is_stamped: bool) -> Result<OwnedFd, Errno> {
    let family = if addr.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let socket = net::socket_with(family, SocketType::STREAM, FLAGS, None)?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    if is_stamped {
        receiver::stamp(&socket)?;
    }
    if let Some(source) = source {
        // The port is then chosen when it connects: it need be unique only together with the server's.
        setsockopt(&socket, IpBindAddressNoPort, &true)
            .map_err(|errno| Errno::from_raw_os_error(errno as i32))?;
        net::bind(&socket, &SocketAddr::from((source, 0)))?;
    }
    match net::connect(&socket, &addr) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(errno) => Err(errno),
    }
}
