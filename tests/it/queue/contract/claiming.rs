use std::{collections::BTreeSet, sync::Arc};

use tokio::sync::Barrier;
use waybill::platform::queue::LeaseState;

use super::{Lab, add, claim, clock, counts, delayed, ids, job, secs};
use crate::support::{ADD, Ending};

pub(in crate::queue) async fn each_job_goes_to_one_of_many_claimers(lab: &impl Lab) {
    const JOBS: usize = 1000;
    let queue = lab.open(&clock()).await;
    let jobs: Vec<_> = (0..JOBS).map(|n| job(format!("job-{n}"))).collect();
    queue.broker.add(&jobs, ADD).await.unwrap();
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

pub(in crate::queue) async fn an_empty_queue_gives_nothing(lab: &impl Lab) {
    let queue = lab.open(&clock()).await;
    assert_eq!(claim(&queue, 1).await.len(), 0);
    queue.broker.add(&[delayed("a", secs(1))], ADD).await.unwrap();
    assert_eq!(claim(&queue, 1).await.len(), 0);
}

pub(in crate::queue) async fn a_delayed_job_is_not_seen_before_its_time(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    queue.broker.add(&[delayed("a", secs(10))], ADD).await.unwrap();
    assert_eq!((counts(&queue).await.delayed, counts(&queue).await.waiting), (1, 0));
    lab.advance(&clock, secs(9)).await;
    assert_eq!(claim(&queue, 9).await.len(), 0);
    lab.advance(&clock, secs(1)).await;
    assert_eq!(ids(&claim(&queue, 9).await), ["a"]);
}

pub(in crate::queue) async fn due_jobs_come_by_due_time_and_behind_those_that_wait(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    queue
        .broker
        .add(&[delayed("third", secs(3)), delayed("first", secs(1)), delayed("second", secs(2))], ADD)
        .await
        .unwrap();
    add(&queue, &["waits"]).await;
    lab.advance(&clock, secs(5)).await;
    assert_eq!(ids(&claim(&queue, 2).await), ["waits", "first"]);
    add(&queue, &["new"]).await;
    assert_eq!(ids(&claim(&queue, 9).await), ["second", "third", "new"]);
}
