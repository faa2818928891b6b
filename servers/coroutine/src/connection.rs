//! One client's requests and answers.
//!
//! Knows when to read, to answer and to write. Must never know what a route does or how HTTP is spelled.
//!
//! A small request costs one `read` and one `write`: everything that one read brought is answered before anything is
//! written, and tokio does not read again where the last read left room in the buffer. A reader that is slow stops the
//! task at its write, and with it the reading of further requests. A client that goes away in the middle of a request
//! is noticed when it is answered: the work is not cut short, since half-closed clients look the same and still wait.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use app::{KEPT_OUTPUT_BYTES, LINGER_BYTES, LINGER_MS, MAX_BATCH_BYTES};
use http1::server::Poll;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::heartbeat::DateCache;
use crate::{Server, interpreter, scratch};

/// Serves one connection to its end. Holds `stopping` until then, which is how the server knows.
pub(crate) async fn serve(stream: TcpStream, server: Arc<Server>, stopping: watch::Receiver<bool>) {
    let mut connection = Connection {
        stream,
        http: http1::server::Connection::new(),
        out: Vec::new(),
        date: DateCache::default(),
    };
    // The client is gone, or the network is; there is nobody to tell, and the connection ends either way.
    let _ = connection.serve(&server, stopping).await;
}

struct Connection {
    stream: TcpStream,
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

impl Connection {
    async fn serve(
        &mut self,
        server: &Arc<Server>,
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
        server: &Arc<Server>,
        stopping: &watch::Receiver<bool>,
    ) -> io::Result<Batch> {
        loop {
            let said = self.out.len();
            let job = match self
                .http
                .poll(self.date.at(server.heartbeat.now_s()), &mut self.out)
            {
                Poll::Request(request) => app::begin(&request),
                Poll::NeedInput => {
                    self.flush().await?;
                    return Ok(Batch::Answered);
                }
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
            let answer = if job.is_done() {
                job.into_answer()
            } else {
                // Those who were answered before need not wait for this one.
                self.flush().await?;
                interpreter::run(job, server).await
            };
            if stopping.has_changed().unwrap_or(true) {
                self.http.close_after_response();
            }
            self.http.respond(
                &answer.response(),
                self.date.at(server.heartbeat.now_s()),
                &mut self.out,
            );
            if self.out.len() >= MAX_BATCH_BYTES {
                self.flush().await?;
            }
        }
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
        let drain = async {
            let mut left = LINGER_BYTES;
            while left > 0 {
                match scratch::read(&mut self.stream, |_| ()).await? {
                    0 => break,
                    n => left = left.saturating_sub(n),
                }
            }
            Ok(())
        };
        timeout(Duration::from_millis(LINGER_MS), drain)
            .await
            .unwrap_or(Ok(()))
    }
}
