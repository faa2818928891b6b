//! Which local address a connection leaves from. Pure.
//!
//! A TCP connection differs from others by its two addresses and two ports, so that from one address to one server no more
//! connections exist than there are local ports, those in `TIME_WAIT` included: 28,232 unless the system is set otherwise.
//! On the loopback, however, all of 127.0.0.0/8 is ours. Before the ports of one address run out the next one is used.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;

/// The local addresses that are used in turn: 127.0.0.1 to 127.0.0.254. By the time they come round again, a connection
/// that waited out its minute of `TIME_WAIT` is gone.
pub(crate) const SOURCES: u8 = 254;

/// Attempts to open one connection, each from another address, where the system says that no port is free.
pub(crate) const MAX_ATTEMPTS: u32 = 8;

/// The part of an address's ports that is used before moving on: close to the end the system has to search for a free one.
const USED_PART: u32 = 2;

/// Linux's own range, where it does not tell another.
pub(crate) const USUAL_PORTS: RangeInclusive<u16> = 32_768..=60_999;

/// The local address of the next connection.
#[derive(Debug)]
pub(crate) struct Sources {
    /// Whether the server is on the IPv4 loopback: anywhere else there is no other address to leave from.
    can_rotate: bool,
    /// Connections from one address before moving on; at least one.
    per_source: u32,
    /// The last byte of the address in use, from 1.
    current: u8,
    /// Connections that left from it.
    used: u32,
}

impl Sources {
    /// The local addresses for connections to `server`, where the system gives out local `ports` and `threads` of the drive
    /// share them. `ports`: not empty.
    pub(crate) fn new(server: SocketAddr, ports: &RangeInclusive<u16>, threads: u32) -> Self {
        Self {
            can_rotate: matches!(server.ip(), IpAddr::V4(ip) if ip.is_loopback()),
            per_source: (u32::from(ports.end() - ports.start()) / USED_PART / threads.max(1))
                .max(1),
            current: 1,
            used: 0,
        }
    }

    /// Where the next connection leaves from; `None` leaves it to the system, which takes 127.0.0.1 on the loopback.
    pub(crate) fn next(&mut self) -> Option<Ipv4Addr> {
        if self.used == self.per_source {
            self.give_up();
        }
        self.used = self.used.saturating_add(1);
        (self.can_rotate && self.current > 1).then(|| Ipv4Addr::new(127, 0, 0, self.current))
    }

    /// The system has no free port for the address in use. True where there is another one to try.
    pub(crate) fn give_up(&mut self) -> bool {
        self.current = self.current % SOURCES + 1;
        self.used = 0;
        self.can_rotate
    }
}

/// The range as `/proc/sys/net/ipv4/ip_local_port_range` writes it: two numbers, first and last.
pub(crate) fn parse_ports(text: &str) -> Option<RangeInclusive<u16>> {
    let mut numbers = text.split_whitespace().map(str::parse);
    match (numbers.next(), numbers.next(), numbers.next()) {
        (Some(Ok(first)), Some(Ok(last)), None) if first <= last => Some(first..=last),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sources(server: &str, threads: u32) -> Sources {
        Sources::new(server.parse().unwrap(), &USUAL_PORTS, threads)
    }

    /// How many connections leave from each address in turn, over `count` of them.
    fn check(mut sources: Sources, count: u32) -> Vec<(Option<u8>, u32)> {
        let mut runs: Vec<(Option<u8>, u32)> = Vec::new();
        for _ in 0..count {
            let last_byte = sources.next().map(|addr| addr.octets()[3]);
            match runs.last_mut() {
                Some((byte, run)) if *byte == last_byte => *run += 1,
                _ => runs.push((last_byte, 1)),
            }
        }
        runs
    }

    #[test]
    fn an_address_gives_half_of_its_ports_and_then_the_next_one_does() {
        assert_eq!(check(sources("127.0.0.1:80", 1), 14_115), [(None, 14_115)]);
        assert_eq!(
            check(sources("127.0.0.1:80", 1), 30_000),
            [(None, 14_115), (Some(2), 14_115), (Some(3), 1_770)]
        );
        assert_eq!(
            check(sources("127.9.9.9:80", 4), 4_000),
            [(None, 3_528), (Some(2), 472)]
        );
    }

    #[test]
    fn the_last_address_is_followed_by_the_first() {
        let mut sources = sources("127.0.0.1:80", 1);
        for last_byte in 2..=SOURCES {
            assert!(sources.give_up());
            assert_eq!(sources.next(), Some(Ipv4Addr::new(127, 0, 0, last_byte)));
        }
        assert!(sources.give_up());
        assert_eq!(sources.next(), None);
    }

    #[test]
    fn only_the_loopback_has_other_addresses() {
        for server in ["10.0.0.1:80", "[::1]:80", "0.0.0.0:80"] {
            let mut sources = sources(server, 1);
            assert!(!sources.give_up(), "{server}");
            assert_eq!(check(sources, 100_000), [(None, 100_000)], "{server}");
        }
    }

    #[test]
    fn the_systems_range_is_read() {
        assert_eq!(parse_ports("32768\t60999\n"), Some(USUAL_PORTS));
        assert_eq!(parse_ports("5 5"), Some(5..=5));
        for text in ["", "5", "6 5", "1 2 3", "0 65536", "a b"] {
            assert_eq!(parse_ports(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_range_gives_ports(first in any::<u16>(), length in any::<u16>(), threads in 0_u32..5_000) {
            let ports = first..=first.saturating_add(length);
            let mut sources = Sources::new("127.0.0.1:80".parse().unwrap(), &ports, threads);
            for _ in 0..600 {
                sources.next();
                prop_assert!(sources.used >= 1 && sources.used <= sources.per_source);
            }
        }
    }
}
