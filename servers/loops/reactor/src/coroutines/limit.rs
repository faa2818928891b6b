//! Time limits (`timeouts.py`).

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// Waits for a future no longer than for `limit`, and then drops it.
pub async fn limit_by<F: Future>(
    limit: impl Future<Output = ()>,
    future: F,
) -> Result<F::Output, Elapsed> {
    let mut future = pin!(future);
    let mut limit = pin!(limit);
    poll_fn(|cx| {
        // Over before this step, the limit has cancelled what may be ready too.
        if limit.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(Elapsed));
        }
        future.as_mut().poll(cx).map(Ok)
    })
    .await
}

/// What was waited for took longer than its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed;

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time limit is over")
    }
}

impl std::error::Error for Elapsed {}
