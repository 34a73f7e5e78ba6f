//! Databases and queues of servers that are not the ones that were meant: nothing is made there, and nobody's
//! queues are taken.

use std::path::Path;

use super::{
    process::{Ended, Run},
    web::Web,
};
use crate::support::{
    mongodb::{Lab, url},
    redis::{Raw, forget, shared},
};

const SECRET: &str = "a-key-of-this-test-and-of-nothing-else";

fn run(folder: &Path, store: &str, queue: &str, command: &str) -> Run {
    let run = Run::waybill(folder).args(&command.split(' ').collect::<Vec<_>>());
    run.set("STORE__URL", store)
        .set("QUEUE__URL", queue)
        .set("AUTH__JWT_SECRET", SECRET)
        .set("PARCELX__ACCESS_KEY", "the-key")
        .set("PARCELX__SECRET_KEY", "the-secret")
        .set("PARCELX__BASE_URL", "http://127.0.0.1:1")
}

/// MongoDB makes a database for whoever names one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_on_a_database_where_no_waybill_has_run_makes_nothing_and_takes_no_queues() {
    let (folder, lab, server) = (tempfile::tempdir().unwrap(), Lab::new().await, shared());
    let prefix = format!("typo-{}", std::process::id());
    let (queue, owner) = (format!("redis://{server}?prefix={prefix}"), format!("{prefix}:x:installation"));
    let end = |command: &str| -> Ended { run(folder.path(), &lab.url, &queue, command).end() };
    for command in [
        "account list",
        "admin list",
        "audit",
        "doctor",
        "doctor --json",
        "merchant list",
        "operation list",
        "order ord_1",
        "queue list",
        "queue pause parcelx-orders-queue --reason x",
        "restored --reason x",
        "restored --yes --reason x",
        "review list",
        "review rebook --all --yes --reason x",
        "sweep",
    ] {
        let words = ["store.url", "no Waybill has run on ", lab.database.name(), "`waybill migrate`"];
        end(command).refused(&[&words]);
    }
    assert!(lab.database.list_collection_names().await.unwrap().is_empty(), "nothing is made by looking");
    let mut raw = Raw::connect(server);
    assert!(raw.cmd(&["KEYS", &format!("{prefix}:*")]).texts().is_empty());

    // On one that was made on purpose they work, and compare: whose queues they are, is not for them to say.
    let made = end("migrate");
    let says = format!("waybill: a new database was made at {}", lab.url.split('?').next().unwrap());
    assert!(made.status.success() && made.err.lines().any(|line| line == says), "{made:?}");
    assert_eq!(end("migrate").err, "");
    for command in ["doctor", "review list", "queue list", "sweep"] {
        let ended = end(command);
        assert!(ended.status.success(), "{command}: {ended:?}");
    }
    assert_eq!(raw.cmd(&["EXISTS", &owner]).int(), 0);
    raw.cmd(&["SET", &owner, "another"]);
    end("queue list").refused(&[&["queue.url", "belong to another installation", &owner]]);
    forget(server, &prefix);
}

#[test]
fn a_queue_file_that_is_nobodys_is_taken_by_a_start_alone() {
    let folder = tempfile::tempdir().unwrap();
    let on = |store: &str, command: &str| -> Ended {
        let run = Run::waybill(folder.path()).args(&command.split(' ').collect::<Vec<_>>());
        run.set("STORE__URL", store).set("QUEUE__URL", "sqlite:data/queue.db").end()
    };
    let (own, other) = ("sqlite:data/waybill.db", "sqlite:other/waybill.db");
    for store in [other, own] {
        assert!(on(store, "migrate").status.success());
        let looked = on(store, "queue list");
        assert!(looked.status.success(), "{store}: {looked:?}");
    }
    let mut waybill = Run::waybill(folder.path()).start();
    waybill.line("Waybill ");
    on(other, "queue list").refused(&[&["queue.url", "it holds the jobs of another database"]]);
    assert!(on(own, "queue list").status.success());
    waybill.stop();
}

#[test]
fn the_databases_that_a_server_has_for_itself_are_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    for (name, why) in [
        ("admin", "keeps its users there"),
        ("config", "keeps its own state there"),
        ("local", "on one node alone"),
    ] {
        for command in ["api", "doctor", "migrate", "merchant add Shop"] {
            let ended = run(folder.path(), &url(name, ""), "sqlite:queue.db", command).end();
            ended.refused(&[&["store.url", &format!("/{name}: "), "the server's own", why]]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_says_once_that_its_queues_were_taken_and_takes_back_what_is_nobodys() {
    let (folder, server) = (tempfile::tempdir().unwrap(), shared());
    let prefix = format!("taken-{}", std::process::id());
    let (queue, owner) = (format!("redis://{server}?prefix={prefix}"), format!("{prefix}:x:installation"));
    let mut api = run(folder.path(), "sqlite:data/waybill.db", &queue, "api").start();
    let web = Web::new(&api.url());
    let mut raw = Raw::connect(server);
    let own = raw.cmd(&["GET", &owner]).text();

    // Redis has lost everything.
    forget(server, &prefix);
    assert_eq!(web.status("/readyz").await, Some(200));
    let told = api.log("the mark that the queues of the prefix");
    assert!(told.contains("ERROR") && told.contains("it is put back"), "{told}");
    assert_eq!(raw.cmd(&["GET", &owner]).text(), own);

    raw.cmd(&["SET", &owner, "another"]);
    for _ in 0..3 {
        let (_, ready) = web.text("/readyz").await;
        assert!(ready.contains(r#""queue":"failed""#), "{ready}");
    }
    let told = api.log("another installation has taken the queues");
    assert!(told.contains("ERROR") && told.contains(&format!("DEL '{owner}'")), "{told}");
    raw.cmd(&["DEL", &owner]);
    let (_, ready) = web.text("/readyz").await;
    assert!(ready.contains(r#""queue":"ok""#), "{ready}");
    assert_eq!(raw.cmd(&["GET", &owner]).text(), own);
    let ended = api.stop();
    for words in ["another installation has taken the queues", "the mark that the queues of the prefix"] {
        assert_eq!(ended.err.matches(words).count(), 1, "{words}: {}", ended.err);
    }
    forget(server, &prefix);
}
