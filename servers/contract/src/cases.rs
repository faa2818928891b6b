//! The contract, one function a case: the server as its clients see it, on real sockets.

#![allow(missing_docs, reason = "the name of a case says what it is about")]

pub(crate) mod chat;
pub(crate) mod database;
pub(crate) mod limits;
pub(crate) mod orders;
pub(crate) mod requests;
pub(crate) mod streams;
