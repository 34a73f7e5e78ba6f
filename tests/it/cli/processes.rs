//! API, workers and simulator as processes of their own on the same files.

use std::{collections::BTreeMap, path::Path, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    process::{Process, Run, WORKER},
    web::{Web, counts},
};
use crate::support::{
    mongodb::Lab,
    orders,
    redis::{forget, shared},
};

struct Parts {
    folder: TempDir,
    simulator: Process,
    api: Process,
    base_url: String,
    web: Web,
}

fn keys(run: Run, base_url: &str) -> Run {
    run.set("PARCELX__ACCESS_KEY", "the-key")
        .set("PARCELX__SECRET_KEY", "the-secret")
        .set("PARCELX__BASE_URL", base_url)
}

impl Parts {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // It is told the same credentials, and refuses others.
        let simulator = Run::waybill(folder.path()).args(&[
            "simulator",
            "--bind",
            "127.0.0.1:0",
            "--ledger",
            "ledger.jsonl",
        ]);
        let mut simulator = keys(simulator, "").start();
        let base_url = simulator.url();
        let mut api = keys(Run::waybill(folder.path()).args(&["api"]), &base_url).start();
        let token = Run::waybill(folder.path()).args(&["token", "--user", "u1"]).end().out;
        let web = Web::new(&api.url()).token(&token);
        Self { folder, simulator, api, base_url, web }
    }

    fn worker(&self) -> Process {
        let mut worker = keys(Run::new(WORKER, self.folder.path()), &self.base_url).start();
        worker.line(": worker on /");
        worker
    }
}

