//! One client's requests and answers.
//!
//! Knows when to read, to answer and to write. Must never know what a route does or how HTTP is spelled.
//!
//! A small request costs one `read` and one `write`: everything that one read brought is answered before anything is
//! written, and tokio does not read again where the last read left room in the buffer. A reader that is slow stops the
//! task at its write, and with it the reading of further requests. A client that goes away in the middle of a request
//! is noticed when it is answered: the work is not cut short, since half-closed clients look the same and still wait. The
//! client of a stream is listened to while the stream sleeps, and ends it by leaving.
//!
//! What becomes of a connection that leaves HTTP is in `chat`.

mod chat;

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http1::server::{Poll, ResponseHead};
use spec::{KEPT_OUTPUT_BYTES, LINGER_BYTES, LINGER_MS, MAX_BATCH_BYTES, Outcome};
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;

use crate::heartbeat::DateCache;
use crate::runtime::Runtime;
use crate::{Server, interpreter, scratch};

pub(crate) use self::chat::Room;

/// Serves one connection to its end. Holds `stopping` until then, which is how the server knows.
pub(crate) async fn serve<R: Runtime>(
    stream: R::Stream,
    server: Arc<Server<R>>,
    stopping: watch::Receiver<bool>,
) {
    // The client is gone, or the network is; there is nobody to tell, and the connection ends either way.
    let _ = Connection::<R>::new(stream).serve(&server, stopping).await;
}

pub(crate) struct Connection<R: Runtime> {
    stream: R::Stream,
    http: http1::server::Connection,
    /// Answers that wait to be written.
    out: Vec<u8>,
    date: DateCache,
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

impl<R: Runtime> Connection<R> {
    fn new(stream: R::Stream) -> Self {
        Self {
            stream,
            http: http1::server::Connection::new(),
            out: Vec::new(),
            date: DateCache::default(),
        }
    }

    async fn serve(
        &mut self,
        server: &Arc<Server<R>>,
        stopping: watch::Receiver<bool>,
    ) -> io::Result<()> {
        let mut told = stopping.clone();
        let mut stop = pin!(told.changed());
        let mut stop_seen = false;
        loop {
            // Polled first, the socket is what usually is ready; the stop has its turn whenever it is not.
            tokio::select! {
                biased;
                received = scratch::read(&mut self.stream, |bytes| self.http.receive(bytes)) => {
                    if received? == 0 {
                        self.http.receive_eof();
                    }
                }
                _ = &mut stop, if !stop_seen => {
                    stop_seen = true;
                    self.http.close_after_response();
                }
            }
            match self.answer(server, &stopping).await? {
                Batch::Answered => {}
                Batch::Ended => return Ok(()),
                Batch::Refused => return self.linger().await,
            }
        }
    }

    /// Answers every request that has come whole, and writes the answers together.
    async fn answer(
        &mut self,
        server: &Arc<Server<R>>,
        stopping: &watch::Receiver<bool>,
    ) -> io::Result<Batch> {
        loop {
            let said = self.out.len();
            let job = match self
                .http
                .poll(self.date.at(server.heartbeat.now_s()), &mut self.out)
            {
                Poll::Request(request) => spec::begin(&request),
                Poll::NeedInput => {
                    self.flush().await?;
                    return Ok(Batch::Answered);
                }
                Poll::Upgraded => unreachable!("the chat ends with its connection"),
                Poll::Closing => {
                    let refused = self.out.len() > said;
                    self.flush().await?;
                    return Ok(if refused {
                        Batch::Refused
                    } else {
                        Batch::Ended
                    });
                }
            };
            let outcome = if job.is_done() {
                job.into_outcome()
            } else {
                // Those who were answered before need not wait for this one.
                self.flush().await?;
                interpreter::run(job, server, self).await?
            };
            if stopping.has_changed().unwrap_or(true) {
                self.http.close_after_response();
            }
            match outcome {
                Outcome::Answer(answer) => self.http.respond(
                    &answer.response(),
                    self.date.at(server.heartbeat.now_s()),
                    &mut self.out,
                ),
                Outcome::StreamEnd => self.http.end_stream(&mut self.out),
                Outcome::Chat(key) => {
                    // On the heap, so that those who don't chat don't keep room for it.
                    Box::pin(chat::attend(self, &key, &server.room, stopping.clone())).await?;
                    return Ok(Batch::Ended);
                }
            }
            self.flush_batch().await?;
        }
    }

