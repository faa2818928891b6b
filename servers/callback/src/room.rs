//! The chat's room, as one loop has it.
//!
//! Knows who is in on this loop, and how what is said gets to the other loops. Must never know what a member does with it.
//!
//! All loops of a server share one room, of which each is a member as long as somebody on it is in. What is said is put into
//! the room under a lock, which gives it its place in the order for everyone; each loop takes what waits for it and hands it
//! to its own members. The loop on which something was said does so at once, the others are woken.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use slab::Slab;
use websocket::{Bounds, Frame, Member, Room};

use crate::Server;
use crate::connection::Connection;
use crate::event_loop::{EventLoop, Wake};

/// The room of all loops. Clones are the same room.
#[derive(Clone)]
pub(crate) struct SharedRoom(Arc<Mutex<Room<Wake>>>);

/// The part of the room that is on this loop.
pub(crate) struct LocalRoom<L: EventLoop> {
    shared: SharedRoom,
    /// Made when somebody on this loop first joins.
    wake: RefCell<Option<Wake>>,
    /// This loop among the others; none while nobody on it is in.
    member: Cell<Option<Member>>,
    clients: RefCell<Slab<Rc<Connection<L>>>>,
    /// What is being delivered; kept for its memory.
    taken: Cell<VecDeque<Frame>>,
}

impl SharedRoom {
    fn lock(&self) -> MutexGuard<'_, Room<Wake>> {
        // Nothing in here panics with the lock held, so a poisoned lock still guards a sound value.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for SharedRoom {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Room::new(Bounds::LOOP))))
    }
}

impl<L: EventLoop> LocalRoom<L> {
    pub(crate) fn new(shared: SharedRoom) -> Self {
        Self {
            shared,
            wake: RefCell::default(),
            member: Cell::default(),
            clients: RefCell::default(),
            taken: Cell::default(),
        }
    }

    /// Lets a client in, who hears what is said from here on; gives its place.
    pub(crate) fn join(
        &self,
        event_loop: &mut L,
        server: &Rc<Server<L>>,
        client: &Rc<Connection<L>>,
    ) -> usize {
        if self.member.get().is_none() {
            let mut wake = self.wake.borrow_mut();
            let wake = wake.get_or_insert_with(|| {
                let server = Rc::clone(server);
                event_loop.add_wake(move |event_loop| server.room.deliver(event_loop))
            });
            let member = self.shared.lock().join(Arc::clone(wake));
            self.member.set(Some(member));
        }
        self.clients.borrow_mut().insert(Rc::clone(client))
    }

    /// Lets the client at this place go.
    pub(crate) fn leave(&self, place: usize) {
        let mut clients = self.clients.borrow_mut();
        clients.remove(place);
        if clients.is_empty()
            && let Some(member) = self.member.take()
        {
            self.shared.lock().leave(member);
        }
    }

    /// Puts what was said into the room. Everyone on other loops is about to hear it; [`LocalRoom::deliver`] lets those on
    /// this one.
    pub(crate) fn say(&self, text: &str) {
        let frame = Frame::text(text);
        let own = self.wake.borrow();
        let is_own = |wake: &Wake| own.as_ref().is_some_and(|own| Arc::ptr_eq(own, wake));
        self.shared.lock().say(&frame, |wake| {
            // A loop that has ended has nobody to tell.
            let _ = is_own(wake) || wake();
        });
    }

    /// Has everyone on this loop hear what was said since.
    pub(crate) fn deliver(&self, event_loop: &mut L) {
        let Some(member) = self.member.get() else {
            return;
        };
        let mut taken = self.taken.take();
        // Each outcome is settled before anybody hears: who can't be reached any more leaves meanwhile.
        let outcome = self.shared.lock().take(member, &mut taken);
        let places = self.clients.borrow().capacity();
        for place in 0..places {
            let client = self.clients.borrow().get(place).map(Rc::clone);
            match (client, outcome) {
                (Some(client), Ok(())) => client.hear(event_loop, &taken),
                // The loop was blocked for so long that each of its members has let too much wait.
                (Some(client), Err(_)) => client.close(event_loop),
                (None, _) => {}
            }
        }
        taken.clear();
        self.taken.set(taken);
    }

    /// Lets everyone go without a word, for the end of the loop.
    pub(crate) fn let_go(&self) {
        self.clients.take();
        if let Some(member) = self.member.take() {
            self.shared.lock().leave(member);
        }
    }
}
