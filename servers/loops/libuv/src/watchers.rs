//! Idle, prepare and check callbacks: one each turn, in a phase of their own.
//!
//! Knows the order in which they were started; must never know why a turn happens. While an idle callback is started
//! the poll phase doesn't wait.

use crate::event_loop::Loop;
use crate::handles::{Handle, Key};
use std::collections::VecDeque;
use std::fmt;
use std::mem;

/// Names an idle, prepare or check callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Watcher(pub(crate) Key);

/// The phase of the turn in which a watcher runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Before prepare; keeps the poll phase from waiting.
    Idle,
    /// Right before the poll phase.
    Prepare,
    /// After the poll phase.
    Check,
}

impl Loop {
    /// A watcher that isn't started; `callback` runs once a turn, in `phase`, while it is.
    pub fn add_watcher(
        &mut self,
        phase: Phase,
        callback: impl FnMut(&mut Loop, Watcher) + 'static,
    ) -> Watcher {
        let callback: Option<WatcherCallback> = Some(Box::new(callback));
        Watcher(self.handles.watchers.insert(WatcherState {
            phase,
            callback,
            start_id: None,
        }))
    }

    /// Starts a watcher, before those of its phase that are started, as in libuv. One started during its own phase runs from the next
    /// turn on.
    pub fn start_watcher(&mut self, watcher: Watcher) {
        let Some(state) = self.handles.watchers.open_mut(watcher.0) else {
            return;
        };
        if state.start_id.is_none() {
            let start_id = self.watchers.next_start_id;
            self.watchers.next_start_id += 1;
            state.start_id = Some(start_id);
            self.watchers
                .queue(state.phase)
                .push_front((watcher, start_id));
            self.watchers.idle_started += usize::from(state.phase == Phase::Idle);
            self.handles.set_active(Handle::Watcher(watcher), true);
        }
    }

    /// Stops a watcher; it may be started again.
    pub fn stop_watcher(&mut self, watcher: Watcher) {
        let Some(state) = self.handles.watchers.open_mut(watcher.0) else {
            return;
        };
        if state.start_id.take().is_some() {
            self.watchers.idle_started -= usize::from(state.phase == Phase::Idle);
            self.handles.set_active(Handle::Watcher(watcher), false);
        }
    }

    pub(crate) fn run_watchers(&mut self, phase: Phase) {
        if self.watchers.queue(phase).is_empty() {
            return;
        }
        let started = mem::take(&mut self.watchers.spare);
        let mut running = mem::replace(self.watchers.queue(phase), started);
        while let Some((watcher, start_id)) = running.pop_front() {
            // Stopping leaves the entry behind; it is dropped here, within one turn.
            let started = self
                .handles
                .watchers
                .open_mut(watcher.0)
                .filter(|state| state.start_id == Some(start_id));
            let Some(state) = started else { continue };
            let callback = state.callback.take();
            self.watchers.queue(phase).push_back((watcher, start_id));
            if let Some(mut callback) = callback {
                self.metrics.callbacks += 1;
                callback(self, watcher);
                if let Some(state) = self.handles.watchers.open_mut(watcher.0) {
                    state.callback = Some(callback);
                }
            }
        }
        self.watchers.spare = running;
    }
}

type WatcherCallback = Box<dyn FnMut(&mut Loop, Watcher)>;

pub(crate) struct WatcherState {
    phase: Phase,
    /// Taken out while it runs.
    callback: Option<WatcherCallback>,
    /// Which start is the present one, or none.
    start_id: Option<u64>,
}

impl fmt::Debug for WatcherState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "WatcherState {{ phase: {:?}, start_id: {:?} }}",
            self.phase, self.start_id
        )
    }
}

/// Started watchers, each phase's in the order in which they run (`loop-watcher.c`).
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    idle: VecDeque<(Watcher, u64)>,
    prepare: VecDeque<(Watcher, u64)>,
    check: VecDeque<(Watcher, u64)>,
    /// Empty, with the room of a queue that was run.
    spare: VecDeque<(Watcher, u64)>,
    next_start_id: u64,
    pub(crate) idle_started: usize,
}

impl Watchers {
    fn queue(&mut self, phase: Phase) -> &mut VecDeque<(Watcher, u64)> {
        match phase {
            Phase::Idle => &mut self.idle,
            Phase::Prepare => &mut self.prepare,
            Phase::Check => &mut self.check,
        }
    }
}
