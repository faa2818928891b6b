//! A made-up test of the built-in claims, with every verdict.

#![allow(
    unreachable_pub,
    reason = "shared by a test and an example, each of which sees its own copy"
)]

use analysis::claims::{
    Direction, Evidence, NotJudged, Outcome, SCHEMA_VERSION, Tested, TestedPoint, Verdict,
    contradictions,
};
use model::spec::claim::{Claim, built_in};

/// The ratios at the points of a factor.
const RATIOS: [f64; 3] = [1.9, 1.3, 1.02];

/// Each built-in claim, with a verdict by its place; where it needs something, that.
pub fn outcome() -> Outcome {
    let claims = built_in();
    let contradictions = contradictions(&claims);
    let each = claims.into_iter().zip(contradictions).enumerate();
    let tested = each.map(|(place, (claim, contradicts))| {
        let verdict = verdict(&claim, place);
        let low = claim.range.low.or(claim.range.high).unwrap_or(1.0);
        let has_evidence = !matches!(
            verdict,
            Verdict::NotTestable { .. } | Verdict::NotMeasured | Verdict::NotJudged { .. }
        );
        let points = claim.along.iter().flat_map(|along| &along.points);
        let points = points.filter(|_| has_evidence).zip(RATIOS.iter().cycle());
        let points = points.map(|(point, ratio)| TestedPoint {
            value: point.value.clone(),
            load: point.question.load.words(),
            evidence: evidence(*ratio),
        });
        Tested {
            contradicts,
            evidence: has_evidence.then(|| evidence(low * 1.02)),
            along: points.collect(),
            verdict,
            claim,
        }
    });
    Outcome {
        schema_version: SCHEMA_VERSION,
        bench_version: "0.1.0".to_owned(),
        started_at: "2026-11-29T12:00:00Z".to_owned(),
        machine: "a made-up processor, 2 cores, Linux".to_owned(),
        command: ["bench", "claims", "run"].map(str::to_owned).to_vec(),
        measured_s: 600.0,
        tested: tested.collect(),
    }
}

fn verdict(claim: &Claim, place: usize) -> Verdict {
    if let Some(needs) = &claim.needs {
        return Verdict::NotTestable {
            missing: needs.clone(),
        };
    }
    match place % 6 {
        0 => Verdict::Supported,
        1 => Verdict::Refuted {
            direction: Some(Direction::Holds),
        },
        2 => Verdict::Inconclusive {
            blocks_needed: Some(40),
        },
        3 => Verdict::Inconclusive {
            blocks_needed: None,
        },
        4 => Verdict::NotJudged {
            why: NotJudged::Invalid,
        },
        _ => Verdict::NotMeasured,
    }
}

fn evidence(value: f64) -> Evidence {
    Evidence {
        run: "made-up".to_owned(),
        value,
        ci_low: value * 0.97,
        ci_high: value * 1.03,
        figures: vec![value * 1000.0, 1000.0],
        targets: vec!["node: Node.js 24 (libuv, 1 worker)".to_owned()],
        logs: vec![value.ln(); 16],
    }
}
