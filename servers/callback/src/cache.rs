//! The connection to Redis that all requests of a loop share.
//!
//! Commands are written as they are asked, and replies come in the same order. Where the connection ends, the next who asks opens
//! another.

use std::cell::{OnceCell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use database::{CacheCommand, CacheSession};
use spec::{DatabaseError, RedisAccess};

use crate::event_loop::{EventLoop, Read};

pub(crate) struct Cache<L: EventLoop> {
    access: RedisAccess,
    nodelay: bool,
    connection: RefCell<Option<Rc<Connection<L>>>>,
}

/// What the cache has, or why it says nothing.
type Reply = Result<Option<Vec<u8>>, DatabaseError>;

type OnReply<L> = Box<dyn FnOnce(&mut L, Reply)>;

/// Callbacks share it, and it is made before them.
struct Connection<L: EventLoop> {
    /// Set once, when it is opened.
    tcp: OnceCell<L::Tcp>,
    session: RefCell<CacheSession>,
    out: RefCell<Vec<u8>>,
    /// Who asked, in order; no more than there are requests.
    waiting: RefCell<VecDeque<OnReply<L>>>,
}

impl<L: EventLoop> Cache<L> {
    pub(crate) fn new(access: &RedisAccess, nodelay: bool) -> Self {
        Self {
            access: access.clone(),
            nodelay,
            connection: RefCell::default(),
        }
    }

    /// Asks the cache; `on_reply` gets what it replies.
    pub(crate) fn ask(
        self: &Rc<Self>,
        event_loop: &mut L,
        command: CacheCommand<'_>,
        on_reply: impl FnOnce(&mut L, Reply) + 'static,
    ) {
        let open = self.connection.borrow().clone();
        let connection = open.unwrap_or_else(|| self.open(event_loop));
        connection
            .waiting
            .borrow_mut()
            .push_back(Box::new(on_reply));
        let out = &mut *connection.out.borrow_mut();
        command.encode(out);
        event_loop.write(connection.tcp(), out);
    }

    /// Closes the connection, for the end of the loop.
    pub(crate) fn end(&self, event_loop: &mut L) {
        let connection = self.connection.take();
        if let Some(connection) = connection {
            connection.waiting.take();
            event_loop.close_tcp(connection.tcp());
        }
    }

    fn open(self: &Rc<Self>, event_loop: &mut L) -> Rc<Connection<L>> {
        let mut out = Vec::new();
        let connection = Rc::new(Connection {
            tcp: OnceCell::new(),
            session: RefCell::new(CacheSession::start(&self.access, &mut out)),
            out: RefCell::new(out),
            waiting: RefCell::default(),
        });
        let (cache, client) = (Rc::clone(self), Rc::clone(&connection));
        let tcp = event_loop.connect(self.access.addr, move |event_loop| {
            cache.fail(event_loop, &client, &DatabaseError::Unreachable);
        });
        event_loop.set_nodelay(&tcp, self.nodelay);
        let (cache, client) = (Rc::clone(self), Rc::clone(&connection));
        event_loop.read_start(&tcp, move |event_loop, read| {
            cache.on_read(event_loop, &client, &read);
        });
        connection.tcp.get_or_init(|| tcp);
        self.connection.replace(Some(Rc::clone(&connection)));
        connection
    }

    fn on_read(&self, event_loop: &mut L, connection: &Rc<Connection<L>>, read: &Read<'_>) {
        match read {
            Read::Data(bytes) => connection.session.borrow_mut().receive(bytes),
            Read::End | Read::Failed => {
                return self.fail(event_loop, connection, &DatabaseError::Lost);
            }
        }
        loop {
            // Dropped before anything is called: a callback may ask again.
            let reply = connection.session.borrow_mut().next_reply();
            let reply = match reply {
                Ok(Some(reply)) => reply,
                Ok(None) => return,
                Err(error) => return self.fail(event_loop, connection, &error),
            };
            let asked = connection.waiting.borrow_mut().pop_front();
            let Some(on_reply) = asked else {
                return self.fail(event_loop, connection, &DatabaseError::Malformed);
            };
            on_reply(event_loop, Ok(reply));
        }
    }

    /// The connection is of no more use; all who wait hear so.
    fn fail(&self, event_loop: &mut L, connection: &Rc<Connection<L>>, error: &DatabaseError) {
        event_loop.close_tcp(connection.tcp());
        let is_it = |open: &Rc<_>| Rc::ptr_eq(open, connection);
        drop(self.connection.borrow_mut().take_if(|open| is_it(open)));
        for on_reply in connection.waiting.take() {
            on_reply(event_loop, Err(error.clone()));
        }
    }
}

impl<L: EventLoop> Connection<L> {
    fn tcp(&self) -> &L::Tcp {
        self.tcp.get().expect("set when it was opened")
    }
}
