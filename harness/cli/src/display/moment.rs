//! What is known of a run at the moment that it is drawn, beside its progress.

use std::time::Duration;

use runner::steering::Counts;

/// What the clock, the user and the drive that is under way say at the moment of drawing.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moment {
    pub(super) now: Duration,
    pub(super) counts: Option<Counts>,
    pub(super) wants_pause: bool,
    pub(super) is_stopping: bool,
}
