//! `bench check`: proves that targets serve every route rightly and withstand hostile input, before any load.

use std::net::SocketAddr;

use anstyle::{AnsiColor, Style};
use bench_core::target::{Kind, TargetSpec};

use crate::args::CheckArgs;
use crate::check::{self, Group, Needs, Outcome};
use crate::commands::run::targets;
use crate::cores;
use crate::exit::{Exit, Explain, Failure};
use crate::launch::{Program, Server};
use crate::measure::resolve;
use crate::starting::{DEFAULT_POOL, Starter};

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const BOLD: Style = Style::new().bold();

/// Checks one target after the other. All of them are held to the same bytes, so targets that pass answer alike.
pub(crate) fn run(args: &CheckArgs) -> Result<Exit, Failure> {
    let targets = targets(&args.target, &args.url)?;
    let site = Site::prepare(&targets)?;
    let mut exit = Exit::Success;
    for target in &targets {
        let tally = check_target(target, &site);
        anstream::println!(
            "{BOLD}{}: {} passed, {} failed{BOLD:#}",
            target.name,
            tally.passed,
            tally.failed
        );
        if tally.failed > 0 {
            exit = Exit::TargetFailed;
        }
    }
    Ok(exit)
}

/// What the targets that are started here have in common.
struct Site {
    starter: Starter,
    /// Runs as long as the targets do.
    _backend: Option<Server>,
}

impl Site {
    /// Starts the backend and makes ready what the targets need, unless all run already and bring their own.
    fn prepare(targets: &[TargetSpec]) -> Result<Self, Failure> {
        let pinning = cores::divide(&cores::available(), None, None).map_err(Failure::usage_of)?;
        let needs_launch = targets
            .iter()
            .any(|target| target.kind.manifest().is_some());
        let cpus = &pinning.load_cpus;
        let backend = needs_launch
            .then(|| {
                Server::launch(&Program::own("backend", &[]), cpus, cpus)
                    .or_internal(|| "cannot start the backend that /upstream calls".to_owned())
            })
            .transpose()?;
        let upstream = backend.as_ref().map(|backend| backend.addr);
        Ok(Self {
            starter: Starter::new(targets, &pinning, DEFAULT_POOL, upstream)?,
            _backend: backend,
        })
    }
}

/// How many cases came out how.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    passed: usize,
    failed: usize,
}

fn check_target(target: &TargetSpec, site: &Site) -> Tally {
    match &target.kind {
        Kind::Url(url) => {
            anstream::println!("{BOLD}{}{BOLD:#} at {url}", target.name);
            // What it was started with is not known, nor what it promises.
            let needs = Needs {
                has_upstream: false,
                claims_concurrency: false,
                is_strict: false,
            };
            match resolve(url) {
                Ok(addr) => check_addr(addr, &url.authority(), needs),
                Err(what) => print_failure(&what),
            }
        }
        Kind::Launched(manifest) => {
            let needs = Needs {
                has_upstream: true,
                claims_concurrency: manifest.claims_concurrency,
                is_strict: manifest.strict_http,
            };
            match site.starter.launch(manifest) {
                Ok(server) => {
                    anstream::println!("{BOLD}{}{BOLD:#} at http://{}", target.name, server.addr);
                    check_launched(server, needs)
                }
                Err(what) => {
                    anstream::println!("{BOLD}{}{BOLD:#}", target.name);
                    print_failure(&what)
                }
            }
        }
    }
}

/// Checks a server that was started here, and that it is still there afterwards and ends when it is told to.
fn check_launched(server: Server, needs: Needs) -> Tally {
    let mut tally = check_addr(server.addr, &server.addr.to_string(), needs);
    let last_output = server.last_output();
    if let Some(how) = server.stop() {
        tally.failed += print_failure(&format!(
            "the server must run on and end in order when it is told to: {how}\n{last_output}"
        ))
        .failed;
    }
    tally
}

fn check_addr(addr: SocketAddr, host: &str, needs: Needs) -> Tally {
    let mut tally = Tally::default();
    let mut group = Vec::new();
    check::check(addr, host, needs, &mut |outcome| {
        if group
            .last()
            .is_some_and(|last: &Outcome| last.group != outcome.group)
        {
            print_group(&std::mem::take(&mut group));
        }
        match outcome.problem {
            None => tally.passed += 1,
            Some(_) => tally.failed += 1,
        }
        group.push(outcome.clone());
    });
    print_group(&group);
    tally
}

/// One line for a group, and one for each of its cases that failed.
fn print_group(outcomes: &[Outcome]) {
    let Some(group) = outcomes.first().map(|outcome| outcome.group) else {
        return;
    };
    // By its id, which `bench list cases` lists as well.
    let failed: Vec<(String, &str)> = outcomes
        .iter()
        .filter_map(|outcome| Some((outcome.id(), outcome.problem.as_deref()?)))
        .collect();
    anstream::println!(
        "  {}",
        group_line(group, outcomes.len() - failed.len(), failed.len())
    );
    for (case, problem) in failed {
        anstream::println!("      {BAD}✗ failed{BAD:#} {case}: {problem}");
    }
}

fn group_line(group: Group, passed: usize, failed: usize) -> String {
    if failed == 0 {
        format!("{GOOD}✓{GOOD:#} {group:11} {passed} passed")
    } else {
        format!("{BAD}✗{BAD:#} {group:11} {passed} passed, {BAD}{failed} failed{BAD:#}")
    }
}

/// A failure of the target as a whole.
fn print_failure(what: &str) -> Tally {
    let what = what.trim_end().replace('\n', "\n        ");
    anstream::println!("  {BAD}✗ failed{BAD:#} {what}");
    Tally {
        passed: 0,
        failed: 1,
    }
}
