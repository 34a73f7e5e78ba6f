use std::time::Duration;

use tokio::task::JoinHandle;
use waybill::platform::queue::{ActiveJob, LeaseState, Queue};

use super::{LEASE, LONG, Lab, NONE, Q, add, claim_one, clock, counts, delayed, ids, secs};
use crate::support::{ADD, Count, Ending};

pub(in crate::queue) async fn a_wait_ends_in_time(lab: &impl Lab) {
    let queue = lab.open(&clock()).await;
    queue.broker.add(&[delayed("a", secs(100))], ADD).await.unwrap();
    let wait = queue.broker.wait(Q, Duration::from_millis(30));
    tokio::time::timeout(LONG, wait).await.expect("it goes on").unwrap();
    assert_eq!(counts(&queue).await.delayed, 1, "nothing was changed");
}

pub(in crate::queue) async fn a_wait_for_what_is_there_ends_at_once(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    add(&queue, &["a"]).await;
    tokio::time::timeout(LONG, queue.broker.wait(Q, LONG * 100)).await.expect("it waits").unwrap();
    tokio::time::timeout(LONG, queue.broker.wait(Q, LONG * 100)).await.expect("it took the job").unwrap();
    claim_one(&queue).await;
    queue.broker.add(&[delayed("b", secs(5))], ADD).await.unwrap();
    lab.advance(&clock, secs(5)).await;
    tokio::time::timeout(LONG, queue.broker.wait(Q, LONG * 100)).await.expect("it is due").unwrap();
    assert_eq!(claim_one(&queue).await.id, "b");
}

/// Somebody who waits for a job and takes it; it would do so for much longer than the test.
pub(in crate::queue) async fn waiting(queue: &Queue) -> JoinHandle<Vec<ActiveJob>> {
    let queue = queue.clone();
    let next = tokio::spawn(async move {
        let next = queue.broker.next_from(Q, 1, LEASE, LONG * 100);
        tokio::time::timeout(LONG, next).await.expect("the wait did not end").unwrap()
    });
    // Only makes it likely that it waits when the test goes on; the outcome is the same if it does not yet.
    tokio::time::sleep(Duration::from_millis(50)).await;
    next
}

pub(in crate::queue) async fn a_wait_ends_when_a_job_is_added(lab: &impl Lab) {
    let queue = lab.open(&clock()).await;
    let waits = [waiting(&queue).await, waiting(&queue).await];
    add(&queue, &["a", "b"]).await;
    let mut got = Vec::new();
    for wait in waits {
        got.extend(wait.await.unwrap().into_iter().map(|j| j.id));
    }
    got.sort();
    assert_eq!(got, ["a", "b"]);
}

pub(in crate::queue) async fn a_wait_ends_when_another_handle_adds(lab: &impl Lab) {
    let clock = clock();
    let (queue, other) = (lab.open(&clock).await, lab.open(&clock).await);
    for id in ["a", "b", "c"] {
        let wait = waiting(&queue).await;
        add(&other, &[id]).await;
        assert_eq!(ids(&wait.await.unwrap()), [id]);
    }
}

pub(in crate::queue) async fn a_wait_ends_when_a_delayed_job_is_due(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    let delay = Duration::from_millis(100);
    queue.broker.add(&[delayed("a", delay)], ADD).await.unwrap();
    let wait = waiting(&queue).await;
    lab.advance(&clock, delay).await;
    assert_eq!(ids(&wait.await.unwrap()), ["a"]);
}

pub(in crate::queue) async fn a_wait_learns_of_an_earlier_due_time(lab: &impl Lab) {
    let clock = clock();
    let (queue, other) = (lab.open(&clock).await, lab.open(&clock).await);
    queue.broker.add(&[delayed("far", secs(3600))], ADD).await.unwrap();
    for (id, adder) in [("own", &queue), ("other", &other)] {
        let wait = waiting(&queue).await;
        let delay = Duration::from_millis(100);
        adder.broker.add(&[delayed(id, delay)], ADD).await.unwrap();
        lab.advance(&clock, delay).await;
        assert_eq!(ids(&wait.await.unwrap()), [id]);
    }
}

pub(in crate::queue) async fn a_wait_ends_when_a_job_is_put_back(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    add(&queue, &["a"]).await;
    let held = claim_one(&queue).await;
    let wait = waiting(&queue).await;
    assert_eq!(queue.broker.delay(&held, NONE, Count::Nothing, "again").await.unwrap(), LeaseState::Owned);
    let [held] = <[_; 1]>::try_from(wait.await.unwrap()).unwrap();

    let wait = waiting(&queue).await;
    assert_eq!(queue.broker.release(&[held]).await.unwrap(), [LeaseState::Owned]);
    assert_eq!(ids(&wait.await.unwrap()), ["a"]);

    let wait = waiting(&queue).await;
    lab.advance(&clock, LEASE * 2).await;
    assert_eq!(queue.broker.recover(Q, 3).await, ["a"]);
    assert_eq!(ids(&wait.await.unwrap()), ["a"]);
}

/// Whoever gives up waiting must not take a wake-up, or a job, with them.
pub(in crate::queue) async fn dropped_waits_start_no_job_late(lab: &impl Lab) {
    const ROUNDS: u64 = 1000;
    let clock = clock();
    let handles = [lab.open(&clock).await, lab.open(&clock).await];
    let mut slowest = Duration::ZERO;
    for round in 0..ROUNDS {
        let (giver, taker) = if round % 3 == 0 { (0, 1) } else { (1, 0) };
        // At a random point of the wait, which lies before, within or after the add.
        let given_up = handles[giver].broker.wait(Q, LONG);
        let patience = Duration::from_micros((round * 7919) % 1500);
        let id = format!("job-{round}");
        let (_, ()) = tokio::join!(tokio::time::timeout(patience, given_up), async {
            tokio::time::sleep(Duration::from_micros((round * 104_729) % 1000)).await;
            add(&handles[giver], &[&id]).await;
        });
        let begun = std::time::Instant::now();
        let [held] =
            <[_; 1]>::try_from(handles[taker].broker.next_from(Q, 9, LEASE, LONG).await.unwrap()).unwrap();
        slowest = slowest.max(begun.elapsed());
        assert_eq!(held.id, id);
        assert_eq!(handles[taker].broker.complete(&held, "1").await.unwrap(), LeaseState::Owned);
    }
    assert!(slowest < secs(1), "a job started {slowest:?} late");
}
