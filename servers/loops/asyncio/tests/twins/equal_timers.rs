use asyncio::{get_running_loop, sleep};
use std::time::Duration;

use crate::Trace;

pub(crate) async fn main(trace: Trace) {
    let event_loop = get_running_loop();
    let call_at = |at_s, text: String| {
        let trace = trace.clone();
        event_loop.call_at(Duration::from_secs(at_s), move || trace.at_turn(text))
    };
    // Which of several equal timers is first is the heap's own affair.
    for number in 0..40 {
        call_at(number * 7 % 3 + 1, format!("timer {number}"));
    }
    sleep(Duration::from_secs(5)).await;
    // So many are cancelled here that the heap is made anew, which changes the order of those that are left.
    let timers: Vec<_> = (0..150)
        .map(|number| call_at(10 + number * 5 % 4, format!("one of many, {number}")))
        .collect();
    for (number, timer) in timers.iter().enumerate() {
        if number % 5 != 0 {
            timer.cancel();
        }
    }
    sleep(Duration::from_secs(10)).await;
    trace.at_turn("main");
}
