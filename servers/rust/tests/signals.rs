//! The signals that stop a server: a test binary of its own, with a single test.

use rust_servers::{Library, serve};

#[test]
fn sigterm_and_sigint_stop_the_server_gracefully() {
    contract::check_signals(
        [Library::Axum, Library::Hyper],
        |settings, library, on_listening| serve(settings, library, on_listening),
    );
}
