//! The signals that stop a server: a test binary of its own, with a single test.

use coroutine::{Scheduler, serve};

#[test]
fn sigterm_and_sigint_stop_the_server_gracefully() {
    contract::check_signals(
        [
            Scheduler::MultiThread,
            Scheduler::CurrentThread,
            Scheduler::Asyncio,
        ],
        |settings, scheduler, on_listening| serve(settings, scheduler, on_listening),
    );
}
