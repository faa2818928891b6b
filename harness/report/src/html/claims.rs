//! A test of claims as a page: each claim's range and what was measured in one strip, sources that contradict each other together.

use analysis::claims::{Outcome, Tested, Verdict};
use askama::Template;
use model::spec::claim::Claim;

use super::shell::{HtmlError, Shell, rendered};
use crate::charts::{StripAxis, along_svg, strip};
use crate::tables::command_line;
use crate::words::claims::{
    HOW_TO_READ, beside, circumstances, compared, finding, groups, is_ratio, load, mark, measured,
    range, source, summary, value, value_at, verdict,
};

/// Writes the page of a test of claims.
///
/// # Errors
///
/// See [`HtmlError`].
pub fn html(outcome: &Outcome) -> Result<String, HtmlError> {
    let title = "Claims, tested".to_owned();
    let groups = groups(outcome).into_iter().map(|(heading, members)| {
        let along = members
            .iter()
            .filter_map(|tested| along(tested).transpose());
        Ok(Group {
            heading,
            claims: members.iter().map(|tested| row(tested, &members)).collect(),
            along: along.collect::<Result<_, HtmlError>>()?,
        })
    });
    rendered(&Page {
        shell: Shell::of(title.clone(), Vec::new())?,
        title,
        circumstances: circumstances(outcome),
        summary: summary(outcome),
        how_to_read: HOW_TO_READ,
        groups: groups.collect::<Result<_, HtmlError>>()?,
        command: command_line(&outcome.command),
    })
}

#[derive(Template)]
#[template(path = "claims.html")]
struct Page {
    shell: Shell,
    title: String,
    circumstances: String,
    summary: String,
    how_to_read: &'static str,
    groups: Vec<Group>,
    command: String,
}

struct Group {
    heading: String,
    claims: Vec<Row>,
    along: Vec<Factor>,
}

struct Row {
    id: String,
    sentence: String,
    mark: char,
    verdict: &'static str,
    refuted: bool,
    beside: String,
    strip: String,
    range: String,
    measured: String,
    source: String,
    url: String,
    there: String,
    here: String,
}

/// The ratio along the factor of a claim.
struct Factor {
    id: String,
    name: String,
    finding: String,
    svg: String,
    points: Vec<FactorPoint>,
}

struct FactorPoint {
    value: String,
    load: String,
    ratio: String,
    interval: String,
}

/// Whether 1 means that both are alike: of ratios, and of their trends.
fn has_equality(claim: &Claim) -> bool {
    is_ratio(claim) || claim.is_trend
}

/// A claim's row; its strip has the axis of all `members` whose values are of the same kind.
fn row(tested: &Tested, members: &[&Tested]) -> Row {
    let claim = &tested.claim;
    // A figure has a scale of its own.
    let alike = members.iter().filter(|other| {
        let is_same = other.claim.id == claim.id;
        is_same || (has_equality(claim) && has_equality(&other.claim))
    });
    let axis = StripAxis::of(
        alike.clone().map(|other| &other.claim.range),
        alike.filter_map(|other| other.evidence.as_ref()),
        has_equality(claim),
    );
    let evidence = tested.evidence.as_ref();
    let measured = evidence.map_or_else(String::new, |evidence| measured(claim, evidence));
    let label = format!("claimed {}, measured {measured}", range(claim));
    Row {
        id: claim.id.clone(),
        sentence: claim.sentence.clone(),
        mark: mark(&tested.verdict),
        verdict: verdict(&tested.verdict),
        refuted: matches!(tested.verdict, Verdict::Refuted { .. }),
        beside: beside(tested),
        strip: strip(axis, &claim.range, evidence, &label, |of| value(claim, of)),
        range: range(claim),
        measured,
        source: source(claim),
        url: claim.url.clone().unwrap_or_default(),
        there: claim.there.clone(),
        here: here(tested),
    }
}

/// What was measured here, and what is other than there.
fn here(tested: &Tested) -> String {
    let claim = &tested.claim;
    if claim.question.is_none() {
        return String::new();
    }
    let targets = tested
        .evidence
        .iter()
        .flat_map(|evidence| evidence.targets.clone());
    let parts = [compared(claim), load(claim)].into_iter();
    let parts: Vec<String> = parts.chain(claim.here.clone()).chain(targets).collect();
    parts.join("; ")
}

/// The chart of a claim's factor and its points; none where nothing was measured along it.
fn along(tested: &Tested) -> Result<Option<Factor>, HtmlError> {
    let claim = &tested.claim;
    let (Some(factor), Some(finding)) = (&claim.along, finding(tested)) else {
        return Ok(None);
    };
    let points = tested.along.iter().map(|point| {
        let evidence = &point.evidence;
        let [ratio, low, high] =
            [evidence.value, evidence.ci_low, evidence.ci_high].map(|of| value_at(claim, of));
        FactorPoint {
            value: point.value.clone(),
            load: point.load.clone(),
            ratio,
            interval: format!("{low} to {high}"),
        }
    });
    // Inside HTML an SVG needs no namespace, and the page then holds no address at all.
    let svg = along_svg(tested)?.replacen(" xmlns=\"http://www.w3.org/2000/svg\"", "", 1);
    Ok(Some(Factor {
        id: claim.id.clone(),
        name: factor.factor.clone(),
        finding,
        svg,
        points: points.collect(),
    }))
}
