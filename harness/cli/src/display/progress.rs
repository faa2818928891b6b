//! How far a run has come and what it has measured so far, from its events alone.
//!
//! Pure: time is a parameter, counted from any moment that stays the same. What is shown of a target is what its epochs have
//! measured, one after the other: nothing here is read from a request that is under way.

use std::collections::BTreeMap;
use std::time::Duration;

use analysis::strategy::Place;
use analysis::warnings;
use model::measured::recording::{Counts, Recording, counts};
use model::measured::summary::{Summary, Times};
use model::measured::workload::WorkloadKind;
use model::percentiles::PERCENTILES;
use model::record::sweep::step::StepRecord;
use model::record::warning::{Fact, Warning};
use model::spec::scenario::Objective;
use model::units::Rate;
use report::words::{figures, sweep};
use stats::Interval;
use stats::nearest_rank::value_at_counts;
use stats::sign_flip::sign_flip;

use runner::run_event::{Planned, RunEvent, SoFar};

/// Steps of a percentile curve for each nine: from 0 to 90 %, from 90 to 99 %, …
pub(super) const STEPS_PER_NINE: u32 = 20;

/// The nines that a curve shows at most: 99.99 %.
pub(super) const NINES: u32 = 4;

/// Share of the plan after which the time that is left is estimated from the time that it took.
const PACE_KNOWN_FROM: f64 = 0.1;

/// Blocks from which on a ratio has an interval: of fewer, no two-sided test at this level can reject anything.
const MIN_BLOCKS: usize = 6;
const ALPHA: f64 = 0.05;

/// A run that goes on.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    pub(super) scenario: String,
    pub(super) question: String,
    pub(super) targets: Vec<Target>,
    pub(super) workload: WorkloadKind,
    /// The SLO: nines of a percentile, nanoseconds that it may take at most, and its name.
    pub(super) objectives: Vec<(f64, f64, &'static str)>,
    pub(super) stage: Stage,
    /// The round and the epoch that are under way or come next, from 0.
    pub(super) round: u32,
    pub(super) epoch: usize,
    pub(super) rounds: u32,
    pub(super) epochs: usize,
    /// Epochs that are over, those of targets that failed among them.
    done: usize,
    /// Of a sweep, whose epochs nobody knows the number of.
    pub(super) search: Option<Search>,
    /// How the generator does, as far as the epochs show.
    pub(super) generator: Option<Generator>,
    /// What the plan expects the run to take.
    expected: Duration,
    began: Duration,
    rested: Duration,
    /// The time that was left at a moment.
    left: (Duration, Duration),
}

/// How far a sweep is.
#[derive(Debug, Clone)]
pub(super) struct Search {
    /// Its round, way and rate, in words.
    pub(super) place: String,
    spent: Duration,
    limit: Duration,
}

/// What a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Starting,
    WarmingUp {
        target: usize,
    },
    Measuring {
        target: usize,
    },
    /// An epoch is over, and the next has not begun.
    Between {
        target: usize,
    },
    Resting {
        since: Duration,
    },
    /// A target is looked at after its measurement.
    Profiling {
        target: usize,
    },
    Writing,
}

/// A target so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Target {
    pub(super) name: String,
    /// Epochs that were measured.
    pub(super) epochs: usize,
    pub(super) per_s: f64,
    pub(super) failed: u64,
    pub(super) times: Times,
    pub(super) cpu_us_per_request: Option<f64>,
    pub(super) rss_bytes_max: Option<u64>,
    /// Every time so far.
    pub(super) counts: Counts,
    /// The percentiles as far as there are samples for them: nines, and nanoseconds.
    pub(super) curve: Vec<(f64, f64)>,
    /// The medians of its epochs: the number of the epoch in the plan, and nanoseconds.
    pub(super) medians: Vec<(f64, f64)>,
    /// The logarithms of these, by the paired block.
    blocks: BTreeMap<u32, Vec<f64>>,
    /// Why it is measured no more.
    pub(super) failure: Option<String>,
}

/// How the generator does.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Generator {
    /// Share of its cores that it used, spinning left out, in the epochs of the latest target.
    pub(super) busy: f64,
    /// What the end of the run would say against it by now, in a word or two.
    pub(super) against: Option<&'static str>,
}

