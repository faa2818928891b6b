//! What the tasks of a server share and change.
//!
//! A coroutine that may be run by any worker needs a lock for it; on a loop of one thread that would be an atomic operation at each use, for
//! nothing. So the runtime says which it is.

use std::cell::RefCell;
use std::sync::{Mutex, PoisonError};

use fragile::Fragile;

/// A value that is changed by one task at a time.
pub(crate) trait Shared<T>: Send + Sync {
    fn new(value: T) -> Self;

    /// Does something with it; not from inside of doing so.
    fn with<O>(&self, act: impl FnOnce(&mut T) -> O) -> O;
}

/// For tasks on several threads.
impl<T: Send> Shared<T> for Mutex<T> {
    fn new(value: T) -> Self {
        Self::new(value)
    }

    fn with<O>(&self, act: impl FnOnce(&mut T) -> O) -> O {
        // What panics while it is locked is a bug that ends the server; until then the value is what it was.
        act(&mut self.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// For tasks on one thread. Used on another, it panics.
pub(crate) struct Local<T>(Fragile<RefCell<T>>);

impl<T> Shared<T> for Local<T> {
    fn new(value: T) -> Self {
        Self(Fragile::new(RefCell::new(value)))
    }

    fn with<O>(&self, act: impl FnOnce(&mut T) -> O) -> O {
        act(&mut self.0.get().borrow_mut())
    }
}
