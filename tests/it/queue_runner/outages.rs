//! A queue that is away for a while: the runner comes back, and nothing is lost.

use std::time::Duration;

use waybill::{
    base::clock::Clock,
    platform::queue::{JobState, LeaseState},
};

use super::{
    double::{Double, Fault, Op},
    kit::{Act, LONG, QUEUE, Rig, start, until},
};

const ALL: [Op; 6] = [Op::Claim, Op::Extend, Op::Complete, Op::Delay, Op::Fail, Op::Sweep];

async fn twenty_jobs(rig: &Rig) {
    for n in 0..20 {
        let act = match n % 4 {
            0 => Act::Refused("no".into()),
            1 => Act::Later(100_000),
            _ => Act::Done,
        };
        rig.add(&format!("j{n}"), &[act]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_queue_was_away_each_job_still_runs_once() {
    let rig = Rig::with(Clock::system()).await;
    twenty_jobs(&rig).await;
    let (double, queue) = Double::over(&rig.queue);
    for op in ALL {
        double.fault(op, 3, Fault::Away);
    }
    let work = start(&rig.runner_over(queue, 4, LONG));
    until("all is told", async || {
        let counts = rig.counts().await;
        (counts.completed, counts.failed, counts.delayed) == (10, 5, 5)
    })
    .await;
    work.end().await;
    for n in 0..20 {
        let id = format!("j{n}");
        assert_eq!(rig.bench.began(&id), 1, "{id} ran again although only its end could not be told");
        assert_eq!(rig.job(&id).await.stalled, 0);
    }
    // Each failed three times and was repeated, with all that was told in the same call; two of the six beat
    // by the lease alone.
    let calls = [Op::Claim, Op::Complete, Op::Fail, Op::Delay].map(|op| double.calls(op));
    assert!(calls.iter().zip([4, 13, 8, 8]).all(|(made, least)| *made >= least), "{calls:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_answers_were_lost_what_was_claimed_comes_back_with_its_lease() {
    let rig = Rig::new().await;
    twenty_jobs(&rig).await;
    let (double, queue) = Double::over(&rig.queue);
    for op in ALL {
        double.fault(op, 2, Fault::AnswerLost);
    }
    let lease = Duration::from_millis(200);
    let work = start(&rig.runner_over(queue, 4, lease));
    let told = async || {
        let counts = rig.counts().await;
        counts.completed + counts.failed + counts.delayed
    };
    // Two claims went to nobody, and so did what was claimed with the ends whose answers were lost; the rest
    // is done without them.
    until("the rest is told", async || double.orphans() > 0 && told().await == 20 - double.orphans()).await;
    until("nothing else is in hand", async || rig.counts().await.active == double.orphans()).await;
    // Renewed from now, whatever is still being told; then the orphans' time is over.
    rig.clock.advance(lease + Duration::from_millis(1));
    until("the orphans are told too", async || told().await == 20).await;
    work.end().await;
    let counts = rig.counts().await;
    assert_eq!((counts.completed, counts.failed, counts.delayed, counts.open()), (10, 5, 5, 5));
    for n in 0..20 {
        assert_eq!(rig.bench.began(&format!("j{n}")), 1, "the lost claims never ran");
    }
    // The repeated end of a job whose first one did count changes nothing.
    assert!(double.ends().iter().filter(|(_, held)| *held == LeaseState::Lost).count() >= 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_can_never_be_told_leaves_the_job_to_its_lease() {
    let rig = Rig::new().await;
    rig.add("j", &[Act::Done]).await;
    let (double, queue) = Double::over(&rig.queue);
    double.fault(Op::Complete, usize::MAX, Fault::Away);
    let lease = Duration::from_millis(200);
    let work = start(&rig.runner_over(queue, 1, lease));
    // The permit comes back when the runner has given up: then it can run another job, which needs no
    // `complete`.
    rig.add("next", &[Act::Refused("no".into())]).await;
    until("the next one ran", async || rig.job("next").await.state == JobState::Failed).await;
    let tries = double.calls(Op::Complete);
    assert!(tries > 1, "it was repeated");
    assert_eq!(rig.job("j").await.state, JobState::Active);

    double.fault(Op::Complete, 0, Fault::Away);
    rig.clock.advance(lease * 2);
    until("it ran again", async || rig.counts().await.completed == 1).await;
    work.end().await;
    let job = rig.job("j").await;
    assert_eq!((job.stalled, rig.bench.began("j")), (1, 2));
    assert_eq!(double.calls(Op::Complete), tries + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_that_outlast_an_outage_of_the_queue_are_not_run_twice() {
    let rig = Rig::new().await;
    rig.add("j", &[Act::held()]).await;
    let (double, queue) = Double::over(&rig.queue);
    let lease = Duration::from_millis(200);
    let work = start(&rig.runner_over(queue, 2, lease));
    rig.bench.until("it runs", |b| b.running() == 1).await;
    for op in ALL {
        double.fault(op, usize::MAX, Fault::Away);
    }
    let extends = double.calls(Op::Extend);
    until("renewals fail", async || double.calls(Op::Extend) > extends + 1).await;
    // The outage is longer than the lease, and renewals fail a little longer than passes do: the job is still
    // this runner's.
    rig.clock.advance(lease * 10);
    for op in ALL {
        double.fault(op, if op == Op::Extend { 4 } else { 0 }, Fault::Away);
    }
    let recovers = double.calls(Op::Sweep);
    until("it looked for stalled jobs again", async || double.calls(Op::Sweep) > recovers + 1).await;
    assert_eq!((rig.job("j").await.stalled, rig.bench.began("j")), (0, 1), "it recovered its own job");
    rig.bench.let_go(1);
    until("it is done", async || rig.counts().await.completed == 1).await;
    work.end().await;
    assert_eq!(rig.queue.inspect.list(QUEUE, JobState::Completed, None, 10).await.unwrap().jobs.len(), 1);
}
