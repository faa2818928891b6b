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

use procfs::process::Process;
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
        signal(self.pid(), what);
    }

    pub(crate) fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// `bench agents up`, with an `ssh` that runs on this machine what it is to run elsewhere.
struct Up {
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
    dir: TempDir,
}

impl Up {
    /// On these machines.
    fn start(hosts: &str, args: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("hosts.txt");
        fs::write(&file, hosts).unwrap();
        let stubs = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stubs");
        let path = std::env::var("PATH").unwrap();
        let file = file.to_str().unwrap();
        let mut child = bench(&[&["agents", "up", "--ssh", file], args].concat())
            .env("PATH", format!("{stubs}:{path}"))
            .env("SSH_STUB_DIR", dir.path())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout, dir }
    }

    /// Reads what it prints up to a line that says so.
    fn wait_for(&mut self, what: &str) {
        let mut line = String::new();
        while !line.contains(what) {
            line.clear();
            let length = self.stdout.read_line(&mut line).unwrap();
            assert!(length > 0, "it ended, and did not say: {what}");
        }
    }

    fn signal(&self, what: Signal) {
        signal(self.child.id().cast_signed(), what);
    }

    /// What each ssh was started with, a line each.
    fn started(&self) -> String {
        fs::read_to_string(self.dir.path().join("started")).unwrap()
    }

    /// The processes of the agents that were started.
    fn agents(&self) -> Vec<i32> {
        let pids = fs::read_to_string(self.dir.path().join("pids")).unwrap();
        pids.lines().map(|pid| pid.parse().unwrap()).collect()
    }

    /// Its exit code, and what it wrote to standard error.
    fn end(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        let mut said = String::new();
        let mut from = self.child.stderr.take().unwrap();
        from.read_to_string(&mut said).unwrap();
        (code, said)
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

pub(crate) fn is_running(pid: i32) -> bool {
    let stat = Process::new(pid).and_then(|process| process.stat());
    stat.is_ok_and(|stat| stat.state != 'Z')
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
fn agents_start_by_ssh_and_end_with_the_command_that_started_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    fs::write(path("cert.pem"), made.cert.pem()).unwrap();
    fs::write(path("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let (certificate, key) = (path("cert.pem"), path("key.pem"));
    let tls = ["--tls", "--tlscert", &certificate, "--tlskey", &key];
    let user = ["--user", "someone", "--pass", "right-secret"];
    let nats = Nats::start(&[&tls[..], &user[..]].concat());
    let url = format!("tls://someone:right-secret@{}", nats.clients);
    let access = ["--nats", &url, "--nats-ca", &certificate];

    let program = crate::program::path();
    let bench_path = ["--bench-path", program.to_str().unwrap()];
    let hosts = "# Two of three.\nme@one.test name=load-1 cpus=0\nunreachable.test name=load-2\ntwo.test role=server # the other\n";
    let mut up = Up::start(hosts, &[&access[..], &bench_path[..]].concat());
    up.wait_for("2 of 3 agents are registered");
    // What lets them in is on no command line.
    let started = up.started();
    assert_eq!(started.lines().count(), 3, "{started}");
    assert!(started.contains("BatchMode=yes"), "{started}");
    assert!(!started.contains("secret"), "{started}");
    let listed = run(&[&["agents", "--json"][..], &access[..]].concat());
    let listed: Vec<Value> = serde_json::from_slice(&listed.stdout).unwrap();
    let of = |key: &str| {
        listed
            .iter()
            .map(|agent| agent[key].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(of("name"), ["load-1", "two-test"]);
    assert_eq!(of("role"), ["generator", "server"]);
    assert_eq!(listed[0]["cpus"], serde_json::json!([0]));

    let agents = up.agents();
    assert_eq!(agents.len(), 2);
    up.signal(Signal::INT);
    let (code, said) = up.end();
    assert_eq!(code, Some(2));
    for part in [
        "agent load-2 on unreachable.test",
        "255",
        "No route to host",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert!(
        !said.contains("load-1") && !said.contains("secret"),
        "{said}"
    );
    assert!(!agents.into_iter().any(is_running));
    assert_eq!(nats.kept(), 0);
}

#[test]
fn agents_that_ssh_started_end_in_order_where_the_command_is_killed() {
    let nats = Nats::start(&[]);
    let (url, program) = (nats.url(), path());
    let args = ["--nats", &url, "--bench-path", program.to_str().unwrap()];
    let mut up = Up::start("one.test\ntwo.test\n", &args);
    up.wait_for("2 of 2 agents are registered");
    let agents = up.agents();
    up.signal(Signal::KILL);
    wait_for("the agents to end", || {
        (!agents.iter().any(|pid| is_running(*pid))).then_some(())
    });
    // One that had only died would have left its registration.
    assert_eq!(nats.kept(), 0);
    up.end();
}

#[test]
fn an_agent_that_ends_by_itself_is_named_with_the_reason() {
    let nats = Nats::start(&[]);
    let (url, program) = (nats.url(), path());
    let args = ["--nats", &url, "--bench-path", program.to_str().unwrap()];
    let mut up = Up::start("one.test name=load-1\n", &args);
    up.wait_for("1 of 1 agent is registered");
    signal(up.agents()[0], Signal::KILL);
    let (code, said) = up.end();
    assert_eq!(code, Some(2));
    assert!(said.contains("agent load-1 on one.test"), "{said}");

    let ends = |hosts: &str, args: &[&str], reason: &str| {
        let (code, said) = Up::start(hosts, &[&["--nats", &url], args].concat()).end();
        assert_eq!(code, Some(2));
        assert!(said.contains(reason), "{said}");
    };
    ends(
        "one.test\n",
        &["--bench-path", "nowhere/bench"],
        "--bench-path",
    );
    ends("one.test\n-oProxyCommand=x\n", &[], "hosts.txt, line 2");
    // The name is that of another agent.
    let _agent = nats.agent(&["--name", "load-1"]);
    ends(
        "one.test name=load-1\n",
        &["--bench-path", program.to_str().unwrap()],
        "another agent is called load-1",
    );
}

#[test]
fn the_server_that_is_deployed_lets_in_those_with_its_secrets_only() {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/deploy");
    let dir = tempfile::tempdir().unwrap();
    let secrets = dir.path().join("secrets");
    let made = Command::new(deploy.join("make-secrets"))
        .arg(&secrets)
        .status()
        .unwrap();
    assert!(made.success(), "is openssl installed?");
    let variable = |file: &str| {
        let text = fs::read_to_string(secrets.join(file)).unwrap();
        text.trim().split_once('=').unwrap().1.to_owned()
    };
    let config = fs::read_to_string(deploy.join("nats.conf")).unwrap();
    // Where it keeps things is said to every server of a test, and must not be said twice.
    let config = config
        .replace("store_dir: \"/data\"", "")
        .replace("/run/secrets", secrets.to_str().unwrap())
        .replace("$NATS_PASSWORD", &variable("server.env"));
    let file = dir.path().join("nats.conf");
    fs::write(&file, config).unwrap();
    let nats = Nats::start(&["--config", file.to_str().unwrap()]);

    let authority = secrets.join("nats.crt").display().to_string();
    let url = variable("agents.env").replace("nats:4222", &nats.clients);
    let access = ["--nats", &url, "--nats-ca", &authority];
    let _agent = Agent::start(&[&access[..], &["--name", "load-0"][..]].concat());
    let listed = run(&[&["agents"][..], &access[..]].concat());
    let listed = String::from_utf8_lossy(&listed.stdout);
    assert!(listed.contains("load-0"), "{listed}");
    let wrong = format!("tls://bench:wrong@{}", nats.clients);
    let refused = run(&["agents", "--nats", &wrong, "--nats-ca", &authority]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        stderr(&refused).contains("cannot connect"),
        "{}",
        stderr(&refused)
    );
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
