//! From a scenario's requests to bytes on the wire and the replies that they must get.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http1::Method;
use load::{
    Chat, Expect, ExpectBody, MAX_RANDOM, OwnBody, Reading, Request, Source, Take, Workload,
    holes_in,
};
use model::names;
use model::spec::address::Address;
use model::spec::load::Connect;
use model::spec::scenario as spec_of;
use model::spec::scenario::{
    Asks, Body, BodySource, MAX_BODY_FILE_BYTES, RequestSpec, Scenario, ScenarioError, TakeFrom,
    TokenKind, USUAL_STATUS,
};
use model::spec::services::Service;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;
use spec::{
    MAX_UPSTREAM_CONNECTIONS, Mode, Route, Token, auth_answer, order_answer, upload_answer,
};

use process::failure::Failure;
use process::files;

use crate::own::{self, HeaderError};

/// Nanoseconds in a millisecond, in which routes count.
const NANOS_PER_MS: u64 = 1_000_000;

/// The status of an order that is not JSON.
const NOT_JSON: u16 = 400;

/// How a connection that becomes a WebSocket is answered.
const SWITCHING_PROTOCOLS: u16 = 101;

/// The statuses of a success (RFC 9110, section 15.3): what a path of the user's own must answer unless the scenario says more.
const SUCCESS: RangeInclusive<u16> = 200..=299;

/// How long a chat's messages are where the scenario doesn't say: a short sentence.
const USUAL_MESSAGE_BYTES: u32 = 64;

/// What the requests of a scenario ask for, in their order.
#[derive(Debug, Clone)]
pub struct Routes(Vec<Asked>);

/// One kind of request, and what must come back.
#[derive(Debug, Clone)]
pub struct Asked {
    method: String,
    /// Path and query, as they are sent.
    target: String,
    /// The route of the contract, the first of several; none for a path of the user's own.
    route: Option<Route>,
    /// The routes that are asked for in turn, each with the body that answers it, where there are several.
    in_turn: Vec<(String, Vec<u8>)>,
    /// The host that is named instead of the target's own.
    host: Option<String>,
    headers: Vec<(String, String)>,
    body: Option<OwnBody>,
    /// Names that stand in braces for what was taken of earlier replies of its session.
    values: Vec<String>,
    /// Whether it is a step after the one before it.
    follows: bool,
    /// What its reply is looked into for.
    reading: Reading,
    answer: Answer,
    /// How long messages are, where this is a chat.
    message_bytes: u32,
    weight: u32,
}

/// What must come back.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    /// The statuses of which it has one.
    statuses: Vec<RangeInclusive<u16>>,
    /// The body, where it is known.
    body: BodyAnswer,
}

/// What the body of an answer must be.
#[derive(Debug, Clone, PartialEq, Eq)]
enum BodyAnswer {
    Any,
    /// These bytes, as the contract says.
    Known(Vec<u8>),
    /// So many bytes.
    Length(usize),
    /// The same from every target.
    Equal,
}

impl Routes {
    /// Reads the requests of a scenario; one that no target serves, that the contract answers otherwise, or that can't be sent is
    /// an error at its line.
    pub fn of(scenario: &Scenario) -> Result<Self, Failure> {
        let mut values = Vec::new();
        let asked =
            scenario.requests.iter().enumerate().map(|(index, spec)| {
                asked(scenario, index, spec, &mut values).map_err(Failure::usage)
            });
        asked.collect::<Result<_, _>>().map(Self)
    }

    /// Whether some request needs the upstream backend.
    pub fn need_backend(&self) -> bool {
        self.routes()
            .any(|route| matches!(route, Route::Upstream { .. }))
    }

    /// Sockets that the busiest process holds under this many connections: a server's own, and those to the backend.
    pub fn sockets(&self, connections: u32) -> u64 {
        let calls = |route: Route| match route {
            Route::Upstream {
                mode: Mode::Parallel,
                calls,
                ..
            } => u64::from(calls),
            Route::Upstream {
                mode: Mode::Sequential,
                ..
            } => 1,
            _ => 0,
        };
        let calls_at_once = self.routes().map(calls).max().unwrap_or_default();
        let most = MAX_UPSTREAM_CONNECTIONS as u64;
        u64::from(connections) + (u64::from(connections) * calls_at_once).min(most)
    }

    /// How long the longest stream of events takes: as long as its last request is waited for after the last arrival, beside
    /// what every request is.
    pub fn longest_stream(&self) -> Duration {
        let lengths = self.routes().map(|route| length(&route));
        lengths.max().unwrap_or_default()
    }

    /// Each kind of request once.
    pub fn each(&self) -> impl Iterator<Item = &Asked> {
        self.0.iter()
    }

    /// The routes of the contract among them.
    pub fn routes(&self) -> impl Iterator<Item = Route> {
        self.each().filter_map(|asked| asked.route)
    }

    /// Whether connections are members of a chat.
    pub fn are_chat(&self) -> bool {
        self.each().any(Asked::is_chat)
    }

