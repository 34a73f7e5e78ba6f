//! Who carries the parcels: [`parcelx`] speaks to `ParcelX`, [`simulator`] is its double and shares nothing
//! with it.

pub mod parcelx;
pub mod simulator;
