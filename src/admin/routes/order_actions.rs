//! What people do with one order. Each goes through [`ReviewService`], which asks the order and writes the
//! audit log.

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
    order_views::OrderBrief,
    orders::{CallView, TAG, load, no_call, no_order},
};
use crate::{
    admin::{
        session::{Admin, Reason},
        state::AdminState,
    },
    features::orders::{
        model::Order,
        payload::NewOrder,
        request::CreateOrder,
        review::Fate,
        service::review::{ReviewError, ReviewService, Trust},
        text::Text,
        views::OrderView,
    },
    platform::http::{FieldError, Kind, Problem, ValidJson},
};

pub(super) fn routes() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new()
        .routes(routes!(adopt))
        .routes(routes!(rebook))
        .routes(routes!(fail))
        .routes(routes!(cancel_shipment))
        .routes(routes!(close_shipment))
        .routes(routes!(cancel))
        .routes(routes!(amend))
        .routes(routes!(resend))
        .routes(routes!(try_now))
        .routes(routes!(reveal))
        .routes(routes!(erase))
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reasoned {
    /// Kept in the audit log.
    #[validate(nested)]
    pub reason: Reason,
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AdoptBody {
    #[validate(nested)]
    pub reason: Reason,
    /// The order's shipment; the one that ParcelX shows for its reference when absent.
    #[validate(nested)]
    #[schema(inline, value_type = Option<Text<1, 64>>)]
    pub awb: Option<Text<1, 64>>,
    /// You have seen it: ParcelX is not asked. Needs `awb`.
    #[serde(default)]
    pub unverified: bool,
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RebookBody {
    #[validate(nested)]
    pub reason: Reason,
    /// ParcelX is not asked whether an earlier call has booked it: that may ship twice.
    #[serde(default)]
    pub force: bool,
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ShipmentBody {
    #[validate(nested)]
    pub reason: Reason,
    /// Of several that wait for a person, which one.
    #[validate(nested)]
    #[schema(inline, value_type = Option<Text<1, 64>>)]
    pub awb: Option<Text<1, 64>>,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FateName {
    Cancelled,
    Live,
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CloseBody {
    #[validate(nested)]
    pub reason: Reason,
    #[validate(nested)]
    #[schema(inline, value_type = Option<Text<1, 64>>)]
    pub awb: Option<Text<1, 64>>,
    /// What became of it.
    pub fate: FateName,
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AmendBody {
    #[validate(nested)]
    pub reason: Reason,
    /// As for a create.
    #[validate(nested)]
    pub payload: CreateOrder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RevealWhat {
    Order,
    Call,
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RevealBody {
    #[validate(nested)]
    pub reason: Reason,
    pub what: RevealWhat,
    /// Of a call, which one.
    #[validate(nested)]
    #[schema(inline, value_type = Option<Text<1, 100>>)]
    pub call_id: Option<Text<1, 100>>,
}

/// What was asked for, in full.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Revealed {
    Order(Box<OrderView>),
    Call(Box<CallView>),
}

impl From<ReviewError> for Problem {
    fn from(error: ReviewError) -> Self {
        match error {
            ReviewError::NoSuchOrder => no_order(),
            ReviewError::Refused(refusal) => {
                Self::new(Kind::ConflictState, format!("{refusal}.")).named(refusal.as_str())
            }
            ReviewError::Store(error) => error.into(),
        }
    }
}

fn desk(state: &AdminState, admin: &Admin, reason: &Reason) -> Result<ReviewService, Problem> {
    Ok(state.reviewers.by(admin.because(reason)?))
}

fn brief(order: Result<Order, ReviewError>) -> Result<Response, Problem> {
    Ok(data(OrderBrief::from(&order?)))
}

/// Give an order its shipment
///
/// For one that waits for a person. ParcelX must show the AWB under our reference, unless you have seen it.
#[utoipa::path(post, path = "/orders/{id}/adopt", tag = TAG, operation_id = "adoptShipment",
    params(("id" = String, Path, description = "The order's id")), request_body = AdoptBody,
    responses((status = 200, description = "As it then stands", body = Data<OrderBrief>),
        (status = 404, description = "There is no such order"),
        (status = 409, description = "Refused; `code` says why")))]
async fn adopt(
    State(state): State<AdminState>,
    admin: Admin,
    Path(id): Path<String>,
    ValidJson(body): ValidJson<AdoptBody>,
) -> Result<Response, Problem> {
    let desk = desk(&state, &admin, &body.reason)?;
    let trust = if body.unverified { Trust::Unverified } else { Trust::Verify };
    match &body.awb {
        Some(awb) => brief(desk.adopt(&id, awb, trust).await),
        None if body.unverified => {
            Err(invalid("/awb", "required", "must be there where ParcelX is not asked"))
        }
        None => brief(desk.adopt_found(&id).await),
    }
}

fn invalid(pointer: &'static str, code: &'static str, why: &str) -> Problem {
    let fault = FieldError::pointer(pointer, code, why);
    Problem::new(Kind::ValidationFailed, format!("{pointer} {why}.")).errors(vec![fault])
}

/// Book an order again
#[utoipa::path(post, path = "/orders/{id}/rebook", tag = TAG, operation_id = "rebookOrder",
    params(("id" = String, Path, description = "The order's id")), request_body = RebookBody,
    responses((status = 200, description = "As it then stands", body = Data<OrderBrief>),
        (status = 404, description = "There is no such order"),
        (status = 409, description = "Refused; `code` says why")))]
async fn rebook(
    State(state): State<AdminState>,
    admin: Admin,
    Path(id): Path<String>,
    ValidJson(body): ValidJson<RebookBody>,
) -> Result<Response, Problem> {
    brief(desk(&state, &admin, &body.reason)?.rebook(&id, body.force).await)
}

/// Give an order up
///
/// Its merchant reads the reason.
#[utoipa::path(post, path = "/orders/{id}/fail", tag = TAG, operation_id = "failOrder",
    params(("id" = String, Path, description = "The order's id")), request_body = Reasoned,
    responses((status = 200, description = "As it then stands", body = Data<OrderBrief>),
        (status = 404, description = "There is no such order"),
        (status = 409, description = "Refused; `code` says why")))]
async fn fail(
    State(state): State<AdminState>,
    admin: Admin,
    Path(id): Path<String>,
    ValidJson(body): ValidJson<Reasoned>,
) -> Result<Response, Problem> {
    brief(desk(&state, &admin, &body.reason)?.fail(&id).await)
}

/// Send the cancel of a shipment again
#[utoipa::path(post, path = "/orders/{id}/cancel-shipment", tag = TAG, operation_id = "cancelShipment",
    params(("id" = String, Path, description = "The order's id")), request_body = ShipmentBody,
    responses((status = 200, description = "As it then stands", body = Data<OrderBrief>),
        (status = 404, description = "There is no such order"),
        (status = 409, description = "Refused; `code` says why")))]
