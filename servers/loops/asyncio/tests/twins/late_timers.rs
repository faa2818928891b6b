use asyncio::{create_task, get_running_loop, sleep};
use std::time::Duration;

use crate::Trace;

pub(crate) async fn main(trace: Trace) {
    let event_loop = get_running_loop();
    let at_turn = |text: String| {
        let trace = trace.clone();
        move || trace.at_turn(text)
    };

    let hold = {
        let (trace, event_loop) = (trace.clone(), event_loop.clone());
        let called = at_turn("called for while it was held".to_owned());
        move |seconds: u64| {
            trace.at_turn("holding the loop");
            trace.clock.advance_ms(seconds * 1_000);
            event_loop.call_soon(called);
        }
    };

    for delay_s in [4, 2, 7, 3] {
        let due = at_turn(format!("due after {delay_s} s"));
        event_loop.call_later(Duration::from_secs(delay_s), due);
    }
    event_loop.call_later(Duration::from_secs(1), move || hold(4));
    create_task(late_sleeper(trace.clone()));
    sleep(Duration::from_secs(6)).await;
    trace.at_turn("main");
    sleep(Duration::from_secs(2)).await;
    trace.at_turn("main");
}

async fn late_sleeper(trace: Trace) {
    for _ in 0..3 {
        sleep(Duration::from_secs(1)).await;
        trace.at_turn("slept a second, or more");
    }
}
