//! What may stand in a request of the user's own: in a scenario, or on the command line of `bench load`.

/// Methods whose case is mistyped: of RFC 9110 §9.1, RFC 5789 and the draft of QUERY.
const METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "QUERY",
];

/// A method as typed: any token but `CONNECT`, and none that differs only by case from a well-known one. The error says why it
/// is none.
pub fn method(text: &str) -> Result<String, String> {
    let upper = text.to_ascii_uppercase();
    if !http1::is_token(text) {
        Err("a method is one word, as GET (RFC 9110 §9.1)".to_owned())
    } else if upper == "CONNECT" {
        Err("it opens a tunnel, which is not loaded".to_owned())
    } else if upper != text && METHODS.contains(&upper.as_str()) {
        Err(format!(
            "the case of a method matters (RFC 9110 §9.1): did you mean {upper}?"
        ))
    } else {
        Ok(text.to_owned())
    }
}

/// A header that can't be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderError {
    /// What is wrong, the header included.
    pub what: String,
    /// What to do about it.
    pub help: &'static str,
}

/// Name and value of a header as typed, `Name: value`.
///
/// Refused are those that frame a request or end a connection, which are written anyway, and a `Host` that can't be one.
pub fn header(line: &str) -> Result<(String, String), HeaderError> {
    let bad = |why: &str| HeaderError {
        what: format!("`{}` is not a header: {why}", line.escape_debug()),
        help: "write it as 'Name: value'",
    };
    let (name, value) = line.split_once(':').ok_or_else(|| bad("it has no colon"))?;
    if !http1::is_token(name) {
        return Err(bad("its name is not a token (RFC 9110 §5.1)"));
    }
    if !value
        .bytes()
        .all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
    {
        return Err(bad("its value has a control character (RFC 9110 §5.5)"));
    }
    let value = value.trim();
    match remedy(&name.to_ascii_lowercase(), value) {
        None => Ok((name.to_owned(), value.to_owned())),
        Some(help) => Err(HeaderError {
            what: format!("`{name}: {value}` cannot be sent as a header"),
            help,
        }),
    }
}

/// What to do instead of sending this header, where it can't be sent. `name`: in lower case.
fn remedy(name: &str, value: &str) -> Option<&'static str> {
    match name {
        "host" if value.is_empty() || !http1::is_authority(value) => {
            Some("write a host and perhaps a port, as in 'Host: example.test:8080'")
        }
        "connection" if value.eq_ignore_ascii_case("close") => Some(
            "open a connection for each request: --disable-keepalive, or `connect = \"per_request\"` in a scenario",
        ),
        "connection" if value.eq_ignore_ascii_case("keep-alive") => {
            Some("leave it out: connections are kept open unless something else is asked for")
        }
        "connection" => Some("leave it out: requests that change the protocol are not loaded"),
        "content-length" => Some("leave it out: bench counts the bytes of the body"),
        "transfer-encoding" => {
            Some("leave it out: bench sends the body whole, with its Content-Length")
        }
        _ => None,
    }
}

/// Takes the host out of the headers of a request; `None` where they name none. The error says that there are several.
pub fn take_host(headers: &mut Vec<(String, String)>) -> Result<Option<String>, HeaderError> {
    let (mut hosts, others): (Vec<_>, Vec<_>) = std::mem::take(headers)
        .into_iter()
        .partition(|(name, _)| name.eq_ignore_ascii_case("host"));
    *headers = others;
    if hosts.len() > 1 {
        return Err(HeaderError {
            what: format!(
                "a request has one Host (RFC 9112 §3.2), and {} are given",
                hosts.len()
            ),
            help: "leave all but one out",
        });
    }
    Ok(hosts.pop().map(|(_, host)| host))
}

/// Whether one of the headers has this name, in any letters.
pub fn has(headers: &[(String, String)], name: &str) -> bool {
    headers
        .iter()
        .any(|(other, _)| other.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It was said to be no header at all.
    #[test]
    fn a_header_that_bench_writes_is_refused_with_the_remedy() {
        for (line, remedy) in [
            ("Connection: close", "--disable-keepalive"),
            ("Connection: close", "per_request"),
            ("connection: Keep-Alive", "leave it out"),
            ("Connection: Upgrade", "leave it out"),
            ("Content-Length: 3", "leave it out"),
            ("Transfer-Encoding: chunked", "leave it out"),
            ("Host: a/b", "'Host: example.test:8080'"),
        ] {
            let HeaderError { what, help } = header(line).unwrap_err();
            assert!(help.contains(remedy), "{line}: {help}");
            assert!(!what.contains("not a header"));
        }
    }

    #[test]
    fn a_host_is_taken_out_of_the_headers_once() {
        let line = |line| header(line).unwrap();
        let mut headers = vec![line("Accept: a/b"), line("hOST: a.test"), line("Cookie: a")];
        assert_eq!(take_host(&mut headers), Ok(Some("a.test".to_owned())));
        assert_eq!(headers, [line("Accept: a/b"), line("Cookie: a")]);
        assert_eq!(take_host(&mut headers), Ok(None));
        headers.extend([line("Host: a"), line("Host: b")]);
        assert!(
            take_host(&mut headers)
                .unwrap_err()
                .what
                .contains("2 are given")
        );
    }

    /// Six methods could be measured, and `post` was not recognized.
    #[test]
    fn any_method_is_taken_and_a_mistyped_case_is_named() {
        for good in ["GET", "PATCH", "QUERY", "purge", "M-SEARCH"] {
            assert_eq!(method(good).as_deref(), Ok(good));
        }
        for (bad, words) in [
            ("post", "did you mean POST?"),
            ("Patch", "did you mean PATCH?"),
            ("CONNECT", "tunnel"),
            ("", "one word"),
            ("GET /", "one word"),
        ] {
            assert!(method(bad).unwrap_err().contains(words), "{bad}");
        }
    }
}
