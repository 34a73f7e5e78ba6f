//! Waybill takes shipping orders from merchant systems and books them with the courier aggregator `ParcelX`,
//! once and only once.
//!
//! `ARCHITECTURE.md` is the map; each module opens with what it guards against.

pub mod admin;
pub mod app;
pub mod base;
pub mod cli;
pub mod features;
pub mod platform;
pub mod provider;
