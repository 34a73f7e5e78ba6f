//! The document of this API.

use axum::response::Response;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    admin::state::AdminState,
    platform::http::{Problem, answer},
};

pub(super) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new().routes(routes!(get_document))
}

/// This document
///
/// `waybill openapi --admin` prints the same.
#[utoipa::path(get, path = "/openapi.json", tag = "Events", operation_id = "getDocument",
    responses((status = 200, description = "The document", body = Object)))]
async fn get_document() -> Result<Response, Problem> {
    let document = super::document().map_err(|error| Problem::internal(&error))?;
    Ok(answer::ok(&document))
}
