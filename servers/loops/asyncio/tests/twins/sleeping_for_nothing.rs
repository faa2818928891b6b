use asyncio::{create_task, get_running_loop, sleep};
use std::time::Duration;

use crate::Trace;

async fn yields(trace: Trace, name: &str) {
    for number in 0..3 {
        sleep(Duration::ZERO).await;
        trace.at_turn(format!("{name} {number}"));
    }
}

pub(crate) async fn main(trace: Trace) {
    let event_loop = get_running_loop();
    let at_turn = |text: &'static str| {
        let trace = trace.clone();
        move || trace.at_turn(text)
    };
    let first = create_task(yields(trace.clone(), "a"));
    event_loop.call_soon(at_turn("soon"));
    let second = create_task(yields(trace.clone(), "b"));
    // Already over when they are asked for; they still come by way of the heap.
    event_loop.call_at(Duration::ZERO, at_turn("a timer of the past"));
    sleep(Duration::ZERO).await;
    event_loop.call_soon(at_turn("sooner"));
    event_loop.call_later(Duration::ZERO, at_turn("a timer of now"));
    second.await.unwrap();
    first.await.unwrap();
    trace.at_turn("main");
}
