//! Runs end in order however they end: nothing is left running, and what was measured is kept.
//!
//! These tests run the real program with real servers. They assert on outcomes, never on times; every wait is bounded
//! and ends on an event.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a helper of a test may fail it, and waits for other processes"
)]

use std::ffi::OsString;
use std::io::{BufRead, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use model::measured::loops::LoopRecord;
use model::record::log::Log;
use model::record::run::{Completion, RunRecord};
use model::record::warning::Fact;
use procfs::process::Process;
use rustix::process::{Pid, Signal, kill_process};

use crate::program::{bench, end, signal, wait_for};

/// A run of `scenario` into `out`, long enough to be disturbed.
fn start_run(scenario: &str, out: &Path, duration: &str) -> Child {
    let out = out.to_str().unwrap();
    bench(&[
        "run",
        "--scenario",
        scenario,
        "-d",
        duration,
        "--rounds",
        "1",
        "-w",
        "0s",
        "--out",
        out,
    ])
    .spawn()
    .unwrap()
}

/// All living processes that a `bench` has started, and that those have: each carries its process id in its environment.
fn started_by(parent: u32) -> Vec<Process> {
    // A number for each program stands behind it.
    let (key, mark) = (OsString::from("BENCH_PARENT"), format!("{parent}."));
    let processes = procfs::process::all_processes().unwrap().flatten();
    processes
        .filter(|process| process.stat().is_ok_and(|stat| stat.state != 'Z'))
        .filter(|process| {
            let environ = process.environ();
            let own = environ.ok().and_then(|mut environ| environ.remove(&key));
            own.is_some_and(|own| own.to_string_lossy().starts_with(&mark))
        })
        .collect()
}

/// The servers that a run has started, by name. Their supervisors have no name here, and are counted where only the number
/// matters.
fn servers_of(parent: u32) -> Vec<(String, i32)> {
    started_by(parent)
        .into_iter()
        .filter_map(|process| {
            let words = process.cmdline().ok()?;
            let serve = words.iter().position(|word| word == "serve")?;
            let is_supervisor = words[1] != "serve";
            let name = words.get(serve + 1)?;
            let name = if is_supervisor {
                format!("supervisor of {name}")
            } else {
                name.clone()
            };
            Some((name, process.pid))
        })
        .collect()
}

/// Waits until both servers have used CPU time beyond their start, that is, until load is being driven.
fn wait_until_measuring(run: &Child) -> Vec<(String, i32)> {
    // The backend, where there is one, is started before the targets.
    let are_there = |servers: &Vec<(String, i32)>| {
        ["callback", "coroutine"]
            .iter()
            .all(|target| servers.iter().any(|(name, _)| name == target))
    };
    let servers = wait_for("the servers", || {
        Some(servers_of(run.id())).filter(are_there)
    });
    wait_for("load on the servers", || {
        let has_peers = |&(_, pid): &(String, i32)| {
            Process::new(pid)
                .and_then(|process| process.fd_count())
                .is_ok_and(|count| count > 20)
        };
        servers.iter().any(has_peers).then_some(())
    });
    servers
}

fn record(out: &Path) -> RunRecord {
    let path = out.join("run.json");
    RunRecord::from_json(&std::fs::read_to_string(&path).unwrap(), "run.json").unwrap()
}

fn scratch() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    (dir, out)
}

