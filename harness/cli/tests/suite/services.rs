//! A database and a cache for a run: found, used by every target, and gone however the run ends.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a helper of a test may fail it, and waits for other processes"
)]

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use model::record::run::RunRecord;
use model::spec::services::Service;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::program::{bench, end, signal, wait_for};

/// Answers with what it found in its environment, ports left out, and writes the URLs into a file where a test reads them.
const SERVER: &str = r#"
import http.server, json, os, re, sys
found = {name: os.environ.get(name, "") for name in ["DATABASE_URL", "REDIS_URL", "DATABASE_POOL_SIZE"]}
with open(sys.argv[2], "w") as file: json.dump(found, file)
body = json.dumps({name: re.sub(r":\d+/", "/", value) for name, value in found.items()}).encode()
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(404 if self.path == "/stats" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"#;

const SCENARIO: &str = r#"
connections = 2
[load]
arrival = "closed"
[[requests]]
path = "/"
"#;

/// A directory with a scenario, a target, and a place for what services leave.
struct Place {
    dir: TempDir,
}

impl Place {
    /// `top`: what the scenario begins with; `expected`: what it ends with.
    fn new(top: &str, expected: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        // The database may run as another user.
        fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let place = Self { dir };
        fs::create_dir(place.path("tmp")).unwrap();
        fs::set_permissions(place.path("tmp"), PermissionsExt::from_mode(0o777)).unwrap();
        fs::write(place.path("server.py"), SERVER).unwrap();
        fs::write(place.path("s.toml"), format!("{top}{SCENARIO}{expected}")).unwrap();
        let manifest = format!(
            "description = \"d\"\nruntime = \"python\"\nloop = \"l\"\ncommand = \"python3\"\nargs = [\"server.py\", \"{{port}}\", \"{}\"]\n",
            place.path("found").display()
        );
        fs::write(place.path("t.toml"), manifest).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn run(&self, more: &[&str]) -> Command {
        let (scenario, target) = (self.path("s.toml"), self.path("t.toml"));
        let out = self.path("out");
        let mut args = vec!["run", scenario.to_str().unwrap()];
        args.extend(["-t", target.to_str().unwrap(), "--rounds", "1", "-w", "0s"]);
        args.extend(["--out", out.to_str().unwrap()]);
        args.extend(more);
        let mut command = bench(&args);
        command.env("TMPDIR", self.path("tmp"));
        command
    }

    /// Starts a run that lasts, and waits until its target is there.
    fn start(&self) -> Child {
        let child = self.run(&["-d", "60s"]).spawn().unwrap();
        wait_for("the target", || self.path("found").exists().then_some(()));
        child
    }

    fn check_nothing_is_left(&self) {
        wait_for("the directories to go", || {
            let left = fs::read_dir(self.path("tmp")).unwrap().flatten();
            let mut names = left.map(|entry| entry.file_name().to_string_lossy().into_owned());
            (!names.any(|name| name.starts_with("bench-"))).then_some(())
        });
        let dir = self.path("tmp");
        wait_for("its processes to end", || {
            processes_in(&dir).is_empty().then_some(())
        });
    }
}

/// Living processes that name a path below this one on their command line.
fn processes_in(dir: &Path) -> Vec<i32> {
    let dir = dir.to_str().unwrap();
    let processes = procfs::process::all_processes().unwrap().flatten();
    processes
        .filter(|process| process.stat().is_ok_and(|stat| stat.state != 'Z'))
        .filter(|process| {
            let line = process.cmdline().unwrap_or_default();
            line.iter().any(|word| word.contains(dir))
        })
        .map(|process| process.pid)
        .collect()
}

/// The first process of the database whose data is below this directory.
fn postmaster(dir: &Path) -> i32 {
    let is_server = |pid: &i32| {
        let process = procfs::process::Process::new(*pid).unwrap();
        process.stat().is_ok_and(|stat| stat.comm == "postgres")
    };
    processes_in(dir).into_iter().find(is_server).unwrap()
}

fn errors(child: Child) -> (Option<i32>, String) {
    let output = end(child);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (
        output.status.code(),
        text.split_whitespace().collect::<Vec<_>>().join(" "),
    )
}

#[test]
fn every_target_finds_what_the_scenario_needs_and_nothing_is_left() {
    let place = Place::new(
        "needs = [\"postgres\", \"redis\"]\n",
        "expect_body = { json = { \"/DATABASE_URL\" = \"postgres://bench:bench@127.0.0.1/bench\", \"/REDIS_URL\" = \"redis://127.0.0.1/0\", \
         \"/DATABASE_POOL_SIZE\" = \"7\" } }\n",
    );
    let run = place.run(&["-d", "4s", "--quick", "--database-connections", "7"]);
    let mut run = run;
    let output = end(run.spawn().unwrap());
    // A busy machine may void the measurement (3).
    assert!(matches!(output.status.code(), Some(0 | 3)));
    let text = fs::read_to_string(place.path("out/run.json")).unwrap();
    let record = RunRecord::from_json(&text, "run.json").unwrap();
    let services = &record.environment.services;
    assert_eq!(services.len(), 2);
    assert_eq!(
        (services[0].service, services[0].connections),
        (Service::Postgres, Some(7))
    );
    assert_eq!(services[0].settings["fsync"], "off");
    assert_eq!(services[1].service, Service::Redis);
    for record in services {
        assert!(!record.version.is_empty() && record.url.is_none() && !record.cpus.is_empty());
    }
    let epoch = &record.targets[0].epochs[0];
    assert!(epoch.services_cpu_s.contains_key(&Service::Postgres));
    assert!(
        record.targets[0]
            .server
            .services
            .contains_key(&Service::Redis)
    );
    place.check_nothing_is_left();
}

#[test]
fn a_database_that_ends_in_the_middle_ends_the_run_with_its_name_and_the_remedy() {
    let place = Place::new("needs = [\"postgres\"]\n", "");
    let run = place.start();
    signal(postmaster(&place.path("tmp")), Signal::KILL);
    let (code, text) = errors(run);
    assert_eq!(code, Some(5));
    assert!(text.contains("PostgreSQL ended in the middle"), "{text}");
    assert!(text.contains("--postgres URL"), "{text}");
    place.check_nothing_is_left();
}

#[test]
fn a_killed_bench_leaves_no_database() {
    let place = Place::new("needs = [\"postgres\", \"redis\"]\n", "");
    let run = place.start();
    assert!(!processes_in(&place.path("tmp")).is_empty());
    signal(run.id().cast_signed(), Signal::KILL);
    end(run);
    place.check_nothing_is_left();
}

#[test]
fn what_is_not_there_is_reported_before_anything_starts_with_the_remedy() {
    let place = Place::new("needs = [\"postgres\", \"redis\"]\n", "");
    let nowhere = place.path("nowhere");
    for (variable, named, remedy) in [
        (
            "BENCH_POSTGRES",
            "PostgreSQL was not found",
            "apt-get install postgresql",
        ),
        (
            "BENCH_REDIS",
            "Redis was not found",
            "apt-get install redis-server",
        ),
    ] {
        let mut run = place.run(&["--quick"]);
        run.env(variable, &nowhere);
        let (code, text) = errors(run.spawn().unwrap());
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains(named) && text.contains(remedy), "{text}");
        assert!(!place.path("found").exists(), "no target is started");
        fs::remove_dir_all(place.path("out")).unwrap();
    }
    place.check_nothing_is_left();
}

#[test]
fn a_url_that_leads_nowhere_is_reported_without_its_password() {
    let place = Place::new("needs = [\"postgres\"]\n", "");
    // Nobody else gets this port as long as the test has it, and nobody answers there.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    drop(taken);
    let url = format!("postgres://ada:secret@127.0.0.1:{port}/shop");
    let mut run = place.run(&["--quick", "--postgres", &url]);
    let (code, text) = errors(run.spawn().unwrap());
    assert_eq!(code, Some(2), "{text}");
    let named = format!("PostgreSQL at postgres://ada@127.0.0.1:{port}/shop cannot be used");
    assert!(text.contains(&named) && !text.contains("secret"), "{text}");
    assert!(!place.path("found").exists(), "no target is started");
}

#[test]
fn one_that_runs_already_is_used_and_left_as_it_was() {
    let first = Place::new("needs = [\"postgres\", \"redis\"]\n", "");
    let running = first.start();
    let found = wait_for("the URLs", || {
        let text = fs::read_to_string(first.path("found")).ok()?;
        serde_json::from_str::<serde_json::Value>(&text).ok()
    });
    let url = |name: &str| found[name].as_str().unwrap().to_owned();
    // The cache of the first run has products that a second one would remove.
    let third = Place::new("needs = [\"redis\"]\n", "");
    let mut run = third.run(&["--quick", "--redis", &url("REDIS_URL")]);
    let (code, text) = errors(run.spawn().unwrap());
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("`product:…`"), "{text}");
    // In the end its tables are dropped, and the first run with them.
    let second = Place::new("needs = [\"postgres\"]\n", "");
    let mut run = second.run(&["-d", "4s", "--quick", "--postgres", &url("DATABASE_URL")]);
    let output = end(run.spawn().unwrap());
    assert!(matches!(output.status.code(), Some(0 | 3)));
    let text = fs::read_to_string(second.path("out/run.json")).unwrap();
    let record = RunRecord::from_json(&text, "run.json").unwrap();
    let service = &record.environment.services[0];
    let recorded = service.url.as_deref().unwrap();
    assert!(
        recorded.starts_with("postgres://bench@127.0.0.1:"),
        "{recorded}"
    );
    assert!(
        !text.contains("bench:bench"),
        "the password is in no record"
    );
    signal(running.id().cast_signed(), Signal::INT);
    end(running);
    first.check_nothing_is_left();
}

