//! The parts of routes that block a thread.

use std::io;
use std::path::Path;
use std::time::Instant;

use spec::{Answer, Failure, Work, file_name};

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
