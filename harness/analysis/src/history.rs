//! The history of a benchmark: one line a run, and where its levels changed.
//!
//! A line holds what later runs are compared with, and no more: a thousand of them stay below a few megabytes. What is
//! followed is the ratio of two targets of one run, because a change of the machine moves both; the levels themselves are
//! followed only where a run had one target alone, and only from run to run on the same kind of machine.

pub mod trend;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::compare::{block_values, geometric_mean};
use model::record::comparison::Comparison;
use model::record::metric::Metric;
use model::record::range;
use model::record::run::RunRecord;
use model::spec::load::Process;
use model::spec::scenario::{ArrivalSpec, Pace, Scenario};
use stats::change;
use stats::change::MAX_VALUES;

/// The version of a line's format. It grows when a key changes its meaning or goes away, not when one is added.
pub const SCHEMA_VERSION: u32 = 1;
/// The most runs that a history keeps; a further one drops the oldest.
pub const MAX_RUNS: usize = 1_000;
/// The longest line that is read: sixteen targets of every metric make a tenth of it.
pub const MAX_LINE_BYTES: usize = 256 * 1024;
/// The longest file that is read: [`MAX_RUNS`] of sixteen targets make half of it.
pub const MAX_FILE_BYTES: usize = 64 * 1024 * 1024;
/// How every line begins: by it a line that was never finished is known from what is no history.
const BEGINNING: &str = "{\"schema_version\":";
/// How often a history in which nothing changed may be said to have changed, over all its series together.
pub const ALPHA: f64 = 0.005;

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryLine {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The run's name, also of its directory.
    pub id: String,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// The revision that was measured, where it is known.
    pub revision: Option<String>,
    /// The scenario.
    pub scenario: String,
    /// What was driven, as `poisson, 1000/s, 50 connections`.
    pub load: String,
    /// The kind of machine, as `AMD EPYC 7B13, 2 cores`.
    pub host: String,
    /// Version of `bench`.
    pub bench_version: String,
    /// Whether the figures measure the targets. Runs that don't are kept and not looked at.
    pub valid: bool,
    /// Every target, in the order asked for.
    pub targets: Vec<HistoryTarget>,
    /// Every target against the first, metric by metric.
    pub comparisons: Vec<Comparison>,
}

/// A target in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryTarget {
    /// Its name.
    pub name: String,
    /// What it was, as its legend says.
    pub legend: String,
    /// Each metric: the geometric mean over the blocks.
    pub metrics: BTreeMap<String, f64>,
}

impl HistoryLine {
    /// The line of a record.
    ///
    /// `revision`: what was measured, where it is known.
    pub fn of(record: &RunRecord, revision: Option<String>) -> Self {
        let metrics = || Metric::with_optional(record.workload());
        let targets = record.targets.iter().map(|target| HistoryTarget {
            name: target.name.clone(),
            legend: target.manifest.legend(),
            metrics: metrics()
                .filter_map(|metric| {
                    let mean = geometric_mean(&block_values(&target.epochs, metric))?;
                    Some((metric.name().to_owned(), mean))
                })
                .collect(),
        });
        Self {
            schema_version: SCHEMA_VERSION,
            id: record.id.clone(),
            started_at: record.started_at.clone(),
            revision,
            scenario: record.scenario.name.clone(),
            load: load_of(record),
            host: host_of(record),
            bench_version: record.bench_version.clone(),
            valid: record.validity.is_valid(),
            targets: targets.collect(),
            comparisons: record.comparisons.clone(),
        }
    }
}

/// The machine, such that runs on the same kind of machine have the same words. One whose processor is unknown is like no other.
fn host_of(record: &RunRecord) -> String {
    let environment = &record.environment;
    let processor = match environment.cpu_model.as_str() {
        "" => format!("{} of {}", environment.processor(), record.id),
        known => known.to_owned(),
    };
    let host = format!("{processor}, {} cores", environment.cores);
    match environment.servers_words() {
        None => host,
        Some(servers) => format!("{host}; servers on {servers}"),
    }
}

