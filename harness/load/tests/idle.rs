//! Idle connections: as many as asked for are held, and the lost ones are counted. A test binary of its own, because
//! descriptors are the whole process's affair.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU32;

use load::DriveError;
use load::idle::Idle;

/// Looks often enough for any kernel to have reported its news, and stops as soon as `lost` are gone.
fn look_until(idle: &mut Idle, lost: u32) -> u32 {
    let looks = (0..1_000_000).map(|_| {
        std::thread::yield_now();
        idle.look().unwrap()
    });
    let mut seen = 0;
    for look in looks {
        seen = look;
        if seen >= lost {
            break;
        }
    }
    seen
}

fn count(connections: u32) -> NonZeroU32 {
    NonZeroU32::new(connections).unwrap()
}

#[test]
fn those_that_are_lost_are_counted_and_no_others() {
    const CONNECTIONS: u32 = 300;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    // All that connect, and then one more, of ours, to say that no more will.
    let accepting = std::thread::spawn(move || {
        let accepted = listener.incoming().take(CONNECTIONS as usize);
        accepted.map(Result::unwrap).collect::<Vec<TcpStream>>()
    });
    let mut idle = Idle::open(&addr.into(), count(CONNECTIONS), || false).unwrap();
    let mut accepted = accepting.join().unwrap();
    assert_eq!((idle.opened(), idle.look().unwrap()), (CONNECTIONS, 0));

    // Three are closed, and one is spoken to.
    accepted.drain(10..13);
    accepted[20].write_all(b"still there?").unwrap();
    assert_eq!(look_until(&mut idle, 4), 4);
    assert_eq!(idle.look().unwrap(), 4, "each is lost once");
    assert_eq!(idle.opened(), CONNECTIONS);

    // The others were held all the time, and end with it.
    for socket in &mut accepted {
        socket.set_nonblocking(true).unwrap();
    }
    let is_open = |socket: &mut TcpStream| {
        socket
            .read(&mut [0])
            .is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    };
    assert_eq!(
        accepted
            .iter_mut()
            .filter_map(|socket| is_open(socket).then_some(()))
            .count(),
        CONNECTIONS as usize - 4
    );
    drop(idle);
    for socket in &mut accepted {
        socket.set_nonblocking(false).unwrap();
        assert!(matches!(socket.read(&mut [0]), Ok(0) | Err(_)));
    }
}

#[test]
fn nobody_there_is_an_error_with_its_remedy() {
    let addr: SocketAddr = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let error = Idle::open(&addr.into(), count(5), || false).err().unwrap();
    assert!(
        matches!(
            error,
            DriveError::Connect {
                opened: 0,
                wanted: 5,
                ..
            }
        ),
        "{error}"
    );
    assert!(
        error.to_string().contains("check that the server runs"),
        "{error}"
    );
}

#[test]
fn a_stop_leaves_what_is_open_by_then() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let idle = Idle::open(&addr.into(), count(100), || true).unwrap();
    assert_eq!(idle.opened(), 0);
}
