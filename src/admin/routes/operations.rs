//! Bulk work: previewed, started, watched, stopped.

use std::collections::BTreeMap;

use axum::{
    extract::{Path, State},
    response::Response,
};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use validator::Validate;

use super::{
    Data, data,
    order_actions::Reasoned,
    orders::{read_place, write_place},
    queries::{ItemsQuery, OperationsQuery},
    review::CodeCount,
};
use crate::{
    admin::{
        paging::{Cursors, DEFAULT_LIMIT, ListQuery, Page},
        session::{Admin, Reason},
        state::AdminState,
    },
    base::timestamp::Timestamp,
    features::{
        operations::{
            Filter, Item, ItemResult, Kind as What, NewOperation, Operation, OperationError, Operations,
            State as Standing, preview, service::Change,
        },
        orders::review::Fate,
    },
    platform::http::{FieldError, Kind, Problem, ValidJson, answer},
};

const TAG: &str = "Operations";
/// When nothing is said.
const RATE: u32 = 60;
const STOP_AFTER: u32 = 10;
/// Longest `Idempotency-Key`.
const LONGEST_KEY: usize = 200;

pub(super) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new()
        .routes(routes!(preview_operation))
        .routes(routes!(start_operation))
        .routes(routes!(list_operations))
        .routes(routes!(get_operation))
        .routes(routes!(list_items))
        .routes(routes!(pause_operation))
        .routes(routes!(resume_operation))
        .routes(routes!(cancel_operation))
}

/// What is to be done, with which orders or jobs, and how.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OperationBody {
    pub kind: What,
    /// Either this or `ids`; of jobs it names the queue in any case.
    #[serde(default)]
    pub filter: Filter,
    /// At most 1000. Of a notice: merchants; all active ones when there are none.
    #[serde(default)]
    pub ids: Vec<String>,
    /// From 1 to 6000; 60 when absent.
    pub rate_per_minute: Option<u32>,
    /// So many failures in a row stop it, from 1 to 1000; 10 when absent.
    pub stop_after: Option<u32>,
    /// Of a rebook: also where ParcelX shows a shipment.
    #[serde(default)]
    pub force: bool,
    /// What merchants are told; of `merchants.notice` alone, where it is required. One line.
    #[schema(min_length = 1, max_length = 500)]
    pub notice: Option<String>,
    /// What became of the shipments; of `review.close-shipment` alone, where it is required.
    #[schema(inline)]
    pub fate: Option<Fate>,
    /// Kept in the audit log, with each order.
    #[validate(nested)]
    pub reason: Reason,
}

impl OperationBody {
    fn wanted(&self) -> NewOperation {
        NewOperation {
            kind: self.kind,
            filter: self.filter.clone(),
            ids: self.ids.clone(),
            rate_per_minute: self.rate_per_minute.unwrap_or(RATE),
            stop_after: self.stop_after.unwrap_or(STOP_AFTER),
            force: self.force,
            notice: self.notice.clone(),
            fate: self.fate,
        }
    }
}

/// What a start would come to, as things stand.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreviewView {
    pub matches: u64,
    /// There are more.
    pub capped: bool,
    /// Of those, how many would be refused, and why; what only ParcelX can tell is not asked.
    pub refusals: Vec<CodeCount>,
    /// The first of them.
    pub sample: Vec<String>,
    #[schema(value_type = String)]
    pub effect: &'static str,
    /// It may book shipments, which are paid for; also when more jobs of bookings match than were looked at.
    pub costs: bool,
    /// Of jobs of our own that run again: what those that were looked at, the first 200, would do.
    pub effects: Vec<EffectCount>,
    /// How many of these may book.
    pub books: u64,
}

