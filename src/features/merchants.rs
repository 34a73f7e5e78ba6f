//! Merchants: the shops that own orders, the people who work for them, and the keys of their systems.
//!
//! [`model`] is the merchant, [`key`] a key, [`guard`] decides on each request who its caller is and whether
//! that may be. `scope` has the words for what may be asked; `app` has the one table of routes. [`erasure`]
//! forgets people and shops who ask for it.

pub mod caller;
pub mod erasure;
pub mod fresh;
pub mod guard;
pub mod key;
pub mod keys;
pub mod link;
pub mod model;
pub mod people;
pub mod phone;
mod places;
pub mod routes;
pub mod scope;
pub mod service;
pub mod session;
pub mod user;

pub use self::{
    caller::Caller, erasure::Erasure, guard::Guard, keys::Keys, people::People, service::Merchants,
};
use self::{key::ApiKey, link::Link, model::MerchantDocument, places::Places, session::Session, user::User};
use super::Feature;

/// What merchants declare of themselves.
#[must_use]
pub fn feature() -> Feature {
    Feature::new()
        .tag("Merchants", "Shops: how they sign up, who works for them, and keys for their systems")
        .collection::<MerchantDocument>()
        .collection::<ApiKey>()
        .collection::<Places>()
        .collection::<User>()
        .collection::<Session>()
        .collection::<Link>()
        .routes(routes::routes())
}
