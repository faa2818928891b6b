//! What is neither style nor loop of a server, so that no two servers do it differently.
//!
//! Knows sockets that listen, clocks and files. Must never know a connection, a route's order of work, or how a server waits.
//!
//! | file | what |
//! |---|---|
//! | `listener` | binding, and what follows an error of `accept` |
//! | `date` | the date of answers, written once a second on each thread |
//! | `timers` | by which rule a loop's timers fire, and how punctual they are |
//! | `threads` | whether a server can have its threads |
//! | `work` | the parts of routes that block (a file, a computation), and the pool for them |

#![allow(
    clippy::disallowed_methods,
    reason = "a server is at the rim: it reads the clock and files"
)]

mod date;
mod listener;
mod threads;
mod timers;
mod work;

pub use date::{date, now_s};
pub use listener::{accept_retry, bind};
pub use reactor::Pool;
pub use threads::try_threads;
pub use timers::{LagRecorder, counts, timer_rule};
pub use work::{read_file, time, with_pool};
