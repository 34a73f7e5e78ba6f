//! What people do with orders and the account, and what they see of failures and numbers.

use std::time::Duration;

use serde_json::{Value, json};
use waybill::{
    admin::rights::Role,
    features::{
        audit::AuditLine,
        orders::{reason, status::SyncStatus},
    },
    provider::simulator::{Answer, Lookup, Rule},
};

use super::orders::{QUEUE, act, lines, ok, refused, stored};
use crate::support::{
    TestApp,
    orders::{order, with},
};

#[tokio::test]
async fn actions_are_those_that_the_order_allows() {
    let app = TestApp::start().await;
    let operator = app.admin(Role::Operator).await;
    let merchant = app.merchant("shop-a");
    let allowed = async |id: &str| -> Vec<String> {
        let view = ok(&operator, &format!("/orders/{id}")).await;
        let actions = view["data"]["actions"].as_array().unwrap().clone();
        assert_eq!(actions.len(), 11);
        for action in &actions {
            assert_eq!(action["allowed"] == true, action["why"].is_null(), "{action}");
            assert!(!action["effect"].as_str().unwrap().is_empty());
        }
        let allowed = actions.into_iter().filter(|a| a["allowed"] == true);
        allowed.map(|a| a["name"].as_str().unwrap().to_owned()).collect()
    };
    let id = merchant.create(&order("A")).await;
    assert_eq!(allowed(&id).await, ["cancel", "reveal"]);
    app.simulator.script(Rule::refuse("Pincode is not serviceable"));
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1), ("track", 1)]);
    assert_eq!(allowed(&id).await, ["amend", "resend", "reveal", "erase"]);
    refused(&operator, &format!("/orders/{id}/rebook"), json!({}), "not-in-review").await;
    refused(&operator, &format!("/orders/{id}/cancel"), json!({}), "never-booked").await;
    refused(&operator, &format!("/orders/{id}/try-now"), json!({}), "nothing-to-try").await;

    let mut payload = with(order("A"), "/consignee/pincode", "110001".into());
    let wrong = json!({ "payload": with(payload.clone(), "/consignee/pincode", "1".into()), "reason": "r" });
    let problem =
        operator.post(&format!("/orders/{id}/amend"), &wrong).await.problem(422, "validation-failed");
    assert_eq!(problem["errors"][0]["pointer"], "/payload/consignee/pincode");
    let amended = act(&operator, &format!("/orders/{id}/amend"), json!({ "payload": payload.clone() })).await;
    assert_eq!(amended["providerSyncStatus"], "queued");
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1), ("track", 1)]);
    assert_eq!(merchant.order(&id).await["consignee"]["pincode"], "110001");
    assert_eq!(allowed(&id).await, ["cancel", "reveal", "erase"]);
    payload["invoiceNumber"] = json!("another");
    refused(&operator, &format!("/orders/{id}/amend"), json!({ "payload": payload }), "not-failed").await;

    act(&operator, &format!("/orders/{id}/cancel"), json!({})).await;
    refused(&operator, &format!("/orders/{id}/cancel"), json!({}), "cancelled-before").await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("cancel", 1)]);
    let order = stored(&app, &id).await;
    assert_eq!(order.status().as_str(), "cancelled");
    let signed = |action: &str, lines: &[AuditLine]| {
        let line =
            lines.iter().find(|line| line.action == action && line.outcome.as_str() == "done").unwrap();
        assert_eq!(line.origin.role.as_deref(), Some("operator"));
        assert!(line.origin.request_id.is_some() && line.origin.session.is_some());
        assert!(order.history().iter().any(|e| e.audit_id.as_deref() == Some(&line.id)), "{action}");
    };
    let lines = lines(&app, &id).await;
    signed("order.amend", &lines);
    signed("order.cancel", &lines);
    app.leave_jobs();
}

#[tokio::test]
async fn what_waits_a_time_is_tried_at_once_and_nothing_is_sent_twice() {
    let app = TestApp::start().await;
    let operator = app.admin(Role::Operator).await;
    let merchant = app.merchant("shop-a");
    app.simulator.script(Rule::create(Answer::Status { code: 429, retry_after: None }));
    let id = merchant.create(&order("N")).await;
    app.run_pending_jobs().await;
    let waiting = stored(&app, &id).await;
    assert!(waiting.next_check_at().unwrap() > app.clock.now());
    let tried = act(&operator, &format!("/orders/{id}/try-now"), json!({})).await;
    assert_eq!(tried["providerSyncStatus"], "retrying");
    app.run_pending_jobs().await;
    assert_eq!(stored(&app, &id).await.provider_sync_status(), SyncStatus::Success);
    // The job of the generation before has nothing left to do.
    app.advance(Duration::from_secs(600));
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 2)]);

    // A look-up that comes sooner proves no absence.
    app.simulator.change_faults(|f| f.lookup = Lookup::Never);
    app.simulator.script(Rule::create(Answer::LostBeforeBooking));
    let id = merchant.create(&order("N-2")).await;
    app.run_pending_jobs().await;
    for _ in 0..8 {
        act(&operator, &format!("/orders/{id}/try-now"), json!({})).await;
        app.run_pending_jobs().await;
        assert_eq!(stored(&app, &id).await.provider_sync_status(), SyncStatus::Reconciling);
    }
    app.assert_calls(&[("create", 1), ("track", 8)]);
    app.leave_jobs();
}

