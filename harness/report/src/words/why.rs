//! What explains the latencies, in words: what blocked the loops, how long the pool queued, what the kernel did.
//!
//! Every sentence is a figure of the record and says no more than that figure does: that two things happened in one run makes
//! neither the other's cause. What a runtime doesn't tell is named, once. How to read it, runtime by runtime, is in
//! `docs/why.md`.

use std::collections::BTreeMap;

use model::measured::loops::{LoopRecord, SpanRecord};
use model::measured::syscalls::SyscallRecord;
use model::record::run::RunRecord;
use model::record::target::TargetRecord;
use model::spec::scenario::RequestRecord;

use crate::words::figures::{count, figure, mib, per_s, percent, plural, time};

/// With more targets than this the terminal leaves it to the report.
const BRIEF_TARGETS_MAX: usize = 4;

/// System calls that a sentence names; the record has more.
const NAMED_CALLS_MAX: usize = 5;

/// Less often than once in a hundred requests is too seldom to be named.
const NAMED_CALLS_MIN: f64 = 0.01;

/// What is said of one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Whose loops.
    pub name: String,
    /// What they did, a sentence each.
    pub sentences: Vec<String>,
}

/// What the loops of each target did. Empty for a record that knows nothing of any: an earlier one, or one of servers that tell
/// nothing and that nobody could watch.
pub fn reported(record: &RunRecord) -> Vec<Explanation> {
    if !record.targets.iter().any(is_known) {
        return Vec::new();
    }
    let mix = &record.scenario.requests;
    let targets = record.targets.iter();
    targets
        .map(|target| Explanation {
            name: target.name.clone(),
            sentences: sentences(target, mix),
        })
        .filter(|reported| !reported.sentences.is_empty())
        .collect()
}

/// The same in a line a target, for where there is little room; empty where there are many targets.
pub fn brief(record: &RunRecord) -> Vec<String> {
    if record.targets.len() > BRIEF_TARGETS_MAX {
        return Vec::new();
    }
    let line = |target: &TargetRecord| {
        let loops = target.server.loops.as_ref()?;
        let parts = brief_of(loops, workers(target), &record.scenario.requests);
        (!parts.is_empty()).then(|| format!("{}: {}.", target.name, parts.join("; ")))
    };
    record.targets.iter().filter_map(line).collect()
}

fn is_known(target: &TargetRecord) -> bool {
    let server = &target.server;
    server.loops.is_some() || server.run_queue_mean.is_some() || server.syscalls.is_some()
}

fn workers(target: &TargetRecord) -> u32 {
    target.manifest.workers.max(1)
}

fn brief_of(loops: &LoopRecord, workers: u32, mix: &[RequestRecord]) -> Vec<String> {
    let longest_work = works(loops, mix).max_by_key(|(_, work)| work.max);
    let blocked = match (loops.blocked_ns.and_then(|hold| hold.max), longest_work) {
        (Some(most), Some((who, work))) => {
            let own = work.max.map(|ns| time(ns as f64)).unwrap_or_default();
            Some(format!(
                "{} was blocked for {} at most, by {who} alone for {own}",
                a_loop(workers),
                time(most as f64)
            ))
        }
        (Some(most), None) => Some(format!(
            "{} was blocked for {} at most",
            a_loop(workers),
            time(most as f64)
        )),
        (None, Some((who, work))) => work.max.map(|most| {
            format!(
                "{who} blocked {} for {} at most",
                a_loop(workers),
                time(most as f64)
            )
        }),
        (None, None) => None,
    };
    let lag = loops.loop_lag_ns.and_then(|lag| lag.max);
    let lag = lag.map(|most| format!("timers came {} late at most", time(most as f64)));
    let waits = loops.pool_wait_ns.filter(|waits| waits.count > 0);
    let pool = waits.map(|waits| format!("jobs waited {} for the pool", spread(&waits)));
    let moves = loops
        .task_moves
        .filter(|_| workers > 1)
        .map(|moves| format!("{} moves a request", a_request(moves as f64, loops)));
    [blocked, lag, pool, moves].into_iter().flatten().collect()
}

fn sentences(target: &TargetRecord, mix: &[RequestRecord]) -> Vec<String> {
    let workers = workers(target);
    let mut said = Vec::new();
    match &target.server.loops {
        Some(loops) => {
            said.extend(blocked(loops, workers));
            said.extend(works(loops, mix).filter_map(|(who, work)| worked(&who, &work, loops)));
            said.extend(lag(loops));
            said.extend(pool(loops));
            said.extend(moved(loops, workers));
        }
        None if target.failure.is_none() => {
            said.push(
                "It tells nothing of its loops: it has no /stats as the work contract has it."
                    .to_owned(),
            );
        }
        None => {}
    }
    said.extend(kernel(target));
    said.extend(target.server.syscalls.as_ref().map(called));
    said.extend(
        target
            .server
            .loops
            .as_ref()
            .and_then(|loops| unknown(loops, workers)),
    );
    said
}

