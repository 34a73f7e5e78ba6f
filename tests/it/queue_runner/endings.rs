//! How a run can end, and what the queue is told of it.

use std::time::Duration;

use waybill::platform::queue::{
    JobState, NewJob,
    job::DeathCause,
    retry::{Backoff, Policy},
    runner::QueueSettings,
};

use super::kit::{Act, Burial, LONG, QUEUE, Rig, runner, settings};
use crate::support::ADD;

const BACKOFF: Duration = Duration::from_secs(10);
const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn counted_failures_back_off_and_end_after_their_attempts() {
    let rig = Rig::new().await;
    let plan = [
        Act::Retry("first".into()),
        Act::Panic(Some("second".into())),
        Act::Retry("third".into()),
        Act::Retry("last".into()),
    ];
    rig.add_with("j", &plan, &[], Policy { attempts: 4, backoff: BACKOFF }).await;
    for (failures, says) in [(1, "first"), (2, "it panicked: without words"), (3, "third")] {
        assert_eq!(rig.run_pending().await, 1);
        let job = rig.job("j").await;
        assert_eq!(
            (job.state, job.attempts_made, job.reason.as_deref()),
            (JobState::Delayed, failures, Some(says))
        );
        let wait = job.due_at.unwrap().since(rig.clock.now());
        let full = BACKOFF * 2_u32.pow(failures - 1);
        assert!(wait <= full && wait >= full * 4 / 5, "{failures}: {wait:?}");
        assert_eq!(rig.run_pending().await, 0, "not before its time");
        rig.clock.advance(wait);
    }
    assert_eq!(rig.run_pending().await, 1);
    let job = rig.job("j").await;
    assert_eq!((job.state, job.attempts_made, job.reason.as_deref()), (JobState::Failed, 4, Some("last")));
    assert_eq!(rig.bench.deaths("j"), [DeathCause::Attempts("last".to_owned())]);
    rig.clock.advance(DAY);
    assert_eq!(rig.run_pending().await, 0);
}

#[tokio::test]
async fn who_aborts_is_dead_at_once() {
    let rig = Rig::new().await;
    rig.add("j", &[Act::Abort("no use".into())]).await;
    assert_eq!(rig.run_pending().await, 1);
    let job = rig.job("j").await;
    assert_eq!((job.state, job.attempts_made, job.reason.as_deref()), (JobState::Failed, 1, Some("no use")));
    assert_eq!(rig.bench.deaths("j"), [DeathCause::Aborted("no use".to_owned())]);
}

#[tokio::test]
async fn an_answer_that_is_no_fails_the_job_and_nothing_is_left_to_move_on() {
    let rig = Rig::new().await;
    rig.add("j", &[Act::Refused("Pincode is not serviceable".into())]).await;
    assert_eq!(rig.run_pending().await, 1);
    let job = rig.job("j").await;
    assert_eq!((job.state, job.reason.as_deref()), (JobState::Failed, Some("Pincode is not serviceable")));
    assert!(rig.bench.deaths("j").is_empty());
}