/// The load, such that runs of the same load have the same words. A rate that follows from a measured capacity differs from
/// run to run and is named by what it follows from.
pub(crate) fn load_of(record: &RunRecord) -> String {
    let Some(target) = record.targets.first() else {
        return String::new();
    };
    let load = &target.report.load;
    let spec = Scenario::parse(&record.scenario.source, &record.scenario.name)
        .ok()
        .map(|scenario| scenario.arrival);
    let rate = match (spec, load.rate_per_s) {
        (
            Some(ArrivalSpec::Open {
                pace: Pace::CapacityShare(share),
                process,
            }),
            Some(_),
        ) if load.arrival == process_name(process) => {
            Some(format!("{:.0} % of capacity", share * 100.0))
        }
        (_, rate) => rate.map(|rate| format!("{rate:.0}/s")),
    };
    let parts = [
        Some(load.arrival.clone()),
        rate,
        Some(format!("{} connections", load.connections)),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join(", ")
}

fn process_name(process: Process) -> &'static str {
    match process {
        Process::Constant => "constant",
        Process::Poisson => "poisson",
    }
}

/// All runs, oldest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// At most [`MAX_RUNS`].
    lines: Vec<HistoryLine>,
}

/// How a file takes a further run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    /// By appending this text.
    Append(String),
    /// By holding this text instead: the oldest runs were dropped.
    Rewrite(String),
}

/// How the file of a history ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// With a line feed, or empty.
    Whole,
    /// With a whole run that lacks its line feed: the next writer puts one first.
    Unended,
    /// In the middle of a run, as a write leaves it that was cut off.
    Torn {
        /// How many bytes at the end belong to it.
        bytes: usize,
    },
}

impl History {
    /// Reads the file of a history, as far as it is whole, and says how it ends.
    ///
    /// `file_name`: where the bytes came from, as people would find it again.
    pub fn read(bytes: &[u8], file_name: &str) -> Result<(Self, Tail), HistoryError> {
        let whole = bytes
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |at| at + 1);
        let (lines, last) = bytes.split_at(whole);
        let text = |bytes| {
            str::from_utf8(bytes).map_err(|error| {
                let before = &bytes[..error.valid_up_to()];
                HistoryError::Corrupt {
                    place: format!("{file_name}:{}", line_feeds(before) + 1),
                    what: error.to_string(),
                }
            })
        };
        if last.iter().all(u8::is_ascii_whitespace) {
            return Ok((Self::from_ndjson(text(lines)?, file_name)?, Tail::Whole));
        }
        match text(bytes).and_then(|text| Self::from_ndjson(text, file_name)) {
            Err(HistoryError::Corrupt { place, .. })
                if is_begun(last) && place == format!("{file_name}:{}", line_feeds(lines) + 1) =>
            {
                let tail = Tail::Torn { bytes: last.len() };
                Ok((Self::from_ndjson(text(lines)?, file_name)?, tail))
            }
            read => Ok((read?, Tail::Unended)),
        }
    }

    /// Reads a history: a JSON object a line.
    ///
    /// `file_name`: where the text came from, as people would find it again.
    pub fn from_ndjson(text: &str, file_name: &str) -> Result<Self, HistoryError> {
        let mut lines = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            if line.trim().is_empty() {
                continue;
            }
            let place = || format!("{file_name}:{number}");
            if line.len() > MAX_LINE_BYTES {
                return Err(HistoryError::TooLong {
                    place: place(),
                    bytes: line.len(),
                });
            }
            let corrupt = |error: serde_json::Error| HistoryError::Corrupt {
                place: place(),
                what: error.to_string(),
            };
            let version = serde_json::from_str::<Versioned>(line)
                .map_err(corrupt)?
                .schema_version;
            if version > SCHEMA_VERSION {
                return Err(HistoryError::Newer {
                    place: place(),
                    version,
                });
            }
            range::check(line).map_err(corrupt)?;
            lines.push(serde_json::from_str(line).map_err(corrupt)?);
        }
        // A merge may put lines in any order; times of one zone are in the order of their text.
        lines.sort_by(|one: &HistoryLine, other| one.started_at.cmp(&other.started_at));
        let dropped = lines.len().saturating_sub(MAX_RUNS);
        Ok(Self {
            lines: lines.split_off(dropped),
        })
    }

    /// All runs, oldest first.
    pub fn lines(&self) -> &[HistoryLine] {
        &self.lines
    }

    /// Adds a run, and says how its file takes it. Past [`MAX_RUNS`] a tenth of the runs is dropped at once, so that a file
    /// is rewritten only now and then.
    pub fn push(&mut self, line: HistoryLine) -> Pushed {
        let text = to_line(&line);
        self.lines.push(line);
        if self.lines.len() <= MAX_RUNS {
            return Pushed::Append(text);
        }
        self.lines.drain(..=MAX_RUNS / 10);
        Pushed::Rewrite(self.lines.iter().map(to_line).collect())
    }

    /// What can be followed from run to run, by what it is.
    pub fn series(&self) -> Vec<Series> {
        let mut series = BTreeMap::<SeriesKey, Vec<Point>>::new();
        for line in self.lines.iter().filter(|line| line.valid) {
            for (what, metric, value) in followed(line) {
                let key = SeriesKey {
                    scenario: line.scenario.clone(),
                    load: line.load.clone(),
                    what,
                    metric,
                };
                series.entry(key).or_default().push(Point {
                    id: line.id.clone(),
                    started_at: line.started_at.clone(),
                    revision: line.revision.clone(),
                    value,
                });
            }
        }
        series
            .into_iter()
            .map(|(key, mut points)| Series {
                points: points.split_off(points.len().saturating_sub(MAX_VALUES)),
                key,
            })
            .collect()
    }
}

