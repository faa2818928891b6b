//! What the servers say to PostgreSQL and to Redis, and read from them, without sockets.
//!
//! Both servers prepare the same statements and give them the same parameters; both speak to Redis by the same codec. The callback
//! server speaks PostgreSQL's protocol by [`Session`]; the coroutine server has tokio-postgres for that.
//!
//! Must never know who waits for a reply, or how connections are kept: each server does that in its own way.
//!
//! | file | what |
//! |---|---|
//! | `access` | reading `DATABASE_URL` and `REDIS_URL` |
//! | `statement` | the statements and the columns of an order |
//! | `session` | one connection to PostgreSQL: logging in, preparing, asking |
//! | `cache` | one connection to Redis: commands and replies |

mod access;
mod cache;
mod session;
mod statement;

pub use postgres_types::ToSql;

pub use access::{UrlError, postgres_access, redis_access};
pub use cache::{CacheCommand, CacheSession};
pub use session::{Progress, Rows, Session, Transaction};
pub use statement::{OrderColumns, Statement};