    /// The requests as they are sent to a server at `address`, or the chat that is held there.
    ///
    /// `equal`: how those are answered that every target must answer alike, by their place in the scenario, as far as is known.
    pub fn workload(
        &self,
        address: &Address,
        connect: Connect,
        equal: &dyn Fn(usize) -> Option<Vec<u8>>,
    ) -> Workload {
        if let Some(chat) = self.each().find(|asked| asked.is_chat()) {
            let target = address.join(Chat::TARGET);
            return Chat::new(&address.authority, &target, chat.message_bytes as usize).into();
        }
        let requests = self.each().enumerate().map(|(index, asked)| {
            let mut request = asked.request(address, connect);
            // Where something is filled in, one answer says nothing of the next.
            if asked.must_be_equal()
                && !request.has_holes()
                && let Some(body) = equal(index)
            {
                request.expect.body = ExpectBody::Exact(body);
            }
            request
        });
        Workload::new(requests.collect())
    }
}

impl Asked {
    /// Whether its connections are members of a chat.
    pub fn is_chat(&self) -> bool {
        self.route == Some(Route::Chat)
    }

    /// Whether it asks for a path of the user's own.
    pub fn is_own(&self) -> bool {
        self.route.is_none()
    }

    /// Whether it is a step after the one before it.
    pub fn follows(&self) -> bool {
        self.follows
    }

    /// Method and path.
    pub fn words(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    /// Whether every target must answer it with the same bytes.
    pub fn must_be_equal(&self) -> bool {
        self.answer.body == BodyAnswer::Equal
    }

    /// As it is sent to a server at `address`.
    pub fn request(&self, address: &Address, connect: Connect) -> Request {
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let headers: Vec<(&str, &str)> = headers.chain(connection(connect)).collect();
        let expect = Expect {
            statuses: self.answer.statuses.clone(),
            body: match (self.route, &self.answer.body) {
                (Some(Route::Events { n, ms }), BodyAnswer::Known(body)) if !body.is_empty() => {
                    ExpectBody::Events {
                        count: n,
                        gap_ns: u64::from(ms) * NANOS_PER_MS,
                    }
                }
                (_, BodyAnswer::Known(body)) => ExpectBody::Exact(body.clone()),
                (_, BodyAnswer::Length(bytes)) => ExpectBody::Length(*bytes),
                (_, BodyAnswer::Any | BodyAnswer::Equal) => ExpectBody::Any,
            },
        };
        let host = self.host.as_deref().unwrap_or(&address.authority);
        if !self.in_turn.is_empty() {
            let requests = self.in_turn.iter().map(|(target, _)| {
                let target = address.join(target);
                let any = Expect {
                    body: ExpectBody::Any,
                    ..expect.clone()
                };
                Request::new(&self.method, &target, host, &headers, None, any)
            });
            let bodies = self.in_turn.iter().map(|(_, body)| body.clone());
            let expect = Expect {
                body: ExpectBody::InOrder(Arc::new(bodies.collect())),
                ..expect.clone()
            };
            return Request::in_order(requests, expect).with_weight(self.weight);
        }
        let target = address.join(&self.target);
        let line = (self.method.as_str(), target.as_str(), host);
        let mut request = match (self.route, &self.body) {
            // In what a route is sent nothing is filled in.
            (Some(_), Some(OwnBody::Text(body))) => {
                Request::new(line.0, line.1, line.2, &headers, Some(body), expect)
            }
            (_, body) => Request::with_holes(line, &headers, body.as_ref(), &self.values, expect),
        };
        request.follows = self.follows;
        request.reading = self.reading.clone();
        request.with_weight(self.weight)
    }
}

impl Answer {
    /// This status, with this body where it is known.
    fn new(status: u16, body: Option<Vec<u8>>) -> Self {
        Self {
            statuses: vec![status..=status],
            body: body.map_or(BodyAnswer::Any, BodyAnswer::Known),
        }
    }

    /// What answers a route that is asked for correctly.
    fn to(route: &Route, method: Method) -> Self {
        let body = match method {
            Method::Head => Some(Vec::new()),
            _ => route.expected_body().map(Cow::into_owned),
        };
        Self::new(USUAL_STATUS, body)
    }

    /// What answers an order. Where it is not even JSON, targets say so in words of their own.
    fn to_order(order: &[u8]) -> Self {
        let answer = order_answer(order);
        let is_known = answer.status != NOT_JSON;
        Self::new(answer.status, is_known.then(|| answer.body.into_owned()))
    }

    /// What answers a token. Targets refuse one in words of their own.
    fn to_token(token: Token) -> Self {
        let answer = auth_answer(Some(token.authorization().as_bytes()), TOKENS_AT_S);
        let is_known = answer.status == USUAL_STATUS;
        Self::new(answer.status, is_known.then(|| answer.body.into_owned()))
    }

    /// What a path of the user's own must answer: one of these statuses, or a success where there are none.
    fn of_own(statuses: &[u16], body: Option<&spec_of::ExpectBody>) -> Self {
        let statuses = match statuses {
            [] => vec![SUCCESS],
            some => some.iter().map(|&status| status..=status).collect(),
        };
        let body = match body {
            None | Some(spec_of::ExpectBody::Json(_)) => BodyAnswer::Any,
            Some(spec_of::ExpectBody::Bytes(bytes)) => BodyAnswer::Length(*bytes as usize),
            Some(spec_of::ExpectBody::Equal) => BodyAnswer::Equal,
        };
        Self { statuses, body }
    }

