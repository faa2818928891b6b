//! The handshake that makes a connection a WebSocket, as the client sees it (RFC 6455 §4.1). No socket and no clock.

use http1::Method;
use http1::client::{Part, ReplyDecoder, encode_request, websocket_accept};
use thiserror::Error;
use websocket::{Accept, key};

/// The version that there is.
const VERSION: &str = "13";

/// The status of the answer.
const SWITCHING_PROTOCOLS: u16 = 101;

/// A handshake that is not answered yet.
#[derive(Debug)]
pub struct Upgrade {
    reply: ReplyDecoder,
    /// What has come of the answer.
    head: Vec<u8>,
    /// What proves that the server has read the key.
    accept: Accept,
}

/// Why a connection did not become a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum UpgradeError {
    /// The answer was another.
    #[error("it was answered {0}, not {SWITCHING_PROTOCOLS}")]
    Status(u16),
    /// The answer lacks what proves that the server has read the key, or has an extension or subprotocol.
    #[error(
        "the answer lacks what makes it a WebSocket's (`Upgrade`, `Connection`, the right `Sec-WebSocket-Accept`), or has an extension or subprotocol that was not offered"
    )]
    NoProof,
    /// The answer was not HTTP/1.1.
    #[error("the answer is not HTTP/1.1")]
    Malformed,
    /// The connection ended first.
    #[error("the connection was closed")]
    Closed,
}

impl Upgrade {
    /// Appends the request for a WebSocket at `target` of `host` to `out`. `nonce`: chosen at random for each connection.
    pub fn ask(target: &str, host: &str, nonce: [u8; 16], out: &mut Vec<u8>) -> Self {
        let key = key(nonce);
        let fields = [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Key", &key),
            ("Sec-WebSocket-Version", VERSION),
        ];
        encode_request(Method::Get, target, host, &fields, None, out);
        Self {
            reply: ReplyDecoder::new(Method::Get),
            head: Vec::new(),
            accept: Accept::to(&key),
        }
    }

    /// Takes what came, in its order. Once the answer is whole and right: what came behind it, which is WebSocket's.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<Option<Vec<u8>>, UpgradeError> {
        self.head.extend_from_slice(bytes);
        let decoded = self.reply.decode(&self.head);
        let (taken, part) = decoded.map_err(|_| UpgradeError::Malformed)?;
        match part {
            Part::NeedInput => {
                // Interim heads, of which nothing is wanted.
                self.head.drain(..taken);
                Ok(None)
            }
            Part::Head(head) if head.status != SWITCHING_PROTOCOLS => {
                Err(UpgradeError::Status(head.status))
            }
            Part::Head(_) => match websocket_accept(&self.head[..taken]) {
                Some(accept) if accept == self.accept.as_str().as_bytes() => {
                    Ok(Some(self.head.split_off(taken)))
                }
                _ => Err(UpgradeError::NoProof),
            },
            Part::Body(_) | Part::End => unreachable!("the head comes first, and ends it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6455 §1.3.
    const NONCE: [u8; 16] = *b"the sample nonce";
    const ANSWER: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

    /// What comes of an answer, however it is cut in two.
    #[track_caller]
    fn check(answer: &str, expected: Result<Option<&str>, UpgradeError>) {
        for at in 0..=answer.len() {
            let mut upgrade = Upgrade::ask("/chat", "a:80", NONCE, &mut Vec::new());
            let (first, second) = answer.as_bytes().split_at(at);
            let found = match upgrade.receive(first) {
                Ok(None) => upgrade.receive(second),
                Ok(Some(rest)) => Ok(Some([&rest, second].concat())),
                Err(why) => Err(why),
            };
            let expected = expected.map(|rest| rest.map(|rest| rest.as_bytes().to_vec()));
            assert_eq!(found, expected, "{answer:?}, cut at {at}");
        }
    }

    #[test]
    fn it_asks_as_the_rfc_has_it() {
        let mut out = Vec::new();
        Upgrade::ask("/chat", "a:80", NONCE, &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "GET /chat HTTP/1.1\r\nHost: a:80\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
    }

    #[test]
    fn only_the_right_answer_opens_it() {
        check(ANSWER, Ok(Some("")));
        check(&format!("{ANSWER}\x01hi"), Ok(Some("\x01hi")));
        check(
            &format!("HTTP/1.1 103 Early Hints\r\n\r\n{ANSWER}hi"),
            Ok(Some("hi")),
        );
        check(&ANSWER[..ANSWER.len() - 1], Ok(None));
        check(
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            Err(UpgradeError::Status(404)),
        );
        check(&ANSWER.replace("s3pP", "S3pP"), Err(UpgradeError::NoProof));
        check(
            &ANSWER.replace("Connection: Upgrade\r\n", ""),
            Err(UpgradeError::NoProof),
        );
        check(
            &ANSWER.replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat\r\n\r\n"),
            Err(UpgradeError::NoProof),
        );
    }

    #[test]
    fn what_is_no_http_is_refused() {
        let mut upgrade = Upgrade::ask("/chat", "a:80", NONCE, &mut Vec::new());
        assert_eq!(upgrade.receive(b"\x81\x02hi"), Err(UpgradeError::Malformed));
    }
}
