//! A/A: a target compared with itself, by the same pipeline as with any other. Whatever difference is called there is a false
//! alarm, and how often that happens on a machine is counted from run to run.

use crate::history::{History, HistoryLine};
use model::record::aa::FalseAlarms;
use model::record::run::{Completion, RunRecord};
use model::record::verdict::ComparisonVerdict;
use stats::binomial::share_interval;

/// What the second self of a target adds to its name.
pub const SUFFIX: &str = "-aa";
/// With fewer A/A comparisons than this, what share of them was called different tells nothing: of twenty, one false alarm in
/// twenty is one.
pub const MIN_RUNS: u64 = 20;
/// One less the confidence of the interval of that share.
const ALPHA: f64 = 0.05;

/// Counts the false alarms of one kind of machine, as [`HistoryLine::host`] names it. Runs that are not valid or compared nothing
/// don't count.
pub fn false_alarms(history: &History, host: &str) -> FalseAlarms {
    let lines = history.lines().iter();
    let counted =
        lines.filter(|line| line.valid && line.host == host && !line.comparisons.is_empty());
    let (mut runs, mut different) = (0, 0);
    for line in counted {
        runs += 1;
        let mut verdicts = line.comparisons.iter().map(|comparison| comparison.verdict);
        different += u64::from(verdicts.any(ComparisonVerdict::is_different));
    }
    let interval = share_interval(&[(different, runs)], ALPHA);
    FalseAlarms {
        runs,
        different,
        share_low: interval.low,
        share_high: interval.high,
    }
}

/// What the machine's A/A history keeps of a run; nothing of one that was without, or is not complete.
pub fn history_line(record: &RunRecord) -> Option<HistoryLine> {
    let aa = record.aa.as_ref()?;
    let first = record.targets.first()?;
    (record.completion == Completion::Complete).then(|| {
        let alone = RunRecord {
            targets: vec![first.clone(), aa.target.clone()],
            comparisons: aa.comparisons.clone(),
            ..record.clone()
        };
        HistoryLine::of(&alone, None)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::record::aa::AaRecord;

    fn run(verdict: ComparisonVerdict) -> RunRecord {
        let mut record = samples::run_record();
        let mut target = record.targets[0].clone();
        target.name += SUFFIX;
        let mut comparisons = record.comparisons.clone();
        for comparison in &mut comparisons {
            comparison.head.clone_from(&target.name);
            comparison.verdict = ComparisonVerdict::Equivalent;
        }
        comparisons[0].verdict = verdict;
        record.aa = Some(AaRecord {
            target,
            comparisons,
            machine: None,
        });
        record
    }

    fn count(lines: Vec<HistoryLine>) -> (u64, u64) {
        let host = lines[0].host.clone();
        let mut history = History::default();
        for line in lines {
            history.push(line);
        }
        let reported = false_alarms(&history, &host);
        (reported.different, reported.runs)
    }

    #[test]
    fn a_run_is_a_false_alarm_where_some_metric_was_called_different() {
        for (verdict, different) in [
            (ComparisonVerdict::Faster, 1),
            (ComparisonVerdict::Slower, 1),
            (ComparisonVerdict::Less, 1),
            (ComparisonVerdict::More, 1),
            (ComparisonVerdict::Inconclusive, 0),
            (ComparisonVerdict::Equivalent, 0),
        ] {
            let record = run(verdict);
            assert_eq!(record.aa.as_ref().unwrap().different().count(), different);
            let line = history_line(&record).unwrap();
            assert_eq!(line.targets.len(), 2);
            assert_eq!(count(vec![line]), (different as u64, 1), "{verdict:?}");
        }
    }

    #[test]
    fn only_valid_comparisons_on_this_machine_count() {
        let line = history_line(&run(ComparisonVerdict::Slower)).unwrap();
        let others = vec![
            line.clone(),
            HistoryLine {
                host: "another, 64 cores".to_owned(),
                ..line.clone()
            },
            HistoryLine {
                valid: false,
                ..line.clone()
            },
            HistoryLine {
                comparisons: Vec::new(),
                ..line.clone()
            },
            line,
        ];
        assert_eq!(count(others), (2, 2));
        let none = false_alarms(&History::default(), "anything");
        assert_eq!((none.share_low, none.share_high), (0.0, 1.0));
    }

    #[test]
    fn what_is_not_complete_is_not_kept() {
        let mut record = run(ComparisonVerdict::Equivalent);
        record.completion = Completion::Interrupted;
        assert_eq!(history_line(&record), None);
        assert_eq!(history_line(&samples::run_record()), None);
    }
}
