//! What each route does, as callbacks: whatever has to be waited for is given a function that goes on from there.
//!
//! Knows how the loop calls back. Must never know HTTP. To be read beside the coroutine server's `routes`, file by file: what they
//! do is the same, and how it is written down is the difference that the benchmark is about.

mod chat;
mod compute;
mod database;
mod events;
mod file;
mod sleep;
mod upstream;

use spec::{Answer, Asked, Stats};

use crate::connection::Request;
use crate::event_loop::EventLoop;

pub(crate) use self::chat::Chat;

/// Begins the work on a request. Its answer may be given before this returns.
pub(crate) fn begin<L: EventLoop>(event_loop: &mut L, request: &Request<L>, asked: Asked) {
    match asked {
        Asked::Answer(answer) => request.answer(event_loop, &answer),
        Asked::Sleep { ms } => sleep::begin(event_loop, request, ms),
        Asked::Upstream { calls, ms, mode } => {
            upstream::begin(event_loop, request, calls, ms, mode);
        }
        Asked::File { kib } => file::begin(event_loop, request, kib),
        Asked::Compute { work, offload } => compute::begin(event_loop, request, work, offload),
        Asked::Events(events) => events::begin(event_loop, request, events),
        Asked::Chat(key) => chat::begin(event_loop, request, &key),
        Asked::Database(work) => database::begin(event_loop, request, work),
        Asked::Stats => stats(event_loop, request),
    }
}

/// All loops are asked; where there is but one, it has answered.
fn stats<L: EventLoop>(event_loop: &mut L, request: &Request<L>) {
    let own = request.server().stats(event_loop);
    let later = request.clone();
    let answer = move |event_loop: &mut L, stats: Stats| {
        let stats = serving::with_pool(stats, &later.server().pool);
        later.answer(event_loop, &Answer::stats(&stats));
    };
    request.server().census.ask(event_loop, own, answer);
}
