//! What is kept of a sweep.

pub mod design;
pub mod knee;
pub mod ladder;
pub mod objective;
pub mod pass;
pub mod plan;
pub mod step;
pub mod whole;
