//! Agents at a real NATS server: found while they run, and gone however they end.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a helper of a test may fail it, and waits for other processes"
)]

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::program::{bench, end, path, signal, wait_for};

/// The variable that names the program of the NATS server, where it is not on the PATH.
const NATS_VARIABLE: &str = "NATS_SERVER";

/// A NATS server that keeps things, ended when it is dropped.
pub(crate) struct Nats {
    child: Child,
    dir: TempDir,
    /// Where clients and where monitors are let in, as `127.0.0.1:4222`.
    clients: String,
    monitors: String,
}

impl Nats {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_on("-1", args)
    }

    /// On this port; on a free one where it is -1.
    fn start_on(port: &str, args: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let program = std::env::var_os(NATS_VARIABLE);
        let program = program.unwrap_or_else(|| OsString::from("nats-server"));
        let child = Command::new(&program)
            .args(["--jetstream", "--addr", "127.0.0.1", "--port", port])
            .args(["--http_port", "-1", "--store_dir"])
            .arg(dir.path())
            .arg("--ports_file_dir")
            .arg(dir.path())
            .args(args)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = child.unwrap_or_else(|error| {
            panic!(
                "cannot start {}: {error}; install it as scripts/test does, or name it with {NATS_VARIABLE}",
                program.display()
            )
        });
        let ports = dir.path().join(format!("nats-server_{}.ports", child.id()));
        let ports = wait_for("the NATS server", || {
            let text = fs::read_to_string(&ports).ok()?;
            serde_json::from_str::<Value>(&text).ok()
        });
        let place = |key: &str| {
            let url = ports[key][0].as_str().unwrap();
            url.split_once("://").unwrap().1.to_owned()
        };
        Self {
            child,
            clients: place("nats"),
            monitors: place("monitoring"),
            dir,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://{}", self.clients)
    }

    /// How many buckets, and whatever else is kept, it has.
    pub(crate) fn kept(&self) -> u64 {
        let mut socket = TcpStream::connect(&self.monitors).unwrap();
        socket
            .write_all(b"GET /jsz HTTP/1.0\r\n\r\n")
            .and_then(|()| socket.flush())
            .unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str::<Value>(body).unwrap()["streams"]
            .as_u64()
            .unwrap()
    }

    pub(crate) fn agent(&self, args: &[&str]) -> Agent {
        let url = self.url();
        Agent::start(&[&["--nats", &url], args].concat())
    }

    /// An agent in a time namespace of its own, made by `unshare` with these arguments.
    pub(crate) fn agent_in(&self, time: &[&str], args: &[&str]) -> Agent {
        let mut command = Command::new("unshare");
        command
            .args(["--time", "--fork", "--kill-child"])
            .args(time);
        command
            .arg(path())
            .args(["agent", "--nats", &self.url()])
            .args(args);
        Agent::of(command.stdin(Stdio::null()).stdout(Stdio::piped()))
    }

    /// What `bench agents --json` lists.
    fn listed(&self, args: &[&str]) -> Vec<Value> {
        let url = self.url();
        let output = run(&[&["agents", "--json", "--nats", &url], args].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn wait_for_agents(&self, count: usize) {
        wait_for("agents to come or go", || {
            (self.listed(&[]).len() == count).then_some(())
        });
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// An agent that is registered, ended when it is dropped.
pub(crate) struct Agent {
    child: Child,
    /// What it prints after it is registered.
    stdout: BufReader<std::process::ChildStdout>,
}

impl Agent {
    fn start(args: &[&str]) -> Self {
        Self::of(&mut bench(&[&["agent"], args].concat()))
    }

    fn of(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert!(line.contains("is registered"), "{line:?}");
        Self { child, stdout }
    }

    pub(crate) fn signal(&self, what: Signal) {
        signal(self.child.id().cast_signed(), what);
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn run(args: &[&str]) -> Output {
    end(bench(args).spawn().unwrap())
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn an_agent_is_listed_while_it_runs_and_leaves_nothing_behind() {
    let nats = Nats::start(&[]);
    assert!(nats.listed(&[]).is_empty());
    assert_eq!(nats.kept(), 0);
    let mut one = nats.agent(&["--name", "load-1"]);
    let other = nats.agent(&["--name", "watch_2", "--role", "probe", "--cpus", "0"]);
    let listed = nats.listed(&[]);
    let of = |key: &str| {
        listed
            .iter()
            .map(|agent| agent[key].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(of("name"), ["load-1", "watch_2"]);
    assert_eq!(of("role"), ["generator", "probe"]);
    assert_eq!(of("bench_version"), [env!("CARGO_PKG_VERSION"); 2]);
    assert_eq!(listed[1]["cpus"], serde_json::json!([0]));
    for agent in &listed {
        // All clocks are those of one machine: none is ahead, and the bound holds.
        let clocks = &agent["clocks"];
        let bound_ns = clocks["bound_ns"].as_u64().unwrap();
        for key in ["monotonic_ahead_ns", "system_ahead_ns"] {
            let ahead_ns = clocks[key].as_i64().unwrap().unsigned_abs();
            assert!(ahead_ns <= bound_ns, "{key} of {agent}");
        }
        assert!(agent["environment"]["memory_bytes"].as_u64().unwrap() > 0);
    }
    let url = nats.url();
    let shown = run(&["agents", "--nats", &url]);
    let shown = String::from_utf8_lossy(&shown.stdout);
    assert!(shown.contains("watch_2") && shown.contains("±"), "{shown}");

    one.signal(Signal::TERM);
    assert!(one.child.wait().unwrap().success());
    nats.wait_for_agents(1);
    other.signal(Signal::INT);
    wait_for("the bucket to go", || (nats.kept() == 0).then_some(()));
    assert!(nats.listed(&[]).is_empty());
    assert_eq!(nats.kept(), 0);
}

#[test]
fn a_name_belongs_to_one_agent_and_is_free_once_that_is_dead() {
    let nats = Nats::start(&[]);
    let first = nats.agent(&["--name", "load-1"]);
    let url = nats.url();
    let second = run(&["agent", "--nats", &url, "--name", "load-1"]);
    assert_eq!(second.status.code(), Some(2));
    assert!(stderr(&second).contains("--name"), "{}", stderr(&second));
    first.signal(Signal::KILL);
    // What the dead one left behind expires.
    let third = nats.agent(&["--name", "load-1"]);
    assert_eq!(nats.listed(&[]).len(), 1);
    third.signal(Signal::KILL);
    nats.wait_for_agents(0);
}

#[test]
fn an_agent_that_was_stopped_or_whose_server_was_restarted_registers_again() {
    let nats = Nats::start(&[]);
    let mut agent = nats.agent(&["--name", "load-1"]);
    agent.signal(Signal::STOP);
    nats.wait_for_agents(0);
    agent.signal(Signal::CONT);
    nats.wait_for_agents(1);
    let port = nats.clients.rsplit_once(':').unwrap().1.to_owned();
    drop(nats);
    let nats = Nats::start_on(&port, &[]);
    nats.wait_for_agents(1);
    agent.signal(Signal::TERM);
    assert!(agent.child.wait().unwrap().success());
    let mut said = String::new();
    agent.stdout.read_to_string(&mut said).unwrap();
    assert!(said.contains("is registered"), "{said:?}");
}

#[test]
fn a_server_asks_for_a_password_and_nobody_prints_it() {
    let nats = Nats::start(&["--user", "someone", "--pass", "right-secret"]);
    let with = |secret: &str| format!("nats://someone:{secret}@{}", nats.clients);
    let refused = run(&["agents", "--nats", &with("wrong-secret")]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        stderr(&refused).contains("cannot connect"),
        "{}",
        stderr(&refused)
    );
    assert!(!stderr(&refused).contains("secret"), "{}", stderr(&refused));
    let _agent = Agent::start(&["--nats", &with("right-secret"), "--name", "load-1"]);
    let listed = bench(&["agents"])
        .env("BENCH_NATS", with("right-secret"))
        .spawn()
        .unwrap();
    let listed = end(listed);
    let shown = [listed.stdout, listed.stderr].concat();
    let shown = String::from_utf8_lossy(&shown);
    assert!(
        shown.contains("load-1") && !shown.contains("secret"),
        "{shown}"
    );
}

#[test]
fn tls_is_checked_against_an_authority_of_ones_own() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    fs::write(path("cert.pem"), made.cert.pem()).unwrap();
    fs::write(path("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let nats = Nats::start(&[
        "--tls",
        "--tlscert",
        &path("cert.pem"),
        "--tlskey",
        &path("key.pem"),
    ]);
    let url = format!("tls://{}", nats.clients);
    let unknown = run(&["agents", "--nats", &url]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(
        stderr(&unknown).contains("--nats-ca"),
        "{}",
        stderr(&unknown)
    );
    let _agent = Agent::start(&[
        "--nats",
        &url,
        "--nats-ca",
        &path("cert.pem"),
        "--name",
        "load-1",
    ]);
    let listed = nats.listed(&["--nats-ca", &path("cert.pem")]);
    assert_eq!(listed.len(), 1);
}

#[test]
fn what_is_missing_is_named_with_the_remedy() {
    let open = run(&["agents", "--nats", "nats://hub.test:4222"]);
    assert_eq!(open.status.code(), Some(2));
    assert!(
        stderr(&open).contains("--nats-credentials"),
        "{}",
        stderr(&open)
    );
    let nobody = run(&["agent", "--nats", "nats://127.0.0.1:1"]);
    assert_eq!(nobody.status.code(), Some(2));
    assert!(
        stderr(&nobody).contains("nats-server"),
        "{}",
        stderr(&nobody)
    );
    let missing = Path::new("/nowhere/a.creds").display().to_string();
    let nats = Nats::start(&[]);
    let url = nats.url();
    let file = run(&["agents", "--nats", &url, "--nats-credentials", &missing]);
    assert_eq!(file.status.code(), Some(2));
    assert!(
        stderr(&file).contains("/nowhere/a.creds"),
        "{}",
        stderr(&file)
    );
    assert!(fs::read_dir(nats.dir.path()).is_ok());
}