#[test]
fn a_run_writes_every_file_and_leaves_nothing_running() {
    let (_dir, out) = scratch();
    let run = start_run("io-heavy", &out, "4s");
    let id = run.id();
    let output = end(run);
    let record = record(&out);
    // A noisy machine may void the measurement, and then the exit code says so.
    let expected = if record.validity.is_valid() { 0 } else { 3 };
    assert_eq!(output.status.code(), Some(expected));
    assert_eq!(record.completion, Completion::Complete);
    assert!(servers_of(id).is_empty());
    for target in &record.targets {
        assert!(
            target.report.requests.balances() && target.report.requests.ok > 0,
            "{:?}",
            target.report.requests
        );
        assert_eq!(
            target.report.requests.error, 0,
            "{:?}",
            target.report.errors
        );
        assert!(target.server.cpu_us_per_request.is_some_and(|us| us > 0.0));
        assert!(target.server.rss_bytes_max.is_some_and(|bytes| bytes > 0));
        assert!(target.server.stats.is_some());
        let loops = target.server.loops.as_ref().unwrap();
        assert_eq!(loops.requests, target.report.requests.ok, "{}", target.name);
        assert!(loops.loop_lag_ns.is_some_and(|lag| lag.count > 0));
        let reported = target
            .epochs
            .iter()
            .map(|epoch| epoch.loops.as_ref().unwrap());
        let (turns, moves) = (loops.turns, loops.task_moves);
        let sum = |of: fn(&LoopRecord) -> Option<u64>| reported.clone().map(of).sum();
        match target.name.as_str() {
            "callback" => {
                assert_eq!((turns, moves), (sum(|loops| loops.turns), None));
                assert!(loops.blocked_ns.is_some_and(|hold| hold.count > 0));
            }
            _ => assert_eq!((turns, moves), (None, sum(|loops| loops.task_moves))),
        }
        for ending in ["hgrm", "hlog"] {
            assert!(out.join(format!("{}.{ending}", target.name)).is_file());
        }
    }
    assert!(record.backend.is_some_and(|backend| backend.calls > 0));
    for file in ["summary.csv", "intervals.csv", "report.html"] {
        assert!(out.join(file).is_file(), "{file}");
    }
    for chart in report::charts::Chart::ALL {
        for ending in ["svg", "png"] {
            assert!(
                out.join(format!("charts/{}.{ending}", chart.file_stem()))
                    .is_file()
            );
        }
    }
}

#[test]
fn killing_the_run_outright_leaves_no_server() {
    let (_dir, out) = scratch();
    let mut run = start_run("io-heavy", &out, "60s");
    wait_until_measuring(&run);
    let id = run.id();
    signal(id.cast_signed(), Signal::KILL);
    run.wait().unwrap();
    wait_for("the servers to end", || {
        servers_of(id).is_empty().then_some(())
    });
    assert!(
        !out.join("run.json").exists(),
        "a killed run leaves its steps and no half of a record"
    );
}

#[test]
fn a_server_that_is_killed_is_reported_and_the_other_one_measured() {
    let (_dir, out) = scratch();
    let run = start_run("ping", &out, "4s");
    let servers = wait_until_measuring(&run);
    let (_, victim) = servers
        .iter()
        .find(|(name, _)| name == "coroutine")
        .unwrap();
    signal(*victim, Signal::KILL);
    let id = run.id();
    let output = end(run);
    assert_eq!(output.status.code(), Some(5));
    let record = record(&out);
    assert_eq!(record.completion, Completion::TargetFailed);
    let [callback, coroutine] = record.targets.as_slice() else {
        panic!("two targets")
    };
    let failure = coroutine.failure.as_ref().unwrap();
    assert!(failure.what.contains("signal 9"), "{failure:?}");
    assert!(callback.failure.is_none() && callback.report.requests.ok > 0);
    assert!(servers_of(id).is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("coroutine failed"));
}

#[test]
fn a_backend_that_is_killed_voids_the_run_and_what_was_measured_is_kept() {
    let (_dir, out) = scratch();
    let run = start_run("io-heavy", &out, "4s");
    let servers = wait_until_measuring(&run);
    let (_, victim) = servers.iter().find(|(name, _)| name == "backend").unwrap();
    signal(*victim, Signal::KILL);
    let id = run.id();
    assert_eq!(end(run).status.code(), Some(5));
    let record = record(&out);
    let warnings = &record.validity.warnings;
    assert!(
        !record.validity.is_valid() && warnings[0].code() == "backend_failed",
        "{warnings:?}"
    );
    assert!(
        record
            .targets
            .iter()
            .all(|target| target.report.requests.balances())
    );
    assert!(servers_of(id).is_empty());
}

