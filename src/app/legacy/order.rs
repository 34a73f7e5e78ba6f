//! One order of the Node system, and what its logs say of it.

use serde_json::{Map, Value};

use super::{Logs, request};
use crate::{
    base::timestamp::Timestamp,
    features::orders::model::{Imported, ImportedEnd},
    platform::{config::Words, store::ForeignDocument},
    provider::{
        carrier::{CallOutcome, Shipment},
        parcelx::imported::create_outcome,
    },
};

type Fields = Map<String, Value>;

/// # Errors
/// What of it cannot be read, without any value.
pub(super) fn read(document: &ForeignDocument, logs: &Logs, words: &Words) -> Result<Imported, &'static str> {
    let fields = document.fields.as_ref().ok_or("a value of it is no sound BSON")?;
    let required = |name: &str, what| text(fields.get(name)).ok_or(what);
    let user_id = required("userId", "data error at userId")?;
    let order_number = required("orderNumber", "data error at orderNumber")?;
    let created_at = time(fields, "createdAt").or_else(|| made_at(&document.id));
    let created_at = created_at.ok_or("data error at createdAt")?;
    let client_order_id = match fields.get("clientOrderId") {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) => Some(id.trim().to_owned()).filter(|id| !id.is_empty()),
        Some(_) => return Err("data error at clientOrderId"),
    };
    let log = |refs: &str, of: &'static str| {
        let all = if of == "request" { &logs.requests } else { &logs.responses };
        let named = text(fields.get(refs));
        all.get(named.as_ref().unwrap_or(&document.id)).and_then(|log| log.fields.as_ref())
    };
    let (request, response) =
        (log("parcelxRequestRefId", "request"), log("parcelxResponseRefId", "response"));
    let sent = request.and_then(|log| text(log.get("requestPayload")?.get("client_order_id")));
    let reference = sent.or_else(|| client_order_id.clone()).unwrap_or_else(|| order_number.clone());
    Ok(Imported {
        id: document.id.clone(),
        end: end(fields, request.is_some(), response, words)?,
        payload: request::payload(fields),
        user_id,
        client_order_id,
        order_number,
        reference,
        created_at,
        updated_at: time(fields, "updatedAt").unwrap_or(created_at),
        request_ref_id: text(fields.get("parcelxRequestRefId")),
        response_ref_id: text(fields.get("parcelxResponseRefId")),
    })
}

/// That system called an order failed whose call had no answer: that one is as open as one that was never
/// called back. What it calls cancelled is, as far as its shipment goes, or was never asked for.
fn end(
    fields: &Fields,
    was_sent: bool,
    response: Option<&Fields>,
    words: &Words,
) -> Result<ImportedEnd, &'static str> {
    let word = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let outcome = answer(response, words);
    let open = |why: &str| Ok(ImportedEnd::Open(why.to_owned()));
    match (word("status"), word("providerSyncStatus"), outcome) {
        ("cancelled", _, CallOutcome::Done(shipment)) => Ok(ImportedEnd::Cancelled(Some(shipment))),
        ("cancelled", "queued", _) if !was_sent => Ok(ImportedEnd::Cancelled(None)),
        ("cancelled", _, CallOutcome::Refused(_)) => Ok(ImportedEnd::Cancelled(None)),
        ("cancelled", ..) => open("called off there, and whether it was booked is not on record"),
        (_, _, CallOutcome::Done(shipment)) => Ok(ImportedEnd::Booked(shipment)),
        (_, "success", _) => open("booked there, and no AWB is on record"),
        (_, "failed", CallOutcome::Refused(words)) => Ok(ImportedEnd::Failed(words)),
        (_, "failed", CallOutcome::Deferred { cause, .. }) => Ok(ImportedEnd::Failed(cause.to_string())),
        (_, "failed", _) => open("failed there without a readable refusal: it may be booked"),
        (_, "queued", _) if !was_sent => open("queued there, and no call is on record"),
        (_, "queued" | "processing", _) => open("under way there, and no answer is on record"),
        _ => Err("data error at providerSyncStatus"),
    }
}

fn answer(response: Option<&Fields>, words: &Words) -> CallOutcome<Shipment> {
    let status = response.and_then(|log| log.get("statusCode")?.as_u64());
    let status = status.and_then(|status| u16::try_from(status).ok());
    let body = response.and_then(|log| log.get("responsePayload")).filter(|body| !body.is_null());
    create_outcome(status, body, words)
}

/// An id or a name: a text, or a number that stands for one.
pub(super) fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()).filter(|text| !text.trim().is_empty()),
        Value::Number(number) if number.is_i64() => Some(number.to_string()),
        _ => None,
    }
}

fn time(fields: &Fields, name: &str) -> Option<Timestamp> {
    match fields.get(name)? {
        Value::String(text) => Timestamp::parse(text).ok(),
        Value::Number(ms) => ms.as_i64().map(Timestamp::from_millis),
        _ => None,
    }
}

/// An object id begins with the seconds in which it was made.
fn made_at(id: &str) -> Option<Timestamp> {
    if id.len() != 24 {
        return None;
    }
    let seconds = i64::from_str_radix(id.get(..8)?, 16).ok()?;
    Some(Timestamp::from_millis(seconds * 1000))
}
