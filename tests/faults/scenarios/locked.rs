//! Another program keeps a database to itself for longer than anybody waits for it, and then lets go.

use std::time::Duration;

use rusqlite::Connection;
use tokio::time::sleep;

use crate::{audit::audit, rig::Rig, seed};

/// Longer than the three seconds that a busy file is waited for.
const AWAY: Duration = Duration::from_secs(7);

async fn away(rig: &Rig, file: &str, letter: char) {
    rig.simulator.pace(0, 300).await;
    for n in 0..4 {
        rig.merchant.create(&format!("{letter}-before-{n}")).await;
    }
    rig.simulator.booked_unanswered(0, Duration::from_secs(30)).await.expect("nothing is booked");
    let lock = Connection::open(rig.file(file)).unwrap();
    lock.busy_timeout(Duration::from_secs(10)).unwrap();
    lock.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let numbers: Vec<_> = (0..4).map(|n| format!("{letter}-during-{n}")).collect();
    let creates = futures_util::future::join_all(numbers.iter().map(|number| rig.merchant.create(number)));
    let back = async {
        sleep(if seed::full() { AWAY * 2 } else { AWAY }).await;
        lock.execute_batch("ROLLBACK").unwrap();
    };
    tokio::join!(creates, back);
    rig.simulator.pace(0, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_for_a_while_strands_no_order() {
    // An outage must not use up attempts: here the first one that counted would give its order to a person.
    let rig = Rig::on_files("store-away", &[("WAYBILL_QUEUE__ATTEMPTS", "1")]).await;
    let (api, worker) = (rig.api(None).await, rig.worker(None).await);
    away(&rig, "waybill.db", 'L').await;
    let findings = audit(&rig, vec![worker], vec![api]).await;
    assert_eq!(findings.states.get("success"), Some(&8), "{findings:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_is_away_for_a_while_strands_no_order() {
    let rig = Rig::on_files("queue-away", &[]).await;
    let (api, worker) = (rig.api(None).await, rig.worker(None).await);
    away(&rig, "queue.db", 'M').await;
    let findings = audit(&rig, vec![worker], vec![api]).await;
    assert_eq!(findings.states.get("success"), Some(&8), "{findings:?}");
}
