//! What a stream has yet to send.
//!
//! Knows bytes and who waits for them to be taken; must never know the loop. The socket is anything that can be
//! written to.

use crate::event_loop::Loop;
use reactor::Backlog;
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write};

pub(crate) type WriteCallback = Box<dyn FnOnce(&mut Loop, io::Result<()>)>;

/// Bytes are tried at once and queued only as far as the socket doesn't take them, as `uv_write` does.
#[derive(Default)]
pub(crate) struct WriteQueue {
    backlog: Backlog,
    /// The socket has taken less than it was offered, or isn't connected: it will say when to try again.
    blocked: bool,
    /// Bytes offered and taken since the stream began: how far a waiting callback's write has come.
    offered_total: u64,
    taken_total: u64,
    /// Callbacks, with the total that must have been taken first.
    waiting: VecDeque<(u64, WriteCallback)>,
    failure: Option<Failure>,
    /// The queue held bytes, or failed, since the stream's owner was last told that it is empty.
    drain_untold: bool,
}

impl WriteQueue {
    /// A queue for a socket that isn't connected yet.
    pub(crate) fn new_blocked() -> Self {
        Self {
            blocked: true,
            ..Self::default()
        }
    }

    /// Writes what is in `buffer`, or what the socket takes of it, and queues the rest: it is empty then. After a failure that is dropped.
    pub(crate) fn offer(&mut self, socket: &mut impl Write, buffer: &mut Vec<u8>) {
        if self.failure.is_none() && !buffer.is_empty() {
            self.offered_total += buffer.len() as u64;
            let taken = if self.blocked || !self.is_empty() {
                0
            } else {
                self.try_write(socket, buffer)
            };
            if taken < buffer.len() && self.failure.is_none() {
                self.backlog.take_over(buffer, taken);
                self.drain_untold = true;
            }
        }
        buffer.clear();
    }

    /// The socket can be written to again: sends what it takes.
    pub(crate) fn unblock(&mut self, socket: &mut impl Write) {
        self.blocked = false;
        if self.is_empty() {
            return;
        }
        let mut backlog = std::mem::take(&mut self.backlog);
        let taken = self.try_write(socket, backlog.unsent());
        if self.failure.is_none() {
            backlog.advance(taken);
            self.backlog = backlog;
        }
    }

    /// The socket is connected now: what is queued goes with its next event, and what is written to an empty queue at once.
    pub(crate) fn connected(&mut self) {
        self.blocked = !self.is_empty();
    }

    /// Nothing more can be sent: drops what is queued.
    pub(crate) fn fail(&mut self, error: &io::Error) {
        self.failure.get_or_insert(Failure::of(error));
        self.backlog.clear();
        self.drain_untold = true;
    }

    /// Has `callback` wait until all that has been offered so far is taken.
    pub(crate) fn wait(&mut self, callback: WriteCallback) {
        self.waiting.push_back((self.offered_total, callback));
    }

    /// Callbacks that wait.
    pub(crate) fn waiting_len(&self) -> usize {
        self.waiting.len()
    }

    /// The next waiting callback whose write has ended, and how.
    pub(crate) fn pop_ended(&mut self) -> Option<(WriteCallback, io::Result<()>)> {
        let (_, callback) = self
            .waiting
            .pop_front_if(|(total, _)| *total <= self.taken_total || self.failure.is_some())?;
        Some((
            callback,
            self.failure.map_or(Ok(()), |failure| Err(failure.error())),
        ))
    }

    /// Whether the queue has become empty, or failed, without the owner knowing. It knows now.
    pub(crate) fn take_drained(&mut self) -> Option<io::Result<()>> {
        let drained = self.drain_untold && self.is_empty();
        self.drain_untold &= !drained;
        drained.then(|| self.outcome())
    }

    /// Whether there is something to tell: [`Self::pop_ended`] or [`Self::take_drained`] would say it.
    pub(crate) fn has_news(&self) -> bool {
        self.is_empty() && (self.drain_untold || !self.waiting.is_empty())
    }

    /// Callbacks that still wait, for the end of the stream.
    pub(crate) fn take_waiting(&mut self) -> impl Iterator<Item = WriteCallback> + use<> {
        std::mem::take(&mut self.waiting)
            .into_iter()
            .map(|(_, callback)| callback)
    }

