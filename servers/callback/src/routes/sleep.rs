//! `/sleep`: a timer.

use spec::Answer;

use crate::connection::Request;
use crate::event_loop::EventLoop;

pub(super) fn begin<L: EventLoop>(event_loop: &mut L, request: &Request<L>, ms: u32) {
    let later = request.clone();
    request.after(event_loop, ms, move |event_loop| {
        later.answer(event_loop, &Answer::slept(ms));
    });
}
