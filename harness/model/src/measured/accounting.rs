//! The accounting: every request is accounted for, exactly once.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};

/// Reads counts by status. The keys of JSON are text, which serde takes for numbers only where no other type is tried before.
pub(crate) fn by_status<'de, D: Deserializer<'de>>(
    source: D,
) -> Result<BTreeMap<u16, u64>, D::Error> {
    let counts = BTreeMap::<String, u64>::deserialize(source)?;
    let each = counts.into_iter().map(|(status, count)| {
        let known = status
            .parse()
            .ok()
            .filter(|status| STATUSES.contains(status));
        let status = known.ok_or_else(|| {
            let known = format!("a status from {} to {}", STATUSES.start(), STATUSES.end());
            D::Error::invalid_value(Unexpected::Str(&status), &known.as_str())
        })?;
        Ok((status, count))
    });
    each.collect()
}

/// What is a status (RFC 9110 §15).
const STATUSES: RangeInclusive<u16> = 100..=599;

/// What became of the requests that were scheduled while the load was measured.
///
/// Invariant at every end of a run: `scheduled == ok + error + timeout + unfinished`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Accounting {
    /// Scheduled while measured.
    pub scheduled: u64,
    /// Succeeded: status, length and body as the route must give them.
    pub ok: u64,
    /// Answered wrongly, or lost with its connection; see [`ErrorCounts`].
    pub error: u64,
    /// Unanswered when its time was up.
    pub timeout: u64,
    /// Unanswered, or never sent, when the run ended.
    pub unfinished: u64,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// [`Accounting::ok`].
    Ok,
    /// [`Accounting::error`].
    Error,
    /// [`Accounting::timeout`].
    Timeout,
    /// [`Accounting::unfinished`].
    Unfinished,
}

impl Accounting {
    /// Enters a scheduled request and what became of it.
    pub fn enter(&mut self, fate: Fate) {
        self.scheduled += 1;
        match fate {
            Fate::Ok => self.ok += 1,
            Fate::Error => self.error += 1,
            Fate::Timeout => self.timeout += 1,
            Fate::Unfinished => self.unfinished += 1,
        }
    }

    /// True where every request has exactly one fate.
    pub fn balances(&self) -> bool {
        self.scheduled == self.ok + self.error + self.timeout + self.unfinished
    }

    /// Requests that failed: errors and timeouts.
    pub fn failed(&self) -> u64 {
        self.error + self.timeout
    }

    /// Adds another accounting's counts.
    pub fn merge(&mut self, other: &Self) {
        self.scheduled += other.scheduled;
        self.ok += other.ok;
        self.error += other.error;
        self.timeout += other.timeout;
        self.unfinished += other.unfinished;
    }
}

/// Why a request, or an attempt to connect, failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The connection was refused (`ECONNREFUSED`).
    Refused,
    /// No local port was free (`EADDRNOTAVAIL`).
    AddrNotAvailable,
    /// No file descriptor was free (`EMFILE`, `ENFILE`).
    TooManyFiles,
    /// The connection could not be opened in time.
    ConnectTimeout,
    /// The connection could not be opened for another reason.
    ConnectFailed,
    /// The TLS handshake failed.
    TlsFailed,
    /// The connection did not become a WebSocket.
    UpgradeFailed,
    /// The peer reset the connection while a request was out (`ECONNRESET`, `EPIPE`).
    Reset,
    /// The peer closed the connection before the reply began.
    Closed,
    /// Another status than the one expected.
    Status,
    /// The reply ended before its announced length.
    ShortBody,
    /// The body differs from what the route must give.
    WrongBody,
    /// The reply is not HTTP/1.1.
    Malformed,
    /// A stream of events ended without all of them.
    EventsLost,
    /// A stream brought an event twice.
    EventsDuplicated,
    /// A stream brought an event after a later one.
    EventsOutOfOrder,
    /// A message did not reach everyone who was in the room.
    DeliveriesLost,
    /// A message reached someone twice.
    DeliveriesDuplicated,
    /// A message reached someone after a later one.
    DeliveriesOutOfOrder,
}

impl ErrorKind {
    /// Every kind, in the order of the record.
    pub const ALL: [Self; 19] = [
        Self::Refused,
        Self::AddrNotAvailable,
        Self::TooManyFiles,
        Self::ConnectTimeout,
        Self::ConnectFailed,
        Self::TlsFailed,
        Self::UpgradeFailed,
        Self::Reset,
        Self::Closed,
        Self::Status,
        Self::ShortBody,
        Self::WrongBody,
        Self::Malformed,
        Self::EventsLost,
        Self::EventsDuplicated,
        Self::EventsOutOfOrder,
        Self::DeliveriesLost,
        Self::DeliveriesDuplicated,
        Self::DeliveriesOutOfOrder,
    ];
}

impl ErrorKind {
    /// Whether it is a connection that failed, before anything was sent over it.
    pub fn is_connect(self) -> bool {
        matches!(
            self,
            Self::Refused
                | Self::AddrNotAvailable
                | Self::TooManyFiles
                | Self::ConnectTimeout
                | Self::ConnectFailed
                | Self::TlsFailed
                | Self::UpgradeFailed
        )
    }

