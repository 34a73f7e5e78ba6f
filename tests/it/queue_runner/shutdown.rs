//! The end of a worker: told once it ends what it has in hand; told twice it lets go of everything.

use std::{sync::Arc, time::Duration};

use waybill::platform::queue::JobState;

use super::{
    double::{Double, Op},
    kit::{Act, Bench, Rig, runner, settings, start, until},
    leases::outlive,
};

const LEASE: Duration = Duration::from_millis(200);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn told_to_stop_it_ends_what_it_has_and_claims_nothing_more() {
    let rig = Rig::new().await;
    rig.add("a", &[Act::held()]).await;
    rig.add("b", &[Act::held()]).await;
    let (double, queue) = Double::over(&rig.queue);
    let work = start(&rig.runner_over(queue, 3, LEASE));
    rig.bench.until("both run", |b| b.running() == 2).await;
    work.stop.cancel();
    rig.add("late", &[Act::Done]).await;
    let claims = double.calls(Op::Claim);
    outlive(&rig, "a", 4).await;
    outlive(&rig, "b", 4).await;
    assert!(!work.handle.is_finished(), "jobs still run");

    rig.bench.let_go(1);
    until("one is done", async || rig.counts().await.completed == 1).await;
    let left = if rig.job("a").await.state == JobState::Active { "a" } else { "b" };
    outlive(&rig, left, 2).await;
    assert!(!work.handle.is_finished(), "a job still runs");
    rig.bench.let_go(1);
    work.end().await;
    let counts = rig.counts().await;
    assert_eq!((counts.completed, counts.waiting, counts.active), (2, 1, 0), "told before run() came back");
    assert_eq!((double.calls(Op::Claim), rig.bench.began("late")), (claims, 0), "nothing new was claimed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_nothing_in_hand_it_ends_at_once_whatever_it_waits_for() {
    let rig = Rig::new().await;
    let (double, queue) = Double::over(&rig.queue);
    let work = start(&rig.runner_over(queue, 3, LEASE));
    until("it waits for jobs", async || double.calls(Op::Claim) == 1).await;
    work.end().await;
    // A runner that was told before it began does not begin.
    let (double, queue) = Double::over(&rig.queue);
    rig.add("j", &[Act::Done]).await;
    let stopped = tokio_util::sync::CancellationToken::new();
    stopped.cancel();
    rig.runner_over(queue, 3, LEASE).run(&stopped).await;
    assert_eq!(double.calls(Op::Claim), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_it_lets_go_of_its_jobs_and_their_leases_run_out() {
    let rig = Rig::new().await;
    rig.add("j", &[Act::held()]).await;
    let (double, queue) = Double::over(&rig.queue);
    let dropped = rig.runner_over(queue, 2, LEASE);
    let work = start(&dropped);
    rig.bench.until("it runs", |b| b.running() == 1).await;
    outlive(&rig, "j", 1).await;
    work.handle.abort();
    assert!(work.handle.await.unwrap_err().is_cancelled());
    rig.bench.until("the job was let go", |b| b.running() == 0).await;

    // Another runner with the same lease, and a job in hand, beats the time: had the first gone on renewing,
    // it would show.
    let before = (double.calls(Op::Extend), double.calls(Op::Sweep));
    let metronome = metronome(&rig).await;
    let after = (double.calls(Op::Extend), double.calls(Op::Sweep));
    // One of each may have been under way.
    assert!(after.0 <= before.0 + 1 && after.1 <= before.1 + 1, "it goes on: {before:?} {after:?}");
    assert!(metronome >= 8);
    assert_eq!(rig.bench.ended("j"), 0);
    assert_eq!(rig.job("j").await.state, JobState::Active, "nobody told the queue anything");

    // The same runner may begin anew, and does not keep alive what it let go.
    rig.clock.advance(LEASE * 2);
    let again = start(&dropped);
    rig.bench.let_go(1);
    until("it ran again", async || rig.counts().await.completed == 1).await;
    again.end().await;
    let job = rig.job("j").await;
    assert_eq!((job.stalled, job.attempts_made, rig.bench.began("j")), (1, 1, 2));
}

/// Runs another runner, over a queue of its own, until it has renewed eight times.
async fn metronome(rig: &Rig) -> usize {
    let other = Rig::with(rig.clock.clone()).await;
    other.add("tick", &[Act::held()]).await;
    let (double, queue) = Double::over(&other.queue);
    let bench: &Arc<Bench> = &other.bench;
    let work = start(&runner(queue, bench, vec![settings(1, LEASE)]));
    until("eight renewals", async || double.calls(Op::Extend) >= 8).await;
    bench.let_go(1);
    work.end().await;
    double.calls(Op::Extend)
}
