//! `waybill review` and `waybill audit`, beside a running instance and without one.

use std::path::Path;

use serde_json::{Value, json};
use waybill::{
    features::orders::model::{Event, Order},
    platform::store::Store,
    provider::simulator::Operation,
};

use super::{
    process::{Ended, Run, WAYBILL},
    web::Web,
};
use crate::support::orders::{order, rewritten};

/// `waybill` with these arguments, beside the instance at `url`.
fn waybill(folder: &Path, url: &str, args: &[&str]) -> Run {
    Run::new(WAYBILL, folder).set("HTTP__BIND", url.trim_start_matches("http://")).args(args)
}

fn review(folder: &Path, url: &str, args: &[&str]) -> Ended {
    waybill(folder, url, &[&["review"], args, &["--actor", "asha", "--reason", "She has looked"]].concat())
        .end()
}

fn json_lines(ended: &Ended) -> Vec<Value> {
    ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Puts orders before a person, as the service does.
async fn put_into_review(folder: &Path, ids: &[&str]) -> Vec<Order> {
    let store = Store::open(&format!("sqlite:{}", folder.join("data/waybill.db").display())).await.unwrap();
    let mut all = Vec::new();
    for id in ids {
        let mut found = store.get::<Order>(id).await.unwrap().unwrap();
        found.apply(Event::Review { reason: "outcome-unknown" }, found.updated_at()).unwrap();
        // The worker may be settling the same order just now.
        assert!(store.replace(&found).await.unwrap());
        all.push(found);
    }
    all
}

/// An instance with orders whose creates were not answered, all waiting for a person; even ones were booked.
async fn instance(folder: &Path, count: usize) -> (super::process::Process, String, Web, Vec<Order>) {
    let mut running = Run::waybill(folder).set("PARCELX__RECONCILE", "1h").start();
    let url = running.url();
    let token = Run::waybill(folder).args(&["token", "--user", "u1"]).end();
    let web = Web::new(&url).token(&token.out);
    let simulator = Web::new(&format!("{url}/simulator"));
    let mut ids = Vec::new();
    for n in 0..count {
        let answer = if n % 2 == 0 { "lostAfterBooking" } else { "lostBeforeBooking" };
        let rule = json!({ "operation": Operation::Create, "answer": answer });
        let (status, body) = simulator.send(reqwest::Method::POST, "/_sim/script", Some(&rule)).await;
        assert!(status.is_success(), "{body}");
        let id = web.create(&order(&format!("R-{n}"))).await;
        web.order_becomes(&id, "reconciling").await;
        ids.push(id);
    }
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let orders = put_into_review(folder, &ids).await;
    (running, url, web, orders)
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_listed_adopted_booked_again_and_failed_beside_a_running_instance() {
    let folder = tempfile::tempdir().unwrap();
    let (running, url, web, orders) = instance(folder.path(), 4).await;
    let at = |args: &[&str]| review(folder.path(), &url, args);
    let id = |n: usize| orders[n].id();

    let list = waybill(folder.path(), &url, &["review", "list"]).end();
    assert_eq!((list.status.code(), list.err.as_str()), (Some(0), ""));
    assert_eq!(list.out.lines().count(), 5, "{}", list.out);
    assert!(
        orders.iter().all(|order| list.out.contains(order.id())) && list.out.contains("outcome-unknown"),
        "{}",
        list.out
    );
    let page =
        waybill(folder.path(), &url, &["review", "list", "--json", "--limit", "3", "--code", "outcome-*"])
            .end();
    let page = json_lines(&page).remove(0);
    assert_eq!(page["orders"].as_array().unwrap().len(), 3);
    assert_eq!(page["orders"][0]["of"], "booking");
    let rest = waybill(
        folder.path(),
        &url,
        &["review", "list", "--json", "--after", page["next"].as_str().unwrap()],
    )
    .end();
    assert_eq!(json_lines(&rest)[0]["orders"].as_array().unwrap().len(), 1);

    // Booked: is not booked again, and is adopted under its AWB alone.
    let number = orders[0].order_number();
    let shipments = Web::new(&format!("{url}/simulator")).shipments().await;
    let awb = &shipments.iter().find(|(reference, _)| reference == number).unwrap().1;
    let refused = at(&["rebook", id(0)]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(
        refused.out.contains(&format!("refused: ParcelX has the order as AWB {awb}: adopt it")),
        "{refused:?}"
    );
    let wrong = at(&["adopt", id(0), "--awb", "00000000099999"]);
    assert!(wrong.status.code() == Some(1) && wrong.out.contains("under another AWB"), "{wrong:?}");
    let adopted = at(&["adopt", id(0), "--awb", awb]);
    assert_eq!((adopted.status.code(), adopted.err.as_str()), (Some(0), ""), "{adopted:?}");
    assert_eq!(web.order(id(0)).await["awb"].as_str(), Some(awb.as_str()));

    // Not booked: the worker of the instance books it.
    let rebooked = at(&["rebook", id(1), "--json"]);
    assert_eq!(json_lines(&rebooked)[0]["outcome"], "done", "{rebooked:?}");
    web.order_becomes(id(1), "success").await;

    // Several are confirmed, or counted first.
    let unconfirmed = at(&["fail", id(2), id(3)]);
    unconfirmed.refused(&[&["2 orders would be changed", "--yes"]]);
    let unconfirmed = at(&["adopt", "--all-found"]);
    unconfirmed.refused(&[&["2 orders would be changed", "--dry-run"]]);
    let dry = at(&["adopt", "--all-found", "--dry-run"]);
    assert!(dry.out.contains("would be done 1, refused 1 (1 not-found)"), "{dry:?}");
    let found = at(&["adopt", "--all-found", "--yes", "--json"]);
    assert_eq!(found.status.code(), Some(1), "one was not found: {found:?}");
    let sum = json_lines(&found).pop().unwrap();
    assert_eq!((sum["done"].as_u64(), sum["refused"].as_u64()), (Some(1), Some(1)));
    web.order_becomes(id(2), "success").await;
    let failed = at(&["fail", "--all", "--code", "outcome-unknown"]);
    assert_eq!(
        (failed.status.code(), failed.err.as_str()),
        (Some(0), ""),
        "one alone needs no word: {failed:?}"
    );
    assert_eq!(web.order(id(3)).await["syncReason"], "She has looked");
    let none = waybill(folder.path(), &url, &["review", "list"]).end();
    assert_eq!(none.out, "no order waits for a person\n");

    let audit = waybill(folder.path(), &url, &["audit", "--json", "--subject", id(0)]).end();
    let lines: Vec<_> = json_lines(&audit)
        .into_iter()
        .map(|l| (l["action"].clone(), l["outcome"].clone(), l["actor"].clone()))
        .collect();
    let by = json!({ "name": "asha", "via": "cli" });
    let expected = [("order.adopt", "done"), ("order.adopt", "refused"), ("order.rebook", "refused")];
    assert_eq!(lines, expected.map(|(action, outcome)| (json!(action), json!(outcome), by.clone())));
    running.stop();

    // Nobody there to ask.
    put_back(folder.path(), id(3)).await;
    let alone = at(&["adopt", id(3), "--awb", "PX17"]);
    assert_eq!(alone.status.code(), Some(1));
    assert!(
        alone.out.contains("cannot be asked")
            && alone.err.contains("--unverified")
            && alone.err.contains(&url),
        "{alone:?}"
    );
    let vouched = at(&["adopt", id(3), "--awb", "PX17", "--unverified"]);
    assert_eq!(vouched.status.code(), Some(0), "{vouched:?}");
}

/// A failed order as one that waits for a person.
async fn put_back(folder: &Path, id: &str) {
    let store = Store::open(&format!("sqlite:{}", folder.join("data/waybill.db").display())).await.unwrap();
    let mut order = store.get::<Order>(id).await.unwrap().unwrap();
    order = rewritten(&order, &[("/providerSyncStatus", "needs_review".into())]);
    assert!(store.replace(&order).await.unwrap());
}

#[test]
fn nothing_is_changed_without_a_name_and_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Run::waybill(folder.path()).args(&["migrate"]).end().status.success());
    let run = |args: &[&str]| Run::waybill(folder.path()).args(&[&["review"], args].concat());
    run(&["fail", "ord_1", "--reason", " ", "--actor", "asha"]).end().refused(&[&["the reason must be"]]);
    run(&["fail", "ord_1", "--reason", "why", "--actor", "\u{1b}[2J"])
        .end()
        .refused(&[&["the actor must be"]]);
    for args in [
        &["fail", "ord_1", "--actor", "asha"][..],
        &["fail", "--reason", "why"],
        &["fail", "ord_1", "--all", "--reason", "why"],
        &["adopt", "ord_1", "--reason", "why"],
        &["adopt", "--awb", "1", "--reason", "why"],
        &["adopt", "ord_1", "--awb", "1", "--all-found", "--reason", "why"],
        &["close-cancellation", "ord_1", "--reason", "why"],
        &["close-cancellation", "ord_1", "--live", "--cancelled", "--reason", "why"],
    ] {
        assert_eq!(run(args).end().status.code(), Some(2), "{args:?}");
    }
    // Each error names both of what there is to choose from.
    let unsaid = run(&["close-cancellation", "ord_1", "--reason", "why"]).end();
    assert!(unsaid.err.contains("--cancelled") && unsaid.err.contains("--live"), "{unsaid:?}");
    let resend = ["resend", "--reason-text", "words", "--since", "2026-01-31T09:30:00Z", "--reason", "why"];
    for (command, most) in [(&["list"][..], 1000), (&resend, 10_000)] {
        for limit in [0, most + 1, 100_000] {
            let ended = run(&[command, &["--limit", &limit.to_string()]].concat()).end();
            assert_eq!(ended.status.code(), Some(2), "{ended:?}");
            assert!(ended.err.contains("--limit") && ended.err.contains(&most.to_string()), "{ended:?}");
        }
    }
    let audit = Run::waybill(folder.path()).args(&["audit", "--limit", "0"]).end();
    assert!(audit.status.code() == Some(2) && audit.err.contains("--limit"), "{audit:?}");
    run(&["list", "--from", "yesterday"]).end().refused(&[&["--from", "2026-01-31"]]);
    run(&["list", "--after", "x"]).end().refused(&[&["--after"]]);
    for named in [&["fail", "ord_1"][..], &["rebook", "ord_1"], &["adopt", "ord_1", "--awb", "1"]] {
        run(&[named, &["--code", "poison", "--reason", "why"]].concat())
            .end()
            .refused(&[&["--code", "named orders"]]);
    }
    // The user of the machine answers for it where nobody is named.
    let none = run(&["fail", "ord_1", "--reason", "why"]);
    let gone = none.user("asha").end();
    assert!(gone.out.contains("there is no such order") && gone.status.code() == Some(1), "{gone:?}");
}

#[test]
fn help_shows_examples() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["list", "adopt", "rebook", "fail", "cancel-shipment", "close-cancellation"] {
        let help = Run::waybill(folder.path()).args(&["review", command, "--help"]).end();
        let examples = help.out.split("Examples:").nth(1).unwrap_or_else(|| panic!("{help:?}"));
        assert!(examples.contains(&format!("waybill review {command}")), "{examples}");
        assert!(examples.lines().all(|line| line.chars().count() <= 80), "{examples}");
    }
}