    /// Begins a streamed answer to the request that is being worked on.
    pub(crate) fn begin_stream(&mut self, head: &ResponseHead<'_>, server: &Server<R>) {
        let date = self.date.at(server.heartbeat.now_s());
        self.http.begin_stream(head, date, &mut self.out);
    }

    /// Streams a part. It goes out with the next flush, at the latest when a batch is full; a client that is slow to take
    /// what went before holds its stream up here.
    pub(crate) async fn stream_part(&mut self, part: &[u8]) -> io::Result<()> {
        self.http.stream_part(part, &mut self.out);
        self.flush_batch().await
    }

    /// Waits for something in the middle of a stream, once all that was streamed is on its way. Fails where the client leaves
    /// meanwhile: nothing is worth waiting for then.
    pub(crate) async fn wait_in_stream(
        &mut self,
        wait: impl Future<Output = ()>,
    ) -> io::Result<()> {
        self.flush().await?;
        let mut wait = pin!(wait);
        loop {
            tokio::select! {
                () = &mut wait => return Ok(()),
                received = scratch::read(&mut self.stream, |bytes| self.http.receive(bytes)),
                    if self.http.wants_input() =>
                {
                    if received? == 0 {
                        return Err(io::ErrorKind::ConnectionAborted.into());
                    }
                }
            }
        }
    }

    /// Writes what is there, if that is as much as goes out together.
    async fn flush_batch(&mut self) -> io::Result<()> {
        if self.out.len() >= MAX_BATCH_BYTES {
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> io::Result<()> {
        if !self.out.is_empty() {
            self.stream.write_all(&self.out).await?;
            self.out.clear();
            self.out.shrink_to(KEPT_OUTPUT_BYTES);
        }
        Ok(())
    }

    /// Closing while the client still sends would make its kernel throw the refusal away before it is read
    /// (RFC 9112 §9.6): say that nothing more will come, and listen a little longer.
    async fn linger(&mut self) -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    use std::future::ready;

    use spec::Settings;
    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpSocket, TcpStream};
    use tokio::time::Instant;

    use super::*;
    use crate::runtime::Tokio;

    /// Both ends of a connection, with as little room in the kernel as it allows.
    async fn connection() -> (Connection<Tokio>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let client = socket
            .connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        (Connection::new(stream), client)
    }

    #[tokio::test]
    async fn a_batch_of_answers_is_bounded_however_much_was_asked() {
        let settings = Settings::new(([127, 0, 0, 1], 0).into());
        let server = Arc::new(Server::new(&settings, Tokio::CurrentThread));
        let stopping = server.stopping();
        let (mut connection, _client) = connection().await;
        let request = b"GET /plaintext HTTP/1.1\r\nHost: test\r\n\r\n";
        // Far more answers than the kernel takes from a client that reads nothing.
        connection.http.receive(&request.repeat(200_000));
        tokio::select! {
            biased;
            batch = connection.answer(&server, &stopping) => panic!("{batch:?}: the client reads nothing"),
            () = ready(()) => {}
        }
        let waiting_bytes = connection.out.len();
        let one_answer_bytes = 200;
        assert!(
            (MAX_BATCH_BYTES..MAX_BATCH_BYTES + one_answer_bytes).contains(&waiting_bytes),
            "{waiting_bytes} bytes wait"
        );
    }

    #[tokio::test]
    async fn a_large_output_buffer_is_given_back() {
        let (mut connection, mut client) = connection().await;
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
        let (mut connection, mut client) = connection().await;
        let sent = vec![0; LINGER_BYTES];
        // The client keeps the connection open: only the bound ends this.
        let (drained, wrote) = tokio::join!(connection.drain(), client.write_all(&sent));
        drained.unwrap();
        wrote.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_client_is_listened_to_for_so_long() {
        let (mut connection, _client) = connection().await;
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
