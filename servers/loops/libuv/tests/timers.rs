//! Timers on virtual time.
#![allow(
    clippy::unwrap_used,
    reason = "the helpers of a test fail as the test does"
)]

use libuv::{Clock, Loop, ManualClock, Phase, Settings, Timer, TimerRule};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

#[test]
fn a_million_timers_fire_by_due_time_and_ties_by_start() {
    const TIMERS: u32 = 1_000_000;
    let (mut event_loop, _) = manual_loop();
    let fired = Rc::new(RefCell::new(Vec::with_capacity(TIMERS as usize)));
    let mut expected = Vec::with_capacity(TIMERS as usize);
    for number in 0..TIMERS {
        // Knuth's multiplicative hash spreads them over a second, a thousand to the millisecond.
        let due_ms = u64::from(number.wrapping_mul(2_654_435_761) >> 16) % 1_000;
        let fired = Rc::clone(&fired);
        let timer = event_loop.add_timer(move |event_loop, itself| {
            fired.borrow_mut().push((event_loop.now_ms(), number));
            event_loop.close(itself);
        });
        event_loop.start_timer(timer, due_ms, 0);
        expected.push((due_ms, number));
    }
    expected.sort_unstable();
    assert!(!event_loop.run().unwrap());
    assert!(*fired.borrow() == expected, "the order differs");
    assert_eq!(event_loop.metrics().timers.late_ns.max(), 0);
}

#[test]
fn repeating_timers_fire_one_interval_after_the_turn_in_which_they_ran_and_catch_up_nothing() {
    let (mut event_loop, clock) = manual_loop();
    let fired_ms = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&fired_ms);
    let timer = event_loop.add_timer(move |event_loop, itself| {
        seen.borrow_mut().push(event_loop.now_ms());
        match seen.borrow().len() {
            2 => clock.advance_ms(35),
            4 => event_loop.close(itself),
            _ => {}
        }
    });
    event_loop.start_timer(timer, 5, 10);
    event_loop.run().unwrap();
    // Held from 15 to 50, it was due at 25, and then 10 ms after loop time 50.
    assert_eq!(*fired_ms.borrow(), [5, 15, 50, 60]);
    let metrics = event_loop.metrics();
    assert_eq!(metrics.longest_blocked_ns, 35_000_000);
    assert!(
        (24_500_000..=25_500_000).contains(&metrics.timers.late_ns.max()),
        "found due 25 ms late"
    );
}

#[test]
fn the_poll_phase_waits_from_the_present_and_not_from_cached_time() {
    let (mut event_loop, clock) = manual_loop();
    let now = clock.clone();
    let (first, second) = (quiet(&mut event_loop), quiet(&mut event_loop));
    let holds = event_loop.add_timer(move |_, _| clock.advance_ms(7));
    event_loop.start_timer(holds, 0, 0);
    event_loop.start_timer(first, 10, 0);
    event_loop.start_timer(second, 12, 0);
    event_loop.run().unwrap();
    drop(now);
    assert_eq!(
        event_loop.now_ms(),
        12,
        "7 ms had passed when the loop came to wait for the 10th and 12th"
    );
    assert_eq!(event_loop.metrics().timers.late_ns.max(), 0);
}

#[test]
fn a_timer_is_never_early_or_by_libuvs_own_rule_up_to_a_millisecond() {
    for (timer_rule, fired_ns, early_ns, late_ns) in [
        (TimerRule::NeverEarly, 2_000_000, 0, 100_000),
        (TimerRule::Own, 1_000_000, 900_000, 0),
    ] {
        let clock = ManualClock::new();
        clock.advance_ns(900_000);
        let mut event_loop = Loop::new(Settings {
            clock: Clock::Manual(clock.clone()),
            timer_rule,
            ..Settings::default()
        })
        .unwrap();
        // Each turn takes a tenth of a millisecond, and none waits.
        let passing = clock.clone();
        let idle = event_loop.add_watcher(Phase::Idle, move |_, _| passing.advance_ns(100_000));
        event_loop.start_watcher(idle);
        event_loop.unref(idle);
        let timer = quiet(&mut event_loop);
        event_loop.start_timer(timer, 1, 0);
        event_loop.run().unwrap();
        let timers = &event_loop.metrics().timers;
        let punctuality = (timers.early_ns.max(), timers.late_ns.max());
        // To two digits.
        let near = |a: u64, b: u64| a.abs_diff(b) <= b / 50;
        assert!(
            near(punctuality.0, early_ns),
            "{timer_rule:?}: {punctuality:?}"
        );
        assert!(
            near(punctuality.1, late_ns),
            "{timer_rule:?}: {punctuality:?}"
        );
        assert_eq!(clock_ns(&clock), fired_ns, "{timer_rule:?}");
    }
}

fn clock_ns(clock: &ManualClock) -> u64 {
    Clock::Manual(clock.clone()).now_ns()
}

#[test]
fn a_timer_stopped_or_restarted_by_another_of_the_same_turn_does_not_run_in_it() {
    let (mut event_loop, _) = manual_loop();
    let fired = Rc::new(RefCell::new(Vec::new()));
    let later: Rc<Cell<Option<[Timer; 3]>>> = Rc::default();
    let (seen, others) = (Rc::clone(&fired), Rc::clone(&later));
    let first = event_loop.add_timer(move |event_loop, _| {
        seen.borrow_mut().push((event_loop.now_ms(), "first"));
        let [stopped, restarted, closed] = others.get().expect("set before run");
        event_loop.stop_timer(stopped);
        event_loop.start_timer(restarted, 2, 0);
        event_loop.close(closed);
    });
    event_loop.start_timer(first, 1, 0);
    let others = ["stopped", "restarted", "closed"].map(|name| {
        let seen = Rc::clone(&fired);
        let timer = event_loop
            .add_timer(move |event_loop, _| seen.borrow_mut().push((event_loop.now_ms(), name)));
        event_loop.start_timer(timer, 1, 0);
        timer
    });
    later.set(Some(others));
    event_loop.run().unwrap();
    assert_eq!(*fired.borrow(), [(1, "first"), (3, "restarted")]);
}

#[test]
fn again_starts_only_what_repeats() {
    let (mut event_loop, _) = manual_loop();
    let (once, repeats) = (quiet(&mut event_loop), quiet(&mut event_loop));
    event_loop.start_timer(once, 1, 0);
    event_loop.start_timer(repeats, 1, 4);
    event_loop.stop_timer(once);
    event_loop.stop_timer(repeats);
    event_loop.again_timer(once);
    event_loop.again_timer(repeats);
    assert!(!event_loop.is_active(once) && event_loop.is_active(repeats));
}

#[test]
fn a_timer_beyond_the_end_of_time_is_due_at_the_end_of_time() {
    let (mut event_loop, clock) = manual_loop();
    clock.advance_ms(10);
    let never = event_loop.add_timer(|_, _| panic!("u64::MAX ms have not passed"));
    let soon = event_loop.add_timer(|event_loop, _| event_loop.stop());
    event_loop.start_timer(soon, 1, 0);
    event_loop.start_timer(never, u64::MAX, 0);
    assert!(event_loop.run().unwrap());
}

fn quiet(event_loop: &mut Loop) -> Timer {
    event_loop.add_timer(|_, _| {})
}

fn manual_loop() -> (Loop, ManualClock) {
    let clock = ManualClock::new();
    let settings = Settings {
        clock: Clock::Manual(clock.clone()),
        ..Settings::default()
    };
    (Loop::new(settings).unwrap(), clock)
}
