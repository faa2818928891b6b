//! Callbacks, soon or at a time, and their cancellation (`events.py`, and their part of `base_events.py`).
//!
//! Knows when a callback is to run; must never know what it does.

use crate::event_loop::{EventLoop, Ready};
use slotmap::{DefaultKey, SlotMap};
use std::task::Waker;
use std::time::Duration;

/// Timers that are due before the clock's next tick run in this turn (`_clock_resolution`); the clock counts nanoseconds.
const CLOCK_RESOLUTION_NS: u64 = 1;

/// A callback that was asked for, and can be cancelled until it runs. Dropping the handle changes nothing.
#[derive(Debug)]
pub struct Handle {
    event_loop: EventLoop,
    key: HandleKey,
}

impl Handle {
    /// Drops the callback, unless it has run.
    pub fn cancel(&self) {
        self.event_loop.cancel(self.key);
    }
}

impl EventLoop {
    /// Runs `callback` in the next turn, after those asked for before; asked for between two turns, in the first of them.
    pub fn call_soon(&self, callback: impl FnOnce() + 'static) -> Handle {
        let key = self.add_handle(Callback::Call(Box::new(callback)), None);
        self.push(Ready::Handle(key));
        self.handle(key)
    }

    /// Runs `callback` so long from now.
    pub fn call_later(&self, delay: Duration, callback: impl FnOnce() + 'static) -> Handle {
        self.call_at(self.time().saturating_add(delay), callback)
    }

    /// Runs `callback` when [`EventLoop::time`] is `when`. The order of callbacks due at the same time is the heap's, which keeps
    /// no promise about it.
    pub fn call_at(&self, when: Duration, callback: impl FnOnce() + 'static) -> Handle {
        let key = self.schedule(when, Callback::Call(Box::new(callback)));
        self.handle(key)
    }

    /// Wakes a task when loop time is `when`.
    pub(crate) fn wake_at(&self, when: Duration, waker: Waker) -> HandleKey {
        self.schedule(when, Callback::Wake(waker))
    }

    /// Whether that wake-up is still to come; it will be of this task then, whoever asked for it.
    pub(crate) fn is_to_wake(&self, key: HandleKey, waker: &Waker) -> bool {
        let mut handles = self.inner.handles.borrow_mut();
        let Some(Callback::Wake(known)) = handles.callback_mut(key) else {
            return false;
        };
        if !known.will_wake(waker) {
            let other = std::mem::replace(known, waker.clone());
            drop(handles);
            drop(other);
        }
        true
    }

    pub(crate) fn cancel(&self, key: HandleKey) {
        let mut handles = self.inner.handles.borrow_mut();
        let Some(state) = handles.slots.get_mut(key) else {
            return;
        };
        let cancelled = state.callback.take();
        if cancelled.is_some() && state.due_ns.is_some() {
            self.inner.scheduled.borrow_mut().cancelled_count += 1;
        }
        // What a callback holds may come back here when it is dropped.
        drop(handles);
        drop(cancelled);
    }

    /// Cancelled timers leave the heap at its head, or all at once where they are many.
    pub(crate) fn forget_cancelled_timers(&self) {
        let scheduled = &mut *self.inner.scheduled.borrow_mut();
        let handles = &mut *self.inner.handles.borrow_mut();
        if scheduled.has_many_cancelled() {
            scheduled.retain(|key| {
                let is_cancelled = handles.is_cancelled(key);
                if is_cancelled {
                    handles.slots.remove(key);
                }
                !is_cancelled
            });
            return;
        }
        while let Some(first) = scheduled.first().filter(|&key| handles.is_cancelled(key)) {
            scheduled.pop();
            scheduled.cancelled_count -= 1;
            handles.slots.remove(first);
        }
    }

    /// Timers that are due join the ready queue.
    pub(crate) fn move_due_timers(&self) {
        let mut scheduled = self.inner.scheduled.borrow_mut();
        if scheduled.first().is_none() {
            return;
        }
        let now_ns = self.time_ns();
        let end_ns = now_ns.saturating_add(CLOCK_RESOLUTION_NS);
        let punctuality = &mut self.inner.metrics.borrow_mut().timers;
        let mut handles = self.inner.handles.borrow_mut();
        let mut ready = self.inner.ready.borrow_mut();
        while scheduled.first_ns().is_some_and(|when_ns| when_ns < end_ns) {
            let Some(key) = scheduled.pop() else { break };
            if let Some(state) = handles.slots.get_mut(key) {
                if let Some(due_ns) = state.due_ns.take() {
                    punctuality.record(due_ns, now_ns);
                }
                // CPython leaves these counted, and so clears the heap sooner than its rule says.
                scheduled.cancelled_count -= usize::from(state.callback.is_none());
            }
            ready.push_back(Ready::Handle(key));
        }
    }

