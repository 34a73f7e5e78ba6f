//! Orders are cancelled at any moment, and whoever carries that out is killed again and again.

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use crate::{audit::audit, rig::Rig, seed, simulator::Entry};

/// How long the provider leaves its client without an answer: longer than it takes to notice and to kill.
const SILENCE: u64 = 900;

const POINTS: [&str; 3] = ["cancel:after-take", "cancel:after-outcome", "cancel:after-settle"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_whose_worker_dies_at_any_moment_is_carried_out() {
    let rig = Rig::new("cancels", &[("WAYBILL_QUEUE__MAX_STALLED", "1000")]).await;
    // A second cancel is refused, and tracking shows a cancel only after a while.
    rig.simulator.switch(json!({ "secondCancel": "refuse", "cancelEffect": { "after": 500 } })).await;
    let mut random = rig.seed.clone();
    let mut api = rig.api(None).await;
    let mut unheard = 0;
    for round in 0..seed::rounds() {
        let worker = rig.worker(None).await;
        let kept = format!("C-{round}-kept");
        rig.merchant.create(&kept).await;
        if round % 2 == 0 {
            // Between the effect and its answer.
            let number = format!("C-{round}-0");
            let id = rig.merchant.create(&number).await;
            rig.until(&format!("{number} is booked"), || rig.state(&number) == "success").await;
            rig.simulator.pace(0, SILENCE).await;
            let last = rig.simulator.last().await;
            rig.merchant.cancel(&id).await;
            let pending = |e: &Entry| e.operation == "cancel" && e.answered == "pending";
            let cancelled = rig
                .simulator
                .entry(last, Duration::from_secs(20), pending)
                .await
                .expect("nothing is cancelled");
            rig.kill(worker);
            let known = |e: &Entry| e.seq == cancelled.seq && e.answered != "pending";
            let end =
                rig.simulator.entry(last, Duration::from_secs(10), known).await.expect("the call never ends");
            unheard += usize::from(end.answered == "unheard");
        } else {
            // At any moment, of the booking and of the cancel.
            rig.simulator.pace(random.below(300), random.below(300)).await;
            for n in 0..2 {
                let id = rig.merchant.create(&format!("C-{round}-{n}")).await;
                sleep(random.ms(0, 250)).await;
                rig.merchant.cancel(&id).await;
            }
            sleep(random.ms(0, 250)).await;
            rig.kill(worker);
        }
        rig.simulator.pace(0, 0).await;
        if random.below(4) == 0 {
            rig.replace(&mut api).await;
        }
    }
    assert!(
        unheard * 10 >= seed::rounds() * 3,
        "only {unheard} of {} kills came between a cancel and its answer",
        seed::rounds()
    );
    for point in POINTS {
        let id = rig.merchant.create(&format!("P-{point}")).await;
        let worker = rig.worker(None).await;
        rig.until(&format!("{point} is booked"), || rig.state(&format!("P-{point}")) == "success").await;
        worker.stop().await;
        rig.merchant.cancel(&id).await;
        let mut dying = rig.worker(Some(point)).await;
        dying.dies_at_its_point().await;
        rig.killed();
    }
    let worker = rig.worker(None).await;
    audit(&rig, vec![worker], vec![api]).await;
}

/// The answer to a cancel is lost in every way there is: tracking tells.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_whose_answer_is_lost_is_settled_by_tracking() {
    let rig = Rig::new("cancel-answers", &[("WAYBILL_PARCELX__RECONCILE", "300ms,1s,2s")]).await;
    let api = rig.api(None).await;
    let worker = rig.worker(None).await;
    for (n, (answer, acts)) in [
        (json!("lostAfterBooking"), true),
        (json!("lostBeforeBooking"), false),
        (json!("html502"), true),
        (json!({ "hangAfterBooking": { "ms": 3000, "then": "close" } }), true),
        (json!({ "status": { "code": 500 } }), false),
    ]
    .into_iter()
    .enumerate()
    {
        let number = format!("L-{n}");
        let id = rig.merchant.create(&number).await;
        rig.until(&format!("{number} is booked"), || rig.state(&number) == "success").await;
        rig.simulator
            .script(json!({ "operation": "cancel", "times": 1, "answer": answer, "acts": acts }))
            .await;
        rig.merchant.cancel(&id).await;
        let ended = || rig.order(&number)["cancellation"]["request"]["confirmedAt"].is_string();
        rig.until(&format!("{number} is cancelled, and seen to be"), ended).await;
    }
    sleep(Duration::from_millis(100)).await;
    audit(&rig, vec![worker], vec![api]).await;
}
