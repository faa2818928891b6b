//! The signals that stop a server.

use std::fmt::Debug;
use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};

use rustix::process::{Signal, getpid, kill_process};
use spec::Settings;

/// Checks that SIGTERM and SIGINT each stop a server gracefully, whichever way it runs. `serve` gets a way and, as its last
/// parameter, what to call with the bound address once connections are accepted.
///
/// The signals are sent to this very process: the test that calls this must be the only one of its binary.
pub fn check_signals<W: Copy + Debug>(
    ways: impl IntoIterator<Item = W>,
    serve: impl Fn(&Settings, W, &mut dyn FnMut(SocketAddr)) -> io::Result<()>,
) {
    for way in ways {
        for signal in [Signal::TERM, Signal::INT] {
            let settings = Settings::new(([127, 0, 0, 1], 0).into());
            let mut idle = None;
            serve(&settings, way, &mut |addr| {
                idle = Some(TcpStream::connect(addr).unwrap());
                kill_process(getpid(), signal).unwrap();
            })
            .unwrap();
            // Closed, or reset where it was never accepted; open it would block.
            let read = idle.unwrap().read(&mut [0]);
            assert!(
                read.as_ref().map_or(true, |&n| n == 0),
                "{way:?}, {signal:?}: {read:?}"
            );
        }
    }
}
