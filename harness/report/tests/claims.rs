//! A test of claims as Markdown and as a page has every claim, its verdict and its source, and contradictory ones together.

#[path = "outcomes/mod.rs"]
mod outcomes;

use report::html::claims_html;
use report::markdown::claims::markdown;
use report::words::claims::{groups, summary};

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
    assert_eq!(
        page,
        claims_html(&outcome).unwrap(),
        "the same for the same"
    );
}
