//! `bench doctor`: what about this machine disturbs measurements or keeps targets from running, and what to do about it.

use std::time::{Duration, Instant};

use model::record::surroundings::UNKNOWN;
use model::spec::target::Runtime;

use crate::args::doctor::DoctorArgs;
use crate::exit::Exit;
use crate::output;
use crate::terminal::{Finding, print_findings};
use process::cores;
use process::environment;
use process::failure::{Explain, Failure};
use process::setup::{self, SetupError, State, Support, Versioned};
use process::strace::{self, NotCounted, STRACE};
use report::words::figures;

/// How long the machine is watched for stolen time and for the lateness of its timers.
const WATCH: Duration = Duration::from_millis(500);

/// A timer later than this, at the 99th percentile, makes a slow generator.
const LATE_TIMER: Duration = Duration::from_micros(500);

/// Descriptors that a scenario with many connections asks for.
const WANTED_FILES: u64 = 16_384;

/// Ports that a scenario with a connection per request asks for.
const WANTED_PORTS: u32 = 20_000;

/// Looks at the machine and says what it found. A finding is advice, not an error.
pub(crate) fn run(args: &DoctorArgs) -> Result<Exit, Failure> {
    let findings = examine();
    if args.json {
        let json = serde_json::to_string_pretty(&findings)
            .or_internal(|| "cannot write JSON".to_owned())?;
        output::json(&json);
    } else {
        print_findings(&findings);
    }
    Ok(Exit::Success)
}

fn examine() -> Vec<Finding> {
    let environment = environment::read();
    let ticks_before = environment::cpu_ticks();
    let late = timer_lateness();
    let steal = environment::cpu_ticks().since(ticks_before).steal_share();
    let mut findings = vec![
        Finding {
            what: "processor",
            found: environment.processor().to_owned(),
            advice: None,
        },
        Finding {
            what: "kernel",
            found: environment.kernel.clone(),
            advice: None,
        },
        cores(),
        quota(environment.cpu_quota_cores, environment.cores),
        finding(
            "frequency governor",
            environment
                .governor
                .clone()
                .unwrap_or_else(|| "not reported by this system".to_owned()),
            environment
                .governor
                .as_deref()
                .is_some_and(|governor| governor != "performance"),
            "set it to performance (cpupower frequency-set -g performance): a clock that rises under load favours the target that runs second",
        ),
        finding(
            "virtualization",
            environment
                .virtualization
                .clone()
                .unwrap_or_else(|| "none".to_owned()),
            environment
                .virtualization
                .as_ref()
                .is_some_and(|found| found != UNKNOWN),
            "neighbours share this machine: trust ratios of one run, not times of two",
        ),
    ];
    if let Some(steal) = steal {
        findings.push(finding(
            "time taken by the hypervisor",
            format!("{} over {} ms", figures::percent(steal), WATCH.as_millis()),
            steal >= analysis::warnings::NOTABLE_STEAL_SHARE,
            "compare CPU per request before latency, and use more rounds (--thorough)",
        ));
    }
    if let Some(average) = environment.load_average {
        findings.push(finding(
            "load average",
            figures::figure(average),
            average > 0.5,
            "something else is running: stop it, or wait until it is done",
        ));
    }
    findings.push(finding(
        "timer lateness",
        format!(
            "median {}, 99th percentile {}",
            figures::time(late.0.as_nanos() as f64),
            figures::time(late.1.as_nanos() as f64)
        ),
        late.1 > LATE_TIMER,
        "the system wakes the generator late: response times will include it; give it a core of its own with --load-cpus",
    ));
    findings.push(finding(
        "open files",
        format!(
            "{} now, {} at most",
            environment::open_files(),
            environment::open_files_allowed()
        ),
        environment::open_files_allowed() < WANTED_FILES,
        "raise the hard limit (ulimit -Hn) for scenarios with many connections",
    ));
    if let Some((first, last)) = environment::local_ports() {
        findings.push(finding(
            "local ports",
            format!("{first} to {last}"),
            last.saturating_sub(first) < WANTED_PORTS,
            "widen net.ipv4.ip_local_port_range for scenarios that open a connection per request",
        ));
    }
    let runtimes = [Runtime::Node, Runtime::Python];
    findings.extend(runtimes.map(|runtime| {
        let state = runtime.version(runtime.versions()[0]).map(setup::state);
        interpreter(runtime, state.expect("it is one of its versions"))
    }));
    findings.push(tracer(
        strace::version(STRACE),
        environment::may_trace_others(),
    ));
    findings
}

/// What counts system calls. Without it, all that is timed is still measured.
fn tracer(version: Result<String, NotCounted>, may_trace_others: bool) -> Finding {
    let (found, advice) = match version {
        Ok(version) if may_trace_others => (version, None),
        Ok(version) => (
            format!("{version}, which may not trace servers"),
            Some(strace::ALLOW),
        ),
        Err(NotCounted::Missing(_)) => (
            "not found".to_owned(),
            Some("install it for --profile syscalls (Debian: apt-get install strace)"),
        ),
        Err(NotCounted::Refused(why) | NotCounted::NoTable(why)) => (
            format!("it can't be run: {why}"),
            Some("install another version for --profile syscalls"),
        ),
    };
    Finding {
        what: "strace",
        found,
        advice,
    }
}

