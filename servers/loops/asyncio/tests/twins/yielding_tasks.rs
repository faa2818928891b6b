use asyncio::{create_task, sleep};
use std::time::Duration;

use crate::Trace;

async fn count(trace: Trace, name: &str, times: u32) {
    for number in 0..times {
        trace.at_turn(format!("{name} {number}"));
        sleep(Duration::ZERO).await;
    }
    trace.at_turn(format!("{name} is done"));
}

pub(crate) async fn main(trace: Trace) {
    let tasks = [("a", 3), ("b", 1), ("c", 2)]
        .map(|(name, times)| create_task(count(trace.clone(), name, times)));
    trace.at_turn("no task has begun");
    for task in tasks {
        task.await.unwrap();
        trace.at_turn("main");
    }
}