impl Progress {
    /// What is asked of these targets, as it was planned at `now`.
    pub(super) fn new(
        (scenario, question): (&str, &str),
        objectives: &[Objective],
        targets: impl Iterator<Item = String>,
        design: Planned<'_>,
        now: Duration,
    ) -> Self {
        let (rounds, epochs, expected, search) = match design {
            Planned::Blocks { plan, expected, .. } => (plan.rounds, plan.len(), expected, None),
            Planned::Rates { plan, steps } => {
                let (spent, limit) = (spent(steps), seconds(plan.design.time_limit_s));
                let search = Search {
                    place: sweep::round(0),
                    spent,
                    limit,
                };
                let rounds = plan.design.rounds + 1;
                (rounds, 1, limit.saturating_sub(spent), Some(search))
            }
        };
        Self {
            scenario: scenario.to_owned(),
            question: question.to_owned(),
            targets: targets
                .map(|name| Target {
                    name,
                    ..Target::default()
                })
                .collect(),
            workload: WorkloadKind::default(),
            objectives: objectives.iter().map(drawn).collect(),
            stage: Stage::Starting,
            round: 0,
            epoch: 0,
            rounds,
            epochs,
            done: 0,
            search,
            generator: None,
            expected,
            began: now,
            rested: Duration::ZERO,
            left: (expected, now),
        }
    }

    /// Something happened at `now`.
    pub(super) fn on(&mut self, event: &RunEvent<'_>, now: Duration) {
        match event {
            RunEvent::Notice(_) | RunEvent::Planned { .. } | RunEvent::CapacityMeasured { .. } => {}
            RunEvent::RoundStarted { round } => {
                self.round = *round;
                self.epoch = self.done.min(self.epochs - 1);
                self.stage = Stage::Starting;
                if let Some(search) = &mut self.search {
                    search.place = sweep::round(*round);
                }
            }
            RunEvent::WarmingUp { round, target } => {
                self.round = *round;
                if let Some(target) = self.named(target) {
                    self.stage = Stage::WarmingUp { target };
                }
            }
            RunEvent::EpochStarted { step, turn } => {
                let target = turn.target;
                self.stage = if step.place == Place::Profile {
                    Stage::Profiling { target }
                } else {
                    Stage::Measuring { target }
                };
                self.round = step.round;
                if let Some(trial) = turn.trial {
                    (self.epoch, self.done) = (trial.index, trial.index);
                }
                if let (Some(search), Place::Rung { pass, .. }) = (&mut self.search, step.place) {
                    let rate = step.rate.map_or(0.0, Rate::as_per_s);
                    let way = sweep::place(step.round, pass);
                    search.place = format!("{way}, {}", figures::per_s(rate));
                }
            }
            RunEvent::EpochEnded {
                turn,
                median_ns,
                workload,
                load,
                so_far,
                ..
            } => {
                self.stage = Stage::Between {
                    target: turn.target,
                };
                self.workload = *workload;
                self.generator = Some(Generator::of(load, so_far.recording));
                let target = &mut self.targets[turn.target];
                target.take(*workload, so_far);
                if let Some(trial) = turn.trial {
                    let median = median_ns.map(|ns| (trial.index as f64, ns as f64));
                    target.medians.extend(median);
                    let logarithm = median_ns.map(|ns| (ns as f64).ln());
                    target
                        .blocks
                        .entry(trial.block)
                        .or_default()
                        .extend(logarithm);
                    self.done = trial.index + 1;
                    self.left = (self.estimate(now), now);
                }
            }
            RunEvent::RateMeasured { steps, .. } => {
                if let Some(search) = &mut self.search {
                    search.spent = spent(steps);
                    self.left = (search.limit.saturating_sub(search.spent), now);
                }
            }
            RunEvent::Paused => self.stage = Stage::Resting { since: now },
            RunEvent::Resumed => {
                if let Stage::Resting { since } = self.stage {
                    let rested = now.saturating_sub(since);
                    self.rested += rested;
                    self.left.1 += rested;
                    self.stage = Stage::Starting;
                }
            }
            RunEvent::TargetFailed { target, failure } => {
                if let Some(target) = self.named(target) {
                    self.targets[target].failure = Some(failure.what.clone());
                }
            }
            RunEvent::Writing => self.stage = Stage::Writing,
        }
    }

    /// Share of the plan that is over, or of a sweep's time, from 0 to 1.
    pub(super) fn share(&self) -> f64 {
        match &self.search {
            None => self.done as f64 / self.epochs.max(1) as f64,
            Some(search) => search.spent.as_secs_f64() / search.limit.as_secs_f64().max(1.0),
        }
    }

    /// About how long it will still take, unless it rests meanwhile.
    pub(super) fn left(&self, now: Duration) -> Duration {
        let (left, since) = self.left;
        let now = match self.stage {
            Stage::Resting { since } => since,
            _ => now,
        };
        left.saturating_sub(now.saturating_sub(since))
    }

