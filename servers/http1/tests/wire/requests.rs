//! Streams of requests, and what a server must make of them.

use super::replay::{End, End::*, Served, cut, serve};
use http1::Date;
use http1::server::{Connection, Poll};

/// A stream, the requests in it, and how the connection stands then.
struct Case {
    name: &'static str,
    input: &'static str,
    requests: &'static [&'static str],
    end: End,
}

const fn case(
    name: &'static str,
    input: &'static str,
    requests: &'static [&'static str],
    end: End,
) -> Case {
    Case {
        name,
        input,
        requests,
        end,
    }
}

/// Every way a single request is refused: the status, and the request.
const fn refused(name: &'static str, status: u16, input: &'static str) -> Case {
    Case {
        name,
        input,
        requests: &[],
        end: Refused(status),
    }
}

#[rustfmt::skip]
const CASES: &[Case] = &[
    // Plain requests, and what the target may be (RFC 9112 §3).
    case("a GET", "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n", &["GET /a?b=c 1.1"], Idle),
    case("a HEAD", "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", &["HEAD / 1.1"], Idle),
    case("other methods", "DELETE / HTTP/1.1\r\nHost: x\r\n\r\nTRACE / HTTP/1.1\r\nHost: x\r\n\r\nget / HTTP/1.1\r\nHost: x\r\n\r\n",
        &["DELETE / 1.1", "(other method) / 1.1", "(other method) / 1.1"], Idle),
    case("field names in any case, values with space around", "GET / HTTP/1.1\r\nhOST:x\r\nA: \t b \t\r\nB:\r\nC: \u{e9}\r\n\r\n", &["GET / 1.1"], Idle),
    case("an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", &["GET / 1.1"], Idle),
    case("an IPv6 Host", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", &["GET / 1.1"], Idle),
    case("OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", &["OPTIONS * 1.1"], Idle),
    case("CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", &["(other method) a:80 1.1"], Idle),
    case("absolute-form", "GET http://x/a?b HTTP/1.1\r\nHost: x\r\n\r\n", &["GET /a?b 1.1"], Idle),
    case("absolute-form, scheme in capitals", "GET HTTPS://x:1/a HTTP/1.1\r\nHost: x\r\n\r\n", &["GET /a 1.1"], Idle),
    case("absolute-form without a path", "GET http://x HTTP/1.1\r\nHost: x\r\n\r\n", &["GET / 1.1"], Idle),
    case("absolute-form without a path, with a query", "GET http://x?a/b HTTP/1.1\r\nHost: x\r\n\r\n", &["GET /?a/b 1.1"], Idle),
    case("empty lines before a request", "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n\r\n", &["GET / 1.1"], Idle),

    // Bodies (RFC 9112 §6).
    case("a length", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", &["POST /a 1.1 hello"], Idle),
    case("a length of 0", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", &["POST /a 1.1"], Idle),
    case("a length with leading zeros", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 0000000000000000000000002\r\n\r\nhi", &["POST /a 1.1 hi"], Idle),
    case("a GET with a body", "GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi", &["GET /a 1.1 hi"], Idle),
    case("a HEAD with a body", "HEAD /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi", &["HEAD /a 1.1 hi"], Idle),
    case("a body that looks like a request", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 18\r\n\r\nGET / HTTP/1.1\r\n\r\n", &["POST /a 1.1 GET / HTTP/1.1\\r\\n\\r\\n"], Idle),
    case("chunks", "PUT /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;e=\"1\"\r\n world\r\n0\r\nA: b\r\n\r\n", &["PUT /a 1.1 hello world"], Idle),
    case("Chunked in capitals", "PUT /a HTTP/1.1\r\nHost: x\r\ntransfer-encoding: CHUNKED\r\n\r\n1\r\na\r\n0\r\n\r\n", &["PUT /a 1.1 a"], Idle),
    case("no chunk but the last", "PUT /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n000\r\n\r\n", &["PUT /a 1.1"], Idle),

    // Pipelining and persistence (RFC 9112 §9.3).
    case("three pipelined", "GET /a HTTP/1.1\r\nHost: x\r\n\r\nPOST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhiPUT /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        &["GET /a 1.1", "POST /b 1.1 hi", "PUT /c 1.1 a"], Idle),
    case("close", "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &["GET / 1.1"], Closed),
    case("close in a list, in another field", "GET / HTTP/1.1\r\nHost: x\r\nConnection: a\r\nConnection: keep-alive , CLOSE\r\n\r\n", &["GET / 1.1"], Closed),
    case("not quite close", "GET / HTTP/1.1\r\nHost: x\r\nConnection: closed, xclose\r\n\r\n", &["GET / 1.1"], Idle),
    case("HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", &["GET / 1.0"], Closed),
    case("HTTP/1.0 kept alive", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", &["GET / 1.0"], Idle),
    case("HTTP/1.0 with close and keep-alive", "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", &["GET / 1.0"], Closed),
    case("HTTP/1.0 with a body", "POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi", &["POST / 1.0 hi"], Closed),
    case("nothing is read behind the last request", "GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n", &["GET /a 1.1"], Closed),
    case("good, then bad", "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET b HTTP/1.1\r\nHost: x\r\n\r\n", &["GET /a 1.1"], Refused(400)),

    // Expectations (RFC 9110 §10.1.1).
    case("Expect: 100-continue", "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\nhi", &["POST / 1.1 hi"], Idle),
    case("Expect: 100-continue without a body", "GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n", &["GET / 1.1"], Idle),
    case("any Expect from HTTP/1.0", "POST / HTTP/1.0\r\nExpect: tea\r\nContent-Length: 2\r\n\r\nhi", &["POST / 1.0 hi"], Closed),
    refused("another expectation", 417, "GET / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n"),
    refused("another expectation beside the known one", 417, "GET / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nExpect: 100-continue\r\n\r\n"),

    // Incomplete input is no error.
    case("nothing", "", &[], Idle),
    case("an empty line", "\r\n", &[], Idle),
    case("half an empty line", "\r", &[], Waiting),
    case("a request line", "GET / HTTP/1.1\r\n", &[], Waiting),
    case("a head without its last byte", "GET / HTTP/1.1\r\nHost: x\r\n\r", &[], Waiting),
    case("a body without its last byte", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nhi", &[], Waiting),
    case("chunks without the last", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", &[], Waiting),
    case("chunks without the last empty line", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", &[], Waiting),
    case("a bad line is judged once it is complete", "GET / HTTP/1.1\r\nHost : x", &[], Waiting),

    // Request lines.
    refused("a TLS handshake", 400, "\x16\x03\x01\x02\0\x01"),
    refused("no target", 400, "GET HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("HTTP/0.9", 400, "GET /\r\n\r\n"),
    refused("two spaces", 400, "GET  / HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("two spaces before the version", 400, "GET /  HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("a tab for a space", 400, "GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("a space in the target", 400, "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("a space before the method", 400, " GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("a space after the version", 400, "GET / HTTP/1.1 \r\nHost: x\r\n\r\n"),
    refused("a method that is no token", 400, "G@T / HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("a relative target", 400, "GET a HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("a fragment", 400, "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("a control character in the target", 400, "GET /a\x01b HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("NUL in the target", 400, "GET /a\0b HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("DEL in the target", 400, "GET /a\x7fb HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("a target beyond ASCII", 400, "GET /\u{e9} HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("GET *", 400, "GET * HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("GET of an authority", 400, "GET x:80 HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("CONNECT to a path", 400, "CONNECT /a HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("CONNECT without a port", 400, "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n"),
    refused("absolute-form without a host", 400, "GET http:///a HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("absolute-form with only a query", 400, "GET http://?a HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("absolute-form with user information", 400, "GET http://u:p@x/ HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("another scheme", 400, "GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("HTTP/2", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    refused("HTTP/1.2", 505, "GET / HTTP/1.2\r\nHost: x\r\n\r\n"),
    refused("HTTP/0.9 by name", 505, "GET / HTTP/0.9\r\nHost: x\r\n\r\n"),
    refused("a version in lower case", 400, "GET / http/1.1\r\nHost: x\r\n\r\n"),
    refused("a version of one digit", 400, "GET / HTTP/2\r\nHost: x\r\n\r\n"),
    refused("a version of three digits", 400, "GET / HTTP/1.10\r\nHost: x\r\n\r\n"),
    refused("a version cut short", 400, "GET / HTT\r\nHost: x\r\n\r\n"),

    // Line ends and field syntax (RFC 9112 §2.2, §5).
    refused("LF after the request line", 400, "GET / HTTP/1.1\nHost: x\r\n\r\n"),
    refused("LF after a field", 400, "GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n"),
    refused("LF after the last field", 400, "GET / HTTP/1.1\r\nHost: x\n\r\n"),
    refused("LF for the last empty line", 400, "GET / HTTP/1.1\r\nHost: x\r\n\n"),
    refused("LF for the first empty line", 400, "\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("LF after an empty field", 400, "GET / HTTP/1.1\r\nHost: x\r\nA:\nB: c\r\n\r\n"),
    refused("LF everywhere", 400, "GET / HTTP/1.1\nHost: x\n\n"),
    refused("CR alone before a request", 400, "\rGET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("CR alone in the request line", 400, "GET /\rHTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("CR alone in a value", 400, "GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n"),
    refused("CR alone in a name", 400, "GET / HTTP/1.1\r\nHost: x\r\nA\rB: c\r\n\r\n"),
    refused("CR CR LF", 400, "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\r\n\r\n"),
    refused("CR alone for the last empty line", 400, "GET / HTTP/1.1\r\nHost: x\r\n\rGET / HTTP/1.1\r\n\r\n"),
    refused("NUL in a value", 400, "GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n"),
    refused("a control character in a value", 400, "GET / HTTP/1.1\r\nHost: x\r\nA: b\x0bc\r\n\r\n"),
    refused("NUL in a name", 400, "GET / HTTP/1.1\r\nHost: x\r\nA\0: c\r\n\r\n"),
    refused("a folded value", 400, "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n"),
    refused("a folded value, by tab", 400, "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n\tc\r\n\r\n"),
    refused("space before the colon", 400, "GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n"),
    refused("space before Content-Length's colon", 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 2\r\n\r\nhi"),
    refused("space before the first field", 400, "GET / HTTP/1.1\r\n Host: x\r\n\r\n"),
    refused("a field without a name", 400, "GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n"),
    refused("a field without a colon", 400, "GET / HTTP/1.1\r\nHost: x\r\nA\r\n\r\n"),
    refused("a name beyond ASCII", 400, "GET / HTTP/1.1\r\nHost: x\r\n\u{e9}: b\r\n\r\n"),

    // Host (RFC 9112 §3.2).
    refused("no Host", 400, "GET / HTTP/1.1\r\n\r\n"),
    refused("no Host beside an absolute-form", 400, "GET http://x/ HTTP/1.1\r\n\r\n"),
    refused("two Hosts", 400, "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"),
    refused("the same Host twice", 400, "GET / HTTP/1.1\r\nHost: x\r\nhost: x\r\n\r\n"),
    refused("two Hosts in HTTP/1.0", 400, "GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n"),
    refused("a Host with a path", 400, "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n"),
    refused("a Host with user information", 400, "GET / HTTP/1.1\r\nHost: u@x\r\n\r\n"),
    refused("a Host with a space", 400, "GET / HTTP/1.1\r\nHost: x y\r\n\r\n"),

    // Lengths (RFC 9112 §6.2, §6.3).
    refused("two lengths", 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi!"),
    refused("the same length twice", 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi"),
    refused("a list of lengths", 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2, 2\r\n\r\nhi"),
    refused("a length with a sign", 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\nhi"),
    refused("a negative length", 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -2\r\n\r\nhi"),
    refused("a length of -0", 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -0\r\n\r\n"),
    refused("a length in hex", 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x2\r\n\r\nhi"),
    refused("a length with a fraction", 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2.0\r\n\r\nhi"),
    refused("a length with a space", 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1 2\r\n\r\nhi"),
    refused("an empty length", 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n"),
    refused("a length of 2^64", 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551616\r\n\r\n"),
    refused("a length of 2^64 - 1", 413, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551615\r\n\r\n"),
    refused("too long a body, expected to be refused", 413, "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1048577\r\n\r\n"),
    refused("too long a body of HEAD", 413, "HEAD / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n"),

    // Transfer codings (RFC 9112 §6.1, §6.3).
    refused("a length beside chunked", 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    refused("chunked beside a length", 400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n"),
    refused("a length beside another coding", 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: identity\r\n\r\nhi"),
    refused("chunked in HTTP/1.0", 400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    refused("chunked twice", 400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    refused("chunked in two fields", 400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    refused("chunked and then another coding", 400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
    refused("chunked around another coding", 501, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    refused("chunked around another coding, in two fields", 501, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    refused("another coding", 400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n"),
    refused("identity", 400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n"),
    refused("no coding", 400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n\r\n"),
    refused("an empty element beside chunked", 400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked,\r\n\r\n0\r\n\r\n"),
    refused("chunked with a parameter", 400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n"),
    refused("xchunked", 400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    refused("chunked behind a vertical tab", 400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
    refused("quoted chunked", 400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),

    // Chunks (RFC 9112 §7.1).
    refused("a chunk without a size", 400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\r\nab\r\n0\r\n\r\n"),
    refused("a chunk size with a sign", 400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n+2\r\nab\r\n0\r\n\r\n"),
    refused("a chunk size with 0x", 400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\nab\r\n0\r\n\r\n"),
    refused("a chunk size behind a space", 400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n 2\r\nab\r\n0\r\n\r\n"),
    refused("a chunk size before a space", 400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2 \r\nab\r\n0\r\n\r\n"),
    refused("a chunk size that overflows", 400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000002\r\nab\r\n0\r\n\r\n"),
    refused("a chunk size beyond the bound", 413, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nab\r\n0\r\n\r\n"),
    refused("LF after a chunk size", 400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\nab\r\n0\r\n\r\n"),
    refused("LF in a chunk extension", 400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2;\nab\r\n0\r\n\r\n"),
    refused("no CR LF after a chunk", 400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab0\r\n\r\n"),
    refused("LF after a chunk", 400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\n0\r\n\r\n"),
    refused("a chunk longer than its size", 400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n"),
    refused("a trailer without a name", 400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n: a\r\n\r\n"),
    refused("a folded trailer", 400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n c\r\n\r\n"),
    refused("LF after a trailer", 400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\n\r\n"),
    refused("LF for the last line", 400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\n"),
];

#[test]
fn every_case_whole() {
    for case in CASES {
        let Served { requests, end, .. } = serve([case.input.as_bytes()]);
        assert_eq!(
            (&requests[..], end),
            (&strings(case.requests)[..], case.end),
            "{}: {:?}",
            case.name,
            case.input
        );
    }
}

#[test]
fn every_case_byte_by_byte() {
    for case in CASES {
        check(
            case,
            &serve(case.input.as_bytes().chunks(1)),
            "byte by byte",
        );
    }
}

#[test]
fn every_case_cut_in_two_anywhere() {
    for case in CASES {
        for at in 0..=case.input.len() {
            check(
                case,
                &serve(cut(case.input.as_bytes(), &[at])),
                &format!("cut at {at}"),
            );
        }
    }
}

#[test]
fn every_case_twice_in_a_row() {
    for case in CASES.iter().filter(|case| case.end != Waiting) {
        let once = serve([case.input.as_bytes()]);
        let twice = serve([case.input.repeat(2).as_bytes()]);
        let expected = if once.end == Idle {
            [&once.requests[..], &once.requests].concat()
        } else {
            once.requests
        };
        assert_eq!(
            (twice.requests, twice.end),
            (expected, once.end),
            "{}",
            case.name
        );
    }
}

#[test]
fn every_case_with_junk_behind_it() {
    for case in CASES.iter().filter(|case| case.end != Waiting) {
        for junk in ["\0\r\n\r\n", "JUNK\r\n\r\n", "\u{ff}"] {
            let input = [case.input, junk].concat();
            let Served { requests, end, .. } = serve([input.as_bytes()]);
            let expected = if case.end == Idle {
                Refused(400)
            } else {
                case.end
            };
            assert_eq!(
                (&requests[..], end),
                (&strings(case.requests)[..], expected),
                "{} and {junk:?}",
                case.name
            );
        }
    }
}

#[test]
fn every_case_cut_off_anywhere() {
    for case in CASES {
        for len in 0..=case.input.len() {
            let mut connection = Connection::new();
            let before = super::replay::serve_on(&mut connection, [&case.input.as_bytes()[..len]]);
            connection.receive_eof();
            let after = super::replay::serve_on(&mut connection, []);
            assert!(
                after.out.is_empty(),
                "{} after {len} bytes: nothing is said of a request cut short",
                case.name
            );
            assert!(
                case.requests.starts_with(
                    &before
                        .requests
                        .iter()
                        .map(String::as_str)
                        .collect::<Vec<_>>()
                )
            );
            assert!(!connection.wants_input());
        }
    }
}

#[test]
fn names_are_given_once() {
    let mut names: Vec<_> = CASES.iter().map(|case| case.name).collect();
    names.sort_unstable();
    assert!(
        names.windows(2).all(|pair| pair[0] != pair[1]),
        "two cases share a name"
    );
}

fn check(case: &Case, served: &Served, how: &str) {
    assert_eq!(
        *served,
        serve([case.input.as_bytes()]),
        "{} {how}",
        case.name
    );
}

fn strings(requests: &[&str]) -> Vec<String> {
    requests.iter().map(ToString::to_string).collect()
}

#[test]
fn a_credential_is_handed_on_where_there_is_one() {
    for (fields, authorization) in [
        ("Authorization: Bearer a.b.c\r\n", Some("Bearer a.b.c")),
        ("authorization:x\r\n", Some("x")),
        ("AUTHORIZATION: \t x y \r\n", Some("x y")),
        ("", None),
        ("Authorization:\r\n", None),
        ("Authorization: a\r\nAuthorization: a\r\n", None),
        ("Proxy-Authorization: a\r\n", None),
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
        let mut connection = Connection::new();
        connection.receive(request.as_bytes());
        let Poll::Request(request) = connection.poll(&Date::EPOCH, &mut Vec::new()) else {
            panic!("a request is here")
        };
        assert_eq!(
            request.authorization,
            authorization.map(str::as_bytes),
            "{fields:?}"
        );
    }
}
