//! Pictures: whatever is drawn, as SVG with real text or as PNG.

use crate::words::terms;
use model::measured::histogram::HistogramError;
use model::measured::workload::WorkloadKind;
use plotters::backend::{BitMapBackend, SVGBackend};
use plotters::prelude::DrawingBackend;

use super::canvas::{DETAIL, HEIGHT, Refusal, WIDTH, level};
use super::palette::{Indexed, indexed};
use crate::words::text::legible;

/// Why a chart could not be drawn.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ChartError {
    /// A histogram in the record is not what `bench` writes.
    #[error(
        "the {time}s of target {target:?} cannot be read from the record (`histograms_v2_base64.{key}`): {source}; restore the record, or run again",
        time = terms::time(*workload),
        key = workload.clock().name()
    )]
    Histogram {
        /// Whose.
        target: String,
        /// What is timed.
        workload: WorkloadKind,
        /// What is wrong with it.
        source: HistogramError,
    },
    /// The drawing library refused.
    #[error("chart {chart} could not be drawn: {what}")]
    Draw {
        /// The name of its file without the ending.
        chart: &'static str,
        /// What it said.
        what: String,
    },
}

/// Whatever `draw` draws, as an SVG of the usual height that stands alone.
pub(super) fn document(
    chart: &'static str,
    title: &str,
    description: &str,
    draw: impl FnOnce(&mut SVGBackend<'_>) -> Result<(), ChartError>,
) -> Result<String, ChartError> {
    tall_document(chart, title, description, HEIGHT, draw)
}

/// The same, `nominal` pixels high.
pub(super) fn tall_document(
    chart: &'static str,
    title: &str,
    description: &str,
    nominal: f64,
    draw: impl FnOnce(&mut SVGBackend<'_>) -> Result<(), ChartError>,
) -> Result<String, ChartError> {
    let (width, height) = size(nominal);
    let mut body = String::new();
    let mut backend = SVGBackend::with_string(&mut body, (width, height));
    draw(&mut backend)?;
    backend
        .present()
        .map_err(|error| refused(chart, &Refusal(error.to_string())))?;
    drop(backend);
    // plotters opens with a tag of its own, which knows no role and is as large as its units.
    let (_, body) = body
        .split_once(">\n")
        .expect("plotters writes the root element first, on a line of its own");
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{WIDTH}\" height=\"{nominal}\" role=\"img\" \
         aria-label=\"{title}\">\n<title>{title}</title>\n<desc>{alt}</desc>\n{body}",
        body = level(body),
        title = escaped(title),
        alt = escaped(description),
    ))
}

/// Whatever `draw` draws, as the bytes of a PNG of the usual height.
pub(super) fn picture(
    chart: &'static str,
    draw: impl FnOnce(&mut BitMapBackend<'_>) -> Result<(), ChartError>,
) -> Result<Vec<u8>, ChartError> {
    tall_picture(chart, HEIGHT, draw)
}

/// The same, for `nominal` pixels of height.
pub(super) fn tall_picture(
    chart: &'static str,
    nominal: f64,
    draw: impl FnOnce(&mut BitMapBackend<'_>) -> Result<(), ChartError>,
) -> Result<Vec<u8>, ChartError> {
    let (width, height) = size(nominal);
    let mut pixels = vec![0; CHANNELS * width as usize * height as usize];
    let mut backend = BitMapBackend::with_buffer(&mut pixels, (width, height));
    draw(&mut backend)?;
    backend
        .present()
        .map_err(|error| refused(chart, &Refusal(error.to_string())))?;
    drop(backend);
    let pixels = averaged(&pixels, width as usize);
    let mut bytes = Vec::new();
    let Indexed { palette, places } = indexed(&pixels);
    let mut encoder = png::Encoder::new(&mut bytes, width / AVERAGED, height / AVERAGED);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette.concat());
    // Differences of places in a palette mean nothing, so no filter makes them smaller.
    encoder.set_filter(png::FilterType::NoFilter);
    encoder.set_compression(png::Compression::Best);
    let written = encoder.write_header().and_then(|mut writer| {
        writer.write_image_data(&places)?;
        writer.finish()
    });
    written.map_err(|error| refused(chart, &Refusal(error.to_string())))?;
    Ok(bytes)
}

/// Width and height in drawing units, of a chart so many nominal pixels high.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the nominal size is a few hundred or thousand pixels"
)]
fn size(height: f64) -> (u32, u32) {
    (WIDTH as u32 * DETAIL, height as u32 * DETAIL)
}

/// Bytes a pixel: red, green, blue.
const CHANNELS: usize = 3;

/// Drawing units that make one pixel of a PNG, each way. plotters does not smooth thick lines; averaging does.
const AVERAGED: u32 = 2;

pub(super) fn refused(chart: &'static str, refusal: &Refusal) -> ChartError {
    ChartError::Draw {
        chart,
        what: refusal.0.clone(),
    }
}

/// The mean of each square of pixels.
fn averaged(pixels: &[u8], width: usize) -> Vec<u8> {
    let side = AVERAGED as usize;
    let mut mean = Vec::with_capacity(pixels.len() / (side * side));
    let stride = width * CHANNELS;
    for rows in pixels.chunks_exact(stride * side) {
        for x in (0..stride).step_by(side * CHANNELS) {
            for channel in x..x + CHANNELS {
                let mut sum = 0;
                for row in 0..side {
                    for column in 0..side {
                        sum += usize::from(rows[row * stride + column * CHANNELS + channel]);
                    }
                }
                mean.push(u8::try_from(sum / (side * side)).expect("a mean of bytes is a byte"));
            }
        }
    }
    mean
}

/// Text as XML spells it.
pub(super) fn escaped(text: &str) -> String {
    legible(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averaging_halves_both_ways() {
        // Two rows of four pixels.
        let pixels: Vec<u8> = [[0, 100, 10, 10], [200, 100, 10, 14]]
            .concat()
            .into_iter()
            .flat_map(|v: u8| [v, 0, 255])
            .collect();
        assert_eq!(averaged(&pixels, 4), [100, 0, 255, 11, 0, 255]);
    }
}
