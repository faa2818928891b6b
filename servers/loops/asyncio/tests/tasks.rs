//! What asyncio's twin programs in `order/` can't show: how tasks end with their loop, and what is a bug.
#![allow(
    clippy::unwrap_used,
    reason = "the helpers of a test fail as the test does"
)]

use asyncio::{Clock, ManualClock, Runner, Settings, create_task, get_running_loop, sleep};
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_task_goes_on_in_the_next_run_and_ends_with_the_runner() {
    struct Says(Rc<RefCell<Vec<&'static str>>>);
    impl Drop for Says {
        fn drop(&mut self) {
            // What is dropped with the loop may still use it.
            create_task(async { panic!("nothing runs any more") });
            self.0.borrow_mut().push("dropped");
        }
    }
    let said = Rc::default();
    let says = Says(Rc::clone(&said));
    let mut runner = runner();
    runner.event_loop().create_task(async move {
        for text in ["one", "two", "three", "never"] {
            sleep(2 * SECOND).await;
            says.0.borrow_mut().push(text);
        }
    });
    runner.run(sleep(3 * SECOND)).unwrap();
    assert_eq!(*said.borrow(), ["one"]);
    assert_eq!(runner.event_loop().tasks_alive(), 1);
    runner.run(sleep(4 * SECOND)).unwrap();
    assert_eq!(runner.event_loop().time(), 7 * SECOND);
    drop(runner);
    assert_eq!(*said.borrow(), ["one", "two", "three", "dropped"]);
}

#[test]
fn what_is_left_to_do_is_dropped_with_the_runner() {
    let held = Rc::new(());
    let mut runner = runner();
    let event_loop = runner.event_loop().clone();
    runner
        .run(async {
            for _ in 0..3 {
                let held = Rc::clone(&held);
                get_running_loop().call_later(SECOND, move || drop(held));
            }
        })
        .unwrap();
    let soon = Rc::clone(&held);
    event_loop.call_soon(move || drop(soon));
    let waits_for_itself = event_loop.create_future::<()>();
    let (future, of_task) = (waits_for_itself.clone(), Rc::clone(&held));
    event_loop.create_task(async move {
        future.await.unwrap();
        drop(of_task);
    });
    assert_eq!(Rc::strong_count(&held), 6);
    drop(runner);
    assert_eq!(Rc::strong_count(&held), 1);
    assert_eq!(event_loop.tasks_alive(), 0);
}

#[test]
fn a_task_whose_handle_is_dropped_runs_and_one_that_cancels_itself_ends_at_its_next_wait() {
    let steps = Rc::new(Cell::new(0));
    let counted = Rc::clone(&steps);
    runner()
        .run(async move {
            let task = Rc::new(RefCell::new(None));
            let itself = Rc::clone(&task);
            *task.borrow_mut() = Some(create_task(async move {
                counted.set(1);
                assert!(itself.borrow().as_ref().is_some_and(asyncio::Task::cancel));
                counted.set(2);
                sleep(SECOND).await;
                counted.set(3);
            }));
            sleep(2 * SECOND).await;
            assert!(task.borrow().as_ref().is_some_and(asyncio::Task::done));
        })
        .unwrap();
    assert_eq!(steps.get(), 2);
}

#[test]
fn a_panic_ends_the_loop_and_leaves_the_thread_usable() {
    let mut broken = runner();
    let run = AssertUnwindSafe(|| {
        broken.run(async {
            create_task(async { panic!("a bug") });
            sleep(SECOND).await;
        })
    });
    assert!(panic::catch_unwind(run).is_err());
    drop(broken);
    runner().run(sleep(SECOND)).unwrap();
}

#[test]
#[should_panic(expected = "a loop runs on this thread already")]
fn a_loop_does_not_run_within_a_loop() {
    runner()
        .run(async { runner().run(sleep(SECOND)).unwrap() })
        .unwrap();
}

#[test]
fn the_loop_says_what_it_did() {
    let clock = ManualClock::new();
    let mut runner = Runner::new(Settings {
        clock: Clock::Manual(clock.clone()),
        ..Settings::default()
    })
    .unwrap();
    runner
        .run(async move {
            let event_loop = get_running_loop();
            event_loop.call_soon(move || clock.advance_ms(30));
            for _ in 0..5 {
                event_loop.call_soon(|| ()).cancel();
            }
            assert_eq!((event_loop.ready_len(), event_loop.tasks_alive()), (6, 0));
            sleep(SECOND).await;
        })
        .unwrap();
    let metrics = runner.event_loop().metrics();
    // main; the callbacks, cancelled ones too; the timer; main; its done callback.
    assert_eq!(
        (metrics.turns, metrics.handles_run, metrics.parks),
        (5, 10, 1)
    );
    assert_eq!(
        (metrics.longest_blocked_ns, metrics.busy_ns),
        (30_000_000, 30_000_000)
    );
    assert_eq!(runner.event_loop().time(), SECOND);
}

fn runner() -> Runner {
    let clock = Clock::Manual(ManualClock::new());
    Runner::new(Settings {
        clock,
        ..Settings::default()
    })
    .unwrap()
}
