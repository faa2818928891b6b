//! From a request to its answer, step by step.
//!
//! Knows which steps a route takes and what their outcomes mean. Must never know how a step is done: the server asks
//! for the next step, does it, and reports with an `on_*` method.

use http1::server::{Request, ResponseHead};
use http1::{Method, WebSocketKey};

use crate::answer::{Answer, BYTES, JSON, TEXT};
use crate::events::Events;
use crate::orders::order_answer;
use crate::route::{JSON_BODY, Mode, PLAINTEXT_BODY, Route, sleep_body, upstream_body};
use crate::stats::Stats;
use crate::upstream::{Call, UpstreamError, parse_number};
use crate::work::{Computed, Work};

use alloc::string::ToString;
use alloc::vec::Vec;

/// Decides what a request asks for. Bodies of GET and HEAD requests are of no meaning here (RFC 9110 §9.3.1) and are
/// ignored; HEAD takes the same steps as GET, so that its header fields are the same, but for the parts of a stream.
pub fn begin(request: &Request<'_>) -> Job {
    let route = match Route::parse(request.target) {
        Ok(route) => route,
        Err(error) => return Job::done(Answer::refusal(error.status(), error.to_string())),
    };
    if route.takes(request.method) {
        Job::new(route, request)
    } else {
        Job::done(Answer::method_not_allowed(&route))
    }
}

/// One thing that a server does for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Wait on the loop's own timers; report [`Job::on_slept`].
    Sleep {
        /// Milliseconds.
        ms: u32,
    },
    /// Call the upstream; report [`Job::on_called`].
    Call(Call),
    /// Make all of [`Call::each`] at once; report [`Job::on_called`] for each, in any order.
    CallAll {
        /// Number of calls.
        calls: u32,
        /// Milliseconds that each takes.
        ms: u32,
    },
    /// Read the file that [`crate::file_name`] names, whole, in the pool; report [`Job::on_file`] or
    /// [`Job::on_missing_file`].
    ReadFile {
        /// Size in KiB.
        kib: u32,
    },
    /// Run [`Work::run`]; report [`Job::on_computed`].
    Compute {
        /// What to compute.
        work: Work,
        /// Where.
        place: Place,
    },
    /// Gather the server's own figures; report [`Job::on_stats`].
    Stats,
    /// Begin a streamed answer ([`http1::server::Connection::begin_stream`]); report [`Job::on_begun`].
    ///
    /// From here on a client that says it will send no more has left, and its stream ends with it: nobody half-closes a
    /// stream that is to be read to its end, and to Node.js and Uvicorn the two are the same.
    Begin(ResponseHead<'static>),
    /// Stream [`Job::part`], once the client has taken most of what went before; report [`Job::on_emitted`]. It must be on
    /// its way before the next sleep begins, and goes out with whatever else there is to send then.
    Emit,
}

/// What a job comes to.
#[derive(Debug)]
pub enum Outcome {
    /// The answer, to be given whole.
    Answer(Answer),
    /// The end of the stream that [`Step::Begin`] began.
    StreamEnd,
    /// The connection becomes a WebSocket, and its client a member of the chat.
    Chat(WebSocketKey),
}

/// Where a computation runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On the thread that serves the connection, holding everything else on it up: that is what the route is for.
    Loop,
    /// On a thread of the pool.
    Pool,
}

/// Why a step could not be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FailedStep {
    /// A call was to be made, and [`crate::Settings::upstream`] is not set.
    #[error("this server was started without an upstream; start it with one to use /upstream")]
    NoUpstream,
    /// A call failed.
    #[error(transparent)]
    Upstream(UpstreamError),
    /// A file exists but could not be read.
    #[error("the file could not be read; see that the data directory is readable")]
    File,
    /// The pool took no work, because the server is stopping.
    #[error("the server is stopping")]
    Pool,
}

impl FailedStep {
    /// What a request is answered when this befalls it.
    pub fn answer(&self) -> Answer {
        Answer::refusal(self.status(), self.to_string())
    }

