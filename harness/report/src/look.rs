//! How each target looks: a colour, a line style and a marker, the same in every chart of every run.
//!
//! The colours are near to Okabe and Ito's (<https://jfly.uni-koeln.de/color/>), without their yellow, which vanishes on white, and
//! with more between light and dark: each has a contrast of 3 to 1 at least with its paper, and people with any common
//! colour-blindness tell them apart (`charts/ink.rs` tests both). Line style and marker differ too, so that a chart printed in grey still reads.

use plotters::style::RGBColor;
use serde::Serialize;

pub(crate) const BLACK: RGBColor = RGBColor(0, 0, 0);
const BLUE: RGBColor = RGBColor(0, 80, 150);
pub(crate) const VERMILLION: RGBColor = RGBColor(180, 60, 0);
const GREEN: RGBColor = RGBColor(20, 160, 105);
/// What charts are drawn on. The inks are chosen for white; what they become in a dark page, `charts/ink.rs` says.
pub(crate) const PAPER: RGBColor = RGBColor(255, 255, 255);
/// What is said beside data, the lines behind it, and those that bound it.
pub(crate) const QUIET: RGBColor = RGBColor(85, 85, 85);
pub(crate) const GRID: RGBColor = RGBColor(224, 224, 224);
pub(crate) const AXIS: RGBColor = RGBColor(120, 120, 120);
/// What got better, and what got worse: blue and vermillion, which no colour-blindness confuses as green and red.
pub(crate) const BETTER: RGBColor = BLUE;
pub(crate) const WORSE: RGBColor = VERMILLION;
const SKY: RGBColor = RGBColor(110, 140, 235);
const ORANGE: RGBColor = RGBColor(208, 130, 0);
const PURPLE: RGBColor = RGBColor(186, 125, 175);
const GREY: RGBColor = RGBColor(95, 85, 85);

/// All that targets are drawn with, but for black: each on white paper, and what stands for it on a page's dark paper.
pub(crate) const COLOURS: [(RGBColor, RGBColor); 7] = [
    (BLUE, RGBColor(90, 125, 228)),
    (VERMILLION, RGBColor(215, 98, 10)),
    (GREEN, RGBColor(20, 172, 105)),
    (SKY, RGBColor(80, 205, 250)),
    (ORANGE, RGBColor(228, 190, 0)),
    (PURPLE, RGBColor(186, 104, 180)),
    (GREY, RGBColor(140, 140, 140)),
];

/// How one target looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Look {
    pub(crate) colour: RGBColor,
    pub(crate) dash: Dash,
    pub(crate) marker: Marker,
}

impl Look {
    /// The same, its line without gaps.
    pub(crate) fn solid(self) -> Self {
        Self {
            dash: Dash::Solid,
            ..self
        }
    }
}

/// A line style: lengths of ink and gap in nominal pixels, in turn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Dash {
    Solid,
    Dashed,
    Dotted,
    Alternating,
}

