//! Scenarios: what is asked of every target, read from TOML.
//!
//! This module knows the shape of a scenario and reports every mistake in it by file, line and remedy. It must never
//! know which routes exist: the caller does, checks them and answers through [`Scenario::request_error`].

mod stages;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use toml::Spanned;

use crate::names;
use crate::percentiles::PERCENTILES;
use crate::spec::load::{Arrival, Connect, Goodput, MAX_REQUESTS, Process, Profile};
use crate::spec::secrets::without_secret_headers;
use crate::spec::services::{Service, UnknownService};
use crate::spec::toml_source::Text;
use crate::units;
use crate::units::{Rate, UnitError};

pub use crate::spec::toml_source::SourceError as ScenarioError;
use stages::RawStage;

pub use stages::{MAX_CAPACITY_SHARE, WHOLE_PER_S};

/// The scenarios that are compiled in: name and TOML source, by name.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("auth", include_str!("../../../../scenarios/auth.toml")),
    ("burst", include_str!("../../../../scenarios/burst.toml")),
    ("cache", include_str!("../../../../scenarios/cache.toml")),
    ("chat", include_str!("../../../../scenarios/chat.toml")),
    ("churn", include_str!("../../../../scenarios/churn.toml")),
    (
        "cpu-heavy",
        include_str!("../../../../scenarios/cpu-heavy.toml"),
    ),
    (
        "database",
        include_str!("../../../../scenarios/database.toml"),
    ),
    (
        "fan-out",
        include_str!("../../../../scenarios/fan-out.toml"),
    ),
    (
        "file-pool",
        include_str!("../../../../scenarios/file-pool.toml"),
    ),
    (
        "idle-10k",
        include_str!("../../../../scenarios/idle-10k.toml"),
    ),
    (
        "io-heavy",
        include_str!("../../../../scenarios/io-heavy.toml"),
    ),
    ("mixed", include_str!("../../../../scenarios/mixed.toml")),
    ("orders", include_str!("../../../../scenarios/orders.toml")),
    (
        "overload",
        include_str!("../../../../scenarios/overload.toml"),
    ),
    ("ping", include_str!("../../../../scenarios/ping.toml")),
    ("stream", include_str!("../../../../scenarios/stream.toml")),
    ("timers", include_str!("../../../../scenarios/timers.toml")),
    ("tokens", include_str!("../../../../scenarios/tokens.toml")),
    ("upload", include_str!("../../../../scenarios/upload.toml")),
];

/// The longest scenario that is read.
pub const MAX_SOURCE_BYTES: usize = 64 * 1024;
/// The most connections: no more fit between two addresses, since ports have 16 bits.
pub const MAX_CONNECTIONS: u32 = 65_535;
/// The most idle connections: as many as busy ones, of every target.
pub const MAX_IDLE_CONNECTIONS: u32 = MAX_CONNECTIONS;
/// The largest weight of a request: a share of one in a million still has a spelling.
pub const MAX_WEIGHT: u32 = 1_000_000;
/// The longest route, and the longest path with its query.
pub const MAX_ROUTE_BYTES: usize = 2048;
/// The most headers that a request may add to those that are sent anyway.
pub const MAX_HEADERS: usize = 64;
/// The longest body that is asked for by its length alone, in bytes: as long as a file may be.
pub const MAX_MADE_BODY_BYTES: u32 = 16 * 1024 * 1024;
/// The largest file of a body, or of bodies, in bytes.
pub const MAX_BODY_FILE_BYTES: usize = 16 * 1024 * 1024;
/// The most that is taken of one reply, and the most places of one that are looked into.
pub const MAX_TAKEN: usize = 16;
/// The longest JSON pointer.
pub const MAX_POINTER_BYTES: usize = 256;
/// The longest body that may be expected by its length: as much as is read of an answer.
pub const MAX_EXPECTED_BYTES: u32 = 64 * 1024 * 1024;
/// The most statuses that may count as a right answer of one request.
pub const MAX_EXPECTED: usize = 16;
/// How long a request may stay unanswered where the scenario doesn't say.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest time that a scenario may allow for an answer.
pub const MAX_TIMEOUT: Duration = Duration::from_mins(10);
/// The methods that a request for a route may use.
pub const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"];
/// The methods of which a request carries a body: of the others a server may ignore or refuse one (RFC 9110, section 9.3).
pub const METHODS_WITH_BODY: [&str; 2] = ["POST", "PUT"];
/// What a body is unless the scenario says otherwise.
pub const DEFAULT_CONTENT_TYPE: &str = "application/json";
/// What a body that nobody wrote down is.
pub const BYTES_CONTENT_TYPE: &str = "application/octet-stream";
/// The longest content type.
pub const MAX_CONTENT_TYPE_BYTES: usize = 128;
/// The shortest message of a chat: it has room to say which one it is.
pub const MIN_MESSAGE_BYTES: u32 = 32;
/// The longest message of a chat: the contract has longer ones refused.
pub const MAX_MESSAGE_BYTES: u32 = 65_536;
/// The status of a right answer unless the scenario says otherwise.
pub const USUAL_STATUS: u16 = 200;
/// The statuses that a final answer may have (RFC 9110, section 15; 1xx are interim).
pub const STATUSES: std::ops::RangeInclusive<u16> = 200..=599;

/// What is asked of every target.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// The file's name without its extension.
    pub name: String,
    /// What it does, in a sentence.
    pub description: String,
    /// The question it answers.
    pub question: String,
    /// When requests are sent.
    pub arrival: ArrivalSpec,
    /// Connections kept open, or open at a time, at most [`MAX_CONNECTIONS`].
    pub connections: NonZeroU32,
    /// When they are opened.
    pub connect: Connect,
    /// Connections of each target that stay idle, open beside them; often none, at most [`MAX_IDLE_CONNECTIONS`].
    pub idle_connections: Option<NonZeroU32>,
    /// The services that targets need for it; often none.
    pub needs: BTreeSet<Service>,
    /// How long a request may stay unanswered before it counts as a timeout.
    pub timeout: Duration,
    /// The mix: never empty, at most [`MAX_REQUESTS`].
    pub requests: Vec<RequestSpec>,
    /// What the answers must keep to, in ascending order of percentile; often empty.
    pub objectives: Vec<Objective>,
    /// What a reply has to keep to count as goodput.
    pub goodput: Option<Goodput>,
    /// The TOML it was read from.
    pub source: String,
    /// Where that came from, for messages.
    pub file_name: String,
}

/// When requests are sent.
#[derive(Debug, Clone, PartialEq)]
pub enum ArrivalSpec {
    /// The next request follows the previous reply: measures capacity.
    Closed,
    /// Requests are scheduled on schedule: measures latency.
    Open {
        /// How many a second.
        pace: Pace,
        /// The distribution of the gaps.
        process: Process,
    },
}

