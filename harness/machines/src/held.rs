//! Idle connections that agents hold together, each an equal part of them, as their coordinator uses them.

use std::num::NonZeroU32;
use std::sync::Arc;

use load::Peer;
use model::spec::part::Part;
use process::interrupt::Interrupt;

use crate::access::NatsAccess;
use crate::link::{Link, OTHER_ANSWER, SessionError};
use crate::registration::AgentName;
use crate::session_words::{Answer, Ask, Outcome, Step};

/// Agents that hold idle connections, each by a way of its own.
pub(crate) struct Holders(Vec<Arc<Link>>);

/// Idle connections to one server. They are closed when this is dropped.
pub struct Held(Vec<OfAgent>);

/// Those of one agent.
struct OfAgent {
    link: Arc<Link>,
    held: u64,
    opened: u32,
}

impl Holders {
    /// These agents.
    pub(crate) fn open<'a>(
        access: &NatsAccess,
        agents: impl Iterator<Item = &'a AgentName>,
        interrupt: &Interrupt,
    ) -> Result<Self, SessionError> {
        let links = agents.map(|name| Ok(Arc::new(Link::open(access, name, interrupt)?)));
        links.collect::<Result<_, SessionError>>().map(Self)
    }

    /// Has them open `count` connections to `peer`, one agent after the other: no faster than one would.
    pub(crate) fn hold(&self, peer: &Peer, count: NonZeroU32) -> Result<Held, SessionError> {
        let mut held = Held(Vec::new());
        let agents = u32::try_from(self.0.len()).expect("they were counted by a u32");
        for (link, index) in self.0.iter().zip(0..) {
            let part = Part::new(index, agents).expect("their number was checked");
            let count = part.share(count.get().into());
            let count = u32::try_from(count).expect("a share is no more than the whole");
            let Some(count) = NonZeroU32::new(count) else {
                continue;
            };
            let step = Step::Hold {
                peer: peer.to_string(),
                count,
            };
            let Outcome::Held {
                held: number,
                opened,
            } = link.step(&step, &mut |_| {})?
            else {
                return Err(link.unable(OTHER_ANSWER));
            };
            held.0.push(OfAgent {
                link: Arc::clone(link),
                held: number,
                opened,
            });
        }
        Ok(held)
    }
}

impl Held {
    /// How many were opened.
    pub fn opened(&self) -> u32 {
        self.0.iter().map(|part| part.opened).sum()
    }

    /// How many of them are lost by now: all those of an agent that does not say.
    pub fn lost(&self) -> u32 {
        let lost = self.0.iter().map(|part| {
            let asked = Ask::Lost { held: part.held };
            match part.link.answer(asked) {
                Some(Answer::Lost(lost)) => lost,
                _ => part.opened,
            }
        });
        lost.sum()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        for part in &self.0 {
            // What is not closed now is closed when the agent hears of the end, or of nothing.
            let _ = part
                .link
                .step(&Step::Release { held: part.held }, &mut |_| {});
        }
    }
}
