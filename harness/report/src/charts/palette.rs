//! A picture's pixels as places in a palette: a third of the bytes before they are compressed, and fewer still after.
//!
//! A chart is paper, a dozen inks and what lies between them where edges are smoothed. Where these are more colours than a
//! palette holds, neighbours share one, and it is the commonest of them: paper and inks stay what they are.

use std::collections::BTreeMap;

/// The most colours that a PNG's palette holds.
pub(super) const COLOURS_MAX: usize = 256;

/// A colour: red, green, blue.
type Rgb = [u8; 3];

/// Pixels by their places in a palette.
pub(super) struct Indexed {
    pub(super) palette: Vec<Rgb>,
    pub(super) places: Vec<u8>,
}

/// Finds a palette for pixels of three bytes each.
///
/// Colours that agree in all but their lowest bits are neighbours; of those bits as few are overlooked as will do.
pub(super) fn indexed(pixels: &[u8]) -> Indexed {
    let mut counts = BTreeMap::<Rgb, u64>::new();
    let colours = || {
        pixels
            .chunks_exact(3)
            .map(|pixel| [pixel[0], pixel[1], pixel[2]])
    };
    for colour in colours() {
        *counts.entry(colour).or_default() += 1;
    }
    let commonest = (0..u8::BITS)
        .map(|overlooked| commonest(&counts, overlooked))
        .enumerate()
        .find(|(_, commonest)| commonest.len() <= COLOURS_MAX);
    let (overlooked, commonest) =
        commonest.expect("of each channel's highest bit there are eight colours");
    let palette: Vec<Rgb> = commonest.values().map(|&(_, colour)| colour).collect();
    let numbered: BTreeMap<Rgb, u8> = commonest.into_keys().zip(0..=u8::MAX).collect();
    let places = colours().map(|colour| numbered[&colour.map(|channel| channel >> overlooked)]);
    Indexed {
        places: places.collect(),
        palette,
    }
}

/// The commonest colour of each neighbourhood, with how common it is. Of equals the darkest is taken.
fn commonest(counts: &BTreeMap<Rgb, u64>, overlooked: u32) -> BTreeMap<Rgb, (u64, Rgb)> {
    let mut commonest = BTreeMap::<Rgb, (u64, Rgb)>::new();
    for (&colour, &count) in counts {
        let of = commonest
            .entry(colour.map(|channel| channel >> overlooked))
            .or_default();
        if count > of.0 {
            *of = (count, colour);
        }
    }
    commonest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pixels that a palette gives back.
    fn shown(indexed: &Indexed) -> Vec<u8> {
        let places = indexed.places.iter();
        places
            .flat_map(|&place| indexed.palette[usize::from(place)])
            .collect()
    }

    #[test]
    fn as_many_colours_as_a_palette_holds_are_kept_and_one_more_joins_its_neighbour() {
        let greys: Vec<u8> = (0..=u8::MAX).flat_map(|grey| [grey; 3]).collect();
        let kept = indexed(&greys);
        assert_eq!(
            (kept.palette.len(), shown(&kept)),
            (COLOURS_MAX, greys.clone())
        );

        let mut more = greys.repeat(2);
        more.extend([200, 200, 201]);
        let fewer = indexed(&more);
        assert!(fewer.palette.len() <= COLOURS_MAX);
        let (last, before) = (shown(&fewer), more.as_slice());
        let furthest = last
            .iter()
            .zip(before)
            .map(|(shown, meant)| shown.abs_diff(*meant))
            .max();
        assert_eq!(furthest, Some(1), "one bit is overlooked");
    }

    #[test]
    fn the_commonest_colours_stay_as_they_are_among_any_number_of_others() {
        let mut pixels = [[255, 255, 255], [0, 114, 178], [213, 94, 0]]
            .concat()
            .repeat(100);
        let common = pixels.len();
        pixels.extend((0..30_000_u32).flat_map(|number| {
            let bytes = number.wrapping_mul(2_654_435_761).to_le_bytes();
            [bytes[1], bytes[2], bytes[3]]
        }));
        let fewer = indexed(&pixels);
        assert!(fewer.palette.len() <= COLOURS_MAX);
        assert_eq!(shown(&fewer)[..common], pixels[..common]);
        assert_eq!(fewer.places.len(), pixels.len() / 3);
    }

    #[test]
    fn nothing_has_an_empty_palette() {
        let nothing = indexed(&[]);
        assert!(nothing.palette.is_empty() && nothing.places.is_empty());
    }
}
