//! Whatever a scenario file holds, reading it ends in a scenario that keeps its bounds or in an error with a remedy.

#![no_main]

use model::spec::scenario::{MAX_CONNECTIONS, MAX_REQUESTS, Scenario};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|source: &str| {
    match Scenario::parse(source, "fuzz.toml") {
        Ok(scenario) => {
            assert!((1..=MAX_REQUESTS).contains(&scenario.requests.len()));
            assert!(scenario.connections.get() <= MAX_CONNECTIONS);
            assert!(
                scenario
                    .record()
                    .requests
                    .iter()
                    .map(|request| request.share)
                    .sum::<f64>()
                    <= 1.000_001
            );
            let _ = scenario.request_error(0, "body", "message", "help").to_string();
        }
        Err(error) => assert!(!error.to_string().is_empty() && !error.remedy().is_empty()),
    }
});
