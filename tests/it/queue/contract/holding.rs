use std::collections::BTreeSet;

use waybill::platform::queue::{ActiveJob, Claim, End, JobState, LeaseState, NewJob, Queue, retry::Backoff};

use super::{LEASE, Lab, NONE, Q, add, claim, claim_one, clock, counts, ids, job, secs, view};
use crate::support::{ADD, Count, Ending};

pub(in crate::queue) async fn what_was_claimed_says_all_about_the_job(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    let new = job("a");
    queue.broker.add(std::slice::from_ref(&new), ADD).await.unwrap();
    let added_at = clock.now();
    lab.advance(&clock, secs(5)).await;
    let held = claim_one(&queue).await;
    assert_eq!(
        (held.queue.as_str(), &held.id, held.name.as_str(), &held.data),
        (Q, &new.id, &*new.name, &new.data)
    );
    assert_eq!((held.attempts_made, held.attempts, held.backoff, held.stalled), (0, 3, secs(5).into(), 0));
    assert_eq!((held.added_at, held.doomed), (added_at, None));
    assert_eq!(view(&queue, "a").await.due_at, Some(clock.now() + LEASE));
}

/// Everything a holder can do; none of it may change a job that this holder has lost.
async fn all_gone(queue: &Queue, lost: &ActiveJob) {
    assert_eq!(queue.broker.complete(lost, "1").await.unwrap(), LeaseState::Lost);
    assert_eq!(queue.broker.fail(lost, "no").await.unwrap(), LeaseState::Lost);
    assert_eq!(queue.broker.delay(lost, secs(1), Count::Attempt, "later").await.unwrap(), LeaseState::Lost);
    assert_eq!(queue.broker.delay(lost, NONE, Count::Attempt, "again").await.unwrap(), LeaseState::Lost);
    assert_eq!(queue.broker.extend(std::slice::from_ref(lost), secs(999)).await.unwrap(), [LeaseState::Lost]);
    assert_eq!(queue.broker.release(std::slice::from_ref(lost)).await.unwrap(), [LeaseState::Lost]);
}

pub(in crate::queue) async fn a_lost_lease_changes_nothing(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    add(&queue, &["a", "b"]).await;
    let lost = claim_one(&queue).await;
    lab.advance(&clock, LEASE * 2).await;
    assert_eq!(queue.broker.recover(Q, 3).await, ["a"]);
    // Waiting, then held by somebody else, then gone from the queue altogether.
    let before = format!("{:?}", view(&queue, "a").await);
    all_gone(&queue, &lost).await;
    assert_eq!(format!("{:?}", view(&queue, "a").await), before);

    let now_held = claim_one(&queue).await;
    assert_eq!(now_held.id, "a");
    assert_ne!(now_held.token, lost.token);
    let before = format!("{:?}", view(&queue, "a").await);
    all_gone(&queue, &lost).await;
    let forged = ActiveJob { token: String::new(), ..now_held.clone() };
    all_gone(&queue, &forged).await;
    all_gone(&queue, &ActiveJob { id: "b".to_owned(), ..now_held.clone() }).await;
    all_gone(&queue, &ActiveJob { queue: "other".to_owned(), ..now_held.clone() }).await;
    all_gone(&queue, &ActiveJob { id: "nobody".to_owned(), ..now_held.clone() }).await;
    assert_eq!(format!("{:?}", view(&queue, "a").await), before);
    assert_eq!(queue.broker.complete(&now_held, "1").await.unwrap(), LeaseState::Owned);
    assert_eq!(counts(&queue).await.waiting, 1);
}

pub(in crate::queue) async fn a_finished_job_is_gone_for_its_holder(lab: &impl Lab) {
    let queue = lab.open(&clock()).await;
    add(&queue, &["a", "b", "c"]).await;
    let held = claim(&queue, 3).await;
    assert_eq!(queue.broker.complete(&held[0], "1").await.unwrap(), LeaseState::Owned);
    assert_eq!(queue.broker.fail(&held[1], "no").await.unwrap(), LeaseState::Owned);
    assert_eq!(
        queue.broker.delay(&held[2], secs(1), Count::Attempt, "later").await.unwrap(),
        LeaseState::Owned
    );
    for lost in &held {
        let before = format!("{:?}", view(&queue, &lost.id).await);
        all_gone(&queue, lost).await;
        assert_eq!(format!("{:?}", view(&queue, &lost.id).await), before);
    }
}

