//! What a gate measures and what it must not let pass, read from TOML.
//!
//! Knows the shape of a `bench.toml` and reports every mistake in it by file, line and remedy. Must never know which
//! scenarios or targets there are: the caller does, and refuses them through [`Config::error_at`].

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::compare::Policy;
use model::measured::clock::Clock;
use model::record::metric::Metric;
use model::spec::plan::Effort;
use model::spec::scenario::{MAX_TIMEOUT, Objective, RawObjective, objectives};
use model::spec::toml_source::{SourceError, Text};

/// The level of each measurement's verdicts. An alarm takes two of them.
pub const ALPHA: f64 = 0.05;
/// The longest configuration that is read.
pub const MAX_SOURCE_BYTES: usize = 64 * 1024;
/// The most scenarios that one gate measures.
pub const MAX_SCENARIOS: usize = 16;
/// The most words of the command that builds.
pub const MAX_WORDS: usize = 256;
/// The smallest ratio that matters, where the configuration doesn't say.
pub const DEFAULT_MARGIN: f64 = 0.05;
/// The metrics that are judged where the configuration doesn't say, as far as a scenario has them. Service time is left out:
/// response time holds it.
pub fn usually_judged() -> Vec<Metric> {
    let mut judged = Metric::all();
    judged.retain(|metric| !matches!(metric, Metric::Time(Clock::ServiceTime, _)));
    judged
}

/// What a gate measures, and when it raises an alarm.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Scenarios by name, or files beside this one: never empty, at most [`MAX_SCENARIOS`], no two alike.
    pub scenarios: Vec<String>,
    /// The target that is judged: a name, or a manifest beside this file.
    pub target: String,
    /// What is measured beside the head where it is compared with earlier runs, so that a change of the machine cancels.
    pub reference: Option<String>,
    /// The command that builds a tree, run at its root; often none.
    pub build: Vec<String>,
    /// How long each scenario is measured.
    pub effort: Effort,
    /// Absolute bounds, in ascending order of percentile; often none.
    pub objectives: Vec<Objective>,
    /// The largest share of requests that may fail; without it, none where the base has none, and no more than the base's.
    pub max_errors: Option<f64>,
    /// The smallest ratio that matters, where no rule says otherwise.
    margin: f64,
    /// Metrics with rules of their own.
    rules: BTreeMap<Metric, Rule>,
    source: String,
    file_name: String,
    places: Vec<(String, Range<usize>)>,
}

/// When a metric raises an alarm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// The smallest ratio that matters: above 0, at most 1.
    pub margin: f64,
    /// Which way.
    pub alarm: Alarm,
}

impl Default for Rule {
    fn default() -> Self {
        Self {
            margin: DEFAULT_MARGIN,
            alarm: Alarm::Worse,
        }
    }
}

/// Which way a metric must not go. Which way is worse is known of every metric.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Alarm {
    /// It must not get worse.
    #[default]
    Worse,
    /// It must not change at all.
    Change,
    /// It is reported, and never raises an alarm.
    Never,
}

impl Rule {
    /// The policy of its verdicts.
    pub(super) fn policy(self, seed: u64) -> Policy {
        Policy::new(self.margin, ALPHA, seed).expect("margins are checked when they are read")
    }
}

impl Config {
    /// Reads a configuration.
    ///
    /// `file_name`: where the source came from, as people would find it again.
    pub fn parse(source: &str, file_name: &str) -> Result<Self, SourceError> {
        let text = text(source, file_name);
        if source.len() > MAX_SOURCE_BYTES {
            let what = format!(
                "the file has {} bytes; a configuration has at most {MAX_SOURCE_BYTES}",
                source.len()
            );
            let help = "check that this is a bench.toml: they usually have a dozen lines";
            return Err(text.error(0..0, what, help));
        }
        let raw: Raw = toml::from_str(source).map_err(|error| text.toml_error(&error))?;
        let scenarios = scenarios(&text, &raw.scenarios)?;
        let margin = margin(&text, raw.margin.as_ref(), DEFAULT_MARGIN)?;
        let named = raw.scenarios.get_ref().iter().chain([&raw.target]);
        let places = named
            .chain(&raw.reference)
            .map(|value| (value.get_ref().clone(), value.span()));
        Ok(Self {
            places: places.collect(),
            target: word(&text, "target", &raw.target)?,
            reference: raw
                .reference
                .as_ref()
                .map(|value| word(&text, "reference", value))
                .transpose()?,
            build: build(&text, raw.build.as_ref())?,
            effort: raw.effort.unwrap_or_default().into(),
            objectives: objectives(&text, raw.objective.as_ref(), MAX_TIMEOUT)?,
            max_errors: max_errors(&text, raw.max_errors.as_ref())?,
            rules: rules(&text, &raw.metrics, margin)?,
            margin,
            scenarios,
            source: source.to_owned(),
            file_name: file_name.to_owned(),
        })
    }

