//! A test of claims as Markdown and as a page has every claim, its verdict and its source, and contradictory ones together.

#[path = "outcomes/mod.rs"]
mod outcomes;

use report::charts::{along_alt, along_png, along_svg};
use report::html::claims_html;
use report::markdown::claims::markdown;
use report::words::claims::{finding, groups, range, summary};

#[test]
fn every_claim_is_shown_with_its_verdict_and_contradictory_ones_together() {
    let outcome = outcomes::outcome();
    let (text, page) = (markdown(&outcome), claims_html(&outcome).unwrap());
    for tested in &outcome.tested {
        let id = &tested.claim.id;
        assert!(text.contains(&format!("`{id}`")), "{id}");
        assert!(page.contains(&format!("<tr id=\"{id}\">")), "{id}");
    }
    for word in [
        "supported",
        "refuted",
        "inconclusive",
        "not judged",
        "not measured",
        "not testable here",
    ] {
        assert!(text.contains(word) && page.contains(word), "{word}");
        assert!(summary(&outcome).contains(word), "{}", summary(&outcome));
    }
    let uvloop = groups(&outcome)
        .into_iter()
        .find(|(heading, _)| heading.starts_with("uvloop:"));
    let (_, members) = uvloop.unwrap();
    let topics: Vec<&str> = members
        .iter()
        .map(|tested| tested.claim.topic.as_str())
        .collect();
    assert!(
        topics.contains(&"article") && topics.contains(&"uvloop"),
        "{topics:?}"
    );
    assert!(
        page.contains("What uvloop-readme depends on")
            && text.contains("What `uvloop-readme` depends on")
    );
    assert!(page.matches("aria-label=\"Chart: what ").count() >= 3);
    assert_eq!(
        page,
        claims_html(&outcome).unwrap(),
        "the same for the same"
    );
}

#[test]
fn what_a_claim_depends_on_is_a_sentence_of_what_was_measured_and_a_chart() {
    let outcome = outcomes::outcome();
    let mut tested = outcome.tested.into_iter();
    let mut tested = tested
        .find(|tested| tested.claim.id == "uvloop-readme")
        .unwrap();
    tested.along.truncate(3);
    let sentence = "The ratio depends on what stands above the loop, and how long the handler waits: 1.90× at bare ASGI, 0 ms; \
                    1.30× at bare ASGI, 1 ms; 1.02× at bare ASGI, 10 ms.";
    assert_eq!(finding(&tested).unwrap(), sentence);
    assert_eq!(along_alt(&tested), sentence);
    let svg = along_svg(&tested).unwrap();
    for shown in [
        "1.90×",
        "bare ASGI, 10 ms",
        "claimed 2.00× to 4.00×",
        "both alike",
    ] {
        assert!(svg.contains(shown), "{shown} in {svg}");
    }
    assert!(along_png(&tested).unwrap().starts_with(b"\x89PNG"));
    // Intervals that have something in common show no dependence.
    let alike = tested.along[0].evidence.clone();
    tested
        .along
        .iter_mut()
        .for_each(|point| point.evidence = alike.clone());
    let found = finding(&tested).unwrap();
    assert!(
        found.starts_with("That the ratio depends on what"),
        "{found}"
    );
    tested.along.clear();
    assert_eq!(finding(&tested), None);
}

#[test]
fn a_trend_says_of_what_it_is() {
    let outcome = outcomes::outcome();
    let mut trends = outcome.tested.iter().filter(|tested| tested.claim.is_trend);
    let claim = &trends.next().unwrap().claim;
    assert_eq!(
        range(claim),
        "at least 1.05× for each tenfold of connections"
    );
    assert!(markdown(&outcome).contains("connections: 64, 512, 1,000, 4,096"));
}
