//! Coroutines on the loop: in which phase they run, and that nothing is lost between them and it.
#![allow(
    clippy::unwrap_used,
    reason = "the helpers of a test fail as the test does"
)]

use libuv::{
    Clock, Elapsed, Event, ManualClock, Phase, Pool, PoolError, Runner, Semaphore, Settings,
    TcpListener, TcpStream, metrics, run_in_pool, sleep, spawn, tasks_alive, time, wait_for,
};
use std::cell::RefCell;
use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[test]
fn steps_are_taken_in_the_idle_phase_and_what_they_wake_in_the_next_turns() {
    let log: Rc<RefCell<Vec<String>>> = Rc::default();
    let mut runner = runner();
    for phase in [Phase::Prepare, Phase::Check] {
        let log = Rc::clone(&log);
        let watcher = runner
            .event_loop()
            .add_watcher(phase, move |event_loop, _| {
                let turn = event_loop.metrics().turns;
                let line = format!("{turn}: {phase:?}, {} ms", event_loop.now_ms());
                log.borrow_mut().push(line);
            });
        runner.event_loop().start_watcher(watcher);
    }
    let said = Rc::clone(&log);
    let say = move |text: &str| {
        let line = format!("{}: {text}, {} ms", metrics().turns, time().as_millis());
        said.borrow_mut().push(line);
    };
    runner
        .run(async move {
            say("main");
            let too = say.clone();
            spawn(async move {
                too("task");
                sleep(Duration::ZERO).await;
                too("task again");
            });
            sleep(Duration::from_millis(5)).await;
            say("main again");
        })
        .unwrap();
    // A timer wakes in the timers phase at the end of turn 3, hence the step in turn 4.
    assert_eq!(
        log.borrow()[..9],
        [
            "1: main, 0 ms",
            "1: Prepare, 0 ms",
            "1: Check, 0 ms",
            "2: task, 0 ms",
            "2: Prepare, 0 ms",
            "2: Check, 0 ms",
            "3: task again, 0 ms",
            "3: Prepare, 0 ms",
            "3: Check, 5 ms",
        ]
    );
    assert_eq!(log.borrow()[9], "4: main again, 5 ms");
}

#[test]
fn what_is_sent_comes_back_through_buffers_that_are_full_and_through_a_half_closed_end() {
    // Far more than the kernel's buffers hold, so that both sides wait for each other.
    const LEN: usize = 16 * 1024 * 1024;
    let sent: Vec<u8> = (0..=250_u8).cycle().take(LEN).collect();
    runner()
        .run(async {
            let (listener, addr) = listen();
            spawn(async move {
                let (mut theirs, _) = listener.accept().await.unwrap();
                let mut buf = vec![0; 100_000];
                loop {
                    match theirs.read(&mut buf).await.unwrap() {
                        0 => break theirs.shutdown().await.unwrap(),
                        len => theirs.write_all(&buf[..len]).await.unwrap(),
                    }
                }
            });
            let ours = TcpStream::connect(addr).await.unwrap();
            let (mut reader, mut writer) = tokio::io::split(ours);
            let expected = sent.clone();
            spawn(async move {
                writer.write_all(&sent).await.unwrap();
                writer.shutdown().await.unwrap();
            });
            let mut received = Vec::new();
            reader.read_to_end(&mut received).await.unwrap();
            assert!(received == expected, "{} bytes came back", received.len());
        })
        .unwrap();
}

#[test]
fn a_burst_of_connections_is_accepted_one_a_turn() {
    const CLIENTS: u64 = 5;
    let turns = runner()
        .run(async {
            let (listener, addr) = listen();
            let clients: Vec<_> = (0..CLIENTS)
                .map(|_| std::net::TcpStream::connect(addr).unwrap())
                .collect();
            let mut turns = Vec::new();
            for _ in &clients {
                listener.accept().await.unwrap();
                turns.push(metrics().turns);
            }
            turns
        })
        .unwrap();
    assert!(
        turns.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{turns:?}"
    );
}

#[test]
fn a_limit_ends_a_wait_and_a_wait_that_is_dropped_leaves_no_timer() {
    let mut runner = runner();
    let day = Duration::from_hours(24);
    let waited = runner.run(wait_for(sleep(day), Duration::from_secs(1)));
    assert_eq!(waited.unwrap(), Err(Elapsed));
    let at_end = runner.run(async move {
        let in_time = wait_for(async { 7 }, day).await;
        sleep(Duration::from_secs(1)).await;
        (in_time, time())
    });
    assert_eq!(at_end.unwrap(), (Ok(7), Duration::from_secs(2)));
    // Nobody waits for the day, neither time: with nothing left, the loop ends at once.
    assert!(!runner.event_loop().run().unwrap());
    assert_eq!(runner.event_loop().now_ms(), 2_000);
}

