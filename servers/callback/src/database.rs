//! Connections to PostgreSQL, its protocol spoken by callbacks.
//!
//! Knows which connection a request uses and when one is opened, kept or given up. What goes over it is
//! [`database::Session`]'s.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use database::{Progress, Rows, Session};
use spec::{DatabaseError, PostgresAccess};

use crate::event_loop::{EventLoop, Read};
use crate::semaphore::Semaphore;

pub(crate) struct Database<L: EventLoop> {
    access: PostgresAccess,
    nodelay: bool,
    /// Last in, first out, as those to the upstream.
    idle: RefCell<Vec<Rc<Connection<L>>>>,
    /// One permit per connection in use. A connection is only opened where none is idle, so that those in use and
    /// those idle together are never more than there are permits.
    permits: Semaphore<L>,
}

type OnDone<L> = Box<dyn FnOnce(&mut L, Result<Rows, DatabaseError>)>;

/// Callbacks share it, and it is made before them.
struct Connection<L: EventLoop> {
    /// Set once, when it is opened.
    tcp: OnceCell<L::Tcp>,
    session: RefCell<Session>,
    out: RefCell<Vec<u8>>,
    /// Who asked what is under way; nobody while it is idle.
    asked: Cell<Option<OnDone<L>>>,
    is_closed: Cell<bool>,
}

/// A connection that a request uses, until it is [put back](Lease::put_back) or [closed](Lease::close). Clones are the same.
pub(crate) struct Lease<L: EventLoop> {
    database: Rc<Database<L>>,
    connection: Rc<Connection<L>>,
}

impl<L: EventLoop> Database<L> {
    /// Of at most so many connections.
    pub(crate) fn new(access: &PostgresAccess, nodelay: bool, max_connections: usize) -> Self {
        Self {
            access: access.clone(),
            nodelay,
            idle: RefCell::default(),
            permits: Semaphore::new(max_connections),
        }
    }

    /// Closes what is idle and drops who waits, for the end of the loop.
    pub(crate) fn end(&self, event_loop: &mut L) {
        self.permits.let_go();
        for connection in self.idle.take() {
            connection.close(event_loop);
        }
    }

    /// Has `begin` called when a connection may be used, perhaps at once. It says whether it uses one, which it then
    /// [takes](Database::connection).
    pub(crate) fn turn(&self, event_loop: &mut L, begin: impl FnOnce(&mut L) -> bool + 'static) {
        self.permits.acquire(event_loop, begin);
    }

    /// A connection, for who has a turn.
    pub(crate) fn connection(self: &Rc<Self>, event_loop: &mut L) -> Lease<L> {
        let idle = self.idle.borrow_mut().pop();
        Lease {
            database: Rc::clone(self),
            connection: idle.unwrap_or_else(|| self.open(event_loop)),
        }
    }

    fn open(self: &Rc<Self>, event_loop: &mut L) -> Rc<Connection<L>> {
        let mut out = Vec::new();
        let connection = Rc::new(Connection {
            tcp: OnceCell::new(),
            session: RefCell::new(Session::start(&self.access, &mut out)),
            out: RefCell::new(out),
            asked: Cell::default(),
            is_closed: Cell::default(),
        });
        let (database, client) = (Rc::clone(self), Rc::clone(&connection));
        let tcp = event_loop.connect(self.access.addr, move |event_loop| {
            database.fail(event_loop, &client, DatabaseError::Unreachable);
        });
        event_loop.set_nodelay(&tcp, self.nodelay);
        let (database, client) = (Rc::clone(self), Rc::clone(&connection));
        event_loop.read_start(&tcp, move |event_loop, read| {
            database.on_read(event_loop, &client, &read);
        });
        connection.tcp.get_or_init(|| tcp);
        connection.flush(event_loop);
        connection
    }

    fn on_read(&self, event_loop: &mut L, connection: &Rc<Connection<L>>, read: &Read<'_>) {
        let progress = match read {
            Read::Data(bytes) => {
                let out = &mut connection.out.borrow_mut();
                connection.session.borrow_mut().receive(bytes, out)
            }
            Read::End | Read::Failed => Err(DatabaseError::Lost),
        };
        match progress {
            Ok(Progress::Partial) => connection.flush(event_loop),
            Ok(Progress::Complete) => {
                let rows = connection.session.borrow_mut().take_rows();
                if let Some(on_done) = connection.asked.take() {
                    on_done(event_loop, Ok(rows));
                }
            }
            Err(error) => self.fail(event_loop, connection, error),
        }
    }

    /// The connection is of no more use; who asked something of it hears so.
    fn fail(&self, event_loop: &mut L, connection: &Rc<Connection<L>>, error: DatabaseError) {
        let asked = connection.asked.take();
        connection.close(event_loop);
        let mut idle = self.idle.borrow_mut();
        idle.retain(|idle| !Rc::ptr_eq(idle, connection));
        drop(idle);
        if let Some(on_done) = asked {
            on_done(event_loop, Err(error));
        }
    }
}

impl<L: EventLoop> Clone for Lease<L> {
    fn clone(&self) -> Self {
        Self {
            database: Rc::clone(&self.database),
            connection: Rc::clone(&self.connection),
        }
    }
}

impl<L: EventLoop> Lease<L> {
    /// Has `on_ready` called once something can be asked, at once where the connection was idle.
    pub(crate) fn when_ready(
        &self,
        event_loop: &mut L,
        on_ready: impl FnOnce(&mut L, Result<Rows, DatabaseError>) + 'static,
    ) {
        if self.connection.session.borrow().is_ready() {
            on_ready(event_loop, Ok(Rows::default()));
        } else {
            self.connection.asked.set(Some(Box::new(on_ready)));
        }
    }

    /// Asks what `begin` writes; `on_done` gets the rows, or why there are none.
    pub(crate) fn ask(
        &self,
        event_loop: &mut L,
        begin: impl FnOnce(&mut Session, &mut Vec<u8>),
        on_done: impl FnOnce(&mut L, Result<Rows, DatabaseError>) + 'static,
    ) {
        let connection = &self.connection;
        connection.asked.set(Some(Box::new(on_done)));
        let session = &mut connection.session.borrow_mut();
        begin(session, &mut connection.out.borrow_mut());
        connection.flush(event_loop);
    }

    /// Nothing is under way over it, and nothing failed.
    pub(crate) fn put_back(self, event_loop: &mut L) {
        self.database.idle.borrow_mut().push(self.connection);
        self.database.permits.release(event_loop);
    }

    /// Closes it, whatever is under way.
    pub(crate) fn close(self, event_loop: &mut L) {
        self.connection.close(event_loop);
        self.database.permits.release(event_loop);
    }
}

impl<L: EventLoop> Connection<L> {
    fn flush(&self, event_loop: &mut L) {
        let out = &mut *self.out.borrow_mut();
        if let Some(tcp) = self.tcp.get().filter(|_| !out.is_empty()) {
            event_loop.write(tcp, out);
        }
    }

    fn close(&self, event_loop: &mut L) {
        self.asked.take();
        if let Some(tcp) = self.tcp.get().filter(|_| !self.is_closed.replace(true)) {
            event_loop.close_tcp(tcp);
        }
    }
}
