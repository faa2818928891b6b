//! The connection to Redis that all requests share.
//!
//! A task of its own writes what requests ask and hands replies on, in the same order. It ends with its connection; the next who asks
//! begins another.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::task::Poll;

use database::{CacheCommand, CacheSession};
use spec::{DatabaseError, RedisAccess};
use tokio::io::AsyncWriteExt;
use tokio::sync::{mpsc, oneshot};

use crate::runtime::Runtime;
use crate::scratch;
use crate::shared::Shared;

pub(crate) struct Cache<R: Runtime> {
    access: RedisAccess,
    nodelay: bool,
    /// To the task that has the connection, if there is one. No more wait in it than there are requests.
    driver: R::Shared<Option<mpsc::UnboundedSender<Asked>>>,
}

type Reply = Result<Option<Vec<u8>>, DatabaseError>;

struct Asked {
    command: Vec<u8>,
    /// Nobody may listen any more.
    tell: oneshot::Sender<Reply>,
}

impl<R: Runtime> Cache<R> {
    pub(crate) fn new(access: &RedisAccess, nodelay: bool) -> Self {
        Self {
            access: access.clone(),
            nodelay,
            driver: Shared::new(None),
        }
    }

    /// What the cache replies.
    pub(crate) async fn ask(&self, command: CacheCommand<'_>) -> Reply {
        let mut bytes = Vec::new();
        command.encode(&mut bytes);
        let (tell, reply) = oneshot::channel();
        self.send(Asked {
            command: bytes,
            tell,
        });
        reply.await.unwrap_or(Err(DatabaseError::Lost))
    }

    fn send(&self, asked: Asked) {
        self.driver.with(|driver| {
            let refused = match driver {
                Some(sender) => sender.send(asked).err().map(|refused| refused.0),
                None => Some(asked),
            };
            if let Some(asked) = refused {
                let (sender, receiver) = mpsc::unbounded_channel();
                // The other end is here.
                let _ = sender.send(asked);
                R::spawn(drive::<R>(self.access.clone(), self.nodelay, receiver));
                *driver = Some(sender);
            }
        });
    }
}

/// Has one connection from its beginning to its end, and says to all who wait then why it ended.
async fn drive<R: Runtime>(
    access: RedisAccess,
    nodelay: bool,
    mut asked: mpsc::UnboundedReceiver<Asked>,
) {
    let mut waiting = VecDeque::new();
    let Err(error) = exchange::<R>(&access, nodelay, &mut asked, &mut waiting).await else {
        return;
    };
    asked.close();
    while let Ok(Asked { tell, .. }) = asked.try_recv() {
        waiting.push_back(tell);
    }
    for tell in waiting {
        let _ = tell.send(Err(error.clone()));
    }
}

enum Event {
    Asked(Asked),
    Read(usize),
    /// Nobody will ask any more.
    Over,
}

async fn exchange<R: Runtime>(
    access: &RedisAccess,
    nodelay: bool,
    asked: &mut mpsc::UnboundedReceiver<Asked>,
    waiting: &mut VecDeque<oneshot::Sender<Reply>>,
) -> Result<(), DatabaseError> {
    let lost = |_: io::Error| DatabaseError::Lost;
    let mut stream = R::connect(access.addr)
        .await
        .map_err(|_| DatabaseError::Unreachable)?;
    // Without the option commands are slower, but not wrong.
    let _ = R::set_nodelay(&stream, nodelay);
    let mut out = Vec::new();
    let mut session = CacheSession::start(access, &mut out);
    loop {
        let event = poll_fn(|cx| {
            if let Poll::Ready(asked) = asked.poll_recv(cx) {
                return Poll::Ready(Ok(asked.map_or(Event::Over, Event::Asked)));
            }
            let read = scratch::poll_read(&mut stream, cx, |bytes| session.receive(bytes));
            read.map_ok(Event::Read)
        });
        match event.await.map_err(lost)? {
            Event::Over => return Ok(()),
            Event::Read(0) => return Err(DatabaseError::Lost),
            Event::Read(_) => {
                while let Some(reply) = session.next_reply()? {
                    let tell = waiting.pop_front().ok_or(DatabaseError::Malformed)?;
                    // The one that asked may be gone.
                    let _ = tell.send(Ok(reply));
                }
            }
            Event::Asked(first) => {
                let mut next = Some(first);
                while let Some(Asked { command, tell }) = next {
                    out.extend_from_slice(&command);
                    waiting.push_back(tell);
                    next = asked.try_recv().ok();
                }
                stream.write_all(&out).await.map_err(lost)?;
                out.clear();
            }
        }
    }
}
