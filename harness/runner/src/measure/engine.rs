//! The loop that every measurement is: what comes next is measured, and kept.

use std::time::{Duration, Instant};

use analysis::strategy::{Next, Step, Turn};
use model::record::log::{Ending, StepResult};
use model::spec::load::Load;
use process::failure::Failure;

use super::book::Book;
use super::known::Known;
use super::run::Run;
use super::site::Machine;
use super::target_state::TargetState;
use crate::run_event::RunEvent;

/// What a run and a sweep have each of its own.
pub(super) trait Measurement {
    /// What is measured next.
    fn next(&self, known: &Known) -> Next;

    /// Measures one target.
    fn turn(
        &mut self,
        run: &mut Run<'_>,
        state: &mut TargetState<'_>,
        at: (&Step, &Turn),
        load: &Load,
        machine: &Machine,
    );

    /// What is kept of a step that was measured to its end and took so long.
    fn measured(
        &mut self,
        known: &Known,
        states: &[TargetState<'_>],
        step: &Step,
        elapsed: Duration,
    ) -> StepResult;

    /// A step was kept.
    fn kept(&self, _run: &mut Run<'_>, _known: &Known) {}
}

/// Measures until nothing comes next.
pub(super) fn measure(
    run: &mut Run<'_>,
    states: &mut [TargetState<'_>],
    measurement: &mut impl Measurement,
    book: &mut Book<'_>,
) -> Result<Ending, Failure> {
    let mut round = None;
    let ending = loop {
        if run.steering.interrupt.is_asked() {
            break Ending::Interrupted;
        }
        let begun = Instant::now();
        let step = match measurement.next(&book.known) {
            Next::Step(step) => step,
            Next::Done => break Ending::Complete,
            Next::TimeIsUp => break Ending::TimeIsUp,
        };
        let has_failed = |member: &usize| states[*member].failure.is_some();
        if step.members.iter().all(has_failed) {
            break Ending::Complete;
        }
        let is_warm = round == Some(step.round) && !run.rest_where_asked();
        if round != Some(step.round) {
            if round.is_some() {
                book.before_stop();
                run.stop_all(states);
                run.rest_where_asked();
            }
            run.begin_round(step.round, &step.members, states);
            round = Some(step.round);
            run.check_surroundings()?;
        }
        let load = Load {
            duration: step.epoch,
            ..run.load_at(step.rate, &mut book.known.capacity, states)
        };
        if !is_warm {
            // Also what cooled down while the run rested, every target of it.
            run.warm_up_all(step.round, &load, states);
            run.check_surroundings()?;
        }
        let mut is_whole = true;
        for turn in &step.turns {
            let state = &mut states[turn.target];
            if run.steering.interrupt.is_asked() {
                is_whole = false;
            } else if state.failure.is_none() {
                let load = Load {
                    seed: turn.seed,
                    ..load.clone()
                };
                (run.tell)(RunEvent::EpochStarted { step: &step, turn });
                measurement.turn(run, state, (&step, turn), &load, &book.machine);
                run.check_surroundings()?;
            }
        }
        is_whole &= !run.steering.interrupt.is_asked();
        let measured =
            is_whole.then(|| measurement.measured(&book.known, states, &step, begun.elapsed()));
        book.keep(run, states, measured, is_whole)?;
        if is_whole {
            measurement.kept(run, &book.known);
        }
    };
    if round.is_some() {
        book.before_stop();
    }
    run.stop_all(states);
    Ok(ending)
}
