//! What people do with orders that wait for one, and what is written down of it.

mod adopt;
mod bulk;
mod cancel_shipment;
mod dead;
mod erase;
mod exchange;
mod fail;
mod list;
mod race;
mod rebook;
mod resend;

use std::{net::SocketAddr, time::Duration};

use secrecy::SecretString;
use serde_json::Value;
use waybill::{
    features::{
        audit::{Audit, AuditContext, AuditLine, Outcome, Via},
        orders::{
            model::{Order, ReviewOf},
            reason,
            review::Refusal,
            service::review::{ReviewError, ReviewService},
            status::SyncStatus,
        },
    },
    platform::config::Account,
    provider::simulator::{Answer, Lookup, Rule},
};

use crate::support::{Client, TestApp, orders::order};

/// Asha at her reviewer, who sees ParcelX.
fn reviewer(app: &TestApp) -> ReviewService {
    reviewer_at(app, app.provider_address)
}

fn reviewer_at(app: &TestApp, provider: SocketAddr) -> ReviewService {
    let key = || SecretString::from("key");
    let base_url = format!("http://{provider}").parse().unwrap();
    let carrier = app.app.carrier(Account { base_url, access_key: key(), secret_key: key() }).unwrap();
    app.app
        .state
        .orders
        .review_service(carrier, AuditContext::new("asha", Via::Cli, "She has looked").unwrap())
}

/// An address that nobody listens on.
async fn nobody() -> SocketAddr {
    tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

async fn stored(app: &TestApp, id: &str) -> Order {
    app.app.store.get(id).await.unwrap().unwrap()
}

/// What was written down of an order, oldest first.
async fn lines(app: &TestApp, id: &str) -> Vec<AuditLine> {
    let mut lines =
        Audit::new(app.app.store.clone(), app.clock.clone()).list(Some(id), None, 100).await.unwrap();
    lines.reverse();
    lines
}

/// The only line, as action, outcome and detail.
async fn line(app: &TestApp, id: &str) -> (String, Outcome, Option<String>) {
    let lines = lines(app, id).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line = lines.into_iter().next().unwrap();
    assert_eq!(
        (line.actor.name.as_str(), line.actor.via, line.reason.as_str()),
        ("asha", Via::Cli, "She has looked")
    );
    assert_eq!((line.subject.collection.as_str(), line.user_id.as_deref()), ("orders", Some("u1")));
    assert!(line.ended_at.is_some());
    (line.action, line.outcome, line.detail)
}

#[track_caller]
fn refusal(result: Result<Order, ReviewError>) -> Refusal {
    match result {
        Err(ReviewError::Refused(refusal)) => refusal,
        other => panic!("not refused: {:?}", other.map(|order| order.provider_sync_status())),
    }
}

/// Runs jobs and moves the clock until nothing more happens to the order by itself.
async fn until_settled(app: &TestApp, id: &str) -> Order {
    for _ in 0..400 {
        app.run_pending_jobs().await;
        let order = stored(app, id).await;
        let Some(due) = order.overdue_at() else { return order };
        app.advance(due.since(app.clock.now()));
    }
    panic!("the order never settles: {:#?}", stored(app, id).await);
}

/// An order whose create was not answered and which look-ups did not find; `booked`, or not.
async fn unclear(app: &TestApp, booked: bool) -> (Client, String) {
    let merchant = app.merchant("u1");
    app.simulator.change_faults(|f| f.lookup = Lookup::Never);
    app.simulator.script(Rule::create(if booked {
        Answer::LostAfterBooking
    } else {
        Answer::LostBeforeBooking
    }));
    let id = merchant.create(&order("unclear")).await;
    app.run_pending_jobs().await;
    app.advance(Duration::from_secs(1));
    merchant.create(&order("later")).await;
    let ended = until_settled(app, &id).await;
    assert_eq!(
        (ended.provider_sync_status(), ended.sync_reason()),
        (SyncStatus::NeedsReview, Some(reason::OUTCOME_UNKNOWN))
    );
    assert_eq!(ended.review().unwrap().of, ReviewOf::Booking);
    app.assert_calls(&[("create", 2), ("track", 5)]);
    (merchant, id)
}

/// An order that was never sent and waits for a person.
async fn unsent(app: &TestApp) -> (Client, String) {
    let merchant = app.merchant("u1");
    let id = merchant.create(&order("unsent")).await;
    let why = format!("{}: not-connected", reason::PROVIDER_UNREACHABLE);
    app.app.state.orders.review(&id, &why).await.unwrap().unwrap();
    app.run_pending_jobs().await;
    (merchant, id)
}

/// The AWB that the provider really has for an order.
async fn real_awb(app: &TestApp, id: &str) -> String {
    let number = stored(app, id).await.order_number().to_owned();
    app.simulator.shipments().into_iter().find(|s| s.reference == number).unwrap().awb
}

fn live(app: &TestApp, number: &str) -> usize {
    app.simulator.shipments().iter().filter(|s| s.live && s.reference == number).count()
}

fn last_reason(seen: &Value) -> Option<&str> {
    seen["history"].as_array().unwrap().last().unwrap()["reason"].as_str()
}
