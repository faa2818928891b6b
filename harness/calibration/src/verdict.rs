//! Whose fault a deviation is: pure arithmetic on what was expected, what was read, what the server's books say, and how
//! long the way between the two is.

use serde::{Deserialize, Serialize};

/// What a figure's deviation means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It reads as it must.
    Passed,
    /// It deviates, and the machine did it: a warning.
    Disturbed,
    /// It deviates, and nothing but the instrument explains it.
    Failed,
}

/// Everything that decides about one figure, all in its own unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence {
    /// What must be read.
    pub expected: f64,
    /// How far the reading may be from that.
    pub tolerance: f64,
    /// As the generator read it; none where it could not.
    pub measured: Option<f64>,
    /// As the server's own books have it; none where they hold nothing of the kind.
    pub in_books: Option<f64>,
    /// What the way there and back adds to the books: an exchange of nothing, without the instrument.
    pub way: f64,
    /// Whether requests that are held up make this figure larger; a rate they make smaller.
    pub grows_with_delay: bool,
    /// The share of requests that must have been held up for the figure to move.
    pub moved_by_share: f64,
    /// The share of the time in which generator or server was ready to run and had no core.
    pub withheld_share: f64,
}

/// Part of a tail's share from which on withheld time explains it: what is due while nobody runs is held up, and so is
/// what is in flight, which a little more than doubles the count.
const EXPLAINING_PART: f64 = 0.5;

/// Decides about one figure.
///
/// The books decide first: what the server itself saw deviate is no error of the instrument, nor is what the machine takes
/// for the way there and back in any case. How that way was while the instrument went it nobody can see; there the
/// kernel's own account of withheld time decides.
pub fn judge(evidence: &Evidence) -> Verdict {
    let Some(measured) = evidence.measured else {
        return Verdict::Failed;
    };
    let agrees = |a: f64, b: f64| (a - b).abs() <= evidence.tolerance;
    if agrees(measured, evidence.expected) {
        return Verdict::Passed;
    }
    let same_in_books = evidence.in_books.is_some_and(|in_books| {
        let at_least = in_books - evidence.tolerance;
        let at_most = in_books + evidence.way + evidence.tolerance;
        (at_least..=at_most).contains(&measured)
    });
    // Nobody answers sooner for want of a core. Figures that need no more than a moment are explained by any moment, as
    // long as there was one.
    let is_later = (measured > evidence.expected) == evidence.grows_with_delay;
    let explaining_share = evidence.moved_by_share * EXPLAINING_PART;
    let was_withheld =
        is_later && evidence.withheld_share > 0.0 && evidence.withheld_share >= explaining_share;
    if same_in_books || was_withheld {
        Verdict::Disturbed
    } else {
        Verdict::Failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(measured: Option<f64>, in_books: Option<f64>, withheld_share: f64) -> Verdict {
        judge(&Evidence {
            expected: 5.0,
            tolerance: 0.3,
            measured,
            in_books,
            way: 0.0,
            grows_with_delay: true,
            moved_by_share: 0.01,
            withheld_share,
        })
    }

    #[test]
    fn a_figure_passes_up_to_its_tolerance() {
        assert_eq!(check(Some(5.29), None, 0.0), Verdict::Passed);
        assert_eq!(check(Some(4.71), None, 0.0), Verdict::Passed);
        assert_eq!(check(Some(5.31), None, 0.0), Verdict::Failed);
        assert_eq!(check(Some(4.69), None, 0.0), Verdict::Failed);
    }

    #[test]
    fn the_instrument_is_wrong_where_the_books_disagree_with_it() {
        assert_eq!(check(Some(7.0), Some(5.0), 0.0), Verdict::Failed);
        assert_eq!(check(Some(7.0), Some(6.6), 0.0), Verdict::Failed);
        assert_eq!(check(Some(7.0), Some(6.8), 0.0), Verdict::Disturbed);
        // A generator that reads too little is not excused by a server that was late.
        assert_eq!(check(Some(4.0), Some(7.0), 0.0), Verdict::Failed);
    }

    #[test]
    fn what_the_way_takes_is_not_the_instruments() {
        let over = |measured| Evidence {
            expected: 5.0,
            tolerance: 0.1,
            measured: Some(measured),
            in_books: Some(5.01),
            way: 0.08,
            grows_with_delay: true,
            moved_by_share: 0.5,
            withheld_share: 0.0,
        };
        assert_eq!(judge(&over(5.18)), Verdict::Disturbed);
        assert_eq!(judge(&over(5.20)), Verdict::Failed);
        assert_eq!(judge(&over(4.89)), Verdict::Failed);
    }

    #[test]
    fn time_withheld_explains_a_tail_of_its_size() {
        assert_eq!(check(Some(7.0), Some(5.0), 0.004), Verdict::Failed);
        assert_eq!(check(Some(7.0), Some(5.0), 0.005), Verdict::Disturbed);
        assert_eq!(check(Some(3.0), Some(5.0), 0.5), Verdict::Failed);
    }

    #[test]
    fn time_withheld_explains_a_rate_that_was_missed_and_none_that_was_exceeded() {
        let rate = |measured| Evidence {
            expected: 2000.0,
            tolerance: 40.0,
            measured: Some(measured),
            in_books: None,
            way: 0.0,
            grows_with_delay: false,
            moved_by_share: 0.1,
            withheld_share: 0.05,
        };
        assert_eq!(judge(&rate(1900.0)), Verdict::Disturbed);
        assert_eq!(judge(&rate(2100.0)), Verdict::Failed);
    }

    #[test]
    fn a_figure_that_was_not_read_fails_whatever_the_machine_did() {
        assert_eq!(check(None, Some(5.0), 1.0), Verdict::Failed);
    }

    #[test]
    fn a_longest_time_needs_some_withheld_time_to_be_explained() {
        let evidence = Evidence {
            expected: 200.0,
            tolerance: 5.0,
            measured: Some(240.0),
            in_books: None,
            way: 0.0,
            grows_with_delay: true,
            moved_by_share: 0.0,
            withheld_share: 0.0,
        };
        assert_eq!(judge(&evidence), Verdict::Failed);
        let withheld = Evidence {
            withheld_share: 0.001,
            ..evidence
        };
        assert_eq!(judge(&withheld), Verdict::Disturbed);
    }
}