/// `Its loop was busy 11.9 % of the time and turned 14,472 times, 1.03 a request; it was blocked for 5.12 ms at most, 99 of 100
/// turns for no more than 210 µs.`
fn blocked(loops: &LoopRecord, workers: u32) -> Option<String> {
    let is_one = workers == 1;
    let busy = loops.busy_share.map(|share| {
        let each = percent(share / f64::from(workers));
        if is_one {
            format!("was busy {each} of the time")
        } else {
            format!("were busy {each} of the time on average")
        }
    });
    let turned = loops.turns.map(|turns| {
        format!(
            "turned {}, {} a request",
            plural(turns, "time", "times"),
            a_request(turns as f64, loops)
        )
    });
    let did: Vec<String> = [busy, turned].into_iter().flatten().collect();
    let blocked = loops.blocked_ns.and_then(|hold| {
        let most = time(hold.max? as f64);
        let typical = hold.p99.map_or_else(String::new, |p99| {
            format!(", 99 of 100 turns for no more than {}", time(p99 as f64))
        });
        Some(format!("was blocked for {most} at most{typical}"))
    });
    let (its, it) = if is_one {
        ("Its loop", "it")
    } else {
        ("Its loops", "one of them")
    };
    let did = (!did.is_empty()).then(|| format!("{its} {}", did.join(" and ")));
    match (did, blocked) {
        (None, None) => None,
        (Some(did), None) => Some(format!("{did}.")),
        (Some(did), Some(blocked)) => Some(format!("{did}; {it} {blocked}.")),
        (None, Some(blocked)) if is_one => Some(format!("Its loop {blocked}.")),
        (None, Some(blocked)) => Some(format!("One of its loops {blocked}.")),
    }
}

/// The computations that blocked a loop, by the request that asked for them.
fn works<'a>(
    loops: &'a LoopRecord,
    mix: &'a [RequestRecord],
) -> impl Iterator<Item = (String, SpanRecord)> + use<'a> {
    static NONE: BTreeMap<String, SpanRecord> = BTreeMap::new();
    let routes = loops.loop_work_ns.as_ref().unwrap_or(&NONE);
    let routes = routes.iter().filter(|(_, work)| work.count > 0);
    routes.map(|(route, work)| (who_asked(route, mix), *work))
}

/// The one request of the mix that computes on the loop at this route; where there are several, the route.
fn who_asked(route: &str, mix: &[RequestRecord]) -> String {
    let asks = |request: &&RequestRecord| {
        let target = request.request.split_once(' ').map(|(_, target)| target);
        let rest = target.and_then(|target| target.strip_prefix(route));
        rest.is_some_and(|rest| rest.starts_with('/') && !rest.contains("offload=1"))
    };
    let mut asking = mix.iter().filter(asks);
    match (asking.next(), asking.next()) {
        (Some(one), None) => one.request.clone(),
        _ => format!("requests for {route}"),
    }
}

/// `GET /hash/6144 blocked a loop 723 times, for 3.10 ms on average and 5.08 ms at most: 91.0 % of all blocked time.`
fn worked(who: &str, work: &SpanRecord, loops: &LoopRecord) -> Option<String> {
    let (mean, most) = work.mean.zip(work.max)?;
    let all_ns = loops.blocked_ns.map(|hold| hold.total_ns());
    // Both are rounded, so the part may come out larger than the whole.
    let share = all_ns.filter(|&all_ns| all_ns > 0.0).map(|all_ns| {
        format!(
            ": {} of all blocked time",
            percent((work.total_ns() / all_ns).min(1.0))
        )
    });
    Some(format!(
        "{} blocked a loop {}, for {} on average and {} at most{}.",
        crate::words::sentences::capitalised(who),
        plural(work.count, "time", "times"),
        time(mean as f64),
        time(most as f64),
        share.unwrap_or_default()
    ))
}

/// `Timers came 62.0 µs late at the median and 3.10 ms at most, of 240 looked at.`
fn lag(loops: &LoopRecord) -> Option<String> {
    let lag = loops.loop_lag_ns.filter(|lag| lag.count > 0)?;
    let most = time(lag.max? as f64);
    let median = lag
        .p50
        .map(|p50| format!("{} late at the median and {most} at most", time(p50 as f64)));
    Some(format!(
        "Timers came {}, of {} looked at.",
        median.unwrap_or_else(|| format!("{most} late at most")),
        count(lag.count)
    ))
}

