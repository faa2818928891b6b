//! Reads sockets, and knows when what was read arrived, where the kernel stamps it.
//!
//! With `SO_TIMESTAMPNS` (socket(7)) the kernel notes `CLOCK_REALTIME` when a segment comes from the network, or, over loopback,
//! when the peer sends it; and a read says that time in a control message. So a reply ends when it arrived, though the
//! reader slept, was busy with other replies, or had no core.
//!
//! Over TCP the stamp is that of the *last* segment of which bytes were read (`tcp_recvmsg_locked`, `net/ipv4/tcp.c`; segments that
//! were merged in the queue keep the last one's, `tcp_try_coalesce`, `net/ipv4/tcp_input.c`). Hence:
//!
//! - The last byte of a reply has an exact stamp, because one request is out at a time and nothing follows the reply.
//! - The first byte arrived by the stamp of the first read, and exactly then where the reply came in one segment, or was read
//!   before its second one came. Otherwise the stamp is late, and less so than the moment of the read.
//! - A read that fills its buffer may have the stamp of bytes that it left. Those are read next and have the same stamp.
//! - Through TLS the bytes of a record have the stamp of the read that completed it.
//! - What a network card or the kernel merged before it was delivered (GRO) has the stamp of its delivery.

use std::io::IoSliceMut;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use model::measured::receive::Distrust;
use model::units::Nanos;
use nix::cmsg_space;
use nix::sys::socket::sockopt::ReceiveTimestampns;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt};
use nix::sys::time::TimeSpec;
use rustix::io::Errno;
use rustix::net::{self, RecvFlags, SendFlags};

use crate::clock::{Ahead, Clock, SystemNanos};

/// How far a stamp may lie outside the moments between which it must be: the two clocks are compared to less than this.
const TOLERANCE_NS: Nanos = 1_000;

/// Bytes that the test at the start sends.
const TESTS: u32 = 32;

/// Pairs of readings by which the clocks are compared at the start.
const PAIRS: u32 = 32;

/// How often the test is begun anew until something has a stamp, [`TEST_PAUSE`] apart: the kernel begins to stamp some time after
/// the first socket asks for it (`net_enable_timestamp`, net/core/dev.c, leaves it to a work queue).
const MAX_UNSTAMPED_TESTS: u32 = 50;

/// See [`MAX_UNSTAMPED_TESTS`].
const TEST_PAUSE: Duration = Duration::from_millis(1);

/// How long a byte of the test may take over loopback.
const TEST_TIMEOUT: Duration = Duration::from_secs(1);

/// Asks the kernel to stamp what arrives at a socket.
pub(crate) fn stamp(socket: impl AsFd) -> Result<(), Errno> {
    setsockopt(&socket, ReceiveTimestampns, &true).map_err(of_nix)
}

/// Reads sockets.
pub(crate) struct Receiver(Option<Kernel>);

/// What the kernel's stamps need.
struct Kernel {
    /// Room for the control message of one read.
    control: Vec<u8>,
    /// Of what the last read brought.
    stamp: Option<SystemNanos>,
    ahead: Ahead,
}

impl Receiver {
    /// One that has stamps, where their sockets ask for them.
    pub(crate) fn stamped(clock: Clock) -> Self {
        let mut ahead = Ahead::of(clock.pair());
        (1..PAIRS).for_each(|_| ahead.narrow(clock.pair()));
        Self(Some(Kernel {
            control: cmsg_space!(TimeSpec),
            stamp: None,
            ahead,
        }))
    }

    /// One that has no stamps, and costs nothing for them.
    pub(crate) fn unstamped() -> Self {
        Self(None)
    }

    pub(crate) fn is_stamped(&self) -> bool {
        self.0.is_some()
    }

    /// Reads what has come, as recv(2).
    pub(crate) fn recv(&mut self, socket: &OwnedFd, buffer: &mut [u8]) -> Result<usize, Errno> {
        loop {
            let received = match &mut self.0 {
                None => net::recv(socket, &mut *buffer, RecvFlags::empty()).map(|(count, _)| count),
                Some(kernel) => kernel.recv(socket, buffer),
            };
            if received != Err(Errno::INTR) {
                return received;
            }
        }
    }

