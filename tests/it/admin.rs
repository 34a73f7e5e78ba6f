//! The admin API: who may call what.

mod matrix;
pub(crate) mod people;
