//! What follows from an error of accept(2): one table for all loops.

use std::io;

/// What a listener does after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterAcceptError {
    /// Nobody waits to be accepted.
    Drained,
    /// The error was that connection's own (accept(2): errors already pending on it).
    TryNext,
    /// The machine ran out of something: trying again at once would fail again.
    Pause,
}

/// How long to wait, in milliseconds, before accepting is tried again after it failed so many times in a row for want of
/// descriptors or memory. Clients wait in the backlog meanwhile.
pub type AcceptRetry = fn(failures: u32) -> u64;

/// What follows from this error.
pub fn after_accept_error(error: &io::Error) -> AfterAcceptError {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::WouldBlock => AfterAcceptError::Drained,
        Kind::Interrupted
        | Kind::ConnectionAborted
        | Kind::ConnectionReset
        | Kind::ConnectionRefused
        | Kind::NetworkDown
        | Kind::NetworkUnreachable
        | Kind::HostUnreachable
        | Kind::TimedOut => AfterAcceptError::TryNext,
        _ => AfterAcceptError::Pause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_want_of_resources_pauses() {
        // Linux's numbers: EMFILE, ENFILE, ENOMEM, ECONNABORTED, EAGAIN, EPROTO's neighbour ENETDOWN.
        let cases = [
            (24, AfterAcceptError::Pause),
            (23, AfterAcceptError::Pause),
            (12, AfterAcceptError::Pause),
            (103, AfterAcceptError::TryNext),
            (11, AfterAcceptError::Drained),
            (100, AfterAcceptError::TryNext),
        ];
        for (code, expected) in cases {
            let error = io::Error::from_raw_os_error(code);
            assert_eq!(after_accept_error(&error), expected, "errno {code}");
        }
    }
}
