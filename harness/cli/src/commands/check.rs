//! `bench check`: proves that targets serve every route rightly and withstand hostile input, before any load.

use std::net::SocketAddr;

use anstyle::{AnsiColor, Style};
use bench_core::record::Pinning;
use bench_core::target::{Kind, TargetSpec};

use crate::args::CheckArgs;
use crate::check::{self, Group, Needs, Outcome};
use crate::commands::run::targets;
use crate::cores;
use crate::data_files;
use crate::exit::{Exit, Explain, Failure};
use crate::launch::Server;
use crate::manifest;
use crate::measure::resolve;

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
    pinning: Pinning,
    data_dir: String,
    backend: Option<Server>,
}

impl Site {
    /// Starts the backend and makes the data files, unless all targets run already and bring their own.
    fn prepare(targets: &[TargetSpec]) -> Result<Self, Failure> {
        let pinning = cores::divide(&cores::available(), None, None).map_err(Failure::usage_of)?;
        let needs_launch = targets
            .iter()
            .any(|target| !matches!(target.kind, Kind::Url(_)));
        if !needs_launch {
            return Ok(Self {
                pinning,
                data_dir: String::new(),
                backend: None,
            });
        }
        let data_dir = data_files::default_dir()?;
        data_files::prepare(&data_dir)?;
        let cpus = &pinning.load_cpus;
        let backend = Server::launch("backend", &[], cpus, cpus)
            .or_internal(|| "cannot start the backend that /upstream calls".to_owned())?;
        Ok(Self {
            data_dir: data_dir.display().to_string(),
            backend: Some(backend),
            pinning,
        })
    }

    /// Starts a target on the cores that it would be measured on.
    fn launch(&self, kind: &Kind) -> Result<Server, String> {
        let manifest = manifest::of(kind, &self.pinning);
        let mut args = vec![
            "--data-dir".to_owned(),
            self.data_dir.clone(),
            "--workers".to_owned(),
            manifest.workers.to_string(),
            "--pool".to_owned(),
            manifest.pool_threads.to_string(),
        ];
        if let Some(backend) = &self.backend {
            args.extend(["--upstream".to_owned(), backend.addr.to_string()]);
        }
        let (server_cpus, own_cpus) = (&self.pinning.server_cpus, &self.pinning.load_cpus);
        Server::launch(kind.name(), &args, server_cpus, own_cpus).map_err(|error| error.to_string())
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
        built_in => {
            let needs = Needs {
                has_upstream: true,
                claims_concurrency: true,
                is_strict: true,
            };
            match site.launch(built_in) {
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
