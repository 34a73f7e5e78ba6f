//! The admin API: who may call what.

mod matrix;
mod operations;
mod orders;
pub(crate) mod people;