    /// How a metric is judged; `None` where it is not.
    pub fn rule(&self, metric: Metric) -> Option<Rule> {
        let usual = usually_judged().contains(&metric).then_some(Rule {
            margin: self.margin,
            alarm: Alarm::Worse,
        });
        self.rules.get(&metric).copied().or(usual)
    }

    /// The error of a scenario or target that the caller, who knows them, refused, in the same look as every other error here.
    ///
    /// `value`: the one that is refused, as it stands there.
    pub fn error_at(&self, value: &str, message: &str, help: &str) -> SourceError {
        let place = self.places.iter().find(|(known, _)| known == value);
        let place = place.map_or(0..0, |(_, place)| place.clone());
        text(&self.source, &self.file_name).error(place, message, help)
    }
}

fn text<'a>(source: &'a str, file_name: &'a str) -> Text<'a> {
    Text {
        source,
        file_name,
        examples: "docs/ci.md shows one to start from",
    }
}

/// A gate of bench: what is measured, and what must not get worse.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(title = "Gate of bench", rename = "Gate"))]
#[serde(deny_unknown_fields)]
struct Raw {
    /// Scenarios by name, or TOML files beside this one.
    #[cfg_attr(test, schemars(with = "Vec<String>", length(min = 1, max = MAX_SCENARIOS)))]
    scenarios: Spanned<Vec<Spanned<String>>>,
    /// The target that is judged: a name, or a manifest beside this file, whose command is then started from the base's tree
    /// and from the head's.
    #[cfg_attr(test, schemars(with = "String"))]
    target: Spanned<String>,
    /// A target to measure beside the head where it is compared with earlier runs.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    reference: Option<Spanned<String>>,
    /// The command that builds a tree, word by word, run at its root.
    #[cfg_attr(test, schemars(with = "Option<Vec<String>>", length(min = 1, max = MAX_WORDS)))]
    build: Option<Spanned<Vec<Spanned<String>>>>,
    /// How long each scenario is measured: `default` if left out.
    effort: Option<RawEffort>,
    /// The smallest ratio that matters: 0.05 if left out.
    #[cfg_attr(test, schemars(with = "Option<f64>", range(max = 1.0)))]
    margin: Option<Spanned<f64>>,
    /// The largest share of requests that may fail, from 0 to 1; if left out, none where the base has none, and no larger a share than
    /// the base's.
    #[cfg_attr(test, schemars(with = "Option<f64>", range(min = 0.0, max = 1.0)))]
    max_errors: Option<Spanned<f64>>,
    /// Metrics with rules of their own, by their names in records.
    #[cfg_attr(test, schemars(with = "BTreeMap<String, RawRule>"))]
    #[serde(default)]
    metrics: BTreeMap<Spanned<String>, RawRule>,
    /// Absolute bounds: the longest that a percentile of what is timed may be.
    objective: Option<RawObjective>,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "Rule"))]
#[serde(deny_unknown_fields)]
struct RawRule {
    /// The smallest ratio of it that matters.
    #[cfg_attr(test, schemars(with = "Option<f64>", range(max = 1.0)))]
    margin: Option<Spanned<f64>>,
    /// Which way it must not go: `worse` if left out.
    alarm: Option<Alarm>,
}

