//! Keeping a measurement: a line of its log for each step.

use model::record::log::{Ending, LogStep, Part, StepResult};
use model::record::surroundings::BackendRecord;
use model::units::Rate;
use process::failure::Failure;

use super::known::Known;
use super::run::Run;
use super::site::Machine;
use super::target_state::TargetState;
use crate::step_log::StepLog;

/// Where what is measured is kept, and what is known of it.
pub(super) struct Book<'a> {
    pub(super) known: Known,
    log: &'a mut StepLog,
    pub(super) machine: Machine,
    /// The number of this process among those that measured this.
    number: u32,
    /// How the backend did when it was last asked.
    backend: Option<BackendRecord>,
}

impl<'a> Book<'a> {
    /// Keeps what this process adds to what is known.
    pub(super) fn new(known: Known, log: &'a mut StepLog, machine: Machine) -> Self {
        let last = known.parts.iter().map(|part| part.number + 1).max();
        Self {
            known,
            log,
            machine,
            number: last.unwrap_or_default(),
            backend: None,
        }
    }

    /// What became known since the line before.
    fn line(&self, run: &Run<'_>, states: &mut [TargetState<'_>]) -> LogStep {
        let notes = states.iter_mut().enumerate().flat_map(|(index, state)| {
            let notes = state.take_notes().into_iter();
            notes.map(move |note| (index, note))
        });
        LogStep {
            measured: None,
            is_whole: true,
            capacity_per_s: self.known.capacity.map(Rate::as_per_s),
            notes: notes.collect(),
            part: Part {
                number: self.number,
                elapsed_s: run.started.elapsed().as_secs_f64(),
                backend: self.backend.clone(),
                servers: run.servers.part(),
                ..self.machine.part()
            },
            ended: None,
        }
    }

    fn write(&mut self, line: LogStep) -> Result<(), Failure> {
        self.log.write(&line)?;
        self.known.add(line);
        Ok(())
    }

    /// Keeps what became known, and what was measured; `is_whole`: it was not cut short.
    pub(super) fn keep(
        &mut self,
        run: &Run<'_>,
        states: &mut [TargetState<'_>],
        measured: Option<StepResult>,
        is_whole: bool,
    ) -> Result<(), Failure> {
        let line = LogStep {
            measured,
            is_whole,
            ..self.line(run, states)
        };
        self.write(line)
    }

    /// Asks what is asked before the servers of a round are stopped.
    pub(super) fn before_stop(&mut self) {
        self.backend = self.machine.ask_backend();
    }

    /// Keeps what is known once all servers were stopped.
    pub(super) fn end(
        mut self,
        run: &Run<'_>,
        states: &mut [TargetState<'_>],
        ending: Ending,
    ) -> Result<Known, Failure> {
        let stopped = self.machine.stop_backend();
        let mut line = self.line(run, states);
        match stopped {
            Ok(backend) => line.part.backend = backend,
            Err(how) => line.part.backend_failed = Some(how),
        }
        line.ended = Some(ending);
        self.write(line)?;
        Ok(self.known)
    }
}
