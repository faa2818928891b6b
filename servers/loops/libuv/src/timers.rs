//! Timers, by the whole millisecond, as in libuv's src/timer.c.
//!
//! Knows due times, and which of them have passed; must never wait.

use crate::event_loop::Loop;
use crate::handles::{Handle, Key};
use reactor::{NS_PER_MS, TimerRule};
use std::fmt;

/// Names a timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timer(pub(crate) Key);

impl Loop {
    /// A timer that isn't started; `callback` runs each time it fires. It can be started and stopped any number of
    /// times, and lives until closed.
    pub fn add_timer(&mut self, callback: impl FnMut(&mut Loop, Timer) + 'static) -> Timer {
        Timer(self.handles.timers.insert(TimerState {
            callback: Some(Box::new(callback)),
            due_ns: 0,
            repeat_ms: 0,
            ready: false,
        }))
    }

    /// Starts the timer, anew if it is started: it fires after `after_ms`, and with `repeat_ms` above 0 again and again
    /// (`uv_timer_start`). When exactly says the loop's [`TimerRule`]: it counts from now by the clock, or from loop time.
    pub fn start_timer(&mut self, timer: Timer, after_ms: u64, repeat_ms: u64) {
        let from_ns = match self.timer_rule {
            TimerRule::NeverEarly => self.poll.now_ns(),
            TimerRule::Own => self.now_ns,
        };
        let due_ns = from_ns.saturating_add(after_ms.saturating_mul(NS_PER_MS));
        self.start_timer_at(timer, due_ns, repeat_ms);
    }

    pub(crate) fn start_timer_at(&mut self, timer: Timer, due_ns: u64, repeat_ms: u64) {
        let Some(state) = self.handles.timers.open_mut(timer.0) else {
            return;
        };
        state.ready = false;
        state.due_ns = due_ns;
        state.repeat_ms = repeat_ms;
        self.timer_heap.remove(timer.0.index());
        let at_ms = self.timer_rule.fires_at_ns(due_ns) / NS_PER_MS;
        self.timer_heap.insert(timer.0.index(), at_ms);
        self.handles.set_active(Handle::Timer(timer), true);
    }

    /// Stops the timer. One that is due in the present turn but hasn't run yet won't (`uv_timer_stop`).
    pub fn stop_timer(&mut self, timer: Timer) {
        let Some(state) = self.handles.timers.open_mut(timer.0) else {
            return;
        };
        state.ready = false;
        self.timer_heap.remove(timer.0.index());
        self.handles.set_active(Handle::Timer(timer), false);
    }

    /// Starts a repeating timer anew, to fire one repeat interval from loop time; another timer is left as it is
    /// (`uv_timer_again`).
    pub fn again_timer(&mut self, timer: Timer) {
        if let Some(repeat_ms) = self
            .handles
            .timers
            .open(timer.0)
            .map(|state| state.repeat_ms)
            .filter(|&ms| ms > 0)
        {
            self.start_timer(timer, repeat_ms, repeat_ms);
        }
    }

    /// The timers phase. All that are due are collected first, so a timer of 0 ms that one of their callbacks starts
    /// waits for the next turn (`uv__run_timers` since libuv 1.48).
    pub(crate) fn run_timers(&mut self) {
        while let Some(due) = self.timer_heap.pop_due(self.now_ms) {
            let key = self
                .handles
                .timers
                .key_at(due.index)
                .expect("a timer leaves the heap before its slot is freed");
            let state = self
                .handles
                .timers
                .open_mut(key)
                .expect("closing stops a timer");
            state.ready = true;
            self.metrics.timers.record(state.due_ns, self.now_ns);
            self.handles.set_active(Handle::Timer(Timer(key)), false);
            self.timers_ready.push_back(Timer(key));
        }
        while let Some(timer) = self.timers_ready.pop_front() {
            self.fire(timer);
        }
    }

    fn fire(&mut self, timer: Timer) {
        let Some(state) = self
            .handles
            .timers
            .open_mut(timer.0)
            .filter(|state| state.ready)
        else {
            return;
        };
        state.ready = false;
        let callback = state.callback.take();
        self.again_timer(timer);
        if let Some(mut callback) = callback {
            self.metrics.callbacks += 1;
            callback(self, timer);
            if let Some(state) = self.handles.timers.open_mut(timer.0) {
                state.callback = Some(callback);
            }
        }
    }
}

type TimerCallback = Box<dyn FnMut(&mut Loop, Timer)>;

pub(crate) struct TimerState {
    /// Taken out while it runs.
    callback: Option<TimerCallback>,
    /// When it is due by the clock, if it is started.
    due_ns: u64,
    repeat_ms: u64,
    /// Collected as due in this turn, and not run, stopped or started again since.
    ready: bool,
}

impl fmt::Debug for TimerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "TimerState {{ repeat_ms: {}, ready: {} }}",
            self.repeat_ms, self.ready
        )
    }
}

