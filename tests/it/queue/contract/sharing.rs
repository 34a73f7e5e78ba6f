//! Nobody's many jobs make the others wait.

use waybill::platform::queue::{FRONT, LeaseState, NewJob, Queue};

use super::{Lab, NONE, add, claim, claim_one, clock, delayed, ids, job, secs};
use crate::support::{ADD, Count, Ending};

fn of(share: &str, n: usize) -> NewJob {
    NewJob { share: Some(share.to_owned()), ..job(format!("{share}-{n}")) }
}

async fn flood(queue: &Queue, share: &str, jobs: usize) {
    let jobs: Vec<_> = (0..jobs).map(|n| of(share, n)).collect();
    queue.broker.add(&jobs, ADD).await.unwrap();
}

/// How many jobs are claimed before the one with this id.
async fn ahead_of(queue: &Queue, id: &str) -> usize {
    let claimed = claim(queue, 100_000).await;
    claimed.iter().position(|job| job.id == id).unwrap()
}

pub(in crate::queue) async fn many_jobs_of_one_share_delay_no_other_by_more_than_a_few(lab: &impl Lab) {
    let queue = lab.open(&clock()).await;
    flood(&queue, "big", 2000).await;
    // Workers have been at it for a while.
    let front = claim(&queue, 300).await;
    assert!(front.iter().all(|job| job.id.starts_with("big")));
    queue.broker.add(&[of("small", 0)], ADD).await.unwrap();
    flood(&queue, "big2", 100).await;
    queue.broker.add(&[of("late", 0)], ADD).await.unwrap();
    let order = claim(&queue, 2000).await;
    let place = |id: &str| order.iter().position(|job| job.id == id).unwrap();
    assert!(place("small-0") <= 2, "{}", place("small-0"));
    assert!(place("late-0") <= 4, "{}", place("late-0"));
    assert!(place("big2-50") <= 160, "the second one gets its half");
    assert_eq!(order.len(), 1700 + 102, "nobody starves");
}

pub(in crate::queue) async fn shares_take_turns(lab: &impl Lab) {
    let queue = lab.open(&clock()).await;
    flood(&queue, "front", FRONT).await;
    for share in ["a", "b", "c"] {
        flood(&queue, share, 3).await;
    }
    let order = claim(&queue, 100).await;
    let turns: Vec<_> = ids(&order)[FRONT..].to_vec();
    assert_eq!(turns, ["a-0", "b-0", "c-0", "a-1", "b-1", "c-1", "a-2", "b-2", "c-2"]);
}

pub(in crate::queue) async fn jobs_of_one_share_keep_their_order(lab: &impl Lab) {
    let queue = lab.open(&clock()).await;
    let many: Vec<_> = (0..50).map(|n| format!("job-{n}")).collect();
    for id in &many {
        add(&queue, &[id]).await;
    }
    // One that is known uses up no turn.
    add(&queue, &["job-49"]).await;
    let claimed = claim(&queue, 20).await;
    assert_eq!(ids(&claimed), many[..20]);
    add(&queue, &["last"]).await;
    let claimed = claim(&queue, 100).await;
    assert_eq!(ids(&claimed)[..30], many[20..]);
    assert_eq!(claimed[30].id, "last");
}

pub(in crate::queue) async fn what_comes_back_takes_its_turn(lab: &impl Lab) {
    let clock = clock();
    let queue = lab.open(&clock).await;
    flood(&queue, "big", 100).await;
    let later: Vec<_> = (100..150).map(|n| NewJob { delay: secs(5), ..of("big", n) }).collect();
    queue.broker.add(&later, ADD).await.unwrap();
    let held = claim_one(&queue).await;
    lab.advance(&clock, secs(5)).await;
    assert_eq!(queue.broker.delay(&held, NONE, Count::Nothing, "again").await.unwrap(), LeaseState::Owned);
    // Those that are due are put behind their own share's by this claim.
    assert_eq!(claim(&queue, 1).await.len(), 1);
    queue
        .broker
        .add(&[NewJob { share: Some("small".to_owned()), ..delayed("small", NONE) }], ADD)
        .await
        .unwrap();
    assert!(ahead_of(&queue, "small").await <= FRONT + 2);
}
