//! A scenario that asks for paths of the user's own: what is sent, what counts as right, and what is said of unlike answers.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and its server waits for connections"
)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::process::Output;
use std::sync::{Arc, Mutex};

use model::record::run::RunRecord;
use model::record::warning::Fact;

use crate::program::{bench, end};

const SCENARIO: &str = r#"description = "Made up for a test"
question = "Is it sent as it is written?"
connections = 2
[load]
arrival = "open"
rate_per_s = 100
[[requests]]
path = "/api/%2e/users/42?a=b|c"
method = "PATCH"
headers = ["Host: api.example.test", "X-Two: 1", "X-Two: é"]
body = "{}"
expect_status = [200, 404]
"#;

/// A server whose every answer has this status and so many bytes, each one byte more than the one before.
struct Server {
    url: String,
    /// All requests, head and body.
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(status: u16, bytes: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let requests = Arc::clone(&seen);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let requests = Arc::clone(&requests);
                std::thread::spawn(move || answer(connection, status, bytes, &requests));
            }
        });
        Self { url, seen }
    }
}

fn answer(mut connection: TcpStream, status: u16, bytes: usize, seen: &Mutex<Vec<String>>) {
    let mut buffer = [0; 4096];
    // Every request here comes whole, in one segment.
    while let Ok(length @ 1..) = connection.read(&mut buffer) {
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        let bytes = {
            let mut seen = seen.lock().unwrap();
            seen.push(text);
            bytes + seen.len()
        };
        let body = "x".repeat(bytes);
        let reply = format!("HTTP/1.1 {status} Some\r\nContent-Length: {bytes}\r\n\r\n{body}");
        if connection.write_all(reply.as_bytes()).is_err() {
            return;
        }
    }
}

/// Runs the scenario against servers that are there.
fn run(servers: &[(&str, &Server)]) -> (Output, RunRecord) {
    let dir = tempfile::tempdir().unwrap();
    let scenario = dir.path().join("own.toml");
    std::fs::write(&scenario, SCENARIO).unwrap();
    let out = dir.path().join("run");
    let mut command = bench(&["run", "-d", "4s", "--rounds", "2", "-w", "100ms"]);
    command.arg("--scenario").arg(&scenario);
    command.arg("--out").arg(&out);
    for (name, server) in servers {
        command.arg("--url").arg(format!("{name}={}", server.url));
    }
    let output = end(command.spawn().unwrap());
    let text = std::fs::read_to_string(out.join("run.json")).unwrap();
    (output, RunRecord::from_json(&text, "run.json").unwrap())
}

#[test]
fn a_request_of_ones_own_is_sent_as_it_is_written() {
    let server = Server::start(404, 10);
    let (_, record) = run(&[("own", &server)]);
    let target = &record.targets[0];
    assert_eq!(target.failure, None);
    let requests = &target.report.requests;
    assert!(requests.ok > 0 && requests.error == 0, "{requests:?}");
    let seen = server.seen.lock().unwrap();
    let expected = "PATCH /api/%2e/users/42?a=b|c HTTP/1.1\r\nHost: api.example.test\r\nX-Two: 1\r\nX-Two: é\r\n\
                    Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    let sent = seen.iter().filter(|text| *text == expected).count() as u64;
    assert!(
        sent >= requests.ok,
        "{sent} of {}: {:#?}",
        requests.ok,
        seen.first()
    );
}

