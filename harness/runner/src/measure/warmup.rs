//! Warming a target up: load that is driven and answered and not recorded, for as long as [`analysis::warmup`] says.

use analysis::warmup::WarmingUp;
use model::measured::workload::WorkloadKind;
use model::record::log::Note;
use model::spec::load::Load;

use super::run::Run;
use super::target_state::TargetState;
use crate::run_event::RunEvent;

impl Run<'_> {
    /// Warms up every target of a round, before the first epoch of any: each then waits for its first epoch as long as for
    /// every other, however long the others took to get warm.
    pub(super) fn warm_up_all(&mut self, round: u32, load: &Load, states: &mut [TargetState<'_>]) {
        let plan = &self.request.plan;
        for &target in plan.warmup_order(round) {
            self.warm_up(round, load, &mut states[target]);
        }
    }

    fn warm_up(&mut self, round: u32, load: &Load, state: &mut TargetState<'_>) {
        let plan = &self.request.plan;
        let mut warming_up = WarmingUp::new(plan.warmup);
        while let Some(stretch) = warming_up.next_stretch() {
            if self.steering.interrupt.is_asked() || state.failure.is_some() {
                return;
            }
            (self.tell)(RunEvent::WarmingUp {
                round,
                target: &state.spec.name,
            });
            let load = Load {
                arrival: load.arrival.at_mean(),
                duration: stretch,
                interval: plan.warmup.window().unwrap_or(load.interval),
                seed: plan.warmup_seed(round, warming_up.stretches()),
                ..load.clone()
            };
            let Some(driven) = self.drive(&load, state) else {
                return;
            };
            if let Some(how) = driven.ended {
                return self.fail(state, format!("it ended while it was warmed up: {how}"));
            }
            let recording = &driven.recording;
            warming_up.add(
                stretch,
                WorkloadKind::of(recording).clock(),
                &recording.intervals,
            );
        }
        state.note(Note::Warmed(warming_up.record(round)));
    }
}