#[test]
fn an_interrupt_keeps_what_was_measured() {
    let (_dir, out) = scratch();
    let run = start_run("ping", &out, "60s");
    wait_until_measuring(&run);
    let id = run.id();
    signal(id.cast_signed(), Signal::INT);
    let output = end(run);
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(record(&out).completion, Completion::Interrupted);
    assert!(servers_of(id).is_empty());
}

#[test]
fn a_second_interrupt_ends_at_once() {
    let (_dir, out) = scratch();
    let run = start_run("ping", &out, "60s");
    wait_until_measuring(&run);
    let id = run.id();
    // The second may find the process gone already, which is as good.
    signal(id.cast_signed(), Signal::INT);
    let _ = kill_process(Pid::from_raw(id.cast_signed()).unwrap(), Signal::INT);
    assert_eq!(end(run).status.code(), Some(130));
    wait_for("the servers to end", || {
        servers_of(id).is_empty().then_some(())
    });
}

#[test]
fn a_port_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for name in [
        "callback",
        "callback-asyncio",
        "callback-cluster",
        "coroutine",
        "coroutine-single",
        "coroutine-asyncio",
        "coroutine-libuv",
        "backend",
    ] {
        let output = end(bench(&["serve", name, "--port", &port]).spawn().unwrap());
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(5), "{name}: {text}");
        assert!(
            text.contains(&port) && text.contains("--port"),
            "{name}: {text}"
        );
    }
}

#[test]
fn a_server_listens_at_the_address_that_it_is_given_and_not_on_127_0_0_1() {
    // All of 127.0.0.0/8 is this machine. A server that listens on 127.0.0.1 finds its port taken.
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = SocketAddr::from(([127, 0, 0, 2], other.local_addr().unwrap().port()));
    let dir = std::env::temp_dir();
    let place = ["--host", "127.0.0.2", "--port", &addr.port().to_string()].map(str::to_owned);
    for (server, path) in [
        ("callback", "/json"),
        ("callback-asyncio", "/json"),
        ("callback-cluster --workers 2", "/json"),
        ("coroutine", "/json"),
        ("coroutine-single", "/json"),
        ("coroutine-asyncio", "/json"),
        ("coroutine-libuv", "/json"),
        ("axum", "/json"),
        ("hyper", "/json"),
        ("backend", "/call/1?ms=0"),
        ("truth --behaviour fixed:delay=1ms", "/"),
    ] {
        let words = ["serve"].into_iter().chain(server.split(' '));
        let args: Vec<&str> = words.chain(place.iter().map(String::as_str)).collect();
        let mut child = bench(&[&args[..], &["--data-dir", dir.to_str().unwrap()]].concat())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, format!("listening on {addr}\n"), "{server}");
        let mut reply = String::new();
        let mut stream = std::io::BufReader::new(TcpStream::connect(addr).unwrap());
        let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
        stream.get_mut().write_all(request.as_bytes()).unwrap();
        stream.read_line(&mut reply).unwrap();
        drop(stream);
        assert_eq!(reply, "HTTP/1.1 200 OK\r\n", "{server}");
        signal(child.id().cast_signed(), Signal::TERM);
        assert_eq!(end(child).status.code(), Some(0), "{server}");
    }
}

#[test]
fn a_target_that_is_not_there_fails_and_the_other_one_is_measured() {
    let (_dir, out) = scratch();
    let unused = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("nobody=http://{unused}");
    let args = [
        "run",
        "--scenario",
        "ping",
        "-d",
        "4s",
        "--rounds",
        "1",
        "--target",
        "callback",
        "--url",
        &url,
        "--out",
        out.to_str().unwrap(),
    ];
    let output = end(bench(&args).spawn().unwrap());
    assert_eq!(output.status.code(), Some(5));
    let record = record(&out);
    assert!(record.targets[1].failure.is_some() && record.targets[0].report.requests.ok > 0);
}

