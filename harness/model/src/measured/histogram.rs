//! Histograms as text: HdrHistogram's V2 format, deflated, in base64, as its Java tools write and read it.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer as _, V2DeflateSerializer};
use thiserror::Error;

use crate::units::{MAX_DURATION, NANOS_PER_S, Nanos};

/// Significant decimal digits that every histogram keeps.
pub const SIGNIFICANT_DIGITS: u8 = 3;

/// The longest time that can be recorded: no run is longer, so nothing is ever clamped.
pub const MAX_RECORDABLE_NS: Nanos = MAX_DURATION.as_secs() * NANOS_PER_S;

/// The longest histogram that is read, as base64. Our bounds allow nearly 42,000 counts, and each takes at most nine bytes
/// before it is deflated.
pub const MAX_HISTOGRAM_BASE64_BYTES: usize = 512 * 1024;

/// An empty histogram of times in nanoseconds.
pub fn empty_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, MAX_RECORDABLE_NS, SIGNIFICANT_DIGITS)
        .expect("the bounds are constants that hdrhistogram accepts")
}

/// A histogram in HdrHistogram's V2 format, deflated, in base64: `HISTFAAAA…`, as in an `.hlog`.
pub fn histogram_base64(histogram: &Histogram<u64>) -> String {
    let mut bytes = Vec::new();
    V2DeflateSerializer::new()
        .serialize(histogram, &mut bytes)
        .expect("a vector takes all that is written");
    STANDARD.encode(bytes)
}

/// Reads what [`histogram_base64`] wrote. Accepts histograms of our own bounds only, so that merging never fails and a
/// damaged record can't ask for more memory than a sound one.
pub fn histogram_from_base64(text: &str) -> Result<Histogram<u64>, HistogramError> {
    if text.len() > MAX_HISTOGRAM_BASE64_BYTES {
        return Err(HistogramError::TooLong { bytes: text.len() });
    }
    let deflated = STANDARD
        .decode(text)
        .map_err(|_| HistogramError::NotBase64)?;
    let plain = inflate(&deflated).ok_or(HistogramError::NotV2)?;
    check_header(&plain)?;
    let read: Histogram<u64> = Deserializer::new()
        .deserialize(&mut plain.as_slice())
        .map_err(|_| HistogramError::NotV2)?;
    // Added to an empty one of ours it has the bounds that every other has.
    let mut histogram = empty_histogram();
    histogram
        .add(&read)
        .map_err(|_| HistogramError::OtherBounds)?;
    Ok(histogram)
}

/// A field of a histogram for each clock: those that are not empty by their clock, as [`histogram_base64`] writes them.
pub(crate) mod by_clock {
    use std::collections::BTreeMap;

    use hdrhistogram::Histogram;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::measured::clock::{Clock, Clocks};

    /// Writes them.
    pub(crate) fn serialize<S: Serializer>(
        histograms: &Clocks<Histogram<u64>>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let known = histograms
            .iter()
            .filter(|(_, histogram)| !histogram.is_empty());
        to.collect_map(known.map(|(clock, histogram)| (clock, super::histogram_base64(histogram))))
    }

    /// Reads them.
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Clocks<Histogram<u64>>, D::Error> {
        let texts = BTreeMap::<Clock, String>::deserialize(from)?;
        let mut histograms = Clocks::new(|_| super::empty_histogram());
        for (clock, text) in texts {
            histograms[clock] = super::histogram_from_base64(&text).map_err(D::Error::custom)?;
        }
        Ok(histograms)
    }
}

/// A field that is a histogram, written as [`histogram_base64`] writes it.
pub(crate) mod as_text {
    use hdrhistogram::Histogram;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes it.
    pub(crate) fn serialize<S: Serializer>(
        histogram: &Histogram<u64>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_str(&super::histogram_base64(histogram))
    }

    /// Reads it.
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Histogram<u64>, D::Error> {
        let text = String::deserialize(from)?;
        super::histogram_from_base64(&text).map_err(D::Error::custom)
    }
}

