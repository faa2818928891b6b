//! Scenarios: what is asked of every target, read from TOML.
//!
//! This module knows the shape of a scenario and reports every mistake in it by file, line and remedy. It must never
//! know which routes exist: whoever does, checks them and answers through [`Scenario::route_error`].

use std::fmt;
use std::num::NonZeroU32;
use std::ops::Range;
use std::time::Duration;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};
use serde::Deserialize;
use thiserror::Error;
use toml::Spanned;

use crate::load::{Arrival, Process};
use crate::names;
use crate::record::{ObjectiveRecord, RequestRecord, ScenarioRecord};
use crate::summary::PERCENTILES;
use crate::units::{self, Rate, UnitError};

/// The scenarios that are compiled in: name and TOML source, by name.
pub const BUILT_IN: &[(&str, &str)] = &[
    (
        "cpu-heavy",
        include_str!("../../../scenarios/cpu-heavy.toml"),
    ),
    ("fan-out", include_str!("../../../scenarios/fan-out.toml")),
    (
        "file-pool",
        include_str!("../../../scenarios/file-pool.toml"),
    ),
    ("io-heavy", include_str!("../../../scenarios/io-heavy.toml")),
    ("mixed", include_str!("../../../scenarios/mixed.toml")),
    ("ping", include_str!("../../../scenarios/ping.toml")),
    ("timers", include_str!("../../../scenarios/timers.toml")),
];

/// The longest scenario that is read.
pub const MAX_SOURCE_BYTES: usize = 64 * 1024;
/// The most connections: no more fit between two addresses, since ports have 16 bits.
pub const MAX_CONNECTIONS: u32 = 65_535;
/// The most kinds of request in one mix.
pub const MAX_REQUESTS: usize = 64;
/// The largest weight of a request: a share of one in a million still has a spelling.
pub const MAX_WEIGHT: u32 = 1_000_000;
/// The longest route.
pub const MAX_ROUTE_BYTES: usize = 2048;
/// How long a request may stay unanswered where the scenario doesn't say.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest time that a scenario may allow for an answer.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(600);
/// The methods that a request may use.
pub const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"];
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
    /// Connections kept open, at most [`MAX_CONNECTIONS`].
    pub connections: NonZeroU32,
    /// How long a request may stay unanswered before it counts as a timeout.
    pub timeout: Duration,
    /// The mix: never empty, at most [`MAX_REQUESTS`].
    pub requests: Vec<RequestSpec>,
    /// What the answers must keep to, in ascending order of percentile; often empty.
    pub objectives: Vec<Objective>,
    /// The TOML it was read from.
    pub source: String,
    /// Where that came from, for messages.
    pub file_name: String,
}

/// When requests are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ArrivalSpec {
    /// The next request follows the previous reply: measures capacity.
    Closed,
    /// Requests fall due on schedule: measures latency.
    Open {
        /// How many a second.
        pace: Pace,
        /// The distribution of the gaps.
        process: Process,
    },
}

/// How many requests a second an open loop sends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// As many as this.
    Rate(Rate),
    /// A share of the weaker target's measured capacity, above 0 and below 1.
    CapacityShare(f64),
}

/// One kind of request in the mix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestSpec {
    /// One of [`METHODS`].
    pub method: String,
    /// Path and query, as `/upstream?calls=3&ms=5`. Whether any target serves it is not known here.
    pub route: String,
    /// Its weight among the others, at most [`MAX_WEIGHT`].
    pub weight: NonZeroU32,
    /// The status that the right answer has.
    pub expect_status: u16,
    /// The line that the route stands on, from 1.
    pub line: u32,
    /// Where the route stands in the source, in bytes.
    pub span: Range<usize>,
}

/// A service-level objective: this percentile of response time is at most this long.
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
        let text = Text { source, file_name };
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
        let name = name_of(&text)?;
        let raw: Raw = toml::from_str(source).map_err(|error| text.toml_error(&error))?;
        let timeout = timeout(&text, raw.timeout.as_ref())?;
        Ok(Self {
            name,
            description: sentence(&text, "description", &raw.description)?,
            question: sentence(&text, "question", &raw.question)?,
            arrival: arrival(&text, &raw.load)?,
            connections: connections(&text, &raw.connections)?,
            timeout,
            requests: requests(&text, &raw.requests)?,
            objectives: objectives(&text, raw.objective.as_ref(), timeout)?,
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

    /// The error of a route that its reader refused, in the same look as every other error of a scenario.
    ///
    /// `request_index`: which of `requests`; `message`: what is wrong; `help`: what to do about it.
    pub fn route_error(&self, request_index: usize, message: &str, help: &str) -> ScenarioError {
        let text = Text {
            source: &self.source,
            file_name: &self.file_name,
        };
        text.error(self.requests[request_index].span.clone(), message, help)
    }

    /// The weights of the requests, in their order.
    pub fn weights(&self) -> Vec<u32> {
        self.requests
            .iter()
            .map(|request| request.weight.get())
            .collect()
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
                    request: format!("{} {}", request.method, request.route),
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
            source: self.source.clone(),
        }
    }
}

