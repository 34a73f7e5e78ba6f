use waybill::platform::queue::{End, JobState, LOG_LINES, LeaseState, Managed, QueueError};

use super::{LEASE, Lab, NONE, Q, add, claim, claim_one, clock, counts, delayed, ids, job, secs, view};
use crate::support::{ADD, Count, Ending};

pub(in crate::queue) async fn a_paused_queue_gives_nothing_until_it_is_resumed(lab: &impl Lab) {
    let clock = clock();
    let (queue, other) = (lab.open(&clock).await, lab.open(&clock).await);
    add(&queue, &["a", "b"]).await;
    let held = claim_one(&queue).await;
    assert!(queue.manage.pause(Q).await.unwrap());
    assert!(!other.manage.pause(Q).await.unwrap(), "it is paused already");
    assert!(counts(&other).await.paused);
    assert_eq!(claim(&other, 9).await.len(), 0);
    // What runs goes on, and what ends brings nothing new.
    assert_eq!(queue.broker.extend(std::slice::from_ref(&held), LEASE).await.unwrap(), [LeaseState::Owned]);
    let next = waybill::platform::queue::Claim { queue: Q, max: 9, lease: LEASE };
    let end = End::Complete("1".to_owned());
    let (states, claimed) = queue.broker.end(&[(held, end)], Some(next)).await.unwrap();
    assert_eq!((states, claimed.len()), (vec![LeaseState::Owned], 0));
    add(&queue, &["c"]).await;
    queue.broker.add(&[delayed("d", secs(1))], ADD).await.unwrap();
    lab.advance(&clock, secs(2)).await;
    queue.broker.wait(Q, std::time::Duration::from_millis(20)).await.unwrap();
    assert_eq!((claim(&queue, 9).await.len(), counts(&queue).await.open()), (0, 3));

    let waits = super::waiting::waiting(&queue).await;
    assert!(other.manage.resume(Q).await.unwrap());
    assert!(!other.manage.resume(Q).await.unwrap());
    assert!(!counts(&queue).await.paused);
    assert_eq!(ids(&waits.await.unwrap()), ["b"]);
    assert_eq!(ids(&claim(&other, 9).await), ["c", "d"]);
}

pub(in crate::queue) async fn pauses_are_remembered(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    let start = clock.now();
    assert!(!queue.inspect.pauses(Q).await.unwrap().is_paused());
    for _ in 0..2 {
        lab.advance(&clock, secs(10)).await;
        assert!(queue.manage.pause(Q).await.unwrap());
        lab.advance(&clock, secs(30)).await;
        assert!(queue.manage.resume(Q).await.unwrap());
    }
    let pauses = queue.inspect.pauses(Q).await.unwrap();
    assert_eq!(
        pauses.0,
        [(start + secs(10), Some(start + secs(40))), (start + secs(50), Some(start + secs(80)))]
    );
    lab.advance(&clock, secs(20)).await;
    assert!(queue.manage.pause(Q).await.unwrap());
    lab.advance(&clock, secs(7)).await;
    let pauses = queue.inspect.pauses(Q).await.unwrap();
    assert!(pauses.is_paused());
    assert_eq!(pauses.between(start, clock.now()), secs(67));
    assert!(!queue.inspect.pauses("other").await.unwrap().is_paused());
}

