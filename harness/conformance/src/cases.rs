//! The cases, as data: what is sent, and every answer that would be right.
//!
//! Knows the work contract and the RFCs. Must never know sockets, nor which server is asked.

use std::time::Duration;

use http1::client::encode_request;
use http1::{
    MAX_BODY_BYTES, MAX_CHUNK_EXTENSION_BYTES, MAX_HEAD_BYTES, MAX_HEADERS, MAX_TRAILER_BYTES,
    Method,
};
use spec::{FILE_SIZES_KIB, Route};

use crate::beside::{Busy, Occupation, Quick};
use crate::judge::{Accept, Expected, Framing};
use crate::outcome::{Group, Needs};
use crate::room::{Conversation, Deaf, Flood};
use crate::script::{Refusal, Step, Turn};

mod auth;
mod chat;
mod database;
mod events;
mod orders;
mod upload;

/// One thing to check.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) group: Group,
    /// Unique within the group, printable, and never changed without need: manifests name cases by it.
    pub(super) name: String,
    pub(super) script: Script,
}

impl Case {
    /// The target of the route that it is about, where it is about one alone.
    pub(super) fn route(&self) -> Option<&str> {
        match self.group {
            Group::Orders => Some("/orders"),
            Group::Auth => Some("/auth"),
            Group::Upload => Some("/upload"),
            Group::Database => Some("/db"),
            Group::Events => Some("/events"),
            Group::Chat => Some("/chat"),
            Group::Concurrency => self.name.contains("/events").then_some("/events"),
            // Their names are a method and a target.
            Group::Routes | Group::Head | Group::Errors => self.name.split(' ').nth(1),
            _ => None,
        }
    }
}

/// How a case is played.
#[derive(Debug, Clone)]
pub(super) enum Script {
    /// On one connection.
    Alone(Vec<Step>),
    /// On several, one step after the other.
    Together(Vec<Turn>),
    /// On so many, each by itself and all at once.
    AtOnce(usize, Vec<Step>),
    /// Quick requests, beside connections that keep the server busy.
    Beside(Busy),
    /// Events that are framed like this, and when each of them comes.
    Paced(Framing),
    /// Sleeps, none of which may be answered by more than this before its time.
    Punctual(Duration),
    /// A chat in which everybody talks at once.
    Conversation(Conversation),
    /// A chat with one who does not listen.
    Deaf(Deaf),
    /// A chat with one who sends nothing but pings.
    Flood(Flood),
}

/// Every case for these needs, each group in one piece.
pub(super) fn all(host: &str, needs: Needs) -> Vec<Case> {
    let asking = Asking { host, needs };
    [
        asking.routes(),
        asking.heads(),
        asking.errors(),
        asking.keep_alive(),
        asking.pipelining(),
        asking.fragmented(),
        asking.bodies(),
        asking.limits(),
        asking.hostile(),
        asking.orders(),
        asking.auth(),
        asking.upload(),
        asking.database(),
        asking.events(),
        asking.chat(),
        asking.concurrency(),
    ]
    .concat()
}

/// What any server must answer at any time.
pub(super) fn plain_request(host: &str) -> Vec<Step> {
    vec![
        Step::Send(request(Method::Get, "/plaintext", host)),
        Step::Reply(Expected::served(Method::Get, Route::Plaintext)),
    ]
}

/// Stands for the host in a raw request.
const HOST: &[u8] = b"$HOST";

/// Routes beside `/file` and `/upstream`, with their limits where these take no time.
const TARGETS: [&str; 19] = [
    "/plaintext",
    "/json",
    "/sleep/0",
    "/sleep/1",
    "/sleep/50",
    "/cpu/0",
    "/cpu/1",
    "/cpu/1000",
    "/cpu/100000",
    "/cpu/0?offload=1",
    "/cpu/1?offload=1",
    "/cpu/100000?offload=1",
    "/hash/0",
    "/hash/1",
    "/hash/64",
    "/hash/1000",
    "/hash/0?offload=1",
    "/hash/1000?offload=1",
    "/stats",
];

const UPSTREAM_TARGETS: [&str; 7] = [
    "/upstream?calls=1&ms=0",
    "/upstream?calls=5&ms=1",
    "/upstream?calls=3&ms=2&mode=seq",
    "/upstream?calls=100&ms=0",
    "/upstream?calls=1&ms=0&mode=par",
    "/upstream?calls=100&ms=1&mode=par",
    "/upstream?mode=par&ms=0&calls=2",
];

/// One target of each route.
const EACH_ROUTE: [&str; 8] = [
    "/plaintext",
    "/json",
    "/sleep/1",
    "/upstream?calls=1&ms=0",
    "/file/64",
    "/cpu/1",
    "/hash/1",
    "/stats",
];

/// 404.
const UNKNOWN_TARGETS: [&str; 10] = [
    "/",
    "/nope",
    "/plaintexts",
    "/PLAINTEXT",
    "/json/x",
    "/sleep",
    "/sleep/1/2",
    "/%70laintexts",
    "/file/3",
    "/file/1000",
];

/// 400. A framework may also call a path whose number it does not take unknown (404), or unprocessable (422).
const BAD_PATHS: [&str; 11] = [
    "/sleep/-1",
    "/sleep/abc",
    "/sleep/1.5",
    "/sleep/60001",
    "/sleep/99999999999999999999",
    "/file/x",
    "/file/2048",
    "/cpu/100000001",
    "/cpu/0x10",
    "/hash/65537",
    "/hash/65537?offload=1",
];