async fn cancel_shipment(
    State(state): State<AdminState>,
    admin: Admin,
    Path(id): Path<String>,
    ValidJson(body): ValidJson<ShipmentBody>,
) -> Result<Response, Problem> {
    let awb = body.awb.as_ref().map(|awb| awb.trim());
    brief(desk(&state, &admin, &body.reason)?.cancel_shipment(&id, awb).await)
}

/// Write down what became of a shipment
#[utoipa::path(post, path = "/orders/{id}/close-shipment", tag = TAG, operation_id = "closeShipment",
    params(("id" = String, Path, description = "The order's id")), request_body = CloseBody,
    responses((status = 200, description = "As it then stands", body = Data<OrderBrief>),
        (status = 404, description = "There is no such order"),
        (status = 409, description = "Refused; `code` says why")))]
async fn close_shipment(
    State(state): State<AdminState>,
    admin: Admin,
    Path(id): Path<String>,
    ValidJson(body): ValidJson<CloseBody>,
) -> Result<Response, Problem> {
    let fate = match body.fate {
        FateName::Cancelled => Fate::Cancelled,
        FateName::Live => Fate::Live,
    };
    let awb = body.awb.as_ref().map(|awb| awb.trim());
    brief(desk(&state, &admin, &body.reason)?.close(&id, awb, fate).await)
}

/// Cancel an order for its merchant
///
/// Who reads the reason.
#[utoipa::path(post, path = "/orders/{id}/cancel", tag = TAG, operation_id = "cancelOnBehalf",
    params(("id" = String, Path, description = "The order's id")), request_body = Reasoned,
    responses((status = 200, description = "As it then stands", body = Data<OrderBrief>),
        (status = 404, description = "There is no such order"),
        (status = 409, description = "Refused; `code` says why")))]
async fn cancel(
    State(state): State<AdminState>,
    admin: Admin,
    Path(id): Path<String>,
    ValidJson(body): ValidJson<Reasoned>,
) -> Result<Response, Problem> {
    brief(desk(&state, &admin, &body.reason)?.cancel(&id).await)
}

