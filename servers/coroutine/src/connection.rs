//! One client's requests and answers.
//!
//! Knows when to read, to answer and to write. Must never know what a route does or how HTTP is spelled.
//!
//! A small request costs one `read` and one `write`: everything that one read brought is answered before anything is
//! written, and the runtime does not read again where the last read left room in the buffer. A reader that is slow stops the
//! task at its write, and with it the reading of further requests, and a client that pipelines gets its share of a turn. A client
//! that resets its connection in the middle of a request is let go at once; one that only says it will send no more still gets
//! its answer, but for the rest of a stream.

use std::future::poll_fn;
use std::io;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Poll, ready};
use std::time::Duration;

use http1::server::{Poll as Polled, ResponseHead};
use spec::{
    Answer, Asked, KEPT_OUTPUT_BYTES, LINGER_BYTES, LINGER_MS, MAX_BATCH_BYTES,
    MAX_REFUSED_CONNECTIONS, MAX_REQUESTS_PER_TURN, Overdue, Waiting,
};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::clients::Place;
use crate::runtime::Runtime;
use crate::shared::Shared;
use crate::{Server, routes, scratch};

/// Serves one connection to its end.
pub(crate) async fn serve<R: Runtime>(stream: R::Stream, server: Arc<Server<R>>, place: Place<R>) {
    place.stay().await;
    // The task that accepts has a place too.
    let others = place.others - 1;
    let mut connection = Connection::new(stream, &server, place);
    let bound = server.limits.connections;
    // The client is gone, or the network is; there is nobody to tell, and the connection ends either way.
    let _ = if others < bound {
        connection.serve().await
    } else if others < bound + MAX_REFUSED_CONNECTIONS {
        connection.turn_away().await
    } else {
        Ok(())
    };
}

pub(crate) struct Connection<'a, R: Runtime> {
    pub(crate) server: &'a Server<R>,
    pub(crate) place: Place<R>,
    pub(crate) stream: R::Stream,
    pub(crate) http: http1::server::Connection,
    /// Answers that wait to be written.
    pub(crate) out: Vec<u8>,
    /// How many requests were answered, and how often something was read.
    requests: u32,
    reads: u32,
    /// The stop of the server was seen.
    retiring: bool,
}

/// What waiting for input came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Received {
    /// Input, or its end; or the server stops.
    News,
    /// The client has been waited for too long.
    Nothing,
}

/// Why a batch of answers ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Batch {
    /// All that was asked so far is answered.
    Answered,
    /// The connection ends, as its last answer or the client said.
    Ended,
    /// The connection ends because of a request that could not be taken, of which more may be under way.
    Refused,
}

impl<'a, R: Runtime> Connection<'a, R> {
    fn new(stream: R::Stream, server: &'a Server<R>, place: Place<R>) -> Self {
        Self {
            server,
            place,
            stream,
            http: http1::server::Connection::new(),
            out: Vec::new(),
            requests: 0,
            reads: 0,
            retiring: false,
        }
    }

    async fn serve(&mut self) -> io::Result<()> {
        loop {
            if self.receive().await? == Received::Nothing {
                return self.end_late().await;
            }
            match self.answer().await? {
                Batch::Answered => {}
                Batch::Ended => return Ok(()),
                Batch::Refused => return self.linger().await,
            }
        }
    }

    /// Reads once, unless the server stops or the client has been waited for too long.
    async fn receive(&mut self) -> io::Result<Received> {
        self.reads = self.reads.wrapping_add(1);
        let waiting = Waiting::to_read(&self.http, self.requests, self.reads);
        self.place.waits_for(waiting);
        poll_fn(|cx| {
            if self.place.is_stopping() && !self.retiring {
                self.retiring = true;
                self.http.close_after_response();
                return Poll::Ready(Ok(Received::News));
            }
            if self.place.is_late() {
                return Poll::Ready(Ok(Received::Nothing));
            }
            let http = &mut self.http;
            let read = scratch::poll_read(&mut self.stream, cx, |bytes| http.receive(bytes));
            if ready!(read)? == 0 {
                self.http.receive_eof();
            }
            Poll::Ready(Ok(Received::News))
        })
        .await
    }

