//! Where a server is, as people write it: what to connect to, and what to write into requests.
//!
//! The path is sent as typed, without the rewriting of a browser (`/a/../b` stays), since a load test asks for what the
//! server must parse. Resolves nothing and connects to nothing.

use std::ffi::OsStr;
use std::fmt;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{
    AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str, percent_encode, utf8_percent_encode,
};
use thiserror::Error;
use url::Url;

/// The longest path of a Unix socket: `sun_path` of unix(7), without its end.
pub const MAX_SOCKET_PATH_BYTES: usize = 107;

/// The longest host name (RFC 1035, section 2.3.4).
pub const MAX_HOST_BYTES: usize = 253;

/// How an address is written.
const FORM: &str =
    "write it as http://host:port/path, https://host:port/path, or unix:/path/of.sock";

/// How an address of a socket is written that has a path of its own to ask for.
const SOCKET_FORM: &str =
    "write it as unix:/path/of.sock, or as http+unix://%2Fpath%2Fof.sock/path";

/// What a request to a socket names as its host, as with curl: a socket has none.
const SOCKET_HOST: &str = "localhost";

/// What cannot stand in a request line as typed: blanks and control characters, and whatever is not ASCII (RFC 9112 §3.2).
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ');

/// What stands as it is in the path of a socket that is written as a host.
const SOCKET_ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// An address, in the parts that a request needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Whether it is https.
    pub is_secured: bool,
    /// What to connect to.
    pub place: Place,
    /// Host and port as the `Host` header names them: without the scheme's own port.
    pub authority: String,
    /// Path and query, as they are sent.
    pub target: String,
    /// The value of `Authorization`, where a user name was typed (RFC 7617).
    pub authorization: Option<String>,
}

/// What to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A TCP port.
    Host {
        /// A name or an address; an IPv6 address without its brackets.
        name: String,
        /// From 1; the scheme's own where none was typed.
        port: u16,
    },
    /// A Unix socket, by an absolute or relative path of at most [`MAX_SOCKET_PATH_BYTES`].
    Socket(PathBuf),
}

/// An address that can't be one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what}")]
pub struct AddressError {
    /// What is wrong. Never repeats a password.
    pub what: String,
    /// What to do about it.
    pub help: String,
}

impl AddressError {
    fn new(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            help: help.into(),
        }
    }
}

impl Place {
    /// A socket, by its path.
    pub fn socket(path: &Path) -> Result<Self, AddressError> {
        let bytes = path.as_os_str().as_bytes();
        let why = match bytes.len() {
            0 => "is missing".to_owned(),
            1..=MAX_SOCKET_PATH_BYTES if !bytes.contains(&0) => {
                return Ok(Self::Socket(path.to_owned()));
            }
            1..=MAX_SOCKET_PATH_BYTES => "has a zero byte".to_owned(),
            length => format!("has {length} bytes; the system allows {MAX_SOCKET_PATH_BYTES}"),
        };
        Err(AddressError::new(
            format!("the path of the socket {why}"),
            SOCKET_FORM,
        ))
    }
}