    /// RFC 9110 §15.6: 502 where the upstream is to blame, 503 where it is this server's own state.
    fn status(&self) -> u16 {
        match self {
            Self::Upstream(_) => 502,
            Self::NoUpstream | Self::File | Self::Pool => 503,
        }
    }
}

/// The work of one request, without anything that does it.
///
/// ```
/// # fn sleep(_ms: u32) {}
/// # let mut connection = http1::server::Connection::new();
/// # connection.receive(b"GET /sleep/20 HTTP/1.1\r\nHost: x\r\n\r\n");
/// # let mut out = Vec::new();
/// # let http1::server::Poll::Request(request) = connection.poll(&http1::Date::EPOCH, &mut out) else { panic!() };
/// let mut job = spec::begin(&request);
/// while let Some(step) = job.next_step() {
///     match step {
///         spec::Step::Sleep { ms } => {
///             sleep(ms);
///             job.on_slept();
///         }
///         _ => unreachable!("the other steps look alike"),
///     }
/// }
/// let spec::Outcome::Answer(answer) = job.into_outcome() else { unreachable!("this was no stream") };
/// assert_eq!(answer.body, &b"slept 20"[..]);
/// ```
#[derive(Debug)]
pub struct Job {
    state: State,
}

#[derive(Debug)]
enum State {
    /// A step that nobody has asked for yet.
    Ready(Step),
    /// A step that was handed out; its report gives the answer.
    Doing(Step),
    /// Calls to the upstream.
    Calling(Calling),
    /// A stream, of whose steps none fails once it is begun.
    Streaming(Events),
    /// Nothing is left to do.
    Done(Answer),
    /// Nothing is left to do here: the rest is a conversation.
    Chat(WebSocketKey),
}

#[derive(Debug)]
struct Calling {
    calls: u32,
    ms: u32,
    mode: Mode,
    /// Calls handed out so far.
    begun: u32,
    /// Calls reported so far, at most `begun`.
    answered: u32,
    sum: u64,
}

impl Job {
    /// The work that `request` takes, which asks for `route` by one of its methods.
    fn new(route: Route, request: &Request<'_>) -> Self {
        let compute = |work, offload| {
            State::Ready(Step::Compute {
                work,
                place: if offload { Place::Pool } else { Place::Loop },
            })
        };
        let state = match route {
            Route::Plaintext => State::Done(Answer::fixed(TEXT, PLAINTEXT_BODY)),
            Route::Json => State::Done(Answer::fixed(JSON, JSON_BODY)),
            Route::Sleep { ms } => State::Ready(Step::Sleep { ms }),
            Route::Upstream { calls, ms, mode } => State::Calling(Calling {
                calls,
                ms,
                mode,
                begun: 0,
                answered: 0,
                sum: 0,
            }),
            Route::File { kib } => State::Ready(Step::ReadFile { kib }),
            Route::Cpu { rounds, offload } => compute(Work::Xorshift { rounds }, offload),
            Route::Hash { kib, offload } => compute(Work::Sha256 { kib }, offload),
            Route::Orders => State::Done(order_answer(request.body)),
            Route::Events { n, ms } => {
                let is_head = request.method == Method::Head;
                State::Streaming(Events::new(if is_head { 0 } else { n }, ms))
            }
            Route::Chat => match request.websocket_key {
                Some(key) => State::Chat(key),
                None => State::Done(Answer::upgrade_required()),
            },
            Route::Stats => State::Ready(Step::Stats),
        };
        Self { state }
    }

    /// The next thing to do. `None` while everything handed out has yet to be reported, and once the job
    /// [is done](Job::is_done); a server that reports each step before it asks again sees only the latter.
    pub fn next_step(&mut self) -> Option<Step> {
        match &mut self.state {
            &mut State::Ready(step) => {
                self.state = State::Doing(step);
                Some(step)
            }
            State::Calling(calls) => calls.next_step(),
            State::Streaming(events) => events.next_step(),
            State::Doing(_) | State::Done(_) | State::Chat(_) => None,
        }
    }

