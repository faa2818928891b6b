//! Text of others, as it may be shown.

/// Text without control characters, which XML has no way to spell and a page no way to show.
pub(crate) fn legible(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}
