//! The worker processes.

use axum::{extract::State, response::Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Data, data};
use crate::{
    admin::state::AdminState,
    base::{clock::Clock, timestamp::Timestamp},
    features::workers::Workers,
    platform::http::Problem,
};

pub(super) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new().routes(routes!(list_workers))
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkedQueueView {
    pub name: String,
    /// Jobs that it runs at the same time at most, and when it was last seen.
    pub concurrency: usize,
    pub in_hand: usize,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkerView {
    pub name: String,
    pub host: String,
    pub version: String,
    pub pid: u32,
    pub queues: Vec<WorkedQueueView>,
    #[schema(value_type = String)]
    pub since: Timestamp,
    #[schema(value_type = String)]
    pub seen_at: Timestamp,
    /// It has not said for half a minute that it is there.
    pub stale: bool,
}

/// Worker processes
///
/// Those of the last hour that have not ended, the last seen first.
#[utoipa::path(get, path = "/workers", tag = super::queues::TAG, operation_id = "listWorkers",
    responses((status = 200, description = "All of them", body = Data<Vec<WorkerView>>)))]
async fn list_workers(
    State(workers): State<Workers>,
    State(clock): State<Clock>,
) -> Result<Response, Problem> {
    let now = clock.now();
    let all = workers.list().await?.into_iter().map(|worker| WorkerView {
        stale: worker.is_stale(now),
        name: worker.id,
        host: worker.host,
        version: worker.program,
        pid: worker.pid,
        queues: worker
            .queues
            .into_iter()
            .map(|q| WorkedQueueView { name: q.name, concurrency: q.concurrency, in_hand: q.in_hand })
            .collect(),
        since: worker.since,
        seen_at: worker.seen_at,
    });
    Ok(data(all.collect::<Vec<_>>()))
}
