//! Claims that people publish about servers, read from TOML: a sentence, its source, the figure in it, and what measures it.
//!
//! This module knows the shape of a claim and reports every mistake in it by file, line and remedy. It must never know
//! what is true of one: that is measured, and `analysis::claims` says what the measurement means.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::ops::Range as Span;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::names;
use crate::spec::scenario::{MAX_CONNECTIONS, Scenario};
use crate::spec::services::Service;
use crate::spec::target::{MAX_WORKERS, TargetSpec, pools};
use crate::spec::toml_source::{SourceError, Text};
use crate::units::{Rate, duration_ns};
use crate::words::count;

/// A built-in file of claims by its topic.
macro_rules! built_in {
    ($topic:literal) => {
        (
            $topic,
            include_str!(concat!("../../../../scenarios/claims/", $topic, ".toml")),
        )
    };
}

/// The claims that are compiled in: topic and TOML source, in the order of lists.
pub const BUILT_IN: &[(&str, &str)] = &[
    built_in!("article"),
    built_in!("uvloop"),
    built_in!("node-or-fastapi"),
    built_in!("javascript"),
    built_in!("python"),
    built_in!("runtimes"),
    built_in!("databases"),
];

/// The longest file of claims that is read.
pub const MAX_SOURCE_BYTES: usize = 256 * 1024;
/// The most claims of a file.
pub const MAX_CLAIMS: usize = 128;
/// The most points along a factor.
pub const MAX_POINTS: usize = 16;
/// The longest sentence of a claim, of its source and of its circumstances, in characters.
pub const MAX_SENTENCE_CHARS: usize = 400;
/// The most cores that a claim may need.
pub const MAX_CORES: u32 = 1024;

/// A claim: what somebody says, and what would show it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Claim {
    /// What it is called, unique within its file; parts of one claim begin alike and have a dash in common, as `s7-four`.
    pub id: String,
    /// What it is about: the name of its file.
    pub topic: String,
    /// What is claimed, in a sentence.
    pub sentence: String,
    /// Who says so, and where.
    pub source: String,
    /// Where it can be read.
    pub url: Option<String>,
    /// When it was published: a year, a month or a day.
    pub date: String,
    /// How far the source can be checked.
    pub tier: Tier,
    /// What it shares with claims that contradict it.
    pub group: Option<String>,
    /// Under which circumstances its source measured, if it did.
    pub there: String,
    /// What is other here than there, beside the machine.
    pub here: Option<String>,
    /// What is claimed of the ratio, or of the figure where there is no base.
    pub range: Range,
    /// The fewest cores of a machine on which it can be tested.
    pub cores: u32,
    /// What is missing to test it, whatever the machine.
    pub needs: Option<String>,
    /// What measures it; none where something is missing.
    pub question: Option<Question>,
    /// What its ratio may depend on.
    pub along: Option<Along>,
    /// Whether it claims how the ratio changes along that factor, whose points then all have a place: the range is that of its change for
    /// each tenfold of the factor.
    pub is_trend: bool,
}

/// How far a source can be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub enum Tier {
    /// Official, or it can be repeated.
    A,
    /// With commands, or with code.
    B,
    /// Neither.
    C,
}

/// What is claimed of a number: that it is at least this, at most that, or between them. One of both is there.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// The lower end, above zero; none where it may be as low as it likes.
    pub low: Option<f64>,
    /// The upper end, not below the lower.
    pub high: Option<f64>,
}

impl Range {
    /// True where it holds the value, ends included.
    pub fn contains(&self, value: f64) -> bool {
        self.low.is_none_or(|low| value >= low) && self.high.is_none_or(|high| value <= high)
    }

    /// True where no value is in both.
    pub fn excludes(&self, other: &Self) -> bool {
        let below = |one: &Self, other: &Self| {
            one.high
                .zip(other.low)
                .is_some_and(|(high, low)| high < low)
        };
        below(self, other) || below(other, self)
    }
}

