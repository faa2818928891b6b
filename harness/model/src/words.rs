//! Counts and lists in English, for what is written in sentences: warnings, errors, reports.
//!
//! This module knows grammar; it must never know what is counted.

/// A count: `12,345`.
pub fn count(count: u64) -> String {
    grouped(&count.to_string())
}

/// `1 target`, `2 targets`: a count with its noun, and with the verb where the noun has one: `1 request was`.
pub fn plural(count: u64, one: &str, many: &str) -> String {
    format!(
        "{} {}",
        self::count(count),
        if count == 1 { one } else { many }
    )
}

/// `a`, `a and b`, `a, b and c`.
pub fn listed(parts: &[impl AsRef<str>]) -> String {
    let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
    match parts.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [but_last @ .., last] => format!("{} and {last}", but_last.join(", ")),
    }
}

/// Digits with their thousands apart.
pub fn grouped(digits: &str) -> String {
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular_and_none_is_plural() {
        let cases = [
            (0, "0 blocks"),
            (1, "1 block"),
            (2, "2 blocks"),
            (1_000, "1,000 blocks"),
            (u64::MAX, "18,446,744,073,709,551,615 blocks"),
        ];
        for (count, reported) in cases {
            assert_eq!(plural(count, "block", "blocks"), reported);
        }
    }

    #[test]
    fn the_last_of_a_list_is_joined_by_a_word() {
        let cases: [(&[&str], &str); 4] = [
            (&[], ""),
            (&["a"], "a"),
            (&["a", "b"], "a and b"),
            (&["a", "b", "c"], "a, b and c"),
        ];
        for (parts, reported) in cases {
            assert_eq!(listed(parts), reported);
        }
    }
}