    /// The status that the contract names.
    fn status(&self) -> u16 {
        *self.statuses[0].start()
    }

    /// Why it is no other, where its body says so.
    fn reason(&self) -> Option<String> {
        let refused = self.status() != USUAL_STATUS;
        let BodyAnswer::Known(body) = &self.body else {
            return None;
        };
        refused.then_some(())?;
        Some(String::from_utf8_lossy(body).into_owned())
    }
}

/// A time between those at which the tokens of a load end, in seconds since 1970: what each is answered does not depend on the day.
const TOKENS_AT_S: u64 = 2_000_000_000;

fn token_of(kind: TokenKind) -> Token {
    match kind {
        TokenKind::Valid => Token::Valid,
        TokenKind::Expired => Token::Expired,
        TokenKind::Forged => Token::Forged,
    }
}

/// How long a stream of events takes where none is late.
fn length(route: &Route) -> Duration {
    match *route {
        Route::Events { n, ms } => Duration::from_millis(u64::from(n - 1) * u64::from(ms)),
        _ => Duration::ZERO,
    }
}

/// A method that a scenario may name.
fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        _ => unreachable!("a scenario's methods are known"),
    }
}

/// What a request says of its connection.
pub fn connection(connect: Connect) -> Option<(&'static str, &'static str)> {
    match connect {
        Connect::Once => None,
        Connect::PerRequest => Some(("Connection", "close")),
    }
}

/// What a request asks for and must get. `values`: the names of what was taken so far in its session; what it takes is added.
fn asked(
    scenario: &Scenario,
    index: usize,
    spec: &RequestSpec,
    values: &mut Vec<String>,
) -> Result<Asked, ScenarioError> {
    if !spec.follows {
        values.clear();
    }
    match &spec.asks {
        Asks::Route(route) => by_contract(scenario, index, spec, route),
        Asks::Path(path) => own(scenario, index, spec, path, values),
    }
}

/// A request for a path of the user's own.
fn own(
    scenario: &Scenario,
    index: usize,
    spec: &RequestSpec,
    path: &str,
    values: &mut Vec<String>,
) -> Result<Asked, ScenarioError> {
    let refuse = |key: &str, message: &str, help: &str| {
        Err(scenario.request_error(index, key, message, help))
    };
    if spec.message_bytes.is_some() {
        let message = "`message_bytes` is for the route /chat";
        return refuse("message_bytes", message, "remove it");
    }
    if spec.token.is_some() {
        let message = "`token` is for the route /auth";
        return refuse(
            "token",
            message,
            "write it as a header: `headers = [\"Authorization: Bearer …\"]`",
        );
    }
    let method = match own::method(&spec.method) {
        Ok(method) => method,
        Err(why) => {
            let message = format!("`{}` can't be sent: {why}", names::shortened(&spec.method));
            return refuse("method", &message, "write it as in `method = \"PATCH\"`");
        }
    };
    let lines = spec.headers.iter().map(|line| own::header(line));
    let headers = lines
        .collect::<Result<Vec<_>, _>>()
        .and_then(|mut headers| own::take_host(&mut headers).map(|host| (host, headers)));
    let (host, mut headers) = match headers {
        Ok(headers) => headers,
        Err(HeaderError { what, help }) => return refuse("headers", &what, help),
    };
    let in_body = spec.body.iter().filter_map(|body| match &body.source {
        BodySource::Text(text) => Some(("body", text)),
        BodySource::File(_) | BodySource::Lines(_) | BodySource::Made(_) => None,
    });
    let in_headers = spec.headers.iter().map(|line| ("headers", line));
    for (key, text) in in_headers.chain(in_body) {
        misspelt(text, values)
            .map_or(Ok(()), |(what, help)| refuse(key, &what, &help).map(drop))?;
    }
    if let Some((what, help)) = misspelt(path, values) {
        return refuse("path", &what, &help);
    }
    let known = values.clone();
    if let Some(body) = &spec.body
        && !own::has(&headers, "content-type")
    {
        headers.push(("Content-Type".to_owned(), body.content_type.clone()));
    }
    Ok(Asked {
        method,
        target: path.to_owned(),
        route: None,
        in_turn: Vec::new(),
        host,
        headers,
        body: own_body(scenario, index, spec)?,
        values: known,
        follows: spec.follows,
        reading: reading(scenario, index, spec, values)?,
        answer: Answer::of_own(&spec.expect_status, spec.expect_body.as_ref()),
        message_bytes: 0,
        weight: spec.weight.get(),
    })
}

