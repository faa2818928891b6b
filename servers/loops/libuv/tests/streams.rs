//! Streams and listeners over the loopback interface, against plain blocking sockets.
#![allow(
    clippy::unwrap_used,
    reason = "the helpers of a test fail as the test does"
)]

use libuv::{BindSettings, Clock, Loop, ManualClock, Read, Settings, Tcp, bind};
use socket2::{Domain, Socket, Type};
use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

#[test]
fn an_echo_server_echoes() {
    let (mut event_loop, addr) = serve_once(|event_loop, tcp| {
        event_loop.read_start(tcp, |event_loop, tcp, read| match read {
            Read::Data(bytes) => _ = event_loop.write(tcp, &mut bytes.to_vec()),
            Read::End => event_loop.shutdown(tcp, move |event_loop, outcome| {
                outcome.unwrap();
                event_loop.close(tcp);
            }),
            Read::Failed(error) => panic!("{error}"),
        });
    });
    let client = thread::spawn(move || {
        let mut stream = TcpStream::connect(addr).unwrap();
        let sent = pattern(300_000);
        let mut writer = stream.try_clone().unwrap();
        let copy = sent.clone();
        let sending = thread::spawn(move || {
            writer.write_all(&copy).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let mut echoed = Vec::new();
        stream.read_to_end(&mut echoed).unwrap();
        sending.join().unwrap();
        (sent, echoed)
    });
    event_loop.run().unwrap();
    let (sent, echoed) = client.join().unwrap();
    assert!(
        sent == echoed,
        "sent {} bytes, echoed {}",
        sent.len(),
        echoed.len()
    );
}

#[test]
fn a_slow_reader_gets_every_byte_and_the_writer_is_told_when_all_are_taken() {
    // More than the kernel holds for a connection (4 MiB of unsent bytes unless somebody raised `tcp_wmem`), so that
    // bytes must queue while the reader, with a small window of its own, does not read yet.
    const LEN: usize = 16 * 1024 * 1024;
    let (written, may_read) = mpsc::channel();
    let told: Rc<RefCell<Vec<&str>>> = Rc::default();
    let tells = Rc::clone(&told);
    let (mut event_loop, addr) = serve_once(move |event_loop, tcp| {
        let bytes = pattern(LEN);
        let (first, second, drained) = (Rc::clone(&tells), Rc::clone(&tells), Rc::clone(&tells));
        let half = LEN / 2;
        event_loop.write_then(tcp, &bytes[..half], move |_, outcome| {
            outcome.unwrap();
            first.borrow_mut().push("first half taken");
        });
        let queued = event_loop.write_then(tcp, &bytes[half..], move |_, outcome| {
            outcome.unwrap();
            second.borrow_mut().push("second half taken");
        });
        assert!(
            queued > 0 && queued == event_loop.write_queue_bytes(tcp),
            "{queued} bytes are queued"
        );
        written.send(()).unwrap();
        event_loop.on_drained(tcp, move |event_loop, tcp, outcome| {
            outcome.unwrap();
            assert_eq!(event_loop.write_queue_bytes(tcp), 0);
            drained.borrow_mut().push("drained");
        });
        let shut = Rc::clone(&tells);
        event_loop.shutdown(tcp, move |event_loop, outcome| {
            outcome.unwrap();
            shut.borrow_mut().push("shut down");
            event_loop.close(tcp);
        });
    });
    let client = thread::spawn(move || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(64 * 1024).unwrap();
        socket.connect(&addr.into()).unwrap();
        may_read.recv().unwrap();
        let mut received = Vec::new();
        TcpStream::from(socket).read_to_end(&mut received).unwrap();
        received
    });
    assert!(!event_loop.run().unwrap());
    let received = client.join().unwrap();
    assert!(
        received == pattern(LEN),
        "{} bytes came, or others",
        received.len()
    );
    assert_eq!(
        *told.borrow(),
        [
            "first half taken",
            "second half taken",
            "drained",
            "shut down"
        ]
    );
}

#[test]
fn a_peer_that_has_shut_its_side_still_gets_its_answer() {
    let (mut event_loop, addr) = serve_once(|event_loop, tcp| {
        let mut question = Vec::new();
        event_loop.read_start(tcp, move |event_loop, tcp, read| match read {
            Read::Data(bytes) => question.extend_from_slice(bytes),
            Read::End => {
                question.reverse();
                event_loop.write(tcp, &mut question.clone());
                event_loop.shutdown(tcp, move |event_loop, outcome| {
                    outcome.unwrap();
                    event_loop.close(tcp);
                });
            }
            Read::Failed(error) => panic!("{error}"),
        });
    });
    let client = thread::spawn(move || {
        let mut stream = TcpStream::connect(addr).unwrap();
        stream.write_all(b"abc").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    assert!(!event_loop.run().unwrap());
    assert_eq!(client.join().unwrap(), "cba");
}

#[test]
fn a_reset_ends_reading_with_an_error_and_fails_later_writes() {
    let seen: Rc<RefCell<Vec<ErrorKind>>> = Rc::default();
    let errors = Rc::clone(&seen);
    let (mut event_loop, addr) = serve_once(move |event_loop, tcp| {
        let errors = Rc::clone(&errors);
        event_loop.read_start(tcp, move |event_loop, tcp, read| {
            let Read::Failed(error) = read else {
                panic!("a reset, and not {read:?}")
            };
            errors.borrow_mut().push(error.kind());
            let (drained, written) = (Rc::clone(&errors), Rc::clone(&errors));
            event_loop.on_drained(tcp, move |event_loop, tcp, outcome| {
                drained.borrow_mut().push(outcome.unwrap_err().kind());
                event_loop.close(tcp);
            });
            event_loop.write_then(tcp, b"too late", move |_, outcome| {
                written.borrow_mut().push(outcome.unwrap_err().kind());
            });
            assert_eq!(
                errors.borrow().len(),
                1,
                "told later, not from inside the call"
            );
        });
    });
    let stream = TcpStream::connect(addr).unwrap();
    socket2::SockRef::from(&stream)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(stream);
    assert!(!event_loop.run().unwrap());
    assert_eq!(
        *seen.borrow(),
        [
            ErrorKind::ConnectionReset,
            ErrorKind::BrokenPipe,
            ErrorKind::BrokenPipe
        ]
    );
}

#[test]
fn a_stream_closed_inside_its_own_callback_is_gone_and_its_key_harmless() {
    let closed: Rc<Cell<Option<Tcp>>> = Rc::default();
    let seen = Rc::clone(&closed);
    let (mut event_loop, addr) = serve_once(move |event_loop, tcp| {
        let seen = Rc::clone(&seen);
        event_loop.read_start(tcp, move |event_loop, tcp, read| {
            assert!(
                matches!(read, Read::Data(_)),
                "no callback after close, and not {read:?}"
            );
            let seen = Rc::clone(&seen);
            event_loop.write_then(tcp, b"", |_, outcome| {
                assert_eq!(outcome.unwrap_err().kind(), ErrorKind::ConnectionAborted);
            });
            event_loop.close_then(tcp, move |_| seen.set(Some(tcp)));
            use_everything(event_loop, tcp);
        });
    });
    let client = thread::spawn(move || {
        let mut stream = TcpStream::connect(addr).unwrap();
        stream.write_all(b"close me").unwrap();
        stream.read(&mut [0; 8]).unwrap_or(0)
    });
    assert!(!event_loop.run().unwrap());
    assert_eq!(client.join().unwrap(), 0);
    use_everything(
        &mut event_loop,
        closed.get().expect("the close callback ran"),
    );
    assert!(!event_loop.is_alive());
}

fn use_everything(event_loop: &mut Loop, stale: Tcp) {
    assert_eq!(
        event_loop.write(stale, &mut b"nobody reads this".to_vec()),
        0
    );
    event_loop.write_then(stale, b"nor this", |_, _| panic!("a stale stream"));
    event_loop.shutdown(stale, |_, _| panic!("a stale stream"));
    event_loop.read_start(stale, |_, _, _| panic!("a stale stream"));
    event_loop.on_drained(stale, |_, _, _| panic!("a stale stream"));
    event_loop.read_stop(stale);
    event_loop.read_resume(stale);
    event_loop.set_nodelay(stale, true).unwrap();
    event_loop.close(stale);
    assert!(!event_loop.is_active(stale));
}

#[test]
fn what_arrives_while_reading_is_stopped_is_read_on_resuming() {
    let received: Rc<RefCell<Vec<u8>>> = Rc::default();
    let seen = Rc::clone(&received);
    let (tell_key, key) = mpsc::channel();
    let (mut event_loop, addr) = serve_once(move |event_loop, tcp| {
        tell_key.send(tcp).unwrap();
        let seen = Rc::clone(&seen);
        // A stream that isn't reading keeps no loop alive.
        let alive = event_loop
            .listen(bind_loopback(), |_| 0, |_, _, _| {})
            .unwrap();
        event_loop.read_start(tcp, move |event_loop, tcp, read| match read {
            Read::Data(bytes) => {
                seen.borrow_mut().extend_from_slice(bytes);
                event_loop.read_stop(tcp);
                event_loop.write(tcp, &mut b"more".to_vec());
            }
            Read::End => {
                event_loop.close(tcp);
                event_loop.close(alive);
            }
            Read::Failed(error) => panic!("{error}"),
        });
    });
    let remote = event_loop.remote();
    let client = thread::spawn(move || {
        let mut stream = TcpStream::connect(addr).unwrap();
        stream.write_all(b"one ").unwrap();
        let tcp = key.recv().unwrap();
        for next in [b"two ", b"six."] {
            stream.read_exact(&mut [0; 4]).unwrap();
            // Reading is stopped now, and what is written next arrives before it is resumed.
            stream.write_all(next).unwrap();
            remote
                .post(move |event_loop| event_loop.read_resume(tcp))
                .unwrap();
        }
        stream.read_exact(&mut [0; 4]).unwrap();
        drop(stream);
        remote
            .post(move |event_loop| event_loop.read_resume(tcp))
            .unwrap();
    });
    assert!(!event_loop.run().unwrap());
    client.join().unwrap();
    assert_eq!(*received.borrow(), b"one two six.");
}

#[test]
fn connecting_tells_success_and_sends_what_was_written_before() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let mut received = String::new();
        listener
            .accept()
            .unwrap()
            .0
            .read_to_string(&mut received)
            .unwrap();
        received
    });
    let mut event_loop = manual_loop();
    let connected = Rc::new(Cell::new(false));
    let seen = Rc::clone(&connected);
    let tcp = event_loop.connect(addr, move |_, _, outcome| {
        outcome.unwrap();
        seen.set(true);
    });
    assert_eq!(event_loop.write(tcp, &mut b"early".to_vec()), 5);
    event_loop.shutdown(tcp, move |event_loop, outcome| {
        outcome.unwrap();
        event_loop.close(tcp);
    });
    assert!(!connected.get(), "told later, not from inside the call");
    assert!(!event_loop.run().unwrap());
    assert!(connected.get());
    assert_eq!(server.join().unwrap(), "early");
}