/// The line is there before the action is, and the action may be taken again.
#[cfg(feature = "fault-points")]
#[tokio::test(flavor = "multi_thread")]
async fn no_action_is_without_a_line_whenever_its_process_dies() {
    for (point, acted) in [("review:after-begin", false), ("review:after-act", true)] {
        let folder = tempfile::tempdir().unwrap();
        let (running, url, web, orders) = instance(folder.path(), 1).await;
        let id = orders[0].id();
        let args = ["review", "fail", id, "--actor", "asha", "--reason", "She has looked"];
        let died = waybill(folder.path(), &url, &args).set("FAULT_POINT", point).end();
        assert_ne!(died.status.code(), Some(0), "{died:?}");
        let lines = || {
            let all = json_lines(&waybill(folder.path(), &url, &["audit", "--json"]).end());
            let of_orders = |line: &Value| line["subject"]["collection"] == "orders";
            all.into_iter().filter(of_orders).collect::<Vec<_>>()
        };
        let first = lines();
        assert_eq!(
            (first.len(), first[0]["outcome"].as_str(), first[0]["subject"]["id"].as_str()),
            (1, Some("begun"), Some(id)),
            "{point}"
        );
        let status = web.order(id).await["providerSyncStatus"].as_str().unwrap().to_owned();
        assert_eq!(status, if acted { "failed" } else { "needs_review" }, "{point}");
        // The order's history tells whether it was done.
        let store = Store::open(&format!("sqlite:{}", folder.path().join("data/waybill.db").display()))
            .await
            .unwrap();
        let stored = store.get::<Order>(id).await.unwrap().unwrap();
        assert_eq!(
            stored.history().last().unwrap().audit_id.as_deref() == first[0]["id"].as_str(),
            acted,
            "{point}"
        );
        let again = review(folder.path(), &url, &["fail", id]);
        assert_eq!(again.status.code(), Some(i32::from(acted)), "{again:?}");
        assert_eq!(lines().len(), 2);
        running.stop();
    }
}
