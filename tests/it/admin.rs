//! The admin API: who may call what.

mod audit;
mod bulk_shipments;
mod desk;
mod events;
mod foreign;
mod job_data;
mod login;
mod matrix;
mod operations;
mod orders;
mod overview;
mod pages;
pub(crate) mod people;
mod provider;
mod queues;
mod tries;
mod workers;
