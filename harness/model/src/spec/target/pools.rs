//! How large the pools for blocking work are, and targets at several sizes.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::{DEFAULT_POOL, TargetError, TargetSpec};
use crate::names;
use crate::spec::plan::MAX_TARGETS;

/// The largest pool: libuv's own bound.
pub const MAX_POOL: u32 = 1_024;

/// The sizes at which every target of a run is measured: at least one, each once, from 1 to [`MAX_POOL`], and no more than
/// a run has targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pools(Vec<u32>);

impl Pools {
    /// The targets at each of these sizes. At several, a target of each size goes by a name of its own (`callback-pool-40`),
    /// and those of one size stand together.
    pub fn applied_to(&self, targets: Vec<TargetSpec>) -> Result<Vec<TargetSpec>, TargetError> {
        if let [pool] = self.0[..] {
            let sized = targets.into_iter();
            return Ok(sized.map(|target| TargetSpec { pool, ..target }).collect());
        }
        if let Some(target) = targets.iter().find(|target| !target.kind.takes_pool()) {
            return Err(TargetError::NoPool {
                name: target.name.clone(),
            });
        }
        let sized = self.0.iter().flat_map(|&pool| {
            targets.iter().map(move |target| {
                let name = format!("{}-pool-{pool}", target.name);
                Ok(TargetSpec {
                    pool,
                    ..target.renamed(&name)?
                })
            })
        });
        sized.collect()
    }
}

impl Default for Pools {
    fn default() -> Self {
        Self(vec![DEFAULT_POOL])
    }
}

impl fmt::Display for Pools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: Vec<String> = self.0.iter().map(u32::to_string).collect();
        f.write_str(&sizes.join(","))
    }
}

/// Why a text is no list of sizes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PoolsError {
    /// A size that no pool has.
    #[error("a pool has 1 to {MAX_POOL} threads, not `{size}`")]
    Size {
        /// What was typed.
        size: String,
    },
    /// A size that stands there twice.
    #[error("{size} stands there twice")]
    Twice {
        /// Which.
        size: u32,
    },
    /// More sizes than a run has targets.
    #[error(
        "a run measures at most {MAX_TARGETS} targets, and so at most as many sizes, not {sizes}"
    )]
    TooMany {
        /// How many.
        sizes: usize,
    },
}

impl FromStr for Pools {
    type Err = PoolsError;

    /// `4`, `4,40,512`.
    fn from_str(text: &str) -> Result<Self, PoolsError> {
        let mut sizes = Vec::new();
        for word in text.split(',') {
            let digits = word.bytes().all(|byte| byte.is_ascii_digit());
            let size = word
                .parse()
                .ok()
                .filter(|size| (1..=MAX_POOL).contains(size));
            let size = size.filter(|_| digits).ok_or_else(|| PoolsError::Size {
                size: names::shortened(word),
            })?;
            if sizes.contains(&size) {
                return Err(PoolsError::Twice { size });
            }
            sizes.push(size);
        }
        if sizes.len() > MAX_TARGETS {
            return Err(PoolsError::TooMany { sizes: sizes.len() });
        }
        Ok(Self(sizes))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::names::MAX_NAME_BYTES;

    fn targets(names: &[&str]) -> Vec<TargetSpec> {
        let targets = names.iter().map(|name| TargetSpec::parse(name).unwrap());
        targets.collect()
    }

    fn check(pools: &str, names: &[&str], expected: &[(&str, u32)]) {
        let pools: Pools = pools.parse().unwrap();
        let applied = pools.applied_to(targets(names)).unwrap();
        let found: Vec<_> = applied
            .iter()
            .map(|target| (target.name.as_str(), target.pool))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn one_size_leaves_the_names_and_several_multiply_the_targets() {
        check("4", &["callback"], &[("callback", 4)]);
        check("512", &["a=callback", "node"], &[("a", 512), ("node", 512)]);
        check(
            "4,40",
            &["a=callback", "node"],
            &[
                ("a-pool-4", 4),
                ("node-pool-4", 4),
                ("a-pool-40", 40),
                ("node-pool-40", 40),
            ],
        );
    }

    #[test]
    fn a_target_that_takes_no_pool_is_not_measured_at_several_sizes() {
        let running = || vec![TargetSpec::parse_url("mine=http://127.0.0.1:8080").unwrap()];
        let several: Pools = "4,40".parse().unwrap();
        assert_eq!(
            several.applied_to(running()).unwrap_err().to_string(),
            "`mine` takes no pool size, so that measuring it at several would show nothing: leave it out, give one size, or \
             hand {pool} to it in its manifest"
        );
        assert!(Pools::default().applied_to(running()).is_ok());
    }

    #[test]
    fn a_name_that_grows_too_long_is_refused() {
        let several: Pools = "4,40".parse().unwrap();
        for (length, fits) in [(MAX_NAME_BYTES - 8, true), (MAX_NAME_BYTES - 7, false)] {
            let name = format!("{}=callback", "a".repeat(length));
            let applied = several.applied_to(targets(&[&name]));
            assert_eq!(applied.is_ok(), fits, "{length}");
        }
    }

    #[test]
    fn sizes_are_read_or_refused_with_the_reason() {
        for (text, why) in [
            ("", "not ``"),
            ("0", "not `0`"),
            ("1025", "not `1025`"),
            ("+4", "not `+4`"),
            ("4,", "not ``"),
            ("4, 40", "not ` 40`"),
            ("4,x", "1 to 1024 threads, not `x`"),
            ("99999999999", "not `99999999999`"),
            ("4,40,4", "4 stands there twice"),
        ] {
            let error = text.parse::<Pools>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
        let list = |sizes: usize| {
            let sizes: Vec<String> = (1..=sizes).map(|size| size.to_string()).collect();
            sizes.join(",").parse::<Pools>()
        };
        assert!(list(MAX_TARGETS).is_ok());
        assert_eq!(
            list(MAX_TARGETS + 1),
            Err(PoolsError::TooMany {
                sizes: MAX_TARGETS + 1
            })
        );
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_the_same(text in "[0-9,]{0,12}") {
            if let Ok(pools) = text.parse::<Pools>() {
                prop_assert_eq!(pools.to_string().parse::<Pools>(), Ok(pools));
            }
        }
    }
}
