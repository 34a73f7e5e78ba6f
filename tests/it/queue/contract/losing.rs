use waybill::platform::queue::{Claim, LeaseState, Options, Presence};

use super::{LEASE, Lab, Q, add, claim_one, clock, counts, job, secs};
use crate::support::{ADD, Ending};

pub(in crate::queue) async fn a_queue_that_lost_everything_begins_a_new_epoch(lab: &impl Lab) {
    let clock = clock();
    let (queue, other) = (lab.open(&clock).await, lab.open(&clock).await);
    let first = queue.inspect.epoch().await.unwrap();
    assert_eq!(first, other.inspect.epoch().await.unwrap());
    assert!(first.since <= clock.now());
    add(&queue, &["a", "b"]).await;
    let held = claim_one(&queue).await;
    lab.advance(&clock, secs(60)).await;
    assert_eq!(lab.open(&clock).await.inspect.epoch().await.unwrap(), first, "opening it begins none");

    lab.lose().await;
    assert_eq!(counts(&queue).await.open(), 0);
    let second = queue.inspect.epoch().await.unwrap();
    assert_ne!(second.id, first.id);
    assert_eq!(second.since, clock.now());
    assert_eq!(other.inspect.epoch().await.unwrap(), second);
    let ids = ["a".to_owned(), "b".to_owned()];
    assert_eq!(queue.inspect.presence(Q, &ids).await.unwrap(), [Presence::Absent; 2]);
    assert_eq!(queue.broker.complete(&held, "1").await.unwrap(), LeaseState::Lost);
    add(&other, &["a"]).await;
    assert_eq!(claim_one(&queue).await.id, "a");
}

pub(in crate::queue) async fn a_queue_belongs_to_one_installation(lab: &impl Lab) {
    let clock = clock();
    let of = |id: &str| Options { installation: Some(id.to_owned()), ..Options::default() };
    let first = lab.try_open(&clock, of("one")).await.unwrap();
    add(&first, &["a"]).await;
    let refused = lab.try_open(&clock, of("two")).await.unwrap_err().to_string();
    assert!(refused.contains("another") && !refused.contains('\n'), "{refused}");
    let again = lab.try_open(&clock, of("one")).await.unwrap();
    assert_eq!(claim_one(&again).await.id, "a");

    // What lost everything is the first one's that looks.
    lab.lose().await;
    first.inspect.epoch().await.unwrap();
    lab.try_open(&clock, of("two")).await.unwrap_err();
    add(&again, &["a"]).await;

    lab.lose().await;
    let second = lab.try_open(&clock, of("two")).await.unwrap();
    add(&second, &["of-two"]).await;
    first.inspect.ping().await.unwrap_err();
    first.broker.add(&[job("of-one")], ADD).await.unwrap_err();
    first.broker.claim(Claim { queue: Q, max: 1, lease: LEASE }).await.unwrap_err();
    first.broker.announce("w", &[Q.to_owned()], LEASE).await.unwrap_err();
    assert_eq!(claim_one(&second).await.id, "of-two");
    assert_eq!(counts(&second).await.open(), 1);
}
