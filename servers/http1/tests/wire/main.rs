//! What goes over the wire, case by case, in every way it can arrive.
//!
//! The cases are data: `requests` and `replies` hold streams and what must come of them, and each is replayed whole, byte
//! by byte, cut in two at every place, twice in a row and with junk behind it. `limits` holds the bounds, `order` what
//! depends on when input comes, `streams` answers in parts, `upgrades` the way out of HTTP, `splits` the same properties for
//! generated streams.

mod limits;
mod order;
mod replay;
mod replies;
mod requests;
mod splits;
mod streams;
mod upgrades;