/// What is measured to test a claim: a ratio of two targets, or the figure of one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Question {
    /// The target whose figure is above the line.
    pub head: Side,
    /// The one below; none where the figure itself is claimed.
    pub base: Option<Side>,
    /// Which figure.
    pub metric: ClaimMetric,
    /// Under which load.
    pub load: ClaimLoad,
}

impl Question {
    /// The targets that it takes.
    pub fn sides(&self) -> impl Iterator<Item = &Side> {
        std::iter::once(&self.head).chain(&self.base)
    }
}

/// A target of a claim, with what is set of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// A built-in target, or a manifest from where the file of claims is.
    pub target: String,
    /// Threads of its pool for blocking work, where the claim says how many.
    pub pool: Option<u32>,
    /// Its workers, where the claim says how many.
    pub workers: Option<NonZeroU32>,
}

impl Side {
    /// What it is called in a measurement: `fastapi-def-pool-40`.
    pub fn name(&self) -> String {
        let file = self.target.rsplit('/').next().unwrap_or_default();
        let name = file.strip_suffix(".toml").unwrap_or(file).to_owned();
        let pool = self.pool.map(|pool| format!("pool-{pool}"));
        let workers = self.workers.map(|workers| format!("workers-{workers}"));
        [Some(name), pool, workers]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("-")
    }
}

/// What a claim is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ClaimMetric {
    /// Requests that succeeded, a second: in a closed loop what the target can do.
    Throughput,
    /// The highest rate at which the load keeps its SLO, as a sweep finds it: requests a second.
    Capacity,
    /// The median of what the load times.
    ResponseTimeP50,
    /// Its 99th percentile.
    ResponseTimeP99,
    /// CPU time of the server per request.
    CpuPerRequest,
    /// Most resident memory of the server, in bytes.
    Memory,
    /// What each idle connection of the scenario adds to it, in bytes.
    MemoryPerConnection,
}

/// The load of a claim.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClaimLoad {
    /// What is asked of the targets.
    pub scenario: ScenarioOf,
    /// Connections instead of the scenario's.
    pub connections: Option<NonZeroU32>,
    /// Requests a second instead of the scenario's arrivals.
    pub rate_per_s: Option<f64>,
    /// The length of a sample, where the effort's does not fit, in nanoseconds.
    pub sample_ns: Option<u64>,
}

/// The scenario of a claim.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScenarioOf {
    /// A built-in one, or a file from where the file of claims is.
    Named(String),
    /// One that was made of what the claim says.
    Made {
        /// Its name.
        name: String,
        /// Its TOML.
        text: String,
    },
}

impl ClaimLoad {
    /// In words: `closed loop of 100 connections, GET /json`; `scenario chat, 1,000 connections`.
    pub fn words(&self) -> String {
        let scenario = match &self.scenario {
            ScenarioOf::Named(name) => format!("scenario {name}"),
            ScenarioOf::Made { name, text } => Scenario::parse(text, &format!("{name}.toml"))
                .map_or_else(|_| name.clone(), |scenario| scenario.description),
        };
        let connections = self
            .connections
            .map(|connections| format!("{} connections", count(u64::from(connections.get()))));
        let rate = self
            .rate_per_s
            .map(|rate| format!("{rate} requests a second"));
        [Some(scenario), connections, rate]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// The name of its scenario.
    pub fn name(&self) -> &str {
        match &self.scenario {
            ScenarioOf::Named(name) | ScenarioOf::Made { name, .. } => name,
        }
    }

    /// Whether connections stay idle beside the load.
    fn may_have_idle_connections(&self) -> bool {
        self.may(|scenario| scenario.idle_connections.is_some())
    }

    /// Whether it has an SLO.
    fn may_have_objective(&self) -> bool {
        self.may(|scenario| !scenario.objectives.is_empty())
    }

    /// Whether its scenario is so; of a file that is not known here.
    fn may(&self, is: impl Fn(&Scenario) -> bool) -> bool {
        let scenario = match &self.scenario {
            ScenarioOf::Named(name) if is_file(name) => return true,
            ScenarioOf::Named(name) => Scenario::built_in(name).ok(),
            ScenarioOf::Made { name, text } => Scenario::parse(text, &format!("{name}.toml")).ok(),
        };
        scenario.is_some_and(|scenario| is(&scenario))
    }

    /// The length of a sample, where the claim says it.
    pub fn sample(&self) -> Option<Duration> {
        self.sample_ns.map(Duration::from_nanos)
    }
}

/// A factor, and points of it at which the same is measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Along {
    /// What varies.
    pub factor: String,
    /// From 2 to [`MAX_POINTS`].
    pub points: Vec<Point>,
}

