//! The caller: who it is, and what it may do.

use axum::{extract::State, response::Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Data, data};
use crate::{
    admin::{
        rights::{Right, Role},
        session::Admin,
        state::AdminState,
    },
    base::timestamp::Timestamp,
    provider::carrier::ProviderEnv,
};

const TAG: &str = "People";

pub(super) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new().routes(routes!(get_me))
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    pub username: String,
    pub role: Role,
    pub rights: Vec<Right>,
    /// Whether a login also needs a code.
    pub totp: bool,
    /// `simulator` or `live`.
    pub provider_env: &'static str,
    pub version: &'static str,
    /// Absent when a proxy has signed the user in.
    pub session_expires_at: Option<Timestamp>,
    pub idle_expires_at: Option<Timestamp>,
}

impl Me {
    pub(super) fn of(admin: &Admin, env: ProviderEnv) -> Self {
        Self {
            username: admin.name().to_owned(),
            role: admin.role(),
            rights: Right::ALL.into_iter().filter(|right| admin.can(*right)).collect(),
            totp: admin.user.wants_code(),
            provider_env: env.as_str(),
            version: env!("CARGO_PKG_VERSION"),
            session_expires_at: admin.session.as_ref().map(|s| s.expires_at),
            idle_expires_at: admin.idle_expires_at,
        }
    }
}

/// The caller
#[utoipa::path(get, path = "/me", tag = TAG, operation_id = "getMe",
    responses((status = 200, description = "The caller", body = Data<Me>)))]
async fn get_me(State(env): State<ProviderEnv>, admin: Admin) -> Response {
    data(Me::of(&admin, env))
}
