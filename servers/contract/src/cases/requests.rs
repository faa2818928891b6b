//! Requests that are answered whole, and what holds for all connections.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Barrier, mpsc};
use std::{fs, thread};

use http1::{MAX_BODY_BYTES, Method};
use socket2::{Domain, Socket, Type};
use spec::{FILE_SIZES_KIB, MAX_BATCH_BYTES, Route, Token, upload_answer};

use crate::backend::Backend;
use crate::client::{PATIENCE, get};
use crate::running::{Running, Serve};

pub fn every_route_answers_what_is_expected_of_it(server: impl Serve) {
    let mut targets: Vec<String> = [
        "/plaintext",
        "/json",
        "/sleep/0",
        "/sleep/20",
        "/upstream?calls=1&ms=0",
        "/upstream?calls=5&ms=1",
        "/upstream?calls=100&ms=5&mode=par",
        "/cpu/0",
        "/cpu/1000",
        "/cpu/1000?offload=1",
        "/hash/0",
        "/hash/16",
        "/hash/16?offload=1",
    ]
    .map(String::from)
    .into();
    targets.extend(FILE_SIZES_KIB.map(|kib| Route::File { kib }.target()));
    let backend = Backend::start(Backend::answer);
    let running = Running::start(server, |settings| settings.upstream = Some(backend.addr()));
    let mut client = running.connect();
    for target in &targets {
        let route = Route::parse(target).unwrap();
        let reply = client.get(target);
        assert_eq!(reply.status, 200, "{target}");
        assert_eq!(
            reply.header("content-type"),
            Some(route.expected_content_type()),
            "{target}"
        );
        assert_eq!(reply.body, *route.expected_body().unwrap(), "{target}");
        httpdate::parse_http_date(reply.header("date").unwrap()).unwrap();
    }
    running.stop();
}

