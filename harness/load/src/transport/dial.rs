//! Sockets on their way to a server: from another local address where the ports of one are used up.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::os::fd::OwnedFd;

use nix::sys::socket::{setsockopt, sockopt::IpBindAddressNoPort};
use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};

use crate::transport::receiver;
use crate::transport::sources::{self, Sources};

/// Most connections of a thread that are being opened at once: a server's queue of connections to accept is short.
pub(crate) const MAX_CONNECTING: u32 = 128;

/// Connections to one server.
pub(crate) struct Dial {
    addr: SocketAddr,
    sources: Sources,
    is_stamped: bool,
}

impl Dial {
    /// Connections to `addr`, where `threads` share the system's local ports.
    pub(crate) fn new(addr: SocketAddr, local_ports: &RangeInclusive<u16>, threads: u32) -> Self {
        Self {
            addr,
            sources: Sources::new(addr, local_ports, threads),
            is_stamped: false,
        }
    }

    /// The same, where the kernel stamps what arrives if `is_stamped`.
    pub(crate) fn stamped(self, is_stamped: bool) -> Self {
        Self { is_stamped, ..self }
    }

    /// A socket that connects.
    pub(crate) fn next(&mut self) -> Result<OwnedFd, Errno> {
        for _ in 1..sources::MAX_ATTEMPTS {
            match self.connect() {
                Err(Errno::ADDRNOTAVAIL) if self.sources.give_up() => {}
                connecting => return connecting,
            }
        }
        self.connect()
    }

    fn connect(&mut self) -> Result<OwnedFd, Errno> {
        connect(self.addr, self.sources.next(), self.is_stamped)
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

/// A socket that connects to `addr`, from `source` where that is given.
fn connect(addr: SocketAddr, source: Option<Ipv4Addr>, is_stamped: bool) -> Result<OwnedFd, Errno> {
    let family = if addr.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = net::socket_with(family, SocketType::STREAM, flags, None)?;
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
