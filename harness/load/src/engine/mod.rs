//! The loop that drives load, from the bottom up: the parts that know no socket (`backoff`, `pacer`, `meeting`,
//! `spinning`), what
//! the threads share (`common`), what every protocol needs of a worker (`core`), what a protocol is (`protocol`), the two
//! that there are (`requests`, `members`), the worker's loop, and [`drive`](drive::drive), which starts the threads.

pub(crate) mod backoff;
pub(crate) mod common;
pub mod control;
mod core;
pub mod drive;
pub mod error;
pub mod idle;
mod meeting;
mod members;
mod opening;
pub mod pacer;
mod protocol;
mod requests;
mod shared;
pub(crate) mod spinning;
mod worker;
