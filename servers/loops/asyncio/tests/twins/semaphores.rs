use asyncio::{Semaphore, create_task, sleep};
use std::rc::Rc;
use std::time::Duration;

use crate::Trace;

async fn worker(trace: Trace, name: &'static str, semaphore: Rc<Semaphore>, turns: u32) {
    {
        let _permit = semaphore.acquire().await;
        trace.at_turn(format!("{name} begins"));
        for _ in 0..turns {
            sleep(Duration::ZERO).await;
        }
    }
    trace.at_turn(format!("{name} has ended"));
}

pub(crate) async fn main(trace: Trace) {
    let semaphore = Rc::new(Semaphore::new(2));
    let turns = [("a", 3), ("b", 1), ("c", 2), ("d", 1), ("e", 0), ("f", 1)];
    let tasks = turns.map(|(name, turns)| {
        create_task(worker(trace.clone(), name, Rc::clone(&semaphore), turns))
    });
    trace.at_turn(format!("locked: {}", semaphore.is_locked()));
    sleep(Duration::ZERO).await;
    trace.at_turn(format!("locked: {}", semaphore.is_locked()));
    // One that waits, and one that has just been given its turn, give up.
    tasks[3].cancel();
    sleep(Duration::ZERO).await;
    tasks[2].cancel();
    for task in tasks {
        let _ = task.await;
    }
    trace.at_turn(format!("locked: {}", semaphore.is_locked()));
    let _permits = (semaphore.acquire().await, semaphore.acquire().await);
    trace.at_turn(format!("no turn where it is free, locked: {}", semaphore.is_locked()));
}
