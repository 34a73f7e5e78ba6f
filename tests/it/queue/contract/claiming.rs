use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::{sync::Barrier, task::JoinHandle};
use waybill::platform::queue::{ActiveJob, Count, LeaseState, Queue};

use super::{LEASE, LONG, Lab, NONE, Q, add, claim, claim_one, clock, counts, delayed, ids, job, secs};

pub(in crate::queue) async fn each_job_goes_to_one_of_many_claimers(lab: &impl Lab) {
    const JOBS: usize = 1000;
    let queue = lab.open(&clock()).await;
    let jobs: Vec<_> = (0..JOBS).map(|n| job(format!("job-{n}"))).collect();
    queue.broker.add(&jobs).await.unwrap();
    let start = Arc::new(Barrier::new(16));
    let claimers: Vec<_> = (0..16)
        .map(|n| {
            let (queue, start) = (queue.clone(), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                let mut mine = Vec::new();
                loop {
                    let got = claim(&queue, 1 + n % 4).await;
                    if got.is_empty() {
                        return mine;
                    }
                    for held in got {
                        assert_eq!(queue.broker.complete(&held, "1").await.unwrap(), LeaseState::Owned);
                        mine.push(held.id);
                    }
                }
            })
        })
        .collect();
    let mut all = Vec::new();
    for claimer in claimers {
        all.extend(claimer.await.unwrap());
    }
    assert_eq!(all.len(), JOBS, "none twice");
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), jobs.into_iter().map(|j| j.id).collect());
    assert_eq!(
        (counts(&queue).await.completed, counts(&queue).await.open()),
        (u64::try_from(JOBS).unwrap(), 0)
    );
}

pub(in crate::queue) async fn a_claim_takes_no_more_than_it_asked_for(lab: &impl Lab) {
    let queue = lab.open(&clock()).await;
    add(&queue, &["a", "b", "c"]).await;
    assert_eq!(claim(&queue, 0).await.len(), 0);
    assert_eq!(claim(&queue, 2).await.len(), 2);
    assert_eq!(claim(&queue, usize::MAX).await.len(), 1);
}

pub(in crate::queue) async fn an_empty_claim_that_may_not_wait_returns(lab: &impl Lab) {
    let queue = lab.open(&clock()).await;
    assert_eq!(claim(&queue, 1).await.len(), 0);
    queue.broker.add(&[delayed("a", secs(1))]).await.unwrap();
    assert_eq!(claim(&queue, 1).await.len(), 0);
}

pub(in crate::queue) async fn a_waiting_claim_returns_empty_in_the_end(lab: &impl Lab) {
    let queue = lab.open(&clock()).await;
    queue.broker.add(&[delayed("a", secs(1))]).await.unwrap();
    let wait = Duration::from_millis(30);
    assert_eq!(
        tokio::time::timeout(LONG, queue.broker.claim(Q, 1, LEASE, wait)).await.unwrap().unwrap().len(),
        0
    );
}

/// A claim under way that finds nothing and so waits; it would do so for much longer than the test.
pub(in crate::queue) async fn waiting(queue: &Queue) -> JoinHandle<Vec<ActiveJob>> {
    let queue = queue.clone();
    let claim = tokio::spawn(async move {
        let claim = queue.broker.claim(Q, 1, LEASE, LONG * 100);
        tokio::time::timeout(LONG, claim).await.expect("the claim was not woken").unwrap()
    });
    // Only makes it likely that the claim waits when the test goes on; the outcome is the same if it does not
    // yet.
    tokio::time::sleep(Duration::from_millis(50)).await;
    claim
}

pub(in crate::queue) async fn a_waiting_claim_wakes_when_a_job_is_added(lab: &impl Lab) {
    let queue = lab.open(&clock()).await;
    let claims = [waiting(&queue).await, waiting(&queue).await];
    add(&queue, &["a", "b"]).await;
    let mut got = BTreeSet::new();
    for claim in claims {
        got.extend(claim.await.unwrap().into_iter().map(|j| j.id));
    }
    assert_eq!(got, BTreeSet::from(["a".to_owned(), "b".to_owned()]));
}

pub(in crate::queue) async fn a_waiting_claim_wakes_when_another_handle_adds(lab: &impl Lab) {
    let clock = clock();
    let (queue, other) = (lab.open(&clock).await, lab.open(&clock).await);
    for id in ["a", "b", "c"] {
        let claim = waiting(&queue).await;
        add(&other, &[id]).await;
        assert_eq!(ids(&claim.await.unwrap()), [id]);
    }
}

pub(in crate::queue) async fn a_waiting_claim_wakes_when_a_delayed_job_is_due(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    let delay = Duration::from_millis(100);
    queue.broker.add(&[delayed("a", delay)]).await.unwrap();
    let claim = waiting(&queue).await;
    clock.advance(delay);
    assert_eq!(ids(&claim.await.unwrap()), ["a"]);
}

pub(in crate::queue) async fn a_waiting_claim_learns_of_an_earlier_due_time(lab: &impl Lab) {
    let clock = clock();
    let (queue, other) = (lab.open(&clock).await, lab.open(&clock).await);
    queue.broker.add(&[delayed("far", secs(3600))]).await.unwrap();
    for (id, adder) in [("own", &queue), ("other", &other)] {
        let claim = waiting(&queue).await;
        let delay = Duration::from_millis(100);
        adder.broker.add(&[delayed(id, delay)]).await.unwrap();
        clock.advance(delay);
        assert_eq!(ids(&claim.await.unwrap()), [id]);
    }
}

pub(in crate::queue) async fn a_waiting_claim_wakes_when_a_job_is_put_back(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    add(&queue, &["a"]).await;
    let held = claim_one(&queue).await;
    let claim = waiting(&queue).await;
    assert_eq!(queue.broker.delay(&held, NONE, Count::Nothing, "again").await.unwrap(), LeaseState::Owned);
    assert_eq!(ids(&claim.await.unwrap()), ["a"]);

    let claim = waiting(&queue).await;
    clock.advance(LEASE * 2);
    assert_eq!(queue.broker.recover_stalled(Q, 3).await.unwrap().requeued, ["a"]);
    assert_eq!(ids(&claim.await.unwrap()), ["a"]);
}

pub(in crate::queue) async fn a_delayed_job_is_not_seen_before_its_time(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    queue.broker.add(&[delayed("a", secs(10))]).await.unwrap();
    assert_eq!((counts(&queue).await.delayed, counts(&queue).await.waiting), (1, 0));
    clock.advance(secs(10) - Duration::from_millis(1));
    assert_eq!(claim(&queue, 9).await.len(), 0);
    clock.advance(Duration::from_millis(1));
    assert_eq!(ids(&claim(&queue, 9).await), ["a"]);
}

pub(in crate::queue) async fn due_jobs_come_by_due_time_and_behind_those_that_wait(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    queue
        .broker
        .add(&[delayed("third", secs(3)), delayed("first", secs(1)), delayed("second", secs(2))])
        .await
        .unwrap();
    add(&queue, &["waits"]).await;
    clock.advance(secs(5));
    assert_eq!(ids(&claim(&queue, 2).await), ["waits", "first"]);
    add(&queue, &["new"]).await;
    assert_eq!(ids(&claim(&queue, 9).await), ["second", "third", "new"]);
}
