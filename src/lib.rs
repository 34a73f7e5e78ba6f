//! Waybill takes shipping orders from merchant systems and books them with the courier aggregator `ParcelX`, once and only once.
pub mod clock;
pub mod ids;
pub mod money;
pub mod queue;
pub mod store;
pub mod timestamp;
