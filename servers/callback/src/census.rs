//! Asking all loops of a server what they have done, so that `/stats` tells of the server and not of the loop that happens to
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

use libuv::{Loop, Remote, Wakeup};
use slab::Slab;
use spec::Stats;

use crate::Server;

/// All loops of one server. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Census(Arc<Mutex<Vec<Place>>>);

/// A loop as the others reach it.
struct Place {
    /// None once the loop has ended.
    reached_by: Option<(Remote, Wakeup)>,
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
pub(crate) struct LocalCensus {
    shared: Census,
    /// None before the start.
    place: Cell<Option<usize>>,
    asked: RefCell<Slab<Asked>>,
}

/// A question that not everybody has answered.
struct Asked {
    sum: Stats,
    awaited: usize,
    then: Then,
}

type Then = Box<dyn FnOnce(&mut Loop, Stats)>;

impl LocalCensus {
    pub(crate) fn new(shared: Census) -> Self {
        Self {
            shared,
            place: Cell::default(),
            asked: RefCell::default(),
        }
    }

    /// From here on this loop is asked, and answers.
    pub(crate) fn start(&self, event_loop: &mut Loop, server: &Rc<Server>) {
        let told = Rc::clone(server);
        let wakeup =
            event_loop.add_wakeup(move |event_loop, _| told.census.read_letters(event_loop, &told));
        let mut places = self.shared.lock();
        self.place.set(Some(places.len()));
        places.push(Place {
            reached_by: Some((event_loop.remote(), wakeup)),
            letters: Vec::new(),
        });
    }

    /// Asks all other loops, and calls `then` with the sum of theirs and `own`: at once where there is no other.
    pub(crate) fn ask(
        &self,
        event_loop: &mut Loop,
        own: Stats,
        then: impl FnOnce(&mut Loop, Stats) + 'static,
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

    fn read_letters(&self, event_loop: &mut Loop, server: &Server) {
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

    fn on_answer(&self, event_loop: &mut Loop, ticket: usize, stats: &Stats) {
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
    pub(crate) fn end(&self, event_loop: &mut Loop, server: &Server) {
        if let Some(own) = self.place.get() {
            self.shared.lock()[own].reached_by = None;
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
        let is_reached = self
            .reached_by
            .as_ref()
            .is_some_and(|(remote, wakeup)| remote.wake(*wakeup).is_ok());
        if is_reached {
            self.letters.push(letter);
        }
        is_reached
    }
}
