//! Leases: kept as long as the work goes on, lost with the worker, and worth nothing once lost.

use std::time::Duration;

use waybill::platform::queue::{JobState, LeaseState, job::DeathCause};

use super::{
    double::{Double, Fault, Op},
    kit::{Act, AtWork, LONG, QUEUE, Rig, start, until},
};
use crate::support::Ending;

/// Renewed every 50 ms of real time, counted on the clock that the test moves.
const LEASE: Duration = Duration::from_millis(200);

/// Moves the clock by half a lease, `times` times, each time waiting until the job's lease was renewed from
/// there.
pub(super) async fn outlive(rig: &Rig, id: &str, times: usize) {
    for _ in 0..times {
        rig.clock.advance(LEASE / 2);
        let renewed = rig.clock.now() + LEASE;
        until("the lease was renewed", async || rig.job(id).await.due_at == Some(renewed)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_is_renewed_for_as_long_as_its_job_runs() {
    let rig = Rig::new().await;
    rig.add("long", &[Act::held()]).await;
    let first = start(&rig.runner(1, LEASE));
    rig.bench.until("it runs", |b| b.running() == 1).await;
    let (double, queue) = Double::over(&rig.queue);
    let second = start(&rig.runner_over(queue, 1, LEASE));
    for _ in 0..4 {
        outlive(&rig, "long", 2).await;
        let passes = double.calls(Op::Sweep);
        until("the other runner looked for stalled jobs", async || double.calls(Op::Sweep) > passes + 1)
            .await;
        let job = rig.job("long").await;
        assert_eq!((job.state, job.stalled), (JobState::Active, 0));
    }
    rig.bench.let_go(1);
    until("it is done", async || rig.counts().await.completed == 1).await;
    first.end().await;
    second.end().await;
    assert_eq!(rig.bench.began("long"), 1, "nobody else ran it");
    assert_eq!(double.most_in_hand(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_job_of_a_vanished_worker_runs_again_once_its_lease_is_over_and_not_before() {
    let rig = Rig::new().await;
    rig.add("orphan", &[Act::Done]).await;
    drop(rig.claim(1, LEASE).await);
    let (double, queue) = Double::over(&rig.queue);
    let work = start(&rig.runner_over(queue, 2, LEASE));
    rig.clock.advance(LEASE);
    until("it was looked for", async || double.calls(Op::Sweep) > 2).await;
    let job = rig.job("orphan").await;
    assert_eq!((job.state, job.stalled), (JobState::Active, 0), "the lease lasts to its last moment");

    rig.clock.advance(Duration::from_millis(1));
    until("it is done", async || rig.counts().await.completed == 1).await;
    work.end().await;
    let job = rig.job("orphan").await;
    assert_eq!((job.stalled, job.attempts_made), (1, 1), "a stall uses up no attempt");
    assert_eq!(rig.bench.began("orphan"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_stalls_too_often_is_dead_and_its_on_dead_is_called_once() {
    let rig = Rig::new().await;
    rig.add("cursed", &[Act::Done]).await;
    for stalls in 0..=3 {
        assert_eq!(rig.claim(1, LEASE).await.len(), 1);
        rig.clock.advance(LEASE * 2);
        if stalls < 3 {
            assert_eq!(rig.queue.broker.recover(QUEUE, 3).await, ["cursed"]);
        }
    }
    let doubles = [Double::over(&rig.queue), Double::over(&rig.queue)];
    let works: Vec<AtWork> =
        doubles.iter().map(|(_, queue)| start(&rig.runner_over(queue.clone(), 2, LEASE))).collect();
    rig.bench.until("it is mourned", |b| !b.deaths("cursed").is_empty()).await;
    for (double, _) in &doubles {
        let passes = double.calls(Op::Sweep);
        until("more passes", async || double.calls(Op::Sweep) > passes + 3).await;
    }
    for work in works {
        work.end().await;
    }
    assert_eq!(rig.bench.deaths("cursed"), [DeathCause::Stalled]);
    assert_eq!(rig.bench.began("cursed"), 0, "it was not run a fifth time");
    let job = rig.job("cursed").await;
    assert_eq!((job.state, job.stalled, job.attempts_made), (JobState::Failed, 4, 0));
    assert!(job.reason.unwrap().contains("vanished"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_lost_the_lease_can_end_nothing() {
    let rig = Rig::new().await;
    for (id, act) in [
        ("completes", Act::Done),
        ("retries", Act::Retry("no".into())),
        ("refused", Act::Refused("no".into())),
    ] {
        rig.add(id, &[Act::Held(Box::new(act))]).await;
    }
    let (double, queue) = Double::over(&rig.queue);
    double.fault(Op::Extend, usize::MAX, Fault::Away);
    let slow = start(&rig.runner_over(queue, 3, LEASE));
    rig.bench.until("all run", |b| b.running() == 3).await;

    // Not with the runner's own pass: it would claim what it recovers.
    let failing = double.calls(Op::Extend);
    until("renewals fail", async || double.calls(Op::Extend) > failing).await;
    slow.stop.cancel();
    rig.clock.advance(LEASE * 2);
    until("all wait again", async || {
        rig.queue.broker.recover(QUEUE, 3).await;
        rig.counts().await.waiting == 3
    })
    .await;
    let others = rig.claim(3, LONG).await;
    assert_eq!(others.len(), 3);

    rig.bench.let_go(3);
    slow.end().await;
    let gone: Vec<_> = double.ends().into_iter().map(|(_, held)| held).collect();
    assert_eq!(gone, [LeaseState::Lost; 3]);
    for job in &others {
        let seen = rig.job(&job.id).await;
        assert_eq!(
            (seen.state, seen.attempts_made, seen.return_value.as_deref()),
            (JobState::Active, 0, None),
            "{}",
            job.id
        );
        assert_eq!(rig.queue.broker.complete(job, "\"theirs\"").await.unwrap(), LeaseState::Owned);
        assert_eq!(rig.job(&job.id).await.return_value.as_deref(), Some("\"theirs\""));
    }
}