#[test]
fn unlike_answers_are_named_and_a_wrong_status_fails_the_target() {
    let (short, long, wrong) = (
        Server::start(200, 10),
        Server::start(200, 5_000),
        Server::start(500, 10),
    );
    let (output, record) = run(&[("short", &short), ("long", &long), ("wrong", &wrong)]);
    let [short, long, wrong] = record.targets.as_slice() else {
        panic!("three targets were asked for");
    };
    assert_eq!((&short.failure, &long.failure), (&None, &None));
    let failure = wrong.failure.as_ref().unwrap();
    assert!(
        failure
            .what
            .contains("must be answered with status 200 or 404, not 500"),
        "{failure:?}"
    );
    // Once, although both are asked again in the second round and answer with other lengths.
    let warnings = long.report.validity.warnings.iter();
    let differs: Vec<&str> = warnings
        .filter_map(|warning| match &warning.fact {
            Fact::AnswersDiffer { base, .. } => Some(base.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(differs, ["short"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("they may not do the same work"), "{text}");
}

const SESSION: &str = r#"description = "Made up for a test"
question = "Does each step use what the one before it took?"
connections = 3
[load]
arrival = "open"
rate_per_s = 100
[[requests]]
path = "/login"
method = "POST"
body_lines = "users.txt"
headers = ["X-Number: {seq}"]
take = { token = "/session/token" }
expect_body = { json = { "/session/kind" = "short" } }
[[requests]]
follows = true
path = "/me/{token}"
headers = ["X-Die: {random:1-6}"]
take = { place = "X-Place" }
expect_body = { bytes = 2 }
[[requests]]
follows = true
path = "/logout{place}"
expect_body = { equal = true }
"#;

/// What a server answers that knows who has logged in by its own tokens; nothing right to those that it didn't give out.
fn answer_in_session(request: &str) -> String {
    let path = request.split(' ').nth(1).unwrap();
    let (body, number) = match path.split_at(path.rfind('/').unwrap()) {
        ("", "/login") => {
            let user = request.lines().last().unwrap();
            let number = request.split("X-Number: ").nth(1).unwrap();
            let number: u32 = number.lines().next().unwrap().parse().unwrap();
            assert!(number > 0 && ["ada", "bob"].contains(&user), "{request}");
            let token = format!("{user}-{number}");
            return with_length(
                &format!("{{\"session\":{{\"kind\":\"short\",\"token\":\"{token}\"}}}}"),
                "",
            );
        }
        ("/me", token) => ("me", token.rsplit_once('-')),
        ("/logout", place) => ("bye", place.rsplit_once('-')),
        _ => ("?", None),
    };
    match number.and_then(|(_, number)| number.parse::<u32>().ok()) {
        Some(number) if body == "me" => {
            // What was taken stays known over the next connection.
            let fields = format!("X-Place: /at-{number}\r\nConnection: close\r\n");
            with_length(body, &fields)
        }
        Some(_) => with_length(body, ""),
        None => "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n".to_owned(),
    }
}

fn with_length(body: &str, fields: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\n{fields}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The handshakes of idle connections would never come, and what a server spends on waiting for them is not what was asked.
#[test]
fn idle_connections_to_a_server_behind_tls_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let idle = SCENARIO.replace(
        "connections = 2\n",
        "connections = 2\nidle_connections = 10\n",
    );
    std::fs::write(dir.path().join("own.toml"), idle).unwrap();
    let mut command = bench(&["run", "own.toml", "--url", "mine=https://127.0.0.1:1", "-k"]);
    command.current_dir(dir.path());
    let output = end(command.spawn().unwrap());
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("mine speaks TLS") && text.contains("`idle_connections`"),
        "{text}"
    );
}

#[test]
fn a_session_uses_what_it_took_over_a_unix_socket_below_a_base_path() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s");
    let listener = UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(length @ 1..) = connection.read(&mut buffer) {
                    let text = String::from_utf8_lossy(&buffer[..length]).replace(" /base/", " /");
                    let reply = answer_in_session(&text);
                    if connection.write_all(reply.as_bytes()).is_err() || reply.contains("close") {
                        return;
                    }
                }
            });
        }
    });
    std::fs::write(dir.path().join("session.toml"), SESSION).unwrap();
    std::fs::write(dir.path().join("users.txt"), "ada\r\nbob\n").unwrap();
    let path = socket.display().to_string().replace('/', "%2F");
    let mut command = bench(&[
        "run",
        "session.toml",
        "--out",
        "run",
        "-d",
        "4s",
        "-w",
        "100ms",
    ]);
    command.current_dir(dir.path());
    command.args(["--url", &format!("own=http+unix://{path}/base")]);
    let output = end(command.spawn().unwrap());
    let printed = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let text = std::fs::read_to_string(dir.path().join("run/run.json")).expect(&printed);
    let record = RunRecord::from_json(&text, "run.json").unwrap();
    let target = &record.targets[0];
    assert_eq!(target.failure, None, "{printed}");
    let requests = &target.report.requests;
    assert!(
        requests.ok > 50 && requests.error == 0,
        "{:?}",
        target.report.errors
    );
    // Every step was sent, and about as often.
    let kinds: Vec<u64> = target
        .report
        .by_request
        .iter()
        .map(|kind| kind.requests.ok)
        .collect();
    assert!(
        kinds.len() == 3 && kinds.iter().all(|&ok| ok > 5),
        "{kinds:?}"
    );
    // Its process is this one.
    assert!(target.server.rss_bytes_max.is_some(), "{printed}");
}

