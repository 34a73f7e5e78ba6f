//! The audit log: found by who, what and whom, and as a file.

use http::Method;
use serde_json::{Value, json};
use waybill::{
    admin::rights::Role,
    features::audit::{Audit, AuditContext, AuditedAction, Outcome, Via},
};

use super::people::Browser;
use crate::support::TestApp;

async fn lines(app: &TestApp, n: usize) {
    let audit = Audit::new(app.app.store.clone(), app.clock.clone());
    for i in 0..n {
        let actor = if i % 2 == 0 { "asha" } else { "ravi" };
        let by = AuditContext::new(actor, Via::Cli, "=HYPERLINK(\"x\"), she said").unwrap();
        let action = if i % 3 == 0 { "queue.pause" } else { "job.retry" };
        let id = format!("target-{}", i % 5);
        let act = AuditedAction { action, collection: "jobs", id: &id, user_id: None, before: None };
        let line = audit.begin(&by, &act).await.unwrap();
        audit.end(&line, Outcome::Done, None, Some("call 9000000001")).await.unwrap();
        app.advance(std::time::Duration::from_secs(1));
    }
}

async fn all(browser: &Browser, query: &str) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let answer = browser.get(&format!("/audit?limit=7&{query}{cursor}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let page = answer.json();
        all.extend(page["data"].as_array().unwrap().iter().cloned());
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

#[tokio::test]
async fn lines_are_found_by_actor_action_and_target() {
    let app = TestApp::start().await;
    lines(&app, 30).await;
    let admin = app.admin(Role::Admin).await;
    for (query, expected) in [
        ("", 30),
        ("actor=asha", 15),
        ("action=queue.pause", 10),
        ("target=target-3", 6),
        ("actor=ravi&action=queue.pause", 5),
        ("actor=asha&target=target-3&action=job.retry", 2),
        ("from=2026-01-31T09:30:10Z&to=2026-01-31T09:30:20Z", 10),
        ("actor=nobody", 0),
    ] {
        let found = all(&admin, query).await;
        assert_eq!(found.len(), expected, "{query}");
        let times: Vec<_> = found.iter().map(|line| line["at"].as_str().unwrap()).collect();
        assert!(times.is_sorted_by(|a, b| a > b), "{query}: {times:?}");
    }
    let line = &all(&admin, "target=target-3").await[0];
    assert_eq!(line["target"], json!({ "collection": "jobs", "id": "target-3", "userId": null }));
    assert_eq!(
        (&line["words"], &line["outcome"], &line["via"]),
        (&json!("call […]"), &json!("done"), &json!("cli"))
    );
    admin.get("/audit?who=asha").await.problem(400, "invalid-query");
    admin.get("/audit?limit=0").await.problem(422, "validation-failed");
    let next = admin.get("/audit?limit=1").await.json()["nextCursor"].as_str().unwrap().to_owned();
    admin.get(&format!("/audit?actor=asha&cursor={next}")).await.problem(400, "invalid-cursor");
}

#[tokio::test]
async fn what_is_done_in_the_dashboard_says_who_from_where_and_in_which_request() {
    let app = TestApp::start().await;
    let boss = app.admin(Role::SuperAdmin).await;
    let body =
        json!({ "username": "ravi", "password": "correct horse battery", "role": "viewer", "reason": "new" });
    let added = boss.call(Method::POST, "/users", Some(&body)).await;
    assert_eq!(added.status, 201);
    let line = all(&boss, "action=user.add").await.remove(0);
    assert_eq!(
        (&line["actor"], &line["role"], &line["via"]),
        (&json!("super_admin"), &json!("super_admin"), &json!("http"))
    );
    assert_eq!((&line["reason"], &line["after"]), (&json!("new"), &json!("viewer")));
    assert_eq!(line["requestId"], added.header("x-request-id").unwrap());
    let sessions = boss.get("/sessions").await.json();
    assert_eq!(line["session"], sessions["data"][0]["id"]);
    assert!(!line.to_string().contains("battery"));
}

#[tokio::test]
async fn a_file_has_every_line_and_no_formulas_and_is_itself_in_the_log() {
    let app = TestApp::start().await;
    lines(&app, 1201).await;
    let admin = app.admin(Role::Admin).await;
    let csv = admin.get("/audit/export?format=csv&actor=asha").await;
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    let text = csv.text();
    let rows: Vec<_> = text.split("\r\n").filter(|row| !row.is_empty()).collect();
    assert_eq!(rows.len(), 1 + 601);
    assert!(rows[0].starts_with("id,at,actor,"), "{}", rows[0]);
    assert!(rows[1].contains(",\"'=HYPERLINK(\"\"x\"\"), she said\","), "{}", rows[1]);
    let file = admin.get("/audit/export?format=json").await.json();
    assert_eq!((file["data"].as_array().unwrap().len(), &file["more"]), (1203, &json!(false)));
    let exports = all(&admin, "action=audit.export").await;
    assert_eq!((exports.len(), &exports[1]["count"]), (2, &json!(601)));
    admin.get("/audit/export").await.problem(400, "invalid-query");
    admin.get("/audit/export?format=xls").await.problem(400, "invalid-query");
}
