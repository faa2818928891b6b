//! How many descriptors this process may open, for tests in which there are too few.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail it")]

/// The limit under which so many descriptors can still be opened. It bounds their numbers, not how many there are, and
/// the caller of this test may have left open ones with high numbers and gaps below.
pub(crate) fn limit_that_leaves(free: usize) -> u64 {
    let open: Vec<u64> = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    // The descriptor that read the directory counts as open here and is closed again: one more than asked for is free.
    let last = (0..).filter(|number| !open.contains(number)).nth(free - 1);
    last.expect("numbers have no end") + 1
}
