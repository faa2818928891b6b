//! `/upstream`: calls to the backend, as a chain of callbacks or all at once.

use std::cell::Cell;
use std::rc::Rc;

use spec::{Answer, Call, Mode, add_reply};

use crate::connection::Request;
use crate::event_loop::EventLoop;

pub(super) fn begin<L: EventLoop>(
    event_loop: &mut L,
    request: &Request<L>,
    calls: u32,
    ms: u32,
    mode: Mode,
) {
    match mode {
        Mode::Sequential => call_next(event_loop, request, calls, Call { number: 1, ms }, 0),
        Mode::Parallel => call_all(event_loop, request, calls, ms),
    }
}

/// Each call is begun by the callback of the one before.
fn call_next<L: EventLoop>(
    event_loop: &mut L,
    request: &Request<L>,
    calls: u32,
    call: Call,
    sum: u64,
) {
    let later = request.clone();
    request.call(event_loop, call, move |event_loop, reply| {
        match reply.and_then(|number| add_reply(sum, number)) {
            Ok(sum) if call.number < calls => {
                call_next(event_loop, &later, calls, call.next(), sum);
            }
            Ok(sum) => later.answer(event_loop, &Answer::upstream(calls, sum)),
            Err(error) => later.fail(event_loop, &error.into()),
        }
    });
}

/// The calls end in any order; the last to end answers, or the first to fail.
fn call_all<L: EventLoop>(event_loop: &mut L, request: &Request<L>, calls: u32, ms: u32) {
    let answered = Rc::new(Cell::new((0, 0)));
    for call in Call::each(calls, ms) {
        let (later, answered) = (request.clone(), Rc::clone(&answered));
        request.call(event_loop, call, move |event_loop, reply| {
            let (count, sum) = answered.get();
            match reply.and_then(|number| add_reply(sum, number)) {
                Ok(sum) if count + 1 < calls => answered.set((count + 1, sum)),
                Ok(sum) => later.answer(event_loop, &Answer::upstream(calls, sum)),
                Err(error) => later.fail(event_loop, &error.into()),
            }
        });
    }
}