/// How many requests a second an open loop sends.
#[derive(Debug, Clone, PartialEq)]
pub enum Pace {
    /// As many as this.
    Rate(Rate),
    /// A share of the weaker target's measured capacity, above 0 and below 1.
    CapacityShare(f64),
    /// As many as the stages say, one after the other. Every epoch begins with the first, and holds all of them unless a
    /// duration was asked for.
    Stages(Profile),
    /// The same, where a rate of [`WHOLE_PER_S`] is all that the weaker target sustains.
    CapacityStages(Profile),
}

/// Connections of a closed loop that measures the capacity: enough to fill a core, and too few to wait for one another for long.
pub const CAPACITY_CONNECTIONS: u32 = 64;

/// One kind of request in the mix.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestSpec {
    /// One of [`METHODS`] for a route; as typed for a path of one's own, where the caller checks it.
    pub method: String,
    /// What it asks for.
    pub asks: Asks,
    /// Headers beside those that are sent anyway, as typed: `Name: value`. Only with a path of one's own, at most
    /// [`MAX_HEADERS`]; the caller checks them.
    pub headers: Vec<String>,
    /// What is sent after the head; to a route only with one of [`METHODS_WITH_BODY`].
    pub body: Option<Body>,
    /// Whether it is the next step of the session that the request before it is in. Only with a path of one's own.
    pub follows: bool,
    /// What is taken of its reply for the steps that follow, by name; at most [`MAX_TAKEN`].
    pub take: Vec<(String, TakeFrom)>,
    /// What the body of a right answer must be, beside any.
    pub expect_body: Option<ExpectBody>,
    /// Which token it carries, of `/auth` alone.
    pub token: Option<TokenKind>,
    /// How long the messages of a chat are, from [`MIN_MESSAGE_BYTES`] to [`MAX_MESSAGE_BYTES`], where the scenario says so.
    pub message_bytes: Option<u32>,
    /// Its weight among the others, at most [`MAX_WEIGHT`]; where it follows, that of the first step.
    pub weight: NonZeroU32,
    /// The statuses that a right answer may have, at most [`MAX_EXPECTED`]; empty where the scenario doesn't say.
    pub expect_status: Vec<u16>,
    /// The line that the route or path stands on, from 1.
    pub line: u32,
    /// Where the values of its keys stand in the source, in bytes; that of `route` or `path` comes first.
    places: Vec<(&'static str, Range<usize>)>,
}

/// What a request asks for: path and query, as `/upstream?calls=3&ms=5`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asks {
    /// One of the routes of the contract, which says what must come back. Whether there is such a route is not known here.
    Route(String),
    /// A path of the user's own service, sent as typed.
    Path(String),
}

impl Asks {
    /// Path and query.
    pub fn target(&self) -> &str {
        let (Self::Route(target) | Self::Path(target)) = self;
        target
    }
}

/// The body of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// What is sent.
    pub source: BodySource,
    /// What the header `Content-Type` says of it, unless the request's own headers do.
    pub content_type: String,
}

/// What is sent as a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodySource {
    /// This, bounded by [`MAX_SOURCE_BYTES`].
    Text(String),
    /// What is in a file of at most [`MAX_BODY_FILE_BYTES`], named from where the scenario is.
    File(String),
    /// The lines of such a file, one after the other and again from the first.
    Lines(String),
    /// So many bytes that nobody wrote down, 1 to [`MAX_MADE_BODY_BYTES`]; the same in every run.
    Made(u32),
}

/// A token that `/auth` verifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// Signed with the contract's secret, and not expired.
    Valid,
    /// Signed with it, and expired.
    Expired,
    /// Signed with another secret.
    Forged,
}

impl TokenKind {
    /// As scenarios write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Expired => "expired",
            Self::Forged => "forged",
        }
    }
}

/// Where in a reply something is taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TakeFrom {
    /// A JSON pointer into its body (RFC 6901), at most [`MAX_POINTER_BYTES`].
    Json(String),
    /// A field of its head.
    Field(String),
}

/// What the body of a right answer must be.
#[derive(Debug, Clone, PartialEq)]
pub enum ExpectBody {
    /// The same from every target.
    Equal,
    /// So many bytes, at most [`MAX_EXPECTED_BYTES`].
    Bytes(u32),
    /// JSON that has these values at these pointers, at most [`MAX_TAKEN`].
    Json(Vec<(String, serde_json::Value)>),
}

impl RequestSpec {
    /// The request in a line: `GET /sleep/5`; `POST /orders, 161 bytes, to be answered 422`; `GET /chat, messages of 100 bytes`.
    pub fn words(&self) -> String {
        let body = self
            .body
            .as_ref()
            .map(|body| match &body.source {
                BodySource::Text(text) => format!(", {} bytes", text.len()),
                BodySource::File(name) => format!(", body of {name}"),
                BodySource::Lines(name) => format!(", lines of {name}"),
                BodySource::Made(bytes) => format!(", {bytes} bytes"),
            })
            .unwrap_or_default();
        let then = if self.follows { "then " } else { "" };
        let messages = self
            .message_bytes
            .map(|bytes| format!(", messages of {bytes} bytes"))
            .unwrap_or_default();
        let token = self
            .token
            .map(|token| format!(", token {}", token.name()))
            .unwrap_or_default();
        let statuses: Vec<String> = self.expect_status.iter().map(u16::to_string).collect();
        let status = match self.expect_status.as_slice() {
            [] | [USUAL_STATUS] => String::new(),
            _ => format!(", to be answered {}", statuses.join(" or ")),
        };
        let target = self.asks.target();
        format!(
            "{then}{} {target}{token}{body}{messages}{status}",
            self.method
        )
    }

    fn place(&self, key: &str) -> Range<usize> {
        let known = self.places.iter().find(|(known, _)| *known == key);
        known.unwrap_or(&self.places[0]).1.clone()
    }
}

/// A service-level objective: this percentile of what is timed (see [`WorkloadKind`](crate::measured::workload::WorkloadKind)) is at most this long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objective {
    /// A name from [`PERCENTILES`].
    pub percentile: &'static str,
    /// The bound: above zero and below the timeout.
    pub at_most: Duration,
}

