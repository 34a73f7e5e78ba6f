//! The SQLite adapter: the contract, and what only a file can have happen to it.

mod processes;

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tempfile::TempDir;
use waybill::{
    base::clock::Clock,
    platform::queue::{Added, Keep, LeaseState, Options, Queue, QueueError},
};

use super::contract::{
    LEASE, LONG, Lab, Q, add, claim, claim_one, clock, contract, counts, ids, job, waiting::waiting,
};
use crate::support::{ADD, Ending};

pub(super) struct File(TempDir);

impl File {
    fn path(&self) -> PathBuf {
        self.0.path().join("data/queue.db")
    }
}

impl Lab for File {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    async fn try_open(&self, clock: &Clock, options: Options) -> Result<Queue, QueueError> {
        open(&self.path(), clock, options).await
    }

    async fn lose(&self) {
        delete(&self.path(), 1);
    }
}

async fn open(path: &Path, clock: &Clock, options: impl Into<Options>) -> Result<Queue, QueueError> {
    Queue::open(&format!("sqlite:{}", path.display()), clock.clone(), options).await
}

contract!(File);

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// The file as another program finds it.
fn check(path: &Path) {
    let conn = rusqlite::Connection::open(path).unwrap();
    let word: String = conn.query_row("PRAGMA integrity_check", [], |r| r.get(0)).unwrap();
    assert_eq!(word, "ok");
}

#[tokio::test]
async fn folder_and_files_are_for_their_owner_only() {
    let lab = File::new();
    let queue = lab.open(&clock()).await;
    add(&queue, &["a"]).await;
    assert_eq!(mode(lab.path().parent().unwrap()), 0o700);
    for file in fs::read_dir(lab.path().parent().unwrap()).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
}