/// 400, or a framework's 422.
const BAD_QUERIES: [&str; 8] = [
    "/upstream",
    "/upstream?calls=1",
    "/upstream?ms=1",
    "/upstream?calls=0&ms=1",
    "/upstream?calls=101&ms=0",
    "/upstream?calls=1&ms=60001",
    "/upstream?calls=x&ms=1",
    "/upstream?calls=1&ms=0&mode=both",
];

/// 400 from those who understand all or nothing; others pass over what they don't know.
const STRICTLY_BAD: [&str; 6] = [
    "/sleep/01",
    "/sleep/+1",
    "/plaintext?x=1",
    "/cpu/1?offload=2",
    "/hash/1?offload=2",
    "/upstream?calls=1&calls=2&ms=0",
];

/// Sixteen targets, some slow, whose bodies tell them apart.
const PIPELINED: [&str; 16] = [
    "/sleep/40",
    "/plaintext",
    "/cpu/1",
    "/sleep/0",
    "/file/2",
    "/cpu/2?offload=1",
    "/json",
    "/sleep/20",
    "/hash/1",
    "/cpu/3",
    "/file/64",
    "/cpu/4?offload=1",
    "/hash/2?offload=1",
    "/sleep/10",
    "/cpu/5",
    "/file/1",
];

/// Requests on one connection, one after the other.
const KEPT_REQUESTS: usize = 100;

/// Requests that wait at once, for those who say that these cost them nothing.
const MANY: usize = 20;

/// By how much a runtime's timers may be early whose loop counts whole milliseconds, both ends cut off: libuv's, and so Node.js' and
/// uvloop's.
const COARSE_TIMERS: Duration = Duration::from_millis(1);

/// Connections that have each sent half a request.
const HALF_REQUESTS: usize = 20;

/// How a request begins whose rest is the case.
const GET_JSON: &str = "GET /json HTTP/1.1\r\nHost: $HOST\r\n";
const POST_JSON: &str = "POST /json HTTP/1.1\r\nHost: $HOST\r\n";

/// The end of a head whose body comes in chunks.
const CHUNKED: &str = "Transfer-Encoding: chunked\r\n\r\n";

/// A body that would be a request of its own to a server that loses count.
const SMUGGLED: &str = "GET /plaintext HTTP/1.1\r\nHost: $HOST\r\n\r\n";

/// A request that no server may take as it stands.
struct Bad {
    name: &'static str,
    /// With [`HOST`] for the host.
    input: &'static [u8],
    statuses: &'static [u16],
    leeway: Leeway,
    /// It is no whole request: nothing more will be sent, so that there is nothing to wait for.
    is_cut: bool,
}

/// What else than a refusal would be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leeway {
    /// Nothing.
    None,
    /// To serve `/json`, and to take the input for this one request: the RFC offers a way to read it, the server may
    /// answer before it has read what is bad, or it is known that a widespread runtime does so against the RFC. No
    /// leeway is ever given to find a second request in it.
    Served,
}

const fn bad(name: &'static str, statuses: &'static [u16], input: &'static [u8]) -> Bad {
    Bad {
        name,
        input,
        statuses,
        leeway: Leeway::None,
        is_cut: false,
    }
}

const fn lax(name: &'static str, statuses: &'static [u16], input: &'static [u8]) -> Bad {
    Bad {
        leeway: Leeway::Served,
        ..bad(name, statuses, input)
    }
}

const fn cut(name: &'static str, statuses: &'static [u16], input: &'static [u8]) -> Bad {
    Bad {
        is_cut: true,
        ..bad(name, statuses, input)
    }
}

/// The first bytes of a TLS 1.2 `ClientHello`, as browsers send them to a plain port.
const CLIENT_HELLO: &[u8] =
    b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\x5b\x90\x9a\x9b\x1c\x00\xff\r\n\r\n\xc0\x2b";