impl Scenario {
    /// Reads a scenario.
    ///
    /// `file_name`: where the source came from, as people would find it again; its stem names the scenario, and `-`
    /// (standard input) names it `stdin`.
    pub fn parse(source: &str, file_name: &str) -> Result<Self, ScenarioError> {
        let text = text(source, file_name);
        if source.len() > MAX_SOURCE_BYTES {
            let what = format!(
                "the file has {} bytes; a scenario has at most {MAX_SOURCE_BYTES}",
                source.len()
            );
            return Err(text.error(
                0..0,
                what,
                "check that this is a scenario: they usually have a few dozen lines",
            ));
        }
        let name = text.name("scenario", "")?;
        let raw: Raw = toml::from_str(source).map_err(|error| text.toml_error(&error))?;
        let timeout = timeout(&text, raw.timeout.as_ref())?;
        let requests = requests(&text, &raw.requests)?;
        let description = match &raw.description {
            Some(description) => sentence(&text, "description", description)?,
            None => kinds_in_words(&requests),
        };
        let question = match &raw.question {
            Some(question) => sentence(&text, "question", question)?,
            None => description.clone(),
        };
        Ok(Self {
            name,
            description,
            question,
            arrival: arrival(&text, &raw.load)?,
            connections: connections(&text, "connections", &raw.connections, MAX_CONNECTIONS)?,
            idle_connections: raw
                .idle_connections
                .as_ref()
                .map(|value| connections(&text, "idle_connections", value, MAX_IDLE_CONNECTIONS))
                .transpose()?,
            connect: raw
                .load
                .get_ref()
                .connect
                .as_ref()
                .map_or(Connect::Once, |connect| *connect.get_ref()),
            needs: needs(&text, raw.needs.as_deref().unwrap_or_default())?,
            timeout,
            requests,
            objectives: objectives(&text, raw.objective.as_ref(), timeout)?,
            goodput: raw
                .goodput
                .as_ref()
                .map(|raw| goodput(&text, raw, timeout))
                .transpose()?,
            source: source.to_owned(),
            file_name: file_name.to_owned(),
        })
    }

    /// A scenario that is compiled in, by name.
    pub fn built_in(name: &str) -> Result<Self, UnknownScenario> {
        let (_, source) = BUILT_IN
            .iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| UnknownScenario::new(name))?;
        Ok(Self::parse(source, &format!("{name}.toml"))
            .expect("every built-in scenario is parsed by a test"))
    }

    /// The same requests in a closed loop over [`CAPACITY_CONNECTIONS`] connections, which measures how many a second a target answers. It is
    /// named `NAME-capacity`, and has no objective.
    ///
    /// # Errors
    ///
    /// The scenario can't be one: it has stages of a chat, say.
    pub fn closed(&self) -> Result<Self, ScenarioError> {
        let question = format!(
            "How many requests a second are answered in a closed loop? {}",
            self.description
        );
        let file_name =
            Path::new(&self.file_name).with_file_name(format!("{}-capacity.toml", self.name));
        self.rewritten(&file_name.to_string_lossy(), |source| {
            for key in ["objective", "goodput", "idle_connections"] {
                source.remove(key);
            }
            let load = toml::Table::from_iter([("arrival".to_owned(), "closed".into())]);
            source.insert("load".to_owned(), load.into());
            source.insert(
                "connections".to_owned(),
                i64::from(CAPACITY_CONNECTIONS).into(),
            );
            source.insert("question".to_owned(), question.into());
        })
    }

    /// The same requests as many independent users send them, so many a second that they are this share of what the weakest target can do.
    ///
    /// # Errors
    ///
    /// The share is not above 0 and below 1, or the scenario can't be one at a rate.
    pub fn at_capacity_share(&self, share: f64) -> Result<Self, ScenarioError> {
        self.rewritten(&self.file_name, |source| {
            let load = toml::Table::from_iter([
                ("arrival".to_owned(), "open".into()),
                ("process".to_owned(), "poisson".into()),
                ("capacity_share".to_owned(), share.into()),
            ]);
            source.insert("load".to_owned(), load.into());
        })
    }

    /// The scenario that another TOML says, made from this one's. `file_name` must be in the same directory, in which the files of bodies are
    /// looked for.
    fn rewritten(
        &self,
        file_name: &str,
        change: impl FnOnce(&mut toml::Table),
    ) -> Result<Self, ScenarioError> {
        let mut source: toml::Table =
            toml::from_str(&self.source).expect("what a scenario was read from is TOML");
        change(&mut source);
        let source = toml::to_string(&source).expect("a table of TOML is TOML");
        Self::parse(&source, file_name)
    }

    /// The error of a request that the caller, who knows the routes and HTTP, refused, in the same look as every other error of a scenario.
    ///
    /// `request_index`: which of `requests`; `key`: the key whose value is to blame, or that of the route where the key is
    /// not there; `message`: what is wrong; `help`: what to do about it.
    pub fn request_error(
        &self,
        request_index: usize,
        key: &str,
        message: &str,
        help: &str,
    ) -> ScenarioError {
        text(&self.source, &self.file_name).error(
            self.requests[request_index].place(key),
            message,
            help,
        )
    }

    /// The weights of the requests, in their order; steps that follow have that of the first.
    pub fn weights(&self) -> Vec<u32> {
        self.requests
            .iter()
            .map(|request| request.weight.get())
            .collect()
    }

    /// The TOML as it is recorded: without the values of headers that let somebody in, and without user names and passwords of URLs.
    pub fn recorded(&self) -> String {
        without_secret_headers(&self.source)
    }

    /// The scenario as a run record carries it.
    pub fn record(&self) -> ScenarioRecord {
        let total: f64 = self.weights().into_iter().map(f64::from).sum();
        ScenarioRecord {
            name: self.name.clone(),
            description: self.description.clone(),
            question: self.question.clone(),
            requests: self
                .requests
                .iter()
                .map(|request| RequestRecord {
                    request: request.words(),
                    share: f64::from(request.weight.get()) / total,
                })
                .collect(),
            objectives: self
                .objectives
                .iter()
                .map(|objective| ObjectiveRecord {
                    percentile: objective.percentile.to_owned(),
                    at_most_ns: units::duration_ns(objective.at_most),
                })
                .collect(),
            source: self.recorded(),
        }
    }
}

impl ArrivalSpec {
    /// The arrivals for targets of which the weaker one sustains `capacity` (looked at only where they are a share of it).
    pub fn at_capacity(&self, capacity: Rate) -> Result<Arrival, UnitError> {
        let Self::Open { pace, process } = self else {
            return Ok(Arrival::Closed);
        };
        let process = *process;
        Ok(match pace {
            Pace::Rate(rate) => Arrival::Open {
                rate: *rate,
                process,
            },
            Pace::CapacityShare(share) => Arrival::Open {
                rate: Rate::per_s(capacity.as_per_s() * share)?,
                process,
            },
            Pace::Stages(profile) => Arrival::Staged {
                profile: profile.clone(),
                process,
            },
            Pace::CapacityStages(profile) => Arrival::Staged {
                profile: profile.scaled(capacity.as_per_s() / WHOLE_PER_S),
                process,
            },
        })
    }

    /// Arrivals at this rate instead; where they follow replies, as many independent users would send them.
    pub fn at_rate(&self, rate: Rate) -> Arrival {
        let process = match self {
            Self::Open { process, .. } => *process,
            Self::Closed => Process::Poisson,
        };
        Arrival::Open { rate, process }
    }