    /// The kind in words that follow a number: `3 with another status`.
    pub fn words(self) -> &'static str {
        match self {
            Self::Refused => "connections refused",
            Self::AddrNotAvailable => "connections without a free local port",
            Self::TooManyFiles => "connections without a free file descriptor",
            Self::ConnectTimeout => "connections not opened in time",
            Self::ConnectFailed => "connections not opened",
            Self::TlsFailed => "connections without a TLS handshake",
            Self::UpgradeFailed => "connections without a WebSocket handshake",
            Self::Reset => "lost to a reset connection",
            Self::Closed => "lost to a closed connection",
            Self::Status => "with another status",
            Self::ShortBody => "with a body cut short",
            Self::WrongBody => "with a wrong body",
            Self::Malformed => "with a malformed reply",
            Self::EventsLost => "with lost events",
            Self::EventsDuplicated => "with an event that came twice",
            Self::EventsOutOfOrder => "with events out of order",
            Self::DeliveriesLost => "that did not reach everyone",
            Self::DeliveriesDuplicated => "that reached someone twice",
            Self::DeliveriesOutOfOrder => "that reached someone out of order",
        }
    }
}

/// Failures by group and by kind.
///
/// `connect` counts attempts to open a connection. Where connections are opened once it stands apart from the accounting, since
/// no request was on the wire yet: `reset + status + body == Accounting::error`. Where each request opens its own, the attempt
/// was the request's, and `connect` belongs to the sum.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct ErrorCounts {
    /// Connections that could not be opened.
    pub connect: u64,
    /// Requests lost with their connection.
    pub reset: u64,
    /// Replies with another status than expected.
    pub status: u64,
    /// Replies with a short, wrong or malformed body or head, events and deliveries included.
    pub body: u64,
    /// The same failures by kind; kinds that did not occur are left out.
    pub kinds: BTreeMap<ErrorKind, u64>,
    /// `status` by the status that came instead. Only 100 to 599 are statuses, so there are at most 500.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "by_status"
    )]
    pub statuses: BTreeMap<u16, u64>,
    /// Malformed replies by what was wrong with them, in the decoder's words, which are finite in number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub malformed: BTreeMap<String, u64>,
    /// Requests that timed out while their reply was still coming; left out where none did.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cut_off: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl ErrorCounts {
    /// Counts one failure.
    pub fn count(&mut self, kind: ErrorKind) {
        *self.group(kind) += 1;
        *self.kinds.entry(kind).or_default() += 1;
    }

    /// Counts what was wrong with a malformed reply.
    pub fn count_malformed(&mut self, why: &str) {
        match self.malformed.get_mut(why) {
            Some(count) => *count += 1,
            None => drop(self.malformed.insert(why.to_owned(), 1)),
        }
    }

    /// Adds another count.
    pub fn merge(&mut self, other: &Self) {
        add_each(&mut self.statuses, &other.statuses);
        add_each(&mut self.malformed, &other.malformed);
        self.cut_off += other.cut_off;
        for (&kind, &count) in &other.kinds {
            *self.group(kind) += count;
            *self.kinds.entry(kind).or_default() += count;
        }
    }

    fn group(&mut self, kind: ErrorKind) -> &mut u64 {
        match kind {
            kind if kind.is_connect() => &mut self.connect,
            ErrorKind::Reset | ErrorKind::Closed => &mut self.reset,
            ErrorKind::Status => &mut self.status,
            _ => &mut self.body,
        }
    }
}

/// Adds counts by their keys.
pub(crate) fn add_each<K: Ord + Clone>(ours: &mut BTreeMap<K, u64>, theirs: &BTreeMap<K, u64>) {
    for (key, count) in theirs {
        *ours.entry(key.clone()).or_default() += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_belongs_to_one_group_and_merging_adds_up() {
        let mut all = ErrorCounts::default();
        for kind in ErrorKind::ALL {
            all.count(kind);
        }
        assert_eq!((all.connect, all.reset, all.status, all.body), (7, 2, 1, 9));
        let mut twice = all.clone();
        twice.merge(&all);
        assert_eq!(
            (twice.connect, twice.reset, twice.status, twice.body),
            (14, 4, 2, 18)
        );
        assert!(twice.kinds.values().all(|&count| count == 2));
    }

    #[test]
    fn counts_by_status_are_read_wherever_they_stand() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Whole {
            #[serde(flatten)]
            part: Part,
        }
        #[derive(Debug, PartialEq, Deserialize)]
        struct Part {
            #[serde(deserialize_with = "by_status")]
            statuses: BTreeMap<u16, u64>,
        }
        let read = |text: &str| {
            serde_json::from_str::<Whole>(&format!(r#"{{"statuses":{text}}}"#))
                .map(|whole| whole.part.statuses)
        };
        let both = read(r#"{"100":1,"599":2}"#).unwrap();
        assert_eq!(both, BTreeMap::from([(100, 1), (599, 2)]));
        for wrong in ["99", "600", "x", "-1", "65536"] {
            let error = read(&format!(r#"{{"{wrong}":1}}"#))
                .unwrap_err()
                .to_string();
            assert!(error.contains("a status from 100 to 599"), "{error}");
        }
    }

    #[test]
    fn statuses_and_what_was_malformed_add_up() {
        let mut one = ErrorCounts::default();
        one.count_malformed("CR without LF");
        one.statuses.insert(404, 1);
        let mut both = one.clone();
        both.count_malformed("CR without LF");
        both.count_malformed("no status");
        both.merge(&one);
        let malformed: Vec<(&str, u64)> = both
            .malformed
            .iter()
            .map(|(why, &count)| (why.as_str(), count))
            .collect();
        assert_eq!(malformed, [("CR without LF", 3), ("no status", 1)]);
        assert_eq!(both.statuses, BTreeMap::from([(404, 2)]));
    }

    #[test]
    fn a_accounting_balances_only_where_every_request_has_one_fate() {
        let accounting = Accounting {
            scheduled: 10,
            ok: 6,
            error: 1,
            timeout: 1,
            unfinished: 2,
        };
        assert!(accounting.balances());
        assert_eq!(accounting.failed(), 2);
        assert!(
            !Accounting {
                ok: 7,
                ..accounting
            }
            .balances()
        );
    }
}
