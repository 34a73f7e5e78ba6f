//! The provider's accounts and their holds.

use axum::{
    extract::{Path, State},
    response::Response,
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Data, data, order_actions::Reasoned};
use crate::{
    admin::{session::Admin, state::AdminState},
    base::timestamp::Timestamp,
    features::{
        orders::service::OrderService,
        provider_accounts::{self, Accounts, LiftError},
    },
    platform::http::{Kind, Problem, ValidJson},
    provider::carrier::redact,
};

const TAG: &str = "Accounts";

pub(super) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new()
        .routes(routes!(list_accounts))
        .routes(routes!(lift_hold))
        .routes(routes!(try_account))
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HoldView {
    /// `wallet`, `configuration` or `credentials`.
    #[schema(value_type = String)]
    pub kind: &'static str,
    /// ParcelX's words, without personal data.
    pub reason: String,
    #[schema(value_type = String)]
    pub since: Timestamp,
    #[schema(value_type = String)]
    pub next_probe_at: Timestamp,
    /// How often a job has tried and was held again.
    pub probes: u32,
    /// One is trying now.
    pub probing: bool,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountView {
    pub id: String,
    pub hold: Option<HoldView>,
    /// Orders that are not booked yet.
    pub orders_waiting: u64,
    /// There are more.
    pub capped: bool,
}

/// The account that orders are booked with.
pub(super) async fn views(
    accounts: &Accounts,
    orders: &OrderService,
    now: Timestamp,
) -> Result<Vec<AccountView>, Problem> {
    let waiting = orders.waiting().await?;
    let view = |account: provider_accounts::Account| {
        let own = account.id == accounts.id();
        AccountView {
            hold: account.hold.map(|hold| HoldView {
                kind: hold.kind.as_str(),
                reason: redact::words(&hold.reason),
                since: hold.since,
                next_probe_at: hold.next_probe_at,
                probes: hold.probes,
                probing: hold.probe.is_some(),
            }),
            id: account.id,
            orders_waiting: if own { waiting.n } else { 0 },
            capped: own && waiting.capped,
        }
    };
    let mut all = accounts.list().await?;
    // Nothing has been heard of it yet, so it has no document.
    if all.iter().all(|account| account.id != accounts.id()) {
        all.push(provider_accounts::Account::new(accounts.id(), now));
    }
    Ok(all.into_iter().map(view).collect())
}

/// The provider's accounts
#[utoipa::path(get, path = "/accounts", tag = TAG, operation_id = "listAccounts",
    responses((status = 200, description = "Each as it stands", body = Data<Vec<AccountView>>)))]
async fn list_accounts(State(state): State<AdminState>) -> Result<Response, Problem> {
    Ok(data(views(&state.accounts, &state.orders, state.clock.now()).await?))
}

async fn view(state: &AdminState, id: &str) -> Result<Response, Problem> {
    let mut all = views(&state.accounts, &state.orders, state.clock.now()).await?;
    all.retain(|account| account.id == id);
    all.pop().map(data).ok_or_else(no_account)
}

fn no_account() -> Problem {
    Problem::new(Kind::NotFound, "There is no such account.")
}

fn lift_error(accounts: &Accounts, error: LiftError) -> Problem {
    match error {
        LiftError::NoSuchAccount { id, .. } if id == accounts.id() => {
            lift_error(accounts, LiftError::NotHeld(id))
        }
        LiftError::NoSuchAccount { .. } => no_account(),
        error @ LiftError::NotHeld(_) => {
            Problem::new(Kind::ConflictState, format!("{error}.")).named("not-held")
        }
        LiftError::Store(error) => error.into(),
    }
}

/// Lift an account's hold
///
/// Everything that waits is worked again at once. What still is wrong holds it again with the next call.
#[utoipa::path(post, path = "/accounts/{id}/lift", tag = TAG, operation_id = "liftHold",
    params(("id" = String, Path, description = "The account's id")), request_body = Reasoned,
    responses((status = 200, description = "As it then stands", body = Data<AccountView>),
        (status = 404, description = "There is no such account"),
        (status = 409, description = "`not-held`")))]
async fn lift_hold(
    State(state): State<AdminState>,
    admin: Admin,
    Path(id): Path<String>,
    ValidJson(body): ValidJson<Reasoned>,
) -> Result<Response, Problem> {
    state
        .accounts
        .lift(&id, &admin.because(&body.reason)?)
        .await
        .map_err(|e| lift_error(&state.accounts, e))?;
    view(&state, &id).await
}

/// Have one job try a held account now
#[utoipa::path(post, path = "/accounts/{id}/try-now", tag = TAG, operation_id = "tryAccount",
    params(("id" = String, Path, description = "The account's id")), request_body = Reasoned,
    responses((status = 200, description = "As it then stands", body = Data<AccountView>),
        (status = 404, description = "There is no such account"),
        (status = 409, description = "`not-held`")))]
async fn try_account(
    State(state): State<AdminState>,
    admin: Admin,
    Path(id): Path<String>,
    ValidJson(body): ValidJson<Reasoned>,
) -> Result<Response, Problem> {
    state
        .accounts
        .try_now(&id, &admin.because(&body.reason)?)
        .await
        .map_err(|e| lift_error(&state.accounts, e))?;
    view(&state, &id).await
}
