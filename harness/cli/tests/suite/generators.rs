//! A load that agents drive together: what they send is what one would, and where one of them is missing it is void.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and waits for other processes"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use model::record::generator::GeneratorRecord;
use model::record::run::{Completion, RunRecord};
use procfs::process::{FDTarget, Process};
use rustix::process::Signal;

use crate::machines::{Agent, Nats, stderr};
use crate::program::{bench, end, signal, wait_for};

/// How long an agent drives load that hears nothing of its coordinator, and some time for a busy machine.
const LEASE: Duration = Duration::from_secs(5);

/// A server that answers everything alike, and writes down what it was asked when.
struct Server {
    url: String,
    asked: Arc<Mutex<Vec<(Instant, String)>>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let log = Arc::clone(&log);
                std::thread::spawn(move || answer(connection, &log));
            }
        });
        Self { url, asked }
    }

    /// How often each thing was asked for.
    fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for (_, line) in self.asked.lock().unwrap().iter() {
            *counts.entry(line.clone()).or_default() += 1;
        }
        counts
    }

    fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn answer(mut connection: TcpStream, log: &Mutex<Vec<(Instant, String)>>) {
    let mut buffer = [0; 4096];
    // Every request here comes whole, in one segment.
    while let Ok(length @ 1..) = connection.read(&mut buffer) {
        let at = Instant::now();
        let text = String::from_utf8_lossy(&buffer[..length]);
        let (first, last) = (text.lines().next(), text.lines().last());
        let line = format!("{} {}", first.unwrap_or_default(), last.unwrap_or_default());
        log.lock().unwrap().push((at, line));
        if connection
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            .is_err()
        {
            return;
        }
    }
}

/// A scenario in which no two requests of a drive are alike, in a directory for a run.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new(rate_per_s: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let scenario = format!(
            "description = \"Made up for a test\"\nquestion = \"Is it one load?\"\nconnections = 64\n[load]\narrival = \"open\"\n\
             process = \"constant\"\nrate_per_s = {rate_per_s}\n[[requests]]\nmethod = \"POST\"\npath = \"/{{seq}}/{{random}}\"\n\
             body_lines = \"lines.txt\"\n"
        );
        // So many that agents get them in several pieces.
        let lines: Vec<String> = (0..40_000).map(|line| format!("line {line}")).collect();
        fs::write(dir.path().join("lines.txt"), lines.join("\n")).unwrap();
        fs::write(dir.path().join("own.toml"), scenario).unwrap();
        Self { dir }
    }

    /// A run of some seconds against a server.
    fn run(&self, server: &Server, args: &[&str]) -> Child {
        self.run_for("4s", server, args)
    }

    fn run_for(&self, duration: &str, server: &Server, args: &[&str]) -> Child {
        let scenario = self.dir.path().join("own.toml");
        let url = format!("own={}", server.url);
        let mut command = bench(&["run", "--rounds", "1", "-w", "100ms", "--seed", "3"]);
        command.args(["-d", duration, "--url", &url]).args(args);
        command.arg("--scenario").arg(scenario);
        command.arg("--out").arg(self.out()).spawn().unwrap()
    }

    fn out(&self) -> std::path::PathBuf {
        self.dir.path().join("run")
    }

    fn record(&self) -> RunRecord {
        let text = fs::read_to_string(self.out().join("run.json")).unwrap();
        RunRecord::from_json(&text, "run.json").unwrap()
    }
}

/// How often a run is made until a busy machine lets it be without a void sample.
const TRIES: u32 = 5;

/// A run that so many agents drive, none of whose samples was driven twice.
fn driven_by(nats: &Nats, generators: &str, rate_per_s: u32) -> (RunRecord, Server, Output) {
    let url = nats.url();
    for _ in 0..TRIES {
        let (place, server) = (Place::new(rate_per_s), Server::start());
        let run = place.run(&server, &["--nats", &url, "--generators", generators]);
        let output = end(run);
        let said = stderr(&output);
        if !said.contains("measured again") {
            assert!(matches!(output.status.code(), Some(0 | 3)), "{said}");
            return (place.record(), server, output);
        }
    }
    panic!("each of {TRIES} runs had a void sample");
}