#[derive(Deserialize, Default, Clone, Copy)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "Effort"))]
#[serde(rename_all = "snake_case")]
enum RawEffort {
    /// At most 20 seconds a scenario.
    Quick,
    /// About a minute a scenario.
    #[default]
    Default,
    /// About five minutes a scenario.
    Thorough,
}

impl From<RawEffort> for Effort {
    fn from(raw: RawEffort) -> Self {
        match raw {
            RawEffort::Quick => Self::Quick,
            RawEffort::Default => Self::Default,
            RawEffort::Thorough => Self::Thorough,
        }
    }
}

fn scenarios(
    text: &Text<'_>,
    values: &Spanned<Vec<Spanned<String>>>,
) -> Result<Vec<String>, SourceError> {
    let help = "name one or more, as in `scenarios = [\"io-heavy\"]`";
    let count = values.get_ref().len();
    if !(1..=MAX_SCENARIOS).contains(&count) {
        let what = format!("a gate measures 1 to {MAX_SCENARIOS} scenarios, not {count}");
        return Err(text.error(values.span(), what, help));
    }
    let mut names = Vec::new();
    for value in values.get_ref() {
        let name = word(text, "scenarios", value)?;
        if names.contains(&name) {
            let what = format!("`{name}` is named twice");
            return Err(text.error(value.span(), what, "leave one of them out"));
        }
        names.push(name);
    }
    Ok(names)
}

fn word(text: &Text<'_>, key: &str, value: &Spanned<String>) -> Result<String, SourceError> {
    if value.get_ref().trim().is_empty() {
        let what = format!("`{key}` is empty");
        return Err(text.error(value.span(), what, "name one, or a file beside this one"));
    }
    Ok(value.get_ref().clone())
}

fn build(
    text: &Text<'_>,
    words: Option<&Spanned<Vec<Spanned<String>>>>,
) -> Result<Vec<String>, SourceError> {
    let Some(words) = words else {
        return Ok(Vec::new());
    };
    let help = "write it word by word, as in `build = [\"cargo\", \"build\", \"--release\"]`, or leave it out";
    let count = words.get_ref().len();
    if !(1..=MAX_WORDS).contains(&count) {
        let what = format!("`build` has 1 to {MAX_WORDS} words, not {count}");
        return Err(text.error(words.span(), what, help));
    }
    let program = &words.get_ref()[0];
    if program.get_ref().is_empty() {
        return Err(text.error(program.span(), "the program has no name", help));
    }
    Ok(words
        .get_ref()
        .iter()
        .map(|word| word.get_ref().clone())
        .collect())
}

fn margin(text: &Text<'_>, value: Option<&Spanned<f64>>, usual: f64) -> Result<f64, SourceError> {
    let Some(value) = value else {
        return Ok(usual);
    };
    Policy::new(*value.get_ref(), ALPHA, 0).map_err(|error| {
        text.error(
            value.span(),
            error.to_string(),
            "write a share, as 0.05 for 5 %",
        )
    })?;
    Ok(*value.get_ref())
}

fn max_errors(text: &Text<'_>, value: Option<&Spanned<f64>>) -> Result<Option<f64>, SourceError> {
    let Some(value) = value else {
        return Ok(None);
    };
    let share = *value.get_ref();
    if !(0.0..=1.0).contains(&share) {
        let what = format!("`max_errors` is a share from 0 to 1, not {share}");
        return Err(text.error(value.span(), what, "write 0.01 for 1 %"));
    }
    Ok(Some(share))
}

