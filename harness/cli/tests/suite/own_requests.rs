//! A scenario that asks for paths of the user's own: what is sent, what counts as right, and what is said of unlike answers.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and its server waits for connections"
)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
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
