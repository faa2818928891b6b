//! The server as its clients see it. What every server must do is `contract`'s; here is what only this one does.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use app::Settings;
use contract::{Backend, Client, Running, Serve, Stop};
use tokio::sync::Notify;

use crate::{Scheduler, serve_until};

const SCHEDULERS: [Scheduler; 2] = [Scheduler::MultiThread, Scheduler::CurrentThread];

mod multi_thread {
    contract::tests!(crate::Scheduler::MultiThread);
}

mod current_thread {
    contract::tests!(crate::Scheduler::CurrentThread);
}

#[test]
fn stats_tell_what_the_runtime_tells_and_nothing_about_turns() {
    for scheduler in SCHEDULERS {
        let server = Running::start(scheduler, |_| ());
        let stats = server.connect().get("/stats");
        let stats = stats.text();
        for known in [r#""runtime":"tokio "#, r#""loop_turns":null"#] {
            assert!(stats.contains(known), "{stats} should say {known}");
        }
        for told in ["tasks_alive", "worker_parks", "workers_busy_us"] {
            assert!(stats.contains(&format!(r#""{told}":"#)), "{stats}");
            assert!(!stats.contains(&format!(r#""{told}":null"#)), "{stats}");
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
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        serve_until(
            settings,
            self,
            |addr| on_listening(addr, Box::new(move || stop.notify_one())),
            || Ok(stopped.notified_owned()),
        )
    }
}
