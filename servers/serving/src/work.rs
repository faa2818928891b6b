//! The parts of routes that block a thread, and the pool for them.

use std::io;
use std::path::Path;
use std::time::Instant;

use reactor::Pool;
use spec::{Answer, Failure, Stats, Work, file_name};

use crate::timers::counts;

/// What `/file` answers: the file of this size in `data_dir`, read whole. It blocks, so it belongs in a pool.
pub fn read_file(data_dir: &Path, kib: u32) -> Answer {
    match std::fs::read(data_dir.join(file_name(kib))) {
        Ok(bytes) => Answer::file(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Failure::MissingFile { kib }.answer()
        }
        Err(_) => Failure::File.answer(),
    }
}

/// Computes on this thread, and says for how many microseconds that blocked it: two readings of the clock, some 50 ns.
pub fn time(work: Work) -> (Answer, u64) {
    let began = Instant::now();
    let computed = work.run();
    let us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    (Answer::computed(computed), us)
}

/// `stats`, and the figures of the pool that all loops of a server share.
pub fn with_pool(stats: Stats, pool: &Pool) -> Stats {
    Stats {
        pool_queue_depth: u64::try_from(pool.depth()).ok(),
        pool_queue_depth_max: u64::try_from(pool.depth_max()).ok(),
        pool_wait_us_counts: Some(counts(&pool.waits_us(), 1)),
        ..stats
    }
}
