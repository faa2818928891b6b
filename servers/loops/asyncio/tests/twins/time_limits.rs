use asyncio::{Elapsed, get_running_loop, sleep, wait_for};
use std::time::Duration;

use crate::Trace;

struct Left(Trace, &'static str);

impl Drop for Left {
    fn drop(&mut self) {
        self.0.at_turn(format!("{} is left", self.1));
    }
}

async fn sleeper(trace: Trace, name: &'static str, delay_s: u64) {
    let _left = Left(trace.clone(), name);
    sleep(Duration::from_secs(delay_s)).await;
    trace.at_turn(format!("{name} slept"));
}

pub(crate) async fn main(trace: Trace) {
    let at_turn = trace.clone();
    get_running_loop().call_later(Duration::from_secs(4), move || at_turn.at_turn("a timer"));
    for (name, delay_s, limit_s) in [("quick", 1, 2), ("slow", 3, 2), ("exact", 2, 2), ("yields", 0, 1)] {
        let limited = sleeper(trace.clone(), name, delay_s);
        match wait_for(limited, Duration::from_secs(limit_s)).await {
            Ok(()) => trace.at_turn(format!("{name} was in time")),
            Err(Elapsed) => trace.at_turn(format!("{name} was not")),
        }
    }
    sleep(Duration::from_secs(5)).await;
    trace.at_turn("main");
}
