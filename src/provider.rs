//! Who carries the parcels: [`carrier`] is the vocabulary that everybody above knows, [`parcelx`] speaks to
//! `ParcelX`, [`simulator`] is its double and shares nothing with it.

pub mod carrier;
pub mod parcelx;
pub mod simulator;
