//! What the service is for, one folder per resource, all of one shape: model, service, routes, views, jobs.

pub mod audit;
pub mod orders;
pub mod provider_accounts;
