//! A permit is taken before a job is claimed, and comes back whatever the job does.

use std::time::Duration;

use waybill::platform::queue::runner::QueueSettings;

use super::{
    double::{Double, Op},
    kit::{Act, LONG, QUEUE, Rig, runner, start, until},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_jobs_are_claimed_than_can_run_and_others_may_have_the_rest() {
    let rig = Rig::new().await;
    for n in 0..10 {
        rig.add(&format!("j{n}"), &[Act::held()]).await;
    }
    let (double, queue) = Double::over(&rig.queue);
    let first = start(&rig.runner_over(queue, 3, LONG));
    rig.bench.until("three run", |b| b.running() == 3).await;
    let counts = rig.counts().await;
    assert_eq!((counts.active, counts.waiting), (3, 7));

    let second = start(&rig.runner(4, LONG));
    rig.bench.until("the other runner took four", |b| b.running() == 7).await;
    let counts = rig.counts().await;
    assert_eq!((counts.active, counts.waiting), (7, 3));
    assert_eq!(double.most_in_hand(), 3);

    for ended in 1..=10_u64 {
        rig.bench.let_go(1);
        until("it was acknowledged", async || rig.counts().await.completed == ended).await;
        let counts = rig.counts().await;
        assert!(counts.active <= 7, "{counts:?}");
        assert_eq!(counts.active + counts.waiting, 10 - ended);
    }
    first.end().await;
    second.end().await;
    assert_eq!((double.most_in_hand(), double.most_asked_for()), (3, 3), "it never even asked for more");
    assert!((0..10).all(|n| rig.bench.began(&format!("j{n}")) == 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_panics_cost_neither_the_runner_nor_its_one_permit() {
    let rig = Rig::new().await;
    for n in 0..100 {
        let text = if n % 3 == 0 { None } else { Some(format!("oh no {n}")) };
        rig.add(&format!("bad{n}"), &[Act::Panic(text)]).await;
    }
    rig.add("good", &[Act::Done]).await;
    let (double, queue) = Double::over(&rig.queue);
    let work = start(&rig.runner_over(queue, 1, LONG));
    until("the good job is done", async || rig.counts().await.completed == 1).await;
    work.end().await;
    let counts = rig.counts().await;
    assert_eq!((counts.delayed, counts.active, counts.waiting, counts.failed), (100, 0, 0, 0));
    assert_eq!((double.most_in_hand(), double.calls(Op::Delay)), (1, 100));
    for n in 0..100 {
        let job = rig.job(&format!("bad{n}")).await;
        assert_eq!(job.attempts_made, 1, "a panic is a counted failure");
        // A text that was put together at run time may hold data: it is not shown.
        let says = "it panicked: without words".to_owned();
        assert_eq!(job.reason, Some(says));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_without_any_handler_is_left_to_those_who_have_one() {
    let rig = Rig::new().await;
    rig.add("mine", &[Act::Done]).await;
    let (double, queue) = Double::over(&rig.queue);
    let settings = |name: &str| QueueSettings {
        name: name.to_owned(),
        ..super::kit::settings(2, Duration::from_millis(40))
    };
    // The foreign queue comes first: it would be asked before the other.
    let work = start(&runner(queue, &rig.bench, vec![settings("somebody-elses"), settings(QUEUE)]));
    until("mine is done", async || rig.counts().await.completed == 1).await;
    until("there were passes for stalled jobs", async || double.calls(Op::Sweep) > 4).await;
    work.end().await;
    assert_eq!(double.queues(), [QUEUE]);
}