#[test]
fn a_file_is_replayed_once_in_its_order() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(200, 10);
    let load = |text: &str, options: &[&str]| {
        std::fs::write(dir.path().join("log"), text).unwrap();
        let base = format!("{}/base", server.url);
        let mut command = bench(&["load", &base, "--replay", "log", "-c", "1", "--json"]);
        command.args(options).current_dir(dir.path());
        let output = end(command.spawn().unwrap());
        let seen: Vec<String> = std::mem::take(&mut *server.seen.lock().unwrap());
        let lines = seen
            .iter()
            .map(|text| text.lines().next().unwrap().to_owned());
        (lines.collect::<Vec<_>>(), output)
    };
    let log = "h - - [10/Oct/2000:13:55:38 +0000] \"PUT /2 HTTP/1.1\" 200 2\n\
               h - - [10/Oct/2000:13:55:36 +0000] \"GET /1?a HTTP/1.1\" 200 2\n";
    let (seen, output) = load(log, &["--speed", "1000"]);
    assert_eq!(
        seen,
        ["GET /base/1?a HTTP/1.1", "PUT /base/2 HTTP/1.1"],
        "{output:?}"
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains("\"replay\""));
    let (seen, _) = load("GET /a\nGET /b\n", &["-n", "3"]);
    let expected = ["/base/a", "/base/b", "/base/a"].map(|path| format!("GET {path} HTTP/1.1"));
    assert_eq!(seen, expected);
    for (text, options, what) in [
        ("GET /a\nGET b\n", &[][..], "log:2: `b` is not a path"),
        ("GET /a\n", &["--speed", "2"][..], "--speed means nothing"),
    ] {
        let (seen, output) = load(text, options);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(seen.is_empty() && text.contains(what), "{text}");
        assert_eq!(output.status.code(), Some(2), "{text}");
    }
}

#[test]
fn an_slo_of_a_load_decides_its_exit_code_and_its_distribution_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(200, 10);
    for (slo, code, verdict) in [
        ("p50=10s", 0, "SLO p50 ≤ 10.0 s: met ("),
        ("p50=1ns", 99, "SLO p50 ≤ 1.00 ns: missed ("),
        (
            "p99.9=10s",
            99,
            "SLO p99.9 ≤ 10.0 s: unknown: too few requests",
        ),
    ] {
        let mut command = bench(&["load", &server.url, "-n", "200", "-c", "2", "--slo", slo]);
        command
            .args(["--hdr", "times.hgrm"])
            .current_dir(dir.path());
        let output = end(command.spawn().unwrap());
        assert_eq!(output.status.code(), Some(code), "{slo}");
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(printed.contains(verdict), "{printed}");
        let table = std::fs::read_to_string(dir.path().join("times.hgrm")).unwrap();
        assert!(table.contains("Total count    =          200]"), "{table}");
        assert!(
            table.ends_with("#[Time    = response time, in ms]\n"),
            "{table}"
        );
    }
    for option in ["--hdr", "--html"] {
        let mut command = bench(&["load", &server.url, "-n", "2", option, "no/such/place"]);
        let output = end(command.current_dir(dir.path()).spawn().unwrap());
        assert_eq!(output.status.code(), Some(2), "{option}");
        let printed = String::from_utf8_lossy(&output.stderr);
        assert!(printed.contains("cannot write no/such/place"), "{printed}");
    }
}

#[test]
fn a_load_has_a_page_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(404, 10);
    let url = server.url.replace("http://", "http://me:secret@");
    let mut command = bench(&[
        "load",
        &url,
        "-n",
        "200",
        "-c",
        "2",
        "--expect-status",
        "404",
    ]);
    command.args(["--slo", "p50=10s", "--html", "load.html"]);
    let output = end(command.current_dir(dir.path()).spawn().unwrap());
    assert_eq!(output.status.code(), Some(0));
    let page = std::fs::read_to_string(dir.path().join("load.html")).unwrap();
    for part in [
        "<h1>",
        " on 2 connections</h1>",
        "<span>404</span> <strong>200</strong>",
        "<span>succeeded</span> <strong>200</strong>",
        "SLO p50 ≤ 10.0 s: met (",
        "data-chart=\"latency-by-percentile\"",
        "data-chart=\"latency-histogram\"",
        "download=\"load.json.gz\"",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("secret"));
}
