//! What is asked of a target, and what became of each case.

use std::fmt;
use std::time::Duration;

/// How long one case may take: a server that is silent for longer hangs. Far more than the slowest case needs on a busy
/// machine.
pub const CASE_TIMEOUT: Duration = Duration::from_secs(5);

/// How the name ends of the outcome that stands for all cases that were left out.
pub(crate) const LEFT_OUT: &str = "cases from here on";

/// What a target needs to be asked, and may be asked.
#[derive(Debug, Clone, Copy)]
pub struct Needs {
    /// It was started with a backend; without one, `/upstream` may also be answered 503.
    pub has_upstream: bool,
    /// It says that it serves any number of waiting requests at once.
    pub claims_concurrency: bool,
    /// It reads HTTP by this workspace's `http1`: that makes the strict choice wherever the RFCs leave one, and its
    /// bounds hold to the byte. Other servers may choose otherwise, and count what is in a head in their own way.
    pub is_strict: bool,
}

impl Needs {
    /// All that a target may need and promise.
    pub(crate) fn every() -> impl Iterator<Item = Self> {
        (0..8).map(|bits| Self {
            has_upstream: bits & 1 != 0,
            claims_concurrency: bits & 2 != 0,
            is_strict: bits & 4 != 0,
        })
    }
}

/// What became of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The case, unique within its group: `GET /file/64`.
    pub case: String,
    /// The group it belongs to.
    pub group: Group,
    /// What was expected and what came instead; `None` where all was right.
    pub problem: Option<String>,
}

/// What a case is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Every route's status, fields and body.
    Routes,
    /// HEAD: the head of GET, and no body.
    Head,
    /// 404, 400 and 405.
    Errors,
    /// How long a connection is used.
    KeepAlive,
    /// Several requests in one write.
    Pipelining,
    /// One request in several writes.
    Fragmented,
    /// Request bodies: framed and skipped.
    Bodies,
    /// The contract's bounds: at them, and beyond.
    Limits,
    /// What no well-meaning client sends.
    Hostile,
    /// `/orders`: what is sent is read, and validated.
    Orders,
    /// `/auth`: which tokens are valid.
    Auth,
    /// `/upload`: a body is read whole, counted and hashed.
    Upload,
    /// `/db`: a database and a cache, where the target has them.
    Database,
    /// `/events`: a reply in parts, each when it is due.
    Events,
    /// `/chat`: WebSocket, and one room for all.
    Chat,
    /// Whether requests wait for each other.
    Concurrency,
    /// How a server ends on SIGTERM. Asked only of those that were started here.
    Stop,
}

impl Outcome {
    /// The case's name among all cases, as [`crate::ids`] lists it: `routes/GET /file/64`.
    pub fn id(&self) -> String {
        id(self.group, &self.case)
    }

    /// Whether it stands for all the cases that were not played any more.
    pub fn is_of_cases_left_out(&self) -> bool {
        self.case.ends_with(LEFT_OUT)
    }
}

impl Group {
    /// Whether its cases could leave a server that serves nobody any more, which is then looked at after each of them.
    pub(crate) fn may_harm(self) -> bool {
        matches!(
            self,
            Self::Bodies
                | Self::Limits
                | Self::Hostile
                | Self::Orders
                | Self::Upload
                | Self::Events
                | Self::Chat
        )
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Routes => "routes",
            Self::Head => "HEAD",
            Self::Errors => "errors",
            Self::KeepAlive => "keep-alive",
            Self::Pipelining => "pipelining",
            Self::Fragmented => "fragmented",
            Self::Bodies => "bodies",
            Self::Limits => "limits",
            Self::Hostile => "hostile",
            Self::Orders => "orders",
            Self::Auth => "auth",
            Self::Upload => "upload",
            Self::Database => "database",
            Self::Events => "events",
            Self::Chat => "chat",
            Self::Concurrency => "concurrency",
            Self::Stop => "stop",
        })
    }
}

/// The name of a case among all cases.
pub(crate) fn id(group: Group, case: &str) -> String {
    format!("{group}/{case}")
}