#[test]
fn a_refused_connection_is_told_and_fails_what_was_written_before() {
    let addr = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut event_loop = manual_loop();
    let told: Rc<RefCell<Vec<(&str, ErrorKind)>>> = Rc::default();
    let (on_connected, on_written, on_shut) =
        (Rc::clone(&told), Rc::clone(&told), Rc::clone(&told));
    let tcp = event_loop.connect(addr, move |event_loop, tcp, outcome| {
        on_connected
            .borrow_mut()
            .push(("connected", outcome.unwrap_err().kind()));
        event_loop.defer(move |event_loop| event_loop.close(tcp));
    });
    event_loop.write_then(tcp, b"early", move |_, outcome| {
        on_written
            .borrow_mut()
            .push(("written", outcome.unwrap_err().kind()));
    });
    event_loop.shutdown(tcp, move |_, outcome| {
        on_shut
            .borrow_mut()
            .push(("shut", outcome.unwrap_err().kind()));
    });
    assert!(!event_loop.run().unwrap());
    let refused = ErrorKind::ConnectionRefused;
    assert_eq!(
        *told.borrow(),
        [
            ("connected", refused),
            ("written", refused),
            ("shut", refused)
        ]
    );
}

#[test]
fn closing_while_connecting_tells_so_in_the_closing_phase() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut event_loop = manual_loop();
    let told: Rc<RefCell<Vec<&str>>> = Rc::default();
    let (connected, written, closed) = (Rc::clone(&told), Rc::clone(&told), Rc::clone(&told));
    let tcp = event_loop.connect(listener.local_addr().unwrap(), move |_, _, outcome| {
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::ConnectionAborted);
        connected.borrow_mut().push("connect");
    });
    event_loop.write_then(tcp, b"early", move |_, outcome| {
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::ConnectionAborted);
        written.borrow_mut().push("write");
    });
    event_loop.close_then(tcp, move |_| closed.borrow_mut().push("close"));
    assert!(told.borrow().is_empty());
    assert!(!event_loop.run().unwrap());
    assert_eq!(*told.borrow(), ["connect", "write", "close"]);
}

