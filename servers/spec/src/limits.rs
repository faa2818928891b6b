//! How long a server waits for a client, and how much it keeps for one.
//!
//! Knows what a client may be waited for and when that has taken too long. Must never read a clock: the caller says what time
//! it is, so that the rules are tested on virtual time.

use serde::Serialize;

/// The limits of a server. The defaults are nginx's where it has such a limit, and a careful operator's where it has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From the first byte of a head to its last, in milliseconds (`client_header_timeout`). Beyond it: 408, and the end.
    pub head_ms: u64,
    /// From a part of a body to the next, in milliseconds (`client_body_timeout`). Beyond it: 408, and the end.
    pub body_ms: u64,
    /// Between two requests, or before the first, in milliseconds (`keepalive_timeout`). Beyond it the connection is closed.
    pub idle_ms: u64,
    /// From a part of an answer that the client takes to the next, in milliseconds (`send_timeout`). Beyond it the connection
    /// is closed.
    pub reader_ms: u64,
    /// Connections at once (`worker_connections`). Further ones are answered 503 and closed.
    pub connections: usize,
    /// Bytes of answers that wait in the server for clients that are slow to take them, all connections together. A connection
    /// that would make it more is closed.
    pub buffered_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_ms: 60_000,
            body_ms: 60_000,
            idle_ms: 75_000,
            reader_ms: 60_000,
            connections: 65_536,
            buffered_bytes: 256 * 1024 * 1024,
        }
    }
}

/// How often connections are looked at, in milliseconds: so much later than at its limit, and up to twice as much, a client is
/// found out. A time limit costs a connection nothing in between.
pub const LOOK_EVERY_MS: u64 = 1_000;

/// Requests of one connection that are answered in a row before other connections have their turn. One that computes on the
/// loop ends the row by itself.
pub const MAX_REQUESTS_PER_TURN: u32 = 32;

/// What a connection waits for. The number changes whenever there is progress, so that two looks that find the same know that there
/// was none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// The server itself, or nothing that has a limit.
    Server,
    /// The next request; so many were answered.
    Idle(u32),
    /// The rest of a head; so many requests were answered. Further bytes of it are no progress.
    Head(u32),
    /// The rest of a body; so often was something read.
    Body(u32),
    /// The client, to take what is there; so much was taken, or is left.
    Reader(u32),
}

impl Waiting {
    /// What a connection waits for that reads: so many requests were answered, and so often was something read.
    pub fn to_read(http: &http1::server::Connection, requests: u32, reads: u32) -> Self {
        if http.is_idle() {
            Self::Idle(requests)
        } else if http.is_in_head() {
            Self::Head(requests)
        } else if http.is_in_body() {
            Self::Body(reads)
        } else {
            Self::Server
        }
    }

    /// The same as one number, which can be left for another thread.
    pub fn to_bits(self) -> u64 {
        let (kind, number) = match self {
            Self::Server => (0, 0),
            Self::Idle(number) => (1, number),
            Self::Head(number) => (2, number),
            Self::Body(number) => (3, number),
            Self::Reader(number) => (4, number),
        };
        (kind << 32) | u64::from(number)
    }

    /// What [`Waiting::to_bits`] gave.
    pub fn from_bits(bits: u64) -> Self {
        let number = u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(u32::MAX);
        match bits >> 32 {
            1 => Self::Idle(number),
            2 => Self::Head(number),
            3 => Self::Body(number),
            4 => Self::Reader(number),
            _ => Self::Server,
        }
    }
}

/// What has taken too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overdue {
    /// A head; it is answered 408.
    Head,
    /// A body; it is answered 408.
    Body,
    /// The next request; the connection is closed.
    Idle,
    /// The client's reading; the connection is closed.
    Reader,
}

/// What a connection was seen waiting for, and since when.
#[derive(Debug, Clone, Copy)]
pub struct Watch {
    waiting: Waiting,
    since_ms: u64,
}

impl Watch {
    /// Nothing was seen yet.
    pub fn new() -> Self {
        Self {
            waiting: Waiting::Server,
            since_ms: 0,
        }
    }

    /// Looks at what the connection waits for now; what has taken too long, if something has.
    pub fn look(&mut self, now_ms: u64, waiting: Waiting, limits: &Limits) -> Option<Overdue> {
        if self.waiting != waiting {
            self.waiting = waiting;
            self.since_ms = now_ms;
            return None;
        }
        let (overdue, limit_ms) = match waiting {
            Waiting::Server => return None,
            Waiting::Idle(_) => (Overdue::Idle, limits.idle_ms),
            Waiting::Head(_) => (Overdue::Head, limits.head_ms),
            Waiting::Body(_) => (Overdue::Body, limits.body_ms),
            Waiting::Reader(_) => (Overdue::Reader, limits.reader_ms),
        };
        (now_ms.saturating_sub(self.since_ms) >= limit_ms).then_some(overdue)
    }
}

