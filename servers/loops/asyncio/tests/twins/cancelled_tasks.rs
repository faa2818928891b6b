use asyncio::{Cancelled, Task, create_task, sleep};
use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use crate::Trace;

struct Left(Trace, &'static str);

impl Drop for Left {
    fn drop(&mut self) {
        self.0.at_turn(format!("{} is left", self.1));
    }
}

async fn sleeper(trace: Trace, name: &'static str, delay_s: u64) {
    trace.at_turn(format!("{name} begins"));
    let _left = Left(trace.clone(), name);
    sleep(Duration::from_secs(delay_s)).await;
    trace.at_turn(format!("{name} slept"));
}

async fn waiter(trace: Trace, name: &'static str, task: Rc<RefCell<Task<()>>>) {
    match poll_fn(|cx| Pin::new(&mut *task.borrow_mut()).poll(cx)).await {
        Ok(()) => trace.at_turn(format!("{name}'s is done")),
        Err(Cancelled) => trace.at_turn(format!("{name}'s was cancelled")),
    }
}

pub(crate) async fn main(trace: Trace) {
    let create = |name, delay_s| {
        let task = create_task(sleeper(trace.clone(), name, delay_s));
        Rc::new(RefCell::new(task))
    };
    let tasks = [("a", 9), ("b", 1), ("c", 0)].map(|(name, delay_s)| (name, create(name, delay_s)));
    let unborn = create("never", 1);
    let waiters = tasks
        .clone()
        .map(|(name, task)| create_task(waiter(trace.clone(), name, task)));
    let [(_, a), (_, b), (_, c)] = &tasks;
    unborn.borrow().cancel();
    sleep(Duration::ZERO).await;
    // Whoever is about to run is cancelled all the same.
    trace.at_turn(format!("c can be cancelled: {}", c.borrow().cancel()));
    sleep(Duration::from_secs(2)).await;
    trace.at_turn(format!("a can be cancelled: {}", a.borrow().cancel()));
    trace.at_turn(format!("b can be cancelled: {}", b.borrow().cancel()));
    for task in waiters {
        task.await.unwrap();
    }
    let all = tasks.iter().all(|(_, task)| task.borrow().done());
    trace.at_turn(format!("all are done: {all}"));
}
