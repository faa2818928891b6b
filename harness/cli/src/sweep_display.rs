//! What is seen of a sweep while it goes: a line a step on standard error, and a bar where that is a terminal.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anstyle::Style;
use model::record::sweep::plan::SweepPlan;
use model::record::sweep::step::StepRecord;
use model::units::{duration_ns, format_ns};
use report::words::figures;
use report::words::sweep as told;

use crate::display::Face;
use crate::redrawn::{self, Redrawn, bar, cut};
use process::cores;
use runner::run_event::{RunEvent, SweepEvent};

/// The width of the bar, its ends included.
const BAR_WIDTH: usize = 26;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// The display of one sweep.
#[derive(Debug)]
pub(crate) struct SweepDisplay {
    /// A line, once the sweep is planned. It is drawn on the generator's cores, and so only now and then.
    line: Redrawn,
    /// Where its files are.
    dir: PathBuf,
    /// Seconds that its steps took, and may take.
    spent_s: u64,
    limit_s: u64,
}

impl SweepDisplay {
    /// A display that has shown nothing yet.
    pub(crate) fn new(dir: &Path) -> Self {
        Self {
            line: Redrawn::new(false),
            dir: dir.to_owned(),
            spent_s: 0,
            limit_s: 1,
        }
    }

    /// Shows what happened.
    pub(crate) fn on(&mut self, event: &RunEvent<'_>) {
        match event {
            RunEvent::Sweep(SweepEvent::Planned { plan, steps }) => self.begin(plan, steps),
            RunEvent::Sweep(SweepEvent::EpochStarted {
                round,
                pass,
                rate,
                target,
            }) => {
                self.draw(&format!(
                    "{}, {}: {target}",
                    told::place(*round, *pass),
                    figures::per_s(rate.as_per_s())
                ));
            }
            RunEvent::Sweep(SweepEvent::StepEnded { plan, steps }) => {
                self.spent_s = spent(steps);
                if let Some(line) = told::progress(plan, steps) {
                    self.say(&format!("{DIM}{line}{DIM:#}"));
                }
            }
            RunEvent::RoundStarted { round, .. } => {
                let round = told::round(*round);
                self.draw(&format!("{round}: starting servers"));
            }
            RunEvent::CapacityMeasured { target, capacity } => {
                let capacity = figures::per_s(capacity.as_per_s());
                self.say(&format!(
                    "{DIM}{target} sustains {capacity} in a closed loop{DIM:#}"
                ));
            }
            RunEvent::WarmingUp { round, target } => {
                let round = told::round(*round);
                self.draw(&format!("{round}: warming {target} up"));
            }
            RunEvent::TargetFailed { target, failure } => {
                self.say(&format!("{BOLD}{target} failed{BOLD:#}: {}", failure.what));
                for line in failure.last_output.lines() {
                    self.say(&format!("  {DIM}{line}{DIM:#}"));
                }
            }
            RunEvent::Said(line) => self.say(line),
            RunEvent::Writing => self.line.clear(),
            // A sweep has steps, and a run trials.
            _ => {}
        }
    }

    fn begin(&mut self, plan: &SweepPlan, steps: &[StepRecord]) {
        let names: Vec<&str> = plan
            .targets
            .iter()
            .map(|target| target.name.as_str())
            .collect();
        let limit = Duration::from_secs_f64(plan.design.time_limit_s);
        self.say(&format!(
            "{BOLD}{}{BOLD:#}: how much load with {}?",
            plan.scenario.name,
            told::asked(plan)
        ));
        self.say(&format!(
            "{DIM}{}: from {} on, at most {}{DIM:#}",
            names.join(", "),
            figures::per_s(plan.design.ladder.from_per_s),
            format_ns(duration_ns(limit))
        ));
        self.say(&format!("{DIM}{}{DIM:#}", cores::places(&plan.pinning)));
        if !steps.is_empty() {
            self.say(&format!(
                "going on with {}: {} measured before",
                self.dir.display(),
                figures::plural(steps.len() as u64, "step", "steps")
            ));
        }
        self.line = Redrawn::new(Face::usual() == Face::Lines);
        (self.spent_s, self.limit_s) = (spent(steps), limit.as_secs().max(1));
    }

    /// Where the sweep is: `[=====>    ] 48 of at most 300 s  round 1, up, 1,200/s: callback`.
    fn draw(&mut self, what: &str) {
        let share = self.spent_s as f64 / self.limit_s as f64;
        let line = format!(
            "{} {} of at most {} s  {what}",
            bar(share, BAR_WIDTH),
            self.spent_s,
            self.limit_s
        );
        self.line.draw_if_due(&[cut(line, redrawn::columns())]);
    }

    /// A line of conversation, above the one that is drawn again.
    fn say(&self, line: &str) {
        self.line.above(|| anstream::eprintln!("{line}"));
    }
}

/// Whole seconds that the steps took.
fn spent(steps: &[StepRecord]) -> u64 {
    let spent_s: f64 = steps.iter().map(|step| step.elapsed_s).sum();
    Duration::from_secs_f64(spent_s).as_secs()
}
