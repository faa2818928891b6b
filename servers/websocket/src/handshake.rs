//! The two values of the opening handshake that are not HTTP's business (RFC 6455 §4).
//!
//! Knows how they are derived; must never know the request or the answer that carries them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// The value of `Sec-WebSocket-Accept`: proof that the server has read the key, and means it (§4.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accept([u8; Self::BYTES]);

impl Accept {
    /// SHA-1 has 20 bytes, which are 28 digits in base64.
    const BYTES: usize = 28;
    /// What §1.3 has the key followed by.
    const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

    /// What answers `key`, the value of `Sec-WebSocket-Key` as it was sent.
    pub fn to(key: &str) -> Self {
        let digest = Sha1::new()
            .chain_update(key)
            .chain_update(Self::GUID)
            .finalize();
        let mut accept = [0; Self::BYTES];
        let written = STANDARD.encode_slice(digest, &mut accept);
        debug_assert_eq!(written, Ok(Self::BYTES), "20 bytes fill 28 digits");
        Self(accept)
    }

    /// The value as it stands in a head.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("base64 is ASCII")
    }
}

/// The value of `Sec-WebSocket-Key` for a nonce, which a client chooses at random for each connection (§4.1).
pub fn key(nonce: [u8; 16]) -> String {
    STANDARD.encode(nonce)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rfcs_examples() {
        // §1.3.
        assert_eq!(key(*b"the sample nonce"), "dGhlIHNhbXBsZSBub25jZQ==");
        let accept = Accept::to("dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(accept.as_str(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
