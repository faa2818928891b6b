//! A canvas in nominal pixels: lines, markers and text on any plotters backend, all in one font.
//!
//! Callers think of a picture of [`WIDTH`] by [`HEIGHT`] pixels with fractions, or of a taller one where there are many rows. Backends take whole numbers, so the
//! canvas counts in quarters of a pixel ([`DETAIL`]): the SVG's view box scales that away, and the PNG is averaged down.
//! It knows ink; it must never know what the ink means.

use std::sync::Once;

use plotters::prelude::{DrawingBackend, IntoFont, ShapeStyle, TextStyle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, RGBColor, register_font};

use super::plot::{Plot, Point};
use crate::look::{Dash, Look, Marker, PAPER};
use crate::words::text::legible;

/// Nominal width of a chart in pixels.
pub(super) const WIDTH: f64 = 960.0;
/// Nominal height of a chart in pixels, unless it has more rows than that holds.
pub(super) const HEIGHT: f64 = 540.0;
/// Drawing units a nominal pixel.
pub(super) const DETAIL: u32 = 4;

/// The font's family: also what an SVG asks for, with what to take where it is missing.
const FAMILY: &str = "Roboto, Helvetica, Arial, sans-serif";
/// How far below the middle of a line of capitals its baseline lies, in ems: Roboto's capitals are 0.71 em high.
const BASELINE: f64 = 0.35;
/// How far below a point plotters puts the baseline of text that is centred on it, in ems, when it draws pixels: half a
/// size less half a box, which it takes to be an em.
const BASELINE_DRAWN: f64 = SIZE_PER_EM / 2.0 - 0.5;
/// The same in SVG, where it depends on the viewer's font and is corrected: see [`level`].
const BASELINE_IN_SVG: &str = "0.5ex";
/// plotters divides a font's size by this to find the height of an em in SVG.
const SIZE_PER_EM: f64 = 1.24;

/// A line's ink.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stroke {
    pub(super) colour: RGBColor,
    /// 0 is invisible, 1 covers.
    pub(super) opacity: f64,
    /// In nominal pixels.
    pub(super) width: f64,
    pub(super) dash: Dash,
}

impl Stroke {
    pub(super) fn thin(colour: RGBColor) -> Self {
        Self {
            colour,
            opacity: 1.0,
            width: 1.0,
            dash: Dash::Solid,
        }
    }

    pub(super) fn of(look: Look) -> Self {
        Self {
            colour: look.colour,
            opacity: 1.0,
            width: 1.75,
            dash: look.dash,
        }
    }
}

/// A text's ink and place.
#[derive(Clone, Copy)]
pub(super) struct Type {
    /// Height of an em in nominal pixels.
    pub(super) size: f64,
    pub(super) bold: bool,
    pub(super) colour: RGBColor,
    /// Which end of the text the point names.
    pub(super) anchor: HPos,
}

impl Type {
    pub(super) fn new(size: f64, colour: RGBColor) -> Self {
        Self {
            size,
            bold: false,
            colour,
            anchor: HPos::Left,
        }
    }

    pub(super) fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    pub(super) fn anchored(self, anchor: HPos) -> Self {
        Self { anchor, ..self }
    }

    fn style(self) -> TextStyle<'static> {
        let style = if self.bold {
            FontStyle::Bold
        } else {
            FontStyle::Normal
        };
        let font = (FAMILY, self.size * SIZE_PER_EM * f64::from(DETAIL), style).into_font();
        TextStyle {
            font,
            color: self.colour.to_backend_color(),
            pos: Pos::new(self.anchor, VPos::Center),
        }
    }
}

/// A backend's complaint, in words.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) String);

/// What a chart is drawn on.
pub(super) struct Canvas<'a, B: DrawingBackend> {
    backend: &'a mut B,
    /// What was drawn, as data. The canvas only carries it.
    pub(super) plot: Plot,
}

impl<'a, B: DrawingBackend> Canvas<'a, B> {
    pub(super) fn new(backend: &'a mut B) -> Self {
        register_fonts();
        Self {
            backend,
            plot: Plot::default(),
        }
    }

    /// Its height in nominal pixels.
    pub(super) fn height(&self) -> f64 {
        f64::from(self.backend.get_size().1) / f64::from(DETAIL)
    }

    /// A line through the points, which need not be distinct.
    pub(super) fn line(&mut self, points: &[Point], stroke: Stroke) -> Result<(), Refusal> {
        let style = ShapeStyle {
            color: stroke.colour.mix(stroke.opacity),
            filled: false,
            stroke_width: length(stroke.width).max(1),
        };
        for piece in dashes(points, stroke.dash.pattern()) {
            let mut piece: Vec<(i32, i32)> = piece.into_iter().map(place).collect();
            piece.dedup();
            if piece.len() > 1 {
                refused(self.backend.draw_path(piece, &style))?;
            }
        }
        Ok(())
    }

