//! A client's side of one connection.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use http1::Method;
use http1::client::{Part, ReplyDecoder};

use crate::PATIENCE;

/// The bytes of a GET request for `target`.
pub(crate) fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n")
}

/// One connection of a client that blocks. It panics where the connection fails, and where no reply comes in half a minute.
pub struct Client {
    stream: TcpStream,
    /// What was read beyond the last reply.
    input: Vec<u8>,
}

/// What a server answered.
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// The status line and the headers as they came.
    pub head: String,
    /// Its body, without any framing.
    pub body: Vec<u8>,
    /// Length of the whole reply on the wire.
    pub bytes: usize,
}

impl Client {
    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            stream,
            input: Vec::new(),
        }
    }

    /// Sends a GET request for `target` and waits for the reply.
    pub fn get(&mut self, target: &str) -> Reply {
        self.send_gets(&[target]);
        self.reply()
    }

    /// Sends a GET request for each of the targets, all at once.
    pub fn send_gets(&mut self, targets: &[&str]) {
        self.send(&targets.iter().copied().map(get).collect::<String>());
    }

    /// Sends these bytes as they are, in one write.
    pub fn send(&mut self, request: &str) {
        self.stream.write_all(request.as_bytes()).unwrap();
    }

    /// A second handle for sending, for another thread.
    pub(crate) fn sender(&self) -> TcpStream {
        self.stream.try_clone().unwrap()
    }

    /// Says that no more requests come.
    pub fn half_close(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// Waits for the reply to a GET request.
    pub fn reply(&mut self) -> Reply {
        self.reply_to(Method::Get)
    }

    /// Waits for the reply to a request of this method; whether it has a body depends on that.
    pub fn reply_to(&mut self, method: Method) -> Reply {
        let mut decoder = ReplyDecoder::new(method);
        let mut reply = Reply {
            status: 0,
            head: String::new(),
            body: Vec::new(),
            bytes: 0,
        };
        loop {
            let (taken, part) = decoder.decode(&self.input).unwrap();
            match part {
                Part::NeedInput => {
                    let mut bytes = vec![0; 64 * 1024];
                    let n = self.stream.read(&mut bytes).unwrap();
                    assert_ne!(n, 0, "the connection ended where a reply was expected");
                    self.input.extend_from_slice(&bytes[..n]);
                    continue;
                }
                Part::Head(head) => {
                    reply.status = head.status;
                    reply.head = String::from_utf8(self.input[..taken].to_vec()).unwrap();
                }
                Part::Body(body) => reply.body.extend_from_slice(body),
                Part::End => return reply,
            }
            reply.bytes += taken;
            self.input.drain(..taken);
        }
    }

    /// Waits for the end, and says whether it came without a further reply.
    pub fn is_at_end(&mut self) -> bool {
        let mut byte = [0];
        self.input.is_empty()
            && match self.stream.read(&mut byte) {
                Ok(n) => n == 0,
                Err(error) => error.kind() == ErrorKind::ConnectionReset,
            }
    }
}

impl Reply {
    /// The value of the first header of this name, in whatever case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find_map(|(known, value)| known.eq_ignore_ascii_case(name).then_some(value))
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }
}
