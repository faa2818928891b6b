//! What a history shows: each of its figures with the levels that it had, and the runs with which they changed.

use serde::Serialize;

use super::{History, Point, Series, SeriesChange, SeriesKey, Turn, changes};

/// One figure from run to run, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trend {
    /// Which figure.
    #[serde(flatten)]
    pub key: SeriesKey,
    /// Its levels, oldest first: one more than there are changes.
    pub levels: Vec<Level>,
    /// Where they changed, oldest first.
    pub changes: Vec<Shift>,
    /// Every run, oldest first; never empty.
    pub points: Vec<Point>,
}

/// Runs between two changes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Level {
    /// The first of them, by its place among the points.
    pub from: usize,
    /// How many there are.
    pub runs: usize,
    /// Their geometric mean: a ratio, or a level in the metric's unit.
    pub value: f64,
}

/// One change, and the runs that it lies between.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shift {
    /// The first run after it, by its place among the points.
    pub at: usize,
    /// That run's name.
    pub id: String,
    /// The revision that it measured.
    pub revision: Option<String>,
    /// The earliest and the latest run that the change may have begun with, at confidence 95 %, by their places.
    pub between: (usize, usize),
    /// Their names.
    pub between_ids: (String, String),
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

/// Every figure of a history with its changes. `seed`: of the shuffled series that changes are held against.
pub fn trends(history: &History, seed: u64) -> Vec<Trend> {
    let series = history.series();
    let changes = changes(&series, seed);
    let with_changes = series.into_iter().enumerate().map(|(index, series)| {
        let own = changes.iter().filter(|change| change.series == index);
        Trend::of(series, own)
    });
    with_changes.collect()
}

impl Trend {
    fn of<'a>(series: Series, changes: impl Iterator<Item = &'a SeriesChange>) -> Self {
        let Series { key, points } = series;
        let changes: Vec<Shift> = changes.map(|change| Shift::of(change, &points)).collect();
        let starts = std::iter::once(0).chain(changes.iter().map(|change| change.at));
        let ends = changes
            .iter()
            .map(|change| change.at)
            .chain(std::iter::once(points.len()));
        let levels = starts.zip(ends).map(|(from, end)| Level {
            from,
            runs: end - from,
            value: geometric_mean(&points[from..end]),
        });
        Self {
            levels: levels.collect(),
            key,
            changes,
            points,
        }
    }

    /// The level since the last change.
    pub fn level(&self) -> f64 {
        self.levels.last().expect("there is one at least").value
    }

    /// The latest run.
    pub fn latest(&self) -> &Point {
        self.points.last().expect("there is one at least")
    }
}

impl Shift {
    fn of(change: &SeriesChange, points: &[Point]) -> Self {
        let id = |at: usize| points[at].id.clone();
        let (earliest, latest) = change.between;
        Self {
            at: change.at,
            id: id(change.at),
            revision: points[change.at].revision.clone(),
            between: change.between,
            between_ids: (id(earliest), id(latest)),
            ratio: change.ratio,
            ci_low: change.ci_low,
            ci_high: change.ci_high,
            p_value: change.p_value,
            turn: change.turn,
        }
    }
}

fn geometric_mean(points: &[Point]) -> f64 {
    let logs: f64 = points.iter().map(|point| point.value.ln()).sum();
    (logs / points.len() as f64).exp()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Followed, HistoryLine};
    use model::record::metric::Metric;

    /// Runs in which one ratio is 1 up to a place, and `after` from there on, with a little that alternates.
    fn shifted(runs: usize, at: usize, after: f64) -> Trend {
        let record = samples::run_record();
        let mut history = History::default();
        for run in 0..runs {
            let mut line = HistoryLine::of(&record, Some(format!("r{run}")));
            line.id = format!("run-{run}");
            line.comparisons.truncate(1);
            let wobble = if run % 2 == 0 { 1.001 } else { 0.999 };
            line.comparisons[0].ratio = wobble * if run < at { 1.0 } else { after };
            history.push(line);
        }
        trends(&history, 1).remove(0)
    }

    #[test]
    fn levels_lie_between_changes_and_the_last_one_is_what_holds_now() {
        let trend = shifted(30, 20, 1.1);
        assert_eq!(trend.key.metric, Metric::RESPONSE_TIME_P50);
        assert!(matches!(trend.key.what, Followed::Ratio { .. }));
        let [change] = trend.changes.as_slice() else {
            panic!("{:?}", trend.changes);
        };
        assert_eq!((change.at, change.id.as_str()), (20, "run-20"));
        assert_eq!(change.revision.as_deref(), Some("r20"));
        assert_eq!(change.turn, Turn::Worse);
        assert_eq!(change.between_ids.0, format!("run-{}", change.between.0));
        let levels: Vec<(usize, usize)> = trend
            .levels
            .iter()
            .map(|level| (level.from, level.runs))
            .collect();
        assert_eq!(levels, [(0, 20), (20, 10)]);
        assert!((trend.levels[0].value - 1.0).abs() < 1e-3 && (trend.level() - 1.1).abs() < 1e-3);
        assert_eq!(trend.latest().id, "run-29");
    }

    #[test]
    fn one_run_is_a_level_without_a_change() {
        let trend = shifted(1, 1, 1.0);
        assert_eq!((trend.levels.len(), trend.changes.len()), (1, 0));
    }
}
