use waybill::platform::queue::{LeaseState, Presence};

use super::{Lab, Q, add, claim_one, clock, counts, secs};
use crate::support::Ending;

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