#[test]
fn agents_send_together_what_one_would_and_each_has_its_part_in_the_record() {
    let (place, alone) = (Place::new(200), Server::start());
    let output = end(place.run(&alone, &[]));
    assert!(
        matches!(output.status.code(), Some(0 | 3)),
        "{}",
        stderr(&output)
    );
    assert!(place.record().targets[0].generators.is_empty());

    let nats = Nats::start(&[]);
    let mut agents = vec![nats.agent(&["--name", "load-1"])];
    // A probe drives nothing.
    let probe = nats.agent(&["--name", "a-probe", "--role", "probe"]);
    let (one, server, _) = driven_by(&nats, "1", 200);
    assert_eq!(server.counts(), alone.counts());
    assert_eq!(one.targets[0].generators.len(), 1);

    agents.push(nats.agent(&["--name", "load-2"]));
    let (two, server, output) = driven_by(&nats, "2", 200);
    assert_eq!(server.counts(), alone.counts());
    assert_eq!(two.completion, Completion::Complete);
    let target = &two.targets[0];
    let names = |names: Vec<&str>| names.join(" ");
    let parts = &target.generators;
    assert_eq!(
        names(parts.iter().map(|part| part.name.as_str()).collect()),
        "load-1 load-2"
    );
    let sites = &two.environment.generators;
    assert_eq!(
        names(sites.iter().map(|site| site.name.as_str()).collect()),
        "load-1 load-2"
    );
    let ok: u64 = parts.iter().map(|part| part.accounting.ok).sum();
    assert_eq!(ok, target.report.requests.ok);
    // Half each: the schedule is shared out like cards.
    assert!(
        parts[0]
            .accounting
            .scheduled
            .abs_diff(parts[1].accounting.scheduled)
            <= target.epochs.len() as u64
    );
    assert!(
        parts.iter().all(|part| part.clock_bound_ns <= 1_000_000),
        "{parts:?}"
    );
    assert!(
        stderr(&output).contains("load-2 drives load"),
        "{}",
        stderr(&output)
    );

    // Nothing is left at the server once the last agent is gone.
    agents.push(probe);
    for agent in &agents {
        agent.signal(Signal::TERM);
    }
    wait_for("the buckets to go", || (nats.kept() == 0).then_some(()));
}

#[test]
fn agents_whose_clocks_are_seconds_apart_start_together() {
    let nats = Nats::start(&[]);
    let ahead = nats.agent_in(&["--monotonic", "3"], &["--name", "ahead"]);
    let far = nats.agent_in(&["--monotonic", "86400"], &["--name", "far"]);
    let (record, server, _) = driven_by(&nats, "2", 100);
    assert_eq!(record.targets[0].failure, None);
    // Of each drive request 1 is one agent's and request 2 the other's, 10 ms apart; seconds would be wrong clocks.
    let asked = server.asked.lock().unwrap();
    let of = |number: &str| {
        let lines = asked
            .iter()
            .filter(|(_, line)| line.starts_with(&format!("POST /{number}/")));
        lines.map(|(at, _)| *at).collect::<Vec<_>>()
    };
    let (first, second) = (of("1"), of("2"));
    assert!(second.len() > 4);
    for at in second {
        // The check before the drives asks for request 1 as well.
        let apart = first
            .iter()
            .map(|first| at.duration_since(*first).max(first.duration_since(at)));
        let apart = apart.min().unwrap();
        assert!(apart < Duration::from_secs(1), "{apart:?}");
    }
    drop((ahead, far));
}

#[test]
fn where_an_agent_dies_the_run_ends_with_its_name_and_without_a_record() {
    let nats = Nats::start(&[]);
    let _first = nats.agent(&["--name", "load-1"]);
    let second = nats.agent(&["--name", "load-2"]);
    let (place, server) = (Place::new(200), Server::start());
    let url = nats.url();
    let run = place.run(&server, &["--nats", &url, "--generators", "2"]);
    wait_for("the load", || (server.count() > 300).then_some(()));
    second.signal(Signal::KILL);
    let output = end(run);
    assert_eq!(output.status.code(), Some(3));
    let said = stderr(&output);
    assert!(
        said.contains("measured again") && said.contains("load-2"),
        "{said}"
    );
    assert!(said.contains("3 times"), "{said}");
    assert!(!place.out().join("run.json").exists());
    // Nobody drives on.
    let count = server.count();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(server.count(), count);
}

