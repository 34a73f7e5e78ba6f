//! What an operator looks at: `doctor`, `order`, `config`, and the metrics of what waits.

use serde_json::{Value, json};
use waybill::{base::timestamp::Timestamp, platform::store::Store};

use super::{
    merchant_kyc::handed_in,
    process::Run,
    web::{Web, until},
};
use crate::support::orders::order;

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_an_operator_is_told_by_the_doctor_the_metrics_and_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let token = Run::waybill(folder.path()).args(&["token", "--user", "u1"]).end().out;
    let mut waybill =
        Run::waybill(folder.path()).set("PARCELX__RECONCILE", "50ms,100ms").set("LOG__LEVEL", "warn").start();
    let url = waybill.url();
    let web = Web::new(&url).token(&token);
    let fine = Run::waybill(folder.path()).args(&["doctor", "--json"]).end();
    assert_eq!(fine.status.code(), Some(0), "{fine:?}");
    let found: Value = serde_json::from_str(&fine.out).unwrap();
    assert_eq!(
        (&found["review"], &found["attention"], &found["broken"]),
        (&json!(0), &json!([]), &json!([]))
    );
    assert!(found["database"].as_str().unwrap().starts_with('/'), "{found}");

    Web::new(&format!("{url}/simulator")).faults(&json!({ "lookup": "withoutAwb" })).await;
    let simulator = Web::new(&format!("{url}/simulator"));
    let rule = json!({ "operation": "create", "answer": "lostAfterBooking" });
    assert!(simulator.send(reqwest::Method::POST, "/_sim/script", Some(&rule)).await.0.is_success());
    let id = web.create(&order("A-1")).await;
    web.order_becomes(&id, "needs_review").await;
    waybill.log("waits for a person: booked-awb-unknown");
    let metric = "waybill_orders_to_review_total{reason=\"booked-awb-unknown\"} 1";
    assert!(web.text("/metrics").await.1.contains(metric));
    until("the gauges are set", async || {
        let metrics = web.text("/metrics").await.1;
        let all =
            ["waybill_orders{status=\"needs_review\"}", "waybill_workers{queue=", "waybill_queue_jobs{"];
        all.iter().all(|name| metrics.contains(name)).then_some(())
    })
    .await;

    let waits = Run::waybill(folder.path()).args(&["doctor"]).end();
    assert_eq!(waits.status.code(), Some(2), "{waits:?}");
    assert!(waits.out.contains("attention  1 orders wait for a person"), "{}", waits.out);
    let number = web.order(&id).await["orderNumber"].as_str().unwrap().to_owned();
    for what in [&id, &number] {
        let shown = Run::waybill(folder.path()).args(&["order", what, "--json"]).end();
        let order: Value = serde_json::from_str(&shown.out).unwrap();
        assert_eq!((&order["id"], &order["providerSyncStatus"]), (&json!(id), &json!("needs_review")));
        assert_eq!(order["calls"][0]["operation"], "create_order");
        assert!(!shown.out.contains("Asha") && !shown.out.contains("9000000001"), "{}", shown.out);
    }
    let none = Run::waybill(folder.path()).args(&["order", "nothing"]).end();
    none.refused(&[&["no order with this id"]]);
    waybill.stop();
}

#[test]
fn the_settings_in_force_are_shown_with_their_places_and_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("own.toml"), "[queue]\nconcurrency = 7\n").unwrap();
    let run = |args: &[&str]| {
        let run = Run::waybill(folder.path()).args(&[&["--config", "own.toml", "config"], args].concat());
        let run = run.set("PARCELX__ACCESS_KEY", "canary-key").set("PARCELX__SECRET_KEY", "canary-secret");
        run.set("PARCELX__PROXY", "http://canary:canary@proxy.example.test:3128").end()
    };
    let all = run(&[]);
    assert!(all.status.success(), "{all:?}");
    for line in [
        "queue.concurrency = 7  (own.toml)",
        "http.bind = \"127.0.0.1:0\"  (WAYBILL_HTTP__BIND)",
        "store.url = \"sqlite:data/waybill.db\"  (default)",
        "parcelx.timeout = \"25s\"  (default)",
        "parcelx.access_key = (set, not shown)  (WAYBILL_PARCELX__ACCESS_KEY)",
        "parcelx.proxy = (set, not shown)  (WAYBILL_PARCELX__PROXY)",
    ] {
        assert!(all.out.contains(line), "{line}: {}", all.out);
    }
    assert!(!all.out.contains("canary"), "{}", all.out);
    let set: Value = serde_json::from_str(&run(&["--set", "--json"]).out).unwrap();
    assert_eq!(set["queue.concurrency"], json!({ "value": 7, "from": "own.toml" }));
    assert_eq!(set["http.bind"], json!({ "value": "127.0.0.1:0", "from": "WAYBILL_HTTP__BIND" }));
    assert_eq!(set["parcelx.access_key"]["value"], "(set, not shown)");
    assert!(set.get("parcelx.timeout").is_none());
    let all: Value = serde_json::from_str(&run(&["--json"]).out).unwrap();
    assert_eq!(all["store.url"], json!({ "value": "sqlite:data/waybill.db", "from": null }));
    assert_eq!(
        (&all["kyc.required"]["value"], &all["auth.jwt_secret"]["value"]),
        (&json!(false), &json!(""))
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is made by looking");
}

