//! Where a run takes place: what the record says of the machine, and the limits that are raised before a run.

use data_encoding::HEXLOWER;
use model::record::surroundings::{CpuTicks, Environment, UNKNOWN};
use model::words::plural;
use procfs::{Current, CurrentSI};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sha2::{Digest, Sha256};

use crate::cgroup;
use crate::cores;
use crate::failure::{Explain, Failure};

/// File descriptors that a process needs beside its connections: standard streams, epoll, listeners, logs.
pub const SPARE_FILES: u64 = 128;

/// Reads the machine's CPU time from `/proc/stat`; zeros where it can't be read.
pub fn cpu_ticks() -> CpuTicks {
    let Ok(stat) = procfs::KernelStats::current() else {
        return CpuTicks::default();
    };
    let total = stat.total;
    let steal = total.steal.unwrap_or_default();
    let others = [total.iowait, total.irq, total.softirq]
        .into_iter()
        .flatten()
        .sum::<u64>();
    CpuTicks {
        steal,
        all: total.user + total.nice + total.system + total.idle + others + steal,
    }
}

/// The machine as the record describes it, before the run.
pub fn read() -> Environment {
    let kernel = procfs::sys::kernel::Version::current().map(|version| {
        format!(
            "Linux {}.{}.{}",
            version.major, version.minor, version.patch
        )
    });
    let cpus = procfs::CpuInfo::current().ok();
    Environment {
        // They are there later.
        services: Vec::new(),
        generators: Vec::new(),
        servers: None,
        kernel: kernel.unwrap_or_default(),
        cpu_model: cpus.as_ref().and_then(processor).unwrap_or_default(),
        cores: u32::try_from(cores::available().len()).unwrap_or_default(),
        governor: governor(),
        memory_bytes: procfs::Meminfo::current()
            .map(|memory| memory.mem_total)
            .unwrap_or_default(),
        open_files_max: open_files(),
        load_average: procfs::LoadAverage::current()
            .ok()
            .map(|average| f64::from(average.one)),
        steal_share: None,
        throttled_periods: None,
        cpu_quota_cores: cgroup::cpu_limit().quota_cores,
        virtualization: virtualization(cpus.as_ref()),
        binary_sha256: binary_sha256(),
    }
}

/// The frequency governor of the first core.
pub fn governor() -> Option<String> {
    let text =
        std::fs::read_to_string("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").ok()?;
    Some(text.trim().to_owned())
}

/// What the kernel reads its clocks from.
pub fn clock_source() -> Option<String> {
    let path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned())
}

/// The processor as `/proc/cpuinfo` names it. One of ARM has no name there, but who made it, and which of its parts it is
/// (*Arm Architecture Reference Manual*, `MIDR_EL1`).
fn processor(cpus: &procfs::CpuInfo) -> Option<String> {
    let field = |name| cpus.get_field(0, name);
    // MIPS and POWER have names of their own for it.
    let named = cpus.model_name(0).or(field("cpu model")).or(field("cpu"));
    if let Some(named) = named {
        return Some(named.to_owned());
    }
    let (implementer, part) = (field("CPU implementer")?, field("CPU part")?);
    let variant = field("CPU variant").map(|variant| format!(", variant {variant}"));
    Some(format!(
        "ARM implementer {implementer}, part {part}{}",
        variant.unwrap_or_default()
    ))
}

/// Processors without the flag of x86 don't say whether they are a hypervisor's: that is unknown, and not none.
fn virtualization(cpus: Option<&procfs::CpuInfo>) -> Option<String> {
    if cpus.and_then(|cpus| cpus.flags(0)).is_none() {
        return Some(UNKNOWN.to_owned());
    }
    let product = std::fs::read_to_string("/sys/class/dmi/id/product_name").ok();
    let product = product
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty());
    let is_guest = cpus
        .and_then(|cpus| cpus.flags(0))
        .is_some_and(|flags| flags.contains(&"hypervisor"));
    is_guest.then(|| product.unwrap_or_else(|| "hypervisor".to_owned()))
}

fn binary_sha256() -> String {
    let Ok(binary) = std::fs::read("/proc/self/exe") else {
        return String::new();
    };
    HEXLOWER.encode(&Sha256::digest(binary))
}

/// Whether this program, and whatever it starts, may trace processes that are not its own children.
pub fn may_trace_others() -> bool {
    let scope = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").ok();
    let status = procfs::process::Process::myself().and_then(|process| process.status());
    may_trace_in(
        scope.and_then(|text| text.trim().parse().ok()),
        status.map(|status| status.capeff).unwrap_or_default(),
    )
}

