//! KYC: who a merchant is, told by itself, proven by documents, and decided on by the desk.
//!
//! [`model`] is a merchant's dossier and the steps that it may take; [`numbers`] and [`content`] say what is
//! taken of what is told and uploaded. The documents' bytes are in `platform::files`, under no public path.
//! Whether live orders wait for an approval is asked where callers are admitted (`merchants::guard`).

pub mod content;
mod desk;
pub mod details;
mod erasure;
pub mod model;
pub mod name;
pub mod numbers;
mod routes;
mod service;

use self::model::Dossier;
pub use self::{
    erasure::{Held, Strays},
    routes::{Kinded, download, problem},
    service::{Kyc, KycError, Parts},
};
use super::Feature;

/// What KYC declares of itself.
#[must_use]
pub fn feature() -> Feature {
    Feature::new()
        .tag("KYC", "Who a merchant is: details of its business, documents, and what was decided")
        .collection::<Dossier>()
        .routes(routes::routes())
}
