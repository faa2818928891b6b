//! Running out of local ports. The system's range of them is narrowed to ten, which needs a network of the test's own: it
//! runs itself again in one. Where the system allows no such thing, that is said and nothing is proved.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a helper of a test may fail it; the environment tells the inner run from the outer, which says what it skips"
)]

use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroU32;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use load::{Control, DriveError, Expect, ExpectBody, Options, Request, Workload, backend, drive};
use model::measured::recording::Recording;
use model::spec::load::{Arrival, Connect, Load};

/// Local ports of the narrow network.
const PORTS: u32 = 10;

/// Set for the run inside. There, too, servers listen at ports outside the range.
const INSIDE: &str = "LOAD_TEST_HAS_TEN_PORTS";

#[test]
fn other_loopback_addresses_are_used_before_the_ports_of_one_run_out() {
    if std::env::var_os(INSIDE).is_some() {
        // Half of an address's ports, and then the next address: connections far beyond all ports of one.
        let (recording, _) = check("127.0.0.1:7001", 10 * PORTS, 0);
        let recording = recording.unwrap();
        assert_eq!(
            (recording.connections.opened, recording.accounting.ok),
            (100, 100)
        );

        // All ports of the first address are taken by others: the system says so, and the next one is used.
        let (recording, _) = check("127.0.0.1:7002", 3, PORTS);
        let recording = recording.unwrap();
        assert_eq!(
            (recording.connections.opened, recording.errors.connect),
            (3, 0)
        );

        // A connection a request, thirty times as many as an address has ports, in less time than one of them is let go.
        let (recording, _) = churn("127.0.0.1:7004", 30 * PORTS);
        let recording = recording.unwrap();
        assert_eq!(
            (recording.connections.opened, recording.accounting.ok),
            (300, 300),
            "{:?}",
            recording.errors
        );

        // IPv6 has one loopback address only.
        let (recording, addr) = check("[::1]:7003", PORTS + 1, 0);
        let error = recording.unwrap_err();
        assert!(
            matches!(error, DriveError::Connect { ref peer, .. } if *peer == addr.into()),
            "{error}"
        );
        assert!(error.to_string().contains("ip_local_port_range"), "{error}");
        return;
    }
    let in_a_network = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--net", "sh", "-c", script]);
        command
            .arg(std::env::current_exe().unwrap())
            .env(INSIDE, "1");
        command
    };
    let narrow = "ip link set lo up && echo '50000 50009' > /proc/sys/net/ipv4/ip_local_port_range";
    let can_narrow = in_a_network(narrow)
        .status()
        .is_ok_and(|status| status.success());
    if !can_narrow {
        // CI is set where a test that did not run must not pass for one that did.
        assert!(
            std::env::var_os("CI").is_none(),
            "this system allows no network of one's own: allow `unshare -rn` and install iproute2"
        );
        eprintln!("NOT RUN: this system allows no network of one's own (`unshare -rn`, `ip`)");
        return;
    }
    let output = in_a_network(&format!("{narrow} && exec \"$0\" --nocapture"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Drives a request over each of so many connections, at a server to which others hold connections already.
fn check(
    listen: &str,
    connections: u32,
    others: u32,
) -> (Result<Recording, DriveError>, SocketAddr) {
    let load = load(Connect::Once, connections, connections);
    drive_at(listen, &load, others)
}

/// Drives so many requests, each over a connection of its own.
fn churn(listen: &str, requests: u32) -> (Result<Recording, DriveError>, SocketAddr) {
    drive_at(listen, &load(Connect::PerRequest, 2, requests), 0)
}

fn load(connect: Connect, connections: u32, requests: u32) -> Load {
    Load {
        arrival: Arrival::Closed,
        connections: NonZeroU32::new(connections).unwrap(),
        connect,
        idle_connections: 0,
        warmup: Duration::ZERO,
        duration: Duration::from_secs(20),
        drain: Duration::from_secs(20),
        timeout: Duration::from_secs(10),
        request_limit: Some(u64::from(requests)),
        interval: Duration::from_secs(1),
        seed: 1,
        goodput: None,
    }
}

fn drive_at(listen: &str, load: &Load, others: u32) -> (Result<Recording, DriveError>, SocketAddr) {
    let listener = backend::bind(listen.parse().unwrap(), 1_024).unwrap();
    let addr = listener.local_addr().unwrap();
    let held: Vec<TcpStream> = (0..others)
        .map(|_| TcpStream::connect(addr).unwrap())
        .collect();
    let expect = Expect {
        statuses: vec![200..=200],
        body: ExpectBody::Exact(b"7".to_vec()),
    };
    let headers: &[(&str, &str)] = match load.connect {
        Connect::Once => &[],
        Connect::PerRequest => &[("Connection", "close")],
    };
    let request = Request::new("GET", "/call/7?ms=0", "backend", headers, None, expect);
    let options = Options {
        cpus: Vec::new(),
        ..Options::default()
    };
    let stop = AtomicBool::new(false);
    let recording = std::thread::scope(|scope| {
        let server = scope.spawn(|| backend::serve(&listener, Duration::ZERO, &stop));
        let recording = drive(
            load,
            &Workload::new(vec![request]),
            addr,
            &options,
            &Control::default(),
        );
        stop.store(true, Ordering::Relaxed);
        server.join().unwrap().unwrap();
        recording
    });
    drop(held);
    (recording, addr)
}