fn rules(
    text: &Text<'_>,
    raw: &BTreeMap<Spanned<String>, RawRule>,
    usual: f64,
) -> Result<BTreeMap<Metric, Rule>, SourceError> {
    let each = raw.iter().map(|(name, rule)| {
        let metric = Metric::named(name.get_ref()).map_err(|error| {
            let known = Metric::all().into_iter();
            let known = known.map(|metric| metric.name().to_owned()).collect();
            let what = format!("no metric is called `{}`", error.name);
            text.unknown(name.span(), what, known, error.nearest.map(str::to_owned))
        })?;
        let rule = Rule {
            margin: margin(text, rule.margin.as_ref(), usual)?,
            alarm: rule.alarm.unwrap_or_default(),
        };
        Ok((metric, rule))
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::record::metric::Rank;
    use std::time::Duration;

    const WHOLE: &str = r#"
scenarios = ["ping", "mine.toml"]
target = "callback.toml"
reference = "coroutine"
build = ["make", "-j2"]
effort = "quick"
margin = 0.03
max_errors = 0.01

[metrics]
response_time_ns_p99 = { margin = 0.1 }
server_rss_bytes_max = { alarm = "never" }
service_time_ns_p50 = { alarm = "change" }

[objective]
p99 = "40ms"
"#;

    #[test]
    fn every_key_is_read() {
        let config = Config::parse(WHOLE, "bench.toml").unwrap();
        assert_eq!(config.scenarios, ["ping", "mine.toml"]);
        assert_eq!(
            (config.target.as_str(), config.effort),
            ("callback.toml", Effort::Quick)
        );
        assert_eq!(config.reference.as_deref(), Some("coroutine"));
        assert_eq!(config.max_errors, Some(0.01));
        assert_eq!(config.build, ["make", "-j2"]);
        let [objective] = config.objectives.as_slice() else {
            panic!("{:?}", config.objectives);
        };
        assert_eq!(
            (objective.percentile, objective.at_most),
            ("p99", Duration::from_millis(40))
        );
        let rule = |margin, alarm| Some(Rule { margin, alarm });
        for (metric, expected) in [
            (Metric::RESPONSE_TIME_P50, rule(0.03, Alarm::Worse)),
            (Metric::RESPONSE_TIME_P99, rule(0.1, Alarm::Worse)),
            (Metric::ServerRssBytesMax, rule(0.03, Alarm::Never)),
            (
                Metric::Time(Clock::ServiceTime, Rank::P50),
                rule(0.03, Alarm::Change),
            ),
            (Metric::Time(Clock::ServiceTime, Rank::P99), None),
        ] {
            assert_eq!(config.rule(metric), expected, "{metric:?}");
        }
    }

    #[test]
    fn two_lines_are_enough() {
        let config = Config::parse("scenarios = [\"ping\"]\ntarget = \"callback\"", "b").unwrap();
        assert_eq!((config.effort, config.build.len()), (Effort::Default, 0));
        let judged = Metric::all()
            .into_iter()
            .filter(|&metric| config.rule(metric).is_some());
        assert_eq!(judged.collect::<Vec<_>>(), usually_judged());
    }

    #[test]
    fn mistakes_are_named_with_their_line_and_the_remedy() {
        let check = |from: &str, to: &str, expected: &str, remedy: &str| {
            assert!(WHOLE.contains(from), "{from}");
            let error = Config::parse(&WHOLE.replace(from, to), "bench.toml").unwrap_err();
            assert!(error.to_string().starts_with(expected), "{error}");
            assert!(error.remedy().contains(remedy), "{}", error.remedy());
        };
        check(
            "effort",
            "efort",
            "bench.toml:6:1: unknown key `efort`",
            "did you mean `effort`?",
        );
        check(
            "\"quick\"",
            "\"fast\"",
            "bench.toml:6:10: unknown value `fast`",
            "`quick`",
        );
        check(
            "target = \"callback.toml\"",
            "",
            "bench.toml:1:1: `target` is missing",
            "docs/ci.md",
        );
        check(
            "\"mine.toml\"",
            "\"ping\"",
            "bench.toml:2:22: `ping` is named twice",
            "leave one",
        );
        check(
            "[\"ping\", \"mine.toml\"]",
            "[]",
            "bench.toml:2:13: a gate measures 1 to 16",
            "name one",
        );
        check(
            "\"mine.toml\"",
            "\" \"",
            "bench.toml:2:22: `scenarios` is empty",
            "name one",
        );
        check(
            "[\"make\", \"-j2\"]",
            "[]",
            "bench.toml:5:9: `build` has 1 to 256 words",
            "word by word",
        );
        check(
            "\"make\"",
            "\"\"",
            "bench.toml:5:10: the program has no name",
            "word by word",
        );
        check(
            "0.03",
            "0.0",
            "bench.toml:7:10: a margin must be above 0",
            "0.05 for 5 %",
        );
        check(
            "0.1 ",
            "2.0 ",
            "bench.toml:11:35: a margin must be above 0",
            "0.05 for 5 %",
        );
        check(
            "_p99 =",
            "_p98 =",
            "bench.toml:11:1: no metric is called `response_time_ns_p98`",
            "did you mean `response_time_ns_p99`?",
        );
        check(
            "\"never\"",
            "\"often\"",
            "bench.toml:12:34: unknown value `often`",
            "`never`",
        );
        check(
            "40ms",
            "soon",
            "bench.toml:16:7: `soon` is not a duration",
            "a unit",
        );
        let error = Config::parse(&"#".repeat(MAX_SOURCE_BYTES + 1), "b").unwrap_err();
        assert!(error.what().contains("at most 65536"), "{error}");
        assert!(
            Config::parse(
                &format!("{WHOLE}{}", "#".repeat(MAX_SOURCE_BYTES - WHOLE.len())),
                "b"
            )
            .is_ok()
        );
    }

    #[test]
    fn bounds_hold_at_their_limits() {
        let with = |scenarios: usize, words: usize| {
            let list = |count: usize, prefix: &str| {
                let items: Vec<String> = (0..count).map(|i| format!("\"{prefix}{i}\"")).collect();
                items.join(",")
            };
            let source = format!(
                "scenarios = [{}]\ntarget = \"t\"\nbuild = [{}]",
                list(scenarios, "s"),
                list(words, "w")
            );
            Config::parse(&source, "b").is_ok()
        };
        assert!(with(MAX_SCENARIOS, MAX_WORDS));
        assert!(!with(MAX_SCENARIOS + 1, 1) && !with(1, MAX_WORDS + 1));
    }

    #[test]
    fn a_value_that_others_refuse_is_an_error_at_its_place() {
        let config = Config::parse(WHOLE, "bench.toml").unwrap();
        let error = config.error_at("mine.toml", "no such file", "make it");
        assert_eq!(error.to_string(), "bench.toml:2:22: no such file");
        assert_eq!(config.error_at("callback.toml", "x", "y").line(), 3);
        assert_eq!(config.error_at("coroutine", "x", "y").line(), 4);
    }

    /// The schema that editors check configurations with. `BLESS=1` in the environment of the build writes it anew.
    #[test]
    fn the_published_schema_is_that_of_what_is_read() {
        let mut schema = serde_json::to_string_pretty(&schemars::schema_for!(Raw)).unwrap();
        schema.push('\n');
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../scripts/gate/bench.schema.json"
        );
        if option_env!("BLESS").is_some() {
            std::fs::write(path, &schema).unwrap();
        }
        let published = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            published == schema,
            "scripts/gate/bench.schema.json is not what configurations are read by: run this test built with BLESS=1"
        );
    }

    #[test]
    fn what_may_fail_is_a_share() {
        let parsed = |share: &str| {
            let source = WHOLE.replace("max_errors = 0.01", &format!("max_errors = {share}"));
            Config::parse(&source, "bench.toml")
        };
        for share in ["0.0", "1.0"] {
            assert!(parsed(share).is_ok(), "{share}");
        }
        for share in ["-0.01", "1.01", "nan"] {
            let error = parsed(share).unwrap_err().to_string();
            assert!(
                error.starts_with("bench.toml:8:14: `max_errors` is a share"),
                "{error}"
            );
        }
    }

    #[test]
    fn the_gate_of_this_repository_is_read_and_names_its_schema() {
        let source = include_str!("../../../../scripts/gate/bench.toml");
        assert!(source.starts_with("#:schema ./bench.schema.json\n"));
        let config = Config::parse(source, "scripts/gate/bench.toml").unwrap();
        assert_eq!(config.target, "callback.toml");
        let manifest = include_str!("../../../../scripts/gate/callback.toml");
        assert!(model::spec::target::Manifest::parse(manifest, "callback.toml").is_ok());
    }
}
