//! What is known of a run as a whole, by the lines of its log.

use analysis::strategy::Place;
use model::units::Rate;
use process::failure::Failure;

use super::run_log::{Kept, Part, RunEnd, RunLine};
use super::subject::Subject;

/// What is known of a run as a whole; its targets know the rest.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// What was measured to its end.
    pub(super) done: Vec<Place>,
    /// What the weakest target carries, where that was measured.
    pub(super) capacity: Option<Rate>,
    /// What each process saw of the machine.
    pub(super) parts: Vec<Part>,
    /// How it ended.
    pub(super) ended: Option<RunEnd>,
}

impl Known {
    /// Reads what was kept, up to a block that was cut short, and says how many bytes that is.
    pub(super) fn read(
        &mut self,
        kept: &Kept,
        subjects: &mut [Subject<'_>],
    ) -> Result<usize, Failure> {
        let mut whole_bytes = 0;
        for line in kept.lines() {
            let (line, bytes) = line?;
            if !line.is_whole || line.ended == Some(RunEnd::Interrupted) {
                self.add_part(line.part);
                break;
            }
            for (target, note) in &line.notes {
                let subject = subjects.get_mut(*target);
                let subject =
                    subject.ok_or_else(|| kept.corrupt("it names a target that there isn't"))?;
                subject.apply(note);
            }
            whole_bytes += bytes;
            self.add(line);
        }
        Ok(whole_bytes)
    }

    pub(super) fn add(&mut self, line: RunLine) {
        self.done.extend(line.block.map(Place::Block));
        self.done.extend(line.is_profile.then_some(Place::Profile));
        let capacity = line.capacity_per_s.and_then(|rate| Rate::per_s(rate).ok());
        self.capacity = self.capacity.or(capacity);
        self.ended = line.ended;
        self.add_part(line.part);
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
}
