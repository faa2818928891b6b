//! The terminal of the full screen: taken, drawn on, and given back however the program ends.
//!
//! It is given back by what comes first: the end of the display, a panic (its message then stands where it can be read), or
//! the second signal. There is one terminal, so whether it is taken is one value for the whole program.

use std::io::{self, BufWriter, Stderr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once};
use std::time::Duration;

use ratatui::Frame;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};

/// Whether the terminal is ours.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// Held while something is drawn, so that nothing is written to a terminal that was just given back.
static PEN: Mutex<()> = Mutex::new(());

/// How often, and how long each time, giving back waits for a drawing to end. It goes ahead then: the one who draws may be the
/// one who panicked.
const WAITS_FOR_PEN: u32 = 20;
const WAIT_FOR_PEN: Duration = Duration::from_millis(5);

/// The terminal while it is ours. Dropping it gives it back.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<BufWriter<Stderr>>>,
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn take() -> io::Result<Self> {
        give_back_on_panic();
        enable_raw_mode()?;
        IS_TAKEN.store(true, Ordering::SeqCst);
        // From here on whatever fails gives back what was taken.
        let screen = Self {
            terminal: Terminal::new(CrosstermBackend::new(BufWriter::new(io::stderr())))?,
        };
        execute!(io::stderr(), EnterAlternateScreen, Hide)?;
        Ok(screen)
    }

    /// Draws, where the terminal is still ours. One that takes nothing any more is given back.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) {
        let is_drawn = {
            let _pen = PEN.lock();
            !IS_TAKEN.load(Ordering::SeqCst) || self.terminal.draw(draw).is_ok()
        };
        if !is_drawn {
            give_back();
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back, if it was taken and not given back before.
pub(crate) fn give_back() {
    if !IS_TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    for _ in 0..WAITS_FOR_PEN {
        if PEN.try_lock().is_ok() {
            break;
        }
        std::thread::park_timeout(WAIT_FOR_PEN);
    }
    // Where even this fails there is no terminal any more.
    let _ = execute!(io::stderr(), LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}

fn give_back_on_panic() {
    static HOOKED: Once = Once::new();
    HOOKED.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            before(panic);
        }));
    });
}
