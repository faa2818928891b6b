//! What each route does, as coroutines: whatever has to be waited for is awaited where it stands.
//!
//! Knows how coroutines wait. Must never know HTTP. To be read beside the callback server's `routes`, file by file: what they do is
//! the same, and how it is written down is the difference that the benchmark is about.

mod chat;
mod compute;
pub(crate) mod database;
mod events;
mod file;
mod sleep;
mod upstream;

use std::io;
use std::pin::pin;

use spec::{Answer, Asked};

use crate::connection::Connection;
use crate::runtime::Runtime;

pub(crate) use self::chat::Room;

/// Does the work on a request and answers it. Fails where the client is gone; dropped on the way, it takes back what can be taken
/// back.
pub(crate) async fn serve<R: Runtime>(
    client: &mut Connection<'_, R>,
    asked: Asked,
) -> io::Result<()> {
    let server = client.server;
    let answer = match asked {
        Asked::Answer(answer) => answer,
        Asked::Sleep { ms } => client.wait(pin!(sleep::answer::<R>(ms))).await?,
        Asked::Upstream { calls, ms, mode } => {
            let answer = pin!(upstream::answer(server, calls, ms, mode));
            client.wait(answer).await?
        }
        Asked::File { kib } => client.wait(pin!(file::answer(server, kib))).await?,
        Asked::Compute { work, offload } => {
            let answer = pin!(compute::answer(server, work, offload));
            client.wait(answer).await?
        }
        Asked::Events(events) => return events::stream(client, events).await,
        Asked::Chat(key) => return chat::attend(client, &key).await,
        Asked::Database(work) => {
            // On the heap: it is twice as large as the others, which would all be given its room.
            let mut answer = Box::pin(database::answer(server, work));
            client.wait(answer.as_mut()).await?
        }
        Asked::Stats => Answer::stats(&server.stats()),
    };
    client.respond(&answer);
    Ok(())
}
