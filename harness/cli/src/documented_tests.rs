//! Every command line that README, docs and `--help` show is one that `bench` takes.

use std::collections::VecDeque;
use std::path::Path;

use clap::{Command, CommandFactory, Parser};

use crate::args::Args;

/// The pages, from the project's root. A directory stands for the Markdown files in it.
const PAGES: [&str; 2] = ["README.md", "docs"];

/// The command lines of a page: lines that are indented, or fenced, and begin with `bench`, `$ bench` or `cargo run`. What
/// follows two spaces explains them.
fn command_lines(page: &str) -> Vec<&str> {
    let mut fenced = false;
    page.lines()
        .filter_map(|line| {
            if line.starts_with("```") {
                fenced = !fenced;
            }
            let shown = if fenced {
                Some(line)
            } else {
                line.strip_prefix("    ")
            };
            let shown = shown?;
            let shown = shown.strip_prefix("$ ").unwrap_or(shown);
            let is_command = shown.starts_with("bench ") || shown.starts_with("cargo run ");
            is_command.then(|| shown.split("  ").next().unwrap_or(shown))
        })
        .collect()
}

/// The words that `bench` gets, itself first; where its output goes, and what follows, is between the shell and the reader.
fn words(line: &str) -> Vec<String> {
    let mut words = shlex::split(line).unwrap_or_else(|| panic!("`{line}`: quotes don't pair"));
    let own = words
        .iter()
        .position(|word| matches!(word.as_str(), "|" | "||" | "&" | ">" | ">>"));
    words.truncate(own.unwrap_or(words.len()));
    let own = words.iter().position(|word| word == "--");
    match own {
        Some(own) if words[0] == "cargo" => {
            [vec!["bench".to_owned()], words[own + 1..].to_vec()].concat()
        }
        _ => words,
    }
}

fn pages() -> Vec<std::path::PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    PAGES
        .iter()
        .flat_map(|page| {
            let page = root.join(page);
            if page.is_file() {
                return vec![page];
            }
            let entries = std::fs::read_dir(&page).expect("the directory is there");
            let mut pages: Vec<_> = entries
                .map(|entry| entry.expect("it can be read").path())
                .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
                .collect();
            pages.sort();
            pages
        })
        .collect()
}

#[test]
fn every_command_that_the_documents_show_is_taken() {
    let mut count = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).expect("it can be read");
        for line in command_lines(&text) {
            count += 1;
            if let Err(error) = Args::try_parse_from(words(line)) {
                panic!("{}: `{line}`: {error}", page.display());
            }
        }
    }
    assert!(count > 20, "only {count} command lines were found");
}

/// The blocks of Rust that a page quotes, each with the file of this project that the last link before it names.
fn quotes(page: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = page;
    while let Some((before, after)) = rest.split_once("```rust\n") {
        let (_, link) = before
            .rsplit_once("](../")
            .expect("a link to a file stands before it");
        let (file, _) = link.split_once(')').expect("the link ends");
        let (quoted, after) = after.split_once("```").expect("the block ends");
        found.push((file, quoted));
        rest = after;
    }
    found
}

#[test]
fn the_code_that_pages_quote_is_the_code_in_the_tree() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut count = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).expect("it can be read");
        for (file, quoted) in quotes(&text) {
            count += 1;
            let source = std::fs::read_to_string(root.join(file));
            let source = source.unwrap_or_else(|error| panic!("{file}: {error}"));
            assert!(
                source.contains(quoted),
                "{} quotes what is not in {file}: quote it anew:\n{quoted}",
                page.display()
            );
        }
    }
    assert!(count >= 8, "only {count} quotes were found");
}

#[test]
fn a_quote_is_of_the_file_that_is_linked_last() {
    let page =
        "[`a.rs`](../a.rs), [`b.rs`](../src/b.rs)\n\n```rust\nfn b() {}\n```\n```sh\nls\n```\n";
    assert_eq!(quotes(page), [("src/b.rs", "fn b() {}\n")]);
}

/// The program and every command that it shows, with their subcommands.
fn shown() -> Vec<Command> {
    let mut program = Args::command();
    program.build();
    let mut waiting = VecDeque::from([program]);
    let mut shown = Vec::new();
    while let Some(command) = waiting.pop_front() {
        let of = command.get_subcommands();
        let of = of.filter(|of| !of.is_hide_set() && of.get_name() != "help");
        waiting.extend(of.cloned());
        shown.push(command);
    }
    shown
}

#[test]
fn every_command_has_examples_in_its_help_and_takes_them() {
    for command in shown() {
        let name = command.get_display_name().unwrap_or(command.get_name());
        let help = command.get_after_long_help().map(ToString::to_string);
        let help = help.unwrap_or_default();
        let examples = help.strip_prefix("Examples:\n").unwrap_or_default();
        let examples: Vec<&str> = examples
            .lines()
            .map_while(|line| line.strip_prefix("  "))
            .collect();
        assert!(!examples.is_empty(), "`{name} --help` shows no examples");
        for line in examples {
            let line = line.split("  ").next().unwrap_or(line);
            if let Err(error) = Args::try_parse_from(words(line)) {
                panic!("`{name} --help`: `{line}`: {error}");
            }
        }
    }
}

#[test]
fn help_fits_terminals_of_80_and_40_columns() {
    for command in shown() {
        let name = command.get_display_name().unwrap_or(command.get_name());
        for width in [80, 40] {
            let help = command.clone().term_width(width).render_long_help();
            let help = help.to_string();
            for line in help.lines() {
                // What has no space in it is one word, and is not broken: a usage, an option with its value.
                let is_usage = line.trim_start().starts_with('-') || line.contains("bench ");
                let is_word = !line.trim().contains(' ');
                let fits = line.chars().count() <= width || is_word || (is_usage && width < 80);
                assert!(fits, "`{name} --help` at {width} columns: {line}");
            }
        }
    }
}

#[test]
fn a_default_is_named_once() {
    for command in shown() {
        for arg in command.get_arguments() {
            let help = arg.get_long_help().or(arg.get_help());
            let help = help.map(ToString::to_string).unwrap_or_default();
            let named = help.matches("[default").count()
                + usize::from(!arg.get_default_values().is_empty());
            assert!(named <= 1, "{}: {arg}: {help}", command.get_name());
        }
    }
}

#[test]
fn lines_of_commands_are_recognized() {
    let page = "bench run\n\n    bench list   what there is\n    $ bench doctor\n    as bench does\n```sh\nbench setup\n```\n";
    assert_eq!(
        command_lines(page),
        ["bench list", "bench doctor", "bench setup"]
    );
}

#[test]
fn cargo_hands_on_what_follows_two_dashes() {
    assert_eq!(
        words("cargo run --release -- run 'a b'"),
        ["bench", "run", "a b"]
    );
    assert_eq!(words("bench list | less"), ["bench", "list"]);
}