impl Dash {
    pub(crate) fn pattern(self) -> &'static [f64] {
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
pub(crate) enum Marker {
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

/// The first looks above belong to their families alone: no other target ever borrows them.
const RESERVED: usize = 2;

/// Line styles and markers, for targets past those that the looks above are for.
const DASHES: [Dash; 4] = [Dash::Solid, Dash::Dashed, Dash::Dotted, Dash::Alternating];
const MARKERS: [Marker; BUILT_IN.len()] = [
    Marker::Disc,
    Marker::Square,
    Marker::Diamond,
    Marker::Ring,
    Marker::Triangle,
    Marker::OpenSquare,
    Marker::TriangleDown,
    Marker::OpenDiamond,
    Marker::Plus,
    Marker::Cross,
    Marker::OpenTriangle,
];

/// The looks of the targets of one run, in their order. A built-in name always looks the same. A variant of one, as
/// `callback-pool-40` or `node@22`, takes what is free of its family's looks, `callback`'s own first. Any other, and a variant past those,
/// takes the free look whose colour the fewest have, once all variants have theirs. Only past sixty do looks repeat.
pub(crate) fn looks(names: &[&str]) -> Vec<Look> {
    let mut taken: Vec<Option<Look>> = names.iter().map(|name| fixed(name)).collect();
    for is_variant in [true, false] {
        for (index, name) in names.iter().enumerate() {
            if taken[index].is_none() && family(name).next().is_some() == is_variant {
                taken[index] = Some(free(name, &taken));
            }
        }
    }
    taken.into_iter().flatten().collect()
}

/// The look of a built-in name.
fn fixed(name: &str) -> Option<Look> {
    let mut built_in = BUILT_IN.iter();
    built_in
        .find(|(known, _)| *known == name)
        .map(|&(_, look)| look)
}

/// A look for a name that has none of its own, beside those that are taken.
fn free(name: &str, taken: &[Option<Look>]) -> Look {
    let is_free = |look: &Look| !taken.contains(&Some(*look));
    let lendable = || BUILT_IN[RESERVED..].iter().map(|&(_, look)| look);
    let alike = |look: &Look| {
        taken
            .iter()
            .flatten()
            .filter(|taken| taken.colour == look.colour)
            .count()
    };
    family(name)
        .find(is_free)
        .or_else(|| lendable().filter(is_free).min_by_key(alike))
        .or_else(|| further().find(is_free))
        .unwrap_or_else(|| {
            further()
                .nth(taken.len() % MARKERS.len())
                .expect("there are more of them")
        })
}

/// The looks of the built-in targets that a name continues, as `node-pool-4` continues `node`, and of its variants.
fn family(name: &str) -> impl Iterator<Item = Look> {
    let continues = |name: &str, of: &str| {
        name.strip_prefix(of)
            .is_some_and(|rest| rest.starts_with(['-', '@']))
    };
    let heads = BUILT_IN.iter().filter(|(known, _)| continues(name, known));
    // `callback-cluster-pool-4` continues two of them, and is nearer to the longer.
    let head = heads
        .map(|&(known, _)| known)
        .max_by_key(|known| known.len());
    let members = BUILT_IN.into_iter().filter(move |(known, _)| {
        head.is_some_and(|head| *known == head || continues(known, head))
    });
    members.map(|(_, look)| look)
}

/// Looks that no built-in target has: the colours that are not reserved, in other line styles and with other markers.
fn further() -> impl Iterator<Item = Look> {
    let shifts = 1..MARKERS.len();
    shifts.flat_map(|shift| {
        BUILT_IN[RESERVED..]
            .iter()
            .enumerate()
            .map(move |(index, (_, look))| Look {
                colour: look.colour,
                dash: DASHES[(index + shift) % DASHES.len()],
                marker: MARKERS[(index + shift) % MARKERS.len()],
            })
    })
}

/// The colours of the targets of a run or a sweep, as CSS writes them, in the targets' order.
pub(crate) fn colours(names: &[&str]) -> Vec<String> {
    let looks = looks(names).into_iter();
    looks.map(|look| css(look.colour)).collect()
}

/// A colour as CSS writes it.
pub(crate) fn css(RGBColor(red, green, blue): RGBColor) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
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

    /// Both were green: the first took it as nobody had it, the second as a variant of `node`.
    #[test]
    fn a_target_leaves_a_variant_beside_it_the_colour_of_its_family() {
        let looks = looks(&["python-users", "node-users"]);
        assert_eq!(looks[1].colour, GREEN);
        assert_ne!(looks[0].colour, GREEN);
    }

    #[test]
    fn sizes_of_a_pool_have_colours_of_their_own() {
        let names = [
            "callback-pool-4",
            "callback-pool-40",
            "callback-pool-512",
            "coroutine-pool-4",
            "coroutine-pool-40",
            "coroutine-pool-512",
        ];
        let looks = looks(&names);
        assert_eq!((looks[0].colour, looks[3].colour), (BLUE, VERMILLION));
        for (index, look) in looks.iter().enumerate() {
            let alike = looks[..index]
                .iter()
                .find(|other| other.colour == look.colour);
            assert_eq!(alike, None, "{}", names[index]);
        }
        let beside = super::looks(&["callback", "callback-aa", "mine"]);
        assert_eq!(beside[0], looks[0]);
        assert_eq!(beside[1].colour, SKY);
    }

    #[test]
    fn as_many_targets_as_a_run_may_have_look_different_and_none_as_another_family() {
        for of in [16, 40] {
            let names: Vec<String> = (0..of).map(|i| format!("mine-{i}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let looks = looks(&names);
            assert_eq!(looks.len(), of);
            for (index, look) in looks.iter().enumerate() {
                assert!(!looks[..index].contains(look), "{}: {look:?}", names[index]);
                assert!(
                    ![BLUE, VERMILLION].contains(&look.colour),
                    "{}",
                    names[index]
                );
            }
            // Six colours are lent, and none a second time before all are.
            for (index, look) in looks[..6].iter().enumerate() {
                assert!(
                    looks[..index]
                        .iter()
                        .all(|other| other.colour != look.colour)
                );
            }
        }
        let many: Vec<String> = (0..200).map(|i| format!("mine-{i}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(looks(&many).len(), 200);
    }
}
