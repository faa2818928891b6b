//! The pool and remote wake-ups. Nothing waits by sleeping: threads are held on channels and let go.
#![allow(
    clippy::unwrap_used,
    reason = "the helpers of a test fail as the test does"
)]

use libuv::{
    BindSettings, Clock, Loop, MAX_POSTS, MAX_QUEUED_WORK, ManualClock, Pool, PoolError, PostError,
    Settings, bind,
};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;

#[test]
fn work_starts_in_the_order_it_was_queued() {
    let mut event_loop = loop_with(1);
    let (started, starts) = mpsc::channel();
    let finished = Rc::new(RefCell::new(Vec::new()));
    for number in 0..100 {
        let (started, finished) = (started.clone(), Rc::clone(&finished));
        let work = move || started.send(number).unwrap();
        let after = move |_: &mut Loop, ()| finished.borrow_mut().push(number);
        event_loop.queue_work(work, after).unwrap();
    }
    assert!(!event_loop.run().unwrap());
    let in_order: Vec<i32> = (0..100).collect();
    assert_eq!(starts.try_iter().collect::<Vec<_>>(), in_order);
    assert_eq!(*finished.borrow(), in_order);
}

#[test]
fn as_many_run_at_once_as_there_are_threads_and_the_rest_wait() {
    const THREADS: usize = 4;
    let mut event_loop = loop_with(THREADS);
    let (started, starts) = mpsc::channel();
    let releases: Vec<mpsc::Sender<()>> = (0..THREADS + 3)
        .map(|_| {
            let (release, released) = mpsc::channel::<()>();
            let started = started.clone();
            let work = move || {
                started.send(()).unwrap();
                released.recv().unwrap_err();
            };
            event_loop.queue_work(work, |_, ()| {}).unwrap();
            release
        })
        .collect();
    for _ in 0..THREADS {
        starts.recv().unwrap();
    }
    assert_eq!(event_loop.pool().depth(), 3);
    assert!((3..=THREADS + 3).contains(&event_loop.pool().depth_max()));
    assert!(
        starts.try_recv().is_err(),
        "no more than {THREADS} run at once"
    );
    drop(releases);
    assert!(!event_loop.run().unwrap());
    assert_eq!(starts.try_iter().count(), 3);
    assert_eq!(event_loop.pool().depth(), 0);
}

#[test]
fn the_pools_queue_takes_so_much_and_no_more() {
    let mut event_loop = loop_with(1);
    let (started, starts) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let work = move || {
        started.send(()).unwrap();
        released.recv().unwrap_err();
    };
    event_loop.queue_work(work, |_, ()| {}).unwrap();
    starts.recv().unwrap();
    let done = Rc::new(Cell::new(0));
    let queue_one = |event_loop: &mut Loop| {
        let done = Rc::clone(&done);
        event_loop.queue_work(|| (), move |_, ()| done.set(done.get() + 1))
    };
    for _ in 0..MAX_QUEUED_WORK {
        assert_eq!(queue_one(&mut event_loop), Ok(()));
    }
    assert_eq!(queue_one(&mut event_loop), Err(PoolError::Full));
    assert_eq!(event_loop.pool().depth_max(), MAX_QUEUED_WORK);
    drop(release);
    assert!(!event_loop.run().unwrap());
    assert_eq!(done.get(), MAX_QUEUED_WORK);
}

#[test]
#[should_panic(expected = "work that went wrong")]
fn work_that_panics_makes_the_loop_panic() {
    let mut event_loop = loop_with(1);
    event_loop
        .queue_work(|| panic!("work that went wrong"), |_, ()| {})
        .unwrap();
    event_loop.run().unwrap();
}