pub fn stats_tell_what_the_pool_did(server: impl Serve) {
    let running = Running::start(server, |_| ());
    let mut client = running.connect();
    assert_eq!(client.get("/cpu/1?offload=1").status, 200);
    assert_eq!(client.get("/hash/1").status, 200);
    let reply = client.get("/stats");
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, Some("application/json"))
    );
    let body = reply.text();
    assert!(
        body.contains(r#""pool_queue_depth":0,"pool_queue_depth_max":1,"#),
        "{body}"
    );
    // The one job waited, however shortly, and what computed on the loop is counted apart.
    let (_, counts) = body.split_once(r#""pool_wait_us_counts":[["#).expect(body);
    let (waits, work) = counts.split_once("]]").expect(body);
    assert!(waits.ends_with(",1") && !waits.contains('['), "{body}");
    assert!(
        work.starts_with(r#","loop_work_us_counts":{"/cpu":[],"/hash":[["#)
            && work.contains(r#",1]]},"limits_met":{"head":0,"#),
        "{body}"
    );
    running.stop();
}

pub fn pipelined_requests_are_answered_in_order(server: impl Serve) {
    let running = Running::start(server, |_| ());
    let mut client = running.connect();
    client.send_gets(&[
        "/plaintext",
        "/sleep/30",
        "/json",
        "/cpu/1?offload=1",
        "/plaintext",
    ]);
    for body in [
        "Hello, World!",
        "slept 30",
        r#"{"message":"Hello, World!"}"#,
        "2b1f4d63",
        "Hello, World!",
    ] {
        assert_eq!(client.reply().text(), body);
    }
    running.stop();
}

pub fn a_hundred_thousand_pipelined_requests_lose_nothing(server: impl Serve) {
    // Many batches, and in all more than the sockets' buffers hold: where the client is the slower side, the server must
    // stop at its write and go on from there.
    const REQUESTS: usize = 100_000;
    let running = Running::start(server, |_| ());
    let mut client = running.connect();
    let mut sender = client.sender();
    let sending =
        thread::spawn(move || sender.write_all(get("/plaintext").repeat(REQUESTS).as_bytes()));
    let first = client.reply();
    assert!(first.bytes * REQUESTS > 100 * MAX_BATCH_BYTES);
    for i in 1..REQUESTS {
        assert_eq!(client.reply().body, b"Hello, World!", "reply {i}");
    }
    sending.join().unwrap().unwrap();
    running.stop();
}

pub fn a_request_may_come_byte_by_byte(server: impl Serve) {
    let running = Running::start(server, |_| ());
    let mut client = running.connect();
    for byte in get("/plaintext").chars() {
        client.send(&byte.to_string());
    }
    assert_eq!(client.reply().body, b"Hello, World!");
    running.stop();
}

pub fn head_has_the_length_of_get_and_no_body(server: impl Serve) {
    let running = Running::start(server, |_| ());
    let mut client = running.connect();
    for target in ["/plaintext", "/file/64", "/sleep/1", "/cpu/10"] {
        let length = client.get(target).body.len().to_string();
        client.send(&get(target).replace("GET", "HEAD"));
        let reply = client.reply_to(Method::Head);
        assert_eq!(
            (reply.status, reply.header("content-length")),
            (200, Some(&*length)),
            "{target}"
        );
        assert_eq!(reply.body, b"", "{target}");
    }
    running.stop();
}

pub fn what_can_be_refused_leaves_the_connection_usable(server: impl Serve) {
    let running = Running::start(server, |_| ());
    let mut client = running.connect();
    for (method, target, body, status) in [
        ("GET", "/nope", "", 404),
        ("GET", "/file/3", "", 404),
        ("GET", "/sleep/60001", "", 400),
        ("POST", "/plaintext", "ignored", 405),
        ("DELETE", "/json", "", 405),
        ("GET", "/upstream?calls=1&ms=0", "", 503),
    ] {
        let length = body.len();
        client.send(&format!(
            "{method} {target} HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n{body}"
        ));
        let reply = client.reply();
        assert_eq!(reply.status, status, "{method} {target}");
        assert_eq!(
            reply.header("allow"),
            (status == 405).then_some("GET, HEAD"),
            "{method} {target}"
        );
    }
    assert_eq!(client.get("/plaintext").status, 200);
    running.stop();
}

pub fn what_cannot_be_read_is_refused_and_the_connection_closed(server: impl Serve) {
    let huge_body = http1::MAX_BODY_BYTES + 1;
    let huge_header = "x".repeat(http1::MAX_HEAD_BYTES);
    let running = Running::start(server, |_| ());
    for (request, status) in [
        (
            format!("POST /json HTTP/1.1\r\nHost: test\r\nContent-Length: {huge_body}\r\n\r\n"),
            413,
        ),
        (
            format!("POST /json HTTP/1.1\r\nHost: test\r\nContent-Length: {huge_body}\r\n\r\n")
                + &"x".repeat(huge_body),
            413,
        ),
        (
            format!("GET /json HTTP/1.1\r\nHost: test\r\nX: {huge_header}\r\n\r\n"),
            431,
        ),
        ("GET /json HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("nonsense\r\n\r\n".to_owned(), 400),
    ] {
        let mut client = running.connect();
        client.send(&request);
        assert_eq!(
            client.reply().status,
            status,
            "{}",
            &request[..request.len().min(100)]
        );
        assert!(client.is_at_end());
    }
    running.stop();
}

pub fn the_last_request_of_a_connection_is_answered_and_then_it_ends(server: impl Serve) {
    let running = Running::start(server, |_| ());
    let mut asks_to_close = running.connect();
    asks_to_close.send("GET /json HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    let mut half_closes = running.connect();
    half_closes.send_gets(&["/sleep/10"]);
    half_closes.half_close();
    for client in [&mut asks_to_close, &mut half_closes] {
        assert_eq!(client.reply().status, 200);
        assert!(client.is_at_end());
    }
    running.stop();
}

pub fn a_stop_lets_requests_in_flight_finish(server: impl Serve) {
    let stopped = Arc::new(Barrier::new(2));
    let backend = Backend::start({
        let stopped = Arc::clone(&stopped);
        move |stream, number| {
            stopped.wait();
            Backend::answer(stream, number)
        }
    });
    let running = Running::start(server, |settings| settings.upstream = Some(backend.addr()));
    let mut idle = running.connect();
    assert_eq!(idle.get("/json").status, 200);
    let mut sleeping = running.connect();
    let mut calling = running.connect();
    for (client, target) in [
        (&mut sleeping, "/sleep/200"),
        (&mut calling, "/upstream?calls=1&ms=0"),
    ] {
        // The first answer leaves when the second request is begun.
        client.send_gets(&["/plaintext", target]);
        assert_eq!(client.reply().header("connection"), None);
    }
    running.ask_to_stop();
    assert!(idle.is_at_end(), "an idle connection is closed at once");

    // The call can't have ended before the stop; the sleep, on a machine that is busy enough, can.
    stopped.wait();
    let last = calling.reply();
    assert_eq!(
        (last.status, last.header("connection")),
        (200, Some("close"))
    );
    assert_eq!(sleeping.reply().body, b"slept 200");
    assert!(calling.is_at_end() && sleeping.is_at_end());
    let addr = running.addr();
    running.join();
    assert_eq!(
        TcpStream::connect(addr).unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
}

pub fn a_stop_waits_no_longer_than_its_grace(server: impl Serve) {
    let running = Running::start(server, |settings| settings.grace_ms = 50);
    let mut busy = running.connect();
    busy.send_gets(&["/plaintext", "/sleep/60000"]);
    assert_eq!(busy.reply().status, 200);
    running.ask_to_stop();
    running.join();
    assert!(busy.is_at_end(), "the answer would have come too late");
}

pub fn a_missing_file_is_not_found_and_an_unreadable_one_unavailable(server: impl Serve) {
    let running = Running::start(server, |settings| {
        fs::remove_file(format!("{}/2.bin", settings.data_dir)).unwrap();
        fs::remove_file(format!("{}/4.bin", settings.data_dir)).unwrap();
        fs::create_dir(format!("{}/4.bin", settings.data_dir)).unwrap();
    });
    let mut client = running.connect();
    assert_eq!(client.get("/file/1").status, 200);
    assert_eq!(client.get("/file/2").status, 404);
    assert_eq!(client.get("/file/4").status, 503);
    running.stop();
}

pub fn calls_in_sequence_share_one_connection(server: impl Serve) {
    let backend = Backend::start(Backend::answer);
    let running = Running::start(server, |settings| {
        settings.upstream = Some(backend.addr());
    });
    let mut client = running.connect();
    for _ in 0..3 {
        assert_eq!(
            client.get("/upstream?calls=10&ms=0").body,
            br#"{"calls":10,"sum":55}"#
        );
    }
    assert_eq!(backend.connections(), 1);
    assert_eq!(
        client.get("/upstream?calls=7&ms=20&mode=par").body,
        br#"{"calls":7,"sum":28}"#
    );
    assert_eq!(
        backend.connections(),
        7,
        "all calls were under way at once, over the old connection and six new ones"
    );
    running.stop();
}

pub fn a_kept_connection_that_the_upstream_closed_is_replaced(server: impl Serve) {
    // Says that it keeps the connection, and closes it all the same.
    let backend = Backend::start(|stream, number| {
        Backend::answer(stream, number)?;
        Err(ErrorKind::ConnectionAborted.into())
    });
    let running = Running::start(server, |settings| settings.upstream = Some(backend.addr()));
    let mut client = running.connect();
    for mode in ["seq", "par"] {
        let reply = client.get(&format!("/upstream?calls=5&ms=0&mode={mode}"));
        assert_eq!(
            (reply.status, &*reply.body),
            (200, &br#"{"calls":5,"sum":15}"#[..]),
            "{mode}"
        );
    }
    running.stop();
}

pub fn a_kept_connection_that_has_ended_is_not_used(server: impl Serve) {
    let (tell_ended, ended) = mpsc::channel();
    let (tell_used, used) = mpsc::channel();
    // Says that it keeps the connection, ends it, and looks whether anything is sent over it all the same.
    let backend = Backend::start(move |stream: &mut TcpStream, number| -> io::Result<()> {
        Backend::answer(stream, number)?;
        end(stream)?;
        // Nobody listens where a test is over.
        let _ = tell_ended.send(());
        let _ = tell_used.send(stream.read(&mut [0]).unwrap_or(0));
        Err(ErrorKind::ConnectionAborted.into())
    });
    let running = Running::start(server, |settings| settings.upstream = Some(backend.addr()));
    let mut client = running.connect();
    for _ in 0..3 {
        assert_eq!(client.get("/upstream?calls=1&ms=0").status, 200);
        ended.recv_timeout(PATIENCE).unwrap();
    }
    assert_eq!(backend.connections(), 3);
    for _ in 0..2 {
        let bytes = used.recv_timeout(PATIENCE).unwrap();
        assert_eq!(bytes, 0, "a call was sent over a connection that had ended");
    }
    running.stop();
}

/// Ends a connection and waits until the other side's kernel has acknowledged that, which may take it a while: until then its state is
/// 4 (`FIN_WAIT1`).
fn end(stream: &TcpStream) -> io::Result<()> {
    let ports = [stream.local_addr()?, stream.peer_addr()?];
    let ports = ports.map(|addr| format!(":{:04X}", addr.port()));
    stream.shutdown(Shutdown::Write)?;
    let is_under_way = |line: &str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        fields[1].ends_with(&ports[0]) && fields[2].ends_with(&ports[1]) && fields[3] == "04"
    };
    while fs::read_to_string("/proc/self/net/tcp")?
        .lines()
        .any(is_under_way)
    {
        thread::yield_now();
    }
    Ok(())
}

pub fn an_upstream_that_fails_is_a_bad_gateway(server: impl Serve) {
    // Bound, so that nobody else gets the port, but not listening.
    let nobody = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    nobody
        .bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into())
        .unwrap();
    let nobody_addr = nobody.local_addr().unwrap().as_socket().unwrap();
    let closes = Backend::start(|_, _| Err(ErrorKind::ConnectionAborted.into()));
    let mumbles = Backend::start(|stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none")
    });
    let fails = Backend::start(|stream, _| {
        stream.write_all(b"HTTP/1.1 500 No\r\nContent-Length: 1\r\n\r\n1")
    });
    let babbles = Backend::start(|stream, _| stream.write_all(b"hello\r\n\r\n"));
    for (addr, reason) in [
        (nobody_addr, "can't be reached"),
        (closes.addr(), "closed the connection"),
        (mumbles.addr(), "not a number"),
        (fails.addr(), "status 500"),
        (babbles.addr(), "can't be read"),
    ] {
        let running = Running::start(server, |settings| {
            settings.upstream = Some(addr);
        });
        let mut client = running.connect();
        for target in ["/upstream?calls=3&ms=0", "/upstream?calls=3&ms=0&mode=par"] {
            let reply = client.get(target);
            let body = reply.text();
            assert_eq!(reply.status, 502, "{body}");
            assert!(body.contains(reason), "{body} should say {reason}");
        }
        assert_eq!(client.get("/plaintext").status, 200);
        running.stop();
    }
}

pub fn a_token_is_verified(server: impl Serve) {
    let running = Running::start(server, |_| ());
    let mut client = running.connect();
    let mut reply_to = |fields: &str| {
        client.send(&format!("GET /auth HTTP/1.1\r\nHost: test\r\n{fields}\r\n"));
        let reply = client.reply();
        (reply.status, reply.text().to_owned())
    };
    let field = |token: Token| format!("Authorization: {}\r\n", token.authorization());
    let subject = (200, r#"{"sub":"user-42"}"#.to_owned());
    assert_eq!(reply_to(&field(Token::Valid)), subject);
    for refused in [
        field(Token::Expired),
        field(Token::Forged),
        field(Token::Valid).repeat(2),
        String::new(),
    ] {
        assert_eq!(reply_to(&refused).0, 401, "{refused}");
    }
    assert_eq!(reply_to(&field(Token::Valid)), subject);
    running.stop();
}

pub fn a_body_that_is_uploaded_is_hashed(server: impl Serve) {
    let running = Running::start(server, |_| ());
    let mut client = running.connect();
    for body in [String::new(), "x".repeat(MAX_BODY_BYTES)] {
        let reply = client.post("/upload", &body);
        assert_eq!(reply.status, 200);
        assert_eq!(reply.body, *upload_answer(body.as_bytes()).body);
    }
    running.stop();
}
