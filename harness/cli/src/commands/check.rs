//! `bench check`: proves that targets answer every route correctly and survive malformed input, before any load.

use std::net::SocketAddr;

use anstyle::{AnsiColor, Style};
use model::record::surroundings::Pinning;
use model::spec::services::{self, ServiceChoices};
use model::spec::target::{DEFAULT_HOST, Difference, Kind, TargetSpec};

use crate::args::check::CheckArgs;
use crate::exit::Exit;
use crate::named::{targets, with_workers};
use crate::output::{note, say};
use conformance::{Group, Needs, Outcome};
use process::cores;
use process::failure::{Explain, Failure};
use process::interrupt::Interrupt;
use process::launch::{Server, Service};
use process::reach::Reach;
use process::services::{Services, Wanted};
use process::starting::Starter;

/// What the routes begin with that need a database.
const DATABASE: &str = "/db";

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const BOLD: Style = Style::new().bold();

/// Checks one target after the other. All of them are held to the same bytes, so targets that pass answer alike.
pub(crate) fn run(args: &CheckArgs) -> Result<Exit, Failure> {
    let targets = with_workers(targets(&args.target, &args.url)?, args.workers)?;
    let site = Site::prepare(&targets)?;
    let mut exit = Exit::Success;
    for target in &targets {
        let tally = check_target(target, &site);
        let differ = match tally.differ {
            0 => String::new(),
            count => format!(", {count} differ"),
        };
        say!(
            "{BOLD}{}: {} passed{differ}, {} failed{BOLD:#}",
            target.name,
            tally.passed,
            tally.failed
        );
        if tally.failed > 0 {
            exit = Exit::TargetFailed;
        }
    }
    if let Some(missing) = &site.missing {
        say!("{BAD}/db was not checked{BAD:#}: {missing}");
        // A green result would be one of routes that nobody asked for.
        exit = exit.max(Exit::Invalid);
    }
    Ok(exit)
}

/// What the targets that are started here have in common.
struct Site {
    starter: Starter,
    /// Why there are no database and cache, where targets need them.
    missing: Option<String>,
    /// Both run as long as the targets do.
    _backend: Option<Server>,
    _services: Services,
}

impl Site {
    /// Starts the backend and makes ready what the targets need, unless all run already and bring their own.
    fn prepare(targets: &[TargetSpec]) -> Result<Self, Failure> {
        let pinning = cores::divide(&cores::available(), None, None).map_err(Failure::usage_of)?;
        let needs_launch = targets
            .iter()
            .any(|target| target.kind.manifest().is_some());
        let service = Service::own("backend", &[], &pinning.load_cpus);
        let backend = needs_launch
            .then(|| {
                Server::launch(&service)
                    .or_internal(|| "cannot start the backend that /upstream calls".to_owned())
            })
            .transpose()?;
        let upstream = backend
            .as_ref()
            .map(|backend| backend.reach().address.authority.clone());
        let (services, missing) = started_services(targets, &pinning);
        Ok(Self {
            starter: Starter::new(
                targets,
                (&pinning, DEFAULT_HOST),
                upstream,
                services.environment(),
                &Interrupt::default(),
                &mut |line| {
                    note!("{line}");
                },
            )?,
            missing,
            _backend: backend,
            _services: services,
        })
    }
}

/// The database and the cache, where some target serves routes that need them; or why they are not there, and what to do about it.
fn started_services(targets: &[TargetSpec], pinning: &Pinning) -> (Services, Option<String>) {
    let cores = u32::try_from(pinning.server_cpus.len()).unwrap_or(u32::MAX);
    let mut manifests = targets.iter().filter_map(|target| target.kind.manifest());
    if !manifests.any(|manifest| manifest.serves(DATABASE, manifest.workers_on(cores))) {
        return (Services::default(), None);
    }
    let wanted = Wanted {
        needs: &services::Service::ALL.into(),
        choices: &ServiceChoices::default(),
        targets: targets.len(),
        cpus: &pinning.load_cpus,
    };
    match Services::prepare(&wanted, &Interrupt::default()) {
        Ok(services) => (services, None),
        Err(error) => {
            let failure = error.into_failure();
            let help = failure.report.help().map(|help| format!("; {help}"));
            let why = format!("{}{}", failure.report, help.unwrap_or_default());
            (Services::default(), Some(why))
        }
    }
}

/// Whether these cases of a target can be played: those of the database, only where there is one.
fn is_there(route: &str, site: &Site) -> bool {
    site.missing.is_none() || !route.starts_with(DATABASE)
}

/// How many cases came out how.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    passed: usize,
    /// Failed as the manifest says that they would.
    differ: usize,
    failed: usize,
}