    /// Whether sending has failed.
    pub(crate) fn outcome(&self) -> io::Result<()> {
        self.failure.map_or(Ok(()), |failure| Err(failure.error()))
    }

    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.backlog.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.backlog.len()
    }

    /// Whether the stream owes nothing: no bytes, and nobody to tell.
    pub(crate) fn is_settled(&self) -> bool {
        self.is_empty() && self.waiting.is_empty() && !self.drain_untold
    }

    /// Writes once. Edge-triggered sockets say when there is room again only after they took less than offered (epoll(7)).
    fn try_write(&mut self, socket: &mut impl Write, bytes: &[u8]) -> usize {
        let taken = loop {
            match socket.write(bytes) {
                Ok(taken) => break taken,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break 0,
                Err(error) => {
                    self.fail(&error);
                    return 0;
                }
            }
        };
        self.blocked = taken < bytes.len();
        self.taken_total += taken as u64;
        taken
    }
}

impl fmt::Debug for WriteQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "WriteQueue {{ len: {}, blocked: {}, failure: {:?} }}",
            self.len(),
            self.blocked,
            self.failure
        )
    }
}

/// An error that can be told to everyone who waits.
#[derive(Debug, Clone, Copy)]
struct Failure {
    kind: io::ErrorKind,
    os_code: Option<i32>,
}

impl Failure {
    fn of(error: &io::Error) -> Self {
        Self {
            kind: error.kind(),
            os_code: error.raw_os_error(),
        }
    }

    fn error(self) -> io::Error {
        self.os_code
            .map_or_else(|| self.kind.into(), io::Error::from_raw_os_error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A socket that takes what the script says at each write: some bytes, nothing, or an error.
    struct Socket {
        script: VecDeque<Option<usize>>,
        taken: Vec<u8>,
    }

    impl Write for Socket {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = match self.script.pop_front() {
                Some(Some(0)) => return Err(io::ErrorKind::WouldBlock.into()),
                Some(Some(room)) => room.min(bytes.len()),
                Some(None) => return Err(io::ErrorKind::BrokenPipe.into()),
                None => bytes.len(),
            };
            self.taken.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn socket(script: &[Option<usize>]) -> Socket {
        Socket {
            script: script.iter().copied().collect(),
            taken: Vec::new(),
        }
    }

    #[test]
    fn a_write_that_fits_leaves_nothing_to_tell() {
        let mut queue = WriteQueue::default();
        queue.offer(&mut socket(&[]), &mut b"hello".to_vec());
        assert!(queue.is_settled() && !queue.has_news());
    }

    #[test]
    fn a_failure_drops_what_is_queued_and_is_told_once() {
        let mut queue = WriteQueue::default();
        let mut socket = socket(&[Some(2), None]);
        queue.offer(&mut socket, &mut b"hello".to_vec());
        assert_eq!(queue.len(), 3);
        queue.unblock(&mut socket);
        assert!(queue.is_empty() && queue.has_news());
        assert_eq!(
            queue.take_drained().unwrap().unwrap_err().kind(),
            io::ErrorKind::BrokenPipe
        );
        assert!(queue.take_drained().is_none());
        queue.offer(&mut socket, &mut b"more".to_vec());
        assert_eq!(
            (queue.len(), socket.taken.as_slice()),
            (0, b"he".as_slice())
        );
    }

    proptest! {
        #[test]
        fn bytes_arrive_whole_and_in_order_whatever_the_socket_takes(
            writes in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..20),
            rooms in prop::collection::vec((0..20_usize).prop_map(Some), 0..40),
        ) {
            let mut queue = WriteQueue::default();
            let mut socket = socket(&rooms);
            for (turn, bytes) in writes.iter().enumerate() {
                queue.offer(&mut socket, &mut bytes.clone());
                if turn % 3 == 0 && queue.is_blocked() {
                    queue.unblock(&mut socket);
                }
            }
            while !queue.is_empty() {
                queue.unblock(&mut socket);
            }
            prop_assert_eq!(socket.taken, writes.concat());
            prop_assert_eq!(queue.taken_total, queue.offered_total);
        }
    }
}
