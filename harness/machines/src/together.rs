//! One load that several agents drive, as its coordinator sees it: when all are ready, when it has begun and ended, and who is missing.
//!
//! No socket and no clock: what was heard comes with the time at which it was heard, and what is to be done is asked for at a time.

use model::units::Nanos;

use crate::words::{Doing, LEASE_NS};

/// An agent that was not heard of for so long is lost.
pub(crate) const SILENT_NS: Nanos = 2_000_000_000;

/// How long an agent may still drive an earlier load: it ends by itself as soon as it hears of it, or when its lease is over.
const BUSY_NS: Nanos = LEASE_NS + 1_000_000_000;

/// How long after the instant of the start an agent may say that it has not begun: what it says takes a while to come.
const BEGINS_WITHIN_NS: Nanos = 1_000_000_000;

/// How long after its last request could be answered an agent may take to hand over what it recorded.
const HANDS_OVER_WITHIN_NS: Nanos = 10_000_000_000;

/// How long a load takes, in nanoseconds since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lengths {
    /// Until it is measured.
    pub(crate) warmup_ns: Nanos,
    /// Until no reply is waited for any more, at most.
    pub(crate) whole_ns: Nanos,
}

/// One load that several agents drive.
#[derive(Debug, Clone)]
pub(crate) struct Together {
    members: Vec<Member>,
    lengths: Lengths,
    begun_ns: Nanos,
    /// When the load starts, once that is known.
    start_ns: Option<Nanos>,
    was_measuring_said: bool,
    was_drained_said: bool,
}

#[derive(Debug, Clone)]
struct Member {
    doing: Option<Doing>,
    heard_ns: Nanos,
    /// When it was ready.
    ready_ns: Option<Nanos>,
    /// Requests that succeeded and that failed so far.
    counts: (u64, u64),
}

/// What a coordinator does next.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Next {
    /// Nothing until then, unless something is heard.
    Wait {
        /// Then.
        until_ns: Nanos,
    },
    /// All are ready: say when it starts.
    Start,
    /// The measured part begins now.
    Measuring,
    /// No reply is waited for any more.
    Drained,
    /// All have recorded their part.
    Collect,
    /// It is void.
    Void {
        /// Because of this agent, by its place.
        member: usize,
        /// For this reason.
        why: Why,
    },
}

/// Why a load is void.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Why {
    /// An agent was not heard of.
    Lost,
    /// It drove another load all the time.
    Busy,
    /// It began too late, or not at all.
    Late,
    /// It did not end.
    Endless,
    /// It failed itself.
    Failed(String),
    /// It can't drive such a load.
    Unable(String),
    /// The server refused.
    Refused(String),
}

impl Together {
    /// So many agents are asked at `now` to drive a load.
    pub(crate) fn new(members: usize, lengths: Lengths, now: Nanos) -> Self {
        let member = Member {
            doing: None,
            heard_ns: now,
            ready_ns: None,
            counts: (0, 0),
        };
        Self {
            members: vec![member; members],
            lengths,
            begun_ns: now,
            start_ns: None,
            was_measuring_said: false,
            was_drained_said: false,
        }
    }

    /// An agent said at `now` what it does.
    pub(crate) fn hear(&mut self, member: usize, doing: Doing, now: Nanos) {
        let member = &mut self.members[member];
        member.heard_ns = now;
        if doing == Doing::Ready {
            member.ready_ns.get_or_insert(now);
        }
        if let Doing::Driving { ok, failed } = doing {
            member.counts = (ok, failed);
        }
        // What was sent before may come after.
        if rank(&doing) >= member.doing.as_ref().map_or(0, rank) {
            member.doing = Some(doing);
        }
    }

    /// The load starts then, as was found out by `now`: nobody was listened to meanwhile.
    pub(crate) fn starts_at(&mut self, start_ns: Nanos, now: Nanos) {
        self.start_ns = Some(start_ns);
        for member in &mut self.members {
            member.heard_ns = now;
        }
    }

