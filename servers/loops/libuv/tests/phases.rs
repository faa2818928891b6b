//! The order of a turn's phases, against libuv's `uv_run`.
#![allow(
    clippy::unwrap_used,
    reason = "the helpers of a test fail as the test does"
)]

use libuv::{Clock, Handle, Loop, MAX_PENDING_ROUNDS, ManualClock, Phase, Settings, Watcher};
use std::cell::{Cell, RefCell};
use std::fmt::Write;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

/// One callback in every phase for three turns; each line is a turn.
#[test]
fn turns_go_through_the_phases_in_libuvs_order() {
    let clock = ManualClock::new();
    let mut event_loop = Loop::new(Settings {
        clock: Clock::Manual(clock.clone()),
        ..Settings::default()
    })
    .unwrap();
    let log = Log::default();
    for phase in [Phase::Check, Phase::Prepare, Phase::Idle] {
        let (log, clock) = (log.clone(), clock.clone());
        let watcher = event_loop.add_watcher(phase, move |event_loop, _| {
            log.add(event_loop, &format!("{phase:?}").to_lowercase());
            if phase == Phase::Check {
                close_something(event_loop, &log);
                // An idle callback keeps the poll phase from waiting, so that time stands still but for this.
                clock.advance_ms(1);
            }
        });
        event_loop.start_watcher(watcher);
    }
    let timer_log = log.clone();
    let timer = event_loop.add_timer(move |event_loop, _| {
        timer_log.add(event_loop, "timers");
        let log = timer_log.clone();
        event_loop.defer(move |event_loop| log.add(event_loop, "pending"));
        let log = timer_log.clone();
        let posted = event_loop.remote().post(move |event_loop| {
            log.add(event_loop, "poll");
            event_loop.defer(move |event_loop| log.add(event_loop, "pending"));
        });
        assert_eq!(posted, Ok(()));
        if event_loop.metrics().turns == 3 {
            event_loop.stop();
        }
    });
    event_loop.start_timer(timer, 0, 1);

    assert!(event_loop.run().unwrap());

    insta::assert_snapshot!(log.table(), @r"
    0: timers
    1: pending idle prepare poll pending check closing timers
    2: pending idle prepare poll pending check closing timers
    3: pending idle prepare poll pending check closing timers
    ");
}

#[test]
fn a_timer_of_0_ms_fires_at_the_end_of_the_turn_or_if_a_timer_started_it_of_the_next() {
    let fired = consequence(|event_loop, log| {
        let timer = event_loop.add_timer(move |event_loop, _| log.add(event_loop, "timers"));
        event_loop.start_timer(timer, 0, 0);
    });
    insta::assert_snapshot!(fired, @r"
    timers on entry -> 1: timers
    pending in turn 1 -> 1: timers
    idle in turn 1 -> 1: timers
    prepare in turn 1 -> 1: timers
    poll in turn 1 -> 1: timers
    check in turn 1 -> 1: timers
    closing in turn 1 -> 1: timers
    timers in turn 1 -> 2: timers
    ");
}

#[test]
fn what_is_closed_is_gone_by_the_end_of_the_turn_or_if_a_closing_callback_or_timer_closed_it_of_the_next()
 {
    let closed = consequence(|event_loop, log| close_something(event_loop, &log));
    insta::assert_snapshot!(closed, @r"
    timers on entry -> 1: closing
    pending in turn 1 -> 1: closing
    idle in turn 1 -> 1: closing
    prepare in turn 1 -> 1: closing
    poll in turn 1 -> 1: closing
    check in turn 1 -> 1: closing
    closing in turn 1 -> 2: closing
    timers in turn 1 -> 2: closing
    ");
}

#[test]
fn what_is_put_off_runs_in_the_next_pending_phase_of_which_a_turn_has_two() {
    let deferred = consequence(|event_loop, log| {
        event_loop.defer(move |event_loop| log.add(event_loop, "pending"));
    });
    insta::assert_snapshot!(deferred, @r"
    timers on entry -> 1: pending
    pending in turn 1 -> 1: pending
    idle in turn 1 -> 1: pending
    prepare in turn 1 -> 1: pending
    poll in turn 1 -> 1: pending
    check in turn 1 -> 2: pending
    closing in turn 1 -> 2: pending
    timers in turn 1 -> 2: pending
    ");
}

#[test]
fn work_completes_in_the_poll_phase_wherever_it_was_queued() {
    for door in Door::ALL {
        let mut event_loop = manual_loop();
        let log = Log::default();
        for phase in [Phase::Prepare, Phase::Check] {
            let log = log.clone();
            let watcher = event_loop.add_watcher(phase, move |event_loop, _| {
                log.add(event_loop, &format!("{phase:?}").to_lowercase());
            });
            event_loop.start_watcher(watcher);
            event_loop.unref(watcher);
        }
        let work_log = log.clone();
        door.enter(&mut event_loop, move |event_loop| {
            let queued = event_loop.queue_work(
                || 42,
                move |event_loop, answer| {
                    assert_eq!(answer, 42);
                    work_log.add(event_loop, "completed");
                },
            );
            assert_eq!(queued, Ok(()));
        });
        event_loop.run().unwrap();
        assert!(
            log.table().contains("prepare completed check"),
            "{door:?}:\n{}",
            log.table()
        );
    }
}

#[test]
fn a_callback_may_close_its_own_handle_in_every_phase() {
    for door in Door::ALL {
        let mut event_loop = manual_loop();
        let log = Log::default();
        let closed = log.clone();
        door.enter(&mut event_loop, move |event_loop| {
            // `enter` closes the handle it came by, inside the callback; closing again must do nothing.
            event_loop.defer(move |event_loop| closed.add(event_loop, "ran once"));
        });
        assert!(!event_loop.run().unwrap(), "{door:?}: nothing is left");
        assert_eq!(log.table().matches("ran once").count(), 1, "{door:?}");
    }
}

#[test]
fn what_puts_itself_off_for_ever_gets_one_round_and_eight_more_in_a_turn() {
    fn again(event_loop: &mut Loop, runs: Rc<Cell<usize>>) {
        event_loop.defer(move |event_loop| {
            runs.set(runs.get() + 1);
            again(event_loop, runs);
        });
    }
    let mut event_loop = manual_loop();
    let runs = Rc::new(Cell::new(0));
    again(&mut event_loop, Rc::clone(&runs));
    let at_check = Rc::new(RefCell::new(Vec::new()));
    let (seen, counted) = (Rc::clone(&at_check), Rc::clone(&runs));
    let check = event_loop.add_watcher(Phase::Check, move |event_loop, _| {
        seen.borrow_mut().push(counted.get());
        if event_loop.metrics().turns == 2 {
            event_loop.stop();
        }
    });
    event_loop.start_watcher(check);
    event_loop.run().unwrap();
    assert_eq!(MAX_PENDING_ROUNDS, 8);
    assert_eq!(
        *at_check.borrow(),
        [1 + MAX_PENDING_ROUNDS, 2 * (1 + MAX_PENDING_ROUNDS)]
    );
}

#[test]
fn watchers_of_a_phase_run_last_started_first() {
    let mut event_loop = manual_loop();
    let log = Log::default();
    let watchers: Vec<Watcher> = ["a", "b", "c"]
        .into_iter()
        .map(|name| {
            let log = log.clone();
            event_loop.add_watcher(Phase::Prepare, move |event_loop, _| {
                log.add(event_loop, name);
            })
        })
        .collect();
    let [a, b, c] = watchers[..] else {
        panic!("three watchers")
    };
    for watcher in [c, a, b] {
        event_loop.start_watcher(watcher);
    }
    let turns = event_loop.add_watcher(Phase::Check, move |event_loop, itself| {
        match event_loop.metrics().turns {
            1 => event_loop.stop_watcher(a),
            2 => event_loop.start_watcher(a),
            _ => [a, b, c, itself]
                .into_iter()
                .for_each(|watcher| event_loop.close(watcher)),
        }
    });
    event_loop.start_watcher(turns);
    // Without an idle callback or a timer the poll phase would wait for ever.
    let idle = event_loop.add_watcher(Phase::Idle, |_, _| {});
    event_loop.start_watcher(idle);
    event_loop.unref(idle);
    event_loop.run().unwrap();
    insta::assert_snapshot!(log.table(), @r"
    1: b a c
    2: b c
    3: a b c
    ");
}

#[test]
fn the_loop_ends_when_nothing_referenced_is_active() {
    let mut event_loop = manual_loop();
    assert!(!event_loop.run().unwrap());
    assert_eq!(event_loop.metrics().turns, 0);

    let timer = event_loop.add_timer(|_, _| panic!("nobody waits for this timer"));
    event_loop.start_timer(timer, 1, 0);
    event_loop.unref(timer);
    assert!(event_loop.is_active(timer) && !event_loop.is_alive());
    assert!(!event_loop.run().unwrap());

    event_loop.reference(timer);
    assert!(event_loop.is_alive());
    event_loop.close(timer);
    event_loop.close(timer);
    assert!(
        event_loop.is_alive(),
        "a closing handle keeps the loop alive for its callback"
    );
    assert!(!event_loop.run().unwrap());
}

#[test]
fn stop_before_run_makes_it_return_at_once_and_only_once() {
    let mut event_loop = manual_loop();
    let timer = event_loop.add_timer(|_, _| {});
    event_loop.start_timer(timer, 5, 0);
    event_loop.stop();
    assert!(event_loop.run().unwrap());
    assert_eq!(event_loop.metrics().turns, 0);
    assert!(!event_loop.run().unwrap());
    assert_eq!(event_loop.now_ms(), 5);
}

#[test]
fn keys_of_closed_handles_are_harmless() {
    let mut event_loop = manual_loop();
    let stale = event_loop.add_timer(|_, _| panic!("closed before it could fire"));
    event_loop.close(stale);
    event_loop.run().unwrap();
    let fired = Rc::new(Cell::new(0));
    let seen = Rc::clone(&fired);
    let tenant = event_loop.add_timer(move |_, _| seen.set(seen.get() + 1));
    assert_ne!(Handle::from(stale), Handle::from(tenant));
    event_loop.start_timer(tenant, 3, 0);
    event_loop.start_timer(stale, 1, 1);
    event_loop.stop_timer(stale);
    event_loop.again_timer(stale);
    event_loop.unref(stale);
    event_loop.close_then(stale, |_| panic!("closed before"));
    assert!(!event_loop.is_active(stale) && event_loop.is_active(tenant));
    event_loop.run().unwrap();
    assert_eq!((fired.get(), event_loop.now_ms()), (1, 3));
}

/// Does something in each phase and says where its consequence, which logs itself, came about.
fn consequence(act: fn(&mut Loop, Log)) -> String {
    let mut lines = String::new();
    for door in Door::ALL {
        let mut event_loop = manual_loop();
        let log = Log::default();
        let inner = log.clone();
        door.enter(&mut event_loop, move |event_loop| act(event_loop, inner));
        event_loop.run().unwrap();
        writeln!(lines, "{} -> {}", door.name(), log.table()).unwrap();
    }
    lines
}

/// A place in the order of a turn from which a callback acts.
#[derive(Debug, Clone, Copy)]
enum Door {
    TimersOnEntry,
    Pending,
    Idle,
    Prepare,
    Poll,
    Check,
    Closing,
    Timers,
}

impl Door {
    const ALL: [Self; 8] = [
        Self::TimersOnEntry,
        Self::Pending,
        Self::Idle,
        Self::Prepare,
        Self::Poll,
        Self::Check,
        Self::Closing,
        Self::Timers,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::TimersOnEntry => "timers on entry",
            Self::Pending => "pending in turn 1",
            Self::Idle => "idle in turn 1",
            Self::Prepare => "prepare in turn 1",
            Self::Poll => "poll in turn 1",
            Self::Check => "check in turn 1",
            Self::Closing => "closing in turn 1",
            Self::Timers => "timers in turn 1",
        }
    }

    /// Has `act` run there, once, by a handle that closes itself inside its callback.
    fn enter(self, event_loop: &mut Loop, act: impl FnOnce(&mut Loop) + 'static) {
        match self {
            Self::TimersOnEntry => start_once(event_loop, act),
            Self::Pending => event_loop.defer(act),
            Self::Idle => watch_once(event_loop, Phase::Idle, act),
            Self::Prepare => watch_once(event_loop, Phase::Prepare, act),
            Self::Poll => event_loop
                .queue_work(|| (), move |event_loop, ()| act(event_loop))
                .unwrap(),
            Self::Check => watch_once(event_loop, Phase::Check, act),
            Self::Closing => {
                let timer = event_loop.add_timer(|_, _| {});
                event_loop.close_then(timer, act);
            }
            Self::Timers => event_loop.defer(move |event_loop| start_once(event_loop, act)),
        }
    }
}

fn start_once(event_loop: &mut Loop, act: impl FnOnce(&mut Loop) + 'static) {
    let mut act = Some(act);
    let timer = event_loop.add_timer(move |event_loop, itself| {
        event_loop.close(itself);
        act.take().expect("a closed timer doesn't fire again")(event_loop);
    });
    event_loop.start_timer(timer, 0, 1);
}

fn watch_once(event_loop: &mut Loop, phase: Phase, act: impl FnOnce(&mut Loop) + 'static) {
    let mut act = Some(act);
    let watcher = event_loop.add_watcher(phase, move |event_loop, itself| {
        event_loop.close(itself);
        act.take().expect("a closed watcher doesn't run again")(event_loop);
    });
    event_loop.start_watcher(watcher);
    // Without something due the poll phase would wait for ever and no check phase would come.
    let wake = event_loop.add_timer(Loop::close);
    event_loop.start_timer(wake, 1, 0);
}

fn close_something(event_loop: &mut Loop, log: &Log) {
    let log = log.clone();
    let timer = event_loop.add_timer(|_, _| {});
    event_loop.close_then(timer, move |event_loop| log.add(event_loop, "closing"));
}

fn manual_loop() -> Loop {
    let clock = Clock::Manual(ManualClock::new());
    Loop::new(Settings {
        clock,
        ..Settings::default()
    })
    .unwrap()
}

/// What ran, by turn. Turn 0 is before the first: the timers on entry.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(u64, String)>>>);

impl Log {
    fn add(&self, event_loop: &Loop, what: &str) {
        self.0
            .lock()
            .unwrap()
            .push((event_loop.metrics().turns, what.to_owned()));
    }

    fn table(&self) -> String {
        let mut lines: Vec<String> = Vec::new();
        let mut last = None;
        for (turn, what) in self.0.lock().unwrap().iter() {
            match lines.last_mut().filter(|_| last == Some(*turn)) {
                Some(line) => write!(line, " {what}").unwrap(),
                None => lines.push(format!("{turn}: {what}")),
            }
            last = Some(*turn);
        }
        lines.join("\n")
    }
}
