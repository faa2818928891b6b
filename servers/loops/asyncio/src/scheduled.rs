//! The heap of timers.
//!
//! Knows due times; must never read a clock, nor know what is due. Handles compare by due time alone, as asyncio's
//! `TimerHandle` does, so the order of those due at the same time is the heap's own; therefore the heap is CPython's `heapq`,
//! sift by sift, and not the standard library's, which would order them otherwise.

use crate::handles::HandleKey;

/// With more handles than this, cancelled ones are not only looked for at the head of the heap...
pub(crate) const MIN_SCHEDULED_TIMER_HANDLES: usize = 100;

/// ...and all of them are taken out once they are more than one in so many.
const MIN_CANCELLED_TIMER_HANDLES: usize = 2;

#[derive(Default)]
pub(crate) struct Scheduled {
    heap: Vec<Timer>,
    /// How many of the handles in the heap have been cancelled.
    pub(crate) cancelled_count: usize,
}

#[derive(Clone, Copy)]
struct Timer {
    when_ns: u64,
    handle: HandleKey,
}

impl Scheduled {
    /// When the first is due.
    pub(crate) fn first_ns(&self) -> Option<u64> {
        self.heap.first().map(|timer| timer.when_ns)
    }

    /// The one that is due first.
    pub(crate) fn first(&self) -> Option<HandleKey> {
        self.heap.first().map(|timer| timer.handle)
    }

    /// Whether so many are cancelled that the heap should be cleared of them, rather than its head only.
    pub(crate) fn has_many_cancelled(&self) -> bool {
        self.heap.len() > MIN_SCHEDULED_TIMER_HANDLES
            && self.cancelled_count * MIN_CANCELLED_TIMER_HANDLES > self.heap.len()
    }

    /// `heappush`.
    pub(crate) fn push(&mut self, when_ns: u64, handle: HandleKey) {
        self.heap.push(Timer { when_ns, handle });
        self.sift_down(0, self.heap.len() - 1);
    }

    /// `heappop`.
    pub(crate) fn pop(&mut self) -> Option<HandleKey> {
        let last = self.heap.pop()?;
        let Some(first) = self.heap.first_mut() else {
            return Some(last.handle);
        };
        let popped = std::mem::replace(first, last);
        self.sift_up(0);
        Some(popped.handle)
    }

    /// Keeps those of which `keep` says so, in a heap made anew (`heapify`); none of them is cancelled.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(HandleKey) -> bool) {
        self.heap.retain(|timer| keep(timer.handle));
        for pos in (0..self.heap.len() / 2).rev() {
            self.sift_up(pos);
        }
        self.cancelled_count = 0;
    }

    /// `_siftdown`: moves a new leaf towards the root until its parent is not due later.
    fn sift_down(&mut self, start: usize, mut pos: usize) {
        let timer = self.heap[pos];
        while pos > start {
            let parent = (pos - 1) / 2;
            if timer.when_ns >= self.heap[parent].when_ns {
                break;
            }
            self.heap[pos] = self.heap[parent];
            pos = parent;
        }
        self.heap[pos] = timer;
    }

    /// `_siftup`: moves the smaller child up until a leaf is hit, and from there finds the place of what was at the root.
    fn sift_up(&mut self, start: usize) {
        let end = self.heap.len();
        let timer = self.heap[start];
        let mut pos = start;
        while 2 * pos + 1 < end {
            let left = 2 * pos + 1;
            let right = left + 1;
            let right_is_first = right < end && self.heap[left].when_ns >= self.heap[right].when_ns;
            let child = if right_is_first { right } else { left };
            self.heap[pos] = self.heap[child];
            pos = child;
        }
        self.heap[pos] = timer;
        self.sift_down(start, pos);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use slotmap::SlotMap;

    proptest! {
        #[test]
        fn timers_come_out_by_due_time(
            acts in prop::collection::vec(prop::option::weighted(0.7, 0..50_u64), 0..300),
            kept in 0..50_u64,
        ) {
            let mut handles = SlotMap::new();
            let mut heap = Scheduled::default();
            let mut list = Vec::new();
            for act in acts {
                if let Some(when_ns) = act {
                    heap.push(when_ns, handles.insert(when_ns));
                    list.push(when_ns);
                    list.sort_unstable();
                } else {
                    let popped = heap.pop().map(|key| handles[key]);
                    prop_assert_eq!(popped, (!list.is_empty()).then(|| list.remove(0)));
                }
                prop_assert_eq!(heap.first_ns(), list.first().copied());
            }
            heap.retain(|key| handles[key] >= kept);
            list.retain(|&when_ns| when_ns >= kept);
            let popped: Vec<_> = std::iter::from_fn(|| heap.pop()).map(|key| handles[key]).collect();
            prop_assert_eq!(popped, list);
        }
    }
}
