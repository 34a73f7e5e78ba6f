//! The queue's file is deleted under everybody while orders are in every state.

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use crate::{audit::audit, rig::Rig, seed};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_is_lost_loses_no_order() {
    let rig = Rig::new("queue-lost", &[]).await;
    let mut random = rig.seed.clone();
    let (api, mut worker) = (rig.api(None).await, rig.worker(None).await);
    let rounds = if seed::full() { 8 } else { 1 };
    for round in 0..rounds {
        let fates = json!([
            { "operation": "create", "refuse": "Pincode not serviceable" },
            { "operation": "create", "answer": { "status": { "code": 429, "retryAfter": "3" } } },
            { "operation": "create", "answer": "lostAfterBooking" },
            { "operation": "create", "answer": "html502", "acts": true },
        ]);
        rig.simulator.script(fates).await;
        let fated: Vec<_> = (0..6).map(|n| format!("Q-{round}-fate-{n}")).collect();
        for order in &fated {
            rig.merchant.create(order).await;
        }
        rig.until("all fates are met", || {
            fated.iter().all(|order| !matches!(rig.state(order).as_str(), "queued" | "processing"))
        })
        .await;
        let last = rig.simulator.last().await;
        // More than one worker takes at a time: some are in flight, some wait.
        rig.simulator.pace(random.below(100), 600).await;
        for n in 0..12 {
            rig.merchant.create(&format!("Q-{round}-slow-{n}")).await;
        }
        rig.simulator.booked_unanswered(last, Duration::from_secs(30)).await.expect("nothing is booked");
        sleep(random.ms(0, 300)).await;
        // What a person deletes: the file alone, or all that looks like it.
        if random.below(2) == 0 {
            rig.lose_queue();
        } else {
            rig.lose_queue_file();
        }
        if random.below(2) == 0 {
            sleep(random.ms(0, 300)).await;
            rig.lose_queue_file();
            rig.replace(&mut worker).await;
        }
        rig.simulator.pace(0, 0).await;
        for n in 0..4 {
            rig.merchant.create(&format!("Q-{round}-after-{n}")).await;
        }
    }
    let findings = audit(&rig, vec![worker], vec![api]).await;
    assert_eq!(findings.states.get("failed"), Some(&rounds), "{findings:?}");
}