    /// True where the arrivals can't be known before the targets' capacity is.
    pub fn needs_capacity(&self) -> bool {
        matches!(
            self,
            Self::Open {
                pace: Pace::CapacityShare(_) | Pace::CapacityStages(_),
                ..
            }
        )
    }

    /// How long the stages take once, where there are any.
    pub fn profile_length(&self) -> Option<Duration> {
        match self {
            Self::Open {
                pace: Pace::Stages(profile) | Pace::CapacityStages(profile),
                ..
            } => Some(profile.length()),
            _ => None,
        }
    }
}

/// A name that no built-in scenario has.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no scenario is called `{name}`{}; known are {}, and any TOML file", names::hint(*nearest), built_in_names())]
pub struct UnknownScenario {
    /// The name asked for.
    pub name: String,
    /// The one that was probably meant.
    pub nearest: Option<&'static str>,
}

impl UnknownScenario {
    fn new(name: &str) -> Self {
        Self {
            name: names::shortened(name),
            nearest: names::nearest(name, BUILT_IN.iter().map(|(known, _)| *known)),
        }
    }
}

fn built_in_names() -> String {
    BUILT_IN
        .iter()
        .map(|(name, _)| *name)
        .collect::<Vec<_>>()
        .join(", ")
}

/// The file as it is written, before anything about it is believed. Numbers are as wide as TOML's, so that a value out of
/// range is our error and not the reader's.
#[derive(Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[cfg_attr(
    any(test, feature = "schema"),
    schemars(
        title = "Scenario",
        description = "A scenario of bench: what is asked of every target."
    )
)]
#[serde(deny_unknown_fields)]
struct Raw {
    /// What it does, in a sentence; its requests if left out.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<String>"))]
    description: Option<Spanned<String>>,
    /// The question it answers; it stands above every result, and is the description if left out.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<String>"))]
    question: Option<Spanned<String>>,
    /// Connections kept open; with `connect = "per_request"`, how many may be open at a time.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "i64", range(min = 1, max = MAX_CONNECTIONS)))]
    connections: Spanned<i64>,
    /// Connections of each target that stay idle, open beside the others for the whole round.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<i64>", range(min = 1, max = MAX_IDLE_CONNECTIONS)))]
    idle_connections: Option<Spanned<i64>>,
    /// The services that targets need for it, which are started for a run: `"postgres"`, `"redis"`.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<Vec<Service>>"))]
    needs: Option<Vec<Spanned<String>>>,
    /// A request unanswered for so long has failed: `"5s"` if left out, at most `"600s"`.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<String>"))]
    timeout: Option<Spanned<String>>,
    /// When requests are sent.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "RawLoad"))]
    load: Spanned<RawLoad>,
    /// What is sent: one table for each kind of request.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Vec<RawRequest>", length(min = 1, max = MAX_REQUESTS)))]
    requests: Spanned<Vec<Spanned<RawRequest>>>,
    /// What the answers must keep to: the longest that a percentile of what is timed may be: response time, or
    /// first event or delivery time where most requests are for streams or messages.
    objective: Option<RawObjective>,
    /// What a reply has to keep to count as goodput.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<RawGoodput>"))]
    goodput: Option<Spanned<RawGoodput>>,
}

/// Limits below the timeout, at least one of them.
#[derive(Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[cfg_attr(
    any(test, feature = "schema"),
    schemars(
        description = "The limits that a reply has to keep, all of them, to count as goodput."
    )
)]
#[serde(deny_unknown_fields)]
struct RawGoodput {
    /// The longest response time, as in `"50ms"`.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<String>"))]
    response_time: Option<Spanned<String>>,
    /// The longest time to the first event of a stream.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<String>"))]
    first_event: Option<Spanned<String>>,
    /// The longest gap between two events of a stream.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<String>"))]
    event_gap: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct RawLoad {
    /// `closed`: the next request follows the reply. `open`: requests are scheduled on a schedule.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "RawArrival"))]
    arrival: Spanned<RawArrival>,
    /// The gaps of an open loop: `poisson` if left out.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<Process>"))]
    process: Option<Spanned<Process>>,
    /// Requests a second of an open loop.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<f64>"))]
    rate_per_s: Option<Spanned<f64>>,
    /// A share of what the weaker target sustains, which is measured first.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<f64>"))]
    capacity_share: Option<Spanned<f64>>,
    /// A rate that changes.
    #[cfg_attr(
        any(test, feature = "schema"),
        schemars(with = "Option<Vec<RawStage>>")
    )]
    stages: Option<Spanned<Vec<RawStage>>>,
    /// When connections are opened: `once` if left out.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<Connect>"))]
    connect: Option<Spanned<Connect>>,
}

#[derive(Deserialize, Clone, Copy)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum RawArrival {
    Closed,
    Open,
}

#[derive(Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct RawRequest {
    /// Path and query of a route that every target serves, as in `/sleep/5`.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<String>"))]
    route: Option<Spanned<String>>,
    /// Path and query of your own service, as in `/api/users/42`; instead of `route`.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<String>"))]
    path: Option<Spanned<String>>,
    /// `GET` if left out; with `path` any method.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<String>"))]
    method: Option<Spanned<String>>,
    /// Headers beside those that are sent anyway, as in `["Accept: application/json"]`; only with `path`.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<Vec<String>>", length(max = MAX_HEADERS)))]
    headers: Option<Spanned<Vec<String>>>,
    /// What is posted.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<String>"))]
    body: Option<Spanned<String>>,
    /// The file whose content is posted, named from where this one is; only with `path`.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<String>"))]
    body_file: Option<Spanned<String>>,
    /// The file of which each line is a body, one after the other and again from the first; only with `path`.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<String>"))]
    body_lines: Option<Spanned<String>>,
    /// So many bytes are posted, the same ones in every run.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<i64>", range(min = 1, max = MAX_MADE_BODY_BYTES)))]
    body_bytes: Option<Spanned<i64>>,
    /// The token that `/auth` verifies.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<TokenKind>"))]
    token: Option<Spanned<TokenKind>>,
    /// Whether it is sent after the request above it: a step of a session; only with `path`.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<bool>"))]
    follows: Option<Spanned<bool>>,
    /// What is taken of the reply for the steps that follow, by names that stand there in braces: a JSON pointer into its body as in
    /// `{ token = "/session/token" }`, or a header as in `{ place = "Location" }`.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<BTreeMap<String, String>>", extend("maxProperties" = MAX_TAKEN)))]
    take: Option<Spanned<BTreeMap<String, String>>>,
    /// What the body of a right answer must be; only with `path`.
    #[cfg_attr(
        any(test, feature = "schema"),
        schemars(with = "Option<RawExpectBody>")
    )]
    expect_body: Option<Spanned<RawExpectBody>>,
    /// What the body is: `application/json` if left out (of `body_bytes` `application/octet-stream`), and if no header says it.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<String>"))]
    content_type: Option<Spanned<String>>,
    /// How long the messages of `/chat` are: 64 if left out.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<i64>", range(min = MIN_MESSAGE_BYTES, max = MAX_MESSAGE_BYTES)))]
    message_bytes: Option<Spanned<i64>>,
    /// Its share among the others: 1 if left out.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<i64>", range(min = 1, max = MAX_WEIGHT)))]
    weight: Option<Spanned<i64>>,
    /// The status of the right answer, or several as in `[200, 404]`: if left out, 200 of a route, and any from 200 to 299 of
    /// a path of your own.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<RawStatus>"))]
    expect_status: Option<Spanned<RawStatus>>,
}

