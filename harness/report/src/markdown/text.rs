//! What any Markdown of ours is made of: text that stays text, lists, and a length that GitHub takes.

use crate::words::text::legible;

/// The most that GitHub takes as the summary of a step, in bytes; it drops a longer one whole.
pub const MAX_STEP_SUMMARY_BYTES: usize = 1024 * 1024;

/// The text, without its last lines where it is longer than so many bytes.
pub fn cut(text: String, most_bytes: usize) -> String {
    const CUT: &str = "\n\n*Cut here: the rest would be longer than GitHub takes.*\n";
    if text.len() <= most_bytes {
        return text;
    }
    let room = text.floor_char_boundary(most_bytes.saturating_sub(CUT.len()));
    // A line is kept whole or not at all: half a row of a table would be none.
    let end = text[..room].rfind('\n').unwrap_or(0);
    format!("{}{CUT}", &text[..end])
}

pub(crate) fn list(items: impl Iterator<Item = String>) -> String {
    items
        .map(|item| format!("- {item}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Text that Markdown leaves as it is: punctuation that might mean something is escaped, line breaks become spaces.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => plain.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '&' | '@' => {
                plain.push('\\');
                plain.push(c);
            }
            c => plain.push(c),
        }
    }
    legible(&unstarted(plain.trim_matches(' ')))
}

/// The text, such that its beginning starts no list and is no rule where it stands first in a line.
fn unstarted(text: &str) -> String {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = text.len() - rest.len();
    let mut letters = rest.chars();
    let is_mark = match (letters.next(), letters.next()) {
        (Some('-'), Some('-')) | (Some('-' | '+'), None | Some(' ')) => digits == 0,
        (Some('.' | ')'), None | Some(' ')) => digits > 0,
        _ => false,
    };
    if is_mark {
        format!("{}\\{rest}", &text[..digits])
    } else {
        text.to_owned()
    }
}

/// A table whose first `words` columns are words, and the others figures.
pub(crate) fn table(
    head: &[String],
    words: usize,
    rows: impl Iterator<Item = Vec<String>>,
) -> String {
    let rule = (0..head.len()).map(|column| if column < words { "---" } else { "--:" });
    let rule: Vec<String> = rule.map(str::to_owned).collect();
    [line(head), line(&rule)]
        .into_iter()
        .chain(rows.map(|cells| line(&cells)))
        .collect::<Vec<_>>()
        .join("\n")
}

fn line(cells: &[String]) -> String {
    format!("| {} |", cells.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use pulldown_cmark::{Event, Options, Parser};

    #[test]
    fn a_summary_is_cut_between_lines_one_byte_past_the_limit() {
        let line = "x".repeat(99) + "\n";
        let text = line.repeat(40);
        assert_eq!(cut(text.clone(), 4_000), text);
        let shorter = cut(text.clone(), 3_999);
        assert!(
            shorter.len() <= 3_999 && shorter.ends_with("GitHub takes.*\n"),
            "{shorter}"
        );
        let kept = shorter.split("\n\n*Cut").next().unwrap();
        assert!(kept.lines().all(|line| line.len() == 99), "{kept}");
    }

    #[test]
    fn text_stays_text() {
        assert_eq!(plain("a|b\n<i>*_`x`"), r"a\|b \<i\>\*\_\`x\`");
        for (text, written) in [
            ("- a", r"\- a"),
            ("-1 %", "-1 %"),
            ("+1 %", "+1 %"),
            ("--", r"\--"),
            ("  1. a", r"1\. a"),
            ("12)", r"12\)"),
            ("1.5 %", "1.5 %"),
        ] {
            assert_eq!(plain(text), written);
        }
    }

    /// What a reader sees of Markdown, if it is nothing but text in the place that it was written to.
    fn seen(markdown: &str, allowed: &[&str]) -> Option<String> {
        let mut seen = String::new();
        for event in Parser::new_ext(
            markdown,
            Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH,
        ) {
            match event {
                Event::Text(text) => seen.push_str(&text),
                Event::Start(tag)
                    if allowed
                        .iter()
                        .any(|name| format!("{tag:?}").starts_with(name)) => {}
                Event::End(_) => {}
                _ => return None,
            }
        }
        Some(seen)
    }

    proptest! {
        #[test]
        fn whatever_is_said_is_seen_as_it_was_said(
            text in prop_oneof![any::<String>(), r"[-+=#>*_`~|\\<&.):!\[\]() 0-9a\n]{0,12}"],
        ) {
            let plain = plain(&text);
            let expected = legible(&text.replace(['\n', '\r', '\t'], " "));
            let expected = expected.trim_matches(' ');
            if !expected.is_empty() {
                for (before, after, allowed) in [
                    ("", "\n", &["Paragraph"][..]),
                    ("### ", "\n", &["Heading"]),
                    ("- ", "\n", &["List", "Item"]),
                    ("| a |\n| --- |\n| ", " |\n", &["Table"]),
                ] {
                    let seen = seen(&format!("{before}{plain}{after}"), allowed);
                    let is_table = before.starts_with('|');
                    let expected = if is_table { format!("a{expected}") } else { expected.to_owned() };
                    prop_assert_eq!(seen, Some(expected), "{}", plain);
                }
            }
        }
    }
}