impl ArrivalSpec {
    /// The arrivals for targets of which the weaker one carries `capacity` (not looked at where a rate is given).
    pub fn at_capacity(self, capacity: Rate) -> Result<Arrival, UnitError> {
        Ok(match self {
            Self::Closed => Arrival::Closed,
            Self::Open {
                pace: Pace::Rate(rate),
                process,
            } => Arrival::Open { rate, process },
            Self::Open {
                pace: Pace::CapacityShare(share),
                process,
            } => Arrival::Open {
                rate: Rate::per_s(capacity.as_per_s() * share)?,
                process,
            },
        })
    }

    /// True where the arrivals can't be known before the targets' capacity is.
    pub fn needs_capacity(self) -> bool {
        matches!(
            self,
            Self::Open {
                pace: Pace::CapacityShare(_),
                ..
            }
        )
    }
}

/// What is wrong with a scenario, and where.
#[derive(Debug, Clone)]
pub struct ScenarioError(Box<Details>);

#[derive(Debug, Clone)]
struct Details {
    source: NamedSource<String>,
    span: Range<usize>,
    line: u32,
    column: u32,
    what: String,
    help: String,
    known: Vec<String>,
    nearest: Option<String>,
}

impl ScenarioError {
    /// The file.
    pub fn file_name(&self) -> &str {
        self.0.source.name()
    }

    /// The line, from 1.
    pub fn line(&self) -> u32 {
        self.0.line
    }

    /// The column in characters, from 1.
    pub fn column(&self) -> u32 {
        self.0.column
    }

    /// What is wrong.
    pub fn what(&self) -> &str {
        &self.0.what
    }

    /// What to do about it.
    pub fn remedy(&self) -> &str {
        &self.0.help
    }

    /// What could have stood there instead, where that is a list.
    pub fn known(&self) -> &[String] {
        &self.0.known
    }

    /// Which of the known ones was probably meant.
    pub fn nearest(&self) -> Option<&str> {
        self.0.nearest.as_deref()
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}: {}",
            self.file_name(),
            self.0.line,
            self.0.column,
            self.0.what
        )
    }
}

impl std::error::Error for ScenarioError {}

impl Diagnostic for ScenarioError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.remedy()))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.0.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = self
            .nearest()
            .map(|nearest| format!("did you mean `{nearest}`?"))
            .or_else(|| Some("here".to_owned()));
        Some(Box::new(std::iter::once(LabeledSpan::new(
            label,
            self.0.span.start,
            self.0.span.len(),
        ))))
    }
}

/// A name that no built-in scenario has.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no scenario is called `{name}`{}; known are {}, and any TOML file", hint(*nearest), built_in_names())]
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

