//! Orders: what a merchant asks for and what has become of it.
//!
//! [`status`] is the state machine, [`lifecycle`] the decisions on one document, [`service`] the use cases,
//! [`routes`] the HTTP edge.

pub mod amend;
pub mod cancellation;
mod debug;
mod dispatch;
pub mod jobs;
pub mod label;
pub mod lifecycle;
pub mod list;
pub mod measure;
pub mod model;
pub mod payload;
pub mod request;
mod resolve;
pub mod review;
pub mod routes;
pub mod service;
mod standing;
pub mod status;
pub mod text;
pub mod views;
pub mod words;