    /// When the bytes of the last read arrived on our clock, where their stamp says a time from `since_ns` to `read_ns`.
    pub(crate) fn arrived_ns(&self, since_ns: Nanos, read_ns: Nanos) -> Option<Nanos> {
        let Kernel { stamp, ahead, .. } = self.0.as_ref()?;
        placed(ahead.ours((*stamp)?), since_ns, read_ns)
    }

    /// Compares the clocks once more. To be called every few milliseconds: a step of the system's time puts stamps in the
    /// wrong place until it is seen.
    pub(crate) fn compare(&mut self, clock: Clock) {
        if let Some(kernel) = &mut self.0 {
            kernel.ahead.narrow(clock.pair());
        }
    }

    /// How often the system's time was set, as far as it was seen.
    pub(crate) fn clock_steps(&self) -> u64 {
        self.0.as_ref().map_or(0, |kernel| kernel.ahead.steps())
    }
}

impl Kernel {
    fn recv(&mut self, socket: &OwnedFd, buffer: &mut [u8]) -> Result<usize, Errno> {
        self.stamp = None;
        let mut buffers = [IoSliceMut::new(buffer)];
        let received = recvmsg::<()>(
            socket.as_raw_fd(),
            &mut buffers,
            Some(&mut self.control),
            MsgFlags::empty(),
        )
        .map_err(of_nix)?;
        let stamp = received.cmsgs().ok().and_then(|mut messages| {
            messages.find_map(|message| match message {
                ControlMessageOwned::ScmTimestampns(time) => Some(time),
                _ => None,
            })
        });
        let count = received.bytes;
        self.stamp = stamp.map(|time| SystemNanos::of(time.tv_sec(), time.tv_nsec()));
        Ok(count)
    }
}

fn of_nix(errno: nix::errno::Errno) -> Errno {
    Errno::from_raw_os_error(errno as i32)
}

/// A moment that must lie between two others; none where it doesn't, by more than [`TOLERANCE_NS`].
fn placed(at_ns: i64, since_ns: Nanos, read_ns: Nanos) -> Option<Nanos> {
    let (since, read) = (since_ns.cast_signed(), read_ns.cast_signed());
    let tolerance = TOLERANCE_NS.cast_signed();
    (since - tolerance..=read + tolerance)
        .contains(&at_ns)
        .then(|| u64::try_from(at_ns).unwrap_or(0).clamp(since_ns, read_ns))
}

/// The kernel stamps, for as long as this is kept: without a socket that asks for it the kernel would stop, and begin late again.
pub(crate) struct Stamping {
    _reader: OwnedFd,
}

/// One byte of the test: when it was sent and read, and when it arrived.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "units stand last in names")]
struct Test {
    sent_ns: Nanos,
    stamp_ns: Option<i64>,
    read_ns: Nanos,
}

/// Whether the kernel's stamps can be trusted here: sends bytes over loopback, and looks at their stamps.
pub(crate) fn test(clock: Clock) -> Result<Stamping, Distrust> {
    let (writer, reader) = connected().map_err(|_| Distrust::Refused)?;
    stamp(&reader).map_err(|_| Distrust::Refused)?;
    let mut receiver = Receiver::stamped(clock);
    let mut send =
        || send_one(&writer, &reader, &mut receiver, clock).map_err(|_| Distrust::Refused);
    for _ in 0..MAX_UNSTAMPED_TESTS {
        if send()?.stamp_ns.is_some() {
            break;
        }
        std::thread::sleep(TEST_PAUSE);
    }
    let tests: Vec<Test> = (0..TESTS).map(|_| send()).collect::<Result<_, _>>()?;
    judge(&tests)?;
    Ok(Stamping { _reader: reader })
}

fn judge(tests: &[Test]) -> Result<(), Distrust> {
    let mut last_ns = i64::MIN;
    for test in tests {
        let stamp_ns = test.stamp_ns.ok_or(Distrust::NoStamp)?;
        placed(stamp_ns, test.sent_ns, test.read_ns).ok_or(Distrust::OutOfPlace)?;
        if stamp_ns < last_ns {
            return Err(Distrust::OutOfOrder);
        }
        last_ns = stamp_ns;
    }
    Ok(())
}

