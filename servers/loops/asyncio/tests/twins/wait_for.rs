use asyncio::{create_task, sleep};
use std::time::Duration;

use crate::Trace;

struct Left(Trace, &'static str);

impl Drop for Left {
    fn drop(&mut self) {
        self.0.in_order(format!("{} is left", self.1));
    }
}

async fn sleeper(trace: Trace, name: &'static str, delay_s: u64) -> &'static str {
    let _left = Left(trace.clone(), name);
    sleep(Duration::from_secs(delay_s)).await;
    trace.in_order(format!("{name} slept"));
    name
}

async fn limited(trace: Trace, name: &'static str, delay_s: u64, limit_s: u64) {
    let limited = sleeper(trace.clone(), name, delay_s);
    match asyncio::wait_for(limited, Duration::from_secs(limit_s)).await {
        Ok(got) => trace.in_order(format!("got {got} in time")),
        Err(_) => trace.in_order(format!("{name} was late")),
    }
}

pub(crate) async fn main(trace: Trace) {
    let limits = [("late", 9, 2), ("quick", 1, 4), ("slower", 3, 4), ("later", 9, 5)];
    let tasks = limits
        .map(|(name, delay_s, limit_s)| create_task(limited(trace.clone(), name, delay_s, limit_s)));
    for task in tasks {
        task.await.unwrap();
    }
    trace.in_order("main");
}
