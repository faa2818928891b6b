use asyncio::{Event, get_running_loop};
use std::rc::Rc;

use crate::Trace;

pub(crate) async fn main(trace: Trace) {
    let event_loop = get_running_loop();
    // Nothing else is ready, so that the loop waits for the result.
    trace.at_turn("asks");
    let got = event_loop.run_in_executor(|| "the result").unwrap().await;
    trace.at_turn(format!("got {got}"));
    let done = Rc::new(Event::new());

    let (told, sets) = (trace.clone(), Rc::clone(&done));
    let callback = move |result: &'static str| {
        told.at_turn(format!("a callback got {result}"));
        sets.set();
    };
    event_loop
        .run_in_executor_then(|| "another", callback)
        .unwrap();
    done.wait().await;
    trace.at_turn("main");
}
