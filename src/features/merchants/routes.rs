//! The HTTP edge of merchants: extract, call the service, shape the answer.

mod auth;
pub mod caller;
mod examples;
mod keys;
mod me;
mod members;
pub mod pages;
mod phone;

use utoipa_axum::router::OpenApiRouter;

use crate::{
    features::Services,
    platform::http::{FieldError, Kind, Problem},
};

/// Every route of merchants.
pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new()
        .merge(auth::routes())
        .merge(me::routes())
        .merge(phone::routes())
        .merge(members::routes())
        .merge(keys::routes())
}

/// A field that the body has in the right form, and that cannot be.
fn fault(pointer: &'static str, code: &'static str, detail: impl Into<String>) -> Problem {
    let detail = detail.into();
    let problem = Problem::new(Kind::ValidationFailed, format!("{pointer} {detail}."));
    problem.errors(vec![FieldError::pointer(pointer, code, detail)])
}
