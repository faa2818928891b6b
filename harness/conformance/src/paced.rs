//! Whether events go out when they are due, and not all of them when the last one is; and whether sleeps are answered early.
//!
//! An event must be there before the next one is due, and not before its own time. The first could fail on a machine that
//! stands still, so that there is a second attempt with far longer gaps; the second can't.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use http1::Method;
use spec::Route;

use crate::judge::{Expected, Framing, events};
use crate::outcome::CASE_TIMEOUT;
use crate::problem::Problem;
use crate::wire::{Received, Wire};

/// How many events there are: enough that those between the first and the last are looked at as well.
const EVENTS: u32 = 4;

/// Gaps between events in the first attempt and in the second.
const GAPS_MS: [u32; 2] = [150, 700];

/// How much too early an event may come: timers count in coarser units than the clock here, and begin at a time that is
/// already past.
const COARSE: Duration = Duration::from_millis(20);

/// What the times tell at which events arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// Each came when it was due.
    Kept,
    /// This one came before its time.
    Early { event: u32 },
    /// This one was not there when the next one was due.
    Late { event: u32 },
}

/// Asks for a stream that is framed like this, and looks at each event's time.
pub(super) fn play(framing: Framing, addr: SocketAddr, host: &str) -> Result<(), Problem> {
    let mut late = 1;
    for gap_ms in GAPS_MS {
        match judge(&arrivals(framing, gap_ms, addr, host)?, gap_ms) {
            Pace::Kept => return Ok(()),
            Pace::Early { event } => {
                return Err(Problem::wrong(format!(
                    "event {event} of {EVENTS} came too early: each is due {gap_ms} ms after the one before"
                )));
            }
            Pace::Late { event } => late = event,
        }
    }
    let [.., gap_ms] = GAPS_MS;
    Err(Problem::wrong(format!(
        "event {late} of {EVENTS} had not come when the next one was due, {gap_ms} ms later: each must go out when it is due"
    )))
}

/// How many sleep at once, how often, and for how long: they begin at any fraction of a millisecond, and each wakes the loop in the
/// middle of the others' sleeps.
const SLEEPERS: u32 = 8;
const SLEEPS: u32 = 12;
const SLEEP_MS: u32 = 10;

/// How much later than the one before each sleeper begins.
const APART: Duration = Duration::from_micros(1_300);

/// Asks for sleeps, and looks whether one is answered by more than `early` before its time. What is late may be the machine's doing.
pub(super) fn sleep(early: Duration, addr: SocketAddr, host: &str) -> Result<(), Problem> {
    thread::scope(|scope| {
        let sleeper = |number| {
            scope.spawn(move || {
                thread::sleep(APART * number);
                sleep_often(early, addr, host)
            })
        };
        let sleepers: Vec<_> = (0..SLEEPERS).map(sleeper).collect();
        let outcomes = sleepers
            .into_iter()
            .map(|sleeper| sleeper.join().expect("a sleeper's panic is the check's"));
        outcomes.fold(Ok(()), Result::and)
    })
}

fn sleep_often(early: Duration, addr: SocketAddr, host: &str) -> Result<(), Problem> {
    let mut wire = Wire::open(addr, Instant::now() + CASE_TIMEOUT)?;
    let route = Route::Sleep { ms: SLEEP_MS };
    let expected = Expected::served(Method::Get, route);
    let request = format!("GET {} HTTP/1.1\r\nHost: {host}\r\n\r\n", route.target());
    let due = Duration::from_millis(SLEEP_MS.into());
    for number in 1..=SLEEPS {
        let begin = Instant::now();
        wire.send(request.as_bytes())?;
        match wire.next(Method::Get)? {
            Received::Reply(reply) => expected.judge(&reply)?,
            Received::End => return Err(expected.closed_instead()),
        }
        let took = begin.elapsed();
        if took + early < due {
            return Err(Problem::wrong(format!(
                "sleep {number} of {SLEEPS} was answered after {} µs, before its {SLEEP_MS} ms were over",
                took.as_micros()
            )));
        }
    }
    Ok(())
}

/// When each event was there, counted from before the request.
fn arrivals(
    framing: Framing,
    gap_ms: u32,
    addr: SocketAddr,
    host: &str,
) -> Result<Vec<Duration>, Problem> {
    let version = match framing {
        Framing::Chunked => "HTTP/1.1",
        Framing::UntilClose => "HTTP/1.0",
    };
    let request = format!("GET /events?n={EVENTS}&ms={gap_ms} {version}\r\nHost: {host}\r\n\r\n");
    let begin = Instant::now();
    let mut wire = Wire::open(addr, begin + CASE_TIMEOUT)?;
    wire.send(request.as_bytes())?;
    let expected = Expected::events(Method::Get, EVENTS, framing);
    let reply = match wire.next(Method::Get)? {
        Received::Reply(reply) => reply,
        Received::End => return Err(expected.closed_instead()),
    };
    expected.judge(&reply)?;
    let arrival = |event| {
        let when = reply.arrival(events(event).len());
        when.expect("the body is whole").duration_since(begin)
    };
    Ok((1..=EVENTS).map(arrival).collect())
}

/// What is too early can't be excused: no machine is too fast.
fn judge(arrivals: &[Duration], gap_ms: u32) -> Pace {
    let gap = Duration::from_millis(gap_ms.into());
    let numbered = || (1..).zip(arrivals);
    let early = numbered().find(|(event, arrival)| **arrival + COARSE < gap * (event - 1));
    // Nothing is due behind the last one.
    let but_last = arrivals.len().saturating_sub(1);
    let late = numbered()
        .take(but_last)
        .find(|(event, arrival)| **arrival >= gap * *event);
    match (early, late) {
        (Some((event, _)), _) => Pace::Early { event },
        (None, Some((event, _))) => Pace::Late { event },
        (None, None) => Pace::Kept,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_belongs_between_its_own_time_and_the_next_ones() {
        for (arrivals_ms, pace) in [
            ([0, 100, 200, 300], Pace::Kept),
            ([99, 199, 299, 399], Pace::Kept),
            ([0, 80, 180, 280], Pace::Kept),
            // The last one may take its time.
            ([0, 100, 200, 900], Pace::Kept),
            ([300, 300, 300, 300], Pace::Late { event: 1 }),
            ([0, 300, 300, 300], Pace::Late { event: 2 }),
            ([100, 100, 200, 300], Pace::Late { event: 1 }),
            ([0, 100, 300, 300], Pace::Late { event: 3 }),
            ([0, 0, 0, 0], Pace::Early { event: 2 }),
            ([0, 100, 200, 279], Pace::Early { event: 4 }),
        ] {
            let arrivals = arrivals_ms.map(Duration::from_millis);
            assert_eq!(judge(&arrivals, 100), pace, "{arrivals_ms:?}");
        }
    }
}
