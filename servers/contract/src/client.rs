//! A client's side of one connection.

use std::io::{ErrorKind, Read, Write};
use std::mem;
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use http1::Method;
use http1::client::{Part, ReplyDecoder};

/// So long does a test wait for an answer before it gives up; nothing depends on how fast one comes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The bytes of a GET request for `target`.
pub(crate) fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n")
}

/// The bytes of a request to join the chat, with the key of RFC 6455 §1.3.
pub(crate) fn upgrade() -> String {
    "GET /chat HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        .to_owned()
}

/// One connection of a client that blocks. It panics where the connection fails, and where no reply comes in half a minute.
pub struct Client {
    stream: TcpStream,
    /// What was read and not decoded.
    input: Vec<u8>,
    /// Of the reply that is being read.
    decoder: ReplyDecoder,
    /// What was decoded of its body and not asked for.
    body: Vec<u8>,
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
            decoder: ReplyDecoder::new(Method::Get),
            body: Vec::new(),
        }
    }

    /// Sends a GET request for `target` and waits for the reply.
    pub fn get(&mut self, target: &str) -> Reply {
        self.send_gets(&[target]);
        self.reply()
    }

    /// Sends a POST request with this body and waits for the reply.
    pub fn post(&mut self, target: &str, body: &str) -> Reply {
        let length = body.len();
        self.send(&format!(
            "POST {target} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        ));
        self.reply_to(Method::Post)
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
        let mut reply = self.begin_reply(method);
        let head_bytes = reply.bytes;
        reply.body = self.rest_of_body_of(&mut reply.bytes);
        assert!(reply.bytes >= head_bytes);
        reply
    }

    /// Waits for the head of the reply to a request of this method. Its body is for [`Client::body`] and
    /// [`Client::rest_of_body`].
    pub fn begin_reply(&mut self, method: Method) -> Reply {
        self.decoder = ReplyDecoder::new(method);
        self.body.clear();
        loop {
            let (taken, part) = self.decoder.decode(&self.input).unwrap();
            let head = match part {
                Part::Head(head) => head,
                Part::NeedInput => {
                    assert!(
                        self.read(),
                        "the connection ended where a reply was expected"
                    );
                    continue;
                }
                Part::Body(_) | Part::End => unreachable!("a reply begins with its head"),
            };
            let head_bytes = self.input.drain(..taken).collect();
            return Reply {
                status: head.status,
                head: String::from_utf8(head_bytes).unwrap(),
                body: Vec::new(),
                bytes: taken,
            };
        }
    }

    /// Waits for so many bytes of the body whose reply was begun.
    pub fn body(&mut self, bytes: usize) -> Vec<u8> {
        while self.body.len() < bytes {
            assert!(
                self.decode_body(&mut 0),
                "the body is shorter than {bytes} bytes"
            );
        }
        self.body.drain(..bytes).collect()
    }

    /// Waits for the rest of the body whose reply was begun.
    pub fn rest_of_body(&mut self) -> Vec<u8> {
        self.rest_of_body_of(&mut 0)
    }

    /// Waits for the end of the connection, and says whether it came inside the body whose reply was begun.
    pub fn is_cut_off(&mut self) -> bool {
        loop {
            let (taken, part) = self.decoder.decode(&self.input).unwrap();
            let needs_input = part == Part::NeedInput;
            if part == Part::End {
                return false;
            }
            self.input.drain(..taken);
            if needs_input && !self.read() {
                return self.decoder.eof().is_err();
            }
        }
    }

    fn rest_of_body_of(&mut self, taken_bytes: &mut usize) -> Vec<u8> {
        while self.decode_body(taken_bytes) {}
        mem::take(&mut self.body)
    }

    /// Decodes a part of the body, waiting for it if need be; whether there was one.
    fn decode_body(&mut self, taken_bytes: &mut usize) -> bool {
        loop {
            let (taken, part) = self.decoder.decode(&self.input).unwrap();
            let is_end = part == Part::End;
            let needs_input = part == Part::NeedInput;
            if let Part::Body(body) = part {
                self.body.extend_from_slice(body);
            }
            *taken_bytes += taken;
            self.input.drain(..taken);
            if !needs_input {
                return !is_end;
            }
            if !self.read() {
                self.decoder
                    .eof()
                    .expect("the connection ended inside a body");
                return false;
            }
        }
    }

    /// Reads what there is, waiting for it if need be; whether there was something.
    fn read(&mut self) -> bool {
        let mut bytes = vec![0; 64 * 1024];
        let n = self.stream.read(&mut bytes).unwrap();
        self.input.extend_from_slice(&bytes[..n]);
        n > 0
    }

    /// The connection, and what was read and not decoded.
    pub(crate) fn into_parts(self) -> (TcpStream, Vec<u8>) {
        (self.stream, self.input)
    }

    /// Waits for the end, and says whether it came without a further reply, or a further part of one.
    pub fn is_at_end(&mut self) -> bool {
        self.input.is_empty() && is_at_end(&mut self.stream)
    }
}

/// Waits for the end of a connection, and says whether nothing came before it.
pub(crate) fn is_at_end(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0]) {
        Ok(n) => n == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
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
