//! `waybill migrate`: a database of an earlier form is refused, named, and brought to the form of today.

use rusqlite::Connection;
use serde_json::{Value, json};
use waybill::app::migrations::STEPS;

use super::process::{Ended, Run};

fn waybill(folder: &std::path::Path, command: &str) -> Ended {
    let run = Run::waybill(folder).args(&[command]);
    run.set("PARCELX__ACCESS_KEY", "a").set("PARCELX__SECRET_KEY", "s").end()
}

#[test]
fn a_database_of_an_earlier_form_is_refused_and_then_migrated() {
    let folder = tempfile::TempDir::new().unwrap();
    let fine = |ended: Ended| {
        assert!(ended.status.success(), "{}", ended.err);
        ended.out
    };
    assert!(!waybill(folder.path(), "doctor").status.success(), "there is no database yet");
    fine(waybill(folder.path(), "migrate"));
    fine(waybill(folder.path(), "doctor"));
    assert_eq!(fine(waybill(folder.path(), "migrate")), "the database is up to date\n");

    let conn = Connection::open(folder.path().join("data/waybill.db")).unwrap();
    let log = json!({ "id": "plog_1", "version": 1, "requestRefId": "plog_1", "provider": "parcelx",
        "operation": "create", "orderId": "ord_1", "responsePayload": "<html>", "payloadIsText": true,
        "verdict": "unknown", "receivedAt": "2026-01-31T09:30:00.000Z", "durationMs": 5, "statusCode": 502,
        "late": { "statusCode": 502, "responsePayload": "<p>", "payloadIsText": true, "verdict": "unknown",
            "receivedAt": "2026-01-31T09:31:00.000Z" } });
    conn.execute(
        "INSERT INTO parcelx_response_logs (id, version, json) VALUES ('plog_1', 1, ?1)",
        [log.to_string()],
    )
    .unwrap();
    conn.execute_batch(
        "DELETE FROM migrations; DROP INDEX orders_awb; CREATE INDEX orders_awb ON orders (version)",
    )
    .unwrap();

    for command in ["api", "doctor"] {
        let refused = waybill(folder.path(), command);
        assert!(!refused.status.success(), "{}", refused.out);
        for part in ["orders.awb", "step 1: ", "run `waybill migrate`"] {
            assert!(refused.err.contains(part), "{part}: {}", refused.err);
        }
        assert_eq!(refused.err.trim().lines().count(), 1, "{}", refused.err);
    }
    let told = fine(waybill(folder.path(), "migrate"));
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(lines.len(), 1 + STEPS.len(), "{told}");
    assert_eq!(lines[0], "orders.awb: made anew");
    assert!(lines[1].starts_with("step 1: ") && lines[1].ends_with("1 documents changed"), "{told}");
    assert_eq!(fine(waybill(folder.path(), "migrate")), "the database is up to date\n");
    fine(waybill(folder.path(), "doctor"));
    let stored: String =
        conn.query_row("SELECT json FROM parcelx_response_logs", [], |row| row.get(0)).unwrap();
    let stored: Value = serde_json::from_str(&stored).unwrap();
    assert_eq!((&stored["payloadIs"], &stored["late"]["payloadIs"]), (&json!("raw"), &json!("raw")));
    assert!(stored.get("payloadIsText").is_none() && stored["late"].get("payloadIsText").is_none());
}

/// Up to then a table had a document's JSON alone, in `doc`, and its indexes over that.
#[test]
fn tables_of_an_earlier_release_are_refused_and_then_made_anew() {
    let folder = tempfile::TempDir::new().unwrap();
    let fine = |ended: Ended| {
        assert!(ended.status.success(), "{}", ended.err);
        ended.out
    };
    fine(waybill(folder.path(), "migrate"));
    let conn = Connection::open(folder.path().join("data/waybill.db")).unwrap();
    let names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'";
    let mut names = conn.prepare(names).unwrap();
    let tables: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let line = json!({ "id": "0002", "version": 1, "name": "as it was", "madeAt": "2026-01-31T09:30:00.000Z",
        "documents": 0, "isNew": [true, null, 1.5] });
    conn.execute("UPDATE migrations SET json = ?1 WHERE id = '0002'", [line.to_string()]).unwrap();
    for table in &tables {
        conn.execute_batch(&format!(
            "CREATE TABLE was (id TEXT PRIMARY KEY NOT NULL, version INTEGER NOT NULL, doc TEXT NOT NULL);
             INSERT INTO was SELECT id, version, json FROM {table};
             DROP TABLE {table}; ALTER TABLE was RENAME TO {table}"
        ))
        .unwrap();
    }
    conn.execute_batch("CREATE UNIQUE INDEX orders_awb ON orders (json_extract(doc,'$.awb'))").unwrap();

    for command in ["api", "doctor", "sweep"] {
        let refused = waybill(folder.path(), command);
        assert!(!refused.status.success(), "{command}: {}", refused.out);
        assert!(refused.err.contains("run `waybill migrate`"), "{command}: {}", refused.err);
        assert_eq!(refused.err.trim().lines().count(), 1, "{command}: {}", refused.err);
        assert!(refused.err.len() < 500, "{command}: not each of them: {}", refused.err);
        let named = refused.err.contains("migrated (") && refused.err.contains(" more)");
        assert!(named || command != "api", "{command}: {}", refused.err);
    }
    let told = fine(waybill(folder.path(), "migrate"));
    for table in &tables {
        assert!(told.lines().any(|line| line == format!("{table}: made anew")), "{table}: {told}");
    }
    assert_eq!(fine(waybill(folder.path(), "migrate")), "the database is up to date\n");
    fine(waybill(folder.path(), "doctor"));
    let stored = "SELECT json FROM migrations WHERE id = '0002'";
    let stored: String = conn.query_row(stored, [], |row| row.get(0)).unwrap();
    assert_eq!(stored, line.to_string(), "to the letter");
}
