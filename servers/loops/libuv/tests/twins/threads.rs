//! The pool, and wake-ups from other threads: compare `threads.c`.

use crate::Trace;
use libuv::{Loop, Phase};

fn queue(
    event_loop: &mut Loop,
    name: &'static str,
    then: impl FnOnce(&mut Loop) + 'static,
    trace: &Trace,
) {
    let own = trace.clone();
    let after = move |event_loop: &mut Loop, ()| {
        own.line(&format!("done: {name}"));
        then(event_loop);
    };
    event_loop.queue_work(|| (), after).unwrap();
}

pub(crate) fn pool_order(event_loop: &mut Loop, trace: &Trace) {
    queue(event_loop, "a", |_| (), trace);
    let own = trace.clone();
    let more = move |event_loop: &mut Loop| queue(event_loop, "queued by a callback", |_| (), &own);
    queue(event_loop, "b", more, trace);
    queue(event_loop, "c", |_| (), trace);
}

pub(crate) fn work_in_phases(event_loop: &mut Loop, trace: &Trace) {
    for (phase, name) in [(Phase::Prepare, "prepare"), (Phase::Check, "check")] {
        let own = trace.clone();
        let watcher = event_loop.add_watcher(phase, move |_, _| own.line(name));
        event_loop.start_watcher(watcher);
        event_loop.unref(watcher);
    }
    queue(event_loop, "work", |_| (), trace);
}

pub(crate) fn coalesced_asyncs(event_loop: &mut Loop, trace: &Trace) {
    let (own, remote) = (trace.clone(), event_loop.remote());
    let mut times = 0;
    let first = event_loop.add_wakeup(move |event_loop, itself| {
        own.at(event_loop, "woken");
        times += 1;
        if times == 1 {
            (0..3).for_each(|_| remote.wake(itself).unwrap());
        } else {
            own.close(event_loop, itself, "woken");
        }
    });
    let remote = event_loop.remote();
    (0..5).for_each(|_| remote.wake(first).unwrap());
}

pub(crate) fn order_of_asyncs(event_loop: &mut Loop, trace: &Trace) {
    let [first, second] = ["first", "second"].map(|name| {
        let own = trace.clone();
        event_loop.add_wakeup(move |event_loop, itself| {
            own.at(event_loop, name);
            own.close(event_loop, itself, name);
        })
    });
    let remote = event_loop.remote();
    remote.wake(second).unwrap();
    remote.wake(first).unwrap();
}
