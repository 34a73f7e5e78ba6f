//! What both SQLite adapters share: making, opening and closing files ([`mod@file`]), what each is for
//! ([`mark`]), and the one thread that writes ([`writer`]).

pub(super) mod file;
pub(super) mod mark;
pub(super) mod writer;