/// A value of a factor.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// The value, as `10 ms`.
    pub value: String,
    /// The same as a number above zero, where a trend is claimed.
    pub at: Option<f64>,
    /// What is measured there.
    pub question: Question,
}

/// Reads a file of claims.
///
/// `file_name`: where the source came from, as people would find it again; its stem is the topic.
///
/// # Errors
///
/// Whatever is wrong in it, by line and with the remedy.
pub fn parse(source: &str, file_name: &str) -> Result<Vec<Claim>, SourceError> {
    let text = Text {
        source,
        file_name,
        examples: "docs/own-claims.md shows a claim",
    };
    if source.len() > MAX_SOURCE_BYTES {
        let what = format!(
            "the file has {} bytes; one of claims has at most {MAX_SOURCE_BYTES}",
            source.len()
        );
        return Err(text.error(0..0, what, "divide it into several files"));
    }
    let topic = text.name("topic", "")?;
    let raw: Raw = toml::from_str(source).map_err(|error| text.toml_error(&error))?;
    let many = raw.claims.get_ref();
    if many.is_empty() || many.len() > MAX_CLAIMS {
        let what = format!("a file has 1 to {MAX_CLAIMS} claims, not {}", many.len());
        return Err(text.error(
            raw.claims.span(),
            what,
            "write a `[[claims]]` table for each",
        ));
    }
    let mut seen = BTreeSet::new();
    many.iter()
        .map(|raw| {
            let claim = claim(&text, &topic, raw.get_ref(), raw.span())?;
            if !seen.insert(claim.id.clone()) {
                let what = format!("two claims are called `{}`", claim.id);
                return Err(text.error(raw.get_ref().id.span(), what, "give one another `id`"));
            }
            Ok(claim)
        })
        .collect()
}

/// Every claim that is compiled in.
pub fn built_in() -> Vec<Claim> {
    BUILT_IN
        .iter()
        .flat_map(|(topic, source)| {
            parse(source, &format!("{topic}.toml"))
                .expect("every built-in file of claims is parsed by a test")
        })
        .collect()
}

/// The file as it is written, before anything about it is believed.
#[derive(Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[cfg_attr(
    any(test, feature = "schema"),
    schemars(
        title = "Claims",
        description = "Claims that bench tests: what somebody publishes about servers, and what measures it."
    )
)]
#[serde(deny_unknown_fields)]
struct Raw {
    /// One table for each claim.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Vec<RawClaim>", length(min = 1, max = MAX_CLAIMS)))]
    claims: Spanned<Vec<Spanned<RawClaim>>>,
}

#[derive(Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct RawClaim {
    /// What it is called; parts of one claim begin alike, as `s7-four` and `s7-forty`.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "String"))]
    id: Spanned<String>,
    /// What is claimed, in a sentence.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "String"))]
    says: Spanned<String>,
    /// Who says so, and where.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "String"))]
    source: Spanned<String>,
    /// Where it can be read.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<String>"))]
    url: Option<Spanned<String>>,
    /// When it was published, as `2026`, `2026-08` or `2026-08-05`.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "String"))]
    date: Spanned<String>,
    /// `A`: official, or it can be repeated. `B`: with commands or code. `C`: neither.
    tier: Tier,
    /// What it shares with claims that contradict it.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<String>"))]
    group: Option<Spanned<String>>,
    /// Under which circumstances its source measured.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "String"))]
    there: Spanned<String>,
    /// What is other here than there.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<String>"))]
    here: Option<Spanned<String>>,
    /// The lowest ratio (or figure) that is claimed.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<f64>"))]
    from: Option<Spanned<f64>>,
    /// The highest.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<f64>"))]
    to: Option<Spanned<f64>>,
    /// The fewest cores with which it can be tested: 1 if left out.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<i64>", range(min = 1, max = MAX_CORES)))]
    cores: Option<Spanned<i64>>,
    /// What is missing to test it, whatever the machine; instead of `measure`.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<String>"))]
    needs: Option<Spanned<String>>,
    /// What measures it.
    measure: Option<RawMeasure>,
    /// What its ratio may depend on.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<RawAlong>"))]
    along: Option<Spanned<RawAlong>>,
    /// True where `from` and `to` say how the ratio changes for each tenfold of the factor of `along`, whose points then have an `at`.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<bool>"))]
    trend: Option<Spanned<bool>>,
}

