//! What the control group allows of the processor, and how often it took it away: version 1, version 2 and both at once
//! (cgroups(7); the kernel's Documentation/admin-guide/cgroup-v2.rst and Documentation/scheduler/sched-bwc.rst).
//!
//! A limit may stand at any level above this process, and in a container the path that `/proc/self/cgroup` names may be the host's,
//! which isn't there: then the mount's own root is the group.

use std::path::{Path, PathBuf};

use procfs::ProcessCGroup;
use procfs::process::{MountInfo, Process};

/// What a control group says of the processor.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CpuLimit {
    /// Cores' worth of time that it may use, the least of all levels; none where nothing limits it.
    pub quota_cores: Option<f64>,
    /// How often it was throttled so far, at the level where that was most often; none where nobody counts.
    pub throttled_periods: Option<u64>,
}

/// That of this process.
pub fn cpu_limit() -> CpuLimit {
    let process = Process::myself();
    let groups = process.as_ref().map(Process::cgroups);
    let mounts = process.as_ref().map(Process::mountinfo);
    match (groups, mounts) {
        (Ok(Ok(groups)), Ok(Ok(mounts))) => limit_of(&groups.0, &mounts.0),
        _ => CpuLimit::default(),
    }
}

/// The limit of these groups, below these mounts.
fn limit_of(groups: &[ProcessCGroup], mounts: &[MountInfo]) -> CpuLimit {
    let mut limit = CpuLimit::default();
    for (group, version) in groups
        .iter()
        .filter_map(|group| Some((group, version(group)?)))
    {
        let mount = mounts.iter().find(|mount| has_cpu(mount, version));
        for level in mount.map(|mount| levels(group, mount)).unwrap_or_default() {
            let quota = match version {
                Version::One => quota_v1(&level),
                Version::Two => quota_v2(&level),
            };
            limit.quota_cores = least(limit.quota_cores, quota);
            limit.throttled_periods = limit.throttled_periods.max(throttled(&level));
        }
    }
    limit
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// The version of a hierarchy that may limit the processor.
fn version(group: &ProcessCGroup) -> Option<Version> {
    let is_cpu = group.controllers.iter().any(|name| name == "cpu");
    match group.hierarchy {
        0 => Some(Version::Two),
        _ => is_cpu.then_some(Version::One),
    }
}

fn has_cpu(mount: &MountInfo, version: Version) -> bool {
    match version {
        Version::One => mount.fs_type == "cgroup" && mount.super_options.contains_key("cpu"),
        Version::Two => mount.fs_type == "cgroup2",
    }
}

/// The directories of a group and of all above it that can be seen, the group's first.
fn levels(group: &ProcessCGroup, mount: &MountInfo) -> Vec<PathBuf> {
    let path = Path::new(&group.pathname);
    let below = path.strip_prefix(&mount.root).unwrap_or(path);
    let below = below.strip_prefix("/").unwrap_or(below);
    let own = mount.mount_point.join(below);
    let is_there = !below.starts_with("..") && own.is_dir();
    let own = if is_there {
        own
    } else {
        mount.mount_point.clone()
    };
    let all = own.ancestors().map(Path::to_owned);
    all.take_while(|level| level.starts_with(&mount.mount_point))
        .collect()
}

/// `cpu.max`: quota and period in microseconds, or `max`.
fn quota_v2(level: &Path) -> Option<f64> {
    let text = std::fs::read_to_string(level.join("cpu.max")).ok()?;
    let (quota, period) = text.trim().split_once(' ')?;
    cores(quota.parse().ok()?, period.parse().ok()?)
}

/// `cpu.cfs_quota_us` and `cpu.cfs_period_us`; a quota of −1 is none.
fn quota_v1(level: &Path) -> Option<f64> {
    let number = |name: &str| -> Option<f64> {
        let text = std::fs::read_to_string(level.join(name)).ok()?;
        text.trim().parse().ok()
    };
    cores(number("cpu.cfs_quota_us")?, number("cpu.cfs_period_us")?)
}

fn cores(quota_us: f64, period_us: f64) -> Option<f64> {
    (quota_us > 0.0 && period_us > 0.0).then(|| quota_us / period_us)
}

fn least(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// `nr_throttled` of `cpu.stat`, which both versions have.
fn throttled(level: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(level.join("cpu.stat")).ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("nr_throttled "));
    line?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use procfs::process::MountInfos;
    use procfs::{FromBufRead, ProcessCGroups};

    use super::*;

    /// What is read of these files below a directory in whose place `{}` stands, and of these two of `/proc/self`.
    fn check(files: &[(&str, &str)], cgroup: &str, mountinfo: &str, expected: CpuLimit) {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let file = dir.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        let mountinfo = mountinfo.replace("{}", dir.path().to_str().unwrap());
        let groups = ProcessCGroups::from_buf_read(cgroup.as_bytes()).unwrap();
        let mounts = MountInfos::from_buf_read(mountinfo.as_bytes()).unwrap();
        assert_eq!(limit_of(&groups.0, &mounts.0), expected, "{cgroup}");
    }

    fn limit(quota_cores: Option<f64>, throttled_periods: Option<u64>) -> CpuLimit {
        CpuLimit {
            quota_cores,
            throttled_periods,
        }
    }

    const V2: &str = "30 23 0:26 / {} rw,nosuid - cgroup2 cgroup2 rw\n";
    const V1: &str = "31 23 0:27 / {} rw,nosuid - cgroup cgroup rw,cpu,cpuacct\n";

    #[test]
    fn the_quota_of_version_2_is_that_of_the_narrowest_level() {
        let files = [
            ("cpu.stat", "usage_usec 1\n"),
            ("a/cpu.max", "60000 100000\n"),
            (
                "a/cpu.stat",
                "nr_periods 9\nnr_throttled 7\nthrottled_usec 3\n",
            ),
            ("a/b/cpu.max", "max 100000\n"),
            ("a/b/cpu.stat", "nr_throttled 0\n"),
        ];
        check(&files, "0::/a/b\n", V2, limit(Some(0.6), Some(7)));
        check(&files, "0::/\n", V2, limit(None, None));
    }

    #[test]
    fn in_a_container_the_root_of_the_mount_is_the_group() {
        let files = [
            ("cpu.max", "150000 100000\n"),
            ("cpu.stat", "nr_throttled 2\n"),
        ];
        let expected = limit(Some(1.5), Some(2));
        check(&files, "0::/\n", V2, expected);
        // Its own path seen from the host, and that of one beside it.
        check(&files, "0::/system.slice/docker-1.scope\n", V2, expected);
        check(&files, "0::/../1\n", V2, expected);
    }

    #[test]
    fn the_quota_of_version_1_stands_in_two_files() {
        let files = [
            ("d/cpu.cfs_quota_us", "20000\n"),
            ("d/cpu.cfs_period_us", "100000\n"),
            (
                "d/cpu.stat",
                "nr_periods 324\nnr_throttled 322\nthrottled_time 1\n",
            ),
            ("cpu.cfs_quota_us", "-1\n"),
            ("cpu.cfs_period_us", "100000\n"),
            ("cpu.stat", "nr_throttled 0\n"),
        ];
        let expected = limit(Some(0.2), Some(322));
        let groups = "5:memory:/d\n4:cpu,cpuacct:/d\n";
        check(&files, groups, V1, expected);
        // Mounted from below, as container runtimes do.
        let below = V1.replace(" / {}", " /docker/1 {}");
        let groups = "4:cpu,cpuacct:/docker/1/d\n0::/docker/1\n";
        check(&files, groups, &below, expected);
    }

    #[test]
    fn where_nothing_is_mounted_nothing_is_known() {
        check(&[], "0::/a\n4:cpu:/a\n", "", limit(None, None));
        check(&[], "", V2, limit(None, None));
    }
}
