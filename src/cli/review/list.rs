//! `waybill review list`.

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

/// The most orders that are printed at once.
const MOST: usize = 1000;

pub(super) async fn run(app: &App, args: List) -> anyhow::Result<()> {
    let filter = ReviewFilter { of: args.of.map(ReviewOf::from), ..args.filter.read()? };
    let after = args.after.as_deref().map(cursor).transpose()?;
    let page = app.state.orders.in_review(&filter, after, args.limit.clamp(1, MOST)).await?;
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
    super::super::say(&line("waiting since", "order", "number", "merchant", "of", "why"))?;
    for order in &page.orders {
        let Some(review) = order.review() else { continue };
        let (since, why) = (review.since.to_string(), why(order));
        super::super::say(&line(
            &since,
            order.id(),
            order.order_number(),
            order.user_id(),
            of(review.of),
            &why,
        ))?;
    }
    if let Some(next) = next {
        super::super::say(&format!("\nmore: --after {next}"))?;
    }
    Ok(())
}

fn line(since: &str, id: &str, number: &str, user: &str, of: &str, why: &str) -> String {
    format!("{since:<24}  {id:<36}  {number:<17}  {user:<16}  {of:<12}  {why}")
}

fn of(of: ReviewOf) -> &'static str {
    match of {
        ReviewOf::Booking => "booking",
        ReviewOf::Cancellation => "cancellation",
    }
}

/// Why it waits, without what names a person.
fn why(order: &Order) -> String {
    let Some(review) = order.review() else { return String::new() };
    match review.of {
        ReviewOf::Booking => redact::words(order.sync_reason().unwrap_or(&review.reason)),
        ReviewOf::Cancellation => format!("{} ({})", review.reason, stuck(order).join(", ")),
    }
}

/// The shipments whose cancel waits for a person.
fn stuck(order: &Order) -> Vec<&str> {
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
        "id": order.id(), "orderNumber": order.order_number(), "userId": order.user_id(), "clientOrderId": order.client_order_id(),
        "of": review.map(|r| r.of), "reason": review.map(|r| r.reason.as_str()), "detail": why(order), "since": review.map(|r| r.since),
        "providerSyncStatus": order.provider_sync_status(), "providerEnv": order.provider_env(), "cancellation": order.cancellation().state(),
        "awb": order.awb(), "shipments": stuck(order), "createdAt": order.created_at(),
    })
}

fn token(cursor: &Cursor) -> String {
    let since = if let Key::Time(at) = &cursor.key { at.to_string() } else { String::new() };
    format!("{since}/{}", cursor.id)
}

fn cursor(text: &str) -> anyhow::Result<Cursor> {
    let read = text.split_once('/').and_then(|(at, id)| Some((Timestamp::parse(at).ok()?, id)));
    let (at, id) = read.ok_or_else(|| anyhow!("--after: must be what an earlier page gave"))?;
    Ok(Cursor { key: Key::Time(at), id: id.to_owned() })
}
