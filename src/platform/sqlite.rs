//! What both SQLite adapters share: making and opening files ([`mod@file`]) and the one thread that writes
//! ([`writer`]).

pub(super) mod file;
pub(super) mod writer;
