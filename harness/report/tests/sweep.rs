//! A sweep as people see it: one chart of latency against load, with every target's knee.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod data;
mod outline;
mod sweeps;

use model::record::run::Completion;

use data::drawn;
use outline::outline;
use report::charts::{load_png, load_svg};
use report::html::sweep_html;
use roxmltree::{Document, ParsingOptions};

#[test]
fn the_chart_shows_both_ways_the_objective_and_the_knees_with_their_intervals() {
    let svg = load_svg(&samples::sweep_record()).unwrap();
    insta::assert_snapshot!("sweep-chart", outline(&svg));
    let page = sweep_html(&samples::sweep_record()).unwrap();
    insta::assert_snapshot!("sweep-data", drawn(&page));
}

#[test]
fn whatever_is_missing_the_chart_is_drawn_and_says_so() {
    for (name, record) in sweeps::all() {
        let svg = load_svg(&record).unwrap();
        assert!(!svg.contains("NaN") && !svg.contains("inf "), "{name}");
        assert_eq!(svg, load_svg(&record).unwrap(), "{name}");
        assert!(load_png(&record).unwrap().starts_with(b"\x89PNG"), "{name}");
        if name == "nothing" {
            assert!(svg.contains("No data: nothing was measured"), "{name}");
        }
        if record.completion == Completion::Interrupted {
            assert!(
                svg.contains("Partial: interrupted before its end"),
                "{name}"
            );
        }
    }
}

/// A page but for its script, parsed: it is written so that it is XML too.
fn read(page: &str) -> String {
    let (before, rest) = page.split_once("<script>").unwrap();
    let page = before.to_owned() + rest.split_once("</script>").unwrap().1;
    let options = ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(&page, options).unwrap();
    let is_read = |node: &roxmltree::Node<'_, '_>| {
        let mut above = node.ancestors();
        !above.any(|node| ["svg", "style", "script"].contains(&node.tag_name().name()))
    };
    let texts = document
        .descendants()
        .filter(|node| node.is_text() && is_read(node));
    let lines = texts.filter_map(|node| node.text()).map(str::trim);
    lines
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_page_of_a_sweep_reads_as_reviewed() {
    let read = read(&sweep_html(&samples::sweep_record()).unwrap());
    // Every step stands in a table that is as long as the sweep; its first rows show how.
    let (before, steps) = read.split_once("Every step\n").unwrap();
    let (steps, after) = steps.split_once("In the order in which").unwrap();
    let first: Vec<&str> = steps.lines().take(33).collect();
    insta::assert_snapshot!(
        "sweep-html",
        format!(
            "{before}Every step\n{}\n…\nIn the order in which{after}",
            first.join("\n")
        )
    );
}

#[test]
fn whatever_is_missing_the_page_is_whole_and_asks_for_nothing() {
    for (name, record) in sweeps::all() {
        let page = sweep_html(&record).unwrap();
        assert_eq!(page, sweep_html(&record).unwrap(), "{name}");
        let read = read(&page);
        assert!(read.contains("How it was measured"), "{name}");
        assert!(!read.contains("NaN"), "{name}");
        if name != "hostile" {
            // That of uPlot's notice.
            assert_eq!(page.matches("://").count(), 1, "{name}: an address");
        }
        for name in record.results.iter().map(|result| &result.target) {
            assert!(read.contains(name.trim_matches(char::is_control)), "{name}");
        }
    }
}
