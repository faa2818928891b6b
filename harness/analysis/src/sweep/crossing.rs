//! Where one pass crossed the objective.
//!
//! A pass is a list of epochs by rung, each within the objective or not; on a quiet machine all below the knee are within, and none above. A
//! stall of the machine puts one out of line. The crossing is where the fewest are out of line (for a threshold and errors that are equally
//! likely everywhere the likeliest place), half-way between its two neighbours. What lies between those it can't tell, and
//! how far beyond the objective the one above was says nothing of it: past a knee times depend on how long an epoch is. The rungs of
//! each round stand beside those of the round before, so the halves that are wrong one way are made up for by others.

use model::record::sweep::pass::Pass;

use super::trail::{Trail, Visit};

/// Where a pass crossed the objective, in rungs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crossing {
    /// Which round.
    pub round: u32,
    /// Which way.
    pub pass: Pass,
    /// The place.
    pub at: f64,
    /// The rung below it.
    pub below: i32,
    /// The rung above it; the same as that below where the pass ended on one side.
    pub above: i32,
    /// Which side it ended on, where it did not cross.
    pub side: Option<Side>,
}

/// On which side of the knee a whole pass was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Within the objective all the way: the knee is not below the place reported.
    Below,
    /// Beyond it all the way: the knee is below the place reported.
    Above,
}

/// The crossing of a pass; none where nothing was measured in it.
pub fn crossing(trail: &Trail, round: u32, pass: Pass) -> Option<Crossing> {
    let mut visits: Vec<&Visit> = trail.of(round, pass).collect();
    visits.sort_by_key(|visit| visit.rung);
    let (first, last) = (visits.first()?, visits.last()?);
    let places: Vec<usize> = best_splits(&visits);
    let inner: Vec<usize> = places
        .iter()
        .copied()
        .filter(|split| (1..visits.len()).contains(split))
        .collect();
    let at_end = |visit: &Visit, side| Crossing {
        round,
        pass,
        at: f64::from(visit.rung),
        below: visit.rung,
        above: visit.rung,
        side: Some(side),
    };
    // A pass that may as well have crossed as not did.
    let (Some(&lowest), Some(&highest)) = (inner.first(), inner.last()) else {
        return Some(if places.contains(&0) {
            at_end(first, Side::Above)
        } else {
            at_end(last, Side::Below)
        });
    };
    let halfway = |&split: &usize| {
        let (below, above) = (visits[split - 1].rung, visits[split].rung);
        f64::midpoint(f64::from(below), f64::from(above))
    };
    let at = inner.iter().map(halfway).sum::<f64>() / inner.len() as f64;
    Some(Crossing {
        round,
        pass,
        at,
        below: visits[lowest - 1].rung,
        above: visits[highest].rung,
        side: None,
    })
}

/// How many epochs lie below the crossing, in every way that leaves the fewest out of line.
fn best_splits(ascending: &[&Visit]) -> Vec<usize> {
    let out_of_line = |split: usize| {
        let below = ascending[..split].iter().filter(|visit| !visit.is_within());
        let above = ascending[split..].iter().filter(|visit| visit.is_within());
        below.count() + above.count()
    };
    let fewest = (0..=ascending.len()).map(out_of_line).min();
    (0..=ascending.len())
        .filter(|&split| Some(out_of_line(split)) == fewest)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::record::sweep::step::Standing;

    /// A pass over neighbouring rungs from 0: `+` is within the objective, `-` beyond it.
    fn pass(epochs: &str) -> Trail {
        let visits = epochs.chars().zip(0..).map(|(epoch, rung)| Visit {
            round: 1,
            pass: Pass::Up,
            rung,
            standing: match epoch {
                '+' => Standing::Within,
                _ => Standing::Beyond,
            },
            slo_share: None,
        });
        Trail {
            visits: visits.collect(),
            has_failed: false,
        }
    }

    #[test]
    fn a_pass_crosses_where_the_fewest_epochs_are_out_of_line() {
        let cases = [
            ("++--", 1.5, None),
            ("+---", 0.5, None),
            // One that a stall put out of line, on either side.
            ("+-++--", 3.5, None),
            ("+---+-", 0.5, None),
            // Two places are as good: the middle of them.
            ("+-+-", 1.5, None),
            ("+++", 2.0, Some(Side::Below)),
            ("--", 0.0, Some(Side::Above)),
            ("+", 0.0, Some(Side::Below)),
            // The same as not having crossed.
            ("-+", 0.0, Some(Side::Above)),
        ];
        for (epochs, at, side) in cases {
            let crossing = crossing(&pass(epochs), 1, Pass::Up).unwrap();
            assert!((crossing.at - at).abs() < 1e-9, "{epochs}: {crossing:?}");
            assert_eq!(crossing.side, side, "{epochs}");
            assert!(
                f64::from(crossing.below) <= crossing.at
                    && crossing.at <= f64::from(crossing.above)
            );
        }
        assert_eq!(crossing(&pass("+-"), 1, Pass::Down), None);
        assert_eq!(crossing(&pass(""), 1, Pass::Up), None);
    }
}