/// What jobs would do, in words.
#[derive(Debug, Serialize, ToSchema)]
pub struct EffectCount {
    #[schema(value_type = String)]
    pub effect: &'static str,
    pub count: u64,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperationView {
    pub id: String,
    pub kind: What,
    pub state: Standing,
    pub actor: String,
    pub reason: String,
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    #[schema(value_type = Option<String>)]
    pub started_at: Option<Timestamp>,
    #[schema(value_type = Option<String>)]
    pub ended_at: Option<Timestamp>,
    /// How many there were when it was asked for.
    pub total: u64,
    pub capped: bool,
    pub done: u64,
    pub refused: u64,
    pub failed: u64,
    pub rate_per_minute: u32,
    pub stop_after: u32,
    pub force: bool,
    /// Why it stopped by itself.
    pub stopped: Option<String>,
    /// Refusals and failures, by code.
    pub refusals: Vec<CodeCount>,
    pub filter: Filter,
    /// What merchants are told.
    pub notice: Option<String>,
    /// What became of the shipments that are closed.
    #[schema(inline)]
    pub fate: Option<Fate>,
    /// How many were named instead of a filter.
    pub ids: usize,
}

impl From<Operation> for OperationView {
    fn from(operation: Operation) -> Self {
        Self {
            ids: operation.ids.len(),
            id: operation.id,
            kind: operation.kind,
            state: operation.state,
            actor: operation.actor,
            reason: operation.reason,
            created_at: operation.created_at,
            started_at: operation.started_at,
            ended_at: operation.ended_at,
            total: operation.total,
            capped: operation.capped,
            done: operation.done,
            refused: operation.refused,
            failed: operation.failed,
            rate_per_minute: operation.rate_per_minute,
            stop_after: operation.stop_after,
            force: operation.force,
            stopped: operation.stopped,
            refusals: counts(operation.refusals),
            filter: operation.filter,
            notice: operation.notice,
            fate: operation.fate,
        }
    }
}

fn counts(by_code: BTreeMap<String, u64>) -> Vec<CodeCount> {
    let mut all: Vec<_> = by_code.into_iter().map(|(code, count)| CodeCount { code, count }).collect();
    all.sort_by_key(|counted| std::cmp::Reverse(counted.count));
    all
}

/// What became of one order, job or merchant.
#[derive(Debug, Serialize, ToSchema)]
pub struct ItemView {
    /// An order's id, a job's, or a merchant's.
    pub target: String,
    pub result: ItemResult,
    pub code: Option<String>,
    pub words: Option<String>,
    #[schema(value_type = String)]
    pub at: Timestamp,
}

impl From<Item> for ItemView {
    fn from(Item { target, result, code, words, at, .. }: Item) -> Self {
        Self { target, result, code, words, at }
    }
}

fn problem(error: OperationError) -> Problem {
    match error {
        OperationError::NoSuchOperation => no_operation(),
        OperationError::Invalid { field, why } => {
            let fault = FieldError::pointer(format!("/{field}"), "invalid", why.clone());
            Problem::new(Kind::ValidationFailed, format!("/{field} {why}.")).errors(vec![fault])
        }
        error @ OperationError::NotIn(_) => {
            Problem::new(Kind::ConflictState, format!("{error}.")).named("operation-state")
        }
        error @ OperationError::TooMany => {
            Problem::new(Kind::ConflictState, format!("{error}.")).named("too-many-operations")
        }
        OperationError::Store(error) => error.into(),
        OperationError::Queue(error) => {
            tracing::warn!(%error, "the queue did not answer");
            Problem::new(Kind::TemporarilyUnavailable, "The queue did not answer. Try again.")
        }
    }
}

fn no_operation() -> Problem {
    Problem::new(Kind::NotFound, "There is no such operation.")
}

/// Preview an operation
#[utoipa::path(post, path = "/operations/preview", tag = TAG, operation_id = "previewOperation",
    request_body = OperationBody,
    responses((status = 200, description = "What it would do", body = Data<PreviewView>),
        (status = 422, description = "It cannot be taken as it is")))]
async fn preview_operation(
    State(operations): State<Operations>,
    ValidJson(body): ValidJson<OperationBody>,
) -> Result<Response, Problem> {
    let found = operations.preview(&body.wanted()).await.map_err(problem)?;
    Ok(data(PreviewView {
        matches: found.matches,
        capped: found.capped,
        refusals: counts(found.refusals),
        sample: found.sample,
        effect: preview::effect(body.kind, body.force, body.fate),
        costs: body.kind.costs() || found.books > 0 || found.unseen,
        effects: found.effects.into_iter().map(|(effect, count)| EffectCount { effect, count }).collect(),
        books: found.books,
    }))
}

/// Start an operation
///
/// A worker begins within seconds. The same `Idempotency-Key` from the same user starts it once.
#[utoipa::path(post, path = "/operations", tag = TAG, operation_id = "startOperation",
    params(("Idempotency-Key" = Option<String>, Header, description = "At most 200 characters")),
    request_body = OperationBody,
    responses((status = 202, description = "It will be done", body = Data<OperationView>),
        (status = 409, description = "`too-many-operations`"),
        (status = 422, description = "It cannot be taken as it is")))]
async fn start_operation(
    State(operations): State<Operations>,
    admin: Admin,
    headers: HeaderMap,
    ValidJson(body): ValidJson<OperationBody>,
) -> Result<Response, Problem> {
    let key = headers.get("idempotency-key").map(|value| value.to_str().unwrap_or_default());
    if key.is_some_and(|key| key.is_empty() || key.len() > LONGEST_KEY) {
        return Err(Problem::new(Kind::BadRequest, "Idempotency-Key is empty, too long or not plain text."));
    }
    let by = admin.because(&body.reason)?;
    let started = operations.start(&body.wanted(), key, &by).await.map_err(problem)?;
    Ok(answer::json(StatusCode::ACCEPTED, &Data { data: OperationView::from(started) }))
}

