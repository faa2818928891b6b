//! The signals that stop a server, sent to this very process: a test binary of its own, with a single test.

use std::io::Read;
use std::net::TcpStream;

use app::Settings;
use callback::{Loops, serve};
use rustix::process::{Signal, getpid, kill_process};

#[test]
fn sigterm_and_sigint_stop_the_server_gracefully() {
    for loops in [Loops::One, Loops::Cluster] {
        for signal in [Signal::TERM, Signal::INT] {
            let settings = Settings::new(([127, 0, 0, 1], 0).into());
            let mut idle = None;
            serve(&settings, loops, |addr| {
                idle = Some(TcpStream::connect(addr).unwrap());
                kill_process(getpid(), signal).unwrap();
            })
            .unwrap();
            // Closed, or reset where it was never accepted; open it would block.
            let read = idle.unwrap().read(&mut [0]);
            assert!(
                read.as_ref().map_or(true, |&n| n == 0),
                "{loops:?}, {signal:?}: {read:?}"
            );
        }
    }
}
