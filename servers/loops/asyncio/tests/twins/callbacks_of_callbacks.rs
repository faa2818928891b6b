use asyncio::{EventLoop, get_running_loop, sleep};
use std::time::Duration;

use crate::Trace;

pub(crate) async fn main(trace: Trace) {
    let event_loop = get_running_loop();

    fn call(event_loop: &EventLoop, trace: &Trace, name: &str, depth: u32) -> impl FnOnce() + use<> {
        let (event_loop, trace, name) = (event_loop.clone(), trace.clone(), name.to_owned());
        move || {
            trace.at_turn(format!("{name} {depth}"));
            if depth > 0 {
                event_loop.call_soon(call(&event_loop, &trace, &name, depth - 1));
                if depth == 2 {
                    event_loop.call_soon(call(&event_loop, &trace, &format!("{name}'"), 0));
                }
            }
        }
    }

    event_loop.call_soon(call(&event_loop, &trace, "a", 3));
    event_loop.call_soon(call(&event_loop, &trace, "b", 2));
    // A timer that is due at once runs after what is ready already.
    event_loop.call_later(Duration::ZERO, call(&event_loop, &trace, "timer", 1));
    sleep(Duration::from_secs(1)).await;
    trace.at_turn("main");
}