    /// Answers every request that has come whole, and writes the answers together. A client has its share of a turn; then others
    /// have theirs.
    async fn answer(&mut self) -> io::Result<Batch> {
        let mut share = MAX_REQUESTS_PER_TURN;
        loop {
            if share == 0 && self.http.is_in_head() {
                self.flush().await?;
                self.place.waits_for(Waiting::Server);
                R::yield_now().await;
                share = MAX_REQUESTS_PER_TURN;
            }
            let said = self.out.len();
            let date = self.server.date();
            let asked = match self.http.poll(&date, &mut self.out) {
                Polled::Request(request) => {
                    spec::asked(&request, self.server.now_s.load(Ordering::Relaxed))
                }
                Polled::NeedInput => {
                    self.flush().await?;
                    return Ok(Batch::Answered);
                }
                // The chat ends with its connection.
                Polled::Upgraded => return Ok(Batch::Ended),
                Polled::Closing => {
                    let refused = self.out.len() > said;
                    self.flush().await?;
                    return Ok(if refused {
                        Batch::Refused
                    } else {
                        Batch::Ended
                    });
                }
            };
            share = match asked {
                Asked::Compute { offload: false, .. } => 0,
                _ => share.saturating_sub(1),
            };
            if let Asked::Answer(answer) = asked {
                self.respond(&answer);
            } else {
                // Those who were answered before need not wait for this one.
                self.flush().await?;
                self.place.waits_for(Waiting::Server);
                // On the heap, so that connections that wait for a request keep no room for the work on it.
                Box::pin(routes::serve(self, asked)).await?;
            }
            self.flush_batch().await?;
        }
    }

    pub(crate) fn respond(&mut self, answer: &Answer) {
        self.retire_if_stopping();
        let date = self.server.date();
        self.http.respond(&answer.response(), &date, &mut self.out);
    }

    /// Begins a streamed answer to the request that is being worked on.
    pub(crate) fn begin_stream(&mut self, head: &ResponseHead<'_>) {
        let date = self.server.date();
        self.http.begin_stream(head, &date, &mut self.out);
    }

    /// Streams a part. It goes out with the next flush, at the latest when a batch is full; a client that is slow to take
    /// what went before holds its stream up here.
    pub(crate) async fn stream_part(&mut self, part: &[u8]) -> io::Result<()> {
        self.http.stream_part(part, &mut self.out);
        self.flush_batch().await
    }

    pub(crate) fn end_stream(&mut self) {
        self.retire_if_stopping();
        self.http.end_stream(&mut self.out);
    }

    fn retire_if_stopping(&mut self) {
        self.requests = self.requests.wrapping_add(1);
        if self.place.is_stopping() {
            self.http.close_after_response();
        }
    }

    /// Waits for something that a request needs. Fails where the client resets the connection meanwhile: nothing is worth waiting
    /// for then.
    /// The work is pinned by the caller: moved into here, there would be room for it twice.
    pub(crate) async fn wait<T>(
        &mut self,
        mut work: Pin<&mut impl Future<Output = T>>,
    ) -> io::Result<T> {
        poll_fn(|cx| {
            loop {
                if let Poll::Ready(done) = work.as_mut().poll(cx) {
                    return Poll::Ready(Ok(done));
                }
                if !self.http.wants_input() {
                    return Poll::Pending;
                }
                let http = &mut self.http;
                let read = scratch::poll_read(&mut self.stream, cx, |bytes| http.receive(bytes));
                if ready!(read)? == 0 {
                    self.http.receive_eof();
                }
            }
        })
        .await
    }

