//! What the service is for, one folder per resource, all of one shape: model, service, routes, views, jobs,
//! and a function `feature()` that declares them.

pub mod audit;
pub mod desk;
pub mod events;
mod feature;
pub mod kyc;
pub mod mail;
pub mod merchants;
pub mod messages;
pub mod notifications;
pub mod operations;
pub mod orders;
pub mod provider_accounts;
pub mod queues;
pub mod runs;
pub mod series;
pub mod webhooks;
pub mod workers;

pub use feature::{Collection, Feature, JobContext, Services, Shared};