    /// Whether [`Job::into_outcome`] may be called. True from the start where a route takes no step.
    pub fn is_done(&self) -> bool {
        match &self.state {
            State::Done(_) | State::Chat(_) => true,
            State::Streaming(events) => events.is_at_end(),
            State::Ready(_) | State::Doing(_) | State::Calling(_) => false,
        }
    }

    /// Whether an answer is begun and its end is not reached.
    pub fn is_streaming(&self) -> bool {
        match &self.state {
            State::Streaming(events) => events.is_begun() && !events.is_at_end(),
            _ => false,
        }
    }

    /// What a job that is done has come to.
    pub fn into_outcome(self) -> Outcome {
        match self.state {
            State::Done(answer) => Outcome::Answer(answer),
            State::Chat(key) => Outcome::Chat(key),
            State::Streaming(events) if events.is_at_end() => Outcome::StreamEnd,
            state => panic!("every step is reported before the outcome is taken, not {state:?}"),
        }
    }

    /// [`Step::Begin`] is done.
    pub fn on_begun(&mut self) {
        self.events().on_begun();
    }

    /// The bytes that [`Step::Emit`] streams.
    pub fn part(&self) -> &[u8] {
        match &self.state {
            State::Streaming(events) => events.part(),
            state => panic!("only a stream has parts, not {state:?}"),
        }
    }

    /// [`Step::Emit`] is done.
    pub fn on_emitted(&mut self) {
        self.events().on_emitted();
    }

    /// [`Step::Sleep`] is over.
    pub fn on_slept(&mut self) {
        match self.state {
            State::Streaming(ref mut events) => events.on_slept(),
            State::Doing(Step::Sleep { ms }) => self.finish(Answer::ok(TEXT, sleep_body(ms))),
            ref state => panic!("only a sleep that was begun ends, not {state:?}"),
        }
    }

    /// A call got `reply` as the body of its reply. What is not a number fails the job. After a failure, the replies
    /// to calls that were under way are of no meaning any more and are ignored.
    pub fn on_called(&mut self, reply: &[u8]) {
        match &mut self.state {
            State::Done(_) => {}
            State::Calling(calls) => match calls.on_called(reply) {
                Ok(()) if calls.answered < calls.calls => {}
                Ok(()) => {
                    let body = upstream_body(calls.calls, calls.sum);
                    self.finish(Answer::ok(JSON, body));
                }
                Err(error) => self.on_failed(&FailedStep::Upstream(error)),
            },
            state => panic!("only a call that was begun is answered, not {state:?}"),
        }
    }

    /// [`Step::ReadFile`] gave these bytes.
    pub fn on_file(&mut self, bytes: Vec<u8>) {
        match self.state {
            State::Doing(Step::ReadFile { .. }) => self.finish(Answer::ok(BYTES, bytes)),
            ref state => panic!("only a file that was asked for is read, not {state:?}"),
        }
    }

    /// The file of [`Step::ReadFile`] does not exist.
    pub fn on_missing_file(&mut self) {
        match self.state {
            State::Doing(Step::ReadFile { kib }) => {
                let reason =
                    alloc::format!("the data directory has no file {}", crate::file_name(kib));
                self.finish(Answer::refusal(404, reason));
            }
            ref state => panic!("only a file that was asked for is missed, not {state:?}"),
        }
    }

    /// [`Step::Compute`] found this.
    pub fn on_computed(&mut self, computed: Computed) {
        match self.state {
            State::Doing(Step::Compute { .. }) => self.finish(Answer::ok(TEXT, computed.to_hex())),
            ref state => panic!("only a computation that was begun ends, not {state:?}"),
        }
    }

    /// [`Step::Stats`] gathered these.
    pub fn on_stats(&mut self, stats: &Stats) {
        let body = serde_json::to_vec(stats).expect("numbers and names can be written as JSON");
        self.finish(Answer::ok(JSON, body));
    }

    /// A step that was handed out could not be done. The first failure decides the answer. What was streamed can't be taken
    /// back, so that of a stream only the beginning fails.
    pub fn on_failed(&mut self, why: &FailedStep) {
        if let State::Streaming(events) = &self.state {
            assert!(!events.is_begun(), "{why} in the middle of {events:?}");
        }
        if !self.is_done() {
            self.finish(why.answer());
        }
    }

