//! Sleeping and time limits (`tasks.py`, `timeouts.py`).
//!
//! Knows how a timer wakes a task; must never know what is limited.

use crate::handles::HandleKey;
use crate::remote::{Remote, get_running_loop};
use reactor::coroutines::{Elapsed, limit_by};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// Waits so long, from when it is first awaited; no time at all is the next turn.
pub fn sleep(delay: Duration) -> Sleep {
    Sleep {
        state: State::New(Until::Delay(delay)),
    }
}

/// Waits until [`EventLoop::time`](crate::EventLoop::time) is `when`.
pub fn sleep_until(when: Duration) -> Sleep {
    Sleep {
        state: State::New(Until::Time(when)),
    }
}

/// Waits for a future no longer than `limit`, and then drops it.
pub async fn wait_for<F: Future>(future: F, limit: Duration) -> Result<F::Output, Elapsed> {
    let until = get_running_loop().time().saturating_add(limit);
    limit_by(sleep_until(until), future).await
}

/// A wait for a time. It belongs to the loop on which it is first awaited.
#[derive(Debug)]
#[must_use = "time passes while it is awaited"]
pub struct Sleep {
    state: State,
}

#[derive(Debug)]
enum State {
    New(Until),
    /// Its task takes a step in the next turn.
    Yielded,
    Waiting {
        timer: HandleKey,
        remote: Remote,
    },
    Over,
}

#[derive(Debug, Clone, Copy)]
enum Until {
    Delay(Duration),
    Time(Duration),
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &self.state {
            State::New(Until::Delay(Duration::ZERO)) => {
                self.state = State::Yielded;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            State::New(until) => {
                let event_loop = get_running_loop();
                let when = match *until {
                    Until::Delay(delay) => event_loop.time().saturating_add(delay),
                    Until::Time(when) => when,
                };
                self.state = State::Waiting {
                    timer: event_loop.wake_at(when, cx.waker().clone()),
                    remote: event_loop.remote(),
                };
                return Poll::Pending;
            }
            State::Waiting { timer, remote } => {
                let is_waiting = remote
                    .event_loop(|event_loop| event_loop.is_to_wake(*timer, cx.waker()))
                    .expect("a sleep is awaited on one loop");
                if is_waiting {
                    return Poll::Pending;
                }
            }
            State::Yielded | State::Over => {}
        }
        self.state = State::Over;
        Poll::Ready(())
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let State::Waiting { timer, remote } = &self.state {
            // Where the loop doesn't run, the timer finds out that nobody waits.
            remote.event_loop(|event_loop| event_loop.cancel(*timer));
        }
    }
}
