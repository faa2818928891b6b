//! What a protocol does with the connections of a worker.

use model::measured::accounting::ErrorKind;
use model::units::Nanos;

use crate::engine::core::{Core, Opened};
use crate::protocol::upgrade::UpgradeError;
use crate::reactor::Ready;
use crate::transport::link::Transport;

/// What is said over the connections of a worker. The worker knows when; a protocol knows what.
///
/// A session that may send stands in the worker's line of the free. One that is taken from it for [`Protocol::send`] comes back
/// through [`Core::set_free`].
pub(crate) trait Protocol<T: Transport> {
    /// Names the sessions to open before the start.
    fn prepare(&mut self, core: &mut Core<'_, T>);

    /// A session's connection can be used from now on.
    fn on_open(&mut self, core: &mut Core<'_, T>, index: usize, opened: Opened, now: Nanos);

    /// A session's connection could not be opened; the session is closed.
    fn on_open_failed(&mut self, core: &mut Core<'_, T>, index: usize, kind: ErrorKind, now: Nanos);

    /// Before the start: whether every session has got as far as it must, or why one won't.
    fn is_ready(&self, core: &Core<'_, T>) -> Result<bool, UpgradeError>;

    /// The schedule begins: in a closed loop, with the first requests.
    fn begin(&mut self, core: &mut Core<'_, T>, now: Nanos);

    /// Sends what was due at `due_ns` over a session that was free.
    fn send(&mut self, core: &mut Core<'_, T>, index: usize, due_ns: Nanos);

    /// The socket of an open connection is ready.
    fn on_ready(&mut self, core: &mut Core<'_, T>, index: usize, ready: Ready, now: Nanos);

    /// Gives up what was sent too long ago.
    fn time_out(&mut self, core: &mut Core<'_, T>, now: Nanos);

    /// What was sent and has not met its fate.
    fn in_flight(&self) -> u32;

    /// What is still to come, also of what others sent.
    fn awaited(&self) -> u32 {
        self.in_flight()
    }

    /// Nothing is due any more, here and where others speak.
    fn arrivals_ended(&mut self, _: &mut Core<'_, T>) {}

    /// Of which kind in the mix the next one would have been, where it is not sent any more. Each is asked for once.
    fn next_kind(&mut self) -> usize {
        0
    }

    /// Nothing more is waited for: what is in flight is unfinished.
    fn finish(&mut self, core: &mut Core<'_, T>, now: Nanos);
}