/// `12,060 jobs waited 42.0 µs at the median and 24.1 ms at p99 for a thread of the pool; 0.810 waited on average, 12 at most.`
fn pool(loops: &LoopRecord) -> Option<String> {
    let waits = loops.pool_wait_ns?;
    if waits.count == 0 {
        return None;
    }
    let mean = loops
        .pool_queue_depth_mean
        .map(|mean| format!("; {} waited on average", figure(mean)))
        .unwrap_or_default();
    let most = loops
        .pool_queue_depth_max
        .map(|most| format!(", {} at most, warm-up included", count(most)))
        .unwrap_or_default();
    Some(format!(
        "{} waited {} for a thread of the pool{mean}{most}.",
        plural(waits.count, "job", "jobs"),
        spread(&waits)
    ))
}

fn spread(times: &SpanRecord) -> String {
    let max = times.max.map(|ns| format!("{} at most", time(ns as f64)));
    let p50 = times
        .p50
        .map(|ns| format!("{} at the median", time(ns as f64)));
    let p99 = times.p99.map(|ns| format!("{} at p99", time(ns as f64)));
    let parts: Vec<String> = [p50, p99.or(max)].into_iter().flatten().collect();
    parts.join(" and ")
}

/// `Connections went on on another worker 1,204 times, 0.0500 a request.`
fn moved(loops: &LoopRecord, workers: u32) -> Option<String> {
    let moves = loops.task_moves.filter(|_| workers > 1)?;
    Some(if moves == 0 {
        "No connection went on on another worker.".to_owned()
    } else {
        format!(
            "Connections went on on another worker {}, {} a request: stolen, or woken there.",
            plural(moves, "time", "times"),
            a_request(moves as f64, loops)
        )
    })
}

/// `By the kernel's count a request took 18.5 µs of CPU in user mode and 22.6 µs in the kernel; …`
fn kernel(target: &TargetRecord) -> Option<String> {
    let server = &target.server;
    let cpu = server.cpu_us_per_request.zip(server.cpu_user_share);
    let cpu = cpu.map(|(us, user)| {
        format!(
            "a request took {} of CPU in user mode and {} in the kernel",
            time(us * user * 1e3),
            time(us * (1.0 - user) * 1e3)
        )
    });
    let switches = server
        .context_switches_voluntary_per_1000
        .zip(server.context_switches_involuntary_per_1000)
        .map(|(voluntary, involuntary)| {
            format!(
                "there were {} voluntary and {} involuntary context switches a request",
                figure(voluntary / 1e3),
                figure(involuntary / 1e3)
            )
        });
    let queue = server
        .run_queue_mean
        .map(|mean| format!("{} threads waited for a core on average", figure(mean)));
    let memory = server
        .rss_bytes_max
        .map(|bytes| format!("memory was {} at most", mib(bytes as f64)));
    let parts: Vec<String> = [cpu, switches, queue, memory]
        .into_iter()
        .flatten()
        .collect();
    (!parts.is_empty()).then(|| format!("By the kernel's count {}.", parts.join("; ")))
}

/// `It made 5.20 system calls a request at 200/s, after the measurement: 2.00 epoll_wait, 1.10 recvfrom.`
fn called(calls: &SyscallRecord) -> String {
    let mut by_count: Vec<(&String, f64)> = calls
        .per_request_by_name
        .iter()
        .map(|(name, &per_request)| (name, per_request))
        .filter(|&(_, per_request)| per_request >= NAMED_CALLS_MIN)
        .collect();
    by_count.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    let named: Vec<String> = by_count
        .iter()
        .take(NAMED_CALLS_MAX)
        .map(|(name, per_request)| format!("{} {name}", figure(*per_request)))
        .collect();
    let named = if named.is_empty() {
        String::new()
    } else {
        format!(": {}", named.join(", "))
    };
    format!(
        "It made {} system calls a request at {}, looked at after the measurement{named}.",
        figure(calls.per_request),
        per_s(calls.rate_per_s)
    )
}

/// What a runtime keeps to itself.
fn unknown(loops: &LoopRecord, workers: u32) -> Option<String> {
    let unknown = [
        (loops.turns.is_none(), "how often its loop turned"),
        (loops.blocked_ns.is_none(), "for how long it was blocked"),
        (loops.loop_lag_ns.is_none(), "how late its timers were"),
        (loops.pool_wait_ns.is_none(), "how long its pool queued"),
        (
            workers > 1 && loops.task_moves.is_none(),
            "how often work moved between workers",
        ),
    ];
    let unknown: Vec<&str> = unknown
        .into_iter()
        .filter_map(|(is_unknown, what)| is_unknown.then_some(what))
        .collect();
    (!unknown.is_empty()).then(|| format!("It does not report {}.", unknown.join(" or ")))
}

