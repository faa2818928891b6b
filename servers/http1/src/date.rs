//! The `Date` field's value, checked once when it is made.
//!
//! Knows the shape of an IMF-fixdate; must never know what time it is: the rim reads a clock once a second and hands
//! the text in.

use core::fmt;

/// An IMF-fixdate such as `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7), for the `Date` field of answers (§6.6.1).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Date([u8; Date::BYTES]);

impl Date {
    /// Every IMF-fixdate is this long.
    pub const BYTES: usize = 29;
    /// The Unix epoch, for tests and for the moment before a first clock reading.
    pub const EPOCH: Self = Self(*b"Thu, 01 Jan 1970 00:00:00 GMT");

    /// Checks the shape and each field's range, not whether the weekday fits the date.
    pub fn from_bytes(text: &[u8; Self::BYTES]) -> Result<Self, BadDate> {
        if is_imf_fixdate(text) {
            Ok(Self(*text))
        } else {
            Err(BadDate)
        }
    }

    /// The 29 bytes as they stand in a head.
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl TryFrom<&str> for Date {
    type Error = BadDate;

    fn try_from(text: &str) -> Result<Self, BadDate> {
        Self::from_bytes(text.as_bytes().try_into().map_err(|_| BadDate)?)
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Date({})", self.0.escape_ascii())
    }
}

/// The text is not an IMF-fixdate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an IMF-fixdate; write it like \"Sun, 06 Nov 1994 08:49:37 GMT\" (RFC 9110 §5.6.7)")]
pub struct BadDate;

fn is_imf_fixdate(text: &[u8; Date::BYTES]) -> bool {
    const WEEKDAYS: [&[u8]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
    const MONTHS: [&[u8]; 12] = [
        b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov",
        b"Dec",
    ];
    let two_digits_upto = |at: usize, most: u8| match text[at..at + 2] {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => (tens - b'0') * 10 + (ones - b'0') <= most,
        _ => false,
    };
    WEEKDAYS.contains(&&text[..3])
        && &text[3..5] == b", "
        && two_digits_upto(5, 31)
        && &text[5..7] != b"00"
        && text[7] == b' '
        && MONTHS.contains(&&text[8..11])
        && text[11] == b' '
        && text[12..16].iter().all(u8::is_ascii_digit)
        && text[16] == b' '
        && two_digits_upto(17, 23)
        && text[19] == b':'
        && two_digits_upto(20, 59)
        && text[22] == b':'
        && two_digits_upto(23, 60) // a leap second
        && &text[25..] == b" GMT"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rfcs_example_and_the_epoch_are_dates() {
        assert_eq!(
            Date::try_from("Sun, 06 Nov 1994 08:49:37 GMT")
                .unwrap()
                .as_bytes(),
            b"Sun, 06 Nov 1994 08:49:37 GMT"
        );
        assert_eq!(Date::from_bytes(Date::EPOCH.as_bytes()), Ok(Date::EPOCH));
        assert!(Date::try_from("Sat, 31 Dec 2016 23:59:60 GMT").is_ok());
    }

    #[test]
    fn anything_else_is_not() {
        for bad in [
            "",
            "Sun, 06 Nov 1994 08:49:37 GMT ",
            "sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 32 Nov 1994 08:49:37 GMT",
            "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 19x4 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37\r\nX:",
        ] {
            assert_eq!(Date::try_from(bad), Err(BadDate), "{bad:?}");
        }
    }
}