/// List operations
#[utoipa::path(get, path = "/operations", tag = TAG, operation_id = "listOperations", params(OperationsQuery),
    responses((status = 200, description = "Newest first", body = Page<OperationView>)))]
async fn list_operations(
    State(operations): State<Operations>,
    State(cursors): State<Cursors>,
    ListQuery(query): ListQuery<OperationsQuery>,
) -> Result<Response, Problem> {
    let bound = "operations";
    let after = query.cursor.as_deref().map(|text| read_place(&cursors, &bound, text)).transpose()?;
    let page = operations.list(after, query.limit.unwrap_or(DEFAULT_LIMIT)).await?;
    let next_cursor = page.next.as_ref().map(|next| write_place(&cursors, &bound, next));
    let data = page.docs.into_iter().map(OperationView::from).collect();
    Ok(answer::ok(&Page { data, next_cursor }))
}

/// An operation
#[utoipa::path(get, path = "/operations/{id}", tag = TAG, operation_id = "getOperation",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "As it stands", body = Data<OperationView>),
        (status = 404, description = "There is no such operation")))]
async fn get_operation(
    State(operations): State<Operations>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let found = operations.get(&id).await?.ok_or_else(no_operation)?;
    Ok(data(OperationView::from(found)))
}

/// What became of each order or job
///
/// In the order they were passed; kept for 30 days.
#[utoipa::path(get, path = "/operations/{id}/items", tag = TAG, operation_id = "listOperationItems",
    params(("id" = String, Path, description = "The operation's id"), ItemsQuery),
    responses((status = 200, description = "A page", body = Page<ItemView>),
        (status = 404, description = "There is no such operation")))]
async fn list_items(
    State(operations): State<Operations>,
    State(cursors): State<Cursors>,
    Path(id): Path<String>,
    ListQuery(query): ListQuery<ItemsQuery>,
) -> Result<Response, Problem> {
    let bound = ("items", &id, query.result);
    let after = query.cursor.as_deref().map(|text| read_place(&cursors, &bound, text)).transpose()?;
    operations.get(&id).await?.ok_or_else(no_operation)?;
    let page = operations.items(&id, query.result, after, query.limit.unwrap_or(DEFAULT_LIMIT)).await?;
    let next_cursor = page.next.as_ref().map(|next| write_place(&cursors, &bound, next));
    let data = page.docs.into_iter().map(ItemView::from).collect();
    Ok(answer::ok(&Page { data, next_cursor }))
}

async fn change(
    operations: &Operations,
    admin: &Admin,
    id: &str,
    change: Change,
    body: &Reasoned,
) -> Result<Response, Problem> {
    let by = admin.because(&body.reason)?;
    let changed = operations.change(id, change, &by).await.map_err(problem)?;
    Ok(data(OperationView::from(changed)))
}

/// Pause an operation
#[utoipa::path(post, path = "/operations/{id}/pause", tag = TAG, operation_id = "pauseOperation",
    params(("id" = String, Path, description = "Its id")), request_body = Reasoned,
    responses((status = 200, description = "Nothing more is begun", body = Data<OperationView>),
        (status = 404, description = "There is no such operation"),
        (status = 409, description = "`operation-state`")))]
async fn pause_operation(
    State(operations): State<Operations>,
    admin: Admin,
    Path(id): Path<String>,
    ValidJson(body): ValidJson<Reasoned>,
) -> Result<Response, Problem> {
    change(&operations, &admin, &id, Change::Pause, &body).await
}

/// Go on with an operation that is paused, or has stopped by itself
#[utoipa::path(post, path = "/operations/{id}/resume", tag = TAG, operation_id = "resumeOperation",
    params(("id" = String, Path, description = "Its id")), request_body = Reasoned,
    responses((status = 200, description = "It goes on where it was", body = Data<OperationView>),
        (status = 404, description = "There is no such operation"),
        (status = 409, description = "`operation-state`")))]
async fn resume_operation(
    State(operations): State<Operations>,
    admin: Admin,
    Path(id): Path<String>,
    ValidJson(body): ValidJson<Reasoned>,
) -> Result<Response, Problem> {
    change(&operations, &admin, &id, Change::Resume, &body).await
}

/// Cancel an operation
///
/// What it has done stays done.
#[utoipa::path(post, path = "/operations/{id}/cancel", tag = TAG, operation_id = "cancelOperation",
    params(("id" = String, Path, description = "Its id")), request_body = Reasoned,
    responses((status = 200, description = "Nothing more is begun", body = Data<OperationView>),
        (status = 404, description = "There is no such operation"),
        (status = 409, description = "`operation-state`")))]
async fn cancel_operation(
    State(operations): State<Operations>,
    admin: Admin,
    Path(id): Path<String>,
    ValidJson(body): ValidJson<Reasoned>,
) -> Result<Response, Problem> {
    change(&operations, &admin, &id, Change::Cancel, &body).await
}