#[rustfmt::skip]
const HOSTILE: &[Bad] = &[
    // Where the body ends (RFC 9112 §6.1 to §6.3). Equal lengths may be taken for one; a length beside a coding may be
    // ignored, if the connection closes afterwards. Node answers a GET with a coding that it does not know, against §6.3.
    bad("two different Content-Lengths", &[400], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nContent-Length: 0\r\nContent-Length: 40\r\n\r\nGET /plaintext HTTP/1.1\r\nHost: $HOST\r\n\r\n"),
    lax("the same Content-Length twice", &[400], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi"),
    lax("a list as Content-Length", &[400], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nContent-Length: 2, 2\r\n\r\nhi"),
    bad("a list of different Content-Lengths", &[400], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nContent-Length: 0, 40\r\n\r\nGET /plaintext HTTP/1.1\r\nHost: $HOST\r\n\r\n"),
    lax("Content-Length and chunked", &[400], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /plaintext HTTP/1.1\r\nHost: $HOST\r\n\r\n"),
    lax("chunked and Content-Length", &[400], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\nGET /plaintext HTTP/1.1\r\nHost: $HOST\r\n\r\n"),
    bad("a negative Content-Length", &[400], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nContent-Length: -2\r\n\r\nhi"),
    bad("Content-Length with a sign", &[400], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nContent-Length: +2\r\n\r\nhi"),
    bad("Content-Length in hexadecimal", &[400], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nContent-Length: 0x2\r\n\r\nhi"),
    bad("Content-Length of two numbers", &[400], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nContent-Length: 2 2\r\n\r\nhi"),
    bad("an empty Content-Length", &[400], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nContent-Length:\r\n\r\n"),
    lax("a Content-Length beyond 64 bits", &[400, 413], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nContent-Length: 18446744073709551618\r\n\r\nhi"),
    lax("an unknown transfer coding", &[400, 501], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    bad("chunked and then another coding", &[400, 501], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
    lax("chunked with a parameter", &[400, 501], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nTransfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n"),
    bad("chunked behind a vertical tab", &[400, 501], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
    lax("chunked in HTTP/1.0", &[400], b"GET /json HTTP/1.0\r\nHost: $HOST\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /plaintext HTTP/1.1\r\nHost: $HOST\r\n\r\n"),

    // Chunks (RFC 9112 §7.1). A server may answer a GET before it has read them.
    lax("no chunk size", &[400], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nTransfer-Encoding: chunked\r\n\r\n\r\nab\r\n0\r\n\r\n"),
    lax("a chunk size that is no number", &[400], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n"),
    lax("a negative chunk size", &[400], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nab\r\n0\r\n\r\n"),
    lax("a chunk size with 0x", &[400], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\nab\r\n0\r\n\r\n"),
    lax("a chunk size beyond 64 bits", &[400, 413], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000002\r\nab\r\n0\r\n\r\n"),
    lax("no line end after a chunk", &[400], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabcd0\r\n\r\n"),
    lax("a bare LF after a chunk size", &[400], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nTransfer-Encoding: chunked\r\n\r\n2\nab\r\n0\r\n\r\n"),

    // Line ends and field syntax (RFC 9112 §2.2 and §5, RFC 9110 §5.5). A bare LF may be taken for a line end; a fold,
    // a bare CR and a NUL within a value for a space.
    lax("a bare LF for every line end", &[400, 505], b"GET /json HTTP/1.1\nHost: $HOST\n\n"),
    lax("a bare LF after a field", &[400], b"GET /json HTTP/1.1\r\nHost: $HOST\nA: b\r\n\r\n"),
    cut("a bare CR for every line end", &[400, 505], b"GET /json HTTP/1.1\rHost: $HOST\r\r"),
    lax("a bare CR in a value", &[400], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nA: b\rc\r\n\r\n"),
    bad("a bare CR in a name", &[400], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nA\rB: c\r\n\r\n"),
    lax("a value folded by a space", &[400], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nA: b\r\n c\r\n\r\n"),
    lax("a value folded by a tab", &[400], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nA: b\r\n\tc\r\n\r\n"),
    bad("a space before the colon", &[400], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nA : b\r\n\r\n"),
    bad("a space before Content-Length's colon", &[400], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nContent-Length : 40\r\n\r\nGET /plaintext HTTP/1.1\r\nHost: $HOST\r\n\r\n"),
    lax("a NUL in a value", &[400], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nA: b\0c\r\n\r\n"),
    bad("a NUL in a name", &[400], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nA\0: c\r\n\r\n"),
    lax("a control byte in a value", &[400], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nA: b\x0bc\r\n\r\n"),
    bad("a field without a name", &[400], b"GET /json HTTP/1.1\r\nHost: $HOST\r\n: b\r\n\r\n"),
    bad("a field without a colon", &[400], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nA\r\n\r\n"),

    // Host (RFC 9112 §3.2): once, no more and no less, and else 400. Uvicorn does not look at it, and Node not for a
    // second one.
    lax("no Host", &[400], b"GET /json HTTP/1.1\r\n\r\n"),
    lax("two Hosts", &[400], b"GET /json HTTP/1.1\r\nHost: $HOST\r\nHost: elsewhere\r\n\r\n"),

    // Request lines (RFC 9112 §3). What follows the target there is no version that is known, which is 505 as well. What a target holds may also be looked for, and not found. A higher minor version
    // may be read as 1.1 (RFC 9110 §2.5); Node and Uvicorn read higher major ones and none at all like that as well.
    lax("HTTP/2.0", &[400, 505], b"GET /json HTTP/2.0\r\nHost: $HOST\r\n\r\n"),
    bad("HTTP/2's preface", &[400, 404, 405, 505], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    lax("HTTP/1.2", &[400, 505], b"GET /json HTTP/1.2\r\nHost: $HOST\r\n\r\n"),
    lax("HTTP/0.9", &[400, 505], b"GET /json\r\n\r\n"),
    bad("a version in lower case", &[400, 505], b"GET /json http/1.1\r\nHost: $HOST\r\n\r\n"),
    bad("a method that is no token", &[400, 405, 501], b"G@T /json HTTP/1.1\r\nHost: $HOST\r\n\r\n"),
    bad("a method in lower case", &[400, 405, 501], b"get /json HTTP/1.1\r\nHost: $HOST\r\n\r\n"),
    bad("a relative target", &[400, 404], b"GET json HTTP/1.1\r\nHost: $HOST\r\n\r\n"),
    bad("a space in the target", &[400, 404, 505], b"GET /json x HTTP/1.1\r\nHost: $HOST\r\n\r\n"),
    bad("a control byte in the target", &[400, 404, 505], b"GET /json\x01 HTTP/1.1\r\nHost: $HOST\r\n\r\n"),
    bad("a NUL in the target", &[400, 404, 505], b"GET /json\0 HTTP/1.1\r\nHost: $HOST\r\n\r\n"),
    bad("a DEL in the target", &[400, 404], b"GET /json\x7f HTTP/1.1\r\nHost: $HOST\r\n\r\n"),
    bad("a CR in the target", &[400, 404, 505], b"GET /json\rx HTTP/1.1\r\nHost: $HOST\r\n\r\n"),

    // What is no HTTP at all.
    cut("TLS", &[400], CLIENT_HELLO),
    cut("garbage", &[400], b"\x00\xff\xfe\x80 \x01\x02\r\n\r\n\x00\x00"),
    cut("a line of garbage", &[400], b"nonsense\r\n\r\n"),
    cut("zeros", &[400], &[0; 64]),

    // Requests that never end, and clients that say so.
    cut("half a request line, then the end", &[400, 408], b"GET /jso"),
    cut("half a head, then the end", &[400, 408], b"GET /json HTTP/1.1\r\nHost: $HOST\r\n"),
];

/// Requests whose client goes away in their midst.
const LEFT: [(&str, &[u8]); 5] = [
    ("a client that only connects", b""),
    ("a client that leaves in the request line", b"GET /pl"),
    (
        "a client that leaves in the head",
        b"GET /json HTTP/1.1\r\nHost: $HOST\r\nA",
    ),
    (
        "a client that leaves in the body",
        b"POST /json HTTP/1.1\r\nHost: $HOST\r\nContent-Length: 10\r\n\r\nhalf",
    ),
    (
        "a client that leaves before the reply",
        b"GET /sleep/20 HTTP/1.1\r\nHost: $HOST\r\n\r\n",
    ),
];

/// What the cases are made for.
struct Asking<'a> {
    host: &'a str,
    needs: Needs,
}

impl Asking<'_> {
    fn routes(&self) -> Vec<Case> {
        let served = |target: &str| {
            let steps = vec![
                Step::Send(self.get(target)),
                Step::Reply(self.served(Method::Get, target)),
            ];
            alone(Group::Routes, format!("GET {target}"), steps)
        };
        let files = FILE_SIZES_KIB.map(|kib| Route::File { kib }.target());
        let files = files.iter().map(String::as_str);
        TARGETS
            .into_iter()
            .chain(files)
            .chain(UPSTREAM_TARGETS)
            .map(served)
            .chain([self.punctual()])
            .collect()
    }

    /// A server that reads HTTP by this workspace's `http1` keeps the timer rule of this workspace's loops, too.
    fn punctual(&self) -> Case {
        let early = if self.needs.is_strict {
            Duration::ZERO
        } else {
            COARSE_TIMERS
        };
        Case {
            group: Group::Routes,
            name: "GET /sleep/10 again and again, never early".to_owned(),
            script: Script::Punctual(early),
        }
    }

    /// The GET behind each HEAD would find any byte of a body that should not be there.
    fn heads(&self) -> Vec<Case> {
        let head = |target: &str| {
            let steps = vec![
                Step::Send(self.request(Method::Head, target)),
                Step::Reply(self.served(Method::Head, target)),
                Step::Send(self.get("/json")),
                Step::Reply(self.served(Method::Get, "/json")),
            ];
            alone(Group::Head, format!("HEAD {target}"), steps)
        };
        let unknown = vec![
            Step::Send(self.request(Method::Head, "/nope")),
            Step::Reply(Expected::statuses(Method::Head, &[404])),
            Step::Send(self.get("/json")),
            self.next_reply(self.served(Method::Get, "/json")),
        ];
        let mut cases: Vec<Case> = EACH_ROUTE.into_iter().map(head).collect();
        cases.push(alone(Group::Head, "HEAD /nope".to_owned(), unknown));
        cases
    }

    fn errors(&self) -> Vec<Case> {
        let refused = |target: &str, statuses: &[u16]| {
            let steps = vec![
                Step::Send(self.get(target)),
                Step::Reply(Expected::statuses(Method::Get, statuses)),
                Step::Send(self.get("/json")),
                self.next_reply(self.served(Method::Get, "/json")),
            ];
            alone(Group::Errors, format!("GET {target}"), steps)
        };
        let unknown = UNKNOWN_TARGETS.iter().map(|target| refused(target, &[404]));
        let paths = self.strictly(&[400], &[400, 404, 422]);
        let queries = self.strictly(&[400], &[400, 422]);
        let strictly: &[&str] = if self.needs.is_strict {
            &STRICTLY_BAD
        } else {
            &[]
        };
        let methods = [Method::Post, Method::Put, Method::Delete];
        let others = EACH_ROUTE
            .into_iter()
            .flat_map(|target| methods.map(|method| (method, target)));
        unknown
            .chain(BAD_PATHS.iter().map(|target| refused(target, paths)))
            .chain(BAD_QUERIES.iter().map(|target| refused(target, queries)))
            .chain(strictly.iter().map(|target| refused(target, &[400])))
            .chain(others.map(|(method, target)| {
                let steps = vec![
                    Step::Send(self.request(method, target)),
                    Step::Reply(not_allowed(method)),
                ];
                alone(Group::Errors, format!("{method} {target}"), steps)
            }))
            .chain(["PATCH", "TRACE", "BREW"].map(|method| {
                // Unknown methods are 501, known ones 405 (RFC 9110 §15.6.2); parsers refuse what they don't know.
                let input = format!("{method} /json HTTP/1.1\r\nHost: $HOST\r\n\r\n");
                self.refusal(
                    Group::Errors,
                    format!("{method} /json"),
                    input.as_bytes(),
                    &[400, 405, 501],
                )
            }))
            .collect()
    }

    fn keep_alive(&self) -> Vec<Case> {
        let exchange = |target: &str| {
            [
                Step::Send(self.get(target)),
                Step::Reply(self.served(Method::Get, target)),
            ]
        };
        let many = ["/plaintext", "/json"]
            .into_iter()
            .cycle()
            .take(KEPT_REQUESTS);
        let json = || Step::Reply(self.served(Method::Get, "/json"));
        let last = |name: &str, input: &str| {
            let steps = vec![Step::Send(self.raw(input.as_bytes())), json(), Step::End];
            alone(Group::KeepAlive, name.to_owned(), steps)
        };
        let old = "GET /json HTTP/1.0\r\nHost: $HOST\r\nConnection: keep-alive\r\n\r\n";
        let kept_old = vec![
            Step::Send(self.raw(old.as_bytes())),
            json(),
            Step::Send(self.raw(old.as_bytes())),
            self.next_reply(self.served(Method::Get, "/json")),
        ];
        let half_closed = |target: &str| {
            let steps = vec![
                Step::Send(self.get(target)),
                Step::FinishSending,
                // Some runtimes take the end of the input for the end of the connection.
                self.next_reply(self.served(Method::Get, target)),
            ];
            let name = format!("GET {target} and the end of the client's side");
            alone(Group::KeepAlive, name, steps)
        };
        vec![
            alone(
                Group::KeepAlive,
                format!("{KEPT_REQUESTS} requests on one connection"),
                many.flat_map(exchange).collect(),
            ),
            last(
                "Connection: close",
                "GET /json HTTP/1.1\r\nHost: $HOST\r\nConnection: close\r\n\r\n",
            ),
            last(
                "Connection: CLOSE in capitals",
                "GET /json HTTP/1.1\r\nHost: $HOST\r\nConnection: CLOSE\r\n\r\n",
            ),
            last(
                "nothing is answered behind Connection: close",
                &format!(
                    "GET /json HTTP/1.1\r\nHost: $HOST\r\nConnection: close\r\n\r\n{SMUGGLED}"
                ),
            ),
            last(
                "HTTP/1.0 closes",
                "GET /json HTTP/1.0\r\nHost: $HOST\r\n\r\n",
            ),
            alone(
                Group::KeepAlive,
                "HTTP/1.0 with keep-alive".to_owned(),
                kept_old,
            ),
            half_closed("/plaintext"),
            half_closed("/sleep/50"),
        ]
    }

    fn pipelining(&self) -> Vec<Case> {
        let pipelined = |name: String, asked: &[(Method, &str)]| {
            let bytes = asked
                .iter()
                .flat_map(|(method, target)| self.request(*method, target));
            let send = Step::Send(bytes.collect());
            let replies = asked
                .iter()
                .map(|(method, target)| Step::Reply(self.served(*method, target)));
            alone(
                Group::Pipelining,
                name,
                [send].into_iter().chain(replies).collect(),
            )
        };
        let different: Vec<_> = PIPELINED.map(|target| (Method::Get, target)).into();
        let heads: Vec<_> = PIPELINED
            .iter()
            .enumerate()
            .map(|(i, target)| {
                (
                    if i % 2 == 0 {
                        Method::Head
                    } else {
                        Method::Get
                    },
                    *target,
                )
            })
            .collect();
        let equal = [(Method::Get, "/plaintext"); PIPELINED.len()];
        let count = PIPELINED.len();
        let mut refused_between = self.get("/json");
        refused_between.extend(self.get("/nope"));
        refused_between.extend(self.get("/cpu/1"));
        vec![
            pipelined(format!("{count} pipelined"), &different),
            pipelined(format!("{count} pipelined, HEAD and GET in turn"), &heads),
            pipelined(format!("{count} pipelined, all /plaintext"), &equal),
            alone(
                Group::Pipelining,
                "3 pipelined, a 404 between".to_owned(),
                vec![
                    Step::Send(refused_between),
                    Step::Reply(self.served(Method::Get, "/json")),
                    Step::Reply(Expected::statuses(Method::Get, &[404])),
                    self.next_reply(self.served(Method::Get, "/cpu/1")),
                ],
            ),
        ]
    }

    fn fragmented(&self) -> Vec<Case> {
        let fragmented = |name: &str, input: &str, size: usize, targets: &[&str]| {
            let pieces = self
                .raw(input.as_bytes())
                .chunks(size)
                .map(<[u8]>::to_vec)
                .collect();
            self.pieces(name, pieces, targets)
        };
        let with_length = "GET /json HTTP/1.1\r\nHost: $HOST\r\nContent-Length: 4\r\n\r\nbody";
        let chunked = "GET /json HTTP/1.1\r\nHost: $HOST\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n1\r\nd\r\n0\r\nA: b\r\n\r\n";
        // A trailer is asked for by other cases.
        let chunked_only = &chunked.replace("A: b\r\n", "");
        let two =
            "GET /json HTTP/1.1\r\nHost: $HOST\r\n\r\nGET /cpu/1 HTTP/1.1\r\nHost: $HOST\r\n\r\n";
        let cut_at = |name: &str, input: &str, places: &[&str]| {
            let mut rest = self.raw(input.as_bytes());
            let mut pieces = Vec::new();
            for place in places {
                let at = rest
                    .windows(place.len())
                    .position(|bytes| bytes == place.as_bytes());
                let behind = rest.split_off(at.expect("the place is in the input") + place.len());
                pieces.push(std::mem::replace(&mut rest, behind));
            }
            pieces.push(rest);
            self.pieces(name, pieces, &["/json"])
        };
        vec![
            fragmented(
                "a head in single bytes",
                "GET /json HTTP/1.1\r\nHost: $HOST\r\n\r\n",
                1,
                &["/json"],
            ),
            fragmented("a body in single bytes", with_length, 1, &["/json"]),
            fragmented("chunks in single bytes", chunked, 1, &["/json"]),
            fragmented("two requests in single bytes", two, 1, &["/json", "/cpu/1"]),
            fragmented(
                "two requests, 7 bytes at a time",
                two,
                7,
                &["/json", "/cpu/1"],
            ),
            cut_at("head and body apart", with_length, &["\r\n\r\n"]),
            cut_at(
                "cut between CR and LF",
                with_length,
                &["HTTP/1.1\r", "\n\r"],
            ),
            cut_at(
                "cut within a name and a value",
                with_length,
                &["Ho", "Content-Length: "],
            ),
            cut_at(
                "cut within a chunk's size, extension and data",
                chunked_only,
                &["\r\n\r\n", "3", "a", "\r\nab", "c"],
            ),
            cut_at(
                "cut before the last chunk and its trailer",
                chunked,
                &["d\r", "\n0", "\r\nA:"],
            ),
        ]
    }

    /// Bodies that no route wants still have to be framed, or what is in them becomes the next request.
    fn bodies(&self) -> Vec<Case> {
        let framed = |name: &str, input: &str, first: Expected| {
            let steps = vec![
                Step::Send(self.raw(input.as_bytes())),
                Step::Reply(first),
                Step::Send(self.get("/cpu/1")),
                self.next_reply(self.served(Method::Get, "/cpu/1")),
            ];
            alone(Group::Bodies, name.to_owned(), steps)
        };
        let get = |name: &str, rest: &str| {
            let first = self.served(Method::Get, "/json");
            framed(name, &format!("{GET_JSON}{rest}"), first)
        };
        let post = |name: &str, rest: &str| {
            let first = not_allowed(Method::Post);
            framed(name, &format!("{POST_JSON}{rest}"), first)
        };
        let smuggled = self.raw(SMUGGLED.as_bytes());
        let smuggled = String::from_utf8_lossy(&smuggled);
        let with_length = format!("Content-Length: {}\r\n\r\n{smuggled}", smuggled.len());
        let one_chunk = format!("{:x}\r\n{smuggled}", smuggled.len());
        let most = "b".repeat(MAX_BODY_BYTES);
        let half = "b".repeat(MAX_BODY_BYTES / 2);
        let half_chunk = format!("{:x}\r\n{half}\r\n", half.len());
        vec![
            get("GET with a body that looks like a request", &with_length),
            get(
                "GET with chunks that look like a request",
                &format!("{CHUNKED}{one_chunk}\r\n0\r\n\r\n"),
            ),
            get(
                "GET with chunk extensions and a trailer",
                &format!("{CHUNKED}3;a=\"b\"\r\nabc\r\n00\r\nA: b\r\n\r\n"),
            ),
            get("GET with a length of 0", "Content-Length: 0\r\n\r\n"),
            post("POST with a body that looks like a request", &with_length),
            post(
                "POST with chunks",
                &format!("{CHUNKED}5\r\nhello\r\n0\r\n\r\n"),
            ),
            post(
                "POST with Chunked in capitals",
                &format!("{}5\r\nhello\r\n0\r\n\r\n", CHUNKED.to_ascii_uppercase()),
            ),
            post(
                "POST of 1 MiB",
                &format!("Content-Length: {MAX_BODY_BYTES}\r\n\r\n{most}"),
            ),
            post(
                "POST of 1 MiB in chunks",
                &format!("{CHUNKED}{half_chunk}{half_chunk}0\r\n\r\n"),
            ),
            self.expectation(),
            // An expectation that is not known may be ignored (RFC 9110 §10.1.1).
            self.lenient_refusal(
                Group::Bodies,
                "Expect: something else",
                format!("{GET_JSON}Expect: tea\r\n\r\n").as_bytes(),
                &[417],
            ),
        ]
    }

    /// The body is sent once the server asks for it; one that refuses at once need not (RFC 9110 §10.1.1).
    fn expectation(&self) -> Case {
        let body = b"hello";
        let head = format!(
            "{POST_JSON}Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let statuses = [
            Accept::NotAllowed(Method::Get),
            Accept::Status(413),
            Accept::Status(417),
        ];
        let steps = vec![
            Step::Send(self.raw(head.as_bytes())),
            Step::SendOnceContinued(body.to_vec()),
            Step::Reply(Expected {
                to: Method::Post,
                any_of: statuses.to_vec(),
            }),
        ];
        alone(Group::Bodies, "Expect: 100-continue".to_owned(), steps)
    }

    fn limits(&self) -> Vec<Case> {
        [self.head_limits(), self.body_limits()].concat()
    }

    fn head_limits(&self) -> Vec<Case> {
        let padded = |bytes: usize| {
            let around = self.raw(format!("{GET_JSON}A: \r\n\r\n").as_bytes()).len();
            let pad = "b".repeat(bytes - around);
            self.raw(format!("{GET_JSON}A: {pad}\r\n\r\n").as_bytes())
        };
        let fields = |count: usize| {
            let others = "A: b\r\n".repeat(count - 1);
            self.raw(format!("{GET_JSON}{others}\r\n").as_bytes())
        };
        let served = |name: String, input: Vec<u8>| {
            let reply = Step::Reply(self.served(Method::Get, "/json"));
            alone(Group::Limits, name, vec![Step::Send(input), reply])
        };
        let refused = |name: String, statuses: &[u16], input: &str| {
            let statuses = self.strictly(&[431], statuses);
            self.refusal(Group::Limits, name, input.as_bytes(), statuses)
        };
        // A server that counts less than the whole head as its size, or any number of fields, serves these.
        let lenient = |name: String, input: &[u8]| {
            let statuses = self.strictly(&[431], &[431, 400]);
            self.lenient_refusal(Group::Limits, &name, input, statuses)
        };
        let kib = MAX_HEAD_BYTES / 1024;
        let long = "b".repeat(MAX_HEAD_BYTES);
        vec![
            served("head of 8 KiB".to_owned(), padded(MAX_HEAD_BYTES / 2)),
            served(format!("head of {kib} KiB"), padded(MAX_HEAD_BYTES)),
            lenient(
                format!("head of {kib} KiB + 1 is 431"),
                &padded(MAX_HEAD_BYTES + 1),
            ),
            refused(
                format!("a field of {kib} KiB is 431"),
                &[431, 400],
                &format!("{GET_JSON}A: {long}\r\n\r\n"),
            ),
            refused(
                format!("a target of {kib} KiB is 431"),
                &[431, 414, 400, 404],
                &format!("GET /{long} HTTP/1.1\r\nHost: $HOST\r\n\r\n"),
            ),
            refused(
                format!("a line of {kib} KiB without an end is 431"),
                &[431, 414, 400],
                &format!("GET{long}"),
            ),
            served(format!("{MAX_HEADERS} fields"), fields(MAX_HEADERS)),
            lenient(
                format!("{} fields is 431", MAX_HEADERS + 1),
                &fields(MAX_HEADERS + 1),
            ),
        ]
    }

    fn body_limits(&self) -> Vec<Case> {
        let refused = |name: &str, statuses: &[u16], input: &str| {
            self.refusal(Group::Limits, name.to_owned(), input.as_bytes(), statuses)
        };
        // A server without a limit for these serves them.
        let lenient = |name: &str, body: &str| {
            let input = format!("{GET_JSON}{CHUNKED}{body}\r\n\r\n");
            self.lenient_refusal(Group::Limits, name, input.as_bytes(), &[400, 413, 431])
        };
        let over = MAX_BODY_BYTES + 1;
        let body = "b".repeat(over);
        let head = format!("{POST_JSON}Content-Length: {over}\r\n\r\n");
        let chunk = format!("{over:x}\r\n{body}\r\n0\r\n\r\n");
        let too_large = self.strictly(&[413], &[413, 405]);
        vec![
            refused(
                "body of 1 MiB + 1 is 413",
                too_large,
                &format!("{head}{body}"),
            ),
            refused(
                "body of 1 MiB + 1 in chunks is 413",
                too_large,
                &format!("{POST_JSON}{CHUNKED}{chunk}"),
            ),
            // A server that counts what comes, and not what is announced, waits for it and then misses it.
            refused(
                "body of 1 MiB + 1, only announced is 413",
                self.strictly(&[413], &[413, 405, 400, 408]),
                &head,
            ),
            lenient(
                "too long a chunk extension",
                &format!("1;{}\r\na\r\n0", "e".repeat(MAX_CHUNK_EXTENSION_BYTES)),
            ),
            lenient(
                "too long a trailer",
                &format!("0\r\nA: {}", "b".repeat(MAX_TRAILER_BYTES)),
            ),
        ]
    }

    fn hostile(&self) -> Vec<Case> {
        let bad = |bad: &Bad| {
            let mut steps = vec![Step::Send(self.raw(bad.input))];
            if bad.is_cut {
                steps.push(Step::FinishSending);
            }
            steps.push(Step::Refusal(Refusal {
                statuses: bad.statuses.to_vec(),
                or_served: self.if_lax(bad.leeway),
            }));
            alone(Group::Hostile, bad.name.to_owned(), steps)
        };
        let left = |(name, input): (&str, &[u8])| {
            alone(
                Group::Hostile,
                name.to_owned(),
                vec![Step::Send(self.raw(input))],
            )
        };
        let mut both = self.get("/json");
        both.extend(b"nonsense\r\n\r\n");
        let mut good_then_bad = vec![Step::Send(both)];
        if self.needs.is_strict {
            good_then_bad.push(Step::Reply(self.served(Method::Get, "/json")));
        }
        // A server that reads all before answering any may refuse the two together.
        good_then_bad.push(Step::Refusal(Refusal {
            statuses: vec![400],
            or_served: self.if_lax(Leeway::Served),
        }));
        HOSTILE
            .iter()
            .map(bad)
            .chain([alone(
                Group::Hostile,
                "a good request, then a bad one".to_owned(),
                good_then_bad,
            )])
            .chain(LEFT.map(left))
            .collect()
    }

    fn concurrency(&self) -> Vec<Case> {
        let beside = |what: &str, connections, with, quick| {
            let fast = match quick {
                Quick::Plaintext => "/plaintext",
                Quick::Events => "/events",
            };
            Case {
                group: Group::Concurrency,
                name: format!("{fast} beside {what}"),
                script: Script::Beside(Busy {
                    connections,
                    with,
                    quick,
                }),
            }
        };
        let half_sent = format!("{HALF_REQUESTS} halves of requests");
        let mut cases = Vec::new();
        for quick in [Quick::Plaintext, Quick::Events] {
            cases.push(beside("a /sleep", 1, Occupation::Sleeping, quick));
            cases.push(beside("a slow /events", 1, Occupation::Streaming, quick));
        }
        if self.needs.claims_concurrency {
            for (what, with) in [
                ("/sleep", Occupation::Sleeping),
                ("slow /events", Occupation::Streaming),
            ] {
                cases.push(beside(
                    &format!("{MANY} {what}"),
                    MANY,
                    with,
                    Quick::Plaintext,
                ));
            }
        }
        cases.push(beside(
            &half_sent,
            HALF_REQUESTS,
            Occupation::HalfSent,
            Quick::Plaintext,
        ));
        cases
    }

    fn pieces(&self, name: &str, pieces: Vec<Vec<u8>>, targets: &[&str]) -> Case {
        let replies = targets
            .iter()
            .map(|target| Step::Reply(self.served(Method::Get, target)));
        let steps = [Step::SendPieces(pieces)]
            .into_iter()
            .chain(replies)
            .collect();
        alone(Group::Fragmented, name.to_owned(), steps)
    }

    fn refusal(&self, group: Group, name: String, input: &[u8], statuses: &[u16]) -> Case {
        let refusal = Refusal {
            statuses: statuses.to_vec(),
            or_served: None,
        };
        alone(
            group,
            name,
            vec![Step::Send(self.raw(input)), Step::Refusal(refusal)],
        )
    }

    /// A refusal of a request for `/json`, which lenient servers may serve.
    fn lenient_refusal(&self, group: Group, name: &str, input: &[u8], statuses: &[u16]) -> Case {
        let refusal = Refusal {
            statuses: statuses.to_vec(),
            or_served: self.if_lax(Leeway::Served),
        };
        alone(
            group,
            name.to_owned(),
            vec![Step::Send(self.raw(input)), Step::Refusal(refusal)],
        )
    }

    fn if_lax(&self, leeway: Leeway) -> Option<Route> {
        (leeway == Leeway::Served && !self.needs.is_strict).then_some(Route::Json)
    }

    /// A reply on a connection that a server may, but need not, have closed.
    fn next_reply(&self, expected: Expected) -> Step {
        if self.needs.is_strict {
            Step::Reply(expected)
        } else {
            Step::ReplyOrEnd(expected)
        }
    }

    fn strictly<'a>(&self, strict: &'a [u16], others: &'a [u16]) -> &'a [u16] {
        if self.needs.is_strict { strict } else { others }
    }

    /// What `target` must be answered with.
    fn served(&self, to: Method, target: &str) -> Expected {
        let route = Route::parse(target).expect("the tables ask for routes that exist");
        let mut expected = Expected::served(to, route);
        if matches!(route, Route::Upstream { .. }) && !self.needs.has_upstream {
            expected.any_of.push(Accept::Status(503));
        }
        expected
    }

    fn get(&self, target: &str) -> Vec<u8> {
        self.request(Method::Get, target)
    }

    fn request(&self, method: Method, target: &str) -> Vec<u8> {
        request(method, target, self.host)
    }

    /// A raw request, with the host in its place.
    fn raw(&self, input: &[u8]) -> Vec<u8> {
        let mut rest = input;
        let mut bytes = Vec::with_capacity(input.len());
        while let Some(at) = rest.windows(HOST.len()).position(|bytes| bytes == HOST) {
            bytes.extend_from_slice(&rest[..at]);
            bytes.extend_from_slice(self.host.as_bytes());
            rest = &rest[at + HOST.len()..];
        }
        bytes.extend_from_slice(rest);
        bytes
    }
}

fn request(method: Method, target: &str, host: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_request(method, target, host, &[], None, &mut bytes);
    bytes
}

fn not_allowed(to: Method) -> Expected {
    Expected::not_allowed(to, Method::Get)
}

/// A request in HTTP/1.1, given up to its last field and the body behind it.
fn raw_post(target: &str, host: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("POST {target} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n");
    [head.as_bytes(), body].concat()
}

fn alone(group: Group, name: String, steps: Vec<Step>) -> Case {
    Case {
        group,
        name,
        script: Script::Alone(steps),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_groups_in_one_piece() {
        for needs in Needs::every() {
            let cases = all("a:80", needs);
            let names: BTreeSet<_> = cases.iter().map(|case| (case.group, &case.name)).collect();
            assert_eq!(names.len(), cases.len());
            assert!(cases.is_sorted_by_key(|case| case.group));
        }
    }

    #[test]
    fn what_is_to_be_refused_is_no_route() {
        for (targets, status) in [
            (&UNKNOWN_TARGETS[..], 404),
            (&BAD_PATHS, 400),
            (&BAD_QUERIES, 400),
            (&STRICTLY_BAD, 400),
        ] {
            for target in targets {
                let error = Route::parse(target).unwrap_err();
                assert_eq!(error.status(), status, "{target}: {error}");
            }
        }
    }

    #[test]
    fn pipelined_replies_tell_their_requests_apart() {
        let bodies: BTreeSet<_> = PIPELINED
            .iter()
            .map(|target| Route::parse(target).unwrap().expected_body().unwrap())
            .collect();
        assert_eq!(bodies.len(), PIPELINED.len());
    }

    #[test]
    fn a_head_at_its_limit_is_exactly_so_long_whatever_the_host() {
        let needs = Needs::every().next().unwrap();
        for host in ["a", "a-much-longer-name.example:8080"] {
            let cases = all(host, needs);
            for (name, bytes) in [
                ("head of 16 KiB", MAX_HEAD_BYTES),
                ("head of 16 KiB + 1 is 431", MAX_HEAD_BYTES + 1),
            ] {
                let case = cases.iter().find(|case| case.name == name).unwrap();
                let Script::Alone(steps) = &case.script else {
                    panic!("{name} is played on one connection");
                };
                assert!(
                    matches!(&steps[0], Step::Send(head) if head.len() == bytes),
                    "{name} to {host}"
                );
            }
        }
    }
}
