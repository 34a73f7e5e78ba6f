//! What a shared commit promises to each of its callers.

use rusqlite::ErrorCode;
use tokio::sync::oneshot::Receiver;

use super::*;

const TABLES: &str = "PRAGMA foreign_keys = ON; CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, doc TEXT);
    CREATE TABLE child (id TEXT REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)";

struct Memory(Option<Connection>);

impl Target for Memory {
    type Effects = ();

    fn begin(&mut self) -> Result<(Connection, ()), String> {
        Ok((self.0.take().unwrap(), ()))
    }

    fn end(&mut self, conn: Connection, (): (), outcome: Result<(), Error>) -> Result<(), String> {
        self.0 = Some(conn);
        outcome.map_err(|e| e.to_string())
    }
}

impl std::ops::Deref for Memory {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.0.as_ref().unwrap()
    }
}

fn memory() -> Memory {
    let conn = Connection::open_in_memory().unwrap();
    conn.execute_batch(TABLES).unwrap();
    Memory(Some(conn))
}

type Answer = Receiver<Result<usize, Undone>>;

fn job(sql: &'static str, id: &str) -> (Box<dyn Work<()>>, Answer) {
    let ((reply, answer), id) = (oneshot::channel(), id.to_owned());
    let work = move |step: &mut Step<'_, ()>| step.conn.prepare_cached(sql)?.execute([id]);
    (Box::new(Task { work: Some(work), result: None, kind: SINGLE, reply }), answer)
}

const SINGLE: Kind = Kind { has_parts: false, of_many: false };

fn put(id: &str) -> (Box<dyn Work<()>>, Answer) {
    job("INSERT INTO t (id) VALUES (?1)", id)
}

/// Lets the jobs wait together and commits once. Tells how many were taken.
fn commit(file: &mut Memory, jobs: Vec<Box<dyn Work<()>>>) -> usize {
    let (sender, mut waiting) = mpsc::channel(WAITING);
    let mut jobs = jobs.into_iter();
    let first = jobs.next().unwrap();
    jobs.for_each(|job| assert!(sender.try_send(job).is_ok()));
    commit_waiting(file, first, &mut waiting, &LastFailure::default()).all
}

fn rows(conn: &Connection) -> Vec<String> {
    let mut select = conn.prepare("SELECT id FROM t ORDER BY id").unwrap();
    select.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

/// By them the next transaction knows that more will come.
#[test]
fn those_that_many_callers_have_are_counted_apart() {
    let mut file = memory();
    let (sender, mut waiting) = mpsc::channel(WAITING);
    let of_many = |id: &'static str| -> Box<dyn Work<()>> {
        let work = move |step: &mut Step<'_, ()>| step.conn.execute("INSERT INTO t (id) VALUES (?1)", [id]);
        let kind = Kind { of_many: true, ..SINGLE };
        Box::new(Task { work: Some(work), result: None, kind, reply: oneshot::channel().0 })
    };
    for work in [of_many("a"), put("b").0, of_many("c")] {
        assert!(sender.try_send(work).is_ok());
    }
    let taken = commit_waiting(&mut file, put("d").0, &mut waiting, &LastFailure::default());
    assert_eq!(taken, Taken { all: 4, of_many: 2 });
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
        matches!(&told[..], [Ok(1), Ok(1), Err(Undone::Own(e)), Ok(1)]
            if e.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)),
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
        assert!(matches!(answer.try_recv(), Ok(Err(Undone::All(_)))));
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
        assert!(matches!(&told, Err(Undone::All(why)) if why.contains("full")), "{told:?}");
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
        assert!(matches!(answer.try_recv(), Ok(Err(Undone::All(_)))));
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
fn an_operation_that_fails_half_way_undoes_itself_alone() {
    let mut conn = memory();
    let (reply, mut answer) = oneshot::channel();
    let halfway = |step: &mut Step<'_, ()>| {
        step.conn.execute("INSERT INTO t (id) VALUES ('half')", [])?;
        step.conn.execute("INSERT INTO nowhere VALUES (1)", [])
    };
    let task = Task { work: Some(halfway), result: None, kind: Kind { has_parts: true, ..SINGLE }, reply };
    let (other, mut others) = put("a");
    commit(&mut conn, vec![Box::new(task), other]);
    assert!(matches!(answer.try_recv(), Ok(Err(Undone::Own(_)))) && matches!(others.try_recv(), Ok(Ok(1))));
    assert_eq!(rows(&conn), ["a"]);
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn the_thread_ends_with_the_last_handle_and_not_before() {
    let (writer, thread) = Writer::start("test", memory()).unwrap();
    let clone = writer.clone();
    drop(writer);
    let put = |step: &mut Step<'_, ()>| step.conn.execute("INSERT INTO t (id) VALUES ('a')", []);
    assert!(matches!(block_on(clone.run(put)), Ok(1)));
    drop(clone);
    thread.join().unwrap();
}

#[test]
fn a_thread_that_died_is_told() {
    let (writer, thread) = Writer::start("test", memory()).unwrap();
    assert!(writer.alive());
    let dies = |_: &mut Step<'_, ()>| -> rusqlite::Result<()> { panic!("on purpose") };
    assert!(matches!(block_on(writer.run(dies)), Err(Undone::All(_))));
    assert!(thread.join().is_err());
    assert!(!writer.alive());
    assert!(matches!(block_on(writer.statement(|_| Ok(1))), Err(Undone::All(_))));
}

/// Says whether it was closed.
struct Told(Memory, Arc<AtomicBool>);

impl Target for Told {
    type Effects = ();

    fn begin(&mut self) -> Result<(Connection, ()), String> {
        self.0.begin()
    }

    fn end(&mut self, conn: Connection, (): (), outcome: Result<(), Error>) -> Result<(), String> {
        self.0.end(conn, (), outcome)
    }

    fn close(self) {
        self.1.store(true, Ordering::Relaxed);
    }
}

#[test]
fn what_was_handed_over_is_done_before_the_end_and_nothing_afterwards() {
    let closed = Arc::new(AtomicBool::new(false));
    let (writer, thread) = Writer::start("test", Told(memory(), Arc::clone(&closed))).unwrap();
    let put = |step: &mut Step<'_, ()>| step.conn.execute("INSERT INTO t (id) VALUES ('a')", []);
    let clone = writer.clone();
    let ending = async { tokio::join!(biased; writer.run(put), clone.end()) };
    assert!(matches!(block_on(ending), (Ok(1), ())));
    assert!(closed.load(Ordering::Relaxed));
    assert!(!writer.alive());
    assert!(matches!(block_on(writer.run(put)), Err(Undone::All(_))));
    block_on(clone.end());
    thread.join().unwrap();
}

#[test]
fn a_thread_whose_handles_are_dropped_closes_nothing_by_itself() {
    let closed = Arc::new(AtomicBool::new(false));
    let (writer, thread) = Writer::start("test", Told(memory(), Arc::clone(&closed))).unwrap();
    drop(writer);
    thread.join().unwrap();
    assert!(!closed.load(Ordering::Relaxed));
}