fn connected() -> std::io::Result<(OwnedFd, OwnedFd)> {
    let loopback = [
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        SocketAddr::from((Ipv6Addr::LOCALHOST, 0)),
    ];
    let listener = TcpListener::bind(&loopback[..])?;
    let writer = TcpStream::connect(listener.local_addr()?)?;
    let (reader, _) = listener.accept()?;
    writer.set_nodelay(true)?;
    reader.set_read_timeout(Some(TEST_TIMEOUT))?;
    Ok((writer.into(), reader.into()))
}

fn send_one(
    writer: &OwnedFd,
    reader: &OwnedFd,
    receiver: &mut Receiver,
    clock: Clock,
) -> Result<Test, Errno> {
    receiver.compare(clock);
    let sent_ns = clock.now();
    net::send(writer, b"?", SendFlags::NOSIGNAL)?;
    receiver.recv(reader, &mut [0])?;
    let read_ns = clock.now();
    let kernel = receiver.0.as_ref().expect("a test is of stamps");
    Ok(Test {
        sent_ns,
        stamp_ns: kernel.stamp.map(|stamp| kernel.ahead.ours(stamp)),
        read_ns,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_placed_between_two_others_and_may_miss_them_by_the_tolerance() {
        let since_ns = 5 * TOLERANCE_NS;
        let read_ns = 9 * TOLERANCE_NS;
        for (at_ns, expected) in [
            (4 * TOLERANCE_NS - 1, None),
            (4 * TOLERANCE_NS, Some(since_ns)),
            (since_ns, Some(since_ns)),
            (7_777, Some(7_777)),
            (10 * TOLERANCE_NS, Some(read_ns)),
            (10 * TOLERANCE_NS + 1, None),
        ] {
            let at = placed(at_ns.cast_signed(), since_ns, read_ns);
            assert_eq!(at, expected, "{at_ns}");
        }
        assert_eq!(placed(-1, 0, read_ns), Some(0));
        assert_eq!(placed(i64::MIN, 0, read_ns), None);
    }

    #[test]
    fn stamps_are_trusted_where_each_is_there_in_its_place_and_in_order() {
        let test = |sent_ns, stamp_ns, read_ns| Test {
            sent_ns,
            stamp_ns,
            read_ns,
        };
        let good = [
            test(10_000, Some(20_000), 30_000),
            test(40_000, Some(40_000), 50_000),
        ];
        assert_eq!(judge(&good), Ok(()));
        let missing = [good[0], test(40_000, None, 50_000)];
        assert_eq!(judge(&missing), Err(Distrust::NoStamp));
        // A clock of 4 ms.
        let coarse = [good[0], test(4_040_000, Some(4_000_000), 4_050_000)];
        assert_eq!(judge(&coarse), Err(Distrust::OutOfPlace));
        let back = [
            test(20_000, Some(30_000), 30_000),
            test(30_000, Some(29_500), 40_000),
        ];
        assert_eq!(judge(&back), Err(Distrust::OutOfOrder));
    }

    #[test]
    fn what_is_read_late_arrived_early() {
        let clock = Clock::start();
        // Linux stamps what comes over loopback. On a kernel that does not, this test fails, and drives by the kernel's clock are an error.
        let _stamping = test(clock).expect("the kernel's stamps can be trusted here");
        let (writer, reader) = connected().unwrap();
        stamp(&reader).unwrap();
        let mut receiver = Receiver::stamped(clock);
        let sent_ns = clock.now();
        net::send(&writer, b"late", SendFlags::NOSIGNAL).unwrap();
        let arrived_by_ns = clock.now();
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(receiver.recv(&reader, &mut [0; 8]), Ok(4));
        let at_ns = receiver.arrived_ns(sent_ns, clock.now()).unwrap();
        assert!((sent_ns..=arrived_by_ns + TOLERANCE_NS).contains(&at_ns));
        // Of no read is there a stamp but the last.
        drop(writer);
        assert_eq!(receiver.recv(&reader, &mut [0; 8]), Ok(0));
        assert_eq!(receiver.arrived_ns(sent_ns, clock.now()), None);
    }
}