impl Address {
    /// Reads what was typed. Without a scheme it is http.
    pub fn parse(typed: &str) -> Result<Self, AddressError> {
        let typed = typed.trim();
        if let Some(path) = typed.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return Ok(Self::of_socket(Place::socket(Path::new(path))?, false, ""));
        }
        let is_scheme = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        };
        let (scheme, rest) = match typed.split_once("://") {
            Some((scheme, rest)) if is_scheme(scheme) => (scheme.to_ascii_lowercase(), rest),
            _ => ("http".to_owned(), typed.strip_prefix("//").unwrap_or(typed)),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (is_secured, is_socket) = match scheme.as_str() {
            "http" => (false, false),
            "https" => (true, false),
            "http+unix" => (false, true),
            "https+unix" => (true, true),
            other => {
                let what =
                    format!("addresses with {other}:// are not measured, only http and https");
                return Err(AddressError::new(what, FORM));
            }
        };
        if is_socket {
            let decoded: Vec<u8> = percent_decode_str(authority).collect();
            let place = Place::socket(Path::new(OsStr::from_bytes(&decoded)))?;
            return Ok(Self::of_socket(place, is_secured, path));
        }
        let (user, host) = authority
            .rsplit_once('@')
            .map_or((None, authority), |(user, host)| (Some(user), host));
        if let "http:" | "https:" = host {
            return Err(AddressError::new(
                format!("`{host}` is not followed by `//`"),
                FORM,
            ));
        }
        // What stands before an `@` further on may be the rest of a password.
        let is_secret = path.contains('@') || user.is_some();
        if host.is_empty() || host.starts_with(':') {
            let help = if is_secret {
                FORM.to_owned()
            } else {
                format!("did you mean `{scheme}://localhost{host}{path}`?")
            };
            return Err(AddressError::new("the address names no host", help));
        }
        let (named, help) = if is_secret {
            (
                "the host of the address".to_owned(),
                "in a user name or password write `/` as %2F, `?` as %3F, `#` as %23",
            )
        } else {
            (format!("`{host}`"), FORM)
        };
        let wrong = || AddressError::new(format!("{named} is not a host and port"), help);
        let url = Url::parse(&format!("{scheme}://{host}/")).map_err(|_| wrong())?;
        let host = url.host_str().expect("http and https have a host");
        // A URL writes an IPv6 address in brackets; a resolver wants it without.
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let port = url
            .port_or_known_default()
            .expect("http and https have ports of their own");
        if port == 0 || name.len() > MAX_HOST_BYTES {
            return Err(wrong());
        }
        Ok(Self {
            is_secured,
            place: Place::Host {
                name: name.to_owned(),
                port,
            },
            authority: url
                .port()
                .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")),
            target: target(path),
            authorization: user.map(basic),
        })
    }

    /// Reads the address of a server whose paths are named elsewhere: it may have a path that stands before each of them, and has
    /// neither a query nor a user name.
    pub fn parse_base(typed: &str) -> Result<Self, AddressError> {
        let address = Self::parse(typed)?;
        if address.authorization.is_some() {
            return Err(AddressError::new(
                "the address names a user, who is not sent",
                "leave user name and password out; a scenario's request may have `headers = [\"Authorization: …\"]`",
            ));
        }
        if address.target.contains('?') {
            return Err(AddressError::new(
                "the address has a query, and paths follow it",
                "leave the query out: the scenario's paths have theirs",
            ));
        }
        Ok(address)
    }

    fn of_socket(place: Place, is_secured: bool, path: &str) -> Self {
        Self {
            is_secured,
            place,
            authority: SOCKET_HOST.to_owned(),
            target: target(path),
            authorization: None,
        }
    }

    /// The name by which a certificate must call the server.
    pub fn server_name(&self) -> &str {
        match &self.place {
            Place::Host { name, .. } => name,
            Place::Socket(_) => SOCKET_HOST,
        }
    }

    /// Scheme and authority, as they stand before a path.
    pub fn root(&self) -> String {
        let root = Self {
            target: String::new(),
            ..self.clone()
        };
        root.to_string()
    }

    /// A path with its query below this address.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.target.trim_end_matches('/'))
    }
}

impl From<SocketAddr> for Address {
    /// Plain http at its root.
    fn from(addr: SocketAddr) -> Self {
        Self {
            is_secured: false,
            place: Place::Host {
                name: addr.ip().to_string(),
                port: addr.port(),
            },
            authority: addr.to_string(),
            target: "/".to_owned(),
            authorization: None,
        }
    }
}

/// The address as it is requested: without user name and password.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.is_secured { "s" } else { "" };
        match &self.place {
            Place::Host { .. } => write!(f, "http{s}://{}{}", self.authority, self.target),
            Place::Socket(path) => match path.to_str() {
                Some(path) if !self.is_secured && self.target == "/" => write!(f, "unix:{path}"),
                _ => {
                    let path = percent_encode(path.as_os_str().as_bytes(), SOCKET_ESCAPED);
                    write!(f, "http{s}+unix://{path}{}", self.target)
                }
            },
        }
    }
}

/// Path and query as they are sent, of what stands behind the host.
fn target(path: &str) -> String {
    let path = path.split('#').next().unwrap_or_default();
    let slash = if path.starts_with('/') { "" } else { "/" };
    format!("{slash}{}", utf8_percent_encode(path, ESCAPED))
}

