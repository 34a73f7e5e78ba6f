//! Orders over all merchants: found, listed, explained, acted on.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use waybill::{
    admin::rights::Role,
    features::{
        audit::{Audit, AuditContext, AuditLine, Via},
        orders::{model::Order, reason, status::SyncStatus},
        queues::{Action, Queues},
    },
    provider::simulator::{Answer, Lookup, Rule},
};

use super::people::Browser;
use crate::support::{
    TestApp,
    orders::{order, with},
};

pub(super) const QUEUE: &str = "parcelx-orders-queue";
/// What of an order must not be seen.
const PERSONAL: [&str; 6] = ["Asha", "9000000001", "560001", "Sample Street", "Bengaluru", "Karnataka"];

pub(super) async fn ok(browser: &Browser, path: &str) -> Value {
    let answer = browser.get(path).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
    answer.json()
}

pub(super) async fn act(browser: &Browser, path: &str, body: Value) -> Value {
    let mut body = body;
    body["reason"] = json!("because of a test");
    let answer = browser.post(path, &body).await;
    assert!(answer.status.is_success(), "{path}: {}", answer.text());
    answer.json()["data"].clone()
}

pub(super) async fn refused(browser: &Browser, path: &str, body: Value, code: &str) {
    let mut body = body;
    body["reason"] = json!("because of a test");
    browser.post(path, &body).await.problem(409, code);
}

pub(super) async fn stored(app: &TestApp, id: &str) -> Order {
    app.app.store.get(id).await.unwrap().unwrap()
}

pub(super) async fn lines(app: &TestApp, id: &str) -> Vec<AuditLine> {
    Audit::new(app.app.store.clone(), app.clock.clone()).list(Some(id), None, 100).await.unwrap()
}

async fn find(browser: &Browser, q: &str) -> Value {
    let answer = browser.post("/find", &json!({ "q": q })).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn an_order_is_found_by_whatever_is_known_of_it() {
    let app = TestApp::start().await;
    let viewer = app.admin(Role::Viewer).await;
    let id = app.merchant("shop-a").create(&order("SAME")).await;
    let other = app.merchant("shop-b").create(&order("SAME")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 2)]);
    let booked = stored(&app, &id).await;
    let job = format!("create-order-{id}-1");
    for (q, by) in [
        (id.as_str(), "id"),
        (booked.order_number(), "orderNumber"),
        (&booked.order_number().to_lowercase(), "orderNumber"),
        (booked.awb().unwrap(), "awb"),
        (job.as_str(), "jobId"),
    ] {
        let found = find(&viewer, &format!(" {q} ")).await;
        assert_eq!((&found["by"], found["data"].as_array().unwrap().len()), (&json!(by), 1), "{found}");
        assert_eq!(found["data"][0]["id"], id);
        assert_eq!(found["data"][0]["userId"], "shop-a");
    }
    let shared = find(&viewer, "SAME").await;
    let ids: Vec<_> = shared["data"].as_array().unwrap().iter().map(|o| o["id"].as_str().unwrap()).collect();
    assert_eq!((shared["by"].as_str(), ids.len()), (Some("clientOrderId"), 2), "{shared}");
    assert!(ids.contains(&id.as_str()) && ids.contains(&other.as_str()));
    assert_eq!(find(&viewer, "nothing").await["data"], json!([]));
    viewer.post("/find", &json!({ "q": "" })).await.problem(422, "validation-failed");
    viewer.post("/find", &json!({ "what": "x", "q": "x" })).await.problem(422, "validation-failed");
}

#[tokio::test]
async fn a_phone_is_searched_with_the_right_and_a_reason_alone() {
    let app = TestApp::start().await;
    let id = app.merchant("shop-a").create(&order("P")).await;
    app.merchant("shop-a").create(&with(order("Q"), "/consignee/mobile", "9000000002".into())).await;
    let (admin, chief) = (app.admin(Role::Admin).await, app.admin(Role::SuperAdmin).await);
    let found = find(&chief, "+91 90000 00001").await;
    assert_eq!((&found["data"], &found["mayBePhone"]), (&json!([]), &json!(true)), "no reason was given");
    let asked = json!({ "q": "+91 90000 00001", "reason": "the consignee calls" });
    assert_eq!(admin.post("/find", &asked).await.problem(403, "forbidden")["right"], "reveal");
    let found = chief.post("/find", &asked).await.json();
    assert_eq!((found["by"].as_str(), found["data"][0]["id"].as_str()), (Some("phone"), Some(id.as_str())));
    assert_eq!(found["data"].as_array().unwrap().len(), 1, "{found}");
    let kept = lines(&app, "phone").await;
    assert_eq!((kept.len(), kept[0].action.as_str()), (1, "order.find-by-phone"));
    assert!(!serde_json::to_string(&kept).unwrap().contains("00001"), "the number is not written down");
    app.leave_jobs();
}

