//! Names that people give and mistype: what a name may look like, and which known name was probably meant.

use thiserror::Error;

/// The longest name of a target or a scenario. Names become parts of file names, legends and columns.
pub const MAX_NAME_BYTES: usize = 64;

/// Checks a name of a target or a scenario: 1 to [`MAX_NAME_BYTES`] of `a-z 0-9 - _ . @`, beginning with a letter or digit.
pub fn check(name: &str) -> Result<(), NameError> {
    let fits = name.len() <= MAX_NAME_BYTES
        && name.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
        && name
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'@'));
    if fits {
        Ok(())
    } else {
        Err(NameError {
            name: shortened(name),
        })
    }
}

/// The known name nearest to `name`, where one is near enough to have been meant: a beginning of it, or few typing
/// errors away.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = shortened(name).to_lowercase();
    known
        .into_iter()
        .map(|candidate| {
            let begins = !name.is_empty() && candidate.starts_with(&name);
            (
                if begins {
                    0
                } else {
                    strsim::damerau_levenshtein(&name, candidate)
                },
                candidate,
            )
        })
        // The limit is a guess that suits words of this length: a third of the letters, and two of a short word.
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).clamp(1, 4))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The same as part of an error: ` (did you mean …?)`, or nothing.
pub fn hint(nearest: Option<&str>) -> String {
    nearest
        .map(|nearest| format!(" (did you mean `{nearest}`?)"))
        .unwrap_or_default()
}

/// What people may quote back at us, cut so that an error stays readable.
pub fn shortened(text: &str) -> String {
    if text.chars().count() <= MAX_NAME_BYTES {
        return text.to_owned();
    }
    text.chars().take(MAX_NAME_BYTES).chain(['…']).collect()
}

/// A name that can't be one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{name}` can't be a name: take 1 to {MAX_NAME_BYTES} of the characters a-z, 0-9, `-`, `_`, `.` and `@`, beginning with a letter or digit"
)]
pub struct NameError {
    /// The name, cut to a readable length.
    pub name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_in_file_names_and_columns() {
        let longest = "n".repeat(MAX_NAME_BYTES);
        for good in ["a", "0", "node-cluster", "v1.2_x", "node@22", &longest] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        let too_long = "n".repeat(MAX_NAME_BYTES + 1);
        for bad in [
            "", ".", "..", "-x", "_x", "A", "a b", "a/b", "a,b", "é", &too_long,
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_nearest_name_is_offered_only_where_it_may_have_been_meant() {
        let known = ["io-heavy", "cpu-heavy", "ping", "mixed"];
        let cases = [
            ("io", Some("io-heavy")),
            ("io-havey", Some("io-heavy")),
            ("IO-Heavy", Some("io-heavy")),
            ("pong", Some("ping")),
            ("mixd", Some("mixed")),
            ("zebra", None),
            ("", None),
        ];
        for (typed, meant) in cases {
            assert_eq!(nearest(typed, known), meant, "{typed}");
        }
    }
}
