//! The idle connections of a target, in a child process that holds them.

use std::io::{BufRead, BufReader, Read, Write};
use std::num::NonZeroU32;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use load::Peer;

use crate::cores;
use crate::interrupt::Interrupt;

/// What the line of `bench hold` begins with that says how many connections are open.
pub const HOLDING: &str = "holding ";

/// What the line begins with that says how many of them were lost so far. It answers every line on standard input.
pub const LOST: &str = "lost ";

/// How often an interrupt is looked for while connections are being opened.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long a holder may take to say what it lost.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Idle connections to one target. They are closed when this is dropped.
#[derive(Debug)]
pub struct Holder {
    child: Child,
    /// What it says, line by line.
    lines: Receiver<String>,
    opened: u32,
}

impl Holder {
    /// Opens `count` connections to `peer` and waits until they are; none where the run was interrupted meanwhile.
    ///
    /// `cpus`: the cores of the generator, for this process and the child. Only the main thread may start it, as every
    /// child. The error says in a sentence why they could not be opened.
    pub fn start(
        peer: &Peer,
        count: NonZeroU32,
        cpus: &[u32],
        interrupt: &Interrupt,
    ) -> Result<Option<Self>, String> {
        let failed = |error: std::io::Error| format!("cannot start `bench hold`: {error}");
        cores::pin(cpus).map_err(failed)?;
        let mut child = Command::new("/proc/self/exe")
            .args(["hold", &peer.to_string()])
            .args(["--connections", &count.to_string()])
            .args(["--parent", &std::process::id().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let stdout = BufReader::new(child.stdout.take().expect("piped above"));
        let (sender, lines) = mpsc::channel();
        let listen = move || {
            for line in stdout.lines().map_while(Result::ok) {
                // Nobody listens any more once it is let go.
                let _ = sender.send(line);
            }
        };
        let mut holder = Self {
            child,
            lines,
            opened: 0,
        };
        std::thread::Builder::new().spawn(listen).map_err(failed)?;
        while !interrupt.is_asked() {
            match holder.lines.recv_timeout(LOOK_EVERY) {
                Ok(line) => {
                    holder.opened = number(&line, HOLDING).ok_or_else(|| {
                        format!("`bench hold` said `{line}` instead of how many it holds")
                    })?;
                    return Ok(Some(holder));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(holder.last_words()),
            }
        }
        Ok(None)
    }

    /// How many were opened.
    pub fn opened(&self) -> u32 {
        self.opened
    }

    /// How many of them are lost by now: all, where their holder has ended.
    pub fn lost(&mut self) -> u32 {
        let asked = self
            .child
            .stdin
            .as_mut()
            .is_some_and(|stdin| writeln!(stdin).is_ok());
        let answer = self.lines.recv_timeout(ANSWER_WITHIN).ok();
        answer
            .filter(|_| asked)
            .and_then(|line| number(&line, LOST))
            .unwrap_or(self.opened)
    }

    /// Why it ended.
    fn last_words(&mut self) -> String {
        let mut words = String::new();
        if let Some(stderr) = &mut self.child.stderr {
            // What can't be read is left out.
            let _ = stderr.read_to_string(&mut words);
        }
        let words: Vec<&str> = words.split_whitespace().collect();
        format!("`bench hold` ended: {}", words.join(" "))
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The number in a line after its first word.
fn number(line: &str, first: &str) -> Option<u32> {
    line.strip_prefix(first)?.trim().parse().ok()
}
