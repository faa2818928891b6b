//! One connection to Redis, without its socket.
//!
//! Knows commands and replies (RESP2, redis.io's reference of the serialisation protocol). Replies come in the order of the commands, so that
//! a caller need not wait for the one before.

use redis_protocol::resp2::decode::decode;
use redis_protocol::resp2::encode::encode_borrowed;
use redis_protocol::resp2::types::{BorrowedFrame, OwnedFrame};
use spec::{CACHED_S, DatabaseError, RedisAccess, cache_key};

/// What the cache is asked.
#[derive(Debug, Clone, Copy)]
pub enum CacheCommand<'a> {
    /// What it has of a product.
    Get {
        /// The product.
        id: u32,
    },
    /// To have this of a product.
    Set {
        /// The product.
        id: u32,
        /// It as JSON.
        body: &'a [u8],
    },
}

impl CacheCommand<'_> {
    /// Appends it to `out`.
    pub fn encode(self, out: &mut Vec<u8>) {
        match self {
            Self::Get { id } => encode(&[b"GET", cache_key(id).as_bytes()], out),
            Self::Set { id, body } => {
                let seconds = CACHED_S.to_string();
                let key = cache_key(id);
                encode(
                    &[b"SET", key.as_bytes(), body, b"EX", seconds.as_bytes()],
                    out,
                );
            }
        }
    }
}

/// A connection's state.
#[derive(Debug)]
pub struct CacheSession {
    input: Vec<u8>,
    /// Replies to what was said at the start that are still to come.
    greetings: usize,
}

impl CacheSession {
    /// A new connection, whose first words are appended to `out`.
    pub fn start(access: &RedisAccess, out: &mut Vec<u8>) -> Self {
        let mut greetings = 0;
        if let Some(password) = &access.password {
            let user = access.user.as_deref().unwrap_or("default");
            encode(&[b"AUTH", user.as_bytes(), password.as_bytes()], out);
            greetings += 1;
        }
        if access.database != 0 {
            let number = access.database.to_string();
            encode(&[b"SELECT", number.as_bytes()], out);
            greetings += 1;
        }
        Self {
            input: Vec::new(),
            greetings,
        }
    }

    /// Takes bytes read from the server.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    /// The reply to the next command, where it has come: what the cache has, or what it says. After an error the connection is of no more
    /// use.
    pub fn next_reply(&mut self) -> Result<Option<Option<Vec<u8>>>, DatabaseError> {
        while let Some((frame, len)) = decode(&self.input).map_err(|_| DatabaseError::Malformed)? {
            self.input.drain(..len);
            let reply = match frame {
                OwnedFrame::BulkString(bytes) | OwnedFrame::SimpleString(bytes) => Some(bytes),
                OwnedFrame::Null => None,
                OwnedFrame::Error(reason) => return Err(DatabaseError::Refused { reason }),
                OwnedFrame::Integer(_) | OwnedFrame::Array(_) => {
                    return Err(DatabaseError::Malformed);
                }
            };
            if self.greetings == 0 {
                return Ok(Some(reply));
            }
            self.greetings -= 1;
        }
        Ok(None)
    }
}

fn encode(words: &[&[u8]], out: &mut Vec<u8>) {
    let words: Vec<BorrowedFrame<'_>> = words
        .iter()
        .map(|word| BorrowedFrame::BulkString(word))
        .collect();
    let command = BorrowedFrame::Array(&words);
    let start = out.len();
    out.resize(start + command.encode_len(false), 0);
    encode_borrowed(&mut out[start..], &command, false).expect("there is room for it");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> RedisAccess {
        RedisAccess {
            addr: ([127, 0, 0, 1], 6379).into(),
            user: None,
            password: None,
            database: 0,
        }
    }

    #[test]
    fn commands_are_what_the_contract_says() {
        let mut out = Vec::new();
        CacheCommand::Get { id: 7 }.encode(&mut out);
        assert_eq!(out, b"*2\r\n$3\r\nGET\r\n$9\r\nproduct:7\r\n");
        out.clear();
        CacheCommand::Set { id: 7, body: b"{}" }.encode(&mut out);
        assert_eq!(
            out,
            b"*5\r\n$3\r\nSET\r\n$9\r\nproduct:7\r\n$2\r\n{}\r\n$2\r\nEX\r\n$2\r\n60\r\n"
        );
    }

    #[test]
    fn replies_come_in_any_pieces_and_those_to_the_greeting_are_nobodys() {
        let mut out = Vec::new();
        let access = RedisAccess {
            password: Some("secret".into()),
            database: 3,
            ..access()
        };
        let bytes = b"+OK\r\n+OK\r\n$-1\r\n+OK\r\n$2\r\n{}\r\n";
        for split in 0..=bytes.len() {
            out.clear();
            let mut session = CacheSession::start(&access, &mut out);
            let mut replies = Vec::new();
            for part in [&bytes[..split], &bytes[split..]] {
                session.receive(part);
                while let Some(reply) = session.next_reply().unwrap() {
                    replies.push(reply);
                }
            }
            let expected = [None, Some(b"OK".to_vec()), Some(b"{}".to_vec())];
            assert_eq!(replies, expected, "split at {split}");
        }
        assert!(out.starts_with(b"*3\r\n$4\r\nAUTH\r\n$7\r\ndefault\r\n"));
        assert!(out.ends_with(b"*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n"));
    }

    #[test]
    fn what_is_no_reply_fails() {
        for (bytes, expected) in [
            (
                &b"-NOAUTH first\r\n"[..],
                DatabaseError::Refused {
                    reason: "NOAUTH first".into(),
                },
            ),
            (b":1\r\n", DatabaseError::Malformed),
            (b"HTTP/1.1 400\r\n", DatabaseError::Malformed),
        ] {
            let mut session = CacheSession::start(&access(), &mut Vec::new());
            session.receive(bytes);
            assert_eq!(session.next_reply(), Err(expected));
        }
    }
}