fn line_feeds(bytes: &[u8]) -> usize {
    bytes.split(|&byte| byte == b'\n').count() - 1
}

/// Whether this is the beginning of a line, or a beginning of that.
fn is_begun(line: &[u8]) -> bool {
    let beginning = BEGINNING.as_bytes();
    line.starts_with(beginning) || beginning.starts_with(line)
}

fn to_line(line: &HistoryLine) -> String {
    let mut text =
        serde_json::to_string(line).expect("a line has only string keys, and its values serialise");
    text.push('\n');
    text
}

/// What a run adds to the series.
pub(crate) fn followed(line: &HistoryLine) -> Vec<(Followed, Metric, f64)> {
    let ratios = line.comparisons.iter().map(|comparison| {
        let what = Followed::Ratio {
            base: comparison.base.clone(),
            head: comparison.head.clone(),
        };
        (what, comparison.metric, comparison.ratio)
    });
    let alone = (line.targets.len() == 1)
        .then(|| line.targets.first())
        .flatten();
    let levels = alone.into_iter().flat_map(|target| {
        Metric::all().into_iter().filter_map(|metric| {
            let what = Followed::Level {
                target: target.name.clone(),
                host: line.host.clone(),
            };
            Some((what, metric, *target.metrics.get(metric.name())?))
        })
    });
    let all = ratios.chain(levels);
    all.filter(|(.., value)| value.is_finite() && *value > 0.0)
        .collect()
}

/// The one key that every version of a line has.
#[derive(Deserialize)]
struct Versioned {
    schema_version: u32,
}

/// What is followed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "followed", rename_all = "snake_case")]
pub enum Followed {
    /// One target over another of the same run.
    Ratio {
        /// The target compared against.
        base: String,
        /// The target compared.
        head: String,
    },
    /// A target alone, on one kind of machine.
    Level {
        /// The target.
        target: String,
        /// The kind of machine.
        host: String,
    },
}

/// Which series: runs are followed only among their like.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct SeriesKey {
    /// The scenario.
    pub scenario: String,
    /// What was driven.
    pub load: String,
    /// What is followed.
    #[serde(flatten)]
    pub what: Followed,
    /// Of which metric.
    pub metric: Metric,
}

/// One figure from run to run.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Which figure.
    pub key: SeriesKey,
    /// Oldest first, at most [`MAX_VALUES`].
    pub points: Vec<Point>,
}

/// One run in a series.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// The run's name.
    pub id: String,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// The revision that was measured.
    pub revision: Option<String>,
    /// The ratio, or the level in the metric's unit.
    pub value: f64,
}

/// Whether a change was for the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// Less time or cost, or more throughput.
    Better,
    /// The opposite.
    Worse,
}

