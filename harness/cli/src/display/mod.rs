//! What a person sees while a run goes: nothing, a line a round, two lines that are redrawn, or the full screen.
//!
//! Drawing must not disturb what is measured. It is done by a thread of its own, on a core that neither serves nor generates
//! where the run leaves one; where it leaves none, between two epochs, and within one only every [`WITHIN_EPOCH_EVERY`] and
//! for a key, on a core of the generator: what it takes away there shows as the generator's lag, and not as a slow server.

mod line;
pub(crate) mod live_line;
#[cfg(test)]
mod made_up_for_tests;
mod moment;
mod progress;
mod screen;
mod view;

use std::fs::File;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use model::record::surroundings::Pinning;
use model::spec::scenario::Scenario;
use model::units::duration_ns;
use ratatui::crossterm::event::{self, Event};
use report::words::{figures, sentences, sweep};

use crate::glyphs::Glyphs;
use crate::output::note;
use crate::page::Page;
use crate::redrawn::{self, REDRAW_EVERY, Redrawn, approximate};
use process::cores;
use process::failure::Failure;
use process::interrupt::{self, Interrupt};
use runner::run_event::{Planned, RunEvent};
use runner::steering::Steering;

use moment::Moment;
use progress::Progress;
use screen::Screen;
use view::{Action, Look, View};

/// The least time between two redraws within an epoch, where every core measures.
const WITHIN_EPOCH_EVERY: Duration = Duration::from_secs(5);

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// How a run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DisplayMode {
    /// Not at all, but for what is said: standard error is no terminal.
    Quiet,
    /// By a line a round: the terminal can't go back to a line that it has shown.
    Rounds,
    /// By two lines that are redrawn.
    Lines,
    /// On the full screen.
    Full,
}

impl DisplayMode {
    /// The one that suits the terminal.
    pub(crate) fn usual() -> Self {
        Self::choose(false).expect("only the full screen can't be had")
    }

    /// The one that suits the terminal, or the full screen where it was asked for and can be had.
    pub(crate) fn choose(wants_full: bool) -> Result<Self, Failure> {
        // Keys come from the terminal that the program belongs to, also where standard input is something else.
        let has_keys = || std::io::stdin().is_terminal() || File::open("/dev/tty").is_ok();
        let term = std::env::var("TERM").unwrap_or_default();
        let is_terminal = std::io::stderr().is_terminal();
        Self::of(wants_full, is_terminal, has_keys, &term).map_err(|why| {
            Failure::usage(miette::miette!(
                help = "run it in a terminal, or leave --tui out: without it a run shows its progress wherever it can",
                "--tui needs a terminal, and {why}"
            ))
        })
    }

    fn of(
        wants_full: bool,
        is_terminal: bool,
        has_keys: impl Fn() -> bool,
        term: &str,
    ) -> Result<Self, &'static str> {
        let is_dumb = term.is_empty() || term == "dumb";
        match (wants_full, is_terminal, is_dumb) {
            (true, false, _) => Err("standard error is none"),
            (true, true, true) => Err("this one can only print line after line (TERM)"),
            (true, true, false) if !has_keys() => Err("this one has no keys"),
            (true, true, false) => Ok(Self::Full),
            (false, false, _) => Ok(Self::Quiet),
            (false, true, true) => Ok(Self::Rounds),
            (false, true, false) => Ok(Self::Lines),
        }
    }

    /// Catches whatever asks this program to end. Where something is drawn in place, the terminal is put in order before a
    /// second signal ends it at once.
    pub(crate) fn catch_interrupt(self) -> Result<Interrupt, Failure> {
        match self {
            Self::Lines | Self::Full => Interrupt::catch_and(give_back),
            Self::Quiet | Self::Rounds => Interrupt::catch(),
        }
    }
}

/// Puts the terminal in order, whatever is drawn on it: what is left on it is what was said.
fn give_back() {
    screen::give_back();
    redrawn::leave();
}

/// The display of one measurement. Dropping it takes it off the terminal.
pub(crate) struct Display {
    canvas: Arc<Mutex<Canvas>>,
    /// Draws while the run goes; none where nothing is redrawn.
    drawer: Option<JoinHandle<()>>,
}

/// What is shown, and where.
struct Canvas {
    began: Instant,
    steering: Steering,
    /// Whether the thread that draws has a core to itself.
    has_core: bool,
    progress: Option<Progress>,
    surface: Surface,
    drawn_at: Option<Duration>,
    is_over: bool,
}

