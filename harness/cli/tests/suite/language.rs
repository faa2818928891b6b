//! What users read is in plain words: none of the banned ones is in a string of the program, in what `--help` shows, in a page of
//! the documentation, in a scenario or in a template.

#![allow(
    clippy::unwrap_used,
    reason = "a workspace that can't be read fails the test"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};

/// What is not written, and what is written instead. Found as whole words, in any letters.
const BANNED: &[(&str, &str)] = &[
    ("as good as equal", "equivalent"),
    ("no verdict", "inconclusive"),
    ("MDE", "smallest detectable difference"),
    ("caution", "warning"),
    ("cautions", "warnings"),
    ("worth a word", "threshold"),
    (
        "itself sent late",
        "the load generator fell behind schedule",
    ),
    ("fell due", "scheduled"),
    ("fall due", "are scheduled"),
    ("falls due", "is scheduled"),
    ("answered rightly", "succeeded"),
    ("rightly", "correctly"),
    ("held the loop", "blocked the event loop"),
    ("holds the loop", "blocks the event loop"),
    ("ledger", "request accounting"),
    ("strain", "share of the SLO"),
    ("told", "reported, recorded, known"),
    ("whoever", "who, or the noun"),
    ("lets go of", "releases"),
    ("comes to", "is"),
    ("come to its end", "end, be complete"),
    ("came to", "was, the outcome of"),
    ("target carries", "target sustains"),
    ("mend", "fix, correct"),
    ("mended", "fixed, corrected"),
];

/// What is not written in code either, beside these.
const BANNED_IN_CODE: &[(&str, &str)] = &[("telling", "snapshot, or what is reported")];

/// Names of types that say nothing of what they are.
const BANNED_NAMES: &[&str] = &["Talk", "Said", "Telling", "Face", "Subject"];

/// Where a banned word has to stand: the file, the word, and why.
const ALLOWED: &[(&str, &str, &str)] = &[
    (
        "harness/model/src/record/comparison.rs",
        "MDE",
        "the key of records of version 1",
    ),
    (
        "harness/model/src/record/sweep/step.rs",
        "strain",
        "the key of earlier records",
    ),
    (
        "harness/model/src/record/upgrade.rs",
        "cautions",
        "the key of records of version 1",
    ),
];

/// Where a banned word stands in code for the keys of earlier records.
const ALLOWED_IN_CODE: &[(&str, &[&str])] = &[
    ("harness/model/src/record/comparison.rs", &["MDE"]),
    ("harness/model/src/record/sweep/step.rs", &["strain"]),
    (
        "harness/model/src/record/upgrade.rs",
        &["caution", "cautions"],
    ),
    ("harness/model/src/record/warmup.rs", &["told"]),
    (
        "harness/model/tests/run_record.rs",
        &["caution", "cautions", "MDE"],
    ),
];

/// What is read: sources, whose strings count, and pages, all of whose text counts.
const READ: &[&str] = &["README.md", "docs", "harness", "scenarios", "servers"];