/// One of these.
#[derive(Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct RawExpectBody {
    /// The same from every target.
    equal: Option<bool>,
    /// So many bytes.
    #[cfg_attr(any(test, feature = "schema"), schemars(range(min = 0, max = MAX_EXPECTED_BYTES)))]
    bytes: Option<i64>,
    /// These values at these JSON pointers, as in `{ "/user/name" = "Ada" }`.
    json: Option<BTreeMap<String, serde_json::Value>>,
}

#[derive(Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(untagged, expecting = "a status as 200, or several as [200, 404]")]
enum RawStatus {
    One(i64),
    Several(Vec<i64>),
}

/// One optional bound a percentile; a test holds the fields against [`PERCENTILES`].
#[derive(Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[cfg_attr(
    any(test, feature = "schema"),
    schemars(description = "The longest that each percentile of what is timed may be.")
)]
#[serde(deny_unknown_fields)]
pub struct RawObjective {
    /// As in `"50ms"`, below the timeout.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<String>"))]
    p50: Option<Spanned<String>>,
    /// As in `"50ms"`, below the timeout.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<String>"))]
    p90: Option<Spanned<String>>,
    /// As in `"50ms"`, below the timeout.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<String>"))]
    p95: Option<Spanned<String>>,
    /// As in `"50ms"`, below the timeout.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<String>"))]
    p99: Option<Spanned<String>>,
    /// As in `"50ms"`, below the timeout.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<String>"))]
    p99_9: Option<Spanned<String>>,
    /// As in `"50ms"`, below the timeout.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<String>"))]
    p99_99: Option<Spanned<String>>,
}

fn text<'a>(source: &'a str, file_name: &'a str) -> Text<'a> {
    Text {
        source,
        file_name,
        examples: "`bench list scenarios` shows scenarios to start from",
    }
}

fn sentence(text: &Text<'_>, key: &str, value: &Spanned<String>) -> Result<String, ScenarioError> {
    let trimmed = value.get_ref().trim();
    if trimmed.is_empty() {
        let help = "say it in a sentence: it stands above every result of this scenario";
        return Err(text.error(value.span(), format!("`{key}` is empty"), help));
    }
    Ok(trimmed.to_owned())
}

/// The first of the requests in words, and how many there are beside them.
fn kinds_in_words(requests: &[RequestSpec]) -> String {
    const NAMED: usize = 3;
    let named: Vec<String> = requests
        .iter()
        .take(NAMED)
        .map(RequestSpec::words)
        .collect();
    match requests.len().saturating_sub(NAMED) {
        0 => named.join("; "),
        more => format!("{}; and {more} more", named.join("; ")),
    }
}

fn connections(
    text: &Text<'_>,
    key: &str,
    value: &Spanned<i64>,
    most: u32,
) -> Result<NonZeroU32, ScenarioError> {
    let connections = whole(text, key, value, 1, i64::from(most))?;
    Ok(NonZeroU32::new(connections).expect("the range begins at 1"))
}

fn needs(text: &Text<'_>, names: &[Spanned<String>]) -> Result<BTreeSet<Service>, ScenarioError> {
    let read = names.iter().map(|name| {
        let known = name.get_ref().parse();
        known.map_err(|error: UnknownService| {
            let help = "name a service that targets need, as in `needs = [\"postgres\"]`";
            text.error(name.span(), error.to_string(), help)
        })
    });
    read.collect()
}

fn timeout(text: &Text<'_>, value: Option<&Spanned<String>>) -> Result<Duration, ScenarioError> {
    let Some(value) = value else {
        return Ok(DEFAULT_TIMEOUT);
    };
    let timeout = text.duration(value)?;
    if timeout > MAX_TIMEOUT {
        let what = format!("`timeout` is longer than {} s", MAX_TIMEOUT.as_secs());
        return Err(text.error(
            value.span(),
            what,
            "a request that takes longer has failed: give a shorter timeout",
        ));
    }
    Ok(timeout)
}

fn arrival(text: &Text<'_>, load: &Spanned<RawLoad>) -> Result<ArrivalSpec, ScenarioError> {
    let RawLoad {
        arrival,
        process,
        rate_per_s,
        capacity_share,
        stages,
        ..
    } = load.get_ref();
    match arrival.get_ref() {
        RawArrival::Closed => {
            let pacing = [
                ("rate_per_s", rate_per_s.as_ref().map(Spanned::span)),
                ("capacity_share", capacity_share.as_ref().map(Spanned::span)),
                ("process", process.as_ref().map(Spanned::span)),
                ("stages", stages.as_ref().map(Spanned::span)),
            ];
            match pacing
                .into_iter()
                .find_map(|(key, span)| span.map(|span| (key, span)))
            {
                None => Ok(ArrivalSpec::Closed),
                Some((key, span)) => Err(text.error(
                    span,
                    format!(
                        "`{key}` means nothing in a closed loop, where replies trigger requests"
                    ),
                    format!("remove `{key}`, or write `arrival = \"open\"` to send on a schedule"),
                )),
            }
        }
        RawArrival::Open => Ok(ArrivalSpec::Open {
            pace: pace(text, load.get_ref())?,
            // Independent users are what most services see.
            process: process
                .as_ref()
                .map_or(Process::Poisson, |process| *process.get_ref()),
        }),
    }
}