pub(in crate::queue) async fn an_extended_lease_lasts(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    add(&queue, &["a", "b"]).await;
    let held = claim(&queue, 2).await;
    lab.advance(&clock, LEASE / 2).await;
    assert_eq!(queue.broker.extend(&held[..1], LEASE).await.unwrap(), [LeaseState::Owned]);
    lab.advance(&clock, LEASE / 2 + secs(1)).await;
    assert_eq!(queue.broker.recover(Q, 3).await, ["b"]);
    assert_eq!(queue.broker.complete(&held[0], "1").await.unwrap(), LeaseState::Owned);
}

pub(in crate::queue) async fn an_extension_answers_each_job(lab: &impl Lab) {
    let queue = lab.open(&clock()).await;
    add(&queue, &["a", "b", "c"]).await;
    let held = claim(&queue, 3).await;
    let _done = queue.broker.complete(&held[1], "1").await.unwrap();
    assert_eq!(
        queue.broker.extend(&held, LEASE).await.unwrap(),
        [LeaseState::Owned, LeaseState::Lost, LeaseState::Owned]
    );
    assert_eq!(queue.broker.extend(&[], LEASE).await.unwrap(), []);
}

pub(in crate::queue) async fn a_counted_delay_uses_up_an_attempt(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    add(&queue, &["a"]).await;
    let held = claim_one(&queue).await;
    assert_eq!(
        queue.broker.delay(&held, secs(5), Count::Attempt, "store down").await.unwrap(),
        LeaseState::Owned
    );
    let seen = view(&queue, "a").await;
    assert_eq!(
        (seen.state, seen.attempts_made, seen.reason.as_deref()),
        (JobState::Delayed, 1, Some("store down"))
    );
    assert_eq!(seen.due_at, Some(clock.now() + secs(5)));
    lab.advance(&clock, secs(5)).await;
    let again = claim_one(&queue).await;
    assert_eq!((again.attempts_made, again.stalled), (1, 0));
    assert_eq!(
        queue.broker.delay(&again, NONE, Count::Attempt, "still down").await.unwrap(),
        LeaseState::Owned
    );
    assert_eq!(view(&queue, "a").await.reason.as_deref(), Some("still down"));
    assert_eq!(claim_one(&queue).await.attempts_made, 2);
}

pub(in crate::queue) async fn an_uncounted_delay_does_not(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    add(&queue, &["a"]).await;
    for delay in [secs(5), NONE] {
        let held = claim_one(&queue).await;
        assert_eq!(
            queue.broker.delay(&held, delay, Count::Nothing, "busy").await.unwrap(),
            LeaseState::Owned
        );
        let seen = view(&queue, "a").await;
        assert_eq!((seen.attempts_made, seen.reason.as_deref()), (0, Some("busy")));
        lab.advance(&clock, delay).await;
    }
    assert_eq!(claim_one(&queue).await.attempts_made, 0);
}

pub(in crate::queue) async fn a_zero_delay_puts_the_job_behind_the_others(lab: &impl Lab) {
    let queue = lab.open(&clock()).await;
    add(&queue, &["a", "b", "c"]).await;
    let held = claim_one(&queue).await;
    assert_eq!(queue.broker.delay(&held, NONE, Count::Nothing, "again").await.unwrap(), LeaseState::Owned);
    assert_eq!((view(&queue, "a").await.state, view(&queue, "a").await.due_at), (JobState::Waiting, None));
    assert_eq!(ids(&claim(&queue, 9).await), ["b", "c", "a"]);
}

