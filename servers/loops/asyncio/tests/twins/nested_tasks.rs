use asyncio::create_task;
use std::pin::Pin;

use crate::Trace;

fn grow(trace: Trace, name: String, depth: u32) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        trace.at_turn(format!("{name} begins"));
        if depth > 0 {
            let left = create_task(grow(trace.clone(), format!("{name}l"), depth - 1));
            let right = create_task(grow(trace.clone(), format!("{name}r"), depth - 1));
            // Awaited as it is, a coroutine takes no step of its own.
            grow(trace.clone(), format!("{name}m"), 0).await;
            right.await.unwrap();
            left.await.unwrap();
        }
        trace.at_turn(format!("{name} ends"));
    })
}

pub(crate) async fn main(trace: Trace) {
    let root = create_task(grow(trace.clone(), "root".to_owned(), 3));
    root.await.unwrap();
    trace.at_turn("main");
}
