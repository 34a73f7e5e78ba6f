//! `ParcelX`: what it speaks, and the only code that speaks to it.
//!
//! [`client`] is the only sender; each operation has a file in [`endpoints`] with its wire types and its
//! mapping both ways; [`verdict`] says what an answer means; [`log`] writes one request log before and one
//! outcome log after every wire attempt. [`protect`] says when a call may be made, and tells whoever decides
//! what follows how each ended. CallResult types do not leave this module.

pub mod answer;
mod call;
pub mod client;
mod debug;
mod endpoint;
mod endpoints;
mod label_hosts;
pub mod log;
pub mod protect;
mod recorder;
mod records;
pub mod redact;
mod retry_after;
pub mod routes;
mod settings;
pub mod verdict;
pub mod views;

pub use call::{Call, CallError};
pub use client::ParcelXClient;
pub use endpoints::track_order::{By, Tracked};
pub use label_hosts::LabelHosts;
pub use settings::Settings;