/// Correct a failed order for its merchant
///
/// It gets the payload and is sent again.
#[utoipa::path(post, path = "/orders/{id}/amend", tag = TAG, operation_id = "amendOnBehalf",
    params(("id" = String, Path, description = "The order's id")), request_body = AmendBody,
    responses((status = 200, description = "As it then stands", body = Data<OrderBrief>),
        (status = 404, description = "There is no such order"),
        (status = 409, description = "Refused; `code` says why"),
        (status = 422, description = "The payload breaks a rule")))]
async fn amend(
    State(state): State<AdminState>,
    admin: Admin,
    Path(id): Path<String>,
    ValidJson(body): ValidJson<AmendBody>,
) -> Result<Response, Problem> {
    let desk = desk(&state, &admin, &body.reason)?;
    brief(desk.amend(&id, &NewOrder::from(body.payload)).await)
}

/// Send a failed order again as it is
#[utoipa::path(post, path = "/orders/{id}/resend", tag = TAG, operation_id = "resendOrder",
    params(("id" = String, Path, description = "The order's id")), request_body = Reasoned,
    responses((status = 200, description = "As it then stands", body = Data<OrderBrief>),
        (status = 404, description = "There is no such order"),
        (status = 409, description = "Refused; `code` says why")))]
async fn resend(
    State(state): State<AdminState>,
    admin: Admin,
    Path(id): Path<String>,
    ValidJson(body): ValidJson<Reasoned>,
) -> Result<Response, Problem> {
    brief(desk(&state, &admin, &body.reason)?.resend(&id).await)
}

/// Try now what an order waits a time for
#[utoipa::path(post, path = "/orders/{id}/try-now", tag = TAG, operation_id = "tryOrderNow",
    params(("id" = String, Path, description = "The order's id")), request_body = Reasoned,
    responses((status = 200, description = "As it then stands", body = Data<OrderBrief>),
        (status = 404, description = "There is no such order"),
        (status = 409, description = "Refused; `code` says why")))]
async fn try_now(
    State(state): State<AdminState>,
    admin: Admin,
    Path(id): Path<String>,
    ValidJson(body): ValidJson<Reasoned>,
) -> Result<Response, Problem> {
    let order = load(&state.orders, &id).await?;
    let actions = state.desk.actions(&order).await?;
    let held = actions.into_iter().find(|action| action.name == "try-now").and_then(|action| action.why);
    // What the order itself refuses is refused below, with its own code.
    if let Some(why) = held.filter(|why| why.starts_with("the account is held")) {
        return Err(Problem::new(Kind::ConflictState, format!("{why}.")).named("account-held"));
    }
    brief(desk(&state, &admin, &body.reason)?.try_now(&id).await)
}

/// Erase personal data
///
/// Of the consignee of an order that has ended, for good.
#[utoipa::path(post, path = "/orders/{id}/erase", tag = TAG, operation_id = "eraseOrder",
    params(("id" = String, Path, description = "The order's id")), request_body = Reasoned,
    responses((status = 200, description = "As it then stands", body = Data<OrderBrief>),
        (status = 404, description = "There is no such order"),
        (status = 409, description = "Refused; `code` says why")))]
async fn erase(
    State(state): State<AdminState>,
    admin: Admin,
    Path(id): Path<String>,
    ValidJson(body): ValidJson<Reasoned>,
) -> Result<Response, Problem> {
    brief(desk(&state, &admin, &body.reason)?.erase(&id).await)
}

/// See personal data
///
/// Of an order, or of one of its calls; the audit log keeps who saw it and why.
#[utoipa::path(post, path = "/orders/{id}/reveal", tag = TAG, operation_id = "revealOrder",
    params(("id" = String, Path, description = "The order's id")), request_body = RevealBody,
    responses((status = 200, description = "In full", body = Data<Revealed>),
        (status = 404, description = "There is no such order, or it has no such call")))]
async fn reveal(
    State(state): State<AdminState>,
    admin: Admin,
    Path(id): Path<String>,
    ValidJson(body): ValidJson<RevealBody>,
) -> Result<Response, Problem> {
    let desk = desk(&state, &admin, &body.reason)?;
    match (body.what, &body.call_id) {
        (RevealWhat::Order, _) => {
            let order = desk.reveal(&id, "the order").await?;
            Ok(data(Revealed::Order(Box::new(OrderView::from(order)))))
        }
        (RevealWhat::Call, None) => Err(invalid("/callId", "required", "must name the call")),
        (RevealWhat::Call, Some(call)) => {
            // That there is such a call is no secret; what it says is.
            let record = state.records.call(&id, call, true).await?.ok_or_else(no_call)?;
            desk.reveal(&id, &format!("the call {}", record.id)).await?;
            Ok(data(Revealed::Call(Box::new(CallView::new(record, None)))))
        }
    }
}
