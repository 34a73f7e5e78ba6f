//! `waybill review list`: the orders in review.

use anyhow::anyhow;
use serde_json::{Value, json};

use super::args::List;
use crate::{
    app::App,
    base::timestamp::Timestamp,
    features::orders::{
        model::{Order, ReviewOf, ShipmentCancellationState},
        service::review::ReviewFilter,
    },
    platform::store::{Cursor, Key},
    provider::carrier::redact,
};

pub(super) async fn run(app: &App, args: List) -> anyhow::Result<()> {
    let filter = ReviewFilter { of: args.of.map(ReviewOf::from), ..args.filter.read()? };
    let after = args.after.as_deref().map(cursor).transpose()?;
    let page = app.state.orders.in_review(&filter, after, usize::from(args.limit)).await?;
    let next = page.next.as_ref().map(token);
    if args.json {
        let orders: Vec<Value> = page.orders.iter().map(row).collect();
        super::super::say(&json!({ "orders": orders, "next": next }).to_string())?;
        return Ok(());
    }
    if page.orders.is_empty() {
        super::super::say("no order waits for a person")?;
        return Ok(());
    }
    super::super::say(&line("waiting since", "order", "number", "merchant", "of", "reason"))?;
    for order in &page.orders {
        let Some(review) = order.review() else { continue };
        let (since, of, reason) = (review.since.to_string(), of(review.of), reason(order));
        super::super::say(&line(&since, order.id(), order.order_number(), order.user_id(), of, &reason))?;
    }
    if let Some(next) = next {
        super::super::say(&format!("\nmore: --after {next}"))?;
    }
    Ok(())
}

fn line(since: &str, id: &str, number: &str, user: &str, of: &str, reason: &str) -> String {
    format!("{since:<24}  {id:<36}  {number:<17}  {user:<16}  {of:<12}  {reason}")
}

fn of(of: ReviewOf) -> &'static str {
    match of {
        ReviewOf::Booking => "booking",
        ReviewOf::Cancellation => "cancellation",
    }
}

/// Why the order is in review, without personal data.
fn reason(order: &Order) -> String {
    let Some(review) = order.review() else { return String::new() };
    match review.of {
        ReviewOf::Booking => redact::words(order.sync_reason().unwrap_or(&review.reason)),
        ReviewOf::Cancellation => format!("{} ({})", review.reason, in_review(order).join(", ")),
    }
}

/// The shipments whose cancel is in review.
fn in_review(order: &Order) -> Vec<&str> {
    let waits =
        |state| matches!(state, ShipmentCancellationState::Review | ShipmentCancellationState::Refused);
    order
        .cancellation()
        .shipments()
        .iter()
        .filter(|cancel| waits(cancel.state) && !cancel.left_live)
        .map(|cancel| cancel.awb.as_str())
        .collect()
}

fn row(order: &Order) -> Value {
    let review = order.review();
    json!({
        "id": order.id(), "orderNumber": order.order_number(), "userId": order.user_id(),
        "clientOrderId": order.client_order_id(), "of": review.map(|r| r.of),
        "reason": review.map(|r| r.reason.as_str()), "detail": reason(order),
        "since": review.map(|r| r.since), "providerSyncStatus": order.provider_sync_status(),
        "providerEnv": order.provider_env(), "cancellation": order.cancellation().state(), "awb": order.awb(),
        "shipments": in_review(order), "createdAt": order.created_at(),
    })
}

fn token(cursor: &Cursor) -> String {
    let since = if let Key::Time(at) = &cursor.key { at.to_string() } else { String::new() };
    format!("{since}/{}", cursor.id)
}

fn cursor(text: &str) -> anyhow::Result<Cursor> {
    let read = text.split_once('/').and_then(|(at, id)| Some((Timestamp::parse(at).ok()?, id)));
    let (at, id) = read.ok_or_else(|| anyhow!("--after: must be the `next` of an earlier page"))?;
    Ok(Cursor { key: Key::Time(at), id: id.to_owned() })
}