    /// Waits for something in the middle of a stream, once all that was streamed is on its way. Fails where the client leaves
    /// meanwhile, also where it only says that it will send no more.
    pub(crate) async fn wait_in_stream(
        &mut self,
        wait: impl Future<Output = ()>,
    ) -> io::Result<()> {
        self.flush().await?;
        self.place.waits_for(Waiting::Server);
        let mut wait = pin!(wait);
        poll_fn(|cx| {
            while self.http.wants_input() {
                let http = &mut self.http;
                let read = scratch::poll_read(&mut self.stream, cx, |bytes| http.receive(bytes));
                match read {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Err(ended())),
                    Poll::Ready(Ok(_)) => {}
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => break,
                }
            }
            wait.as_mut().poll(cx).map(Ok)
        })
        .await
    }

    /// Writes what is there, if that is as much as goes out together.
    async fn flush_batch(&mut self) -> io::Result<()> {
        if self.out.len() >= MAX_BATCH_BYTES {
            self.flush().await?;
        }
        Ok(())
    }

    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        let mut written = 0;
        let mut queued = Queued::new(self.server);
        poll_fn(|cx| {
            while written < self.out.len() {
                let rest = &self.out[written..];
                match Pin::new(&mut self.stream).poll_write(cx, rest) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Poll::Ready(Ok(bytes)) => written += bytes,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => {
                        // The buffer is kept as a whole until all of it is taken.
                        let progress = u32::try_from(written).unwrap_or(u32::MAX);
                        let kept = self.out.len();
                        return queued.wait(&self.place, kept, progress).map(Err);
                    }
                }
            }
            Poll::Ready(Ok(()))
        })
        .await?;
        drop(queued);
        self.out.clear();
        self.out.shrink_to(KEPT_OUTPUT_BYTES);
        Ok(())
    }

    /// Says that there are too many connections.
    async fn turn_away(&mut self) -> io::Result<()> {
        self.server.limits_met.with(|met| met.connections += 1);
        let date = self.server.date();
        self.http.overload(&date, &mut self.out);
        self.flush().await?;
        self.linger().await
    }

    /// Ends a connection whose client has been waited for too long.
    async fn end_late(&mut self) -> io::Result<()> {
        let overdue = match Waiting::to_read(&self.http, 0, 0) {
            Waiting::Head(_) => Overdue::Head,
            Waiting::Body(_) => Overdue::Body,
            Waiting::Idle(_) | Waiting::Reader(_) | Waiting::Server => Overdue::Idle,
        };
        self.server.limits_met.with(|met| met.count(overdue));
        if overdue == Overdue::Idle {
            return Ok(());
        }
        let date = self.server.date();
        self.http.time_out(&date, &mut self.out);
        self.flush().await?;
        self.linger().await
    }

    /// Closing while the client still sends would make its kernel throw the refusal away before it is read
    /// (RFC 9112 §9.6): say that nothing more will come, and listen a little longer.
    async fn linger(&mut self) -> io::Result<()> {
        self.place.waits_for(Waiting::Server);
        self.stream.shutdown().await?;
        let limit = Duration::from_millis(LINGER_MS);
        R::timeout(limit, self.drain()).await.unwrap_or(Ok(()))
    }

    /// Throws away what the client sends, up to its end or [`LINGER_BYTES`].
    async fn drain(&mut self) -> io::Result<()> {
        let mut left = LINGER_BYTES;
        while left > 0 {
            match scratch::read(&mut self.stream, |_| ()).await? {
                0 => break,
                n => left = left.saturating_sub(n),
            }
        }
        Ok(())
    }
}

fn ended() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}

/// What waits for one client, counted in the sum of its server. It is touched only where a client is slow.
pub(crate) struct Queued<'a, R: Runtime> {
    server: &'a Server<R>,
    bytes: usize,
}

impl<'a, R: Runtime> Queued<'a, R> {
    pub(crate) fn new(server: &'a Server<R>) -> Self {
        Self { server, bytes: 0 }
    }

