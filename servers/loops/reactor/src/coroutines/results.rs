//! Results that come once: of the pool's work, of a timer.
//!
//! Knows who waits for a result; must never know where it comes from.

use super::Home;
use slotmap::{DefaultKey, SlotMap};
use std::any::Any;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// Names a result that somebody waits for; once it is taken, nothing.
pub type ResultKey = DefaultKey;

/// A result, whatever it is; who asked for it knows.
pub type AnyResult = Box<dyn Any>;

/// The results that one loop's coroutines and callbacks wait for.
#[derive(Default)]
pub struct Results {
    slots: SlotMap<ResultKey, Slot>,
}

enum Slot {
    /// Still to come, with the task that waits for it, if one does yet.
    Awaited(Option<Waker>),
    /// Still to come, for this callback.
    Expected(Box<dyn FnOnce(AnyResult)>),
    Come(AnyResult),
}

/// What the loop has to do about a result that has come.
pub enum Then {
    /// Wake the task that awaits it.
    Wake(Waker),
    /// Call the callback that expects it.
    Call(Box<dyn FnOnce()>),
}

impl Results {
    /// A result that will be awaited.
    pub fn await_one(&mut self) -> ResultKey {
        self.slots.insert(Slot::Awaited(None))
    }

    /// A result of type `T` that is for a callback.
    pub fn expect_one<T: 'static>(&mut self, callback: impl FnOnce(T) + 'static) -> ResultKey {
        let callback = move |result| callback(cast(result));
        self.slots.insert(Slot::Expected(Box::new(callback)))
    }

    /// The result has come. Nobody may want it any more.
    #[must_use]
    pub fn come(&mut self, key: ResultKey, result: AnyResult) -> Option<Then> {
        let slot = self.slots.get_mut(key)?;
        match mem::replace(slot, Slot::Come(result)) {
            Slot::Awaited(waker) => waker.map(Then::Wake),
            Slot::Expected(callback) => match self.slots.remove(key) {
                Some(Slot::Come(result)) => Some(Then::Call(Box::new(move || callback(result)))),
                _ => None,
            },
            Slot::Come(_) => unreachable!("a result comes once"),
        }
    }

    /// Forgets a result. Returns whether it was still to come, and a waker to be dropped without a borrow.
    pub fn forget(&mut self, key: ResultKey) -> (bool, Option<Waker>) {
        match self.slots.remove(key) {
            Some(Slot::Awaited(waker)) => (true, waker),
            Some(Slot::Expected(_)) => (true, None),
            _ => (false, None),
        }
    }

    /// The result, if it has come; else this task will be woken. The waker that is given back is dropped without a borrow.
    fn poll(&mut self, key: ResultKey, cx: &Context<'_>) -> (Poll<AnyResult>, Option<Waker>) {
        match self.slots.get_mut(key) {
            Some(Slot::Awaited(Some(known))) if known.will_wake(cx.waker()) => {
                (Poll::Pending, None)
            }
            Some(Slot::Awaited(waker)) => (Poll::Pending, waker.replace(cx.waker().clone())),
            _ => match self.slots.remove(key) {
                Some(Slot::Come(result)) => (Poll::Ready(result), None),
                _ => unreachable!("a result is taken once"),
            },
        }
    }
}

fn cast<T: 'static>(result: AnyResult) -> T {
    let result = result.downcast::<T>();
    *result.expect("the key ties a result to who asked for it")
}

/// A result to come, of the loop that ran when it was asked for. Dropped, it leaves what it comes from be, but for a timer.
pub struct ResultToCome<T, H: Home> {
    /// None once taken.
    key: Option<ResultKey>,
    home: H,
    result: PhantomData<fn() -> T>,
}

impl<T, H: Home> ResultToCome<T, H> {
    /// The awaiting side of a result that [`Results::await_one`] named.
    pub fn new(key: ResultKey, home: H) -> Self {
        Self {
            key: Some(key),
            home,
            result: PhantomData,
        }
    }
}

impl<T: 'static, H: Home> Future for ResultToCome<T, H> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let key = self.key.expect("a result is awaited until it has come");
        let home = &self.home;
        let polled = home.local(|shared| shared.results.borrow_mut().poll(key, cx));
        let (polled, _before) = polled.expect("a result is awaited on its own loop");
        polled.map(|result| {
            self.key = None;
            cast(result)
        })
    }
}

impl<T, H: Home> Drop for ResultToCome<T, H> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.home.abandon(key);
        }
    }
}

impl<T, H: Home> fmt::Debug for ResultToCome<T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResultToCome")
    }
}

impl fmt::Debug for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Results {{ len: {} }}", self.slots.len())
    }
}