/// What is wrong with a word in braces that is nearly one for which something is filled in, and what to do about it. Others are
/// sent as they are.
fn misspelt(text: &str, values: &[String]) -> Option<(String, String)> {
    let known = || {
        ["seq", "random"]
            .into_iter()
            .chain(values.iter().map(String::as_str))
    };
    let (_, unknown) = holes_in(text, values);
    unknown.into_iter().find_map(|name| {
        let what = format!("nothing is filled in for `{{{}}}`", names::shortened(name));
        if name.starts_with("random:") {
            let help = format!(
                "write a range of whole numbers up to {MAX_RANDOM}, as in `{{random:1-100}}`"
            );
            return Some((what, help));
        }
        let nearest = names::nearest(name, known())?;
        Some((what, format!("did you mean `{{{nearest}}}`?")))
    })
}

/// The body of a request, read where it is in a file.
fn own_body(
    scenario: &Scenario,
    index: usize,
    spec: &RequestSpec,
) -> Result<Option<OwnBody>, ScenarioError> {
    let Some(body) = &spec.body else {
        return Ok(None);
    };
    let read = |key: &str, name: &str| {
        let dir = Path::new(&scenario.file_name).parent();
        let path = dir.unwrap_or(Path::new("")).join(Path::new(".").join(name));
        files::read(&path, MAX_BODY_FILE_BYTES).map_err(|error| {
            let what = format!("cannot read {}: {error}", path.display());
            let help = "name a file from where the scenario is";
            scenario.request_error(index, key, &what, help)
        })
    };
    Ok(Some(match &body.source {
        BodySource::Text(text) => OwnBody::Text(text.clone().into_bytes()),
        BodySource::Made(bytes) => OwnBody::Text(made(*bytes)),
        BodySource::File(name) => OwnBody::Text(read("body_file", name)?),
        BodySource::Lines(name) => {
            let bytes = read("body_lines", name)?;
            let lines = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
            let lines = lines.split(|&byte| byte == b'\n');
            let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line).to_vec());
            OwnBody::Lines(Arc::new(lines.collect()))
        }
    }))
}

/// What a reply is looked into for. What it takes is added to `values`, the names of what was taken before.
fn reading(
    scenario: &Scenario,
    index: usize,
    spec: &RequestSpec,
    values: &mut Vec<String>,
) -> Result<Reading, ScenarioError> {
    let json = match &spec.expect_body {
        Some(spec_of::ExpectBody::Json(json)) => json.clone(),
        Some(spec_of::ExpectBody::Bytes(_) | spec_of::ExpectBody::Equal) | None => Vec::new(),
    };
    let takes = spec.take.iter().map(|(name, from)| {
        let from = match from {
            TakeFrom::Json(pointer) => Source::Json(pointer.clone()),
            TakeFrom::Field(field) if http1::is_token(field) => Source::Field(field.clone()),
            TakeFrom::Field(field) => {
                let what = format!(
                    "`{}` is neither a JSON pointer nor the name of a header",
                    names::shortened(field)
                );
                let help = "write it as in `take = { token = \"/token\", place = \"Location\" }`";
                return Err(scenario.request_error(index, "take", &what, help));
            }
        };
        let known = values.iter().position(|known| known == name);
        let place = known.unwrap_or_else(|| {
            values.push(name.clone());
            values.len() - 1
        });
        Ok(Take { place, from })
    });
    Ok(Reading {
        takes: takes.collect::<Result<_, _>>()?,
        json,
    })
}

/// A request for a route, which the contract answers.
fn by_contract(
    scenario: &Scenario,
    index: usize,
    spec: &RequestSpec,
    asked: &str,
) -> Result<Asked, ScenarioError> {
    let refuse = |key: &str, message: &str, help: &str| {
        Err(scenario.request_error(index, key, message, help))
    };
    let routes = match routes_of(asked) {
        Ok(routes) => routes,
        Err((what, help)) => return refuse("route", &what, &help),
    };
    let route = routes[0];
    let method = method(&spec.method);
    if !route.takes(method) {
        let message = format!("{asked} does not take {}", spec.method);
        return refuse("method", &message, &format!("it takes {}", route.allow()));
    }
    named_services(scenario, index, route)?;
    if route == Route::Chat {
        return chat(scenario, index, spec);
    }
    if spec.message_bytes.is_some() {
        let message = format!("`message_bytes` means nothing with {asked}");
        return refuse("message_bytes", &message, "remove it");
    }
    if spec.token.is_some() && route != Route::Auth {
        let message = format!("`token` means nothing with {asked}");
        return refuse("token", &message, "remove it");
    }
    if length(&route) >= scenario.timeout {
        let message = format!(
            "this stream takes {:?}, and the timeout is {:?}",
            length(&route),
            scenario.timeout
        );
        let help = "raise `timeout` above it, or ask for fewer events";
        return refuse("route", &message, help);
    }
    let answer = match (route, &spec.body) {
        (Route::Orders | Route::DbOrders, None) => {
            let message = format!("{asked} needs an order");
            return refuse("route", &message, "write it as `body`");
        }
        (Route::Orders | Route::DbOrders, Some(body)) => Answer::to_order(&text(body)),
        (Route::Auth, _) => {
            let Some(token) = spec.token else {
                let message = "/auth needs a token";
                let help = "write `token = \"valid\"`, `\"expired\"` or `\"forged\"`";
                return refuse("route", message, help);
            };
            Answer::to_token(token_of(token))
        }
        (Route::Upload, body) => {
            let body = body.as_ref().map(text).unwrap_or_default();
            let answer = upload_answer(&body).body.into_owned();
            Answer::new(USUAL_STATUS, Some(answer))
        }
        _ => Answer::to(&route, method),
    };
    expects_right(scenario, index, spec, &answer)?;
    let content_type = spec.body.iter().map(|body| body.content_type.clone());
    let authorization = spec.token.map(|token| {
        let value = token_of(token).authorization().to_owned();
        ("Authorization".to_owned(), value)
    });
    let in_turn = in_turn(scenario, index, &routes, method)?;
    Ok(Asked {
        method: spec.method.clone(),
        target: if in_turn.is_empty() {
            route.target()
        } else {
            asked.to_owned()
        },
        route: Some(route),
        in_turn,
        host: None,
        headers: content_type
            .map(|value| ("Content-Type".to_owned(), value))
            .chain(authorization)
            .collect(),
        body: spec
            .body
            .as_ref()
            .map(|body| OwnBody::Text(text(body).into_owned())),
        values: Vec::new(),
        follows: false,
        reading: Reading::default(),
        answer,
        message_bytes: 0,
        weight: spec.weight.get(),
    })
}

