//! What a person sees of a run, in a terminal of 80 by 24: the display appears while it goes, the verdict stands at the end, and
//! the terminal is given back however the run ends.
//!
//! These tests run the real program on a pseudo-terminal and read what it writes as a terminal would. They assert on what is
//! shown, never on times; every wait is bounded and ends on an event.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a helper of a test may fail it, and waits for another process"
)]

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{LocalModes, tcgetattr};

use crate::program;

/// Longest wait for anything: far more than a busy machine needs.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often the terminal is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

const ROWS: NonZeroU16 = NonZeroU16::new(24).unwrap();
const COLUMNS: NonZeroU16 = NonZeroU16::new(80).unwrap();

/// More rows than a run writes: nothing scrolls away.
const ENDLESS: NonZeroU16 = NonZeroU16::new(400).unwrap();

/// A run on a terminal of its own.
struct Seen {
    child: Box<dyn Child + Send + Sync>,
    /// Kept, so that the terminal stays when the run has ended.
    _master: Box<dyn MasterPty + Send>,
    terminal: File,
    keys: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    /// Everything that was written.
    written: Vec<u8>,
    screen: vt100::Parser,
    dir: tempfile::TempDir,
}

impl Seen {
    /// `bench run` of `ping` with these further arguments, on such a terminal.
    fn run(term: &str, args: &[&str]) -> Self {
        let run = [&["run", "--scenario", "ping", "-w", "0s"], args].concat();
        Self::start(term, &run, tempfile::tempdir().unwrap())
    }

    /// `bench` with these arguments on such a terminal, in a directory that is removed afterwards.
    fn start(term: &str, args: &[&str], dir: tempfile::TempDir) -> Self {
        let size = PtySize {
            rows: ROWS.get(),
            cols: COLUMNS.get(),
            ..PtySize::default()
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(program::path());
        command.args(args);
        command.cwd(dir.path());
        command.env("TERM", term);
        command.env("LC_ALL", "C.UTF-8");
        command.env("NO_COLOR", "1");
        let child = pair.slave.spawn_command(command).unwrap();
        // Who opens a terminal that belongs to nobody must say that it is not to become theirs.
        let terminal = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(rustix::fs::OFlags::NOCTTY.bits().cast_signed())
            .open(pair.master.tty_name().unwrap())
            .unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let keys = pair.master.take_writer().unwrap();
        let (sender, output) = mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            _master: pair.master,
            terminal,
            keys,
            output,
            written: Vec::new(),
            screen: vt100::Parser::new(ROWS, COLUMNS, 0),
            dir,
        }
    }

    /// Takes in what was written by now, waiting a moment for it.
    fn look(&mut self) {
        while let Ok(bytes) = self.output.recv_timeout(LOOK_EVERY) {
            self.screen.process(&bytes);
            self.written.extend(bytes);
        }
    }

    fn shown(&self) -> String {
        trimmed(&self.screen.screen().contents())
    }

