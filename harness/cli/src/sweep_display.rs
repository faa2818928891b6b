//! What is seen of a sweep while it goes: a line a step on standard error, and a bar where that is a terminal.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anstyle::Style;
use bench_core::sweep::record::{StepRecord, SweepPlan};
use bench_core::units::{duration_ns, format_ns};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use report::figures;
use report::sweep as told;

use crate::cores;
use crate::run_event::{RunEvent, SweepEvent};

/// Redraws a second, at most: it runs on the generator's cores.
const REDRAWS_PER_S: u8 = 4;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// The display of one sweep.
#[derive(Debug)]
pub(crate) struct SweepDisplay {
    bar: ProgressBar,
    /// Where its files are.
    dir: PathBuf,
}

impl SweepDisplay {
    /// A display that has shown nothing yet.
    pub(crate) fn new(dir: &Path) -> Self {
        Self {
            bar: ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()),
            dir: dir.to_owned(),
        }
    }

    /// Shows what happened.
    pub(crate) fn on(&mut self, event: &RunEvent<'_>) {
        match event {
            RunEvent::Sweep(SweepEvent::Planned { plan, steps }) => self.begin(plan, steps),
            RunEvent::Sweep(SweepEvent::EpochStarted { step, rate, target }) => {
                self.bar.set_message(format!(
                    "{}, {}: {target}",
                    told::place(step.round, step.pass),
                    figures::per_s(rate.as_per_s())
                ));
            }
            RunEvent::Sweep(SweepEvent::StepEnded { plan, steps }) => {
                self.bar.set_position(spent(steps));
                if let Some(line) = told::progress(plan, steps) {
                    self.say(&format!("{DIM}{line}{DIM:#}"));
                }
            }
            RunEvent::RoundStarted { round, .. } => {
                let round = told::round(*round);
                self.bar.set_message(format!("{round}: starting servers"));
            }
            RunEvent::CapacityMeasured { target, capacity } => {
                let capacity = figures::per_s(capacity.as_per_s());
                self.say(&format!(
                    "{DIM}{target} carries {capacity} in a closed loop{DIM:#}"
                ));
            }
            RunEvent::WarmingUp { round, target } => {
                let round = told::round(*round);
                self.bar
                    .set_message(format!("{round}: warming {target} up"));
            }
            RunEvent::TargetFailed { target, failure } => {
                self.say(&format!("{BOLD}{target} failed{BOLD:#}: {}", failure.what));
                for line in failure.last_output.lines() {
                    self.say(&format!("  {DIM}{line}{DIM:#}"));
                }
            }
            RunEvent::Writing => self.bar.finish_and_clear(),
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
        self.say(&format!(
            "{DIM}servers on core {}, generator on core {}{DIM:#}",
            cores::names(&plan.pinning.server_cpus),
            cores::names(&plan.pinning.load_cpus)
        ));
        if !steps.is_empty() {
            self.say(&format!(
                "going on with {}: {} measured before",
                self.dir.display(),
                figures::plural(steps.len() as u64, "step", "steps")
            ));
        }
        self.bar = ProgressBar::with_draw_target(
            Some(limit.as_secs().max(1)),
            ProgressDrawTarget::stderr_with_hz(REDRAWS_PER_S),
        );
        let style = ProgressStyle::with_template("{bar:24} {pos} of at most {len} s  {msg}");
        self.bar
            .set_style(style.expect("the template is a constant that indicatif reads"));
        self.bar.set_position(spent(steps));
    }

    /// A line of conversation, above the bar where there is one.
    fn say(&self, line: &str) {
        self.bar.suspend(|| anstream::eprintln!("{line}"));
    }
}

/// Whole seconds that the steps took.
fn spent(steps: &[StepRecord]) -> u64 {
    let spent_s: f64 = steps.iter().map(|step| step.elapsed_s).sum();
    Duration::from_secs_f64(spent_s).as_secs()
}
