//! Targets that an agent starts on its machine: measured as those of this one are, and gone however a run ends.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and waits for other processes"
)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::record::run::{Completion, RunRecord};
use model::spec::services::Service;
use process::process_tree::descendants;
use procfs::process::Process;
use rustix::process::Signal;

use crate::machines::{Agent, Nats, is_running, stderr};
use crate::program::{bench, end, signal, wait_for};

/// Where the servers of an agent listen here, and nothing else does.
const HOST: &str = "127.0.0.2";

/// An agent that starts targets.
fn server_agent(nats: &Nats, name: &str, args: &[&str]) -> Agent {
    nats.agent(&[&["--name", name, "--role", "server", "--host", HOST], args].concat())
}

/// Command lines of what an agent has started.
fn started_by(agent: &Agent) -> Vec<String> {
    let lines = descendants(agent.pid()).into_iter().filter_map(|pid| {
        let words = Process::new(pid).ok()?.cmdline().ok()?;
        Some(words.join(" "))
    });
    lines.collect()
}

fn serves(agent: &Agent, target: &str) -> bool {
    let wanted = format!("serve {target} --host {HOST}");
    started_by(agent).iter().any(|line| line.contains(&wanted))
}

/// A run of which an agent called `api-1` starts the targets.
struct Place {
    dir: tempfile::TempDir,
    url: String,
}

impl Place {
    fn new(nats: &Nats) -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            url: nats.url(),
        }
    }

    fn out(&self) -> PathBuf {
        self.dir.path().join("run")
    }

    fn run(&self, args: &[&str]) -> Child {
        let usual = ["run", "--rounds", "1", "-w", "100ms", "--nats", &self.url];
        let mut command = bench(&[&usual, args].concat());
        command.args(["--servers-on", "api-1"]);
        command.arg("--out").arg(self.out()).spawn().unwrap()
    }

    fn resume(&self) -> Child {
        let mut command = bench(&["run", "--nats", &self.url, "--resume"]);
        command.arg(self.out()).spawn().unwrap()
    }

    fn record(&self) -> RunRecord {
        let text = fs::read_to_string(self.out().join("run.json")).unwrap();
        RunRecord::from_json(&text, "run.json").unwrap()
    }

    /// What a whole run says of two targets.
    fn whole(&self, output: &Output) -> RunRecord {
        let said = stderr(output);
        assert!(matches!(output.status.code(), Some(0 | 3)), "{said}");
        let record = self.record();
        assert_eq!(record.completion, Completion::Complete, "{said}");
        record
    }
}

#[test]
fn targets_and_backend_run_on_the_other_machine_and_are_watched_there() {
    let nats = Nats::start(&[]);
    let agent = server_agent(&nats, "api-1", &[]);
    let place = Place::new(&nats);
    let run = place.run(&["io-heavy", "-d", "6s", "-t", "callback,coroutine"]);
    wait_for("the targets", || {
        (serves(&agent, "callback") && serves(&agent, "coroutine")).then_some(())
    });
    let output = end(run);
    let record = place.whole(&output);
    assert!(started_by(&agent).is_empty());

    assert_eq!(record.pinning.servers_on.as_deref(), Some("api-1"));
    let machine = record.environment.servers.as_deref().unwrap();
    assert_eq!(machine.kernel, record.environment.kernel);
    assert!(record.backend.unwrap().calls > 0);
    for target in &record.targets {
        let server = &target.server;
        assert_eq!(target.failure, None);
        assert!(server.cpu_us_per_request.unwrap() > 0.0, "{}", target.name);
        assert!(server.rss_bytes_max.unwrap() > 0, "{}", target.name);
        assert!(!server.samples.is_empty(), "{}", target.name);
        assert!(server.loops.is_some(), "{}", target.name);
        assert_ne!(target.manifest.version, "unknown");
    }
    let said = stderr(&output);
    assert!(said.contains("of api-1, generator on"), "{said}");
}

#[test]
fn the_database_runs_beside_the_targets_that_need_it() {
    let nats = Nats::start(&[]);
    let agent = server_agent(&nats, "api-1", &[]);
    let place = Place::new(&nats);
    let output = end(place.run(&["cache", "-R", "100", "-d", "6s", "-t", "coroutine"]));
    let record = place.whole(&output);
    let services = &record.environment.services;
    let named: Vec<Service> = services.iter().map(|it| it.service).collect();
    assert_eq!(named, [Service::Postgres, Service::Redis]);
    let target = &record.targets[0];
    assert_eq!((target.report.requests.error, &target.failure), (0, &None));
    for service in named {
        assert!(target.server.services[&service].cpu_us_per_request.unwrap() > 0.0);
    }
    assert!(started_by(&agent).is_empty());
}

