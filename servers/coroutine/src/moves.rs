//! How often a connection's task went on on another worker than the one that it had run on before: what stealing does.
//!
//! tokio's stable metrics don't tell how often its workers steal. What a task suffers of it can be seen from within: it is
//! polled on another thread, whose caches know nothing of it. That it moved for another reason (the worker that waits for
//! sockets wakes the tasks that they are for) is counted too, since it costs the same. On one thread it never happens.

use std::future::poll_fn;
use std::pin::pin;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

thread_local! {
    /// Only where it lies matters: every thread that lives has its own. Not empty, since what is empty need not lie anywhere.
    static HERE: u8 = const { 0 };
}

#[derive(Debug, Default)]
pub(crate) struct Moves(Arc<AtomicU64>);

impl Moves {
    /// How often a task has moved so far.
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// The same task, counted. A step of it costs the reading of a thread's own address and a comparison, about a nanosecond,
    /// and one that has moved an addition that all workers share.
    pub(crate) fn counted<F: Future<Output = ()> + Send>(
        &self,
        task: F,
    ) -> impl Future<Output = ()> + Send + use<F> {
        let moves = Arc::clone(&self.0);
        async move {
            let mut task = pin!(task);
            let mut last = None;
            poll_fn(|context| {
                let here = HERE.with(|here| ptr::from_ref(here).addr());
                if last.replace(here).is_some_and(|last| last != here) {
                    moves.fetch_add(1, Ordering::Relaxed);
                }
                task.as_mut().poll(context)
            })
            .await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn a_step_on_another_thread_than_the_last_is_a_move() {
        let moves = Moves::default();
        let task = moves.counted(std::future::pending());
        let mut task = Box::pin(task);
        let mut step = || {
            let poll = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert_eq!(poll, Poll::Pending);
        };
        step();
        step();
        assert_eq!(moves.count(), 0);
        std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                step();
                step();
            });
            other.join().unwrap();
        });
        assert_eq!(moves.count(), 1);
        step();
        assert_eq!(moves.count(), 2);
    }
}
