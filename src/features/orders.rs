//! Orders: what a merchant asks for and what has become of it.
//!
//! [`status`] is the state machine, [`journey`] the decisions on one document, [`service`] the use cases,
//! [`routes`] the HTTP edge.

pub mod amend;
mod debug;
mod dispatch;
pub mod draft;
pub mod jobs;
pub mod journey;
pub mod label;
pub mod list;
pub mod measure;
pub mod model;
pub mod recall;
pub mod request;
pub mod review;
pub mod routes;
pub mod service;
mod settle;
mod standing;
pub mod status;
pub mod text;
pub mod views;
pub mod words;
