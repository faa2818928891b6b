//! `bench check` as its users run it: against the servers that it brings along, and against some that are wrong.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a helper of a test may fail it, and starts other processes"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_send_buffer_size};

use crate::program;

/// The groups of cases, in their order, but for the one that is asked only of servers that are started here.
const GROUPS: [&str; 13] = [
    "routes",
    "HEAD",
    "errors",
    "keep-alive",
    "pipelining",
    "fragmented",
    "bodies",
    "limits",
    "hostile",
    "orders",
    "events",
    "chat",
    "concurrency",
];

/// One of each kind; `scripts/test` checks every target, with Node.js' and Python's among them.
#[test]
fn servers_that_it_brings_along_pass() {
    let targets = ["callback-cluster", "again=coroutine"];
    let (exit, printed) = check(&targets);
    assert_eq!(exit, 0, "{printed}");
    for target in targets {
        let (alias, _) = target.split_once('=').unwrap_or((target, target));
        assert_eq!(failed_cases(&printed, alias), [""; 0], "{printed}");
        for group in GROUPS.into_iter().chain(["stop"]) {
            let of_group =
                part(&printed, alias).filter(|line| line.contains(&format!(" {group:11} ")));
            assert_eq!(of_group.count(), 1, "{alias} {group}:\n{printed}");
        }
    }
}

#[test]
fn one_wrong_byte_in_one_reply_is_found_and_named() {
    let cache = tempfile::tempdir().unwrap();
    let (mut server, addr) = serve("coroutine", cache.path());
    // The digest of 64 KiB, which nothing but GET /hash/64 answers.
    let proxy = start(move |client| forward(client, addr, b"7daca2095d", b"8daca2095d"));
    let (exit, printed) = check(&["--url", &format!("forged=http://{proxy}")]);
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(exit, 5, "{printed}");
    let problems = failed_cases(&printed, "forged");
    assert_eq!(problems.len(), 1, "{printed}");
    assert!(
        printed.contains("  – stop        not asked of a server that runs already"),
        "{printed}"
    );
    assert!(
        problems[0].starts_with(
            "routes/GET /hash/64: the body is wrong: expected 64 bytes `7daca2095d0438"
        ),
        "{printed}"
    );
}

#[test]
fn a_server_that_answers_everything_alike_fails_in_every_group() {
    let addr = start(answer_everything_alike);
    let (exit, printed) = check(&["--url", &format!("alike=http://{addr}")]);
    assert_eq!(exit, 5, "{printed}");
    for group in GROUPS {
        let line = format!("  ✗ {group:11} ");
        assert!(
            printed.lines().any(|printed| printed.starts_with(&line)),
            "{group}:\n{printed}"
        );
    }
    for problem in [
        "routes/GET /json: the body is wrong: expected 27 bytes `{\"message\":\"Hello, World!\"}`, got 13 bytes `Hello, World!`",
        "routes/GET /plaintext: the reply has no Date",
        "errors/GET /nope: reply 1 of 2: expected 404, got 200 with 13 bytes `Hello, World!`",
        "errors/POST /json: expected 405, got 200 with",
        "hostile/a negative Content-Length: expected 400 or a closed connection; got 200 with",
    ] {
        assert!(
            printed.contains(&format!("✗ failed {problem}")),
            "{problem}\n{printed}"
        );
    }
}

#[test]
fn a_server_that_hangs_is_given_up_and_named() {
    // Connections are taken by the kernel, and nobody ever reads from them.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let (exit, printed) = check(&["--url", &format!("mute=http://{addr}")]);
    assert_eq!(exit, 5, "{printed}");
    assert!(
        printed.contains("✗ failed routes/GET /plaintext: no reply came within 5 s"),
        "{printed}"
    );
    assert!(
        printed.contains("left out, because 3 cases got no answer in time"),
        "{printed}"
    );
    assert_eq!(failures(&printed, "mute"), Some(4), "{printed}");
}

#[test]
fn a_failed_target_does_not_keep_the_next_from_being_checked() {
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let cache = tempfile::tempdir().unwrap();
    let (mut server, addr) = serve("coroutine-single", cache.path());
    let (exit, printed) = check(&[
        "--url",
        &format!("nobody=http://{nobody}"),
        "--url",
        &format!("running=http://{addr}"),
    ]);
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(exit, 5, "{printed}");
    assert!(
        printed.contains("cannot connect to 127.0.0.1:"),
        "{printed}"
    );
    let problems = failed_cases(&printed, "running");
    assert_eq!(problems, [""; 0], "{printed}");
}