/// As the kernel's Documentation/admin-guide/LSM/Yama.rst has it: from scope 1 on it takes `CAP_SYS_PTRACE`, and in 3 nothing
/// helps.
///
/// `scope`: none where the kernel has no Yama. `capabilities`: the effective ones, a bit each.
fn may_trace_in(scope: Option<u32>, capabilities: u64) -> bool {
    const CAP_SYS_PTRACE: u32 = 19;
    match scope.unwrap_or(0) {
        0 => true,
        1 | 2 => capabilities & (1 << CAP_SYS_PTRACE) != 0,
        _ => false,
    }
}

/// The open file limit.
pub fn open_files() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// How far the open file limit may be raised.
pub fn open_files_allowed() -> u64 {
    getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX)
}

/// The first and the last local port that outgoing connections take.
pub fn local_ports() -> Option<(u32, u32)> {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let (first, last) = text.trim().split_once(char::is_whitespace)?;
    Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
}

/// Raises the open file limit of this process, and of those it will start, to what so many connections in one process
/// need, or says that the system does not allow it.
pub fn allow_connections(connections: u64) -> Result<(), Failure> {
    let needed = connections.saturating_add(SPARE_FILES);
    let limit = getrlimit(Resource::Nofile);
    // A limit that is not set at all is no limit.
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let help = format!(
        "take fewer connections (-c, `idle_connections`), or raise the limit with `ulimit -n {needed}` (as root, or in limits.conf)"
    );
    if limit.maximum.is_some_and(|maximum| maximum < needed) {
        let maximum = limit.maximum.unwrap_or_default();
        return Err(Failure::usage(miette::miette!(
            help = help,
            "{} {needed} file descriptors, and this system allows {maximum}",
            plural(connections, "connection needs", "connections need")
        )));
    }
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(needed),
            maximum: limit.maximum,
        },
    )
    .or_usage(
        || format!("cannot raise the limit of open files to {needed}"),
        &help,
    )
}

#[cfg(test)]
mod tests {
    use procfs::FromBufRead;

    use super::*;

    #[test]
    fn who_may_trace_others_is_yamas_to_say() {
        let traces = 1 << 19;
        let cases = [
            (None, 0, true),
            (Some(0), 0, true),
            (Some(1), 0, false),
            (Some(1), traces, true),
            (Some(2), !traces, false),
            (Some(2), traces, true),
            (Some(3), u64::MAX, false),
        ];
        for (scope, capabilities, may) in cases {
            assert_eq!(
                may_trace_in(scope, capabilities),
                may,
                "{scope:?} {capabilities:x}"
            );
        }
    }

    #[test]
    fn a_processor_of_arm_is_named_by_who_made_it_and_an_unknown_one_is_none() {
        let cpus = |text: &str| procfs::CpuInfo::from_buf_read(text.as_bytes()).unwrap();
        let arm = |part: &str| {
            let text = format!(
                "processor\t: 0\nBogoMIPS\t: 243.75\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\n\
                 CPU architecture: 8\nCPU variant\t: 0x3\nCPU part\t: {part}\nCPU revision\t: 1\n"
            );
            cpus(&text)
        };
        let named = processor(&arm("0xd0c")).unwrap();
        assert_eq!(named, "ARM implementer 0x41, part 0xd0c, variant 0x3");
        assert_ne!(Some(named), processor(&arm("0xd40")));
        assert_eq!(
            virtualization(Some(&arm("0xd0c"))).as_deref(),
            Some(UNKNOWN)
        );
        let nameless = cpus("processor\t: 0\nisa\t: rv64imafdc\n");
        assert_eq!(processor(&nameless), None);
        let x86 = cpus("processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu sse\n");
        assert_eq!(processor(&x86).as_deref(), Some("Some CPU"));
        assert_eq!(virtualization(Some(&x86)), None);
    }

    #[test]
    fn more_connections_than_the_system_allows_are_refused_with_the_number_needed() {
        let Some(maximum) = getrlimit(Resource::Nofile).maximum else {
            // Without a limit every number is allowed.
            assert!(allow_connections(u64::MAX).is_ok());
            return;
        };
        let too_many = maximum - SPARE_FILES + 1;
        let failure = allow_connections(too_many).unwrap_err();
        assert!(
            failure
                .report
                .to_string()
                .contains(&(maximum + 1).to_string()),
            "{:?}",
            failure.report
        );
        assert!(allow_connections(too_many - 1).is_ok());
    }
}
