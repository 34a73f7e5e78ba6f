//! Orders over all merchants: found, listed, looked at.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::Response,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use validator::Validate;

use super::{
    Data, data,
    order_views::{OrderBrief, OrderDetail},
    queries::{OrdersQuery, TimelineQuery},
};
use crate::{
    admin::{
        paging::{Cursors, DEFAULT_LIMIT, ListQuery, Page, bad_cursor},
        rights::Right,
        session::{Admin, Reason},
        state::AdminState,
    },
    base::timestamp::Timestamp,
    features::{
        desk::{Desk, Entry, Position},
        orders::{
            model::Order,
            service::{
                OrderService,
                find::{AllFilter, phone},
            },
            text::Text,
        },
    },
    platform::{
        http::{Kind, Problem, ValidJson, answer},
        store::{Cursor, Key},
    },
    provider::carrier::{CallRecord, CallRecords, JobRun},
};

pub(super) const TAG: &str = "Orders";

pub(super) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new()
        .routes(routes!(find))
        .routes(routes!(list_orders))
        .routes(routes!(get_order))
        .routes(routes!(get_timeline))
        .routes(routes!(get_call))
}

/// What is known of an order.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FindBody {
    /// An order's id, number, `clientOrderId` or AWB, or the id of one of its jobs; with a `reason` also the
    /// consignee's phone.
    #[validate(nested)]
    #[schema(inline)]
    pub q: Text<1, 200>,
    /// Needed to search for a phone; kept in the audit log.
    #[validate(nested)]
    pub reason: Option<Reason>,
}

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FoundOrders {
    /// Newest first, at most 50.
    pub data: Vec<OrderBrief>,
    /// `id`, `jobId`, `orderNumber`, `awb`, `clientOrderId` or `phone`; null when nothing was found.
    #[schema(value_type = Option<String>)]
    pub by: Option<&'static str>,
    /// There are more than these.
    pub more: bool,
    /// It may be a phone, which was not searched: that needs the right `reveal` and a reason.
    pub may_be_phone: bool,
}

/// Find orders
///
/// By id, number, `clientOrderId` (of any merchant), AWB or job. Only a text that finds nothing so, and comes
/// with a reason, is searched among phones.
#[utoipa::path(post, path = "/find", tag = TAG, operation_id = "findOrders", request_body = FindBody,
    responses(
        (status = 200, description = "What was found", body = FoundOrders),
        (status = 403, description = "A phone is searched with the right `reveal` alone"),
    ))]
async fn find(
    State(state): State<AdminState>,
    admin: Admin,
    ValidJson(body): ValidJson<FindBody>,
) -> Result<Response, Problem> {
    let mut found = state.orders.find(&body.q).await?;
    let digits = phone(&body.q).filter(|_| found.orders.is_empty());
    if let (Some(digits), Some(reason)) = (&digits, &body.reason) {
        admin.require(Right::Reveal)?;
        state.reviewers.by(admin.because(reason)?).reveal_search().await?;
        found = state.orders.of_phone(digits).await?;
    }
    Ok(answer::ok(&FoundOrders {
        data: found.orders.iter().map(OrderBrief::from).collect(),
        by: found.by.map(crate::features::orders::service::find::FoundBy::as_str),
        more: found.more,
        may_be_phone: digits.is_some() && body.reason.is_none(),
    }))
}

impl OrdersQuery {
    fn filter(&self) -> AllFilter {
        AllFilter {
            provider_sync_status: self.provider_sync_status,
            status: self.status,
            user_id: self.user_id.clone(),
            from: self.from,
            to: self.to,
        }
    }

    /// Whether an order that was found otherwise is one of those.
    fn takes(&self, order: &Order) -> bool {
        self.provider_sync_status.is_none_or(|status| status == order.provider_sync_status())
            && self.status.is_none_or(|status| status == order.status())
            && self.user_id.as_ref().is_none_or(|user| user == order.user_id())
            && self.from.is_none_or(|from| order.created_at() >= from)
            && self.to.is_none_or(|to| order.created_at() < to)
    }
}

