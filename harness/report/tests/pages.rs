//! The HTML report and the Markdown summary: whole, escaped, and in need of nothing from outside.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod variations;

use model::record::run::RunRecord;
use report::charts::Chart;
use report::html::html;
use report::markdown::markdown;
use report::tables;
use roxmltree::{Document, ParsingOptions};

/// Parses a report, which but for its script is written so that it is XML too, and checks what must hold for every one.
fn check(page: &str) {
    let page = without(page, "<script>", "</script>");
    assert_eq!(page.matches("<script").count(), 2, "its data and its own");
    let document = Document::parse_with_options(
        &page,
        ParsingOptions {
            allow_dtd: true,
            ..ParsingOptions::default()
        },
    )
    .unwrap_or_else(|error| panic!("{error}"));
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        let tag = node.tag_name().name();
        assert!(
            !["link", "iframe", "object", "embed", "img", "base", "form"].contains(&tag),
            "<{tag}> in a report"
        );
        for attribute in node.attributes() {
            assert!(!attribute.name().starts_with("on"), "{attribute:?}");
            assert_ne!(attribute.name(), "style", "the policy forbids it");
            if ["href", "src", "srcset", "action", "background"].contains(&attribute.name()) {
                assert!(
                    attribute.value().starts_with('#') || attribute.value().starts_with("data:"),
                    "{attribute:?}"
                );
            }
        }
    }
    let style = document
        .descendants()
        .find(|node| node.has_tag_name("style"))
        .and_then(|node| node.text())
        .unwrap();
    assert!(!style.contains("url(") && !style.contains("@import"));
    let policy = document
        .descendants()
        .find_map(|node| {
            node.attribute("content")
                .filter(|text| text.contains("-src"))
        })
        .unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"));
    assert!(!policy.contains("unsafe") && !policy.contains(':'));
    let data = document
        .descendants()
        .find(|node| node.attribute("id") == Some("data"))
        .and_then(|node| node.text())
        .unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert!(data["runs"].is_array());
}

/// A text with what stands between these left out.
fn without(text: &str, from: &str, to: &str) -> String {
    let mut parts = text.split(from);
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str(from);
        kept.push('…');
        kept.push_str(&part[part.find(to).unwrap()..]);
    }
    kept
}

/// A page without its style, pictures and embedded files: what a reader reads.
fn readable(page: &str) -> String {
    let page = without(page, "<style>", "</style>");
    let page = without(&page, "<script>", "</script>");
    let page = without(&page, "id=\"data\">", "</script>");
    let page = without(&page, "'sha256-", "'");
    let page = without(&page, "<svg", "</svg>");
    without(&page, ";base64,", "\"")
}

#[test]
fn every_record_makes_a_whole_page_that_asks_for_nothing() {
    for (name, record) in variations::all() {
        let page = html(std::slice::from_ref(&record)).unwrap();
        check(&page);
        let charts = Chart::of(&record).count();
        assert_eq!(page.matches("<figure").count(), charts, "{name}");
        if name != "hostile" {
            // uPlot's licence asks for its notice to stay.
            let addresses: Vec<_> = page.match_indices("://").collect();
            assert_eq!(addresses.len(), 1, "{name}: an address in the page");
            assert!(page.contains("/*! https://github.com/leeoniya/uPlot"));
        }
    }
}

#[test]
fn hostile_text_stays_text() {
    let record = variations::hostile();
    let page = html(std::slice::from_ref(&record)).unwrap();
    check(&page);
    assert!(page.contains("&lt;script") || page.contains("&#60;script"));
    let summary = markdown(&record).replace("<br>", "");
    assert!(!summary.contains('\u{1b}'));
    // An indented line is code, which Markdown shows as it is.
    for line in summary.lines().filter(|line| !line.starts_with("    ")) {
        assert_eq!(
            line.matches('<').count(),
            line.matches(r"\<").count(),
            "{line}"
        );
        let cells = line.matches('|').count() - line.matches(r"\|").count();
        // The comparisons have eight columns, the targets ten.
        assert!([0, 9, 11].contains(&cells), "{line}");
    }
}

#[test]
fn the_same_records_give_the_same_bytes() {
    let records = [variations::two(), variations::failures()];
    assert_eq!(html(&records).unwrap(), html(&records).unwrap());
    assert_eq!(markdown(&records[1]), markdown(&records[1]));
}

