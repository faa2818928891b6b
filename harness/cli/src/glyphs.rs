//! What a terminal can show: all of Unicode, or only what every terminal has shown since 1967.

use std::borrow::Cow;

/// The characters that may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Glyphs {
    Unicode,
    Ascii,
}

/// Shades of a bar from nothing to full.
const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The same in plain characters.
const PLAIN_BARS: [&str; BARS.len()] = [" ", ".", ":", "-", "=", "+", "*", "#", "@"];

impl Glyphs {
    /// Those of the locale that the environment names.
    pub(crate) fn of_environment() -> Self {
        Self::of_locale(|name| std::env::var(name).ok())
    }

    /// The first of the variables that is set and not empty says it, in the order of POSIX (base definitions, 8.2). Without any
    /// the locale is `C`, which knows no more than ASCII.
    fn of_locale(variable: impl Fn(&str) -> Option<String>) -> Self {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .filter_map(variable)
            .find(|value| !value.is_empty())
            .unwrap_or_default()
            .to_ascii_lowercase();
        if locale.contains("utf-8") || locale.contains("utf8") {
            Self::Unicode
        } else {
            Self::Ascii
        }
    }

    /// The text in these characters. Names that somebody else gave stay as they are.
    pub(crate) fn text(self, text: &str) -> Cow<'_, str> {
        if self == Self::Unicode || text.is_ascii() {
            return Cow::Borrowed(text);
        }
        let plain = text.chars().map(|letter| match ascii(letter) {
            Some(plain) => plain.to_owned(),
            None => letter.to_string(),
        });
        Cow::Owned(plain.collect())
    }
}

/// A bar of that height, from 0 to 1. What is more than nothing is never shown as nothing.
pub(crate) fn bar(height: f64) -> char {
    let steps = BARS.len() - 1;
    let step = match height {
        ..=0.0 => 0,
        _ => (1..steps)
            .find(|&step| height * steps as f64 <= step as f64)
            .unwrap_or(steps),
    };
    BARS[step]
}

/// What stands for a character of ours that is not in ASCII.
pub(crate) fn ascii(letter: char) -> Option<&'static str> {
    if let Some(step) = BARS.iter().position(|&bar| bar == letter) {
        return Some(PLAIN_BARS[step]);
    }
    Some(match letter {
        'µ' => "u",
        '–' | '−' | '─' | '—' | '·' => "-",
        '≤' => "<=",
        '≥' => ">=",
        '±' => "+/-",
        '×' | '✗' => "x",
        '…' => "...",
        'δ' => "delta",
        '→' => "->",
        '▲' => "^",
        '✓' | '▼' => "v",
        '│' => "|",
        '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' | '┼' => "+",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_says_anything_names_the_locale() {
        let cases: [(&[(&str, &str)], Glyphs); 7] = [
            (&[], Glyphs::Ascii),
            (&[("LANG", "en_GB.UTF-8")], Glyphs::Unicode),
            (&[("LANG", "C.utf8")], Glyphs::Unicode),
            (&[("LANG", "C")], Glyphs::Ascii),
            (&[("LC_ALL", "C"), ("LANG", "en_GB.UTF-8")], Glyphs::Ascii),
            (
                &[("LC_ALL", ""), ("LC_CTYPE", "de_DE.UTF-8")],
                Glyphs::Unicode,
            ),
            (
                &[("LC_CTYPE", "de_DE@euro"), ("LANG", "C.UTF-8")],
                Glyphs::Ascii,
            ),
        ];
        for (variables, glyphs) in cases {
            let variable = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(Glyphs::of_locale(variable), glyphs, "{variables:?}");
        }
    }

    #[test]
    fn what_is_more_than_nothing_has_a_bar() {
        let cases = [
            (0.0, ' '),
            (1e-9, '▁'),
            (0.125, '▁'),
            (0.126, '▂'),
            (0.5, '▄'),
            (1.0, '█'),
            (1.5, '█'),
        ];
        for (height, shown) in cases {
            assert_eq!(bar(height), shown, "{height}");
        }
        let plain: String = BARS.iter().filter_map(|&bar| ascii(bar)).collect();
        assert_eq!(plain, " .:-=+*#@");
    }

    #[test]
    fn our_own_characters_have_plain_ones_and_names_stay() {
        let text = "p99 ≤ 40 µs: −3 to +34 %, größer … ▁█";
        assert_eq!(Glyphs::Unicode.text(text), text);
        assert_eq!(
            Glyphs::Ascii.text(text),
            "p99 <= 40 us: -3 to +34 %, größer ... .@"
        );
    }
}
