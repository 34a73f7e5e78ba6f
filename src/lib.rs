//! Waybill takes shipping orders from merchant systems and books them with the courier aggregator `ParcelX`, once and only once.
//!
//! `ARCHITECTURE.md` is the map; each module opens with what it guards against.

pub mod accounts;
pub mod app;
pub mod audit;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
pub mod fault;
pub mod http;
pub mod ids;
pub mod jobs;
pub mod money;
pub mod orders;
pub mod outbox;
pub mod parcelx;
pub mod queue;
pub mod simulator;
pub mod store;
pub mod telemetry;
pub mod timestamp;