#[test]
fn an_agent_starts_its_own_manifests_beside_agents_that_drive_the_load_and_nothing_else() {
    let nats = Nats::start(&[]);
    let dir = tempfile::tempdir().unwrap();
    let manifest = |name: &str, more: &str| {
        let file = dir.path().join(name);
        let args = "\"serve\", \"callback\", \"--host\", \"{host}\", \"--port\", \"{port}\"";
        let text = format!("command = \"{{bench}}\"\nargs = [{args}]\n{more}");
        fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let (mine, other) = (
        manifest("mine.toml", ""),
        manifest("other.toml", "workers = 1\n"),
    );
    let agent = server_agent(&nats, "api-1", &["--manifest", &mine]);
    let _generator = nats.agent(&["--name", "load-1"]);
    let place = Place::new(&nats);
    let targets = format!("{mine},coroutine");
    let run = place.run(&[
        "ping",
        "-R",
        "200",
        "-d",
        "4s",
        "-t",
        &targets,
        "--generators",
        "1",
    ]);
    let record = place.whole(&end(run));
    assert_eq!(record.targets[0].name, "mine");
    assert_eq!(record.targets[0].generators[0].name, "load-1");
    assert!(record.targets[0].server.cpu_us_per_request.unwrap() > 0.0);

    let refused = |args: &[&str]| {
        let place = Place::new(&nats);
        let output = end(place.run(args));
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(!place.out().join("run.json").exists());
        assert!(started_by(&agent).is_empty());
        stderr(&output)
    };
    let unknown = refused(&["ping", "--quick", "-t", &other]);
    assert!(unknown.contains("no such target as other"), "{unknown}");
    let url = "postgres://somebody@127.0.0.1:1/x";
    let database = refused(&["database", "--quick", "-t", "coroutine", "--postgres", url]);
    assert!(
        database.contains("api-1") && database.contains("--postgres"),
        "{database}"
    );
    let running = refused(&["ping", "--quick", "--url", "a=http://127.0.0.1:1"]);
    assert!(running.contains("runs already"), "{running}");
    let cores = refused(&["ping", "--quick", "-t", "coroutine", "--server-cpus", "0"]);
    assert!(cores.contains("--server-cpus"), "{cores}");

    let nobody = Place::new(&nats);
    // In order, so that it is no longer registered.
    agent.signal(Signal::TERM);
    wait_for("the agent to end", || {
        (!is_running(agent.pid())).then_some(())
    });
    let output = end(nobody.run(&["ping", "--quick", "-t", "coroutine"]));
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("api-1"), "{}", stderr(&output));
}

#[test]
fn servers_end_with_a_run_that_is_killed_which_goes_on_later() {
    let nats = Nats::start(&[]);
    let agent = server_agent(&nats, "api-1", &[]);
    let place = Place::new(&nats);
    let mut run = place.run(&["ping", "-R", "200", "-d", "6s", "-t", "callback,coroutine"]);
    let log = place.out().join("steps.ndjson");
    wait_for("a block to be kept", || {
        let text = fs::read_to_string(&log).ok()?;
        (text.lines().count() > 3).then_some(())
    });
    // Meanwhile the agent is nobody else's.
    let second = end(Place::new(&nats).run(&["ping", "--quick", "-t", "callback"]));
    assert_eq!(second.status.code(), Some(2));
    let said = stderr(&second);
    assert!(
        said.contains("api-1") && said.contains("another run"),
        "{said}"
    );

    assert!(serves(&agent, "callback"));
    signal(run.id().cast_signed(), Signal::KILL);
    run.wait().unwrap();
    wait_for("the lease to end", || {
        started_by(&agent).is_empty().then_some(())
    });

    place.whole(&end(place.resume()));
    assert!(started_by(&agent).is_empty());
}

#[test]
fn where_the_servers_machine_stands_still_a_sample_is_void_and_where_it_dies_the_run_is() {
    let nats = Nats::start(&[]);
    let agent = server_agent(&nats, "api-1", &[]);
    let place = Place::new(&nats);
    let mut run = place.run(&["ping", "-R", "200", "-d", "30s", "-t", "callback,coroutine"]);
    wait_for("the targets", || serves(&agent, "coroutine").then_some(()));
    let said = Arc::new(Mutex::new(String::new()));
    let reader = {
        let (said, lines) = (
            Arc::clone(&said),
            BufReader::new(run.stderr.take().unwrap()),
        );
        std::thread::spawn(move || {
            for line in lines.lines() {
                let line = line.unwrap();
                *said.lock().unwrap() += &(line + "\n");
            }
        })
    };
    // For less than a lease, until that is while it is measured.
    wait_for("a void sample", || {
        agent.signal(Signal::STOP);
        std::thread::sleep(Duration::from_secs(3));
        agent.signal(Signal::CONT);
        // As long as a question may be waited for that it did not answer, and a while: three void samples end a run.
        std::thread::sleep(Duration::from_secs(5));
        said.lock()
            .unwrap()
            .contains("measured again")
            .then_some(())
    });
    let servers = descendants(agent.pid());
    agent.signal(Signal::KILL);
    reader.join().unwrap();
    let said = said.lock().unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(3), "{said}");
    assert!(said.contains("api-1 did not say"), "{said}");
    assert!(said.contains("api-1 was not heard of"), "{said}");
    assert!(!place.out().join("run.json").exists());
    for pid in servers {
        wait_for("the servers to end", || (!is_running(pid)).then_some(()));
    }
}