#[derive(Deserialize, Default, Clone)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct RawMeasure {
    /// The target above the line: its name, a manifest's path, or a table with `pool` or `workers`.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<RawSide>"))]
    head: Option<Spanned<RawSide>>,
    /// The target below the line; left out where the figure itself is claimed.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<RawSide>"))]
    base: Option<Spanned<RawSide>>,
    /// Which figure.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<ClaimMetric>"))]
    metric: Option<Spanned<ClaimMetric>>,
    /// A built-in scenario, or the path of one; or
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<String>"))]
    scenario: Option<Spanned<String>>,
    /// path and query of a route that every target serves; or
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<String>"))]
    route: Option<Spanned<String>>,
    /// path and query of your own service.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<String>"))]
    path: Option<Spanned<String>>,
    /// Connections; of a scenario its own if left out.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<i64>", range(min = 1, max = MAX_CONNECTIONS)))]
    connections: Option<Spanned<i64>>,
    /// Requests a second; a closed loop if left out, or the scenario's arrivals.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<f64>"))]
    rate_per_s: Option<Spanned<f64>>,
    /// The SLO of `capacity`, as `"50ms"`; a scenario has its own.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<String>"))]
    p99_at_most: Option<Spanned<String>>,
    /// The length of a sample, as `"3s"`, where replies take longer than the usual one allows.
    #[cfg_attr(any(test, feature = "schema"), schemars(with = "Option<String>"))]
    sample: Option<Spanned<String>>,
}

impl RawMeasure {
    /// What is said here, and where nothing is, what `usual` says. A load of one's own replaces the usual one's.
    fn or(&self, usual: &Self) -> Self {
        let says = self.scenario.is_some() || self.route.is_some() || self.path.is_some();
        let own = |usual: &Option<Spanned<String>>| usual.clone().filter(|_| !says);
        let this = self.clone();
        Self {
            head: this.head.or_else(|| usual.head.clone()),
            base: this.base.or_else(|| usual.base.clone()),
            metric: this.metric.or_else(|| usual.metric.clone()),
            scenario: this.scenario.or_else(|| own(&usual.scenario)),
            route: this.route.or_else(|| own(&usual.route)),
            path: this.path.or_else(|| own(&usual.path)),
            connections: this.connections.or_else(|| usual.connections.clone()),
            rate_per_s: this.rate_per_s.or_else(|| usual.rate_per_s.clone()),
            p99_at_most: this.p99_at_most.or_else(|| usual.p99_at_most.clone()),
            sample: this.sample.or_else(|| usual.sample.clone()),
        }
    }
}

#[derive(Deserialize, Clone)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(
    untagged,
    expecting = "a target as \"node\", or { target = \"fastapi-def\", pool = 40, workers = 2 }"
)]
enum RawSide {
    Name(String),
    Set(RawSet),
}

#[derive(Deserialize, Clone)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct RawSet {
    /// Its name, or a manifest's path.
    target: String,
    /// Threads of its pool for blocking work.
    pool: Option<i64>,
    /// Its workers.
    workers: Option<i64>,
}

#[derive(Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct RawAlong {
    /// What varies, as `time that the handler waits`.
    factor: String,
    /// Its values, in their order.
    #[cfg_attr(any(test, feature = "schema"), schemars(length(min = 2, max = MAX_POINTS)))]
    points: Vec<RawPoint>,
}

