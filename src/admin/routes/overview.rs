//! All that the first page shows, in one answer.

use axum::{extract::State, response::Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Data,
    accounts::{self, AccountView},
    data,
    operations::OperationView,
    queues::{self, QueueView},
    review::ReasonCount,
};
use crate::{
    admin::state::AdminState,
    base::timestamp::Timestamp,
    features::orders::{service::failures::FailureGroup, status::SyncStatus},
    platform::http::Problem,
};

/// Groups of failures, and operations that are looked through for those that run.
const FAILURES: usize = 5;
const OPERATIONS: usize = 50;
/// Over how long failures are told.
const HOURS: u64 = 24;

pub(super) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new().routes(routes!(get_overview))
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReviewTotal {
    pub total: u64,
    /// There are more.
    pub capped: bool,
    pub by_reason: Vec<ReasonCount>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusCount {
    pub provider_sync_status: SyncStatus,
    pub count: u64,
    /// There are more.
    pub capped: bool,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OldestOpen {
    pub order_id: String,
    #[schema(value_type = String)]
    pub since: Timestamp,
    pub provider_sync_status: SyncStatus,
}

/// Jobs that the queue does not have yet.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutboxView {
    /// Orders with such jobs, to 10,000.
    pub waiting: u64,
    #[schema(value_type = Option<String>)]
    pub oldest_at: Option<Timestamp>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// The account that orders are booked with; null before the first worker has run.
    pub account: Option<AccountView>,
    pub queues: Vec<QueueView>,
    pub review: ReviewTotal,
    pub orders: Vec<StatusCount>,
    pub oldest_open: Option<OldestOpen>,
    /// Worker processes that are alive.
    pub workers: usize,
    pub outbox: OutboxView,
    pub failures: Vec<FailureGroup>,
    /// Those that have not ended.
    pub operations: Vec<OperationView>,
}

/// How things are
#[utoipa::path(get, path = "/overview", tag = "Health", operation_id = "getOverview",
    responses((status = 200, description = "All at once", body = Data<Overview>)))]
async fn get_overview(State(state): State<AdminState>) -> Result<Response, Problem> {
    let now = state.clock.now();
    let day = now - std::time::Duration::from_secs(HOURS * 3600);
    let orders = &state.orders;
    let counts = orders.counts().await?;
    let in_review = counts.iter().find(|(status, _)| *status == SyncStatus::NeedsReview);
    let by_reason: Vec<_> = orders.review_codes().await?.into_iter().map(ReasonCount::from).collect();
    let outbox = orders.outbox().await?;
    let running = state.operations.list(None, OPERATIONS).await?.docs.into_iter();
    let workers = state.workers.list().await?;
    Ok(data(Overview {
        at: now,
        account: accounts::views(&state.accounts, orders, now)
            .await?
            .into_iter()
            .find(|account| account.id == state.accounts.id()),
        queues: queues::views(&state.queues, &state.accounts).await?,
        review: ReviewTotal {
            total: by_reason.iter().map(|code| code.count).sum(),
            capped: in_review.is_some_and(|(_, count)| count.capped),
            by_reason,
        },
        orders: counts
            .iter()
            .map(|(status, count)| StatusCount {
                provider_sync_status: *status,
                count: count.n,
                capped: count.capped,
            })
            .collect(),
        oldest_open: orders.oldest_open().await?.map(|order| OldestOpen {
            order_id: order.id().to_owned(),
            since: order.created_at(),
            provider_sync_status: order.provider_sync_status(),
        }),
        workers: workers.iter().filter(|worker| !worker.is_stale(now)).count(),
        outbox: OutboxView { waiting: outbox.0.n, oldest_at: outbox.1 },
        failures: orders.failures(day, FAILURES).await?,
        operations: running
            .filter(|operation| !operation.state.has_ended())
            .map(OperationView::from)
            .collect(),
    }))
}
