//! Why input is refused.

/// Why input can't be read on. Carries what a peer needs to know to correct it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Malformed(&'static str),
    BodyTooLarge,
    UnknownExpectation,
    HeadTooLarge,
    TooManyHeaders,
    TrailersTooLarge,
    UnknownCoding,
    UnknownVersion,
    TooSlow,
    TooMany,
}
