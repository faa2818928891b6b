//! What `bench agents up` hands to the agents that it starts on other machines, by their standard input: first a line that says where the
//! NATS server is and what lets an agent in, then a line feed now and then, which says that the one who started it is still there.
//!
//! Arguments can be read by other users of a machine, and files outlast what they are for; what is handed over is in neither.

use std::fs::File;
use std::io::{BufRead, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use machines::access::NatsAccess;
use process::failure::{Explain, Failure, no_thread};
use process::files;
use process::interrupt::Interrupt;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

/// How often the one who started an agent says that it is there, where nothing keeps it: looking for the NATS server may, for seconds.
pub(crate) const BEAT_EVERY: Duration = Duration::from_secs(1);

/// How long it may say nothing: a machine without power says nothing more, and the connection to it stays open for hours.
pub(crate) const SILENCE: Duration = Duration::from_secs(10);

/// The largest file that is handed over. With both files a line fits into a pipe, so that writing it waits for nobody.
const MAX_FILE_BYTES: usize = 16 << 10;

/// The longest line: two files, each letter escaped, and an address.
const MAX_LINE_BYTES: u64 = 256 << 10;

/// Where the NATS server is, and what lets an agent in. Files are here with what is in them.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Handover {
    url: String,
    credentials: Option<String>,
    authority: Option<String>,
}

impl Handover {
    /// Of an address and of files on this machine.
    pub(crate) fn new(
        url: &str,
        credentials: Option<&Path>,
        authority: Option<&Path>,
    ) -> Result<Self, Failure> {
        let text = |file: &Path| {
            files::read_text(file, MAX_FILE_BYTES).or_usage(
                || format!("cannot read {}", file.display()),
                "name a file with one user's credentials, or with one authority's certificate",
            )
        };
        Ok(Self {
            url: url.to_owned(),
            credentials: credentials.map(text).transpose()?,
            authority: authority.map(text).transpose()?,
        })
    }

    /// As it is written.
    pub(crate) fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).expect("a handover is plain data");
        line.push(b'\n');
        line
    }

    /// Reads the line.
    pub(crate) fn read(input: impl BufRead) -> Result<Self, Failure> {
        let mut line = Vec::new();
        let read = input.take(MAX_LINE_BYTES).read_until(b'\n', &mut line);
        read.or_internal(|| "cannot read standard input".to_owned())?;
        // What is wrong with it is not shown: there may be a password in it.
        serde_json::from_slice(&line).map_err(|_| {
            Failure::usage(miette::miette!(
                help = "start the agent with `bench agents up`, of the same version, or name the server with --nats URL",
                "standard input does not say where the NATS server is"
            ))
        })
    }

    /// The server, as the library takes it: with paths.
    pub(crate) fn received(&self) -> Result<Received, Failure> {
        let credentials = self.credentials.as_deref().map(in_memory).transpose()?;
        let authority = self.authority.as_deref().map(in_memory).transpose()?;
        let access = NatsAccess::new(
            &self.url,
            credentials.as_ref().map(path_of).as_deref(),
            authority.as_ref().map(path_of).as_deref(),
        );
        Ok(Received {
            access: access.map_err(Failure::usage_of)?,
            _files: [credentials, authority],
        })
    }
}

/// A server whose files are in memory, and gone with this.
pub(crate) struct Received {
    pub(crate) access: NatsAccess,
    _files: [Option<File>; 2],
}

/// A file without a name, which no other user can read and no disk has.
fn in_memory(text: &str) -> Result<File, Failure> {
    let file = memfd_create("bench", MemfdFlags::CLOEXEC).map(File::from);
    let mut file = file.or_internal(|| "cannot make a file in memory".to_owned())?;
    file.write_all(text.as_bytes())
        .or_internal(|| "cannot write to a file in memory".to_owned())?;
    Ok(file)
}

fn path_of(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Asks this process to end once nobody is at the other end of standard input any more.
pub(crate) fn end_with_stdin(interrupt: &Interrupt) -> Result<(), Failure> {
    let interrupt = interrupt.clone();
    let thread = std::thread::Builder::new().name("standard-input".to_owned());
    let thread = thread.spawn(move || {
        wait_for_end(std::io::stdin(), SILENCE);
        interrupt.ask();
    });
    thread.map(drop).map_err(|error| no_thread(&error))
}

/// Waits until `input` is at its end, or nothing has come for as long as `silence`.
fn wait_for_end(mut input: impl Read + AsFd, silence: Duration) {
    let silence = Timespec::try_from(silence).expect("it is short");
    let mut bytes = [0; 64];
    loop {
        let polled = poll(&mut [PollFd::new(&input, PollFlags::IN)], Some(&silence));
        match polled {
            Ok(1..) => {}
            Err(Errno::INTR) => continue,
            Ok(0) | Err(_) => return,
        }
        match input.read(&mut bytes) {
            Ok(1..) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn files_are_handed_over_with_what_is_in_them() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.pem");
        fs::write(&file, "of\nlines").unwrap();
        let handed = Handover::new("tls://a:secret@hub.test", Some(&file), Some(&file)).unwrap();
        fs::remove_file(&file).unwrap();
        let mut line = handed.line();
        line.extend(b"\n\n");
        let mut rest = &line[..];
        let read = Handover::read(&mut rest).unwrap();
        assert_eq!(rest, b"\n\n");
        for text in [&read.credentials, &read.authority] {
            let file = in_memory(text.as_deref().unwrap()).unwrap();
            // More than once: a lost connection is made anew.
            for _ in 0..2 {
                assert_eq!(fs::read_to_string(path_of(&file)).unwrap(), "of\nlines");
            }
        }
        assert_eq!(read.received().unwrap().access.shown(), "hub.test:4222");
    }

    #[test]
    fn what_is_too_large_or_no_handover_is_refused_without_its_secrets() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.pem");
        let fits = |bytes: usize| {
            fs::write(&file, "x".repeat(bytes)).unwrap();
            Handover::new("tls://hub.test", None, Some(&file)).is_ok()
        };
        assert!(fits(MAX_FILE_BYTES) && !fits(MAX_FILE_BYTES + 1));
        for line in [
            "",
            "tls://a:secret@hub.test\n",
            "{\"url\": \"secret\"",
            "{}\n",
        ] {
            let refused = Handover::read(line.as_bytes()).err().unwrap();
            let shown = refused.report.to_string();
            assert!(shown.contains("standard input"), "{shown}");
            assert!(!shown.contains("secret"), "{shown}");
        }
    }

    #[test]
    fn an_input_that_is_closed_or_silent_is_at_its_end() {
        // The test itself is bounded by that of the test program.
        let forever = Duration::from_hours(1);
        let (ours, theirs) = UnixStream::pair().unwrap();
        (&ours).write_all(&[b'\n'; 200]).unwrap();
        drop(ours);
        wait_for_end(theirs, forever);
        let (ours, theirs) = UnixStream::pair().unwrap();
        (&ours).write_all(b"\n").unwrap();
        wait_for_end(theirs, Duration::from_millis(1));
        drop(ours);
    }
}
