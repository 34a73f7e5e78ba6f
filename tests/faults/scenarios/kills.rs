//! The worker is killed again and again: after the provider booked and before it answered, before it booked,
//! and at any moment.

use std::{sync::atomic::Ordering, time::Duration};

use tokio::time::sleep;

use crate::{audit::audit, rig::Rig, seed};

/// Of ten kills, so many come between booking and answer, and so many between request and booking.
const AFTER_BOOKING: u64 = 5;
const BEFORE_BOOKING: u64 = 2;
/// How long the provider leaves its client without an answer then: longer than it takes to notice and to
/// kill.
const SILENCE: u64 = 900;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_is_killed_at_any_moment_loses_and_repeats_nothing() {
    // A job whose worker vanishes four times counts as poison. Here they vanish because we kill them.
    let rig = Rig::new("kills", &[("WAYBILL_QUEUE__MAX_STALLED", "1000")]).await;
    let mut random = rig.seed.clone();
    let rounds = seed::rounds();
    let api = rig.api(None).await;
    for round in 0..rounds {
        let worker = rig.worker(None).await;
        let kind = random.below(10);
        match kind {
            _ if kind < AFTER_BOOKING => rig.simulator.pace(0, SILENCE).await,
            _ if kind < AFTER_BOOKING + BEFORE_BOOKING => rig.simulator.pace(400, 0).await,
            _ => rig.simulator.pace(random.below(30), random.below(30)).await,
        }
        let last = rig.simulator.last().await;
        for n in 0..=random.below(2) {
            rig.merchant.create(&format!("K-{round}-{n}")).await;
        }
        if kind < AFTER_BOOKING {
            let booked = rig
                .simulator
                .booked_unanswered(last, Duration::from_secs(10))
                .await
                .expect("nothing is booked");
            sleep(random.ms(0, 100)).await;
            rig.kill(worker);
            // The double notices the closed connection at once. An answer that was faster does not count.
            let known = |e: &crate::simulator::Entry| e.seq == booked.seq && e.answered != "pending";
            let end =
                rig.simulator.entry(last, Duration::from_secs(10), known).await.expect("the call never ends");
            rig.kills_unheard.fetch_add(usize::from(end.answered == "unheard"), Ordering::Relaxed);
        } else {
            sleep(random.ms(0, 400)).await;
            rig.kill(worker);
        }
    }
    let unheard = rig.kills_unheard.load(Ordering::Relaxed);
    assert!(unheard * 10 >= rounds * 3, "only {unheard} of {rounds} kills came between booking and answer");
    rig.simulator.pace(0, 0).await;
    let worker = rig.worker(None).await;
    let findings = audit(&rig, vec![worker], vec![api]).await;
    assert!(findings.unheard >= unheard, "{findings:?}");
}
