//! Signals, through a pipe to the loop, as asyncio and uvloop have them (`unix_events.py`, `loop.pyx`; `signal.set_wakeup_fd`).
//!
//! Knows that a signal came; must never know what is to be done about it.

use super::{Home, Registered, Tried};
use mio::net::UnixStream;
use signal_hook::SigId;
use signal_hook::low_level::{pipe, unregister};
use std::future::poll_fn;
use std::io::{self, Read};
use std::os::fd::OwnedFd;

/// Signals that are caught for as long as this lives.
#[derive(Debug)]
pub struct Signals<H: Home> {
    pipe: Registered<UnixStream, H>,
    ids: Vec<SigId>,
}

impl<H: Home> Signals<H> {
    /// Catches these signals, for the running loop.
    pub fn catch(signals: &[i32]) -> io::Result<Self> {
        let (read_end, write_end) = std::os::unix::net::UnixStream::pair()?;
        read_end.set_nonblocking(true)?;
        let mut caught = Self {
            pipe: Registered::new(UnixStream::from_std(read_end), false)?,
            ids: Vec::new(),
        };
        for &signal in signals {
            let pipe: OwnedFd = write_end.try_clone()?.into();
            caught.ids.push(pipe::register(signal, pipe)?);
        }
        Ok(caught)
    }

    /// Waits for any of them. Several that come at once may be one.
    pub async fn recv(&self) -> io::Result<()> {
        poll_fn(|cx| {
            let read = |mut pipe: &UnixStream| {
                let value = pipe.read(&mut [0; 64])?;
                Ok(Tried {
                    value,
                    drained: false,
                })
            };
            self.pipe.poll_read(usize::MAX, cx, read)
        })
        .await
        .map(drop)
    }
}

impl<H: Home> Drop for Signals<H> {
    fn drop(&mut self) {
        for id in self.ids.drain(..) {
            unregister(id);
        }
    }
}
