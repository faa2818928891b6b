//! Many machines: agents that meet at a NATS server, who is there, and how far their clocks are apart.
//!
//! An agent dials out, so that only the NATS server has to be reachable. It registers itself in a key-value bucket, under a lease that
//! it renews, and answers what its clocks read. Nothing of this is a protocol of our own: requests and replies, buckets whose
//! entries expire, and credentials are NATS'.
//!
//! Agents drive a load together: each opens its connections, all start at one instant by their own clocks, and what each recorded is merged.
//! What one of them misses, everybody's load misses: it is void, and driven again.
//!
//! Agents also have what lasts longer than a load: idle connections, and servers, which [`process`] starts there as it does here. [`serving`] answers
//! on an agent's machine, [`held`] and [`servers`] ask on the coordinator's, by way of [`link`].
//!
//! What is decided is apart from what is done: [`access`], [`clocks`], [`lease`], [`registration`], `steps` and `together` know no socket and
//! no clock; [`agent`], `driving` and [`serving`] do what they say on an agent's machine, [`fleet`], [`servers`], [`listing`] and [`watch`] on a
//! coordinator's, by way of `broker`.

pub mod access;
pub mod agent;
mod broker;
pub mod clocks;
mod driving;
pub mod error;
pub mod fleet;
pub mod held;
mod holding;
pub mod lease;
pub mod link;
pub mod listing;
pub mod registration;
pub mod servers;
pub mod serving;
pub mod session_words;
mod steps;
mod together;
pub mod watch;
pub mod words;
