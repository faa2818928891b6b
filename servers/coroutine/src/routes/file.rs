//! `/file`: a file, read in the pool. Large ones take turns.

use std::sync::Arc;

use spec::{Answer, Failure};

use crate::Server;
use crate::runtime::Runtime;

pub(super) async fn answer<R: Runtime>(server: &Server<R>, kib: u32) -> Answer {
    let data_dir = Arc::clone(&server.data_dir);
    let read = R::run_blocking(&server.pool, move || serving::read_file(&data_dir, kib));
    let _permit = if spec::is_large_file(kib) {
        Some(R::acquire(&server.large_files).await)
    } else {
        None
    };
    read.await.unwrap_or_else(|| Failure::Pool.answer())
}
