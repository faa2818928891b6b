//! What a picture's inks become in a page, light or dark: rules of its style sheet, one an ink.
//!
//! A picture is drawn for white paper, with inks that are few and known. In a page a rule matches each by its own spelling and
//! puts in its place what is read on the page's paper: all pictures follow the page, without a script, and a picture
//! that is taken out of it is as it was drawn.

use std::fmt::Write as _;

use plotters::style::RGBColor;

use crate::look::{AXIS, BLACK, COLOURS, GRID, PAPER, QUIET, css};

/// Inks that stand for something of the page's own, by its name there.
const NAMED: [(RGBColor, &str); 5] = [
    (PAPER, "var(--paper)"),
    (BLACK, "var(--ink)"),
    (QUIET, "var(--quiet)"),
    (GRID, "var(--grid)"),
    (AXIS, "var(--axis)"),
];

/// A rule for every ink that pictures, and the swatches of tables, are drawn with.
pub(crate) fn rules() -> String {
    let named = NAMED.iter().map(|&(ink, _)| ink);
    let mut rules = String::new();
    for ink in named.chain(COLOURS.map(|(drawn, _)| drawn)) {
        let (drawn, shown) = (css(ink), in_page(ink));
        for property in ["fill", "stroke"] {
            writeln!(
                rules,
                ":is(.chart, .swatch) [{property}=\"{drawn}\" i] {{ {property}: {shown}; }}"
            )
            .expect("writing to memory does not fail");
        }
    }
    rules
}

