//! What happens at fixed intervals: the loop's lag is measured, the second is noted for the dates, and clients that are waited for
//! are looked at.
//!
//! A task asks to be woken after [`LAG_SAMPLE_MS`] and looks how late it was. On a loop that somebody else blocks it
//! comes late; that is the lag that every other task on it suffers. With several workers, whichever is free first
//! wakes it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use spec::LAG_SAMPLE_MS;

use crate::Server;
use crate::runtime::Runtime;
use crate::shared::Shared;

/// Beats for as long as the runtime runs.
pub(crate) async fn beat<R: Runtime>(server: Arc<Server<R>>) {
    let began = Instant::now();
    loop {
        let due = Instant::now() + INTERVAL;
        R::sleep(INTERVAL).await;
        server.lag.with(|lag| lag.record(due, Instant::now()));
        server.now_s.store(serving::now_s(), Ordering::Relaxed);
        let now_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        server.clients.look(now_ms, &server.limits);
    }
}

const INTERVAL: Duration = Duration::from_millis(LAG_SAMPLE_MS);