#[test]
fn an_agent_that_stands_still_for_a_while_makes_a_sample_void_and_not_the_run() {
    let nats = Nats::start(&[]);
    let _first = nats.agent(&["--name", "load-1"]);
    let second = nats.agent(&["--name", "load-2"]);
    let (place, server) = (Place::new(200), Server::start());
    let url = nats.url();
    let mut run = place.run(&server, &["--nats", &url, "--generators", "2"]);
    wait_for("the load", || (server.count() > 300).then_some(()));
    second.signal(Signal::STOP);
    let mut said = String::new();
    let mut lines = BufReader::new(run.stderr.take().unwrap());
    while !said.contains("measured again") {
        assert!(lines.read_line(&mut said).unwrap() > 0, "{said}");
    }
    second.signal(Signal::CONT);
    // It is read to its end, so that the run never waits for a reader.
    lines.read_to_string(&mut said).unwrap();
    let status = run.wait().unwrap();
    assert!(matches!(status.code(), Some(0 | 3)), "{said}");
    let record = place.record();
    assert_eq!(record.completion, Completion::Complete, "{said}");
    let target = &record.targets[0];
    let ok: u64 = target
        .generators
        .iter()
        .map(|part| part.accounting.ok)
        .sum();
    assert_eq!(ok, target.report.requests.ok);
}

#[test]
fn agents_whose_coordinator_was_killed_stop_when_its_lease_is_over() {
    let nats = Nats::start(&[]);
    let _agents = [
        nats.agent(&["--name", "load-1"]),
        nats.agent(&["--name", "load-2"]),
    ];
    let (place, server) = (Place::new(200), Server::start());
    let url = nats.url();
    let mut run = place.run_for("5m", &server, &["--nats", &url, "--generators", "2"]);
    wait_for("the load", || (server.count() > 300).then_some(()));
    signal(run.id().cast_signed(), Signal::KILL);
    run.wait().unwrap();
    std::thread::sleep(LEASE + Duration::from_secs(1));
    let count = server.count();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(server.count(), count);
    // They are free for the next.
    let (record, ..) = driven_by(&nats, "2", 200);
    assert_eq!(record.completion, Completion::Complete);
}

#[test]
fn agents_hold_idle_connections_by_equal_parts_and_say_which_were_lost() {
    let nats = Nats::start(&[]);
    let agents = [
        nats.agent(&["--name", "load-1"]),
        nats.agent(&["--name", "load-2"]),
    ];
    let dir = tempfile::tempdir().unwrap();
    let (scenario, out) = (dir.path().join("idle.toml"), dir.path().join("run"));
    fs::write(
        &scenario,
        "description = \"Made up for a test\"\nquestion = \"Who holds them?\"\nconnections = 4\nidle_connections = 2001\n[load]\n\
         arrival = \"open\"\nprocess = \"constant\"\nrate_per_s = 200\n[[requests]]\nroute = \"/plaintext\"\n",
    )
    .unwrap();
    let mut command = bench(&["run", "-t", "callback", "--rounds", "1", "-w", "100ms"]);
    command.args(["-d", "4s", "--nats", &nats.url(), "--generators", "2"]);
    command
        .arg("--scenario")
        .arg(&scenario)
        .arg("--out")
        .arg(&out);
    let run = command.spawn().unwrap();
    let sockets = |agent: &Agent| {
        let files = Process::new(agent.pid()).and_then(|process| process.fd());
        let sockets = files.into_iter().flatten().flatten();
        sockets
            .filter(|file| matches!(file.target, FDTarget::Socket(_)))
            .count()
    };
    wait_for("both to hold their parts", || {
        (sockets(&agents[0]) > 1_001 && sockets(&agents[1]) > 1_000).then_some(())
    });
    let output = end(run);
    assert!(
        matches!(output.status.code(), Some(0 | 3)),
        "{}",
        stderr(&output)
    );
    let text = fs::read_to_string(out.join("run.json")).unwrap();
    let record = RunRecord::from_json(&text, "run.json").unwrap();
    let target = &record.targets[0];
    assert_eq!(target.failure, None);
    assert_eq!(target.report.connections.idle, 2_001);
    assert_eq!(target.report.connections.idle_lost, 0);
    assert!(target.server.rss_bytes_per_idle_connection.unwrap() > 0.0);
    wait_for("them to be closed", || {
        (sockets(&agents[0]) < 100 && sockets(&agents[1]) < 100).then_some(())
    });
}

