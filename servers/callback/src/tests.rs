//! The server as its clients see it. What every server must do is `contract`'s; here is what only this one does.

use std::cell::OnceCell;
use std::io;
use std::net::SocketAddr;

use app::Settings;
use contract::{Running, Serve, Stop};

use crate::stop::Stopper;
use crate::{Loops, serve_until};

mod one {
    contract::tests!(crate::Loops::One);
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
        for known in [r#""runtime":"evloop "#, r#""tasks_alive":null"#] {
            assert!(stats.contains(known), "{stats} should say {known}");
        }
        for told in ["loop_turns", "longest_hold_us", "tasks_run"] {
            assert!(stats.contains(&format!(r#""{told}":"#)), "{stats}");
            assert!(!stats.contains(&format!(r#""{told}":null"#)), "{stats}");
        }
        server.stop();
    }
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
                arranged.set(stopper).expect("arranged once");
                Ok(())
            },
        )
    }
}