pub(in crate::queue) async fn a_failed_job_can_be_retried(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    add(&queue, &["a", "b"]).await;
    let held = claim_one(&queue).await;
    assert_eq!(queue.broker.delay(&held, NONE, Count::Attempt, "once").await.unwrap(), LeaseState::Owned);
    let held = claim(&queue, 2).await;
    assert_eq!(queue.manage.retry(Q, "a").await.unwrap(), Managed::NotIn(JobState::Active));
    assert_eq!(queue.manage.retry(Q, "nobody").await.unwrap(), Managed::Missing);
    assert_eq!(queue.broker.fail(&held[1], "no").await.unwrap(), LeaseState::Owned);
    add(&queue, &["c"]).await;
    assert_eq!(queue.manage.retry(Q, "a").await.unwrap(), Managed::Done);
    assert_eq!(queue.manage.retry(Q, "a").await.unwrap(), Managed::NotIn(JobState::Waiting));
    let seen = view(&queue, "a").await;
    assert_eq!((seen.attempts_made, seen.reason, seen.finished_at), (0, None, None));
    let again = claim(&queue, 9).await;
    assert_eq!((ids(&again), again[1].attempts_made), (vec!["c", "a"], 0));

    // Also one that was doomed.
    lab.advance(&clock, LEASE * 2).await;
    queue.broker.recover(Q, 0).await;
    for doomed in claim(&queue, 9).await {
        assert_eq!(queue.broker.fail(&doomed, "vanished").await.unwrap(), LeaseState::Owned);
    }
    assert_eq!(queue.manage.retry(Q, "a").await.unwrap(), Managed::Done);
    let again = claim_one(&queue).await;
    assert_eq!((again.doomed, again.stalled), (None, 0));
}

pub(in crate::queue) async fn a_delayed_job_can_be_promoted(lab: &impl Lab) {
    let queue = lab.open(&clock()).await;
    queue.broker.add(&[delayed("a", secs(99)), job("b")], ADD).await.unwrap();
    assert_eq!(queue.manage.promote(Q, "b").await.unwrap(), Managed::NotIn(JobState::Waiting));
    assert_eq!(queue.manage.promote(Q, "nobody").await.unwrap(), Managed::Missing);
    assert_eq!(queue.manage.promote(Q, "a").await.unwrap(), Managed::Done);
    assert_eq!(view(&queue, "a").await.due_at, None);
    assert_eq!(ids(&claim(&queue, 9).await), ["b", "a"]);
}

pub(in crate::queue) async fn a_promoted_job_no_longer_says_why_it_was_delayed(lab: &impl Lab) {
    let queue = lab.open(&clock()).await;
    add(&queue, &["a"]).await;
    for (counts_attempt, reason) in [(true, "it failed"), (false, "it is held")] {
        let held = claim_one(&queue).await;
        let delay = End::Delay { after: secs(99), counts_attempt, reason: reason.to_owned() };
        assert_eq!(queue.broker.end_one(&held, delay).await.unwrap(), LeaseState::Owned);
        assert_eq!(view(&queue, "a").await.reason.as_deref(), Some(reason));
        assert_eq!(queue.manage.promote(Q, "a").await.unwrap(), Managed::Done);
        assert_eq!(view(&queue, "a").await.reason, None);
    }
    let held = claim_one(&queue).await;
    assert_eq!(
        queue.broker.end_one(&held, End::Fail("for good".to_owned())).await.unwrap(),
        LeaseState::Owned
    );
    assert_eq!(view(&queue, "a").await.reason.as_deref(), Some("for good"));
}

pub(in crate::queue) async fn a_job_that_does_not_run_can_be_removed(lab: &impl Lab) {
    let queue = lab.open(&clock()).await;
    queue
        .broker
        .add(&[job("runs"), job("done"), job("waits"), delayed("later", secs(9))], ADD)
        .await
        .unwrap();
    let held = claim(&queue, 2).await;
    assert_eq!(queue.broker.complete(&held[1], "1").await.unwrap(), LeaseState::Owned);
    assert_eq!(queue.manage.remove(Q, "runs").await.unwrap(), Managed::NotIn(JobState::Active));
    for id in ["done", "waits", "later"] {
        assert_eq!(queue.manage.remove(Q, id).await.unwrap(), Managed::Done);
        assert_eq!(queue.manage.remove(Q, id).await.unwrap(), Managed::Missing);
    }
    let counts = counts(&queue).await;
    assert_eq!((counts.open(), counts.active, counts.completed), (1, 1, 0));
    assert_eq!(queue.broker.complete(&held[0], "1").await.unwrap(), LeaseState::Owned);
}

