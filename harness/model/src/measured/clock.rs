//! The clocks: what the distributions of a recording are of. A row in the table below is a clock; histograms, records, metrics
//! and the columns of files follow from it.

use std::collections::BTreeMap;
use std::ops::{Index, IndexMut};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! clocks {
    ($($(#[doc = $doc:literal])+ $clock:ident $name:literal,)+) => {
        /// What a distribution of times is of; its name in records is in snake case.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
        #[serde(rename_all = "snake_case")]
        pub enum Clock {
            $($(#[doc = $doc])+ $clock,)+
        }

        impl Clock {
            /// Every clock, in the order of records.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$clock),+];

            /// Its name in records and files, without its unit.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$clock => $name,)+
                }
            }

            /// The names of its median and its 99th percentile as metrics.
            pub(crate) const fn metric_names(self) -> [&'static str; 2] {
                match self {
                    $(Self::$clock => [concat!($name, "_ns_p50"), concat!($name, "_ns_p99")],)+
                }
            }
        }
    };
}

clocks! {
    /// From the moment the schedule meant to send to the last byte of the reply. Unfinished requests and time-outs stand in it as
    /// lower bounds.
    ResponseTime "response_time",
    /// From the moment the request was sent to the last byte of the reply; lower bounds as above, for those sent.
    ServiceTime "service_time",
    /// From the moment the request was sent to the first byte of the reply, for those that stand in the service time. A lower
    /// bound where the request ended before any byte came.
    FirstByteTime "first_byte_time",
    /// From the moment the schedule meant to send to the moment the request was sent.
    SendLag "send_lag",
    /// The part of the send lag that is the generator's own fault: from the moment that a request was scheduled *and* a connection was
    /// free to the moment it was sent.
    GeneratorLag "generator_lag",
    /// From the moment the last byte of a reply arrived, by the kernel's clock, to the moment the generator read it; empty where
    /// the generator's own clock said when replies arrived.
    ReceiveLag "receive_lag",
    /// From the moment the generator was woken to the moment it could sleep again: a turn of its loop, for each turn in which
    /// a connection was ready. A reply that comes meanwhile is read in the next turn.
    TurnLength "turn_length",
    /// From `connect` to the connection being established, for every connection opened.
    ConnectTime "connect_time",
    /// From there to the end of the TLS handshake, for every connection opened; empty without TLS.
    HandshakeTime "handshake_time",
    /// From the moment the schedule meant to send a request to the first event of its stream. A lower bound where the request
    /// ended before any came.
    FirstEventTime "first_event_time",
    /// How much longer than it should have the gap between two events of a stream was, zero where it was not. A lower bound
    /// where the request ended while the next event was late already.
    EventGapLateness "event_gap_lateness",
    /// From the moment the schedule meant to send a message to the moment a member had it: an entry for each message and
    /// member. A lower bound where the member was still awaited when the message was given up.
    DeliveryTime "delivery_time",
}

impl Clock {
    /// Those that the time series keeps: the ones that a workload can be about.
    pub const IN_SERIES: [Self; 3] = [Self::ResponseTime, Self::FirstEventTime, Self::DeliveryTime];

    /// Those whose whole distribution a record keeps.
    pub const KEPT_WHOLE: [Self; 7] = [
        Self::ResponseTime,
        Self::ServiceTime,
        Self::SendLag,
        Self::ReceiveLag,
        Self::FirstEventTime,
        Self::EventGapLateness,
        Self::DeliveryTime,
    ];
}

/// A value for each clock.
#[derive(Debug, Clone, PartialEq)]
pub struct Clocks<T>([T; Clock::ALL.len()]);

impl<T> Clocks<T> {
    /// The values that `of` gives.
    pub fn new(of: impl FnMut(Clock) -> T) -> Self {
        Self(Clock::ALL.map(of))
    }

    /// All of them, in the order of [`Clock::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Clock, &T)> {
        Clock::ALL.into_iter().zip(&self.0)
    }

    /// All of them, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Clock, &mut T)> {
        Clock::ALL.into_iter().zip(&mut self.0)
    }
}

/// Lists by clock, those that are empty left out.
impl<T: Serialize> Serialize for Clocks<Vec<T>> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.iter().filter(|(_, list)| !list.is_empty()))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Clocks<Vec<T>> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut lists = BTreeMap::<Clock, Vec<T>>::deserialize(from)?;
        Ok(Self::new(|clock| lists.remove(&clock).unwrap_or_default()))
    }
}

impl<T> Index<Clock> for Clocks<T> {
    type Output = T;

    #[inline]
    fn index(&self, clock: Clock) -> &T {
        &self.0[clock as usize]
    }
}

impl<T> IndexMut<Clock> for Clocks<T> {
    #[inline]
    fn index_mut(&mut self, clock: Clock) -> &mut T {
        &mut self.0[clock as usize]
    }
}
