//! Listeners and streams, on real sockets and in virtual time.
#![allow(
    clippy::unwrap_used,
    reason = "the helpers of a test fail as the test does"
)]

use asyncio::{
    Clock, MAX_ACCEPTS_PER_TURN, ManualClock, Runner, Settings, TcpListener, TcpStream,
    create_task, get_running_loop, wait_for,
};
use std::cell::RefCell;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::rc::Rc;
use std::thread;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[test]
fn what_is_sent_comes_back_through_buffers_that_are_full_and_through_a_half_closed_end() {
    // Far more than the kernel's buffers hold, so that both sides wait for each other.
    const LEN: usize = 16 * 1024 * 1024;
    let sent: Vec<u8> = (0..=250_u8).cycle().take(LEN).collect();
    runner()
        .run(async {
            let (ours, theirs) = pair().await;
            let echo = create_task(async move {
                let mut theirs = theirs;
                let mut buf = vec![0; 100_000];
                loop {
                    match theirs.read(&mut buf).await.unwrap() {
                        0 => break theirs.shutdown().await.unwrap(),
                        len => theirs.write_all(&buf[..len]).await.unwrap(),
                    }
                }
            });
            let (mut reader, mut writer) = tokio::io::split(ours);
            let expected = sent.clone();
            let sending = create_task(async move {
                writer.write_all(&sent).await.unwrap();
                writer.shutdown().await.unwrap();
            });
            let mut received = Vec::new();
            reader.read_to_end(&mut received).await.unwrap();
            assert!(received == expected, "{} bytes came back", received.len());
            echo.await.unwrap();
            sending.await.unwrap();
        })
        .unwrap();
}

#[test]
fn a_stream_is_read_once_a_turn_and_others_get_theirs() {
    const READS: usize = 10;
    let reads: Rc<RefCell<Vec<(u64, &str)>>> = Rc::default();
    let seen = Rc::clone(&reads);
    runner()
        .run(async move {
            let (mut ours, large) = pair().await;
            let (mut ours_too, small) = pair().await;
            ours.write_all(&[7; 16 * READS]).await.unwrap();
            ours_too.write_all(&[8]).await.unwrap();
            drop((ours, ours_too));
            let tasks = [("large", large), ("small", small)].map(|(name, mut stream)| {
                let seen = Rc::clone(&seen);
                create_task(async move {
                    while stream.read(&mut [0; 16]).await.unwrap() > 0 {
                        let turn = get_running_loop().metrics().turns;
                        seen.borrow_mut().push((turn, name));
                    }
                })
            });
            for task in tasks {
                task.await.unwrap();
            }
        })
        .unwrap();
    let reads = reads.borrow();
    let turns = |name| {
        reads
            .iter()
            .filter(move |read| read.1 == name)
            .map(|read| read.0)
    };
    let mut large: Vec<_> = turns("large").collect();
    assert_eq!(large.len(), READS);
    large.dedup();
    assert_eq!(
        large.len(),
        READS,
        "each read has a turn of its own: {reads:?}"
    );
    assert!(turns("small").all(|turn| turn <= large[1]), "{reads:?}");
}

#[test]
fn a_burst_of_connections_is_accepted_in_shares() {
    const CLIENTS: usize = 2 * MAX_ACCEPTS_PER_TURN + 1;
    let turns = runner()
        .run(async {
            let (listener, addr) = listen();
            let clients: Vec<_> = (0..CLIENTS)
                .map(|_| std::net::TcpStream::connect(addr).unwrap())
                .collect();
            let mut turns = Vec::new();
            for _ in &clients {
                listener.accept().await.unwrap();
                turns.push(get_running_loop().metrics().turns);
            }
            turns
        })
        .unwrap();
    let shares: Vec<_> = turns.chunk_by(|a, b| a == b).map(<[u64]>::len).collect();
    assert_eq!(shares, [MAX_ACCEPTS_PER_TURN, MAX_ACCEPTS_PER_TURN, 1]);
}

#[test]
fn a_connection_that_nobody_takes_is_refused() {
    let error = runner()
        .run(async {
            let (listener, addr) = listen();
            drop(listener);
            TcpStream::connect(addr).await.err()
        })
        .unwrap();
    assert_eq!(error.unwrap().kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn a_reset_is_told_to_whoever_waits() {
    runner()
        .run(async {
            let (listener, addr) = listen();
            let client = std::net::TcpStream::connect(addr).unwrap();
            let (mut stream, _) = listener.accept().await.unwrap();
            let waiting = create_task(async move { stream.read(&mut [0; 16]).await });
            asyncio::sleep(Duration::ZERO).await;
            socket2::SockRef::from(&client)
                .set_linger(Some(Duration::ZERO))
                .unwrap();
            drop(client);
            let error = waiting.await.unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        })
        .unwrap();
}

#[test]
fn a_stream_dropped_while_it_waits_leaves_nothing_behind_and_wakes_nobody() {
    let mut runner = runner();
    let kept = runner
        .run(async {
            let (ours, mut theirs) = pair().await;
            let limit = Duration::from_secs(1);
            let read = wait_for(theirs.read(&mut [0; 1]), limit).await;
            assert!(read.is_err(), "nobody sent anything");
            drop(theirs);
            // Its end wakes nobody, and no slot of another is taken for it.
            let (mut other, mut others_end) = pair().await;
            other.write_all(b"x").await.unwrap();
            assert_eq!(others_end.read_u8().await.unwrap(), b'x');
            assert!(format!("{ours:?}").contains("TcpStream"));
            ours
        })
        .unwrap();
    // Between two runs, no loop runs that could let go of it; the next does.
    drop(kept);
    runner.run(asyncio::sleep(Duration::ZERO)).unwrap();
}

#[test]
fn a_client_on_another_thread_is_served() {
    let mut runner = runner();
    runner
        .run(async {
            let (listener, addr) = listen();
            let client = thread::spawn(move || {
                let mut client = std::net::TcpStream::connect(addr).unwrap();
                client.write_all(b"hello").unwrap();
                client.shutdown(std::net::Shutdown::Write).unwrap();
                let mut reply = Vec::new();
                client.read_to_end(&mut reply).unwrap();
                reply
            });
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let mut request = Vec::new();
            stream.read_to_end(&mut request).await.unwrap();
            stream.write_all(&request).await.unwrap();
            drop(stream);
            assert_eq!(client.join().unwrap(), b"hello");
        })
        .unwrap();
}

/// Both ends of a connection.
async fn pair() -> (TcpStream, TcpStream) {
    let (listener, addr) = listen();
    let ours = TcpStream::connect(addr).await.unwrap();
    let (theirs, _) = listener.accept().await.unwrap();
    (ours, theirs)
}

fn listen() -> (TcpListener, SocketAddr) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket
        .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .unwrap();
    socket.listen(1024).unwrap();
    let listener = TcpListener::from_std(socket.into()).unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

fn runner() -> Runner {
    let clock = Clock::Manual(ManualClock::new());
    Runner::new(Settings {
        clock,
        ..Settings::default()
    })
    .unwrap()
}
