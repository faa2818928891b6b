//! How each target looks: a colour, a line style and a marker, the same in every chart of every run.
//!
//! The colours are Okabe and Ito's (<https://jfly.uni-koeln.de/color/>), which people with any common colour-blindness
//! tell apart, without their yellow, which vanishes on white. Line style and marker differ too, so that a
//! chart printed in grey still reads.

use plotters::style::RGBColor;
use serde::Serialize;

pub(super) const BLACK: RGBColor = RGBColor(0, 0, 0);
const BLUE: RGBColor = RGBColor(0, 114, 178);
pub(super) const VERMILLION: RGBColor = RGBColor(213, 94, 0);
const GREEN: RGBColor = RGBColor(0, 158, 115);
/// What got better, and what got worse: blue and vermillion, which no colour-blindness confuses as green and red.
pub(super) const BETTER: RGBColor = BLUE;
pub(super) const WORSE: RGBColor = VERMILLION;
const SKY: RGBColor = RGBColor(86, 180, 233);
const ORANGE: RGBColor = RGBColor(230, 159, 0);
const PURPLE: RGBColor = RGBColor(204, 121, 167);
const GREY: RGBColor = RGBColor(119, 119, 119);

/// How one target looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Look {
    pub(super) colour: RGBColor,
    pub(super) dash: Dash,
    pub(super) marker: Marker,
}

impl Look {
    /// The same, its line without gaps.
    pub(super) fn solid(self) -> Self {
        Self {
            dash: Dash::Solid,
            ..self
        }
    }
}

/// A line style: lengths of ink and gap in nominal pixels, in turn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Dash {
    Solid,
    Dashed,
    Dotted,
    Alternating,
}

impl Dash {
    pub(super) fn pattern(self) -> &'static [f64] {
        match self {
            Self::Solid => &[],
            Self::Dashed => &[9.0, 4.0],
            Self::Dotted => &[1.5, 3.0],
            Self::Alternating => &[10.0, 3.5, 2.0, 3.5],
        }
    }
}

/// What stands at chosen points of a line.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Marker {
    Disc,
    Square,
    Triangle,
    TriangleDown,
    Diamond,
    Cross,
    Plus,
    Ring,
    OpenSquare,
    OpenDiamond,
    OpenTriangle,
}

/// The looks of the built-in targets. A variant shares its family's colour, or one near to it.
const BUILT_IN: [(&str, Look); 11] = [
    (
        "callback",
        Look {
            colour: BLUE,
            dash: Dash::Solid,
            marker: Marker::Disc,
        },
    ),
    (
        "coroutine",
        Look {
            colour: VERMILLION,
            dash: Dash::Dashed,
            marker: Marker::Square,
        },
    ),
    (
        "node",
        Look {
            colour: GREEN,
            dash: Dash::Solid,
            marker: Marker::Diamond,
        },
    ),
    (
        "fastapi",
        Look {
            colour: BLACK,
            dash: Dash::Solid,
            marker: Marker::Ring,
        },
    ),
    (
        "callback-cluster",
        Look {
            colour: SKY,
            dash: Dash::Alternating,
            marker: Marker::Triangle,
        },
    ),
    (
        "coroutine-single",
        Look {
            colour: ORANGE,
            dash: Dash::Solid,
            marker: Marker::OpenSquare,
        },
    ),
    (
        "coroutine-asyncio",
        Look {
            colour: PURPLE,
            dash: Dash::Alternating,
            marker: Marker::TriangleDown,
        },
    ),
    (
        "node-cluster",
        Look {
            colour: GREEN,
            dash: Dash::Dashed,
            marker: Marker::OpenDiamond,
        },
    ),
    (
        "fastapi-uvloop",
        Look {
            colour: BLACK,
            dash: Dash::Dashed,
            marker: Marker::Plus,
        },
    ),
    (
        "uvicorn",
        Look {
            colour: GREY,
            dash: Dash::Solid,
            marker: Marker::Cross,
        },
    ),
    (
        "uvicorn-uvloop",
        Look {
            colour: GREY,
            dash: Dash::Dashed,
            marker: Marker::OpenTriangle,
        },
    ),
];

/// The first looks above belong to their names alone: no other target ever borrows them.
const RESERVED: usize = 2;

/// The looks of the targets of one run, in their order. A built-in name always looks the same; any other takes the first
/// look that is free, and only past those do looks repeat.
pub(super) fn looks(names: &[&str]) -> Vec<Look> {
    let fixed = |name: &str| {
        BUILT_IN
            .iter()
            .find(|(built_in, _)| *built_in == name)
            .map(|&(_, look)| look)
    };
    let taken: Vec<Look> = names.iter().filter_map(|name| fixed(name)).collect();
    let lendable = BUILT_IN[RESERVED..].iter().map(|&(_, look)| look);
    let free: Vec<Look> = lendable
        .clone()
        .filter(|look| !taken.contains(look))
        .collect();
    let mut spare = free.into_iter().chain(lendable.cycle());
    names
        .iter()
        .map(|name| {
            fixed(name).unwrap_or_else(|| spare.next().expect("the looks repeat without end"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_built_in_target_looks_the_same_whatever_stands_beside_it() {
        let alone = looks(&["coroutine"]);
        let among = looks(&["mine", "node", "coroutine"]);
        assert_eq!(alone[0], among[2]);
        assert_eq!(alone[0].colour, VERMILLION);
    }

    #[test]
    fn no_two_of_eleven_targets_look_alike() {
        let names: Vec<String> = (0..9).map(|i| format!("mine-{i}")).collect();
        let mut of_users: Vec<&str> = names.iter().map(String::as_str).collect();
        of_users.extend(["callback", "coroutine"]);
        let built_in: Vec<&str> = BUILT_IN.iter().map(|&(name, _)| name).collect();
        for names in [of_users, built_in] {
            let looks = looks(&names);
            for (index, look) in looks.iter().enumerate() {
                assert!(
                    !looks[..index].contains(look),
                    "{} looks like another",
                    names[index]
                );
                let markers = looks
                    .iter()
                    .filter(|other| other.marker == look.marker)
                    .count();
                assert_eq!(
                    markers, 1,
                    "{}: markers alone tell targets apart",
                    names[index]
                );
            }
        }
    }

    #[test]
    fn past_the_supply_looks_repeat_and_reserved_ones_never_do() {
        let names: Vec<String> = (0..40).map(|i| format!("mine-{i}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let looks = looks(&names);
        assert_eq!(looks.len(), 40);
        assert!(
            BUILT_IN[..RESERVED]
                .iter()
                .all(|(_, reserved)| !looks.contains(reserved))
        );
    }
}
