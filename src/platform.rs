//! What every service of this kind needs, whatever it is about: HTTP, sign-in, settings, logs, documents,
//! jobs. Knows no order and no provider.

pub mod auth;
pub mod config;
pub mod files;
pub mod http;
pub mod marks;
pub mod outbound;
pub mod outbox;
pub mod queue;
mod sqlite;
pub mod store;
pub mod telemetry;
