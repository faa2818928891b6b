//! Which cores serve and which generate: the parser of core lists, the choice, and the pinning.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use model::record::surroundings::Pinning;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use thiserror::Error;

/// The highest core number that Linux's affinity calls take here.
pub const MAX_CPU: u32 = 1023;

/// A set of cores as `taskset -c` writes it: `0`, `0-3`, `0,2,4-7`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CpuList(BTreeSet<u32>);

impl FromStr for CpuList {
    type Err = CpuListError;

    fn from_str(text: &str) -> Result<Self, CpuListError> {
        let bad = || CpuListError {
            text: text.to_owned(),
        };
        let number = |digits: &str| {
            digits
                .trim()
                .parse::<u32>()
                .ok()
                .filter(|&cpu| cpu <= MAX_CPU)
                .ok_or_else(bad)
        };
        let mut cpus = BTreeSet::new();
        for part in text.split(',') {
            let (first, last) = match part.split_once('-') {
                Some((first, last)) => (number(first)?, number(last)?),
                None => (number(part)?, number(part)?),
            };
            if first > last {
                return Err(bad());
            }
            cpus.extend(first..=last);
        }
        Ok(Self(cpus))
    }
}

impl fmt::Display for CpuList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&names(&self.to_vec()))
    }
}

impl CpuList {
    /// The cores, ascending.
    pub fn to_vec(&self) -> Vec<u32> {
        self.0.iter().copied().collect()
    }
}

/// A list of cores that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{text}` is not a list of cores from 0 to {MAX_CPU}: write them as in `1`, `0-3` or `0,2`"
)]
pub struct CpuListError {
    text: String,
}

/// Cores that were asked for and that this process may not use.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{flag} names core {cpu}, which this process may not use; it may use {}", names(.available))]
pub struct UnavailableCpu {
    flag: &'static str,
    cpu: u32,
    available: Vec<u32>,
}

/// The cores that this process may use, ascending: those that it was given, whichever of them it has been pinned to since.
pub fn available() -> Vec<u32> {
    static GIVEN: OnceLock<Vec<u32>> = OnceLock::new();
    let given = GIVEN.get_or_init(|| {
        let set = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
        (0..=MAX_CPU)
            .filter(|&cpu| set.is_set(cpu as usize))
            .collect()
    });
    given.clone()
}

/// Divides the available cores: servers get the upper half, the generator and the backend the lower. With one core they
/// must share it.
pub fn divide(
    available: &[u32],
    server: Option<&CpuList>,
    load: Option<&CpuList>,
) -> Result<Pinning, UnavailableCpu> {
    let asked = |flag, list: &CpuList| match list.0.iter().find(|cpu| !available.contains(cpu)) {
        Some(&cpu) => Err(UnavailableCpu {
            flag,
            cpu,
            available: available.to_vec(),
        }),
        None => Ok(list.to_vec()),
    };
    let server = server
        .map(|list| asked("--server-cpus", list))
        .transpose()?;
    let load = load.map(|list| asked("--load-cpus", list)).transpose()?;
    let without = |taken: &[u32]| {
        let rest: Vec<u32> = available
            .iter()
            .copied()
            .filter(|cpu| !taken.contains(cpu))
            .collect();
        if rest.is_empty() {
            available.to_vec()
        } else {
            rest
        }
    };
    let (server_cpus, load_cpus) = match (server, load) {
        (Some(server), Some(load)) => (server, load),
        (Some(server), None) => (server.clone(), without(&server)),
        (None, Some(load)) => (without(&load), load),
        (None, None) => {
            let (lower, upper) = available.split_at(available.len() / 2);
            (
                upper.to_vec(),
                if lower.is_empty() {
                    upper.to_vec()
                } else {
                    lower.to_vec()
                },
            )
        }
    };
    Ok(Pinning {
        servers_on: None,
        server_cpus,
        load_cpus,
    })
}

/// Whether some core of this machine both serves and generates.
pub fn is_shared(pinning: &Pinning) -> bool {
    pinning.servers_on.is_none() && share(&pinning.server_cpus, &pinning.load_cpus)
}

/// Whether something that runs beside the servers has a core in common with the load.
pub fn share_load(cpus: &[u32], pinning: &Pinning) -> bool {
    pinning.servers_on.is_none() && share(cpus, &pinning.load_cpus)
}

/// Whether both have a core in common.
pub fn share(one: &[u32], other: &[u32]) -> bool {
    one.iter().any(|cpu| other.contains(cpu))
}

/// The cores that neither serve nor generate.
pub fn spare(available: &[u32], pinning: &Pinning) -> Vec<u32> {
    let serves = |cpu: &u32| pinning.servers_on.is_none() && pinning.server_cpus.contains(cpu);
    let measures = |cpu: &u32| serves(cpu) || pinning.load_cpus.contains(cpu);
    available
        .iter()
        .copied()
        .filter(|cpu| !measures(cpu))
        .collect()
}

