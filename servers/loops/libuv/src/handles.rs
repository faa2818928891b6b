//! Handles: how they are named, what keeps a loop alive, how they close.
//!
//! Knows that a handle is active or not, referenced or not, open or closing; must never know what it is active at.

use crate::event_loop::Loop;
use crate::listener::{Listener, ListenerState};
use crate::remote::{Wakeup, WakeupState};
use crate::tcp::{Tcp, TcpState};
use crate::timers::{Timer, TimerState};
use crate::watchers::{Watcher, WatcherState};
use slab::Slab;
use std::fmt;
use std::mem;

/// Any handle of a loop, for what can be done with all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Handle {
    /// A timer.
    Timer(Timer),
    /// An idle, prepare or check callback.
    Watcher(Watcher),
    /// A stream.
    Tcp(Tcp),
    /// A listening socket.
    Listener(Listener),
    /// A callback that other threads can have run.
    Wakeup(Wakeup),
}

impl Loop {
    /// Closes a handle: it stops at once, its descriptor too, and its memory is freed in the closing phase.
    /// Operations that were under way on a stream end with an error there.
    pub fn close(&mut self, handle: impl Into<Handle>) {
        self.close_handle(handle.into(), None);
    }

    /// Closes a handle like [`Loop::close`], and runs `on_closed` in the closing phase once it is gone. For a handle that
    /// is closing or closed already, `on_closed` is dropped unused.
    pub fn close_then(
        &mut self,
        handle: impl Into<Handle>,
        on_closed: impl FnOnce(&mut Loop) + 'static,
    ) {
        self.close_handle(handle.into(), Some(Box::new(on_closed)));
    }

    /// Whether the handle is open and doing something: a timer started, a stream reading, a listener listening.
    pub fn is_active(&self, handle: impl Into<Handle>) -> bool {
        self.handles
            .life(handle.into())
            .is_some_and(|life| life.active)
    }

    /// Lets the loop end although this handle is active (libuv's `uv_unref`).
    pub fn unref(&mut self, handle: impl Into<Handle>) {
        self.handles
            .change_life(handle.into(), |life| life.referenced = false);
    }

    /// Undoes [`Loop::unref`] (libuv's `uv_ref`; the short word is the language's own).
    pub fn reference(&mut self, handle: impl Into<Handle>) {
        self.handles
            .change_life(handle.into(), |life| life.referenced = true);
    }

    fn close_handle(&mut self, handle: Handle, on_closed: Option<ClosedCallback>) {
        if self.handles.life(handle).is_none_or(|life| life.closing) {
            return;
        }
        match handle {
            Handle::Timer(timer) => self.stop_timer(timer),
            Handle::Watcher(watcher) => self.stop_watcher(watcher),
            Handle::Tcp(tcp) => self.release_tcp(tcp),
            Handle::Listener(listener) => self.release_listener(listener),
            Handle::Wakeup(_) => {}
        }
        self.handles.change_life(handle, |life| {
            life.active = false;
            life.closing = true;
        });
        self.closing.push(Closing { handle, on_closed });
    }

    /// The closing phase: the last one closed goes first, and one closed by these callbacks waits for the next turn
    /// (`uv__run_closing_handles`).
    pub(crate) fn run_closing(&mut self) {
        let mut closing = mem::take(&mut self.closing);
        while let Some(Closing { handle, on_closed }) = closing.pop() {
            match handle {
                Handle::Timer(timer) => drop(self.handles.timers.remove(timer.0)),
                Handle::Watcher(watcher) => drop(self.handles.watchers.remove(watcher.0)),
                Handle::Tcp(tcp) => self.finish_closing_tcp(tcp),
                Handle::Listener(listener) => drop(self.handles.listeners.remove(listener.0)),
                Handle::Wakeup(wakeup) => drop(self.handles.wakeups.remove(wakeup.0)),
            }
            if let Some(on_closed) = on_closed {
                self.metrics.callbacks += 1;
                on_closed(self);
            }
        }
        if self.closing.is_empty() {
            // Its room is kept for the next.
            self.closing = closing;
        }
    }
}

type ClosedCallback = Box<dyn FnOnce(&mut Loop)>;

/// A handle that awaits the closing phase.
pub(crate) struct Closing {
    handle: Handle,
    on_closed: Option<ClosedCallback>,
}

impl fmt::Debug for Closing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handle.fmt(f)
    }
}

/// All handles of a loop, and how many of them keep it alive.
#[derive(Debug, Default)]
pub(crate) struct Handles {
    pub(crate) timers: Arena<TimerState>,
    pub(crate) watchers: Arena<WatcherState>,
    pub(crate) tcps: Arena<TcpState>,
    pub(crate) listeners: Arena<ListenerState>,
    pub(crate) wakeups: Arena<WakeupState>,
    /// Handles both active and referenced; changed by `change_life` alone.
    pub(crate) active: usize,
}

impl Handles {
    pub(crate) fn set_active(&mut self, handle: Handle, active: bool) {
        self.change_life(handle, |life| life.active = active);
    }

