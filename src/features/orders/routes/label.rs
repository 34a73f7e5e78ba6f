//! The HTTP edge of labels.

use std::time::Duration;

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{OrderId, TAG, examples, no_such_order};
use crate::{
    base::timestamp::Timestamp,
    features::orders::{
        model::LabelFailure,
        service::{LabelResult, Labels},
        status::SyncStatus,
    },
    platform::{
        auth::Merchant,
        http::{Kind, Problem, answer},
    },
};

/// When to ask again, in seconds.
const AGAIN: u64 = 2;

/// Answer to a request for a label.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LabelBody {
    pub(super) success: bool,
    pub(super) data: LabelView,
}

/// Where the label is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct LabelView {
    pub(super) awb: String,
    /// At `ParcelX`, for whoever has it: do not publish it. `null` while it is being fetched. How long it is
    /// good for is not known: ask for it again rather than keep it.
    pub(super) label_url: Option<String>,
    pub(super) fetched_at: Option<Timestamp>,
}

/// Get the label of a booked order
///
/// The address of the label at `ParcelX`. When it is not known yet, or older than an hour, it is fetched in
/// the background, and this request waits for it a few seconds: 202 says that it is not there yet, ask again
/// after `Retry-After`.
#[utoipa::path(get, path = "/v1/orders/{id}/label", tag = TAG, operation_id = "getLabel",
    params(("id" = String, Path, description = "The order's id, `ord_…`")),
    responses(
        (status = 200, description = "The label", body = LabelBody, example = json!(examples::label())),
        (status = 202, description = "Being fetched: ask again", body = LabelBody,
            headers(("Retry-After" = u64,
                description = "Seconds to wait before the same request is sent again")),
            example = json!(examples::no_label_yet())),
        (status = 404, description = "No order of yours has this id"),
        (status = 409, description = "Not booked, cancelled, or `ParcelX` refuses the label"),
        (status = 502, description = "`ParcelX` gave an address that cannot be trusted"),
    ))]
pub(super) async fn get_label(
    State(labels): State<Labels>,
    merchant: Merchant,
    OrderId(id): OrderId,
) -> Result<Response, Problem> {
    let found = labels.get(&merchant.user_id, &id).await?.ok_or_else(no_such_order)?;
    tracing::Span::current().record("order.id", id.as_str());
    let body = |awb, label_url, fetched_at| LabelBody {
        success: true,
        data: LabelView { awb, label_url, fetched_at },
    };
    match found {
        LabelResult::Ready { awb, url, fetched_at } => {
            Ok(answer::ok(&body(awb, Some(url), Some(fetched_at))))
        }
        LabelResult::Pending { awb } => {
            let mut pending = answer::json(StatusCode::ACCEPTED, &body(awb, None, None));
            pending.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(AGAIN));
            Ok(pending)
        }
        LabelResult::NotBooked(order) => Err(not_booked(order.provider_sync_status())),
        LabelResult::Cancelled(_) => Err(Problem::new(
            Kind::ConflictState,
            "This order's shipment is cancelled, or being cancelled: there is no label for it.",
        )),
        LabelResult::Failed(failure) => Err(failed(failure)),
    }
}

fn not_booked(stands: SyncStatus) -> Problem {
    let what = match stands {
        SyncStatus::Failed => "it failed. Amend it first",
        SyncStatus::Cancelled => "it was cancelled before it was booked",
        SyncStatus::NeedsReview => "a person is looking into it",
        _ => "it is still on its way. Ask again when it is booked",
    };
    Problem::new(
        Kind::ConflictState,
        format!("Only a booked order has a label. This one is {}: {what}.", stands.as_str()),
    )
}

fn failed(failure: LabelFailure) -> Problem {
    match failure {
        LabelFailure::Refused(words) => {
            Problem::new(Kind::ProviderRefused, format!("ParcelX gives no label for this order: {words}"))
        }
        LabelFailure::Unusable => Problem::new(
            Kind::ProviderAnswer,
            "ParcelX gave an address for this label that is not known to be its own.",
        ),
        LabelFailure::Unreachable(_) => {
            Problem::new(Kind::TemporarilyUnavailable, "ParcelX could not be asked for the label just now.")
                .retry_after(Duration::from_secs(AGAIN))
        }
    }
}
