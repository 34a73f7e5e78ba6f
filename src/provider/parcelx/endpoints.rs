//! One file per operation: its wire types and the mapping both ways.

pub(super) mod cancel_order;
pub(super) mod create_order;
pub(super) mod label;
pub(super) mod track_order;
