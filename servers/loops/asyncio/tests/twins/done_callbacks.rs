use asyncio::{Cancelled, Future, create_task, get_running_loop, sleep};
use std::time::Duration;

use crate::Trace;

async fn waiter(trace: Trace, name: &str, future: Future<&str>) {
    let got = future.await.unwrap();
    trace.at_turn(format!("{name} got {got}"));
}

pub(crate) async fn main(trace: Trace) {
    let event_loop = get_running_loop();
    let at_turn = |text: &'static str| {
        let trace = trace.clone();
        move || trace.at_turn(text)
    };
    let future = event_loop.create_future();
    future.add_done_callback(at_turn("first callback"));
    let first = create_task(waiter(trace.clone(), "first task", future.clone()));
    let second = create_task(waiter(trace.clone(), "second task", future.clone()));
    sleep(Duration::ZERO).await;
    future.add_done_callback(at_turn("last callback"));
    event_loop.call_soon(at_turn("called for before the result"));
    future.set_result("a result");
    event_loop.call_soon(at_turn("called for after the result"));
    trace.at_turn("main goes on first");
    second.await.unwrap();
    future.add_done_callback(at_turn("a callback of what is done"));
    let got = future.await.unwrap();
    trace.at_turn(format!("main got {got} at once"));
    first.await.unwrap();

    let cancelled = event_loop.create_future::<()>();
    cancelled.add_done_callback(at_turn("callback of what was cancelled"));
    let cancels = cancelled.clone();
    event_loop.call_soon(move || assert!(cancels.cancel()));
    assert_eq!(cancelled.await, Err(Cancelled));
    trace.at_turn("main sees that it was cancelled");
}