/// `Basic` credentials (RFC 7617 §2) of the `user:password` of a URL, which escapes what would end it.
fn basic(user: &str) -> String {
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let decoded = [
        percent_decode_str(name).collect(),
        b":".to_vec(),
        percent_decode_str(password).collect::<Vec<u8>>(),
    ];
    format!("Basic {}", STANDARD.encode(decoded.concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(typed: &str, shown: &str) -> Address {
        let address = Address::parse(typed).unwrap();
        assert_eq!(address.to_string(), shown, "{typed}");
        address
    }

    /// Dots were taken out, braces escaped, and the headline showed the address as typed all the same.
    #[test]
    fn a_path_is_sent_as_typed_and_shown_as_sent() {
        check(
            "http://h:1/a/%2e%2e/b/./c//d/{id}?x=a|b&y=%2F&z=\"é\"#frag",
            "http://h:1/a/%2e%2e/b/./c//d/{id}?x=a|b&y=%2F&z=\"%C3%A9\"",
        );
        for (typed, shown) in [
            ("http://h/a\\b/%zz", "http://h/a\\b/%zz"),
            ("http://h/a b\n", "http://h/a%20b"),
            ("http://h/a\tb", "http://h/a%09b"),
            ("http://h", "http://h/"),
            ("http://h?q=/", "http://h/?q=/"),
            ("http://h#f", "http://h/"),
            ("http://h//../", "http://h//../"),
            ("http://h/@a", "http://h/@a"),
        ] {
            let target = check(typed, shown).target;
            assert!(target.starts_with('/'), "{target}");
        }
    }

    /// `localhost:8080/` had "the scheme localhost".
    #[test]
    fn an_address_without_a_scheme_is_http() {
        for (typed, shown) in [
            ("localhost:8080/", "http://localhost:8080/"),
            ("127.0.0.1:8080", "http://127.0.0.1:8080/"),
            ("//127.0.0.1:80/a", "http://127.0.0.1/a"),
            ("h/?next=http://other/", "http://h/?next=http://other/"),
            ("[::1]:8080", "http://[::1]:8080/"),
            ("HTTPS://h:443", "https://h/"),
        ] {
            check(typed, shown);
        }
    }

    #[test]
    fn an_address_that_cannot_be_loaded_is_answered_with_its_form() {
        let long = "s".repeat(MAX_SOCKET_PATH_BYTES);
        let host = "h".repeat(MAX_HOST_BYTES - 1);
        for (typed, words) in [
            ("ftp://h/", "ftp:// are not measured"),
            ("unix:", "the path of the socket is missing"),
            ("http+unix:///a", "the path of the socket is missing"),
            ("unix:a\0b", "has a zero byte"),
            (&format!("unix:/{long}"), "has 108 bytes"),
            ("h:0", "`h:0` is not a host and port"),
            (&format!("{host}.x"), "is not a host and port"),
            ("http:/127.0.0.1:1/", "`http:` is not followed"),
            (":8080/a", "names no host"),
            ("/a", "names no host"),
            ("", "names no host"),
            ("http://", "names no host"),
            ("h:65536", "`h:65536` is not a host and port"),
            ("http://a b/", "`a b` is not a host and port"),
        ] {
            let failure = Address::parse(typed).unwrap_err();
            assert!(failure.what.contains(words), "{typed}: {failure}");
            assert!(!failure.help.is_empty(), "{typed}");
        }
    }

    /// The password was in the first line of the result, and not in the request.
    #[test]
    fn a_password_is_sent_as_basic_and_never_printed() {
        for (typed, decoded) in [
            ("http://user:secret@h/", "user:secret"),
            ("user:secret@h", "user:secret"),
            ("http://user@h/", "user:"),
            ("http://user%3A:p%40:@h/", "user::p@:"),
            ("http://a@b:secret@h/", "a@b:secret"),
        ] {
            let sent = check(typed, "http://h/").authorization.unwrap();
            let expected = format!("Basic {}", STANDARD.encode(decoded));
            assert_eq!(sent, expected, "{typed}");
        }
        for typed in [
            "http://user:secret@/",
            "http://user:secret@h:65536/",
            "http://user:secret/more@h/",
            "http://user:secret?@h/",
            "ftp://user:secret@h/",
            "http:/user:secret@h/",
            "http://:secret/@h",
            "user:secret@:80",
        ] {
            let failure = Address::parse(typed).unwrap_err();
            let printed = format!("{failure:?}");
            assert!(!printed.contains("secret"), "{typed}: {printed}");
        }
    }

    #[test]
    fn a_socket_is_named_by_its_path_and_may_have_a_path_to_ask_for() {
        let longest = format!("unix:/{}", "s".repeat(MAX_SOCKET_PATH_BYTES - 1));
        for (typed, shown, path, target) in [
            (
                "unix:/run/a b.sock",
                "unix:/run/a b.sock",
                "/run/a b.sock",
                "/",
            ),
            ("unix:///run/a", "unix:/run/a", "/run/a", "/"),
            ("unix:a.sock", "unix:a.sock", "a.sock", "/"),
            ("http+unix://%2Frun%2fa", "unix:/run/a", "/run/a", "/"),
            (
                "http+unix://%2Frun%2Fa/b?c",
                "http+unix://%2Frun%2Fa/b?c",
                "/run/a",
                "/b?c",
            ),
            (
                "https+unix://%2Frun%2Fa",
                "https+unix://%2Frun%2Fa/",
                "/run/a",
                "/",
            ),
            (&longest, &longest, &longest[5..], "/"),
        ] {
            let address = check(typed, shown);
            assert_eq!(address.place, Place::Socket(path.into()), "{typed}");
            assert_eq!(
                (address.target.as_str(), address.authority.as_str()),
                (target, "localhost")
            );
            // Records have it as it is shown.
            assert_eq!(Address::parse(shown), Ok(address));
        }
    }

    #[test]
    fn paths_follow_a_base_that_has_neither_query_nor_user() {
        for (base, joined) in [
            ("http://h", "/a?b=c"),
            ("https://h/", "/a?b=c"),
            ("h/api", "/api/a?b=c"),
            ("h/api/v2//", "/api/v2/a?b=c"),
        ] {
            assert_eq!(Address::parse_base(base).unwrap().join("/a?b=c"), joined);
        }
        for (base, words) in [("h/?a", "has a query"), ("u:secret@h", "names a user")] {
            let error = Address::parse_base(base).unwrap_err();
            assert!(
                error.what.contains(words) && !error.what.contains("secret"),
                "{error}"
            );
        }
    }
}
