//! The field's terms and what they mean here: the glossary of ARCHITECTURE.md, which is compiled in, so that `bench explain` and
//! the page can't differ.

use std::fmt::Write as _;

use model::names;

const PAGE: &str = include_str!("../../../ARCHITECTURE.md");
const SECTION: &str = "\n## Glossary\n";

/// A term and its meaning, as text for a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) name: String,
    /// Other names of it, and terms that its meaning explains as well.
    pub(crate) also: Vec<String>,
    pub(crate) meaning: String,
}

impl std::fmt::Display for Term {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, meaning, .. } = self;
        match self.also.as_slice() {
            [] => write!(f, "{name}: {meaning}"),
            also => write!(f, "{name} ({}): {meaning}", also.join(", ")),
        }
    }
}

impl Term {
    fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.name)
            .chain(&self.also)
            .map(String::as_str)
    }
}

/// A term that the glossary does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the glossary has no `{asked}`{}; `bench explain` lists what it has",
    maybe(near)
)]
pub(crate) struct Unknown {
    asked: String,
    /// Terms that were perhaps meant.
    near: Vec<String>,
}

fn maybe(near: &[String]) -> String {
    let quoted: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [but_last @ .., last] if !but_last.is_empty() => {
            format!(" (did you mean {} or {last}?)", but_last.join(", "))
        }
        [only, ..] => format!(" (did you mean {only}?)"),
    }
}

/// Every term, in alphabetical order.
pub(crate) fn terms() -> Vec<Term> {
    let (_, section) = PAGE.split_once(SECTION).expect("the page has a glossary");
    let table = section.lines().skip_while(|line| !line.starts_with('|'));
    // The first two lines are the head of the table and the rule below it.
    let rows = table.take_while(|line| line.starts_with('|')).skip(2);
    let mut terms: Vec<Term> = rows.map(term).collect();
    terms.sort_by_key(|term| term.name.to_lowercase());
    terms
}

fn term(row: &str) -> Term {
    let cells = row.trim_start_matches("| ").trim_end_matches(" |");
    let (names, meaning) = cells
        .split_once(" | ")
        .expect("a row has a term and its meaning");
    // Emphasis and code are marked for a page; a terminal shows the words.
    let plain = |text: &str| text.replace(['*', '`'], "");
    let mut names = names.split(", ").map(plain);
    Term {
        name: names.next().expect("a split has a first part"),
        also: names.collect(),
        meaning: plain(meaning),
    }
}

/// The term that was asked for, in whatever letters, with hyphens or spaces, in the singular or the plural.
pub(crate) fn find(asked: &str) -> Result<Term, Unknown> {
    let wanted = normal(asked);
    let terms = terms();
    let is_it = |term: &&Term| {
        term.names()
            .map(normal)
            .any(|name| name == wanted || format!("{name}s") == wanted)
    };
    terms.iter().find(is_it).cloned().ok_or_else(|| Unknown {
        asked: names::shortened(asked),
        near: near(&wanted, &terms),
    })
}

/// Terms that were perhaps meant: the nearest in letters, and all that have a word in common or speak of what was asked for.
fn near(wanted: &str, terms: &[Term]) -> Vec<String> {
    const MOST: usize = 4;
    let known: Vec<(String, &str)> = terms
        .iter()
        .flat_map(Term::names)
        .map(|name| (normal(name), name))
        .collect();
    let nearest = names::nearest(wanted, known.iter().map(|(name, _)| name.as_str()));
    let shares = |name: &str| {
        !wanted.is_empty()
            && wanted
                .split(' ')
                .any(|word| name.split(' ').any(|of| of == word))
    };
    let speaks = |meaning: &str| wanted.len() > 3 && normal(meaning).contains(wanted);
    let by_letters = known
        .iter()
        .filter(|(name, _)| Some(name.as_str()) == nearest);
    let by_words = known.iter().filter(|(name, _)| shares(name));
    let by_meaning = terms.iter().filter(|term| speaks(&term.meaning));
    let named = by_letters.chain(by_words).map(|(_, name)| *name);
    let mut near: Vec<String> = Vec::new();
    for name in named.chain(by_meaning.map(|term| term.name.as_str())) {
        if !near.iter().any(|other| other == name) && near.len() < MOST {
            near.push(name.to_owned());
        }
    }
    near
}

/// Other terms that a meaning speaks of, in alphabetical order.
pub(crate) fn see_also(of: &Term) -> Vec<String> {
    let meaning = spaced(&of.meaning);
    let own = spaced(&of.name);
    let others = terms().into_iter().map(|term| term.name);
    let named = others.filter(|name| {
        let name = spaced(name);
        name != own && !own.contains(&name) && meaning.contains(&name)
    });
    named.collect()
}

/// Words between single spaces, one at each end, so that a whole word is found by its letters.
fn spaced(text: &str) -> String {
    let mut spaced = String::from(" ");
    for word in normal(text).split(|c: char| !c.is_alphanumeric() && c != '/') {
        if !word.is_empty() {
            write!(spaced, "{word} ").expect("writing to a string does not fail");
        }
    }
    spaced
}

fn normal(text: &str) -> String {
    let spaced = text.to_lowercase().replace(['-', '_'], " ");
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_term_once_and_each_means_something() {
        let terms = terms();
        assert!(terms.len() > 50, "{}", terms.len());
        let mut names: Vec<String> = terms.iter().flat_map(Term::names).map(normal).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count, "a name stands there twice");
        for term in &terms {
            assert!(!term.name.is_empty() && term.meaning.len() > 10, "{term:?}");
            for name in term.names() {
                assert_eq!(find(name).as_ref(), Ok(term), "{name}");
            }
        }
    }

    #[test]
    fn terms_are_found_however_they_are_written() {
        for asked in [
            "service time",
            "Service-Time",
            "service_times",
            " SERVICE  TIME ",
        ] {
            assert_eq!(find(asked).unwrap().name, "service time", "{asked}");
        }
    }

    #[test]
    fn what_people_ask_first_is_answered() {
        for (asked, name) in [
            ("p99", "percentile"),
            ("p99.9", "percentile"),
            ("throughput", "throughput"),
            ("RPS", "throughput"),
            ("latency", "latency"),
            ("SLO", "SLO"),
            ("objective", "SLO"),
            ("HDR", "HDR histogram"),
            ("knee", "knee"),
            ("open loop", "open loop"),
            ("confidence intervals", "confidence interval"),
        ] {
            assert_eq!(
                find(asked).map(|term| term.name),
                Ok(name.to_owned()),
                "{asked}"
            );
        }
    }

    #[test]
    fn of_an_unknown_term_the_near_ones_are_named() {
        let near = |asked: &str| find(asked).unwrap_err().near;
        assert_eq!(near("servise time")[0], "service time");
        assert!(near("time").iter().all(|name| name.contains("time")));
        assert_eq!(near("time").len(), 4);
        assert!(near("green fish").is_empty());
        assert!(near("").is_empty());
        assert!(near("lagging").is_empty());
        let error = find("servise time").unwrap_err().to_string();
        assert!(
            error.starts_with("the glossary has no `servise time` (did you mean `service time`"),
            "{error}"
        );
        let long = find(&"x".repeat(10_000)).unwrap_err().to_string();
        assert!(long.len() < 300, "{}", long.len());
    }

    #[test]
    fn a_meaning_leads_to_the_words_that_it_is_made_of() {
        let of = |name: &str| see_also(&find(name).unwrap());
        assert!(
            of("churn").contains(&"service time".to_owned()),
            "{:?}",
            of("churn")
        );
        assert!(!of("service time").contains(&"service time".to_owned()));
    }
}