    pub(crate) fn run_handle(&self, key: HandleKey) {
        let state = self.inner.handles.borrow_mut().slots.remove(key);
        match state.and_then(|state| state.callback) {
            Some(Callback::Call(callback)) => callback(),
            Some(Callback::Wake(waker)) => waker.wake(),
            None => {}
        }
    }

    fn schedule(&self, when: Duration, callback: Callback) -> HandleKey {
        let due_ns = u64::try_from(when.as_nanos()).unwrap_or(u64::MAX);
        let key = self.add_handle(callback, Some(due_ns));
        let fires_at_ns = self.inner.timer_rule.fires_at_ns(due_ns);
        self.inner.scheduled.borrow_mut().push(fires_at_ns, key);
        key
    }

    fn add_handle(&self, callback: Callback, due_ns: Option<u64>) -> HandleKey {
        self.inner.handles.borrow_mut().slots.insert(HandleState {
            callback: Some(callback),
            due_ns,
        })
    }

    fn handle(&self, key: HandleKey) -> Handle {
        Handle {
            event_loop: self.clone(),
            key,
        }
    }
}

/// Names a callback; once that has run, nothing.
pub(crate) type HandleKey = DefaultKey;

/// All callbacks that are to run and may be cancelled.
#[derive(Default)]
pub(crate) struct Handles {
    slots: SlotMap<HandleKey, HandleState>,
}

pub(crate) struct HandleState {
    /// None once cancelled.
    callback: Option<Callback>,
    /// While it stands in the heap of timers, when it is due.
    due_ns: Option<u64>,
}

enum Callback {
    Call(Box<dyn FnOnce()>),
    Wake(Waker),
}

impl Handles {
    pub(crate) fn take_all(&mut self) -> Vec<HandleState> {
        self.slots.drain().map(|(_, state)| state).collect()
    }

    fn callback_mut(&mut self, key: HandleKey) -> Option<&mut Callback> {
        self.slots.get_mut(key)?.callback.as_mut()
    }

    fn is_cancelled(&self, key: HandleKey) -> bool {
        self.slots
            .get(key)
            .is_none_or(|state| state.callback.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheduled::MIN_SCHEDULED_TIMER_HANDLES;
    use crate::{Clock, ManualClock, Runner, Settings, TimerRule};

    #[test]
    fn cancelled_timers_leave_the_heap_at_its_head_or_when_they_are_many() {
        let clock = Clock::Manual(ManualClock::new());
        let runner = Runner::new(Settings {
            clock,
            ..Settings::default()
        })
        .unwrap();
        let event_loop = runner.event_loop();
        let after = |s| event_loop.call_later(Duration::from_secs(s), || ());
        let left = || event_loop.inner.handles.borrow().slots.len();

        // At the bound, only the head is looked at.
        let count = MIN_SCHEDULED_TIMER_HANDLES;
        let timers: Vec<_> = (1..=100).map(after).collect();
        assert_eq!(timers.len(), count);
        timers[1..].iter().for_each(Handle::cancel);
        event_loop.forget_cancelled_timers();
        assert_eq!(left(), count, "the first is not cancelled");
        timers[0].cancel();
        event_loop.forget_cancelled_timers();
        assert_eq!(left(), 0);

        // One above it, all go once more than half are cancelled.
        let timers: Vec<_> = (1..=101).map(after).collect();
        timers[51..].iter().for_each(Handle::cancel);
        event_loop.forget_cancelled_timers();
        assert_eq!(left(), 101);
        timers[50].cancel();
        // Cancelled again, it counts once.
        timers[50].cancel();
        event_loop.forget_cancelled_timers();
        assert_eq!(left(), 50);
        assert_eq!(event_loop.inner.scheduled.borrow().cancelled_count, 0);
    }

    #[test]
    fn a_timer_is_due_within_the_clocks_resolution_or_never_early_at_whole_milliseconds() {
        for (timer_rule, due_at_10_ns, due_at_1_ms) in
            [(TimerRule::Own, 2, 3), (TimerRule::NeverEarly, 0, 3)]
        {
            let clock = ManualClock::new();
            let runner = Runner::new(Settings {
                clock: Clock::Manual(clock.clone()),
                timer_rule,
                ..Settings::default()
            })
            .unwrap();
            let event_loop = runner.event_loop();
            clock.advance_ns(10);
            for when_ns in [11, 10, 9] {
                event_loop.call_at(Duration::from_nanos(when_ns), || ());
            }
            event_loop.move_due_timers();
            assert_eq!(event_loop.ready_len(), due_at_10_ns, "{timer_rule:?}");
            clock.advance_ns(1_000_000 - 10);
            event_loop.move_due_timers();
            assert_eq!(event_loop.ready_len(), due_at_1_ms, "{timer_rule:?}");
        }
    }
}
