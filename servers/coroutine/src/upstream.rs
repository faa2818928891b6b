//! Kept-alive connections to the backend.
//!
//! Knows which connection a call uses and when one is opened, kept or given up. What goes over it is
//! [`spec::Exchange`]'s.

use std::net::SocketAddr;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use spec::{Call, Exchange, MAX_CALL_ATTEMPTS, Progress, UpstreamError};
use tokio::io::AsyncWriteExt;

use crate::runtime::Runtime;
use crate::scratch;
use crate::shared::Shared;

pub(crate) struct Upstream<R: Runtime> {
    addr: SocketAddr,
    host: String,
    nodelay: bool,
    /// Last in, first out: the one used a moment ago is the least likely to have been closed meanwhile.
    idle: R::Shared<Vec<Connection<R>>>,
    /// One permit per connection in use. A connection is only opened where none is idle, so that those in use and
    /// those idle together are never more than there are permits.
    permits: R::Semaphore,
}

struct Connection<R: Runtime> {
    stream: R::Stream,
    exchange: Exchange,
    out: Vec<u8>,
}

impl<R: Runtime> Upstream<R> {
    /// Of at most so many connections.
    pub(crate) fn new(addr: SocketAddr, nodelay: bool, max_connections: usize) -> Self {
        Self {
            addr,
            host: addr.to_string(),
            nodelay,
            idle: Shared::new(Vec::new()),
            permits: R::semaphore(max_connections),
        }
    }

    /// Makes one call, and gives the number that it was answered. Dropped on the way, it closes its connection, on which a reply may still come.
    pub(crate) async fn call(&self, call: Call) -> Result<u64, UpstreamError> {
        let limit = Duration::from_millis(call.limit_ms());
        // Pinned here: moved into the time limit, there would be room for it several times.
        let trying = pin!(self.try_call(call));
        R::timeout(limit, trying)
            .await
            .unwrap_or(Err(UpstreamError::Silent))
    }

    async fn try_call(&self, call: Call) -> Result<u64, UpstreamError> {
        let _permit = R::acquire(&self.permits).await;
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
                    let number = connection.exchange.number();
                    if connection.exchange.is_reusable() {
                        self.idle.with(|idle| idle.push(connection));
                    }
                    return number;
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

    /// Those that have ended meanwhile are dropped.
    fn take_idle(&self) -> Option<Connection<R>> {
        loop {
            let mut connection = self.idle.with(Vec::pop)?;
            if connection.is_quiet() {
                return Some(connection);
            }
        }
    }
}

impl<R: Runtime> Connection<R> {
    async fn open(addr: SocketAddr, nodelay: bool) -> Result<Self, UpstreamError> {
        let stream = R::connect(addr)
            .await
            .map_err(|_| UpstreamError::Unreachable)?;
        // Without the option calls are slower, but not wrong.
        let _ = R::set_nodelay(&stream, nodelay);
        Ok(Self {
            stream,
            exchange: Exchange::new(),
            out: Vec::new(),
        })
    }

    /// Whether the upstream has neither ended the connection nor said something unasked, as far as is known.
    fn is_quiet(&mut self) -> bool {
        let mut nobody = Context::from_waker(Waker::noop());
        scratch::poll_read(&mut self.stream, &mut nobody, |_| ()).is_pending()
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;
    use tokio::time::Instant;

    use super::*;
    use crate::runtime::Tokio;

    const CALL: Call = Call { number: 7, ms: 1 };
    const REPLY: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n7";

    /// An upstream whose every connection gives `replies` and is closed then, and a count of its connections.
    async fn upstream_that_gives(replies: usize) -> (Upstream<Tokio>, Arc<AtomicU32>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = Upstream::<Tokio>::new(listener.local_addr().unwrap(), true, 1);
        let connections = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    for _ in 0..replies {
                        // One read brings a whole call: it is small, and the next comes after its reply.
                        if stream.read(&mut [0; 1024]).await.unwrap() == 0 {
                            break;
                        }
                        stream.write_all(REPLY).await.unwrap();
                    }
                });
            }
        });
        (upstream, connections)
    }

    #[tokio::test]
    async fn at_the_bound_calls_wait_for_a_connection() {
        let (upstream, connections) = upstream_that_gives(usize::MAX).await;
        let calls = (0..5).map(|_| upstream.call(CALL));
        let replies = futures_util::future::join_all(calls).await;
        assert_eq!(replies, vec![Ok(7); 5]);
        assert_eq!(connections.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_call_is_made_once_more_and_not_again() {
        let (upstream, connections) = upstream_that_gives(1).await;
        assert_eq!(upstream.call(CALL).await, Ok(7));
        // The idle connection is closed by now, or is when the call finds out; a new one serves the call.
        assert_eq!(upstream.call(CALL).await, Ok(7));
        assert_eq!(connections.load(Ordering::Relaxed), 2);

        // New connections are closed at once: those get no second try.
        let (upstream, connections) = upstream_that_gives(0).await;
        assert_eq!(upstream.call(CALL).await, Err(UpstreamError::Lost));
        assert_eq!(connections.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_upstream_that_never_answers_is_given_up_at_the_limit() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = Upstream::<Tokio>::new(listener.local_addr().unwrap(), true, 1);
        let begun = Instant::now();
        assert_eq!(upstream.call(CALL).await, Err(UpstreamError::Silent));
        let limit = Duration::from_millis(CALL.limit_ms());
        let lasted = begun.elapsed();
        assert!(
            lasted >= limit && lasted <= limit + Duration::from_millis(1),
            "{lasted:?}"
        );
    }
}