#[derive(Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct RawPoint {
    /// The value, as `10 ms`.
    is: String,
    /// The same as a number, of a trend.
    at: Option<f64>,
    /// What is measured otherwise than for the claim.
    measure: RawMeasure,
}

fn claim(
    text: &Text<'_>,
    topic: &str,
    raw: &RawClaim,
    table: Span<usize>,
) -> Result<Claim, SourceError> {
    let id = raw.id.get_ref().clone();
    names::check(&id).map_err(|error| {
        text.error(
            raw.id.span(),
            error.to_string(),
            "choose another `id`: it stands in file names",
        )
    })?;
    let cores = raw.cores.as_ref().map_or(Ok(1), |cores| {
        whole(text, "cores", cores.span(), *cores.get_ref(), MAX_CORES)
    })?;
    let question = match (&raw.measure, &raw.needs) {
        (Some(measure), None) => Some(question(text, measure, &table)?),
        (None, Some(_)) => None,
        (Some(_), Some(needs)) => {
            let what = "what needs something that is not there is not measured";
            return Err(text.error(needs.span(), what, "remove `needs`, or `measure`"));
        }
        (None, None) => {
            let what = format!("nothing says how `{id}` is tested");
            let help = "add `[claims.measure]`, or `needs` where something is missing for it";
            return Err(text.error(table, what, help));
        }
    };
    let along = along(text, raw, &table)?;
    Ok(Claim {
        is_trend: is_trend(text, raw, along.as_ref())?,
        topic: topic.to_owned(),
        sentence: sentence(text, "says", &raw.says)?,
        source: sentence(text, "source", &raw.source)?,
        url: raw.url.as_ref().map(|url| address(text, url)).transpose()?,
        date: date(text, &raw.date)?,
        tier: raw.tier,
        group: raw
            .group
            .as_ref()
            .map(|group| sentence(text, "group", group))
            .transpose()?,
        there: sentence(text, "there", &raw.there)?,
        here: raw
            .here
            .as_ref()
            .map(|here| sentence(text, "here", here))
            .transpose()?,
        range: range(text, raw, &table)?,
        cores,
        needs: raw
            .needs
            .as_ref()
            .map(|needs| sentence(text, "needs", needs))
            .transpose()?,
        along,
        question,
        id,
    })
}

fn sentence(text: &Text<'_>, key: &str, value: &Spanned<String>) -> Result<String, SourceError> {
    let trimmed = value.get_ref().trim();
    let what = match trimmed.chars().count() {
        0 => format!("`{key}` is empty"),
        many if many > MAX_SENTENCE_CHARS => {
            format!("`{key}` has {many} characters; the limit is {MAX_SENTENCE_CHARS}")
        }
        _ => return Ok(trimmed.to_owned()),
    };
    Err(text.error(value.span(), what, "say it in a sentence"))
}

fn address(text: &Text<'_>, value: &Spanned<String>) -> Result<String, SourceError> {
    let is_web = |url: &url::Url| ["http", "https"].contains(&url.scheme());
    match url::Url::parse(value.get_ref()) {
        Ok(url) if is_web(&url) => Ok(value.get_ref().clone()),
        _ => Err(text.error(
            value.span(),
            "`url` is no address of the web",
            "write it as in `url = \"https://example.org/page\"`, or leave it out",
        )),
    }
}

/// A year, a month or a day.
fn date(text: &Text<'_>, value: &Spanned<String>) -> Result<String, SourceError> {
    const SHAPES: [&str; 3] = ["dddd", "dddd-dd", "dddd-dd-dd"];
    let shape: String = value
        .get_ref()
        .chars()
        .map(|c| if c.is_ascii_digit() { 'd' } else { c })
        .collect();
    if SHAPES.contains(&shape.as_str()) {
        return Ok(value.get_ref().clone());
    }
    let help = "write it as `2026`, `2026-08` or `2026-08-05`";
    Err(text.error(value.span(), "`date` is no date", help))
}

