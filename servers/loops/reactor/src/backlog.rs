//! Bytes that a socket has yet to take.

use std::mem;

/// An emptied backlog keeps this much memory for the next time; a slow reader's is given back.
const KEPT_BYTES: usize = 64 * 1024;

/// Bytes in the order in which they are to be sent.
#[derive(Debug, Default)]
pub struct Backlog {
    /// Those from `sent` on are still to be taken.
    bytes: Vec<u8>,
    sent: usize,
}

impl Backlog {
    /// Adds bytes behind the others.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Adds what of a buffer is not sent, and empties it. Much of it is not copied where nothing else waits: the buffer is taken over.
    pub fn take_over(&mut self, buffer: &mut Vec<u8>, sent: usize) {
        if self.is_empty() && buffer.len() - sent > KEPT_BYTES {
            self.bytes = mem::take(buffer);
            self.sent = sent;
        } else {
            self.push(&buffer[sent..]);
            buffer.clear();
        }
    }

    /// What is to be sent.
    pub fn unsent(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// So many of them have been taken.
    pub fn advance(&mut self, taken: usize) {
        self.sent += taken;
        if self.is_empty() {
            self.bytes.clear();
            self.bytes.shrink_to(KEPT_BYTES);
            self.sent = 0;
        } else if self.sent > self.bytes.len() / 2 {
            // Each byte is moved at most once on average.
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Bytes to be sent.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Whether nothing is to be sent.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_taken_over_or_added_and_empty_afterwards() {
        let large = |byte| vec![byte; KEPT_BYTES + 2];
        let mut backlog = Backlog::default();
        let (mut first, mut second, mut small) = (large(1), large(2), vec![3; 3]);
        let place = first.as_ptr();
        backlog.take_over(&mut first, 1);
        assert_eq!(backlog.unsent().as_ptr(), place.wrapping_add(1), "copied");
        backlog.take_over(&mut second, 2);
        backlog.take_over(&mut small, 2);
        assert!(first.is_empty() && second.is_empty() && small.is_empty());
        let expected = [&large(1)[1..], &large(2)[2..], &[3]].concat();
        assert_eq!(backlog.unsent(), expected);
    }

    #[test]
    fn a_backlog_gives_its_memory_back() {
        let mut backlog = Backlog::default();
        backlog.push(&vec![7; 10 * KEPT_BYTES]);
        backlog.advance(6 * KEPT_BYTES);
        assert_eq!(backlog.len(), 4 * KEPT_BYTES);
        backlog.advance(4 * KEPT_BYTES);
        assert!(backlog.is_empty() && backlog.bytes.capacity() <= KEPT_BYTES);
    }
}
