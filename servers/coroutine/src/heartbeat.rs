//! What happens at fixed intervals: the second is noted for the dates, and the loop's lag is measured.
//!
//! A task asks to be woken after [`LAG_SAMPLE_MS`] and looks how late it was. On a loop that is held by somebody else
//! it comes late; that is the lag that every other task on it suffers. With several workers, whichever is free first
//! wakes it. Both runtimes wait in whole milliseconds, rounded up, so a lag of up to one is that.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hdrhistogram::Histogram;
use http1::Date;
use spec::{Counts, LAG_SAMPLE_MS, Lag, MAX_LAG_US};

use crate::Server;
use crate::runtime::Runtime;

/// Beats for as long as the runtime runs.
pub(crate) async fn beat<R: Runtime>(server: Arc<Server<R>>) {
    loop {
        server.heartbeat.beat::<R>().await;
    }
}

pub(crate) struct Heartbeat {
    /// Seconds since 1970.
    now_s: AtomicU64,
    lag_us: Mutex<Histogram<u64>>,
}

impl Heartbeat {
    /// The second of the last beat.
    pub(crate) fn now_s(&self) -> u64 {
        self.now_s.load(Ordering::Relaxed)
    }

    /// Loop lag since the start; `None` before the first sample.
    pub(crate) fn lag(&self) -> Option<Lag> {
        let lag_us = self.lag_us.lock().unwrap_or_else(PoisonError::into_inner);
        (!lag_us.is_empty()).then(|| Lag {
            p50: lag_us.value_at_quantile(0.5),
            p99: lag_us.value_at_quantile(0.99),
            max: lag_us.max(),
        })
    }

    /// Its samples, one by one.
    pub(crate) fn lag_counts(&self) -> Counts {
        let lag_us = self.lag_us.lock().unwrap_or_else(PoisonError::into_inner);
        let samples = lag_us.iter_recorded();
        samples
            .map(|late| (late.value_iterated_to(), late.count_at_value()))
            .collect()
    }

    async fn beat<R: Runtime>(&self) {
        let late = R::oversleep(Duration::from_millis(LAG_SAMPLE_MS)).await;
        let late_us = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        self.lag_us
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .saturating_record(late_us);
        self.now_s.store(unix_now_s(), Ordering::Relaxed);
    }
}

impl Default for Heartbeat {
    fn default() -> Self {
        let lag_us = Histogram::new_with_max(MAX_LAG_US, 3)
            .expect("three digits of a minute are within bounds");
        Self {
            now_s: AtomicU64::new(unix_now_s()),
            lag_us: Mutex::new(lag_us),
        }
    }
}

/// One connection's copy of the date. Writing it out takes longer than answering `/plaintext`, and one copy for all
/// would be a lock that every answer takes; so each connection writes it at most once a second.
#[derive(Default)]
pub(crate) struct DateCache {
    written: Option<(u64, Date)>,
}

impl DateCache {
    /// The date at `now_s` seconds since 1970.
    pub(crate) fn at(&mut self, now_s: u64) -> &Date {
        if self
            .written
            .as_ref()
            .is_none_or(|&(written_s, _)| written_s != now_s)
        {
            self.written = None;
        }
        &self.written.get_or_insert_with(|| (now_s, date(now_s))).1
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
    use tokio::time::advance;

    use super::*;
    use crate::runtime::Tokio;

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_is_held_shows_as_lag() {
        let heartbeat = Arc::new(Heartbeat::default());
        assert_eq!(heartbeat.lag(), None);
        heartbeat.beat::<Tokio>().await;
        // Virtual time moves in the timer's own steps of a millisecond.
        assert!(heartbeat.lag().is_some_and(|lag| lag.max <= 1_000));

        let beating = tokio::spawn({
            let heartbeat = Arc::clone(&heartbeat);
            async move { heartbeat.beat::<Tokio>().await }
        });
        tokio::task::yield_now().await;
        advance(Duration::from_millis(LAG_SAMPLE_MS + 150)).await;
        beating.await.unwrap();
        let max_us = heartbeat.lag().unwrap().max;
        assert!((149_000..=151_000).contains(&max_us), "{max_us} µs");
    }

    #[test]
    fn a_lag_beyond_the_bound_counts_as_the_bound() {
        let heartbeat = Heartbeat::default();
        heartbeat.lag_us.lock().unwrap().saturating_record(u64::MAX);
        let max_us = heartbeat.lag().unwrap().max;
        // The histogram keeps three digits.
        assert!(
            max_us.abs_diff(MAX_LAG_US) < MAX_LAG_US / 100,
            "{max_us} µs"
        );
    }

    #[test]
    fn the_date_is_written_anew_when_the_second_changes() {
        let mut cache = DateCache::default();
        for (now_s, text) in [
            (784_111_777, b"Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_777, b"Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_778, b"Sun, 06 Nov 1994 08:49:38 GMT"),
        ] {
            assert_eq!(cache.at(now_s).as_bytes(), text);
        }
    }
}