fn range(text: &Text<'_>, raw: &RawClaim, table: &Span<usize>) -> Result<Range, SourceError> {
    let end = |key: &str, value: &Option<Spanned<f64>>| {
        let Some(value) = value else {
            return Ok(None);
        };
        let number = *value.get_ref();
        if number > 0.0 && number.is_finite() {
            return Ok(Some(number));
        }
        let what = format!("`{key}` must be a number above zero, not {number}");
        Err(text.error(
            value.span(),
            what,
            "write a ratio as in `1.5`, or leave this end out",
        ))
    };
    let range = Range {
        low: end("from", &raw.from)?,
        high: end("to", &raw.to)?,
    };
    match (range.low, range.high, &raw.to) {
        (None, None, _) => Err(text.error(
            table.clone(),
            "a claim without a figure can't be tested",
            "add `from`, `to` or both: what the claim says of the ratio of head to base",
        )),
        (Some(low), Some(high), Some(to)) if high < low => {
            let what = format!("`to` is {high}, which is below `from`");
            Err(text.error(to.span(), what, "write the lower end as `from`"))
        }
        _ => Ok(range),
    }
}

fn along(
    text: &Text<'_>,
    raw: &RawClaim,
    table: &Span<usize>,
) -> Result<Option<Along>, SourceError> {
    let Some(along) = &raw.along else {
        return Ok(None);
    };
    let Some(usual) = &raw.measure else {
        let help = "add `[claims.measure]`, or remove `along`";
        return Err(text.error(along.span(), "`along` varies what is measured", help));
    };
    let RawAlong { factor, points } = along.get_ref();
    if !(2..=MAX_POINTS).contains(&points.len()) {
        let what = format!(
            "a factor has 2 to {MAX_POINTS} points, not {}",
            points.len()
        );
        return Err(text.error(along.span(), what, "name the values that matter"));
    }
    let points = points.iter().map(|point| {
        let value = Spanned::new(along.span(), point.is.clone());
        Ok(Point {
            value: sentence(text, "is", &value)?,
            at: point.at,
            question: question(text, &point.measure.or(usual), table)?,
        })
    });
    let points = points.collect::<Result<Vec<_>, _>>()?;
    let factor = Spanned::new(along.span(), factor.clone());
    Ok(Some(Along {
        factor: sentence(text, "factor", &factor)?,
        points,
    }))
}

/// Whether a trend is claimed. Its points lie at different places above zero, since it is along their logarithm.
fn is_trend(text: &Text<'_>, raw: &RawClaim, along: Option<&Along>) -> Result<bool, SourceError> {
    let Some(key) = raw.trend.as_ref().filter(|key| *key.get_ref()) else {
        return Ok(false);
    };
    let points = along.map_or(&[] as &[Point], |along| &along.points);
    let places = points.iter().filter_map(|point| point.at);
    let mut places: Vec<f64> = places.filter(|at| *at > 0.0 && at.is_finite()).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    if places.len() < 2 || places.len() < points.len() {
        let what = "a trend is along points with different places above zero";
        let help = "give each point of `along` an `at`, as in `{ is = \"64\", at = 64, measure = { connections = 64 } }`";
        return Err(text.error(key.span(), what, help));
    }
    Ok(true)
}