#[test]
fn another_port_is_chosen_where_somebody_takes_the_first() {
    let place = Place::new("needs = [\"redis\"]\n", "");
    let redis = std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .map(|dir| dir.join("redis-server"))
        .find(|program| program.is_file())
        .expect("Redis is installed (Debian: apt-get install redis-server)");
    // The first time, it gives up once somebody else has the port that it was to listen on.
    let script = format!(
        "#!/bin/sh\nif [ ! -e {0}/port ]; then\n  echo $2 > {0}/port.new; mv {0}/port.new {0}/port\n  while [ ! -e {0}/taken ]; do sleep 0.01; \
         done\n  exit 1\nfi\nexec {1} \"$@\"\n",
        place.dir.path().display(),
        redis.display()
    );
    fs::write(place.path("redis"), script).unwrap();
    fs::set_permissions(place.path("redis"), PermissionsExt::from_mode(0o755)).unwrap();
    let mut run = place.run(&["-d", "4s", "--quick"]);
    run.env("BENCH_REDIS", place.path("redis"));
    let run = run.spawn().unwrap();
    let port: u16 = wait_for("the port", || {
        fs::read_to_string(place.path("port"))
            .ok()?
            .trim()
            .parse()
            .ok()
    });
    let taken = TcpListener::bind(("127.0.0.1", port)).unwrap();
    fs::write(place.path("taken"), "").unwrap();
    let output = end(run);
    assert!(matches!(output.status.code(), Some(0 | 3)));
    let found = fs::read_to_string(place.path("found")).unwrap();
    assert!(
        found.contains("redis://") && !found.contains(&format!(":{port}/")),
        "{found}"
    );
    drop(taken);
}