    fn done(answer: Answer) -> Self {
        Self {
            state: State::Done(answer),
        }
    }

    fn events(&mut self) -> &mut Events {
        match &mut self.state {
            State::Streaming(events) => events,
            state => panic!("only a stream is begun and emitted, not {state:?}"),
        }
    }

    fn finish(&mut self, answer: Answer) {
        self.state = State::Done(answer);
    }
}

impl Calling {
    fn next_step(&mut self) -> Option<Step> {
        let &mut Self { calls, ms, .. } = self;
        if self.begun == calls || self.begun != self.answered {
            return None;
        }
        match self.mode {
            Mode::Sequential => {
                self.begun += 1;
                Some(Step::Call(Call {
                    number: self.begun,
                    ms,
                }))
            }
            Mode::Parallel => {
                self.begun = calls;
                Some(Step::CallAll { calls, ms })
            }
        }
    }

    fn on_called(&mut self, reply: &[u8]) -> Result<(), UpstreamError> {
        assert!(
            self.answered < self.begun,
            "a call that was never begun was answered: {self:?}"
        );
        let number = parse_number(reply).ok_or(UpstreamError::NotANumber)?;
        self.sum = self
            .sum
            .checked_add(number)
            .ok_or(UpstreamError::NotANumber)?;
        self.answered += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;

    use http1::server::Poll;
    use http1::{Date, Version};

    use super::*;
    use crate::route::MAX_CALLS;
    use crate::work::file_bytes;

    fn get(target: &str) -> Request<'_> {
        Request {
            method: Method::Get,
            target,
            version: Version::Http11,
            body: b"",
            websocket_key: None,
        }
    }

    fn begin_with(method: Method, target: &str) -> Job {
        begin(&Request {
            method,
            ..get(target)
        })
    }

