use asyncio::{Cancelled, create_task, get_running_loop, sleep};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use crate::Trace;

async fn work(trace: Trace, name: &'static str, delay_s: u64) -> &'static str {
    trace.at_turn(format!("{name} begins"));
    sleep(Duration::from_secs(delay_s)).await;
    trace.at_turn(format!("{name} ends"));
    name
}

/// asyncio's `gather` by the means that it is made of: a task each, done callbacks that count, and a future for all.
async fn gather<F: Future + 'static>(
    coroutines: impl IntoIterator<Item = F>,
) -> Result<Vec<F::Output>, Cancelled> {
    let tasks: Vec<_> = coroutines.into_iter().map(create_task).collect();
    let all = get_running_loop().create_future();
    let left = Rc::new(Cell::new(tasks.len()));
    for task in &tasks {
        let (all, left) = (all.clone(), Rc::clone(&left));
        task.add_done_callback(move || {
            left.set(left.get() - 1);
            if left.get() == 0 {
                all.set_result(());
            }
        });
    }
    all.await?;
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await?);
    }
    Ok(results)
}

pub(crate) async fn main(trace: Trace) {
    let delays = [("a", 2), ("b", 0), ("c", 1), ("d", 2)];
    let results = gather(delays.map(|(name, delay_s)| work(trace.clone(), name, delay_s))).await;
    trace.at_turn(format!("gathered {}", results.unwrap().join(" ")));
}
