//! Who holds a name, and until when: an agent's side of its entry in the bucket, whose entries expire.
//!
//! An entry expires [`LEASE_NS`] after it was stored, which was not before it was asked for. So an agent that counts from the moment of
//! asking never believes that it holds a name which another may have taken meanwhile, whatever was lost or late on the way.

use model::units::{NANOS_PER_S, Nanos};

/// How long an entry lasts that is not renewed.
pub const LEASE_NS: Nanos = 5 * NANOS_PER_S;

/// How often an entry is renewed: three times before it would expire.
pub const RENEW_EVERY_NS: Nanos = 1_500_000_000;

/// How long after a failure it is tried again.
pub const RETRY_NS: Nanos = 500_000_000;

/// An agent's lease of its name.
#[derive(Debug, Clone, Default)]
pub struct Lease {
    grant: Option<Grant>,
    /// When the next step is due.
    not_before_ns: Nanos,
    /// Since when another has been holding the name.
    taken_since_ns: Option<Nanos>,
}

#[derive(Debug, Clone, Copy)]
struct Grant {
    /// The entry's revision in the bucket.
    revision: u64,
    /// When it was asked for.
    asked_ns: Nanos,
    /// Whether nothing has failed since.
    is_sure: bool,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing for so long, in nanoseconds.
    Wait {
        /// So long.
        ns: Nanos,
    },
    /// Store an entry, unless another agent has one under this name.
    Register,
    /// Store the entry again, if its last revision is this.
    Renew {
        /// This.
        revision: u64,
    },
}

impl Lease {
    /// What to do at `now`.
    pub fn next(&self, now: Nanos) -> Step {
        match self.grant {
            _ if now < self.not_before_ns => Step::Wait {
                ns: self.not_before_ns - now,
            },
            Some(grant) if grant.is_sure && grant.lasts(now) => Step::Renew {
                revision: grant.revision,
            },
            _ => Step::Register,
        }
    }

    /// The entry is stored, as it was asked for at `asked_ns`.
    pub fn on_granted(&mut self, revision: u64, asked_ns: Nanos) {
        self.grant = Some(Grant {
            revision,
            asked_ns,
            is_sure: true,
        });
        self.not_before_ns = asked_ns + RENEW_EVERY_NS;
        self.taken_since_ns = None;
    }

    /// Nobody knows whether the entry is stored.
    pub fn on_failed(&mut self, now: Nanos) {
        if let Some(grant) = &mut self.grant {
            grant.is_sure = false;
        }
        self.not_before_ns = now + RETRY_NS;
    }

    /// Another has an entry under this name. True once it is no leftover of an agent that has ended: that would have expired.
    pub fn on_taken(&mut self, now: Nanos) -> bool {
        self.grant = None;
        self.not_before_ns = now + RETRY_NS;
        let since_ns = *self.taken_since_ns.get_or_insert(now);
        now - since_ns > LEASE_NS + RETRY_NS
    }

    /// The revision of the entry, where this agent certainly holds the name at `now`.
    pub fn held(&self, now: Nanos) -> Option<u64> {
        let grant = self.grant.filter(|grant| grant.lasts(now));
        grant.map(|grant| grant.revision)
    }
}

