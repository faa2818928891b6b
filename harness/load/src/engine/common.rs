//! What the threads of a drive share, and what is each one's own.

use std::ops::RangeInclusive;

use model::spec::load::Load;
use model::spec::part::Part;

use crate::clock::Clock;
use crate::engine::control::Control;
use crate::engine::meeting::Meeting;
use crate::engine::spinning::Spin;
use crate::transport::dial::Peer;

/// What all threads of a drive share.
pub(crate) struct Common<'a> {
    /// The whole load, also where only a part of it is driven here.
    pub(crate) load: &'a Load,
    /// Connections of all threads here.
    pub(crate) connections: u32,
    pub(crate) peer: &'a Peer,
    pub(crate) control: &'a Control,
    pub(crate) clock: Clock,
    pub(crate) meeting: Meeting,
    /// Whether the kernel stamps what arrives.
    pub(crate) is_stamped: bool,
    pub(crate) local_ports: RangeInclusive<u16>,
}

/// A thread's part of a drive.
pub(crate) struct Share {
    /// This thread, from 0.
    pub(crate) thread: u32,
    /// Of how many.
    pub(crate) threads: u32,
    /// Which of the thread's requests it sends.
    pub(crate) part: Part,
    /// What the messages of a chat begin with whose members are not all here.
    pub(crate) room: u64,
    /// Connections of this thread, at least one.
    pub(crate) connections: u32,
    /// The core to pin to.
    pub(crate) cpu: Option<u32>,
    /// When to spin.
    pub(crate) spin: Spin,
}