    /// A filled shape.
    pub(super) fn fill(
        &mut self,
        corners: &[Point],
        colour: RGBColor,
        opacity: f64,
    ) -> Result<(), Refusal> {
        let style = filled(colour, opacity);
        refused(
            self.backend
                .fill_polygon(corners.iter().copied().map(place), &style),
        )
    }

    /// A filled rectangle between two corners.
    pub(super) fn rectangle(
        &mut self,
        upper_left: Point,
        lower_right: Point,
        colour: RGBColor,
        opacity: f64,
    ) -> Result<(), Refusal> {
        let style = filled(colour, opacity);
        refused(
            self.backend
                .draw_rect(place(upper_left), place(lower_right), &style, true),
        )
    }

    /// A small dot.
    pub(super) fn dot(
        &mut self,
        at: Point,
        radius: f64,
        colour: RGBColor,
        opacity: f64,
    ) -> Result<(), Refusal> {
        let style = filled(colour, opacity);
        refused(
            self.backend
                .draw_circle(place(at), length(radius).max(1), &style, true),
        )
    }

    /// A target's marker.
    pub(super) fn marker(&mut self, (x, y): Point, look: Look) -> Result<(), Refusal> {
        const RADIUS: f64 = 4.0;
        const SQUARE: [Point; 5] = [
            (-0.85, -0.85),
            (0.85, -0.85),
            (0.85, 0.85),
            (-0.85, 0.85),
            (-0.85, -0.85),
        ];
        const TRIANGLE: [Point; 4] = [(0.0, -1.1), (1.1, 0.9), (-1.1, 0.9), (0.0, -1.1)];
        const TRIANGLE_DOWN: [Point; 4] = [(0.0, 1.1), (1.1, -0.9), (-1.1, -0.9), (0.0, 1.1)];
        const DIAMOND: [Point; 5] = [
            (0.0, -1.25),
            (1.25, 0.0),
            (0.0, 1.25),
            (-1.25, 0.0),
            (0.0, -1.25),
        ];
        let around = |corners: &[Point]| -> Vec<Point> {
            corners
                .iter()
                .map(|(dx, dy)| (x + dx * RADIUS, y + dy * RADIUS))
                .collect()
        };
        let stroke = Stroke {
            width: 1.5,
            ..Stroke::thin(look.colour)
        };
        match look.marker {
            Marker::Disc => self.dot((x, y), RADIUS, look.colour, 1.0),
            Marker::Square => self.fill(&around(&SQUARE), look.colour, 1.0),
            Marker::Triangle => self.fill(&around(&TRIANGLE), look.colour, 1.0),
            Marker::TriangleDown => self.fill(&around(&TRIANGLE_DOWN), look.colour, 1.0),
            Marker::Diamond => self.fill(&around(&DIAMOND), look.colour, 1.0),
            Marker::Cross => {
                self.line(&around(&[(-0.9, -0.9), (0.9, 0.9)]), stroke)?;
                self.line(&around(&[(-0.9, 0.9), (0.9, -0.9)]), stroke)
            }
            Marker::Plus => {
                self.line(&around(&[(-1.1, 0.0), (1.1, 0.0)]), stroke)?;
                self.line(&around(&[(0.0, -1.1), (0.0, 1.1)]), stroke)
            }
            Marker::Ring => {
                self.dot((x, y), RADIUS, look.colour, 1.0)?;
                self.dot((x, y), RADIUS - 1.5, PAPER, 1.0)
            }
            Marker::OpenSquare => self.open(&around(&SQUARE), stroke),
            Marker::OpenTriangle => self.open(&around(&TRIANGLE), stroke),
            Marker::OpenDiamond => self.open(&around(&DIAMOND), stroke),
        }
    }

    /// A text, its middle at the height of the point.
    pub(super) fn text(&mut self, text: &str, (x, y): Point, face: Type) -> Result<(), Refusal> {
        let lowered = (x, y + (BASELINE - BASELINE_DRAWN) * face.size);
        refused(
            self.backend
                .draw_text(&legible(text), &face.style(), place(lowered)),
        )
    }

    fn open(&mut self, outline: &[Point], stroke: Stroke) -> Result<(), Refusal> {
        self.fill(outline, PAPER, 1.0)?;
        self.line(outline, stroke)
    }
}

/// The width of a text in nominal pixels.
pub(super) fn width_of(text: &str, face: Type) -> f64 {
    register_fonts();
    let (width, _) = face
        .style()
        .font
        .box_size(&legible(text))
        .expect("the font is registered above");
    f64::from(width) / f64::from(DETAIL)
}