#[tokio::test]
async fn lists_are_filtered_and_paged_and_say_no_to_what_they_do_not_know() {
    let app = TestApp::start().await;
    let viewer = app.admin(Role::Viewer).await;
    let mut ids = Vec::new();
    for n in 0..7 {
        let shop = if n % 2 == 0 { "even" } else { "odd" };
        ids.push(app.merchant(shop).create(&order(&format!("L-{n}"))).await);
        app.advance(Duration::from_secs(1));
    }
    ids.reverse();
    app.simulator.script(Rule::refuse("Pincode is not serviceable"));
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 7), ("track", 1)]);
    let failed = ids.last().unwrap();
    let told = |page: &Value| -> Vec<String> {
        page["data"].as_array().unwrap().iter().map(|o| o["id"].as_str().unwrap().to_owned()).collect()
    };
    for (filter, expected) in [
        ("", ids.clone()),
        ("providerSyncStatus=failed", vec![failed.clone()]),
        ("status=failed", vec![failed.clone()]),
        ("status=booked", ids[..6].to_vec()),
        ("status=cancelled", vec![]),
        ("status=pending", vec![]),
        ("userId=odd", vec![ids[1].clone(), ids[3].clone(), ids[5].clone()]),
        ("userId=even&providerSyncStatus=success", vec![ids[0].clone(), ids[2].clone(), ids[4].clone()]),
        ("q=L-6", vec![ids[0].clone()]),
        ("q=L-6&userId=odd", vec![]),
    ] {
        assert_eq!(told(&ok(&viewer, &format!("/orders?{filter}")).await), expected, "{filter}");
    }
    let third = stored(&app, &ids[3]).await.created_at();
    for (base, from) in [
        ("", &ids[..4]),
        ("status=booked&", &ids[..4]),
        ("userId=odd&", &[ids[1].clone(), ids[3].clone()][..]),
    ] {
        assert_eq!(told(&ok(&viewer, &format!("/orders?{base}from={third}")).await), from, "{base}");
    }
    assert_eq!(told(&ok(&viewer, &format!("/orders?to={third}")).await), ids[4..]);

    for filter in ["", "status=booked&"] {
        let (mut all, mut next) = (Vec::new(), String::new());
        loop {
            let page = ok(&viewer, &format!("/orders?{filter}limit=2{next}")).await;
            all.extend(told(&page));
            let Some(cursor) = page["nextCursor"].as_str() else { break };
            next = format!("&cursor={cursor}");
        }
        assert_eq!(all, if filter.is_empty() { ids.clone() } else { ids[..6].to_vec() });
    }
    let cursor = ok(&viewer, "/orders?limit=2").await["nextCursor"].as_str().unwrap().to_owned();
    let tampered: String = cursor
        .chars()
        .enumerate()
        .map(|(at, c)| if at == 3 { if c == 'A' { 'B' } else { 'A' } } else { c })
        .collect();
    viewer.get(&format!("/orders?cursor={tampered}")).await.problem(400, "invalid-cursor");
    viewer.get(&format!("/orders?status=booked&cursor={cursor}")).await.problem(400, "invalid-cursor");
    viewer.get(&format!("/review?cursor={cursor}")).await.problem(400, "invalid-cursor");
    // As anybody could make one who knew how: by a hash without a key.
    let (bound, place) = ("waiting-threads", "t1769851800000 ord_z");
    let seal = Sha256::digest(format!("{bound:?} {place}"));
    let seal: String = seal.iter().take(12).map(|b| format!("{b:02x}")).collect();
    let forged = URL_SAFE_NO_PAD.encode(format!("{seal}.{place}"));
    viewer.get(&format!("/messages?cursor={forged}")).await.problem(400, "invalid-cursor");
    viewer.get("/orders?colour=red").await.problem(400, "invalid-query");
    viewer.get("/orders?providerSyncStatus=lost").await.problem(400, "invalid-query");
    for limit in ["0", "201", "99999999"] {
        viewer.get(&format!("/orders?limit={limit}")).await.problem(422, "validation-failed");
        viewer.get(&format!("/review?limit={limit}")).await.problem(422, "validation-failed");
    }
}