/// A change of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesChange {
    /// Which series, by its place in the list.
    pub series: usize,
    /// The first run after it, by its place in the series.
    pub at: usize,
    /// The earliest and the latest run that it may have begun with, at confidence 95 %.
    pub between: (usize, usize),
    /// The level after it over the level before it.
    pub ratio: f64,
    /// Lower end of the interval of that ratio, at confidence 95 %.
    pub ci_low: f64,
    /// Upper end.
    pub ci_high: f64,
    /// How often shuffled series have as good a split, before any adjustment for the number of series.
    pub p_value: f64,
    /// Whether it is for the better.
    pub turn: Turn,
}

/// The changes of all series, series by series, on logarithms.
///
/// All series together are said to have changed in one of two hundred histories in which none did ([`ALPHA`]), so that each is
/// held to a share of that. `seed`: of the shuffled series.
pub fn changes(series: &[Series], seed: u64) -> Vec<SeriesChange> {
    let long_enough = |series: &&Series| series.points.len() >= change::MIN_VALUES;
    let tested = series.iter().filter(long_enough).count().max(1);
    let alpha = ALPHA / tested as f64;
    let of_series = |(index, series): (usize, &Series)| {
        let logs: Vec<f64> = series.points.iter().map(|point| point.value.ln()).collect();
        let lower_is_better = series.key.metric.lower_is_better();
        change::changes(&logs, alpha, seed)
            .into_iter()
            .map(move |change| SeriesChange {
                series: index,
                at: change.at,
                between: change.between,
                ratio: change.effect.exp(),
                ci_low: change.interval.low.exp(),
                ci_high: change.interval.high.exp(),
                p_value: change.p_value,
                turn: if (change.effect < 0.0) == lower_is_better {
                    Turn::Better
                } else {
                    Turn::Worse
                },
            })
    };
    series.iter().enumerate().flat_map(of_series).collect()
}

