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

/// Light enough to be read on the page's dark paper, whose own is 0.006: 4.8 to 1.
const LIGHT_MIN: f64 = 0.22;

/// A rule for every ink that pictures, and the swatches of tables, are drawn with.
pub(crate) fn rules() -> String {
    let named = NAMED.iter().map(|&(ink, _)| ink);
    let mut rules = String::new();
    for ink in named.chain(COLOURS) {
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
    let mut named = NAMED.iter();
    named.find(|(known, _)| *known == ink).map_or_else(
        || format!("light-dark({}, {})", css(ink), css(in_dark(ink))),
        |(_, name)| (*name).to_owned(),
    )
}

/// The same hue with as much white as it takes.
fn in_dark(ink: RGBColor) -> RGBColor {
    let with = |tenths: u8| {
        let mixed = |part: u8| {
            let white = u16::from(u8::MAX - part) * u16::from(tenths) / 10;
            part + u8::try_from(white).expect("a share of a byte is a byte")
        };
        RGBColor(mixed(ink.0), mixed(ink.1), mixed(ink.2))
    };
    let mixed = (0..=10).map(with);
    mixed
        .into_iter()
        .find(|mixed| luminance(*mixed) >= LIGHT_MIN)
        .expect("white is light enough")
}

/// How light a colour is, 0 to 1, as WCAG 2 reckons it (<https://www.w3.org/TR/WCAG22/#dfn-relative-luminance>).
fn luminance(RGBColor(red, green, blue): RGBColor) -> f64 {
    let linear = |part: u8| {
        let part = f64::from(part) / 255.0;
        if part <= 0.040_45 {
            part / 12.92
        } else {
            ((part + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `--paper` in the dark, as report.css has it.
    const DARK_PAPER: RGBColor = RGBColor(0x0d, 0x11, 0x17);

    #[test]
    fn every_colour_is_read_on_dark_paper_and_none_is_lighter_than_it_need_be() {
        assert!(
            include_str!("../../assets/page/report.css")
                .contains("--paper: light-dark(#ffffff, #0d1117)")
        );
        for ink in COLOURS {
            let dark = in_dark(ink);
            let contrast = (luminance(dark) + 0.05) / (luminance(DARK_PAPER) + 0.05);
            assert!(contrast >= 4.5, "{ink:?} becomes {dark:?}: {contrast}");
            assert!(
                dark == ink || contrast < 7.0,
                "{ink:?} becomes {dark:?}: {contrast}"
            );
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
        for ink in COLOURS.into_iter().chain(NAMED.map(|(ink, _)| ink)) {
            let rule = format!("[fill=\"{}\" i]", css(ink));
            assert_eq!(rules.matches(&rule).count(), 1, "{rule}");
        }
    }
}
