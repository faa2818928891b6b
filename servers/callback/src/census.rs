//! Asking all loops of a server what they have done, so that `/stats` is about the server and not of the loop that happens to
//! answer.
//!
//! Knows how a question gets to the other loops and the answers back. Must never know what the figures mean.
//!
//! Each loop has letters that wait for it, and a wake-up for when there are some. Each answers on its own thread: so
//! the figures need no lock, and a loop that nobody asks pays nothing for it.

use std::cell::{Cell, RefCell};
use std::mem;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use slab::Slab;
use spec::Stats;

use crate::Server;
use crate::event_loop::{EventLoop, Wake};

/// All loops of one server. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Census(Arc<Mutex<Vec<Place>>>);

/// A loop as the others reach it.
struct Place {
    /// None once the loop has ended.
    wake: Option<Wake>,
    letters: Vec<Letter>,
}

enum Letter {
    Question {
        /// The place of who asks.
        from: usize,
        ticket: usize,
    },
    Answer {
        ticket: usize,
        stats: Box<Stats>,
    },
}

/// One loop's part in it.
pub(crate) struct LocalCensus<L> {
    shared: Census,
    /// None before the start.
    place: Cell<Option<usize>>,
    asked: RefCell<Slab<Asked<L>>>,
}

/// A question that not everybody has answered.
struct Asked<L> {
    sum: Stats,
    awaited: usize,
    then: Then<L>,
}

type Then<L> = Box<dyn FnOnce(&mut L, Stats)>;

impl<L: EventLoop> LocalCensus<L> {
    pub(crate) fn new(shared: Census) -> Self {
        Self {
            shared,
            place: Cell::default(),
            asked: RefCell::default(),
        }
    }

    /// From here on this loop is asked, and answers.
    pub(crate) fn start(&self, event_loop: &mut L, server: &Rc<Server<L>>) {
        let asked = Rc::clone(server);
        let wake =
            event_loop.add_wake(move |event_loop| asked.census.read_letters(event_loop, &asked));
        let mut places = self.shared.lock();
        self.place.set(Some(places.len()));
        places.push(Place {
            wake: Some(wake),
            letters: Vec::new(),
        });
    }

    /// Asks all other loops, and calls `then` with the sum of theirs and `own`: at once where there is no other.
    pub(crate) fn ask(
        &self,
        event_loop: &mut L,
        own: Stats,
        then: impl FnOnce(&mut L, Stats) + 'static,
    ) {
        let ticket = self.asked.borrow().vacant_key();
        let awaited = self.place.get().map_or(0, |from| {
            let mut places = self.shared.lock();
            let mut awaited = 0;
            for (place, other) in places.iter_mut().enumerate() {
                if place != from && other.tell(Letter::Question { from, ticket }) {
                    awaited += 1;
                }
            }
            awaited
        });
        if awaited == 0 {
            return then(event_loop, own);
        }
        self.asked.borrow_mut().insert(Asked {
            sum: own,
            awaited,
            then: Box::new(then),
        });
    }

    fn read_letters(&self, event_loop: &mut L, server: &Server<L>) {
        let Some(own) = self.place.get() else {
            return;
        };
        let letters = mem::take(&mut self.shared.lock()[own].letters);
        for letter in letters {
            match letter {
                Letter::Question { from, ticket } => {
                    let stats = Box::new(server.stats(event_loop));
                    self.shared.lock()[from].tell(Letter::Answer { ticket, stats });
                }
                Letter::Answer { ticket, stats } => self.on_answer(event_loop, ticket, &stats),
            }
        }
    }

    fn on_answer(&self, event_loop: &mut L, ticket: usize, stats: &Stats) {
        let answered = {
            let mut asked = self.asked.borrow_mut();
            let question = &mut asked[ticket];
            question.sum.add(stats);
            question.awaited -= 1;
            (question.awaited == 0).then(|| asked.remove(ticket))
        };
        if let Some(Asked { sum, then, .. }) = answered {
            then(event_loop, sum);
        }
    }

    /// The loop has ended: answers what was asked until now, and is asked no more.
    pub(crate) fn end(&self, event_loop: &mut L, server: &Server<L>) {
        if let Some(own) = self.place.get() {
            self.shared.lock()[own].wake = None;
            self.read_letters(event_loop, server);
        }
        self.asked.take();
    }
}

impl Census {
    fn lock(&self) -> MutexGuard<'_, Vec<Place>> {
        // Nothing in here panics with the lock held, so a poisoned lock still guards a sound value.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Whether the loop will read it.
    fn tell(&mut self, letter: Letter) -> bool {
        let is_reached = self.wake.as_ref().is_some_and(|wake| wake());
        if is_reached {
            self.letters.push(letter);
        }
        is_reached
    }
}
