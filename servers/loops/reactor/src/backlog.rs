//! Bytes that a socket has yet to take.

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
    fn a_backlog_gives_its_memory_back() {
        let mut backlog = Backlog::default();
        backlog.push(&vec![7; 10 * KEPT_BYTES]);
        backlog.advance(6 * KEPT_BYTES);
        assert_eq!(backlog.len(), 4 * KEPT_BYTES);
        backlog.advance(4 * KEPT_BYTES);
        assert!(backlog.is_empty() && backlog.bytes.capacity() <= KEPT_BYTES);
    }
}
