//! System calls of a server, as `strace -c` counts them.
//!
//! This module reads its table. It must never know how the table came about.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The most kinds of system call that a record names; the others are in the sum.
pub const MAX_NAMED: usize = 12;

/// What a server asked of the kernel for a request, in a stretch of its own that no other figure is of.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct SyscallRecord {
    /// What counted them: `strace 6.13`.
    pub counted_by: String,
    /// Requests that succeeded meanwhile.
    pub requests: u64,
    /// Requests a second meanwhile; where they come seldom, each has the loop to itself, and calls are shared by fewer.
    pub rate_per_s: f64,
    /// All calls, a request.
    pub per_request: f64,
    /// The most frequent ones by name, a request.
    pub per_request_by_name: BTreeMap<String, f64>,
}

impl SyscallRecord {
    /// The average of so many requests; `None` without a request.
    pub fn of(
        counts: &BTreeMap<String, u64>,
        counted_by: String,
        requests: u64,
        rate_per_s: f64,
    ) -> Option<Self> {
        if requests == 0 {
            return None;
        }
        let per_request = |count: u64| count as f64 / requests as f64;
        let mut by_count: Vec<(&String, u64)> =
            counts.iter().map(|(name, &count)| (name, count)).collect();
        by_count.sort_by_key(|&(name, count)| (std::cmp::Reverse(count), name));
        let named = by_count.iter().take(MAX_NAMED);
        Some(Self {
            counted_by,
            requests,
            rate_per_s,
            per_request: by_count.iter().map(|&(_, count)| per_request(count)).sum(),
            per_request_by_name: named
                .map(|&(name, count)| (name.clone(), per_request(count)))
                .collect(),
        })
    }
}

/// Reads the table that `strace -c` writes: how often each system call was made. `None` where it is no such table.
///
/// Columns are found by their heads, since versions differ in which there are; the name is the last of a row. A row may have
/// no entry under `errors`, so calls are counted from the left.
pub fn read_table(text: &str) -> Option<BTreeMap<String, u64>> {
    let mut lines = text.lines();
    let column = lines.by_ref().find_map(|line| {
        // `% time` is one head of two words.
        let heads = line.replacen("% time", "%time", 1);
        let heads: Vec<&str> = heads.split_whitespace().collect();
        let is_table = heads.last() == Some(&"syscall");
        is_table.then(|| heads.iter().position(|&head| head == "calls"))?
    })?;
    let mut counts = BTreeMap::new();
    for line in lines.filter(|line| !line.trim_start().starts_with("---")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (Some(count), Some(&name)) = (words.get(column), words.last()) else {
            continue;
        };
        let is_name = name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if words.len() <= column + 1 || !is_name || name == "total" {
            continue;
        }
        // What else it says may end in a word.
        let Ok(count) = count.parse::<u64>() else {
            continue;
        };
        let sum = counts.entry(name.to_owned()).or_insert(0_u64);
        *sum = sum.checked_add(count)?;
    }
    Some(counts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TABLE: &str = "\
strace: Process 12 attached
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 62.31    0.004512           4      1003           epoll_wait
 30.00    0.002172           5       400         2 recvfrom
  7.69    0.000557           1       398           sendto
------ ----------- ----------- --------- --------- ----------------
100.00    0.007241           4      1801         2 total
strace: Process 12 detached from 5 threads
";

    #[test]
    fn a_table_is_read_by_its_heads() {
        let counts = read_table(TABLE).unwrap();
        let expected = [("epoll_wait", 1_003), ("recvfrom", 400), ("sendto", 398)];
        let expected = expected.map(|(name, count)| (name.to_owned(), count));
        assert_eq!(counts, BTreeMap::from(expected));
        let other_columns = "   calls syscall\n-------- -----\n      12 read\n      12 total\n";
        assert_eq!(
            read_table(other_columns).unwrap(),
            BTreeMap::from([("read".to_owned(), 12)])
        );
        for nothing in [
            "",
            "strace: attach: Operation not permitted\n",
            "% time calls",
        ] {
            assert_eq!(read_table(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn the_most_frequent_are_named_and_all_are_summed_up() {
        let counts: BTreeMap<String, u64> = (0..=MAX_NAMED as u64)
            .map(|i| (format!("call_{i}"), 10 + i))
            .collect();
        let record = SyscallRecord::of(&counts, "strace 6.1".to_owned(), 10, 200.0).unwrap();
        assert_eq!(record.per_request_by_name.len(), MAX_NAMED);
        assert!(!record.per_request_by_name.contains_key("call_0"));
        let all: u64 = counts.values().sum();
        assert!((record.per_request - all as f64 / 10.0).abs() < 1e-9);
        assert_eq!(SyscallRecord::of(&counts, String::new(), 0, 200.0), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "([ -~\n]|% time|calls|syscall|read|[0-9]{1,22}){0,60}") {
            let _ = read_table(&text);
            let _ = read_table(&format!("calls syscall\n{text}"));
        }
    }
}