#[test]
fn a_wait_is_never_early_and_ends_at_a_whole_millisecond() {
    let clock = ManualClock::new();
    let mut runner = Runner::new(Settings {
        clock: Clock::Manual(clock.clone()),
        ..Settings::default()
    })
    .unwrap();
    clock.advance_ns(300);
    let woken = runner.run(async {
        sleep(Duration::from_millis(10)).await;
        (time(), metrics().timers)
    });
    let (woken, timers) = woken.unwrap();
    assert_eq!(
        woken.as_nanos(),
        11_000_300,
        "a wait is in whole milliseconds"
    );
    assert_eq!((timers.late_ns.len(), timers.early_ns.len()), (1, 0));
}

#[test]
fn the_pool_works_for_tasks_and_says_when_it_is_full() {
    let mut runner = runner();
    let (begun, has_begun) = std::sync::mpsc::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    runner
        .run(async move {
            let first = run_in_pool(move || {
                begun.send(()).unwrap();
                released.recv().unwrap_err();
                "first"
            });
            has_begun.recv().unwrap();
            let others: Vec<_> = (0..libuv::MAX_QUEUED_WORK)
                .map(|number| run_in_pool(move || number).unwrap())
                .collect();
            assert_eq!(run_in_pool(|| ()).err(), Some(PoolError::Full));
            drop(release);
            assert_eq!(first.unwrap().await, "first");
            for (number, result) in others.into_iter().enumerate() {
                assert_eq!(result.await, number);
            }
        })
        .unwrap();
}

#[test]
fn a_task_is_woken_from_another_thread_once_for_many_wakes() {
    let waker = Arc::new(Mutex::new(None::<Waker>));
    let known = Arc::clone(&waker);
    let steps = Rc::new(RefCell::new(0));
    let counted = Rc::clone(&steps);
    let done = runner().run(async move {
        spawn(async move {
            poll_fn::<(), _>(|cx| {
                *counted.borrow_mut() += 1;
                *known.lock().unwrap() = Some(cx.waker().clone());
                Poll::Pending
            })
            .await;
        });
        sleep(Duration::ZERO).await;
        let wake = move || {
            let waker = waker.lock().unwrap().clone().unwrap();
            (0..1_000).for_each(|_| waker.wake_by_ref());
        };
        // All of them wait in the mailbox before the loop polls again.
        thread::spawn(wake).join().unwrap();
        run_in_pool(|| ()).unwrap().await;
        tasks_alive()
    });
    assert_eq!(done.unwrap(), 1, "it waits for ever");
    assert_eq!(*steps.borrow(), 2);
}

#[test]
fn events_and_semaphores_wake_in_order_and_a_wait_that_is_dropped_passes_its_turn_on() {
    let order: Rc<RefCell<Vec<&str>>> = Rc::default();
    let seen = Rc::clone(&order);
    runner()
        .run(async move {
            let (event, semaphore) = (Rc::new(Event::new()), Rc::new(Semaphore::new(1)));
            let permit = semaphore.acquire().await;
            for name in ["a", "b", "c"] {
                let (event, semaphore) = (Rc::clone(&event), Rc::clone(&semaphore));
                let seen = Rc::clone(&seen);
                spawn(async move {
                    let wait = semaphore.acquire();
                    if name == "a" {
                        // Released while it waits, it gives up in the same turn.
                        let _ = wait_for(wait, Duration::from_millis(1)).await;
                    } else {
                        let _permit = wait.await;
                        seen.borrow_mut().push(name);
                    }
                    event.wait().await;
                    seen.borrow_mut().push(name);
                });
            }
            sleep(Duration::from_millis(1)).await;
            drop(permit);
            sleep(Duration::from_millis(1)).await;
            assert!(!semaphore.is_locked());
            event.set();
            sleep(Duration::ZERO).await;
            sleep(Duration::ZERO).await;
        })
        .unwrap();
    assert_eq!(*order.borrow(), ["b", "c", "a", "b", "c"]);
}

#[test]
fn sockets_may_be_dropped_on_another_thread_and_runners_with_what_waits() {
    let mut runner = runner();
    let dropped = Rc::new(());
    let kept = Rc::clone(&dropped);
    runner
        .run(async move {
            let (listener, addr) = listen();
            let stream = TcpStream::connect(addr).await.unwrap();
            thread::spawn(move || drop((listener, stream)))
                .join()
                .unwrap();
            spawn(async move {
                sleep(Duration::from_secs(1)).await;
                drop(kept);
            });
        })
        .unwrap();
    drop(runner);
    assert_eq!(
        Rc::strong_count(&dropped),
        1,
        "its task was dropped with it"
    );
}

fn listen() -> (TcpListener, SocketAddr) {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let listener = TcpListener::from_std(listener).unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

fn runner() -> Runner {
    Runner::new(Settings {
        pool: Pool::new(1),
        clock: Clock::Manual(ManualClock::new()),
        ..Settings::default()
    })
    .unwrap()
}
