//! What is known of a measurement as a whole, by the lines of its log.

use analysis::strategy::Place;
use model::record::log::{Ending, LogStep, Part, StepResult};
use model::record::sweep::step::StepRecord;
use model::units::Rate;

use super::target_state::TargetState;

/// What is known of a measurement as a whole; its targets know the rest.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The steps of a run that were measured to their end.
    pub(super) places: Vec<Place>,
    /// Those of a sweep.
    pub(super) rates: Vec<StepRecord>,
    /// What the weakest target sustains, where that was measured.
    pub(super) capacity: Option<Rate>,
    /// What each process saw of the machine.
    pub(super) parts: Vec<Part>,
    /// How it ended.
    pub(super) ended: Option<Ending>,
}

impl Known {
    /// Reads what was kept, up to a step that was cut short, and says how many bytes of the log that is, where there is a step.
    pub(super) fn read(
        steps: Vec<(LogStep, usize)>,
        states: &mut [TargetState<'_>],
    ) -> (Self, Option<usize>) {
        let (mut known, mut whole_bytes) = (Self::default(), None);
        for (step, end) in steps {
            if !step.is_whole || step.ended == Some(Ending::Interrupted) {
                known.add_part(step.part);
                break;
            }
            for (target, note) in &step.notes {
                states[*target].apply(note);
            }
            whole_bytes = Some(end);
            known.add(step);
        }
        (known, whole_bytes)
    }

    pub(super) fn add(&mut self, step: LogStep) {
        match step.measured {
            Some(StepResult::Block(block)) => self.places.push(Place::Block(block)),
            Some(StepResult::Profile) => self.places.push(Place::Profile),
            Some(StepResult::Rate(rate)) => self.rates.push(rate),
            None => {}
        }
        let capacity = step.capacity_per_s.and_then(|rate| Rate::per_s(rate).ok());
        self.capacity = self.capacity.or(capacity);
        self.ended = step.ended;
        self.add_part(step.part);
    }

    fn add_part(&mut self, part: Part) {
        // Each line of a process says it anew.
        self.parts.retain(|known| known.number != part.number);
        self.parts.push(part);
    }

    /// All parts together.
    pub(super) fn part(&self) -> Part {
        let parts = self.parts.iter().cloned();
        parts.reduce(Part::and).unwrap_or_default()
    }

    /// Whether it is not complete.
    pub(super) fn is_interrupted(&self) -> bool {
        matches!(self.ended, None | Some(Ending::Interrupted))
    }
}