/// List orders
///
/// Newest first, of all merchants. A page may have fewer than its limit, or none, and still a next one.
#[utoipa::path(get, path = "/orders", tag = TAG, operation_id = "listAllOrders", params(OrdersQuery),
    responses(
        (status = 200, description = "A page", body = Page<OrderBrief>),
        (status = 400, description = "An unknown parameter, or a cursor of another list"),
        (status = 422, description = "The limit is out of its range"),
    ))]
async fn list_orders(
    State(orders): State<OrderService>,
    State(cursors): State<Cursors>,
    ListQuery(query): ListQuery<OrdersQuery>,
) -> Result<Response, Problem> {
    let (filter, limit) = (query.filter(), query.limit.unwrap_or(DEFAULT_LIMIT));
    let bound = ("orders", &filter);
    let after = query.cursor.as_deref().map(|text| read_place(&cursors, &bound, text)).transpose()?;
    if let Some(text) = query.q.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        let found = orders.find(text).await?.orders;
        let found = found.iter().filter(|order| query.takes(order)).take(limit);
        return Ok(answer::ok(&Page { data: found.map(OrderBrief::from).collect(), next_cursor: None }));
    }
    let page = orders.list_all(&filter, after, limit).await?;
    let next_cursor = page.next.as_ref().map(|next| write_place(&cursors, &bound, next));
    Ok(answer::ok(&Page { data: page.docs.iter().map(OrderBrief::from).collect(), next_cursor }))
}

/// Where a page of the store ends, as a cursor bound to what it was made for.
pub(super) fn write_place(cursors: &Cursors, bound: &impl std::fmt::Debug, cursor: &Cursor) -> String {
    let key = match &cursor.key {
        Key::Time(at) => format!("t{}", at.as_millis()),
        Key::Int(n) => format!("i{n}"),
        Key::Bool(b) => format!("b{b}"),
        // Only the order of ids is by text, and there it is the id.
        Key::Text(_) => "x".to_owned(),
    };
    cursors.write(bound, &format!("{key} {}", cursor.id))
}

/// The other way round.
pub(super) fn read_place(
    cursors: &Cursors,
    bound: &impl std::fmt::Debug,
    text: &str,
) -> Result<Cursor, Problem> {
    let place = cursors.read(bound, text)?;
    let (key, id) = place.split_once(' ').ok_or_else(bad_cursor)?;
    let id = id.to_owned();
    let key = match key.strip_prefix('t').map(str::parse::<i64>) {
        Some(Ok(at)) => Key::Time(Timestamp::from_millis(at)),
        None if key == "x" => Key::Text(id.clone()),
        _ => return Err(bad_cursor()),
    };
    Ok(Cursor { key, id })
}

/// The order, or 404.
pub(super) async fn load(orders: &OrderService, id: &str) -> Result<Order, Problem> {
    orders.load(id).await?.ok_or_else(no_order)
}

pub(super) fn no_order() -> Problem {
    Problem::new(Kind::NotFound, "There is no such order.")
}

/// An order
///
/// Redacted, with why it waits and what may be done with it.
#[utoipa::path(get, path = "/orders/{id}", tag = TAG, operation_id = "getAnyOrder",
    params(("id" = String, Path, description = "The order's id")),
    responses(
        (status = 200, description = "The order", body = Data<OrderDetail>),
        (status = 404, description = "There is no such order"),
    ))]
async fn get_order(
    State(orders): State<OrderService>,
    State(desk): State<Desk>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let order = load(&orders, &id).await?;
    let (why, actions) = (desk.why(&order).await?, desk.actions(&order).await?);
    Ok(data(OrderDetail::new(&order, why, actions)))
}

/// What has happened to an order
///
/// Its steps, the calls that were made for it, what people did, and its jobs; oldest first, redacted.
#[utoipa::path(get, path = "/orders/{id}/timeline", tag = TAG, operation_id = "getTimeline",
    params(("id" = String, Path, description = "The order's id"), TimelineQuery),
    responses(
        (status = 200, description = "A page", body = Page<Entry>),
        (status = 404, description = "There is no such order"),
    ))]
