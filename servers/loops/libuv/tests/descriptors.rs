//! Running out of descriptors, which is the whole process's affair: a test binary of its own, with a single test.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of a test fail as the test does"
)]

use libuv::{BindSettings, Clock, Loop, ManualClock, Settings, bind};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::cell::Cell;
use std::net::TcpStream;
use std::rc::Rc;

#[test]
fn connections_wait_while_descriptors_are_short_and_are_accepted_after() {
    const CLIENTS: usize = 20;
    const RETRY_MS: u64 = 10;
    const RELIEF_MS: u64 = 35;
    let clock = Clock::Manual(ManualClock::new());
    let mut event_loop = Loop::new(Settings {
        clock,
        ..Settings::default()
    })
    .unwrap();
    let addr = "127.0.0.1:0".parse().unwrap();
    let socket = bind(&BindSettings {
        addr,
        backlog: 64,
        reuse_port: false,
    })
    .unwrap();
    let addr = socket.local_addr().unwrap();
    let clients: Vec<TcpStream> = (0..CLIENTS)
        .map(|_| TcpStream::connect(addr).unwrap())
        .collect();

    let accepted = Rc::new(Cell::new(0));
    let counted = Rc::clone(&accepted);
    let on_connection = move |event_loop: &mut Loop, listener, _| {
        counted.set(counted.get() + 1);
        if counted.get() == CLIENTS {
            event_loop.close(listener);
        }
    };
    event_loop
        .listen(socket, |_| RETRY_MS, on_connection)
        .unwrap();

    let plenty = getrlimit(Resource::Nofile);
    let short = descriptors_open() + 5;
    let accepted_when_short = Rc::new(Cell::new(0));
    let (counted, seen) = (Rc::clone(&accepted), Rc::clone(&accepted_when_short));
    let relief = event_loop.add_timer(move |_, _| {
        seen.set(counted.get());
        setrlimit(Resource::Nofile, plenty).unwrap();
    });
    event_loop.start_timer(relief, RELIEF_MS, 0);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(short),
            maximum: plenty.maximum,
        },
    )
    .unwrap();
    event_loop.run().unwrap();
    drop(clients);

    assert!(
        accepted_when_short.get() < CLIENTS,
        "{} were accepted",
        accepted_when_short.get()
    );
    assert_eq!(accepted.get(), CLIENTS);
    // At 0, 10, 20 and 30 ms; at 40 there is relief.
    assert_eq!(event_loop.metrics().accept_pauses, 4);
    assert_eq!(event_loop.now_ms(), 40);
}

fn descriptors_open() -> u64 {
    std::fs::read_dir("/proc/self/fd").unwrap().count() as u64
}
