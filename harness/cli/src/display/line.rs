//! The two lines that are redrawn while a run goes: where it is, and what it has measured so far. Pure.

use std::time::Duration;

use bench_core::summary::Times;
use report::figures;

use super::Moment;
use super::progress::{Generator, Progress, Stage};

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

/// Where the run is: `[=====>    ] round 3 of 10, epoch 12 of 40: callback, about 32 s left`.
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
    format!(
        "round {} of {}, epoch {} of {}: {}{asked}, about {} left",
        progress.round + 1,
        progress.rounds,
        progress.epoch + 1,
        progress.epochs,
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
                .and_then(super::Counts::per_s)
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

/// A bar of that many characters: `[====>     ]`.
pub(crate) fn bar(share: f64, width: usize) -> String {
    let room = width.saturating_sub(2);
    let full = whole(share.clamp(0.0, 1.0) * room as f64);
    let head = if full < room { ">" } else { "" };
    let rest = room - full - head.len();
    format!("[{}{head}{}]", "=".repeat(full), " ".repeat(rest))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of the width of a screen"
)]
fn whole(length: f64) -> usize {
    length as usize
}

/// At most `columns` characters of it, the last of them saying that there were more.
pub(crate) fn cut(line: String, columns: usize) -> String {
    if line.chars().count() <= columns {
        return line;
    }
    let kept: String = line.chars().take(columns.saturating_sub(1)).collect();
    kept + "…"
}

/// A duration for people: `50 s`, `3 min`.
pub(crate) fn approximate(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds => format!("{} min", seconds.div_ceil(60)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::display::made_up;
    use crate::run_event::RunEvent;
    use crate::steering::Counts;

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
    }

    #[test]
    fn a_bar_is_as_long_as_it_is_told() {
        for (share, width, drawn) in [
            (0.0, 10, "[>       ]"),
            (0.5, 10, "[====>   ]"),
            (1.0, 10, "[========]"),
            (7.0, 4, "[==]"),
        ] {
            assert_eq!(bar(share, width), drawn, "{share}");
        }
    }

    #[test]
    fn durations_are_rounded_for_people() {
        for (seconds, told) in [(0, "0 s"), (119, "119 s"), (120, "2 min"), (121, "3 min")] {
            assert_eq!(approximate(Duration::from_secs(seconds)), told);
        }
    }
}
