//! Kept-alive connections to the backend.
//!
//! Knows which connection a call uses and when one is opened, kept or given up. What goes over it is
//! [`app::Exchange`]'s.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use app::{
    Call, Exchange, MAX_CALL_ATTEMPTS, MAX_UPSTREAM_CONNECTIONS, MAX_UPSTREAM_IDLE, Progress,
    UpstreamError,
};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::scratch;

pub(crate) struct Upstream {
    addr: SocketAddr,
    host: String,
    nodelay: bool,
    /// Last in, first out: the one used a moment ago is the least likely to have been closed meanwhile.
    idle: Mutex<Vec<Connection>>,
    /// One permit per connection in use. A connection is only opened where none is idle, so that those in use and
    /// those idle together are never more than there are permits.
    permits: Semaphore,
}

/// A reply, and the connection that it came over, which goes back to the idle ones when this is dropped.
pub(crate) struct Called<'a> {
    upstream: &'a Upstream,
    /// `None` only while it is being dropped.
    connection: Option<Connection>,
    _permit: SemaphorePermit<'a>,
}

struct Connection {
    stream: TcpStream,
    exchange: Exchange,
    out: Vec<u8>,
}

impl Upstream {
    pub(crate) fn new(addr: SocketAddr, nodelay: bool) -> Self {
        Self {
            addr,
            host: addr.to_string(),
            nodelay,
            idle: Mutex::new(Vec::new()),
            permits: Semaphore::new(MAX_UPSTREAM_CONNECTIONS),
        }
    }

    /// Makes one call. Dropped on the way, it closes its connection, on which a reply may still come.
    pub(crate) async fn call(&self, call: Call) -> Result<Called<'_>, UpstreamError> {
        let limit = Duration::from_millis(call.limit_ms());
        timeout(limit, self.try_call(call))
            .await
            .unwrap_or(Err(UpstreamError::Silent))
    }

    async fn try_call(&self, call: Call) -> Result<Called<'_>, UpstreamError> {
        let permit = self
            .permits
            .acquire()
            .await
            .expect("the semaphore is never closed");
        let mut attempt = 1;
        loop {
            // Where an idle connection turned out to be closed, its neighbours likely are too.
            let idle = if attempt == 1 { self.take_idle() } else { None };
            let was_idle = idle.is_some();
            let mut connection = match idle {
                Some(connection) => connection,
                None => Connection::open(self.addr, self.nodelay).await?,
            };
            match connection.call(call, &self.host).await {
                Ok(()) => {
                    return Ok(Called {
                        upstream: self,
                        connection: Some(connection),
                        _permit: permit,
                    });
                }
                Err(_)
                    if was_idle
                        && connection.exchange.may_retry()
                        && attempt < MAX_CALL_ATTEMPTS =>
                {
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn take_idle(&self) -> Option<Connection> {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
    }

    fn keep(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_UPSTREAM_IDLE {
            idle.push(connection);
        }
    }
}

impl Called<'_> {
    /// The body of the reply.
    pub(crate) fn reply(&self) -> &[u8] {
        self.connection
            .as_ref()
            .expect("there until dropped")
            .exchange
            .reply()
    }
}

impl Drop for Called<'_> {
    fn drop(&mut self) {
        let connection = self.connection.take().expect("dropped once");
        if connection.exchange.is_reusable() {
            self.upstream.keep(connection);
        }
    }
}

impl Connection {
    async fn open(addr: SocketAddr, nodelay: bool) -> Result<Self, UpstreamError> {
        let stream = TcpStream::connect(addr)
            .await
            .map_err(|_| UpstreamError::Unreachable)?;
        // Without the option calls are slower, but not wrong.
        let _ = stream.set_nodelay(nodelay);
        Ok(Self {
            stream,
            exchange: Exchange::new(),
            out: Vec::new(),
        })
    }

    async fn call(&mut self, call: Call, host: &str) -> Result<(), UpstreamError> {
        self.out.clear();
        self.exchange.begin(call, host, &mut self.out);
        self.stream
            .write_all(&self.out)
            .await
            .map_err(|_| UpstreamError::Lost)?;
        loop {
            let mut progress = Ok(Progress::Partial);
            let exchange = &mut self.exchange;
            let received =
                scratch::read(&mut self.stream, |bytes| progress = exchange.receive(bytes)).await;
            if received.map_err(|_| UpstreamError::Lost)? == 0 {
                return self.exchange.receive_eof();
            }
            if progress? == Progress::Complete {
                return Ok(());
            }
        }
    }
}
