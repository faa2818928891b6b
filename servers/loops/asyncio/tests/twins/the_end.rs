use asyncio::{EventLoop, create_task, get_running_loop, sleep};
use std::time::Duration;

use crate::Trace;

async fn forever(trace: Trace) {
    loop {
        trace.at_turn("a task that never ends");
        sleep(Duration::ZERO).await;
    }
}

pub(crate) async fn main(trace: Trace) {
    let event_loop = get_running_loop();
    create_task(forever(trace.clone()));
    sleep(Duration::ZERO).await;

    fn call(event_loop: &EventLoop, trace: Trace, depth: u32) {
        trace.at_turn(format!("called for at the end, {depth} deep"));
        let again = event_loop.clone();
        event_loop.call_soon(move || call(&again, trace, depth + 1));
    }

    let (again, said) = (event_loop.clone(), trace.clone());
    event_loop.call_soon(move || call(&again, said, 1));
    // The loop stops after the turn in which the done callbacks run.
    trace.at_turn("main ends");
}
