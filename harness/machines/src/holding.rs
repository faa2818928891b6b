//! Idle connections that an agent holds, on a thread of their own: what watches them can't be handed from one to another.

use std::num::NonZeroU32;
use std::sync::mpsc::{self, Sender};

use load::Peer;
use load::idle::Idle;
use process::interrupt::Interrupt;

/// Idle connections to one server. They are closed when this is dropped.
pub(crate) struct Holding {
    /// Who asks how many were lost.
    asks: Sender<Sender<u32>>,
    opened: u32,
}

impl Holding {
    /// Opens `count` connections to `peer`, fewer where `interrupt` is asked meanwhile; or says why they can't be opened.
    pub(crate) fn open(
        peer: Peer,
        count: NonZeroU32,
        interrupt: Interrupt,
    ) -> Result<Self, String> {
        let (asks, asked) = mpsc::channel::<Sender<u32>>();
        let (tell, opened) = mpsc::channel();
        let holds = move || {
            let idle = Idle::open(&peer, count, || interrupt.is_asked());
            let outcome = idle.as_ref().map(Idle::opened);
            // Somebody waits for it.
            let _ = tell.send(outcome.map_err(ToString::to_string));
            let Ok(mut idle) = idle else { return };
            for asker in asked {
                // Where the system does not tell, all of them are.
                let lost = idle.look().unwrap_or(idle.opened());
                let _ = asker.send(lost);
            }
        };
        std::thread::Builder::new().spawn(holds).map_err(|error| {
            format!("cannot start a thread: {error}; raise the limit with `ulimit -u`")
        })?;
        let opened = opened.recv().map_err(|error| error.to_string())??;
        Ok(Self { asks, opened })
    }

    /// How many were opened.
    pub(crate) fn opened(&self) -> u32 {
        self.opened
    }

    /// How many of them are lost by now.
    pub(crate) fn lost(&self) -> u32 {
        let (tell, lost) = mpsc::channel();
        let is_asked = self.asks.send(tell).is_ok();
        let lost = is_asked.then(|| lost.recv().ok()).flatten();
        lost.unwrap_or(self.opened)
    }
}
