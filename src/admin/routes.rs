//! The handlers of the admin API, by subject. Each is in [`super::table`], too.

pub mod accounts;
pub mod audit;
pub mod document;
pub mod erasure;
pub mod event_failures;
pub mod events;
pub mod failures;
pub mod jobs;
pub mod kyc;
pub mod login;
pub mod me;
pub mod merchants;
pub mod messages;
pub mod operations;
pub mod order_actions;
pub mod order_views;
pub mod orders;
pub mod overview;
pub mod provider;
pub mod queries;
pub mod queues;
pub mod review;
pub mod users;
pub mod webhooks;
pub mod workers;

use axum::{Router, middleware::from_fn_with_state};
use serde::Serialize;
use utoipa::{
    Modify, OpenApi, ToSchema,
    openapi::security::{ApiKey, ApiKeyValue, SecurityScheme},
};
use utoipa_axum::router::OpenApiRouter;

use super::{
    edge,
    state::AdminState,
    table::{self, PREFIX, TABLE, TableError},
};
use crate::platform::http::{FieldError, ProblemBody, answer, openapi};

/// What an answer holds, but for pages and streams.
#[derive(Debug, Serialize, ToSchema)]
pub struct Data<T> {
    pub data: T,
}

/// 200 with `{ "data": … }`.
pub(super) fn data<T: Serialize>(data: T) -> axum::response::Response {
    answer::ok(&Data { data })
}

/// All handlers. A new subject is a line here.
fn handlers() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new()
        .merge(login::routes())
        .merge(me::routes())
        .merge(users::routes())
        .merge(queues::routes())
        .merge(events::routes())
        .merge(audit::routes())
        .merge(workers::routes())
        .merge(overview::routes())
        .merge(document::routes())
        .merge(orders::routes())
        .merge(order_actions::routes())
        .merge(review::routes())
        .merge(messages::routes())
        .merge(accounts::routes())
        .merge(provider::routes())
        .merge(operations::routes())
        .merge(failures::routes())
        .merge(webhooks::routes())
        .merge(event_failures::routes())
        .merge(merchants::routes())
        .merge(erasure::routes())
        .merge(kyc::routes())
}

const GUIDE: &str = "\
What the dashboard calls. Sign in with `POST /admin/api/login`; the session is a cookie. What changes \
anything must come from the dashboard's own pages (`Sec-Fetch-Site`, `Origin`), or from a program that sends \
`X-Waybill-Admin: 1`. `x-right` names what each operation needs. Personal data is redacted.";

#[derive(OpenApi)]
#[openapi(
    info(title = "Waybill admin", description = GUIDE, license(name = "MIT", identifier = "MIT")),
    servers((url = "/", description = "This service")),
    components(schemas(ProblemBody, FieldError)),
    security(("session" = [])),
    modifiers(&Cookie)
)]
struct Base;

struct Cookie;

impl Modify for Cookie {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let cookie = ApiKey::Cookie(ApiKeyValue::with_description(
            "__Host-waybill",
            "Set by the login; `waybill` on this machine without TLS.",
        ));
        openapi
            .components
            .get_or_insert_default()
            .add_security_scheme("session", SecurityScheme::ApiKey(cookie));
    }
}

fn assembled() -> Result<(Router<AdminState>, utoipa::openapi::OpenApi), TableError> {
    let all = OpenApiRouter::with_openapi(Base::openapi()).nest(PREFIX, handlers());
    let (router, mut document) = all.split_for_parts();
    table::check(TABLE, &mut document)?;
    openapi::complete(&mut document);
    Ok((router, document))
}

/// The document of the admin API.
///
/// # Errors
/// [`TableError`].
pub fn document() -> Result<utoipa::openapi::OpenApi, TableError> {
    assembled().map(|(_, document)| document)
}

/// The admin API, to be wrapped in the middleware of every route.
///
/// # Errors
/// [`TableError`]: a route that declares no right does not start.
pub fn router(state: AdminState) -> Result<Router, TableError> {
    let (router, _) = assembled()?;
    Ok(router.route_layer(from_fn_with_state(state.clone(), edge::guard)).with_state(state))
}