    /// When it starts, where an agent has to be asked.
    pub(crate) fn start_of(&self, member: usize) -> Option<Nanos> {
        let is_ready = self.members[member].doing == Some(Doing::Ready);
        self.start_ns.filter(|_| is_ready)
    }

    /// Whether an agent has yet to take its order.
    pub(crate) fn is_unasked(&self, member: usize) -> bool {
        matches!(self.members[member].doing, None | Some(Doing::Busy))
    }

    /// How long after all were asked an agent was ready; 0 where it never said so.
    pub(crate) fn ready_after_ns(&self, member: usize) -> Nanos {
        let ready_ns = self.members[member].ready_ns;
        ready_ns.map_or(0, |at_ns| at_ns - self.begun_ns)
    }

    /// Requests that succeeded and that failed so far.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let counts = self.members.iter().map(|member| member.counts);
        counts.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    /// What to do at `now`. What is to be done once is said once.
    pub(crate) fn next(&mut self, now: Nanos) -> Next {
        if let Some((member, why)) = self.void(now) {
            return Next::Void { member, why };
        }
        let all = |rank_of: u8| self.members.iter().all(|it| it.rank() >= rank_of);
        let Some(start_ns) = self.start_ns else {
            return if all(READY) {
                Next::Start
            } else {
                self.wait(now)
            };
        };
        let measured_ns = start_ns + self.lengths.warmup_ns;
        if !self.was_measuring_said {
            if now < measured_ns {
                return match self.wait(now) {
                    Next::Wait { until_ns } => Next::Wait {
                        until_ns: until_ns.min(measured_ns),
                    },
                    next => next,
                };
            }
            self.was_measuring_said = true;
            return Next::Measuring;
        }
        if !self.was_drained_said && all(DRAINED) {
            self.was_drained_said = true;
            return Next::Drained;
        }
        if all(DONE) {
            return Next::Collect;
        }
        self.wait(now)
    }

    /// Until somebody would be missed.
    fn wait(&self, now: Nanos) -> Next {
        let silent = self.members.iter().map(|it| it.heard_ns + SILENT_NS);
        Next::Wait {
            until_ns: silent.min().unwrap_or(now) + 1,
        }
    }

    /// Because of whom it is void, and why.
    fn void(&self, now: Nanos) -> Option<(usize, Why)> {
        let late_ns = self.start_ns.map(|at| at + BEGINS_WITHIN_NS);
        let end_ns = self
            .start_ns
            .map(|at| at + self.lengths.whole_ns + HANDS_OVER_WITHIN_NS);
        let is_past = |limit_ns: Option<Nanos>| limit_ns.is_some_and(|limit_ns| now > limit_ns);
        let why = |member: &Member| match &member.doing {
            Some(Doing::Failed(what)) => Some(Why::Failed(what.clone())),
            Some(Doing::Unable(what)) => Some(Why::Unable(what.clone())),
            Some(Doing::Refused(what)) => Some(Why::Refused(what.clone())),
            Some(Doing::Late) => Some(Why::Late),
            _ if now > member.heard_ns + SILENT_NS => Some(Why::Lost),
            Some(Doing::Busy) if now > self.begun_ns + BUSY_NS => Some(Why::Busy),
            _ if member.rank() <= READY && is_past(late_ns) => Some(Why::Late),
            _ if member.rank() < DONE && is_past(end_ns) => Some(Why::Endless),
            _ => None,
        };
        let mut members = self.members.iter().enumerate();
        members.find_map(|(index, member)| Some((index, why(member)?)))
    }
}

impl Member {
    fn rank(&self) -> u8 {
        self.doing.as_ref().map_or(0, rank)
    }
}

const READY: u8 = 3;
const DRAINED: u8 = 5;
const DONE: u8 = 6;

