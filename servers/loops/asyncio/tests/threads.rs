//! The executor, and callbacks from other threads. Nothing waits by sleeping: threads are held on channels and let go.
#![allow(
    clippy::unwrap_used,
    reason = "the helpers of a test fail as the test does"
)]

use asyncio::{
    Clock, MAX_POSTS, MAX_QUEUED_WORK, ManualClock, Pool, PoolError, PostError, Runner, Settings,
    create_task, get_running_loop,
};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;

#[test]
fn as_many_run_at_once_as_there_are_threads_and_the_rest_wait_in_order() {
    const THREADS: usize = 4;
    let pool = Pool::new(THREADS);
    let mut runner = runner_with(pool.clone());
    let (started, starts) = mpsc::channel();
    let releases: Vec<_> = (0..THREADS + 3)
        .map(|number| {
            let (release, released) = mpsc::channel::<()>();
            let started = started.clone();
            let work = move || {
                started.send(number).unwrap();
                released.recv().unwrap_err();
                number
            };
            (release, runner.event_loop().run_in_executor(work).unwrap())
        })
        .collect();
    let mut first: Vec<_> = (0..THREADS).map(|_| starts.recv().unwrap()).collect();
    first.sort_unstable();
    assert_eq!(first, [0, 1, 2, 3]);
    assert_eq!(pool.depth(), 3);
    assert!((3..=THREADS + 3).contains(&pool.depth_max()));
    runner
        .run(async {
            for (number, (release, execution)) in releases.into_iter().enumerate() {
                drop(release);
                assert_eq!(execution.await, number);
            }
        })
        .unwrap();
    assert_eq!(pool.depth(), 0);
}

#[test]
fn the_executors_queue_takes_so_much_and_no_more() {
    let pool = Pool::new(1);
    let mut runner = runner_with(pool.clone());
    let event_loop = runner.event_loop();
    let (started, starts) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let work = move || {
        started.send(()).unwrap();
        released.recv().unwrap_err();
    };
    let mut executions = vec![event_loop.run_in_executor(work).unwrap()];
    starts.recv().unwrap();
    for _ in 0..MAX_QUEUED_WORK {
        executions.push(event_loop.run_in_executor(|| ()).unwrap());
    }
    assert_eq!(
        event_loop.run_in_executor(|| ()).err(),
        Some(PoolError::Full)
    );
    assert_eq!(pool.depth_max(), MAX_QUEUED_WORK);
    drop(release);
    runner
        .run(async {
            for execution in executions {
                execution.await;
            }
        })
        .unwrap();
}

#[test]
#[should_panic(expected = "work that went wrong")]
fn work_that_panics_makes_the_loop_panic_whoever_waits() {
    let mut runner = runner(1);
    let work = || panic!("work that went wrong");
    drop(runner.event_loop().run_in_executor(work).unwrap());
    runner.run(std::future::pending::<()>()).unwrap();
}

#[test]
fn dropping_a_runner_waits_for_running_work_and_drops_the_rest() {
    let runner = runner(1);
    let (started, starts) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let (finish, finished) = mpsc::channel();
    let work = move || {
        started.send(()).unwrap();
        // Until the work that waits is dropped, and what it holds with it.
        released.recv().unwrap_err();
        finish.send("finished").unwrap();
    };
    let waits = move || release.send(()).unwrap();
    drop(runner.event_loop().run_in_executor(work).unwrap());
    drop(runner.event_loop().run_in_executor(waits).unwrap());
    starts.recv().unwrap();
    drop(runner);
    assert_eq!(finished.try_recv(), Ok("finished"));
}

#[test]
fn callbacks_from_four_threads_all_run_each_threads_in_order() {
    const THREADS: usize = 4;
    const EACH: usize = 1_000;
    let mut runner = runner(1);
    let remote = runner.event_loop().remote();
    let arrivals = Arc::new(Mutex::new(Vec::new()));
    let threads: Vec<_> = (0..THREADS)
        .map(|thread_number| {
            let (remote, arrivals) = (remote.clone(), Arc::clone(&arrivals));
            thread::spawn(move || {
                for number in 0..EACH {
                    let arrivals = Arc::clone(&arrivals);
                    let arrive = move || arrivals.lock().unwrap().push((thread_number, number));
                    remote.call_soon_threadsafe(arrive).unwrap();
                }
            })
        })
        .collect();
    runner
        .run(async {
            let join = move || threads.into_iter().try_for_each(thread::JoinHandle::join);
            let joined = get_running_loop().run_in_executor(join).unwrap();
            // After the threads' own callbacks, in the same mailbox.
            joined.await.unwrap();
        })
        .unwrap();
    let arrivals = arrivals.lock().unwrap();
    assert_eq!(arrivals.len(), THREADS * EACH);
    for thread_number in 0..THREADS {
        let of_thread = arrivals
            .iter()
            .filter(|arrival| arrival.0 == thread_number)
            .map(|arrival| arrival.1);
        assert!(of_thread.eq(0..EACH), "thread {thread_number} out of order");
    }
}

#[test]
fn the_mailbox_is_bounded_and_ends_with_the_loop() {
    let mut runner = runner(1);
    let remote = runner.event_loop().remote();
    let (arrived, arrivals) = mpsc::channel();
    let post_one = || {
        let arrived = arrived.clone();
        remote.call_soon_threadsafe(move || arrived.send(()).unwrap())
    };
    for _ in 0..MAX_POSTS {
        assert_eq!(post_one(), Ok(()));
    }
    assert_eq!(post_one(), Err(PostError::Full));
    runner
        .run(asyncio::sleep(std::time::Duration::ZERO))
        .unwrap();
    assert_eq!(arrivals.try_iter().count(), MAX_POSTS);
    assert_eq!(post_one(), Ok(()));
    drop(runner);
    assert_eq!(post_one(), Err(PostError::LoopGone));
    assert_eq!(arrivals.try_iter().count(), 0);
}

#[test]
fn a_task_is_woken_from_another_thread_once_for_many_wakes() {
    let mut runner = runner(1);
    let event_loop = runner.event_loop().clone();
    let waker = Arc::new(Mutex::new(None::<Waker>));
    let told = Arc::clone(&waker);
    let steps = runner
        .run(async move {
            let mut steps = 0;
            let task = create_task(async move {
                std::future::poll_fn(|cx| {
                    steps += 1;
                    *told.lock().unwrap() = Some(cx.waker().clone());
                    if steps < 3 {
                        Poll::Pending
                    } else {
                        Poll::Ready(())
                    }
                })
                .await;
                steps
            });
            asyncio::sleep(std::time::Duration::ZERO).await;
            // Two rounds of many wakes; the executor's answer comes after them, so that each round is one step.
            for _ in 0..2 {
                let waker = waker.lock().unwrap().clone().unwrap();
                let wake = move || (0..1_000).for_each(|_| waker.wake_by_ref());
                event_loop.run_in_executor(wake).unwrap().await;
            }
            task.await.unwrap()
        })
        .unwrap();
    assert_eq!(steps, 3);
}

fn runner(pool_threads: usize) -> Runner {
    runner_with(Pool::new(pool_threads))
}

fn runner_with(pool: Pool) -> Runner {
    let clock = Clock::Manual(ManualClock::new());
    Runner::new(Settings {
        pool,
        clock,
        ..Settings::default()
    })
    .unwrap()
}