/// Why a histogram can't be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HistogramError {
    /// Longer than any of ours.
    #[error(
        "a histogram of {bytes} bytes is longer than the {MAX_HISTOGRAM_BASE64_BYTES} that one can have: the record is damaged"
    )]
    TooLong {
        /// Its length as base64.
        bytes: usize,
    },
    /// Not base64.
    #[error("a histogram is not base64: the record is damaged")]
    NotBase64,
    /// Not HdrHistogram's format.
    #[error("a histogram is not in HdrHistogram's deflated V2 format: the record is damaged")]
    NotV2,
    /// Not one of ours.
    #[error("a histogram has other bounds than bench gives: it was written by another tool")]
    OtherBounds,
}

/// The first four bytes of the deflated V2 format (`EncodableHistogram` in the Java library; the low nibble of the base
/// cookie's second byte holds the word size of 1, for variable lengths).
const V2_DEFLATED_COOKIE: [u8; 4] = 0x1c84_9314_u32.to_be_bytes();

/// The first four bytes of the plain V2 format.
const V2_COOKIE: [u8; 4] = 0x1c84_9313_u32.to_be_bytes();

/// Cookie, payload length, normalising offset, digits, lowest and highest value, conversion ratio.
const V2_HEADER_BYTES: usize = 40;

/// The plain V2 bytes within deflated ones, where they are such and not longer than any of ours.
fn inflate(deflated: &[u8]) -> Option<Vec<u8>> {
    let stream = deflated.strip_prefix(&V2_DEFLATED_COOKIE)?.get(4..)?;
    let longest = V2_HEADER_BYTES + 9 * empty_histogram().distinct_values();
    let mut plain = Vec::new();
    flate2::read::ZlibDecoder::new(stream)
        .take(longest as u64 + 1)
        .read_to_end(&mut plain)
        .ok()?;
    (plain.len() <= longest).then_some(plain)
}