/// Why a history can't be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HistoryError {
    /// Longer than any line.
    #[error(
        "{place}: the line has {bytes} bytes, and one of a history at most {MAX_LINE_BYTES}: check that this is a history.ndjson"
    )]
    TooLong {
        /// File and line.
        place: String,
        /// The line's length.
        bytes: usize,
    },
    /// Written by a later version.
    #[error(
        "{place}: the line has schema version {version}, and this bench reads up to {SCHEMA_VERSION}: read it with the version that wrote it, or later"
    )]
    Newer {
        /// File and line.
        place: String,
        /// Its version.
        version: u32,
    },
    /// Not a line of a history.
    #[error("{place}: this is no line of a history ({what}): remove the line, or restore the file")]
    Corrupt {
        /// File and line.
        place: String,
        /// What the reader says.
        what: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};
    use rand_xoshiro::Xoshiro256PlusPlus;
    use std::sync::LazyLock;

    /// Made once: the record behind it takes a while.
    static LINE: LazyLock<HistoryLine> =
        LazyLock::new(|| HistoryLine::of(&samples::run_record(), Some("4f2a91c".to_owned())));

    fn line() -> HistoryLine {
        LINE.clone()
    }

    fn numbered(number: usize) -> HistoryLine {
        HistoryLine {
            id: format!("run-{number:04}"),
            ..line()
        }
    }

    /// Sixty runs with 3 % noise, in which every ratio shifts by a factor at run 40.
    fn history(shift: f64, seed: u64) -> History {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut history = History::default();
        for number in 0..60 {
            let mut line = numbered(number);
            for comparison in &mut line.comparisons {
                let own: f64 = StandardNormal.sample(&mut random);
                comparison.ratio = (0.03 * own).exp() * if number < 40 { 1.0 } else { shift };
            }
            history.push(line);
        }
        history
    }

    #[test]
    fn a_line_holds_what_later_runs_are_compared_with() {
        let mut line = line();
        line.comparisons.truncate(1);
        line.targets.truncate(1);
        insta::assert_snapshot!(serde_json::to_string_pretty(&line).unwrap());
    }

    #[test]
    fn a_history_comes_back_as_it_went() {
        let mut history = History::default();
        let mut text = String::new();
        for number in 0..3 {
            let Pushed::Append(line) = history.push(numbered(number)) else {
                panic!("three runs fit");
            };
            text.push_str(&line);
        }
        assert_eq!(text.lines().count(), 3);
        assert_eq!(History::from_ndjson(&text, "history.ndjson"), Ok(history));
        let with_gaps = text.replace('\n', "\n\n");
        assert_eq!(
            History::from_ndjson(&with_gaps, "h").unwrap().lines().len(),
            3
        );
    }

    #[test]
    fn a_history_never_grows_without_end() {
        let mut history = History::default();
        let mut rewritten = 0;
        for number in 0..MAX_RUNS + 150 {
            rewritten += usize::from(matches!(history.push(numbered(number)), Pushed::Rewrite(_)));
            assert!(history.lines().len() <= MAX_RUNS);
        }
        assert_eq!(rewritten, 2, "a tenth goes at once");
        assert_eq!(history.lines().last().unwrap().id, "run-1149");
        let Pushed::Append(text) = history.push(numbered(0)) else {
            panic!("there is room again");
        };
        // A file that someone put together is read to its last runs.
        let long = text.repeat(MAX_RUNS + 1);
        assert_eq!(
            History::from_ndjson(&long, "h").unwrap().lines().len(),
            MAX_RUNS
        );
    }

    #[test]
    fn lines_that_a_merge_put_in_another_order_are_read_in_theirs() {
        let at = |day: usize| HistoryLine {
            started_at: format!("2026-11-{day:02}T10:00:00Z"),
            ..numbered(day)
        };
        let text = [2, 4, 1, 3].map(|day| to_line(&at(day))).concat();
        let read = History::from_ndjson(&text, "h").unwrap();
        let ids: Vec<&str> = read.lines().iter().map(|line| line.id.as_str()).collect();
        assert_eq!(ids, ["run-0001", "run-0002", "run-0003", "run-0004"]);
    }

    #[test]
    fn a_damaged_line_is_named_with_its_place() {
        let good = to_line(&line());
        let check = |second: &str, expected: &str| {
            let text = format!("{good}{second}\n");
            let error = History::from_ndjson(&text, "results/history.ndjson").unwrap_err();
            assert!(error.to_string().starts_with(expected), "{error}");
        };
        check(
            "{\"schema_version\":1}",
            "results/history.ndjson:2: this is no line of a history (missing field `id`",
        );
        check(&good[..40], "results/history.ndjson:2: this is no line");
        let mut zero = line();
        zero.comparisons[0].ratio = 0.0;
        check(
            to_line(&zero).trim_end(),
            "results/history.ndjson:2: this is no line of a history (`comparisons[0].ratio` is 0e0, and must be from 1e-9",
        );
        check(
            "{\"schema_version\":2,\"new\":1}",
            "results/history.ndjson:2: the line has schema version 2",
        );
        check(
            &"x".repeat(MAX_LINE_BYTES + 1),
            "results/history.ndjson:2: the line has 262145 bytes",
        );
    }

    #[test]
    fn a_file_is_read_as_far_as_it_is_whole() {
        let good = to_line(&line());
        let check = |text: &[u8], expected: Result<(usize, Tail), &str>| {
            let read = History::read(text, "h");
            let reported = read
                .map(|(history, tail)| (history.lines().len(), tail))
                .map_err(|error| error.to_string());
            match expected {
                Ok(expected) => assert_eq!(reported, Ok(expected)),
                Err(beginning) => assert!(
                    reported
                        .as_ref()
                        .is_err_and(|reported| reported.starts_with(beginning)),
                    "{reported:?}"
                ),
            }
        };
        check(b"", Ok((0, Tail::Whole)));
        check(b" \n", Ok((0, Tail::Whole)));
        check(good.as_bytes(), Ok((1, Tail::Whole)));
        // Cut off anywhere, even within a character: the line before is whole.
        let accented = good.replace("4f2a91c", "\u{e9}\u{e9}\u{e9}");
        let two = [good.as_bytes(), accented.as_bytes()].concat();
        for cut in good.len() + 1..two.len() - 1 {
            let bytes = cut - good.len();
            check(&two[..cut], Ok((1, Tail::Torn { bytes })));
        }
        check(&two[..two.len() - 1], Ok((2, Tail::Unended)));
        // What is no beginning of a line is somebody else's file, and no line but the last is ever torn.
        check(b"shopping list", Err("h:1: this is no line of a history"));
        check(
            &[&good.as_bytes()[..40], b"\n"].concat(),
            Err("h:1: this is no line"),
        );
        check(
            &[&good.as_bytes()[..40], b"\n{"].concat(),
            Err("h:1: this is no line"),
        );
        check(
            b"\n\xff\n",
            Err("h:2: this is no line of a history (invalid utf-8"),
        );
        check(
            b"{\"schema_version\":2}",
            Err("h:1: the line has schema version 2"),
        );
    }

    #[test]
    fn ratios_are_followed_among_their_like_and_invalid_runs_are_not() {
        let mut history = History::default();
        history.push(line());
        history.push(HistoryLine {
            valid: false,
            ..line()
        });
        history.push(HistoryLine {
            load: "closed, 50 connections".to_owned(),
            ..line()
        });
        history.push(HistoryLine {
            host: "another machine".to_owned(),
            ..line()
        });
        let series = history.series();
        // Seven metrics of two loads; the host matters to none of them.
        assert_eq!(series.len(), 14);
        let lengths: Vec<usize> = series.iter().map(|series| series.points.len()).collect();
        assert_eq!(lengths.iter().filter(|&&length| length == 2).count(), 7);
        assert!(series.iter().all(|series| matches!(&series.key.what, Followed::Ratio { base, head } if base == "callback" && head == "coroutine")));
    }

    #[test]
    fn a_target_alone_is_followed_on_one_kind_of_machine() {
        let mut record = samples::run_record();
        record.targets.truncate(1);
        record.comparisons.clear();
        let alone = HistoryLine::of(&record, None);
        let mut history = History::default();
        history.push(alone.clone());
        history.push(HistoryLine {
            host: "another machine".to_owned(),
            ..alone
        });
        let series = history.series();
        assert_eq!(series.len(), 14);
        assert!(series.iter().all(|series| series.points.len() == 1));
    }

    #[test]
    fn a_load_at_a_share_of_the_capacity_is_named_by_it() {
        assert_eq!(line().load, "poisson, 1000/s, 256 connections");
        let mut record = samples::run_record();
        let half = Scenario::built_in("cpu-heavy").unwrap();
        record.scenario = half.record();
        let load = &mut record.targets[0].report.load;
        (load.arrival, load.rate_per_s) = ("poisson".to_owned(), Some(1234.5));
        assert_eq!(
            HistoryLine::of(&record, None).load,
            "poisson, 50 % of capacity, 256 connections"
        );
    }

    #[test]
    fn a_shift_is_reported_with_its_run_its_size_and_whether_it_is_for_the_better() {
        let history = history(1.05, 4);
        let series = history.series();
        let reported = changes(&series, 1);
        // Seven series, each with noise of its own: all but one may be missed once in a while.
        assert!(reported.len() >= 6, "{reported:?}");
        for change in reported {
            let series = &series[change.series];
            assert!(change.at.abs_diff(40) <= 4, "{change:?}");
            assert!(change.between.0 <= change.at && change.at <= change.between.1);
            assert!(change.ci_low < 1.05 && 1.05 < change.ci_high, "{change:?}");
            let expected = if series.key.metric.lower_is_better() {
                Turn::Worse
            } else {
                Turn::Better
            };
            assert_eq!(change.turn, expected);
        }
    }

    #[test]
    fn of_two_hundred_flat_histories_of_seven_series_at_most_two_per_cent_are_flagged() {
        let flagged = (0..200_u64)
            .filter(|&seed| !changes(&history(1.0, 500 + seed).series(), seed).is_empty());
        let flagged = flagged.count();
        assert!(flagged <= 4, "{flagged}");
    }

    #[test]
    fn nothing_is_reported_of_nothing() {
        assert!(changes(&History::default().series(), 1).is_empty());
        assert!(changes(&history(1.05, 1).series()[..0], 1).is_empty());
    }
}