#[tokio::test]
async fn personal_data_is_seen_by_none_of_these_routes_and_revealed_on_record() {
    let app = TestApp::start().await;
    app.simulator.script(Rule::refuse("Mobile 9000000001 of Asha Example in Bengaluru is not known"));
    let id = app.merchant("shop-a").create(&order("R")).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1), ("track", 1)]);
    let chief = app.admin(Role::SuperAdmin).await;
    let timeline = ok(&chief, &format!("/orders/{id}/timeline")).await;
    let call =
        timeline["data"].as_array().unwrap().iter().find(|e| e["operation"] == "create_order").unwrap();
    let call = call["callId"].as_str().unwrap().to_owned();
    for path in [
        format!("/orders/{id}"),
        format!("/orders/{id}/timeline"),
        format!("/orders/{id}/calls/{call}"),
        "/orders".to_owned(),
        "/failures".to_owned(),
        "/review".to_owned(),
    ] {
        let seen = ok(&chief, &path).await.to_string();
        for word in PERSONAL {
            assert!(!seen.contains(word), "{path} shows {word}: {seen}");
        }
    }
    let view = ok(&chief, &format!("/orders/{id}")).await;
    assert_eq!(view["data"]["consignee"]["name"], "A… E…");
    assert_eq!(view["data"]["consignee"]["mobile"], "******0001");

    let revealed = act(&chief, &format!("/orders/{id}/reveal"), json!({ "what": "order" })).await;
    assert_eq!(revealed["consignee"]["mobile"], "9000000001");
    assert!(revealed["syncReason"].as_str().unwrap().contains("Asha"));
    let asked = json!({ "what": "call", "callId": call });
    let revealed = act(&chief, &format!("/orders/{id}/reveal"), asked).await;
    assert_eq!(revealed["request"]["consignee_mobile"], "9000000001");
    let seen: Vec<_> = lines(&app, &id).await;
    let reveals: Vec<_> = seen.iter().filter(|line| line.action == "order.reveal").collect();
    assert_eq!(reveals.len(), 2, "{seen:?}");
    assert_eq!(reveals[1].detail.as_deref(), Some("the order"));
    assert_eq!(
        (reveals[1].actor.name.as_str(), reveals[1].reason.as_str()),
        ("super_admin", "because of a test")
    );
    let why = json!({ "reason": "x", "what": "call", "callId": "plog_of_another" });
    chief.post(&format!("/orders/{id}/reveal"), &why).await.problem(404, "not-found");
}

#[tokio::test]
async fn the_line_of_time_tells_of_steps_calls_people_and_runs_in_order_and_in_pages() {
    let app = TestApp::start().await;
    let operator = app.admin(Role::Operator).await;
    app.simulator.script(Rule::create(Answer::Status { code: 429, retry_after: None }));
    let id = app.merchant("shop-a").create(&order("T")).await;
    app.run_pending_jobs().await;
    app.advance(Duration::from_secs(1));
    act(&operator, &format!("/orders/{id}/try-now"), json!({})).await;
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 2)]);
    let whole = ok(&operator, &format!("/orders/{id}/timeline")).await;
    let entries = whole["data"].as_array().unwrap();
    let told: Vec<_> =
        entries.iter().map(|e| (e["kind"].as_str().unwrap(), e["title"].as_str().unwrap())).collect();
    for expected in [
        ("step", "Accepted"),
        ("step", "Taken for a call"),
        ("call", "Booking asked for"),
        ("step", "Not booked, to be tried again"),
        ("job", "Run of create-order: delayed"),
        ("audit", "order.try-now"),
        ("step", "Booked"),
        ("job", "Job create-order completed"),
    ] {
        assert!(told.contains(&expected), "{expected:?} is not among {told:?}");
    }
    let mut times: Vec<_> = entries.iter().map(|e| e["at"].as_str().unwrap()).collect();
    let sorted = times.clone();
    times.sort_unstable();
    assert_eq!(times, sorted, "oldest first");
    let busy = entries.iter().find(|e| e["verdict"] == "busy").unwrap();
    let run = entries.iter().find(|e| e["title"] == "Run of create-order: delayed").unwrap();
    assert_eq!((&busy["run"], &busy["jobId"]), (&run["run"], &run["jobId"]), "the call names its run");
    assert!(run["run"].is_string() && busy["statusCode"] == 429, "{busy}");

    let (mut paged, mut next) = (Vec::new(), String::new());
    loop {
        let page = ok(&operator, &format!("/orders/{id}/timeline?limit=3{next}")).await;
        paged.extend(page["data"].as_array().unwrap().clone());
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        next = format!("&cursor={cursor}");
    }
    assert_eq!(&paged, entries);

    let booked = entries.iter().find(|e| e["verdict"] == "booked").unwrap();
    let path = |call: &Value| format!("/orders/{id}/calls/{}", call["callId"].as_str().unwrap());
    let detail = ok(&operator, &path(busy)).await["data"].clone();
    assert_eq!(detail["outcome"]["verdict"], "busy");
    assert_eq!(detail["lastGood"]["id"], booked["callId"], "{detail}");
    assert_eq!(detail["lastGood"]["orderId"], id);
    assert_eq!(detail["job"]["run"], run["run"]);
    assert_eq!(ok(&operator, &path(booked)).await["data"]["lastGood"], Value::Null, "not itself");
    operator
        .get(&format!("/orders/ord_other/calls/{}", busy["callId"].as_str().unwrap()))
        .await
        .problem(404, "not-found");
    operator.get("/orders/ord_other/timeline").await.problem(404, "not-found");
    // The job of the generation before has nothing left to do.
    app.advance(Duration::from_secs(60));
    app.run_pending_jobs().await;
}

