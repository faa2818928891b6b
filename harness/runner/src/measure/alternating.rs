//! Measuring a run: blocks of alternating epochs.

use std::time::Duration;

use analysis::strategy::{Alternating, Next, Place, Step, Strategy, Turn};
use model::measured::summary::Times;
use model::measured::workload::WorkloadKind;
use model::record::log::{EpochTaken, Note, StepResult};
use model::spec::load::Load;
use process::failure::Failure;

use super::engine::{self, Measurement};
use super::kept::{self, Begin};
use super::known::Known;
use super::profile;
use super::record::{self, Measured};
use super::run::{Run, stats, time_to_hold_idle};
use super::site::Machine;
use super::target_state::TargetState;
use crate::request::Request;
use crate::run_event::{Planned, RunEvent};
use crate::steering::Steering;
use crate::step_log::StepLog;

/// Measures a run, as far as it is not in the log yet. Fails only where nothing could be
/// measured at all, or the log is of something else; a target that fails is data.
pub fn measure(
    request: &Request,
    begin: Begin,
    log: &mut StepLog,
    steering: &Steering,
    tell: &mut dyn FnMut(RunEvent<'_>),
) -> Result<Measured, Failure> {
    let kept = kept::measured(
        (request, None),
        begin,
        log,
        steering,
        tell,
        |run, states, book, (_, site)| {
            (run.tell)(RunEvent::Planned {
                scenario: &request.scenario,
                targets: &request.targets,
                pinning: &request.pinning,
                design: Planned::Blocks {
                    plan: &request.plan,
                    expected: expected(request, &book.known),
                    detectable: site.detectable.as_ref(),
                },
            });
            let mut blocks = Blocks(Alternating {
                plan: &request.plan,
                has_profile: request.profile.is_some(),
            });
            engine::measure(run, states, &mut blocks, book)
        },
    )?;
    Ok(record::of(request, kept))
}

/// Estimate of how long a run takes whose targets are steady at once.
pub fn estimate(request: &Request) -> Duration {
    request.plan.total() + time_to_hold_idle(request)
}

/// Estimate of how long what is missing takes.
fn expected(request: &Request, known: &Known) -> Duration {
    let is_block = |place: &&Place| matches!(place, Place::Block(_));
    let measured = known.places.iter().filter(is_block).count();
    let missing = request.plan.blocks() - u32::try_from(measured).unwrap_or(u32::MAX);
    estimate(request) * missing / request.plan.blocks() + profile::time(request)
}

/// The steps of a run.
struct Blocks<'a>(Alternating<'a>);

impl Measurement for Blocks<'_> {
    fn next(&self, known: &Known) -> Next {
        self.0.next(&known.places)
    }

    fn turn(
        &mut self,
        run: &mut Run<'_>,
        state: &mut TargetState<'_>,
        (step, turn): (&Step, &Turn),
        load: &Load,
        _: &Machine,
    ) {
        let Some(trial) = turn.trial else {
            return run.profile(load, state);
        };
        let before = stats(state);
        let Some(mut driven) = run.drive(load, state) else {
            return;
        };
        let after = stats(state);
        let others = after
            .as_ref()
            .or(before.as_ref())
            .map(|(_, others)| others.clone());
        driven.watched.counted = before
            .zip(after)
            .map(|((before, _), (after, _))| (before, after));
        let is_whole = !run.steering.interrupt.is_asked() && driven.ended.is_none();
        let workload = WorkloadKind::of(&driven.recording);
        let times = Times::of(&driven.recording.times[workload.clock()]);
        state.note(Note::Epoch(Box::new(EpochTaken {
            trial,
            is_whole,
            recording: driven.recording,
            watched: driven.watched,
            stats: others,
            generators: driven.generators,
            probe: driven.probe,
        })));
        if is_whole {
            (run.tell)(RunEvent::EpochEnded {
                step,
                turn,
                median_ns: times.p50,
                workload,
                load,
                so_far: state.so_far(),
            });
        }
        if let Some(how) = driven.ended {
            run.fail(state, format!("it ended while it was measured: {how}"));
        }
    }

    fn measured(
        &mut self,
        _: &Known,
        _: &[TargetState<'_>],
        step: &Step,
        _: Duration,
    ) -> StepResult {
        match step.place {
            Place::Block(block) => StepResult::Block(block),
            Place::Profile => StepResult::Profile,
            Place::Rung { .. } => unreachable!("a run has no rates to climb"),
        }
    }
}
