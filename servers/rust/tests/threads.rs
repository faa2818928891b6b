//! Workers whose threads can't be started: a test binary of its own, with a single test.

use rust_servers::{Library, serve};

#[test]
fn too_few_threads_for_its_workers_are_an_error_of_the_start() {
    contract::check_thread_limit(|settings, on_listening| {
        serve(settings, Library::Hyper, on_listening)
    });
}
