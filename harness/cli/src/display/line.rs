//! The two lines that are redrawn while a run goes: where it is, and what it has measured so far. Pure.

use model::measured::summary::Times;
use report::words::figures;

use super::moment::Moment;
use super::progress::{Generator, Progress, Stage};
use crate::redrawn::{approximate, bar, cut};

/// The widest bar, its ends included.
const BAR_WIDTH_MAX: usize = 26;

/// A bar narrower than this says too little to be drawn.
const BAR_WIDTH_MIN: usize = 10;

/// The lines, each of at most `columns` characters.
pub(super) fn lines(progress: &Progress, moment: &Moment, columns: usize) -> [String; 2] {
    [
        place(progress, moment, columns),
        figures_of(progress, moment),
    ]
    .map(|line| cut(line, columns))
}

/// Where the run is: `[=====>    ] round 3 of 10, epoch 12 of 40: callback, about 32 s left`; a sweep:
/// `[=>        ] round 1 up, 1,200/s: callback, at most 4 min left`.
fn place(progress: &Progress, moment: &Moment, columns: usize) -> String {
    let words = place_words(progress, moment);
    let room = columns.saturating_sub(words.chars().count() + 1);
    match room.min(BAR_WIDTH_MAX) {
        ..BAR_WIDTH_MIN => words,
        width => format!("{} {words}", bar(progress.share(), width)),
    }
}

/// The same without a bar.
pub(super) fn place_words(progress: &Progress, moment: &Moment) -> String {
    let asked = if moment.is_stopping {
        ", stopping"
    } else if moment.wants_pause && !matches!(progress.stage, Stage::Resting { .. }) {
        ", pausing after this block"
    } else {
        ""
    };
    let (place, about) = match &progress.search {
        None => (
            format!(
                "round {} of {}, epoch {} of {}",
                progress.round + 1,
                progress.rounds,
                progress.epoch + 1,
                progress.epochs
            ),
            "about",
        ),
        Some(search) => (search.place.clone(), "at most"),
    };
    format!(
        "{place}: {}{asked}, {about} {} left",
        progress.doing(),
        approximate(progress.left(moment.now))
    )
}

/// What is known of the target that is driven, and how the generator does.
fn figures_of(progress: &Progress, moment: &Moment) -> String {
    let generator = progress.generator.as_ref().map(Generator::words);
    let target = progress.current().filter(|target| target.epochs > 0);
    let counted = moment.counts.filter(|_| progress.is_measuring());
    let target = match (target, counted) {
        (None, None) => None,
        (target, counted) => {
            let per_s = counted
                .and_then(runner::steering::Counts::per_s)
                .or(target.map(|target| target.per_s));
            let failed = target.map_or(0, |target| target.failed)
                + counted.map_or(0, |counts| counts.failed);
            let times = target.map(|target| target.times).unwrap_or_default();
            Some(format!(
                "{}, {}, {}",
                per_s.map_or_else(|| figures::NONE.to_owned(), figures::per_s),
                times_words(&times),
                failures(failed)
            ))
        }
    };
    let parts: Vec<String> = target.into_iter().chain(generator).collect();
    parts.join("; ")
}

fn times_words(times: &Times) -> String {
    format!(
        "p50 {}, p99 {}",
        figures::maybe_time(times.p50),
        figures::maybe_time(times.p99)
    )
}

/// How many failed, in words.
pub(super) fn failures(failed: u64) -> String {
    match failed {
        0 => "no errors".to_owned(),
        failed => format!("{} failed", figures::count(failed)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::display::made_up_for_tests as made_up;
    use runner::run_event::RunEvent;
    use runner::steering::Counts;

    fn check(name: &str, progress: &Progress, moment: &Moment) {
        for columns in [10, 40, 79, 200] {
            for line in lines(progress, moment, columns) {
                assert!(line.chars().count() <= columns, "{columns}: {line}");
            }
        }
        insta::assert_snapshot!(name, lines(progress, moment, 79).join("\n"));
    }

    #[test]
    fn the_lines_of_a_run_read_as_reviewed() {
        let moment = |now| Moment {
            now,
            ..Moment::default()
        };
        let (progress, now) = made_up::run(&["callback", "coroutine"], 0);
        check("first", &progress, &moment(now));
        let (mut progress, now) = made_up::run(&["callback", "coroutine"], 12);
        let counted = Moment {
            counts: Some(Counts {
                ok: 504,
                failed: 3,
                over: Duration::from_millis(500),
            }),
            wants_pause: true,
            ..moment(now)
        };
        check("measuring", &progress, &counted);
        let stopping = Moment {
            is_stopping: true,
            ..counted
        };
        check("stopping", &progress, &stopping);
        progress.on(&RunEvent::Paused, now);
        check("paused", &progress, &moment(now));
        let (progress, now) = made_up::sweep();
        check("sweeping", &progress, &moment(now));
    }
}
