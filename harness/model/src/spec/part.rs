//! A part of a load: what one of several load generators sends, so that all of them together send what one would.
//!
//! Whatever has a place in an order is shared out one by one, as cards are: of `n` parts, part `i` (from 0) has places `i`, `i + n`,
//! `i + 2n` and so on. So no generator has to know the others, and a load of one part is the whole.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The most parts of a load: each generator goes through what all of them send, to find what is its own.
pub const MAX_PARTS: u32 = 1_000;

/// One of the equal parts of a load. Written `2/4`: the second of four.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Part {
    /// From 0, below `of`.
    index: u32,
    of: NonZeroU32,
}

impl Part {
    /// All of it.
    pub const WHOLE: Self = Self {
        index: 0,
        of: NonZeroU32::MIN,
    };

    /// Part `index`, from 0, of `of`; none where there is no such part, or more than [`MAX_PARTS`].
    pub fn new(index: u32, of: u32) -> Option<Self> {
        let of = NonZeroU32::new(of).filter(|of| of.get() <= MAX_PARTS)?;
        (index < of.get()).then_some(Self { index, of })
    }

    /// Which part it is, from 0.
    pub fn index(self) -> u32 {
        self.index
    }

    /// How many parts there are.
    pub fn of(self) -> u32 {
        self.of.get()
    }

    /// Whether it is all there is.
    pub fn is_whole(self) -> bool {
        self == Self::WHOLE
    }

    /// How many of `count` things are this part's.
    pub fn share(self, count: u64) -> u64 {
        let of = u64::from(self.of());
        count / of + u64::from(u64::from(self.index) < count % of)
    }

    /// For going through what all parts send, from its beginning.
    pub fn turns(self) -> Turns {
        Turns {
            others: self.index,
            between: self.of() - 1,
        }
    }
}

impl Default for Part {
    fn default() -> Self {
        Self::WHOLE
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index + 1, self.of)
    }
}

impl From<Part> for String {
    fn from(part: Part) -> Self {
        part.to_string()
    }
}

impl FromStr for Part {
    type Err = PartError;

    fn from_str(text: &str) -> Result<Self, PartError> {
        let number = |digits: &str| digits.parse::<u32>().ok();
        text.split_once('/')
            .and_then(|(which, of)| Self::new(number(which)?.checked_sub(1)?, number(of)?))
            .ok_or_else(|| PartError {
                text: text.to_owned(),
            })
    }
}

impl TryFrom<String> for Part {
    type Error = PartError;

    fn try_from(text: String) -> Result<Self, PartError> {
        text.parse()
    }
}

/// A part that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{text}` is no part of a load: write the second of four as `2/4`; there are at most {MAX_PARTS}"
)]
pub struct PartError {
    text: String,
}

/// Goes through what all parts send, and stops at what is one's own.
#[derive(Debug, Clone)]
pub struct Turns {
    /// Until the next of one's own.
    others: u32,
    between: u32,
}

impl Turns {
    /// How many are others' before the next of one's own, which is taken.
    pub fn take(&mut self) -> u32 {
        std::mem::replace(&mut self.others, self.between)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_part_is_read_as_it_is_written_and_what_is_none_is_refused() {
        for text in ["1/1", "2/4", "1000/1000"] {
            let part: Part = text.parse().unwrap();
            assert_eq!(part.to_string(), text);
        }
        assert_eq!("1/1".parse(), Ok(Part::WHOLE));
        for text in [
            "", "1", "0/4", "5/4", "1/0", "1/1001", "-1/4", "1/4/2", "a/b",
        ] {
            let error = text.parse::<Part>().unwrap_err();
            assert!(error.to_string().contains("2/4"), "{error}");
        }
    }

    proptest! {
        /// Each place is exactly one part's, and each part has as many as it is said to have.
        #[test]
        fn parts_have_every_place_once(of in 1..40_u32, count in 0..500_u64) {
            let mut taken = Vec::new();
            for index in 0..of {
                let part = Part::new(index, of).unwrap();
                let mut turns = part.turns();
                let mut places = Vec::new();
                let mut next = u64::from(turns.take());
                while next < count {
                    places.push(next);
                    next += 1 + u64::from(turns.take());
                }
                prop_assert_eq!(places.len() as u64, part.share(count));
                taken.extend(places);
            }
            taken.sort_unstable();
            prop_assert_eq!(taken, (0..count).collect::<Vec<_>>());
        }
    }
}