enum Surface {
    Quiet,
    Rounds,
    Lines(Redrawn),
    /// The full screen; it is taken once the run is planned, since until then others may have something to say.
    Full {
        screen: Option<Screen>,
        view: View,
        look: Look,
        /// What was said meanwhile; it is printed once the terminal is given back.
        said: Vec<String>,
    },
}

impl Display {
    /// A display that has shown nothing yet, for a run that measures on these cores.
    pub(crate) fn start(mode: DisplayMode, pinning: &Pinning, steering: &Steering) -> Self {
        let spare = cores::spare(&cores::available(), pinning);
        let surface = match mode {
            DisplayMode::Quiet => Surface::Quiet,
            DisplayMode::Rounds => Surface::Rounds,
            DisplayMode::Lines => Surface::Lines(Redrawn::new(true)),
            DisplayMode::Full => Surface::Full {
                screen: None,
                view: View::default(),
                look: Look {
                    glyphs: Glyphs::of_environment(),
                    has_colour: anstream::AutoStream::choice(&std::io::stderr())
                        != anstream::ColorChoice::Never,
                },
                said: Vec::new(),
            },
        };
        let canvas = Arc::new(Mutex::new(Canvas {
            began: Instant::now(),
            steering: steering.clone(),
            has_core: !spare.is_empty(),
            progress: None,
            surface,
            drawn_at: None,
            is_over: false,
        }));
        let cpus = if spare.is_empty() {
            pinning.load_cpus.clone()
        } else {
            spare
        };
        let is_redrawn = matches!(mode, DisplayMode::Lines | DisplayMode::Full);
        let drawer = is_redrawn.then(|| {
            let canvas = Arc::clone(&canvas);
            std::thread::Builder::new()
                .name("display".to_owned())
                .spawn(move || {
                    // Where it can't be pinned it draws from wherever the system puts it.
                    let _ = cores::pin(&cpus);
                    keep_drawing(&canvas);
                })
        });
        Self {
            canvas,
            // A run that can't be shown is still a run.
            drawer: drawer.and_then(Result::ok),
        }
    }

    /// Shows what happened.
    pub(crate) fn on(&mut self, event: &RunEvent<'_>) {
        lock(&self.canvas).on(event);
        if matches!(event, RunEvent::Writing) {
            self.finish();
        }
    }

    fn finish(&mut self) {
        lock(&self.canvas).is_over = true;
        if let Some(drawer) = self.drawer.take() {
            drawer.thread().unpark();
            // It panics only where drawing did, and that was reported.
            let _ = drawer.join();
        }
        lock(&self.canvas).clear();
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.finish();
    }
}

/// A canvas is whole after every change to it, so that a panic elsewhere leaves nothing undone.
fn lock(canvas: &Mutex<Canvas>) -> MutexGuard<'_, Canvas> {
    canvas.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the thread that draws does: it redraws, and listens for keys where there is a full screen.
fn keep_drawing(canvas: &Mutex<Canvas>) {
    loop {
        let listens = {
            let mut canvas = lock(canvas);
            if canvas.is_over {
                return;
            }
            canvas.draw_if_due();
            matches!(
                canvas.surface,
                Surface::Full {
                    screen: Some(_),
                    ..
                }
            )
        };
        match listens.then(|| event::poll(REDRAW_EVERY)) {
            Some(Ok(true)) => match event::read() {
                Ok(happened) => lock(canvas).on_input(&happened),
                Err(_) => std::thread::park_timeout(REDRAW_EVERY),
            },
            Some(Ok(false)) => {}
            // Nothing can be heard: it must not turn in circles.
            Some(Err(_)) | None => std::thread::park_timeout(REDRAW_EVERY),
        }
    }
}

