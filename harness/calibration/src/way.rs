//! The way there and back: what an exchange of one byte takes between the generator's core and the server's, without the
//! instrument.
//!
//! Between the books of the server and those of the generator lies what neither can see: the network stack, and above all
//! how long the system takes to wake a waiting thread. This measures it by the plainest means there are, two threads that
//! block, so that it can be distinguished from an error of the instrument.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use model::record::surroundings::Pinning;
use model::units::{Nanos, duration_ns};

use process::cores;

/// Exchanges of one walk. Two walks carry a 99th percentile.
const EXCHANGES: usize = 500;

/// From one exchange to the next: long enough for an idle core to fall asleep, as it does between requests.
const GAP: Duration = Duration::from_micros(500);

/// The longest that one exchange may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long exchanges took, in nanoseconds, ascending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Way(Vec<Nanos>);

/// Measures the way from the calling thread to a thread on the servers' cores.
pub fn walk(pinning: &Pinning) -> io::Result<Way> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut near = TcpStream::connect(listener.local_addr()?)?;
    let (mut far, _) = listener.accept()?;
    for socket in [&near, &far] {
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(TIMEOUT))?;
    }
    std::thread::scope(|scope| {
        let echo = scope.spawn(move || {
            cores::pin(&pinning.server_cpus)?;
            let mut byte = [0];
            // Ends when the near side closes.
            while far.read(&mut byte)? > 0 {
                far.write_all(&byte)?;
            }
            Ok(())
        });
        let times = exchange(&mut near);
        drop(near);
        let echoed: io::Result<()> = echo
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let times = times?;
        echoed.map(|()| Way::of(times))
    })
}

fn exchange(socket: &mut TcpStream) -> io::Result<Vec<Nanos>> {
    let mut byte = [1];
    (0..EXCHANGES)
        .map(|_| {
            std::thread::sleep(GAP);
            let sent = Instant::now();
            socket.write_all(&byte)?;
            socket.read_exact(&mut byte)?;
            Ok(duration_ns(sent.elapsed()))
        })
        .collect()
}

impl Way {
    fn of(mut times: Vec<Nanos>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// This walk and another.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::of([self.0, other.0].concat())
    }

    /// The time at a percentile, at most the 99th: further out a walk carries none. 0 where nothing was measured.
    pub fn at(&self, per_10_000: u64) -> Nanos {
        let per_10_000 = usize::try_from(per_10_000.min(9_900)).expect("at most 9,900");
        let rank = (self.0.len() * per_10_000).div_ceil(10_000).max(1);
        self.0.get(rank - 1).copied().unwrap_or(0)
    }

    /// Their mean; 0 where nothing was measured.
    pub fn mean(&self) -> f64 {
        let sum = self.0.iter().map(|&time_ns| time_ns as f64).sum::<f64>();
        sum / self.0.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_walks_are_one_longer_walk() {
        let way = Way::of(vec![40, 10, 20]).and(Way::of(vec![30]));
        assert_eq!(
            [100, 5_000, 7_500, 7_501].map(|at| way.at(at)),
            [10, 20, 30, 40]
        );
        assert!((way.mean() - 25.0).abs() < 1e-9);
        let none = Way::default();
        assert_eq!(none.at(9_900), 0);
        assert!(none.mean().abs() < 1e-9);
    }

    #[test]
    fn beyond_the_99th_percentile_it_says_no_more() {
        let way = Way::of((1..=1000).collect());
        assert_eq!((way.at(9_900), way.at(9_990)), (990, 990));
    }

    #[test]
    fn a_walk_is_walked() {
        let cpus = cores::available();
        let pinning = cores::divide(&cpus, None, None).unwrap();
        let way = walk(&pinning).unwrap();
        assert_eq!(way.0.len(), EXCHANGES);
        assert!(way.at(5_000) > 0);
    }
}
