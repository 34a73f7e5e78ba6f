//! `waybill order`: one order, as an operator may see it.

use anyhow::bail;
use serde_json::{Value, json};

use super::open::open;
use crate::{
    features::orders::{model::Order, service::OrderService},
    platform::{config::Config, store::StoreError},
    provider::carrier::{CallRecords, redact},
};

const EXAMPLES: &str = "\
Examples:
  waybill order ord_019a…              by its id
  waybill order ORD-7K2M9QXW4TBHA      by its order number
  waybill order 00000000000017 --json  by its AWB, as JSON

Names, addresses and phone numbers are not shown.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// An id, an order number or an AWB.
    what: String,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args, config: Config) -> anyhow::Result<()> {
    let app = open(config).await?;
    let Some(order) = find(&app.state.orders, args.what.trim()).await? else {
        bail!("there is no order with this id, order number or AWB")
    };
    let calls = app.logs.of_order(order.id()).await?;
    let history: Vec<Value> = order.history().iter().map(entry).collect();
    let calls: Vec<Value> = calls
        .into_iter()
        .map(|call| {
            let outcome = call.outcome;
            json!({ "id": call.id, "operation": call.operation, "attempt": call.attempt,
                "sentAt": call.sent_at, "neverSent": call.never_sent,
                "verdict": outcome.as_ref().map(|outcome| outcome.verdict.clone()),
                "statusCode": outcome.as_ref().and_then(|outcome| outcome.status_code) })
        })
        .collect();
    let shown = json!({
        "id": order.id(), "orderNumber": order.order_number(), "userId": order.user_id(),
        "clientOrderId": order.client_order_id(), "providerEnv": order.provider_env(),
        "status": order.status(), "providerSyncStatus": order.provider_sync_status(),
        "syncReason": order.sync_reason().map(redact::words), "nextCheckAt": order.next_check_at(),
        "overdueAt": order.overdue_at(), "awb": order.awb(), "courierName": order.courier_name(),
        "bookedAt": order.booked_at(), "duplicateAwbs": order.booking().duplicate_awbs(),
        "cancellation": order.cancellation().state(), "review": order.review(),
        "generation": order.generation(), "createdAt": order.created_at(), "updatedAt": order.updated_at(),
        "history": history, "calls": calls,
    });
    if args.json {
        super::say(&shown.to_string())?;
        return Ok(());
    }
    for (name, value) in shown.as_object().into_iter().flatten() {
        match value {
            Value::Null => {}
            Value::Array(list) if list.is_empty() => {}
            Value::Array(list) => {
                super::say(name)?;
                for line in list {
                    super::say(&format!("  {}", text(line)))?;
                }
            }
            value => super::say(&format!("{name:<20} {}", text(value)))?,
        }
    }
    Ok(())
}

/// Which of the three it is, is told by its form; an AWB may look like anything.
async fn find(orders: &OrderService, what: &str) -> Result<Option<Order>, StoreError> {
    match orders.load(what).await? {
        Some(order) => Ok(Some(order)),
        None => orders.by_number_or_awb(what).await,
    }
}

fn entry(entry: &crate::features::orders::model::HistoryEntry) -> Value {
    let mut shown = serde_json::to_value(entry).unwrap_or_default();
    if let Some(reason) = shown.get_mut("reason")
        && let Some(text) = reason.as_str()
    {
        *reason = redact::words(text).into();
    }
    shown
}

/// A value on one line.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(map) => {
            let parts = map.iter().filter(|(_, value)| !value.is_null());
            parts.map(|(name, value)| format!("{name}={}", text(value))).collect::<Vec<_>>().join("  ")
        }
        value => value.to_string(),
    }
}