/// Started timers in the order in which they will fire: by due time, and those due in the same millisecond by the
/// order in which they were started. A binary heap would not promise the latter, hence `start_id`.
///
/// It remembers where each timer stands in it, so that a stop costs O(log n): servers stop most of their time-outs.
#[derive(Debug, Default)]
pub(crate) struct TimerHeap {
    entries: Vec<Due>,
    /// By timer index: its place in `entries`, or `ABSENT`.
    places: Vec<usize>,
    next_start_id: u64,
}

/// A started timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Due {
    pub(crate) at_ms: u64,
    start_id: u64,
    pub(crate) index: usize,
}

const ABSENT: usize = usize::MAX;

impl TimerHeap {
    /// Adds a timer that isn't in the heap.
    pub(crate) fn insert(&mut self, index: usize, at_ms: u64) {
        if self.places.len() <= index {
            self.places.resize(index + 1, ABSENT);
        }
        debug_assert_eq!(
            self.places[index], ABSENT,
            "a timer stands in the heap once"
        );
        let start_id = self.next_start_id;
        self.next_start_id += 1;
        let place = self.entries.len();
        self.entries.push(Due {
            at_ms,
            start_id,
            index,
        });
        self.places[index] = place;
        self.sift_up(place);
    }

    /// Removes a timer, if it is in the heap.
    pub(crate) fn remove(&mut self, index: usize) {
        if let Some(place) = self
            .places
            .get(index)
            .copied()
            .filter(|&place| place != ABSENT)
        {
            self.remove_place(place);
        }
    }

    /// When the first timer fires, in milliseconds of loop time.
    pub(crate) fn next_ms(&self) -> Option<u64> {
        self.entries.first().map(|first| first.at_ms)
    }

    /// Removes the first timer if it is due.
    pub(crate) fn pop_due(&mut self, now_ms: u64) -> Option<Due> {
        let first = *self.entries.first().filter(|first| first.at_ms <= now_ms)?;
        self.remove_place(0);
        Some(first)
    }

    fn remove_place(&mut self, place: usize) {
        let removed = self.entries.swap_remove(place);
        self.places[removed.index] = ABSENT;
        if place < self.entries.len() {
            // The last entry has come here, perhaps from another branch: it may belong above or below.
            self.places[self.entries[place].index] = place;
            self.sift_up(place);
            self.sift_down(place);
        }
    }

    fn sift_up(&mut self, mut place: usize) {
        while place > 0 {
            let parent = (place - 1) / 2;
            if self.entries[parent] <= self.entries[place] {
                break;
            }
            self.swap(parent, place);
            place = parent;
        }
    }

    fn sift_down(&mut self, mut place: usize) {
        loop {
            let left = 2 * place + 1;
            let Some(mut child) = (left < self.entries.len()).then_some(left) else {
                break;
            };
            if left + 1 < self.entries.len() && self.entries[left + 1] < self.entries[left] {
                child = left + 1;
            }
            if self.entries[place] <= self.entries[child] {
                break;
            }
            self.swap(place, child);
            place = child;
        }
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.entries.swap(a, b);
        self.places[self.entries[a].index] = a;
        self.places[self.entries[b].index] = b;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    enum Act {
        Start { index: usize, due_ms: u64 },
        Stop { index: usize },
        Fire { now_ms: u64 },
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let index = 0..20_usize;
        let act = prop_oneof![
            4 => (index.clone(), 0..50_u64).prop_map(|(index, due_ms)| Act::Start { index, due_ms }),
            2 => index.prop_map(|index| Act::Stop { index }),
            1 => (0..50_u64).prop_map(|now_ms| Act::Fire { now_ms }),
        ];
        prop::collection::vec(act, 0..200)
    }

    proptest! {
        /// The heap against a list that is searched from end to end.
        #[test]
        fn fires_what_a_plain_list_would(acts in acts()) {
            let mut heap = TimerHeap::default();
            let mut list: Vec<(u64, u64, usize)> = Vec::new();
            for (start_id, act) in (0_u64..).zip(acts) {
                match act {
                    Act::Start { index, due_ms } => {
                        heap.remove(index);
                        heap.insert(index, due_ms);
                        list.retain(|timer| timer.2 != index);
                        list.push((due_ms, start_id, index));
                    }
                    Act::Stop { index } => {
                        heap.remove(index);
                        list.retain(|timer| timer.2 != index);
                    }
                    Act::Fire { now_ms } => {
                        list.sort_unstable();
                        let due = list.iter().take_while(|timer| timer.0 <= now_ms).count();
                        let expected: Vec<_> = list.drain(..due).map(|timer| timer.2).collect();
                        let fired: Vec<_> = std::iter::from_fn(|| heap.pop_due(now_ms)).map(|due| due.index).collect();
                        prop_assert_eq!(fired, expected);
                    }
                }
                prop_assert_eq!(heap.next_ms(), list.iter().map(|timer| timer.0).min());
            }
        }
    }
}
