//! Which processes stand below one, as `/proc` tells it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::Path;

use load::Peer;
use procfs::ProcError;
use procfs::net::TcpState;
use procfs::process::{FDTarget, Process, all_processes};

/// Every living process below `pid`, parents before their children. One that forks meanwhile may be missed: who must
/// see all of them looks again until nothing changes.
pub fn descendants(pid: i32) -> Vec<i32> {
    walk(pid, children_by_task).unwrap_or_else(|_| {
        let parents = parents();
        let children = |of| {
            let pairs = parents.iter().filter(|&(_, &parent)| parent == of);
            Ok::<_, ProcError>(pairs.map(|(&pid, _)| pid).collect())
        };
        walk(pid, children).unwrap_or_default()
    })
}

/// What a process is called, for people: `python3 (4711)`.
pub fn name(pid: i32) -> String {
    let stat = Process::new(pid).and_then(|process| process.stat());
    stat.map_or_else(|_| pid.to_string(), |stat| format!("{} ({pid})", stat.comm))
}

fn walk<E>(pid: i32, children: impl Fn(i32) -> Result<Vec<i32>, E>) -> Result<Vec<i32>, E> {
    let mut found = living(children(pid)?);
    let mut next = 0;
    while let Some(&pid) = found.get(next) {
        found.extend(living(children(pid)?));
        next += 1;
    }
    Ok(found)
}

/// Without those that have ended and whose parent has not yet taken note.
fn living(pids: Vec<i32>) -> Vec<i32> {
    let lives = |pid: &i32| {
        let stat = Process::new(*pid).and_then(|process| process.stat());
        stat.is_ok_and(|stat| stat.state != 'Z')
    };
    pids.into_iter().filter(lives).collect()
}

/// The children of all threads of a process (`/proc/PID/task/TID/children`). An error means that this kernel does not tell
/// (`CONFIG_PROC_CHILDREN`); a process that is gone has none.
fn children_by_task(pid: i32) -> Result<Vec<i32>, ProcError> {
    let Ok(tasks) = Process::new(pid).and_then(|process| process.tasks()) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for task in tasks.flatten() {
        match task.children() {
            Ok(children) => found.extend(
                children
                    .into_iter()
                    .filter_map(|pid| i32::try_from(pid).ok()),
            ),
            // A thread that has just ended has no files any more; of one that is there, the kernel doesn't tell.
            Err(ProcError::NotFound(path)) if task.stat().is_ok() => {
                return Err(ProcError::NotFound(path));
            }
            Err(_) => {}
        }
    }
    Ok(found)
}

/// The parent of every process.
fn parents() -> BTreeMap<i32, i32> {
    let Ok(processes) = all_processes() else {
        return BTreeMap::new();
    };
    let stats = processes
        .flatten()
        .filter_map(|process| process.stat().ok());
    stats.map(|stat| (stat.pid, stat.ppid)).collect()
}

/// Whether one of `pids` listens on a TCP port; `None` where that is not known, as of another user's processes.
pub fn listens(pids: &[i32], port: u16) -> Option<bool> {
    let sockets = tcp_listeners(|addr| addr.port() == port);
    if sockets.is_empty() {
        return None;
    }
    for &pid in pids {
        match Process::new(pid).and_then(|process| has_one(&process, &sockets)) {
            Ok(true) => return Some(true),
            Err(ProcError::PermissionDenied(_)) => return None,
            // It has others, or has just ended.
            Ok(false) | Err(_) => {}
        }
    }
    Some(false)
}

/// The processes that listen where a server is reached, as far as this machine lets them be seen: without those that another
/// of them started, as a server's workers.
pub fn listeners(peer: &Peer) -> Vec<i32> {
    let sockets = match peer {
        Peer::Tcp(addr) if is_here(addr.ip()) => tcp_listeners(|listening| {
            let is_any = listening.ip().is_unspecified();
            listening.port() == addr.port() && (is_any || listening.ip() == addr.ip())
        }),
        Peer::Tcp(_) => Vec::new(),
        Peer::Socket(path) => socket_listeners(path),
    };
    if sockets.is_empty() {
        return Vec::new();
    }
    let processes = all_processes().into_iter().flatten().flatten();
    let mut found: Vec<i32> = processes
        .filter(|process| has_one(process, &sockets).unwrap_or_default())
        .map(|process| process.pid)
        .collect();
    let below: Vec<i32> = found.iter().flat_map(|&pid| descendants(pid)).collect();
    found.retain(|pid| !below.contains(pid));
    found
}

/// Whether an address is one of this machine's: only these can be bound to.
fn is_here(addr: IpAddr) -> bool {
    UdpSocket::bind((addr, 0)).is_ok()
}

/// The inodes of TCP sockets that listen at such an address.
fn tcp_listeners(is_meant: impl Fn(&SocketAddr) -> bool) -> Vec<u64> {
    let entries = [procfs::net::tcp(), procfs::net::tcp6()];
    entries
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.state == TcpState::Listen && is_meant(&entry.local_address))
        .map(|entry| entry.inode)
        .collect()
}

/// The inodes of Unix sockets that were bound to this path.
fn socket_listeners(path: &Path) -> Vec<u64> {
    let entries = procfs::net::unix().into_iter().flatten();
    entries
        .filter(|entry| entry.path.as_deref() == Some(path))
        .map(|entry| entry.inode)
        .collect()
}

/// Whether a process has one of these sockets.
fn has_one(process: &Process, sockets: &[u64]) -> Result<bool, ProcError> {
    let is_one =
        |target: &FDTarget| matches!(target, FDTarget::Socket(inode) if sockets.contains(inode));
    Ok(process.fd()?.flatten().any(|file| is_one(&file.target)))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_child_is_found_by_either_way_and_one_that_has_ended_is_not() {
        let own = std::process::id().cast_signed();
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let pid = child.id().cast_signed();
        assert!(descendants(own).contains(&pid));
        assert_eq!(parents().get(&pid), Some(&own));
        assert_eq!(name(pid), format!("sleep ({pid})"));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!descendants(own).contains(&pid));
    }

    #[test]
    fn a_zombie_is_no_descendant() {
        let own = std::process::id().cast_signed();
        let mut child = Command::new("true").spawn().unwrap();
        let pid = child.id().cast_signed();
        let stat = || Process::new(pid).and_then(|process| process.stat());
        while stat().unwrap().state != 'Z' {
            std::thread::yield_now();
        }
        assert!(!descendants(own).contains(&pid));
        child.wait().unwrap();
    }

    #[test]
    fn who_listens_is_reported_by_the_sockets_that_it_holds() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let own = std::process::id().cast_signed();
        let mut other = Command::new("sleep").arg("600").spawn().unwrap();
        let others = [other.id().cast_signed()];
        assert_eq!(listens(&[own], port), Some(true));
        assert_eq!(listeners(&listener.local_addr().unwrap().into()), [own]);
        assert_eq!(listens(&others, port), Some(false));
        drop(listener);
        assert_eq!(listens(&[own], port), None);
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        assert_eq!(listeners(&addr.into()), Vec::<i32>::new());
        // An address that no machine has (RFC 5737), at a port on which somebody may listen here.
        assert!(!is_here(IpAddr::from([192, 0, 2, 1])));
        other.kill().unwrap();
        other.wait().unwrap();
    }

    #[test]
    fn who_listens_at_a_socket_is_found_by_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let peer = Peer::Socket(path.clone());
        assert_eq!(listeners(&peer), Vec::<i32>::new());
        let _listener = UnixListener::bind(&path).unwrap();
        assert_eq!(listeners(&peer), [std::process::id().cast_signed()]);
    }
}