#[tokio::test]
async fn a_held_account_is_shown_tried_and_lifted() {
    let app = TestApp::start().await;
    let admin = app.admin(Role::Admin).await;
    let merchant = app.merchant("shop-a");
    let ids = [merchant.create(&order("H-1")).await, merchant.create(&order("H-2")).await];
    refused(&admin, "/accounts/parcelx-simulator/try-now", json!({}), "not-held").await;
    app.simulator.change_faults(|f| f.refuse = Some("Insufficient Balance".to_owned()));
    app.run_pending_jobs().await;
    let account = ok(&admin, "/accounts").await["data"][0].clone();
    assert_eq!(
        (&account["hold"]["kind"], &account["ordersWaiting"]),
        (&json!("wallet"), &json!(2)),
        "{account}"
    );
    let held = ids.iter().find(|_| true).unwrap();
    let first = stored(&app, held).await;
    if first.provider_sync_status() == SyncStatus::Retrying {
        refused(&admin, &format!("/orders/{held}/try-now"), json!({}), "account-held").await;
    }
    app.simulator.change_faults(|f| f.refuse = None);
    assert_eq!(app.run_pending_jobs().await, 0, "the queue is shut for a minute");
    let tried = act(&admin, "/accounts/parcelx-simulator/try-now", json!({})).await;
    assert_eq!(tried["hold"]["nextProbeAt"], json!(app.clock.now()));
    app.advance(Duration::from_secs(6));
    app.run_pending_jobs().await;
    assert_eq!(ok(&admin, "/accounts").await["data"][0]["hold"], Value::Null);
    app.assert_calls(&[("create", 3), ("track", 1)]);
    refused(&admin, "/accounts/parcelx-simulator/lift", json!({}), "not-held").await;
    let nobody = json!({ "reason": "r" });
    admin.post("/accounts/parcelx-of-another/lift", &nobody).await.problem(404, "not-found");
}

#[tokio::test]
async fn the_desk_lists_what_waits_and_resolves_it() {
    let app = TestApp::start().await;
    let operator = app.admin(Role::Operator).await;
    let merchant = app.merchant("shop-a");
    let unreachable = format!("{}: not-connected", reason::PROVIDER_UNREACHABLE);
    let mut ids = Vec::new();
    for n in 0..4 {
        let id = merchant.create(&order(&format!("D-{n}"))).await;
        let why = if n == 0 { reason::INTERNAL_ERROR } else { &unreachable };
        app.app.state.orders.review(&id, why).await.unwrap();
        app.advance(Duration::from_secs(1));
        ids.push(id);
    }
    app.run_pending_jobs().await;
    let all = ok(&operator, "/review").await;
    assert_eq!(all["codes"][0], json!({ "code": "provider-unreachable", "count": 3, "capped": false }));
    assert_eq!(all["data"].as_array().unwrap().len(), 4);
    assert_eq!(all["data"][0]["id"], ids[0]);
    assert_eq!(all["data"][0]["review"]["reason"], "internal-error");
    let some = ok(&operator, "/review?code=provider-*&limit=2").await;
    assert_eq!(some["data"][0]["id"], ids[1]);
    let cursor = some["nextCursor"].as_str().unwrap();
    let rest = ok(&operator, &format!("/review?code=provider-*&limit=2&cursor={cursor}")).await;
    assert_eq!((&rest["data"][0]["id"], &rest["nextCursor"]), (&json!(ids[3]), &Value::Null));

    assert_eq!(
        act(&operator, &format!("/orders/{}/rebook", ids[0]), json!({})).await["providerSyncStatus"],
        "retrying"
    );
    let failed = act(&operator, &format!("/orders/{}/fail", ids[1]), json!({})).await;
    assert_eq!((&failed["status"], &failed["syncReason"]), (&json!("failed"), &json!("because of a test")));
    refused(&operator, &format!("/orders/{}/adopt", ids[2]), json!({}), "not-found").await;
    refused(&operator, &format!("/orders/{}/adopt", ids[2]), json!({ "awb": "1Z 5" }), "bad-awb").await;
    let unseen = json!({ "reason": "r", "unverified": true });
    operator.post(&format!("/orders/{}/adopt", ids[2]), &unseen).await.problem(422, "validation-failed");
    let adopted =
        act(&operator, &format!("/orders/{}/adopt", ids[2]), json!({ "awb": "1Z5", "unverified": true }))
            .await;
    assert_eq!(adopted["awb"], "1Z5");
    refused(
        &operator,
        &format!("/orders/{}/adopt", ids[3]),
        json!({ "awb": "1Z5", "unverified": true }),
        "awb-of-another-order",
    )
    .await;
    refused(
        &operator,
        &format!("/orders/{}/close-shipment", ids[3]),
        json!({ "fate": "live" }),
        "nothing-to-cancel",
    )
    .await;
    operator.post("/orders/ord_none/fail", &json!({ "reason": "r" })).await.problem(404, "not-found");
    operator.post(&format!("/orders/{}/fail", ids[3]), &json!({})).await.problem(422, "validation-failed");
    app.run_pending_jobs().await;
    app.assert_calls(&[("track", 1), ("create", 1)]);
}