#[test]
fn load_prints_the_agreed_json() {
    let mut server = bench(&[
        "serve",
        "coroutine-single",
        "--port",
        "0",
        "--data-dir",
        std::env::temp_dir().to_str().unwrap(),
    ])
    .spawn()
    .unwrap();
    let mut line = String::new();
    let mut stdout = std::io::BufReader::new(server.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut stdout, &mut line).unwrap();
    let addr = line
        .trim()
        .strip_prefix("listening on ")
        .unwrap()
        .to_owned();
    let output = end(bench(&[
        "load",
        &format!("http://{addr}/json"),
        "-n",
        "500",
        "-c",
        "10",
        "--json",
    ])
    .spawn()
    .unwrap());
    signal(server.id().cast_signed(), Signal::TERM);
    assert!(
        server.wait().unwrap().success(),
        "a server asked to end ends in order"
    );
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["schema_version"], 2);
    assert_eq!(json["load"]["arrival"], "closed");
    assert_eq!(
        (&json["requests"]["scheduled"], &json["requests"]["ok"]),
        (&500.into(), &500.into())
    );
    for key in [
        "errors",
        "throughput_per_s",
        "times_ns",
        "generator",
        "validity",
    ] {
        assert!(!json[key].is_null(), "{key}");
    }
    assert!(
        json["times_ns"]["response_time"]["p99_99"].is_null(),
        "500 samples carry no p99.99"
    );
}

#[test]
fn idle_connections_are_held_while_a_run_lasts_and_reported_in_its_record() {
    let (dir, out) = scratch();
    let scenario = dir.path().join("quiet.toml");
    let source = "description = \"Mostly silence\"\nquestion = \"Is it there?\"\nconnections = 4\nidle_connections = 300\n\
                  [load]\narrival = \"open\"\nrate_per_s = 200\n[[requests]]\nroute = \"/plaintext\"\n";
    std::fs::write(&scenario, source).unwrap();
    let run = start_run(scenario.to_str().unwrap(), &out, "4s");
    let id = run.id();
    end(run);
    assert!(servers_of(id).is_empty());
    let record = record(&out);
    assert_eq!(record.completion, Completion::Complete);
    for target in &record.targets {
        let (load, counts) = (&target.report.load, &target.report.connections);
        assert_eq!(
            (load.idle_connections, counts.idle, counts.idle_lost),
            (300, 300, 0),
            "{}",
            target.name
        );
        assert_eq!(target.report.requests.failed(), 0);
        // Small beside what a target has already, and never more than sixteen pages each.
        let bytes = target.server.rss_bytes_per_idle_connection.unwrap();
        assert!((0.0..65_536.0).contains(&bytes), "{}: {bytes}", target.name);
    }
}

/// Most that is shown of what a program printed: twenty lines of a KiB each, and the words around them.
const MAX_SHOWN_BYTES: usize = 24 * 1024;

/// A manifest of `targets/fake.py` that misbehaves so; `more` are further lines of it.
fn fake(dir: &Path, behaviours: &[&str], more: &str) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/targets/fake.py");
    let args = [&[script, "{port}"], behaviours].concat().join("', '");
    let source = format!(
        "description = 'a server of the tests'\nruntime = 'fake'\nloop = 'a thread a connection'\n\
         command = 'python3'\nargs = ['{args}']\n{more}\n"
    );
    let path = dir.join("fake.toml");
    std::fs::write(&path, source).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A fake that does not become a server: `bench check` says why, and nothing of it is left. Returns what it printed.
fn check_start(behaviours: &[&str], more: &str, words: &[&str]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let check = bench(&["check", &fake(dir.path(), behaviours, more)])
        .spawn()
        .unwrap();
    let id = check.id();
    let output = end(check);
    let left = started_by(id);
    assert!(left.is_empty(), "{behaviours:?}: {left:?}");
    assert_eq!(output.status.code(), Some(5), "{behaviours:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    for word in words {
        assert!(printed.contains(word), "{behaviours:?}: {word}:\n{printed}");
    }
    printed
}

