//! What went wrong lately, and numbers over time.

use std::time::Duration;

use axum::{extract::State, response::Response};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Data, data,
    queries::{FailuresQuery, MetricsQuery},
};
use crate::{
    admin::{paging::ListQuery, state::AdminState},
    base::timestamp::Timestamp,
    features::{
        orders::service::failures::{FailureGroup, MOST_HOURS},
        series::{LONGEST_MS, Series},
    },
    platform::http::{FieldError, Kind, Problem},
};

const TAG: &str = "Health";
const DAY: Duration = Duration::from_secs(24 * 3600);
const HOUR: Duration = Duration::from_secs(3600);
/// How many groups are told when nothing is said.
const GROUPS: usize = 20;

pub(super) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new().routes(routes!(list_failures)).routes(routes!(get_metrics))
}

fn before(now: Timestamp, by: Duration) -> Timestamp {
    Timestamp::from_millis(now.as_millis() - i64::try_from(by.as_millis()).unwrap_or(0))
}

fn out_of_range(parameter: &str, why: &str) -> Problem {
    let fault = FieldError::parameter(parameter, "range", why);
    Problem::new(Kind::ValidationFailed, format!("The parameter {parameter} {why}.")).errors(vec![fault])
}

/// Failures by their cause
///
/// Orders that failed or came to wait for a person, the largest groups first. Words that differ only in
/// numbers, ids and quoted names are one cause.
#[utoipa::path(get, path = "/failures", tag = TAG, operation_id = "listFailures", params(FailuresQuery),
    responses(
        (status = 200, description = "The groups", body = Data<Vec<FailureGroup>>),
        (status = 422, description = "Too far back, or the limit is out of its range"),
    ))]
async fn list_failures(
    State(state): State<AdminState>,
    ListQuery(query): ListQuery<FailuresQuery>,
) -> Result<Response, Problem> {
    let now = state.clock.now();
    let since = query.since.unwrap_or_else(|| before(now, DAY));
    if now.as_millis() - since.as_millis() > MOST_HOURS * 3_600_000 {
        return Err(out_of_range("since", "must not be more than seven days ago"));
    }
    Ok(data(state.orders.failures(since, query.limit.unwrap_or(GROUPS)).await?))
}

/// The time that numbers are asked for: the last hour when nothing is said.
pub(super) fn time(
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    now: Timestamp,
) -> Result<(Timestamp, Timestamp), Problem> {
    let to = to.unwrap_or(now + Duration::from_millis(1));
    let from = from.unwrap_or_else(|| before(to, HOUR));
    if from >= to || to.as_millis() - from.as_millis() > LONGEST_MS {
        return Err(out_of_range("from", "must be before `to`, and by at most 31 days"));
    }
    Ok((from, to))
}

/// Numbers over time
///
/// By minutes for a day, by hours for a month, with what may explain a bend.
#[utoipa::path(get, path = "/metrics", tag = TAG, operation_id = "getMetrics", params(MetricsQuery),
    responses(
        (status = 200, description = "The numbers", body = Data<Series>),
        (status = 422, description = "The time is empty, or longer than 31 days"),
    ))]
async fn get_metrics(
    State(state): State<AdminState>,
    ListQuery(query): ListQuery<MetricsQuery>,
) -> Result<Response, Problem> {
    let now = state.clock.now();
    let (from, to) = time(query.from, query.to, now)?;
    let series = Series::read(&state.store, query.name, query.queue.as_deref(), (from, to, now)).await?;
    Ok(data(series))
}