#[test]
fn a_run_of_the_experiment_has_its_effects_below_the_comparisons() {
    let page = html(&[variations::reference()]).unwrap();
    let place = |text: &str| {
        page.find(text)
            .unwrap_or_else(|| panic!("{text} is not there"))
    };
    assert!(place("aria-label=\"Comparisons\"") < place("aria-label=\"Effects\""));
    assert!(place("aria-label=\"Effects\"") < place("<summary>Request accounting</summary>"));
    for row in tables::effects(&variations::reference()) {
        place(&format!(
            "<td>{}</td><td class=\"n\">{}</td>",
            row.verdict, row.change
        ));
    }
    let two = html(&[variations::two()]).unwrap();
    assert!(!two.contains("aria-label=\"Effects\""));
}

#[test]
fn several_runs_share_a_page_with_a_list_of_them() {
    let page = html(&[variations::two(), variations::invalid()]).unwrap();
    check(&page);
    assert!(page.contains("<a href=\"#run-2\">io-heavy</a>") && page.contains("id=\"run-2\""));
    assert!(page.contains("aria-label=\"All runs\""));
    // What is timed differs, and so do the columns.
    let unlike = html(&[variations::two(), variations::streams()]).unwrap();
    check(&unlike);
    assert!(!unlike.contains("aria-label=\"All runs\""));
    check(&html(&[]).unwrap());
}

#[test]
fn slices_are_carried_as_the_record_has_them_and_damaged_ones_are_named() {
    let data = |record: &RunRecord| {
        let page = html(std::slice::from_ref(record)).unwrap();
        let (_, rest) = page.split_once("id=\"data\">").unwrap();
        let (data, _) = rest.split_once("</script>").unwrap();
        serde_json::from_str::<serde_json::Value>(data).unwrap()["runs"][0].clone()
    };
    let record = variations::two();
    let carried = data(&record);
    for (index, target) in record.targets.iter().enumerate() {
        let slices = carried["slices"][index].as_array().unwrap();
        let packed = slices.iter().map(|slice| slice[2].as_str().unwrap());
        let recorded = target.slices.iter().map(|slice| &slice.counts_base64);
        assert!(packed.eq(recorded), "{}", target.name);
    }
    assert!(data(&variations::close()).get("slices").is_none());

    let mut damaged = record;
    damaged.targets[1].slices[3].counts_base64.insert(0, '!');
    let error = html(&[damaged]).unwrap_err().to_string();
    assert_eq!(
        error,
        "the slices of target \"coroutine\" cannot be read from the record (`slices`): the counts of a slice are not base64: \
         the record is damaged; restore the record, or run again"
    );
}

#[test]
fn the_embedded_record_is_the_record() {
    use base64::Engine as _;
    use std::io::Read as _;
    let record = variations::failures();
    let page = html(std::slice::from_ref(&record)).unwrap();
    let (_, rest) = page.split_once("data:application/gzip;base64,").unwrap();
    let (encoded, _) = rest.split_once('"').unwrap();
    let compressed = base64::engine::general_purpose::STANDARD
        .decode(encoded)
        .unwrap();
    let mut json = String::new();
    flate2::read::GzDecoder::new(compressed.as_slice())
        .read_to_string(&mut json)
        .unwrap();
    let read = RunRecord::from_json(&json, "run.json").unwrap();
    assert_eq!(read, record);
}

#[test]
fn pages_read_as_reviewed() {
    insta::assert_snapshot!("two-html", readable(&html(&[variations::two()]).unwrap()));
    insta::assert_snapshot!(
        "streams-html",
        readable(&html(&[variations::streams()]).unwrap())
    );
    insta::assert_snapshot!(
        "failed-html",
        readable(&html(&[variations::failed()]).unwrap())
    );
}

#[test]
fn summaries_read_as_reviewed() {
    let cases = [
        "two",
        "eleven",
        "failures",
        "failed",
        "empty",
        "invalid",
        "streams",
        "chat",
        "reference",
    ];
    for (name, record) in variations::all()
        .into_iter()
        .filter(|(name, _)| cases.contains(name))
    {
        insta::assert_snapshot!(format!("{name}-markdown"), markdown(&record));
    }
}