/// What stands in a page for an ink, as CSS writes it.
pub(super) fn in_page(ink: RGBColor) -> String {
    let named = NAMED.iter().find(|(known, _)| *known == ink);
    let colour = COLOURS.iter().find(|(drawn, _)| *drawn == ink);
    match (named, colour) {
        (Some((_, name)), _) => (*name).to_owned(),
        (None, Some((light, dark))) => format!("light-dark({}, {})", css(*light), css(*dark)),
        (None, None) => css(ink),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Least contrast of text and of graphics with their ground
    /// (<https://www.w3.org/TR/WCAG22/#contrast-minimum>, <https://www.w3.org/TR/WCAG22/#non-text-contrast>).
    const TEXT_MIN: f64 = 4.5;
    const GRAPHICS_MIN: f64 = 3.0;
    /// People tell two colours of lines apart from this distance in CIELAB on; about 2 is the least that they see side by side.
    const APART_MIN: f64 = 15.0;

    /// How people see red, green and blue, in linear light: those with all cones, and those without one kind of them.
    ///
    /// Machado, Oliveira and Fernandes, A Physiologically-based Model for Simulation of Color Vision Deficiency, 2009, severity 1.0.
    const EYES: [(&str, [[f64; 3]; 3]); 4] = [
        (
            "all cones",
            [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        ),
        (
            "protanopia",
            [
                [0.152_286, 1.052_583, -0.204_868],
                [0.114_503, 0.786_281, 0.099_216],
                [-0.003_882, -0.048_116, 1.051_998],
            ],
        ),
        (
            "deuteranopia",
            [
                [0.367_322, 0.860_646, -0.227_968],
                [0.280_085, 0.672_501, 0.047_413],
                [-0.011_820, 0.042_940, 0.968_881],
            ],
        ),
        (
            "tritanopia",
            [
                [1.255_528, -0.076_749, -0.178_779],
                [-0.078_411, 0.930_809, 0.147_602],
                [0.004_733, 0.691_367, 0.303_900],
            ],
        ),
    ];

    /// Red, green and blue in linear light.
    fn linear(RGBColor(red, green, blue): RGBColor) -> [f64; 3] {
        [red, green, blue].map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.040_45 {
                part / 12.92
            } else {
                ((part + 0.055) / 1.055).powf(2.4)
            }
        })
    }

    fn weighed([red, green, blue]: [f64; 3], [of_red, of_green, of_blue]: [f64; 3]) -> f64 {
        red * of_red + green * of_green + blue * of_blue
    }

    /// How light a colour is, 0 to 1 (<https://www.w3.org/TR/WCAG22/#dfn-relative-luminance>).
    fn luminance(colour: RGBColor) -> f64 {
        weighed(linear(colour), [0.2126, 0.7152, 0.0722])
    }

    fn contrast(one: RGBColor, other: RGBColor) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    /// A colour in CIELAB under D65, as these eyes see it.
    fn seen(colour: RGBColor, eyes: [[f64; 3]; 3]) -> [f64; 3] {
        let linear = linear(colour);
        let light = eyes.map(|row| weighed(row, linear).clamp(0.0, 1.0));
        let f = |t: f64| {
            if t > 216.0 / 24_389.0 {
                t.cbrt()
            } else {
                (24_389.0 / 27.0 * t + 16.0) / 116.0
            }
        };
        let x = f(weighed(light, [0.4124, 0.3576, 0.1805]) / 0.950_47);
        let y = f(weighed(light, [0.2126, 0.7152, 0.0722]));
        let z = f(weighed(light, [0.0193, 0.1192, 0.9505]) / 1.088_83);
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    /// A colour of the style sheet in the light and in the dark.
    fn of_page(name: &str) -> [RGBColor; 2] {
        let style = include_str!("../../assets/page/report.css");
        let (_, rest) = style.split_once(&format!("--{name}: light-dark(")).unwrap();
        let (pair, _) = rest.split_once(')').unwrap();
        let (light, dark) = pair.split_once(", ").unwrap();
        [light, dark].map(|text| {
            let part = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
            RGBColor(part(1), part(3), part(5))
        })
    }

    /// What targets are drawn with in the light and in the dark, ink among them.
    fn of_targets() -> [Vec<RGBColor>; 2] {
        let [light_ink, dark_ink] = of_page("ink");
        let (mut light, mut dark): (Vec<RGBColor>, Vec<RGBColor>) = COLOURS.into_iter().unzip();
        light.push(light_ink);
        dark.push(dark_ink);
        [light, dark]
    }

    #[test]
    fn every_text_has_the_contrast_that_wcag_asks_for_in_both_themes() {
        for (ground, texts) in [
            ("paper", &["ink", "quiet", "link", "good", "bad"][..]),
            ("panel", &["ink", "quiet", "link", "good", "bad"]),
            ("good-panel", &["good", "ink"]),
            ("bad-panel", &["bad", "ink", "quiet"]),
        ] {
            for text in texts {
                for (theme, (text_ink, ground_ink)) in ["light", "dark"]
                    .iter()
                    .zip(of_page(text).into_iter().zip(of_page(ground)))
                {
                    let found = contrast(text_ink, ground_ink);
                    assert!(found >= TEXT_MIN, "{text} on {ground}, {theme}: {found}");
                }
            }
        }
        // Verdicts on pictures are words in these.
        for ink in [crate::look::BETTER, crate::look::WORSE, QUIET] {
            assert!(contrast(ink, PAPER) >= TEXT_MIN, "{ink:?}");
        }
    }

    #[test]
    fn every_line_has_the_contrast_that_wcag_asks_for_in_both_themes() {
        for (paper, colours) in of_page("paper").into_iter().zip(of_targets()) {
            for ink in colours {
                let found = contrast(ink, paper);
                assert!(found >= GRAPHICS_MIN, "{ink:?} on {paper:?}: {found}");
            }
        }
        for (axis, paper) in of_page("axis").into_iter().zip(of_page("paper")) {
            assert!(contrast(axis, paper) >= GRAPHICS_MIN);
        }
    }

    #[test]
    fn nobody_takes_one_target_for_another_by_its_colour() {
        for colours in of_targets() {
            for (index, &one) in colours.iter().enumerate() {
                for &other in &colours[..index] {
                    for (name, eyes) in EYES {
                        let (one_seen, other_seen) = (seen(one, eyes), seen(other, eyes));
                        let squares = one_seen
                            .iter()
                            .zip(other_seen)
                            .map(|(a, b)| (a - b).powi(2));
                        let apart = squares.sum::<f64>().sqrt();
                        assert!(apart >= APART_MIN, "{one:?} and {other:?}, {name}: {apart}");
                    }
                }
            }
        }
    }

    #[test]
    fn white_and_black_are_as_light_as_wcag_says() {
        assert!((luminance(PAPER) - 1.0).abs() < 1e-9);
        assert!(luminance(BLACK).abs() < 1e-9);
    }

    #[test]
    fn every_ink_has_its_rule_and_no_two_have_the_same() {
        let rules = rules();
        let drawn = COLOURS.map(|(drawn, _)| drawn);
        for ink in drawn.into_iter().chain(NAMED.map(|(ink, _)| ink)) {
            let rule = format!("[fill=\"{}\" i]", css(ink));
            assert_eq!(rules.matches(&rule).count(), 1, "{rule}");
        }
    }
}
