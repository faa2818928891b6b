use asyncio::{get_running_loop, sleep};
use std::time::Duration;

use crate::Trace;

pub(crate) async fn main(trace: Trace) {
    let event_loop = get_running_loop();
    for name in ["a", "b", "c"] {
        let trace = trace.clone();
        event_loop.call_soon(move || trace.at_turn(name));
    }
    trace.at_turn("main goes on first");
    sleep(Duration::ZERO).await;
    trace.at_turn("main, after those that were called for before");
}
