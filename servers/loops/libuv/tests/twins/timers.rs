//! Timers: compare `timers.c`.

use crate::Trace;
use libuv::{Loop, Timer};
use std::cell::Cell;
use std::rc::Rc;

pub(crate) fn equal_timers(event_loop: &mut Loop, trace: &Trace) {
    trace.timer(event_loop, "a", 5, 0);
    trace.timer(event_loop, "b", 3, 0);
    trace.timer(event_loop, "c", 5, 0);
    let d = trace.timer(event_loop, "d", 3, 0);
    trace.timer(event_loop, "e", 3, 0);
    event_loop.start_timer(d, 3, 0);
}

pub(crate) fn timers_in_callbacks(event_loop: &mut Loop, trace: &Trace) {
    let others: Rc<Cell<Option<[Timer; 3]>>> = Rc::default();
    let (known, own) = (Rc::clone(&others), trace.clone());
    let first = event_loop.add_timer(move |event_loop, _| {
        own.at(event_loop, "first");
        own.timer(event_loop, "one ms later", 1, 0);
        let [stopped, put_off, restarted] = known.get().unwrap();
        event_loop.stop_timer(stopped);
        event_loop.start_timer(put_off, 2, 0);
        event_loop.stop_timer(restarted);
        event_loop.start_timer(restarted, 1, 0);
    });
    event_loop.start_timer(first, 2, 0);
    let names = ["stopped", "put off", "stopped and started"];
    others.set(Some(names.map(|name| trace.timer(event_loop, name, 2, 0))));
    trace.timer(event_loop, "last", 2, 0);
}

pub(crate) fn repeating_timers(event_loop: &mut Loop, trace: &Trace) {
    let other: Rc<Cell<Option<Timer>>> = Rc::default();
    let (known, own) = (Rc::clone(&other), trace.clone());
    let mut times = 0;
    let thrice = event_loop.add_timer(move |event_loop, itself| {
        own.at(event_loop, "every 10");
        times += 1;
        if times == 3 {
            event_loop.stop_timer(itself);
        }
        if times == 2 {
            event_loop.again_timer(known.get().unwrap());
        }
    });
    event_loop.start_timer(thrice, 3, 10);
    other.set(Some(trace.timer(event_loop, "later", 20, 0)));
    trace.timer(event_loop, "at 13", 13, 0);
}

pub(crate) fn late_timers(event_loop: &mut Loop, trace: &Trace) {
    let own = trace.clone();
    let hold = event_loop.add_timer(move |event_loop, _| {
        own.clock.advance_ms(25);
        own.at(event_loop, "holds");
        own.timer(event_loop, "ten from loop time", 10, 0);
        own.timer(event_loop, "thirty from loop time", 30, 0);
    });
    event_loop.start_timer(hold, 10, 0);
    trace.timer(event_loop, "due meanwhile", 20, 0);
    trace.timer(event_loop, "due after", 40, 0);
}

pub(crate) fn zero_timers(event_loop: &mut Loop, trace: &Trace) {
    fn start(event_loop: &mut Loop, trace: &Trace, name: &'static str, nth: u32) {
        let own = trace.clone();
        let timer = event_loop.add_timer(move |event_loop, _| {
            own.at(event_loop, name);
            if nth < 3 {
                start(event_loop, &own, "started with 0", nth + 1);
            }
        });
        event_loop.start_timer(timer, 0, 0);
    }
    start(event_loop, trace, "zero", 1);
}

pub(crate) fn closed_timers(event_loop: &mut Loop, trace: &Trace) {
    let other: Rc<Cell<Option<Timer>>> = Rc::default();
    let (known, own) = (Rc::clone(&other), trace.clone());
    let closes = event_loop.add_timer(move |event_loop, itself| {
        own.at(event_loop, "closes itself and another");
        own.close(event_loop, itself, "closes itself and another");
        own.close(event_loop, known.get().unwrap(), "other");
    });
    event_loop.start_timer(closes, 5, 1);
    other.set(Some(trace.timer(event_loop, "other", 5, 0)));
    trace.timer(event_loop, "third", 5, 0);
}