/// The text, cut with an ellipsis where it is wider than `room`.
pub(super) fn fitted(text: &str, face: Type, room: f64) -> String {
    if width_of(text, face) <= room {
        return text.to_owned();
    }
    let ends: Vec<usize> = text.char_indices().map(|(end, _)| end).collect();
    // Widths grow with length, so the longest cut that fits is found by halving.
    let fits = ends.partition_point(|&end| width_of(&format!("{}…", &text[..end]), face) <= room);
    let end = ends[..fits].last().copied().unwrap_or(0);
    format!("{}…", text[..end].trim_end())
}

/// An SVG that plotters wrote, with its text as high as in pixels whatever font the viewer has.
pub(super) fn level(svg: &str) -> String {
    svg.replace(
        &format!(" dy=\"{BASELINE_IN_SVG}\" "),
        &format!(" dy=\"{BASELINE_DRAWN:.2}em\" "),
    )
}

fn register_fonts() {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        let faces: [(FontStyle, &'static [u8]); 2] = [
            (
                FontStyle::Normal,
                include_bytes!("../../assets/Roboto-Regular.ttf"),
            ),
            (
                FontStyle::Bold,
                include_bytes!("../../assets/Roboto-Bold.ttf"),
            ),
        ];
        for (style, bytes) in faces {
            assert!(
                register_font(FAMILY, style, bytes).is_ok(),
                "the fonts in assets/ are TrueType"
            );
        }
    });
}

/// Cuts a line into its inked pieces. An empty pattern inks all of it.
fn dashes(points: &[Point], pattern: &[f64]) -> Vec<Vec<Point>> {
    if pattern.is_empty() {
        return vec![points.to_vec()];
    }
    let mut pieces = Vec::new();
    let mut piece: Vec<Point> = points.first().copied().into_iter().collect();
    let (mut phase, mut left) = (0, pattern[0]);
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        loop {
            let (dx, dy) = (to.0 - from.0, to.1 - from.1);
            let distance = dx.hypot(dy);
            let past = distance > left;
            if !past {
                left -= distance;
                piece.push(to);
                break;
            }
            from = (from.0 + dx * left / distance, from.1 + dy * left / distance);
            piece.push(from);
            if phase % 2 == 0 {
                pieces.push(std::mem::take(&mut piece));
            }
            piece = vec![from];
            phase = (phase + 1) % pattern.len();
            left = pattern[phase];
        }
    }
    if phase % 2 == 0 {
        pieces.push(piece);
    }
    pieces
}

fn filled(colour: RGBColor, opacity: f64) -> ShapeStyle {
    ShapeStyle {
        color: colour.mix(opacity),
        filled: true,
        stroke_width: 0,
    }
}

fn refused<E: std::fmt::Display>(result: Result<(), E>) -> Result<(), Refusal> {
    result.map_err(|error| Refusal(error.to_string()))
}

fn place((x, y): Point) -> (i32, i32) {
    (units(x), units(y))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a place on the canvas lies within a few thousand units"
)]
fn units(nominal: f64) -> i32 {
    (nominal * f64::from(DETAIL)).round() as i32
}

fn length(nominal: f64) -> u32 {
    u32::try_from(units(nominal)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_follow_their_pattern_across_corners() {
        let line = [(0.0, 0.0), (6.0, 0.0), (6.0, 10.0)];
        let pieces = dashes(&line, &[9.0, 4.0]);
        assert_eq!(
            pieces,
            [
                vec![(0.0, 0.0), (6.0, 0.0), (6.0, 3.0)],
                vec![(6.0, 7.0), (6.0, 10.0)]
            ]
        );
        assert_eq!(dashes(&line, &[]), [line.to_vec()]);
        assert_eq!(dashes(&[], &[9.0, 4.0]), [Vec::new()]);
    }

    #[test]
    fn a_text_is_cut_only_where_it_must_be() {
        let face = Type::new(12.0, PAPER);
        let text = "callback on one thread";
        assert_eq!(fitted(text, face, 500.0), text);
        let cut = fitted(text, face, 60.0);
        assert!(
            cut.ends_with('…')
                && text.starts_with(cut.trim_end_matches('…'))
                && width_of(&cut, face) <= 60.0,
            "{cut}"
        );
        assert_eq!(fitted(text, face, 0.0), "…");
    }

    #[test]
    fn control_characters_become_visible() {
        assert_eq!(
            legible("a\u{0}b\u{1b}[31m\n"),
            "a\u{fffd}b\u{fffd}[31m\u{fffd}"
        );
    }
}