    /// Waits until the screen shows all of these.
    fn wait_for(&mut self, words: &[&str]) {
        let began = Instant::now();
        loop {
            self.look();
            let shown = self.shown();
            if words.iter().all(|&words| shown.contains(words)) {
                return;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "waited in vain for {words:?}:\n{shown}"
            );
        }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Whether the terminal hands over lines and shows what is typed, as a shell expects it.
    fn is_as_a_shell_left_it(&self) -> bool {
        let modes = tcgetattr(&self.terminal).unwrap().local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    /// Waits for the end; returns the exit code, and all that stands on a terminal without a last row.
    fn end(&mut self) -> (u32, String) {
        let began = Instant::now();
        let status = loop {
            self.look();
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "it does not end:\n{}",
                self.shown()
            );
        };
        self.look();
        let mut paper = vt100::Parser::new(ENDLESS, COLUMNS, 0);
        paper.process(&self.written);
        let text = trimmed(&paper.screen().contents());
        let screen = self.screen.screen();
        assert!(
            !screen.alternate_screen() && !screen.hide_cursor(),
            "{text}"
        );
        assert!(self.is_as_a_shell_left_it());
        (status.exit_code(), text)
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        // A test that failed leaves no run behind; one that did not has seen its end.
        let _ = self.child.kill();
    }
}

/// Without the blanks with which a display fills its lines.
fn trimmed(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n")
}

/// A noisy machine may void the measurement, and then the exit code says so.
fn assert_measured(exit_code: u32, text: &str) {
    assert!([0, 3].contains(&exit_code), "{exit_code}: {text}");
}

#[test]
fn a_pair_shows_where_it_is_and_ends_with_its_verdict() {
    let mut run = Seen::run("xterm-256color", &["-d", "4s", "--rounds", "1"]);
    run.wait_for(&["round 1 of 1, epoch ", "s left", "generator ", "p50 "]);
    let (exit_code, text) = run.end();
    assert_measured(exit_code, &text);
    assert!(!text.contains("s left"), "the display is gone: {text}");
    let order = [
        "servers on core ",
        "The measurement is ",
        "\n response ",
        " callback  coroutine  differs ",
        "\n p50 ",
        "Report:  ",
        "Repeat:  bench run --scenario ping -w 0s -d 4s --rounds 1",
    ];
    let places = order.map(|words| {
        text.find(words)
            .unwrap_or_else(|| panic!("{words}: {text}"))
    });
    assert!(places.is_sorted(), "{text}");
    // Whatever was said before, the answer is what the screen shows at the end.
    let screen = run.shown();
    for words in &order[1..] {
        assert!(screen.contains(words.trim()), "{words}: {screen}");
    }
}

#[test]
fn ctrl_c_takes_the_display_off_and_says_what_is_kept() {
    let args = ["-d", "40s", "--rounds", "1", "--target", "callback"];
    let mut run = Seen::run("xterm-256color", &args);
    run.wait_for(&["round 1 of 1, epoch ", "s left"]);
    run.press("\x03");
    let (exit_code, text) = run.end();
    assert_eq!(exit_code, 130, "{text}");
    for gone in ["s left", "[", "^C"] {
        assert!(!text.contains(gone), "{gone}: {text}");
    }
    for kept in [
        "Interrupted: what was measured until then is kept, ",
        " of 20 samples.\n",
        "The run was interrupted",
        "Report:  results/runs/",
    ] {
        assert!(text.contains(kept), "{kept}: {text}");
    }
}

#[test]
fn a_terminal_that_can_only_go_on_gets_a_line_a_round() {
    let args = ["-d", "4s", "--rounds", "2", "--target", "callback"];
    let mut run = Seen::run("dumb", &args);
    let (exit_code, text) = run.end();
    assert_measured(exit_code, &text);
    for round in [
        "round 1 of 2, epoch 1 of 20",
        "round 2 of 2, epoch 11 of 20",
    ] {
        assert!(text.contains(round), "{round}: {text}");
    }
    let written = String::from_utf8_lossy(&run.written);
    assert!(!written.contains('\x1b'), "{written:?}");
}

#[test]
fn the_full_screen_takes_keys_and_gives_the_terminal_back() {
    let args = [
        "-d", "20s", "--rounds", "1", "--target", "callback", "--tui",
    ];
    let mut run = Seen::run("xterm-256color", &args);
    run.wait_for(&["Percentiles of response time so far", "> o callback"]);
    assert!(run.screen.screen().alternate_screen());
    assert!(!run.is_as_a_shell_left_it());
    run.press("\t");
    run.wait_for(&["Median response time of each epoch"]);
    run.press("?");
    run.wait_for(&["Help", "what was measured is kept, as after Ctrl-C"]);
    run.press("?p");
    run.wait_for(&[": paused, about ", "p go on"]);
    run.press("p");
    run.wait_for(&[": callback, about ", "p pause"]);
    run.press("q");
    let (exit_code, text) = run.end();
    assert_eq!(exit_code, 130, "{text}");
    for kept in [
        "servers on core ",
        "The run was interrupted",
        "Report:  results/runs/",
    ] {
        assert!(text.contains(kept), "{kept}: {text}");
    }
}

#[test]
fn the_terminal_is_given_back_where_the_run_must_end_at_once() {
    let by_key = |run: &mut Seen| run.press("\x03");
    let by_signal = |run: &mut Seen| {
        // The second may find the process gone already, which is as good.
        let id = run.child.process_id().unwrap().cast_signed();
        let _ = kill_process(Pid::from_raw(id).unwrap(), Signal::TERM);
    };
    let ask: [fn(&mut Seen); 2] = [by_key, by_signal];
    // Each on a terminal of its own, so they may as well run at the same time.
    std::thread::scope(|scope| {
        for ask in ask {
            for (more, shown) in [(Some("--tui"), "> o callback"), (None, "s left")] {
                scope.spawn(move || {
                    let args = ["-d", "40s", "--rounds", "1", "--target", "callback"];
                    let args: Vec<&str> = args.into_iter().chain(more).collect();
                    let mut run = Seen::run("xterm-256color", &args);
                    run.wait_for(&[shown]);
                    ask(&mut run);
                    ask(&mut run);
                    let (exit_code, text) = run.end();
                    assert_eq!(exit_code, 130, "{text}");
                    assert!(!text.contains("s left"), "{text}");
                });
            }
        }
    });
}

#[test]
fn a_new_user_is_asked_two_questions() {
    let dir = tempfile::tempdir().unwrap();
    let package = r#"{"name": "users", "scripts": {"start": "node users.js"}}"#;
    std::fs::write(dir.path().join("package.json"), package).unwrap();
    let mut init = Seen::start("xterm-256color", &["init", "--no-run"], dir);
    init.wait_for(&["Node.js", "How is the server started?", "[node users.js]"]);
    init.press("\n");
    init.wait_for(&["Which path", "[/]"]);
    init.press("/api/users/42\n");
    let (exit_code, text) = init.end();
    assert_eq!(exit_code, 0, "{text}");
    let written = |name: &str| std::fs::read_to_string(init.dir.path().join(name)).unwrap();
    assert!(written("bench-server.toml").contains("args = [\"users.js\"]"));
    assert!(written("bench-requests.toml").contains("\"/api/users/42\""));
}
