//! `/file`: a file, read in the pool. Large ones take turns.

use std::rc::Rc;
use std::sync::Arc;

use crate::connection::Request;
use crate::event_loop::EventLoop;

pub(super) fn begin<L: EventLoop>(event_loop: &mut L, request: &Request<L>, kib: u32) {
    let data_dir = Arc::clone(&request.server().data_dir);
    let read = move || serving::read_file(&data_dir, kib);
    if !spec::is_large_file(kib) {
        request.answer_from_pool(event_loop, read, |_| ());
        return;
    }
    let request = request.clone();
    let server = Rc::clone(request.server());
    let begin = move |event_loop: &mut L| {
        let next = Rc::clone(request.server());
        request.is_open()
            && request.answer_from_pool(event_loop, read, move |event_loop| {
                next.large_files.release(event_loop);
            })
    };
    server.large_files.acquire(event_loop, begin);
}
