use asyncio::{create_task, get_running_loop};
use std::sync::{Arc, Mutex};

use crate::Trace;

async fn work(trace: Trace, name: &'static str) {
    let event_loop = get_running_loop();
    let got = event_loop
        .run_in_executor(move || format!("the result of {name}"))
        .unwrap()
        .await;
    trace.in_order(format!("{name} got {got}"));
}

pub(crate) async fn main(trace: Trace) {
    let event_loop = get_running_loop();
    let ran = Arc::new(Mutex::new(Vec::new()));
    for number in 0..5 {
        let ran = Arc::clone(&ran);
        let append = move || ran.lock().unwrap().push(number);
        drop(event_loop.run_in_executor(append).unwrap());
    }
    let tasks = ["a", "b", "c"].map(|name| create_task(work(trace.clone(), name)));
    for task in tasks.into_iter().rev() {
        task.await.unwrap();
    }
    trace.in_order(format!("in the executor ran {:?}", ran.lock().unwrap()));
    // A thread's callback from within runs after those that were called for before.
    let calls = Arc::new(Mutex::new(Vec::new()));
    let append = |text| {
        let calls = Arc::clone(&calls);
        move || calls.lock().unwrap().push(text)
    };
    event_loop.call_soon(append("soon"));
    let remote = event_loop.remote();
    remote.call_soon_threadsafe(append("threadsafe")).unwrap();
    event_loop.call_soon(append("soon again"));
    let from_a_thread = append("from a thread");
    let work = move || remote.call_soon_threadsafe(from_a_thread);
    event_loop.run_in_executor(work).unwrap().await.unwrap();
    trace.in_order(calls.lock().unwrap().join(", "));
}
