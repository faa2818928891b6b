//! The signals that stop a server: a test binary of its own, with a single test.

use callback::{Loops, serve};

#[test]
fn sigterm_and_sigint_stop_the_server_gracefully() {
    contract::check_signals(
        [Loops::One, Loops::Cluster],
        |settings, loops, on_listening| serve(settings, loops, on_listening),
    );
}
