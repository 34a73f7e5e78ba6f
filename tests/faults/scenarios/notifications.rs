//! What people of a shop are told, while whoever makes it is killed: between the look at the events and the
//! write, and at any moment.

use std::{collections::BTreeSet, time::Duration};

use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::time::sleep;
use waybill::{
    base::clock::Clock, features::merchants::user::User, platform::auth::Passwords, platform::store::Store,
};

use crate::{rig::Rig, seed};

/// Somebody who works for the rig's merchant: without people nobody is told.
async fn person(rig: &Rig) {
    let password = Passwords::default().hash("asha", &SecretString::from("correct horse battery")).await;
    let user = json!({
        "id": "usr_019ab3c45f6d7a8b9c0d1e2f3a4b5c6d", "version": 1, "merchantId": "u1", "name": "Asha",
        "role": "owner", "era": 1, "createdAt": Clock::system().now(), "password": password.unwrap(),
    });
    let user: User = serde_json::from_value(user).unwrap();
    Store::open(&rig.store_url()).await.unwrap().insert(&user).await.unwrap();
}

/// The orders that were told of; each once, numbered without a gap.
fn told(rig: &Rig) -> BTreeSet<String> {
    let mut all = rig.documents("notifications");
    all.sort_by_key(|one| one["no"].as_i64());
    let numbers = all.iter().map(|one| one["no"].as_i64().unwrap());
    assert!(numbers.eq(1..=i64::try_from(all.len()).unwrap()), "{all:?}");
    let orders: BTreeSet<_> = all.iter().map(|one| one["subject"].as_str().unwrap().to_owned()).collect();
    assert_eq!(orders.len(), all.len(), "an order was told of twice: {all:?}");
    orders
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_failed_order_is_told_of_once_whatever_dies() {
    let rig = Rig::new("notifications", &[("WAYBILL_QUEUE__MAX_STALLED", "1000")]).await;
    let mut random = rig.seed.clone();
    rig.simulator.pace(0, 0).await;
    let refused = json!({ "operation": "create", "refuse": "The pincode is not served", "times": 100_000 });
    rig.simulator.script(refused).await;
    let api = rig.api(None).await;
    person(&rig).await;
    let rounds = (seed::rounds() / 5).max(3);
    for round in 0..rounds {
        let at_point = round % 2 == 0;
        let point = format!("notifications:made:{}", 1 + random.below(2));
        let mut worker = rig.worker(at_point.then_some(point.as_str())).await;
        let mut n = 0;
        while n < 6 || (at_point && worker.ended().is_none()) {
            rig.merchant.create(&format!("N-{round}-{n}")).await;
            n += 1;
            assert!(n < 1000, "the worker never reached {point}");
            sleep(Duration::from_millis(20)).await;
        }
        if at_point {
            worker.dies_at_its_point().await;
            rig.killed();
        } else {
            sleep(random.ms(0, 3_000)).await;
            rig.kill(worker);
        }
    }
    let worker = rig.worker(None).await;
    // Of a call that a kill has cut off nobody knows the end: such an order has not failed.
    let settled = || {
        let orders = rig.documents("orders");
        let states = |wanted: &[&str]| -> BTreeSet<String> {
            let of = |o: &&Value| o["providerSyncStatus"].as_str().is_some_and(|s| wanted.contains(&s));
            orders.iter().filter(of).map(|o| o["id"].as_str().unwrap().to_owned()).collect()
        };
        states(&["queued", "processing"]).is_empty() && told(&rig) == states(&["failed"])
    };
    rig.until("every failed order is told of", settled).await;
    // Whoever goes on behind another goes over nothing again.
    rig.kill(worker);
    let worker = rig.worker(None).await;
    let last = rig.merchant.create("N-last").await;
    rig.until("the last one is told of", || told(&rig).contains(&last) && settled()).await;
    worker.stop().await;
    api.stop().await;
}