/// A fake that is measured beside a server of ours: nothing of it is left, and the other one has been measured. Returns why
/// the fake failed or did not end in order, if so. It gets few requests on few connections, so that it has time to misbehave.
fn check_run(behaviours: &[&str], more: &str) -> Option<String> {
    let (dir, out) = scratch();
    let fake = format!("fake={}", fake(dir.path(), behaviours, more));
    let run = bench(&[
        "run",
        "--scenario",
        "ping",
        "-R",
        "500",
        "-c",
        "8",
        "-d",
        "4s",
        "--rounds",
        "1",
        "-w",
        "0s",
        "--target",
        "callback",
        "--target",
        &fake,
        "--out",
        out.to_str().unwrap(),
    ])
    .spawn()
    .unwrap();
    let id = run.id();
    let output = end(run);
    let left = started_by(id);
    assert!(left.is_empty(), "{behaviours:?}: {left:?}");
    let record = record(&out);
    let [callback, fake] = record.targets.as_slice() else {
        panic!("two targets")
    };
    assert!(callback.failure.is_none() && callback.report.requests.ok > 0);
    assert_eq!(
        fake.failure.is_some(),
        output.status.code() == Some(5),
        "{behaviours:?}"
    );
    let mut warnings = fake.report.validity.warnings.iter();
    let untidy = warnings.find_map(|warning| match &warning.fact {
        Fact::EndedUntidily { how } => Some(how.clone()),
        _ => None,
    });
    let failed = fake.failure.as_ref().map(|failure| failure.what.clone());
    failed.or(untidy)
}

/// Checks every case at the same time: nothing is timed, and programs that wait leave one another room.
fn at_once<T: Sync>(cases: &[T], check: impl Fn(&T) + Sync) {
    std::thread::scope(|scope| {
        for case in cases {
            scope.spawn(|| check(case));
        }
    });
}

#[test]
fn a_target_that_does_not_get_ready_is_given_up_with_its_last_words() {
    let ended = "fake ended before it was ready (exit code 3";
    let late = "fake was not ready within 5 s";
    let patience = "ready_timeout = '5s'";
    let cases: [(&[&str], &str, &[&str]); 5] = [
        // It ends early.
        (&["early"], "", &[ended, "no configuration", "giving up"]),
        (
            &["family", "early"],
            "",
            &[ended, "no configuration", "giving up"],
        ),
        // It never gets ready.
        (
            &["family", "deaf", "never"],
            patience,
            &[late, "nobody listens on 127.0.0.1:", "thinking"],
        ),
        // It refuses to say that it is.
        (
            &["broken"],
            patience,
            &[late, "/plaintext was answered 500 instead of 2xx"],
        ),
        // It becomes a daemon.
        (
            &["daemon"],
            "",
            &[
                "fake ended before it was ready (exit code 0",
                "stay in the foreground",
            ],
        ),
    ];
    at_once(&cases, |(behaviours, more, words)| {
        check_start(behaviours, more, words);
    });
}

#[test]
fn of_what_a_loud_target_prints_the_last_is_shown() {
    at_once(&[["loud", "early"], ["endless", "early"]], |behaviours| {
        let printed = check_start(behaviours, "", &["(exit code 3"]);
        assert!(
            printed.len() <= MAX_SHOWN_BYTES,
            "{behaviours:?}: {} bytes",
            printed.len()
        );
        // The two streams are read side by side, so that the last words of one may be pushed out by the other's.
        assert!(
            printed.contains("no configuration") || printed.contains("giving up"),
            "{printed}"
        );
    });
}

#[test]
fn a_target_that_misbehaves_while_it_is_measured_is_reported_of_and_one_that_only_is_loud_is_not() {
    let cases: [(&[&str], &str, Option<&str>); 5] = [
        // It floods its output, and is measured.
        (&["loud", "endless"], "", None),
        // It says nothing of signals, and ends in order by the one that it is sent.
        (&["plain"], "", None),
        // What it leaves behind is killed and named.
        (
            &["family"],
            "",
            Some("exit code 0; it left processes behind, which were killed: python"),
        ),
        // It does not end when it is asked to.
        (
            &["family", "deaf"],
            "stop_timeout = '1s'",
            Some("it did not end within 1 s of SIGTERM and was killed"),
        ),
        // It ends while it is measured.
        (&["family", "quits"], "", Some("exit code 7")),
    ];
    at_once(&cases, |(behaviours, more, expected)| {
        let why = check_run(behaviours, more);
        match (&why, expected) {
            (Some(why), Some(part)) => assert!(why.contains(part), "{behaviours:?}: {why}"),
            (why, expected) => assert_eq!(why.as_deref(), *expected, "{behaviours:?}"),
        }
    });
}