fn pace(text: &Text<'_>, load: &RawLoad) -> Result<Pace, ScenarioError> {
    let RawLoad {
        arrival,
        rate_per_s,
        capacity_share,
        stages,
        ..
    } = load;
    let both = |span, one: &str, other: &str| {
        let what = format!("`{one}` and `{other}` both say how many requests to send");
        Err(text.error(span, what, "keep one of them"))
    };
    match (rate_per_s, capacity_share, stages) {
        (Some(rate), None, None) => match Rate::per_s(*rate.get_ref()) {
            Ok(rate) => Ok(Pace::Rate(rate)),
            Err(error) => Err(text.error(
                rate.span(),
                error.to_string(),
                "write requests a second, as in `rate_per_s = 1_000`",
            )),
        },
        (None, Some(share), None) => {
            let value = *share.get_ref();
            if value > 0.0 && value < 1.0 {
                return Ok(Pace::CapacityShare(value));
            }
            let what = format!("`capacity_share` must be above 0 and below 1, not {value}");
            Err(text.error(share.span(), what, "at 1 and above queues grow without end; 0.5 is half of what the weaker target can do"))
        }
        (None, None, Some(stages)) => {
            let (profile, are_shares) = stages::profile(text, stages)?;
            Ok(if are_shares {
                Pace::CapacityStages(profile)
            } else {
                Pace::Stages(profile)
            })
        },
        (Some(_), Some(share), _) => both(share.span(), "rate_per_s", "capacity_share"),
        (Some(rate), None, Some(_)) => both(rate.span(), "rate_per_s", "stages"),
        (None, Some(share), Some(_)) => both(share.span(), "capacity_share", "stages"),
        (None, None, None) => Err(text.error(
            arrival.span(),
            "an open loop needs to know how many requests to send",
            "add `rate_per_s = 1_000`, `capacity_share = 0.5` for half of what the weaker target can do, or `[[load.stages]]` for a rate that changes",
        )),
    }
}

fn requests(
    text: &Text<'_>,
    requests: &Spanned<Vec<Spanned<RawRequest>>>,
) -> Result<Vec<RequestSpec>, ScenarioError> {
    let count = requests.get_ref().len();
    if count == 0 || count > MAX_REQUESTS {
        let what = format!("a scenario has 1 to {MAX_REQUESTS} kinds of request, not {count}");
        return Err(text.error(
            requests.span(),
            what,
            "write one `[[requests]]` table with a `route` or a `path` for each kind",
        ));
    }
    let mut read: Vec<RequestSpec> = Vec::with_capacity(count);
    for raw in requests.get_ref() {
        let request = request(text, raw.get_ref(), raw.span(), read.last())?;
        read.push(request);
    }
    Ok(read)
}

/// One kind of request. `table`: where it stands; `before`: the one above it.
fn request(
    text: &Text<'_>,
    raw: &RawRequest,
    table: Range<usize>,
    before: Option<&RequestSpec>,
) -> Result<RequestSpec, ScenarioError> {
    let session = match &raw.follows {
        Some(follows) if *follows.get_ref() => Some(first_step(text, raw, follows, before)?),
        Some(_) | None => None,
    };
    let weight = raw.weight.as_ref().map_or(Ok(1), |weight| {
        whole(text, "weight", weight, 1, i64::from(MAX_WEIGHT))
    })?;
    let weight = NonZeroU32::new(weight).expect("the range begins at 1");
    let message_bytes = raw.message_bytes.as_ref().map(|bytes| {
        let range = [MIN_MESSAGE_BYTES, MAX_MESSAGE_BYTES].map(i64::from);
        whole(text, "message_bytes", bytes, range[0], range[1])
    });
    let (asks, place) = match (&raw.route, &raw.path) {
        (Some(route), None) => (Asks::Route(target(text, "route", route)?), route),
        (None, Some(path)) => (Asks::Path(target(text, "path", path)?), path),
        (Some(_), Some(path)) => {
            let what = "`route` and `path` both say what to ask for";
            let help =
                "keep `route` for one that every target serves, or `path` for one of your own";
            return Err(text.error(path.span(), what, help));
        }
        (None, None) => {
            let what = "a request needs a `path`, or the `route` that it asks for";
            let help = "write `path = \"/api/users/42\"` for one of your own; `bench list routes` shows those that every target serves";
            return Err(text.error(table, what, help));
        }
    };
    let is_own = matches!(asks, Asks::Path(_));
    only_of_own(text, raw, is_own)?;
    let method = method(text, raw.method.as_ref(), is_own)?;
    Ok(RequestSpec {
        asks,
        headers: headers(text, raw.headers.as_ref(), is_own)?,
        body: body(text, raw, &method, is_own)?,
        method,
        token: raw.token.as_ref().map(|token| *token.get_ref()),
        message_bytes: message_bytes.transpose()?,
        weight: session.unwrap_or(weight),
        follows: session.is_some(),
        take: take(text, raw.take.as_ref())?,
        expect_body: expect_body(text, raw.expect_body.as_ref())?,
        expect_status: expect_status(text, raw.expect_status.as_ref())?,
        line: text.place(place.span().start).0,
        places: raw.places(),
    })
}

/// The weight of the session in which a request follows the one before it.
fn first_step(
    text: &Text<'_>,
    raw: &RawRequest,
    follows: &Spanned<bool>,
    before: Option<&RequestSpec>,
) -> Result<NonZeroU32, ScenarioError> {
    if let Some(weight) = &raw.weight {
        let what = "a step that follows has no weight: it is sent after the one above it";
        return Err(text.error(weight.span(), what, "give `weight` to the first step"));
    }
    match before {
        Some(before) if matches!(before.asks, Asks::Path(_)) => Ok(before.weight),
        _ => {
            let what = "`follows` needs a request with a `path` above it";
            let help = "the first step of a session has no `follows`";
            Err(text.error(follows.span(), what, help))
        }
    }
}

/// Refuses what goes with a path of one's own where a route is asked for.
fn only_of_own(text: &Text<'_>, raw: &RawRequest, is_own: bool) -> Result<(), ScenarioError> {
    let keys = ["body_file", "body_lines", "follows", "take", "expect_body"];
    let mut places = raw.places().into_iter();
    match places.find(|(key, _)| !is_own && keys.contains(key)) {
        None => Ok(()),
        Some((key, place)) => {
            let what = format!(
                "`{key}` goes with a `path` of your own: a route is asked for as its contract says"
            );
            let help = format!("write `path` instead of `route`, or remove `{key}`");
            Err(text.error(place, what, help))
        }
    }
}

fn take(
    text: &Text<'_>,
    value: Option<&Spanned<BTreeMap<String, String>>>,
) -> Result<Vec<(String, TakeFrom)>, ScenarioError> {
    let Some(value) = value else {
        return Ok(Vec::new());
    };
    at_most_taken(text, "take", value.span(), value.get_ref().len())?;
    let each = value.get_ref().iter().map(|(name, from)| {
        let is_name = name.len() <= names::MAX_NAME_BYTES
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_name || ["seq", "random"].contains(&name.as_str()) {
            let what = format!("`{}` can't be the name of what is taken", names::shortened(name));
            let help = "take letters, digits and `_`, beginning with a small letter; `seq` and `random` are taken already";
            return Err(text.error(value.span(), what, help));
        }
        let from = if from.starts_with('/') || from.is_empty() {
            TakeFrom::Json(pointer(text, value.span(), from)?)
        } else {
            TakeFrom::Field(from.clone())
        };
        Ok((name.clone(), from))
    });
    each.collect()
}