#[tokio::test]
async fn failures_are_grouped_by_their_cause() {
    let app = TestApp::start().await;
    for n in 0..5 {
        let words = if n < 3 {
            format!("Weight {n} kg of 'Box {n}' is too much")
        } else {
            "No such pick address".to_owned()
        };
        app.simulator.script(Rule::refuse(&words));
        app.merchant(&format!("shop-{}", n % 2)).create(&order(&format!("F-{n}"))).await;
        app.run_pending_jobs().await;
        app.advance(Duration::from_secs(1800));
    }
    app.assert_calls(&[("create", 5), ("track", 5)]);
    let waits = app.merchant("shop-9").create(&order("F-9")).await;
    app.app.state.orders.review(&waits, &format!("{}: a fault", reason::INTERNAL_ERROR)).await.unwrap();
    app.run_pending_jobs().await;
    let viewer = app.admin(Role::Viewer).await; // the session of before is over
    let groups = ok(&viewer, "/failures").await["data"].clone();
    let brief: Vec<_> = groups
        .as_array()
        .unwrap()
        .iter()
        .map(|g| {
            (
                g["cause"].as_str().unwrap(),
                g["kind"].as_str().unwrap(),
                g["count"].as_u64().unwrap(),
                g["merchants"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        brief,
        [
            ("Weight # kg of # is too much", "refused", 3, 2),
            ("No such pick address", "refused", 2, 2),
            ("internal-error: a fault", "internal", 1, 1),
        ]
    );
    let trend: Vec<_> = groups[0]["trend"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
    assert_eq!((trend.len(), trend.iter().sum::<u64>()), (25, 3), "{trend:?}");
    let since = app.clock.now();
    assert_eq!(ok(&viewer, &format!("/failures?since={since}")).await["data"].as_array().unwrap().len(), 1);
    viewer.get("/failures?since=2026-01-01T00:00:00Z").await.problem(422, "validation-failed");
    viewer.get("/failures?limit=0").await.problem(422, "validation-failed");
    viewer.get("/failures?until=now").await.problem(400, "invalid-query");
}

#[tokio::test]
async fn numbers_over_time_are_kept_by_minutes_and_by_hours() {
    let app = TestApp::start().await;
    let viewer = app.admin(Role::Viewer).await;
    let merchant = app.merchant("shop-a");
    let from = app.clock.now();
    merchant.create(&order("M-1")).await;
    merchant.create(&order("M-2")).await;
    app.run_pending_jobs().await;
    app.advance(Duration::from_secs(120));
    app.simulator.script(Rule::refuse("Pincode is not serviceable"));
    merchant.create(&order("M-3")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 3), ("track", 1)]);
    let numbers = async |name: &str| {
        ok(&viewer, &format!("/metrics?name={name}&queue={QUEUE}&from={from}")).await["data"].clone()
    };
    let throughput = numbers("throughput").await;
    assert_eq!(throughput["step"], 60);
    let points = throughput["points"].as_array().unwrap();
    assert_eq!(points.len(), 2, "{throughput}");
    assert_eq!((&points[0]["completed"], &points[0]["failed"]), (&json!(2), &json!(0)));
    assert_eq!((&points[1]["completed"], &points[1]["failed"]), (&json!(0), &json!(1)));
    assert_eq!(numbers("latency").await["points"][0]["count"], 2);
    let verdicts = numbers("verdicts").await;
    assert_eq!((&verdicts["points"][0]["booked"], &verdicts["points"][1]["refused"]), (&json!(2), &json!(1)));
    app.advance(Duration::from_secs(3 * 24 * 3600));
    let admin = app.admin(Role::Admin).await; // the session of before is over
    let hours = ok(&admin, &format!("/metrics?name=throughput&from={from}")).await["data"].clone();
    assert_eq!(hours["step"], 3600);
    let sum: u64 = hours["points"].as_array().unwrap().iter().map(|p| p["completed"].as_u64().unwrap()).sum();
    assert_eq!(sum, 2, "{hours}");
    let viewer = app.admin(Role::Viewer).await;
    viewer.get("/metrics?name=weather").await.problem(400, "invalid-query");
    viewer.get("/metrics").await.problem(400, "invalid-query");
    viewer.get("/metrics?name=depth&from=2020-01-01T00:00:00Z").await.problem(422, "validation-failed");
}
