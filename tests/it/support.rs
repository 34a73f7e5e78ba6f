//! What tests of the whole service stand on.

mod client;
pub(crate) mod orders;
mod test_app;
mod tracking;

pub(crate) use client::{Answer, Client};
pub(crate) use test_app::TestApp;
pub(crate) use tracking::Tracking;
