//! What a merchant is told, while whoever tells it is killed: between a delivery and its place in the store,
//! and at any moment; and while the queue is lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use axum::{Router, extract::State, http::HeaderMap};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{net::TcpListener, time::sleep};

use crate::{audit::audit, rig::Rig, seed};

/// The ids that arrived, with what was said under each.
type Arrived = Arc<Mutex<BTreeMap<String, BTreeSet<String>>>>;

async fn receive(State(arrived): State<Arrived>, headers: HeaderMap, body: String) {
    let id = headers["webhook-id"].to_str().unwrap().to_owned();
    arrived.lock().unwrap().entry(id).or_default().insert(body);
}

async fn receiver() -> (String, Arrived) {
    let arrived = Arrived::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hooks", listener.local_addr().unwrap());
    let router = Router::new().fallback(receive).with_state(Arc::clone(&arrived));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, arrived)
}

/// The ids of all events of the merchant, as the API lists them.
async fn events(rig: &Rig) -> BTreeSet<String> {
    let (mut all, mut path) = (BTreeSet::new(), "/v1/events?limit=200".to_owned());
    loop {
        let page = rig.merchant.ask(Method::GET, &path, None).await;
        let data = page["data"].as_array().unwrap();
        all.extend(data.iter().map(|event| event["id"].as_str().unwrap().to_owned()));
        if page["hasMore"] == json!(false) {
            return all;
        }
        path = format!("/v1/events?limit=200&cursor={}", page["nextCursor"].as_str().unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_address_gets_each_event_whatever_dies() {
    let settings = [("WAYBILL_QUEUE__MAX_STALLED", "1000"), ("WAYBILL_WEBHOOKS__ALLOW_PRIVATE", "yes")];
    let rig = Rig::new("webhooks", &settings).await;
    let mut random = rig.seed.clone();
    rig.simulator.pace(0, 0).await;
    let mut api = rig.api(None).await;
    let receivers = [receiver().await, receiver().await];
    for (url, _) in &receivers {
        rig.merchant.ask(Method::POST, "/v1/webhook-endpoints", Some(&json!({ "url": url }))).await;
    }
    let rounds = (seed::rounds() / 5).max(3);
    for round in 0..rounds {
        // Every other one dies with a delivery that has arrived and is not written down.
        let at_point = round % 2 == 0;
        let point = format!("webhook:sent:{}", 1 + random.below(8));
        let mut worker = rig.worker(at_point.then_some(point.as_str())).await;
        for n in 0..6 {
            rig.merchant.create(&format!("W-{round}-{n}")).await;
        }
        if at_point {
            worker.dies_at_its_point().await;
            rig.killed();
        } else {
            sleep(random.ms(0, 12_000)).await;
            rig.kill(worker);
        }
        if round == 1 {
            rig.lose_queue();
        }
        rig.replace(&mut api).await;
    }
    let worker = rig.worker(None).await;
    let told = |arrived: &Arrived| arrived.lock().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let settled = || {
        let waits = rig.documents("webhook_deliveries").into_iter().any(|d| d["state"] == json!("pending"));
        let open = rig.documents("orders").into_iter().any(|order: Value| {
            !matches!(order["providerSyncStatus"].as_str(), Some("success" | "failed" | "cancelled"))
        });
        !waits && !open
    };
    rig.until("every order is booked and every delivery made", settled).await;
    // The last steps become events, and those deliveries, a moment after the orders are settled.
    let due = std::time::Instant::now() + std::time::Duration::from_secs(30);
    let expected = loop {
        let expected = events(&rig).await;
        let steps: usize =
            rig.documents("orders").iter().map(|o| o["history"].as_array().unwrap().len()).sum();
        if expected.len() >= steps && receivers.iter().all(|(_, arrived)| told(arrived) == expected) {
            break expected;
        }
        let seen: Vec<_> = receivers.iter().map(|(_, arrived)| told(arrived).len()).collect();
        assert!(due > std::time::Instant::now(), "{seen:?} of {} events, {steps} steps", expected.len());
        sleep(std::time::Duration::from_millis(100)).await;
    };
    assert!(expected.len() >= rounds * 6 * 3, "{}", expected.len());
    for (_, arrived) in &receivers {
        for (id, said) in arrived.lock().unwrap().iter() {
            assert_eq!(said.len(), 1, "{id} says the same at each try: {said:?}");
        }
    }
    audit(&rig, vec![worker], vec![api]).await;
}
