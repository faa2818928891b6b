use asyncio::{Event, create_task, sleep};
use std::rc::Rc;
use std::time::Duration;

use crate::Trace;

async fn waiter(trace: Trace, name: &'static str, event: Rc<Event>) {
    event.wait().await;
    trace.at_turn(format!("{name} goes on, set: {}", event.is_set()));
}

pub(crate) async fn main(trace: Trace) {
    let event = Rc::new(Event::new());
    let create = |name| create_task(waiter(trace.clone(), name, Rc::clone(&event)));
    let mut tasks: Vec<_> = ["a", "b", "c"].map(create).into();
    sleep(Duration::ZERO).await;
    trace.at_turn("sets it");
    event.set();
    // Who was woken goes on all the same, and who comes now waits.
    event.clear();
    tasks.push(create("d"));
    tasks[1].cancel();
    sleep(Duration::ZERO).await;
    trace.at_turn("a turn later");
    sleep(Duration::ZERO).await;
    event.set();
    event.set();
    event.wait().await;
    trace.at_turn("no turn where it is set");
    for task in tasks {
        let _ = task.await;
    }
    trace.at_turn("all are done");
}