impl Canvas {
    fn on(&mut self, event: &RunEvent<'_>) {
        let now = self.began.elapsed();
        if let RunEvent::Planned {
            scenario,
            targets,
            pinning,
            design,
        } = event
        {
            let question = question(scenario, *design);
            let names: Vec<String> = targets.iter().map(|target| target.name.clone()).collect();
            self.say(BOLD, &scenario.name, &format!(": {question}"));
            self.say(
                DIM,
                &format!("{}: {}", names.join(", "), steps(*design)),
                "",
            );
            self.say(DIM, &places(pinning), "");
            if let Planned::Blocks {
                detectable: Some(detectable),
                ..
            } = design
            {
                self.say(DIM, &sentences::foresight(detectable), "");
            }
            let title = (scenario.name.as_str(), question.as_str());
            self.progress = Some(Progress::new(
                title,
                &scenario.objectives,
                names.into_iter(),
                *design,
                now,
            ));
            self.begin();
        }
        match event {
            RunEvent::Notice(line) => self.say(DIM, line, ""),
            RunEvent::CapacityMeasured { target, capacity } => {
                let rate = figures::per_s(capacity.as_per_s());
                self.say(
                    DIM,
                    &format!("{target} sustains {rate} in a closed loop"),
                    "",
                );
            }
            RunEvent::RateMeasured { plan, steps } => {
                if let Some(line) = sweep::progress(plan, steps) {
                    self.say(DIM, &line, "");
                }
            }
            RunEvent::TargetFailed { target, failure } => {
                self.say(
                    BAD,
                    &format!("{target} failed"),
                    &format!(": {}", failure.what),
                );
                for line in failure.last_output.lines() {
                    self.say(DIM, &format!("  {line}"), "");
                }
            }
            _ => {}
        }
        // A run that nobody sees is not summed up for anybody.
        if matches!(self.surface, Surface::Quiet) {
            return;
        }
        if let Some(progress) = &mut self.progress {
            progress.on(event, now);
        }
        match (&self.surface, event) {
            (Surface::Rounds, RunEvent::RoundStarted { .. }) => self.say_round(),
            // Nothing is measured at the moment, whatever begins now.
            (Surface::Lines(_) | Surface::Full { .. }, _)
                if !self.has_core && self.has_passed(REDRAW_EVERY) =>
            {
                self.draw();
            }
            _ => {}
        }
    }

    /// The run begins: the place where it is shown is taken.
    fn begin(&mut self) {
        match &mut self.surface {
            Surface::Quiet | Surface::Rounds | Surface::Lines(_) => {}
            Surface::Full { screen, .. } => match Screen::take() {
                Ok(taken) => *screen = Some(taken),
                // It was a terminal a moment ago. A run that can't be drawn is still reported.
                Err(_) => self.surface = Surface::Rounds,
            },
        }
    }

    /// The run is over: the place is given back.
    fn clear(&mut self) {
        match &mut self.surface {
            Surface::Quiet | Surface::Rounds => {}
            Surface::Lines(redrawn) => redrawn.clear(),
            Surface::Full { screen, said, .. } => {
                *screen = None;
                for line in said.drain(..) {
                    note!("{line}");
                }
            }
        }
    }

    /// A line of conversation, of which only `head` is in that style: above what is redrawn, or kept until the terminal is given
    /// back.
    fn say(&mut self, style: Style, head: &str, rest: &str) {
        let line = Page::of(std::io::stderr()).begin(style, head, rest);
        match &mut self.surface {
            Surface::Quiet | Surface::Rounds => note!("{line}"),
            Surface::Lines(redrawn) => redrawn.above(|| note!("{line}")),
            Surface::Full { screen, said, .. } => {
                if screen.is_none() {
                    note!("{line}");
                } else {
                    said.push(line);
                }
            }
        }
    }

    fn say_round(&mut self) {
        let moment = self.moment();
        if let Some(progress) = &self.progress {
            let line = line::place_words(progress, &moment);
            self.say(Style::new(), &line, "");
        }
    }

    fn moment(&self) -> Moment {
        Moment {
            now: self.began.elapsed(),
            counts: self.steering.counts(),
            wants_pause: self.steering.wants_pause(),
            is_stopping: self.steering.interrupt.is_asked(),
        }
    }

    fn on_input(&mut self, happened: &Event) {
        if let (Event::Key(key), Surface::Full { view, .. }) = (happened, &mut self.surface) {
            let is_stopping = self.steering.interrupt.is_asked();
            match view.on_key(*key, is_stopping) {
                Some(Action::TogglePause) => self.steering.toggle_pause(),
                Some(Action::Stop) => self.steering.interrupt.ask(),
                Some(Action::EndAtOnce) => {
                    give_back();
                    interrupt::end_at_once();
                }
                None => {}
            }
        }
        // Who presses a key wants to see what it did.
        if matches!(happened, Event::Key(_) | Event::Resize(..)) {
            self.draw();
        }
    }

