//! The words both roles share: methods, versions, request targets.
//!
//! Knows their spelling (RFC 9110 §9, RFC 9112 §2.3 and §3.2); must never know framing or connections.

use core::fmt;

/// A request method (RFC 9110 §9.1). The case matters: `get` is [`Method::Other`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`: answered like `GET`, without the body.
    Head,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `DELETE`
    Delete,
    /// `OPTIONS`
    Options,
    /// Any other token, `CONNECT` and `TRACE` included: for the application to answer 405 or 501.
    Other,
}

impl Method {
    /// The method a request line spells.
    pub fn from_token(token: &str) -> Self {
        match token {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "DELETE" => Self::Delete,
            "OPTIONS" => Self::Options,
            _ => Self::Other,
        }
    }

    /// The method as a request line spells it; `None` for [`Method::Other`], which has no one spelling.
    pub const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Get => Some("GET"),
            Self::Head => Some("HEAD"),
            Self::Post => Some("POST"),
            Self::Put => Some("PUT"),
            Self::Delete => Some("DELETE"),
            Self::Options => Some("OPTIONS"),
            Self::Other => None,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str().unwrap_or("(other method)"))
    }
}

/// The version a peer speaks; every other one is refused (RFC 9112 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// `HTTP/1.0`: connections close unless `keep-alive` is asked for, and there is no chunked coding.
    Http10,
    /// `HTTP/1.1`
    Http11,
}

/// The `Sec-WebSocket-Key` of a valid WebSocket upgrade: 16 bytes in base64 (RFC 6455 §4.2.1), from which the other side
/// derives the value of `Sec-WebSocket-Accept`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WebSocketKey([u8; Self::BYTES]);

impl WebSocketKey {
    /// Every key is this long.
    pub const BYTES: usize = 24;

    /// The key in `value`, if it is one. The strict reading: bits of the last digit that stand for nothing are 0
    /// (RFC 4648 §3.5).
    pub(crate) fn from_bytes(value: &[u8]) -> Option<Self> {
        let key = <[u8; Self::BYTES]>::try_from(value).ok()?;
        let [digits @ .., last, b'=', b'='] = &key else {
            return None;
        };
        let is_digit =
            |byte: &u8| matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/');
        (digits.iter().all(is_digit) && matches!(last, b'A' | b'Q' | b'g' | b'w'))
            .then_some(Self(key))
    }

    /// The key as it was sent.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).expect("base64 is ASCII")
    }
}

/// Whether `target` can stand in a request line as origin-form (RFC 9112 §3.2.1): `/path` or `/path?query` in visible
/// ASCII, without a fragment.
pub fn is_origin_form(target: &str) -> bool {
    target.starts_with('/') && has_only_target_bytes(target)
}

/// Whether `host` can stand in a `Host` field (RFC 9110 §7.2): a name or an address and perhaps a port, without user
/// information.
pub fn is_authority(host: &str) -> bool {
    host.bytes().all(is_authority_byte)
}

/// Whether `text` is a token, as a method and the name of a field must be (RFC 9110 §5.6.2).
pub fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// Whether every byte may stand in a request target. Laxer than RFC 3986 in one way, as browsers are: visible ASCII that
/// a URI would escape (`{`, `|`, `"` …) is let through.
pub(crate) fn has_only_target_bytes(target: &str) -> bool {
    target
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'#')
}

/// Whether `byte` may stand in a host and port (RFC 3986 §3.2.2 and §3.2.3). Bytes are all that is checked: what names a
/// host is the resolver's business.
pub(crate) const fn is_authority_byte(byte: u8) -> bool {
    matches!(byte,
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'%' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')'
        | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'[' | b']')
}

/// Whether `byte` may stand in a token: a method or a field name (RFC 9110 §5.6.2).
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    matches!(byte,
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.'
        | b'^' | b'_' | b'`' | b'|' | b'~')
}

/// Whether `byte` may stand in a field value (RFC 9110 §5.5).
pub(crate) const fn is_value_byte(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..=0xFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_read_back_as_they_are_spelled() {
        for method in [
            Method::Get,
            Method::Head,
            Method::Post,
            Method::Put,
            Method::Delete,
            Method::Options,
        ] {
            let spelling = method.as_str().unwrap();
            assert_eq!(Method::from_token(spelling), method);
            assert_eq!(
                Method::from_token(&spelling.to_ascii_lowercase()),
                Method::Other
            );
        }
        assert_eq!(Method::from_token("CONNECT"), Method::Other);
        assert_eq!(Method::Other.as_str(), None);
    }

    #[test]
    fn origin_form_is_a_path_in_visible_ascii() {
        for good in ["/", "/a/b?c=d&e", "/%20", "/a{b}|c", "//"] {
            assert!(is_origin_form(good), "{good:?}");
        }
        for bad in [
            "",
            "a",
            "*",
            "?a",
            "/a b",
            "/a#b",
            "/\r\n",
            "/\u{7f}",
            "/\u{e9}",
            "/\0",
            "http://a/",
        ] {
            assert!(!is_origin_form(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_key_is_16_bytes_in_base64() {
        // The first is the RFC's own (§1.3); the last digits stand for 0, 1, 2 and 3 in their upper bits.
        for good in [
            "dGhlIHNhbXBsZSBub25jZQ==",
            "AAAAAAAAAAAAAAAAAAAAAA==",
            "+/+/+/+/+/+/+/+/+/+/+g==",
            "x3JJHMbDL1EzLkh9GBhXDw==",
        ] {
            let key = WebSocketKey::from_bytes(good.as_bytes());
            assert_eq!(key.unwrap().as_str(), good);
        }
        for bad in [
            "",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZQ= ",
            "dGhlIHNhbXBsZSBub25jZR==",
            "dGhlIHNhbXBsZSBub25jZQQ=",
            "dGhlIHNhbXBsZSBub25jZQQQ",
            "dGhlIHNhbXBsZSBub25j-_==",
            "dGhlIHNhbXBsZSBub25 ZQ==",
            "dGhlIHNhbXBsZSBub25jZQ===",
            "dGhlIHNhbXBsZSBub25jZSA=",
            "dGhlIHNhbXBsZSBub25=ZQ==",
        ] {
            assert_eq!(WebSocketKey::from_bytes(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn an_authority_is_a_host_and_perhaps_a_port() {
        for good in ["a", "a.b:80", "127.0.0.1:8080", "[::1]:80", ""] {
            assert!(is_authority(good), "{good:?}");
        }
        for bad in ["a/b", "u@a", "a b", "a\r\nX: y", "a?b", "a#b", "\u{e9}"] {
            assert!(!is_authority(bad), "{bad:?}");
        }
    }
}