#[test]
fn users_read_plain_words() {
    let mut found = Vec::new();
    let mut count = 0;
    for (name, path) in files() {
        count += 1;
        let text = fs::read_to_string(&path).unwrap();
        for text in shown(&name, &text) {
            found.extend(
                banned(&text).map(|(word, instead)| (name.clone(), word, instead, text.clone())),
            );
        }
    }
    assert!(count > 100, "only {count} files were read");
    let mut wrong = String::new();
    for (name, word, instead, text) in &found {
        if !ALLOWED
            .iter()
            .any(|(file, of, _)| file == name && of == word)
        {
            writeln!(wrong, "{name}: `{word}` (write: {instead}) in {text:?}").unwrap();
        }
    }
    for (file, word, _) in ALLOWED {
        if !found
            .iter()
            .any(|(name, of, ..)| name == file && of == word)
        {
            writeln!(
                wrong,
                "{file}: `{word}` is not there any more: take it off the list"
            )
            .unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// Names and comments of the harness: identifiers count by their words.
#[test]
fn code_is_in_plain_words() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut wrong = String::new();
    for (name, path) in below(&root, &["harness"]) {
        let is_code = path.extension().is_some_and(|ending| ending == "rs");
        if !is_code || name == "harness/cli/tests/suite/language.rs" {
            continue;
        }
        let allowed = ALLOWED_IN_CODE.iter().find(|(file, _)| *file == name);
        let allowed = allowed.map_or(&[][..], |(_, words)| words);
        let source = fs::read_to_string(&path).unwrap();
        for name_in_code in source.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        {
            if BANNED_NAMES.contains(&name_in_code) {
                writeln!(wrong, "{name}: `{name_in_code}` is no name").unwrap();
            }
        }
        let text = words_of_names(&source);
        for (word, instead) in BANNED.iter().chain(BANNED_IN_CODE) {
            if text.contains(&spaced(word)) != allowed.contains(word) {
                writeln!(
                    wrong,
                    "{name}: `{word}` (write: {instead}), or not there any more"
                )
                .unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn the_words_of_a_name_are_those_between_its_humps_and_lines() {
    assert_eq!(
        words_of_names("fn is_told() -> WasHeld { // comes\n// to"),
        " fn is told was held comes to "
    );
}

#[test]
fn banned_words_are_found_in_any_letters_and_only_whole() {
    let words = |text: &str| banned(text).map(|(word, _)| word).collect::<Vec<_>>();
    assert_eq!(words("It was Told, and\n fell  due."), ["fell due", "told"]);
    assert!(words("a tolder recommended mender, or {told} and {caution:?}").is_empty());
    assert_eq!(words("{{told}}"), ["told"]);
}

#[test]
fn of_a_source_its_strings_count_and_of_arguments_what_help_shows() {
    let source = "/// Told.\nfn f() { // told\n g(\"so \\\n  it is\", br\"x\") }";
    assert_eq!(
        shown("harness/x/src/a.rs", source),
        ["\"so   it is\"", "br\"x\""]
    );
    let args = "/// Told.\nstruct A;";
    assert_eq!(shown("harness/cli/src/args/a.rs", args), ["\" Told.\""]);
    assert_eq!(shown("docs/a.md", "# All of it"), ["# All of it"]);
}

/// Files that users read something of, by their names from the root.
fn files() -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    // Tests and their data quote what is shown; records of earlier versions are as they were.
    // Packages that were installed are others' words.
    let quotes = |name: &str| {
        ["/tests/", "/snapshots/", "/node_modules/"]
            .iter()
            .any(|part| name.contains(part))
    };
    let mut files = below(&root, READ);
    files.retain(|(name, _)| !quotes(name) && is_read(name));
    files
}

/// All files below these, by their names from the root.
fn below(root: &Path, names: &[&str]) -> Vec<(String, PathBuf)> {
    let mut files = Vec::new();
    let mut waiting: Vec<PathBuf> = names.iter().map(|name| root.join(name)).collect();
    while let Some(path) = waiting.pop() {
        let name = path.strip_prefix(root).unwrap().display().to_string();
        if path.is_dir() {
            let entries = fs::read_dir(&path).unwrap();
            waiting.extend(entries.map(|entry| entry.unwrap().path()));
        } else {
            files.push((name, path));
        }
    }
    files.sort();
    files
}

/// Sources, pages, templates and scenarios; a generated report is made of what is read already.
fn is_read(name: &str) -> bool {
    let ending = Path::new(name)
        .extension()
        .and_then(|ending| ending.to_str());
    match ending {
        Some("rs") => name.contains("/src/"),
        Some("html" | "js" | "css") => name.starts_with("harness/"),
        Some("md") => true,
        Some("toml") => name.starts_with("scenarios/") || name.starts_with("servers/targets/"),
        _ => false,
    }
}

/// The texts of a file that users read.
fn shown(name: &str, text: &str) -> Vec<String> {
    if Path::new(name)
        .extension()
        .is_none_or(|ending| ending != "rs")
    {
        return vec![text.to_owned()];
    }
    let mut strings = Vec::new();
    collect(
        text.parse().unwrap(),
        name.starts_with("harness/cli/src/args/"),
        &mut strings,
    );
    strings
}

/// The string literals of a stream; of documentation, which is attributes, only where it is asked for.
fn collect(stream: TokenStream, with_docs: bool, strings: &mut Vec<String>) {
    let mut before: Option<String> = None;
    for token in stream {
        let spelled = token.to_string();
        match token {
            TokenTree::Group(group) => {
                let is_attribute = before.as_deref() == Some("#") || before.as_deref() == Some("!");
                let is_doc = is_attribute && group.stream().to_string().starts_with("doc");
                if !is_doc || with_docs {
                    collect(group.stream(), with_docs, strings);
                }
            }
            TokenTree::Literal(_) if spelled.ends_with('"') => {
                strings.push(spelled.replace("\\\n", "").replace("\\n", " "));
            }
            _ => {}
        }
        before = Some(match before {
            _ if spelled.len() == 1 => spelled,
            _ => String::new(),
        });
    }
}

/// The banned words of a text, in the order of the list.
fn banned(text: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let text = spaced(&without_placeholders(text));
    BANNED
        .iter()
        .filter(move |(word, _)| text.contains(&spaced(word)))
        .copied()
}

/// The words of code, names taken apart, as [`spaced`].
fn words_of_names(code: &str) -> String {
    let mut text = String::with_capacity(code.len());
    let mut was_small = false;
    for letter in code.chars() {
        if letter == '_' || was_small && letter.is_uppercase() {
            text.push(' ');
        }
        was_small = letter.is_lowercase() || letter.is_ascii_digit();
        text.push(if letter == '_' { ' ' } else { letter });
    }
    spaced(&text)
}

/// The words of a text in small letters, between single spaces, one at each end.
fn spaced(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    let words = words.filter(|word| !word.is_empty()).map(str::to_lowercase);
    format!(" {} ", words.collect::<Vec<_>>().join(" "))
}

/// A format string without what its braces name, which nobody reads.
fn without_placeholders(text: &str) -> String {
    let text = text.replace("{{", " ").replace("}}", " ");
    let mut rest = text.as_str();
    let mut kept = String::new();
    while let Some((before, after)) = rest.split_once('{') {
        kept.push_str(before);
        // A brace of a style sheet or a script opens what is read.
        match after.split_once('}') {
            Some((name, end)) if !name.contains([' ', '\n']) => rest = end,
            _ => {
                kept.push(' ');
                rest = after;
            }
        }
    }
    kept + rest
}