impl Default for Watch {
    fn default() -> Self {
        Self::new()
    }
}

/// A round over all connections of a server, a share of them at each beat of the sampler of loop lag, so that looking at many
/// blocks nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Round {
    next: usize,
}

/// Places looked at in each beat at least: small servers are looked at whole. No more of them, since those found late together are closed
/// together, and a connection whose client reads nothing has a MiB to give back.
const MIN_SHARE: usize = 32;

impl Round {
    /// The places to be looked at now, where there are `places`.
    pub fn share(&mut self, places: usize) -> core::ops::Range<usize> {
        let beats = usize::try_from(LOOK_EVERY_MS / crate::bounds::LAG_SAMPLE_MS).unwrap_or(1);
        let begin = if self.next < places { self.next } else { 0 };
        let end = places.min(begin + places.div_ceil(beats).max(MIN_SHARE));
        self.next = end;
        begin..end
    }
}

/// How often a limit was met since the server started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LimitCounts {
    /// [`Limits::head_ms`].
    pub head: u64,
    /// [`Limits::body_ms`].
    pub body: u64,
    /// [`Limits::idle_ms`].
    pub idle: u64,
    /// [`Limits::reader_ms`].
    pub reader: u64,
    /// [`Limits::connections`].
    pub connections: u64,
    /// [`Limits::buffered_bytes`].
    pub buffered_bytes: u64,
}

impl LimitCounts {
    /// Counts what has taken too long.
    pub fn count(&mut self, overdue: Overdue) {
        match overdue {
            Overdue::Head => self.head += 1,
            Overdue::Body => self.body += 1,
            Overdue::Idle => self.idle += 1,
            Overdue::Reader => self.reader += 1,
        }
    }

    /// Adds what another loop of the same server counted.
    pub fn add(&mut self, other: &Self) {
        self.head += other.head;
        self.body += other.body;
        self.idle += other.idle;
        self.reader += other.reader;
        self.connections += other.connections;
        self.buffered_bytes += other.buffered_bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        head_ms: 10,
        body_ms: 20,
        idle_ms: 30,
        reader_ms: 40,
        connections: 1,
        buffered_bytes: 1,
    };

    #[test]
    fn each_wait_has_its_limit_and_progress_begins_it_anew() {
        for (waiting, limit_ms, overdue) in [
            (Waiting::Head as fn(u32) -> Waiting, 10, Overdue::Head),
            (Waiting::Body, 20, Overdue::Body),
            (Waiting::Idle, 30, Overdue::Idle),
            (Waiting::Reader, 40, Overdue::Reader),
        ] {
            let mut watch = Watch::new();
            let mut look = |now_ms, progress| watch.look(now_ms, waiting(progress), &LIMITS);
            assert_eq!(look(100, 1), None, "{overdue:?} begins");
            assert_eq!(look(99 + limit_ms, 1), None, "{overdue:?}");
            assert_eq!(look(99 + limit_ms, 2), None, "there was progress");
            assert_eq!(look(98 + 2 * limit_ms, 2), None, "{overdue:?}");
            assert_eq!(look(99 + 2 * limit_ms, 2), Some(overdue));
        }
    }

    #[test]
    fn a_wait_survives_as_a_number() {
        for waiting in [
            Waiting::Server,
            Waiting::Idle(0),
            Waiting::Head(1),
            Waiting::Body(u32::MAX),
            Waiting::Reader(7),
        ] {
            assert_eq!(Waiting::from_bits(waiting.to_bits()), waiting);
        }
    }

    #[test]
    fn a_connection_waits_for_a_head_then_a_body_then_the_server() {
        let mut http = http1::server::Connection::new();
        let date = http1::Date::EPOCH;
        for (bytes, waiting) in [
            (&b""[..], Waiting::Idle(1)),
            (b"POST /orders HTTP/1.1\r\nHost: x\r\n", Waiting::Head(1)),
            (b"Content-Length: 2\r\n\r\n", Waiting::Body(2)),
            (b"{", Waiting::Body(2)),
            (b"}", Waiting::Server),
        ] {
            http.receive(bytes);
            let _ = http.poll(&date, &mut alloc::vec::Vec::new());
            assert_eq!(Waiting::to_read(&http, 1, 2), waiting);
        }
    }

    #[test]
    fn what_the_server_takes_has_no_limit() {
        let mut watch = Watch::new();
        for now_ms in [0, u64::MAX] {
            assert_eq!(watch.look(now_ms, Waiting::Server, &LIMITS), None);
        }
    }

    #[test]
    fn a_round_looks_at_each_place_once_a_second() {
        for places in [0, 1, MIN_SHARE, 10_000, 65_536] {
            let mut round = Round::default();
            let mut looked_at = 0;
            for beat in 1..=10 {
                let share = round.share(places);
                if share.start == 0 && beat > 1 {
                    break;
                }
                assert_eq!(share.start, looked_at);
                looked_at = share.end;
            }
            assert_eq!(looked_at, places);
        }
    }
}