/// What is measured. `table`: the claim, where a key is not there.
fn question(
    text: &Text<'_>,
    raw: &RawMeasure,
    table: &Span<usize>,
) -> Result<Question, SourceError> {
    let missing = |key: &str, help: &str| {
        text.error(
            table.clone(),
            format!("`{key}` is missing in `measure`"),
            help,
        )
    };
    let head = raw
        .head
        .as_ref()
        .ok_or_else(|| missing("head", "name the target, as in `head = \"node\"`"))?;
    let head = side(text, head)?;
    let base = raw.base.as_ref().map(|base| side(text, base)).transpose()?;
    if let Some(place) = raw.base.as_ref().filter(|_| base.as_ref() == Some(&head)) {
        let what = "head and base are the same target";
        let help = "name another, or give one another `pool` or `workers`";
        return Err(text.error(place.span(), what, help));
    }
    let metric = raw.metric.as_ref().ok_or_else(|| {
        missing(
            "metric",
            "write `throughput`, `capacity`, `response_time_p50`, `response_time_p99`, `cpu_per_request`, `memory` or `memory_per_connection`",
        )
    })?;
    let load = load(text, raw, table)?;
    if *metric.get_ref() == ClaimMetric::MemoryPerConnection && !load.may_have_idle_connections() {
        let what = "`memory_per_connection` is that of idle connections, and the load has none";
        let help = "name a scenario that has `idle_connections`, as `idle-10k`";
        return Err(text.error(metric.span(), what, help));
    }
    let is_capacity = *metric.get_ref() == ClaimMetric::Capacity;
    if is_capacity && !load.may_have_objective() {
        let what = "`capacity` is the highest rate that keeps an SLO, and the load has none";
        let help = "add `p99_at_most = \"50ms\"` beside `route` or `path`, or name a scenario that has an `objective`";
        return Err(text.error(metric.span(), what, help));
    }
    if let Some(slo) = raw.p99_at_most.as_ref().filter(|_| !is_capacity) {
        let what = "`p99_at_most` is the SLO of `capacity`, and another metric is claimed";
        return Err(text.error(
            slo.span(),
            what,
            "remove it, or write `metric = \"capacity\"`",
        ));
    }
    if let Some(rate) = raw.rate_per_s.as_ref().filter(|_| is_capacity) {
        let what = "the rate is what `capacity` looks for";
        return Err(text.error(rate.span(), what, "remove `rate_per_s`"));
    }
    Ok(Question {
        head,
        base,
        metric: *metric.get_ref(),
        load,
    })
}

fn side(text: &Text<'_>, raw: &Spanned<RawSide>) -> Result<Side, SourceError> {
    let (target, pool, workers) = match raw.get_ref() {
        RawSide::Name(name) => (name, None, None),
        RawSide::Set(set) => (&set.target, set.pool, set.workers),
    };
    let limited = |key: &str, value: Option<i64>, most: u32| {
        value
            .map(|value| whole(text, key, raw.span(), value, most))
            .transpose()
    };
    if !is_file(target) {
        TargetSpec::parse(target).map_err(|error| {
            text.error(
                raw.span(),
                error.to_string(),
                "`bench list targets` shows the built-in ones; a manifest's name ends in .toml",
            )
        })?;
    }
    let side = Side {
        target: target.clone(),
        pool: limited("pool", pool, pools::MAX_POOL)?,
        workers: limited("workers", workers, MAX_WORKERS)?.and_then(NonZeroU32::new),
    };
    names::check(&side.name())
        .map_err(|error| text.error(raw.span(), error.to_string(), "rename the manifest"))?;
    Ok(side)
}

/// True of what is a path and no name of something built in.
pub fn is_file(name: &str) -> bool {
    let ending = Path::new(name).extension();
    name.contains('/') || ending.is_some_and(|ending| ending == "toml")
}

fn load(text: &Text<'_>, raw: &RawMeasure, table: &Span<usize>) -> Result<ClaimLoad, SourceError> {
    let connections = raw.connections.as_ref().map(|value| {
        whole(
            text,
            "connections",
            value.span(),
            *value.get_ref(),
            MAX_CONNECTIONS,
        )
    });
    let connections = connections.transpose()?.and_then(NonZeroU32::new);
    let rate = raw.rate_per_s.as_ref().map(|rate| {
        Rate::per_s(*rate.get_ref()).map_err(|error| {
            let help = "write requests a second, as in `rate_per_s = 1_000`";
            text.error(rate.span(), error.to_string(), help)
        })
    });
    let rate = rate.transpose()?;
    let sample = raw.sample.as_ref().map(|sample| text.duration(sample));
    let sample_ns = sample.transpose()?.map(duration_ns);
    let (key, asked) = match (&raw.scenario, &raw.route, &raw.path) {
        (Some(name), None, None) => {
            if !is_file(name.get_ref()) {
                Scenario::built_in(name.get_ref()).map_err(|error| {
                    let help = "`bench list scenarios` shows the built-in ones";
                    text.error(name.span(), error.to_string(), help)
                })?;
            }
            return Ok(ClaimLoad {
                scenario: ScenarioOf::Named(name.get_ref().clone()),
                connections,
                rate_per_s: rate.map(Rate::as_per_s),
                sample_ns,
            });
        }
        (None, Some(route), None) => ("route", route),
        (None, None, Some(path)) => ("path", path),
        _ => {
            let what = "a claim is measured by one `scenario`, `route` or `path`";
            let help = "write one of them in `measure`, as in `route = \"/json\"`";
            return Err(text.error(table.clone(), what, help));
        }
    };
    let Some(connections) = connections else {
        let what = format!("`connections` is missing beside `{key}`");
        return Err(text.error(asked.span(), what, "add them, as in `connections = 100`"));
    };
    let slo = raw.p99_at_most.as_ref();
    let slo = slo.map(|slo| text.duration(slo).map(|_| slo.get_ref().as_str()));
    let (name, made) = made(key, asked.get_ref(), connections, (rate, slo.transpose()?));
    if let Err(error) = Scenario::parse(&made, &format!("{name}.toml")) {
        return Err(text.error(asked.span(), error.what(), error.remedy()));
    }
    Ok(ClaimLoad {
        scenario: ScenarioOf::Made { name, text: made },
        connections: None,
        rate_per_s: None,
        sample_ns,
    })
}

