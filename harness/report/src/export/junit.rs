//! JUnit's XML, as every CI reads it: a suite a group, a case a finding.

use std::collections::BTreeSet;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::finding::{Finding, Outcome};

/// Findings as a report of tests. What is unsure counts as skipped, since a test that can't tell has not passed; what is
/// only to be noted passes, and says so in its output.
///
/// `name`: of the whole: the scenario. Characters that XML can't spell are left out.
pub fn junit(name: &str, findings: &[Finding]) -> String {
    let mut report = Report::new(name);
    report.set_time(Duration::ZERO);
    let mut seen = BTreeSet::new();
    let groups = findings
        .iter()
        .map(|finding| finding.group.as_str())
        .filter(|group| seen.insert(*group));
    for group in groups {
        let mut suite = TestSuite::new(group);
        let of_group = findings.iter().filter(|finding| finding.group == group);
        suite.add_test_cases(of_group.map(|finding| case(name, finding)));
        // A finding takes no time of its own, and strict readers want one.
        suite.set_time(Duration::ZERO);
        report.add_test_suite(suite);
    }
    let text = report
        .to_string()
        .expect("a string takes all that is written");
    without_skipped_in_all(&text)
}

/// The same without the count of skipped tests in the root: the schema of Jenkins' plugin knows one in suites alone.
fn without_skipped_in_all(text: &str) -> String {
    // In a value the quotation mark would be escaped, so the first that follows this word is the attribute's own.
    let found = text.split_once(" skipped=\"");
    let rest = found.and_then(|(before, rest)| Some((before, rest.split_once('"')?.1)));
    rest.map_or_else(
        || text.to_owned(),
        |(before, after)| format!("{before}{after}"),
    )
}

fn case(class: &str, finding: &Finding) -> TestCase {
    let status = match finding.outcome {
        Outcome::Passed | Outcome::Noted => TestCaseStatus::success(),
        Outcome::Unsure => {
            let mut status = TestCaseStatus::skipped();
            // As its text, since the schema of Jenkins' plugin gives it no attribute.
            status.set_description(finding.detail.as_str());
            status
        }
        Outcome::Failed => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status
                .set_message(finding.detail.as_str())
                .set_type(finding.name.as_str());
            status
        }
    };
    let mut case = TestCase::new(finding.name.as_str(), status);
    case.set_classname(format!("{class}.{}", finding.group));
    case.set_time(Duration::ZERO);
    if finding.outcome != Outcome::Unsure {
        case.set_system_out(finding.detail.as_str());
    }
    case
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(group: &str, name: &str, outcome: Outcome) -> Finding {
        Finding {
            group: group.to_owned(),
            name: name.to_owned(),
            outcome,
            detail: format!("What of {name}: <a> & \"b\"\u{0}."),
            file: None,
        }
    }

    #[test]
    fn a_suite_is_a_group_and_a_case_a_finding() {
        let findings = [
            finding("node", "objective p99", Outcome::Failed),
            finding("callback", "objective p99", Outcome::Passed),
            finding("node", "validity", Outcome::Unsure),
            finding("node", "memory", Outcome::Noted),
        ];
        insta::assert_snapshot!(junit("io-heavy", &findings));
    }

    #[test]
    fn nothing_found_is_a_report_of_no_tests() {
        let report = junit("io-heavy", &[]);
        assert!(
            report.contains("tests=\"0\"") && report.contains("</testsuites>"),
            "{report}"
        );
    }
}
