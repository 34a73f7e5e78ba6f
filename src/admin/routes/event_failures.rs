//! Events that a consumer could not handle: what they would have made is missing until somebody drives them
//! again.

use axum::{
    extract::{Path, State},
    response::Response,
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Data, data,
    order_actions::Reasoned,
    orders::{read_place, write_place},
    queries::DeadQuery,
};
use crate::{
    admin::{
        paging::{DEFAULT_LIMIT, ListQuery, Page},
        session::Admin,
        state::AdminState,
    },
    base::timestamp::Timestamp,
    features::events::failures::{EventFailure, EventFailures, FailureError},
    platform::http::{Kind, Problem, ValidJson, answer},
};

const TAG: &str = "Webhooks";

pub(super) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new().routes(routes!(list_event_failures)).routes(routes!(retry_event))
}

/// One event that a consumer could not handle.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailedEvent {
    pub id: String,
    /// `webhooks` or `notifications`.
    pub consumer: String,
    pub event_id: String,
    /// Without what the event says.
    pub why: String,
    /// That have failed, of the consumer and of people.
    pub tries: u32,
    /// When the last one has.
    #[schema(value_type = Option<String>)]
    pub failed_at: Option<Timestamp>,
}

impl From<EventFailure> for FailedEvent {
    fn from(failure: EventFailure) -> Self {
        Self {
            id: failure.id,
            consumer: failure.consumer,
            event_id: failure.event,
            why: failure.why,
            tries: failure.tries,
            failed_at: failure.at,
        }
    }
}

fn failures(state: &AdminState) -> EventFailures {
    EventFailures::new(state.store.clone(), state.clock.clone())
}

/// Events that a consumer could not handle
///
/// The last ones first. Those behind them were handled.
#[utoipa::path(get, path = "/event-failures", tag = TAG, operation_id = "listEventFailures",
    params(DeadQuery),
    responses(
        (status = 200, description = "One page", body = Page<FailedEvent>),
        (status = 400, description = "A cursor of another list"),
        (status = 422, description = "The limit is out of its range"),
    ))]
async fn list_event_failures(
    State(state): State<AdminState>,
    ListQuery(query): ListQuery<DeadQuery>,
) -> Result<Response, Problem> {
    let bound = "event-failures";
    let after = query.cursor.as_deref().map(|text| read_place(&state.cursors, &bound, text)).transpose()?;
    let page = failures(&state).list(after, query.limit.unwrap_or(DEFAULT_LIMIT)).await?;
    let next_cursor = page.next.as_ref().map(|next| write_place(&state.cursors, &bound, next));
    let data = page.docs.into_iter().map(FailedEvent::from).collect::<Vec<_>>();
    Ok(answer::ok(&Page { data, next_cursor }))
}

/// Drive an event through its consumer again
///
/// What it has made already is not made twice. Handled, it leaves the list.
#[utoipa::path(post, path = "/event-failures/{id}/retry", tag = TAG, operation_id = "retryEvent",
    params(("id" = String, Path, description = "The id in the list")), request_body = Reasoned,
    responses((status = 200, description = "Handled; as it was", body = Data<FailedEvent>),
        (status = 404, description = "There is no such event, or it was handled meanwhile"),
        (status = 409, description = "`failed-again`; `event-gone`: it is older than events are kept; \
            `no-consumer`: of another release")))]
async fn retry_event(
    State(state): State<AdminState>,
    admin: Admin,
    Path(id): Path<String>,
    ValidJson(body): ValidJson<Reasoned>,
) -> Result<Response, Problem> {
    let by = admin.because(&body.reason)?;
    let handled = failures(&state).retry(&id, &by).await.map_err(|error| {
        let words = format!("Not handled: {error}.");
        let refused = |code| Problem::new(Kind::ConflictState, words).named(code);
        match error {
            FailureError::NotFound => {
                Problem::new(Kind::NotFound, "There is no such event, or it was handled meanwhile.")
            }
            FailureError::Gone => refused("event-gone"),
            FailureError::NoConsumer => refused("no-consumer"),
            FailureError::Again(_) => refused("failed-again"),
            FailureError::Store(error) => error.into(),
        }
    })?;
    Ok(data(FailedEvent::from(handled)))
}