#[test]
fn a_burst_of_connections_is_accepted_one_a_turn() {
    const BURST: u64 = 5;
    let mut event_loop = manual_loop();
    let accepted_in_turn: Rc<RefCell<Vec<u64>>> = Rc::default();
    let seen = Rc::clone(&accepted_in_turn);
    let socket = bind_loopback();
    let addr = socket.local_addr().unwrap();
    // Connected means in the backlog, all of them before the loop runs.
    let clients: Vec<TcpStream> = (0..BURST)
        .map(|_| TcpStream::connect(addr).unwrap())
        .collect();
    let on_connection = move |event_loop: &mut Loop, listener, tcp| {
        let turn = event_loop.metrics().turns;
        seen.borrow_mut().push(turn);
        event_loop.close(tcp);
        if turn == BURST {
            event_loop.close(listener);
        }
    };
    event_loop.listen(socket, |_| 0, on_connection).unwrap();
    assert!(!event_loop.run().unwrap());
    drop(clients);
    assert!((1..=BURST).eq(accepted_in_turn.take()));
}

#[test]
fn two_listeners_share_a_port_only_if_both_say_so() {
    let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let first = bind(&BindSettings {
        addr: loopback,
        backlog: 8,
        reuse_port: true,
    })
    .unwrap();
    let addr = first.local_addr().unwrap();
    bind(&BindSettings {
        addr,
        backlog: 8,
        reuse_port: true,
    })
    .unwrap();
    let refused: io::Error = bind(&BindSettings {
        addr,
        backlog: 8,
        reuse_port: false,
    })
    .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AddrInUse);
}

/// A loop that accepts one connection, closes its listener, and hands the connection to `on_connection`.
fn serve_once(mut on_connection: impl FnMut(&mut Loop, Tcp) + 'static) -> (Loop, SocketAddr) {
    let mut event_loop = manual_loop();
    let socket = bind_loopback();
    let addr = socket.local_addr().unwrap();
    event_loop
        .listen(
            socket,
            |_| 0,
            move |event_loop, listener, tcp| {
                event_loop.close(listener);
                on_connection(event_loop, tcp);
            },
        )
        .unwrap();
    (event_loop, addr)
}

/// Bytes of which a misplaced block would show.
fn pattern(len: usize) -> Vec<u8> {
    (0..251).cycle().take(len).collect()
}

fn bind_loopback() -> TcpListener {
    let addr = "127.0.0.1:0".parse().unwrap();
    bind(&BindSettings {
        addr,
        backlog: 1024,
        reuse_port: false,
    })
    .unwrap()
}

fn manual_loop() -> Loop {
    let clock = Clock::Manual(ManualClock::new());
    Loop::new(Settings {
        clock,
        ..Settings::default()
    })
    .unwrap()
}
