//! Events and semaphores, as asyncio's (CPython 3.11, `Lib/asyncio/locks.py`): being woken costs a turn.
//!
//! Knows who waits, in which order; must never know what for. uvloop has no locks of its own: it runs these.

use super::Home;
use slotmap::{DefaultKey, SlotMap};
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// All events and semaphores of one loop.
#[derive(Default)]
pub struct Locks {
    slots: SlotMap<DefaultKey, Lock>,
    next_waiter: u64,
}

/// An event, whose value is 0 or 1, or a semaphore.
struct Lock {
    value: usize,
    /// In the order in which they came.
    waiters: VecDeque<Waiter>,
}

struct Waiter {
    number: u64,
    waker: Waker,
    /// Its future has its result: the task takes its next step in the next turn.
    is_done: bool,
}

impl Lock {
    /// `_wake_up_next`: gives one of the value to the first waiter that isn't done.
    fn pass_on(&mut self) -> Option<Waker> {
        let first = self.waiters.iter_mut().find(|waiter| !waiter.is_done)?;
        self.value -= 1;
        first.is_done = true;
        Some(first.waker.clone())
    }

    /// `Semaphore.locked`: who waits comes first.
    fn is_locked(&self) -> bool {
        self.value == 0 || !self.waiters.is_empty()
    }
}

/// What an [`Event`] and a [`Semaphore`] have in common: a name among the locks of its loop.
struct Named<H: Home> {
    key: DefaultKey,
    home: H,
}

impl<H: Home> Named<H> {
    fn new(value: usize) -> Self {
        let home = H::running();
        let waiters = VecDeque::new();
        let key = home.local(|shared| {
            let mut locks = shared.locks.borrow_mut();
            locks.slots.insert(Lock { value, waiters })
        });
        Self {
            key: key.expect("the running loop is this thread's"),
            home,
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Lock, &mut u64) -> T) -> T {
        let acted = self.home.local(|shared| {
            let locks = &mut *shared.locks.borrow_mut();
            act(&mut locks.slots[self.key], &mut locks.next_waiter)
        });
        acted.expect("a lock is used on its own loop")
    }

    /// Waits in line as `number`, or begins to.
    fn poll_turn(&self, number: &mut Option<u64>, cx: &Context<'_>) -> Poll<()> {
        // What another task's waker holds may come back here when it is dropped.
        let mut before = None;
        let polled = self.with(|lock, next_waiter| {
            let Some(number) = *number else {
                *number = Some(*next_waiter);
                lock.waiters.push_back(Waiter {
                    number: *next_waiter,
                    waker: cx.waker().clone(),
                    is_done: false,
                });
                *next_waiter += 1;
                return Poll::Pending;
            };
            let at = lock
                .waiters
                .iter()
                .position(|waiter| waiter.number == number);
            let at = at.expect("it waits until it is done");
            if lock.waiters[at].is_done {
                before = lock.waiters.remove(at).map(|waiter| waiter.waker);
                return Poll::Ready(());
            }
            if !lock.waiters[at].waker.will_wake(cx.waker()) {
                let known = &mut lock.waiters[at].waker;
                before = Some(std::mem::replace(known, cx.waker().clone()));
            }
            Poll::Pending
        });
        if polled.is_ready() {
            *number = None;
        }
        drop(before);
        polled
    }

    /// Stops waiting, and returns whether it was its turn. On another thread the loop has ended.
    fn leave(&self, number: Option<u64>) -> bool {
        let Some(number) = number else { return false };
        let left = self.home.local(|shared| {
            let mut locks = shared.locks.borrow_mut();
            let waiters = &mut locks.slots.get_mut(self.key)?.waiters;
            let at = waiters.iter().position(|waiter| waiter.number == number)?;
            waiters.remove(at)
        });
        left.flatten().is_some_and(|waiter| waiter.is_done)
    }
}

impl<H: Home> Drop for Named<H> {
    fn drop(&mut self) {
        let removed = self
            .home
            .local(|shared| shared.locks.borrow_mut().slots.remove(self.key));
        drop(removed);
    }
}

/// A flag that tasks can wait for (`asyncio.Event`), of the loop that ran when it was made.
pub struct Event<H: Home>(Named<H>);

impl<H: Home> Default for Event<H> {
    fn default() -> Self {
        Self::new()
    }
}

impl<H: Home> Event<H> {
    /// An event that isn't set.
    pub fn new() -> Self {
        Self(Named::new(0))
    }