/// Makes sure that a request expects the status that the contract answers with.
fn expects_right(
    scenario: &Scenario,
    index: usize,
    spec: &RequestSpec,
    answer: &Answer,
) -> Result<(), ScenarioError> {
    let right = answer.status();
    let expected = match spec.expect_status.as_slice() {
        [] => &[USUAL_STATUS][..],
        some => some,
    };
    if expected != [right] {
        let wrong: Vec<String> = expected.iter().map(u16::to_string).collect();
        let why = answer.reason().map(|reason| format!(" ({reason})"));
        let message = format!(
            "this is answered {right}{}, not {}",
            why.unwrap_or_default(),
            wrong.join(" or ")
        );
        let help = if right == USUAL_STATUS {
            "leave `expect_status` out".to_owned()
        } else {
            format!("write `expect_status = {right}`, or correct the request")
        };
        return Err(scenario.request_error(index, "expect_status", &message, &help));
    }
    Ok(())
}

/// So many bytes, those of the contract's files.
fn made(bytes: u32) -> Vec<u8> {
    let mut body = spec::file_bytes(bytes.div_ceil(1024));
    body.truncate(bytes as usize);
    body
}

/// Makes sure that the scenario names the services that a route needs.
fn named_services(scenario: &Scenario, index: usize, route: Route) -> Result<(), ScenarioError> {
    let target = route.target();
    let needed = Service::of_route(&target);
    let missing = needed.iter().find(|it| !scenario.needs.contains(it));
    missing.map_or(Ok(()), |service| {
        let what = format!(
            "{} needs {service}, and the scenario does not say so",
            route.target()
        );
        let names = needed.iter().map(|it| format!("\"{}\"", it.name()));
        let names = names.collect::<Vec<_>>().join(", ");
        let help = format!("write `needs = [{names}]` above its tables");
        Err(scenario.request_error(index, "route", &what, &help))
    })
}

/// Several routes with the bodies that answer them; nothing of a single one.
fn in_turn(
    scenario: &Scenario,
    index: usize,
    routes: &[Route],
    method: Method,
) -> Result<Vec<(String, Vec<u8>)>, ScenarioError> {
    if routes.len() == 1 {
        return Ok(Vec::new());
    }
    let each = routes.iter().map(|route| {
        let BodyAnswer::Known(body) = Answer::to(route, method).body else {
            let what = "the contract does not say how each of these is answered";
            let help = "write one route without `{random:…}`";
            return Err(scenario.request_error(index, "route", what, help));
        };
        Ok((route.target(), body))
    });
    each.collect()
}

/// The most routes that one request may stand for.
const MAX_IN_TURN: u64 = 10_000;

/// Seeds the order of routes that are asked for in turn: the same for all targets, and in every run.
const ORDER_SEED: u64 = 0x6f72_6465_7273;

/// The routes that a text stands for, at least one: with `{random:1-100}`, one for each number of the range, in an order as if they had
/// been drawn. The error is what is wrong, and what to do about it.
fn routes_of(asked: &str) -> Result<Vec<Route>, (String, String)> {
    let parse =
        |target: &str| Route::parse(target).map_err(|error| (error.to_string(), hint(asked)));
    let Some((before, range, after)) = asked.split_once("{random:").and_then(|(before, rest)| {
        let (range, after) = rest.split_once('}')?;
        Some((before, range, after))
    }) else {
        return Ok(vec![parse(asked)?]);
    };
    let numbers = range
        .split_once('-')
        .and_then(|(first, last)| Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?)))
        .filter(|(first, last)| first < last && last - first < MAX_IN_TURN);
    let Some((first, last)) = numbers else {
        return Err((
            format!("`{{random:{}}}` is no range", names::shortened(range)),
            format!("write 2 to {MAX_IN_TURN} whole numbers, as in `{{random:1-100}}`"),
        ));
    };
    let mut numbers: Vec<u64> = (first..=last).collect();
    numbers.shuffle(&mut Xoshiro256PlusPlus::seed_from_u64(ORDER_SEED));
    let each = numbers.iter();
    each.map(|number| parse(&format!("{before}{number}{after}")))
        .collect()
}

