//! `GET /events`: a reply that comes in parts.

use http1::Method;
use spec::MAX_EVENTS;

use crate::cases::{Asking, Case, Script, alone, not_allowed};
use crate::judge::{Expected, Framing};
use crate::outcome::Group;
use crate::script::Step;

/// Streams that are nearly endless: days.
const ENDLESS: &str = "/events?n=10000&ms=60000";

/// Streams that are served to their end, and how many events each has.
const SERVED: [(&str, u32); 6] = [
    ("/events?n=1&ms=0", 1),
    ("/events?n=3&ms=20", 3),
    ("/events?ms=1&n=2", 2),
    ("/events?n=100&ms=0", 100),
    ("/events?n=10000&ms=0", MAX_EVENTS),
    // There is nothing to wait for behind the last one.
    ("/events?n=1&ms=60000", 1),
];

/// 400.
const BAD: [&str; 13] = [
    "/events",
    "/events?n=1",
    "/events?ms=1",
    "/events?n=0&ms=0",
    "/events?n=10001&ms=0",
    "/events?n=1&ms=60001",
    "/events?n=-1&ms=0",
    "/events?n=1&ms=-1",
    "/events?n=x&ms=0",
    "/events?n=1.5&ms=0",
    "/events?n=&ms=0",
    "/events?n=1&ms=",
    "/events?n=99999999999999999999&ms=0",
];

/// 400 from those who understand all or nothing; others pass over what they don't know, take one of two, or know other ways
/// to write a number.
const STRICTLY_BAD: [&str; 5] = [
    "/events?n=01&ms=0",
    "/events?n=1&ms=+1",
    "/events?n=1&ms=0&x=1",
    "/events?n=1&n=1&ms=0",
    "/events?n=1&ms=0&ms=0",
];

/// Streams on one connection, in one write.
const PIPELINED: usize = 16;

/// Streams at once, for whom requests that wait cost nothing, and for others.
const MANY: usize = 100;
const SOME: usize = 4;

impl Asking<'_> {
    pub(super) fn events(&self) -> Vec<Case> {
        let case = |name: &str, steps: Vec<Step>| alone(Group::Events, name.to_owned(), steps);
        let paced = |name: &str, framing| Case {
            group: Group::Events,
            name: name.to_owned(),
            script: Script::Paced(framing),
        };
        let mut cases = vec![
            paced("each event goes out when it is due", Framing::Chunked),
            paced(
                "each event goes out when it is due, in HTTP/1.0",
                Framing::UntilClose,
            ),
        ];
        // The second one would find any byte too many behind the first, and a connection that was not kept.
        cases.extend(SERVED.map(|(target, count)| {
            let steps = vec![
                Step::Send(self.get(target)),
                Step::Reply(streamed(count)),
                Step::Send(self.get("/json")),
                Step::Reply(self.served(Method::Get, "/json")),
            ];
            alone(Group::Events, format!("GET {target}"), steps)
        }));
        cases.extend(["/events?n=3&ms=0", ENDLESS].map(|target| {
            let steps = vec![
                Step::Send(self.request(Method::Head, target)),
                Step::Reply(Expected::events(Method::Head, 0, Framing::Chunked)),
                Step::Send(self.get("/json")),
                Step::Reply(self.served(Method::Get, "/json")),
            ];
            alone(Group::Events, format!("HEAD {target}"), steps)
        }));
        let refused = |target: &str, statuses: &[u16]| {
            let steps = vec![
                Step::Send(self.get(target)),
                Step::Reply(Expected::statuses(Method::Get, statuses)),
                Step::Send(self.get("/json")),
                self.next_reply(self.served(Method::Get, "/json")),
            ];
            alone(Group::Events, format!("GET {target} is 400"), steps)
        };
        cases.extend(BAD.map(|target| refused(target, &[400])));
        let lenient = self.strictly(&[400], &[400, 200]);
        cases.extend(STRICTLY_BAD.map(|target| refused(target, lenient)));
        cases.extend([Method::Post, Method::Put, Method::Delete].map(|method| {
            let target = "/events?n=1&ms=0";
            let steps = vec![
                Step::Send(self.request(method, target)),
                Step::Reply(not_allowed(method)),
            ];
            alone(Group::Events, format!("{method} {target} is 405"), steps)
        }));
        cases.extend([
            case(
                "a request behind a stream is answered",
                vec![
                    Step::Send([self.get("/events?n=3&ms=20"), self.get("/json")].concat()),
                    Step::Reply(streamed(3)),
                    Step::Reply(self.served(Method::Get, "/json")),
                ],
            ),
            case(
                &format!("{PIPELINED} pipelined"),
                (1..=PIPELINED)
                    .map(|n| self.get(&format!("/events?n={n}&ms=1")))
                    .reduce(|all, one| [all, one].concat())
                    .map(Step::Send)
                    .into_iter()
                    .chain((1..).take(PIPELINED).map(|n| Step::Reply(streamed(n))))
                    .collect(),
            ),
            case(
                "HTTP/1.0 ends with the connection",
                self.last_stream("HTTP/1.0", "", Framing::UntilClose),
            ),
            case(
                "HTTP/1.0 with keep-alive ends with the connection as well",
                self.last_stream(
                    "HTTP/1.0",
                    "Connection: keep-alive\r\n",
                    Framing::UntilClose,
                ),
            ),
            case(
                "Connection: close",
                self.last_stream("HTTP/1.1", "Connection: close\r\n", Framing::Chunked),
            ),
        ]);
        cases.extend(self.left_streams());
        cases
    }

    fn last_stream(&self, version: &str, fields: &str, framing: Framing) -> Vec<Step> {
        let input = format!(
            "GET /events?n=3&ms=5 {version}\r\nHost: {}\r\n{fields}\r\n",
            self.host
        );
        vec![
            Step::Send(input.into_bytes()),
            Step::Reply(Expected::events(Method::Get, 3, framing)),
            Step::End,
        ]
    }

    /// Clients that don't wait for the end, alone and many at once, and those that do.
    fn left_streams(&self) -> Vec<Case> {
        let many = if self.needs.claims_concurrency {
            MANY
        } else {
            SOME
        };
        let leaving = |target: &str| vec![Step::Send(self.get(target)), Step::Listen, Step::Leave];
        let at_once = |name: String, steps| Case {
            group: Group::Events,
            name,
            script: Script::AtOnce(many, steps),
        };
        vec![
            alone(
                Group::Events,
                "a client that leaves between events".to_owned(),
                leaving(ENDLESS),
            ),
            alone(
                Group::Events,
                "a client that leaves amid many events".to_owned(),
                leaving("/events?n=10000&ms=0"),
            ),
            at_once(
                format!("{many} clients that leave between events"),
                leaving("/events?n=10000&ms=10"),
            ),
            at_once(
                format!("{many} streams at once"),
                vec![
                    Step::Send(self.get("/events?n=5&ms=50")),
                    Step::Reply(streamed(5)),
                    Step::Send(self.get("/json")),
                    Step::Reply(self.served(Method::Get, "/json")),
                ],
            ),
        ]
    }
}

fn streamed(count: u32) -> Expected {
    Expected::events(Method::Get, count, Framing::Chunked)
}
