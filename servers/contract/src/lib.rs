//! What every server must do, as tests.
//!
//! A server's crate says how one is started and stopped ([`Serve`]), and [`tests!`] makes a test of every [`case`]. So each
//! server is held to the same contract by the same lines, and a case that is added for one is added for all.
//!
//! Knows sockets, threads and what `spec` expects of the routes. Must never know which server it checks: what is a runtime's
//! own, as half of `/stats` is, stays with the tests of that server's crate. Nothing but tests depends on this crate.
//!
//! | file | what |
//! |---|---|
//! | `cases` | the contract, one function a case: `requests`, `orders`, `database`, `streams`, `chat`, `limits` |
//! | `signals`, `threads` | the parts of it that need a process to themselves |
//! | `running` | a server on a thread |
//! | `client` | a connection that blocks |
//! | `member` | the same as a WebSocket |
//! | `backend`, `database` | stand-ins for the upstream, PostgreSQL and Redis |

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "these are tests, though they stand in a library: they wait and they panic"
)]

mod backend;
mod cases;
mod client;
mod database;
mod member;
mod running;
mod signals;
mod threads;

pub use backend::Backend;
pub use client::{Client, Reply};
pub use member::Member;
pub use running::{Running, Serve, Stop};
pub use signals::check_signals;
pub use threads::check_thread_limit;

list! {
    requests {
        every_route_answers_what_is_expected_of_it
        stats_tell_what_the_pool_did
        pipelined_requests_are_answered_in_order
        a_hundred_thousand_pipelined_requests_lose_nothing
        a_request_may_come_byte_by_byte
        head_has_the_length_of_get_and_no_body
        what_can_be_refused_leaves_the_connection_usable
        what_cannot_be_read_is_refused_and_the_connection_closed
        the_last_request_of_a_connection_is_answered_and_then_it_ends
        a_stop_lets_requests_in_flight_finish
        a_stop_waits_no_longer_than_its_grace
        a_missing_file_is_not_found_and_an_unreadable_one_unavailable
        calls_in_sequence_share_one_connection
        a_kept_connection_that_the_upstream_closed_is_replaced
        a_kept_connection_that_has_ended_is_not_used
        an_upstream_that_fails_is_a_bad_gateway
        a_token_is_verified
        a_body_that_is_uploaded_is_hashed
    }
    orders {
        orders_are_validated_and_summed_up
        orders_are_taken_by_post_alone_and_nothing_else_is
    }
    database {
        rows_are_answered_as_json_by_the_statements_that_the_contract_says
        an_order_is_written_in_one_transaction
        the_cache_is_asked_first_and_given_what_it_lacks
        connections_to_the_database_are_bounded_and_shared
        a_database_that_is_not_there_makes_its_routes_unavailable_and_nothing_else
    }
    streams {
        a_stream_has_all_its_events_in_order_and_the_connection_goes_on
        each_event_goes_out_when_it_is_due
        an_old_clients_stream_ends_with_the_connection
        the_head_of_a_stream_comes_without_its_events
        requests_behind_a_stream_wait_for_its_end
        streams_delay_nobody_else
        a_client_that_reads_late_loses_no_event
        a_client_that_leaves_ends_its_stream
        a_stop_lets_a_stream_finish_within_the_grace
        a_stop_waits_for_no_stream_beyond_its_grace
    }
    chat {
        all_members_hear_the_same_in_the_same_order
        messages_are_handed_on_unchanged
        what_comes_with_the_handshake_is_read
        a_chat_needs_an_upgrade
        pings_are_answered
        what_is_not_for_a_chat_is_refused_with_its_code
        a_close_is_answered_and_ends_the_connection
        a_slow_member_is_disconnected_and_costs_the_others_nothing
        a_stop_says_goodbye_to_the_chat
        a_member_that_floods_disconnects_nobody
    }
    limits {
        a_request_that_takes_too_long_to_arrive_is_answered_so
        an_idle_connection_is_closed_after_its_limit
        work_has_no_limit_but_its_own
        a_client_that_reads_nothing_is_closed_after_its_limit
        what_waits_for_all_slow_readers_together_is_bounded
        connections_beyond_the_bound_are_told_so
        a_client_that_pipelines_has_its_share_of_a_turn
        a_parallel_call_that_fails_ends_its_siblings
        a_client_that_resets_ends_the_work_for_it
    }
}

/// Publishes the cases that it names, and makes [`tests!`] of them. A case that is not named is unreachable, which the
/// compiler reports; so none can be written and forgotten.
macro_rules! list {
    ($($area:ident { $($case:ident)+ })+) => {
        /// The contract. Each case starts the server that it is given, some of them more than once, and panics where the
        /// server does something else.
        pub mod case {
            $(pub use crate::cases::$area::{$($case),+};)+
        }

        /// Makes a `#[test]` of every [`case`], for the server that the expression gives: `contract::tests!(Loops::One);`.
        /// A server that runs in several ways has a module for each, which then stands in the tests' names.
        #[macro_export]
        macro_rules! tests {
            ($server:expr) => {
                $($(
                    #[test]
                    fn $case() {
                        $crate::case::$case($server);
                    }
                )+)+
            };
        }
    };
}
use list;