/// Most URLs are shown without what stands behind the `?`.
#[test]
fn the_prefix_of_the_queues_is_shown_wherever_it_comes_from() {
    let folder = tempfile::tempdir().unwrap();
    for (url, own, value, from) in [
        ("redis://127.0.0.1:1?prefix=ship", "", "ship", Some("WAYBILL_QUEUE__URL")),
        ("redis://127.0.0.1:1?prefix=bull", "", "bull", Some("WAYBILL_QUEUE__URL")),
        ("redis://127.0.0.1:1", "own", "own", Some("WAYBILL_QUEUE__PREFIX")),
        ("redis://127.0.0.1:1", "", "bull", None),
        ("sqlite:data/queue.db", "", "", None),
    ] {
        let mut run = Run::waybill(folder.path()).args(&["config", "--json"]).set("QUEUE__URL", url);
        if !own.is_empty() {
            run = run.set("QUEUE__PREFIX", own);
        }
        let shown: Value = serde_json::from_str(&run.end().out).unwrap();
        assert_eq!(shown["queue.prefix"], json!({ "value": value, "from": from }), "{url}");
    }
}

/// Nobody erases them by itself: they may be somebody's papers.
#[tokio::test]
async fn files_that_belong_to_no_kyc_are_told_by_the_doctor_without_names() {
    let folder = tempfile::tempdir().unwrap();
    let added = Run::waybill(folder.path()).args(&["merchant", "add", "A shop", "--id", "42"]).end();
    assert!(added.status.success(), "{added:?}");
    let doctor = |more: &[&str]| Run::waybill(folder.path()).args(&[&["doctor"], more].concat()).end();
    let none = doctor(&[]);
    assert!(none.status.code() == Some(0) && none.out.contains("files      0\n"), "{none:?}");
    assert!(!folder.path().join("data/files").exists(), "nothing is made by looking");

    let url = format!("sqlite:{}", folder.path().join("data/waybill.db").display());
    let store = Store::open(&url).await.unwrap();
    store.insert(&handed_in(Timestamp::from_millis(1_769_851_800_000))).await.unwrap();
    let kept = folder.path().join("data/files/kyc");
    std::fs::create_dir_all(&kept).unwrap();
    let stray = format!("fil_{}", "0a".repeat(16));
    // One that the KYC knows of with what a write of it left, one of ours, and one of somebody else.
    for name in ["fil_1", "fil_1#1", &stray, "PAN of Mira Vane.pdf"] {
        std::fs::write(kept.join(name), "a document").unwrap();
    }
    let told = doctor(&[]);
    assert_eq!(told.status.code(), Some(2), "{told:?}");
    assert!(told.out.contains("files      4\n"), "{}", told.out);
    let words = format!("2 files belong to no KYC, and nobody erases them (kyc/{stray} and 1 more)");
    assert!(told.out.contains(&format!("attention  {words}")), "{}", told.out);
    assert!(!told.out.contains("Mira"), "{}", told.out);
    let found: Value = serde_json::from_str(&doctor(&["--json"]).out).unwrap();
    assert_eq!((&found["files"], &found["strayFiles"]), (&json!(4), &json!(2)));

    std::fs::remove_file(kept.join(&stray)).unwrap();
    assert!(doctor(&[]).out.contains("1 files belong to no KYC, and nobody erases them (of names"));
    std::fs::remove_file(kept.join("PAN of Mira Vane.pdf")).unwrap();
    assert_eq!(doctor(&[]).status.code(), Some(0));
}