/// What targets in another language run on. Without it, all others still run.
fn interpreter(runtime: Runtime, state: Result<State, SetupError>) -> Finding {
    let what = runtime.title();
    let (found, advice) = match state {
        Err(SetupError::Missing { found, remedy, .. }) => (
            found.unwrap_or_else(|| "not found".to_owned()),
            Some(remedy),
        ),
        Err(error) => (error.to_string(), None),
        Ok(state) => {
            let advice = match state {
                State {
                    version:
                        Versioned {
                            support: Some(Support::EndedOn(_)),
                            ..
                        },
                    ..
                } => Some(
                    "it gets no more repairs, and is faster or slower than what people run: install a release that is supported",
                ),
                State {
                    is_ready: false, ..
                } => Some(
                    "`bench setup` fetches it now; otherwise the first run of such a target does",
                ),
                _ => None,
            };
            (state.to_string(), advice)
        }
    };
    Finding {
        what,
        found,
        advice,
    }
}

/// How much of the processor the control group allows.
fn quota(quota_cores: Option<f64>, cores: u32) -> Finding {
    let found = quota_cores.map_or_else(
        || "none".to_owned(),
        |quota| format!("{} of {cores} cores", figures::figure(quota)),
    );
    finding(
        "CPU quota",
        found,
        quota_cores.is_some(),
        "the control group stops a process that has used it up, which shows as stalls: measure without a quota (docker run without --cpus)",
    )
}

fn cores() -> Finding {
    let available = cores::available();
    let pinning = cores::divide(&available, None, None).unwrap_or_default();
    let found = format!(
        "{} ({}): servers on {}, generator on {}",
        available.len(),
        cores::names(&available),
        cores::names(&pinning.server_cpus),
        cores::names(&pinning.load_cpus)
    );
    finding(
        "cores",
        found,
        cores::is_shared(&pinning),
        "with a single core generator and server take turns: compare CPU per request only",
    )
}

fn finding(what: &'static str, found: String, is_bad: bool, advice: &'static str) -> Finding {
    Finding {
        what,
        found,
        advice: is_bad.then_some(advice),
    }
}

/// How late one-millisecond sleeps end: median and 99th percentile.
fn timer_lateness() -> (Duration, Duration) {
    let began = Instant::now();
    let mut late = Vec::new();
    while began.elapsed() < WATCH {
        let asked = Instant::now();
        std::thread::sleep(Duration::from_millis(1));
        late.push(asked.elapsed().saturating_sub(Duration::from_millis(1)));
    }
    late.sort_unstable();
    let at = |share: usize| late[(late.len() * share / 100).min(late.len() - 1)];
    (at(50), at(99))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn there(path: &str, version: &str, support: Support, is_ready: bool) -> State {
        State {
            origin: path.to_owned(),
            version: Versioned {
                version: version.to_owned(),
                support: Some(support),
            },
            is_ready,
        }
    }

    fn missing(found: Option<&str>) -> Result<State, SetupError> {
        Err(SetupError::Missing {
            runtime: "Node.js".to_owned(),
            found: found.map(str::to_owned),
            remedy: "install it",
        })
    }

    #[test]
    fn strace_is_reported_with_what_is_missing() {
        let there = || Ok("strace 6.13".to_owned());
        let missing = Err(NotCounted::Missing("strace".to_owned()));
        let broken = Err(NotCounted::Refused("exec format error".to_owned()));
        for (finding, found, advice) in [
            (tracer(there(), true), "strace 6.13", None),
            (
                tracer(there(), false),
                "strace 6.13, which may not trace servers",
                Some("kernel.yama.ptrace_scope=0"),
            ),
            (
                tracer(missing, true),
                "not found",
                Some("apt-get install strace"),
            ),
            (
                tracer(broken, true),
                "it can't be run: exec format error",
                Some("another version"),
            ),
        ] {
            assert_eq!((finding.what, finding.found.as_str()), ("strace", found));
            match (finding.advice, advice) {
                (Some(got), Some(part)) => assert!(got.contains(part), "{got}"),
                (got, expected) => assert_eq!(got, expected, "{found}"),
            }
        }
    }

    #[test]
    fn an_interpreter_is_reported_with_what_is_to_be_done_about_it() {
        let until = Support::Until(date(2027, 10, 31));
        let ended = Support::EndedOn(date(2026, 4, 30));
        let (python, node) = ("/usr/bin/python3", "/usr/bin/node");
        for (finding, said, advice) in [
            (
                interpreter(Runtime::Python, Ok(there(python, "3.11.7", until, true))),
                "Python: /usr/bin/python3 3.11.7 (supported until 2027-10-31); set up",
                None,
            ),
            (
                interpreter(Runtime::Python, Ok(there(python, "3.11.7", until, false))),
                "Python: /usr/bin/python3 3.11.7 (supported until 2027-10-31); not set up yet",
                Some("`bench setup` fetches"),
            ),
            (
                interpreter(Runtime::Node, Ok(there(node, "20.20.2", ended, true))),
                "Node.js: /usr/bin/node 20.20.2 (end of life since 2026-04-30); set up",
                Some("it gets no more repairs"),
            ),
            (
                interpreter(Runtime::Node, missing(None)),
                "Node.js: not found",
                Some("install it"),
            ),
            (
                interpreter(Runtime::Node, missing(Some("node is 18.19.1, too old"))),
                "Node.js: node is 18.19.1, too old",
                Some("install it"),
            ),
        ] {
            assert_eq!(format!("{}: {}", finding.what, finding.found), said);
            match (finding.advice, advice) {
                (Some(got), Some(begin)) => assert!(got.starts_with(begin), "{got}"),
                (got, expected) => assert_eq!(got, expected, "{said}"),
            }
        }
    }
}