fn hint(nearest: Option<&str>) -> String {
    nearest
        .map(|nearest| format!(" (did you mean `{nearest}`?)"))
        .unwrap_or_default()
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
#[serde(deny_unknown_fields)]
struct Raw {
    description: Spanned<String>,
    question: Spanned<String>,
    connections: Spanned<i64>,
    timeout: Option<Spanned<String>>,
    load: Spanned<RawLoad>,
    requests: Spanned<Vec<RawRequest>>,
    objective: Option<RawObjective>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLoad {
    arrival: Spanned<RawArrival>,
    process: Option<Spanned<Process>>,
    rate_per_s: Option<Spanned<f64>>,
    capacity_share: Option<Spanned<f64>>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum RawArrival {
    Closed,
    Open,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRequest {
    route: Spanned<String>,
    method: Option<Spanned<String>>,
    weight: Option<Spanned<i64>>,
    expect_status: Option<Spanned<i64>>,
}

/// One optional bound a percentile; a test holds the fields against [`PERCENTILES`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawObjective {
    p50: Option<Spanned<String>>,
    p90: Option<Spanned<String>>,
    p95: Option<Spanned<String>>,
    p99: Option<Spanned<String>>,
    p99_9: Option<Spanned<String>>,
    p99_99: Option<Spanned<String>>,
}

fn name_of(text: &Text<'_>) -> Result<String, ScenarioError> {
    let file = text
        .file_name
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or_default();
    let stem = match file {
        "-" => "stdin",
        _ => file.strip_suffix(".toml").unwrap_or(file),
    };
    let help = "rename the file: the scenario is called what the file is called, without `.toml`";
    names::check(stem).map_err(|error| text.error(0..0, error.to_string(), help))?;
    Ok(stem.to_owned())
}

fn sentence(text: &Text<'_>, key: &str, value: &Spanned<String>) -> Result<String, ScenarioError> {
    let trimmed = value.get_ref().trim();
    if trimmed.is_empty() {
        let help = "say it in a sentence: it stands above every result of this scenario";
        return Err(text.error(value.span(), format!("`{key}` is empty"), help));
    }
    Ok(trimmed.to_owned())
}

fn connections(text: &Text<'_>, value: &Spanned<i64>) -> Result<NonZeroU32, ScenarioError> {
    let connections = whole(text, "connections", value, 1, i64::from(MAX_CONNECTIONS))?;
    Ok(NonZeroU32::new(connections).expect("the range begins at 1"))
}

fn timeout(text: &Text<'_>, value: Option<&Spanned<String>>) -> Result<Duration, ScenarioError> {
    let Some(value) = value else {
        return Ok(DEFAULT_TIMEOUT);
    };
    let timeout = duration(text, value)?;
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
    } = load.get_ref();
    match arrival.get_ref() {
        RawArrival::Closed => {
            let pacing = [
                ("rate_per_s", rate_per_s.as_ref().map(Spanned::span)),
                ("capacity_share", capacity_share.as_ref().map(Spanned::span)),
                ("process", process.as_ref().map(Spanned::span)),
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
            pace: pace(text, load, rate_per_s.as_ref(), capacity_share.as_ref())?,
            // Independent users are what most services see.
            process: process
                .as_ref()
                .map_or(Process::Poisson, |process| *process.get_ref()),
        }),
    }
}

fn pace(
    text: &Text<'_>,
    load: &Spanned<RawLoad>,
    rate_per_s: Option<&Spanned<f64>>,
    capacity_share: Option<&Spanned<f64>>,
) -> Result<Pace, ScenarioError> {
    match (rate_per_s, capacity_share) {
        (Some(rate), None) => match Rate::per_s(*rate.get_ref()) {
            Ok(rate) => Ok(Pace::Rate(rate)),
            Err(error) => Err(text.error(rate.span(), error.to_string(), "write requests a second, as in `rate_per_s = 1_000`")),
        },
        (None, Some(share)) => {
            let value = *share.get_ref();
            if value > 0.0 && value < 1.0 {
                return Ok(Pace::CapacityShare(value));
            }
            let what = format!("`capacity_share` must be above 0 and below 1, not {value}");
            Err(text.error(share.span(), what, "at 1 and above queues grow without end; 0.5 is half of what the weaker target can do"))
        }
        (Some(_), Some(share)) => Err(text.error(
            share.span(),
            "`rate_per_s` and `capacity_share` both say how many requests to send",
            "keep one of them",
        )),
        (None, None) => Err(text.error(
            load.get_ref().arrival.span(),
            "an open loop needs to know how many requests to send",
            "add `rate_per_s = 1_000`, or `capacity_share = 0.5` for half of what the weaker target can do",
        )),
    }
}

fn requests(
    text: &Text<'_>,
    requests: &Spanned<Vec<RawRequest>>,
) -> Result<Vec<RequestSpec>, ScenarioError> {
    let count = requests.get_ref().len();
    if count == 0 || count > MAX_REQUESTS {
        let what = format!("a scenario has 1 to {MAX_REQUESTS} kinds of request, not {count}");
        return Err(text.error(
            requests.span(),
            what,
            "write one `[[requests]]` table with a `route` for each kind",
        ));
    }
    requests
        .get_ref()
        .iter()
        .map(|raw| request(text, raw))
        .collect()
}

fn request(text: &Text<'_>, raw: &RawRequest) -> Result<RequestSpec, ScenarioError> {
    let weight = raw.weight.as_ref().map_or(Ok(1), |weight| {
        whole(text, "weight", weight, 1, i64::from(MAX_WEIGHT))
    })?;
    let (first, last) = (i64::from(*STATUSES.start()), i64::from(*STATUSES.end()));
    let expect_status = raw.expect_status.as_ref().map_or(Ok(200), |status| {
        whole(text, "expect_status", status, first, last)
    })?;
    Ok(RequestSpec {
        method: method(text, raw.method.as_ref())?,
        route: route(text, &raw.route)?,
        weight: NonZeroU32::new(weight).expect("the range begins at 1"),
        expect_status: u16::try_from(expect_status).expect("the range ends at 599"),
        line: text.place(raw.route.span().start).0,
        span: raw.route.span(),
    })
}

fn method(text: &Text<'_>, value: Option<&Spanned<String>>) -> Result<String, ScenarioError> {
    let Some(value) = value else {
        return Ok("GET".to_owned());
    };
    let method = value.get_ref();
    if METHODS.contains(&method.as_str()) {
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

fn route(text: &Text<'_>, value: &Spanned<String>) -> Result<String, ScenarioError> {
    let route = value.get_ref();
    let error = |what: String| {
        Err(text.error(
            value.span(),
            what,
            "write path and query, percent-encoded, as in `route = \"/sleep/5\"`",
        ))
    };
    if route.len() > MAX_ROUTE_BYTES {
        return error(format!(
            "the route has {} bytes; the limit is {MAX_ROUTE_BYTES}",
            route.len()
        ));
    }
    if !route.starts_with('/') {
        return error("a route begins with `/`".to_owned());
    }
    // What may stand in a request line (RFC 9112, section 3.2.1): no space, no control character, no fragment, and
    // anything beyond ASCII is percent-encoded.
    match route.chars().find(|&c| !c.is_ascii_graphic() || c == '#') {
        Some(bad) => error(format!("{bad:?} can't stand in a route")),
        None => Ok(route.clone()),
    }
}

fn objectives(
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
            let at_most = duration(text, bound)?;
            if at_most >= timeout {
                let what = format!("{percentile} may take as long as the timeout of {timeout:?}, so requests given up would meet it");
                return Err(text.error(bound.span(), what, "raise `timeout` above the objective, or lower the objective"));
            }
            Ok(Objective { percentile, at_most })
        })
        .collect()
}

fn duration(text: &Text<'_>, value: &Spanned<String>) -> Result<Duration, ScenarioError> {
    let help = "write a number and a unit, as in `\"50ms\"` or `\"5s\"`";
    match units::parse_duration(value.get_ref()) {
        Ok(Duration::ZERO) => Err(text.error(value.span(), "a time of zero can't be kept", help)),
        Ok(duration) => Ok(duration),
        Err(error) => Err(text.error(value.span(), error.to_string(), help)),
    }
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

/// The source and its name: what an error needs beside the place.
struct Text<'a> {
    source: &'a str,
    file_name: &'a str,
}

impl Text<'_> {
    fn error(
        &self,
        span: Range<usize>,
        what: impl Into<String>,
        help: impl Into<String>,
    ) -> ScenarioError {
        self.details(span, what.into(), help.into(), Vec::new(), None)
    }

    /// An unknown key or value, among known ones.
    fn unknown(
        &self,
        span: Range<usize>,
        what: String,
        known: Vec<String>,
        nearest: Option<String>,
    ) -> ScenarioError {
        let list = known
            .iter()
            .map(|known| format!("`{known}`"))
            .collect::<Vec<_>>()
            .join(", ");
        let help = match &nearest {
            Some(nearest) => format!("did you mean `{nearest}`? Known here: {list}"),
            None => format!("known here: {list}"),
        };
        self.details(span, what, help, known, nearest)
    }

    /// What the TOML reader found, in the words of this module.
    fn toml_error(&self, error: &toml::de::Error) -> ScenarioError {
        let span = error.span().unwrap_or(0..0);
        let message = error.message();
        if let Some(key) = message.strip_prefix("missing field ") {
            let help = format!("add {key}; `bench list scenarios` shows scenarios to start from");
            return self.error(span, format!("{key} is missing"), help);
        }
        let unknown = message
            .split_once(", expected ")
            .filter(|_| message.starts_with("unknown "));
        let Some((what, expected)) = unknown else {
            let what = message
                .replace("expected i64", "expected a whole number")
                .replace("expected f64", "expected a number");
            let help = "correct this line; `bench list scenarios` shows scenarios to start from";
            return self.error(span, what, help);
        };
        let known = quoted(expected);
        let typed = quoted(what).into_iter().next().unwrap_or_default();
        let nearest = names::nearest(&typed, known.iter().map(String::as_str)).map(str::to_owned);
        let what = what.replacen("unknown field", "unknown key", 1).replacen(
            "unknown variant",
            "unknown value",
            1,
        );
        self.unknown(span, what, known, nearest)
    }

    fn details(
        &self,
        span: Range<usize>,
        what: String,
        help: String,
        known: Vec<String>,
        nearest: Option<String>,
    ) -> ScenarioError {
        let (line, column) = self.place(span.start);
        let source = NamedSource::new(self.file_name, self.source.to_owned());
        ScenarioError(Box::new(Details {
            source,
            span,
            line,
            column,
            what,
            help,
            known,
            nearest,
        }))
    }

    /// Line and column of a byte, both from 1, the column in characters.
    fn place(&self, byte: usize) -> (u32, u32) {
        let before = self.source.get(..byte).unwrap_or(self.source);
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        (
            u32::try_from(line).unwrap_or(u32::MAX),
            u32::try_from(column).unwrap_or(u32::MAX),
        )
    }
}

/// The names between backticks, of which serde makes its lists: expected one of `a`, `b`.
fn quoted(text: &str) -> Vec<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::EPOCHS_PER_BLOCK;
    use proptest::prelude::*;

    const SOURCE: &str = r#"description = "Two kinds of request"
question = "Which is slower?"
connections = 8
timeout = "2s"

[load]
arrival = "open"
process = "constant"
rate_per_s = 1_000

[[requests]]
route = "/sleep/5"
weight = 3

[[requests]]
route = "/missing"
method = "HEAD"
expect_status = 404

[objective]
p99 = "50ms"
p50 = "5ms"
"#;

    /// [`SOURCE`] with one piece of it replaced.
    fn edited(from: &str, to: &str) -> String {
        assert!(SOURCE.contains(from), "{from}");
        SOURCE.replacen(from, to, 1)
    }

    fn parse(source: &str) -> Result<Scenario, ScenarioError> {
        Scenario::parse(source, "scenarios/two.toml")
    }

    /// A mistake in [`SOURCE`] is reported at this place (`line:column: what`) with this remedy.
    fn check_error(from: &str, to: &str, place_and_what: &str, remedy: &str) {
        let error = parse(&edited(from, to)).expect_err(to);
        let display = format!("scenarios/two.toml:{place_and_what}");
        assert_eq!(
            (error.to_string(), error.remedy()),
            (display, remedy),
            "{from:?} -> {to:?}"
        );
    }

    fn check_fits(from: &str, to: &str) -> Scenario {
        parse(&edited(from, to)).unwrap_or_else(|error| panic!("{to}: {error}"))
    }

    #[test]
    fn a_scenario_is_read_whole() {
        let scenario = parse(SOURCE).unwrap();
        let rate = Rate::per_s(1000.0).unwrap();
        assert_eq!(scenario.name, "two");
        assert_eq!(scenario.description, "Two kinds of request");
        assert_eq!(scenario.question, "Which is slower?");
        assert_eq!(scenario.connections.get(), 8);
        assert_eq!(scenario.timeout, Duration::from_secs(2));
        assert_eq!(
            scenario.arrival,
            ArrivalSpec::Open {
                pace: Pace::Rate(rate),
                process: Process::Constant
            }
        );
        assert_eq!(scenario.weights(), [3, 1]);
        let second = &scenario.requests[1];
        assert_eq!(
            (
                second.method.as_str(),
                second.route.as_str(),
                second.expect_status,
                second.line
            ),
            ("HEAD", "/missing", 404, 16)
        );
        assert_eq!(&SOURCE[second.span.clone()], "\"/missing\"");
        assert_eq!(
            scenario.objectives,
            [
                Objective {
                    percentile: "p50",
                    at_most: Duration::from_millis(5)
                },
                Objective {
                    percentile: "p99",
                    at_most: Duration::from_millis(50)
                }
            ]
        );
        let record = scenario.record();
        assert_eq!(
            (
                record.requests[0].request.as_str(),
                record.requests[0].share
            ),
            ("GET /sleep/5", 0.75)
        );
        assert_eq!(record.objectives[1].at_most_ns, 50_000_000);
        assert_eq!(record.source, SOURCE);
    }

    #[test]
    fn what_is_left_out_has_a_default() {
        let source = "description = \"d\"\nquestion = \"q\"\nconnections = 1\n[load]\narrival = \"open\"\ncapacity_share = 0.5\n\
                      [[requests]]\nroute = \"/\"\n";
        let scenario = parse(source).unwrap();
        assert_eq!(scenario.timeout, DEFAULT_TIMEOUT);
        assert_eq!(
            scenario.arrival,
            ArrivalSpec::Open {
                pace: Pace::CapacityShare(0.5),
                process: Process::Poisson
            }
        );
        let request = &scenario.requests[0];
        assert_eq!(
            (
                request.method.as_str(),
                request.weight.get(),
                request.expect_status
            ),
            ("GET", 1, 200)
        );
        assert_eq!(scenario.objectives, []);
    }

    #[test]
    fn a_share_of_the_capacity_becomes_a_rate_once_the_capacity_is_known() {
        let capacity = Rate::per_s(8_000.0).unwrap();
        let share = ArrivalSpec::Open {
            pace: Pace::CapacityShare(0.5),
            process: Process::Poisson,
        };
        assert!(share.needs_capacity());
        assert_eq!(
            share
                .at_capacity(capacity)
                .unwrap()
                .rate()
                .map(Rate::as_per_s),
            Some(4_000.0)
        );
        let rate = ArrivalSpec::Open {
            pace: Pace::Rate(Rate::per_s(10.0).unwrap()),
            process: Process::Poisson,
        };
        assert!(!rate.needs_capacity());
        assert_eq!(
            rate.at_capacity(capacity)
                .unwrap()
                .rate()
                .map(Rate::as_per_s),
            Some(10.0)
        );
        assert_eq!(
            ArrivalSpec::Closed.at_capacity(capacity),
            Ok(Arrival::Closed)
        );
    }

    #[test]
    fn every_built_in_scenario_is_valid_and_says_why() {
        let mut names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
        for name in &names {
            let scenario = Scenario::built_in(name).unwrap();
            assert_eq!(scenario.name, *name);
            assert!(scenario.question.ends_with('?'), "{name}");
            assert!(
                scenario.source.lines().any(|line| line.starts_with('#')),
                "{name} says why its numbers are what they are"
            );
            assert!(
                matches!(scenario.arrival, ArrivalSpec::Open { .. }),
                "{name} measures latency"
            );
        }
        let sorted = names.clone();
        names.sort_unstable();
        assert_eq!(names, sorted);
        assert_eq!(
            Scenario::built_in("io-havey").unwrap_err().to_string(),
            "no scenario is called `io-havey` (did you mean `io-heavy`?); known are cpu-heavy, fan-out, file-pool, io-heavy, mixed, \
             ping, timers, and any TOML file"
        );
    }

    #[test]
    fn a_percentile_that_is_compared_is_measurable_in_a_default_epoch() {
        let scenario = Scenario::built_in("io-heavy").unwrap();
        let ArrivalSpec::Open {
            pace: Pace::Rate(rate),
            ..
        } = scenario.arrival
        else {
            panic!("it names a rate")
        };
        let plan = crate::plan::Plan::new(&crate::plan::PlanSpec {
            effort: crate::plan::Effort::Default,
            targets: 2,
            rounds: None,
            duration: None,
            warmup: None,
            seed: 1,
        });
        let samples = rate.as_per_s() * plan.unwrap().epoch.as_secs_f64();
        // Four standard deviations of a Poisson count below its mean there are still the 1,000 that a p99 needs.
        assert!(
            samples - 4.0 * samples.sqrt() > 1_000.0,
            "{samples} samples in each of {EPOCHS_PER_BLOCK} epochs"
        );
    }

    #[test]
    fn unknown_keys_and_values_name_the_place_the_known_ones_and_the_nearest() {
        check_error(
            "question =",
            "questoin =",
            "2:1: unknown key `questoin`",
            "did you mean `question`? Known here: `description`, `question`, `connections`, `timeout`, `load`, `requests`, `objective`",
        );
        check_error(
            "timeout =",
            "zebra =",
            "4:1: unknown key `zebra`",
            "known here: `description`, `question`, `connections`, `timeout`, `load`, `requests`, `objective`",
        );
        check_error(
            "arrival =",
            "arival =",
            "7:1: unknown key `arival`",
            "did you mean `arrival`? Known here: `arrival`, `process`, `rate_per_s`, `capacity_share`",
        );
        check_error(
            "\"open\"",
            "\"opne\"",
            "7:11: unknown value `opne`",
            "did you mean `open`? Known here: `closed`, `open`",
        );
        check_error(
            "\"constant\"",
            "\"poison\"",
            "8:11: unknown value `poison`",
            "did you mean `poisson`? Known here: `constant`, `poisson`",
        );
        check_error(
            "weight",
            "wieght",
            "13:1: unknown key `wieght`",
            "did you mean `weight`? Known here: `route`, `method`, `weight`, `expect_status`",
        );
        check_error(
            "p99 =",
            "p9 =",
            "21:1: unknown key `p9`",
            "did you mean `p90`? Known here: `p50`, `p90`, `p95`, `p99`, `p99_9`, `p99_99`",
        );
        check_error(
            "\"HEAD\"",
            "\"head\"",
            "17:10: `head` is not a method that can be sent",
            "did you mean `HEAD`? Known here: `GET`, `HEAD`, `POST`, `PUT`, `DELETE`, `OPTIONS`",
        );
        check_error(
            "\"HEAD\"",
            "\"BREW\"",
            "17:10: `BREW` is not a method that can be sent",
            "known here: `GET`, `HEAD`, `POST`, `PUT`, `DELETE`, `OPTIONS`",
        );
    }

    #[test]
    fn impossible_combinations_come_with_a_remedy() {
        check_error(
            "\"open\"",
            "\"closed\"",
            "9:14: `rate_per_s` means nothing in a closed loop, where replies trigger requests",
            "remove `rate_per_s`, or write `arrival = \"open\"` to send on a schedule",
        );
        check_error(
            "rate_per_s = 1_000\n",
            "rate_per_s = 1_000\ncapacity_share = 0.5\n",
            "10:18: `rate_per_s` and `capacity_share` both say how many requests to send",
            "keep one of them",
        );
        check_error(
            "rate_per_s = 1_000\n",
            "",
            "7:11: an open loop needs to know how many requests to send",
            "add `rate_per_s = 1_000`, or `capacity_share = 0.5` for half of what the weaker target can do",
        );
        check_error(
            "\"50ms\"",
            "\"2s\"",
            "21:7: p99 may take as long as the timeout of 2s, so requests given up would meet it",
            "raise `timeout` above the objective, or lower the objective",
        );
        check_error(
            "connections = 8\n",
            "",
            "1:1: `connections` is missing",
            "add `connections`; `bench list scenarios` shows scenarios to start from",
        );
        check_error(
            "question = \"Which is slower?\"",
            "question = \"  \"",
            "2:12: `question` is empty",
            "say it in a sentence: it stands above every result of this scenario",
        );
        check_error(
            "\"/sleep/5\"",
            "\"\"",
            "12:9: a route begins with `/`",
            "write path and query, percent-encoded, as in `route = \"/sleep/5\"`",
        );
    }

    #[test]
    fn values_out_of_range_name_the_range() {
        check_error(
            "connections = 8",
            "connections = 0",
            "3:15: `connections` must be from 1 to 65535, not 0",
            "choose a number from 1 to 65535",
        );
        check_error(
            "connections = 8",
            "connections = 65_536",
            "3:15: `connections` must be from 1 to 65535, not 65536",
            "choose a number from 1 to 65535",
        );
        check_error(
            "connections = 8",
            "connections = \"8\"",
            "3:15: invalid type: string \"8\", expected a whole number",
            "correct this line; `bench list scenarios` shows scenarios to start from",
        );
        check_error(
            "weight = 3",
            "weight = 0",
            "13:10: `weight` must be from 1 to 1000000, not 0",
            "choose a number from 1 to 1000000",
        );
        check_error(
            "weight = 3",
            "weight = 1_000_001",
            "13:10: `weight` must be from 1 to 1000000, not 1000001",
            "choose a number from 1 to 1000000",
        );
        check_error(
            "404",
            "199",
            "18:17: `expect_status` must be from 200 to 599, not 199",
            "choose a number from 200 to 599",
        );
        check_error(
            "404",
            "600",
            "18:17: `expect_status` must be from 200 to 599, not 600",
            "choose a number from 200 to 599",
        );
        check_error(
            "1_000",
            "0",
            "9:14: a rate must be above 0 and at most 1000000000 requests a second, not 0",
            "write requests a second, as in `rate_per_s = 1_000`",
        );
        check_error(
            "1_000",
            "nan",
            "9:14: a rate must be above 0 and at most 1000000000 requests a second, not NaN",
            "write requests a second, as in `rate_per_s = 1_000`",
        );
        check_error(
            "rate_per_s = 1_000",
            "capacity_share = 1.0",
            "9:18: `capacity_share` must be above 0 and below 1, not 1",
            "at 1 and above queues grow without end; 0.5 is half of what the weaker target can do",
        );
        check_error(
            "rate_per_s = 1_000",
            "capacity_share = 0",
            "9:18: `capacity_share` must be above 0 and below 1, not 0",
            "at 1 and above queues grow without end; 0.5 is half of what the weaker target can do",
        );
        check_error(
            "\"2s\"",
            "\"0s\"",
            "4:11: a time of zero can't be kept",
            "write a number and a unit, as in `\"50ms\"` or `\"5s\"`",
        );
        check_error(
            "\"2s\"",
            "\"601s\"",
            "4:11: `timeout` is longer than 600 s",
            "a request that takes longer has failed: give a shorter timeout",
        );
        check_error(
            "\"2s\"",
            "\"soon\"",
            "4:11: `soon` is not a duration: write a number and a unit, as in `10s`, `250ms` or `1m30s`",
            "write a number and a unit, as in `\"50ms\"` or `\"5s\"`",
        );
        check_error(
            "\"/sleep/5\"",
            "\"sleep\"",
            "12:9: a route begins with `/`",
            "write path and query, percent-encoded, as in `route = \"/sleep/5\"`",
        );
        check_error(
            "\"/sleep/5\"",
            "\"/a b\"",
            "12:9: ' ' can't stand in a route",
            "write path and query, percent-encoded, as in `route = \"/sleep/5\"`",
        );
        check_error(
            "\"/sleep/5\"",
            "\"/a#b\"",
            "12:9: '#' can't stand in a route",
            "write path and query, percent-encoded, as in `route = \"/sleep/5\"`",
        );
        check_error(
            "\"/sleep/5\"",
            "\"/a\\u00e9\"",
            "12:9: 'é' can't stand in a route",
            "write path and query, percent-encoded, as in `route = \"/sleep/5\"`",
        );
        check_error(
            "connections = 8",
            "connections = ",
            "3:15: string values must be quoted, expected literal string",
            "correct this line; `bench list scenarios` shows scenarios to start from",
        );
    }

    #[test]
    fn every_bound_holds_at_its_limit() {
        let limit = check_fits(
            "connections = 8",
            &format!("connections = {MAX_CONNECTIONS}"),
        );
        assert_eq!(limit.connections.get(), MAX_CONNECTIONS);
        check_fits("weight = 3", &format!("weight = {MAX_WEIGHT}"));
        check_fits("\"2s\"", "\"600s\"");
        check_fits("404", "200");
        check_fits("404", "599");
        check_fits("\"50ms\"", "\"1999ms\"");
        let route = |bytes: usize| format!("\"/{}\"", "r".repeat(bytes - 1));
        check_fits("\"/missing\"", &route(MAX_ROUTE_BYTES));
        assert!(parse(&edited("\"/missing\"", &route(MAX_ROUTE_BYTES + 1))).is_err());

        let requests = |count| {
            format!(
                "{SOURCE}{}",
                "[[requests]]\nroute = \"/\"\n".repeat(count - 2)
            )
        };
        assert_eq!(
            parse(&requests(MAX_REQUESTS)).unwrap().requests.len(),
            MAX_REQUESTS
        );
        let error = parse(&requests(MAX_REQUESTS + 1)).unwrap_err();
        assert_eq!(
            error.what(),
            "a scenario has 1 to 64 kinds of request, not 65"
        );

        let padded = |bytes: usize| format!("{SOURCE}#{}", "x".repeat(bytes - SOURCE.len() - 1));
        assert!(parse(&padded(MAX_SOURCE_BYTES)).is_ok());
        let error = parse(&padded(MAX_SOURCE_BYTES + 1)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "scenarios/two.toml:1:1: the file has 65537 bytes; a scenario has at most 65536"
        );
    }

    #[test]
    fn the_file_names_the_scenario() {
        let name = |file: &str| {
            Scenario::parse(SOURCE, file)
                .map(|scenario| scenario.name)
                .map_err(|error| error.what().to_owned())
        };
        assert_eq!(name("-"), Ok("stdin".to_owned()));
        assert_eq!(name("C:\\x\\my.toml"), Ok("my".to_owned()));
        assert_eq!(name("no-extension"), Ok("no-extension".to_owned()));
        for bad in ["My Scenario.toml", ".toml", "..", "dir/", ""] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_route_that_its_reader_refuses_is_reported_where_it_stands() {
        let error = parse(SOURCE).unwrap().route_error(
            1,
            "no route is called /missing",
            "did you mean /plaintext?",
        );
        assert_eq!(
            error.to_string(),
            "scenarios/two.toml:16:9: no route is called /missing"
        );
        assert_eq!(
            (error.line(), error.column(), error.remedy()),
            (16, 9, "did you mean /plaintext?")
        );
    }

    #[test]
    fn a_terminal_sees_the_line_and_the_help() {
        let error = parse(&edited("arrival", "arival")).unwrap_err();
        let mut text = String::new();
        miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::none())
            .with_width(100)
            .render_report(&mut text, &error)
            .unwrap();
        insta::assert_snapshot!(text, @"
          x scenarios/two.toml:7:1: unknown key `arival`
           ,-[scenarios/two.toml:7:1]
         6 | [load]
         7 | arival = \"open\"
           : ^^^|^^
           :    `-- did you mean `arrival`?
         8 | process = \"constant\"
           `----
          help: did you mean `arrival`? Known here: `arrival`, `process`, `rate_per_s`, `capacity_share`
        ");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(source in any::<String>(), file in any::<String>()) {
            let _ = Scenario::parse(&source, &file);
        }

        #[test]
        fn no_damage_to_a_scenario_makes_it_panic(at in 0..SOURCE.len(), length in 0_usize..20, with in "[ -~\n]{0,12}") {
            let end = (at + length).min(SOURCE.len());
            let damaged = format!("{}{with}{}", &SOURCE[..at], &SOURCE[end..]);
            if let Err(error) = parse(&damaged) {
                prop_assert!(error.to_string().starts_with("scenarios/two.toml:"));
                prop_assert!(error.line() as usize <= damaged.lines().count() + 1);
                prop_assert!(!error.remedy().is_empty());
                let mut text = String::new();
                miette::NarratableReportHandler::new().render_report(&mut text, &error).unwrap();
            }
        }
    }
}