    fn change_life(&mut self, handle: Handle, change: impl FnOnce(&mut Life)) {
        let life = match handle {
            Handle::Timer(timer) => self.timers.life_mut(timer.0),
            Handle::Watcher(watcher) => self.watchers.life_mut(watcher.0),
            Handle::Tcp(tcp) => self.tcps.life_mut(tcp.0),
            Handle::Listener(listener) => self.listeners.life_mut(listener.0),
            Handle::Wakeup(wakeup) => self.wakeups.life_mut(wakeup.0),
        };
        if let Some(life) = life {
            let counted = life.keeps_alive();
            change(life);
            self.active = self.active + usize::from(life.keeps_alive()) - usize::from(counted);
        }
    }

    fn life(&self, handle: Handle) -> Option<&Life> {
        match handle {
            Handle::Timer(timer) => self.timers.life(timer.0),
            Handle::Watcher(watcher) => self.watchers.life(watcher.0),
            Handle::Tcp(tcp) => self.tcps.life(tcp.0),
            Handle::Listener(listener) => self.listeners.life(listener.0),
            Handle::Wakeup(wakeup) => self.wakeups.life(wakeup.0),
        }
    }
}

/// Where a handle stands.
#[derive(Debug)]
struct Life {
    active: bool,
    referenced: bool,
    closing: bool,
}

impl Life {
    fn keeps_alive(&self) -> bool {
        self.active && self.referenced
    }
}

/// A handle's name: its slot, and the serial number of the handle that the name was made for.
///
/// Serial numbers repeat after 2³² handles of a kind; a name kept that long could mean another handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    index: usize,
    serial: u32,
}

impl Key {
    pub(crate) fn index(self) -> usize {
        self.index
    }

    /// In the order in which handles of a kind were made.
    pub(crate) fn serial(self) -> u32 {
        self.serial
    }
}

/// Handles of one kind. A slot is reused only after its handle has gone through the closing phase, which comes after
/// the poll phase: so an event never meets a slot's next tenant.
#[derive(Debug)]
pub(crate) struct Arena<T> {
    slots: Slab<Slot<T>>,
    next_serial: u32,
}

#[derive(Debug)]
struct Slot<T> {
    serial: u32,
    life: Life,
    state: T,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self {
            slots: Slab::new(),
            next_serial: 0,
        }
    }
}

impl<T> Arena<T> {
    pub(crate) fn insert(&mut self, state: T) -> Key {
        let serial = self.next_serial;
        self.next_serial = serial.wrapping_add(1);
        let life = Life {
            active: false,
            referenced: true,
            closing: false,
        };
        Key {
            index: self.slots.insert(Slot {
                serial,
                life,
                state,
            }),
            serial,
        }
    }

    /// The handle of that name, unless it is closing or gone.
    pub(crate) fn open(&self, key: Key) -> Option<&T> {
        self.slot(key)
            .filter(|slot| !slot.life.closing)
            .map(|slot| &slot.state)
    }

    pub(crate) fn open_mut(&mut self, key: Key) -> Option<&mut T> {
        self.slot_mut(key)
            .filter(|slot| !slot.life.closing)
            .map(|slot| &mut slot.state)
    }

    /// The handle of that name, closing or not, unless it is gone.
    pub(crate) fn any_mut(&mut self, key: Key) -> Option<&mut T> {
        self.slot_mut(key).map(|slot| &mut slot.state)
    }

    /// The name of whoever has the slot now.
    pub(crate) fn key_at(&self, index: usize) -> Option<Key> {
        self.slots.get(index).map(|slot| Key {
            index,
            serial: slot.serial,
        })
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        self.slot(key)?;
        Some(self.slots.remove(key.index).state)
    }

    fn life(&self, key: Key) -> Option<&Life> {
        self.slot(key).map(|slot| &slot.life)
    }

    fn life_mut(&mut self, key: Key) -> Option<&mut Life> {
        self.slot_mut(key).map(|slot| &mut slot.life)
    }

    fn slot(&self, key: Key) -> Option<&Slot<T>> {
        self.slots
            .get(key.index)
            .filter(|slot| slot.serial == key.serial)
    }

    fn slot_mut(&mut self, key: Key) -> Option<&mut Slot<T>> {
        self.slots
            .get_mut(key.index)
            .filter(|slot| slot.serial == key.serial)
    }
}

impl From<Timer> for Handle {
    fn from(timer: Timer) -> Self {
        Self::Timer(timer)
    }
}

impl From<Watcher> for Handle {
    fn from(watcher: Watcher) -> Self {
        Self::Watcher(watcher)
    }
}

impl From<Tcp> for Handle {
    fn from(tcp: Tcp) -> Self {
        Self::Tcp(tcp)
    }
}

impl From<Listener> for Handle {
    fn from(listener: Listener) -> Self {
        Self::Listener(listener)
    }
}

impl From<Wakeup> for Handle {
    fn from(wakeup: Wakeup) -> Self {
        Self::Wakeup(wakeup)
    }
}