pub(in crate::queue) async fn what_a_job_carries_is_changed_unless_it_runs(lab: &impl Lab) {
    let queue = lab.open(&clock()).await;
    let all = [job("runs"), job("done"), job("waits"), delayed("later", secs(9))];
    queue.broker.add(&all, ADD).await.unwrap();
    let held = claim(&queue, 2).await;
    assert_eq!(queue.broker.complete(&held[1], "1").await.unwrap(), LeaseState::Owned);
    let set = async |id: &str, data: &str, was: Option<&str>| {
        queue.manage.set_data(Q, id, data, was).await.unwrap()
    };
    // As it is written: neither order nor digits nor blanks are changed.
    let text = "{ \"b\": 1.50, \"a\": 123456789012345678901234567890,\n \"नमस्ते\": \"\\u0000 \\/ \\\"\" }";
    for id in ["done", "waits", "later"] {
        let mut seen = view(&queue, id).await;
        assert_eq!(set(id, text, None).await, Managed::Done);
        seen.data = text.to_owned();
        assert_eq!(format!("{:?}", view(&queue, id).await), format!("{seen:?}"), "nothing else is changed");
    }
    assert_eq!(set("runs", "1", None).await, Managed::NotIn(JobState::Active));
    assert_eq!(view(&queue, "runs").await.data, r#"{"of":"runs"}"#);
    assert_eq!(set("nobody", "1", None).await, Managed::Missing);
    assert!(queue.inspect.get(Q, "nobody").await.unwrap().is_none());

    assert_eq!(set("waits", "1", Some("{}")).await, Managed::Changed);
    assert_eq!(set("runs", "1", Some("{}")).await, Managed::NotIn(JobState::Active));
    assert_eq!(view(&queue, "waits").await.data, text);
    assert_eq!(set("waits", "[2]", Some(text)).await, Managed::Done);
    for no_json in ["", "{", "{} {}", "'a'"] {
        let told = queue.manage.set_data(Q, "waits", no_json, None).await;
        assert!(matches!(told, Err(QueueError::Fault(_))), "{no_json}: {told:?}");
    }
    assert_eq!(claim_one(&queue).await.data, "[2]");
}

pub(in crate::queue) async fn log_lines_are_kept_with_their_job(lab: &impl Lab) {
    let queue = lab.open(&clock()).await;
    add(&queue, &["a", "b"]).await;
    assert_eq!(queue.manage.log(Q, "nobody", "x").await.unwrap(), Managed::Missing);
    for n in 0..LOG_LINES + 3 {
        assert_eq!(queue.manage.log(Q, "a", &format!("line {n}\nनमस्ते")).await.unwrap(), Managed::Done);
    }
    assert_eq!(queue.manage.log(Q, "b", "of b").await.unwrap(), Managed::Done);
    let lines = queue.inspect.logs(Q, "a").await.unwrap();
    assert_eq!((lines.len(), lines[0].as_str()), (LOG_LINES, "line 3\nनमस्ते"));
    assert_eq!(lines[LOG_LINES - 1], format!("line {}\nनमस्ते", LOG_LINES + 2));
    assert_eq!(queue.inspect.logs(Q, "b").await.unwrap(), ["of b"]);
    // They go with it.
    assert_eq!(queue.manage.remove(Q, "a").await.unwrap(), Managed::Done);
    add(&queue, &["a"]).await;
    assert_eq!(queue.inspect.logs(Q, "a").await.unwrap().len(), 0);
}

pub(in crate::queue) async fn every_queue_is_listed(lab: &impl Lab) {
    let queue = lab.open(&clock()).await;
    assert_eq!(queue.inspect.queues().await.unwrap().len(), 0);
    add(&queue, &["a"]).await;
    queue
        .broker
        .add(&[waybill::platform::queue::NewJob { queue: "labels".into(), ..job("a") }], ADD)
        .await
        .unwrap();
    queue.manage.pause("paused").await.unwrap();
    queue.broker.announce("w", &["worked".to_owned()], LEASE).await.unwrap();
    assert_eq!(queue.inspect.queues().await.unwrap(), ["labels", Q, "paused", "worked"]);
}
