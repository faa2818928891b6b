//! `/file`: a file, read in the pool.

use std::sync::Arc;

use libuv::Loop;

use crate::connection::Request;

pub(super) fn begin(event_loop: &mut Loop, request: &Request, kib: u32) {
    let data_dir = Arc::clone(&request.server().data_dir);
    request.answer_from_pool(event_loop, move || serving::read_file(&data_dir, kib));
}