/// Bookings by reference, as the ledger's file has them.
fn booked(ledger: &Path) -> BTreeMap<String, usize> {
    let mut booked = BTreeMap::new();
    for line in std::fs::read_to_string(ledger).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if line["entry"]["operation"] == "create" {
            assert_eq!(line["entry"]["what"], "booked", "{line}");
            *booked.entry(line["entry"]["reference"].as_str().unwrap().to_owned()).or_insert(0) += 1;
        }
    }
    booked
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_book_fifty_orders_of_an_api_once_each() {
    let parts = Parts::start();
    let workers = [parts.worker(), parts.worker()];
    let web = &parts.web;
    let posts = (0..50).map(async |n| {
        let id = web.create(&orders::order(&format!("P-{n}"))).await;
        web.order_becomes(&id, "success").await
    });
    let mut expected = BTreeMap::new();
    for order in futures_util::future::join_all(posts).await {
        assert_eq!(order["providerEnv"], "live");
        expected.insert(order["orderNumber"].as_str().unwrap().to_owned(), 1);
    }
    assert_eq!(expected.len(), 50);
    for worker in workers {
        worker.stop();
    }
    parts.api.stop();
    parts.simulator.stop();
    assert_eq!(booked(&parts.folder.path().join("ledger.jsonl")), expected);
    let left = counts(parts.folder.path()).await;
    assert_eq!((left.open(), left.completed), (0, 50), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_worker_notices_what_another_process_accepts() {
    let parts = Parts::start();
    let worker = parts.worker();
    for n in 0..3 {
        let id = parts.web.create(&orders::order(&format!("W-{n}"))).await;
        // Far below the half minute after which it would look of its own accord.
        let noticed =
            tokio::time::timeout(Duration::from_secs(15), parts.web.order_becomes(&id, "success")).await;
        assert!(noticed.is_ok(), "order {n} was not noticed");
    }
    worker.stop();
    parts.api.stop();
    parts.simulator.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_wait_for_a_worker_and_survive_the_end_of_the_api() {
    let parts = Parts::start();
    let id = parts.web.create(&orders::order("A-1")).await;
    assert_eq!(parts.web.order(&id).await["providerSyncStatus"], "queued");
    let Parts { folder, simulator, api, base_url, .. } = parts;
    api.stop();
    let mut worker = keys(Run::new(WORKER, folder.path()), &base_url).start();
    worker.log("booked");
    worker.stop();
    assert_eq!(booked(&folder.path().join("ledger.jsonl")).len(), 1);
    simulator.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simulator_goes_on_from_its_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let run = || {
        Run::waybill(folder.path()).args(&["simulator", "--bind", "127.0.0.1:0", "--ledger", "ledger.jsonl"])
    };
    let mut simulator = run().start();
    let url = simulator.url();
    let mut waybill = keys(Run::waybill(folder.path()), &url).start();
    let token = Run::waybill(folder.path()).args(&["token", "--user", "u1"]).end().out;
    let web = Web::new(&waybill.url()).token(&token);
    let id = web.create(&orders::order("G-1")).await;
    let order = web.order_becomes(&id, "success").await;
    let before = Web::new(&url).shipments().await;
    assert_eq!(
        before,
        [(order["orderNumber"].as_str().unwrap().to_owned(), order["awb"].as_str().unwrap().to_owned())]
    );
    waybill.stop();
    simulator.signal("KILL");
    simulator.end();
    let mut again = run().start();
    assert_eq!(Web::new(&again.url()).shipments().await, before);
    again.stop();
}

/// The next API is there before the last one goes, so that orders are taken all the time. Some jobs are left
/// in the queue that nobody works any longer.
#[tokio::test(flavor = "multi_thread")]
async fn the_queue_moves_to_redis_and_back_by_one_setting_and_no_order_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let simulator =
        Run::waybill(folder.path()).args(&["simulator", "--bind", "127.0.0.1:0", "--ledger", "ledger.jsonl"]);
    let mut simulator = keys(simulator, "").start();
    let base_url = simulator.url();
    let secret = "a-key-of-the-tests-and-of-nothing-else";
    let on = |run: Run, queue: &str| {
        let run = keys(run, &base_url).set("AUTH__JWT_SECRET", secret).set("QUEUE__URL", queue);
        run.set("OUTBOX__RELAY_AFTER", "1s").set("OUTBOX__GRACE", "1s").set("OUTBOX__EVERY", "200ms")
    };
    let (files, server) = ("sqlite:data/queue.db", shared());
    let redis = format!("redis://{server}?prefix=moved-{}", std::process::id());
    let token = on(Run::waybill(folder.path()).args(&["token", "--user", "u1"]), files).end().out;
    let (mut ids, mut before) = (Vec::new(), None::<(Process, Web)>);
    for queue in [files, &redis, files] {
        let mut api = on(Run::waybill(folder.path()).args(&["api"]), queue).start();
        let web = Web::new(&api.url()).token(&token);
        if let Some((last, web)) = before.take() {
            for _ in 0..5 {
                ids.push(web.create(&orders::order(&format!("M-{}", ids.len()))).await);
            }
            last.stop();
        }
        let worker = on(Run::new(WORKER, folder.path()), queue).start();
        for _ in 0..10 {
            ids.push(web.create(&orders::order(&format!("M-{}", ids.len()))).await);
        }
        for id in &ids {
            web.order_becomes(id, "success").await;
        }
        worker.stop();
        before = Some((api, web));
    }
    if let Some((api, _)) = before {
        api.stop();
    }
    simulator.stop();
    forget(server, &format!("moved-{}", std::process::id()));
    let booked = booked(&folder.path().join("ledger.jsonl"));
    assert_eq!(booked.len(), ids.len());
    assert!(booked.values().all(|n| *n == 1), "{booked:?}");
}

/// They are left to whoever works for theirs: no person is needed for them, and the one who looks at the log
/// knows why they wait.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_tells_at_its_start_of_orders_that_are_for_another_provider() {
    let folder = tempfile::tempdir().unwrap();
    let token = Run::waybill(folder.path()).args(&["token", "--user", "u1"]).end().out;
    let all_in_one = || Run::waybill(folder.path()).set("PARCELX__RECONCILE", "1h").start();
    let mut first = all_in_one();
    let url = first.url();
    let (web, simulator) = (Web::new(&url).token(&token), Web::new(&format!("{url}/simulator")));
    let rule = json!({ "operation": "create", "answer": "lostBeforeBooking" });
    let (status, body) = simulator.send(reqwest::Method::POST, "/_sim/script", Some(&rule)).await;
    assert!(status.is_success(), "{body}");
    let id = web.create(&orders::order("E-1")).await;
    web.order_becomes(&id, "reconciling").await;
    first.stop();

    let mut worker = keys(Run::new(WORKER, folder.path()), "http://127.0.0.1:9").start();
    let told = worker.log("are left to a process that works for theirs");
    assert!(told.contains("WARN") && told.contains("1 open orders are not for the live ParcelX"), "{told}");
    worker.line(": worker on /");
    worker.stop();

    let mut again = all_in_one();
    let order = Web::new(&again.url()).token(&token).order(&id).await;
    assert_eq!(
        (&order["providerSyncStatus"], &order["providerEnv"]),
        (&json!("reconciling"), &json!("simulator"))
    );
    let ended = again.stop();
    assert!(!ended.err.contains("are not for the"), "its own are no news: {}", ended.err);
}

/// Where the databases are on servers, nothing else keeps them apart.
#[tokio::test(flavor = "multi_thread")]
async fn two_simulators_on_one_ledger_are_refused() {
    let (folder, lab, server) = (tempfile::tempdir().unwrap(), Lab::new().await, shared());
    let prefix = format!("twins-{}", std::process::id());
    let run = || {
        Run::waybill(folder.path())
            .set("STORE__URL", &lab.url)
            .set("QUEUE__URL", &format!("redis://{server}?prefix={prefix}"))
            .set("AUTH__JWT_SECRET", "a-key-of-the-tests-and-of-nothing-else")
            .set("PARCELX__SIMULATOR_ON_SERVERS", "true")
    };
    let mut first = run().start();
    first.line("Waybill ");
    let ledger = "data/simulator-ledger.jsonl";
    let told = format!("the simulator's ledger {ledger} is in use by another process");
    let second = run().end();
    // What it says of the servers' settings may stand beside it.
    assert!(second.err.lines().any(|line| line.contains(&told)), "{second:?}");
    assert_eq!(second.status.code(), Some(1), "{second:?}");
    let alone = Run::waybill(folder.path());
    let alone = alone.args(&["simulator", "--bind", "127.0.0.1:0", "--ledger", ledger]).end();
    alone.refused(&[&[&told, "--ledger"]]);
    first.stop();
    let mut again = run().start();
    again.line("Waybill ");
    again.stop();
    forget(server, &prefix);
}

/// Each would write over the other's ledger of the simulator.
#[test]
fn two_all_in_ones_on_one_folder_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = Run::waybill(folder.path()).start();
    first.line("Waybill ");
    Run::waybill(folder.path())
        .end()
        .refused(&[&["another all-in-one Waybill uses /", "a folder of its own"]]);
    first.stop();
    let mut again = Run::waybill(folder.path()).start();
    again.line("Waybill ");
    again.stop();
}
