//! `/upstream`: calls to the backend, one after the other or all at once.

use futures_util::stream::{FuturesUnordered, StreamExt};
use spec::{Answer, Call, Failure, Mode, UpstreamError, add_reply};

use crate::Server;
use crate::runtime::Runtime;
use crate::upstream::Upstream;

pub(super) async fn answer<R: Runtime>(
    server: &Server<R>,
    calls: u32,
    ms: u32,
    mode: Mode,
) -> Answer {
    let Some(upstream) = &server.upstream else {
        return Failure::NoUpstream.answer();
    };
    let sum = match mode {
        Mode::Sequential => call_each(upstream, calls, ms).await,
        Mode::Parallel => call_all(upstream, calls, ms).await,
    };
    match sum {
        Ok(sum) => Answer::upstream(calls, sum),
        Err(error) => Failure::from(error).answer(),
    }
}

async fn call_each<R: Runtime>(
    upstream: &Upstream<R>,
    calls: u32,
    ms: u32,
) -> Result<u64, UpstreamError> {
    let mut sum = 0;
    for call in Call::each(calls, ms) {
        sum = add_reply(sum, upstream.call(call).await?)?;
    }
    Ok(sum)
}

/// The calls share this task: they mostly wait, and a task for each would cost more than it could win. Where one fails, the rest
/// are dropped on the way out and their connections with them.
async fn call_all<R: Runtime>(
    upstream: &Upstream<R>,
    calls: u32,
    ms: u32,
) -> Result<u64, UpstreamError> {
    let mut under_way: FuturesUnordered<_> = Call::each(calls, ms)
        .map(|call| upstream.call(call))
        .collect();
    let mut sum = 0;
    while let Some(called) = under_way.next().await {
        sum = add_reply(sum, called?)?;
    }
    Ok(sum)
}
