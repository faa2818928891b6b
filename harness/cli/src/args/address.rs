//! What an address typed at `bench load` means: where to connect, and what to write into the request.
//!
//! The path is sent as typed, without the rewriting of a browser (`/a/../b` stays), since a load test asks for what the
//! server must parse. Resolves nothing and connects to nothing.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use process::failure::{Explain, Failure};
use url::Url;

/// How an address is written.
const FORM: &str = "write it as http://host:port/path or https://host:port/path";

/// What cannot stand in a request line as typed: blanks and control characters, and whatever is not ASCII (RFC 9112 §3.2).
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ');

/// An address, in the parts that a request needs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// Whether it is https.
    pub(super) is_secured: bool,
    /// The host, an IPv6 address in brackets.
    pub(super) host: String,
    /// The port, the scheme's own where none was typed.
    pub(super) port: u16,
    /// Host and port as the `Host` header names them: without the scheme's own port.
    pub(super) authority: String,
    /// Path and query, as they are sent.
    pub(super) target: String,
    /// The value of `Authorization`, where a user name was typed (RFC 7617).
    pub(super) authorization: Option<String>,
}

impl Address {
    /// Reads what was typed. Without a scheme it is http. No error repeats a password.
    pub(super) fn parse(typed: &str) -> Result<Self, Failure> {
        let wrong = |what: String, help: &str| {
            Failure::usage(miette::miette!(help = help.to_owned(), "{what}"))
        };
        let typed = typed.trim();
        let is_scheme = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        };
        let (scheme, rest) = match typed.split_once("://") {
            Some((scheme, rest)) if is_scheme(scheme) => (scheme.to_ascii_lowercase(), rest),
            _ => ("http".to_owned(), typed.strip_prefix("//").unwrap_or(typed)),
        };
        let is_secured = match scheme.as_str() {
            "http" => false,
            "https" => true,
            other => {
                return Err(wrong(
                    format!("addresses with {other}:// are not loaded, only http and https"),
                    FORM,
                ));
            }
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (user, host) = authority
            .rsplit_once('@')
            .map_or((None, authority), |(user, host)| (Some(user), host));
        if let "http:" | "https:" | "unix:" = host {
            return Err(wrong(format!("`{host}` is not followed by `//`"), FORM));
        }
        // What stands before an `@` further on may be the rest of a password.
        let is_secret = path.contains('@') || user.is_some();
        if host.is_empty() || host.starts_with(':') {
            let help = if is_secret {
                FORM.to_owned()
            } else {
                format!("did you mean `{scheme}://localhost{host}{path}`?")
            };
            return Err(wrong("the address names no host".to_owned(), &help));
        }
        let (named, help) = if is_secret {
            (
                "the host of the address".to_owned(),
                "in a user name or password write `/` as %2F, `?` as %3F, `#` as %23",
            )
        } else {
            (format!("`{host}`"), FORM)
        };
        let url = Url::parse(&format!("{scheme}://{host}/"))
            .or_usage(|| format!("{named} is not a host and port"), help)?;
        let host = url.host_str().expect("http and https have a host");
        let path = path.split('#').next().unwrap_or_default();
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Self {
            is_secured,
            host: host.to_owned(),
            port: url
                .port_or_known_default()
                .expect("http and https have ports of their own"),
            authority: url
                .port()
                .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")),
            target: format!("{slash}{}", utf8_percent_encode(path, ESCAPED)),
            authorization: user.map(basic),
        })
    }
}

/// The address as it is requested: without user name and password.
impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.is_secured { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority, self.target)
    }
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
            assert!(http1::is_origin_form(&target), "{target}");
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
            let address = check(typed, shown);
            assert!(http1::is_authority(&address.authority), "{typed}");
        }
    }

    #[test]
    fn an_address_that_cannot_be_loaded_is_answered_with_its_form() {
        for (typed, words) in [
            ("ftp://h/", "ftp:// are not loaded"),
            ("http+unix://%2Ftmp", "http+unix:// are not loaded"),
            ("unix:/tmp/socket", "`unix:` is not followed"),
            ("http:/127.0.0.1:1/", "`http:` is not followed"),
            (":8080/a", "names no host"),
            ("/a", "names no host"),
            ("", "names no host"),
            ("http://", "names no host"),
            ("h:65536", "`h:65536` is not a host and port"),
            ("http://a b/", "`a b` is not a host and port"),
        ] {
            let failure = Address::parse(typed).unwrap_err();
            assert!(failure.report.to_string().contains(words), "{typed}");
            assert!(failure.report.help().is_some(), "{typed}");
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
            let printed = format!("{:?}", failure.report);
            assert!(!printed.contains("secret"), "{typed}: {printed}");
        }
    }
}
