//! The bounds that every server keeps.

/// Most events that `/events` sends.
pub const MAX_EVENTS: u32 = 10_000;

/// Most connections to the upstream at once, idle ones included; further calls wait for one to come free. Idle ones are
/// kept until the upstream closes them: opening connections anew after a pause would be measured as part of the next
/// burst.
pub const MAX_UPSTREAM_CONNECTIONS: usize = 4096;

/// How often a call is tried at most. A kept connection may have been closed by the upstream a moment ago, which only
/// shows when it is used; then the call is made once more, on a new connection (RFC 9112 §9.3.1 allows it for GET).
pub const MAX_CALL_ATTEMPTS: u32 = 2;

/// How much longer than it was asked to take a call to the upstream may last, in milliseconds, before it has failed.
pub const CALL_EXTRA_MS: u32 = 10_000;

/// How long the work on a request of the database may last, in milliseconds, before it has failed: from waiting for a connection to
/// the last reply.
pub const DATABASE_LIMIT_MS: u64 = 10_000;

/// How long the cache keeps what `/db/cached` stores, in seconds.
pub const CACHED_S: u32 = 60;

/// Answers to pipelined requests leave in one write, but no more than about this many bytes are gathered first.
pub const MAX_BATCH_BYTES: usize = 64 * 1024;

/// Whether a file of so many KiB is more than goes out together. Of such files a server reads as many at once as its pool has threads, and
/// begins the next when one has been handed to its client's connection: what many clients ask for at once is then never handed over in
/// one turn, nor all of it in memory.
pub fn is_large_file(kib: u32) -> bool {
    kib as usize * 1024 > MAX_BATCH_BYTES
}

/// An output buffer that grew beyond this many bytes (for a file) is given back once it has been written.
pub const KEPT_OUTPUT_BYTES: usize = 64 * 1024;

/// Size of the buffer that one thread's connections share for reading, as libuv's examples have it.
pub const READ_BUFFER_BYTES: usize = 64 * 1024;

/// Interval of the sampler that measures loop lag: how much later than asked for a timer fires.
pub const LAG_SAMPLE_MS: u64 = 100;

/// After a refusal (400, 413, 431 and their like) the connection is kept this long, in milliseconds, and
/// [`LINGER_BYTES`] are read and thrown away: closing at once, while the client still sends, would make its kernel
/// throw the refusal away unread (RFC 9112 §9.6).
pub const LINGER_MS: u64 = 500;

/// How many bytes are thrown away at most after a refusal: a body of the largest size that is taken.
pub const LINGER_BYTES: usize = http1::MAX_BODY_BYTES;

/// How many connections beyond [`crate::Limits::connections`] are answered 503 and listened to as [`LINGER_MS`] says. Further ones are closed
/// without a word.
pub const MAX_REFUSED_CONNECTIONS: usize = 1_024;

/// First wait after `accept` failed for want of a resource (descriptors, memory), in milliseconds.
pub const ACCEPT_RETRY_MIN_MS: u64 = 1;

/// Longest wait between two tries of `accept`, in milliseconds.
pub const ACCEPT_RETRY_MAX_MS: u64 = 1_000;

/// How long to wait, in milliseconds, after `accept` failed `failures` times in a row (at least once): twice as long
/// each time, between [`ACCEPT_RETRY_MIN_MS`] and [`ACCEPT_RETRY_MAX_MS`].
pub fn accept_retry_ms(failures: u32) -> u64 {
    let doublings = failures.saturating_sub(1);
    ACCEPT_RETRY_MIN_MS
        .checked_shl(doublings)
        .filter(|&wait_ms| wait_ms != 0)
        .map_or(ACCEPT_RETRY_MAX_MS, |wait_ms| {
            wait_ms.min(ACCEPT_RETRY_MAX_MS)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_waits_double_up_to_their_bound() {
        let waits: [u64; 12] =
            core::array::from_fn(|i| accept_retry_ms(u32::try_from(i).unwrap() + 1));
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000, 1000]);
        assert_eq!(accept_retry_ms(0), ACCEPT_RETRY_MIN_MS);
        for failures in [63, 64, 65, 66, 1000, u32::MAX] {
            assert_eq!(
                accept_retry_ms(failures),
                ACCEPT_RETRY_MAX_MS,
                "after {failures} failures"
            );
        }
    }
}
