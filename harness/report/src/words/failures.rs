//! Failures of requests in words: what the target did, and what to do about it.

use std::collections::BTreeMap;

use model::measured::accounting::ErrorKind;
use model::measured::workload::WorkloadKind;
use model::record::errors::{ErrorComparison, ErrorShare};
use model::record::run::RunRecord;
use model::record::verdict::ComparisonVerdict;
use model::record::warning::Fact;
use model::words::{count, listed, plural};

use super::figures::figure;
use super::terms;

/// Most statuses, and most reasons why replies were malformed, that one sentence names; the rest are a number.
pub const MAX_NAMED: usize = 5;

/// Which targets failed how many requests, and how they compare in that, a sentence each; nothing where none failed.
pub fn headlines(record: &RunRecord) -> Vec<String> {
    let workload = record.workload();
    let compared = &record.error_comparisons;
    let is_compared = |name: &str| {
        let mut pairs = compared.iter();
        pairs.any(|pair| pair.base == name || pair.head == name)
    };
    let alone = record
        .targets
        .iter()
        .filter(|target| target.report.error_share.failed > 0 && !is_compared(&target.name));
    let alone = alone.map(|target| {
        let failed = failed(&target.report.error_share, workload);
        format!("{} failed {failed}.", target.name)
    });
    let pairs = compared.iter().map(|pair| sentence(pair, workload));
    pairs.chain(alone).collect()
}

/// The same in one sentence, where there is little room: `Failed requests: a none, b 4.80 % (more).`
pub fn verdict(record: &RunRecord) -> Option<String> {
    let each = record.targets.iter().map(|target| {
        let pair = record.error_comparisons.iter();
        let pair = pair.clone().find(|pair| pair.head == target.name);
        let verdict = pair.map_or_else(String::new, |pair| format!(" ({})", pair.verdict.name()));
        let share = match &target.report.error_share {
            none if none.failed == 0 => "none".to_owned(),
            some => percent(some.share),
        };
        format!("{} {share}{verdict}", target.name)
    });
    let has_failed = record
        .targets
        .iter()
        .any(|target| target.report.error_share.failed > 0);
    has_failed.then(|| {
        let noun = terms::noun(record.workload());
        format!("Failed {noun}s: {}.", each.collect::<Vec<_>>().join(", "))
    })
}

/// Why each target failed, a sentence each; nothing where none did.
pub fn causes(record: &RunRecord) -> Vec<String> {
    let failed = record.targets.iter();
    let failed = failed.filter_map(|target| Some((&target.name, target.failure.as_ref()?)));
    failed
        .map(|(name, failure)| format!("{name} failed: {}.", failure.what.trim_end_matches('.')))
        .collect()
}

/// Two targets' failed requests as a sentence.
pub fn sentence(pair: &ErrorComparison, workload: WorkloadKind) -> String {
    let ErrorComparison { base, head, .. } = pair;
    let of_head = failed(&pair.head_errors, workload);
    let of_base = failed(&pair.base_errors, workload);
    match pair.verdict {
        ComparisonVerdict::More => format!("{head} failed {of_head}, more than {base}: {of_base}."),
        ComparisonVerdict::Less => {
            format!("{head} failed {of_head}, fewer than {base}: {of_base}.")
        }
        _ => format!("{head} failed {of_head} and {base} {of_base}: no certain difference."),
    }
}

/// How many failed: `96 of 2,000 requests (4.80 %; 95 % interval: 3.91 % to 5.83 %)`, `none of 2,000 requests (at most 0.184 %)`.
pub fn failed(errors: &ErrorShare, workload: WorkloadKind) -> String {
    let noun = terms::noun(workload);
    let of = plural(errors.requests, noun, &format!("{noun}s"));
    match errors.failed {
        0 => format!("none of {of} (at most {})", percent(errors.ci_high)),
        failed => format!(
            "{} of {of} ({}; 95 % interval: {} to {})",
            count(failed),
            percent(errors.share),
            percent(errors.ci_low),
            percent(errors.ci_high)
        ),
    }
}

/// A share that may be far below a tenth of a percent: `4.80 %`.
pub fn percent(share: f64) -> String {
    format!("{} %", figure(share * 100.0))
}

