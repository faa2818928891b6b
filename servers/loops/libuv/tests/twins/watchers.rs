//! Phases, watchers, closing, references: compare `watchers.c`.

use crate::Trace;
use libuv::{Handle, Loop, Phase, Watcher};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

pub(crate) fn phases(event_loop: &mut Loop, trace: &Trace) {
    let handles: Rc<RefCell<Vec<(Handle, &str)>>> = Rc::default();
    let (known, own) = (Rc::clone(&handles), trace.clone());
    let mut turns = 0;
    let check = event_loop.add_watcher(Phase::Check, move |event_loop, _| {
        own.at(event_loop, "check");
        let something = own.timer(event_loop, "something", 1000, 0);
        own.close(event_loop, something, "something");
        turns += 1;
        if turns == 3 {
            for &(handle, name) in &*known.borrow() {
                own.close(event_loop, handle, name);
            }
        }
        own.clock.advance_ms(1);
    });
    event_loop.start_watcher(check);
    let idle = trace.watcher(event_loop, Phase::Idle, "idle");
    let prepare = trace.watcher(event_loop, Phase::Prepare, "prepare");
    let repeats = trace.timer(event_loop, "timer", 0, 1);
    handles.borrow_mut().extend([
        (check.into(), "check"),
        (idle.into(), "idle"),
        (prepare.into(), "prepare"),
        (repeats.into(), "timer"),
    ]);
}

pub(crate) fn order_of_watchers(event_loop: &mut Loop, trace: &Trace) {
    let [a, b, c] = ["a", "b", "c"].map(|name| trace.watcher(event_loop, Phase::Prepare, name));
    let idle = trace.watcher(event_loop, Phase::Idle, "idle");
    let mut times = 0;
    let change = event_loop.add_watcher(Phase::Check, move |event_loop, itself| {
        times += 1;
        match times {
            1 => event_loop.stop_watcher(b),
            2 => event_loop.start_watcher(b),
            _ => {
                for watcher in [a, b, c, itself, idle] {
                    event_loop.close(watcher);
                }
            }
        }
    });
    event_loop.start_watcher(change);
}

pub(crate) fn watchers_in_their_phase(event_loop: &mut Loop, trace: &Trace) {
    let stopped = trace.watcher(event_loop, Phase::Idle, "stopped");
    let own = trace.clone();
    let (mut times, mut started) = (0, None);
    let watcher = event_loop.add_watcher(Phase::Idle, move |event_loop, itself| {
        own.at(event_loop, "starts and stops");
        times += 1;
        if times == 1 {
            started = Some(own.watcher(event_loop, Phase::Idle, "started meanwhile"));
            event_loop.stop_watcher(stopped);
        }
        if times == 3 {
            event_loop.stop_watcher(itself);
            event_loop.stop_watcher(started.unwrap());
        }
    });
    event_loop.start_watcher(watcher);
}

pub(crate) fn closing(event_loop: &mut Loop, trace: &Trace) {
    let a = trace.timer(event_loop, "a", 10, 0);
    let b = trace.watcher(event_loop, Phase::Check, "b");
    let c = trace.watcher(event_loop, Phase::Idle, "c");
    let own = trace.clone();
    let closes = event_loop.add_timer(move |event_loop, _| {
        own.at(event_loop, "closes three");
        own.close(event_loop, a, "a");
        own.close(event_loop, b, "b");
        own.close(event_loop, c, "c");
        let active = u8::from(event_loop.is_active(a));
        own.at(event_loop, &format!("active: {active}"));
    });
    event_loop.start_timer(closes, 0, 0);
}

pub(crate) fn closing_in_closing(event_loop: &mut Loop, trace: &Trace) {
    let [a, b, c] = ["a", "b", "c"].map(|name| trace.timer(event_loop, name, 10, 0));
    let idle = event_loop.add_watcher(Phase::Idle, Loop::stop_watcher);
    event_loop.start_watcher(idle);
    let own = trace.clone();
    let check = event_loop.add_watcher(Phase::Check, move |event_loop, itself| {
        own.at(event_loop, "check");
        event_loop.stop_watcher(itself);
        let first = own.clone();
        event_loop.close_then(a, move |event_loop| {
            first.at(event_loop, "close a");
            let second = first.clone();
            event_loop.close_then(b, move |event_loop| {
                second.at(event_loop, "close b");
                second.close(event_loop, c, "c");
            });
        });
    });
    event_loop.start_watcher(check);
}

pub(crate) fn references(event_loop: &mut Loop, trace: &Trace) {
    let nobodys = trace.timer(event_loop, "nobody waits for this", 100, 0);
    event_loop.unref(nobodys);
    let other = trace.timer(event_loop, "nor, in the end, for this", 50, 0);
    let own = trace.clone();
    let takes = event_loop.add_timer(move |event_loop, _| {
        own.at(event_loop, "takes away a reference");
        event_loop.unref(other);
        let alive = u8::from(event_loop.is_alive());
        own.at(event_loop, &format!("alive: {alive}"));
    });
    event_loop.start_timer(takes, 10, 0);
}

pub(crate) fn stopping(event_loop: &mut Loop, trace: &Trace) {
    let stops = |name: &'static str| {
        let own = trace.clone();
        move |event_loop: &mut Loop, handle: Handle| {
            own.at(event_loop, name);
            event_loop.stop();
            own.close(event_loop, handle, name);
        }
    };
    let watchers: [(Phase, &str); 2] = [
        (Phase::Prepare, "prepare stops"),
        (Phase::Check, "check stops"),
    ];
    for (phase, name) in watchers {
        let stop = stops(name);
        let watcher: Watcher =
            event_loop.add_watcher(phase, move |event_loop, it| stop(event_loop, it.into()));
        event_loop.start_watcher(watcher);
    }
    let stop = stops("timer stops");
    let timer = event_loop.add_timer(move |event_loop, it| stop(event_loop, it.into()));
    event_loop.start_timer(timer, 5, 5);
    trace.timer(event_loop, "timer", 7, 0);
}

/// Counts turns as the programs do: by their prepare phases.
pub(crate) fn count_turns(event_loop: &mut Loop) -> Rc<Cell<u32>> {
    let turn = Rc::new(Cell::new(0));
    let counted = Rc::clone(&turn);
    let watcher = event_loop.add_watcher(Phase::Prepare, move |_, _| {
        counted.set(counted.get() + 1);
    });
    event_loop.start_watcher(watcher);
    event_loop.unref(watcher);
    turn
}
