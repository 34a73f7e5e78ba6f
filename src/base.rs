//! The ground floor: time, randomness, money, and named places for fault tests. Knows nobody.

pub mod clock;
pub mod fault;
pub mod ids;
pub mod money;
pub mod timestamp;