    /// The median of a target divided by that of the first one, over the paired blocks that are over, and the interval of
    /// that ratio where there are enough of them. Not the verdict, which takes all blocks.
    ///
    /// `index`: which target; the first has no ratio.
    pub(super) fn ratio(&self, index: usize) -> Option<(f64, Option<Interval>)> {
        let [base, ..] = self.targets.as_slice() else {
            return None;
        };
        let own = self.targets.get(index).filter(|_| index > 0)?;
        let whole = base.blocks.values().map(Vec::len).max()?;
        let mean = |logarithms: &Vec<f64>| {
            (logarithms.len() == whole).then(|| logarithms.iter().sum::<f64>() / whole as f64)
        };
        let differences: Vec<f64> = own
            .blocks
            .iter()
            .filter_map(|(block, own)| Some(mean(own)? - mean(base.blocks.get(block)?)?))
            .collect();
        if differences.is_empty() {
            return None;
        }
        let tested = sign_flip(&differences, ALPHA, 0);
        let interval = (differences.len() >= MIN_BLOCKS).then(|| Interval {
            low: tested.interval.low.exp(),
            high: tested.interval.high.exp(),
        });
        Some((tested.mean.exp(), interval))
    }

    /// The target that is driven, or was a moment ago.
    pub(super) fn current(&self) -> Option<&Target> {
        match self.stage {
            Stage::WarmingUp { target }
            | Stage::Measuring { target }
            | Stage::Between { target }
            | Stage::Profiling { target } => self.targets.get(target),
            Stage::Starting | Stage::Resting { .. } | Stage::Writing => None,
        }
    }

    /// Whether load is driven whose times will count.
    pub(super) fn is_measuring(&self) -> bool {
        matches!(self.stage, Stage::Measuring { .. })
    }

    /// What it does, in a few words.
    pub(super) fn doing(&self) -> String {
        match (self.stage, self.current()) {
            (Stage::WarmingUp { .. }, Some(target)) => format!("warming {} up", target.name),
            (Stage::Measuring { .. } | Stage::Between { .. }, Some(target)) => target.name.clone(),
            (Stage::Profiling { .. }, Some(target)) => {
                format!("counting the system calls of {}", target.name)
            }
            (Stage::Resting { .. }, _) => "paused".to_owned(),
            (Stage::Writing, _) => "writing the record".to_owned(),
            _ => "starting servers".to_owned(),
        }
    }

    fn named(&self, name: &str) -> Option<usize> {
        self.targets.iter().position(|target| target.name == name)
    }

    /// The rest of the plan, at the pace of what is over.
    fn estimate(&self, now: Duration) -> Duration {
        let share = self.share();
        let expected = self.expected.mul_f64(1.0 - share);
        let taken = now.saturating_sub(self.began + self.rested);
        if share < PACE_KNOWN_FROM {
            return expected;
        }
        taken.mul_f64((1.0 - share) / share)
    }
}

/// An objective as it is drawn among percentiles.
fn drawn(objective: &Objective) -> (f64, f64, &'static str) {
    let known = PERCENTILES
        .iter()
        .find(|known| known.name == objective.percentile);
    let share = known.map_or(0.0, |known| known.per_10_000 as f64 / 10_000.0);
    let nines = -(1.0 - share).log10();
    (
        nines,
        objective.at_most.as_nanos() as f64,
        objective.percentile,
    )
}

/// How long the steps of a sweep took.
fn spent(steps: &[StepRecord]) -> Duration {
    seconds(steps.iter().map(|step| step.elapsed_s).sum())
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

impl Target {
    fn take(&mut self, workload: WorkloadKind, so_far: &SoFar<'_>) {
        let recording = so_far.recording;
        let histogram = &recording.times[workload.clock()];
        let counts = counts(histogram);
        self.epochs += 1;
        self.per_s = Summary::of(recording).throughput_per_s;
        self.failed = recording.accounting.failed();
        self.times = Times::of(histogram);
        self.cpu_us_per_request = so_far.cpu_us_per_request;
        self.rss_bytes_max = so_far.rss_bytes_max;
        self.curve = curve(&counts);
        self.counts = counts;
    }
}

/// The percentiles as far as there are samples for them, by their nines.
fn curve(counts: &Counts) -> Vec<(f64, f64)> {
    let steps =
        (0..=NINES * STEPS_PER_NINE).map(|step| f64::from(step) / f64::from(STEPS_PER_NINE));
    let points = steps.map_while(|nines| {
        let ns = value_at_counts(counts, per_10_000(nines))?;
        Some((nines, ns as f64))
    });
    points.collect()
}

/// The percentile, in hundredths of a percent, with that many nines: 90 % has one, 99 % two.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it lies between 0 and 10,000"
)]
fn per_10_000(nines: f64) -> u64 {
    (10_000.0 * (1.0 - 10_f64.powf(-nines))).round() as u64
}

impl Generator {
    fn of(load: &model::spec::load::Load, recording: &Recording) -> Self {
        let summary = Summary::of(recording);
        let used = recording.generator;
        let working = 1.0 - used.spin_ns as f64 / used.cpu_ns.max(1) as f64;
        let against = |warning: &Warning| match warning.fact {
            Fact::GeneratorSaturated { .. } => Some("its cores are full"),
            Fact::SendLag { .. } => Some("it sends late"),
            _ => None,
        };
        Self {
            busy: summary.generator_cpu_share * working,
            against: warnings::assess(load, recording).iter().find_map(against),
        }
    }
}

