//! `/file`: a file, read in the pool.

use std::sync::Arc;

use crate::connection::Request;
use crate::event_loop::EventLoop;

pub(super) fn begin<L: EventLoop>(event_loop: &mut L, request: &Request<L>, kib: u32) {
    let data_dir = Arc::clone(&request.server().data_dir);
    request.answer_from_pool(event_loop, move || serving::read_file(&data_dir, kib));
}