#[test]
fn dropping_a_loop_waits_for_running_work_and_drops_the_rest() {
    let mut event_loop = loop_with(1);
    let (started, starts) = mpsc::channel();
    let (finish, finished) = mpsc::channel();
    let work = move || {
        started.send(()).unwrap();
        finish.send("finished").unwrap();
    };
    event_loop
        .queue_work(work, |_, ()| panic!("the loop is gone"))
        .unwrap();
    event_loop
        .queue_work(|| (), |_, ()| panic!("the loop is gone"))
        .unwrap();
    starts.recv().unwrap();
    drop(event_loop);
    assert_eq!(finished.try_recv(), Ok("finished"));
}

#[test]
fn posts_from_four_threads_all_arrive_each_threads_in_order() {
    const THREADS: usize = 4;
    const EACH: usize = 1_000;
    let mut event_loop = loop_with(1);
    // A remote keeps no loop alive; a listener does.
    let addr = "127.0.0.1:0".parse().unwrap();
    let socket = bind(&BindSettings {
        addr,
        backlog: 1,
        reuse_port: false,
    })
    .unwrap();
    event_loop.listen(socket, |_| 0, |_, _, _| {}).unwrap();
    let (arrived, arrivals) = mpsc::channel();
    let threads: Vec<_> = (0..THREADS)
        .map(|thread_number| {
            let (remote, arrived) = (event_loop.remote(), arrived.clone());
            thread::spawn(move || {
                for number in 0..EACH {
                    let arrived = arrived.clone();
                    remote
                        .post(move |_| arrived.send((thread_number, number)).unwrap())
                        .unwrap();
                }
            })
        })
        .collect();
    let remote = event_loop.remote();
    let joiner = thread::spawn(move || {
        for thread in threads {
            thread.join().unwrap();
        }
        remote.post(Loop::stop).unwrap();
    });
    event_loop.run().unwrap();
    joiner.join().unwrap();
    let arrivals: Vec<_> = arrivals.try_iter().collect();
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
fn many_posts_between_two_polls_cost_one_turn_and_the_mailbox_is_bounded() {
    let mut event_loop = loop_with(1);
    let remote = event_loop.remote();
    let (arrived, arrivals) = mpsc::channel();
    let post_one = || {
        let arrived = arrived.clone();
        remote.post(move |event_loop| {
            arrived.send(event_loop.metrics().turns).unwrap();
            event_loop.stop();
        })
    };
    for _ in 0..MAX_POSTS {
        assert_eq!(post_one(), Ok(()));
    }
    assert_eq!(post_one(), Err(PostError::Full));
    event_loop.defer(|_| {});
    event_loop.run().unwrap();
    assert_eq!(
        arrivals.try_iter().filter(|&turn| turn == 1).count(),
        MAX_POSTS
    );
    assert_eq!(post_one(), Ok(()));
    drop(event_loop);
    assert_eq!(post_one(), Err(PostError::LoopGone));
}

#[test]
fn a_wakeup_runs_once_however_often_it_was_asked_for_and_not_after_it_is_closed() {
    let mut event_loop = loop_with(1);
    let runs = Rc::new(Cell::new(0));
    let seen = Rc::clone(&runs);
    let remote = event_loop.remote();
    let wakeup = event_loop.add_wakeup(move |event_loop, itself| {
        seen.set(seen.get() + 1);
        match seen.get() {
            // Asked for while it runs, it runs again.
            1 => event_loop.remote().wake(itself).unwrap(),
            _ => event_loop.close(itself),
        }
    });
    assert!(event_loop.is_alive());
    let asker = {
        let remote = remote.clone();
        thread::spawn(move || (0..1_000).for_each(|_| remote.wake(wakeup).unwrap()))
    };
    asker.join().unwrap();
    assert!(!event_loop.run().unwrap());
    assert_eq!(runs.get(), 2);
    assert_eq!(remote.wake(wakeup), Ok(()), "a stale name is harmless");
    drop(event_loop);
    assert_eq!(remote.wake(wakeup), Err(PostError::LoopGone));
}

fn loop_with(pool_threads: usize) -> Loop {
    let clock = Clock::Manual(ManualClock::new());
    Loop::new(Settings {
        pool: Pool::new(pool_threads),
        clock,
        ..Settings::default()
    })
    .unwrap()
}