    /// The client takes nothing more now, and so many bytes wait for it; `progress` changes whenever it has taken some. The reason
    /// where it is not to be waited for.
    pub(crate) fn wait(
        &mut self,
        place: &Place<R>,
        bytes: usize,
        progress: u32,
    ) -> Poll<io::Error> {
        if place.is_late() {
            let met = &self.server.limits_met;
            met.with(|met| met.count(Overdue::Reader));
            return Poll::Ready(io::ErrorKind::TimedOut.into());
        }
        place.waits_for(Waiting::Reader(progress));
        let sum = self.count(bytes);
        if sum > self.server.limits.buffered_bytes {
            self.server.limits_met.with(|met| met.buffered_bytes += 1);
            return Poll::Ready(io::ErrorKind::OutOfMemory.into());
        }
        Poll::Pending
    }

    /// Gives the sum.
    fn count(&mut self, bytes: usize) -> usize {
        let before = mem::replace(&mut self.bytes, bytes);
        self.server.queued_bytes.with(|sum| {
            *sum = *sum - before + bytes;
            *sum
        })
    }
}

impl<R: Runtime> Drop for Queued<'_, R> {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.count(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use spec::Settings;
    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpSocket, TcpStream};
    use tokio::time::Instant;

    use super::*;
    use crate::runtime::Tokio;

    fn server() -> Server<Tokio> {
        let settings = Settings::new(([127, 0, 0, 1], 0).into());
        Server::new(&settings, Tokio::CurrentThread, serving::Pool::new(1))
    }

    /// Both ends of a connection, with as little room in the kernel as it allows.
    async fn connection(server: &Server<Tokio>) -> (Connection<'_, Tokio>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let client = socket
            .connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let connection = Connection::new(stream, server, server.clients.enter());
        (connection, client)
    }

    #[tokio::test]
    async fn a_batch_of_answers_is_bounded_however_much_was_asked() {
        let server = server();
        let (mut connection, _client) = connection(&server).await;
        let request = b"GET /plaintext HTTP/1.1\r\nHost: test\r\n\r\n";
        // Far more answers than the kernel takes from a client that reads nothing.
        connection.http.receive(&request.repeat(200_000));
        {
            let mut answering = pin!(connection.answer());
            for _ in 0..100_000 {
                let polled = poll_fn(|cx| Poll::Ready(answering.as_mut().poll(cx))).await;
                assert!(polled.is_pending(), "the client reads nothing");
                if server.queued_bytes.with(|sum| *sum) > 0 {
                    break;
                }
            }
        }
        let waiting_bytes = connection.out.len();
        let one_answer_bytes = 200;
        assert!(
            waiting_bytes < MAX_BATCH_BYTES + one_answer_bytes,
            "{waiting_bytes} bytes wait"
        );
        assert!(waiting_bytes > 0, "the kernel can't have taken all of that");
    }

    #[tokio::test]
    async fn a_large_output_buffer_is_given_back() {
        let server = server();
        let (mut connection, mut client) = connection(&server).await;
        for bytes in [KEPT_OUTPUT_BYTES, KEPT_OUTPUT_BYTES * 4] {
            connection.out = vec![0; bytes];
            let mut received = vec![0; bytes];
            let (flushed, read) =
                tokio::join!(connection.flush(), client.read_exact(&mut received));
            flushed.unwrap();
            read.unwrap();
            assert_eq!(
                connection.out.capacity(),
                KEPT_OUTPUT_BYTES,
                "after {bytes} bytes"
            );
        }
    }

    #[tokio::test]
    async fn a_refused_client_is_listened_to_for_so_many_bytes() {
        let server = server();
        let (mut connection, mut client) = connection(&server).await;
        let sent = vec![0; LINGER_BYTES];
        // The client keeps the connection open: only the bound ends this.
        let (drained, wrote) = tokio::join!(connection.drain(), client.write_all(&sent));
        drained.unwrap();
        wrote.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_client_is_listened_to_for_so_long() {
        let server = server();
        let (mut connection, _client) = connection(&server).await;
        let begun = Instant::now();
        connection.linger().await.unwrap();
        let limit = Duration::from_millis(LINGER_MS);
        let lasted = begun.elapsed();
        assert!(
            lasted >= limit && lasted <= limit + Duration::from_millis(1),
            "{lasted:?}"
        );
    }
}