#[test]
fn every_case_is_listed_by_the_id_that_failures_name() {
    let cache = tempfile::tempdir().unwrap();
    let listed = bench("list", &cache, &["cases"]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let addr = start(answer_everything_alike);
    let (_, printed) = check(&["--url", &format!("alike=http://{addr}")]);
    let failed = printed
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("✗ failed "));
    let mut count = 0;
    for line in failed {
        let is_listed = listed
            .lines()
            .any(|id| line.starts_with(&format!("{}: ", id.trim())));
        assert!(is_listed, "{line}\n{listed}");
        count += 1;
    }
    assert!(count > 100, "{printed}");
}

/// Runs `bench check` and returns its exit code and what it printed.
fn check(args: &[&str]) -> (i32, String) {
    let cache = tempfile::tempdir().unwrap();
    let output = bench("check", &cache, args).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(errors, "", "nothing is said beside the results");
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
    )
}

fn bench(command: &str, cache: impl AsRef<Path>, args: &[&str]) -> Command {
    let mut bench = Command::new(program::path());
    bench
        .arg(command)
        .args(args)
        .env("NO_COLOR", "1")
        .env("XDG_CACHE_HOME", cache.as_ref())
        .stdin(Stdio::null());
    bench
}

/// What was printed of a target, but for its name and its sum.
fn part<'a>(printed: &'a str, target: &str) -> impl Iterator<Item = &'a str> {
    let begin = format!("{target} at http://");
    printed
        .lines()
        .skip_while(move |line| !line.starts_with(&begin))
        .skip(1)
        .take_while(|line| line.starts_with("  "))
}

/// The cases that failed for a target.
fn failed_cases<'a>(printed: &'a str, target: &str) -> Vec<&'a str> {
    assert!(part(printed, target).next().is_some(), "{printed}");
    part(printed, target)
        .filter_map(|line| line.strip_prefix("      ✗ failed "))
        .collect()
}

/// How many cases failed for a target, from the line that ends its part.
fn failures(printed: &str, target: &str) -> Option<usize> {
    let start = format!("{target}: ");
    let line = printed.lines().find_map(|line| line.strip_prefix(&start))?;
    let (_, failed) = line.strip_suffix(" failed")?.split_once(" passed, ")?;
    failed.parse().ok()
}

/// Starts a server of ours that runs on its own.
fn serve(name: &str, cache: &Path) -> (Child, SocketAddr) {
    let mut server = bench("serve", cache, &[name, "--port", "0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let addr = line.trim().strip_prefix("listening on ").unwrap();
    (server, addr.parse().unwrap())
}

/// Starts a server in this process that does `serve` with each connection, on a thread of its own.
fn start(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let serve = serve.clone();
            let client = client.unwrap();
            thread::spawn(move || serve(client));
        }
    });
    addr
}

/// Answers whatever comes, whenever something comes, as no server should: alike, and without a date.
fn answer_everything_alike(mut client: TcpStream) {
    const ANSWER: &[u8] =
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";
    let mut buffer = [0; 16 * 1024];
    while let Ok(1..) = client.read(&mut buffer) {
        if client.write_all(ANSWER).is_err() {
            return;
        }
    }
}

/// Bytes that a proxy's socket may hold in either direction.
const PROXY_SOCKET_BYTES: usize = 32 * 1024;

/// Hands everything on in both directions, but for one thing that the server never said.
fn forward(client: TcpStream, server: SocketAddr, said: &'static [u8], forged: &'static [u8]) {
    let server = TcpStream::connect(server).unwrap();
    // The kernel would let each of its sockets take megabytes, and the server would not notice that a client has stopped
    // reading.
    set_socket_recv_buffer_size(&server, PROXY_SOCKET_BYTES).unwrap();
    set_socket_send_buffer_size(&client, PROXY_SOCKET_BYTES).unwrap();
    let (from_client, to_client) = (client.try_clone().unwrap(), client);
    let (from_server, to_server) = (server.try_clone().unwrap(), server);
    let asking = thread::spawn(move || copy(from_client, to_server, <[u8]>::to_vec));
    copy(from_server, to_client, |bytes| {
        let mut bytes = bytes.to_vec();
        let place = bytes.windows(said.len()).position(|part| part == said);
        if let Some(at) = place {
            bytes[at..at + said.len()].copy_from_slice(forged);
        }
        bytes
    });
    asking.join().unwrap();
}

/// Copies until either side ends, and passes the end on.
fn copy(mut from: TcpStream, mut to: TcpStream, change: impl Fn(&[u8]) -> Vec<u8>) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if to.write_all(&change(&buffer[..length])).is_err() {
            break;
        }
    }
    // Both fail where that side is gone already.
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}