async fn get_timeline(
    State(orders): State<OrderService>,
    State(desk): State<Desk>,
    State(cursors): State<Cursors>,
    Path(id): Path<String>,
    ListQuery(query): ListQuery<TimelineQuery>,
) -> Result<Response, Problem> {
    let bound = ("timeline", &id);
    let read = |text: &str| -> Result<Position, Problem> {
        serde_json::from_str(&cursors.read(&bound, text)?).map_err(|_| bad_cursor())
    };
    let after = query.cursor.as_deref().map(read).transpose()?;
    let order = load(&orders, &id).await?;
    let limit = query.limit.unwrap_or(crate::features::desk::timeline::PAGE);
    let page = desk.timeline(&order, after.as_ref(), limit).await?;
    let next = page.next.map(|next| serde_json::to_string(&next)).transpose();
    let next = next.map_err(|error| Problem::internal(&error))?;
    let next_cursor = next.map(|next| cursors.write(&bound, &next));
    Ok(answer::ok(&Page { data: page.entries, next_cursor }))
}

/// One call, with the last good one of its kind.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallView {
    pub id: String,
    pub operation: String,
    pub attempt: i64,
    /// The run of a job that made it; null when a person did.
    pub job: Option<JobRun>,
    #[schema(value_type = String)]
    pub sent_at: Timestamp,
    pub never_sent: bool,
    #[schema(value_type = Option<Object>)]
    pub request: serde_json::Value,
    /// Null while the call is under way.
    pub outcome: Option<CallEndView>,
    pub last_good: Option<LastGood>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallEndView {
    pub status_code: Option<u16>,
    #[schema(value_type = Option<Object>)]
    pub response: Option<serde_json::Value>,
    #[schema(value_type = Option<String>)]
    pub error_code: Option<&'static str>,
    pub verdict: String,
    #[schema(value_type = String)]
    pub received_at: Timestamp,
    pub duration_ms: i64,
    /// An answer came after the call had been given up.
    pub late: bool,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastGood {
    pub id: String,
    pub order_id: String,
    #[schema(value_type = String)]
    pub sent_at: Timestamp,
    #[schema(value_type = Option<Object>)]
    pub request: serde_json::Value,
    #[schema(value_type = Option<Object>)]
    pub response: Option<serde_json::Value>,
}

impl CallView {
    pub(super) fn new(record: CallRecord, good: Option<(String, CallRecord)>) -> Self {
        Self {
            id: record.id,
            operation: record.operation,
            attempt: record.attempt,
            job: record.job,
            sent_at: record.sent_at,
            never_sent: record.never_sent,
            request: record.request_payload,
            outcome: record.outcome.map(|end| CallEndView {
                status_code: end.status_code,
                response: end.response_payload,
                error_code: end.error_code,
                verdict: end.verdict,
                received_at: end.received_at,
                duration_ms: end.duration_ms,
                late: end.answered_late,
            }),
            last_good: good.map(|(order_id, record)| LastGood {
                id: record.id,
                order_id,
                sent_at: record.sent_at,
                request: record.request_payload,
                response: record.outcome.and_then(|end| end.response_payload),
            }),
        }
    }
}

/// One call that was made for an order
///
/// What was asked and answered, redacted, and the same of the newest good call of its kind, for comparison.
#[utoipa::path(get, path = "/orders/{id}/calls/{callId}", tag = TAG, operation_id = "getCall",
    params(
        ("id" = String, Path, description = "The order's id"),
        ("callId" = String, Path, description = "The call's id, `plog_…`"),
    ),
    responses(
        (status = 200, description = "The call", body = Data<CallView>),
        (status = 404, description = "There is no such order, or it has no such call"),
    ))]
async fn get_call(
    State(records): State<Arc<dyn CallRecords>>,
    Path((id, call)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let record = records.call(&id, &call, false).await?.ok_or_else(no_call)?;
    let good = records.last_good(&record.operation).await?;
    let good = good.filter(|(_, good)| good.id != record.id);
    Ok(data(CallView::new(record, good)))
}

pub(super) fn no_call() -> Problem {
    Problem::new(Kind::NotFound, "The order has no such call.")
}

impl From<crate::features::desk::DeskError> for Problem {
    fn from(error: crate::features::desk::DeskError) -> Self {
        match error {
            crate::features::desk::DeskError::Store(error) => error.into(),
            crate::features::desk::DeskError::Queue(error) => {
                tracing::warn!(%error, "the queue did not answer");
                Self::new(Kind::TemporarilyUnavailable, "The queue did not answer. Try again.")
            }
        }
    }
}
