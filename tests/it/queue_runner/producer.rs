//! Adding from inside a request: a queue that is slow or down must cost the request next to nothing.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use waybill::platform::queue::{JobState, NewJob, producer::Producer};

use super::{
    double::{Double, Fault, Op},
    kit::{QUEUE, Rig, until},
};
use crate::support::NoQueue;

fn job(n: usize) -> NewJob {
    let (id, data) = (format!("j{n}"), r#"{"plan":["Done"]}"#.to_owned());
    NewJob {
        queue: QUEUE.into(),
        id,
        name: "scripted".into(),
        data,
        share: None,
        attempts: 3,
        backoff: Duration::from_secs(5).into(),
        delay: Duration::ZERO,
    }
}

/// Offers until the queue has been asked `calls` times; gives how many offers were skipped on the way.
async fn offer_until(producer: &Producer, asked: impl Fn() -> usize, calls: usize) -> usize {
    let mut skipped = 0;
    until("the queue is asked again", async || {
        let before = asked();
        assert!(!producer.offer(job(0)).await);
        skipped += usize::from(asked() == before);
        asked() >= calls
    })
    .await;
    skipped
}

#[tokio::test]
async fn a_queue_that_never_answers_is_given_up_three_times_and_then_left_alone_for_a_while() {
    let silent = Arc::new(NoQueue { silent: true, ..NoQueue::default() });
    let asked = || silent.adds.load(Ordering::SeqCst);
    let producer = Producer::new(silent.clone());
    // That these come back at all is the deadline's doing.
    assert_eq!(offer_until(&producer, asked, 3).await, 0, "the first three failures are each asked for");
    // Clones know of each other's failures. After the pause one failure is enough to be left alone again.
    let clone = producer.clone();
    for calls in [4, 5] {
        assert!(offer_until(&clone, asked, calls).await > 0, "no offer was skipped before call {calls}");
    }
    assert_eq!(asked(), 5);
}

#[tokio::test]
async fn errors_count_in_a_row_and_a_success_forgets_them() {
    let rig = Rig::new().await;
    let (double, queue) = Double::over(&rig.queue);
    let producer = Producer::new(queue.broker);
    for n in 0..5 {
        double.fault(Op::Add, 2, Fault::Away);
        assert!(!producer.offer(job(n)).await);
        assert!(!producer.offer(job(n)).await);
        assert!(producer.offer(job(n)).await, "two failures shut nothing");
        assert!(producer.offer(job(n)).await, "a known job is in the queue too");
    }
    assert_eq!(double.calls(Op::Add), 20);
    assert_eq!(rig.counts().await.waiting, 5);

    double.fault(Op::Add, 4, Fault::Away);
    let asked = || double.calls(Op::Add);
    assert_eq!(offer_until(&producer, asked, 23).await, 0);
    assert!(offer_until(&producer, asked, 24).await > 0);
    // It is back: the first offer after the pause goes through, and so do all others.
    until("it is asked again", async || producer.offer(job(7)).await).await;
    assert!(producer.offer(job(8)).await);
    assert_eq!(rig.job("j8").await.state, JobState::Waiting);
}

#[tokio::test]
async fn an_answer_that_is_lost_is_a_failure_although_the_queue_has_the_job() {
    let rig = Rig::new().await;
    let (double, queue) = Double::over(&rig.queue);
    double.fault(Op::Add, 1, Fault::AnswerLost);
    let producer = Producer::new(queue.broker);
    assert!(!producer.offer(job(1)).await);
    assert_eq!(rig.job("j1").await.state, JobState::Waiting);
    assert!(producer.offer(job(1)).await);
    assert_eq!(rig.counts().await.waiting, 1);
}

#[tokio::test]
async fn a_job_that_no_queue_could_hold_says_nothing_of_the_queues_health() {
    let rig = Rig::new().await;
    let producer = Producer::new(Arc::clone(&rig.queue.broker));
    for _ in 0..9 {
        assert!(!producer.offer(NewJob { id: "42".to_owned(), ..job(1) }).await);
    }
    assert!(producer.offer(job(1)).await);
}