impl Grant {
    fn lasts(self, now: Nanos) -> bool {
        now < self.asked_ns + LEASE_NS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Nanos = 1_000_000;

    #[test]
    fn a_lease_is_registered_renewed_and_after_a_failure_registered_again() {
        let mut lease = Lease::default();
        assert_eq!((lease.next(0), lease.held(0)), (Step::Register, None));
        lease.on_granted(7, 0);
        assert_eq!(
            lease.next(MS),
            Step::Wait {
                ns: RENEW_EVERY_NS - MS
            }
        );
        assert_eq!(lease.next(RENEW_EVERY_NS), Step::Renew { revision: 7 });
        lease.on_failed(RENEW_EVERY_NS);
        assert_eq!(lease.next(RENEW_EVERY_NS), Step::Wait { ns: RETRY_NS });
        assert_eq!(lease.next(RENEW_EVERY_NS + RETRY_NS), Step::Register);
        assert_eq!(lease.held(LEASE_NS - 1), Some(7));
        assert_eq!(lease.held(LEASE_NS), None);
    }

    #[test]
    fn one_that_was_stopped_for_longer_than_its_lease_registers_again() {
        let mut lease = Lease::default();
        lease.on_granted(7, 0);
        assert_eq!(lease.next(LEASE_NS - 1), Step::Renew { revision: 7 });
        assert_eq!(lease.next(LEASE_NS), Step::Register);
    }

    #[test]
    fn a_name_is_taken_once_a_dead_agents_entry_would_have_expired() {
        let mut lease = Lease::default();
        assert!(!lease.on_taken(MS));
        assert!(!lease.on_taken(MS + LEASE_NS + RETRY_NS));
        assert!(lease.on_taken(MS + LEASE_NS + RETRY_NS + 1));
        lease.on_granted(1, 20 * LEASE_NS);
        assert!(!lease.on_taken(40 * LEASE_NS));
    }

    /// A bucket on virtual time: one name, whose entry expires.
    #[derive(Default)]
    struct Bucket {
        entry: Option<(usize, u64, Nanos)>,
        revisions: u64,
    }

    impl Bucket {
        fn holder(&self, now: Nanos) -> Option<(usize, u64)> {
            let entry = self
                .entry
                .filter(|(.., stored_ns)| now < stored_ns + LEASE_NS);
            entry.map(|(agent, revision, _)| (agent, revision))
        }

        fn store(&mut self, agent: usize, now: Nanos) -> u64 {
            self.revisions += 1;
            self.entry = Some((agent, self.revisions, now));
            self.revisions
        }
    }

    /// How an agent's step fares: how long the way there and back takes, and whether either loses it.
    #[derive(Debug, Clone, Copy)]
    struct Way {
        there_ns: Nanos,
        back_ns: Nanos,
        is_lost_there: bool,
        is_lost_back: bool,
        /// For how long the agent is stopped afterwards.
        stopped_ns: Nanos,
    }

    fn way() -> impl Strategy<Value = Way> {
        let delay = || 0..2_000 * MS;
        let stopped = prop_oneof![8 => Just(0), 1 => 0..20_000 * MS];
        (delay(), delay(), 0..6_u8, stopped).prop_map(|(there_ns, back_ns, lost, stopped_ns)| Way {
            there_ns,
            back_ns,
            is_lost_there: lost == 0,
            is_lost_back: lost == 1,
            stopped_ns,
        })
    }

    proptest! {
        /// Two agents of one name, on a network that delays and loses, stopped at random: never both hold it, and who does has the
        /// entry.
        #[test]
        fn no_two_agents_hold_a_name(ways in proptest::collection::vec(way(), 1..120)) {
            let mut bucket = Bucket::default();
            let mut leases = [Lease::default(), Lease::default()];
            // When each agent looks again. Steps are taken in the order of their times, and one is over before the next begins: a
            // bucket takes one after the other.
            let mut wakes_ns = [0, 700 * MS];
            for way in ways {
                let agent = usize::from(wakes_ns[1] < wakes_ns[0]);
                let now = wakes_ns[agent];
                for (index, lease) in leases.iter().enumerate() {
                    if lease.held(now).is_some() {
                        prop_assert_eq!(bucket.holder(now).map(|(holder, _)| holder), Some(index));
                    }
                }
                let step = leases[agent].next(now);
                if let Step::Wait { ns } = step {
                    wakes_ns[agent] = now + ns + way.stopped_ns;
                    continue;
                }
                // No other step may overtake this one.
                let room_ns = wakes_ns[1 - agent].saturating_sub(now);
                let stored_ns = now + way.there_ns.min(room_ns);
                let back_ns = stored_ns + way.back_ns;
                let answer = match (step, bucket.holder(stored_ns)) {
                    _ if way.is_lost_there => None,
                    (Step::Renew { revision }, holder) if holder == Some((agent, revision)) => Some(Some(bucket.store(agent, stored_ns))),
                    (Step::Register, None) => Some(Some(bucket.store(agent, stored_ns))),
                    // An entry of its own, of which it had not heard: it is stored again.
                    (Step::Register, Some((holder, _))) if holder == agent => Some(Some(bucket.store(agent, stored_ns))),
                    (Step::Register, Some(_)) => Some(None),
                    _ => None,
                };
                match answer.filter(|_| !way.is_lost_back) {
                    Some(Some(revision)) => leases[agent].on_granted(revision, now),
                    Some(None) => drop(leases[agent].on_taken(back_ns)),
                    None => leases[agent].on_failed(back_ns),
                }
                wakes_ns[agent] = back_ns + way.stopped_ns;
            }
        }
    }
}