/// The body of a request for a route.
fn text(body: &Body) -> Cow<'_, [u8]> {
    match &body.source {
        BodySource::Text(text) => text.as_bytes().into(),
        BodySource::Made(bytes) => made(*bytes).into(),
        BodySource::File(_) | BodySource::Lines(_) => {
            unreachable!("a scenario has these with paths of one's own only")
        }
    }
}

/// A chat, which is all that a scenario has where it has one: its connections are members, who stay and only speak.
fn chat(scenario: &Scenario, index: usize, spec: &RequestSpec) -> Result<Asked, ScenarioError> {
    let refuse = |key: &str, message: &str, help: &str| {
        Err(scenario.request_error(index, key, message, help))
    };
    if scenario.requests.len() > 1 {
        let message =
            "/chat can't be mixed with other requests: its connections are members of a room";
        return refuse("route", message, "keep it as the only `[[requests]]`");
    }
    if scenario.connect == Connect::PerRequest {
        let message = "the members of /chat stay: a message has no connection of its own";
        return refuse("route", message, "remove `connect = \"per_request\"`");
    }
    if method(&spec.method) != Method::Get {
        let message = format!("/chat is joined with GET, not with {}", spec.method);
        return refuse("method", &message, "leave `method` out");
    }
    if !spec.expect_status.is_empty() {
        let message = "`expect_status` means nothing with /chat";
        return refuse("expect_status", message, "remove it");
    }
    Ok(Asked {
        method: spec.method.clone(),
        target: Route::Chat.target(),
        route: Some(Route::Chat),
        in_turn: Vec::new(),
        host: None,
        headers: Vec::new(),
        body: None,
        values: Vec::new(),
        follows: false,
        reading: Reading::default(),
        answer: Answer::new(SWITCHING_PROTOCOLS, None),
        message_bytes: spec.message_bytes.unwrap_or(USUAL_MESSAGE_BYTES),
        weight: spec.weight.get(),
    })
}

