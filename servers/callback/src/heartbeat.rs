//! What happens at fixed intervals: the date is written anew, and the loop's lag is measured.
//!
//! A timer asks to be called after [`LAG_SAMPLE_MS`] and looks how late it was. On a loop that is held by somebody else it
//! comes late; that is the lag that every other callback on it suffers. Loop timers have a resolution of a millisecond and
//! may be early by as much, which counts as no lag.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hdrhistogram::Histogram;
use http1::Date;
use libuv::Loop;
use spec::{Counts, LAG_SAMPLE_MS, Lag, MAX_LAG_US};

use crate::Server;

/// Beats for as long as the loop runs.
pub(crate) fn start(event_loop: &mut Loop, server: &Rc<Server>) {
    let server = Rc::clone(server);
    let mut due = Instant::now() + INTERVAL;
    let timer = event_loop.add_timer(move |_, _| {
        let now = Instant::now();
        server
            .heartbeat
            .beat(now.saturating_duration_since(due), unix_now_s());
        due = now + INTERVAL;
    });
    event_loop.start_timer(timer, LAG_SAMPLE_MS, LAG_SAMPLE_MS);
}

const INTERVAL: Duration = Duration::from_millis(LAG_SAMPLE_MS);

pub(crate) struct Heartbeat {
    /// The date, and the second since 1970 that it tells.
    date: Cell<(u64, Date)>,
    lag_us: RefCell<Histogram<u64>>,
}

impl Heartbeat {
    /// The date as of the last beat.
    pub(crate) fn date(&self) -> Date {
        self.date.get().1
    }

    /// Loop lag since the start; `None` before the first sample.
    pub(crate) fn lag(&self) -> Option<Lag> {
        let lag_us = self.lag_us.borrow();
        (!lag_us.is_empty()).then(|| Lag {
            p50: lag_us.value_at_quantile(0.5),
            p99: lag_us.value_at_quantile(0.99),
            max: lag_us.max(),
        })
    }

    /// Its samples, one by one.
    pub(crate) fn lag_counts(&self) -> Counts {
        let lag_us = self.lag_us.borrow();
        let samples = lag_us.iter_recorded();
        samples
            .map(|late| (late.value_iterated_to(), late.count_at_value()))
            .collect()
    }

    fn beat(&self, late: Duration, now_s: u64) {
        let late_us = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        self.lag_us.borrow_mut().saturating_record(late_us);
        if self.date.get().0 != now_s {
            self.date.set((now_s, date(now_s)));
        }
    }
}

impl Default for Heartbeat {
    fn default() -> Self {
        let lag_us = Histogram::new_with_max(MAX_LAG_US, 3)
            .expect("three digits of a minute are within bounds");
        let now_s = unix_now_s();
        Self {
            date: Cell::new((now_s, date(now_s))),
            lag_us: RefCell::new(lag_us),
        }
    }
}

fn date(now_s: u64) -> Date {
    let text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(now_s));
    Date::try_from(text.as_str()).expect("httpdate writes IMF-fixdates, which is what a Date is")
}

fn unix_now_s() -> u64 {
    // A clock before 1970 is wrong anyway, and 1970 is as wrong as any other date.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_is_told_from_the_first_beat_on_and_bounded() {
        let heartbeat = Heartbeat::default();
        assert_eq!(heartbeat.lag(), None);
        heartbeat.beat(Duration::from_millis(150), 0);
        let lag = heartbeat.lag().unwrap();
        assert!(
            (149_000..=151_000).contains(&lag.max) && lag.p50 == lag.max,
            "{lag:?}"
        );
        heartbeat.beat(Duration::MAX, 0);
        let max_us = heartbeat.lag().unwrap().max;
        // The histogram keeps three digits.
        assert!(
            max_us.abs_diff(MAX_LAG_US) < MAX_LAG_US / 100,
            "{max_us} µs"
        );
    }

    #[test]
    fn the_date_is_written_anew_when_the_second_changes() {
        let heartbeat = Heartbeat::default();
        for (now_s, text) in [
            (784_111_777, b"Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_777, b"Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_778, b"Sun, 06 Nov 1994 08:49:38 GMT"),
        ] {
            heartbeat.beat(Duration::ZERO, now_s);
            assert_eq!(heartbeat.date().as_bytes(), text);
        }
    }
}
