use waybill::platform::queue::{Added, Count, Counts, JobState, JobView, Keep, LeaseState, Queue};

use super::{LEASE, Lab, Q, add, claim, claim_one, clock, counts, delayed, job, secs, view};

async fn list(queue: &Queue, state: JobState, offset: usize, limit: usize) -> Vec<String> {
    queue.inspect.list(Q, state, offset, limit).await.unwrap().into_iter().map(|j| j.id).collect()
}

pub(in crate::queue) async fn a_job_is_seen_in_every_state(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    let added_at = clock.now();
    add(&queue, &["done", "dead", "held", "waits"]).await;
    queue.broker.add(&[delayed("later", secs(99))]).await.unwrap();
    clock.advance(secs(1));
    let held = claim(&queue, 3).await;
    assert_eq!(
        queue.broker.delay(&held[0], super::NONE, Count::Attempt, "first").await.unwrap(),
        LeaseState::Owned
    );
    let [done] =
        <[_; 1]>::try_from(claim(&queue, 9).await.into_iter().filter(|j| j.id == "done").collect::<Vec<_>>())
            .unwrap();
    assert_eq!(queue.broker.complete(&done, "{\"awb\":1}").await.unwrap(), LeaseState::Owned);
    assert_eq!(queue.broker.fail(&held[1], "pincode not served").await.unwrap(), LeaseState::Owned);
    add(&queue, &["waits2"]).await;

    let seen: Vec<JobView> =
        [view(&queue, "done").await, view(&queue, "dead").await, view(&queue, "held").await].into();
    assert_eq!(
        seen.iter().map(|j| j.state).collect::<Vec<_>>(),
        [JobState::Completed, JobState::Failed, JobState::Active]
    );
    // Tries that ended: a counted delay and the completion; the failure; none.
    assert_eq!(seen.iter().map(|j| j.attempts_made).collect::<Vec<_>>(), [2, 1, 0]);
    assert_eq!((seen[0].return_value.as_deref(), seen[0].reason.as_deref()), (Some("{\"awb\":1}"), None));
    assert_eq!(
        (seen[1].return_value.as_deref(), seen[1].reason.as_deref()),
        (None, Some("pincode not served"))
    );
    assert_eq!(seen.iter().map(|j| j.due_at).collect::<Vec<_>>(), [None, None, Some(clock.now() + LEASE)]);
    assert_eq!(
        (seen[2].name.as_str(), seen[2].data.as_str(), seen[2].added_at),
        ("create-order", "{\"of\":\"held\"}", added_at)
    );
    assert_eq!(view(&queue, "later").await.due_at, Some(added_at + secs(99)));
    assert_eq!(counts(&queue).await, Counts { waiting: 1, active: 2, delayed: 1, completed: 1, failed: 1 });
    queue.inspect.ping().await.unwrap();
}

pub(in crate::queue) async fn lists_are_in_order_and_in_pages(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    for id in ["f1", "f2", "f3", "c1", "c2", "c3"] {
        add(&queue, &[id]).await;
        let held = claim_one(&queue).await;
        clock.advance(secs(1));
        let ended = if id.starts_with('f') {
            queue.broker.fail(&held, "no").await
        } else {
            queue.broker.complete(&held, "1").await
        };
        assert_eq!(ended.unwrap(), LeaseState::Owned);
    }
    add(&queue, &["a1", "a2", "w1", "w2", "w3"]).await;
    for _ in 0..2 {
        claim_one(&queue).await;
        clock.advance(secs(1));
    }
    queue
        .broker
        .add(&[delayed("d2", secs(20)), delayed("d3", secs(30)), delayed("d1", secs(10))])
        .await
        .unwrap();
    for (state, all) in [
        (JobState::Waiting, vec!["w1", "w2", "w3"]),
        (JobState::Active, vec!["a1", "a2"]),
        (JobState::Delayed, vec!["d1", "d2", "d3"]),
        (JobState::Completed, vec!["c3", "c2", "c1"]),
        (JobState::Failed, vec!["f3", "f2", "f1"]),
    ] {
        assert_eq!(list(&queue, state, 0, usize::MAX).await, all);
        assert_eq!(list(&queue, state, 1, 1).await, all[1..2]);
        assert_eq!(list(&queue, state, 0, 0).await.len(), 0);
        assert_eq!(list(&queue, state, 3, 9).await.len(), 0);
    }
}

pub(in crate::queue) async fn finished_jobs_beyond_the_limit_go_oldest_first(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open_with(&clock, Keep { completed: 3, failed: 2 }).await;
    for n in 0..8_u64 {
        let id = format!("job-{n}");
        add(&queue, &[&id]).await;
        clock.advance(secs(1));
        let held = claim_one(&queue).await;
        let ended = if n % 2 == 0 {
            queue.broker.complete(&held, "1").await
        } else {
            queue.broker.fail(&held, "no").await
        };
        assert_eq!(ended.unwrap(), LeaseState::Owned);
        let counts = counts(&queue).await;
        assert_eq!((counts.completed, counts.failed), ((n / 2 + 1).min(3), n.div_ceil(2).min(2)));
    }
    assert_eq!(list(&queue, JobState::Completed, 0, 9).await, ["job-6", "job-4", "job-2"]);
    assert_eq!(list(&queue, JobState::Failed, 0, 9).await, ["job-7", "job-5"]);
    assert!(queue.inspect.get(Q, "job-0").await.unwrap().is_none());
    assert_eq!(queue.broker.add(&[job("job-0"), job("job-2")]).await.unwrap(), [Added::New, Added::Known]);

    // Those that stalled to death count as well.
    claim_one(&queue).await;
    clock.advance(LEASE * 2);
    assert_eq!(queue.broker.recover_stalled(Q, 0).await.unwrap().dead.len(), 1);
    assert_eq!(list(&queue, JobState::Failed, 0, 9).await, ["job-0", "job-7"]);
}

pub(in crate::queue) async fn keeping_nothing_keeps_nothing(lab: &impl Lab) {
    let queue = lab.open_with(&clock(), Keep { completed: 0, failed: 0 }).await;
    add(&queue, &["a", "b", "c"]).await;
    let held = claim(&queue, 2).await;
    assert_eq!(queue.broker.complete(&held[0], "1").await.unwrap(), LeaseState::Owned);
    assert_eq!(queue.broker.fail(&held[1], "no").await.unwrap(), LeaseState::Owned);
    assert_eq!(counts(&queue).await, Counts { waiting: 1, ..Counts::default() });
}

pub(in crate::queue) async fn an_unknown_queue_is_empty(lab: &impl Lab) {
    let queue = lab.open(&clock()).await;
    assert_eq!(counts(&queue).await, Counts::default());
    assert!(queue.inspect.get(Q, "a").await.unwrap().is_none());
    assert_eq!(list(&queue, JobState::Failed, 0, 9).await.len(), 0);
    assert_eq!(queue.broker.recover_stalled(Q, 3).await.unwrap().requeued.len(), 0);
}
