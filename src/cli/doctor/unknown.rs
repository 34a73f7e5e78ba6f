//! Orders that the queue has had jobs for, and the database does not have.
//!
//! Guards against a database that was restored from a backup and that nobody knows to be one: what was
//! accepted since is booked, and a create that is repeated would ship it again.

use std::collections::BTreeSet;

use anyhow::Context;
use serde_json::Value;

use super::{
    PATIENCE,
    findings::{Findings, first},
};
use crate::{
    app::{App, queues},
    features::orders::model::Order,
    platform::{queue::JobState, store::Store},
};

/// How many jobs of each queue and state are looked at: the first ones, of finished ones the newest.
const JOBS: usize = 200;

pub(super) async fn look(app: &App, found: &mut Findings) -> anyhow::Result<()> {
    let store = app.store.within(PATIENCE);
    let mut unknown = BTreeSet::new();
    for (queue, _) in queues() {
        for state in JobState::ALL {
            let page = app.queue.inspect.list(queue, state, None, JOBS).await.context("queue")?;
            let orders = page.jobs.iter().filter_map(|job| order_of(&job.data)).collect();
            unknown.extend(without(&store, orders).await?);
        }
    }
    let unknown = Vec::from_iter(unknown);
    if !unknown.is_empty() {
        found.attention.push(format!(
            "jobs are for {} orders that the database does not have ({}): was it restored from a backup? \
             docs/operations.md, Restoring",
            unknown.len(),
            first(&unknown)
        ));
    }
    found.facts.insert("unknownOrders".to_owned(), unknown.into());
    Ok(())
}

/// The order that a job is for. Those of other programs have other ids.
fn order_of(data: &str) -> Option<String> {
    let data: Value = serde_json::from_str(data).ok()?;
    let id = data.get("orderId")?.as_str()?;
    id.starts_with("ord_").then(|| id.to_owned())
}

/// Those of them that the database does not have.
async fn without(store: &Store, mut orders: BTreeSet<String>) -> anyhow::Result<BTreeSet<String>> {
    if orders.is_empty() {
        return Ok(orders);
    }
    let ids: Vec<_> = orders.iter().map(String::as_str).collect();
    let page = store.get_many::<Order>(&ids).await.context("database")?;
    for order in &page.docs {
        orders.remove(order.id());
    }
    for order in &page.unreadable {
        orders.remove(&order.id);
    }
    Ok(orders)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_jobs_of_our_orders_are_for_one() {
        assert_eq!(order_of(r#"{"orderId":"ord_1","userId":"u1"}"#), Some("ord_1".to_owned()));
        for other in [r#"{"orderId":"65f0c0ffee"}"#, r#"{"orderId":7}"#, r#"{"emailId":"eml_1"}"#, "{}", "x"]
        {
            assert_eq!(order_of(other), None, "{other}");
        }
    }
}
