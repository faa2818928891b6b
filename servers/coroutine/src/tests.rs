//! The server as its clients see it. What every server must do is `contract`'s; here is what only this one does.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use contract::{Backend, Client, Running, Serve, Stop};
use spec::Settings;
use tokio::sync::Notify;

use crate::runtime::{Asyncio, Libuv, Tokio};
use crate::{Scheduler, serve_until};

const SCHEDULERS: [Scheduler; 4] = [
    Scheduler::MultiThread,
    Scheduler::CurrentThread,
    Scheduler::Asyncio,
    Scheduler::Libuv,
];

mod multi_thread {
    contract::tests!(crate::Scheduler::MultiThread);
}

mod current_thread {
    contract::tests!(crate::Scheduler::CurrentThread);
}

mod libuv {
    contract::tests!(crate::Scheduler::Libuv);
}

mod asyncio {
    contract::tests!(crate::Scheduler::Asyncio);
}

#[test]
fn stats_tell_what_the_runtime_tells_and_nothing_else() {
    let tokio = (
        r#""runtime":"tokio "#,
        &[
            "tasks_alive",
            "worker_parks",
            "workers_busy_us",
            "task_moves",
            "loop_lag_us_counts",
            "pool_wait_us_counts",
            "loop_work_us_counts",
        ][..],
        &[
            "loop_turns",
            "longest_blocked_us",
            "tasks_run",
            "blocked_us_counts",
        ][..],
    );
    let asyncio = (
        r#""runtime":"asyncio-shaped "#,
        &[
            "loop_turns",
            "longest_blocked_us",
            "tasks_run",
            "tasks_alive",
            "run_queue_depth",
            "worker_parks",
            "workers_busy_us",
            "task_moves",
            "loop_lag_us_counts",
            "blocked_us_counts",
            "pool_wait_us_counts",
            "loop_work_us_counts",
        ][..],
        &[][..],
    );
    let libuv = (
        r#""runtime":"libuv-shaped "#,
        &[
            "loop_turns",
            "longest_blocked_us",
            "tasks_run",
            "tasks_alive",
            "run_queue_depth",
            "workers_busy_us",
            "blocked_us_counts",
        ][..],
        &["worker_parks"][..],
    );
    let each = [tokio, tokio, asyncio, libuv];
    for (scheduler, (runtime, known, unknown)) in SCHEDULERS.into_iter().zip(each) {
        let server = Running::start(scheduler, |_| ());
        let stats = server.connect().get("/stats");
        let stats = stats.text();
        assert!(stats.contains(runtime), "{stats}");
        for (names, is_null) in [(known, false), (unknown, true)] {
            for name in names {
                let null = format!(r#""{name}":null"#);
                assert!(stats.contains(&format!(r#""{name}":"#)), "{name}: {stats}");
                assert_eq!(stats.contains(&null), is_null, "{name}: {stats}");
            }
        }
        server.stop();
    }
}

#[test]
fn clients_that_disappear_leave_no_task_behind() {
    /// Tries, each after a sleep of the server's: far more than it takes.
    const TRIES: usize = 1_000;
    for scheduler in SCHEDULERS {
        let backend = Backend::start(Backend::answer);
        let server = Running::start(scheduler, |settings| {
            settings.upstream = Some(backend.addr());
        });
        let mut client = server.connect();
        let before = tasks_alive(&mut client);
        for target in [
            "/plaintext",
            "/sleep/20",
            "/upstream?calls=3&ms=5",
            "/file/1024",
            "/cpu/1000?offload=1",
            "/events?n=10000&ms=10000",
        ] {
            server.connect().send_gets(&[target]);
            server.connect().send(&format!("GET {target}")[..10]);
        }
        let gone = (0..TRIES).any(|_| {
            assert_eq!(client.get("/sleep/5").status, 200);
            tasks_alive(&mut client) == before
        });
        assert!(
            gone,
            "{scheduler:?}: {} tasks instead of {before}",
            tasks_alive(&mut client)
        );
        server.stop();
    }
}

fn tasks_alive(client: &mut Client) -> u64 {
    let stats = client.get("/stats");
    let (_, rest) = stats.text().split_once(r#""tasks_alive":"#).unwrap();
    rest.split(',').next().unwrap().parse().unwrap()
}

impl Serve for Scheduler {
    fn serve(
        self,
        settings: &Settings,
        on_listening: impl FnOnce(SocketAddr, Stop),
    ) -> io::Result<()> {
        let asked = Arc::new(Notify::new());
        let awaited = Arc::clone(&asked);
        let stop = || Ok(awaited.notified_owned());
        let on_listening = |addr| on_listening(addr, Box::new(move || asked.notify_one()));
        match self {
            Self::MultiThread => serve_until(Tokio::MultiThread, settings, on_listening, stop),
            Self::CurrentThread => serve_until(Tokio::CurrentThread, settings, on_listening, stop),
            Self::Asyncio => serve_until(Asyncio, settings, on_listening, stop),
            Self::Libuv => serve_until(Libuv, settings, on_listening, stop),
        }
    }
}
