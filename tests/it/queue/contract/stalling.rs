use waybill::platform::queue::{Claim, JobState, LeaseState, NewJob};

use super::{LEASE, Lab, Q, add, claim, claim_one, clock, counts, ids, job, secs, view};
use crate::support::{ADD, Ending};

pub(in crate::queue) async fn a_living_lease_is_left_alone(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    add(&queue, &["a"]).await;
    claim_one(&queue).await;
    lab.advance(&clock, LEASE - secs(1)).await;
    assert_eq!(queue.broker.recover(Q, 0).await.len(), 0);
    assert_eq!(counts(&queue).await.active, 1);
}

pub(in crate::queue) async fn stalled_jobs_wait_ahead_of_the_others(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    add(&queue, &["a", "b", "c", "d", "e"]).await;
    for _ in 0..3 {
        claim_one(&queue).await;
        lab.advance(&clock, secs(1)).await;
    }
    lab.advance(&clock, LEASE).await;
    add(&queue, &["f"]).await;
    let mut stalled = queue.broker.recover(Q, 3).await;
    stalled.sort();
    assert_eq!(stalled, ["a", "b", "c"]);
    let seen = view(&queue, "a").await;
    assert_eq!((seen.state, seen.stalled, seen.attempts_made, seen.due_at), (JobState::Waiting, 1, 0, None));
    let held = claim(&queue, 9).await;
    // Among themselves in any order.
    let mut first = ids(&held)[..3].to_vec();
    first.sort_unstable();
    assert_eq!((first, &ids(&held)[3..]), (vec!["a", "b", "c"], ["d", "e", "f"].as_slice()));
    assert_eq!(held.iter().map(|j| j.stalled).collect::<Vec<_>>(), [1, 1, 1, 0, 0, 0]);
    assert!(held.iter().all(|job| job.doomed.is_none()));
}

/// The queue does not fail it by itself: whoever claims it first moves on what waits for it.
pub(in crate::queue) async fn a_job_that_stalls_too_often_comes_out_doomed(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    add(&queue, &["a"]).await;
    for _ in 0..2 {
        assert_eq!(claim_one(&queue).await.doomed, None);
        lab.advance(&clock, LEASE * 2).await;
        assert_eq!(queue.broker.recover(Q, 2).await, ["a"]);
    }
    claim_one(&queue).await;
    lab.advance(&clock, LEASE * 2).await;
    assert_eq!(queue.broker.recover(Q, 2).await, ["a"], "it waits for whoever fails it");
    assert_eq!(view(&queue, "a").await.state, JobState::Waiting);
    let doomed = claim_one(&queue).await;
    assert!(doomed.doomed.as_ref().unwrap().contains("too often"), "{:?}", doomed.doomed);
    // Whoever should fail it can vanish as well.
    lab.advance(&clock, LEASE * 2).await;
    assert_eq!(queue.broker.recover(Q, 2).await, ["a"]);
    let doomed = claim_one(&queue).await;
    assert!(doomed.doomed.is_some());
    assert_eq!(queue.broker.fail(&doomed, "vanished").await.unwrap(), LeaseState::Owned);
    let seen = view(&queue, "a").await;
    assert_eq!(
        (seen.state, seen.attempts_made, seen.reason.as_deref()),
        (JobState::Failed, 0, Some("vanished"))
    );
    assert_eq!((queue.broker.recover(Q, 2).await.len(), claim(&queue, 1).await.len()), (0, 0), "told once");
}

pub(in crate::queue) async fn only_the_named_queue_is_swept(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    queue.broker.add(&[job("a"), NewJob { queue: "other".into(), ..job("a") }], ADD).await.unwrap();
    claim_one(&queue).await;
    let other = Claim { queue: "other", max: 1, lease: secs(1) };
    assert_eq!(queue.broker.claim(other).await.unwrap().len(), 1);
    lab.advance(&clock, LEASE * 2).await;
    assert_eq!(queue.broker.recover("other", 3).await, ["a"]);
    assert_eq!((counts(&queue).await.active, queue.inspect.counts("other").await.unwrap().waiting), (1, 1));
}
