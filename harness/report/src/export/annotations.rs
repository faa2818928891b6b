//! GitHub's annotations: workflow commands that a step prints, and that the runner shows beside the job.
//!
//! The format is the runner's own (`ActionCommand.cs` of actions/runner, and `command.ts` of actions/toolkit beside it):
//! `::error file=a,title=b::message`, with what would end a part of it written as in a URL.

use crate::finding::{Finding, Outcome};

/// The most annotations of a kind that GitHub takes from a step; it drops further ones without a word.
pub const MAX_PER_KIND: usize = 10;

/// The findings that are not [`Outcome::Passed`], gravest first: an error for what failed, a warning for what is unsure, a
/// notice for what is to be noted. Where there are more than [`MAX_PER_KIND`] of a kind, the last one counts the others.
pub fn annotations(findings: &[Finding]) -> String {
    let kinds = [
        (Outcome::Failed, "error"),
        (Outcome::Unsure, "warning"),
        (Outcome::Noted, "notice"),
    ];
    let mut text = String::new();
    for (outcome, command) in kinds {
        let of_kind: Vec<&Finding> = findings
            .iter()
            .filter(|finding| finding.outcome == outcome)
            .collect();
        let reported = if of_kind.len() > MAX_PER_KIND {
            MAX_PER_KIND - 1
        } else {
            of_kind.len()
        };
        for finding in &of_kind[..reported] {
            let title = format!("{}: {}", finding.group, finding.name);
            text += &line(command, finding.file.as_deref(), &title, &finding.detail);
        }
        let unshown = of_kind.len() - reported;
        if unshown > 0 {
            let title = format!("and {unshown} more");
            let detail = "GitHub shows ten of a kind: the step summary has them all";
            text += &line(command, None, &title, detail);
        }
    }
    text
}

fn line(command: &str, file: Option<&str>, title: &str, message: &str) -> String {
    let file = file
        .map(|file| format!("file={},", property(file)))
        .unwrap_or_default();
    format!(
        "::{command} {file}title={}::{}\n",
        property(title),
        data(message)
    )
}

/// What may not stand as itself in a message: the sign of the escape, and line breaks, which would end the command.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// The same in a property, which a colon or a comma would end as well.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn finding(outcome: Outcome, name: &str, detail: &str) -> Finding {
        Finding {
            group: "callback".to_owned(),
            name: name.to_owned(),
            outcome,
            detail: detail.to_owned(),
            file: None,
        }
    }

    /// Reads a command as the runner does: properties up to the next `::`, each split at its first `=`, then unescaped.
    fn read(line: &str) -> (String, Vec<(String, String)>, String) {
        let unescape = |text: &str, escapes: &[(&str, &str)]| {
            escapes.iter().fold(text.to_owned(), |text, (code, char)| {
                text.replace(code, char)
            })
        };
        let of_data = [("%0D", "\r"), ("%0A", "\n"), ("%25", "%")];
        let of_property = [
            ("%0D", "\r"),
            ("%0A", "\n"),
            ("%3A", ":"),
            ("%2C", ","),
            ("%25", "%"),
        ];
        let rest = line.strip_prefix("::").unwrap();
        let (head, message) = rest.split_once("::").unwrap();
        let (command, properties) = head.split_once(' ').unwrap();
        let properties = properties.split(',').map(|pair| {
            let (key, value) = pair.split_once('=').unwrap();
            (key.to_owned(), unescape(value, &of_property))
        });
        (
            command.to_owned(),
            properties.collect(),
            unescape(message, &of_data),
        )
    }

    #[test]
    fn each_outcome_has_its_kind_and_what_passed_has_none() {
        let findings = [
            finding(Outcome::Noted, "memory", "It held more."),
            finding(Outcome::Passed, "throughput", "Alike."),
            finding(Outcome::Failed, "SLO p99", "Missed: 50 % more.\nSee above."),
            finding(Outcome::Unsure, "p99", "Inconclusive."),
        ];
        assert_eq!(
            annotations(&findings),
            "::error title=callback%3A SLO p99::Missed: 50 %25 more.%0ASee above.\n\
             ::warning title=callback%3A p99::Inconclusive.\n\
             ::notice title=callback%3A memory::It held more.\n"
        );
        assert_eq!(annotations(&findings[1..2]), "");
        let in_a_file = Finding {
            file: Some("a,b:c.toml".to_owned()),
            ..findings[2].clone()
        };
        assert!(annotations(&[in_a_file]).starts_with("::error file=a%2Cb%3Ac.toml,title="));
    }

    #[test]
    fn ten_of_a_kind_are_reported_and_an_eleventh_makes_two_unshown() {
        let lines = |count| {
            let findings = vec![finding(Outcome::Failed, "p99", "Slower."); count];
            annotations(&findings)
                .lines()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert!(
            lines(MAX_PER_KIND)
                .iter()
                .all(|line| line.ends_with("::Slower."))
        );
        assert_eq!(lines(MAX_PER_KIND).len(), MAX_PER_KIND);
        assert_eq!(lines(MAX_PER_KIND + 1).len(), MAX_PER_KIND);
        assert!(
            lines(MAX_PER_KIND + 1)[MAX_PER_KIND - 1].starts_with("::error title=and 2 more::")
        );
    }

    proptest! {
        #[test]
        fn whatever_is_said_comes_back_as_it_went(name in any::<String>(), detail in any::<String>()) {
            let text = annotations(&[finding(Outcome::Failed, &name, &detail)]);
            prop_assert_eq!(text.matches('\n').count(), 1);
            let (command, properties, message) = read(text.strip_suffix('\n').unwrap());
            prop_assert_eq!(command, "error");
            prop_assert_eq!(properties, vec![("title".to_owned(), format!("callback: {name}"))]);
            prop_assert_eq!(message, detail);
        }
    }
}
