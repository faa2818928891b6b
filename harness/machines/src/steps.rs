//! The steps of one coordinator: each is begun once, however often it is asked for, and one at a time.

/// The last step that was begun.
#[derive(Debug)]
pub(crate) struct Steps<T> {
    number: u64,
    state: State<T>,
}

/// What a step is up to.
#[derive(Debug)]
enum State<T> {
    Doing,
    Done(T),
}

/// What is to be done about a step that is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked<'a, T> {
    /// It begins now.
    Begin,
    /// It is under way, or waits for the one before it, which nobody waits for any more.
    Doing,
    /// It is done.
    Done(&'a T),
    /// It is one before the last, whose outcome is known: a question that came late.
    Past,
}

impl<T> Default for Steps<T> {
    /// Before the first.
    fn default() -> Self {
        Self {
            number: 0,
            state: State::Doing,
        }
    }
}

impl<T> Steps<T> {
    /// A step is asked for; one that was never asked for is left out.
    pub(crate) fn ask(&mut self, number: u64) -> Asked<'_, T> {
        if number < self.number || number == 0 {
            return Asked::Past;
        }
        let is_free = self.number == 0 || matches!(self.state, State::Done(_));
        if number > self.number && is_free {
            *self = Self {
                number,
                state: State::Doing,
            };
            return Asked::Begin;
        }
        match &self.state {
            State::Done(outcome) if number == self.number => Asked::Done(outcome),
            _ => Asked::Doing,
        }
    }

    /// The step that is under way is done.
    pub(crate) fn done(&mut self, outcome: T) {
        self.state = State::Done(outcome);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_step_is_begun_once_and_in_its_turn() {
        let mut steps = Steps::default();
        assert_eq!(steps.ask(0), Asked::Past);
        assert_eq!(steps.ask(1), Asked::Begin);
        assert_eq!(steps.ask(1), Asked::Doing);
        assert_eq!(steps.ask(2), Asked::Doing, "it waits");
        steps.done("one");
        assert_eq!(steps.ask(1), Asked::Done(&"one"));
        assert_eq!(steps.ask(2), Asked::Begin);
        assert_eq!(steps.ask(1), Asked::Past);
        steps.done("two");
        // Nobody ever asked for the third.
        assert_eq!(steps.ask(4), Asked::Begin);
        assert_eq!(steps.ask(3), Asked::Past);
    }

    proptest! {
        /// A network that loses, doubles and delays what is asked and answered: a coordinator that asks until it hears gets through all of its
        /// steps, and each is done once.
        #[test]
        fn whatever_is_lost_or_doubled_each_step_is_done_once(
            fates in proptest::collection::vec((0_u8..4, any::<bool>(), any::<bool>()), 0..400),
        ) {
            let mut steps = Steps::default();
            let mut begun = Vec::new();
            let (mut number, mut late) = (1, Vec::new());
            // In the end the network is as good as any.
            let good = std::iter::repeat_n((0, false, true), 20);
            for (fate, is_answer_lost, is_done_by_then) in fates.into_iter().chain(good) {
                // What was delayed comes now, after others.
                let mut arrived = Vec::new();
                match fate {
                    1 => {}
                    2 => late.push(number),
                    3 => arrived.extend([number, number]),
                    _ => {
                        arrived.append(&mut late);
                        arrived.push(number);
                    }
                }
                let mut heard = false;
                for asked in arrived {
                    match steps.ask(asked) {
                        Asked::Begin => begun.push(asked),
                        Asked::Done(&outcome) => heard |= outcome == number,
                        Asked::Doing | Asked::Past => {}
                    }
                }
                if is_done_by_then && begun.last() == Some(&number) {
                    steps.done(number);
                }
                if heard && !is_answer_lost {
                    number += 1;
                }
            }
            prop_assert!(begun.iter().copied().eq(1..=begun.len() as u64), "{begun:?}");
            prop_assert!(number + 1 >= begun.len() as u64);
            prop_assert!(number > 5, "{number} steps");
        }
    }
}