#[tokio::test]
async fn why_an_order_waits_is_told_from_the_data() {
    let app = TestApp::start().await;
    let viewer = app.admin(Role::Viewer).await;
    let why = async |id: &str| ok(&viewer, &format!("/orders/{id}")).await["data"]["why"].clone();
    let says = |why: &Value, words: &str| {
        assert!(why["words"].as_str().unwrap().contains(words), "{why} does not say {words:?}");
    };
    let id = app.merchant("shop-a").create(&order("W")).await;
    says(&why(&id).await, "No worker is alive");
    app.app.queue.broker.announce("w", &[QUEUE.to_owned()], Duration::from_secs(600)).await.unwrap();
    says(&why(&id).await, "the next one in its queue");
    let behind = app.merchant("shop-a").create(&order("W-2")).await;
    says(&why(&behind).await, "waits behind 1 others");

    let queues =
        Queues::new(app.app.queue.clone(), app.app.store.clone(), app.clock.clone(), waybill::app::queues());
    let by = AuditContext::new("ravi", Via::Cli, "a new pick address").unwrap();
    queues.act(QUEUE, Action::Pause, &by).await.unwrap();
    says(&why(&id).await, "is paused by ravi");
    says(&why(&id).await, "a new pick address");
    queues.act(QUEUE, Action::Resume, &by).await.unwrap();

    app.simulator.change_faults(|f| f.refuse = Some("Insufficient Balance".to_owned()));
    app.run_pending_jobs().await;
    app.assert_calls(&[("create", 1), ("track", 1)]);
    let held = why(&behind).await;
    says(&held, "The ParcelX account is held (wallet)");
    says(&held, "Insufficient Balance");
    let until = app.app.accounts.hold().unwrap().next_probe_at;
    assert_eq!(held["until"], json!(until));
    app.simulator.change_faults(|f| {
        f.refuse = None;
        f.lookup = Lookup::Never;
    });
    app.simulator.script(Rule::create(Answer::LostBeforeBooking));
    app.app.accounts.lift("parcelx-simulator", &by).await.unwrap();
    app.advance(Duration::from_secs(60));
    app.run_pending_jobs().await;
    let calls = [("create", 2)];
    app.assert_calls(&calls);
    let unclear = [&id, &behind];
    let mut reconciling = 0;
    for id in unclear {
        if stored(&app, id).await.provider_sync_status() == SyncStatus::Reconciling {
            says(&why(id).await, "without an answer");
            assert!(why(id).await["until"].is_string());
            reconciling += 1;
        } else {
            says(&why(id).await, "It is booked");
        }
    }
    assert_eq!(reconciling, 1);
    let waits = app.merchant("shop-a").create(&order("W-3")).await;
    app.app.state.orders.review(&waits, reason::OUTCOME_UNKNOWN).await.unwrap();
    says(&why(&waits).await, "waits for a person because a call ended without an answer");
    app.leave_jobs();
}
