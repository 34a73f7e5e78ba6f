//! The admin API: who may call what.

mod matrix;
mod pages;
pub(crate) mod people;
