//! A replica set that loses its majority, and one that loses its primary again and again.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use tokio::time::sleep;

use crate::{audit::audit, replica_set::ReplicaSet, rig::Rig, seed};

/// A create is answered in this time, whatever the database does.
const ANSWERED: Duration = Duration::from_secs(5);
const CLIENTS: usize = 32;

async fn rig(scenario: &'static str, set: &ReplicaSet) -> Rig {
    Rig::on_servers(scenario, Some(set.url("waybill"))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_majority_is_frozen_no_create_is_accepted_and_afterwards_each_is_one_order() {
    let set = ReplicaSet::start(3).await;
    let rig = rig("frozen-majority", &set).await;
    let apis = vec![rig.api(None).await, rig.api(None).await];
    assert_eq!(rig.merchant.create_once(0, "before").await.unwrap().0, 201);
    let primary = set.primary().await;
    let frozen: Vec<_> = (0..set.nodes()).filter(|node| *node != primary).collect();
    frozen.iter().for_each(|node| set.signal(*node, "STOP"));
    // Twins of new orders, and of one that a majority has.
    let numbers = ["T-1", "T-2", "T-1", "T-2", "T-1", "T-3", "T-1", "T-2"];
    let started = Instant::now();
    let sent = numbers.iter().enumerate().map(|(n, number)| rig.merchant.create_once(n % 2, number));
    for (answer, number) in join_all(sent).await.into_iter().zip(numbers) {
        let (status, _) = answer.unwrap();
        assert_eq!(status, 503, "{number}");
    }
    assert!(started.elapsed() < ANSWERED, "{:?}", started.elapsed());
    let again = rig.merchant.create_once(1, "T-1").await.unwrap();
    assert_eq!(again.0, 503, "a later twin, which may find the first one");
    frozen.iter().for_each(|node| set.signal(*node, "CONT"));
    join_all(["T-1", "T-2", "T-3", "before"].map(|number| rig.merchant.create(number))).await;
    let worker = rig.worker(None).await;
    let findings = audit(&rig, vec![worker], apis).await;
    assert_eq!((findings.orders, findings.creates), (4, 4), "{findings:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_is_killed_again_and_again_loses_no_order_that_was_accepted() {
    let mut set = ReplicaSet::start(3).await;
    let rig = rig("killed-primary", &set).await;
    let apis = vec![rig.api(None).await, rig.api(None).await];
    let over = AtomicBool::new(false);
    let (rig_, over_) = (&rig, &over);
    let clients = (0..CLIENTS).map(|client| async move {
        for n in 0.. {
            if over_.load(Ordering::Relaxed) {
                return;
            }
            let number = format!("P-{client}-{n}");
            // Until it is accepted: what was never accepted may be there all the same.
            while rig_.merchant.create_once(client % 2, &number).await.is_none_or(|(status, _)| status >= 300)
            {
                sleep(Duration::from_millis(50)).await;
            }
            sleep(Duration::from_millis(700)).await;
        }
    });
    let kills = async {
        for _ in 0..if seed::full() { 5 } else { 1 } {
            sleep(Duration::from_millis(500)).await;
            let primary = set.primary().await;
            set.kill(primary);
            rig.killed();
            set.primary().await;
            set.restart(primary);
            set.whole().await;
        }
        over.store(true, Ordering::Relaxed);
    };
    tokio::join!(join_all(clients), kills);
    let stored: BTreeMap<_, _> = rig
        .documents("orders")
        .iter()
        .map(|order| {
            (order["clientOrderId"].as_str().unwrap().to_owned(), order["id"].as_str().unwrap().to_owned())
        })
        .collect();
    assert_eq!(stored, rig.merchant.accepted(), "each order that was accepted, and no other");
    let worker = rig.worker(None).await;
    audit(&rig, vec![worker], apis).await;
}