#[test]
fn members_of_a_chat_are_shared_out_and_all_hear_what_each_says() {
    const MEMBERS: u64 = 30;
    let nats = Nats::start(&[]);
    let _agents = [
        nats.agent(&["--name", "load-1"]),
        nats.agent(&["--name", "load-2"]),
    ];
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let mut command = bench(&["run", "chat", "-t", "callback", "--rounds", "1"]);
    command.args(["-c", &MEMBERS.to_string(), "-w", "100ms", "-d", "4s"]);
    command.args(["--nats", &nats.url(), "--generators", "2"]);
    let output = end(command.arg("--out").arg(&out).spawn().unwrap());
    let said = stderr(&output);
    assert!(matches!(output.status.code(), Some(0 | 3)), "{said}");
    let text = fs::read_to_string(out.join("run.json")).unwrap();
    let record = RunRecord::from_json(&text, "run.json").unwrap();
    let target = &record.targets[0];
    assert_eq!(target.failure, None);
    let requests = &target.report.requests;
    assert!(requests.ok > 50, "{requests:?}");
    assert_eq!((requests.error, requests.timeout), (0, 0), "{requests:?}");
    let messages = target.report.messages.as_ref().unwrap();
    assert_eq!(messages.deliveries, messages.sent * MEMBERS);
    assert_eq!(messages.deliveries_lost, 0);
    let of_parts = |of: fn(&GeneratorRecord) -> u64| target.generators.iter().map(of).sum::<u64>();
    assert_eq!(
        of_parts(|part| part.accounting.scheduled),
        requests.scheduled
    );
    assert_eq!(of_parts(|part| part.accounting.ok), requests.ok);
}

#[test]
fn what_agents_cannot_drive_is_refused_before_anything_is_measured() {
    let nats = Nats::start(&[]);
    let _agent = nats.agent(&["--name", "load-1", "--cpus", "0"]);
    let url = nats.url();
    let refused = |args: &[&str]| {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("run");
        let mut command = bench(&["run", "--quick", "--nats", &url]);
        command
            .arg("--out")
            .arg(&out)
            .args(args)
            .stdin(Stdio::null());
        let output = end(command.spawn().unwrap());
        assert_eq!(
            output.status.code(),
            Some(2),
            "{args:?}: {}",
            stderr(&output)
        );
        assert!(!Path::new(&out).join("run.json").exists());
        stderr(&output)
    };
    let few = refused(&["ping", "-t", "callback", "--generators", "2"]);
    assert!(
        few.contains("load-1") && few.contains("bench agent"),
        "{few}"
    );
    let chat = refused(&["chat", "-t", "callback", "--generators", "1", "--probe"]);
    assert!(chat.contains("chat"), "{chat}");
    let connections = refused(&["ping", "-t", "callback", "-c", "1", "--generators", "2"]);
    assert!(connections.contains("connection"), "{connections}");
    let nobody = refused(&["ping", "-t", "callback"]);
    assert!(nobody.contains("--generators N"), "{nobody}");
    let nowhere = end(bench(&["run", "ping", "--generators", "1"])
        .env_remove("BENCH_NATS")
        .spawn()
        .unwrap());
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(stderr(&nowhere).contains("--nats"), "{}", stderr(&nowhere));
}
