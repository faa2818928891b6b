//! Where the threads of a drive wait for one another.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use model::units::Nanos;

/// A point that all threads of a drive reach before any of them goes on, as often as they like.
pub(crate) struct Meeting {
    threads: u32,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Threads that wait.
    arrived: u32,
    /// How often all have met.
    met: u64,
    /// When they last met, as the last to arrive read it.
    at_ns: Nanos,
    /// A thread will never come again.
    is_broken: bool,
}

impl Meeting {
    pub(crate) fn new(threads: u32) -> Self {
        Self {
            threads,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Waits for the other threads. The last to arrive calls `on_all`, and all get what it returns; none where a thread gave
    /// up.
    pub(crate) fn meet(&self, on_all: impl FnOnce() -> Nanos) -> Option<Nanos> {
        let mut state = self.lock();
        let met = state.met;
        state.arrived += 1;
        if state.arrived == self.threads && !state.is_broken {
            state.at_ns = on_all();
            state.arrived = 0;
            state.met += 1;
            self.changed.notify_all();
        }
        let state = self
            .changed
            .wait_while(state, |state| state.met == met && !state.is_broken)
            .unwrap_or_else(PoisonError::into_inner);
        (state.met > met).then_some(state.at_ns)
    }

    /// A thread will not come any more: lets the others go on without it.
    pub(crate) fn give_up(&self) {
        self.lock().is_broken = true;
        self.changed.notify_all();
    }

    /// Gives up when it is dropped: a thread that fails, however it does, keeps nobody waiting.
    pub(crate) fn attend(&self) -> Attendance<'_> {
        Attendance(self)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Meeting::attend`].
pub(crate) struct Attendance<'a>(&'a Meeting);

impl Drop for Attendance<'_> {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    const THREADS: u32 = 4;

    #[test]
    fn the_last_thread_acts_for_all_and_every_thread_gets_the_same_instant() {
        let meeting = Meeting::new(THREADS);
        let (arrived, acted) = (AtomicU32::new(0), AtomicU32::new(0));
        let meet = || {
            let _attendance = meeting.attend();
            [1, 2].map(|time| {
                arrived.fetch_add(1, Ordering::SeqCst);
                meeting.meet(|| {
                    assert_eq!(arrived.load(Ordering::SeqCst), time * THREADS);
                    (acted.fetch_add(1, Ordering::SeqCst) + 7).into()
                })
            })
        };
        let instants: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(meet)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert_eq!(instants, [[Some(7), Some(8)]; THREADS as usize]);
    }

    #[test]
    fn a_thread_that_fails_keeps_nobody_waiting() {
        let meeting = Meeting::new(2);
        std::thread::scope(|scope| {
            scope.spawn(|| drop(meeting.attend()));
            assert_eq!(meeting.meet(|| unreachable!("one is missing")), None);
        });
    }
}