pub(in crate::queue) async fn a_job_keeps_its_count_over_many_rounds(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    add(&queue, &["a"]).await;
    let mut tokens = BTreeSet::new();
    for round in 0..20 {
        let held = claim_one(&queue).await;
        assert_eq!((held.attempts_made, held.stalled), (round, round));
        assert!(tokens.insert(held.token.clone()));
        assert_eq!(
            queue.broker.delay(&held, secs(1), Count::Attempt, "down").await.unwrap(),
            LeaseState::Owned
        );
        lab.advance(&clock, secs(1)).await;
        tokens.insert(claim_one(&queue).await.token);
        lab.advance(&clock, LEASE * 2).await;
        assert_eq!(queue.broker.recover(Q, 99).await, ["a"]);
    }
    assert_eq!(tokens.len(), 40);
}

pub(in crate::queue) async fn several_jobs_end_in_one_call_and_the_next_come_with_it(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    add(&queue, &["done", "dead", "later", "again", "gone", "next", "next2"]).await;
    let mut held = claim(&queue, 5).await;
    let _gone = queue.broker.complete(&held[4], "1").await.unwrap();
    let delay = |after| End::Delay { after, counts_attempt: true, reason: "down".to_owned() };
    let ends = [
        End::Complete("{\"awb\":\"1\"}".to_owned()),
        End::Fail("no".to_owned()),
        delay(secs(9)),
        delay(NONE),
        End::Fail("it is gone already".to_owned()),
    ];
    let ended: Vec<_> = held.drain(..).zip(ends).collect();
    let next = Claim { queue: Q, max: 2, lease: LEASE };
    let (states, claimed) = queue.broker.end(&ended, Some(next)).await.unwrap();
    use LeaseState::{Lost, Owned};
    assert_eq!(states, [Owned, Owned, Owned, Owned, Lost]);
    assert_eq!(ids(&claimed), ["next", "next2"]);
    let state = async |id| view(&queue, id).await.state;
    assert_eq!((state("done").await, state("dead").await), (JobState::Completed, JobState::Failed));
    assert_eq!((state("later").await, state("again").await), (JobState::Delayed, JobState::Waiting));
    assert_eq!(state("gone").await, JobState::Completed);
    let (states, claimed) = queue.broker.end(&[], Some(next)).await.unwrap();
    assert_eq!((states.len(), ids(&claimed)), (0, vec!["again"]));
    // A return value that readers could not parse ends nothing.
    let bad = [(claimed[0].clone(), End::Complete("not { json".to_owned()))];
    assert!(queue.broker.end(&bad, None).await.is_err());
    assert_eq!(state("again").await, JobState::Active);
}

pub(in crate::queue) async fn released_jobs_are_the_next_and_uncounted(lab: &impl Lab) {
    let queue = lab.open(&clock()).await;
    add(&queue, &["a", "b", "c", "d"]).await;
    let held = claim(&queue, 3).await;
    use LeaseState::{Lost, Owned};
    assert_eq!(queue.broker.complete(&held[1], "1").await.unwrap(), Owned);
    assert_eq!(queue.broker.release(&held).await.unwrap(), [Owned, Lost, Owned]);
    let seen = view(&queue, "a").await;
    assert_eq!((seen.state, seen.attempts_made, seen.stalled, seen.due_at), (JobState::Waiting, 0, 0, None));
    assert_eq!(ids(&claim(&queue, 9).await), ["a", "c", "d"]);
    assert_eq!(queue.broker.release(&[]).await.unwrap(), []);
}

pub(in crate::queue) async fn a_job_of_another_producer_keeps_its_backoff(lab: &impl Lab) {
    let queue = lab.open(&clock()).await;
    let kinds =
        [Backoff::Fixed { delay: 1500 }, Backoff::Exponential { delay: 1000, jitter: 0.25 }, Backoff::Custom];
    for (n, backoff) in kinds.iter().enumerate() {
        let new = NewJob { backoff: backoff.clone(), attempts: 0, ..job(format!("job-{n}")) };
        queue.broker.add(&[new], ADD).await.unwrap();
        let held = claim_one(&queue).await;
        assert_eq!((&held.backoff, held.attempts), (backoff, 0));
        assert_eq!(queue.broker.complete(&held, "null").await.unwrap(), LeaseState::Owned);
    }
}