impl Generator {
    /// In words.
    pub(super) fn words(&self) -> String {
        let busy = format!("generator {} busy", figures::whole_percent(self.busy));
        match self.against {
            None => format!("{busy}, on time"),
            Some(against) => format!("{busy}: {against}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::display::made_up_for_tests as made_up;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn epochs_add_up_target_by_target() {
        let (progress, _) = made_up::run(&["callback", "coroutine"], 12);
        assert_eq!(
            (progress.epochs, progress.epoch, progress.round),
            (40, 12, 3)
        );
        assert!(progress.is_measuring());
        for target in &progress.targets {
            assert_eq!(
                (target.epochs, target.medians.len()),
                (6, 6),
                "{}",
                target.name
            );
            let counted: u64 = target.counts.iter().map(|&(_, count)| count).sum();
            assert_eq!(counted, 6 * 1_200);
        }
        let [callback, coroutine] = progress.targets.as_slice() else {
            panic!("a pair");
        };
        assert!(callback.times.p50 < coroutine.times.p50);
    }

    #[test]
    fn the_ratio_so_far_is_of_whole_blocks_and_has_an_interval_from_six_on() {
        let pair = ["callback", "coroutine"];
        let ratio = |epochs| made_up::run(&pair, epochs).0.ratio(1);
        // A block is A B B A: half of one is nothing yet.
        assert_eq!(ratio(3).map(|(_, interval)| interval), None);
        let (early, interval) = ratio(23).unwrap();
        assert!((1.1..1.3).contains(&early) && interval.is_none());
        let (late, interval) = ratio(24).unwrap();
        assert!(interval.unwrap().contains(late));
        assert_eq!(made_up::run(&pair, 24).0.ratio(0), None);
    }

    #[test]
    fn a_curve_ends_where_its_samples_do() {
        // Ten samples must lie beyond: of 1,200 they reach 99 %, of 24,000 they reach 99.9 %.
        for (epochs, nines) in [(1, 2.0), (40, 3.0)] {
            let (progress, _) = made_up::run(&["callback"], epochs);
            let (last, _) = *progress.targets[0].curve.last().unwrap();
            assert!(last >= nines && last < nines + 1.0, "{epochs}: {last}");
        }
        let (progress, _) = made_up::run(&["callback"], 0);
        assert!(progress.targets[0].curve.is_empty());
    }

    #[test]
    fn percentiles_have_nines() {
        for (nines, expected) in [
            (0.0, 0),
            (1.0, 9_000),
            (2.0, 9_900),
            (3.0, 9_990),
            (4.0, 9_999),
        ] {
            assert_eq!(per_10_000(nines), expected);
        }
    }

    #[test]
    fn what_is_left_follows_the_plan_and_then_the_pace() {
        let (progress, now) = made_up::run(&["callback", "coroutine"], 0);
        let expected = Duration::from_secs(55);
        assert!(
            progress.left(now) < expected,
            "time passes while servers start"
        );
        // A quarter of the plan in so much time: three times that is left.
        let (progress, now) = made_up::run(&["callback", "coroutine"], 10);
        let taken = now.saturating_sub(progress.began);
        let left = progress.left.0;
        let known_after = progress.left.1.saturating_sub(progress.began);
        assert_eq!(left, known_after.mul_f64(3.0));
        assert!(progress.left(now) <= left && left < taken * 4);
        assert_eq!(progress.left(now + 1_000 * SECOND), Duration::ZERO);
    }

    #[test]
    fn a_pause_is_no_time_that_the_run_took() {
        let (mut progress, now) = made_up::run(&["callback", "coroutine"], 12);
        let left = progress.left(now);
        progress.on(&RunEvent::Paused, now);
        assert_eq!(progress.left(now + 100 * SECOND), left);
        progress.on(&RunEvent::Resumed, now + 100 * SECOND);
        assert_eq!(progress.left(now + 100 * SECOND), left);
        assert_eq!(progress.rested, 100 * SECOND);
        assert_eq!(
            progress.estimate(now + 100 * SECOND),
            now.saturating_sub(progress.began).mul_f64(28.0 / 12.0)
        );
    }

    #[test]
    fn the_generator_is_well_or_it_is_said_what_speaks_against_it() {
        let (progress, _) = made_up::run(&["callback"], 4);
        let mut generator = progress.generator.unwrap();
        assert_eq!(generator.words(), "generator 25 % busy, on time");
        generator.against = Some("it sends late");
        assert_eq!(generator.words(), "generator 25 % busy: it sends late");
    }
}
