//! `ParcelX`: what it speaks, and the only code that speaks to it.
//!
//! [`client`] is the only sender; each operation has a file in `endpoints` with its wire types and its
//! mapping both ways; `verdict` says what an answer means; [`log`] writes one request log before and one
//! outcome log after every wire attempt. What an answer says leaves this module in the words of
//! [`super::carrier`] alone.

pub mod answer;
mod brief;
mod cancelled;
pub mod client;
mod coming;
mod debug;
pub mod earlier;
mod endpoint;
mod endpoints;
pub mod imported;
mod kept;
mod known;
mod label_hosts;
pub mod log;
mod recorder;
mod records;
pub mod redact;
mod settings;
#[cfg(test)]
mod signals;
mod verdict;

pub use client::ParcelXClient;
pub use label_hosts::LabelHosts;
pub use settings::Settings;