    /// Sets it, and wakes all that wait for it: each takes its next step in the next turn.
    pub fn set(&self) {
        let woken: Vec<Waker> = self.0.with(|lock, _| {
            if std::mem::replace(&mut lock.value, 1) == 1 {
                return Vec::new();
            }
            let waiting = lock.waiters.iter_mut().filter(|waiter| !waiter.is_done);
            waiting
                .map(|waiter| {
                    waiter.is_done = true;
                    waiter.waker.clone()
                })
                .collect()
        });
        woken.into_iter().for_each(Waker::wake);
    }

    /// Takes back that it was set. Those who were woken by it go on all the same.
    pub fn clear(&self) {
        self.0.with(|lock, _| lock.value = 0);
    }

    /// Whether it is set.
    pub fn is_set(&self) -> bool {
        self.0.with(|lock, _| lock.value == 1)
    }

    /// Waits until it is set; where it is, not at all.
    pub fn wait(&self) -> Wait<'_, H> {
        Wait {
            event: self,
            number: None,
        }
    }
}

/// A wait for an [`Event`].
#[must_use = "it waits while it is awaited"]
pub struct Wait<'a, H: Home> {
    event: &'a Event<H>,
    number: Option<u64>,
}

impl<H: Home> Future for Wait<'_, H> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.number.is_none() && self.event.is_set() {
            return Poll::Ready(());
        }
        let event = self.event;
        event.0.poll_turn(&mut self.number, cx)
    }
}

impl<H: Home> Drop for Wait<'_, H> {
    fn drop(&mut self) {
        self.event.0.leave(self.number);
    }
}

/// So many that may do something at once (`asyncio.Semaphore`), of the loop that ran when it was made.
pub struct Semaphore<H: Home>(Named<H>);

impl<H: Home> Semaphore<H> {
    /// A semaphore that `value` may have acquired at once.
    pub fn new(value: usize) -> Self {
        Self(Named::new(value))
    }

    /// Waits for its turn; where there is room and nobody waits, not at all.
    pub fn acquire(&self) -> Acquire<'_, H> {
        Acquire {
            semaphore: self,
            number: None,
        }
    }

    /// Whether it can't be acquired at once.
    pub fn is_locked(&self) -> bool {
        self.0.with(|lock, _| lock.is_locked())
    }

    fn release(&self) {
        let woken = self.0.home.local(|shared| {
            let mut locks = shared.locks.borrow_mut();
            let lock = locks.slots.get_mut(self.0.key)?;
            lock.value += 1;
            lock.pass_on()
        });
        if let Some(waker) = woken.flatten() {
            waker.wake();
        }
    }
}

/// A wait for a [`Semaphore`].
#[must_use = "it waits while it is awaited"]
pub struct Acquire<'a, H: Home> {
    semaphore: &'a Semaphore<H>,
    number: Option<u64>,
}

impl<'a, H: Home> Future for Acquire<'a, H> {
    type Output = Permit<'a, H>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let semaphore = self.semaphore;
        let is_free = self.number.is_none()
            && semaphore.0.with(|lock, _| {
                let is_free = !lock.is_locked();
                lock.value -= usize::from(is_free);
                is_free
            });
        if is_free {
            return Poll::Ready(Permit(semaphore));
        }
        semaphore.0.poll_turn(&mut self.number, cx).map(|()| {
            // Several may have been released since.
            let next = semaphore
                .0
                .with(|lock, _| (lock.value > 0).then(|| lock.pass_on()).flatten());
            if let Some(waker) = next {
                waker.wake();
            }
            Permit(semaphore)
        })
    }
}

impl<H: Home> Drop for Acquire<'_, H> {
    fn drop(&mut self) {
        // It was its turn, and it is dropped all the same: the next one's then.
        if self.semaphore.0.leave(self.number) {
            self.semaphore.release();
        }
    }
}

/// A [`Semaphore`] that was acquired; dropped, it is released (`async with`).
#[must_use = "dropped, the semaphore is released"]
pub struct Permit<'a, H: Home>(&'a Semaphore<H>);

impl<H: Home> Drop for Permit<'_, H> {
    fn drop(&mut self) {
        self.0.release();
    }
}

macro_rules! debug {
    ($($name:literal $type:ty),+) => {
        $(impl<H: Home> fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($name)
            }
        })+
    };
}

debug! {
    "Event" Event<H>, "Wait" Wait<'_, H>, "Semaphore" Semaphore<H>, "Acquire" Acquire<'_, H>, "Permit" Permit<'_, H>
}

impl fmt::Debug for Locks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Locks {{ len: {} }}", self.slots.len())
    }
}
