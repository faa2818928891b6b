//! The server as its clients see it. What every server must do is `contract`'s; here is what only this one does.

use std::cell::OnceCell;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;

use contract::{Running, Serve, Stop};
use spec::Settings;

use crate::stop::Stopper;
use crate::{Loops, serve_until};

mod one {
    contract::tests!(crate::Loops::One);
}

mod asyncio {
    contract::tests!(crate::Loops::Asyncio);
}

mod cluster {
    contract::tests!(crate::Loops::Cluster);
}

#[test]
fn stats_tell_what_the_loop_tells_and_nothing_about_tasks() {
    for loops in [Loops::One, Loops::Cluster] {
        let server = Running::start(loops, |_| ());
        let stats = server.connect().get("/stats");
        let stats = stats.text();
        for known in [r#""runtime":"libuv-shaped "#, r#""tasks_alive":null"#] {
            assert!(stats.contains(known), "{stats} should say {known}");
        }
        for known in ["loop_turns", "longest_blocked_us", "tasks_run"] {
            assert!(stats.contains(&format!(r#""{known}":"#)), "{stats}");
            assert!(!stats.contains(&format!(r#""{known}":null"#)), "{stats}");
        }
        server.stop();
    }
}

#[test]
fn stats_of_a_cluster_are_of_all_its_loops_whichever_answers() {
    /// Connections enough that the kernel gives some to each loop, and it would not matter if it didn't.
    const ASKED: u64 = 12;
    let server = Running::start(Loops::Cluster, |settings| {
        settings.workers = NonZeroUsize::new(3).unwrap();
    });
    for _ in 0..ASKED {
        assert_eq!(server.connect().get("/hash/1").status, 200);
    }
    let mut asking: Vec<_> = (0..ASKED).map(|_| server.connect()).collect();
    for client in &mut asking {
        client.send_gets(&["/stats"]);
    }
    for client in &mut asking {
        let stats = client.reply();
        let stats: serde_json::Value = serde_json::from_str(stats.text()).unwrap();
        let blocked = stats["loop_work_us_counts"]["/hash"].as_array().unwrap();
        let blocked: u64 = blocked.iter().map(|pair| pair[1].as_u64().unwrap()).sum();
        assert_eq!(blocked, ASKED, "{stats}");
    }
    server.stop();
}

impl Serve for Loops {
    fn serve(
        self,
        settings: &Settings,
        on_listening: impl FnOnce(SocketAddr, Stop),
    ) -> io::Result<()> {
        let arranged = OnceCell::<Stopper>::new();
        serve_until(
            settings,
            self,
            |addr| {
                let stopper = arranged.get().expect("arranged before").clone();
                on_listening(addr, Box::new(move || stopper.stop()));
            },
            |stopper| {
                assert!(arranged.set(stopper).is_ok(), "arranged once");
                Ok(())
            },
        )
    }
}
