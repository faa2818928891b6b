//! The backend without descriptors, which is the whole process's affair: a test binary of its own, with a single test. Nobody
//! else may wait in accept(2) meanwhile, which keeps a descriptor for each who does.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use load::backend;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use descriptor_limit::limit_that_leaves;

mod descriptor_limit;

const CALLERS: u32 = 4;

/// Far longer than an answer takes: a backend that has ended fails the test instead of holding it up.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_backend_without_descriptors_lives_and_accepts_once_there_are_some() {
    let plenty = getrlimit(Resource::Nofile);
    let listener = backend::bind(SocketAddr::from(([127, 0, 0, 1], 0)), CALLERS).unwrap();
    let addr = listener.local_addr().unwrap();
    let callers: Vec<TcpStream> = (0..CALLERS)
        .map(|_| TcpStream::connect(addr).unwrap())
        .collect();
    for mut caller in &callers {
        caller.set_read_timeout(Some(PATIENCE)).unwrap();
        caller
            .write_all(b"GET /call/1?ms=0 HTTP/1.1\r\nHost: bench\r\n\r\n")
            .unwrap();
    }
    // One for epoll and one for a caller.
    let short = Rlimit {
        current: Some(limit_that_leaves(2)),
        ..plenty
    };
    setrlimit(Resource::Nofile, short).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let serving = scope.spawn(|| backend::serve(&listener, Duration::ZERO, &stop));
        let answered = callers.iter().map(|mut caller| {
            let answer = caller.read(&mut [0; 4096]);
            // All were tried to be accepted before the first was answered.
            setrlimit(Resource::Nofile, plenty).unwrap();
            matches!(answer, Ok(1..))
        });
        let answered: Vec<bool> = answered.collect();
        stop.store(true, Ordering::Relaxed);
        serving.join().unwrap().unwrap();
        assert_eq!(answered, [true; CALLERS as usize]);
    });
}
