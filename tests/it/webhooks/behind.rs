//! A consumer that was away goes on in small steps, and what is to be sent waits in the store.

use std::time::{Duration, Instant};

use serde_json::{Map, json};
use tokio_util::sync::CancellationToken;
use waybill::{
    features::{
        events::{Events, NewEvent, Public, reader::Place, shown::EventType},
        webhooks::{Delivery, DeliveryState, Endpoint, fan_out::FanOut},
    },
    platform::store::{Order as Sort, Query},
};

use super::{Receiver, endpoint, start};
use crate::support::TestApp;

/// What happened while nobody looked.
const MISSED: usize = 5000;
/// What one pass reads.
const PASS: usize = 200;

/// An order of this merchant was accepted, so many times.
pub(crate) async fn happen(app: &TestApp, merchant: &str, orders: std::ops::Range<usize>) {
    let events = Events::new(app.app.store.clone());
    let kind = EventType::OrderCreated.as_str().to_owned();
    let new = |n: usize| NewEvent {
        at: app.clock.now(),
        kind: "order.queued".to_owned(),
        subject: format!("ord_{n:032}"),
        no: 1,
        merchant: Some(merchant.to_owned()),
        public: Some(Public { merchant: merchant.to_owned(), kind: kind.clone() }),
        data: Map::from_iter([("status".to_owned(), json!("queued"))]),
    };
    let all: Vec<usize> = orders.collect();
    for some in all.chunks(PASS) {
        assert_eq!(events.publish(some.iter().copied().map(new).collect(), None).await.unwrap(), some.len());
    }
}

async fn place(app: &TestApp) -> i64 {
    app.app.store.get::<Place>("webhooks").await.unwrap().unwrap().seq
}

/// Deliveries that wait to be sent, as the store has them.
async fn waiting(app: &TestApp, endpoint: &str) -> usize {
    let due = Query::sorted_by("dueAt", Sort::Ascending).equal("endpoint", endpoint);
    usize::try_from(app.app.store.count::<Delivery>(&due, 2 * MISSED).await.unwrap().n).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_missed_is_made_in_small_steps_and_delays_nobody_else() {
    let (app, hangs, well) = (start().await, Receiver::start().await, Receiver::start().await);
    hangs.answers(|_| None);
    let (away, other) = (app.merchant("away"), app.merchant("other"));
    let (far, _) = endpoint(&away, &hangs.url, &[]).await;
    let (near, _) = endpoint(&other, &well.url, &[]).await;
    // The consumer is there, and then away for a day.
    assert_eq!(app.worker.run_webhooks().await.unwrap(), 0);
    happen(&app, "away", 0..MISSED).await;
    app.advance(Duration::from_secs(24 * 3600));
    assert_eq!(place(&app).await, 0);

    // Whoever takes over makes as many deliveries in one pass as it reads events, and keeps none of them.
    let mut passes = 0;
    loop {
        let mut fan_out = FanOut::new(app.app.store.clone(), app.clock.clone());
        let made = fan_out.pass().await.unwrap();
        let count: usize = made.deliveries.iter().map(|(_, made)| made.len()).sum();
        if count == 0 {
            break;
        }
        passes += 1;
        assert_eq!((count, place(&app).await), (PASS, i64::try_from(passes * PASS).unwrap()));
    }
    assert_eq!((passes * PASS, waiting(&app, &far).await), (MISSED, MISSED));

    // The next pass has what is new to another address, which gets it while that of the many hangs.
    happen(&app, "other", MISSED..MISSED + 1).await;
    let stop = CancellationToken::new();
    let (worker, stopped) = (app.worker.webhooks().clone(), stop.clone());
    let running = tokio::spawn(async move { worker.run(stopped).await });
    let started = Instant::now();
    while waiting(&app, &near).await > 0 || well.count() == 0 {
        assert!(started.elapsed() < Duration::from_secs(10), "{} hang", hangs.count());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!((well.count(), place(&app).await), (1, i64::try_from(MISSED + 1).unwrap()));
    // Sixteen of the many are under way, and all of them are in the store until they have arrived.
    assert!(hangs.count() <= 16, "{} at once", hangs.count());
    assert_eq!(waiting(&app, &far).await, MISSED);
    running.abort();
    let one = super::deliveries(&other, &near).await[0].clone();
    assert_eq!(one["state"], DeliveryState::Delivered.as_str());
}

/// More than are read at once.
#[tokio::test]
async fn each_of_a_thousand_addresses_gets_what_happens() {
    const MANY: usize = 1001;
    let app = start().await;
    // As many as this are written in one commit.
    let store = app.app.store.within(Duration::from_secs(60));
    let url = |n: usize| format!("https://shop.example/{n}");
    let all: Vec<_> = (0..MANY).map(|n| Endpoint::new("shop", url(n), Vec::new(), app.clock.now())).collect();
    assert!(store.insert_all(&all).await.into_iter().all(|done| done.is_ok()));
    happen(&app, "shop", 0..1).await;
    let made = FanOut::new(store, app.clock.clone()).pass().await.unwrap();
    let count: usize = made.deliveries.iter().map(|(_, made)| made.len()).sum();
    assert_eq!(count, MANY);
}
