//! Values to come, and their done callbacks (`futures.py`).
//!
//! Knows who waits for a value; must never know where it comes from.

use crate::event_loop::{EventLoop, Ready};
use std::cell::RefCell;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// A value to come: asyncio's `Future`, of which the language's trait of that name is the awaiting side. Clones wait for the
/// same value.
pub struct Future<T> {
    event_loop: EventLoop,
    state: Rc<RefCell<State<T>>>,
    /// The number of this clone's task among those who wait.
    waits_as: Option<u64>,
}

struct State<T> {
    result: Option<Result<T, Cancelled>>,
    /// In the order in which they will run.
    callbacks: Vec<(u64, DoneCallback)>,
    next_number: u64,
    is_done: bool,
}

enum DoneCallback {
    Call(Box<dyn FnOnce()>),
    Wake(Waker),
}

/// What was awaited was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancelled;

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it was cancelled before it was done")
    }
}

impl std::error::Error for Cancelled {}

impl EventLoop {
    /// A value to come, whose done callbacks this loop runs (`loop.create_future`).
    pub fn create_future<T>(&self) -> Future<T> {
        let state = State {
            result: None,
            callbacks: Vec::new(),
            next_number: 0,
            is_done: false,
        };
        Future {
            event_loop: self.clone(),
            state: Rc::new(RefCell::new(state)),
            waits_as: None,
        }
    }
}

impl<T> Future<T> {
    /// Says what the value is.
    ///
    /// Panics where that was said before, or the future was cancelled.
    pub fn set_result(&self, value: T) {
        let is_first = self.finish(Ok(value));
        assert!(is_first, "a future is done once");
    }

    /// Says that there will be no value. Returns whether that was news.
    pub fn cancel(&self) -> bool {
        self.finish(Err(Cancelled))
    }

    /// Whether it has a value or was cancelled.
    pub fn done(&self) -> bool {
        self.state.borrow().is_done
    }

    /// Runs `callback` in the turn after the value came, or after this one where it has.
    pub fn add_done_callback(&self, callback: impl FnOnce() + 'static) {
        let callback = Box::new(callback);
        if self.done() {
            self.event_loop.push(Ready::Call(callback));
        } else {
            self.state.borrow_mut().add(DoneCallback::Call(callback));
        }
    }

    pub(crate) fn poll_done(&mut self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.state.borrow_mut();
        if state.is_done {
            return Poll::Ready(());
        }
        let mut before = None;
        match self.waits_as.and_then(|number| state.waker_mut(number)) {
            Some(known) if known.will_wake(cx.waker()) => {}
            Some(known) => before = Some(std::mem::replace(known, cx.waker().clone())),
            None => self.waits_as = Some(state.add(DoneCallback::Wake(cx.waker().clone()))),
        }
        drop(state);
        drop(before);
        Poll::Pending
    }

    /// The value, which only one can have.
    ///
    /// Panics where it isn't done, or the value was taken.
    pub(crate) fn take_result(&self) -> Result<T, Cancelled> {
        let result = self.state.borrow_mut().result.take();
        result.expect("what is done has a result, and it is taken once")
    }

    fn finish(&self, result: Result<T, Cancelled>) -> bool {
        let mut state = self.state.borrow_mut();
        if state.is_done {
            return false;
        }
        state.is_done = true;
        state.result = Some(result);
        let callbacks = std::mem::take(&mut state.callbacks);
        drop(state);
        for (_, callback) in callbacks {
            match callback {
                DoneCallback::Call(callback) => self.event_loop.push(Ready::Call(callback)),
                DoneCallback::Wake(waker) => waker.wake(),
            }
        }
        true
    }
}

impl<T: Clone> std::future::Future for Future<T> {
    type Output = Result<T, Cancelled>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_done(cx).map(|()| {
            let state = self.state.borrow();
            state.result.clone().expect("nobody takes a shared value")
        })
    }
}

impl<T> Clone for Future<T> {
    fn clone(&self) -> Self {
        Self {
            event_loop: self.event_loop.clone(),
            state: Rc::clone(&self.state),
            waits_as: None,
        }
    }
}

impl<T> Drop for Future<T> {
    fn drop(&mut self) {
        let forgotten = self
            .waits_as
            .and_then(|number| self.state.borrow_mut().remove(number));
        drop(forgotten);
    }
}

impl<T> State<T> {
    fn add(&mut self, callback: DoneCallback) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        self.callbacks.push((number, callback));
        number
    }

    fn waker_mut(&mut self, number: u64) -> Option<&mut Waker> {
        self.callbacks
            .iter_mut()
            .find_map(|(at, callback)| match callback {
                DoneCallback::Wake(waker) if *at == number => Some(waker),
                _ => None,
            })
    }

    fn remove(&mut self, number: u64) -> Option<DoneCallback> {
        let at = self.callbacks.iter().position(|(at, _)| *at == number)?;
        Some(self.callbacks.remove(at).1)
    }
}

impl<T> fmt::Debug for Future<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Future {{ done: {} }}", self.done())
    }
}