/// Checks what the library would allocate by before it does.
fn check_header(plain: &[u8]) -> Result<(), HistogramError> {
    let field = |from: usize, length: usize| {
        let bytes = plain
            .get(from..from + length)
            .ok_or(HistogramError::NotV2)?;
        Ok(bytes
            .iter()
            .fold(0_u64, |number, &byte| number << 8 | u64::from(byte)))
    };
    if !plain.starts_with(&V2_COOKIE)
        || field(4, 4)? != plain.len().saturating_sub(V2_HEADER_BYTES) as u64
    {
        return Err(HistogramError::NotV2);
    }
    let bounds = (field(12, 4)?, field(16, 8)?);
    if bounds != (u64::from(SIGNIFICANT_DIGITS), 1)
        || !(2..=MAX_RECORDABLE_NS).contains(&field(24, 8)?)
    {
        return Err(HistogramError::OtherBounds);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn histogram(values: impl IntoIterator<Item = u64>) -> Histogram<u64> {
        let mut histogram = empty_histogram();
        for value in values {
            histogram.record(value).unwrap();
        }
        histogram
    }

    #[test]
    fn damaged_histograms_are_refused() {
        let good = histogram_base64(&histogram((0..5000).map(|value| value * value)));
        for end in (0..good.len()).step_by(7) {
            assert!(histogram_from_base64(&good[..end]).is_err(), "cut at {end}");
        }
        assert_eq!(
            histogram_from_base64("not base64!"),
            Err(HistogramError::NotBase64)
        );
        assert_eq!(histogram_from_base64(""), Err(HistogramError::NotV2));
        assert_eq!(
            histogram_from_base64("aGVsbG8="),
            Err(HistogramError::NotV2)
        );
    }

    #[test]
    fn histograms_of_other_bounds_are_refused() {
        let mut two_digits = Histogram::<u64>::new_with_bounds(1, MAX_RECORDABLE_NS, 2).unwrap();
        two_digits.record(5).unwrap();
        assert_eq!(
            histogram_from_base64(&histogram_base64(&two_digits)),
            Err(HistogramError::OtherBounds)
        );
        let endless = Histogram::<u64>::new_with_bounds(1, u64::MAX, 3).unwrap();
        assert_eq!(
            histogram_from_base64(&histogram_base64(&endless)),
            Err(HistogramError::OtherBounds)
        );
        // Java grows its histograms to what they hold; a smaller one still fits into ours.
        let mut small = Histogram::<u64>::new_with_bounds(1, 1_000_000, 3).unwrap();
        small.record_n(777, 3).unwrap();
        let read = histogram_from_base64(&histogram_base64(&small)).unwrap();
        assert_eq!(
            (read.len(), read.count_at(777), read.high()),
            (3, 3, MAX_RECORDABLE_NS)
        );
    }

    #[test]
    fn a_small_text_cannot_ask_for_much_memory() {
        let deflated = |plain: &[u8]| {
            let mut encoder =
                flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
            std::io::Write::write_all(&mut encoder, plain).unwrap();
            let stream = encoder.finish().unwrap();
            let length = u32::try_from(stream.len()).unwrap().to_be_bytes();
            STANDARD.encode([&V2_DEFLATED_COOKIE[..], &length, &stream].concat())
        };
        let header = |payload: u32| {
            let mut plain = V2_COOKIE.to_vec();
            plain.extend(payload.to_be_bytes());
            plain.extend([0; 4]);
            plain.extend(3_u32.to_be_bytes());
            plain.extend(1_u64.to_be_bytes());
            plain.extend(MAX_RECORDABLE_NS.to_be_bytes());
            plain.extend(1.0_f64.to_be_bytes());
            plain
        };
        assert_eq!(
            histogram_from_base64(&deflated(&header(0))).unwrap().len(),
            0
        );
        assert_eq!(
            histogram_from_base64(&deflated(&header(u32::MAX))),
            Err(HistogramError::NotV2)
        );
        assert_eq!(
            histogram_from_base64(&deflated(&vec![0; 10_000_000])),
            Err(HistogramError::NotV2)
        );
        let longest = "A".repeat(MAX_HISTOGRAM_BASE64_BYTES);
        assert_eq!(histogram_from_base64(&longest), Err(HistogramError::NotV2));
        let bytes = MAX_HISTOGRAM_BASE64_BYTES + 4;
        assert_eq!(
            histogram_from_base64(&"A".repeat(bytes)),
            Err(HistogramError::TooLong { bytes })
        );
    }

    #[test]
    fn the_longest_histogram_fits() {
        // A large, different count in every place: nothing to deflate.
        let mut full = empty_histogram();
        let mut value = 0;
        let mut count = 0x9e37_79b9_7f4a_7c15_u64;
        while value < MAX_RECORDABLE_NS {
            count = count.wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ count >> 27;
            full.record_n(value, count >> 17).unwrap();
            value = full.next_non_equivalent(value);
        }
        let text = histogram_base64(&full);
        assert!(
            text.len() <= MAX_HISTOGRAM_BASE64_BYTES,
            "{} bytes",
            text.len()
        );
        assert_eq!(histogram_from_base64(&text), Ok(full));
    }

    proptest! {
        #[test]
        fn histograms_come_back_as_they_went(values in prop::collection::vec(0..=MAX_RECORDABLE_NS, 0..50)) {
            let histogram = histogram(values);
            prop_assert_eq!(histogram_from_base64(&histogram_base64(&histogram)), Ok(histogram));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
            std::io::Write::write_all(&mut encoder, &[&V2_COOKIE[..], &bytes].concat()).unwrap();
            let stream = encoder.finish().unwrap();
            let _ = histogram_from_base64(&STANDARD.encode([&V2_DEFLATED_COOKIE[..], &[0, 0, 1, 0], &stream].concat()));
            let _ = histogram_from_base64(&STANDARD.encode(&bytes));
        }
    }
}
