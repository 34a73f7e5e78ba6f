//! `ParcelX`: what it speaks, and the only code that speaks to it.
//!
//! [`client`] is the only sender; each operation has a file in [`endpoints`] with its wire types and its mapping both ways;
//! [`verdict`] says what an answer means; [`log`] writes one request log before and one outcome log after every wire attempt.
//! Wire types do not leave this module.

pub mod answer;
mod call;
pub mod client;
mod endpoint;
mod endpoints;
pub mod log;
mod recorder;
mod records;
pub mod redact;
pub mod routes;
mod settings;
pub mod verdict;
pub mod views;

pub use call::{Call, CallError};
pub use client::ParcelXClient;
pub use endpoints::track_order::{By, Tracked};
pub use settings::Settings;
