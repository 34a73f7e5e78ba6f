//! What tests of the whole service stand on.

mod client;
pub mod orders;
mod test_app;

pub use client::Client;
pub use test_app::TestApp;