    /// Does the steps in the simplest way there is, with an upstream that is always right. A stream becomes one answer.
    fn run(mut job: Job) -> Answer {
        let mut streamed = None::<(ResponseHead<'static>, Vec<u8>)>;
        while let Some(step) = job.next_step() {
            assert!(!job.is_done(), "a job with a step to do is not done");
            match step {
                Step::Sleep { .. } => job.on_slept(),
                Step::Call(call) => job.on_called(call.number.to_string().as_bytes()),
                Step::CallAll { calls, ms } => {
                    assert_eq!(job.next_step(), None, "all calls are under way");
                    for call in Call::each(calls, ms) {
                        job.on_called(call.number.to_string().as_bytes());
                    }
                }
                Step::ReadFile { kib } => job.on_file(file_bytes(kib)),
                Step::Compute { work, .. } => job.on_computed(work.run()),
                Step::Stats => job.on_stats(&Stats {
                    runtime: "test",
                    ..Stats::default()
                }),
                Step::Begin(head) => {
                    assert!(streamed.replace((head, Vec::new())).is_none());
                    assert!(!job.is_streaming());
                    job.on_begun();
                }
                Step::Emit => {
                    let (_, body) = streamed.as_mut().expect("a stream is begun first");
                    body.extend_from_slice(job.part());
                    assert!(job.is_streaming());
                    job.on_emitted();
                }
            }
        }
        match (job.into_outcome(), streamed) {
            (Outcome::Answer(answer), None) => answer,
            (Outcome::StreamEnd, Some((head, body))) => Answer {
                status: head.status,
                content_type: head.content_type,
                headers: head.headers,
                body: body.into(),
            },
            unexpected => panic!("{unexpected:?}"),
        }
    }

    #[test]
    fn every_route_answers_what_is_expected_of_it() {
        for target in [
            "/plaintext",
            "/json",
            "/sleep/20",
            "/upstream?calls=1&ms=5",
            "/upstream?calls=100&ms=5",
            "/upstream?calls=100&ms=5&mode=par",
            "/file/1",
            "/file/1024",
            "/cpu/1000",
            "/cpu/1000?offload=1",
            "/hash/64",
            "/hash/64?offload=1",
            "/events?n=1&ms=0",
            "/events?n=10000&ms=0",
            "/events?n=3&ms=60000",
        ] {
            let route = Route::parse(target).unwrap();
            for method in [Method::Get, Method::Head] {
                let answer = run(begin_with(method, target));
                assert_eq!(answer.status, 200, "{target}");
                assert_eq!(
                    answer.content_type,
                    route.expected_content_type(),
                    "{target}"
                );
                // What is whole has a body here, which `http1` leaves out; the parts of a stream are not even made.
                let is_streamed_head =
                    method == Method::Head && matches!(route, Route::Events { .. });
                let expected = route.expected_body().filter(|_| !is_streamed_head);
                assert_eq!(answer.body, expected.unwrap_or_default(), "{target}");
            }
        }
    }

    #[test]
    fn stats_are_json() {
        let answer = run(begin_with(Method::Get, "/stats"));
        assert_eq!(
            (answer.status, answer.content_type),
            (200, "application/json")
        );
        assert!(
            answer
                .body
                .starts_with(br#"{"runtime":"test","loop_turns":null,"#)
        );
    }

    #[test]
    fn the_floor_takes_no_step_and_allocates_no_body() {
        for target in ["/plaintext", "/json"] {
            let job = begin_with(Method::Get, target);
            assert!(job.is_done());
            assert!(
                matches!(run(job).body, alloc::borrow::Cow::Borrowed(_)),
                "{target}"
            );
        }
    }

    #[test]
    fn calls_in_sequence_are_made_one_at_a_time() {
        let mut job = begin(&get("/upstream?calls=2&ms=9"));
        assert_eq!(job.next_step(), Some(Step::Call(Call { number: 1, ms: 9 })));
        assert_eq!(job.next_step(), None);
        assert!(!job.is_done());
        job.on_called(b"1");
        assert_eq!(job.next_step(), Some(Step::Call(Call { number: 2, ms: 9 })));
        job.on_called(b"2");
        assert_eq!(job.next_step(), None);
        assert_eq!(run(job).body, &br#"{"calls":2,"sum":3}"#[..]);
    }

    #[test]
    fn calls_in_parallel_may_be_answered_in_any_order() {
        let target = format!("/upstream?calls={MAX_CALLS}&ms=0&mode=par");
        let mut job = begin(&get(&target));
        assert_eq!(
            job.next_step(),
            Some(Step::CallAll {
                calls: MAX_CALLS,
                ms: 0
            })
        );
        for number in (1..=MAX_CALLS).rev() {
            assert!(!job.is_done());
            job.on_called(number.to_string().as_bytes());
        }
        assert_eq!(run(job).body, &br#"{"calls":100,"sum":5050}"#[..]);
    }

    fn check_failure(report: impl Fn(&mut Job), status: u16, reason: &str) {
        let mut job = begin(&get("/upstream?calls=3&ms=0&mode=par"));
        job.next_step();
        report(&mut job);
        assert!(job.is_done());
        assert_eq!(job.next_step(), None);
        // The other two calls were under way.
        job.on_called(b"2");
        job.on_failed(&FailedStep::NoUpstream);
        let answer = run(job);
        let body = String::from_utf8(answer.body.into_owned()).unwrap();
        assert_eq!(answer.status, status, "{body}");
        assert!(body.contains(reason), "{body}");
    }

    #[test]
    fn the_first_failure_decides_the_answer() {
        check_failure(|job| job.on_called(b"one"), 502, "not a number");
        check_failure(
            |job| {
                job.on_called(format!("{}", u64::MAX).as_bytes());
                job.on_called(b"1");
            },
            502,
            "not a number",
        );
        check_failure(
            |job| job.on_failed(&FailedStep::Upstream(UpstreamError::Unreachable)),
            502,
            "reached",
        );
        check_failure(
            |job| job.on_failed(&FailedStep::NoUpstream),
            503,
            "without an upstream",
        );
        check_failure(|job| job.on_failed(&FailedStep::Pool), 503, "stopping");
    }

    #[test]
    fn a_missing_file_is_not_found() {
        let mut job = begin(&get("/file/8"));
        job.next_step();
        job.on_missing_file();
        let answer = run(job);
        assert_eq!(answer.status, 404);
        assert_eq!(answer.body, &b"the data directory has no file 8.bin"[..]);
    }

    #[test]
    fn other_methods_and_targets_are_refused() {
        for method in [
            Method::Post,
            Method::Put,
            Method::Delete,
            Method::Options,
            Method::Other,
        ] {
            let answer = run(begin_with(method, "/plaintext"));
            assert_eq!(answer.status, 405);
            assert_eq!(answer.headers, &[("Allow", "GET, HEAD")]);
        }
        for method in [
            Method::Get,
            Method::Head,
            Method::Put,
            Method::Delete,
            Method::Options,
            Method::Other,
        ] {
            let answer = run(begin_with(method, "/orders"));
            assert_eq!(answer.status, 405);
            assert_eq!(answer.headers, &[("Allow", Route::Orders.allow())]);
        }
        assert_eq!(run(begin_with(Method::Get, "/nope")).status, 404);
        assert_eq!(run(begin_with(Method::Post, "/nope")).status, 404);
        assert_eq!(run(begin_with(Method::Get, "/sleep/60001")).status, 400);
    }

    #[test]
    fn an_order_is_read_from_the_body() {
        let body = br#"{"customer":{"id":1,"email":"a@example.com"},"items":[{"sku":"A","quantity":2,"unit_price_cents":3}]}"#;
        for (body, status) in [(&body[..], 200), (b"{}", 422), (b"", 400)] {
            let job = begin(&Request {
                method: Method::Post,
                body,
                ..get("/orders")
            });
            assert!(job.is_done());
            assert_eq!(run(job), order_answer(body));
            assert_eq!(order_answer(body).status, status);
        }
    }

    #[test]
    fn a_chat_needs_an_upgrade() {
        let mut connection = http1::server::Connection::new();
        connection.receive(
            b"GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
              Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        );
        let mut out = Vec::new();
        let Poll::Request(request) = connection.poll(&Date::EPOCH, &mut out) else {
            panic!("a request is here")
        };
        let job = begin(&request);
        assert!(job.is_done());
        let Outcome::Chat(key) = job.into_outcome() else {
            panic!("an upgrade was asked for")
        };
        assert_eq!(key.as_str(), "dGhlIHNhbXBsZSBub25jZQ==");

        // An upgrade that is meant for nobody is no upgrade (RFC 9110 §7.8).
        let other = begin(&Request {
            target: "/plaintext",
            ..request
        });
        assert_eq!(run(other).status, 200);
        for method in [Method::Get, Method::Head] {
            let answer = run(begin_with(method, "/chat"));
            assert_eq!(answer.status, 426);
            assert!(answer.headers.contains(&("Upgrade", "websocket")));
        }
    }

    #[test]
    fn a_stream_fails_only_before_it_is_begun() {
        let mut job = begin(&get("/events?n=1&ms=0"));
        assert!(matches!(job.next_step(), Some(Step::Begin(_))));
        job.on_failed(&FailedStep::Pool);
        assert!(job.is_done());
        assert_eq!(run(job).status, 503);
    }

    #[test]
    #[should_panic(expected = "in the middle of")]
    fn a_failure_inside_a_stream_is_a_bug() {
        let mut job = begin(&get("/events?n=1&ms=0"));
        job.next_step();
        job.on_begun();
        job.next_step();
        job.on_failed(&FailedStep::Pool);
    }

    #[test]
    fn a_computation_says_where_it_runs() {
        let place = |target| match begin_with(Method::Get, target).next_step() {
            Some(Step::Compute { place, .. }) => place,
            step => panic!("{target} computes, not {step:?}"),
        };
        for (on_loop, in_pool) in [
            ("/cpu/1", "/cpu/1?offload=1"),
            ("/hash/1", "/hash/1?offload=1"),
        ] {
            assert_eq!(place(on_loop), Place::Loop);
            assert_eq!(place(in_pool), Place::Pool);
        }
    }
}
