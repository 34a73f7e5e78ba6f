//! What a shared commit promises to each of its callers.

use rusqlite::types::Value;
use tokio::sync::oneshot::Receiver;

use super::*;

const TABLES: &str = "PRAGMA foreign_keys = ON; CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, doc TEXT);
    CREATE TABLE child (id TEXT REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)";

fn memory() -> Connection {
    let conn = Connection::open_in_memory().unwrap();
    conn.execute_batch(TABLES).unwrap();
    conn
}

fn job(sql: &str, id: &str) -> (Job, Receiver<Result<usize, StoreError>>) {
    let (reply, answer) = oneshot::channel();
    let statement = Statement { sql: sql.to_owned(), values: vec![Value::Text(id.to_owned())] };
    (Job { work: Work::Run(statement), reply }, answer)
}

fn put(id: &str) -> (Job, Receiver<Result<usize, StoreError>>) {
    job("INSERT INTO t (id) VALUES (?1)", id)
}

/// Lets the jobs wait together and commits once. Tells how many were taken.
fn commit(conn: &mut Connection, jobs: Vec<Job>) -> usize {
    let (sender, mut waiting) = mpsc::channel(WAITING);
    let mut jobs = jobs.into_iter();
    let first = jobs.next().unwrap();
    jobs.for_each(|job| sender.try_send(job).unwrap());
    commit_waiting(conn, first, &mut waiting)
}

fn rows(conn: &Connection) -> Vec<String> {
    let mut select = conn.prepare("SELECT id FROM t ORDER BY id").unwrap();
    select.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn all_that_wait_share_a_commit_up_to_the_limit() {
    let mut conn = memory();
    let (jobs, mut answers): (Vec<_>, Vec<_>) = (0..BATCH + 5).map(|n| put(&format!("{n:04}"))).unzip();
    assert_eq!(commit(&mut conn, jobs), BATCH);
    assert!(answers[..BATCH].iter_mut().all(|a| matches!(a.try_recv(), Ok(Ok(1)))));
    assert_eq!(rows(&conn).len(), BATCH);
}

#[test]
fn a_conflict_fails_its_own_caller_only() {
    let mut conn = memory();
    let (jobs, answers): (Vec<_>, Vec<_>) = ["a", "b", "a", "c"].map(put).into_iter().unzip();
    assert_eq!(commit(&mut conn, jobs), 4);
    let told: Vec<_> = answers.into_iter().map(|mut a| a.try_recv().unwrap()).collect();
    assert!(
        matches!(&told[..], [Ok(1), Ok(1), Err(StoreError::Conflict { index }), Ok(1)] if index == "t.id"),
        "{told:?}"
    );
    assert_eq!(rows(&conn), ["a", "b", "c"]);
}

#[test]
fn when_the_commit_fails_nobody_hears_anything_else() {
    let mut conn = memory();
    let orphan = job("INSERT INTO child (id) VALUES (?1)", "nobody");
    // The second `a` conflicts with a row that the failed commit takes away again.
    let (jobs, answers): (Vec<_>, Vec<_>) = [put("a"), put("a"), orphan].into_iter().unzip();
    commit(&mut conn, jobs);
    for mut answer in answers {
        assert!(matches!(answer.try_recv(), Ok(Err(StoreError::Unavailable(_)))));
    }
    assert!(rows(&conn).is_empty());
    let (next, mut answer) = put("a");
    commit(&mut conn, vec![next]);
    assert!(matches!(answer.try_recv(), Ok(Ok(1))), "the writer goes on");
}

#[test]
fn a_full_disk_is_told_to_all_and_the_writer_goes_on() {
    let mut conn = memory();
    let pages: i64 = conn.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    conn.query_row(&format!("PRAGMA max_page_count = {}", pages + 2), [], |_| Ok(())).unwrap();
    let huge = job("INSERT INTO t (id, doc) VALUES (?1, zeroblob(100000))", "huge");
    let (jobs, mut answers): (Vec<_>, Vec<_>) = [put("a"), huge, put("b")].into_iter().unzip();
    assert_eq!(commit(&mut conn, jobs), 2, "what waits behind it has its own try");
    for answer in &mut answers[..2] {
        let told = answer.try_recv().unwrap();
        assert!(matches!(&told, Err(StoreError::Unavailable(why)) if why.contains("full")), "{told:?}");
    }
    let (next, mut answer) = put("c");
    commit(&mut conn, vec![next]);
    assert!(matches!(answer.try_recv(), Ok(Ok(1))));
    assert_eq!(rows(&conn), ["c"]);
}

#[test]
fn without_a_transaction_nothing_is_done() {
    let mut conn = memory();
    conn.execute_batch("BEGIN").unwrap(); // the next one is refused
    let (jobs, answers): (Vec<_>, Vec<_>) = ["a", "b"].map(put).into_iter().unzip();
    assert_eq!(commit(&mut conn, jobs), 2);
    for mut answer in answers {
        assert!(matches!(answer.try_recv(), Ok(Err(StoreError::Unavailable(_)))));
    }
    assert!(rows(&conn).is_empty());
    let (next, mut answer) = put("c");
    commit(&mut conn, vec![next]);
    assert!(matches!(answer.try_recv(), Ok(Ok(1))), "the writer goes on");
}

#[test]
fn a_caller_that_has_gone_changes_nothing() {
    let mut conn = memory();
    let (gone, _) = put("a");
    let (stays, mut answer) = put("b");
    commit(&mut conn, vec![gone, stays]);
    assert!(matches!(answer.try_recv(), Ok(Ok(1))));
    assert_eq!(rows(&conn), ["a", "b"]);
}

#[test]
fn the_thread_ends_with_the_last_handle_and_not_before() {
    let (writer, thread) = Writer::start(memory()).unwrap();
    let clone = writer.clone();
    drop(writer);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let work = Work::Run(Statement { sql: "INSERT INTO t (id) VALUES ('a')".to_owned(), values: Vec::new() });
    assert!(matches!(runtime.block_on(clone.run(work)), Ok(1)));
    drop(clone);
    thread.join().unwrap();
}
