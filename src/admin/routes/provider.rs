//! How ParcelX does: its account, who leaves it alone, and what its calls came to over a time.

use axum::{extract::State, response::Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Data,
    accounts::{self, AccountView},
    data,
    failures::time,
    queries::ProviderQuery,
};
use crate::{
    admin::{paging::ListQuery, state::AdminState},
    base::timestamp::Timestamp,
    features::series::{Health, OperationHealth},
    platform::http::Problem,
};

pub(super) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new().routes(routes!(get_provider))
}

/// A circuit breaker that is not closed: its process lets one call try now and then.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BreakerView {
    pub worker: String,
    #[schema(value_type = String)]
    pub since: Timestamp,
    /// One call tries, or may.
    pub half_open: bool,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderView {
    /// The time that the calls are of.
    #[schema(value_type = String)]
    pub from: Timestamp,
    #[schema(value_type = String)]
    pub to: Timestamp,
    /// How exact that time is, in seconds: 60 or 3600.
    pub step: u32,
    /// The account that orders are booked with, and since when it is held; null before the first worker has
    /// run.
    pub account: Option<AccountView>,
    /// Worker processes that are alive.
    pub workers: usize,
    /// Those of them that leave ParcelX alone, as each said within the last half minute.
    pub breakers: Vec<BreakerView>,
    /// Of each operation, also where nothing was called.
    pub operations: Vec<OperationHealth>,
}

/// How ParcelX does
///
/// Calls of jobs by operation and verdict, and how long they took; whether the account is held, and which
/// workers leave ParcelX alone. Exact to the minute for a day, to the hour for a month. Look-ups that people
/// make on the review desk are not counted.
#[utoipa::path(get, path = "/provider", tag = "Health", operation_id = "getProvider", params(ProviderQuery),
    responses(
        (status = 200, description = "As it stands, and the calls of the time", body = Data<ProviderView>),
        (status = 422, description = "The time is empty, or longer than 31 days"),
    ))]
async fn get_provider(
    State(state): State<AdminState>,
    ListQuery(query): ListQuery<ProviderQuery>,
) -> Result<Response, Problem> {
    let now = state.clock.now();
    let (from, to) = time(query.from, query.to, now)?;
    let Health { step, operations } = Health::read(&state.store, (from, to, now)).await?;
    let mut workers = state.workers.list().await?;
    workers.retain(|worker| !worker.is_stale(now));
    let accounts = accounts::views(&state.accounts, &state.orders, now).await?;
    Ok(data(ProviderView {
        from,
        to,
        step,
        account: accounts.into_iter().find(|account| account.id == state.accounts.id()),
        workers: workers.len(),
        breakers: workers
            .into_iter()
            .filter_map(|worker| {
                let breaker = worker.breaker?;
                Some(BreakerView { worker: worker.id, since: breaker.since, half_open: breaker.half_open })
            })
            .collect(),
        operations,
    }))
}
