//! Connections to PostgreSQL, by tokio-postgres.
//!
//! Knows which connection a request uses and when one is opened, kept or given up. The client only needs something to read from and to
//! write to, so it runs on every runtime here.

use std::error::Error;
use std::io;
use std::net::SocketAddr;

use database::{OrderColumns, Statement};
use spec::{DatabaseError, Order, PostgresAccess, Product};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Row};

use crate::runtime::Runtime;
use crate::shared::Shared;

pub(crate) struct Database<R: Runtime> {
    addr: SocketAddr,
    config: Config,
    nodelay: bool,
    /// Last in, first out, as those to the upstream.
    idle: R::Shared<Vec<Connection>>,
    /// One permit per connection in use. A connection is only opened where none is idle, so that those in use and
    /// those idle together are never more than there are permits.
    permits: R::Semaphore,
}

/// A connection that has prepared every statement. Dropped, it is closed.
pub(crate) struct Connection {
    client: Client,
    statements: Vec<tokio_postgres::Statement>,
}

impl<R: Runtime> Database<R> {
    /// Of at most so many connections.
    pub(crate) fn new(access: &PostgresAccess, nodelay: bool, max_connections: usize) -> Self {
        let mut config = Config::new();
        config
            .user(&access.user)
            .password(&access.password)
            .dbname(&access.database);
        Self {
            addr: access.addr,
            config,
            nodelay,
            idle: Shared::new(Vec::new()),
            permits: R::semaphore(max_connections),
        }
    }

    /// Waits until a connection may be used. Dropped, what is given ends that.
    pub(crate) async fn turn(&self) -> impl Send {
        R::acquire(&self.permits).await
    }

    /// A connection, for the one whose turn it is. If it is not put back, it is closed.
    pub(crate) async fn connection(&self) -> Result<Connection, DatabaseError> {
        loop {
            match self.idle.with(Vec::pop) {
                Some(connection) if connection.client.is_closed() => {}
                Some(connection) => return Ok(connection),
                None => return self.open().await,
            }
        }
    }

    /// Nothing is under way over it, and nothing failed.
    pub(crate) fn put_back(&self, connection: Connection) {
        self.idle.with(|idle| idle.push(connection));
    }

    async fn open(&self) -> Result<Connection, DatabaseError> {
        let stream = R::connect(self.addr)
            .await
            .map_err(|_| DatabaseError::Unreachable)?;
        // Without the option queries are slower, but not wrong.
        let _ = R::set_nodelay(&stream, self.nodelay);
        let connected = self.config.connect_raw(stream, NoTls).await;
        let (client, connection) = connected.map_err(failed)?;
        R::spawn(async {
            // Why it ended is what the client says to who asks something of it.
            let _ = connection.await;
        });
        let mut statements = Vec::with_capacity(Statement::ALL.len());
        for statement in Statement::ALL {
            statements.push(client.prepare(statement.sql()).await.map_err(failed)?);
        }
        Ok(Connection { client, statements })
    }
}

impl Connection {
    /// The row of this id.
    pub(crate) async fn product(&self, id: u32) -> Result<Product, DatabaseError> {
        let statement = &self.statements[Statement::Product as usize];
        let found = self.client.query_opt(statement, &[&int4(id)]).await;
        let row = found.map_err(failed)?.ok_or(DatabaseError::MissingRow)?;
        product(&row)
    }

    /// [`spec::PRODUCTS_LISTED`] rows from this id on.
    pub(crate) async fn products(&self, id: u32) -> Result<Vec<Product>, DatabaseError> {
        let statement = &self.statements[Statement::Products as usize];
        let found = self.client.query(statement, &[&int4(id)]).await;
        found.map_err(failed)?.iter().map(product).collect()
    }

    /// Writes an order and its items in one transaction.
    pub(crate) async fn insert(&mut self, order: &Order) -> Result<(), DatabaseError> {
        let order = OrderColumns::from(order);
        let transaction = self.client.transaction().await.map_err(failed)?;
        let statement = &self.statements[Statement::Order as usize];
        let columns: [&(dyn ToSql + Sync); 2] = [&order.customer_id, &order.total_cents];
        let row = transaction.query_one(statement, &columns).await;
        let id: i64 = row.and_then(|row| row.try_get(0)).map_err(failed)?;
        let statement = &self.statements[Statement::Items as usize];
        let columns: [&(dyn ToSql + Sync); 4] = [
            &id,
            &order.skus,
            &order.quantities,
            &order.unit_prices_cents,
        ];
        let written = transaction.execute(statement, &columns).await;
        written.map_err(failed)?;
        transaction.commit().await.map_err(failed)
    }
}

fn int4(id: u32) -> i32 {
    i32::try_from(id).expect("ids are bounded")
}

fn product(row: &Row) -> Result<Product, DatabaseError> {
    let read = || {
        Ok(Product {
            id: row.try_get(0)?,
            name: row.try_get(1)?,
            price_cents: row.try_get(2)?,
        })
    };
    read().map_err(|error: tokio_postgres::Error| failed(error))
}

#[allow(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
fn failed(error: tokio_postgres::Error) -> DatabaseError {
    let is_io = |why: &(dyn Error + 'static)| why.is::<io::Error>();
    match error.code() {
        Some(code) => DatabaseError::Refused {
            reason: code.code().to_owned(),
        },
        None if error.is_closed() || error.source().is_some_and(is_io) => DatabaseError::Lost,
        None => DatabaseError::Malformed,
    }
}
