use std::time::Duration;

use waybill::platform::queue::{ActiveJob, JobState, NewJob};

use super::{LEASE, Lab, NONE, Q, add, claim, claim_one, clock, counts, ids, job, secs, view};

pub(in crate::queue) async fn a_living_lease_is_left_alone(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    add(&queue, &["a"]).await;
    claim_one(&queue).await;
    clock.advance(LEASE - Duration::from_millis(1));
    let recovered = queue.broker.recover_stalled(Q, 0).await.unwrap();
    assert_eq!((recovered.requeued.len(), recovered.dead.len()), (0, 0));
    assert_eq!(counts(&queue).await.active, 1);
}

pub(in crate::queue) async fn stalled_jobs_wait_ahead_of_the_others_in_their_order(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    add(&queue, &["a", "b", "c", "d", "e"]).await;
    for _ in 0..3 {
        claim_one(&queue).await;
        clock.advance(Duration::from_millis(1));
    }
    clock.advance(LEASE);
    add(&queue, &["f"]).await;
    let recovered = queue.broker.recover_stalled(Q, 3).await.unwrap();
    assert_eq!(recovered.requeued, ["a", "b", "c"]);
    let seen = view(&queue, "a").await;
    assert_eq!((seen.state, seen.stalled, seen.attempts_made, seen.due_at), (JobState::Waiting, 1, 0, None));
    let held = claim(&queue, 9).await;
    assert_eq!(ids(&held), ["a", "b", "c", "d", "e", "f"]);
    assert_eq!(held.iter().map(|j| j.stalled).collect::<Vec<_>>(), [1, 1, 1, 0, 0, 0]);
}

pub(in crate::queue) async fn a_job_that_stalls_too_often_fails(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    add(&queue, &["a"]).await;
    for _ in 0..2 {
        claim_one(&queue).await;
        clock.advance(LEASE * 2);
        assert_eq!(queue.broker.recover_stalled(Q, 2).await.unwrap().requeued, ["a"]);
    }
    let last = claim_one(&queue).await;
    clock.advance(LEASE * 2);
    let recovered = queue.broker.recover_stalled(Q, 2).await.unwrap();
    assert_eq!(recovered.requeued.len(), 0);
    let [dead] = <[ActiveJob; 1]>::try_from(recovered.dead).unwrap();
    assert_eq!((dead.queue.as_str(), &dead.id, &dead.data, dead.stalled), (Q, &last.id, &last.data, 3));
    assert_eq!(dead.token, "");
    let seen = view(&queue, "a").await;
    assert_eq!((seen.state, seen.stalled, seen.attempts_made), (JobState::Failed, 3, 0));
    assert!(seen.reason.unwrap().contains("vanished"));
    assert_eq!(claim(&queue, 1).await.len(), 0);
    assert_eq!(queue.broker.recover_stalled(Q, 2).await.unwrap().dead.len(), 0, "told once");
}

pub(in crate::queue) async fn only_the_named_queue_is_recovered(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    queue.broker.add(&[job("a"), NewJob { queue: "other", ..job("a") }]).await.unwrap();
    claim_one(&queue).await;
    assert_eq!(queue.broker.claim("other", 1, secs(1), NONE).await.unwrap().len(), 1);
    clock.advance(LEASE * 2);
    assert_eq!(queue.broker.recover_stalled("other", 0).await.unwrap().dead.len(), 1);
    assert_eq!((counts(&queue).await.active, queue.inspect.counts("other").await.unwrap().failed), (1, 1));
}
