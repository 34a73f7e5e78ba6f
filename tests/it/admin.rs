//! The admin API: who may call what.

mod audit;
mod desk;
mod events;
mod login;
mod matrix;
mod operations;
mod orders;
mod overview;
mod pages;
pub(crate) mod people;
mod queues;
mod workers;