    fn draw_if_due(&mut self) {
        // What is cut short disturbs no figure any more, and who stopped it wants to see that it stops.
        let is_measuring = self.progress.as_ref().is_some_and(Progress::is_measuring)
            && !self.steering.interrupt.is_asked();
        if self.has_passed(redraw_every(self.has_core, is_measuring)) {
            self.draw();
        }
    }

    fn has_passed(&self, time: Duration) -> bool {
        let now = self.began.elapsed();
        self.drawn_at
            .is_none_or(|drawn_at| now.saturating_sub(drawn_at) >= time)
    }

    fn draw(&mut self) {
        let moment = self.moment();
        let Some(progress) = &self.progress else {
            return;
        };
        self.drawn_at = Some(moment.now);
        match &mut self.surface {
            Surface::Quiet | Surface::Rounds | Surface::Full { screen: None, .. } => {}
            Surface::Lines(redrawn) => {
                redrawn.draw(&line::lines(progress, &moment, redrawn::columns()));
            }
            Surface::Full {
                screen: Some(screen),
                view,
                look,
                said,
            } => {
                let said = said.last().map(|line| plain(line));
                screen.draw(|frame| view.draw(frame, progress, &moment, said.as_deref(), *look));
            }
        }
    }
}

/// What a measurement answers.
fn question(scenario: &Scenario, design: Planned<'_>) -> String {
    match design {
        Planned::Blocks { .. } => scenario.question.clone(),
        Planned::Rates { plan, .. } => format!("how much load with {}?", sweep::asked(plan)),
    }
}

/// In which steps it does.
fn steps(design: Planned<'_>) -> String {
    match design {
        Planned::Blocks { plan, expected, .. } => format!(
            "{} of {}, epochs of {} in alternation, about {}",
            figures::plural(plan.rounds.into(), "round", "rounds"),
            figures::plural(plan.blocks_per_round.into(), "block", "blocks"),
            figures::time(duration_ns(plan.epoch) as f64),
            approximate(expected)
        ),
        Planned::Rates { plan, .. } => format!(
            "from {} on, at most {}",
            figures::per_s(plan.design.ladder.from_per_s),
            figures::time(plan.design.time_limit_s * 1e9)
        ),
    }
}

/// Where it runs.
fn places(pinning: &Pinning) -> String {
    let shared = if cores::is_shared(pinning) {
        ", shared: times include the other's work"
    } else {
        ""
    };
    format!("{}{shared}", cores::places(pinning))
}

/// How long the thread that draws leaves a drawing as it is.
fn redraw_every(has_core: bool, is_measuring: bool) -> Duration {
    if is_measuring && !has_core {
        WITHIN_EPOCH_EVERY
    } else {
        REDRAW_EVERY
    }
}

fn plain(line: &str) -> String {
    anstream::adapter::strip_str(line).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_terminal_decides_how_a_run_is_shown() {
        let cases = [
            (false, true, true, "xterm-256color", Ok(DisplayMode::Lines)),
            (false, true, false, "xterm-256color", Ok(DisplayMode::Lines)),
            (false, true, true, "dumb", Ok(DisplayMode::Rounds)),
            (false, true, true, "", Ok(DisplayMode::Rounds)),
            (false, false, true, "xterm-256color", Ok(DisplayMode::Quiet)),
            (true, true, true, "xterm-256color", Ok(DisplayMode::Full)),
            (true, true, true, "dumb", Err("(TERM)")),
            (true, true, false, "xterm-256color", Err("no keys")),
            (true, false, true, "xterm-256color", Err("standard error")),
        ];
        for (wants_full, is_terminal, has_keys, term, expected) in cases {
            match (
                DisplayMode::of(wants_full, is_terminal, || has_keys, term),
                expected,
            ) {
                (Err(why), Err(part)) => assert!(why.contains(part), "{why}"),
                (mode, expected) => assert_eq!(mode, expected, "{wants_full} {is_terminal} {term}"),
            }
        }
    }

    #[test]
    fn where_every_core_measures_an_epoch_is_left_alone() {
        let cases = [
            (true, true, REDRAW_EVERY),
            (true, false, REDRAW_EVERY),
            (false, false, REDRAW_EVERY),
            (false, true, WITHIN_EPOCH_EVERY),
        ];
        for (has_core, is_measuring, every) in cases {
            assert_eq!(redraw_every(has_core, is_measuring), every);
        }
        assert!(
            Duration::from_secs(1) / 4 <= REDRAW_EVERY,
            "four a second at most"
        );
    }
}
