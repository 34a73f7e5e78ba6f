use rusqlite::Connection;

use super::{super::schema::SCHEMA, *};

/// Statement, and the parts that its plan must have, each searching an index by the columns named.
const PLANS: &[(&str, &[&str])] = &[
    (LINE, &["COVERING INDEX jobs_waiting (queue=? AND turn>?)", "COVERING INDEX jobs_waiting (queue=?)"]),
    (KNOWN, &["COVERING INDEX sqlite_autoindex_jobs_1 (queue=? AND id=?)"]),
    (SHARE, &["sqlite_autoindex_jobs_1 (queue=? AND id=?)"]),
    (ADD_WAITING, &["COVERING INDEX jobs_waiting (queue=? AND turn=?)"]),
    (ADD_DELAYED, &[]),
    (DUE, &["jobs_delayed (queue=? AND due_at<?)"]),
    (PROMOTE, &["INTEGER PRIMARY KEY (rowid=?)", "COVERING INDEX jobs_waiting (queue=? AND turn=?)"]),
    (CLAIMABLE, &["COVERING INDEX jobs_waiting (queue=?)", "COVERING INDEX jobs_delayed (queue=?)"]),
    (HEAD, &["jobs_waiting (queue=?)"]),
    (LEASE, &["INTEGER PRIMARY KEY (rowid=?)"]),
    (EXTEND, &["sqlite_autoindex_jobs_1 (queue=? AND id=?)"]),
    (COMPLETE, &["sqlite_autoindex_jobs_1 (queue=? AND id=?)", "jobs_completed (queue=?)"]),
    (FAIL, &["sqlite_autoindex_jobs_1 (queue=? AND id=?)", "jobs_failed (queue=?)"]),
    (DELAY, &["sqlite_autoindex_jobs_1 (queue=? AND id=?)"]),
    (
        REQUEUE,
        &["sqlite_autoindex_jobs_1 (queue=? AND id=?)", "COVERING INDEX jobs_waiting (queue=? AND turn=?)"],
    ),
    (
        RELEASE,
        &["sqlite_autoindex_jobs_1 (queue=? AND id=?)", "COVERING INDEX jobs_waiting (queue=? AND turn=?)"],
    ),
    (STALLED, &["jobs_active (queue=? AND due_at<?)"]),
    (RECOVER, &["INTEGER PRIMARY KEY (rowid=?)", "COVERING INDEX jobs_waiting (queue=? AND turn=?)"]),
    (TRIM_COMPLETED, &["INTEGER PRIMARY KEY (rowid=?)", "jobs_completed (queue=?)"]),
    (TRIM_FAILED, &["INTEGER PRIMARY KEY (rowid=?)", "jobs_failed (queue=?)"]),
    (
        COUNTS,
        &[
            "COVERING INDEX jobs_waiting (queue=?)",
            "COVERING INDEX jobs_active (queue=?)",
            "COVERING INDEX jobs_delayed (queue=?)",
            "COVERING INDEX jobs_completed (queue=?)",
            "COVERING INDEX jobs_failed (queue=?)",
        ],
    ),
    (GET, &["sqlite_autoindex_jobs_1 (queue=? AND id=?)"]),
    (STATE, &["sqlite_autoindex_jobs_1 (queue=? AND id=?)"]),
    (LIST_WAITING, &["jobs_waiting (queue=? AND (turn,position)>(?,?))"]),
    (LIST_ACTIVE, &["jobs_active (queue=? AND due_at>?)"]),
    (LIST_DELAYED, &["jobs_delayed (queue=? AND due_at>?)"]),
    (LIST_COMPLETED, &["jobs_completed (queue=? AND position<?)"]),
    (LIST_FAILED, &["jobs_failed (queue=? AND position<?)"]),
];

#[test]
fn every_statement_is_answered_by_an_index_and_sorts_nothing() {
    let conn = Connection::open_in_memory().unwrap();
    conn.execute_batch(SCHEMA).unwrap();
    for (sql, parts) in PLANS {
        let mut explain = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let mut rows = explain.raw_query();
        let mut plan = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            plan.push(row.get::<_, String>(3).unwrap());
        }
        for part in *parts {
            assert!(
                plan.iter().any(|step| step.starts_with("SEARCH jobs USING") && step.ends_with(part)),
                "{sql}\n{plan:#?}"
            );
        }
        assert_eq!(
            plan.iter().filter(|step| step.starts_with("SEARCH jobs")).count(),
            parts.len(),
            "{sql}\n{plan:#?}"
        );
        let costly = |step: &&String| {
            step.contains("TEMP B-TREE") || step.starts_with("SCAN") && !step.contains("CONSTANT ROW")
        };
        assert_eq!(plan.iter().find(costly), None, "{sql}\n{plan:#?}");
    }
}