/// What became of the failed requests of a kind: `52 with status 404 and 48 with status 503`.
pub fn of_kind(
    kind: ErrorKind,
    number: u64,
    statuses: &BTreeMap<u16, u64>,
    malformed: &BTreeMap<String, u64>,
) -> String {
    match kind {
        ErrorKind::Status if !statuses.is_empty() => with_statuses(statuses),
        ErrorKind::Malformed if !malformed.is_empty() => {
            let each = most(malformed).map(|(why, times)| match malformed.len() {
                1 => why.clone(),
                _ => format!("{} × {why}", count(times)),
            });
            let each: Vec<String> = each.collect();
            format!("{} {}: {}", count(number), kind.words(), each.join(", "))
        }
        kind => format!("{} {}", count(number), kind.words()),
    }
}

/// Time-outs, and how many of them came while the reply was still coming.
pub fn timed_out(timeouts: u64, cut_off: u64) -> String {
    let while_coming = match cut_off {
        0 => String::new(),
        all if all == timeouts => " while their replies were still coming".to_owned(),
        some => format!(", {} while their replies were still coming", count(some)),
    };
    format!("{} timed out{while_coming}", count(timeouts))
}

/// Replies by their status: `48 with status 200 and 52 with status 404`.
pub fn with_statuses(statuses: &BTreeMap<u16, u64>) -> String {
    let named: u64 = most(statuses).map(|(_, times)| times).sum();
    let others = statuses.values().sum::<u64>() - named;
    let each = most(statuses)
        .map(|(status, times)| format!("{} with status {status}", count(times)))
        .chain((others > 0).then(|| format!("{} with others", count(others))));
    listed(&each.collect::<Vec<_>>())
}

/// The most frequent, most of them first, [`MAX_NAMED`] at most.
fn most<K: Ord>(counts: &BTreeMap<K, u64>) -> impl Iterator<Item = (&K, u64)> {
    let mut counts: Vec<(&K, u64)> = counts.iter().map(|(key, &times)| (key, times)).collect();
    counts.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
    counts.into_iter().take(MAX_NAMED)
}

/// What to do about failures: about the most frequent kind of them. Nothing for other facts.
pub fn remedy(fact: &Fact) -> &'static str {
    let Fact::Failures {
        failed,
        scheduled,
        timeouts,
        cut_off,
        kinds,
        statuses,
        tls,
        ..
    } = fact
    else {
        return "";
    };
    let kind = kinds.iter().max_by_key(|(_, times)| **times);
    let status = most(statuses).next().map(|(status, _)| *status);
    match kind {
        Some((_, times)) if times < timeouts => of_timeouts(*timeouts, *cut_off),
        None if *timeouts > 0 => of_timeouts(*timeouts, *cut_off),
        None => "look at the target's own output, or see with bench load which requests fail",
        Some((ErrorKind::Status, _)) => status.map_or("look at its replies", of_status),
        Some((ErrorKind::Closed | ErrorKind::Reset, _)) if failed == scheduled && !tls => {
            "check that this port speaks plain http; if it speaks TLS, write https://"
        }
        Some((kind, _)) => of(*kind),
    }
}

fn of_timeouts(timeouts: u64, cut_off: u64) -> &'static str {
    if cut_off * 2 > timeouts {
        return "their replies take longer than a request may: raise --timeout, or lower -c and -R so that each comes sooner";
    }
    "if the target serves so many connections one after the other, lower -c; if its replies are only slow, raise --timeout"
}

fn of_status(status: u16) -> &'static str {
    match status {
        300..=399 => "measure the address that the reply names (curl -i shows it)",
        401 | 403 => "send what the target asks for, as with -H 'Authorization: …'",
        404 | 410 => "check the path",
        405 => "check the method (-X)",
        408 | 429 | 503 => "the target limits what it serves: lower -R or -c, or raise its limit",
        411..=415 | 422 | 431 => "check the request's body and headers (-D, -H)",
        400 | 421 => {
            "check the host's name, the path and the headers: the target refuses the request"
        }
        500..=599 => "look at the target's own output",
        _ => "say which status is meant with --expect-status",
    }
}

