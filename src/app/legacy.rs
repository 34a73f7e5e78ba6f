//! `waybill import-legacy`: the orders of the Node system that this one replaces.
//!
//! Guards against a merchant's retry after the switch that ships again: every order that has a
//! `clientOrderId` there holds it here, whatever became of it. Final ones come as they are, all others go to
//! a person. An import may be repeated: what came in before is left alone.

mod order;
mod request;

use std::collections::BTreeMap;

use crate::{
    base::timestamp::Timestamp,
    features::orders::model::{Imported, ImportedEnd, Order},
    platform::{
        config::Words,
        store::{Document, Foreign, ForeignDocument, Store, StoreError},
    },
};

const ORDERS: &str = "orders";
const REQUEST_LOGS: &str = "parcelx_request_logs";
const RESPONSE_LOGS: &str = "parcelx_response_logs";
/// How many orders are read at a time.
const PAGE: usize = 200;

/// What an import came to, or would come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub read: u64,
    pub booked: u64,
    pub failed: u64,
    pub cancelled: u64,
    /// Ids and why, of those that go to a person.
    pub to_review: Vec<(String, String)>,
    /// Of these: there already, by an earlier import.
    pub there: u64,
    /// Ids of those that another order stands in the way of, and which of its keys is taken.
    pub taken: Vec<(String, String)>,
    /// Ids of those that cannot be read, and where.
    pub unreadable: Vec<(String, String)>,
}

/// Reads all orders of `from`, and puts them into `to` if that is asked for. Nothing of `from` is changed.
/// `words` say which refusals were not about their order.
///
/// # Errors
/// When a database fails. What was imported until then stays.
pub async fn import(
    from: &Foreign,
    to: &Store,
    words: &Words,
    now: Timestamp,
    writes: bool,
) -> Result<Report, StoreError> {
    let mut report = Report::default();
    let mut rows = from.all(ORDERS).await?;
    loop {
        let page = rows.next(PAGE).await?;
        if page.is_empty() {
            return Ok(report);
        }
        let logs = Logs::of(from, &page).await?;
        let mut orders = Vec::new();
        for document in &page {
            report.read += 1;
            match order::read(document, &logs, words) {
                Ok(order) => orders.push(order),
                Err(why) => report.unreadable.push((document.id.clone(), why.to_owned())),
            }
        }
        bring(orders, to, now, writes, &mut report).await?;
    }
}

async fn bring(
    orders: Vec<Imported>,
    to: &Store,
    now: Timestamp,
    writes: bool,
    report: &mut Report,
) -> Result<(), StoreError> {
    let legacy: Vec<_> = orders.iter().map(|order| order.id.clone()).collect();
    let ends: Vec<_> = orders.iter().map(|order| order.end.clone()).collect();
    let orders: Vec<_> = orders.into_iter().map(|order| Order::imported(order, now)).collect();
    let ids: Vec<_> = orders.iter().map(Order::id).collect();
    let found = to.get_many::<Order>(&ids).await?;
    let there: Vec<&str> =
        found.docs.iter().map(Order::id).chain(found.unreadable.iter().map(|u| u.id.as_str())).collect();
    for ((order, end), id) in orders.iter().zip(ends).zip(legacy) {
        if there.contains(&Document::id(order)) {
            report.there += 1;
            continue;
        }
        match if writes { put(to, order).await? } else { Put::AsItIs } {
            Put::AsItIs => {}
            Put::ForAPerson => {
                report.to_review.push((id, "another order has its AWB".to_owned()));
                continue;
            }
            Put::Taken(key) if key == "id" => {
                report.there += 1;
                continue;
            }
            Put::Taken(key) => {
                report.taken.push((id, key));
                continue;
            }
        }
        match end {
            ImportedEnd::Booked(_) => report.booked += 1,
            ImportedEnd::Failed(_) => report.failed += 1,
            ImportedEnd::Cancelled(_) => report.cancelled += 1,
            ImportedEnd::Open(why) => report.to_review.push((id, why)),
        }
    }
    Ok(())
}

/// What became of one order.
enum Put {
    AsItIs,
    ForAPerson,
    /// Not put in: another order has this key.
    Taken(String),
}

/// A shipment or a number that another order has must not keep an order from holding its `clientOrderId`: it
/// comes without the shipment, for a person to look at, or under another number.
async fn put(to: &Store, order: &Order) -> Result<Put, StoreError> {
    let bare = order.without_awb();
    let under_another = bare.as_ref().map(Order::renumbered);
    let forms = [Some(order.clone()), bare, Some(order.renumbered()), under_another];
    for form in forms.into_iter().flatten() {
        match to.insert(&form).await {
            Ok(()) if form.awb() == order.awb() => return Ok(Put::AsItIs),
            Ok(()) => return Ok(Put::ForAPerson),
            Err(StoreError::Conflict { index }) if index == "id" || index == Order::BY_CLIENT_ORDER_ID => {
                return Ok(Put::Taken(index));
            }
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Put::Taken("order number".to_owned()))
}

/// The logs of a page of orders.
struct Logs {
    /// By their own ids and by those of their orders; of several the last one counts.
    requests: BTreeMap<String, ForeignDocument>,
    responses: BTreeMap<String, ForeignDocument>,
}

impl Logs {
    async fn of(from: &Foreign, orders: &[ForeignDocument]) -> Result<Self, StoreError> {
        let mut logs = Self { requests: BTreeMap::new(), responses: BTreeMap::new() };
        for (collection, reference) in
            [(REQUEST_LOGS, "parcelxRequestRefId"), (RESPONSE_LOGS, "parcelxResponseRefId")]
        {
            let named = |order: &ForeignDocument| order::text(order.fields.as_ref()?.get(reference));
            let (mut refs, mut without) = (Vec::new(), Vec::new());
            for order in orders {
                match named(order) {
                    Some(id) => refs.push(id),
                    None => without.push(order.id.clone()),
                }
            }
            let mut found = from.with(collection, "_id", &refs).await?;
            if !without.is_empty() {
                found.extend(from.with(collection, "orderId", &without).await?);
            }
            let into = if collection == REQUEST_LOGS { &mut logs.requests } else { &mut logs.responses };
            for log in found {
                let order = log.fields.as_ref().and_then(|fields| order::text(fields.get("orderId")));
                into.insert(log.id.clone(), log.clone());
                into.extend(order.map(|order| (order, log)));
            }
        }
        Ok(logs)
    }
}