fn a_loop(workers: u32) -> &'static str {
    if workers == 1 { "the loop" } else { "a loop" }
}

fn a_request(number: f64, loops: &LoopRecord) -> String {
    figure(number / loops.requests.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use model::record::target::ServerRecord;

    use super::*;

    const US: u64 = 1_000;
    const MS: u64 = 1_000 * US;

    fn span(count: u64, [mean, p50, p99, max]: [u64; 4]) -> SpanRecord {
        let known = |ns: u64| (ns > 0).then_some(ns);
        SpanRecord {
            count,
            mean: known(mean),
            p50: known(p50),
            p99: known(p99),
            max: known(max),
        }
    }

    /// A loop that tells everything.
    fn whole() -> LoopRecord {
        LoopRecord {
            requests: 10_000,
            duration_s: 20.0,
            turns: Some(12_500),
            tasks_run: Some(31_000),
            task_moves: Some(500),
            worker_parks: Some(9_000),
            busy_share: Some(0.12),
            blocked_ns: Some(span(12_500, [190 * US, 30 * US, 3_100 * US, 6_200 * US])),
            loop_lag_ns: Some(span(240, [150 * US, 62 * US, 0, 3_300 * US])),
            pool_wait_ns: Some(span(900, [900 * US, 42 * US, 24_100 * US, 53 * MS])),
            pool_queue_depth_mean: Some(0.0405),
            pool_queue_depth_max: Some(12),
            loop_work_ns: Some(BTreeMap::from([
                ("/cpu".to_owned(), SpanRecord::default()),
                (
                    "/hash".to_owned(),
                    span(500, [3_100 * US, 3_050 * US, 0, 5_080 * US]),
                ),
            ])),
        }
    }

    fn mix(requests: &[&str]) -> Vec<RequestRecord> {
        let share = 1.0 / requests.len() as f64;
        let requests = requests.iter();
        requests
            .map(|&request| RequestRecord {
                request: request.to_owned(),
                share,
            })
            .collect()
    }

    fn check(server: ServerRecord, workers: u32, expected: &[&str]) {
        let mut record = samples::run_record();
        record.targets.truncate(1);
        record.scenario.requests =
            mix(&["GET /json", "GET /hash/6144", "GET /hash/32768?offload=1"]);
        record.targets[0].manifest.workers = workers;
        record.targets[0].server = server;
        let reported = reported(&record);
        let sentences: Vec<&str> = reported
            .iter()
            .flat_map(|reported| &reported.sentences)
            .map(String::as_str)
            .collect();
        assert_eq!(sentences, expected);
    }

    fn snapshot(loops: LoopRecord) -> ServerRecord {
        ServerRecord {
            loops: Some(loops),
            ..ServerRecord::default()
        }
    }

    #[test]
    fn a_loop_that_tells_everything_is_reported_of_in_a_few_sentences() {
        let server = ServerRecord {
            cpu_us_per_request: Some(50.0),
            cpu_user_share: Some(0.6),
            rss_bytes_max: Some(10 << 20),
            context_switches_voluntary_per_1000: Some(2_150.0),
            context_switches_involuntary_per_1000: Some(1.5),
            run_queue_mean: Some(0.021),
            syscalls: SyscallRecord::of(
                &BTreeMap::from([
                    ("epoll_wait".to_owned(), 1_200),
                    ("sendto".to_owned(), 600),
                    ("brk".to_owned(), 1),
                ]),
                "strace 6.13".to_owned(),
                600,
                200.0,
            ),
            ..snapshot(whole())
        };
        check(
            server,
            1,
            &[
                "Its loop was busy 12.0 % of the time and turned 12,500 times, 1.25 a request; it was blocked for 6.20 ms at most, 99 of \
                 100 turns for no more than 3.10 ms.",
                "GET /hash/6144 blocked a loop 500 times, for 3.10 ms on average and 5.08 ms at most: 65.3 % of all blocked time.",
                "Timers came 62.0 µs late at the median and 3.30 ms at most, of 240 looked at.",
                "900 jobs waited 42.0 µs at the median and 24.1 ms at p99 for a thread of the pool; 0.0405 waited on average, 12 at \
                 most, warm-up included.",
                "By the kernel's count a request took 30.0 µs of CPU in user mode and 20.0 µs in the kernel; there were 2.15 voluntary and \
                 0.00150 involuntary context switches a request; 0.0210 threads waited for a core on average; memory was 10.0 MiB \
                 at most.",
                "It made 3.00 system calls a request at 200/s, looked at after the measurement: 2.00 epoll_wait, 1.00 sendto.",
            ],
        );
    }

    #[test]
    fn several_workers_are_reported_of_together_and_what_moved_between_them() {
        let workers = LoopRecord {
            pool_wait_ns: Some(SpanRecord::default()),
            loop_work_ns: None,
            loop_lag_ns: None,
            ..whole()
        };
        check(
            snapshot(workers.clone()),
            2,
            &[
                "Its loops were busy 6.0 % of the time on average and turned 12,500 times, 1.25 a request; one of them was blocked for 6.20 ms at most, 99 of 100 turns for no more than 3.10 ms.",
                "Connections went on on another worker 500 times, 0.0500 a request: stolen, or woken there.",
                "It does not report how late its timers were.",
            ],
        );
        check(
            snapshot(LoopRecord {
                task_moves: Some(0),
                turns: None,
                busy_share: None,
                ..workers
            }),
            2,
            &[
                "One of its loops was blocked for 6.20 ms at most, 99 of 100 turns for no more than 3.10 ms.",
                "No connection went on on another worker.",
                "It does not report how often its loop turned or how late its timers were.",
            ],
        );
    }

    #[test]
    fn what_is_unknown_is_named_and_never_a_zero() {
        let only_lag = LoopRecord {
            requests: 10,
            loop_lag_ns: Some(span(8, [150 * US, 0, 0, 300 * US])),
            ..LoopRecord::default()
        };
        check(
            snapshot(only_lag),
            1,
            &[
                "Timers came 300 µs late at most, of 8 looked at.",
                "It does not report how often its loop turned or for how long it was blocked or how long its pool queued.",
            ],
        );
        check(
            ServerRecord {
                run_queue_mean: Some(0.0),
                ..ServerRecord::default()
            },
            1,
            &[
                "It tells nothing of its loops: it has no /stats as the work contract has it.",
                "By the kernel's count 0 threads waited for a core on average.",
            ],
        );
        // An earlier record knows nothing of it.
        check(
            ServerRecord {
                cpu_us_per_request: Some(50.0),
                cpu_user_share: Some(0.6),
                ..ServerRecord::default()
            },
            1,
            &[],
        );
    }

    #[test]
    fn who_blocked_the_loop_is_the_request_where_there_is_but_one() {
        for (route, requests, expected) in [
            ("/hash", &["GET /json", "GET /hash/1"][..], "GET /hash/1"),
            (
                "/hash",
                &["GET /hash/1", "GET /hash/1?offload=1"],
                "GET /hash/1",
            ),
            (
                "/hash",
                &["GET /hash/1", "GET /hash/2"],
                "requests for /hash",
            ),
            (
                "/hash",
                &["GET /hashes/1", "GET /json"],
                "requests for /hash",
            ),
            ("/cpu", &["GET /hash/1"], "requests for /cpu"),
        ] {
            assert_eq!(who_asked(route, &mix(requests)), expected, "{requests:?}");
        }
    }

    #[test]
    fn a_line_a_target_says_the_worst_of_each() {
        let mut record = samples::run_record();
        record.scenario.requests = mix(&["GET /hash/6144"]);
        record.targets.truncate(1);
        record.targets[0].server = snapshot(whole());
        assert_eq!(
            brief(&record),
            [
                "callback: the loop was blocked for 6.20 ms at most, by GET /hash/6144 alone for 5.08 ms; timers came 3.30 ms late at \
                 most; jobs waited 42.0 µs at the median and 24.1 ms at p99 for the pool."
            ]
        );
        record.targets[0].manifest.workers = 2;
        record.targets[0].server = snapshot(LoopRecord {
            blocked_ns: None,
            loop_lag_ns: None,
            pool_wait_ns: None,
            ..whole()
        });
        assert_eq!(
            brief(&record),
            [
                "callback: GET /hash/6144 blocked a loop for 5.08 ms at most; 0.0500 moves a request."
            ]
        );
        record.targets[0].server.loops = None;
        assert!(brief(&record).is_empty());
        record.targets[0].server = snapshot(whole());
        let target = record.targets[0].clone();
        record.targets = vec![target; BRIEF_TARGETS_MAX];
        assert_eq!(brief(&record).len(), BRIEF_TARGETS_MAX);
        record.targets.push(record.targets[0].clone());
        assert!(brief(&record).is_empty());
    }
}
