use super::{
    super::{Inspect, Manage},
    *,
};

const LEASE: Duration = Duration::from_secs(60);
const LONG: Duration = Duration::from_secs(3600);

fn job(delay: Duration) -> NewJob {
    NewJob {
        queue: "q".into(),
        id: "a".to_owned(),
        name: "n".into(),
        data: "{}".to_owned(),
        share: None,
        attempts: 3,
        backoff: LEASE.into(),
        delay,
    }
}

/// Waits for a job, acts once nothing was found, and gives what is claimed then.
async fn woken_by(queue: &SqliteQueue, act: impl Future<Output = ()>) -> ActiveJob {
    let wait = queue.wait("q", LONG);
    let (woken, ()) =
        tokio::time::timeout(LEASE / 2, async { tokio::join!(biased; wait, act) }).await.expect("not woken");
    woken.unwrap();
    queue.claim(Claim { queue: "q", max: 1, lease: LEASE }).await.unwrap().pop().unwrap()
}

#[tokio::test]
async fn a_process_wakes_its_own_waits_without_a_poll() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::manual(Timestamp::from_millis(1_763_687_100_000));
    let path = dir.path().join("queue.db");
    let queue = SqliteQueue::start(path.to_str().unwrap(), clock.clone(), Options::default()).await.unwrap();
    let put_off = |after| End::Delay { after, counts_attempt: false, reason: "later".to_owned() };

    let added = async { drop(queue.add(&[job(Duration::ZERO)], LEASE).await.unwrap()) };
    let held = woken_by(&queue, added).await;
    let back =
        async { assert_eq!(queue.end_one(&held, put_off(Duration::ZERO)).await.unwrap(), LeaseState::Owned) };
    let held = woken_by(&queue, back).await;
    let later = Duration::from_millis(20);
    let delayed = async {
        assert_eq!(queue.end_one(&held, put_off(later)).await.unwrap(), LeaseState::Owned);
        clock.advance(later);
    };
    let held = woken_by(&queue, delayed).await;
    let released = async { assert_eq!(queue.release(&[held]).await.unwrap(), [LeaseState::Owned]) };
    woken_by(&queue, released).await;
    clock.advance(LEASE * 2);
    let stalled = async { assert_eq!(queue.sweep_stalled("q", 3, LEASE).await.unwrap(), ["a"]) };
    let held = woken_by(&queue, stalled).await;
    assert_eq!(queue.release(&[held]).await.unwrap(), [LeaseState::Owned]);
    assert!(queue.pause("q").await.unwrap());
    woken_by(&queue, async { assert!(queue.resume("q").await.unwrap()) }).await;
}

#[tokio::test]
async fn a_queue_whose_writer_has_died_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("queue.db");
    let clock = Clock::manual(Timestamp::from_millis(1_763_687_100_000));
    let queue = SqliteQueue::start(path.to_str().unwrap(), clock, Options::default()).await.unwrap();
    assert!(!queue.is_dead());
    let dies = |_: &mut step::Step<'_>| -> rusqlite::Result<()> { panic!("on purpose") };
    assert!(queue.writer.call(LEASE, dies).await.is_err());
    while !queue.is_dead() {
        tokio::task::yield_now().await;
    }
}