/// How far an agent has come that does this.
fn rank(doing: &Doing) -> u8 {
    match doing {
        Doing::Busy => 1,
        Doing::Opening => 2,
        Doing::Ready => READY,
        Doing::Driving { .. } => 4,
        Doing::Drained => DRAINED,
        Doing::Done => DONE,
        Doing::Unable(_) | Doing::Late | Doing::Refused(_) | Doing::Failed(_) => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Nanos = 1_000_000;
    const LENGTHS: Lengths = Lengths {
        warmup_ns: 100 * MS,
        whole_ns: 3_000 * MS,
    };

    fn asked(members: usize) -> Together {
        Together::new(members, LENGTHS, 0)
    }

    #[test]
    fn all_are_ready_before_it_starts_and_done_before_it_is_collected() {
        let mut load = asked(2);
        assert!(load.is_unasked(0) && load.is_unasked(1));
        load.hear(0, Doing::Ready, MS);
        load.hear(1, Doing::Opening, MS);
        assert!(matches!(load.next(2 * MS), Next::Wait { .. }));
        assert!(!load.is_unasked(1));
        load.hear(1, Doing::Ready, 2 * MS);
        assert_eq!(load.next(3 * MS), Next::Start);
        load.starts_at(50 * MS, 3 * MS);
        assert_eq!(load.start_of(1), Some(50 * MS));
        assert_eq!(load.next(4 * MS), Next::Wait { until_ns: 150 * MS });
        let driving = |ok| Doing::Driving { ok, failed: 1 };
        load.hear(0, driving(3), 100 * MS);
        load.hear(1, driving(4), 100 * MS);
        assert_eq!(load.start_of(1), None);
        assert_eq!(load.counts(), (7, 2));
        assert_eq!(load.next(150 * MS), Next::Measuring);
        assert!(matches!(load.next(150 * MS), Next::Wait { .. }));
        load.hear(0, Doing::Done, 900 * MS);
        load.hear(1, Doing::Drained, 900 * MS);
        assert_eq!(load.next(900 * MS), Next::Drained);
        // What was sent before may come after.
        load.hear(1, Doing::Ready, 901 * MS);
        load.hear(1, Doing::Done, 902 * MS);
        assert_eq!(load.next(902 * MS), Next::Collect);
    }

    #[test]
    fn who_is_not_heard_of_is_lost_at_the_limit() {
        let mut load = asked(2);
        load.hear(0, Doing::Opening, SILENT_NS);
        assert!(matches!(load.next(SILENT_NS), Next::Wait { .. }));
        let void = Next::Void {
            member: 1,
            why: Why::Lost,
        };
        assert_eq!(load.next(SILENT_NS + 1), void);
    }

    #[test]
    fn what_an_agent_says_of_itself_ends_a_load() {
        let ended = |doing: Doing| {
            let mut load = asked(1);
            load.hear(0, doing, 0);
            load.next(MS)
        };
        let void = |why| Next::Void { member: 0, why };
        let what = || "it is full".to_owned();
        assert_eq!(ended(Doing::Failed(what())), void(Why::Failed(what())));
        assert_eq!(ended(Doing::Unable(what())), void(Why::Unable(what())));
        assert_eq!(ended(Doing::Refused(what())), void(Why::Refused(what())));
        assert_eq!(ended(Doing::Late), void(Why::Late));
    }

    #[test]
    fn who_stays_busy_does_not_begin_or_does_not_end_is_named() {
        let why = |steps: &[(Doing, Nanos)], at: Nanos| {
            let mut load = asked(1);
            for (doing, now) in steps {
                load.hear(0, doing.clone(), *now);
                if load.next(*now) == Next::Start {
                    load.starts_at(*now, *now);
                }
            }
            load.hear(0, steps[steps.len() - 1].0.clone(), at);
            match load.next(at) {
                Next::Void { why, .. } => Some(why),
                _ => None,
            }
        };
        let busy = [(Doing::Busy, 0)];
        assert_eq!(why(&busy, BUSY_NS), None);
        assert_eq!(why(&busy, BUSY_NS + 1), Some(Why::Busy));
        let ready = [(Doing::Ready, 0)];
        assert_eq!(why(&ready, BEGINS_WITHIN_NS), None);
        assert_eq!(why(&ready, BEGINS_WITHIN_NS + 1), Some(Why::Late));
        let driving = [(Doing::Ready, 0), (Doing::Driving { ok: 1, failed: 0 }, 1)];
        let end_ns = LENGTHS.whole_ns + HANDS_OVER_WITHIN_NS;
        assert_eq!(why(&driving, end_ns), None);
        assert_eq!(why(&driving, end_ns + 1), Some(Why::Endless));
    }

    /// An agent on virtual time, and what its network does to what it says and hears.
    #[derive(Debug, Clone)]
    struct Agent {
        opens_in_ns: Nanos,
        drives_for_ns: Nanos,
        /// When it dies, where it does.
        dies_ns: Option<Nanos>,
        /// Which messages are lost, in turn; both ways.
        lost: Vec<bool>,
        asked_ns: Option<Nanos>,
        starts_ns: Option<Nanos>,
        said: usize,
    }

    fn agent() -> impl Strategy<Value = Agent> {
        let dies = prop_oneof![2 => Just(None), 1 => (0..6_000 * MS).prop_map(Some)];
        let lost = proptest::collection::vec(prop::bool::weighted(0.3), 1..20);
        (0..1_500 * MS, 0..3_000 * MS, dies, lost).prop_map(
            |(opens_in_ns, drives_for_ns, dies_ns, lost)| Agent {
                opens_in_ns,
                drives_for_ns,
                dies_ns,
                lost,
                asked_ns: None,
                starts_ns: None,
                said: 0,
            },
        )
    }

    impl Agent {
        /// Whether the next message is lost.
        fn loses(&mut self) -> bool {
            self.said += 1;
            self.lost[self.said % self.lost.len()]
        }

        fn is_alive(&self, now: Nanos) -> bool {
            self.dies_ns.is_none_or(|dies_ns| now < dies_ns)
        }

        fn doing(&self, now: Nanos) -> Option<Doing> {
            let asked_ns = self.asked_ns?;
            Some(match self.starts_ns {
                Some(at) if now >= at + self.drives_for_ns => Doing::Done,
                Some(_) => Doing::Driving { ok: 0, failed: 0 },
                None if now >= asked_ns + self.opens_in_ns => Doing::Ready,
                None => Doing::Opening,
            })
        }
    }

    proptest! {
        /// Whatever is lost and who dies: it starts at one instant for all, when all have opened their connections; it is collected
        /// only where all have driven it to its end; and it is over within a time that is known.
        #[test]
        fn a_load_is_whole_or_void(mut agents in proptest::collection::vec(agent(), 1..6)) {
            let mut load = asked(agents.len());
            let over_ns = 6_000 * MS + LENGTHS.whole_ns + HANDS_OVER_WITHIN_NS + SILENT_NS;
            let mut now = 0;
            let mut start_ns = None;
            let void = loop {
                prop_assert!(now < over_ns, "it goes on and on");
                for (index, agent) in agents.iter_mut().enumerate().filter(|(_, agent)| agent.is_alive(now)) {
                    if !agent.loses() {
                        if load.is_unasked(index) {
                            agent.asked_ns.get_or_insert(now);
                        } else if let Some(at) = load.start_of(index) && at > now {
                            agent.starts_ns.get_or_insert(at);
                        }
                    }
                    if !agent.loses() && let Some(doing) = agent.doing(now) {
                        load.hear(index, doing, now);
                    }
                }
                match load.next(now) {
                    Next::Start => {
                        for agent in &agents {
                            prop_assert!(agent.asked_ns.is_some_and(|asked_ns| now >= asked_ns + agent.opens_in_ns));
                        }
                        load.starts_at(now + 300 * MS, now);
                        start_ns = Some(now + 300 * MS);
                    }
                    Next::Wait { .. } | Next::Measuring | Next::Drained => {}
                    Next::Collect => break None,
                    Next::Void { member, .. } => break Some(member),
                }
                now += 100 * MS;
            };
            for agent in &agents {
                prop_assert!(agent.starts_ns.is_none() || agent.starts_ns == start_ns);
                if void.is_none() {
                    prop_assert!(agent.starts_ns.is_some_and(|at| now >= at + agent.drives_for_ns));
                }
            }
        }
    }
}