fn check_target(target: &TargetSpec, site: &Site) -> Tally {
    match &target.kind {
        Kind::Running(running) => {
            say!("{BOLD}{}{BOLD:#} at {}", target.name, running.address);
            // What it was started with is not known, nor what it promises.
            let needs = Needs {
                has_upstream: false,
                claims_concurrency: false,
                is_strict: false,
            };
            let reach = Reach::of(&running.address, &running.access);
            match reach
                .map_err(|failure| failure.report.to_string())
                .and_then(|reach| plain(&reach))
            {
                Ok((addr, host)) => {
                    let is_served = |route: &str| !route.starts_with(DATABASE);
                    let tally = check_addr(addr, &host, needs, &is_served, &[], None::<fn()>);
                    // What was not started here is not stopped here.
                    say!(
                        "  – {:11} not asked of a server that runs already",
                        Group::Stop
                    );
                    tally
                }
                Err(error) => print_failure(&error),
            }
        }
        Kind::Launched(manifest) => {
            let needs = Needs {
                has_upstream: true,
                claims_concurrency: manifest.claims_concurrency,
                is_strict: manifest.strict_http,
            };
            match site.starter.launch(manifest, target.pool) {
                Ok(server) => {
                    let reach = server.reach().clone();
                    say!("{BOLD}{}{BOLD:#} at {}", target.name, reach.address.root());
                    let workers = manifest.workers_on(site.starter.cores());
                    let is_served =
                        |route: &str| manifest.serves(route, workers) && is_there(route, site);
                    match plain(&reach) {
                        Ok(at) => {
                            check_launched(server, at, needs, &is_served, &manifest.differences)
                        }
                        Err(what) => print_failure(&what),
                    }
                }
                Err(what) => {
                    say!("{BOLD}{}{BOLD:#}", target.name);
                    print_failure(&what)
                }
            }
        }
    }
}

/// The address and the host of a server that the check can speak to: it tries malformed bytes as well, and so goes to the socket
/// itself.
fn plain(reach: &Reach) -> Result<(SocketAddr, String), String> {
    match reach.plain_addr() {
        Some(addr) if reach.address.target == "/" => Ok((addr, reach.address.authority.clone())),
        _ => Err(format!(
            "{} is not checked: the routes of the contract are asked for in plain HTTP over TCP, without a path before them",
            reach.address
        )),
    }
}

/// Checks a server that was started here, and that it is still there afterwards and ends when it is asked to.
fn check_launched(
    server: Server,
    (addr, host): (SocketAddr, String),
    needs: Needs,
    is_served: &dyn Fn(&str) -> bool,
    differences: &[Difference],
) -> Tally {
    let (mut last_output, mut ended) = (String::new(), None);
    let stop = || {
        last_output = server.last_output();
        ended = server.stop();
    };
    let mut tally = check_addr(addr, &host, needs, is_served, differences, Some(stop));
    if let Some(how) = ended {
        tally.failed += print_failure(&format!(
            "the server must keep running, and end in order on SIGTERM: {how}\n{last_output}"
        ))
        .failed;
    }
    tally
}

/// Plays all cases; in the end, those that `stop` the server, where it is one's own.
fn check_addr(
    addr: SocketAddr,
    host: &str,
    needs: Needs,
    is_served: &dyn Fn(&str) -> bool,
    differences: &[Difference],
    stop: Option<impl FnOnce()>,
) -> Tally {
    let mut tally = Tally::default();
    let mut group = Vec::new();
    let mut on_case = |outcome: &Outcome| {
        if group
            .last()
            .is_some_and(|last: &Outcome| last.group != outcome.group)
        {
            print_group(&std::mem::take(&mut group), differences);
        }
        match verdict(outcome, differences) {
            Verdict::Passed => tally.passed += 1,
            Verdict::Differs { .. } => tally.differ += 1,
            Verdict::Failed { .. } => tally.failed += 1,
        }
        group.push(outcome.clone());
    };
    let mut outcomes = conformance::check(addr, host, needs, is_served, &mut on_case);
    if let Some(stop) = stop {
        if is_served("/chat") {
            let outcome = conformance::check_stop(addr, host, stop);
            on_case(&outcome);
            outcomes.push(outcome);
        } else {
            // How a server ends shows to the members of its chat.
            stop();
        }
    }
    print_group(&group, differences);
    let not_played = conformance::ids_not_played(is_served);
    let played = |difference: &&Difference| !not_played.contains(&difference.case);
    for difference in stale(&outcomes, differences).filter(played) {
        tally.failed += print_failure(&format!(
            "{}: listed as a difference ({}), and there is none any more: remove it from the manifest",
            difference.case, difference.why
        ))
        .failed;
    }
    tally
}

/// What an outcome means for a target that is known to differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict<'a> {
    Passed,
    /// It failed, as its manifest says, for this reason.
    Differs {
        why: &'a str,
    },
    Failed {
        problem: &'a str,
    },
}

