//! Orders: what a merchant asks for and what has become of it.
//!
//! [`status`] is the state machine, [`journey`] the decisions on one document, [`service`] the use cases, [`routes`] the HTTP edge.

mod dispatch;
pub mod draft;
pub mod jobs;
pub mod journey;
pub mod list;
pub mod measure;
pub mod model;
pub mod request;
pub mod routes;
pub mod service;
mod settle;
pub mod status;
pub mod text;
pub mod views;
pub mod words;