fn of(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Refused => "nobody listened there any more: look at the target's own output",
        ErrorKind::AddrNotAvailable | ErrorKind::TooManyFiles => {
            "it is the load generator that ran out"
        }
        ErrorKind::ConnectTimeout => {
            "the target accepts too slowly: lower -c, or raise its backlog"
        }
        ErrorKind::Closed | ErrorKind::Reset => {
            "the target closed connections without announcing it: look at its own output, or, if it has a time limit for \
             idle connections, raise that limit or use --disable-keepalive"
        }
        ErrorKind::Malformed => "compare with what curl -v shows",
        ErrorKind::TlsFailed => "look at the target's own output, or at what curl -v shows",
        ErrorKind::ConnectFailed
        | ErrorKind::UpgradeFailed
        | ErrorKind::Status
        | ErrorKind::ShortBody
        | ErrorKind::WrongBody
        | ErrorKind::EventsLost
        | ErrorKind::EventsDuplicated
        | ErrorKind::EventsOutOfOrder
        | ErrorKind::DeliveriesLost
        | ErrorKind::DeliveriesDuplicated
        | ErrorKind::DeliveriesOutOfOrder => "look at the target's own output",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failures(kinds: &[(ErrorKind, u64)], timeouts: u64, statuses: &[(u16, u64)]) -> Fact {
        let failed = kinds.iter().map(|(_, times)| times).sum::<u64>() + timeouts;
        Fact::Failures {
            failed,
            scheduled: failed,
            timeouts,
            cut_off: 0,
            kinds: kinds.iter().copied().collect(),
            statuses: statuses.iter().copied().collect(),
            malformed: BTreeMap::new(),
            tls: false,
        }
    }

    #[test]
    fn statuses_are_named_most_frequent_first_and_no_more_than_a_few() {
        let check = |statuses: &[(u16, u64)], expected: &str| {
            assert_eq!(with_statuses(&statuses.iter().copied().collect()), expected);
        };
        check(&[(503, 1)], "1 with status 503");
        check(
            &[(404, 52), (429, 53), (503, 48)],
            "53 with status 429, 52 with status 404 and 48 with status 503",
        );
        let many: Vec<(u16, u64)> = (400..405).map(|status| (status, 2)).collect();
        let limit = with_statuses(&many.iter().copied().collect());
        assert!(
            limit.ends_with("2 with status 403 and 2 with status 404"),
            "{limit}"
        );
        let more: Vec<(u16, u64)> = (400..408).map(|status| (status, 2)).collect();
        let beyond = with_statuses(&more.iter().copied().collect());
        assert!(
            beyond.ends_with("2 with status 404 and 6 with others"),
            "{beyond}"
        );
    }

    #[test]
    fn why_replies_were_malformed_is_said() {
        let said = |malformed: &[(&str, u64)]| {
            let malformed: BTreeMap<String, u64> = malformed
                .iter()
                .map(|(why, times)| ((*why).to_owned(), *times))
                .collect();
            of_kind(
                ErrorKind::Malformed,
                malformed.values().sum(),
                &BTreeMap::new(),
                &malformed,
            )
        };
        assert_eq!(
            said(&[("CR without LF", 5)]),
            "5 with a malformed reply: CR without LF"
        );
        assert_eq!(
            said(&[("a", 1), ("b", 2)]),
            "3 with a malformed reply: 2 × b, 1 × a"
        );
        assert_eq!(said(&[]), "0 with a malformed reply");
    }

    #[test]
    fn every_cause_has_its_own_remedy() {
        let cases = [
            (failures(&[(ErrorKind::Closed, 3)], 0, &[]), "https://"),
            (failures(&[(ErrorKind::Closed, 3)], 4, &[]), "--timeout"),
            (failures(&[], 4, &[]), "lower -c"),
            (
                failures(&[(ErrorKind::Status, 3)], 0, &[(404, 3)]),
                "the path",
            ),
            (
                failures(&[(ErrorKind::Status, 3)], 0, &[(401, 2), (404, 1)]),
                "-H",
            ),
            (
                failures(&[(ErrorKind::Status, 3)], 0, &[(429, 3)]),
                "lower -R",
            ),
            (
                failures(&[(ErrorKind::Status, 3)], 0, &[(302, 3)]),
                "curl -i",
            ),
            (failures(&[(ErrorKind::Status, 3)], 0, &[]), "its replies"),
            (failures(&[(ErrorKind::Refused, 3)], 0, &[]), "listened"),
        ];
        for (fact, part) in cases {
            assert!(remedy(&fact).contains(part), "{fact:?}: {}", remedy(&fact));
        }
        let Fact::Failures {
            kinds,
            statuses,
            malformed,
            ..
        } = failures(&[(ErrorKind::Closed, 3)], 0, &[])
        else {
            unreachable!("made so")
        };
        let some = Fact::Failures {
            failed: 3,
            scheduled: 4,
            timeouts: 0,
            cut_off: 0,
            kinds,
            statuses,
            malformed,
            tls: false,
        };
        assert!(remedy(&some).contains("--disable-keepalive"), "{some:?}");
        for kind in ErrorKind::ALL {
            assert!(!of(kind).is_empty() && !of(kind).contains("raise -c"));
        }
        for status in 300..=599 {
            assert!(!of_status(status).contains("raise -c"));
        }
    }
}