#[tokio::test]
async fn jobs_outlive_the_process() {
    let lab = File::new();
    let clock = clock();
    let queue = lab.open(&clock).await;
    add(&queue, &["a", "b"]).await;
    let held = claim_one(&queue).await;
    drop(queue);
    let queue = lab.open(&clock).await;
    assert_eq!(queue.broker.complete(&held, "1").await.unwrap(), LeaseState::Owned);
    assert_eq!(ids(&claim(&queue, 9).await), ["b"]);
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_named_in_one_line() {
    let dir = TempDir::new().unwrap();
    let text = dir.path().join("notes.txt");
    fs::write(&text, "these are my notes, not a database\n".repeat(100)).unwrap();
    let newer = dir.path().join("newer.db");
    rusqlite::Connection::open(&newer).unwrap().execute_batch("PRAGMA user_version = 999").unwrap();
    for (path, word) in [
        (text.clone(), "not an SQLite database"),
        (newer, "newer version"),
        (text.join("queue.db"), "directory"),
    ] {
        let Err(QueueError::Unavailable(why)) = open(&path, &clock(), Keep::default()).await else {
            panic!("{path:?} was opened")
        };
        assert!(why.contains(word) && why.contains(path.to_str().unwrap()) && !why.contains('\n'), "{why}");
    }
    assert!(fs::read_to_string(&text).unwrap().starts_with("these are"), "left as it was");
}

/// Only the database, or all that belongs to it, or the whole folder.
fn delete(path: &Path, how: usize) {
    match how {
        0 => fs::remove_file(path).unwrap(),
        1 => {
            for suffix in ["", "-wal", "-shm"] {
                fs::remove_file(format!("{}{suffix}", path.display())).unwrap();
            }
        }
        _ => fs::remove_dir_all(path.parent().unwrap()).unwrap(),
    }
}

#[tokio::test]
async fn a_deleted_file_is_made_anew() {
    for how in 0..3 {
        let (lab, clock) = (File::new(), clock());
        let (queue, other) = (lab.open(&clock).await, lab.open(&clock).await);
        add(&queue, &["a", "b"]).await;
        add(&other, &["c"]).await;
        let held = claim_one(&queue).await;
        delete(&lab.path(), how);

        assert_eq!(counts(&other).await.open(), 0, "a look sees the new file");
        assert_eq!(queue.broker.complete(&held, "1").await.unwrap(), LeaseState::Lost);
        assert_eq!(queue.broker.add(&[job("a")], ADD).await.unwrap(), [Added::New]);
        assert_eq!(other.broker.add(&[job("a"), job("d")], ADD).await.unwrap(), [Added::Known, Added::New]);
        assert_eq!(ids(&claim(&queue, 1).await), ["a"]);
        assert_eq!(ids(&claim(&other, 9).await), ["d"]);
        assert_eq!(counts(&queue).await.active, 2);
        check(&lab.path());
        assert_eq!(mode(&lab.path()), 0o600);
    }
}

#[tokio::test]
async fn a_wait_goes_over_to_the_new_file() {
    let (lab, clock) = (File::new(), clock());
    let queue = lab.open(&clock).await;
    for how in 0..3 {
        let claim = waiting(&queue).await;
        let other = lab.open(&clock).await;
        delete(&lab.path(), how);
        // The other handle makes the new file, unless the one that waits was faster.
        add(&other, &["a"]).await;
        assert_eq!(ids(&claim.await.unwrap()), ["a"]);
    }
    check(&lab.path());
}

#[tokio::test]
async fn another_file_in_its_place_is_taken_up() {
    let (lab, clock) = (File::new(), clock());
    let (queue, other) = (lab.open(&clock).await, lab.open(&clock).await);
    add(&queue, &["saved"]).await;
    let copy = lab.0.path().join("copy.db");
    rusqlite::Connection::open(lab.path())
        .unwrap()
        .execute("VACUUM INTO ?1", [copy.to_str().unwrap()])
        .unwrap();
    for n in 0..200 {
        add(&queue, &[&format!("lost-{n}")]).await;
    }
    fs::rename(&copy, lab.path()).unwrap();

    assert_eq!(counts(&queue).await.waiting, 1);
    add(&other, &["new"]).await;
    add(&queue, &["newer"]).await;
    assert_eq!(ids(&claim(&other, 9).await), ["saved", "new", "newer"]);
    check(&lab.path());
}

#[tokio::test]
async fn a_file_that_becomes_unusable_is_an_error_until_it_is_gone() {
    let (lab, clock) = (File::new(), clock());
    let queue = lab.open(&clock).await;
    delete(&lab.path(), 1);
    fs::write(lab.path(), "garbage ".repeat(1000)).unwrap();
    assert!(queue.broker.add(&[job("a")], ADD).await.is_err());
    assert!(queue.inspect.ping().await.is_err());
    assert!(queue.inspect.counts(Q).await.is_err());
    fs::remove_file(lab.path()).unwrap();
    assert_eq!(queue.broker.add(&[job("a")], ADD).await.unwrap(), [Added::New]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_file_is_waited_for_but_not_for_ever() {
    let lab = File::new();
    let queue = lab.open(&clock()).await;
    let holder = rusqlite::Connection::open(lab.path()).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let adder = queue.clone();
    let patient = tokio::spawn(async move { adder.broker.add(&[job("a")], ADD).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!patient.is_finished());
    assert_eq!(counts(&queue).await.open(), 0, "looking needs no lock");
    holder.execute_batch("COMMIT").unwrap();
    assert_eq!(patient.await.unwrap().unwrap(), [Added::New]);

    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = tokio::time::timeout(LONG, queue.broker.add(&[job("b")], ADD)).await.unwrap();
    assert!(refused.unwrap_err().to_string().contains("locked by another process"));
    holder.execute_batch("COMMIT").unwrap();
    assert_eq!(queue.broker.add(&[job("b")], ADD).await.unwrap(), [Added::New]);
}

#[tokio::test]
async fn a_lease_that_ran_out_is_its_holders_until_it_is_recovered() {
    let (lab, clock) = (File::new(), clock());
    let queue = lab.open(&clock).await;
    add(&queue, &["a", "b"]).await;
    let held = claim(&queue, 2).await;
    clock.advance(LEASE * 2);
    assert_eq!(queue.broker.extend(&held[..1], LEASE).await.unwrap(), [LeaseState::Owned]);
    assert_eq!(queue.broker.complete(&held[1], "1").await.unwrap(), LeaseState::Owned);
    assert_eq!(queue.broker.recover(Q, 3).await.len(), 0);
}

#[tokio::test]
async fn an_add_answers_in_the_time_that_it_has() {
    let lab = File::new();
    let queue = lab.open(&clock()).await;
    let holder = rusqlite::Connection::open(lab.path()).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let begun = std::time::Instant::now();
    let told = queue.broker.add(&[job("a")], Duration::from_millis(50)).await;
    assert!(matches!(told, Err(QueueError::Unavailable(_))), "{told:?}");
    assert!(begun.elapsed() < LONG / 2, "{:?}", begun.elapsed());
    holder.execute_batch("COMMIT").unwrap();
    // The one that was given up may have been added meanwhile.
    queue.broker.add(&[job("a")], ADD).await.unwrap();
    assert_eq!(counts(&queue).await.waiting, 1);
}

#[tokio::test]
async fn a_file_of_the_first_layout_is_made_anew() {
    let lab = File::new();
    fs::create_dir(lab.path().parent().unwrap()).unwrap();
    let old = rusqlite::Connection::open(lab.path()).unwrap();
    old.execute_batch("CREATE TABLE jobs (seq INTEGER PRIMARY KEY); PRAGMA user_version = 1").unwrap();
    drop(old);
    let clock = clock();
    let queue = lab.open(&clock).await;
    assert_eq!(queue.inspect.epoch().await.unwrap().since, clock.now(), "its jobs are gone");
    add(&queue, &["a"]).await;
    assert_eq!(claim_one(&queue).await.id, "a");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_writers_on_one_file_lose_nothing_and_run_nothing_twice() {
    const EACH: usize = 300;
    let (lab, clock) = (File::new(), clock());
    let handles = [lab.open(&clock).await, lab.open(&clock).await];
    let ran = Arc::new(std::sync::Mutex::new(BTreeSet::new()));
    let mut tasks = Vec::new();
    for (which, queue) in handles.iter().enumerate() {
        let adder = queue.clone();
        tasks.push(tokio::spawn(async move {
            for n in 0..EACH {
                // Each id is added through both handles; one of them is told that it is known.
                add(&adder, &[&format!("job-{}", (n + which * EACH / 2) % EACH)]).await;
            }
        }));
        for _ in 0..4 {
            let (queue, ran) = (queue.clone(), Arc::clone(&ran));
            tasks.push(tokio::spawn(async move {
                while ran.lock().unwrap().len() < EACH {
                    for held in queue.broker.next_from(Q, 2, LEASE, Duration::from_millis(50)).await.unwrap()
                    {
                        assert!(ran.lock().unwrap().insert(held.id.clone()), "{} ran twice", held.id);
                        assert_eq!(queue.broker.complete(&held, "1").await.unwrap(), LeaseState::Owned);
                    }
                }
            }));
        }
    }
    for task in tasks {
        tokio::time::timeout(LONG * 2, task).await.unwrap().unwrap();
    }
    for queue in &handles {
        assert_eq!(
            (counts(queue).await.completed, counts(queue).await.open()),
            (u64::try_from(EACH).unwrap(), 0)
        );
    }
    assert_eq!(claim(&handles[0], 1).await.len(), 0);
}

/// What was in it is rebuilt from the orders: a restart loop, or a queue that takes nothing, helps nobody.
#[tokio::test]
async fn a_damaged_file_is_moved_aside_and_made_anew() {
    for page in [1_u64, 2, 3, 4, 5] {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("queue.db");
        let queue = open(&path, &clock(), Keep::default()).await.unwrap();
        let names: Vec<_> = (0..200).map(|n| format!("job-{n}")).collect();
        add(&queue, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
        drop(queue);
        let conn = rusqlite::Connection::open(&path).unwrap();
        conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        drop(conn);
        let mut bytes = fs::read(&path).unwrap();
        let at = usize::try_from((page - 1) * 4096).unwrap();
        for (n, byte) in bytes[at..at + 4096].iter_mut().enumerate() {
            *byte = u8::try_from(n.wrapping_mul(151) % 251).unwrap();
        }
        fs::write(&path, bytes).unwrap();

        let queue = open(&path, &clock(), Keep::default()).await.unwrap();
        add(&queue, &["anew"]).await;
        assert_eq!(ids(&claim(&queue, 500).await), ["anew"], "page {page}");
        let aside = fs::read_dir(dir.path()).unwrap().filter(|entry| {
            let name = entry.as_ref().unwrap().file_name().into_string().unwrap();
            name.starts_with("queue.db.damaged-")
        });
        assert!(aside.count() >= 1, "page {page}: it is kept for whoever wants to look");
    }
}
