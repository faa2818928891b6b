//! What comes out of one drive of load, and of what was watched meanwhile.

pub mod accounting;
pub mod clock;
pub mod histogram;
pub mod loops;
pub mod receive;
pub mod recording;
pub mod slices;
pub mod stalls;
pub mod summary;
pub mod syscalls;
pub mod workload;