/// What to do about a route that was refused.
fn hint(route: &str) -> String {
    let first = |path: &str| path.split(['/', '?']).nth(1).unwrap_or_default().to_owned();
    let known: Vec<String> = Route::KNOWN.iter().map(|route| first(route)).collect();
    let meant = names::nearest(&first(route), known.iter().map(String::as_str))
        .filter(|meant| *meant != first(route));
    let list = "`bench list routes` shows what every target serves; write `path` instead of `route` for one of your own";
    meant.map_or_else(
        || list.to_owned(),
        |meant| format!("did you mean `/{meant}`? {list}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(requests: &str) -> Scenario {
        scenario_with("", requests)
    }

    fn scenario_with(top: &str, requests: &str) -> Scenario {
        let source = format!(
            "{top}description = \"Made up for a test.\"\nquestion = \"Does it parse?\"\nconnections = 1\n[load]\narrival = \"closed\"\n{requests}"
        );
        Scenario::parse(&source, "made-up.toml").unwrap()
    }

    #[test]
    fn every_built_in_scenario_asks_only_for_routes_that_exist() {
        for (name, _) in model::spec::scenario::BUILT_IN {
            let scenario = Scenario::built_in(name).unwrap();
            assert!(Routes::of(&scenario).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_route_with_a_range_stands_for_each_number_once() {
        let request = "[[requests]]\nroute = \"/db/product/{random:1-100}\"\n";
        let scenario = scenario_with("needs = [\"postgres\"]\n", request);
        let routes = Routes::of(&scenario).unwrap();
        let asked = routes.each().next().unwrap();
        let mut targets: Vec<&str> = asked
            .in_turn
            .iter()
            .map(|(target, _)| target.as_str())
            .collect();
        assert_ne!(
            targets[..3],
            ["/db/product/1", "/db/product/2", "/db/product/3"]
        );
        targets.sort_unstable();
        targets.dedup();
        assert_eq!((targets.len(), targets[99]), (100, "/db/product/99"));
        for (target, body) in &asked.in_turn {
            let id = target.rsplit('/').next().unwrap();
            assert!(
                body.starts_with(format!("{{\"id\":{id},").as_bytes()),
                "{target}"
            );
        }
        assert_eq!(asked.words(), "GET /db/product/{random:1-100}");
    }

    #[test]
    fn a_range_that_is_none_is_refused() {
        for (route, what) in [
            ("/sleep/{random:5-5}", "`{random:5-5}` is no range"),
            ("/sleep/{random:0-10000}", "`{random:0-10000}` is no range"),
            ("/sleep/{random:a}", "`{random:a}` is no range"),
            ("/sleep/{random:59999-60001}", "60001"),
        ] {
            let (refused, _) = refusal(&format!("route = \"{route}\"\n"));
            assert!(refused.contains(what), "{refused}");
        }
        assert_eq!(MAX_IN_TURN, 10_000, "the range above has one more");
    }

    #[test]
    fn an_unknown_route_is_an_error_at_its_line() {
        let scenario =
            scenario("[[requests]]\nroute = \"/sleep/1\"\n[[requests]]\nroute = \"/slep/1\"\n");
        let failure = Routes::of(&scenario).unwrap_err();
        let text = failure.report.to_string();
        assert!(
            text.contains("made-up.toml:9") && text.contains("/slep"),
            "{text}"
        );
    }

    #[test]
    fn a_server_needs_sockets_for_its_calls_too() {
        let sockets = |route: &str| {
            let scenario = scenario(&format!("[[requests]]\nroute = \"{route}\"\n"));
            Routes::of(&scenario).unwrap().sockets(100)
        };
        assert_eq!(sockets("/plaintext"), 100);
        assert_eq!(sockets("/upstream?calls=9&ms=1&mode=seq"), 200);
        assert_eq!(sockets("/upstream?calls=9&ms=1&mode=par"), 1000);
        assert_eq!(sockets("/upstream?calls=100&ms=1&mode=par"), 100 + 4096);
    }

    #[test]
    fn a_request_of_its_own_connection_says_that_it_is_the_last() {
        let routes = Routes::of(&scenario("[[requests]]\nroute = \"/json\"\n")).unwrap();
        let bytes = |connect| {
            let workload = routes.workload(&Address::parse("a:81").unwrap(), connect, &|_| None);
            String::from_utf8(workload.requests()[0].bytes.clone()).unwrap()
        };
        assert_eq!(
            bytes(Connect::PerRequest),
            "GET /json HTTP/1.1\r\nHost: a:81\r\nConnection: close\r\n\r\n"
        );
        assert_eq!(
            bytes(Connect::Once),
            "GET /json HTTP/1.1\r\nHost: a:81\r\n\r\n"
        );
    }

    #[test]
    fn a_token_is_sent_and_a_made_body_is_the_same_in_every_run() {
        let request = |keys: &str| {
            let routes = Routes::of(&scenario(&format!("[[requests]]\n{keys}"))).unwrap();
            let address = Address::parse("a:81").unwrap();
            let workload = routes.workload(&address, Connect::Once, &|_| None);
            workload.requests()[0].bytes.clone()
        };
        let token = request("route = \"/auth\"\ntoken = \"valid\"\n");
        let expected = format!(
            "GET /auth HTTP/1.1\r\nHost: a:81\r\nAuthorization: {}\r\n\r\n",
            Token::Valid.authorization()
        );
        assert_eq!(String::from_utf8(token).unwrap(), expected);
        let upload = request("route = \"/upload\"\nmethod = \"POST\"\nbody_bytes = 1500\n");
        assert!(upload.ends_with(&spec::file_bytes(2)[..1500]));
        assert!(
            upload
                .windows(20)
                .any(|part| part == b"Content-Length: 1500")
        );
    }

    #[test]
    fn a_body_comes_from_a_file_up_to_the_bound() {
        let dir = tempfile::tempdir().unwrap();
        let read = |key: &str, bytes: u64| {
            let file = std::fs::File::create(dir.path().join("body")).unwrap();
            file.set_len(bytes).unwrap();
            let source = format!(
                "description = \"d\"\nquestion = \"q\"\nconnections = 1\n[load]\narrival = \"closed\"\n[[requests]]\npath = \"/\"\n\
                 method = \"POST\"\n{key} = \"body\"\n"
            );
            let name = dir.path().join("own.toml").display().to_string();
            let scenario = Scenario::parse(&source, &name).unwrap();
            Routes::of(&scenario).map_err(|failure| failure.report.to_string())
        };
        let most = MAX_BODY_FILE_BYTES as u64;
        for key in ["body_file", "body_lines"] {
            assert!(read(key, most).is_ok(), "{key}");
            let error = read(key, most + 1).unwrap_err();
            assert!(
                error.contains("own.toml:9:") && error.contains("more than 16777216 bytes"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_chat_is_a_workload_of_its_own() {
        let chat = |keys: &str| {
            let requests = format!("[[requests]]\nroute = \"/chat\"\n{keys}");
            let routes = Routes::of(&scenario(&requests)).unwrap();
            routes.workload(&Address::parse("a:81").unwrap(), Connect::Once, &|_| None)
        };
        assert_eq!(chat(""), Chat::new("a:81", "/chat", 64).into());
        for bytes in [32, 65_536] {
            let keys = format!("message_bytes = {bytes}\n");
            assert_eq!(chat(&keys), Chat::new("a:81", "/chat", bytes).into());
        }
    }

    #[test]
    fn members_stay() {
        let source = "description = \"Made up for a test.\"\nquestion = \"Does it parse?\"\nconnections = 1\n[load]\n\
                      arrival = \"closed\"\nconnect = \"per_request\"\n[[requests]]\nroute = \"/chat\"\n";
        let scenario = Scenario::parse(source, "made-up.toml").unwrap();
        let report = Routes::of(&scenario).unwrap_err().report.to_string();
        assert!(
            report.starts_with("made-up.toml:8:9: the members of /chat stay"),
            "{report}"
        );
    }

    fn refusal(request: &str) -> (String, String) {
        let scenario = scenario(&format!("[[requests]]\n{request}"));
        let report = Routes::of(&scenario).unwrap_err().report;
        let help = report.help().map(|help| help.to_string());
        (report.to_string(), help.unwrap_or_default())
    }

    #[test]
    fn what_the_contract_answers_otherwise_is_an_error_at_its_line() {
        let order = "route = \"/orders\"\nmethod = \"POST\"\n";
        let valid = r#"body = '{"customer":{"id":1,"email":"a@example.com"},"items":[{"sku":"A","quantity":2,"unit_price_cents":3}]}'"#;
        let invalid = valid.replace(":2,", ":0,");
        let cases = [
            (
                "route = \"/json\"\nexpect_status = 404\n".to_owned(),
                "made-up.toml:8:17: this is answered 200, not 404",
                "leave `expect_status` out",
            ),
            (
                "route = \"/plaintext\"\nmethod = \"POST\"\nbody = \"\"\n".to_owned(),
                "made-up.toml:8:10: /plaintext does not take POST",
                "it takes GET, HEAD",
            ),
            (
                "route = \"/orders\"\n".to_owned(),
                "made-up.toml:7:9: /orders does not take GET",
                "it takes POST",
            ),
            (
                order.to_owned(),
                "made-up.toml:7:9: /orders needs an order",
                "write it as `body`",
            ),
            (
                format!("{order}expect_status = 422\n{valid}\n"),
                "made-up.toml:9:17: this is answered 200, not 422",
                "leave `expect_status` out",
            ),
            (
                format!("{order}{invalid}\n"),
                "made-up.toml:7:9: this is answered 422 ({\"field\":\"items.0.quantity\"}), not 200",
                "write `expect_status = 422`, or correct the request",
            ),
            (
                format!("{order}body = \"{{\"\nexpect_status = 422\n"),
                "made-up.toml:10:17: this is answered 400, not 422",
                "write `expect_status = 400`, or correct the request",
            ),
            (
                "route = \"/db/cached/7\"\n".to_owned(),
                "made-up.toml:7:9: /db/cached/7 needs PostgreSQL, and the scenario does not say so",
                "write `needs = [\"postgres\", \"redis\"]` above its tables",
            ),
            (
                "route = \"/events?n=51&ms=100\"\n".to_owned(),
                "made-up.toml:7:9: this stream takes 5s, and the timeout is 5s",
                "raise `timeout` above it, or ask for fewer events",
            ),
            (
                "route = \"/chat\"\nexpect_status = 426\n".to_owned(),
                "made-up.toml:8:17: `expect_status` means nothing with /chat",
                "remove it",
            ),
            (
                "route = \"/chat\"\nmethod = \"HEAD\"\n".to_owned(),
                "made-up.toml:8:10: /chat is joined with GET, not with HEAD",
                "leave `method` out",
            ),
            (
                "route = \"/auth\"\n".to_owned(),
                "made-up.toml:7:9: /auth needs a token",
                "write `token = \"valid\"`, `\"expired\"` or `\"forged\"`",
            ),
            (
                "route = \"/auth\"\ntoken = \"forged\"\n".to_owned(),
                "made-up.toml:7:9: this is answered 401, not 200",
                "write `expect_status = 401`, or correct the request",
            ),
            (
                "route = \"/json\"\ntoken = \"valid\"\n".to_owned(),
                "made-up.toml:8:9: `token` means nothing with /json",
                "remove it",
            ),
            (
                "route = \"/json\"\nmessage_bytes = 64\n".to_owned(),
                "made-up.toml:8:17: `message_bytes` means nothing with /json",
                "remove it",
            ),
            (
                "route = \"/json\"\n[[requests]]\nroute = \"/chat\"\n".to_owned(),
                "made-up.toml:9:9: /chat can't be mixed with other requests: its connections are members of a room",
                "keep it as the only `[[requests]]`",
            ),
        ];
        for (request, what, help) in cases {
            assert_eq!(refusal(&request), (what.to_owned(), help.to_owned()));
        }
    }

    #[test]
    fn an_order_is_answered_with_its_sum_or_the_member_that_is_wrong() {
        let answers: Vec<(u16, String)> = Routes::of(&Scenario::built_in("orders").unwrap())
            .unwrap()
            .each()
            .map(|asked| {
                let BodyAnswer::Known(body) = asked.answer.body.clone() else {
                    panic!("the contract says it");
                };
                (asked.answer.status(), String::from_utf8(body).unwrap())
            })
            .collect();
        let items = |count: u32| format!("\"item_count\":{count},");
        for ((status, body), count) in answers[..3].iter().zip([1, 10, 100]) {
            assert!(*status == 200 && body.contains(&items(count)), "{body}");
        }
        let wrong = [
            "items.0.quantity",
            "customer.email",
            "customer.id",
            "items.9.sku",
            "items",
        ];
        for (answer, field) in answers[3..].iter().zip(wrong) {
            assert_eq!(*answer, (422, format!("{{\"field\":\"{field}\"}}")));
        }
        assert_eq!(answers.len(), 8);
    }
}
