//! The loop that every measurement is: what comes next is measured, and kept.

use std::time::{Duration, Instant};

use analysis::strategy::{Next, Step, Strategy, Turn};
use model::spec::load::{Arrival, Load};
use process::failure::Failure;

use super::run::Run;
use super::subject::Subject;
use crate::run_event::RunEvent;

/// Where what is measured is kept, and what is known of it.
pub(super) trait Book {
    /// What a strategy knows of a step that was measured.
    type Done;

    /// The steps that were kept, oldest first.
    fn done(&self) -> &[Self::Done];

    /// When requests of a step are sent; some of its targets may have to be tried first.
    fn arrival(&mut self, run: &mut Run<'_>, subjects: &mut [Subject<'_>], step: &Step) -> Arrival;

    /// Measures one target.
    fn turn(
        &mut self,
        run: &mut Run<'_>,
        subject: &mut Subject<'_>,
        step: &Step,
        turn: &Turn,
        load: &Load,
    );

    /// Keeps a step that took so long; `is_whole`: it was not cut short.
    fn keep(
        &mut self,
        run: &mut Run<'_>,
        subjects: &mut [Subject<'_>],
        step: &Step,
        elapsed: Duration,
        is_whole: bool,
    ) -> Result<(), Failure>;

    /// What is asked before the servers of a round are stopped.
    fn before_stop(&mut self, run: &mut Run<'_>);
}

/// How a measurement ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// All is measured, or no target is left.
    Done,
    /// What is left would take longer than it may.
    TimeIsUp,
    /// Somebody wants it to end.
    Interrupted,
}

/// Measures until nothing comes next.
pub(super) fn measure<B: Book>(
    run: &mut Run<'_>,
    subjects: &mut [Subject<'_>],
    strategy: &impl Strategy<Done = B::Done>,
    book: &mut B,
) -> Result<Ending, Failure> {
    let mut round = None;
    let ending = loop {
        if run.steering.interrupt.is_asked() {
            break Ending::Interrupted;
        }
        let begun = Instant::now();
        let step = match strategy.next(book.done()) {
            Next::Step(step) => step,
            Next::Done => break Ending::Done,
            Next::TimeIsUp => break Ending::TimeIsUp,
        };
        let has_failed = |member: &usize| subjects[*member].failure.is_some();
        if step.members.iter().all(has_failed) {
            break Ending::Done;
        }
        let is_warm = round == Some(step.round) && !run.rest_where_asked();
        if round != Some(step.round) {
            if round.is_some() {
                book.before_stop(run);
                run.stop_all(subjects);
                run.rest_where_asked();
            }
            run.begin_round(step.round, &step.members, subjects);
            round = Some(step.round);
        }
        let load = Load {
            duration: step.epoch,
            ..run.request.load(book.arrival(run, subjects, &step))
        };
        if !is_warm {
            // Also what cooled down while the run rested, every target of it.
            run.warm_up_all(step.round, &load, subjects);
        }
        let mut is_whole = true;
        for turn in &step.turns {
            let subject = &mut subjects[turn.target];
            if run.steering.interrupt.is_asked() {
                is_whole = false;
            } else if subject.failure.is_none() {
                let load = Load {
                    seed: turn.seed,
                    ..load.clone()
                };
                book.turn(run, subject, &step, turn, &load);
            }
        }
        is_whole &= !run.steering.interrupt.is_asked();
        book.keep(run, subjects, &step, begun.elapsed(), is_whole)?;
    };
    if round.is_some() {
        book.before_stop(run);
    }
    run.stop_all(subjects);
    Ok(ending)
}

impl Run<'_> {
    /// Starts the servers of a round, and opens what is to stay open meanwhile.
    pub(super) fn begin_round(
        &mut self,
        round: u32,
        members: &[usize],
        subjects: &mut [Subject<'_>],
    ) {
        (self.tell)(RunEvent::RoundStarted { round });
        // Some may run already: those by which it was found at which rate to begin.
        let mut started = members.to_vec();
        started.retain(|&member| subjects[member].process.is_none());
        for &member in &started {
            self.start(&mut subjects[member]);
        }
        for &member in &started {
            self.hold_idle(&mut subjects[member]);
        }
    }

    /// Ends all servers.
    pub(super) fn stop_all(&mut self, subjects: &mut [Subject<'_>]) {
        for subject in subjects {
            self.stop(subject);
        }
    }
}
