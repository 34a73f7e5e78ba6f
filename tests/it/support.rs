//! What tests of the whole service stand on.

pub(crate) mod backend;
mod client;
mod ending;
pub(crate) mod file;
pub(crate) mod guarded;
pub(crate) mod mongodb;
mod no_queue;
pub(crate) mod orders;
pub(crate) mod raw;
pub(crate) mod redis;
pub(crate) mod sse;
mod test_app;
mod tracking;

pub(crate) use client::{Answer, Client};
pub(crate) use ending::{ADD, Count, Ending};
pub(crate) use no_queue::NoQueue;
pub(crate) use test_app::TestApp;
pub(crate) use tracking::Tracking;