fn verdict<'a>(outcome: &'a Outcome, differences: &'a [Difference]) -> Verdict<'a> {
    let Some(problem) = &outcome.problem else {
        return Verdict::Passed;
    };
    let id = outcome.id();
    let known = differences.iter().find(|difference| difference.case == id);
    known.map_or(Verdict::Failed { problem }, |difference| Verdict::Differs {
        why: &difference.why,
    })
}

/// The differences that did not occur. Where the rest of the cases was left out, nobody can tell.
fn stale<'a>(
    outcomes: &'a [Outcome],
    differences: &'a [Difference],
) -> impl Iterator<Item = &'a Difference> {
    let is_whole = !outcomes.iter().any(Outcome::is_of_cases_left_out);
    differences
        .iter()
        .filter(move |_| is_whole)
        .filter(|difference| {
            !outcomes
                .iter()
                .any(|outcome| outcome.problem.is_some() && outcome.id() == difference.case)
        })
}

/// One line for a group, and one for each of its cases that failed or differs.
fn print_group(outcomes: &[Outcome], differences: &[Difference]) {
    let Some(group) = outcomes.first().map(|outcome| outcome.group) else {
        return;
    };
    let count = |is_meant: fn(&Verdict<'_>) -> bool| {
        let verdicts = outcomes.iter().map(|outcome| verdict(outcome, differences));
        verdicts.filter(is_meant).count()
    };
    let tally = Tally {
        passed: count(|verdict| matches!(verdict, Verdict::Passed)),
        differ: count(|verdict| matches!(verdict, Verdict::Differs { .. })),
        failed: count(|verdict| matches!(verdict, Verdict::Failed { .. })),
    };
    say!("  {}", group_line(group, tally));
    for outcome in outcomes {
        // By its id, which `bench list cases` lists as well.
        let case = outcome.id();
        match verdict(outcome, differences) {
            Verdict::Passed => {}
            Verdict::Differs { why } => say!("      ~ differs: {case}: {why}"),
            Verdict::Failed { problem } => {
                say!("      {BAD}✗ failed{BAD:#} {case}: {problem}");
            }
        }
    }
}

fn group_line(group: Group, tally: Tally) -> String {
    let Tally {
        passed,
        differ,
        failed,
    } = tally;
    let differ = match differ {
        0 => String::new(),
        count => format!(", {count} differ"),
    };
    if failed == 0 {
        format!("{GOOD}✓{GOOD:#} {group:11} {passed} passed{differ}")
    } else {
        format!("{BAD}✗{BAD:#} {group:11} {passed} passed{differ}, {BAD}{failed} failed{BAD:#}")
    }
}

/// A failure of the target as a whole.
fn print_failure(what: &str) -> Tally {
    let what = what.trim_end().replace('\n', "\n        ");
    say!("  {BAD}✗ failed{BAD:#} {what}");
    Tally {
        failed: 1,
        ..Tally::default()
    }
}

#[cfg(test)]
mod tests {
    use model::spec::target::Manifest;

    use super::*;

    fn outcome(case: &str, problem: Option<&str>) -> Outcome {
        Outcome {
            case: case.to_owned(),
            group: Group::Routes,
            problem: problem.map(str::to_owned),
        }
    }

    fn differences(cases: &[&str]) -> Vec<Difference> {
        let tables: Vec<String> = cases
            .iter()
            .map(|case| format!("{{ case = \"routes/{case}\", why = \"because\" }}"))
            .collect();
        let source = format!(
            "description = \"d\"\nruntime = \"r\"\nloop = \"l\"\ncommand = \"{{port}}\"\ndifferences = [{}]\n",
            tables.join(", ")
        );
        Manifest::parse(&source, "mine.toml").unwrap().differences
    }

    #[test]
    fn a_case_that_is_named_may_fail_and_no_other() {
        let differences = differences(&["a"]);
        let failed = outcome("a", Some("wrong"));
        assert_eq!(
            verdict(&failed, &differences),
            Verdict::Differs { why: "because" }
        );
        let other = outcome("b", Some("wrong"));
        assert_eq!(
            verdict(&other, &differences),
            Verdict::Failed { problem: "wrong" }
        );
        assert_eq!(verdict(&outcome("a", None), &differences), Verdict::Passed);
    }

    #[test]
    fn a_difference_that_does_not_occur_any_more_is_reported() {
        let differences = differences(&["a", "b", "c"]);
        let outcomes = [outcome("a", Some("wrong")), outcome("b", None)];
        let stale: Vec<&str> = stale(&outcomes, &differences)
            .map(|difference| difference.case.as_str())
            .collect();
        // Never asked is as stale as passed.
        assert_eq!(stale, ["routes/b", "routes/c"]);
    }
}
