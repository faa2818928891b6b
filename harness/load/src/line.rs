//! Sessions standing in line: who has been free longest, whose request has been out longest. Pure.
//!
//! Like a queue, but what stands in it can leave from anywhere at no cost: with ten thousand sessions neither a look at
//! time-outs nor a lost connection may walk through them all. Its memory is fixed from the start.

/// The end of the line, in either direction.
const END: u32 = u32::MAX;

/// The mark of those who don't stand in line.
const ABSENT: u32 = u32::MAX - 1;

/// Indices in the order in which they came, each at most once.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    places: Vec<Place>,
    first: u32,
    last: u32,
    len: u32,
}

/// Who stands before and after an index.
#[derive(Debug, Clone, Copy)]
struct Place {
    before: u32,
    after: u32,
}

impl Line {
    /// An empty line for indices below `capacity`.
    pub(crate) fn new(capacity: u32) -> Self {
        assert!(
            capacity < ABSENT,
            "the two largest numbers have meanings of their own"
        );
        let absent = Place {
            before: ABSENT,
            after: ABSENT,
        };
        Self {
            places: vec![absent; capacity as usize],
            first: END,
            last: END,
            len: 0,
        }
    }

    /// How many stand in line.
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Who came first.
    pub(crate) fn front(&self) -> Option<usize> {
        (self.first != END).then_some(self.first as usize)
    }

    /// Joins at the end. Who stands in line already can't.
    pub(crate) fn push_back(&mut self, index: usize) {
        let number = u32::try_from(index).expect("an index below the capacity, which is a u32");
        assert_eq!(
            self.places[index].before, ABSENT,
            "nobody stands in a line twice"
        );
        self.places[index] = Place {
            before: self.last,
            after: END,
        };
        match self.last {
            END => self.first = number,
            last => self.places[last as usize].after = number,
        }
        self.last = number;
        self.len += 1;
    }

    /// Takes who came first.
    pub(crate) fn pop_front(&mut self) -> Option<usize> {
        let front = self.front()?;
        self.remove(front);
        Some(front)
    }

    /// Leaves the line. Who isn't in it can't.
    pub(crate) fn remove(&mut self, index: usize) {
        let Place { before, after } = self.places[index];
        assert_ne!(before, ABSENT, "only who stands in line can leave it");
        match before {
            END => self.first = after,
            before => self.places[before as usize].after = after,
        }
        match after {
            END => self.last = before,
            after => self.places[after as usize].before = before,
        }
        self.places[index] = Place {
            before: ABSENT,
            after: ABSENT,
        };
        self.len -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    proptest! {
        #[test]
        fn it_is_a_queue_that_can_be_left_from_anywhere(moves in prop::collection::vec((0_usize..8, any::<bool>()), 0..200)) {
            let mut line = Line::new(8);
            let mut model = VecDeque::new();
            for (index, is_pop) in moves {
                if is_pop {
                    prop_assert_eq!(line.pop_front(), model.pop_front());
                } else if model.contains(&index) {
                    line.remove(index);
                    model.retain(|&other| other != index);
                } else {
                    line.push_back(index);
                    model.push_back(index);
                }
                prop_assert_eq!(line.front(), model.front().copied());
                prop_assert_eq!(line.len() as usize, model.len());
                prop_assert_eq!(line.is_empty(), model.is_empty());
            }
        }
    }

    #[test]
    #[should_panic(expected = "twice")]
    fn joining_twice_is_a_bug() {
        let mut line = Line::new(1);
        line.push_back(0);
        line.push_back(0);
    }
}
