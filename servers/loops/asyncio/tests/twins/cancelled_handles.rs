use asyncio::{Handle, get_running_loop, sleep};
use std::cell::OnceCell;
use std::rc::Rc;
use std::time::Duration;

use crate::Trace;

pub(crate) async fn main(trace: Trace) {
    let event_loop = get_running_loop();
    let at_turn = |text: &'static str| {
        let trace = trace.clone();
        move || trace.at_turn(text)
    };
    let cancel = |name: &'static str, handle: &Rc<OnceCell<Handle>>| {
        let (trace, handle) = (trace.clone(), Rc::clone(handle));
        move || {
            trace.at_turn(format!("{name} cancels another"));
            handle.get().unwrap().cancel();
        }
    };

    let never = event_loop.call_soon(at_turn("never, cancelled at once"));
    never.cancel();
    never.cancel();
    // Within one turn, the first can still cancel the second.
    let handle: Rc<OnceCell<Handle>> = Rc::default();
    event_loop.call_soon(cancel("a callback", &handle));
    handle
        .set(event_loop.call_soon(at_turn("never, cancelled in its own turn")))
        .unwrap();
    event_loop.call_later(Duration::from_secs(3), at_turn("a timer"));
    let late: Rc<OnceCell<Handle>> = Rc::default();
    let never = at_turn("never, cancelled before its time");
    late.set(event_loop.call_later(Duration::from_secs(2), never))
        .unwrap();
    event_loop.call_later(Duration::from_secs(1), cancel("a timer", &late));
    // Both are due in the same turn, and the first cancels the second.
    let twin: Rc<OnceCell<Handle>> = Rc::default();
    event_loop.call_at(Duration::from_secs(4), cancel("a twin", &twin));
    let never = at_turn("never, cancelled by its twin");
    twin.set(event_loop.call_at(Duration::from_secs(4), never))
        .unwrap();
    sleep(Duration::from_secs(10)).await;
    handle.get().unwrap().cancel();
    trace.at_turn("main");
}
