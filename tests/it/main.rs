//! The integration tests: one binary, its modules mirror the parts of the service.
// `cfg(test)` on each module tells clippy that helpers in it are test code too.

#[cfg(test)]
mod admin;
#[cfg(test)]
mod auth;
#[cfg(test)]
mod cancellations;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod config;
#[cfg(test)]
mod events;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod http;
#[cfg(test)]
mod interleavings;
#[cfg(test)]
mod kyc;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod merchants;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod models;
#[cfg(test)]
mod moving;
#[cfg(test)]
mod notifications;
#[cfg(test)]
mod orders;
#[cfg(test)]
mod outbox;
#[cfg(test)]
mod queue;
#[cfg(test)]
mod queue_runner;
#[cfg(test)]
mod redaction;
#[cfg(test)]
mod review;
#[cfg(test)]
mod simulator;
#[cfg(test)]
mod store;
#[cfg(test)]
mod support;
#[cfg(test)]
mod webhooks;