fn at_most_taken(
    text: &Text<'_>,
    key: &str,
    place: Range<usize>,
    count: usize,
) -> Result<(), ScenarioError> {
    if (1..=MAX_TAKEN).contains(&count) {
        return Ok(());
    }
    let what = format!("`{key}` names 1 to {MAX_TAKEN} places, not {count}");
    Err(text.error(place, what, "name those that matter"))
}

/// A JSON pointer (RFC 6901).
fn pointer(text: &Text<'_>, place: Range<usize>, value: &str) -> Result<String, ScenarioError> {
    if value.starts_with('/') && value.len() <= MAX_POINTER_BYTES {
        return Ok(value.to_owned());
    }
    let what = format!(
        "`{}` is not a JSON pointer of at most {MAX_POINTER_BYTES} bytes",
        names::shortened(value)
    );
    Err(text.error(place, what, "write it as in `\"/users/0/name\"` (RFC 6901)"))
}

fn expect_body(
    text: &Text<'_>,
    value: Option<&Spanned<RawExpectBody>>,
) -> Result<Option<ExpectBody>, ScenarioError> {
    let Some(value) = value else {
        return Ok(None);
    };
    let RawExpectBody { equal, bytes, json } = value.get_ref();
    let expected = match (equal, bytes, json) {
        (Some(true), None, None) => ExpectBody::Equal,
        (None, Some(bytes), None) => {
            let bytes = Spanned::new(value.span(), *bytes);
            let most = i64::from(MAX_EXPECTED_BYTES);
            ExpectBody::Bytes(whole(text, "bytes", &bytes, 0, most)?)
        }
        (None, None, Some(json)) => {
            at_most_taken(text, "json", value.span(), json.len())?;
            let each = json
                .iter()
                .map(|(at, expected)| Ok((pointer(text, value.span(), at)?, expected.clone())));
            ExpectBody::Json(each.collect::<Result<_, _>>()?)
        }
        _ => {
            let what = "`expect_body` says one thing of the body";
            let help = "write `{ equal = true }` for the same from every target, `{ bytes = 57 }`, or `{ json = { \"/name\" = \"Ada\" } }`";
            return Err(text.error(value.span(), what, help));
        }
    };
    Ok(Some(expected))
}

fn expect_status(
    text: &Text<'_>,
    value: Option<&Spanned<RawStatus>>,
) -> Result<Vec<u16>, ScenarioError> {
    let Some(value) = value else {
        return Ok(Vec::new());
    };
    let one;
    let statuses = match value.get_ref() {
        RawStatus::One(status) => {
            one = [*status];
            &one[..]
        }
        RawStatus::Several(statuses) => statuses,
    };
    if statuses.is_empty() || statuses.len() > MAX_EXPECTED {
        let what = format!(
            "`expect_status` has 1 to {MAX_EXPECTED} statuses, not {}",
            statuses.len()
        );
        let help = "write those of a right answer, as in `expect_status = [200, 404]`";
        return Err(text.error(value.span(), what, help));
    }
    let (first, last) = (i64::from(*STATUSES.start()), i64::from(*STATUSES.end()));
    let checked = statuses.iter().map(|&status| {
        let status = Spanned::new(value.span(), status);
        whole(text, "expect_status", &status, first, last)
            .map(|status| u16::try_from(status).expect("the range ends at 599"))
    });
    checked.collect()
}

fn headers(
    text: &Text<'_>,
    value: Option<&Spanned<Vec<String>>>,
    is_own: bool,
) -> Result<Vec<String>, ScenarioError> {
    let Some(value) = value else {
        return Ok(Vec::new());
    };
    let headers = value.get_ref();
    if !is_own {
        let what =
            "`headers` go with a `path` of your own: a route is asked for as its contract says";
        return Err(text.error(
            value.span(),
            what,
            "write `path` instead of `route`, or remove `headers`",
        ));
    }
    if headers.len() > MAX_HEADERS {
        let what = format!(
            "a request has at most {MAX_HEADERS} headers of its own, not {}",
            headers.len()
        );
        return Err(text.error(value.span(), what, "leave some out"));
    }
    Ok(headers.clone())
}

