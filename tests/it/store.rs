//! The store's contract, which every adapter must keep, and what is asked of one adapter alone.

#[macro_use]
mod contract;
mod migrations;
mod mongo;
mod sqlite;
