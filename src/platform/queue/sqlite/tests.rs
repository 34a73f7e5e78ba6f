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

#[tokio::test]
async fn a_queue_that_was_closed_is_one_file_and_takes_nothing_more() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("queue.db");
    let path = path.to_str().unwrap();
    let clock = Clock::manual(Timestamp::from_millis(1_763_687_100_000));
    let queue = SqliteQueue::open(path, clock.clone(), Options::default()).await.unwrap();
    drop(queue.broker.add(&[job(Duration::ZERO)], LEASE).await.unwrap());
    assert_eq!(queue.inspect.counts("q").await.unwrap().waiting, 1);
    queue.broker.close().await;
    let files = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name());
    assert_eq!(files.collect::<Vec<_>>(), ["queue.db"]);
    assert!(queue.broker.add(&[job(Duration::ZERO)], LEASE).await.is_err());
    assert!(queue.inspect.counts("q").await.is_err());
    queue.broker.close().await;
    let again = SqliteQueue::open(path, clock, Options::default()).await.unwrap();
    assert_eq!(again.inspect.counts("q").await.unwrap().waiting, 1);
}

/// The store's file may stand where jobs are looked for, whole or damaged: it is nobody's to move away.
#[tokio::test]
async fn a_file_of_something_else_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("other.db");
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch("CREATE TABLE orders (id TEXT, version INTEGER, doc TEXT); CREATE TABLE more (a)")
        .unwrap();
    drop(conn);
    let whole = std::fs::read(&path).unwrap();
    let mut damaged = whole.clone();
    damaged[4096..8192].fill(7);
    for bytes in [whole, damaged] {
        std::fs::write(&path, &bytes).unwrap();
        let clock = Clock::manual(Timestamp::from_millis(1_763_687_100_000));
        let refused = SqliteQueue::start(path.to_str().unwrap(), clock, Options::default()).await;
        let Err(QueueError::Unavailable(why)) = refused else { panic!("it was opened") };
        assert!(why.contains("it is a database of documents") && !why.contains('\n'), "{why}");
        assert_eq!(SqliteQueue::damage(path.to_str().unwrap()).await, None);
        assert!(std::fs::read(&path).unwrap() == bytes, "it is left as it was");
    }
}
