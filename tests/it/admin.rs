//! The admin API: who may call what.

mod audit;
mod events;
mod login;
mod matrix;
pub(crate) mod people;
mod queues;
mod workers;