#[test]
fn killing_bench_outright_leaves_nothing_of_a_family() {
    let (dir, out) = scratch();
    let fake = fake(dir.path(), &["family", "deaf"], "");
    let fake = fake.as_str();
    let out = out.to_str().unwrap();
    let is_of_family = |process: &Process| {
        let script = process
            .cmdline()
            .ok()
            .and_then(|words| words.get(1).cloned());
        script.is_some_and(|script| script.ends_with("fake.py"))
    };
    let ways = [
        &["check", fake][..],
        &[
            "run",
            "--scenario",
            "ping",
            "-d",
            "60s",
            "--rounds",
            "1",
            "--target",
            fake,
            "--target",
            "callback",
            "--out",
            out,
        ],
    ];
    at_once(&ways, |args| {
        let mut bench = bench(args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let id = bench.id();
        wait_for("the family", || {
            let started = started_by(id);
            (started.iter().filter(|one| is_of_family(one)).count() >= 3).then_some(())
        });
        signal(id.cast_signed(), Signal::KILL);
        bench.wait().unwrap();
        wait_for("all of it to end", || {
            started_by(id).is_empty().then_some(())
        });
    });
}

/// A program that a shell runs, in this directory.
fn stand_in(dir: &Path, name: &str, script: &str) {
    let path = dir.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
}

#[test]
fn packages_that_are_set_up_first_are_no_part_of_the_time_that_a_run_takes() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().display();
    stand_in(dir.path(), "node", "echo v24.0.0");
    // As an installation that takes its time, and leaves when it was done.
    stand_in(
        dir.path(),
        "npm",
        &format!("sleep 2; date +%s.%N > {place}/installed"),
    );
    let manifest = r#"
        description = "a server of ours that wants packages"
        command = "{bench}"
        args = ["serve", "callback", "--port", "{port}", "--data-dir", "{data_dir}", "--pool", "{pool}"]
        needs = "node@path"
        runtime = "Node.js"
        loop = "libuv"
        workers = 1
        version = ["{bench}", "--version"]
    "#;
    std::fs::write(dir.path().join("mine.toml"), manifest).unwrap();
    let words = "run ping --quick -d 4s --rounds 1 -w 0s -t ./mine.toml --out run";
    let mut command = bench(&words.split(' ').collect::<Vec<_>>());
    command
        .current_dir(dir.path())
        .env("BENCH_NODE", dir.path().join("node"))
        .env("XDG_CACHE_HOME", dir.path().join("cache"));
    let output = end(command.spawn().unwrap());
    assert!(matches!(output.status.code(), Some(0 | 3)), "{output:?}");
    let installed: f64 = std::fs::read_to_string(dir.path().join("installed"))
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let log = std::fs::read(dir.path().join("run/steps.ndjson")).unwrap();
    let site = Log::read(&log, "steps.ndjson").unwrap().site.unwrap();
    // Of the moment that the time axis begins at, whole milliseconds are kept.
    assert!(site.started_epoch_s + 0.001 >= installed);
    let path = dir.path().join("run/run.json");
    let written = std::fs::metadata(&path).unwrap().modified().unwrap();
    let written = written.duration_since(std::time::UNIX_EPOCH).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let record = RunRecord::from_json(&text, "run.json").unwrap();
    let end_s = site.started_epoch_s + record.elapsed_s;
    assert!(
        end_s <= written.as_secs_f64(),
        "the set-up counts as measuring"
    );
}
