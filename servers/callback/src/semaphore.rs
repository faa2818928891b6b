//! So many that may do something at once; further ones wait for their turn, first come, first served.
//!
//! The coroutine server has its runtime's. Must never know what is done.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

/// Does something, and says whether that goes on: it then [releases](Semaphore::release) when it is done.
type Begin<L> = Box<dyn FnOnce(&mut L) -> bool>;

pub(crate) struct Semaphore<L> {
    free: Cell<usize>,
    waiting: RefCell<VecDeque<Begin<L>>>,
    /// Somebody is being called, further down the stack: the rest come when that is over.
    is_calling: Cell<bool>,
}

impl<L> Semaphore<L> {
    pub(crate) fn new(permits: usize) -> Self {
        Self {
            free: Cell::new(permits),
            waiting: RefCell::default(),
            is_calling: Cell::default(),
        }
    }

    /// Calls `begin` when it is its turn, perhaps at once.
    pub(crate) fn acquire(&self, event_loop: &mut L, begin: impl FnOnce(&mut L) -> bool + 'static) {
        self.waiting.borrow_mut().push_back(Box::new(begin));
        self.call_next(event_loop);
    }

    /// What was begun is done.
    pub(crate) fn release(&self, event_loop: &mut L) {
        self.free.set(self.free.get() + 1);
        self.call_next(event_loop);
    }

    /// Drops who waits, for the end of the loop.
    pub(crate) fn let_go(&self) {
        self.waiting.take();
    }

    fn call_next(&self, event_loop: &mut L) {
        if self.is_calling.replace(true) {
            return;
        }
        while self.free.get() > 0 {
            let next = self.waiting.borrow_mut().pop_front();
            let Some(begin) = next else { break };
            if begin(event_loop) {
                self.free.set(self.free.get() - 1);
            }
        }
        self.is_calling.set(false);
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    type Begun = Vec<usize>;

    fn acquire(semaphore: &Semaphore<Begun>, begun: &mut Begun, number: usize, goes_on: bool) {
        semaphore.acquire(begun, move |begun| {
            begun.push(number);
            goes_on
        });
    }

    #[test]
    fn so_many_begin_at_once_and_the_others_in_the_order_in_which_they_came() {
        let semaphore = Semaphore::new(2);
        let mut begun = Begun::new();
        for number in 0..5 {
            acquire(&semaphore, &mut begun, number, true);
        }
        assert_eq!(begun, [0, 1]);
        semaphore.release(&mut begun);
        assert_eq!(begun, [0, 1, 2]);
        semaphore.release(&mut begun);
        semaphore.release(&mut begun);
        assert_eq!(begun, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn what_does_not_go_on_takes_nobodys_turn() {
        let semaphore = Semaphore::new(1);
        let mut begun = Begun::new();
        acquire(&semaphore, &mut begun, 0, true);
        for number in 1..100_000 {
            acquire(&semaphore, &mut begun, number, false);
        }
        acquire(&semaphore, &mut begun, 100_000, true);
        semaphore.release(&mut begun);
        assert_eq!(begun, (0..=100_000).collect::<Vec<_>>());
    }

    #[test]
    fn one_that_asks_again_while_it_is_called_needs_no_deeper_stack() {
        fn ask_again(semaphore: &Rc<Semaphore<Begun>>, begun: &mut Begun, left: usize) {
            let again = Rc::clone(semaphore);
            semaphore.acquire(begun, move |begun| {
                begun.push(left);
                if left > 0 {
                    ask_again(&again, begun, left - 1);
                }
                false
            });
        }
        let mut begun = Begun::new();
        ask_again(&Rc::new(Semaphore::new(1)), &mut begun, 100_000);
        assert_eq!(begun.len(), 100_001);
    }
}
