//! `/events`: a stream, whose parts are made in a loop.

use std::io;
use std::time::Duration;

use spec::Events;

use crate::connection::Connection;
use crate::runtime::Runtime;

/// A client that is slow to take what went before holds its stream up where a part is written: nothing more is made for it, and no
/// timer runs.
pub(super) async fn stream<R: Runtime>(
    client: &mut Connection<'_, R>,
    mut events: Events,
) -> io::Result<()> {
    client.begin_stream(&Events::HEAD);
    let mut part = Vec::new();
    while !events.is_over() {
        part.clear();
        events.append_due(&mut part);
        client.stream_part(&part).await?;
        if events.ms() > 0 && !events.is_over() {
            let ms = Duration::from_millis(events.ms().into());
            client.wait_in_stream(R::sleep(ms)).await?;
        }
    }
    client.end_stream();
    Ok(())
}
