//! What happens in the field: `bench load` against servers that answer oddly, and what it says of them.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a helper of a test may fail it, and servers of a test use sockets"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

/// `raw.py` in one of its modes.
struct Raw {
    child: Child,
    url: String,
}

impl Raw {
    fn start(mode: &str) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/field/raw.py");
        let mut child = Command::new("python3")
            .args([script, mode, "0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut printed = BufReader::new(child.stdout.take().unwrap());
        printed.read_line(&mut line).unwrap();
        let port = line
            .split(", ")
            .nth(1)
            .and_then(|rest| rest.split(')').next())
            .unwrap_or_else(|| panic!("{line}"));
        let url = format!("http://127.0.0.1:{port}/");
        Self { child, url }
    }

    /// The exit code of a load on it, and what that printed, lines joined.
    fn load(&self, args: &[&str]) -> (i32, String) {
        load(&self.url, args)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn load(url: &str, args: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(["load", url])
        .args(args)
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let printed = [output.stdout, output.stderr].concat();
    let words = String::from_utf8(printed).unwrap();
    let words: Vec<&str> = words.split_whitespace().collect();
    (output.status.code().unwrap(), words.join(" "))
}

/// Loads a server in a mode: the exit code, all of these parts, and none of those.
fn check(mode: &str, args: &[&str], code: i32, parts: &[&str], absent: &[&str]) {
    let (ended, printed) = Raw::start(mode).load(args);
    assert_eq!(ended, code, "{mode}: {printed}");
    for part in parts {
        assert!(printed.contains(part), "{mode} says {part}: {printed}");
    }
    for part in absent {
        assert!(!printed.contains(part), "{mode} says no {part}: {printed}");
    }
}

#[test]
fn most_requests_failed_and_their_statuses_are_named() {
    let raw = Raw::start("mixedstatus");
    let (code, printed) = raw.load(&["-n", "200", "-c", "1"]);
    assert_eq!(code, 5, "{printed}");
    let statuses = "50 with status 404, 50 with status 429 and 50 with status 503";
    for part in [
        "150 of 200".to_owned(),
        format!("150 of 200: {statuses}"),
        format!("Replies 50 with status 200, {statuses}"),
        "INVALID".to_owned(),
    ] {
        assert!(printed.contains(&part), "{part}: {printed}");
    }
    let (_, json) = raw.load(&["-n", "200", "-c", "1", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let wrong = serde_json::json!({"404": 50, "429": 50, "503": 50});
    assert_eq!(json["errors"]["statuses"], wrong);
    assert_eq!(json["statuses"]["200"], 50);
    assert_eq!(json["validity"]["verdict"], "invalid");
}

#[test]
fn redirects_that_count_as_ok_are_named_unless_they_are_meant() {
    let named = "redirect elsewhere counted as a success: 20 of 20 replies, 20 with status 302";
    check(
        "redirect",
        &["-n", "20", "-c", "2"],
        0,
        &[named, "--expect-status"],
        &[],
    );
    let meant = ["-n", "20", "-c", "2", "--expect-status", "302"];
    check("redirect", &meant, 0, &["20 ok"], &["redirect elsewhere"]);
}

#[test]
fn why_a_reply_is_malformed_is_said_and_nobody_is_blamed_for_the_connections() {
    for (mode, method, why) in [
        ("lf", "GET", "a line ends in LF without CR"),
        ("dupcl", "GET", "Content-Length"),
        ("tecl", "GET", "Content-Length"),
        ("chunk10", "GET", "HTTP/1.0"),
        ("spacecolon", "GET", "a field name is not a token"),
        ("s204body", "GET", "bytes came after its end"),
        ("headbody", "HEAD", "bytes came after its end"),
    ] {
        let args = ["-n", "5", "-c", "1", "-X", method];
        let malformed = "5 of 5: 5 with a malformed reply: ";
        check(
            mode,
            &args,
            5,
            &[malformed, why],
            &["connections: ", " lost"],
        );
    }
}

#[test]
fn long_heads_and_many_interim_replies_are_legal() {
    for mode in ["bighead", "processing"] {
        check(mode, &["-n", "5", "-c", "1"], 0, &["5 ok"], &["failed"]);
    }
}

#[test]
fn connections_that_end_as_announced_are_no_fault() {
    for mode in ["http10", "untilclose", "every3"] {
        let absent = ["connections: ", " lost", "descriptors"];
        check(
            mode,
            &["-n", "20", "-c", "2"],
            0,
            &["20 ok", "closed as announced"],
            &absent,
        );
    }
}

#[test]
fn a_connection_that_bench_closed_after_a_time_out_is_no_fault_of_the_server() {
    let args = ["-n", "2", "-c", "2", "--timeout", "100ms"];
    let parts = ["2 timed out", "2 closed by bench", "raise --timeout"];
    check("slow3", &args, 5, &parts, &["connections: ", " lost"]);
}

#[test]
fn a_reply_before_the_body_is_sent_is_right_and_its_connection_is_not_used_again() {
    let body = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(body.path(), vec![b'x'; 6_000_000]).unwrap();
    let body = format!("@{}", body.path().display());
    let args = ["-X", "POST", "-D", &body, "-c", "1", "-n", "4"];
    check("early", &args, 0, &["4 ok"], &["failed", " lost"]);
}

/// Serves one connection after the other: as long as one is open the others wait.
fn one_at_a_time() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            while let Ok(1..) = socket.read(&mut [0; 4096]) {
                let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                if socket.write_all(reply).is_err() {
                    break;
                }
            }
        }
    });
    addr
}

#[test]
fn a_server_that_serves_one_connection_at_a_time_is_named_with_what_helps() {
    let url = format!("http://{}/", one_at_a_time());
    let (_, printed) = load(&url, &["-n", "100", "-c", "3", "--timeout", "300ms"]);
    assert!(
        printed.contains("only 1 of 3 connections were served"),
        "{printed}"
    );
    assert!(printed.contains("measure with -c 1"), "{printed}");
    assert!(!printed.contains("raise -c"), "{printed}");
}

#[test]
fn no_time_is_refused_with_what_to_write() {
    for (args, part) in [(["-d", "0s"], "1ms"), (["--timeout", "0"], "1h")] {
        let (code, printed) = load("http://127.0.0.1:1/", &args);
        assert_eq!(code, 2, "{printed}");
        assert!(printed.contains(part), "{printed}");
    }
}

#[test]
fn a_measurement_without_a_request_is_not_valid() {
    let args = [
        "-R",
        "0.02",
        "--arrival",
        "poisson",
        "-d",
        "100ms",
        "-c",
        "1",
    ];
    check("plain", &args, 3, &["no request was scheduled"], &[]);
}
