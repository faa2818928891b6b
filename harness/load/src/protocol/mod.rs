//! What is said over connections, as pure logic: bytes and times in, decisions out. No socket and no clock.

pub mod events;
pub mod exchange;
pub mod messages;
pub mod template;
pub mod upgrade;
pub mod workload;
