//! `/sleep`: a timer.

use libuv::Loop;
use spec::Answer;

use crate::connection::Request;

pub(super) fn begin(event_loop: &mut Loop, request: &Request, ms: u32) {
    let later = request.clone();
    request.after(event_loop, ms, move |event_loop| {
        later.answer(event_loop, &Answer::slept(ms));
    });
}