#[tokio::test]
async fn later_uses_up_no_attempt_and_the_same_job_goes_on() {
    let rig = Rig::new().await;
    let mut plan = vec![Act::Later(1000); 20];
    plan.push(Act::Done);
    rig.add_with("j", &plan, &[], Policy { attempts: 2, backoff: BACKOFF }).await;
    for _ in 0..20 {
        assert_eq!(rig.run_pending().await, 1);
        let job = rig.job("j").await;
        assert_eq!(
            (job.state, job.attempts_made, job.reason.as_deref()),
            (JobState::Delayed, 0, Some("not yet"))
        );
        assert_eq!(job.due_at.unwrap().since(rig.clock.now()), Duration::from_secs(1));
        rig.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(rig.run_pending().await, 1);
    let job = rig.job("j").await;
    assert_eq!(
        (job.state, job.attempts_made, job.return_value.as_deref()),
        (JobState::Completed, 1, Some(r#"{"job":"j"}"#))
    );
    assert_eq!(rig.bench.began("j"), 21);
}

#[tokio::test]
async fn what_nobody_can_read_or_knows_ends_failed_and_visible_and_holds_nobody_up() {
    let rig = Rig::new().await;
    let unreadable =
        ["null", "{}", "7", r#""text""#, r#"{"plan":[{"Later":-1}]}"#, r#"{"plan":[],"plan":[]}"#];
    for (n, data) in unreadable.iter().enumerate() {
        rig.add_raw(&format!("unreadable{n}"), "scripted", data).await;
    }
    for (n, name) in ["", "Scripted", "scripted ", "somebody-elses"].into_iter().enumerate() {
        rig.add_raw(&format!("unknown{n}"), name, r#"{"plan":["Done"]}"#).await;
    }
    rig.add("good", &[Act::Done]).await;
    assert_eq!(rig.run_pending().await, unreadable.len() + 5);
    assert_eq!(rig.job("good").await.state, JobState::Completed);
    for (n, data) in unreadable.iter().enumerate() {
        let job = rig.job(&format!("unreadable{n}")).await;
        assert_eq!((job.state, job.attempts_made), (JobState::Failed, 1));
        assert!(job.reason.unwrap().starts_with("its payload does not read: "));
        assert_eq!(job.data, *data, "as it came, for whoever looks");
        assert!(rig.bench.deaths(&job.id).is_empty(), "it names nothing that could be moved on");
    }
    let failed = rig.queue.inspect.list(QUEUE, JobState::Failed, None, 100).await.unwrap().jobs;
    assert_eq!(failed.len(), unreadable.len() + 4);
    let unknown: Vec<_> = failed.iter().filter(|job| job.id.starts_with("unknown")).collect();
    assert_eq!(unknown.len(), 4);
    assert!(unknown.iter().all(|job| job.reason.as_deref().unwrap().starts_with("no handler is named")));
    rig.clock.advance(DAY);
    assert_eq!(rig.run_pending().await, 0, "none comes again");
}

#[tokio::test]
async fn a_burial_that_fails_is_tried_again_before_the_job_may_end() {
    for act in [Act::Abort("no use".into()), Act::Retry("no use".into()), Act::Panic(Some("no use".into()))] {
        let rig = Rig::new().await;
        let burials = [Burial::Error, Burial::Panic, Burial::Panic, Burial::Error];
        rig.add_with("j", std::slice::from_ref(&act), &burials, Policy { attempts: 1, backoff: BACKOFF })
            .await;
        for burial in burials {
            assert_eq!(rig.run_pending().await, 1);
            let job = rig.job("j").await;
            let says = match burial {
                Burial::Error => "cannot move on: the store is away",
                Burial::Panic => "cannot move on: the burial fell over",
            };
            assert_eq!(
                (job.state, job.attempts_made, job.reason.as_deref()),
                (JobState::Delayed, 0, Some(says)),
                "{act:?}"
            );
            let wait = job.due_at.unwrap().since(rig.clock.now());
            assert!(wait > Duration::ZERO, "it does not spin");
            rig.clock.advance(wait);
        }
        assert_eq!(rig.run_pending().await, 1);
        let job = rig.job("j").await;
        assert_eq!((job.state, job.attempts_made), (JobState::Failed, 1), "{act:?}");
        assert_eq!(rig.bench.deaths("j").len(), 5, "{act:?}");
        rig.clock.advance(DAY);
        assert_eq!(rig.run_pending().await, 0);
    }
}

/// Jobs of other producers bring less patience than ours have, or more.
#[tokio::test]
async fn what_another_producer_gave_a_job_only_adds_to_the_queues_own_patience() {
    for (attempts, backoff, own, tries, waits) in [
        (0, Backoff::Fixed { delay: 0 }, 3, 3, 10_000),
        (1, Backoff::Custom, 2, 2, 10_000),
        (4, Backoff::Fixed { delay: 60_000 }, 2, 4, 60_000),
    ] {
        let rig = Rig::new().await;
        let new = NewJob {
            queue: QUEUE.into(),
            id: "j".to_owned(),
            name: "scripted".into(),
            data: r#"{"plan":[{"Retry":"no"}]}"#.to_owned(),
            share: None,
            attempts,
            backoff,
            delay: Duration::ZERO,
        };
        rig.queue.broker.add(&[new], ADD).await.unwrap();
        let policy = Policy { attempts: own, backoff: Duration::from_secs(10) };
        let settings = QueueSettings { policy, ..settings(1, LONG) };
        let runner = runner(rig.queue.clone(), &rig.bench, vec![settings]);
        for run in 1..=tries {
            assert_eq!(runner.run_pending().await.unwrap(), 1);
            let job = rig.job("j").await;
            if run < tries {
                let wait = job.due_at.unwrap().since(rig.clock.now()).as_millis();
                assert!(wait >= waits * 8 / 10, "{wait}");
                rig.clock.advance(DAY);
            } else {
                assert_eq!((job.state, job.attempts_made), (JobState::Failed, tries));
            }
        }
    }
}
