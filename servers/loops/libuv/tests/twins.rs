//! The order in which things happen, against real libuv.
//!
//! Each program is written twice, in C and in Rust, side by side in `twins/`; run on the one loop and on the other, both in virtual
//! time, they must leave the same trace, line by line: the turn, loop time and what happened, or only what happened where
//! threads have their own time. The C programs are compiled here, with the libuv that pkg-config finds. A program whose rule libuv has
//! changed names the version since which it has ours; with an older one the traces must differ, or the rule is not what it says.
#![allow(
    clippy::unwrap_used,
    reason = "the programs read as their twins in C do, and fail as the test does"
)]

use libuv::{Clock, Handle, Loop, ManualClock, Phase, Pool, Settings, Timer, TimerRule, Watcher};
use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::sync::LazyLock;

mod twins {
    pub(crate) mod streams;
    pub(crate) mod threads;
    pub(crate) mod timers;
    pub(crate) mod watchers;
}

/// Programs by file; `since` a version of libuv where it did otherwise before.
macro_rules! programs {
    ($($file:ident: $($name:ident $(since ($major:literal, $minor:literal))?),+;)+) => {
        $($(
            #[test]
            fn $name() {
                #[allow(unused_mut, unused_assignments, reason = "most programs are the same with every version")]
                let mut since = (1, 0);
                $(since = ($major, $minor);)?
                check(stringify!($name), twins::$file::$name, since);
            }
        )+)+

        #[test]
        fn every_program_has_a_twin() {
            assert_eq!(run_in_c(""), [$($(stringify!($name)),+),+]);
        }
    };
}

programs! {
    timers: equal_timers, timers_in_callbacks, repeating_timers, late_timers, zero_timers since (1, 48),
        closed_timers;
    watchers: phases, order_of_watchers, watchers_in_their_phase, closing, closing_in_closing, references,
        stopping since (1, 45);
    streams: accepting since (1, 45), talking, write_queue, written_before_connected, refused,
        closed_while_writing, pausing, pending_rounds, full_batches;
    threads: pool_order, work_in_phases, coalesced_asyncs, order_of_asyncs;
}

fn check(name: &str, program: fn(&mut Loop, &Trace), since: (u32, u32)) {
    let (trace, in_c) = (run(program), run_in_c(name));
    let version = &run_in_c("version")[0];
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap());
    if (parts.next().unwrap(), parts.next().unwrap()) < since {
        assert_ne!(trace, in_c, "libuv {version} had another rule");
    } else {
        assert_eq!(
            trace, in_c,
            "the trace of libuv {version} is the one on the right"
        );
    }
}

/// What a program did, in order.
#[derive(Clone)]
pub(crate) struct Trace {
    lines: Rc<RefCell<Vec<String>>>,
    turn: Rc<Cell<u32>>,
    pub(crate) clock: ManualClock,
}

impl Trace {
    /// With the turn, which is how often the prepare phase has been, and loop time.
    pub(crate) fn at(&self, event_loop: &Loop, text: &str) {
        let (turn, now_ms) = (self.turn.get(), event_loop.now_ms());
        self.line(&format!("turn {turn}, {now_ms} ms: {text}"));
    }

    pub(crate) fn line(&self, text: &str) {
        self.lines.borrow_mut().push(text.to_owned());
    }

    /// A started timer that says its name.
    pub(crate) fn timer(
        &self,
        event_loop: &mut Loop,
        name: &'static str,
        after_ms: u64,
        repeat_ms: u64,
    ) -> Timer {
        let own = self.clone();
        let timer = event_loop.add_timer(move |event_loop, _| own.at(event_loop, name));
        event_loop.start_timer(timer, after_ms, repeat_ms);
        timer
    }

    /// A started watcher that says its name.
    pub(crate) fn watcher(
        &self,
        event_loop: &mut Loop,
        phase: Phase,
        name: &'static str,
    ) -> Watcher {
        let own = self.clone();
        let watcher = event_loop.add_watcher(phase, move |event_loop, _| own.at(event_loop, name));
        event_loop.start_watcher(watcher);
        watcher
    }

    /// Closes a handle and says so.
    pub(crate) fn close(
        &self,
        event_loop: &mut Loop,
        handle: impl Into<Handle>,
        name: &'static str,
    ) {
        let own = self.clone();
        event_loop.close_then(handle, move |event_loop| {
            own.at(event_loop, &format!("close {name}"));
        });
    }
}

fn run(program: fn(&mut Loop, &Trace)) -> Vec<String> {
    let clock = ManualClock::new();
    let mut event_loop = Loop::new(Settings {
        pool: Pool::new(1),
        clock: Clock::Manual(clock.clone()),
        timer_rule: TimerRule::Own,
    })
    .unwrap();
    let trace = Trace {
        lines: Rc::default(),
        turn: twins::watchers::count_turns(&mut event_loop),
        clock,
    };
    program(&mut event_loop, &trace);
    while event_loop.run().unwrap() {
        trace.at(&event_loop, "stopped");
    }
    let lines = trace.lines.take();
    assert!(!lines.is_empty());
    lines
}

fn run_in_c(program: &str) -> Vec<String> {
    static COMPILED: LazyLock<PathBuf> = LazyLock::new(compile);
    let output = Command::new(&*COMPILED).arg(program).output().unwrap();
    assert!(output.status.success(), "{program}: {}", output.status);
    let trace = String::from_utf8(output.stdout).unwrap();
    trace.lines().map(str::to_owned).collect()
}

fn compile() -> PathBuf {
    let flags = output_of(Command::new("pkg-config").args(["--cflags", "--libs", "libuv"]));
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/twins");
    let compiled = Path::new(env!("CARGO_TARGET_TMPDIR")).join("twins");
    let files = ["trace", "timers", "watchers", "streams", "threads"];
    output_of(
        Command::new("cc")
            .args(["-Wall", "-Wextra", "-Werror", "-o"])
            .arg(&compiled)
            .args(files.map(|file| sources.join(file).with_extension("c")))
            .args(flags.split_whitespace()),
    );
    compiled
}

fn output_of(command: &mut Command) -> String {
    const REMEDY: &str =
        "install libuv's headers (Debian: apt-get install libuv1-dev pkg-config gcc)";
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}: {REMEDY}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}: {REMEDY}");
    String::from_utf8(output.stdout).unwrap()
}
