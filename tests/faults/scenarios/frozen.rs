//! A worker stands still for longer than anybody waits for it, and then goes on as if nothing had been.

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use crate::{
    audit::audit,
    process::Process,
    rig::{LEASE, Rig},
};

/// Waits until the order stands like this.
async fn becomes(rig: &Rig, order: &str, state: &str) {
    rig.until(&format!("{order} is {state}"), || rig.state(order) == state).await;
}

/// Runs `order` on a worker that freezes at `point`, lets another one take over, and thaws the first.
async fn freeze_at(rig: &Rig, point: &str, order: &str) -> (Process, Process) {
    rig.merchant.create(order).await;
    let mut frozen = rig.worker(Some(&format!("stop:{point}"))).await;
    frozen.freezes().await;
    rig.killed();
    let other = rig.worker(None).await;
    let attempt = rig.order(order)["booking"]["attempt"].clone();
    let taken_over = || rig.state(order) != "processing" || rig.order(order)["booking"]["attempt"] != attempt;
    rig.until(&format!("another worker has taken {order} over"), taken_over).await;
    frozen.signal("CONT");
    (frozen, other)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_was_frozen_in_a_call_repeats_nothing() {
    let rig = Rig::new("frozen-in-call", &[]).await;
    let api = rig.api(None).await;
    let mut frozen = rig.worker(None).await;
    let freeze = async |frozen: &Process, order: &str| {
        let last = rig.simulator.last().await;
        rig.simulator.pace(0, 900).await;
        rig.merchant.create(order).await;
        rig.simulator.booked_unanswered(last, Duration::from_secs(30)).await.expect("nothing is booked");
        frozen.signal("STOP");
        rig.killed();
        rig.simulator.pace(0, 0).await;
        rig.worker(None).await
    };
    // Twice its lease: the job has another worker, the order is still waited for, and the frozen one ends it
    // itself.
    let other = freeze(&frozen, "F-lease").await;
    sleep(LEASE * 2).await;
    frozen.signal("CONT");
    becomes(&rig, "F-lease", "success").await;
    frozen.stop().await;
    frozen = other;
    // Past every time that it could still be waited for: the other one has settled the order.
    let other = freeze(&frozen, "F-settled").await;
    becomes(&rig, "F-settled", "success").await;
    frozen.signal("CONT");
    let findings = audit(&rig, vec![frozen, other], vec![api]).await;
    assert_eq!((findings.creates, findings.late), (2, 1), "{findings:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_was_frozen_before_its_request_log_or_its_send_does_not_send() {
    let rig = Rig::new("frozen-before", &[]).await;
    let api = rig.api(None).await;
    // Shut out by a tombstone: the other books.
    let (first, second) = freeze_at(&rig, "book:after-take", "F-take").await;
    becomes(&rig, "F-take", "success").await;
    first.stop().await;
    second.stop().await;
    // Its request log stands, so it counts as sent; when it wakes up it is too late to send.
    let (third, fourth) = freeze_at(&rig, "book:after-request-log", "F-log").await;
    third.stop().await;
    let findings = audit(&rig, vec![fourth], vec![api]).await;
    assert_eq!((findings.late, findings.orders), (1, 2), "{findings:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_a_frozen_worker_brings_late_is_kept_and_adopted() {
    let rig = Rig::new("frozen-answer", &[]).await;
    let api = rig.api(None).await;
    let (first, second) = freeze_at(&rig, "book:after-send", "F-found").await;
    becomes(&rig, "F-found", "success").await;
    first.stop().await;
    second.stop().await;
    // Nobody else can find this booking: the frozen worker alone has heard of it.
    rig.simulator.switch(json!({ "lookup": "never" })).await;
    let (third, fourth) = freeze_at(&rig, "book:after-send", "F-unfound").await;
    becomes(&rig, "F-unfound", "success").await;
    third.stop().await;
    let findings = audit(&rig, vec![fourth], vec![api]).await;
    assert_eq!((findings.creates, findings.late), (2, 2), "{findings:?}");
}