/// Name and text of the scenario that asks for one thing over so many connections, at a rate, up to an SLO or in a closed loop.
fn made(
    key: &str,
    asked: &str,
    connections: NonZeroU32,
    (rate, slo): (Option<Rate>, Option<&str>),
) -> (String, String) {
    let words: Vec<&str> = asked
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let closed = if slo.is_some() { "sweep" } else { "closed" };
    let kind = rate.map_or_else(|| closed.to_owned(), |rate| rate.as_per_s().to_string());
    let end = format!("-{connections}-{kind}");
    let mut name = words.join("-").to_lowercase();
    name.truncate(names::MAX_NAME_BYTES - end.len());
    let name = match name.trim_end_matches('-') {
        "" => format!("root{end}"),
        name => format!("{name}{end}"),
    };
    let arrival = rate.map_or_else(
        || "arrival = \"closed\"".to_owned(),
        |rate| format!("arrival = \"open\"\nrate_per_s = {:?}", rate.as_per_s()),
    );
    let how = rate.map_or_else(
        || {
            let connections = count(u64::from(connections.get()));
            match slo {
                Some(slo) => {
                    format!("open loop over {connections} connections, p99 within {slo}")
                }
                None => format!("closed loop of {connections} connections"),
            }
        },
        |rate| {
            format!(
                "{} requests a second over {} connections",
                rate.as_per_s(),
                count(u64::from(connections.get()))
            )
        },
    );
    let quoted = |value: &str| toml::Value::String(value.to_owned()).to_string();
    let description = quoted(&format!("{how}, GET {asked}"));
    // A path of one's own is not asked what it needs.
    let needed = if key == "route" {
        Service::of_route(asked)
    } else {
        &[]
    };
    let needs = match needed {
        [] => String::new(),
        needed => {
            let names = needed.iter().map(|service| quoted(service.name()));
            format!("needs = [{}]\n", names.collect::<Vec<_>>().join(", "))
        }
    };
    let slo = slo.map(|slo| format!("\n[objective]\np99 = {}\n", quoted(slo)));
    let text = format!(
        "description = {description}\nconnections = {connections}\n{needs}\n[load]\n{arrival}\n\n[[requests]]\n{key} = {}\n{}",
        quoted(asked),
        slo.unwrap_or_default()
    );
    (name, text)
}

/// A whole number from 1.
fn whole(
    text: &Text<'_>,
    key: &str,
    place: Span<usize>,
    value: i64,
    most: u32,
) -> Result<u32, SourceError> {
    match u32::try_from(value) {
        Ok(value) if (1..=most).contains(&value) => Ok(value),
        _ => Err(text.error(
            place,
            format!("`{key}` must be from 1 to {most}, not {value}"),
            format!("choose a number from 1 to {most}"),
        )),
    }
}

#[cfg(test)]
mod tests;
