//! Orders: what a merchant asks for and what has become of it.
//!
//! [`model`] is the order and every change of it, [`status`] the table of its steps, [`service`] the use cases,
//! [`routes`] the HTTP edge.

pub mod fingerprint;
pub mod jobs;
pub mod list;
pub mod measure;
pub mod model;
pub mod payload;
pub mod reason;
pub mod request;
pub mod review;
pub mod routes;
pub mod service;
pub mod status;
pub mod text;
pub mod views;
pub mod words;
