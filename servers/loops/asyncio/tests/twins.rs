//! The order in which things happen, against CPython's own asyncio.
//!
//! Each program is written twice, in Python and in Rust, side by side in `twins/`; run on the one loop and on the other, both
//! in virtual time, they must leave the same trace, line by line. `at_turn` traces the turn and the time as well, `in_order` only
//! what happened: that is for what threads and sockets do in their own time.
#![allow(
    clippy::unwrap_used,
    clippy::items_after_statements,
    clippy::disallowed_methods,
    reason = "the programs read as their Python twins do, and fail as the test does"
)]

use asyncio::{Clock, ManualClock, Pool, Runner, Settings, TimerRule, get_running_loop};
use std::cell::RefCell;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;

/// Programs that have a file in either language.
macro_rules! programs {
    ($($name:ident)+) => {
        mod twins {
            $(pub(crate) mod $name;)+
        }

        $(
            #[test]
            fn $name() {
                let trace = run(twins::$name::main);
                assert_eq!(trace, run_in_python(stringify!($name)), "asyncio's trace is the one on the right");
            }
        )+

        #[test]
        fn every_program_is_run() {
            let run = [$(stringify!($name)),+];
            let files = std::fs::read_dir(directory()).unwrap();
            for file in files.map(|entry| entry.unwrap().path()) {
                let name = file.file_stem().unwrap().to_str().unwrap();
                assert!(name == "run" || run.contains(&name), "{name} is listed nowhere");
            }
        }
    };
}

programs! {
    call_soon
    callbacks_of_callbacks
    equal_timers
    yielding_tasks
    gather
    cancelled_handles
    cancelled_tasks
    done_callbacks
    events
    executor
    executor_turns
    flow_control
    late_timers
    nested_tasks
    pausing
    semaphores
    time_limits
    wait_for
    sleeping_for_nothing
    sockets
    the_end
    transports
}

/// What a program did, in order.
#[derive(Clone)]
pub(crate) struct Trace {
    lines: Rc<RefCell<Vec<String>>>,
    pub(crate) clock: ManualClock,
}

impl Trace {
    pub(crate) fn at_turn(&self, text: impl AsRef<str>) {
        let event_loop = get_running_loop();
        let (turn, now) = (event_loop.metrics().turns, event_loop.time());
        self.in_order(format!(
            "turn {turn}, {} s: {}",
            now.as_secs(),
            text.as_ref()
        ));
    }

    pub(crate) fn in_order(&self, text: impl AsRef<str>) {
        self.lines.borrow_mut().push(text.as_ref().to_owned());
    }
}

fn run<F: Future<Output = ()>>(main: impl FnOnce(Trace) -> F) -> Vec<String> {
    let clock = ManualClock::new();
    let trace = Trace {
        lines: Rc::default(),
        clock: clock.clone(),
    };
    let mut runner = Runner::new(Settings {
        pool: Pool::new(1),
        clock: Clock::Manual(clock),
        timer_rule: TimerRule::Own,
        ..Settings::default()
    })
    .unwrap();
    runner.run(main(trace.clone())).unwrap();
    let lines = trace.lines.take();
    assert!(!lines.is_empty());
    lines
}

fn run_in_python(program: &str) -> Vec<String> {
    let output = Command::new("python3")
        .args(["-I", "-B"])
        .arg(directory().join("run.py"))
        .arg(program)
        .output()
        .expect("python3 is there to compare with: install Python 3.11 or later");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let trace = String::from_utf8(output.stdout).unwrap();
    trace.lines().map(str::to_owned).collect()
}

fn directory() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/twins"))
}
