//! A worker dies at each step of booking, and of relay and sweeper.

use std::time::Duration;

use serde_json::json;

use crate::{audit::audit, rig::Rig, seed};

const POINTS: [&str; 5] = [
    "book:after-take",
    "book:after-request-log",
    "book:after-send",
    "book:after-outcome",
    "book:after-settle",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_dies_at_any_step_of_a_booking_books_once() {
    let rig = Rig::new("booking-points", &[]).await;
    let api = rig.api(None).await;
    let times: u64 = if seed::full() { 6 } else { 1 };
    for point in POINTS {
        for nth in 1..=times {
            for n in 0..nth {
                rig.merchant.create(&format!("B-{point}-{nth}-{n}")).await;
            }
            let mut dying = rig.worker(Some(&format!("{point}:{nth}"))).await;
            dying.dies_at_its_point().await;
            rig.killed();
        }
    }
    // And once more while the traces of the dead are put in order.
    let mut dying = rig.worker(Some("close:before-settle")).await;
    dying.dies_at_its_point().await;
    rig.killed();
    let worker = rig.worker(None).await;
    let findings = audit(&rig, vec![worker], vec![api]).await;
    let reviewed = findings.states.get("needs_review").copied().unwrap_or(0);
    // Between request log and send: no look-up can tell that from a call whose booking does not show yet.
    let most = usize::try_from(times).unwrap() * 5;
    assert!(reviewed <= most, "{findings:?}");
}

/// Once it is refused, and once refused and booked all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_whose_worker_dies_before_it_is_final_is_looked_up_by_the_next() {
    let rig = Rig::new("refusal-points", &[]).await;
    let api = rig.api(None).await;
    for point in ["book:after-outcome", "book:before-settle-refused"] {
        for (fate, rule) in [
            ("refused", json!({ "operation": "create", "refuse": "Pincode not serviceable" })),
            (
                "booked",
                json!({ "operation": "create", "answer": { "status": { "code": 422 } }, "acts": true }),
            ),
        ] {
            rig.simulator.script(rule).await;
            rig.merchant.create(&format!("P-{point}-{fate}")).await;
            let mut dying = rig.worker(Some(point)).await;
            dying.dies_at_its_point().await;
            rig.killed();
        }
    }
    let worker = rig.worker(None).await;
    let findings = audit(&rig, vec![worker], vec![api]).await;
    let count = |state| findings.states.get(state).copied();
    assert_eq!((count("failed"), count("success"), findings.orders), (Some(2), Some(2), 4), "{findings:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_dies_while_it_relays_or_sweeps_adds_no_second_booking() {
    let rig = Rig::new("outbox-points", &[]).await;
    let api = rig.api(None).await;
    let rounds = if seed::full() { 4 } else { 1 };
    for round in 0..rounds {
        // Jobs that the queue lost before anybody took them: the relay adds them.
        for n in 0..4 {
            rig.merchant.create(&format!("R-{round}-{n}")).await;
        }
        rig.lose_queue();
        let mut dying = rig.worker(Some("relay:after-add")).await;
        dying.dies_at_its_point().await;
        rig.killed();
        for point in ["sweep:after-dispatch", "sweep:after-add"] {
            // Jobs that the queue lost after their orders were taken: the sweeper follows them up.
            let last = rig.simulator.last().await;
            rig.simulator
                .script(json!({ "operation": "create", "times": 1, "latencyMs": 0, "latencyAfterMs": 900 }))
                .await;
            rig.merchant.create(&format!("S-{round}-{point}")).await;
            let taken = rig.worker(None).await;
            rig.simulator.booked_unanswered(last, Duration::from_secs(30)).await.expect("nothing is booked");
            rig.kill(taken);
            rig.lose_queue();
            let mut dying = rig.worker(Some(point)).await;
            dying.dies_at_its_point().await;
            rig.killed();
        }
    }
    let worker = rig.worker(None).await;
    let findings = audit(&rig, vec![worker], vec![api]).await;
    assert_eq!(findings.states.get("success"), Some(&findings.orders), "{findings:?}");
}
