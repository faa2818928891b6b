//! The date of answers.
//!
//! Writing it out takes longer than answering `/plaintext`, and one copy for all threads would be a lock that every answer takes:
//! so each thread writes its own, at most once a second.

use std::cell::Cell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http1::Date;

thread_local! {
    /// The second since 1970, and its date.
    static WRITTEN: Cell<(u64, Date)> = const { Cell::new((0, Date::EPOCH)) };
}

/// The date at `now_s` seconds since 1970.
pub fn date(now_s: u64) -> Date {
    let (written_s, written) = WRITTEN.get();
    if written_s == now_s {
        return written;
    }
    let text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(now_s));
    let date = Date::try_from(text.as_str())
        .expect("httpdate writes IMF-fixdates, which is what a Date is");
    WRITTEN.set((now_s, date));
    date
}

/// Seconds since 1970.
pub fn now_s() -> u64 {
    // A clock before 1970 is wrong anyway, and 1970 is as wrong as any other date.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_written_anew_when_the_second_changes() {
        for (now_s, text) in [
            (0, b"Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, b"Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_777, b"Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_778, b"Sun, 06 Nov 1994 08:49:38 GMT"),
        ] {
            assert_eq!(date(now_s).as_bytes(), text);
        }
    }
}
