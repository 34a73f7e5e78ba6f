//! The lowest layer: time, randomness, money, and fault points for tests. It imports no other layer.

pub mod clock;
pub mod fault;
pub mod ids;
pub mod money;
pub mod payload;
pub mod timestamp;
pub mod visible;