/// Pins the calling thread, and with it every thread and process that it starts from here on.
pub fn pin(cpus: &[u32]) -> std::io::Result<()> {
    let mut set = CpuSet::new();
    for &cpu in cpus {
        set.set(cpu as usize);
    }
    Ok(sched_setaffinity(None, &set)?)
}

/// Cores for people: `1`, `0-3`, `0,2`.
pub fn names(cpus: &[u32]) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for &cpu in cpus {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == cpu => *last = cpu,
            _ => runs.push((cpu, cpu)),
        }
    }
    let run = |&(first, last): &(u32, u32)| {
        if first == last {
            first.to_string()
        } else {
            format!("{first}-{last}")
        }
    };
    runs.iter().map(run).collect::<Vec<_>>().join(",")
}

/// Where servers and generator run: `servers on core 0, generator on cores 1-3`, or `servers on cores 0-3 of api-1, …`.
pub fn places(pinning: &Pinning) -> String {
    let on = |cpus: &[u32]| {
        let noun = if cpus.len() == 1 { "core" } else { "cores" };
        format!("{noun} {}", names(cpus))
    };
    let machine = pinning.servers_on.as_ref();
    format!(
        "servers on {}{}, generator on {}",
        on(&pinning.server_cpus),
        machine.map_or_else(String::new, |name| format!(" of {name}")),
        on(&pinning.load_cpus)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> CpuList {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_available_does_not_depend_on_what_was_pinned() {
        let before = available();
        // Of a thread, so that the other tests keep their cores.
        let pinned = || {
            pin(&before[..1]).unwrap();
            available()
        };
        let after = std::thread::scope(|scope| scope.spawn(pinned).join().unwrap());
        assert_eq!(after, before);
    }

    #[test]
    fn lists_read_as_taskset_writes_them() {
        for (text, shown) in [
            ("1", "1"),
            ("0-3", "0-3"),
            ("0,2,4-5,5", "0,2,4-5"),
            (" 7 ", "7"),
            ("1023", "1023"),
        ] {
            assert_eq!(list(text).to_string(), shown);
        }
        for text in ["", "a", "1-", "3-1", "1024", "-1", "0,,1"] {
            assert!(text.parse::<CpuList>().is_err(), "{text}");
        }
    }

    #[test]
    fn cores_are_divided_and_what_is_asked_for_is_kept() {
        let divided = |available: &[u32], server: Option<&str>, load: Option<&str>| {
            let pinning = divide(
                available,
                server.map(list).as_ref(),
                load.map(list).as_ref(),
            )
            .unwrap();
            (
                names(&pinning.server_cpus),
                names(&pinning.load_cpus),
                is_shared(&pinning),
            )
        };
        let expected =
            |server: &str, load: &str, shared| (server.to_owned(), load.to_owned(), shared);
        assert_eq!(divided(&[0, 1], None, None), expected("1", "0", false));
        assert_eq!(
            divided(&[0, 1, 2, 3, 4], None, None),
            expected("2-4", "0-1", false)
        );
        assert_eq!(divided(&[3], None, None), expected("3", "3", true));
        assert_eq!(
            divided(&[0, 1, 2, 3], Some("0"), None),
            expected("0", "1-3", false)
        );
        assert_eq!(
            divided(&[0, 1, 2, 3], None, Some("3")),
            expected("0-2", "3", false)
        );
        assert_eq!(
            divided(&[0, 1], Some("0-1"), None),
            expected("0-1", "0-1", true)
        );
        assert_eq!(
            divided(&[0, 1], Some("1"), Some("1")),
            expected("1", "1", true)
        );
    }

    #[test]
    fn a_core_that_neither_serves_nor_generates_is_spare() {
        let pinning = Pinning {
            servers_on: None,
            server_cpus: vec![2, 3],
            load_cpus: vec![0],
        };
        assert_eq!(spare(&[0, 1, 2, 3, 4], &pinning), [1, 4]);
        assert!(spare(&[0, 2, 3], &pinning).is_empty());
    }

    #[test]
    fn cores_of_another_machine_are_not_these() {
        let pinning = Pinning {
            servers_on: Some("api-1".to_owned()),
            server_cpus: vec![0, 1],
            load_cpus: vec![0],
        };
        assert!(!is_shared(&pinning));
        assert_eq!(spare(&[0, 1], &pinning), [1]);
        assert_eq!(
            places(&pinning),
            "servers on cores 0-1 of api-1, generator on core 0"
        );
    }

    #[test]
    fn a_core_that_is_not_there_is_named() {
        let error = divide(&[0, 1], Some(&list("2")), None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "--server-cpus names core 2, which this process may not use; it may use 0-1"
        );
    }
}