impl RawRequest {
    fn places(&self) -> Vec<(&'static str, Range<usize>)> {
        fn place<T>(
            key: &'static str,
            value: Option<&Spanned<T>>,
        ) -> Option<(&'static str, Range<usize>)> {
            value.map(|value| (key, value.span()))
        }
        [
            place("route", self.route.as_ref()),
            place("path", self.path.as_ref()),
            place("method", self.method.as_ref()),
            place("headers", self.headers.as_ref()),
            place("body", self.body.as_ref()),
            place("body_file", self.body_file.as_ref()),
            place("body_lines", self.body_lines.as_ref()),
            place("body_bytes", self.body_bytes.as_ref()),
            place("token", self.token.as_ref()),
            place("follows", self.follows.as_ref()),
            place("take", self.take.as_ref()),
            place("expect_body", self.expect_body.as_ref()),
            place("content_type", self.content_type.as_ref()),
            place("message_bytes", self.message_bytes.as_ref()),
            place("weight", self.weight.as_ref()),
            place("expect_status", self.expect_status.as_ref()),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn body(
    text: &Text<'_>,
    raw: &RawRequest,
    method: &str,
    is_own: bool,
) -> Result<Option<Body>, ScenarioError> {
    let made = raw.body_bytes.as_ref().map(|bytes| {
        let most = i64::from(MAX_MADE_BODY_BYTES);
        let length = whole(text, "body_bytes", bytes, 1, most)?;
        Ok((bytes.span(), BodySource::Made(length)))
    });
    let given = [
        made.transpose()?,
        raw.body
            .as_ref()
            .map(|body| (body.span(), BodySource::Text(body.get_ref().clone()))),
        raw.body_file
            .as_ref()
            .map(|name| (name.span(), BodySource::File(name.get_ref().clone()))),
        raw.body_lines
            .as_ref()
            .map(|name| (name.span(), BodySource::Lines(name.get_ref().clone()))),
    ];
    let mut given = given.into_iter().flatten();
    let first = given.next();
    if let Some((place, _)) = given.next() {
        let what = "a request has one body, and several keys say what it is";
        return Err(text.error(
            place,
            what,
            "keep one of `body`, `body_bytes`, `body_file` and `body_lines`",
        ));
    }
    let Some((place, source)) = first else {
        return match &raw.content_type {
            None => Ok(None),
            Some(content_type) => Err(text.error(
                content_type.span(),
                "`content_type` means nothing without a body",
                "add `body`, or remove `content_type`",
            )),
        };
    };
    if !is_own && !METHODS_WITH_BODY.contains(&method) {
        return Err(text.error(
            place,
            format!("`body` means nothing with {method}"),
            "write `method = \"POST\"` or `method = \"PUT\"`, or remove `body`",
        ));
    }
    let usual = match source {
        BodySource::Made(_) => BYTES_CONTENT_TYPE,
        BodySource::Text(_) | BodySource::File(_) | BodySource::Lines(_) => DEFAULT_CONTENT_TYPE,
    };
    Ok(Some(Body {
        source,
        content_type: content_type(text, raw.content_type.as_ref(), usual)?,
    }))
}

fn content_type(
    text: &Text<'_>,
    value: Option<&Spanned<String>>,
    usual: &str,
) -> Result<String, ScenarioError> {
    let Some(value) = value else {
        return Ok(usual.to_owned());
    };
    let content_type = value.get_ref();
    // A field's value (RFC 9110, section 5.5), without what only very old ones have: leading blanks, and bytes beyond ASCII.
    let fits = (1..=MAX_CONTENT_TYPE_BYTES).contains(&content_type.len())
        && content_type.trim() == content_type
        && content_type
            .bytes()
            .all(|byte| (b' '..=b'~').contains(&byte));
    if fits {
        return Ok(content_type.clone());
    }
    let what = format!("a content type is 1 to {MAX_CONTENT_TYPE_BYTES} visible characters");
    let help = "write it as in `content_type = \"text/plain; charset=utf-8\"`";
    Err(text.error(value.span(), what, help))
}

fn method(
    text: &Text<'_>,
    value: Option<&Spanned<String>>,
    is_own: bool,
) -> Result<String, ScenarioError> {
    let Some(value) = value else {
        return Ok("GET".to_owned());
    };
    let method = value.get_ref();
    if is_own || METHODS.contains(&method.as_str()) {
        return Ok(method.clone());
    }
    let known = METHODS.map(str::to_owned).to_vec();
    let nearest = METHODS
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(method))
        .map(str::to_owned);
    Err(text.unknown(
        value.span(),
        format!(
            "`{}` is not a method that can be sent",
            names::shortened(method)
        ),
        known,
        nearest,
    ))
}

/// Path and query under `key`.
fn target(text: &Text<'_>, key: &str, value: &Spanned<String>) -> Result<String, ScenarioError> {
    let target = value.get_ref();
    let error = |what: String| {
        let help = format!("write path and query, percent-encoded, as in `{key} = \"/sleep/5\"`");
        Err(text.error(value.span(), what, help))
    };
    if target.len() > MAX_ROUTE_BYTES {
        return error(format!(
            "the {key} has {} bytes; the limit is {MAX_ROUTE_BYTES}",
            target.len()
        ));
    }
    if !target.starts_with('/') {
        return error(format!("a {key} begins with `/`"));
    }
    // What may stand in a request line (RFC 9112, section 3.2.1): no space, no control character, no fragment, and
    // anything beyond ASCII is percent-encoded.
    match target.chars().find(|&c| !c.is_ascii_graphic() || c == '#') {
        Some(bad) => error(format!("{bad:?} can't stand in a {key}")),
        None => Ok(target.clone()),
    }
}

/// The objectives of a table, each below `timeout`.
pub fn objectives(
    text: &Text<'_>,
    raw: Option<&RawObjective>,
    timeout: Duration,
) -> Result<Vec<Objective>, ScenarioError> {
    let Some(RawObjective {
        p50,
        p90,
        p95,
        p99,
        p99_9,
        p99_99,
    }) = raw
    else {
        return Ok(Vec::new());
    };
    PERCENTILES
        .iter()
        .zip([p50, p90, p95, p99, p99_9, p99_99])
        .filter_map(|(percentile, bound)| bound.as_ref().map(|bound| (percentile.name, bound)))
        .map(|(percentile, bound)| {
            let at_most = text.duration(bound)?;
            if at_most >= timeout {
                let what = format!("{percentile} may take as long as the timeout of {timeout:?}, so requests given up would meet it");
                return Err(text.error(bound.span(), what, "raise `timeout` above the objective, or lower the objective"));
            }
            Ok(Objective { percentile, at_most })
        })
        .collect()
}

fn goodput(
    text: &Text<'_>,
    raw: &Spanned<RawGoodput>,
    timeout: Duration,
) -> Result<Goodput, ScenarioError> {
    let limit = |key: &str, value: Option<&Spanned<String>>| {
        let Some(value) = value else {
            return Ok(None);
        };
        let limit = text.duration(value)?;
        if limit >= timeout {
            let what = format!("`{key}` must be below the timeout of {timeout:?}");
            let help = "give the time within which a reply is of use to the one who waits for it";
            return Err(text.error(value.span(), what, help));
        }
        Ok(Some(units::duration_ns(limit)))
    };
    let RawGoodput {
        response_time,
        first_event,
        event_gap,
    } = raw.get_ref();
    let goodput = Goodput {
        response_time_ns: limit("response_time", response_time.as_ref())?,
        first_event_ns: limit("first_event", first_event.as_ref())?,
        event_gap_ns: limit("event_gap", event_gap.as_ref())?,
    };
    if goodput == Goodput::default() {
        let what = "`goodput` has no limit";
        let help =
            "write `response_time`, `first_event` or `event_gap`, as in `response_time = \"50ms\"`";
        return Err(text.error(raw.span(), what, help));
    }
    Ok(goodput)
}

fn whole(
    text: &Text<'_>,
    key: &str,
    value: &Spanned<i64>,
    min: i64,
    max: i64,
) -> Result<u32, ScenarioError> {
    let number = *value.get_ref();
    if (min..=max).contains(&number) {
        return Ok(u32::try_from(number).expect("every range lies within u32"));
    }
    let what = format!("`{key}` must be from {min} to {max}, not {number}");
    Err(text.error(
        value.span(),
        what,
        format!("choose a number from {min} to {max}"),
    ))
}

/// The scenario as it was run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct ScenarioRecord {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// The question it answers.
    pub question: String,
    /// Its requests.
    pub requests: Vec<RequestRecord>,
    /// Its objectives, as `p99 <= 50 ms`.
    pub objectives: Vec<ObjectiveRecord>,
    /// The TOML that it was read from.
    pub source: String,
}

/// One kind of request in the mix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct RequestRecord {
    /// `GET /sleep/5`.
    pub request: String,
    /// Its share of all requests, 0 to 1.
    pub share: f64,
}

/// A service-level objective.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct ObjectiveRecord {
    /// The percentile that it bounds, of the time that the run is about (see `WorkloadKind`): `p99`.
    pub percentile: String,
    /// The bound in nanoseconds.
    pub at_most_ns: u64,
}

#[cfg(test)]
mod tests;
