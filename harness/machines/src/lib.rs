//! Many machines: agents that meet at a NATS server, who is there, and how far their clocks are apart.
//!
//! An agent dials out, so that only the NATS server has to be reachable. It registers itself in a key-value bucket, under a lease that
//! it renews, and answers what its clocks read. Nothing of this is a protocol of our own: requests and replies, buckets whose
//! entries expire, and credentials are NATS'.
//!
//! What is decided is apart from what is done: [`access`], [`clocks`], [`lease`] and [`registration`] know no socket and no clock;
//! [`agent`] and [`listing`] do what they say, by way of `broker`.

pub mod access;
pub mod agent;
mod broker;
pub mod clocks;
pub mod error;
pub mod lease;
pub mod listing;
pub mod registration;
